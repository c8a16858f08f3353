//! The proxy's endpoints: who may call them, what is asked for, and who answers it.

mod body;
mod google;
mod jobs;
mod origin;
mod paths;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use serde_json::json;
use switchyard_domain::limits::{NAME_BYTES, quoted};
use switchyard_domain::map::Defaults;
use switchyard_domain::view::{Outcome, RequestView};
use switchyard_domain::{Dialect, Now, Operation, Problem, RequestId};
use switchyard_store::SpendKind;
use switchyard_wire::ErrorReply;
use switchyard_wire::gemini::url::Url;
use switchyard_wire::models::{model_entry, model_list};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::clock;
use crate::core::ids;
use crate::core::{Running, lock};
use crate::walk::LiveMap;
use crate::walk::Walk;
use crate::walk::admission::Full;
use crate::walk::exchange::{Ending, Exchange};
use crate::walk::header_names;
use crate::walk::health;
use crate::walk::listener::{self, Gate};
use crate::walk::local_keys::{App, Caller};
use crate::walk::pipeline;
use crate::walk::reply::{self, Reply, ReplyBody};
use crate::walk::request::{ProxyRequest, RequestParts};

use self::origin::check_host_and_origin;
use self::paths::{Endpoint, Target};

/// Of a refused request's body so many bytes are still taken in, for so long (milliseconds).
const DRAINED_BYTES: usize = 64 * 1024 * 1024;
const DRAIN_MS: u64 = 2_000;

/// Binds the listener; a busy port is named with the process that holds it.
pub(crate) async fn bind(addr: SocketAddr) -> Result<TcpListener, Problem> {
    TcpListener::bind(addr).await.map_err(|error| {
        if error.kind() != std::io::ErrorKind::AddrInUse {
            return Problem::new("listen_failed", format!("Can't listen on {addr}: {error}."));
        }
        Problem::new("port_busy", busy_port(addr))
    })
}

/// Says who holds a port, as far as the system tells.
#[must_use]
pub fn busy_port(addr: SocketAddr) -> String {
    let who = port_holder(addr.port())
        .map_or_else(|| "another process".to_owned(), |(name, pid)| format!("{name} (process {pid})"));
    format!("Port {} is held by {who}. Stop it, or choose another port with `--port`.", addr.port())
}

/// Names the process that listens on a TCP port, and its id, as far as the system tells: other users' are hidden.
#[must_use]
pub fn port_holder(port: u16) -> Option<(String, u32)> {
    let process = listeners::get_process_by_port(port, listeners::Protocol::TCP).ok()?;
    Some((process.name, process.pid))
}

/// Accepts until stopped; connections finish what they began.
pub(crate) async fn accept(
    walk: Arc<Walk>,
    listener: TcpListener,
    stop: CancellationToken,
    open: TaskTracker,
) {
    let most = Arc::clone(&walk);
    let gate = Gate {
        name: "proxy",
        most: Box::new(move || {
            let running = most.core.running.load();
            let in_flight =
                running.as_ref().map_or(Defaults::MAX_IN_FLIGHT, |running| running.map.limits.max_in_flight);
            most.budget.proxy_connections(in_flight)
        }),
        // A caller's answer is paid for.
        work_gives_way: false,
        stop,
        open,
    };
    listener::accept(listener, gate, service_fn(move |request| handle(Arc::clone(&walk), request))).await;
}

async fn handle(walk: Arc<Walk>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let id = ids::request();
    let (parts, mut body) = request.into_parts();
    let expects = parts.headers.contains_key(header::EXPECT);
    let mut reply = match route(&walk, parts, &mut body, &id).await {
        Ok(reply) => reply,
        Err(refusal) => {
            // A caller that waits for leave to send its body gets none.
            if !expects {
                drain(body).await;
            }
            refusal.reply(&id)
        }
    };
    for (name, value) in SAFE {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(reply)
}

/// Answers are one program's alone: no browser guesses their type, lends them to a page, or keeps them.
const SAFE: [(HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Reads what a refused caller is still sending: closing on it would reset the connection, and the reply would be
/// lost with it.
async fn drain(mut body: Incoming) {
    let mut left = DRAINED_BYTES;
    let rest = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(less) = left.checked_sub(length) else { return };
            left = less;
        }
    };
    // A caller that sends more, or slower, has to live with the reset.
    let _ = clock::until(clock::now().mono_ms + DRAIN_MS, rest).await;
}

/// A request that is not let in.
#[derive(Debug)]
struct Refusal {
    dialect: Dialect,
    status: u16,
    code: &'static str,
    message: String,
    param: Option<&'static str>,
    /// Headers that belong to its status: what would be taken instead, or when.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    fn new(dialect: Dialect, status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { dialect, status, code, message: message.into(), param: None, headers: Vec::new() }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn reply(self, id: &RequestId) -> Reply {
        let reply = ErrorReply {
            status: self.status,
            kind: String::new(),
            code: Some(self.code.to_owned()),
            message: self.message,
            param: self.param.map(str::to_owned),
            request_id: Some(id.as_str().to_owned()),
        };
        let mut reply = reply::error(self.dialect, &reply);
        reply.headers_mut().extend(self.headers);
        reply
    }
}

