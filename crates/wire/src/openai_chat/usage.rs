//! Tokens as chat counts them: the cached ones are part of the prompt's, the reasoning ones of the completion's.

use serde::{Deserialize, Serialize};

use crate::Usage;
use crate::lenient::{lenient_object, maybe};

/// Usage as chat providers report it. DeepSeek's own name for cached tokens is understood too, and OpenRouter's count
/// of tokens written to a cache.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ChatUsage {
    #[serde(deserialize_with = "maybe")]
    prompt_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    completion_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(deserialize_with = "maybe")]
    completion_tokens_details: Option<CompletionDetails>,
    #[serde(deserialize_with = "maybe")]
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    #[serde(deserialize_with = "maybe")]
    cached_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    cache_write_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    #[serde(deserialize_with = "maybe")]
    reasoning_tokens: Option<u64>,
}
lenient_object!(ChatUsage, PromptDetails, CompletionDetails);

impl From<ChatUsage> for Usage {
    fn from(chat: ChatUsage) -> Self {
        let prompt = chat.prompt_tokens_details.unwrap_or_default();
        let reasoning = chat.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        let input_tokens = chat.prompt_tokens.unwrap_or(0);
        // Parts of the prompt's tokens. Some report more (Grok on Azure), or one part twice (OpenRouter's Gemini).
        let cached = prompt.cached_tokens.or(chat.prompt_cache_hit_tokens).unwrap_or(0).min(input_tokens);
        Self {
            input_tokens,
            output_tokens: chat.completion_tokens.unwrap_or(0),
            cached_input_tokens: cached,
            cache_write_tokens: prompt.cache_write_tokens.unwrap_or(0).min(input_tokens - cached),
            reasoning_tokens: reasoning.unwrap_or(0),
        }
    }
}

/// Usage as written to a chat caller.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct WrittenUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: WrittenPromptDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<WrittenCompletionDetails>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WrittenPromptDetails {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WrittenCompletionDetails {
    reasoning_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl From<Usage> for WrittenUsage {
    fn from(usage: Usage) -> Self {
        let reasoning_tokens = usage.reasoning_tokens;
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
            prompt_tokens_details: WrittenPromptDetails {
                cached_tokens: usage.cached_input_tokens,
                cache_write_tokens: usage.cache_write_tokens,
            },
            completion_tokens_details: (reasoning_tokens > 0)
                .then_some(WrittenCompletionDetails { reasoning_tokens }),
        }
    }
}
