//! One try: the request as the route wants it, sent, and what came back as an answer or as one failure.

mod additions;
mod direct;
mod dns;
mod event;
mod failure;
mod open;
mod pool;
mod proxy;
mod request;
mod sign;
mod silence;
mod whole;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Body as _;
use switchyard_domain::map::{Route, RoutingMap};
use switchyard_domain::{Dialect, Failure, FailureKind, Now, Operation};
use switchyard_policy::{Patience, Silence, Waits};
use switchyard_wire::seals::UNSEALED_THOUGHT;
use switchyard_wire::{FrameDecoder, How, OkBody, Pipe, UnderWay};
use url::Url;

use crate::core::blocking;
use crate::core::clock;
use crate::core::vault::Key;
use crate::walk::encoding;
use crate::walk::request::{OwnKey, ProxyRequest};

use additions::{Additions, Refused};
pub(crate) use dns::Kept;
use dns::Resolver;
pub(crate) use event::{next, reported};
use failure::from_direct;
pub(crate) use failure::{RESTART_MISMATCH, Secrets, from_reqwest};
use pool::Pool;
pub(crate) use pool::{Egress, client};
use sign::{Call, Signer};
pub(crate) use silence::{Traits, silent};

/// A route's connection pool, addresses and fixed headers.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pool: Pool,
    names: Resolver,
    signer: Signer,
    endpoints: Arc<[Endpoint]>,
    headers: HeaderMap,
    /// It refused thinking that another provider wrote into a chat conversation.
    takes_no_thoughts: Arc<AtomicBool>,
    /// It refused to go on from a half answer at a conversation's end, and took the same in other words.
    takes_no_prefill: Arc<AtomicBool>,
    /// What it has refused of what is added to requests here.
    refused: Arc<Refused>,
}

/// Where one kind of request is posted.
#[derive(Debug)]
struct Endpoint {
    dialect: Dialect,
    operation: Operation,
    stream: bool,
    url: Url,
    /// The way to ask a model server on this machine.
    direct: Option<direct::Target>,
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
    /// How long it was silent on its way.
    pub(crate) waits: Waits,
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
    /// When its first meaningful byte came.
    pub(crate) first_token: Now,
    /// How long it was silent before.
    pub(crate) waits: Waits,
    pub(crate) traits: Traits,
}

impl Upstream {
    /// One per route; those with the same connect timeout and way out share a pool.
    pub(crate) fn all(map: &RoutingMap, before: &[Self], egress: &Egress) -> Result<Vec<Self>, String> {
        egress.names.set(&map.network);
        let mut pools: Vec<Pool> = Vec::new();
        let mut signer = None;
        for upstream in before {
            if !pools.iter().any(|pool| pool.same_as(&upstream.pool)) {
                pools.push(upstream.pool.clone());
            }
            signer.get_or_insert_with(|| upstream.signer.clone());
        }
        map.routes.iter().map(|route| Self::new(route, &mut pools, &mut signer, egress)).collect()
    }

    fn new(
        route: &Route,
        pools: &mut Vec<Pool>,
        signer: &mut Option<Signer>,
        egress: &Egress,
    ) -> Result<Self, String> {
        let (connect_ms, outbound) = (route.timeouts.connect_ms, &route.outbound);
        let pool = match pools.iter().find(|pool| pool.is_for(connect_ms, outbound)) {
            Some(pool) => pool.clone(),
            None => {
                let pool = Pool::new(connect_ms, outbound, egress)
                    .map_err(|error| format!("{}: {error}", route.id))?;
                pools.push(pool.clone());
                pool
            }
        };
        let headers = request::fixed_headers(route).map_err(|error| format!("{}: {error}", route.id))?;
        // What is fetched is shared; it is fetched over the route's own way out.
        let signer = signer.get_or_insert_with(|| Signer::new(pool.http.clone())).through(pool.http.clone());
        let names = egress.names.clone();
        Ok(Self {
            pool,
            names,
            signer,
            endpoints: endpoints(route).into(),
            headers,
            takes_no_thoughts: Arc::default(),
            takes_no_prefill: Arc::default(),
            refused: Arc::default(),
        })
    }

