//! Tokens as Responses counts them: like chat, under other names.

use std::io::Write as _;

use serde::Deserialize;

use crate::Usage;

/// Usage as a Responses answer reports it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct ResponsesUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

impl From<ResponsesUsage> for Usage {
    fn from(reported: ResponsesUsage) -> Self {
        let cached = reported.input_tokens_details.and_then(|details| details.cached_tokens);
        let reasoning = reported.output_tokens_details.and_then(|details| details.reasoning_tokens);
        Self {
            input_tokens: reported.input_tokens.unwrap_or(0),
            output_tokens: reported.output_tokens.unwrap_or(0),
            cached_input_tokens: cached.unwrap_or(0),
            cache_write_tokens: 0,
            reasoning_tokens: reasoning.unwrap_or(0),
        }
    }
}

/// Writes the `usage` of an answer.
pub(super) fn write(usage: Usage, out: &mut Vec<u8>) {
    let Usage { input_tokens, output_tokens, cached_input_tokens, cache_write_tokens: _, reasoning_tokens } =
        usage;
    let total = input_tokens.saturating_add(output_tokens);
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        r#"{{"input_tokens":{input_tokens},"input_tokens_details":{{"cached_tokens":{cached_input_tokens}}},"output_tokens":{output_tokens},"output_tokens_details":{{"reasoning_tokens":{reasoning_tokens}}},"total_tokens":{total}}}"#
    );
}
