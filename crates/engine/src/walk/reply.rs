//! What callers hear: answers, errors in their dialect, and the queue's receipts.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use serde_json::json;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use switchyard_domain::limits::{HEADER_BYTES, NAME_BYTES, SENTENCE_BYTES, bounded};
use switchyard_domain::{Dialect, Failure, FailureKind, RequestId, RouteId, Tier, Usd};
use switchyard_wire::gemini::JsonList;
use switchyard_wire::{ErrorReply, error_response_after, verbatim_error};

use crate::walk::header_names;
use crate::walk::idempotency::{Leader, SharedReply};
use crate::walk::request::ProxyRequest;
use crate::walk::stream_body::StreamBody;

/// A response's body.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// All of it at once.
    Whole(Option<Bytes>),
    /// A relayed stream, and those who wait for its end.
    Stream(
        Box<StreamBody>,
        #[expect(dead_code, reason = "dropped with the stream, which lets those who wait go")] Option<Leader>,
    ),
}

/// A response to a caller.
pub(crate) type Reply = Response<ReplyBody>;

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => {
                Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(|b| Ok(Frame::data(b))))
            }
            Self::Stream(relay, _) => Pin::new(relay.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Stream(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(..) => SizeHint::default(),
        }
    }
}

/// What the response headers say of the way a request took.
#[derive(Clone, Debug)]
pub(crate) struct RoutingHeaders<'a> {
    pub(crate) id: &'a RequestId,
    pub(crate) route: Option<&'a RouteId>,
    pub(crate) tier: Option<Tier>,
    pub(crate) attempts: u32,
    pub(crate) degraded: bool,
    pub(crate) lost: &'a [String],
    /// The model asked for, where the map knows none of this name and its order decided.
    pub(crate) unknown_model: Option<&'a str>,
    /// What the request's tries have cost, where that is known already.
    pub(crate) cost: Option<Usd>,
}

impl<'a> RoutingHeaders<'a> {
    /// A request that no route answered.
    pub(crate) fn none(id: &'a RequestId, attempts: u32) -> Self {
        Self {
            id,
            route: None,
            tier: None,
            attempts,
            degraded: false,
            lost: &[],
            unknown_model: None,
            cost: None,
        }
    }

    /// Writes the headers.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        // The official SDKs show a request's id from one of these; an upstream's own stays as it came.
        let shown = [&header_names::X_REQUEST_ID, &header_names::REQUEST_ID];
        let is_shown = shown.iter().any(|name| headers.contains_key(*name));
        headers.reserve(if is_shown { 5 } else { 7 });
        let mut put = |name: &'static HeaderName, value: Option<HeaderValue>| {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        };
        let id = HeaderValue::from_str(self.id.as_str()).ok();
        if !is_shown {
            shown.into_iter().for_each(|name| put(name, id.clone()));
        }
        put(&header_names::SWITCHYARD_REQUEST_ID, id);
        put(&header_names::ROUTE, self.route.and_then(|route| HeaderValue::from_str(route.as_str()).ok()));
        put(&header_names::TIER, self.tier.map(|tier| HeaderValue::from_static(tier.as_str())));
        put(&header_names::ATTEMPTS, Some(HeaderValue::from(self.attempts)));
        let degraded = HeaderValue::from_static(if self.degraded { "true" } else { "false" });
        put(&header_names::DEGRADED, Some(degraded));
        let asked = self.unknown_model.and_then(|name| HeaderValue::from_str(&printable(name)).ok());
        put(&header_names::MODEL_ASKED, asked);
        put(&header_names::COST, self.cost.and_then(|cost| HeaderValue::from_str(&cost.decimal()).ok()));
        if !self.lost.is_empty() {
            put(&header_names::DEGRADATIONS, HeaderValue::from_str(&listed(self.lost)).ok());
        }
    }
}

/// A list as a header's value: what fits, and how many did not.
fn listed(items: &[String]) -> String {
    // Room for `; +` and a count.
    let most = HEADER_BYTES - 16;
    let mut value = String::new();
    for (at, item) in items.iter().enumerate() {
        if value.len() + 2 + item.len() > most {
            let _ = write!(value, "; +{}", items.len() - at);
            break;
        }
        if at > 0 {
            value.push_str(", ");
        }
        value.push_str(&printable(item));
    }
    value.trim_start_matches("; ").to_owned()
}

/// Only printable ASCII travels in a header unharmed.
fn printable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}

/// A JSON response.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(ReplyBody::Whole(Some(body.into())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// An error in the caller's dialect.
pub(crate) fn error(dialect: Dialect, reply: &ErrorReply) -> Reply {
    error_after(dialect, reply, None)
}

