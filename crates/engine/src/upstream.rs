//! One try: the request as the route wants it, sent, and what came back as an answer or as one failure.

mod direct;
mod failure;
mod open;
mod request;
mod whole;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, Uri};
use http_body::Body as _;
use switchyard_domain::map::{Route, RoutingMap};
use switchyard_domain::{Failure, FailureKind, Now};
use switchyard_wire::{FrameDecoder, OkBody, Pipe};
use url::Url;

use crate::clock;
use crate::intake::Ask;
use crate::vault::Key;

use direct::Direct;
use failure::from_direct;
pub(crate) use failure::{Secrets, from_reqwest, in_band};

/// Idle connections are dropped after this: shorter than the providers' own, so that they go here before they go
/// there.
const POOL_IDLE: Duration = Duration::from_secs(30);
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// A route's connection pool and fixed headers.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pool: Pool,
    url: Url,
    /// The address to ask directly, for a model server on this machine.
    direct: Option<Uri>,
    headers: HeaderMap,
}

/// Connections opened with one connect timeout. Clones share them.
#[derive(Clone, Debug)]
struct Pool {
    connect_ms: u64,
    client: reqwest::Client,
    direct: Direct,
}

/// What a route answered, before anything has reached the caller.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The whole answer, in the caller's dialect.
    Whole(Box<Whole>),
    /// A stream that has produced its first meaningful byte.
    Stream(Box<Opened>),
}

/// A whole answer, in the caller's dialect.
#[derive(Debug)]
pub(crate) struct Whole {
    /// The upstream's success status.
    pub(crate) status: http::StatusCode,
    /// The headers the caller gets.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What it says of itself.
    pub(crate) facts: OkBody,
    /// What could not be carried over.
    pub(crate) lost: Vec<String>,
}

/// A stream that has begun.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) headers: HeaderMap,
    /// The rest of the upstream's body.
    pub(crate) body: reqwest::Body,
    pub(crate) decoder: FrameDecoder,
    pub(crate) pipe: Pipe,
    /// What the caller gets first.
    pub(crate) first: Vec<u8>,
    pub(crate) lost: Vec<String>,
    /// What a failure of the rest must not quote.
    pub(crate) secrets: Secrets,
    /// What already went wrong behind the first meaningful byte.
    pub(crate) broken: Option<Failure>,
}

/// When a try must have shown something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The try's start.
    pub(crate) begun: Now,
    /// The request's own deadline on the monotonic clock.
    pub(crate) deadline_mono_ms: u64,
}

impl Limits {
    /// The moment `ms` after the start, the request's deadline at the latest; and whether it is the deadline.
    fn by(self, ms: u64, total_ms: Option<u64>) -> (u64, bool) {
        let own = self.begun.mono_ms.saturating_add(total_ms.map_or(ms, |total| total.min(ms)));
        (own.min(self.deadline_mono_ms), self.deadline_mono_ms < own)
    }
}

impl Upstream {
    /// One per route; those with the same connect timeout share a pool.
    pub(crate) fn all(
        map: &RoutingMap,
        before: Option<&crate::shared::Running>,
    ) -> Result<Vec<Self>, String> {
        let mut pools: Vec<Pool> = Vec::new();
        for upstream in before.into_iter().flat_map(|running| &running.upstreams) {
            if !pools.iter().any(|pool| pool.connect_ms == upstream.pool.connect_ms) {
                pools.push(upstream.pool.clone());
            }
        }
        map.routes.iter().map(|route| Self::new(route, &mut pools)).collect()
    }

    fn new(route: &Route, pools: &mut Vec<Pool>) -> Result<Self, String> {
        let connect_ms = route.timeouts.connect_ms;
        let pool = match pools.iter().find(|pool| pool.connect_ms == connect_ms) {
            Some(pool) => pool.clone(),
            None => {
                let pool = Pool::new(connect_ms).map_err(|error| format!("{}: {error}", route.id))?;
                pools.push(pool.clone());
                pool
            }
        };
        let headers = request::fixed_headers(route).map_err(|error| format!("{}: {error}", route.id))?;
        let direct = direct::uri_of(&route.endpoint);
        Ok(Self { pool, url: route.endpoint.clone(), direct, headers })
    }

