//! Errors as Google writes them: <https://cloud.google.com/apis/design/errors#http_mapping>.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::ask::Refusal;
use crate::endpoint::Endpoint;
use crate::schema::{Misfit, Problem, Step};

const OVERLOADED: &str = "The model is overloaded. Please try again later.";
/// What a caller who is turned away for the rate is told to wait where the profile says nothing.
const RETRY_DELAY_S: u64 = 30;

/// The canonical code of an HTTP status.
fn status(code: u16) -> &'static str {
    match code {
        401 => "UNAUTHENTICATED",
        402 | 412 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        500 => "INTERNAL",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        400..=498 => "INVALID_ARGUMENT",
        _ => "UNKNOWN",
    }
}

pub(crate) fn error_body(refusal: &Refusal) -> Value {
    // What Google's `ErrorInfo` calls a reason is upper case; other codes are other vendors'.
    let reason = refusal.code.filter(|code| code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    let mut error = json!({
        "code": refusal.status, "message": refusal.message, "status": status(refusal.status),
    });
    let mut details = Vec::new();
    if let Some(reason) = reason {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "googleapis.com",
            "metadata": { "service": "generativelanguage.googleapis.com" },
        }));
    }
    if refusal.status == 429 {
        details.extend(quota_details(refusal));
    }
    if let Some(field) = refusal.param.as_deref().filter(|_| refusal.status == 400) {
        let mut violation = json!({ "description": refusal.message });
        if !field.is_empty() {
            violation["field"] = json!(field);
        }
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation],
        }));
    }
    if !details.is_empty() {
        error["details"] = Value::Array(details);
    }
    json!({ "error": error })
}

fn quota_details(refusal: &Refusal) -> Vec<Value> {
    let help = json!({
        "@type": "type.googleapis.com/google.rpc.Help",
        "links": [{
            "description": "Learn more about Gemini API quotas",
            "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
        }],
    });
    if refusal.code == Some("insufficient_quota") {
        // Nothing to wait for: the account owes money.
        return vec![help];
    }
    let quota = json!({
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
            "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
            "quotaDimensions": { "location": "global" },
            "quotaValue": "10",
        }],
    });
    let delay = refusal.retry_after_s.unwrap_or(RETRY_DELAY_S);
    let retry =
        json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{delay}s") });
    vec![quota, help, retry]
}

/// An error where a chunk would be. Google has no status 529; what is overloaded there is unavailable.
pub(crate) fn error_event(endpoint: &Endpoint, refusal: &Refusal) -> Bytes {
    let body =
        if refusal.status == 529 { error_body(&Refusal::new(503, OVERLOADED)) } else { error_body(refusal) };
    match endpoint.parameter("alt") {
        Some("sse") => format!("data: {body}\r\n\r\n").into(),
        // The chunk before it has ended in a comma.
        Some(_) | None => format!("{body}\n]").into(),
    }
}

pub(crate) fn malformed_event(endpoint: &Endpoint) -> Bytes {
    match endpoint.parameter("alt") {
        Some("sse") => Bytes::from_static(b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"te\r\n\r\n"),
        Some(_) | None => Bytes::from_static(b"{\"candidates\":[{\"content\":{\"parts\":[{\"te\n,\r\n"),
    }
}

/// What Google's JSON reader says to a body that is not the message it expects.
pub(crate) fn misfit(misfit: &Misfit) -> Refusal {
    let message = match &misfit.problem {
        Problem::Unknown => {
            let (name, at) = match misfit.path.split_last() {
                Some((Step::Key(name), before)) => (name.as_str(), path(before)),
                Some((Step::Index(_), _)) | None => ("", path(&misfit.path)),
            };
            let place = if at.is_empty() { String::new() } else { format!(" at '{at}'") };
            let message =
                format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.");
            return Refusal::field(at, message);
        }
        Problem::Missing => format!("* {}: is required", path(&misfit.path)),
        Problem::Type { expected, got } => {
            let first = expected.first().map_or("", String::as_str);
            format!("Invalid value at '{}' ({}), got {got}", path(&misfit.path), proto_type(first))
        }
        Problem::Value { got, .. } => {
            format!("Invalid value at '{}' (TYPE_ENUM), \"{got}\"", path(&misfit.path))
        }
        Problem::Other(reason) => format!("Invalid value at '{}': {reason}", path(&misfit.path)),
    };
    Refusal::field(path(&misfit.path), message)
}

fn proto_type(json_type: &str) -> &'static str {
    match json_type {
        "string" => "TYPE_STRING",
        "integer" => "TYPE_INT32",
        "number" => "TYPE_FLOAT",
        "boolean" => "TYPE_BOOL",
        "array" => "repeated field",
        _ => "TYPE_MESSAGE",
    }
}

/// `tools[0].function_declarations[0].parameters`: protobuf's names. Google numbers the entries of a map
/// (`properties[3].value`); here they keep their names, which helps more.
fn path(steps: &[Step]) -> String {
    let mut out = String::new();
    let mut in_map = false;
    for step in steps {
        match step {
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(&if in_map { key.clone() } else { snake(key) });
                in_map = !in_map && ["properties", "labels"].contains(&key.as_str());
            }
            Step::Index(at) => out.push_str(&format!("[{at}]")),
        }
    }
    out
}

fn snake(camel: &str) -> String {
    camel.chars().fold(String::new(), |mut out, c| {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        out
    })
}

/// What goes with a status, where nothing better is known:
/// <https://ai.google.dev/gemini-api/docs/troubleshooting>.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        400 => "Request contains an invalid argument.",
        401 => "Request had invalid authentication credentials.",
        402 | 403 => "The caller does not have permission",
        404 => "Requested entity was not found.",
        408 | 504 => "Deadline expired before operation could complete.",
        413 => "Request payload size exceeds the limit: 20971520 bytes.",
        429 => "You exceeded your current quota, please check your plan and billing details.",
        499 => "The operation was cancelled.",
        502 => "The service is currently unavailable.",
        503 | 529 => OVERLOADED,
        _ => "An internal error has occurred. Please retry.",
    }
}
