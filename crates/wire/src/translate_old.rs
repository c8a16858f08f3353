//! From one dialect to the other, so that a caller survives a failover it cannot speak.
//!
//! A request is written anew for the upstream, an answer or stream anew for the caller. What the other side
//! has no word for is reported as a [`Degradation`]; what would make the answer meaningless (audio nobody
//! hears) is refused, so that the route is passed over. Nothing is dropped without one of the two.

mod answer;
mod notes;
mod request_to_chat;
mod request_to_messages;
mod stream;
mod tool_ids;

pub use notes::{Degradation, TranslateError, Translated};
pub use stream::{StreamEnd, StreamFault, StreamOptions, StreamTranslator};

use crate::Dialect;

/// Given to Anthropic, which demands a limit, when a chat caller sets none. Tokens.
pub const DEFAULT_MAX_TOKENS: u64 = 4096;

/// Begins a chat tool message that carries an error, since chat has no flag for it.
pub const TOOL_ERROR_MARK: &str = "[tool error] ";

/// Writes a request read in dialect `from` for an upstream that speaks `to`.
///
/// Within one dialect use [`crate::rewrite`], which keeps the caller's bytes and sets the model; here
/// the body comes back as it is.
///
/// # Errors
/// [`TranslateError::Invalid`] when the request is not what its dialect says (the caller's fault),
/// [`TranslateError::Unsupported`] when the other dialect cannot carry something essential.
pub fn translate_request(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    upstream_model: &str,
) -> Result<Translated, TranslateError> {
    let text = notes::utf8(body)?;
    match (from, to) {
        (Dialect::OpenAiChat, Dialect::AnthropicMessages) => request_to_messages::write(text, upstream_model),
        (Dialect::AnthropicMessages, Dialect::OpenAiChat) => request_to_chat::write(text, upstream_model),
        (Dialect::OpenAiChat, Dialect::OpenAiChat)
        | (Dialect::AnthropicMessages, Dialect::AnthropicMessages) => {
            Ok(Translated { body: body.to_vec(), degraded: Vec::new() })
        }
        (Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse, _)
        | (_, Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse) => {
            Err(TranslateError::unsupported("", "this pair of dialects"))
        }
    }
}

/// Writes an upstream's whole answer (dialect `from`) for a caller that speaks `to`. The model named in it is
/// the one that answered. `created_unix_s` is the time a chat answer is stamped with, in seconds.
///
/// # Errors
/// [`TranslateError::Invalid`] when the upstream's body is not an answer in its dialect.
pub fn translate_response(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    created_unix_s: u64,
) -> Result<Translated, TranslateError> {
    match (from, to) {
        (Dialect::OpenAiChat, Dialect::AnthropicMessages) => answer::chat_to_messages(body),
        (Dialect::AnthropicMessages, Dialect::OpenAiChat) => answer::messages_to_chat(body, created_unix_s),
        (Dialect::OpenAiChat, Dialect::OpenAiChat)
        | (Dialect::AnthropicMessages, Dialect::AnthropicMessages) => {
            Ok(Translated { body: body.to_vec(), degraded: Vec::new() })
        }
        (Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse, _)
        | (_, Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse) => {
            Err(TranslateError::unsupported("", "this pair of dialects"))
        }
    }
}

#[cfg(test)]
mod tests;