async fn route(
    walk: &Arc<Walk>,
    mut parts: Parts,
    body: &mut Incoming,
    id: &RequestId,
) -> Result<Reply, Refusal> {
    let arrived = clock::now();
    google::take_key(&mut parts);
    let path = parts.uri.path();
    let target = paths::read(path, parts.uri.query());
    // A completion's path says its dialect; elsewhere only the header can.
    let dialect = target.as_ref().and_then(|target| target.dialect).unwrap_or_else(|| {
        if parts.headers.contains_key(&header_names::ANTHROPIC_VERSION) {
            Dialect::AnthropicMessages
        } else if parts.headers.contains_key(&header_names::GOOG_API_KEY) {
            Dialect::Gemini
        } else {
            Dialect::OpenAiChat
        }
    });
    check_host_and_origin(walk, &parts, dialect)?;
    let Some(Target { endpoint, url, .. }) = target else {
        let message = format!("There is no {path} here. Use {}.", paths::THERE_IS);
        return Err(Refusal::new(dialect, 404, "unknown_path", message));
    };
    match (&parts.method, endpoint) {
        (&Method::OPTIONS, endpoint) => Ok(options(&endpoint)),
        (&Method::POST, Endpoint::Routed(operation)) => {
            routed(walk, parts, body, Posted { id, dialect, operation, url, arrived }).await
        }
        (&Method::GET, Endpoint::Routed(_)) if asks_for_a_websocket(&parts.headers) => {
            Err(no_websocket(dialect, path))
        }
        (&Method::GET | &Method::HEAD, Endpoint::Health) => Ok(health(walk)),
        (&Method::GET | &Method::HEAD, Endpoint::Models) => {
            let running = running(walk, dialect)?;
            caller(walk, &running, &parts.headers, dialect)?;
            Ok(reply::json(StatusCode::OK, model_list(dialect, &running.map.model_names())))
        }
        (&Method::GET | &Method::HEAD, Endpoint::Model(name)) => {
            let running = running(walk, dialect)?;
            caller(walk, &running, &parts.headers, dialect)?;
            model(&running, dialect, &name)
        }
        (&Method::GET | &Method::HEAD, Endpoint::Job(job)) => {
            let running = running(walk, dialect)?;
            let (app, _) = caller(walk, &running, &parts.headers, dialect)?;
            jobs::poll(walk, &job, &app, dialect).await
        }
        (method, endpoint) => Err(wrong_method(dialect, path, method, &endpoint)),
    }
}

/// What is known of a posted request before its body is read.
#[derive(Debug)]
struct Posted<'a> {
    id: &'a RequestId,
    dialect: Dialect,
    operation: Operation,
    /// What a Gemini caller's path says besides.
    url: Option<Url>,
    arrived: Now,
}

/// Takes in a request that a route is to answer, and has it answered.
async fn routed(
    walk: &Arc<Walk>,
    parts: Parts,
    body: &mut Incoming,
    posted: Posted<'_>,
) -> Result<Reply, Refusal> {
    let Posted { id, dialect, operation, url, arrived } = posted;
    let running = running(walk, dialect)?;
    let (app, own_upstream_key) = caller(walk, &running, &parts.headers, dialect)?;
    let place = walk.admission.enter(&running.map, &app.name);
    let place = place.map_err(|full| turned_away(walk, full, &app.name, dialect, id, arrived))?;
    let body = body::read(&parts.headers, body, &running, &place, dialect).await;
    let body = body.map_err(|refused| match refused {
        body::Refused::Full(full) => turned_away(walk, full, &app.name, dialect, id, arrived),
        body::Refused::Unfit(refusal) => refusal,
    })?;
    let body = match &url {
        Some(url) => url.put_into(&body),
        None => body,
    };
    let arrival = RequestParts {
        id: id.clone(),
        client: app.name,
        client_id: app.id,
        own_upstream_key,
        dialect,
        operation,
        spend: SpendKind::Traffic,
        headers: parts.headers,
        arrived,
        place: Some(place),
    };
    let reply = match ProxyRequest::read(arrival, body, &running.map) {
        Ok(request) => Box::pin(pipeline::respond(walk, &running, Arc::new(request))).await,
        Err(refusal) => reply::error(dialect, &refusal),
    };
    let wants_list = url.is_some_and(|url| url.wants_list());
    Ok(if wants_list { reply::as_list(reply) } else { reply })
}

