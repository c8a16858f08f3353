//! What went wrong with a try, as one failure. Never a URL's path or query, never a key.

use std::error::Error as _;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use switchyard_domain::map::{Outbound, Route};
use switchyard_domain::{Failure, FailureKind};
use switchyard_policy::Patience;
use switchyard_wire::{BodyFault, Meaning, UpstreamError, meaning, read_error};

use super::{chunk, direct};
use crate::core::clock;
use crate::core::vault::Key;
use crate::walk::encoding;
use crate::walk::request::OwnKey;

/// The code of a failure whose cause is a seal on a thought that is not the provider's own.
pub(super) const FOREIGN_SEAL: &str = "foreign_seal";
/// The code of a restarted stream that tells something else.
pub(crate) const RESTART_MISMATCH: &str = "restart_mismatch";
/// Enough for any provider's error body.
const ERROR_BODY_BYTES: usize = 64 * 1024;
/// An error body that does not come by itself is not waited for longer, milliseconds.
const ERROR_BODY_MS: u64 = 5_000;
/// No Retry-After beyond a day is believed.
const LONGEST_RETRY_AFTER_MS: u64 = 86_400_000;

/// Shorter values are words, not secrets; taking them out would only garble the message.
const SHORTEST_SECRET: usize = 8;

/// The keys of one try. Providers quote the key they refuse, and not every key looks like one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets(Vec<HeaderValue>);

impl Secrets {
    /// Our key and the caller's own.
    pub(super) fn of(key: Option<&Key>, own: Option<&OwnKey>) -> Self {
        let own = own.into_iter().flat_map(|own| own.headers.iter().map(|(_, value)| value.clone()));
        Self(key.and_then(Key::plain).cloned().into_iter().chain(own).collect())
    }

    /// These too: what was made of the keys.
    pub(super) fn and<'a>(&mut self, values: impl Iterator<Item = &'a HeaderValue>) {
        for value in values {
            if !self.0.contains(value) {
                self.0.push(value.clone());
            }
        }
    }

    /// The failure without these, and without the values of the headers that the map adds.
    pub(crate) fn taken_out(&self, mut failure: Failure, route: &Route) -> Failure {
        let keys = self.0.iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
        let added = route.headers.iter().map(|(_, value)| value.as_str());
        for value in keys.chain(added) {
            let secret = value.rsplit(' ').next().unwrap_or(value);
            if secret.len() < SHORTEST_SECRET {
                continue;
            }
            let texts = [failure.code.as_mut(), failure.verbatim.as_mut()];
            for text in std::iter::once(&mut failure.message).chain(texts.into_iter().flatten()) {
                if text.contains(secret) {
                    *text = text.replace(secret, "[redacted]");
                }
            }
        }
        failure
    }
}

/// The failure of an answer that was still coming when its time was over.
pub(super) fn too_slow(route: &Route) -> Failure {
    Failure::new(
        FailureKind::DeadlineExceeded,
        format!("{} did not finish its answer within the request's time.", route.host()),
    )
}

/// Reads an error reply.
pub(super) async fn read(response: Response<reqwest::Body>, route: &Route, patience: &Patience) -> Failure {
    let (head, mut rest) = response.into_parts();
    let mut body = Vec::new();
    let by = (clock::now().mono_ms + ERROR_BODY_MS).min(patience.ends_mono_ms());
    while body.len() < ERROR_BODY_BYTES {
        match clock::until(by, chunk(&mut rest)).await {
            Some(Some(Ok(chunk))) => {
                body.extend_from_slice(&chunk[..chunk.len().min(ERROR_BODY_BYTES - body.len())]);
            }
            Some(Some(Err(_)) | None) | None => break,
        }
    }
    from_status(head.status, &head.headers, &body, route)
}

