//! Who may talk to the control server: this machine's programs that hold the token. A web page in a browser on
//! the same machine may not, whatever name it gives this address (DNS rebinding) and whatever it sends here.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use switchyard_domain::Problem;

use crate::place::ControlToken;
use crate::refusal::Refusal;
use crate::ui;

/// Lets a request through, or says why not.
pub(crate) async fn check(State(token): State<ControlToken>, request: Request, next: Next) -> Response {
    let mut response = match refused(&token, &request) {
        Some(problem) => Refusal(problem).into_response(),
        None => next.run(request).await,
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

fn refused(token: &ControlToken, request: &Request) -> Option<Problem> {
    let headers = request.headers();
    let Some(host) = one(headers, &header::HOST).filter(|host| is_local(host)) else {
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
    if is_open(request) || offered(headers).is_some_and(|offered| token.opens(offered)) {
        return None;
    }
    let message = "This needs the control token: send `Authorization: Bearer <token>`. The token is in `control.token` in the data directory.";
    Some(Problem::new("unauthorized", message))
}

/// The window's files and the health check hold nothing of the user's.
fn is_open(request: &Request) -> bool {
    let path = request.uri().path();
    matches!(*request.method(), Method::GET | Method::HEAD) && (path == "/health" || ui::has(path))
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

fn offered(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = one(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    const TOKEN: &str = "right";
    /// Path, Host, Origin, Authorization, and the code of the refusal.
    type Case =
        (&'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>, &'static str);

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
            let got = refused(&ControlToken::given(TOKEN), &request).map(|problem| problem.code);
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
        let got = refused(&ControlToken::given(TOKEN), &request).map(|problem| problem.code);
        assert_eq!(got.as_deref(), Some("unauthorized"));
    }
}
