//! The short way to a model server on this machine: plain HTTP/1.1, no proxy between, no redirect to follow.
//!
//! Such a server (Ollama, LM Studio, vLLM) is never behind the system's proxy, so the layers that look for one, and for
//! TLS, are left out. A connection is polled by the request that uses it, inside that request's own task: a task of its
//! own would cost channels and wake-ups between the two for every call.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use url::{Host, Url};

use super::pool::{POOL_IDLE, TCP_KEEPALIVE};
use crate::core::clock;
use crate::core::lock;

/// A server of this machine's, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    server: Uri,
    /// Path and query alone, as they stand in a request's first line.
    path: Uri,
    /// The `Host` header, which also tells servers apart.
    host: HeaderValue,
}

impl Target {
    /// Where the endpoint is one of this machine's.
    pub(super) fn of(endpoint: &Url) -> Option<Self> {
        let is_here = match endpoint.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        // A name and password in the address are for the other client to turn into a header.
        let is_plain =
            endpoint.scheme() == "http" && endpoint.username().is_empty() && endpoint.password().is_none();
        if !is_here || !is_plain {
            return None;
        }
        let server: Uri = endpoint.as_str().parse().ok()?;
        let path = server.path_and_query()?.as_str().parse().ok()?;
        // A URL never names its scheme's own port.
        let host = HeaderValue::from_str(server.authority()?.as_str()).ok()?;
        Some(Self { server, path, host })
    }
}

/// Why nothing was answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("no connection")]
    Connect(#[source] Box<dyn StdError + Send + Sync>),
    #[error("the exchange broke")]
    Exchange(#[source] hyper::Error),
}

/// Connections to this machine's servers. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    connector: HttpConnector,
    idle: Arc<Idle>,
}

/// Connections that wait for their next request, the longest idle first.
#[derive(Debug, Default)]
struct Idle(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    connections: Vec<Kept>,
    /// Whether a task looks after those that wait too long.
    is_swept: bool,
}

#[derive(Debug)]
struct Kept {
    http1: Http1,
    host: HeaderValue,
    since_mono_ms: u64,
}

/// A connection. It reads and writes only while it is polled.
#[derive(Debug)]
struct Http1 {
    requests: SendRequest<Full<Bytes>>,
    /// Gone once it has ended.
    connection: Option<Connection<TokioIo<TcpStream>, Full<Bytes>>>,
}

impl Http1 {
    /// Reads and writes what can be. An error of the connection's own reaches whoever awaits its answer or reads its body.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if self.connection.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
            self.connection = None;
        }
    }

    /// Whether it can take a request: its server has neither closed it nor left an answer unfinished.
    fn is_idle(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.requests.is_ready()
    }

    /// Sends a request and waits for the answer's head.
    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        let mut answer = pin!(self.requests.try_send_request(request));
        poll_fn(|cx| {
            self.drive(cx);
            // Only the connection brings the answer on, so it alone has to wake this task.
            answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        })
        .await
    }
}

impl Direct {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_keepalive(Some(TCP_KEEPALIVE));
        connector.set_connect_timeout(Some(connect_timeout));
        Self { connector, idle: Arc::default() }
    }

    pub(super) async fn post(
        &self,
        target: &Target,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<reqwest::Body>, Error> {
        headers.insert(header::HOST, target.host.clone());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = target.path.clone();
        *request.headers_mut() = headers;
        loop {
            let kept = self.idle.take(&target.host, clock::now().mono_ms);
            let is_kept = kept.is_some();
            let mut http1 = match kept {
                Some(http1) => http1,
                None => self.connect(&target.server).await?,
            };
            match http1.exchange(request).await {
                Ok(response) => {
                    let rest = Some((http1, target.host.clone(), Arc::clone(&self.idle)));
                    return Ok(response.map(|body| reqwest::Body::wrap(Answer { body, rest })));
                }
                // The server closed it before a byte of the request was written.
                Err(mut error) if is_kept && error.message().is_some() => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Error::Exchange(error.into_error())),
                },
                Err(error) => return Err(Error::Exchange(error.into_error())),
            }
        }
    }

    async fn connect(&self, server: &Uri) -> Result<Http1, Error> {
        let stream = self.connector.clone().call(server.clone()).await;
        let stream = stream.map_err(|error| Error::Connect(error.into()))?;
        let (requests, connection) = handshake(stream).await.map_err(Error::Exchange)?;
        Ok(Http1 { requests, connection: Some(connection) })
    }
}

impl Idle {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.0)
    }

    /// Takes the connection to a server that was used last: it is the likeliest to be open.
    fn take(&self, host: &HeaderValue, now_mono_ms: u64) -> Option<Http1> {
        loop {
            let mut kept = {
                let mut waiting = self.waiting();
                let at = waiting.connections.iter().rposition(|kept| kept.host == *host)?;
                waiting.connections.remove(at)
            };
            if !is_over(&kept, now_mono_ms) && kept.http1.is_idle() {
                return Some(kept.http1);
            }
        }
    }

    /// Keeps a connection for the next request, where it can take one.
    fn give_back(self: &Arc<Self>, mut http1: Http1, host: HeaderValue, now_mono_ms: u64) {
        if !http1.is_idle() {
            return;
        }
        let mut waiting = self.waiting();
        waiting.connections.push(Kept { http1, host, since_mono_ms: now_mono_ms });
        if std::mem::replace(&mut waiting.is_swept, true) {
            return;
        }
        drop(waiting);
        let idle = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(POOL_IDLE).await;
                let Some(idle) = idle.upgrade() else { return };
                if idle.sweep(clock::now().mono_ms) {
                    return;
                }
            }
        });
    }

    /// Closes the connections that have waited for too long; true when none is left to look after.
    fn sweep(&self, now_mono_ms: u64) -> bool {
        let mut waiting = self.waiting();
        waiting.connections.retain(|kept| !is_over(kept, now_mono_ms));
        waiting.is_swept = !waiting.connections.is_empty();
        !waiting.is_swept
    }
}

fn is_over(kept: &Kept, now_mono_ms: u64) -> bool {
    u128::from(now_mono_ms.saturating_sub(kept.since_mono_ms)) >= POOL_IDLE.as_millis()
}

/// An answer's body, which drives the connection it comes by, and gives it back at its end.
#[derive(Debug)]
struct Answer {
    body: Incoming,
    /// Gone at the body's end.
    rest: Option<(Http1, HeaderValue, Arc<Idle>)>,
}

impl Answer {
    fn end(&mut self) {
        if let Some((http1, host, idle)) = self.rest.take() {
            idle.give_back(http1, host, clock::now().mono_ms);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        // Only the connection brings the body on, so it alone has to wake this task. What it has read is taken first: it
        // reads no further before.
        let mut quiet = Context::from_waker(Waker::noop());
        let mut polled = Pin::new(&mut this.body).poll_frame(&mut quiet);
        if polled.is_pending()
            && let Some((http1, ..)) = &mut this.rest
        {
            http1.drive(cx);
            polled = Pin::new(&mut this.body).poll_frame(&mut quiet);
        }
        match &polled {
            Poll::Ready(Some(Ok(_))) if this.body.is_end_stream() => this.end(),
            Poll::Ready(None) => this.end(),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
            Poll::Ready(Some(Err(_))) => this.rest = None,
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