/// The failure an error reply stands for.
fn from_status(status: StatusCode, headers: &HeaderMap, body: &[u8], route: &Route) -> Failure {
    if status.is_redirection() {
        let message =
            format!("{} redirects. Check the base URL; on a café network, sign in first.", route.host());
        return Failure { status: Some(status.as_u16()), ..Failure::new(FailureKind::Redirect, message) };
    }
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        let message = match &route.outbound {
            Outbound::Proxy(proxy) => format!("the proxy {}", proxy.shown()),
            Outbound::System | Outbound::Direct => "the proxy".to_owned(),
        };
        let message = format!("{}: {message} wants another user or password (407).", route.host());
        return Failure { status: Some(status.as_u16()), ..Failure::new(FailureKind::Connect, message) };
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let error_type = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let error = read_error(content_type, body).with_type(error_type);
    let meant = meaning(status.as_u16(), &error);
    let kind = kind_of(meant, status.as_u16());
    let own_code = (meant == Meaning::ForeignSeal).then(|| FOREIGN_SEAL.to_owned());
    Failure {
        kind,
        status: Some(status.as_u16()),
        message: said(&error, || format!("{} answered {status}.", route.host())),
        param: error.param,
        retry_after_ms: retry_after_ms(headers).or(error.retry_after_ms),
        verbatim: error.verbatim.filter(|_| own_code.is_none()),
        code: own_code.or(error.code).or(error.kind),
    }
}

/// The failure an error inside a stream or a 200 stands for.
pub(crate) fn in_band(error: &UpstreamError, route: &Route) -> Failure {
    // What another route tells differently is nobody's fault, and asking it again would not change it.
    if error.code.as_deref() == Some(RESTART_MISMATCH) {
        let message = format!("{}: {}.", route.host(), error.message);
        return Failure { code: error.code.clone(), ..Failure::new(FailureKind::NotTranslatable, message) };
    }
    let meant = kind_of(meaning(200, error), 200);
    let kind = if meant == FailureKind::ServerError { FailureKind::InBandError } else { meant };
    Failure {
        kind,
        status: None,
        message: said(error, || format!("{} reported an error inside its answer.", route.host())),
        param: error.param.clone(),
        code: error.code.clone().or_else(|| error.kind.clone()),
        retry_after_ms: error.retry_after_ms,
        verbatim: error.verbatim.clone(),
    }
}

/// The failure a 200 without an answer stands for.
pub(super) fn from_body(fault: &BodyFault, status: StatusCode, route: &Route) -> Failure {
    let kind = match fault {
        BodyFault::Empty => FailureKind::EmptyBody,
        BodyFault::Html { .. } => FailureKind::Html,
        BodyFault::NotJson(_) | BodyFault::NotAnAnswer { .. } => FailureKind::Malformed,
        BodyFault::Hollow { .. } => FailureKind::Unreadable,
        BodyFault::Error(error) => return in_band(error, route),
    };
    Failure { status: Some(status.as_u16()), ..Failure::new(kind, format!("{}: {fault}.", route.host())) }
}

/// The failure a broken exchange stands for.
pub(crate) fn from_reqwest(error: &reqwest::Error, route: &Route) -> Failure {
    if let Some(broken) = encoding::among::<encoding::Broken>(error) {
        let kind = if broken.is_cut { FailureKind::Cut } else { FailureKind::Malformed };
        return Failure::new(kind, format!("{} sent a body that can't be read: {broken}.", route.host()));
    }
    let hint = if error.is_connect() {
        Broke::Connecting { timed_out: error.is_timeout() }
    } else if error.is_timeout() {
        Broke::TimedOut
    } else if error.is_body() || error.is_decode() {
        Broke::InTheBody
    } else {
        Broke::Otherwise
    };
    from_chain(hint, error.source(), route)
}

/// The failure a broken exchange with a server on this machine stands for.
pub(super) fn from_direct(error: &direct::Error, route: &Route) -> Failure {
    let broke = match error {
        direct::Error::Connect(_) => Broke::Connecting { timed_out: false },
        direct::Error::Exchange(_) => Broke::Otherwise,
    };
    from_chain(broke, error.source(), route)
}

/// Where an exchange broke, as far as the client says.
#[derive(Clone, Copy, Debug)]
enum Broke {
    Connecting { timed_out: bool },
    TimedOut,
    InTheBody,
    Otherwise,
}