    /// Asks for the models list: free, and enough to see whether the route can be reached.
    pub(crate) async fn probe(
        &self,
        route: &Route,
        key: Option<&Key>,
        deadline_mono_ms: u64,
    ) -> Result<u16, Failure> {
        let mut headers = self.headers.clone();
        request::authorize(&mut headers, route, key, None);
        let sent = self.pool.client.get(route.models_url.clone()).headers(headers).send();
        match clock::until(deadline_mono_ms, sent).await {
            Some(Ok(response)) => Ok(response.status().as_u16()),
            Some(Err(error)) => Err(from_reqwest(&error, route)),
            None => Err(Failure::new(FailureKind::FirstByteTimeout, format!("{} is silent.", route.host()))),
        }
    }
}

impl Pool {
    fn new(connect_ms: u64) -> reqwest::Result<Self> {
        let connect_timeout = Duration::from_millis(connect_ms);
        let client = reqwest::Client::builder()
            .connect_timeout(connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .tcp_keepalive(TCP_KEEPALIVE)
            .pool_idle_timeout(POOL_IDLE)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .build()?;
        Ok(Self { connect_ms, client, direct: Direct::new(connect_timeout) })
    }
}

impl Upstream {
    /// Posts a body and waits for the answer's head.
    async fn post(
        &self,
        route: &Route,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<reqwest::Body>, Failure> {
        if let Some(uri) = &self.direct {
            let sent = self.pool.direct.post(uri.clone(), headers, body).await;
            return sent.map_err(|error| from_direct(&error, route));
        }
        let mut request = reqwest::Request::new(http::Method::POST, self.url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        let sent = self.pool.client.execute(request).await;
        sent.map(Response::from).map_err(|error| from_reqwest(&error, route))
    }
}

/// Sends one try and waits until it has shown an answer or a failure.
pub(crate) async fn send(
    upstream: &Upstream,
    route: &Route,
    key: Option<Key>,
    ask: &Arc<Ask>,
    limits: Limits,
) -> Result<Answer, Failure> {
    let key = key.as_ref();
    match exchange(upstream, route, key, ask, limits).await {
        Ok(Answer::Stream(mut opened)) => {
            opened.secrets = Secrets::of(key, ask.own_key.as_ref());
            Ok(Answer::Stream(opened))
        }
        Ok(whole @ Answer::Whole { .. }) => Ok(whole),
        Err(failure) => Err(Secrets::of(key, ask.own_key.as_ref()).taken_out(failure, route)),
    }
}

async fn exchange(
    upstream: &Upstream,
    route: &Route,
    key: Option<&Key>,
    ask: &Arc<Ask>,
    limits: Limits,
) -> Result<Answer, Failure> {
    let outgoing = request::write(route, ask)?;
    let mut headers = upstream.headers.clone();
    request::forward(&mut headers, route, ask);
    request::authorize(&mut headers, route, key, ask.own_key.as_ref());
    let (head_by, is_deadline) = limits.by(route.timeouts.first_byte_ms, route.timeouts.total_ms);
    let response = match clock::until(head_by, upstream.post(route, headers, outgoing.body)).await {
        Some(Ok(response)) => response,
        Some(Err(failure)) => return Err(failure),
        None if is_deadline => return Err(failure::deadline(route)),
        None => {
            let message = format!(
                "{} accepted the request and then was silent for {} ms.",
                route.host(),
                route.timeouts.first_byte_ms
            );
            return Err(Failure::new(FailureKind::FirstByteTimeout, message));
        }
    };
    if !response.status().is_success() {
        return Err(failure::read(response, route, limits).await);
    }
    let translation = outgoing.translation;
    if ask.envelope.stream {
        open::open(response, route, ask, limits, translation)
            .await
            .map(|opened| Answer::Stream(Box::new(opened)))
    } else {
        whole::read(response, route, ask, limits, translation).await
    }
}

/// The next piece of a body; trailers say nothing here.
async fn chunk(body: &mut reqwest::Body) -> Option<reqwest::Result<Bytes>> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await? {
            Ok(frame) => {
                if let Ok(bytes) = frame.into_data() {
                    return Some(Ok(bytes));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}
