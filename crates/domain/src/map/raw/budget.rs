//! Budgets as people write them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::budget::WebhookScope;

/// What may be spent: at most so much in a day or a month.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawBudget {
    /// Most US dollars a calendar month may cost; 0 allows nothing.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub month_usd: Option<f64>,
    /// Most US dollars a day may cost; 0 allows nothing.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub day_usd: Option<f64>,
    /// Most tokens of a calendar month, prompts and answers together.
    pub month_tokens: Option<u64>,
    /// Most tokens of a day, prompts and answers together.
    pub day_tokens: Option<u64>,
    /// Where days and months begin: a name of the IANA time zone database, as `Europe/Lisbon`.
    pub time_zone: Option<String>,
    /// Part of a budget at which new work pauses, percent.
    #[schemars(range(min = 1, max = 100))]
    pub pause_at_percent: Option<u8>,
    /// Most time a try waits for money that others hold, milliseconds; never beyond its deadline.
    #[schemars(range(min = 0, max = 600_000))]
    pub wait_ms: Option<u64>,
    /// Output tokens a request that names no maximum is taken to want.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub assume_output_tokens: Option<u64>,
    /// What a provider's budget webhook pauses.
    pub webhook_scope: Option<WebhookScope>,
    /// Hosts besides this machine under which budget alerts may come: a tunnel's public name.
    pub webhook_hosts: Option<Vec<String>>,
    /// What single providers may cost.
    pub providers: Option<BTreeMap<String, RawCaps>>,
    /// What single apps may cost, by their names under `clients`.
    pub clients: Option<BTreeMap<String, RawCaps>>,
    /// What single jobs may cost.
    pub jobs: Option<BTreeMap<String, RawCaps>>,
}

/// What one provider, app or job may cost.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawCaps {
    /// Most US dollars a calendar month may cost; 0 allows nothing.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub month_usd: Option<f64>,
    /// Most US dollars a day may cost; 0 allows nothing.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub day_usd: Option<f64>,
    /// Most tokens of a calendar month, prompts and answers together.
    pub month_tokens: Option<u64>,
    /// Most tokens of a day, prompts and answers together.
    pub day_tokens: Option<u64>,
}