fn from_chain(broke: Broke, mut cause: Option<&(dyn std::error::Error + 'static)>, route: &Route) -> Failure {
    let host = match (&route.outbound, broke) {
        // It may be the proxy that can't be reached.
        (Outbound::Proxy(proxy), Broke::Connecting { .. }) => {
            format!("{} by the proxy {}", route.host(), proxy.shown())
        }
        (Outbound::Proxy(_) | Outbound::System | Outbound::Direct, _) => route.host(),
    };
    let mut chain = Vec::new();
    let mut io = None;
    while let Some(inner) = cause {
        chain.push(inner.to_string());
        io = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind).or(io);
        cause = inner.source();
    }
    let text = chain.join(": ").to_ascii_lowercase();
    let kind = match broke {
        Broke::Connecting { timed_out } => connecting(timed_out, io, &text),
        Broke::TimedOut => FailureKind::FirstByteTimeout,
        Broke::InTheBody => FailureKind::Cut,
        Broke::Otherwise => FailureKind::Reset,
    };
    // The innermost cause is the plainest: "Connection refused (os error 111)".
    let message = match chain.last() {
        Some(why) if why.to_ascii_lowercase().contains(kind.words()) => format!("{host}: {why}."),
        Some(why) => format!("{host}: {} ({why}).", kind.words()),
        None => format!("{host}: {}.", kind.words()),
    };
    Failure::new(kind, message)
}

fn connecting(timed_out: bool, io: Option<std::io::ErrorKind>, text: &str) -> FailureKind {
    if text.contains("dns error") || text.contains("failed to lookup") {
        FailureKind::Dns
    } else if timed_out || io == Some(std::io::ErrorKind::TimedOut) {
        FailureKind::ConnectTimeout
    } else if text.contains("certificate")
        || text.contains("tls")
        || io == Some(std::io::ErrorKind::InvalidData)
    {
        FailureKind::Tls
    } else {
        FailureKind::Connect
    }
}

fn said(error: &UpstreamError, otherwise: impl FnOnce() -> String) -> String {
    if error.message.trim().is_empty() { otherwise() } else { error.message.clone() }
}

fn kind_of(meaning: Meaning, status: u16) -> FailureKind {
    match meaning {
        Meaning::ContextLength => FailureKind::ContextLength,
        Meaning::ContentFilter => FailureKind::ContentFilter,
        Meaning::Billing => FailureKind::Unpaid,
        Meaning::Overloaded => FailureKind::Overloaded,
        Meaning::RateLimited => FailureKind::RateLimited,
        Meaning::InvalidKey => FailureKind::KeyRejected,
        Meaning::Permission => FailureKind::Forbidden,
        Meaning::ModelNotFound => FailureKind::ModelNotFound,
        Meaning::NotFound => FailureKind::EndpointNotFound,
        Meaning::TooLarge => FailureKind::TooLarge,
        Meaning::Timeout => FailureKind::UpstreamTimeout,
        Meaning::BadRequest | Meaning::ForeignSeal => FailureKind::BadRequest,
        Meaning::NotAnApi => FailureKind::Html,
        Meaning::Unknown if (400..500).contains(&status) => FailureKind::BadRequest,
        Meaning::Server | Meaning::Unknown => FailureKind::ServerError,
    }
}

/// `retry-after-ms`, or `Retry-After` in seconds or as a date (RFC 9110, 10.2.3).
fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()).and_then(whole_ms) {
        return Some(ms);
    }
    let text = text("retry-after")?;
    if let Some(ms) = text.parse::<f64>().ok().map(|seconds| seconds * 1_000.0).and_then(whole_ms) {
        return Some(ms);
    }
    let at = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let left = i64::try_from(at.as_millis()).ok()? - clock::now().wall_ms;
    Some(u64::try_from(left).unwrap_or(0).min(LONGEST_RETRY_AFTER_MS))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded on both sides just before"
)]
fn whole_ms(ms: f64) -> Option<u64> {
    ms.is_finite().then(|| ms.clamp(0.0, 86_400_000.0).ceil() as u64)
}
