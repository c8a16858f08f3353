//! Accepting connections, for the proxy and the control API alike: HTTP/1 alone, a request's head in time, answers that
//! are read, and no more connections than agreed.
//!
//! A connection costs memory and a descriptor before anybody has shown a key. So the number is bounded, and at the bound
//! the connection that has been idle longest gives way: one that waits for a request, whether it never sent one or is
//! kept for the next. When all are at work, the newcomer is turned away; or, where the [`Gate`] says so, the one longest
//! at work gives way.

mod write_timeout;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::clock;
use write_timeout::{UNREAD_TIMEOUT, WriteTimeout};

/// A client that does not finish its request head is dropped after this.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// What happens at every attempt to accept is told at most this often, milliseconds.
const TOLD_EVERY_MS: u64 = 10_000;

/// What a listener lets in, and until when.
pub struct Gate {
    /// Names it in the log.
    pub name: &'static str,
    /// How many connections may be open, asked at each newcomer.
    pub most: Box<dyn Fn() -> usize + Send + Sync>,
    /// Whether a request under way may be cut off for a newcomer, when nothing is idle. Where requests need no key, or
    /// readers ask again by themselves, that is better than to be shut out by them.
    pub work_gives_way: bool,
    /// Ends the accepting; connections finish the request they are at.
    pub stop: CancellationToken,
    /// The connections.
    pub open: TaskTracker,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Accepts until stopped.
pub async fn accept<S, B>(listener: TcpListener, gate: Gate, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connections = Arc::new(Connections::default());
    let (mut failed, mut full) = (Seldom::default(), Seldom::default());
    loop {
        let accepted = tokio::select! {
            () = gate.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                if let Some(times) = failed.tell(clock::now().mono_ms) {
                    tracing::warn!(listener = gate.name, %error, times, "connections could not be accepted");
                }
                // Out of file descriptors, most likely: a pause lets some go.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let most = (gate.most)();
        let Some(line) = connections.admit(most, gate.work_gives_way, clock::now().mono_ms) else {
            if let Some(times) = full.tell(clock::now().mono_ms) {
                tracing::warn!(
                    listener = gate.name,
                    most,
                    times,
                    "connections were turned away: all are at work"
                );
            }
            continue;
        };
        gate.open.spawn(serve(stream, line, gate.stop.clone(), service.clone()));
    }
}

async fn serve<S, B>(stream: TcpStream, line: Line, stop: CancellationToken, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Events are small writes: without this, the kernel holds them back for the peer's acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY not set");
    }
    let state = Arc::clone(&line.state);
    let working = Arc::clone(&state);
    let counted = service_fn(move |request| {
        let busy = Busy::begin(&working);
        let answer = service.call(request);
        async move { answer.await.map(|response| response.map(|body| Counted { body, _busy: busy })) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, UNREAD_TIMEOUT)), counted);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = state.gives_way.cancelled() => return,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The connections that are open.
#[derive(Debug, Default)]
struct Connections {
    lines: Mutex<HashMap<u64, Arc<State>>>,
    next: AtomicU64,
}

/// One connection's place among them; given back when dropped.
#[derive(Debug)]
struct Line {
    all: Arc<Connections>,
    id: u64,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// Since when it is at work or idle: monotonic milliseconds, doubled, and one more while at work.
    since: AtomicU64,
    gives_way: CancellationToken,
}

impl State {
    fn mark(&self, mono_ms: u64, at_work: bool) {
        self.since.store((mono_ms << 1) | u64::from(at_work), Ordering::Relaxed);
    }

    /// Whether it is at work, and since when it is or is not.
    fn stands(&self) -> (bool, u64) {
        let since = self.since.load(Ordering::Relaxed);
        (since & 1 == 1, since >> 1)
    }
}

impl Connections {
    /// A place for a newcomer; none when nothing gives way.
    fn admit(self: &Arc<Self>, most: usize, work_gives_way: bool, mono_ms: u64) -> Option<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        while lines.len() >= most.max(1) {
            // The idle before those at work, the longest first.
            let ((at_work, _), id) = lines.iter().map(|(id, state)| (state.stands(), *id)).min()?;
            if at_work && !work_gives_way {
                return None;
            }
            if let Some(state) = lines.remove(&id) {
                state.gives_way.cancel();
            }
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(State { since: AtomicU64::default(), gives_way: CancellationToken::new() });
        state.mark(mono_ms, false);
        lines.insert(id, Arc::clone(&state));
        Some(Line { all: Arc::clone(self), id, state })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.all.lines.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// A request under way, from its head to the end of its answer.
#[derive(Debug)]
struct Busy(Arc<State>);

impl Busy {
    fn begin(state: &Arc<State>) -> Self {
        state.mark(clock::now().mono_ms, true);
        Self(Arc::clone(state))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.mark(clock::now().mono_ms, false);
    }
}

/// An answer's body that keeps its connection at work until it has gone.
#[derive(Debug)]
struct Counted<B> {
    body: B,
    _busy: Busy,
}

impl<B: Body + Unpin> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Says the same thing at most once in a while, and how often it was so meanwhile.
#[derive(Debug, Default)]
struct Seldom {
    quiet_until: u64,
    times: u64,
}

impl Seldom {
    fn tell(&mut self, mono_ms: u64) -> Option<u64> {
        self.times += 1;
        if mono_ms < self.quiet_until {
            return None;
        }
        self.quiet_until = mono_ms + TOLD_EVERY_MS;
        Some(std::mem::take(&mut self.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn at_the_bound_the_one_idle_longest_gives_way_and_none_at_work() {
        let all = Arc::new(Connections::default());
        let admit = |most, mono_ms| all.admit(most, false, mono_ms);
        let first = admit(3, 10).unwrap();
        let busy = admit(3, 5).unwrap();
        let work = Busy::begin(&busy.state);
        let third = admit(3, 20).unwrap();
        let fourth = admit(3, 30).unwrap();
        let given_way = [&first, &busy, &third, &fourth].map(|line| line.state.gives_way.is_cancelled());
        assert_eq!(given_way, [true, false, false, false]);
        let all_work = [&third, &fourth].map(|line| Busy::begin(&line.state));
        assert!(admit(3, 40).is_none(), "nobody is idle");
        assert!(all.admit(3, true, 40).is_some(), "unless work gives way");
        assert!(busy.state.gives_way.is_cancelled(), "the longest at work");
        drop((work, all_work));
        // A limit that was lowered holds from the next newcomer on.
        let _last = admit(1, 50).unwrap();
        assert_eq!(all.lines.lock().unwrap().len(), 1);
    }

    #[test]
    fn what_keeps_happening_is_told_once_in_a_while() {
        let mut seldom = Seldom::default();
        let told: Vec<_> = (0..200).filter_map(|n| seldom.tell(n * 100)).collect();
        assert_eq!(told, [1, 100]);
    }

    #[tokio::test]
    async fn idle_connections_shut_nobody_out_and_http_2_is_not_spoken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, open) = (CancellationToken::new(), TaskTracker::new());
        let gate = Gate {
            name: "test",
            most: Box::new(|| 4),
            work_gives_way: false,
            stop: stop.clone(),
            open: open.clone(),
        };
        let service = service_fn(|_: Request<Incoming>| async {
            Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::from("hello"))))
        });
        let accepting = tokio::spawn(accept(listener, gate, service));
        // Half a head each, or nothing at all.
        let mut idle = Vec::new();
        for n in 0..12 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            if n % 2 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
            }
            idle.push(stream);
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("hello"), "{said}");
        let mut rest = Vec::new();
        let ended = idle[0].read_to_end(&mut rest).await;
        assert!(ended.is_err() || rest.is_empty(), "the first of them was let go");

        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut said = Vec::new();
        // A reset is as good an answer as a refusal.
        let _ = stream.read_to_end(&mut said).await;
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 4"), "{said:?}");
        stop.cancel();
        accepting.await.unwrap();
        drop(idle);
        open.close();
        open.wait().await;
    }
}
