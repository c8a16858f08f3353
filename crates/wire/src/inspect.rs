//! Whether a reply with status 200 is an answer at all.
//!
//! Captive portals answer 200 with a page, gateways answer 200 with an error inside, and a dying upstream
//! answers 200 with nothing. None of these is a completion.

mod facts;

use switchyard_domain::Operation;
use switchyard_domain::usage::{BilledUsage, ReportedUsage};

use crate::error_body::{UpstreamError, is_html, read_error};
use crate::usage::billed;
use crate::{Dialect, FinishReason, Usage};

/// What a whole answer tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OkBody {
    /// The model that answered, as the upstream names it.
    pub model: Option<String>,
    /// Tokens used, if reported.
    pub usage: Option<Usage>,
    /// What of it is billed; none where nothing was reported, or nothing but zeros.
    pub billed: Option<BilledUsage>,
    /// Why the model stopped. A refusal is an answer, not a failure.
    pub finish: Option<FinishReason>,
}

impl OkBody {
    fn of(model: Option<String>, reported: Option<ReportedUsage>, finish: Option<FinishReason>) -> Self {
        let usage = reported.as_ref().map(Usage::from);
        let name = model.as_deref().filter(|model| !model.is_empty()).map(Into::into);
        let billed = reported.and_then(|reported| billed(&ReportedUsage { model: name, ..reported }));
        Self { model, usage, billed, finish }
    }
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
    /// Not JSON, or half of it.
    #[error("the upstream answered 200 with something that is not JSON: {0}")]
    NotJson(String),
    /// An error inside a 200.
    #[error("the upstream answered 200 with an error inside: {}", .0.message)]
    Error(Box<UpstreamError>),
    /// JSON, but not the dialect's answer: another service's, or an error in words nobody knows.
    #[error("the upstream answered 200 without {missing}")]
    NotAnAnswer {
        /// The member an answer has and this body has not.
        missing: &'static str,
    },
    /// The dialect's answer, as its model, usage or kind tells, with nothing in it.
    #[error("the upstream's answer is without {missing}")]
    Hollow {
        /// The member an answer has and this body has not.
        missing: &'static str,
    },
}

impl BodyFault {
    fn error_in(body: &[u8]) -> Self {
        Self::Error(Box::new(read_error(None, body)))
    }
}

