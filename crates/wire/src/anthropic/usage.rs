//! Tokens as Anthropic counts them: three disjoint input counts, thinking as part of the output.

use serde::{Deserialize, Serialize};

use crate::Usage;

/// Usage as Anthropic reports it: `input_tokens` leaves out what was read from or written to the cache.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct MessagesUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

impl From<MessagesUsage> for Usage {
    fn from(usage: MessagesUsage) -> Self {
        let (read, written) = (usage.cache_read_input_tokens, usage.cache_creation_input_tokens);
        Self {
            output_tokens: usage.output_tokens.unwrap_or(0),
            reasoning_tokens: usage
                .output_tokens_details
                .and_then(|details| details.thinking_tokens)
                .unwrap_or(0),
            ..Self::of_disjoint_input(usage.input_tokens, read, written)
        }
    }
}

/// Usage as written to a Messages caller.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct WrittenUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<WrittenOutputDetails>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WrittenOutputDetails {
    thinking_tokens: u64,
}

impl From<Usage> for WrittenUsage {
    fn from(usage: Usage) -> Self {
        let cached = usage.cached_input_tokens.saturating_add(usage.cache_write_tokens);
        let thinking_tokens = usage.reasoning_tokens;
        Self {
            input_tokens: usage.input_tokens.saturating_sub(cached),
            cache_creation_input_tokens: usage.cache_write_tokens,
            cache_read_input_tokens: usage.cached_input_tokens,
            output_tokens: usage.output_tokens,
            output_tokens_details: (thinking_tokens > 0).then_some(WrittenOutputDetails { thinking_tokens }),
        }
    }
}