    /// Asks for the models list: free, and enough to see whether the route can be reached.
    pub(crate) async fn probe(
        &self,
        route: &Route,
        key: Option<&Key>,
        deadline_mono_ms: u64,
    ) -> Result<u16, Failure> {
        match clock::until(deadline_mono_ms, self.list_models(route, key)).await {
            Some(status) => status,
            None => Err(Failure::new(FailureKind::FirstByteTimeout, format!("{} is silent.", route.host()))),
        }
    }
}

/// Lets go of every connection of these routes: they are dead after sleep and on another network.
pub(crate) fn renew(upstreams: &[Upstream], egress: &Egress) {
    let mut done: Vec<&Pool> = Vec::new();
    for upstream in upstreams {
        if done.iter().any(|pool| pool.same_as(&upstream.pool)) {
            continue;
        }
        if let Err(error) = upstream.pool.renew(egress) {
            tracing::error!(%error, "connections could not be made anew");
        }
        done.push(&upstream.pool);
    }
}

/// Every address of a route.
fn endpoints(route: &Route) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for dialect in std::iter::once(route.dialect).chain(route.speaks.iter().copied()) {
        for operation in Operation::ALL {
            for stream in [false, true] {
                if let Some(url) = route.address(dialect, operation, stream) {
                    let direct = direct::Target::of(&url);
                    endpoints.push(Endpoint { dialect, operation, stream, url, direct });
                }
            }
        }
    }
    endpoints
}

/// A request, but for its credential.
#[derive(Debug)]
struct OutboundRequest<'a> {
    route: &'a Route,
    endpoint: &'a Endpoint,
    headers: HeaderMap,
    body: Bytes,
    key: Option<&'a Key>,
    own: Option<&'a OwnKey>,
}

impl Upstream {
    fn endpoint(
        &self,
        route: &Route,
        dialect: Dialect,
        request: &ProxyRequest,
    ) -> Result<&Endpoint, Failure> {
        let (operation, stream) = (request.operation, request.envelope.stream);
        let fits = |endpoint: &&Endpoint| {
            (endpoint.dialect, endpoint.operation, endpoint.stream) == (dialect, operation, stream)
        };
        self.endpoints.iter().find(fits).ok_or_else(|| {
            let message = format!("{} has no address for {} in {dialect}.", route.id, operation.words());
            Failure::new(FailureKind::NotTranslatable, message)
        })
    }

    /// Posts a request with its credential and waits for the answer's head. A credential that was fetched earlier and
    /// has ended since is fetched anew, and the request posted once more.
    async fn post(
        &self,
        outbound: OutboundRequest<'_>,
        secrets: &mut Secrets,
    ) -> Result<Response<reqwest::Body>, Failure> {
        let OutboundRequest { route, endpoint, headers, body, key, own } = outbound;
        let call = Call { route, method: &http::Method::POST, url: &endpoint.url, body: &body };
        // What is not fetched does not end, and is not sent twice.
        let again = sign::is_fetched(route.auth).then(|| headers.clone());
        let mut signed = headers;
        let presented = self.signer.sign(call, key, own, &mut signed).await?;
        secrets.and(sign::sensitive(&signed));
        let response = self.dispatch(route, endpoint, signed, body.clone()).await?;
        let is_over = self.signer.outdated(key, presented, response.status(), response.headers());
        let Some(mut signed) = again.filter(|_| is_over) else { return Ok(response) };
        drop(response);
        self.signer.sign(call, key, own, &mut signed).await?;
        secrets.and(sign::sensitive(&signed));
        self.dispatch(route, endpoint, signed, body.clone()).await
    }

