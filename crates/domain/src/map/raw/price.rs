//! Prices as people write them.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a model costs: `"free"`, rates, or a multiple of what the price list says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawPrice {
    /// A word.
    Word(RawPriceWord),
    /// Rates or a multiplier.
    Settings(RawPriceSettings),
}

/// A price that is a word.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RawPriceWord {
    /// Nothing is charged.
    Free,
}

/// Either rates in US dollars for a million tokens, of which `input` and `output` are needed, or `multiplier` alone.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawPriceSettings {
    /// Prompt tokens, US dollars for a million.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub input: Option<f64>,
    /// Answer tokens, reasoning included, US dollars for a million.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub output: Option<f64>,
    /// Prompt tokens read from the provider's cache, US dollars for a million; as `input` where not written.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub cache_read: Option<f64>,
    /// Prompt tokens written to the provider's cache, US dollars for a million; as `input` where not written.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub cache_write: Option<f64>,
    /// The same for an hour, US dollars for a million; as `cacheWrite` where not written.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub cache_write_1h: Option<f64>,
    /// Times the price there would be without this setting: 1.1 is ten percent more.
    #[schemars(range(min = 0.001, max = 1_000))]
    pub multiplier: Option<f64>,
}
