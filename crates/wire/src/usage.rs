//! Tokens used, in one meaning for every dialect.

#[cfg(test)]
mod golden;
mod meter;
pub(crate) mod numbers;

use switchyard_domain::Operation;
use switchyard_domain::usage::ReportedUsage;

use crate::Dialect;
use crate::inspect::inspect_ok_body;

pub(crate) use meter::{Meter, billed};

/// Tokens of one answer, as callers are told them. Every input token is counted once in `input_tokens`; the cached counts are parts
/// of it (chat counts so; Messages and Converse report three disjoint counts, which are added up here).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens, read from a cache or not.
    pub input_tokens: u64,
    /// All output tokens, reasoning included.
    pub output_tokens: u64,
    /// The part of the input read from the provider's prompt cache.
    pub cached_input_tokens: u64,
    /// The part of the input written to the provider's prompt cache.
    pub cache_write_tokens: u64,
    /// The part of the output spent on reasoning, where the provider tells.
    pub reasoning_tokens: u64,
}

impl Usage {
    /// The sum, for an answer two upstreams wrote one after the other.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cached_input_tokens: self.cached_input_tokens.saturating_add(other.cached_input_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_add(other.cache_write_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
        }
    }

    /// Joins a later report of the same answer. Each is of the whole answer so far, and the last one holds, be it smaller
    /// (Gemini corrects its prompt's count). Zeros are what gateways write for counts they don't have, first or last.
    #[must_use]
    pub fn merged(self, later: Self) -> Self {
        let last = |before: u64, later: u64| if later > 0 { later } else { before };
        let input_tokens = last(self.input_tokens, later.input_tokens);
        let output_tokens = last(self.output_tokens, later.output_tokens);
        let cached_input_tokens = last(self.cached_input_tokens, later.cached_input_tokens).min(input_tokens);
        Self {
            input_tokens,
            output_tokens,
            cached_input_tokens,
            cache_write_tokens: last(self.cache_write_tokens, later.cache_write_tokens)
                .min(input_tokens - cached_input_tokens),
            reasoning_tokens: last(self.reasoning_tokens, later.reasoning_tokens).min(output_tokens),
        }
    }
}

impl From<&ReportedUsage> for Usage {
    /// Parts of the input are no more than all of it, whatever a server adds up. Some report more of it cached than there
    /// was (Grok on Azure), or one part twice (OpenRouter's Gemini).
    fn from(reported: &ReportedUsage) -> Self {
        let count = |said: Option<i64>| u64::try_from(said.unwrap_or(0)).unwrap_or(0);
        let (input, read) = (count(reported.input), count(reported.cache_read));
        let written = count(reported.cache_write).max(count(reported.cache_write_1h));
        let input_tokens =
            if reported.cache_is_apart { input.saturating_add(read).saturating_add(written) } else { input };
        let cached_input_tokens = read.min(input_tokens);
        // Some leave their reasoning out of the answer's count (xAI), and some out of both counts but not out of the total.
        let billed = reported.billed().unwrap_or_default();
        Self {
            input_tokens,
            output_tokens: billed.output_tokens(),
            cached_input_tokens,
            cache_write_tokens: written.min(input_tokens - cached_input_tokens),
            reasoning_tokens: billed.reasoning,
        }
    }
}

/// The usage a whole (non-streamed) answer reports, if it does.
#[must_use]
pub fn usage_of(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    inspect_ok_body(dialect, Operation::Complete, None, body).ok()?.usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_report_of_a_stream_holds_and_zeros_report_nothing() {
        let of = |input_tokens, output_tokens, cached_input_tokens| Usage {
            input_tokens,
            output_tokens,
            cached_input_tokens,
            ..Usage::default()
        };
        let cases = [
            // Gemini corrects its prompt's count.
            (of(169, 0, 0), of(79, 12, 0), of(79, 12, 0)),
            (of(60_385, 900, 60_000), of(612, 80, 0), of(612, 80, 612)),
            // Gateways send zeros first, or last.
            (of(0, 0, 0), of(9, 7, 4), of(9, 7, 4)),
            (of(9, 7, 4), of(0, 0, 0), of(9, 7, 4)),
            (of(9, 1, 4), of(0, 7, 0), of(9, 7, 4)),
        ];
        for (before, later, expected) in cases {
            assert_eq!(before.merged(later), expected);
        }
    }
}
