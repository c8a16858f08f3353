//! The categories tokens are billed in, and the listed rate each of them has.

use std::collections::BTreeMap;

use serde::Deserialize;
use switchyard_domain::money::Rate;
use switchyard_domain::usage::BilledUsage;

/// How many categories of tokens there are.
pub(crate) const CATEGORIES: usize = 13;

/// A count or a rate for each category of tokens, in the order of [`KEYS`].
pub(crate) type PerCategory = [u64; CATEGORIES];

/// The categories of a prompt; an answer's come behind them.
pub(crate) const PROMPT: std::ops::Range<usize> = 0..9;

/// The price list's keys of each category, the most particular first. Tokens without a rate of their own are charged at
/// the next: audio as text, a cache read as a prompt.
const KEYS: [&[&str]; CATEGORIES] = [
    &["input_mtok"],
    &["input_audio_mtok", "input_mtok"],
    &["input_image_mtok", "input_mtok"],
    &["input_video_mtok", "input_mtok"],
    &["cache_read_mtok", "input_mtok"],
    &["cache_audio_read_mtok", "cache_read_mtok", "input_audio_mtok", "input_mtok"],
    &["cache_image_read_mtok", "cache_read_mtok", "input_image_mtok", "input_mtok"],
    &["cache_write_mtok", "input_mtok"],
    &["cache_write_1h_mtok", "cache_write_mtok", "input_mtok"],
    &["output_mtok"],
    &["output_reasoning_mtok", "output_mtok"],
    &["output_audio_mtok", "output_mtok"],
    &["output_image_mtok", "output_mtok"],
];

/// The places of categories that are asked for by name.
pub(crate) mod at {
    pub(crate) const INPUT: usize = 0;
    pub(crate) const CACHE_READ: usize = 4;
    pub(crate) const CACHE_WRITE_5M: usize = 7;
    pub(crate) const CACHE_WRITE_1H: usize = 8;
    pub(crate) const OUTPUT: usize = 9;
    pub(crate) const REASONING: usize = 10;
}

/// The tokens of each category.
pub(crate) const fn counts(usage: &BilledUsage) -> PerCategory {
    [
        usage.input,
        usage.input_audio,
        usage.input_image,
        usage.input_video,
        usage.cache_read,
        usage.cache_read_audio,
        usage.cache_read_image,
        usage.cache_write_5m,
        usage.cache_write_1h,
        usage.output,
        usage.reasoning,
        usage.output_audio,
        usage.output_image,
    ]
}

/// A model's prices as the list has them, by key.
pub(crate) type ListedPrices = BTreeMap<String, ListedPrice>;

/// One price of the list, USD for a million tokens or a thousand calls.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum ListedPrice {
    /// The same for a prompt of any length.
    Flat(f64),
    /// Another one for long prompts.
    Stepped { base: f64, tiers: Vec<Step> },
}

/// A price for prompts of more than `start` tokens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Step {
    pub(crate) start: f64,
    pub(crate) price: f64,
}

impl ListedPrice {
    /// The price for a prompt of just above `above` tokens; `None` for one below every step.
    fn past(&self, above: Option<u64>) -> f64 {
        match self {
            Self::Flat(price) => *price,
            Self::Stepped { base, tiers } => {
                #[expect(clippy::cast_precision_loss, reason = "no step is at 2^53 tokens")]
                let reached =
                    tiers.iter().filter(|step| above.is_some_and(|above| step.start <= above as f64));
                let highest = reached.max_by(|a, b| a.start.total_cmp(&b.start));
                highest.map_or(*base, |step| step.price)
            }
        }
    }

    /// Where its steps begin, tokens.
    pub(crate) fn steps(&self) -> impl Iterator<Item = u64> + '_ {
        let tiers = match self {
            Self::Flat(_) => &[][..],
            Self::Stepped { tiers, .. } => tiers,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast to u64 saturates; the list has whole positive numbers"
        )]
        tiers.iter().map(|step| step.start as u64)
    }
}

/// Atto-dollars for one token of each category, for a prompt of just above `above` tokens.
pub(crate) fn token_rates(prices: &ListedPrices, above: Option<u64>) -> PerCategory {
    KEYS.map(|keys| {
        let listed = keys.iter().find_map(|key| prices.get(*key));
        listed.and_then(|price| Rate::per_million(price.past(above))).map_or(0, Rate::attos)
    })
}

/// Atto-dollars for one call, by the list's key for a thousand; `None` where the list has no price for it.
pub(crate) fn call_rate(prices: &ListedPrices, key: &str) -> Option<u64> {
    Rate::per_thousand(prices.get(key)?.past(None)).map(Rate::attos)
}
