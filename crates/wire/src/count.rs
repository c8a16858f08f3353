//! Counting a prompt's tokens on a route of another dialect: Anthropic's `count_tokens`, asked of Google or Amazon.

use crate::Dialect;
use crate::gemini::Variant;
use crate::members::Members;
use crate::notes::{Notes, TranslateError, Translated, utf8};
use crate::translate::tool_names;
use crate::{anthropic, bedrock, gemini};

/// Writes a Messages caller's `count_tokens` request for an upstream that speaks `to`. `vertex` tells Vertex AI from the
/// Gemini API.
///
/// # Errors
/// As for the prompt itself; [`TranslateError::Unsupported`] where the dialect can't count.
pub fn count_request(
    to: Dialect,
    vertex: bool,
    body: &[u8],
    upstream_model: &str,
) -> Result<Translated, TranslateError> {
    let text = utf8(body)?;
    // A count has no limit to its answer, the prompt's reader wants one.
    let limited;
    let text = if Members::read(text, "")?.peek("max_tokens").is_some() {
        text
    } else {
        let brace = text.find('{').map_or(0, |at| at + 1);
        let (head, rest) = text.split_at(brace);
        limited = format!("{head}\"max_tokens\":1,{rest}");
        &limited
    };
    let mut notes = Notes::default();
    let mut prompt = anthropic::request::read(text, &mut notes)?;
    prompt.max_tokens = None;
    tool_names::fit(to, &mut prompt);
    let variant = if vertex { Variant::Vertex } else { Variant::GeminiApi };
    let mut translated = match to {
        Dialect::Gemini => gemini::count::write_count_tokens(&prompt, upstream_model, variant)?,
        Dialect::BedrockConverse => bedrock::count::write_count_tokens(&prompt, upstream_model)?,
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages => {
            return Err(TranslateError::unsupported("", format!("{to} has no token counting")));
        }
    };
    let read = notes.with(Vec::new());
    translated.degraded.splice(0..0, read.degraded);
    translated.hints.splice(0..0, read.hints);
    Ok(translated)
}

/// Writes an upstream's count as a Messages caller's answer.
///
/// # Errors
/// [`TranslateError::Invalid`] when the body holds no count.
pub fn count_answer(from: Dialect, body: &[u8]) -> Result<Translated, TranslateError> {
    let tokens = match from {
        Dialect::Gemini => gemini::count::read_count_tokens(body)?,
        Dialect::BedrockConverse => bedrock::count::read_count_tokens(body)?,
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages => {
            return Err(TranslateError::invalid("", format!("{from} has no token counting")));
        }
    };
    Ok(Translated::whole(count_body(tokens)))
}

/// A count as a Messages caller gets it.
#[must_use]
pub fn count_body(tokens: u64) -> Vec<u8> {
    gemini::count::count_tokens_answer(tokens).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_crosses_to_those_who_count() {
        let body = br#"{"model":"auto","messages":[{"role":"user","content":"hello"}]}"#;
        let google = count_request(Dialect::Gemini, false, body, "gemini-3-flash").unwrap();
        let google: serde_json::Value = serde_json::from_slice(&google.body).unwrap();
        let asked = &google["generateContentRequest"];
        assert_eq!(asked["contents"][0]["parts"][0]["text"], "hello");
        assert!(asked["generationConfig"]["maxOutputTokens"].is_null(), "{google}");
        let amazon = count_request(Dialect::BedrockConverse, false, body, "anthropic.claude-x").unwrap();
        let amazon: serde_json::Value = serde_json::from_slice(&amazon.body).unwrap();
        assert_eq!(amazon["input"]["converse"]["messages"][0]["content"][0]["text"], "hello");
        assert!(count_request(Dialect::OpenAiChat, false, body, "gpt").is_err());
        let counted = count_answer(Dialect::Gemini, br#"{"totalTokens":7}"#).unwrap();
        assert_eq!(counted.body, br#"{"input_tokens":7}"#);
        assert!(count_answer(Dialect::Gemini, b"{}").is_err());
    }
}
