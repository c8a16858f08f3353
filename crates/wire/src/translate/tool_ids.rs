//! Tool call ids in the form the other side accepts.
//!
//! Ids travel unchanged where they can, so a conversation that fails over and back keeps them. Where they
//! cannot, the new id is computed from the old one alone: a call and its result, seen in different messages
//! or requests, still match.

use std::borrow::Cow;

use crate::Dialect;

/// OpenAI refuses a longer `messages[].tool_calls[].id`; Bedrock's `toolUseId` and Anthropic's ids may be longer, so
/// that what fits here fits everywhere.
const LIMIT: usize = 40;
/// OpenAI refuses a longer `call_id` in Responses; Bedrock a longer `toolUseId`.
const LONG_LIMIT: usize = 64;
/// OpenAI refuses a longer `user`.
const USER_LIMIT: usize = 64;

/// The id as `dialect` accepts it: Anthropic and Bedrock demand `^[a-zA-Z0-9_-]+$`, OpenAI at most 40 characters
/// (Responses and Bedrock 64).
pub(crate) fn tool_id(dialect: Dialect, id: &str) -> Cow<'_, str> {
    let fits = !id.is_empty()
        && match dialect {
            Dialect::OpenAiChat | Dialect::Gemini => id.len() <= LIMIT,
            Dialect::OpenAiResponses => id.len() <= LONG_LIMIT,
            Dialect::AnthropicMessages => id.bytes().all(is_plain),
            Dialect::BedrockConverse => id.len() <= LONG_LIMIT && id.bytes().all(is_plain),
        };
    if fits {
        return Cow::Borrowed(id);
    }
    let kept: String = id
        .chars()
        .take(LIMIT - 17)
        .map(|c| if c.is_ascii() && is_plain(c as u8) { c } else { '_' })
        .collect();
    Cow::Owned(format!("{kept}_{:016x}", fnv1a(id.bytes())))
}

/// The id a caller gets for a call of an answer: the provider's, or where it gives none one made from the answer's id
/// and the call's number, so that the whole answer and its stream agree and two turns of a conversation do not.
pub(crate) fn answer_tool_id<'a>(dialect: Dialect, id: &'a str, answer: &str, call: usize) -> Cow<'a, str> {
    if !id.is_empty() {
        return tool_id(dialect, id);
    }
    if answer.is_empty() {
        return Cow::Owned(format!("call_{call}"));
    }
    Cow::Owned(format!("call_{:016x}_{call}", fnv1a(answer.bytes())))
}

/// An end user's id short enough for chat: an opaque digest stands for a longer one. Tells whether one had to.
pub(crate) fn user_id(user: &str) -> (Cow<'_, str>, bool) {
    if user.len() <= USER_LIMIT {
        return (Cow::Borrowed(user), false);
    }
    (Cow::Owned(format!("user_{:016x}", fnv1a(user.bytes()))), true)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// FNV-1a, 64 bit: stable across versions and machines, which is all that is asked of it.
pub(super) fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_where_they_can_and_stay_apart_where_they_cannot() {
        let chat = |id: &'static str| tool_id(Dialect::OpenAiChat, id);
        let messages = |id: &'static str| tool_id(Dialect::AnthropicMessages, id);
        for id in ["call_abc123", "toolu_01A09q90qw90lq917835lq9", "toolu_bdrk_01AbCdEfGhIjKlMnOpQrStUv"] {
            assert_eq!((&*chat(id), &*messages(id)), (id, id));
        }
        assert_ne!(messages("functions.get:0"), messages("functions_get.0"));
        assert_eq!(messages("functions.get:0"), messages("functions.get:0"));
        let long = "x".repeat(90);
        for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::BedrockConverse] {
            let id = tool_id(dialect, &long);
            assert!(id.len() <= 40, "{id}");
        }
        assert!(!messages("").is_empty() && messages("é:").bytes().all(is_plain));
    }

    #[test]
    fn calls_without_an_id_get_one_of_their_own() {
        let id =
            |answer: &str, call| answer_tool_id(Dialect::AnthropicMessages, "", answer, call).into_owned();
        assert_eq!(id("chatcmpl-1", 0), id("chatcmpl-1", 0));
        assert_ne!(id("chatcmpl-1", 0), id("chatcmpl-1", 1));
        assert_ne!(id("chatcmpl-1", 0), id("chatcmpl-2", 0), "the next turn's calls are others");
    }
}
