//! Counting a prompt's tokens on a route of another dialect: Anthropic's `count_tokens` and Google's `:countTokens`, asked
//! of those who count.

use std::borrow::Cow;

use crate::Dialect;
use crate::gemini::Variant;
use crate::members::Members;
use crate::notes::{Notes, TranslateError, Translated, utf8};
use crate::translate::{self, tool_names};
use crate::{anthropic, bedrock, gemini};

/// Writes the request of a caller who speaks `from` for a count by an upstream that speaks `to`. `vertex` tells Vertex AI
/// from the Gemini API.
///
/// # Errors
/// As for the prompt itself; [`TranslateError::Unsupported`] where the dialect can't count.
pub fn count_request(
    from: Dialect,
    to: Dialect,
    vertex: bool,
    body: &[u8],
    upstream_model: &str,
) -> Result<Translated, TranslateError> {
    let text = utf8(body)?;
    let mut notes = Notes::default();
    let readable;
    let limited;
    let mut prompt = match from {
        Dialect::Gemini => {
            readable = translate::readable(from, gemini::asked::counted(text)?);
            gemini::asked::read(&readable, &mut notes)?
        }
        Dialect::OpenAiChat
        | Dialect::OpenAiResponses
        | Dialect::AnthropicMessages
        | Dialect::BedrockConverse => {
            limited = with_limit(text)?;
            anthropic::request::read(&limited, &mut notes)?
        }
    };
    prompt.max_tokens = None;
    tool_names::fit(to, &mut prompt);
    let variant = if vertex { Variant::Vertex } else { Variant::GeminiApi };
    let mut translated = match to {
        Dialect::Gemini => gemini::count::write_count_tokens(&prompt, upstream_model, variant)?,
        Dialect::BedrockConverse => bedrock::count::write_count_tokens(&prompt, upstream_model)?,
        Dialect::AnthropicMessages => anthropic::request::write_count(&prompt, upstream_model)?,
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            return Err(TranslateError::unsupported("", format!("{to} has no token counting")));
        }
    };
    let read = notes.with(Vec::new());
    translated.degraded.splice(0..0, read.degraded);
    translated.hints.splice(0..0, read.hints);
    Ok(translated)
}

/// The body with a limit to its answer: a count has none, the prompt's reader wants one.
fn with_limit(text: &str) -> Result<Cow<'_, str>, TranslateError> {
    if Members::read(text, "")?.peek("max_tokens").is_some() {
        return Ok(Cow::Borrowed(text));
    }
    let (head, rest) = text.split_at(text.find('{').map_or(0, |at| at + 1));
    Ok(Cow::Owned(format!("{head}\"max_tokens\":1,{rest}")))
}

/// Writes an upstream's count as the answer of a caller who speaks `to`.
///
/// # Errors
/// [`TranslateError::Invalid`] when the body holds no count.
pub fn count_answer(from: Dialect, to: Dialect, body: &[u8]) -> Result<Translated, TranslateError> {
    let tokens = match from {
        Dialect::Gemini => gemini::count::read_count_tokens(body)?,
        Dialect::BedrockConverse => bedrock::count::read_count_tokens(body)?,
        Dialect::AnthropicMessages => anthropic::answer::read_count(body)?,
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            return Err(TranslateError::invalid("", format!("{from} has no token counting")));
        }
    };
    Ok(Translated::whole(count_body(to, tokens)))
}

/// A count as a caller gets it.
#[must_use]
pub fn count_body(to: Dialect, tokens: u64) -> Vec<u8> {
    match to {
        Dialect::Gemini => format!("{{\"totalTokens\":{tokens}}}").into_bytes(),
        Dialect::OpenAiChat
        | Dialect::OpenAiResponses
        | Dialect::AnthropicMessages
        | Dialect::BedrockConverse => gemini::count::count_tokens_answer(tokens).into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_crosses_to_those_who_count() {
        let body = br#"{"model":"auto","messages":[{"role":"user","content":"hello"}]}"#;
        let google =
            count_request(Dialect::AnthropicMessages, Dialect::Gemini, false, body, "gemini-3-flash")
                .unwrap();
        let google: serde_json::Value = serde_json::from_slice(&google.body).unwrap();
        let asked = &google["generateContentRequest"];
        assert_eq!(asked["contents"][0]["parts"][0]["text"], "hello");
        assert!(asked["generationConfig"]["maxOutputTokens"].is_null(), "{google}");
        let amazon = count_request(
            Dialect::AnthropicMessages,
            Dialect::BedrockConverse,
            false,
            body,
            "anthropic.claude-x",
        )
        .unwrap();
        let amazon: serde_json::Value = serde_json::from_slice(&amazon.body).unwrap();
        assert_eq!(amazon["input"]["converse"]["messages"][0]["content"][0]["text"], "hello");
        assert!(count_request(Dialect::AnthropicMessages, Dialect::OpenAiChat, false, body, "gpt").is_err());
        let counted =
            count_answer(Dialect::Gemini, Dialect::AnthropicMessages, br#"{"totalTokens":7}"#).unwrap();
        assert_eq!(counted.body, br#"{"input_tokens":7}"#);
        assert!(count_answer(Dialect::Gemini, Dialect::AnthropicMessages, b"{}").is_err());
    }
}
