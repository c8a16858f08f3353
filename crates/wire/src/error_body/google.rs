//! Errors in Google's form, `google.rpc.Status` with its standard details (Google AIP-193).

use serde::Serialize;
use serde_json::{Map, Value};

use super::reply::ErrorReply;

#[derive(Serialize)]
struct Body<'a> {
    // Google's own client tells an error in a stream by what its JSON begins with.
    error: Status<'a>,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "@type")]
enum Detail<'a> {
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo { reason: &'a str, domain: &'static str },
    #[serde(rename = "type.googleapis.com/google.rpc.BadRequest", rename_all = "camelCase")]
    BadRequest { field_violations: [Violation<'a>; 1] },
    #[serde(rename = "type.googleapis.com/google.rpc.RetryInfo", rename_all = "camelCase")]
    RetryInfo { retry_delay: String },
    #[serde(rename = "type.googleapis.com/google.rpc.RequestInfo", rename_all = "camelCase")]
    RequestInfo { request_id: &'a str },
}

#[derive(Serialize)]
struct Violation<'a> {
    field: &'a str,
    description: &'a str,
}

pub(super) fn body(reply: &ErrorReply, retry_after_ms: Option<u64>) -> Vec<u8> {
    let message = reply.message.as_str();
    let reason = reply.code.as_deref();
    let field = reply.param.as_deref();
    let violation =
        |field| Detail::BadRequest { field_violations: [Violation { field, description: message }] };
    let delay = |ms: u64| Detail::RetryInfo { retry_delay: format!("{}.{:03}s", ms / 1_000, ms % 1_000) };
    let details = [
        reason.map(|reason| Detail::ErrorInfo { reason, domain: "switchyard" }),
        field.map(violation),
        retry_after_ms.map(delay),
        reply.request_id.as_deref().map(|request_id| Detail::RequestInfo { request_id }),
    ];
    let error = Status {
        code: reply.status,
        message,
        status: status(reply.status),
        details: details.into_iter().flatten().collect(),
    };
    // Strings and numbers alone cannot fail to serialize.
    serde_json::to_vec(&Body { error }).unwrap_or_default()
}

/// Whether an error object is in Google's form: its `status` is a word.
pub(super) fn is_status(error: &Map<String, Value>) -> bool {
    error.get("status").is_some_and(Value::is_string)
}

/// Adds the detail with this router's id of the request to an error of Google's own.
pub(super) fn name_request(error: &mut Map<String, Value>, request_id: &str) {
    let details = error.entry("details").or_insert_with(|| Value::Array(Vec::new()));
    if let (Value::Array(details), Ok(detail)) =
        (details, serde_json::to_value(Detail::RequestInfo { request_id }))
    {
        details.push(detail);
    }
}

/// The canonical code of an HTTP status (`google.rpc.Code`).
const fn status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_body::{Meaning, meaning, read_error};

    #[test]
    fn an_error_is_told_as_googles_clients_read_it() {
        let reply = ErrorReply {
            status: 503,
            kind: "overloaded_error".to_owned(),
            code: Some("queued".to_owned()),
            message: "Later.".to_owned(),
            param: Some("contents".to_owned()),
            request_id: Some("req_1".to_owned()),
        };
        let written = body(&reply, Some(2_050));
        assert!(written.starts_with(b"{\"error\":"), "by this a client knows an error in a stream");
        let told: serde_json::Value = serde_json::from_slice(&written).unwrap();
        insta::assert_json_snapshot!(told);
        let error = read_error(None, &written);
        assert_eq!((error.code.as_deref(), error.kind.as_deref()), (Some("queued"), Some("UNAVAILABLE")));
        assert_eq!((error.retry_after_ms, meaning(503, &error)), (Some(2_050), Meaning::Overloaded));
    }
}