/// Looks into a non-streamed 200 reply.
///
/// # Errors
/// What the body is instead of an answer.
pub fn inspect_ok_body(
    dialect: Dialect,
    operation: Operation,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<OkBody, BodyFault> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(BodyFault::Empty);
    }
    if is_html(content_type, body) {
        return Err(BodyFault::Html { title: read_error(content_type, body).message });
    }
    match (operation, dialect) {
        (Operation::Embed, _) => facts::embeddings(body),
        (Operation::CountTokens, _) => facts::token_count(body),
        (Operation::Complete, Dialect::OpenAiChat) => facts::chat(body),
        (Operation::Compact, _) | (Operation::Complete, Dialect::OpenAiResponses) => facts::responses(body),
        (Operation::Complete, Dialect::AnthropicMessages) => facts::messages(body),
        (Operation::Complete, Dialect::Gemini) => facts::gemini(body),
        (Operation::Complete, Dialect::BedrockConverse) => facts::bedrock(body),
    }
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
            (chat, None, r#""ok""#, "the upstream answered 200 without a JSON object"),
            (
                chat,
                None,
                "upstream connect error",
                "the upstream answered 200 with something that is not JSON: expected value at line 1 column 1",
            ),
            (
                chat,
                None,
                r#"{"model":"gpt-4o","choices":[],"usage":{"prompt_tokens":5}}"#,
                "the upstream's answer is without a choice in `choices`",
            ),
            (
                messages,
                None,
                r#"{"type":"message","id":"msg_1"}"#,
                "the upstream's answer is without `content`",
            ),
        ];
        for (dialect, content_type, body, said) in cases {
            let fault =
                inspect_ok_body(dialect, Operation::Complete, content_type, body.as_bytes()).unwrap_err();
            assert_eq!(fault.to_string(), said, "{body}");
        }
        let cut =
            inspect_ok_body(chat, Operation::Complete, None, br#"{"choices":[{"finish_rea"#).unwrap_err();
        assert!(matches!(cut, BodyFault::NotJson(_)), "{cut}");
    }

    #[test]
    fn a_member_that_nobody_needs_spoils_no_answer() {
        let cases = [
            (Dialect::OpenAiChat, r#"{"model":7,"error":"","choices":[{"message":{},"finish_reason":1}]}"#),
            (Dialect::OpenAiChat, r#"{"choices":[{"message":{},"error":{}}],"usage":"none"}"#),
            (
                Dialect::AnthropicMessages,
                r#"{"type":1,"model":[],"content":[],"stop_reason":7,"error":false}"#,
            ),
            (
                Dialect::OpenAiResponses,
                r#"{"model":7,"status":1,"output":[7,{"type":3,"content":7}],"incomplete_details":"no"}"#,
            ),
            (Dialect::Gemini, r#"{"modelVersion":1,"candidates":[{"finishReason":7}],"promptFeedback":7}"#),
            (Dialect::BedrockConverse, r#"{"output":{},"stopReason":7,"usage":[]}"#),
        ];
        for (dialect, body) in cases {
            let read = inspect_ok_body(dialect, Operation::Complete, None, body.as_bytes());
            assert_eq!(read.unwrap().model, None, "{body}");
        }
    }

    #[test]
    fn a_filtered_answer_is_an_answer() {
        let body = br#"{"model":"gpt-4o-mini","error":null,"choices":[{"message":{"content":null},
            "finish_reason":"content_filter"}],"usage":{"prompt_tokens":5,"completion_tokens":0}}"#;
        let ok = inspect_ok_body(Dialect::OpenAiChat, Operation::Complete, Some("application/json"), body)
            .unwrap();
        assert_eq!(ok.finish, Some(FinishReason::ContentFilter));
        assert_eq!(ok.usage.unwrap().input_tokens, 5);
        let body = br#"{"type":"message","model":"claude-sonnet-4-6","content":[],"stop_reason":"refusal"}"#;
        let ok = inspect_ok_body(Dialect::AnthropicMessages, Operation::Complete, None, body).unwrap();
        assert_eq!(ok.finish, Some(FinishReason::ContentFilter));
    }

    #[test]
    fn every_dialects_answers_tell_why_they_ended_and_what_they_cost() {
        let usage = |input, output, cached, reasoning| Usage {
            input_tokens: input,
            output_tokens: output,
            cached_input_tokens: cached,
            cache_write_tokens: 0,
            reasoning_tokens: reasoning,
        };
        let responses = Dialect::OpenAiResponses;
        let cases = [
            (
                responses,
                r#"{"id":"resp_1","object":"response","status":"completed","error":null,"incomplete_details":null,"model":"gpt-5","output":[{"type":"message"}],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":2}}}"#,
                Some("gpt-5"),
                FinishReason::Stop,
                usage(9, 7, 4, 2),
            ),
            (
                responses,
                r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"model":"gpt-5","output":[],"usage":{"input_tokens":9,"output_tokens":7}}"#,
                Some("gpt-5"),
                FinishReason::Length,
                usage(9, 7, 0, 0),
            ),
            (
                responses,
                r#"{"status":"completed","output":[{"type":"function_call"}],"usage":{"input_tokens":9,"output_tokens":7}}"#,
                None,
                FinishReason::ToolCalls,
                usage(9, 7, 0, 0),
            ),
            (
                responses,
                r#"{"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"No."}]}],"usage":{"input_tokens":9,"output_tokens":7}}"#,
                None,
                FinishReason::ContentFilter,
                usage(9, 7, 0, 0),
            ),
            (
                Dialect::Gemini,
                r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"MAX_TOKENS"}],"modelVersion":"gemini-3-flash","usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":5,"thoughtsTokenCount":2,"cachedContentTokenCount":4,"totalTokenCount":16}}"#,
                Some("gemini-3-flash"),
                FinishReason::Length,
                usage(9, 7, 4, 2),
            ),
            (
                Dialect::Gemini,
                r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":9}}"#,
                None,
                FinishReason::ContentFilter,
                usage(9, 0, 0, 0),
            ),
            (
                Dialect::BedrockConverse,
                r#"{"output":{"message":{"role":"assistant","content":[]}},"stopReason":"tool_use","usage":{"inputTokens":5,"outputTokens":7,"totalTokens":16,"cacheReadInputTokens":4}}"#,
                None,
                FinishReason::ToolCalls,
                usage(9, 7, 4, 0),
            ),
            (
                Dialect::BedrockConverse,
                r#"{"output":{"message":{}},"stopReason":"guardrail_intervened","usage":{"inputTokens":9,"outputTokens":0}}"#,
                None,
                FinishReason::ContentFilter,
                usage(9, 0, 0, 0),
            ),
        ];
        for (dialect, body, model, finish, usage) in cases {
            let ok = inspect_ok_body(dialect, Operation::Complete, None, body.as_bytes()).unwrap();
            assert_eq!(
                (ok.model.as_deref(), ok.finish, ok.usage),
                (model, Some(finish), Some(usage)),
                "{body}"
            );
            assert_eq!(crate::usage_of(dialect, body.as_bytes()), Some(usage), "{body}");
        }
    }

    #[test]
    fn what_is_no_answer_in_the_other_dialects_is_told() {
        let complete = Operation::Complete;
        let cases = [
            (
                Dialect::OpenAiResponses,
                complete,
                r#"{"status":"failed","error":{"code":"server_error","message":"Sorry"},"output":[]}"#,
                "the upstream answered 200 with an error inside: Sorry",
            ),
            (
                Dialect::OpenAiResponses,
                complete,
                r#"{"choices":[]}"#,
                "the upstream answered 200 without `output`",
            ),
            (
                Dialect::Gemini,
                complete,
                r#"[{"error":{"code":500,"message":"Internal","status":"INTERNAL"}}]"#,
                "the upstream answered 200 with an error inside: Internal",
            ),
            (
                Dialect::Gemini,
                complete,
                r#"{"usageMetadata":{}}"#,
                "the upstream's answer is without `candidates`",
            ),
            (
                Dialect::BedrockConverse,
                complete,
                r#"{"message":"Too many requests"}"#,
                "the upstream answered 200 with an error inside: Too many requests",
            ),
            (Dialect::BedrockConverse, complete, "{}", "the upstream answered 200 without `output`"),
            (
                Dialect::OpenAiChat,
                complete,
                r#"{"choices":[{"error":{"code":502,"message":"Down"},"finish_reason":"error"}]}"#,
                "the upstream answered 200 with an error inside: Down",
            ),
            (
                Dialect::OpenAiChat,
                Operation::Embed,
                r#"{"object":"list","data":[]}"#,
                "the upstream answered 200 without an embedding in `data`",
            ),
            (
                Dialect::AnthropicMessages,
                Operation::CountTokens,
                r#"{"tokens":1}"#,
                "the upstream answered 200 without `input_tokens`",
            ),
        ];
        for (dialect, operation, body, said) in cases {
            let fault = inspect_ok_body(dialect, operation, None, body.as_bytes()).unwrap_err();
            assert_eq!(fault.to_string(), said, "{body}");
        }
        let fine = [
            (
                Operation::Embed,
                r#"{"data":[{"embedding":[0.1]}],"model":"e","usage":{"prompt_tokens":3}}"#,
                Some(3),
            ),
            (Operation::Embed, r#"{"embeddings":[{"values":[0.1]}]}"#, None),
            (Operation::CountTokens, r#"{"input_tokens":14}"#, None),
            (Operation::CountTokens, r#"{"totalTokens":14}"#, None),
            (Operation::Compact, r#"{"output":[{"type":"compaction"}],"usage":{"input_tokens":9}}"#, Some(9)),
            (Operation::Compact, r#"{"output":[{"type":"compaction"}]}"#, None),
        ];
        for (operation, body, input) in fine {
            let ok = inspect_ok_body(Dialect::OpenAiChat, operation, None, body.as_bytes()).unwrap();
            assert_eq!(ok.usage.map(|usage| usage.input_tokens), input, "{body}");
        }
    }
}
