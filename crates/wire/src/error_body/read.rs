//! From any error body to [`UpstreamError`].

use memchr::memmem;
use serde_json::Value;

use super::redact::redact;
use super::{ErrorShape, MESSAGE_LIMIT, UpstreamError};

/// Bodies beyond this are not an error message; only their beginning is looked at.
const BODY_LIMIT: usize = 64 * 1024;

/// Reads an upstream's error body. Never fails: what cannot be understood is kept as text.
#[must_use]
pub fn read_error(content_type: Option<&str>, body: &[u8]) -> UpstreamError {
    let body = &body[..body.len().min(BODY_LIMIT)];
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        return from_json(&value);
    }
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() {
        return plain(ErrorShape::Empty, "the upstream sent an empty body");
    }
    if is_html(content_type, body) {
        let title = html_title(text).unwrap_or_else(|| "a web page without a title".to_owned());
        return plain(ErrorShape::Html, &title);
    }
    plain(ErrorShape::Text, text)
}

/// Whether a body is a web page, by its declared type or its first bytes.
pub(crate) fn is_html(content_type: Option<&str>, body: &[u8]) -> bool {
    let declared = content_type.is_some_and(|declared| {
        let declared = declared.trim_start().to_ascii_lowercase();
        declared.starts_with("text/html") || declared.starts_with("application/xhtml")
    });
    let start: Vec<u8> = body
        .iter()
        .skip_while(|byte| byte.is_ascii_whitespace())
        .take(14)
        .map(u8::to_ascii_lowercase)
        .collect();
    declared
        || [&b"<!doctype html"[..], b"<html", b"<head", b"<body"].iter().any(|tag| start.starts_with(tag))
}

fn html_title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let open = memmem::find(lower.as_bytes(), b"<title")?;
    let start = open + lower[open..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let words: Vec<&str> = page[start..end].split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn from_json(value: &Value) -> UpstreamError {
    match value {
        // Google's OpenAI-compatible endpoint wraps its error in a list.
        Value::Array(list) if list.len() == 1 => from_json(&list[0]),
        Value::Object(object) => match object.get("error") {
            Some(Value::Object(error)) => from_error_object(object, error),
            Some(Value::String(message)) => plain(ErrorShape::Json, message),
            _ => from_loose_object(object),
        },
        Value::String(message) => plain(ErrorShape::Json, message),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            plain(ErrorShape::Json, &value.to_string())
        }
    }
}

type Object = serde_json::Map<String, Value>;

fn from_error_object(outer: &Object, error: &Object) -> UpstreamError {
    let kind = text(error, "type").or_else(|| text(error, "status"));
    let shape = if text(outer, "type").as_deref() == Some("error") {
        ErrorShape::Anthropic
    } else if error.contains_key("status") {
        ErrorShape::Google
    } else {
        ErrorShape::OpenAi
    };
    // Google tells an invalid key only in its details: status 400, reason API_KEY_INVALID.
    let reason = error
        .get("details")
        .and_then(Value::as_array)
        .and_then(|details| details.iter().find_map(|detail| text(detail.as_object()?, "reason")));
    UpstreamError {
        shape,
        code: reason.or_else(|| text(error, "code")).map(|code| redact(&code, MESSAGE_LIMIT)),
        kind: kind.map(|kind| redact(&kind, MESSAGE_LIMIT)),
        message: message_or(text(error, "message"), error),
        param: text(error, "param").map(|param| redact(&param, MESSAGE_LIMIT)),
    }
}

fn from_loose_object(object: &Object) -> UpstreamError {
    let detail = object.get("detail").map(|detail| match detail {
        Value::String(message) => message.clone(),
        // FastAPI's validation errors: [{"loc":["body","model"],"msg":"field required"}].
        Value::Array(faults) => {
            faults.iter().filter_map(|fault| text(fault.as_object()?, "msg")).collect::<Vec<_>>().join("; ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => detail.to_string(),
    });
    let shape = if detail.is_some() { ErrorShape::FastApi } else { ErrorShape::Json };
    let said = detail.or_else(|| text(object, "message")).or_else(|| text(object, "Message"));
    UpstreamError {
        shape,
        code: text(object, "code").map(|code| redact(&code, MESSAGE_LIMIT)),
        kind: text(object, "type")
            .or_else(|| text(object, "__type"))
            .or_else(|| text(object, "object"))
            .map(|kind| redact(&kind, MESSAGE_LIMIT)),
        message: message_or(said, object),
        param: text(object, "param").map(|param| redact(&param, MESSAGE_LIMIT)),
    }
}

fn message_or(said: Option<String>, whole: &Object) -> String {
    let said = said.filter(|message| !message.trim().is_empty());
    let said = said.unwrap_or_else(|| serde_json::to_string(whole).unwrap_or_default());
    redact(&said, MESSAGE_LIMIT)
}

fn text(object: &Object, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn plain(shape: ErrorShape, message: &str) -> UpstreamError {
    UpstreamError { shape, code: None, kind: None, message: redact(message, MESSAGE_LIMIT), param: None }
}
