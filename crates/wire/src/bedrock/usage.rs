//! Tokens used, as Converse counts them.

use serde::Deserialize;

use crate::Usage;
use crate::lenient::{lenient_object, maybe};

/// Usage as Converse reports it: `inputTokens` leaves out what was read from or written to the cache ("Prompt caching for
/// faster model inference"); thinking counts as output and is not told apart.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConverseUsage {
    #[serde(deserialize_with = "maybe")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    output_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    cache_read_input_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    cache_write_input_tokens: Option<u64>,
}

lenient_object!(ConverseUsage);

impl From<ConverseUsage> for Usage {
    fn from(usage: ConverseUsage) -> Self {
        let (read, written) = (usage.cache_read_input_tokens, usage.cache_write_input_tokens);
        Self {
            output_tokens: usage.output_tokens.unwrap_or(0),
            ..Self::of_disjoint_input(usage.input_tokens, read, written)
        }
    }
}