fn model(running: &Running, dialect: Dialect, name: &str) -> Result<Reply, Refusal> {
    if running.map.routes.iter().any(|route| route.serves(name))
        || running.map.model_names().iter().any(|known| known == name)
    {
        return Ok(reply::json(StatusCode::OK, model_entry(dialect, name)));
    }
    let name = quoted(name, NAME_BYTES);
    let message = format!("No route serves a model `{name}`. GET /v1/models lists them.");
    Err(Refusal::new(dialect, 404, "model_not_found", message))
}

/// What a path takes. It names no origin that may ask: web pages are not let in.
fn options(endpoint: &Endpoint) -> Reply {
    let mut reply = Reply::new(ReplyBody::Whole(None));
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(endpoint.allowed()));
    reply
}

fn asks_for_a_websocket(headers: &HeaderMap) -> bool {
    let asked = headers.get_all(header::UPGRADE).iter().filter_map(|value| value.to_str().ok());
    asked.flat_map(|value| value.split(',')).any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// Tells a client that its request is to be posted. Codex goes on over HTTP at once when it hears this status, and tries
/// again five times when it hears another.
fn no_websocket(dialect: Dialect, path: &str) -> Refusal {
    let message = format!("{path} is not spoken over WebSocket here. Use POST {path} over HTTP/1.1.");
    Refusal::new(dialect, 426, "upgrade_required", message)
        .with(header::UPGRADE, HeaderValue::from_static("HTTP/1.1"))
        .with(header::CONNECTION, HeaderValue::from_static("upgrade"))
}

/// The refusal of a request there is no place for, which is logged: what keeps apps waiting has to be seen.
fn turned_away(
    walk: &Arc<Walk>,
    full: Full,
    client: &Arc<str>,
    dialect: Dialect,
    id: &RequestId,
    arrived: Now,
) -> Refusal {
    let view = RequestView::unread(id.clone(), arrived, client, dialect);
    Exchange::open(walk, view, arrived).end(Ending::unserved(Outcome::Refused, 429));
    Refusal::new(dialect, 429, "too_many_in_flight", full.message(client))
        .with(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

fn wrong_method(dialect: Dialect, path: &str, method: &Method, endpoint: &Endpoint) -> Refusal {
    let message = format!("{path} is not for {method}. Use {} {path}.", endpoint.method());
    Refusal::new(dialect, 405, "method_not_allowed", message)
        .with(header::ALLOW, HeaderValue::from_static(endpoint.allowed()))
}

fn running(walk: &Walk, dialect: Dialect) -> Result<Arc<LiveMap>, Refusal> {
    walk.live.load_full().ok_or_else(|| {
        let why = lock(&walk.core.map_problem).clone().unwrap_or_else(|| {
            "No routing map is applied yet. Open the window, or run `switchyard map apply FILE`.".to_owned()
        });
        Refusal::new(dialect, 503, "no_map", why)
    })
}

fn caller(
    walk: &Walk,
    running: &Running,
    headers: &HeaderMap,
    dialect: Dialect,
) -> Result<(App, bool), Refusal> {
    let message = match walk.local_keys.caller(headers) {
        Caller::Known { app, own_upstream_key } => return Ok((app, own_upstream_key)),
        Caller::Missing | Caller::Wrong if !running.map.flags.require_client_key => {
            return Ok((walk.local_keys.keyless(), false));
        }
        Caller::Missing => {
            "A local key is missing. Send one as `Authorization: Bearer KEY`, `x-api-key: KEY` or `x-goog-api-key: KEY`; `switchyard client key` shows it."
        }
        Caller::Wrong => {
            "This is not one of this router's local keys. `switchyard client key` shows the first one; `switchyard client \
             add NAME` makes another."
        }
    };
    Err(Refusal::new(dialect, 401, "invalid_local_key", message))
}

/// How the router is doing, in one word. Always 200: it answers; whether callers get answers is the word's matter, and a
/// provider's outage is no reason to start the router anew.
fn health(walk: &Walk) -> Reply {
    let (health, tier) = health::health(walk);
    let body = json!({
        "status": health.as_str(),
        "tier": tier.as_str(),
        "mapVersion": walk.core.running.load().as_ref().map(|running| running.version),
        "version": env!("CARGO_PKG_VERSION"),
    });
    reply::json(StatusCode::OK, body.to_string())
}
