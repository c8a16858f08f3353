//! Tokens as Anthropic counts them: three disjoint input counts, thinking as part of the output.

use serde::{Deserialize, Serialize};

use crate::Usage;
use crate::lenient::{lenient_object, maybe};

/// Usage as Anthropic reports it: `input_tokens` leaves out what was read from or written to the cache.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct MessagesUsage {
    #[serde(deserialize_with = "maybe")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    output_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    cache_read_input_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    #[serde(deserialize_with = "maybe")]
    thinking_tokens: Option<u64>,
}

lenient_object!(MessagesUsage, OutputDetails);

impl MessagesUsage {
    /// Joins a later report of the same answer. Each count stands by itself: `message_delta` may tell fewer of them
    /// than `message_start` did. Zeros are what gateways write for counts they don't have.
    #[must_use]
    pub(crate) fn merged(self, later: Self) -> Self {
        let last = |before: Option<u64>, later: Option<u64>| later.filter(|count| *count > 0).or(before);
        Self {
            input_tokens: last(self.input_tokens, later.input_tokens),
            output_tokens: last(self.output_tokens, later.output_tokens),
            cache_creation_input_tokens: last(
                self.cache_creation_input_tokens,
                later.cache_creation_input_tokens,
            ),
            cache_read_input_tokens: last(self.cache_read_input_tokens, later.cache_read_input_tokens),
            output_tokens_details: later.output_tokens_details.or(self.output_tokens_details),
        }
    }
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
