//! From any error body to [`UpstreamError`].

use memchr::memmem;
use serde_json::{Value, json};

use super::google;
use super::redact::redact;
use super::{ErrorShape, MESSAGE_LIMIT, UpstreamError, VERBATIM_LIMIT};

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
    let begins = |text: &[u8], with: &[u8]| {
        text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    let declared = content_type.unwrap_or_default().trim_ascii_start().as_bytes();
    let body = body.trim_ascii_start();
    [&b"text/html"[..], b"application/xhtml"].iter().any(|kind| begins(declared, kind))
        || [&b"<!doctype html"[..], b"<html", b"<head", b"<body"].iter().any(|tag| begins(body, tag))
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
        // Google's streams and its OpenAI-compatible endpoint wrap an error in a list.
        Value::Array(list) if list.first().is_some_and(|first| first.get("error").is_some()) => {
            from_json(&list[0])
        }
        Value::Object(object) => from_object(object),
        Value::String(message) => plain(ErrorShape::Json, message),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            plain(ErrorShape::Json, &value.to_string())
        }
    }
}

type Object = serde_json::Map<String, Value>;

fn from_object(object: &Object) -> UpstreamError {
    // `response.failed` of the Responses API carries the whole response.
    if let Some(Value::Object(response)) = object.get("response") {
        return from_object(response);
    }
    // OpenRouter tells an error within its choice.
    let choice = object.get("choices").and_then(|choices| choices.get(0)?.get("error"));
    match object.get("error").filter(|error| !error.is_null()).or(choice) {
        Some(Value::Object(error)) => from_error_object(object, error),
        Some(Value::String(message)) => plain(ErrorShape::Json, message),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => {
            from_loose_object(object)
        }
    }
}

fn from_error_object(outer: &Object, error: &Object) -> UpstreamError {
    let message = text(error, "message").unwrap_or_default();
    // Google hands on what a partner's model answered as it came, as text.
    if let Ok(inner @ Value::Object(_)) = serde_json::from_str::<Value>(&message) {
        return UpstreamError { retry_after_ms: retry_info(error), ..from_json(&inner) };
    }
    let is_responses = outer.contains_key("sequence_number");
    let shape = if text(outer, "type").as_deref() == Some("error") && !is_responses {
        ErrorShape::Anthropic
    } else if google::is_status(error) {
        ErrorShape::Google
    } else {
        ErrorShape::OpenAi
    };
    let kind = text(error, "type").or_else(|| Some(error.get("status")?.as_str()?.to_owned()));
    // Google tells an invalid key only in its details: status 400, reason API_KEY_INVALID.
    let reason = details(error).find_map(|detail| text(detail.as_object()?, "reason"));
    let inner = error.get("innererror").and_then(|inner| text(inner.as_object()?, "code"));
    let message = with_provider(message_or(Some(message), error), error);
    UpstreamError {
        verbatim: verbatim(shape, error, &message),
        shape,
        code: reason.or_else(|| text(error, "code")).or(inner).as_deref().map(redacted),
        kind: kind.as_deref().map(redacted),
        message,
        param: text(error, "param").as_deref().map(redacted),
        retry_after_ms: retry_info(error),
    }
}

/// The body with all members of its error, which callers of the same dialect may act on (Groq's `failed_generation`).
fn verbatim(shape: ErrorShape, error: &Object, message: &str) -> Option<String> {
    let mut members: Object = error.iter().map(|(name, value)| (name.clone(), without_keys(value))).collect();
    members.insert("message".to_owned(), message.into());
    let body = match shape {
        ErrorShape::OpenAi | ErrorShape::Google => json!({ "error": members }),
        ErrorShape::Anthropic => json!({ "type": "error", "error": members }),
        ErrorShape::FastApi | ErrorShape::Json | ErrorShape::Text | ErrorShape::Html | ErrorShape::Empty => {
            return None;
        }
    };
    Some(body.to_string()).filter(|body| body.len() <= VERBATIM_LIMIT)
}