/// The same of an error that may be asked about again after so many milliseconds.
pub(crate) fn error_after(dialect: Dialect, reply: &ErrorReply, retry_after_ms: Option<u64>) -> Reply {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, written(dialect, reply, retry_after_ms));
    if let Some(id) = reply.request_id.as_deref() {
        RoutingHeaders::none(&RequestId::from(id), 0).mark(response.headers_mut());
    }
    response
}

/// An error's body. What a caller sent may be quoted in it, and is not sent back at length.
fn written(dialect: Dialect, reply: &ErrorReply, retry_after_ms: Option<u64>) -> Vec<u8> {
    let is_short = reply.message.len() <= SENTENCE_BYTES
        && reply.param.as_ref().is_none_or(|param| param.len() <= NAME_BYTES);
    if is_short {
        return error_response_after(dialect, reply, retry_after_ms);
    }
    let message = bounded(reply.message.clone(), SENTENCE_BYTES);
    let param = reply.param.clone().map(|param| bounded(param, NAME_BYTES));
    error_response_after(dialect, &ErrorReply { message, param, ..reply.clone() }, retry_after_ms)
}

/// A failure that is the caller's to know: the upstream's reason in the caller's dialect.
pub(crate) fn failure(dialect: Dialect, failure: &Failure, routing: &RoutingHeaders<'_>) -> Reply {
    let status = caller_status(failure);
    // Where the caller gets the provider's own status it gets its error too, if it speaks the same dialect.
    let is_own = failure.status.is_none_or(|own| own == status.as_u16());
    let verbatim = failure.verbatim.as_deref().filter(|_| is_own);
    let body =
        verbatim.and_then(|error| verbatim_error(dialect, error, &failure.message, routing.id.as_str()));
    let otherwise = || {
        let reply = ErrorReply {
            status: status.as_u16(),
            kind: String::new(),
            code: failure.code.clone().or_else(|| Some(failure.kind.as_str().to_owned())),
            message: failure.message.clone(),
            param: failure.param.clone(),
            request_id: Some(routing.id.as_str().to_owned()),
        };
        written(dialect, &reply, failure.retry_after_ms)
    };
    let mut response = json(status, body.unwrap_or_else(otherwise));
    if failure.kind == FailureKind::Unreadable {
        // SDKs ask again after a 502; this answer was paid for, and would come again.
        response.headers_mut().insert(&header_names::SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if let Some(ms) = failure.retry_after_ms {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
    }
    routing.mark(response.headers_mut());
    response
}

/// The status a caller gets for a failure.
pub(crate) fn caller_status(failure: &Failure) -> StatusCode {
    match failure.kind {
        FailureKind::BadRequest => failure
            .status
            .filter(|status| (400..500).contains(status))
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::BAD_REQUEST),
        FailureKind::ContextLength | FailureKind::ContentFilter | FailureKind::NotTranslatable => {
            StatusCode::BAD_REQUEST
        }
        FailureKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        FailureKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        FailureKind::FirstByteTimeout
        | FailureKind::FirstTokenTimeout
        | FailureKind::IdleTimeout
        | FailureKind::DeadlineExceeded
        | FailureKind::UpstreamTimeout
        | FailureKind::ConnectTimeout => StatusCode::GATEWAY_TIMEOUT,
        FailureKind::Overloaded
        | FailureKind::NoRoute
        | FailureKind::Paused
        | FailureKind::Shed
        | FailureKind::AllOff
        | FailureKind::Offline
        | FailureKind::CredentialMissing
        | FailureKind::KeyRejected
        | FailureKind::Forbidden
        | FailureKind::Unpaid => StatusCode::SERVICE_UNAVAILABLE,
        FailureKind::BudgetExhausted => StatusCode::PAYMENT_REQUIRED,
        FailureKind::ModelNotFound => StatusCode::NOT_FOUND,
        FailureKind::ClientAborted => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        FailureKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        FailureKind::Dns
        | FailureKind::Connect
        | FailureKind::Tls
        | FailureKind::Reset
        | FailureKind::Cut
        | FailureKind::Malformed
        | FailureKind::Unreadable
        | FailureKind::EmptyBody
        | FailureKind::Html
        | FailureKind::Redirect
        | FailureKind::InBandError
        | FailureKind::ServerError
        | FailureKind::EndpointNotFound => StatusCode::BAD_GATEWAY,
    }
}

/// The 202 of a queued request.
pub(crate) fn queued(
    job_id: &str,
    existing: bool,
    retry_after_s: u64,
    routing: &RoutingHeaders<'_>,
) -> Reply {
    let location = location(job_id);
    let body = json!({ "status": "queued", "id": job_id, "location": location, "existing": existing });
    let mut reply = json(StatusCode::ACCEPTED, body.to_string());
    if let Ok(value) = HeaderValue::from_str(&location) {
        reply.headers_mut().insert(header::LOCATION, value);
    }
    reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
    routing.mark(reply.headers_mut());
    reply
}

/// Where a queued request is polled.
pub(crate) fn location(job_id: &str) -> String {
    format!("/v1/switchyard/jobs/{job_id}")
}

/// A canned completion in the caller's dialect.
pub(crate) fn template(request: &ProxyRequest, text: &str, routing: &RoutingHeaders<'_>) -> Reply {
    let (model, stream) = (request.envelope.model.as_str(), request.envelope.stream);
    let created_unix_s = u64::try_from(request.arrived.wall_ms / 1_000).unwrap_or(0);
    let (body, content_type) = crate::walk::template::render(
        request.dialect,
        routing.id.as_str(),
        model,
        text,
        stream,
        created_unix_s,
    );
    let mut reply = json(StatusCode::OK, body);
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    routing.mark(reply.headers_mut());
    reply
}

/// Shares the reply of the first request with a key with those who wait for it; a stream can't be shared, so it only
/// keeps them waiting until it ends.
pub(crate) fn share(reply: Reply, mut first: Leader) -> Reply {
    let (parts, body) = reply.into_parts();
    let body = match body {
        ReplyBody::Whole(body) => {
            first.tell(SharedReply {
                status: parts.status,
                headers: parts.headers.clone(),
                body: body.clone().unwrap_or_default(),
            });
            ReplyBody::Whole(body)
        }
        ReplyBody::Stream(stream, _) => {
            first.streams(stream.completed());
            ReplyBody::Stream(stream, Some(first))
        }
    };
    Response::from_parts(parts, body)
}

/// The reply that the first request with a key got, under the second one's id.
pub(crate) fn shared(told: &SharedReply, id: &RequestId) -> Reply {
    let mut reply = Response::new(ReplyBody::Whole(Some(told.body.clone())));
    *reply.status_mut() = told.status;
    *reply.headers_mut() = told.headers.clone();
    let headers = reply.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(HeaderName::from_static("x-switchyard-request-id"), id);
    }
    headers.insert(HeaderName::from_static("x-switchyard-shared"), HeaderValue::from_static("true"));
    reply
}

