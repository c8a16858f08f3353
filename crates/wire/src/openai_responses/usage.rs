//! Tokens as Responses counts them: like chat, under other names.

use std::io::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Usage;
use crate::lenient::{self, lenient_object, maybe};

/// Usage as a Responses answer reports it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResponsesUsage {
    #[serde(deserialize_with = "maybe")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    output_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    input_tokens_details: Option<InputDetails>,
    #[serde(deserialize_with = "maybe")]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    #[serde(deserialize_with = "maybe")]
    cached_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    cache_write_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    #[serde(deserialize_with = "maybe")]
    reasoning_tokens: Option<u64>,
}

lenient_object!(ResponsesUsage, InputDetails, OutputDetails);

impl ResponsesUsage {
    /// Reads a `usage`; none where it is no object.
    pub(crate) fn read(usage: &RawValue) -> Option<Self> {
        lenient::read(usage).ok().flatten()
    }
}

impl From<ResponsesUsage> for Usage {
    fn from(reported: ResponsesUsage) -> Self {
        let input = reported.input_tokens_details.unwrap_or_default();
        let reasoning = reported.output_tokens_details.and_then(|details| details.reasoning_tokens);
        let input_tokens = reported.input_tokens.unwrap_or(0);
        // Parts of the input are no more than all of it, whatever a server adds up.
        let cached_input_tokens = input.cached_tokens.unwrap_or(0).min(input_tokens);
        let rest = input_tokens - cached_input_tokens;
        Self {
            input_tokens,
            output_tokens: reported.output_tokens.unwrap_or(0),
            cached_input_tokens,
            cache_write_tokens: input.cache_write_tokens.unwrap_or(0).min(rest),
            reasoning_tokens: reasoning.unwrap_or(0),
        }
    }
}

/// Writes the `usage` of an answer. The SDKs declare each of its counts required.
pub(super) fn write(usage: Usage, out: &mut Vec<u8>) {
    let Usage { input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens } =
        usage;
    let total = input_tokens.saturating_add(output_tokens);
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        r#"{{"input_tokens":{input_tokens},"input_tokens_details":{{"cache_write_tokens":{cache_write_tokens},"cached_tokens":{cached_input_tokens}}},"output_tokens":{output_tokens},"output_tokens_details":{{"reasoning_tokens":{reasoning_tokens}}},"total_tokens":{total}}}"#
    );
}
