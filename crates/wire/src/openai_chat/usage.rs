//! Tokens as chat counts them: the cached ones are part of the prompt's, the reasoning ones of the completion's.

use serde::{Deserialize, Serialize};

use crate::Usage;

/// Usage as chat providers report it. DeepSeek's own name for cached tokens is understood too, and OpenRouter's count
/// of tokens written to a cache.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct ChatUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<ChatUsage> for Usage {
    fn from(chat: ChatUsage) -> Self {
        let prompt = chat.prompt_tokens_details.unwrap_or_default();
        let reasoning = chat.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        Self {
            input_tokens: chat.prompt_tokens.unwrap_or(0),
            output_tokens: chat.completion_tokens.unwrap_or(0),
            cached_input_tokens: prompt.cached_tokens.or(chat.prompt_cache_hit_tokens).unwrap_or(0),
            cache_write_tokens: prompt.cache_write_tokens.unwrap_or(0),
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
