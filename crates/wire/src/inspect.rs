//! Whether a reply with status 200 is an answer at all.
//!
//! Captive portals answer 200 with a page, gateways answer 200 with an error inside, and a dying upstream
//! answers 200 with nothing. None of these is a completion.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::anthropic::MessagesUsage;
use crate::error_body::{UpstreamError, is_html, read_error};
use crate::openai_chat::ChatUsage;
use crate::{Dialect, FinishReason, Usage};

/// What a whole answer tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OkBody {
    /// The model that answered, as the upstream names it.
    pub model: Option<String>,
    /// Tokens used, if reported.
    pub usage: Option<Usage>,
    /// Why the model stopped. A refusal is an answer, not a failure.
    pub finish: Option<FinishReason>,
}

/// Why a 200 is not an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// No body.
    #[error("the upstream answered 200 with an empty body")]
    Empty,
    /// A web page: a captive portal, or a wrong base URL.
    #[error("the upstream answered 200 with a web page: {title}")]
    Html {
        /// The page's title.
        title: String,
    },
    /// Not JSON, or cut short.
    #[error("the upstream answered 200 with something that is not JSON: {0}")]
    NotJson(String),
    /// An error inside a 200.
    #[error("the upstream answered 200 with an error inside: {}", .0.message)]
    Error(Box<UpstreamError>),
    /// JSON, but not the dialect's answer.
    #[error("the upstream answered 200 without {missing}")]
    NotAnAnswer {
        /// The member an answer has and this body has not.
        missing: &'static str,
    },
}

#[derive(Deserialize)]
struct ChatBody<'a> {
    model: Option<String>,
    choices: Option<Vec<ChatChoice>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ChatChoice {
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct MessagesBody<'a> {
    r#type: Option<String>,
    model: Option<String>,
    content: Option<Vec<IgnoredAny>>,
    stop_reason: Option<String>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    error: Option<IgnoredAny>,
}

/// Looks into a non-streamed 200 reply.
///
/// # Errors
/// What the body is instead of an answer.
pub fn inspect_ok_body(
    dialect: Dialect,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<OkBody, BodyFault> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(BodyFault::Empty);
    }
    if is_html(content_type, body) {
        return Err(BodyFault::Html { title: read_error(content_type, body).message });
    }
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse => {
            let parsed: ChatBody<'_> = parse(body)?;
            if parsed.error.is_some() {
                return Err(BodyFault::Error(Box::new(read_error(content_type, body))));
            }
            let choices = parsed.choices.ok_or(BodyFault::NotAnAnswer { missing: "`choices`" })?;
            let first = choices.into_iter().next();
            let first = first.ok_or(BodyFault::NotAnAnswer { missing: "a choice in `choices`" })?;
            let usage = parsed.usage.and_then(|raw| serde_json::from_str::<ChatUsage>(raw.get()).ok());
            Ok(OkBody {
                model: parsed.model,
                usage: usage.map(Usage::from),
                finish: first.finish_reason.as_deref().map(FinishReason::from_chat),
            })
        }
        Dialect::AnthropicMessages => {
            let parsed: MessagesBody<'_> = parse(body)?;
            if parsed.error.is_some() || parsed.r#type.as_deref() == Some("error") {
                return Err(BodyFault::Error(Box::new(read_error(content_type, body))));
            }
            if parsed.content.is_none() {
                return Err(BodyFault::NotAnAnswer { missing: "`content`" });
            }
            let usage = parsed.usage.and_then(|raw| serde_json::from_str::<MessagesUsage>(raw.get()).ok());
            Ok(OkBody {
                model: parsed.model,
                usage: usage.map(Usage::from),
                finish: parsed.stop_reason.as_deref().map(FinishReason::from_messages),
            })
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BodyFault> {
    serde_json::from_slice(body).map_err(|error| BodyFault::NotJson(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_what_only_looks_like_one() {
        let chat = Dialect::OpenAiChat;
        let messages = Dialect::AnthropicMessages;
        let cases = [
            (chat, None, "", "the upstream answered 200 with an empty body"),
            (chat, None, " \n", "the upstream answered 200 with an empty body"),
            (
                chat,
                Some("text/html; charset=utf-8"),
                "<!DOCTYPE html><html><head><title>Airport\n Free WiFi</title>",
                "the upstream answered 200 with a web page: Airport Free WiFi",
            ),
            (
                messages,
                None,
                "<html><body>Sign in</body></html>",
                "the upstream answered 200 with a web page: a web page without a title",
            ),
            (
                chat,
                None,
                r#"{"error":{"message":"Provider returned error","code":502}}"#,
                "the upstream answered 200 with an error inside: Provider returned error",
            ),
            (
                messages,
                None,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                "the upstream answered 200 with an error inside: Overloaded",
            ),
            (chat, None, r#"{"choices":[]}"#, "the upstream answered 200 without a choice in `choices`"),
            (chat, None, r#"{"status":"ok"}"#, "the upstream answered 200 without `choices`"),
            (messages, None, r#"{"status":"ok"}"#, "the upstream answered 200 without `content`"),
        ];
        for (dialect, content_type, body, said) in cases {
            let fault = inspect_ok_body(dialect, content_type, body.as_bytes()).unwrap_err();
            assert_eq!(fault.to_string(), said, "{body}");
        }
        let cut = inspect_ok_body(chat, None, br#"{"choices":[{"finish_rea"#).unwrap_err();
        assert!(matches!(cut, BodyFault::NotJson(_)), "{cut}");
    }

    #[test]
    fn a_filtered_answer_is_an_answer() {
        let body = br#"{"model":"gpt-4o-mini","error":null,"choices":[{"message":{"content":null},
            "finish_reason":"content_filter"}],"usage":{"prompt_tokens":5,"completion_tokens":0}}"#;
        let ok = inspect_ok_body(Dialect::OpenAiChat, Some("application/json"), body).unwrap();
        assert_eq!(ok.finish, Some(FinishReason::ContentFilter));
        assert_eq!(ok.usage.unwrap().input_tokens, 5);
        let body = br#"{"type":"message","model":"claude-sonnet-4-6","content":[],"stop_reason":"refusal"}"#;
        let ok = inspect_ok_body(Dialect::AnthropicMessages, None, body).unwrap();
        assert_eq!(ok.finish, Some(FinishReason::ContentFilter));
    }
}