fn without_keys(value: &Value) -> Value {
    match value {
        Value::String(text) => redact(text, VERBATIM_LIMIT).into(),
        Value::Array(list) => list.iter().map(without_keys).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), without_keys(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn details(error: &Object) -> impl Iterator<Item = &Value> {
    error.get("details").and_then(Value::as_array).into_iter().flatten()
}

/// Google's wish, such as `"retryDelay": "47.4s"`, in ms.
fn retry_info(error: &Object) -> Option<u64> {
    let delay = details(error).find_map(|detail| detail.get("retryDelay")?.as_str())?;
    let (whole, part) = delay.strip_suffix('s')?.split_once('.').unwrap_or((delay.strip_suffix('s')?, ""));
    let millis: String = part.chars().chain("000".chars()).take(3).collect();
    Some(whole.parse::<u64>().ok()?.saturating_mul(1000).saturating_add(millis.parse().ok()?))
}

/// OpenRouter says "Provider returned error" and tells in its metadata whose error and which.
fn with_provider(message: String, error: &Object) -> String {
    let Some(Value::Object(metadata)) = error.get("metadata") else { return message };
    let provider = text(metadata, "provider_name");
    let raw = match metadata.get("raw") {
        Some(Value::String(raw)) if !raw.trim().is_empty() => Some(read_error(None, raw.as_bytes()).message),
        Some(raw @ Value::Object(_)) => Some(from_json(raw).message),
        Some(Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => {
            None
        }
    };
    let message = match (provider, raw) {
        (Some(provider), Some(raw)) => format!("{message} ({provider}: {raw})"),
        (Some(one), None) | (None, Some(one)) => format!("{message} ({one})"),
        (None, None) => return message,
    };
    redact(&message, MESSAGE_LIMIT)
}

/// Where FastAPI's first validation error lies: `["body", "messages", 0, "role"]` is `messages.0.role`.
fn place_of_fault(object: &Object) -> Option<String> {
    let steps = object.get("detail")?.get(0)?.get("loc")?.as_array()?.iter();
    let steps = steps
        .filter_map(|step| step.as_str().map(str::to_owned).or_else(|| Some(step.as_u64()?.to_string())));
    let place = steps.skip_while(|step| step == "body").collect::<Vec<_>>().join(".");
    (!place.is_empty()).then_some(place)
}

fn from_loose_object(object: &Object) -> UpstreamError {
    let detail =
        object.get("detail").or_else(|| object.get("message")?.get("detail")).map(|detail| match detail {
            Value::String(message) => message.clone(),
            // FastAPI's validation errors: [{"loc":["body","model"],"msg":"field required"}].
            Value::Array(faults) => faults
                .iter()
                .filter_map(|fault| text(fault.as_object()?, "msg"))
                .collect::<Vec<_>>()
                .join("; "),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => detail.to_string(),
        });
    let shape = if detail.is_some() {
        ErrorShape::FastApi
    } else if object.contains_key("sequence_number") || text(object, "object").as_deref() == Some("error") {
        // The Responses API's `error` event, and what vLLM and Mistral answer.
        ErrorShape::OpenAi
    } else {
        ErrorShape::Json
    };
    let said = detail.or_else(|| text(object, "message")).or_else(|| text(object, "Message"));
    let kind = ["type", "__type", "object"].iter().find_map(|name| text(object, name));
    UpstreamError {
        shape,
        code: text(object, "code").or_else(|| text(object, "statusCode")).as_deref().map(redacted),
        kind: kind
            .as_deref()
            .map(aws_name)
            .filter(|kind| *kind != "error")
            .map(|kind| redact(kind, MESSAGE_LIMIT)),
        message: message_or(said, object),
        param: text(object, "param").or_else(|| place_of_fault(object)).as_deref().map(redacted),
        retry_after_ms: None,
        verbatim: None,
    }
}

/// The bare name of an AWS error: `com.amazon.coral#ThrottlingException:http://...` is a `ThrottlingException`.
pub(super) fn aws_name(name: &str) -> &str {
    let name = name.rsplit_once('#').map_or(name, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name).trim()
}

fn message_or(said: Option<String>, whole: &Object) -> String {
    let said = said.filter(|message| !message.trim().is_empty());
    let said = said.unwrap_or_else(|| serde_json::to_string(whole).unwrap_or_default());
    redact(&said, MESSAGE_LIMIT)
}

fn redacted(text: &str) -> String {
    redact(text, MESSAGE_LIMIT)
}

fn text(object: &Object, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn plain(shape: ErrorShape, message: &str) -> UpstreamError {
    UpstreamError::plain(shape, message)
}
