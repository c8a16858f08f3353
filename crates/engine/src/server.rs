//! The proxy's listener: who may knock, what paths there are, how large a body may be.

mod body;
mod jobs;
mod write_timeout;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use switchyard_domain::view::{Outcome, RequestView};
use switchyard_domain::{Dialect, Now, Operation, Problem, RequestId};
use switchyard_wire::ErrorReply;
use switchyard_wire::models::{model_entry, model_list};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::Full;
use crate::clock;
use crate::ids;
use crate::intake::{Arrival, Ask};
use crate::local_keys::Caller;
use crate::pipeline;
use crate::record::{Ending, Record};
use crate::reply::{self, Reply};
use crate::shared::{Running, Shared, lock};
use write_timeout::{UNREAD_TIMEOUT, WriteTimeout};

/// A client that does not finish its request head is dropped after this.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
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
    let holder = listeners::get_process_by_port(addr.port(), listeners::Protocol::TCP).ok();
    let who = holder.map_or_else(
        || "another process".to_owned(),
        |process| format!("{} (process {})", process.name, process.pid),
    );
    format!("Port {} is held by {who}. Stop it, or choose another port with `--port`.", addr.port())
}

/// Accepts until stopped; connections finish what they began.
pub(crate) async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    stop: CancellationToken,
    open: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                open.spawn(connection(Arc::clone(&shared), stream, stop.clone()));
            }
            Err(error) => {
                // Out of file descriptors, most likely: a pause lets some go.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY not set");
    }
    let service = service_fn(|request| handle(Arc::clone(&shared), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, UNREAD_TIMEOUT)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let id = ids::request();
    let (parts, mut body) = request.into_parts();
    let expects = parts.headers.contains_key(header::EXPECT);
    match route(&shared, parts, &mut body, &id).await {
        Ok(reply) => Ok(reply),
        Err(refusal) => {
            // A caller that waits for leave to send its body gets none.
            if !expects {
                drain(body).await;
            }
            Ok(refusal.reply(&id))
        }
    }
}

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
    /// The method the path takes, where it was another (RFC 9110, 15.5.6).
    allow: Option<&'static str>,
    /// When asking again makes sense, seconds.
    retry_after_s: Option<u64>,
}

impl Refusal {
    fn new(dialect: Dialect, status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { dialect, status, code, message: message.into(), param: None, allow: None, retry_after_s: None }
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
        if let Some(allow) = self.allow {
            reply.headers_mut().insert(header::ALLOW, http::HeaderValue::from_static(allow));
        }
        if let Some(seconds) = self.retry_after_s {
            reply.headers_mut().insert(header::RETRY_AFTER, http::HeaderValue::from(seconds));
        }
        reply
    }
}

async fn route(
    shared: &Arc<Shared>,
    parts: Parts,
    body: &mut Incoming,
    id: &RequestId,
) -> Result<Reply, Refusal> {
    let arrived = clock::now();
    let path = parts.uri.path();
    let below = path.strip_prefix("/v1").filter(|rest| rest.starts_with('/')).unwrap_or(path);
    // A completion's path says its dialect; elsewhere only the header can.
    let dialect = match below {
        "/messages" | "/messages/count_tokens" => Dialect::AnthropicMessages,
        "/responses" => Dialect::OpenAiResponses,
        "/chat/completions" | "/embeddings" => Dialect::OpenAiChat,
        _ if parts.headers.contains_key("anthropic-version") => Dialect::AnthropicMessages,
        _ => Dialect::OpenAiChat,
    };
    check_origin(shared, &parts.headers, dialect)?;
    match (&parts.method, below) {
        (&Method::GET | &Method::HEAD, "/health") => Ok(health(shared)),
        (
            &Method::POST,
            "/chat/completions" | "/responses" | "/embeddings" | "/messages" | "/messages/count_tokens",
        ) => {
            let running = running(shared, dialect)?;
            let (client, own_upstream_key) = caller(shared, &running, &parts.headers, dialect)?;
            let place = shared.admission.enter(&running.map, &client);
            let place = place.map_err(|full| turned_away(shared, full, &client, dialect, id, arrived))?;
            let body = body::read(&parts.headers, body, &running, &place, dialect).await;
            let body = body.map_err(|refused| match refused {
                body::Refused::Full(full) => turned_away(shared, full, &client, dialect, id, arrived),
                body::Refused::Unfit(refusal) => refusal,
            })?;
            let arrival = Arrival {
                id: id.clone(),
                client,
                own_upstream_key,
                dialect,
                operation: match below {
                    "/embeddings" => Operation::Embed,
                    "/messages/count_tokens" => Operation::CountTokens,
                    _ => Operation::Complete,
                },
                headers: parts.headers,
                arrived,
                place: Some(place),
            };
            match Ask::read(arrival, body, &running.map) {
                Ok(ask) => Ok(Box::pin(pipeline::respond(shared, &running, Arc::new(ask))).await),
                Err(refusal) => Ok(reply::error(dialect, &refusal)),
            }
        }
        (&Method::GET, "/models") => {
            let running = running(shared, dialect)?;
            caller(shared, &running, &parts.headers, dialect)?;
            Ok(reply::json(StatusCode::OK, model_list(dialect, &running.map.model_names())))
        }
        (&Method::GET, _) if below.starts_with("/models/") => {
            let running = running(shared, dialect)?;
            caller(shared, &running, &parts.headers, dialect)?;
            let name = percent_decoded(below.trim_start_matches("/models/"));
            if !running.map.model_names().contains(&name) {
                let message = format!("No route serves a model `{name}`. GET /v1/models lists them.");
                return Err(Refusal::new(dialect, 404, "model_not_found", message));
            }
            Ok(reply::json(StatusCode::OK, model_entry(dialect, &name)))
        }
        (&Method::GET, _) if below.starts_with("/switchyard/jobs/") => {
            let running = running(shared, dialect)?;
            let (client, _) = caller(shared, &running, &parts.headers, dialect)?;
            let job = below.trim_start_matches("/switchyard/jobs/");
            jobs::poll(shared, job, &client, dialect).await
        }
        (_, "/chat/completions" | "/responses" | "/embeddings" | "/messages" | "/messages/count_tokens") => {
            Err(wrong_method(dialect, path, &parts.method, "POST"))
        }
        (_, "/models" | "/health") => Err(wrong_method(dialect, path, &parts.method, "GET")),
        _ => Err(Refusal::new(
            dialect,
            404,
            "unknown_path",
            format!(
                "There is no {path} here. Use POST /v1/chat/completions, /v1/responses, /v1/embeddings, /v1/messages, \
                 /v1/messages/count_tokens, or GET /v1/models."
            ),
        )),
    }
}

