//! Who may talk to the control server: this machine's programs that hold the token. A web page in a browser on
//! the same machine may not, whatever name it gives this address (DNS rebinding) and whatever it sends here.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use switchyard_domain::Problem;

use crate::access::Access;
use crate::alerts::Alerts;
use crate::refusal::Refusal;
use crate::ui;

/// The most a control request's body may be; the largest is a routing map.
const MOST_BODY: usize = 2 * 1024 * 1024;
/// A body that does not come is given up after this.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Lets a request through with its whole body, or says why not.
pub(crate) async fn check(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let answer = match refused(&access, &request) {
        Some(problem) => Err(problem),
        None => whole(request).await,
    };
    let mut response = match answer {
        Ok(request) => next.run(request).await,
        Err(problem) => Refusal(problem).into_response(),
    };
    for (name, value) in SAFE {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

const SAFE: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Takes in the body, within a size and a time: nobody holds a handler by sending slowly. What everybody may ask for
/// has no body.
async fn whole(request: Request) -> Result<Request, Problem> {
    let open = is_open(&request);
    let (parts, body) = request.into_parts();
    if open {
        return Ok(Request::from_parts(parts, Body::empty()));
    }
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MOST_BODY)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(error)) if is_too_long(&error) => {
            Err(Problem::new("too_large", "The body is larger than 2 MB, the most a control request may be."))
        }
        Ok(Err(_)) => Err(Problem::new("invalid_body", "The body broke off before its end. Send it again.")),
        Err(_) => Err(Problem::new("body_timeout", "The body did not come within 30 seconds.")),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>)
}

fn refused(access: &Access, request: &Request) -> Option<Problem> {
    let headers = request.headers();
    if Alerts::are_meant(request.method(), request.uri().path()) {
        return alert_refused(access, request);
    }
    // A target may name a host, too (RFC 9112, 3.2.2); two opinions are one too many.
    let target = request.uri().authority().is_none_or(|target| is_local(target.as_str()));
    let Some(host) = one(headers, &header::HOST).filter(|host| target && is_local(host)) else {
        let message =
            "The control API is asked for as 127.0.0.1, localhost or [::1]; any other Host is refused.";
        return Some(Problem::new("host_refused", message));
    };
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if !origins.all(|origin| origin.to_str().is_ok_and(|origin| origin.strip_prefix("http://") == Some(host)))
    {
        let message = "Web pages of other origins may not use the control API.";
        return Some(Problem::new("origin_refused", message));
    }
    if is_open(request) || offered(headers).is_some_and(|offered| access.opens(offered)) {
        return None;
    }
    let message = "This needs the control token of this start: send `Authorization: Bearer <token>`. The token is in `control.token` in the data directory; `switchyard link` opens the window.";
    Some(Problem::new("unauthorized", message))
}

/// What is against a budget alert: it may come through a tunnel, and has a secret of its own.
fn alert_refused(access: &Access, request: &Request) -> Option<Problem> {
    let (headers, path) = (request.headers(), request.uri().path());
    let taken =
        one(headers, &header::HOST).is_some_and(|host| is_local(host) || access.alerts.takes_host(host));
    if !taken {
        let message = "Budget alerts are taken at 127.0.0.1, and at the hosts that `budget.webhookHosts` lists in the map.";
        return Some(Problem::new("host_refused", message));
    }
    (!access.alerts.opens(headers, path)).then(Alerts::unauthorized)
}

/// The window's files and the health check hold nothing of the user's; a link's code is a proof of its own.
fn is_open(request: &Request) -> bool {
    let path = request.uri().path();
    match *request.method() {
        Method::GET | Method::HEAD => path == "/health" || ui::has(path),
        Method::POST => path == "/v1/window/session",
        _ => false,
    }
}

/// A header that was sent exactly once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn is_local(host: &str) -> bool {
    host.parse::<Authority>().is_ok_and(|authority| {
        !host.contains('@')
            && (["127.0.0.1", "[::1]"].contains(&authority.host())
                || authority.host().eq_ignore_ascii_case("localhost"))
    })
}

/// What is offered as a bearer token, once.
pub(crate) fn offered(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = one(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::ControlToken;

    /// Path, Host, Origin, Authorization, and the code of the refusal.
    type Case =
        (&'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>, &'static str);

    fn access() -> Access {
        let alerts = Alerts::new(ControlToken::given("alert"), |host| host == "hooks.example.com");
        Access::new(ControlToken::given("right"), String::new(), alerts)
    }

    #[test]
    fn only_local_programs_with_the_token_get_in() {
        let bearer = Some("Bearer right");
        let cases: &[Case] = &[
            ("/v1/snapshot", Some("127.0.0.1:4311"), None, bearer, ""),
            ("/v1/snapshot", Some("localhost"), None, Some("bearer right"), ""),
            ("/v1/snapshot", Some("[::1]:9"), None, bearer, ""),
            ("/v1/snapshot", Some("localhost:4311"), Some("http://localhost:4311"), bearer, ""),
            ("/health", Some("127.0.0.1:4311"), None, None, ""),
            ("/", Some("127.0.0.1:4311"), None, None, ""),
            ("/v1/snapshot", Some("127.0.0.1:4311"), None, None, "unauthorized"),
            ("/v1/snapshot", Some("127.0.0.1:4311"), None, Some("Bearer wrong"), "unauthorized"),
            ("/v1/snapshot", Some("127.0.0.1:4311"), None, Some("right"), "unauthorized"),
            ("/openapi.json", Some("127.0.0.1:4311"), None, None, "unauthorized"),
            ("/nothing/here", Some("127.0.0.1:4311"), None, None, "unauthorized"),
            ("/../Cargo.toml", Some("127.0.0.1:4311"), None, None, "unauthorized"),
            ("http://127.0.0.1:4311/v1/snapshot", Some("127.0.0.1:4311"), None, bearer, ""),
            ("http://evil.example/v1/snapshot", Some("127.0.0.1:4311"), None, bearer, "host_refused"),
            ("/v1/snapshot", None, None, bearer, "host_refused"),
            ("/health", Some("evil.example:4311"), None, None, "host_refused"),
            ("/health", Some("127.0.0.1.evil.example"), None, None, "host_refused"),
            ("/health", Some("x@127.0.0.1"), None, None, "host_refused"),
            ("/v1/snapshot", Some("127.0.0.1:4311"), Some("http://evil.example"), bearer, "origin_refused"),
            ("/v1/snapshot", Some("127.0.0.1:4311"), Some("http://127.0.0.1:1"), bearer, "origin_refused"),
            ("/v1/snapshot", Some("127.0.0.1:4311"), Some("null"), bearer, "origin_refused"),
        ];
        for (path, host, origin, authorization, code) in cases {
            let mut request = Request::builder().uri(*path);
            let headers =
                [(header::HOST, host), (header::ORIGIN, origin), (header::AUTHORIZATION, authorization)];
            for (name, value) in headers {
                request = value.iter().fold(request, |request, value| request.header(&name, *value));
            }
            let request = request.body(Body::empty()).unwrap();
            let got = refused(&access(), &request).map(|problem| problem.code);
            assert_eq!(
                got.as_deref().unwrap_or_default(),
                *code,
                "{path} {host:?} {origin:?} {authorization:?}"
            );
        }
    }

    #[test]
    fn the_window_is_read_never_written() {
        let request = Request::post("/").header(header::HOST, "localhost").body(Body::empty()).unwrap();
        let got = refused(&access(), &request).map(|problem| problem.code);
        assert_eq!(got.as_deref(), Some("unauthorized"));
    }
}
