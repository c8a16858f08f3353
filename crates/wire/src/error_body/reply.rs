//! This router's own errors, in the dialect of whoever asked.

use serde::Serialize;
use serde_json::{Map, Value};

use super::google;
use crate::Dialect;
use crate::sse::encode_event;

/// An error to be told to a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    /// HTTP status the reply goes out with.
    pub status: u16,
    /// The error type in the words both dialects share (`invalid_request_error`, `rate_limit_error`,
    /// `api_error`, ...). Empty: the usual one for the status.
    pub kind: String,
    /// A stable code a program can act on.
    pub code: Option<String>,
    /// What went wrong and what to do, for a human.
    pub message: String,
    /// The request field at fault.
    pub param: Option<String>,
    /// This request's id.
    pub request_id: Option<String>,
}

#[derive(Serialize)]
struct ChatError<'a> {
    error: ChatErrorBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct ChatErrorBody<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

#[derive(Serialize)]
struct MessagesError<'a> {
    r#type: &'static str,
    error: MessagesErrorBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct MessagesErrorBody<'a> {
    r#type: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
}

/// The body of an error reply in the caller's dialect.
#[must_use]
pub fn error_response(dialect: Dialect, reply: &ErrorReply) -> Vec<u8> {
    error_response_after(dialect, reply, None)
}

/// The same of an error that may be asked about again after so many milliseconds, where the dialect says so in the body
/// (Gemini); everywhere it is said in a header.
#[must_use]
pub fn error_response_after(dialect: Dialect, reply: &ErrorReply, retry_after_ms: Option<u64>) -> Vec<u8> {
    let kind = if reply.kind.is_empty() { usual_kind(reply.status) } else { &reply.kind };
    let (message, code, param) = (reply.message.as_str(), reply.code.as_deref(), reply.param.as_deref());
    let request_id = reply.request_id.as_deref();
    let written = match dialect {
        Dialect::Gemini => return google::body(reply, retry_after_ms),
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::BedrockConverse => {
            serde_json::to_vec(&ChatError {
                error: ChatErrorBody { message, r#type: kind, param, code },
                request_id,
            })
        }
        Dialect::AnthropicMessages => serde_json::to_vec(&MessagesError {
            r#type: "error",
            error: MessagesErrorBody { r#type: kind, message, code, param },
            request_id,
        }),
    };
    // Strings alone cannot fail to serialize.
    written.unwrap_or_default()
}

/// The same error as an event inside a stream that has begun. `sequence`: the number of the next event
/// (Responses alone counts them).
#[must_use]
pub fn error_event(dialect: Dialect, reply: &ErrorReply, sequence: u64) -> Vec<u8> {
    let (name, body) = match dialect {
        Dialect::OpenAiChat | Dialect::Gemini | Dialect::BedrockConverse => {
            (None, error_response(dialect, reply))
        }
        Dialect::OpenAiResponses => (Some("error"), responses_event(reply, sequence)),
        Dialect::AnthropicMessages => (Some("error"), error_response(dialect, reply)),
    };
    let mut out = Vec::with_capacity(body.len() + 24);
    encode_event(&mut out, name, &body);
    out
}

/// A provider's error ([`super::UpstreamError::verbatim`]) as the body of a reply to a caller of the dialect it is written
/// in; none for any other, and where more is to be said than the provider did (`message`).
#[must_use]
pub fn verbatim_error(dialect: Dialect, verbatim: &str, message: &str, request_id: &str) -> Option<Vec<u8>> {
    let mut body: Map<String, Value> = serde_json::from_str(verbatim).ok()?;
    let is_anthropic = body.contains_key("type");
    let error = body.get_mut("error")?.as_object_mut()?;
    if error.get("message")? != message {
        return None;
    }
    let is_google = !is_anthropic && google::is_status(error);
    let is_fit = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => !is_anthropic && !is_google,
        Dialect::AnthropicMessages => is_anthropic,
        Dialect::Gemini => is_google,
        Dialect::BedrockConverse => false,
    };
    if !is_fit {
        return None;
    }
    if is_google {
        google::name_request(error, request_id);
    } else {
        body.insert("request_id".to_owned(), request_id.into());
    }
    serde_json::to_vec(&body).ok()
}

/// The same as an event inside a stream that has begun. Responses' events have members of their own beside the error's.
#[must_use]
pub fn verbatim_event(dialect: Dialect, verbatim: &str, message: &str, request_id: &str) -> Option<Vec<u8>> {
    let name = match dialect {
        Dialect::OpenAiChat | Dialect::Gemini => None,
        Dialect::AnthropicMessages => Some("error"),
        Dialect::OpenAiResponses | Dialect::BedrockConverse => return None,
    };
    let body = verbatim_error(dialect, verbatim, message, request_id)?;
    let mut out = Vec::with_capacity(body.len() + 24);
    encode_event(&mut out, name, &body);
    Some(out)
}

/// The reference ("Streaming events", `error`) has the members flat; the API sends them in an `error` object, which
/// is what the SDKs raise on. Both are there.
fn responses_event(reply: &ErrorReply, sequence: u64) -> Vec<u8> {
    #[derive(Serialize)]
    struct Event<'a> {
        r#type: &'static str,
        sequence_number: u64,
        code: Option<&'a str>,
        message: &'a str,
        param: Option<&'a str>,
        error: ChatErrorBody<'a>,
    }
    let kind = if reply.kind.is_empty() { usual_kind(reply.status) } else { &reply.kind };
    let (message, code, param) = (reply.message.as_str(), reply.code.as_deref(), reply.param.as_deref());
    let error = ChatErrorBody { message, r#type: kind, param, code };
    let event = Event { r#type: "error", sequence_number: sequence, code, message, param, error };
    serde_json::to_vec(&event).unwrap_or_default()
}

/// The error type both vendors use with a status (Anthropic, "HTTP errors").
fn usual_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}
