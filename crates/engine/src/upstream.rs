//! One try: the request as the route wants it, sent, and what came back as an answer or as one failure.

mod failure;
mod open;
mod request;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use switchyard_domain::map::{Route, RoutingMap};
use switchyard_domain::{Failure, FailureKind, Now};
use switchyard_wire::{OkBody, SseDecoder, StreamTap, StreamTranslator};
use url::Url;

use crate::clock;
use crate::intake::Ask;
use crate::vault::Key;

pub(crate) use failure::{Secrets, from_reqwest, in_band};

/// A route's connection pool and fixed headers.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    client: reqwest::Client,
    url: Url,
    headers: HeaderMap,
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
    pub(crate) decoder: SseDecoder,
    pub(crate) tap: StreamTap,
    pub(crate) translator: Option<StreamTranslator>,
    /// Whether the usage chunk was our wish and is kept from the caller.
    pub(crate) withhold_usage: bool,
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
        let mut pools: Vec<(u64, reqwest::Client)> = Vec::new();
        let known = before.map(|running| running.map.routes.iter().zip(&running.upstreams));
        for (route, upstream) in known.into_iter().flatten() {
            if !pools.iter().any(|(connect_ms, _)| *connect_ms == route.timeouts.connect_ms) {
                pools.push((route.timeouts.connect_ms, upstream.client.clone()));
            }
        }
        map.routes.iter().map(|route| Self::new(route, &mut pools)).collect()
    }

    fn new(route: &Route, pools: &mut Vec<(u64, reqwest::Client)>) -> Result<Self, String> {
        let connect_ms = route.timeouts.connect_ms;
        let client = match pools.iter().find(|(known, _)| *known == connect_ms) {
            Some((_, client)) => client.clone(),
            None => {
                let client = pool(connect_ms).map_err(|error| format!("{}: {error}", route.id))?;
                pools.push((connect_ms, client.clone()));
                client
            }
        };
        let headers = request::fixed_headers(route).map_err(|error| format!("{}: {error}", route.id))?;
        Ok(Self { client, url: route.endpoint.clone(), headers })
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
        let sent = self.client.get(route.models_url.clone()).headers(headers).send();
        match clock::until(deadline_mono_ms, sent).await {
            Some(Ok(response)) => Ok(response.status().as_u16()),
            Some(Err(error)) => Err(from_reqwest(&error, route)),
            None => Err(Failure::new(FailureKind::FirstByteTimeout, format!("{} is silent.", route.host()))),
        }
    }
}

fn pool(connect_ms: u64) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_millis(connect_ms))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        // Shorter than the providers' own, so that a connection is dropped here before it is dropped there.
        .pool_idle_timeout(Duration::from_secs(30))
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(10))
        .build()
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
    let mut request = reqwest::Request::new(http::Method::POST, upstream.url.clone());
    *request.headers_mut() = headers;
    *request.body_mut() = Some(outgoing.body.into());
    let (head_by, is_deadline) = limits.by(route.timeouts.first_byte_ms, route.timeouts.total_ms);
    let response = match clock::until(head_by, upstream.client.execute(request)).await {
        Some(Ok(response)) => response,
        Some(Err(error)) => return Err(from_reqwest(&error, route)),
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
