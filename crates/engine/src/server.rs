//! The proxy's listener: who may knock, what paths there are, how large a body may be.

mod body;
mod jobs;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use serde_json::json;
use switchyard_domain::limits::{NAME_BYTES, quoted};
use switchyard_domain::map::Defaults;
use switchyard_domain::view::{Outcome, RequestView};
use switchyard_domain::{Dialect, Now, Operation, Problem, RequestId};
use switchyard_wire::ErrorReply;
use switchyard_wire::models::{model_entry, model_list};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::Full;
use crate::clock;
use crate::ids;
use crate::intake::{Arrival, Ask};
use crate::listener::{self, Gate};
use crate::local_keys::{App, Caller};
use crate::pipeline;
use crate::record::{Ending, Record};
use crate::reply::{self, Reply};
use crate::shared::{Running, Shared, lock};

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
    shared: Arc<Shared>,
    listener: TcpListener,
    stop: CancellationToken,
    open: TaskTracker,
) {
    let most = Arc::clone(&shared);
    let gate = Gate {
        name: "proxy",
        most: Box::new(move || {
            let running = most.running.load();
            let in_flight =
                running.as_ref().map_or(Defaults::MAX_IN_FLIGHT, |running| running.map.limits.max_in_flight);
            most.budget.proxy_connections(in_flight)
        }),
        // A caller's answer is paid for.
        work_gives_way: false,
        stop,
        open,
    };
    listener::accept(listener, gate, service_fn(move |request| handle(Arc::clone(&shared), request))).await;
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let id = ids::request();
    let (parts, mut body) = request.into_parts();
    let expects = parts.headers.contains_key(header::EXPECT);
    let mut reply = match route(&shared, parts, &mut body, &id).await {
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
        reply.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    Ok(reply)
}

/// Answers are one program's alone: no browser guesses their type, lends them to a page, or keeps them.
const SAFE: [(header::HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
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
    check_origin(shared, &parts, dialect)?;
    match (&parts.method, below) {
        (&Method::GET | &Method::HEAD, "/health") => Ok(health(shared)),
        (
            &Method::POST,
            "/chat/completions" | "/responses" | "/embeddings" | "/messages" | "/messages/count_tokens",
        ) => {
            let running = running(shared, dialect)?;
            let (app, own_upstream_key) = caller(shared, &running, &parts.headers, dialect)?;
            let place = shared.admission.enter(&running.map, &app.name);
            let place = place.map_err(|full| turned_away(shared, full, &app.name, dialect, id, arrived))?;
            let body = body::read(&parts.headers, body, &running, &place, dialect).await;
            let body = body.map_err(|refused| match refused {
                body::Refused::Full(full) => turned_away(shared, full, &app.name, dialect, id, arrived),
                body::Refused::Unfit(refusal) => refusal,
            })?;
            let arrival = Arrival {
                id: id.clone(),
                client: app.name,
                client_id: app.id,
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
            let (app, _) = caller(shared, &running, &parts.headers, dialect)?;
            let job = below.trim_start_matches("/switchyard/jobs/");
            jobs::poll(shared, job, &app, dialect).await
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
) -> Result<(App, bool), Refusal> {
    let message = match shared.local_keys.caller(headers) {
        Caller::Known { app, own_upstream_key } => return Ok((app, own_upstream_key)),
        Caller::Missing | Caller::Wrong if !running.map.flags.require_client_key => {
            return Ok((shared.local_keys.keyless(), false));
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
fn check_origin(shared: &Shared, parts: &Parts, dialect: Dialect) -> Result<(), Refusal> {
    if from_a_page(&parts.headers) {
        let message =
            "Requests from web pages are not taken. Call the router from a server or a command line.";
        return Err(Refusal::new(dialect, 403, "browser_origin", message));
    }
    let foreign = match named_host(parts) {
        Ok(host) if is_own_host(host) => return Ok(()),
        Ok(host) => {
            let host = host.escape_debug().to_string();
            format!("The Host `{}` is not this router's.", quoted(&host, NAME_BYTES))
        }
        Err(why) => why.to_owned(),
    };
    let message = format!("{foreign} Use {}.", lock(&shared.proxy_url));
    Err(Refusal::new(dialect, 421, "wrong_host", message))
}

/// Whether a browser sent this for a page. It says so by Origin, or by Sec-Fetch-Site, which a page can't set: only
/// what a person typed comes without a site (`none`), and other programs send neither.
fn from_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        || headers.get_all("sec-fetch-site").iter().any(|site| !site.as_bytes().eq_ignore_ascii_case(b"none"))
}

/// The one host a request is for. Two Host headers, or a target that names another host (RFC 9112, 3.2.2), are two
/// opinions, and whoever stands before us may hold the other one.
fn named_host(parts: &Parts) -> Result<&str, &'static str> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    if hosts.next().is_some() {
        return Err("A request names one Host.");
    }
    match parts.uri.authority() {
        Some(target) if !is_own_host(target.as_str()) => Ok(target.as_str()),
        Some(_) | None => Ok(host),
    }
}

/// Whether a Host header names this machine's loopback.
pub(crate) fn is_own_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    matches!(name, "127.0.0.1" | "[::1]") || name.eq_ignore_ascii_case("localhost")
}

/// How the router is doing, in one word. Always 200: it answers; whether callers get answers is the word's matter, and a
/// provider's outage is no reason to start the router anew.
fn health(shared: &Shared) -> Reply {
    let (health, tier) = crate::snapshot::health(shared);
    let body = json!({
        "status": health.as_str(),
        "tier": tier.as_str(),
        "mapVersion": shared.running.load().as_ref().map(|running| running.version),
        "version": env!("CARGO_PKG_VERSION"),
    });
    reply::json(StatusCode::OK, body.to_string())
}

#[cfg(test)]
mod tests {
    use super::{from_a_page, is_own_host, named_host};
    use http::Request;

    #[test]
    fn a_request_names_one_host_and_it_is_ours() {
        // Target, Host headers, and whether it is let in.
        let cases: &[(&str, &[&str], bool)] = &[
            ("/v1/models", &["127.0.0.1:4310"], true),
            ("/v1/models", &["127.0.0.1:4310", "evil.example"], false),
            ("/v1/models", &["127.0.0.1:4310", "127.0.0.1:4310"], false),
            ("/v1/models", &["evil.example", "127.0.0.1:4310"], false),
            ("/v1/models", &[], false),
            ("http://127.0.0.1:4310/v1/models", &["127.0.0.1:4310"], true),
            ("http://evil.example/v1/models", &["127.0.0.1:4310"], false),
            ("http://x@127.0.0.1:4310/v1/models", &["127.0.0.1:4310"], false),
            ("http://127.0.0.1:4310/v1/models", &["evil.example"], false),
        ];
        for (target, hosts, fine) in cases {
            let request =
                hosts.iter().fold(Request::get(*target), |request, host| request.header("host", *host));
            let parts = request.body(()).unwrap().into_parts().0;
            assert_eq!(named_host(&parts).is_ok_and(is_own_host), *fine, "{target} {hosts:?}");
        }
    }

    #[test]
    fn what_a_page_sends_is_told_by_its_origin_or_its_site() {
        let cases = [
            (None, None, false),
            (None, Some("none"), false),
            (None, Some("cross-site"), true),
            (None, Some("same-site"), true),
            (None, Some("same-origin"), true),
            (None, Some(""), true),
            (Some("null"), None, true),
        ];
        for (origin, site, page) in cases {
            let mut headers = http::HeaderMap::new();
            let mut put = |name, value: Option<&'static str>| {
                value.and_then(|value| headers.insert(name, http::HeaderValue::from_static(value)))
            };
            put("origin", origin);
            put("sec-fetch-site", site);
            assert_eq!(from_a_page(&headers), page, "{origin:?} {site:?}");
        }
    }

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