/// A stream as one JSON list, for a caller that did not ask for server-sent events.
pub(crate) fn as_list(mut reply: Reply) -> Reply {
    let is_stream = |value: &HeaderValue| value.as_bytes().starts_with(b"text/event-stream");
    if !reply.headers().get(header::CONTENT_TYPE).is_some_and(is_stream) {
        return reply;
    }
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match reply.body_mut() {
        ReplyBody::Stream(relay, _) => relay.as_list(),
        ReplyBody::Whole(body) => {
            let mut list = JsonList::default();
            let mut written = list.push(body.as_deref().unwrap_or_default());
            written.extend_from_slice(list.close().unwrap_or_default());
            *body = Some(written.into());
        }
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_header_of_ours_is_longer_than_a_client_takes() {
        let id = RequestId::from("req_1");
        for count in [1, 2, 65, 10_000] {
            let lost: Vec<String> =
                (0..count).map(|at| format!("field_dropped messages[{at}].näme")).collect();
            let mut headers = HeaderMap::new();
            RoutingHeaders { lost: &lost, ..RoutingHeaders::none(&id, 1) }.mark(&mut headers);
            let told = headers["x-switchyard-degradations"].to_str().unwrap();
            assert!(told.starts_with("field_dropped messages[0].n?me"), "{told}");
            assert!(told.len() <= HEADER_BYTES, "{} bytes", told.len());
            let rest = told.rsplit_once("; +").map_or(0, |(_, rest)| rest.parse::<usize>().unwrap());
            assert_eq!(told.split(", ").count() + rest, count, "{told}");
        }
        let mut headers = HeaderMap::new();
        RoutingHeaders { lost: &["x".repeat(5_000), "y".to_owned()], ..RoutingHeaders::none(&id, 1) }
            .mark(&mut headers);
        assert_eq!(headers["x-switchyard-degradations"], "+2");
    }

    #[test]
    fn an_error_quotes_no_value_at_length() {
        let reply = ErrorReply {
            status: 400,
            kind: String::new(),
            code: None,
            message: "A".repeat(20_000_000),
            param: Some("p".repeat(100_000)),
            request_id: None,
        };
        for dialect in Dialect::ALL {
            assert!(written(dialect, &reply, Some(1)).len() < 3_000);
        }
    }

    #[test]
    fn a_shared_reply_goes_out_under_the_second_requests_id() {
        let headers = HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("x"))]);
        let told = SharedReply { status: StatusCode::ACCEPTED, headers, body: Bytes::from_static(b"{}") };
        let reply = shared(&told, &RequestId::from("req_2"));
        assert_eq!(reply.status(), StatusCode::ACCEPTED);
        assert_eq!(reply.headers()["x-switchyard-request-id"], "req_2");
        assert_eq!(reply.headers()["etag"], "x");
    }
}
