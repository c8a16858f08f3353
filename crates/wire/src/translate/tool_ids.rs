//! Tool call ids in the form the other side accepts.
//!
//! Ids travel unchanged where they can, so a conversation that fails over and back keeps them. Where they
//! cannot, the new id is computed from the old one alone: a call and its result, seen in different messages
//! or requests, still match.

use crate::Dialect;

/// OpenAI refuses a longer `messages[].tool_calls[].id`.
const CHAT_LIMIT: usize = 40;
/// OpenAI refuses a longer `user`.
const USER_LIMIT: usize = 64;

/// The id as `dialect` accepts it: Anthropic demands `^[a-zA-Z0-9_-]+$`, OpenAI at most 40 characters.
pub(crate) fn tool_id(dialect: Dialect, id: String) -> String {
    let fits = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse => {
            !id.is_empty() && id.len() <= CHAT_LIMIT
        }
        Dialect::AnthropicMessages => !id.is_empty() && id.bytes().all(is_plain),
    };
    if fits {
        return id;
    }
    let kept: String = id
        .chars()
        .take(CHAT_LIMIT - 17)
        .map(|c| if c.is_ascii() && is_plain(c as u8) { c } else { '_' })
        .collect();
    format!("{kept}_{:016x}", fnv1a(&id))
}

/// An end user's id short enough for chat: an opaque digest stands for a longer one.
pub(crate) fn user_id(user: String) -> (String, bool) {
    if user.len() <= USER_LIMIT {
        return (user, false);
    }
    (format!("user_{:016x}", fnv1a(&user)), true)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// FNV-1a, 64 bit: stable across versions and machines, which is all that is asked of it.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_where_they_can_and_stay_apart_where_they_cannot() {
        let chat = |id: &str| tool_id(Dialect::OpenAiChat, id.to_owned());
        let messages = |id: &str| tool_id(Dialect::AnthropicMessages, id.to_owned());
        for id in ["call_abc123", "toolu_01A09q90qw90lq917835lq9", "toolu_bdrk_01AbCdEfGhIjKlMnOpQrStUv"] {
            assert_eq!((chat(id).as_str(), messages(id).as_str()), (id, id));
        }
        assert_ne!(messages("functions.get:0"), messages("functions_get.0"));
        assert_eq!(messages("functions.get:0"), messages("functions.get:0"));
        let long = "x".repeat(90);
        assert!(chat(&long).len() <= 40, "{}", chat(&long));
        assert!(!messages("").is_empty() && messages("é:").bytes().all(is_plain));
    }
}