/// The refusal of a request there is no place for, which is logged: what keeps apps waiting has to be seen.
fn turned_away(
    shared: &Arc<Shared>,
    full: Full,
    client: &Arc<str>,
    dialect: Dialect,
    id: &RequestId,
    arrived: Now,
) -> Refusal {
    let record = Record::open(shared, RequestView::unread(id.clone(), arrived, client, dialect), arrived);
    record.end(Ending::without_route(Outcome::Refused, 429));
    let refusal = Refusal::new(dialect, 429, "too_many_in_flight", full.message(client));
    Refusal { retry_after_s: Some(1), ..refusal }
}

/// A path segment as it was meant: model names hold slashes, which clients write as `%2F`.
fn percent_decoded(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn wrong_method(dialect: Dialect, path: &str, method: &Method, allow: &'static str) -> Refusal {
    let message = format!("{path} is not for {method}. Use {allow} {path}.");
    Refusal { allow: Some(allow), ..Refusal::new(dialect, 405, "method_not_allowed", message) }
}

fn running(shared: &Shared, dialect: Dialect) -> Result<Arc<Running>, Refusal> {
    shared.running.load_full().ok_or_else(|| {
        let why = lock(&shared.map_problem).clone().unwrap_or_else(|| {
            "No routing map is applied yet. Open the window, or run `switchyard map apply FILE`.".to_owned()
        });
        Refusal::new(dialect, 503, "no_map", why)
    })
}

fn caller(
    shared: &Shared,
    running: &Running,
    headers: &HeaderMap,
    dialect: Dialect,
) -> Result<(Arc<str>, bool), Refusal> {
    let message = match shared.local_keys.caller(headers) {
        Caller::Known { name, own_upstream_key } => return Ok((name, own_upstream_key)),
        Caller::Missing | Caller::Wrong if !running.map.flags.require_client_key => {
            return Ok((Arc::from(crate::local_keys::DEFAULT_CLIENT), false));
        }
        Caller::Missing => {
            "A local key is missing. Send one as `Authorization: Bearer KEY` or `x-api-key: KEY`; `switchyard client key` shows it."
        }
        Caller::Wrong => {
            "This is not one of this router's local keys. `switchyard client key` shows the first one; `switchyard client \
             add NAME` makes another."
        }
    };
    Err(Refusal::new(dialect, 401, "invalid_local_key", message))
}

/// Browsers are kept out: a page must not spend the user's money (DNS rebinding, cross-site requests).
fn check_origin(shared: &Shared, headers: &HeaderMap, dialect: Dialect) -> Result<(), Refusal> {
    if headers.contains_key(header::ORIGIN) {
        let message =
            "Requests from web pages are not taken. Call the router from a server or a command line.";
        return Err(Refusal::new(dialect, 403, "browser_origin", message));
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if is_own_host(host) {
        return Ok(());
    }
    let message = format!("The Host `{host}` is not this router's. Use {}.", lock(&shared.proxy_url));
    Err(Refusal::new(dialect, 421, "wrong_host", message))
}

/// Whether a Host header names this machine's loopback.
pub(crate) fn is_own_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    matches!(name, "127.0.0.1" | "[::1]") || name.eq_ignore_ascii_case("localhost")
}

fn health(shared: &Shared) -> Reply {
    let running = shared.running.load();
    let standpoint = lock(&shared.standpoint).clone();
    let off = running.as_ref().is_some_and(|running| shared.all_off(running).is_some());
    let status = match (running.as_ref(), shared.is_paused()) {
        _ if off => "off",
        (None, _) => "unconfigured",
        (Some(_), true) => "paused",
        (Some(_), false) => match standpoint.standing.tier {
            switchyard_domain::Tier::Hot => "ok",
            switchyard_domain::Tier::Warm => "degraded",
            switchyard_domain::Tier::Cold => "cold",
        },
    };
    let body = json!({
        "status": status,
        "tier": standpoint.standing.tier.as_str(),
        "mapVersion": running.as_ref().map(|running| running.version),
        "version": env!("CARGO_PKG_VERSION"),
    });
    reply::json(StatusCode::OK, body.to_string())
}

#[cfg(test)]
mod tests {
    use super::is_own_host;

    #[test]
    fn only_loopback_names_are_hosts_of_ours() {
        for own in ["127.0.0.1:4310", "127.0.0.1", "localhost:4310", "LOCALHOST", "[::1]:4310", "[::1]"] {
            assert!(is_own_host(own), "{own}");
        }
        for foreign in
            ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", "::1"]
        {
            assert!(!is_own_host(foreign), "{foreign}");
        }
    }
}