    async fn dispatch(
        &self,
        route: &Route,
        endpoint: &Endpoint,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<reqwest::Body>, Failure> {
        if let Some(target) = &endpoint.direct {
            let sent = self.pool.direct().post(target, headers, body).await;
            return sent.map_err(|error| from_direct(&error, route));
        }
        let mut request = reqwest::Request::new(http::Method::POST, endpoint.url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        let sent = self.pool.http.client().execute(request).await;
        sent.map(Response::from).map_err(|error| from_reqwest(&error, route))
    }

    /// The route's host has answered. Over TLS it is itself; without, a portal may speak for it, which shows in pages.
    fn heard<T>(&self, route: &Route, response: &Response<T>) {
        let is_page = || {
            let kind = response.headers().get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
            kind.is_none_or(|kind| kind.starts_with(b"text/html"))
        };
        let is_itself = route.base_url.scheme() == "https" || (response.status().is_success() && !is_page());
        if let Some(host) = route.base_url.domain().filter(|_| is_itself && !route.is_local) {
            self.names.good(host);
        }
    }

    async fn list_models(&self, route: &Route, key: Option<&Key>) -> Result<u16, Failure> {
        let mut headers = self.headers.clone();
        let call = Call { route, method: &http::Method::GET, url: &route.models_url, body: &[] };
        self.signer.sign(call, key, None, &mut headers).await?;
        let sent = self.pool.http.client().get(route.models_url.clone()).headers(headers).send().await;
        sent.map(|response| response.status().as_u16()).map_err(|error| from_reqwest(&error, route))
    }
}

/// Whether a chat conversation holds thinking to read.
fn holds_thoughts(body: &[u8]) -> bool {
    memchr::memmem::find(body, UNSEALED_THOUGHT.as_bytes()).is_some()
}

/// What becomes of sealed thinking in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seals {
    /// It goes along, where it is the provider's own.
    Kept,
    /// None goes along.
    TakenOut,
}

/// How a conversation is put to a route.
#[derive(Clone, Copy, Debug)]
struct Manner {
    seals: Seals,
    /// Whether it has refused a half answer at the conversation's end.
    refuses_prefill: bool,
    /// What is added to it here.
    added: Additions,
    /// What is not, since the route does not want it.
    left_out: Additions,
}

/// Sends one try and waits until it has shown an answer or a failure.
pub(crate) async fn send(
    upstream: &Upstream,
    route: &Route,
    key: Option<Arc<Key>>,
    request: &Arc<ProxyRequest>,
    patience: &Patience,
) -> Result<Answer, Failure> {
    let key = key.as_deref();
    let mut secrets = Secrets::of(key, request.own_key.as_ref());
    let (added, left_out) = Additions::of(route, request, upstream.refused.so_far());
    let refuses_prefill = upstream.takes_no_prefill.load(Ordering::Relaxed);
    let mut manner = Manner { seals: Seals::Kept, refuses_prefill, added, left_out };
    if upstream.takes_no_thoughts.load(Ordering::Relaxed) && holds_thoughts(&request.body) {
        manner.seals = Seals::TakenOut;
    }
    let mut answer = exchange(upstream, route, key, request, patience, manner, &mut secrets).await;
    // What is added here is no reason to lose the request: it is asked again without.
    while let Some(refused) = answer.as_ref().err().and_then(|failure| manner.added.refused_by(failure)) {
        (manner.added, manner.left_out) = (manner.added.without(refused), manner.left_out.and(refused));
        answer = exchange(upstream, route, key, request, patience, manner, &mut secrets).await;
        if answer.is_ok() {
            upstream.refused.note(manner.left_out);
        }
    }
    // A seal that is not the provider's own is no reason to lose the request: it is asked again without.
    if let Err(failure) = &answer
        && failure.code.as_deref() == Some(failure::FOREIGN_SEAL)
        && manner.seals == Seals::Kept
    {
        if failure.message.contains(UNSEALED_THOUGHT) {
            upstream.takes_no_thoughts.store(true, Ordering::Relaxed);
        }
        manner.seals = Seals::TakenOut;
        answer = exchange(upstream, route, key, request, patience, manner, &mut secrets).await;
    }
    // Nor is a half answer at the conversation's end: the rest is asked for by an instruction. That this was the reason
    // shows only in its success.
    if let Err(Failure { kind: FailureKind::BadRequest, .. }) = &answer
        && is_prefilled(route, request, manner)
    {
        manner.refuses_prefill = true;
        answer = exchange(upstream, route, key, request, patience, manner, &mut secrets).await;
        if answer.is_ok() {
            upstream.takes_no_prefill.store(true, Ordering::Relaxed);
        }
    }
    match answer {
        Ok(Answer::Stream(mut opened)) => {
            opened.secrets = secrets;
            Ok(Answer::Stream(opened))
        }
        Ok(whole @ Answer::Whole { .. }) => Ok(whole),
        Err(failure) => Err(secrets.taken_out(blameless(failure, request.operation), route)),
    }
}

/// Whether the conversation ends with a half answer that the model is to go on with.
fn is_prefilled(route: &Route, request: &ProxyRequest, manner: Manner) -> bool {
    let dialect = route.dialect_for(request.dialect);
    let how = request.resume.as_ref().and_then(|resume| resume.how(route, dialect, manner.refuses_prefill));
    how == Some(How::Prefill)
}

/// A model, account or server that can't count tokens, or compact a conversation, can still answer: what is missing is
/// that, not the route. Some servers answer a count they don't know with a page or with something else.
fn blameless(failure: Failure, operation: Operation) -> Failure {
    let is_missing = failure.status == Some(501)
        || matches!(
            failure.kind,
            FailureKind::ModelNotFound | FailureKind::EndpointNotFound | FailureKind::Forbidden
        );
    let is_no_count =
        matches!(failure.kind, FailureKind::Html | FailureKind::Malformed | FailureKind::Unreadable);
    let is_blameless = match operation {
        Operation::CountTokens => is_missing || is_no_count,
        Operation::Compact => is_missing,
        Operation::Complete | Operation::Embed => false,
    };
    if is_blameless {
        return Failure { kind: FailureKind::NotTranslatable, ..failure };
    }
    failure
}

async fn exchange(
    upstream: &Upstream,
    route: &Route,
    key: Option<&Key>,
    request: &Arc<ProxyRequest>,
    patience: &Patience,
    manner: Manner,
    secrets: &mut Secrets,
) -> Result<Answer, Failure> {
    let outgoing = blocking::run(request.body.len(), || request::write(route, request, manner))?;
    let mut headers = upstream.headers.clone();
    request::forward(&mut headers, route, request);
    let endpoint = upstream.endpoint(route, outgoing.translation.dialect, request)?;
    let outbound =
        OutboundRequest { route, endpoint, headers, body: outgoing.body, key, own: request.own_key.as_ref() };
    let traits = Traits::of(request, route);
    let begun = patience.begun_mono_ms();
    let (head_by, ended_by) = match request.envelope.stream {
        true => patience.until_head(traits.first(UnderWay::Nothing)),
        false => patience.until(Silence::Answer, begun),
    };
    let response = match clock::until(head_by, upstream.post(outbound, secrets)).await {
        Some(Ok(response)) => response,
        Some(Err(failure)) => return Err(failure),
        None => {
            let (kind, waited_ms) = (FailureKind::FirstByteTimeout, head_by.saturating_sub(begun));
            return Err(silent(kind, "took the request and then was silent", waited_ms, ended_by, route));
        }
    };
    upstream.heard(route, &response);
    let response = encoding::answer(response);
    if !response.status().is_success() {
        return Err(failure::read(response, route, patience).await);
    }
    let translation = outgoing.translation;
    if request.envelope.stream {
        let opened = Box::pin(open::open(response, route, request, patience, traits, translation)).await;
        opened.map(|opened| Answer::Stream(Box::new(opened)))
    } else {
        whole::read(response, route, request, patience, translation).await
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
