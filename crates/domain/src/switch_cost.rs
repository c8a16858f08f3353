//! What a move of a job from one route to another would change, before it is made.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Dialect, Feature, RouteId, Usd};

/// A provider's prices, in nano-dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    /// Prompt tokens.
    pub input_nano_usd: Usd,
    /// Answer tokens.
    pub output_nano_usd: Usd,
    /// Prompt tokens read from the provider's cache; as prompt tokens where it has no other price.
    pub cached_input_nano_usd: Usd,
    /// Prompt tokens written to the provider's cache; as prompt tokens where it has no other price.
    pub cache_write_nano_usd: Usd,
}

/// A request as this job usually makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypicalRequest {
    /// Prompt tokens, cached ones included.
    pub input_tokens: u64,
    /// The part of them that is read from the provider's cache.
    pub cached_tokens: u64,
    /// Answer tokens.
    pub output_tokens: u64,
    /// Requests these are the medians of; 0 = nothing is known yet, and the numbers are assumed.
    pub measured: u32,
}

/// One side of a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwitchSide {
    /// The route.
    pub route: RouteId,
    /// What it speaks.
    pub dialect: Dialect,
    /// Whether it runs on this machine or its network, where tokens cost nothing.
    pub local: bool,
    /// The provider's prices; absent where they are not known.
    pub rates: Option<Rates>,
    /// A typical request with a warm prompt cache, nano-dollars; absent where no price is known.
    pub request_nano_usd: Option<Usd>,
    /// The most tokens of prompt and answer together, where known.
    pub context_window: Option<u64>,
    /// What it can't do, by the map, its preset and its last check.
    pub lacks: Vec<Feature>,
}

/// What a move changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwitchCost {
    /// The job; `default` for requests that name none.
    pub job: String,
    /// The route that answers now.
    pub from: SwitchSide,
    /// The route that would.
    pub to: SwitchSide,
    /// The request both are priced with.
    pub typical: TypicalRequest,
    /// What a request costs more (or less, below zero) once the cache is warm, nano-dollars.
    pub more_per_request_nano_usd: Option<Usd>,
    /// What each of the first requests costs on top, until the new provider's prompt cache is warm, nano-dollars.
    pub cold_cache_nano_usd: Option<Usd>,
    /// Requests of 30 days at the rate of the last seven, where there were any.
    pub monthly_requests: Option<u64>,
    /// What 30 days cost more (or less) at that rate, nano-dollars.
    pub more_per_month_nano_usd: Option<Usd>,
    /// Whether requests that were passed through would be translated.
    pub dialect_changes: bool,
    /// What works now and would not any more.
    pub lost: Vec<Feature>,
    /// What does not work now and would.
    pub gained: Vec<Feature>,
    /// All of it in plain sentences.
    pub sentences: Vec<String>,
}
