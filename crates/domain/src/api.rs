//! What the control API takes and gives, beside the views. One definition for engine, control, CLI and window.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::budget::{BudgetId, BudgetView, Pause, PauseCause};
use crate::map::Format;
use crate::switch_cost::Rates;
use crate::view::{CredentialView, JobState, KeychainView};
use crate::{CostBasis, Dialect, Failure, RequestId, RouteId, Tier, Usd};

/// A map to apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyMap {
    /// The document, JSON or YAML.
    pub document: String,
    /// The version it was written against; refused when a newer one is running.
    #[serde(default)]
    pub base_version: Option<i64>,
    /// Why, for the audit log.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// Who applies it: `window`, `cli`, `api`.
    #[serde(default = "by_api")]
    #[schema(max_length = 60)]
    pub source: String,
}

fn by_api() -> String {
    "api".to_owned()
}

/// A person's word that work go on which money holds: budgets at their mark or cap, webhooks, runaway apps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResumeMoney {
    /// The budgets of this scope alone: `total`, `provider/anthropic`, `client/crawler`, `job/summaries`; all without one.
    #[serde(default)]
    #[schema(max_length = 300)]
    pub scope: Option<String>,
    /// Added for this day or month to the cap of each budget that is reached, nano-dollars (10⁻⁹ USD).
    #[serde(default)]
    pub over_nano_usd: Option<Usd>,
    /// Why, for the audit log.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResumedMoney {
    /// Budgets that were at their mark or cap, and are open until their cap.
    #[schema(value_type = Vec<String>)]
    pub opened: Vec<BudgetId>,
    /// Budgets of which nothing is left all the same: they need a larger cap, or `overNanoUsd`.
    #[schema(value_type = Vec<String>)]
    pub still_reached: Vec<BudgetId>,
    /// Pauses that ended.
    #[schema(value_type = Vec<String>)]
    pub lifted: Vec<PauseCause>,
}

/// Budgets and what they hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Money {
    /// Every capped budget as it stands.
    pub budgets: Vec<BudgetView>,
    /// Why work waits: a person's own pause and those of money.
    pub pauses: Vec<Pause>,
    /// Times a budget stood above its cap though nobody had lowered it: 0 unless the router is at fault.
    pub breaches: u64,
}

/// What spending is told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpendBy {
    /// The provider that was paid.
    Provider,
    /// The model that was asked.
    Model,
    /// The route it was asked by.
    Route,
    /// The workload.
    Job,
    /// The app.
    Client,
    /// Apps' requests, queued jobs, checks or drills.
    Kind,
    /// The day, where the budget's days begin.
    Day,
}

impl SpendBy {
    /// Each of them.
    pub const ALL: [Self; 7] =
        [Self::Provider, Self::Model, Self::Route, Self::Job, Self::Client, Self::Kind, Self::Day];

    /// As it is asked for.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Route => "route",
            Self::Job => "job",
            Self::Client => "client",
            Self::Kind => "kind",
            Self::Day => "day",
        }
    }
}

/// What was spent in a span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spend {
    /// What it is told apart by.
    pub by: SpendBy,
    /// From then, UTC epoch milliseconds: the beginning of a quarter of an hour.
    pub since_ms: i64,
    /// Until before then.
    pub until_ms: i64,
    /// The dearest first; days in their order.
    pub rows: Vec<SpendRow>,
}

/// A part of what was spent. Costs are nano-dollars (10⁻⁹ USD).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpendRow {
    /// Whose, of which model, on which day.
    pub name: String,
    /// Tries that were billed.
    pub attempts: u64,
    /// Prompt tokens, cached ones included.
    pub input_tokens: u64,
    /// The part of them read from a provider's cache.
    pub cached_tokens: u64,
    /// The part of them written to a provider's cache.
    pub cache_write_tokens: u64,
    /// Answer tokens, reasoning included.
    pub output_tokens: u64,
    /// The part of them spent on reasoning.
    pub reasoning_tokens: u64,
    /// What it cost.
    pub cost_nano_usd: Usd,
    /// The part of the cost that is an estimate: those answers ended without their usage.
    pub estimated_nano_usd: Usd,
    /// The part of the cost at prices nobody knows, assumed dear.
    pub assumed_nano_usd: Usd,
}

/// What a route's calls cost, and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoutePrice {
    /// The route.
    pub route: RouteId,
    /// How its costs are known: `usage` by the list or the map, `assumed`, `free`, `subscription`.
    pub basis: CostBasis,
    /// Where the rates come from: the list's `vendor/model`, or in words.
    pub source: String,
    /// Prices of a million tokens of a short prompt now.
    pub rates: Rates,
    /// The line of the map that would mend an assumed price, with the assumed rates to be corrected.
    pub fix: Option<String>,
}

/// A provider's budget alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetAlert {
    /// The provider, by any of its names: `google` is `gemini`.
    #[schema(max_length = 256)]
    pub provider: String,
    /// How much of the provider's own budget is used, percent.
    pub percent_used: f64,
}

/// Single values of the running map to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetMap {
    /// By path: `{"breaker.consecutiveFailures": 8, "hot[0].weight": 2}`. `null` takes the key out, so that its default
    /// holds again.
    #[schema(value_type = Object)]
    pub changes: serde_json::Map<String, serde_json::Value>,
    /// Why, for the audit log.
    #[schema(max_length = 1000)]
    #[serde(default)]
    pub reason: Option<String>,
    /// The version it is meant for: refused when a newer one is running.
    #[serde(default)]
    pub base_version: Option<i64>,
}

/// Failed tries of a time, out of the request log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorReport {
    /// Since when, UTC epoch milliseconds.
    pub since_ms: i64,
    /// Tries in that time, good and bad, by provider.
    pub tries: std::collections::BTreeMap<String, u64>,
    /// What failed, most often first.
    pub errors: Vec<ErrorRow>,
}

/// One kind of failure at one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorRow {
    /// The provider.
    pub provider: String,
    /// What was seen.
    pub kind: crate::FailureKind,
    /// The status, where one came.
    pub status: Option<u16>,
    /// How often.
    pub count: u64,
    /// When last, UTC epoch milliseconds.
    pub last_at_ms: i64,
    /// The last one's reason, in the provider's words.
    pub message: String,
}

/// An applied map as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapDocument {
    /// Its version.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// The text, byte for byte.
    pub document: String,
    /// JSON or YAML.
    pub format: Format,
    /// UTC epoch milliseconds.
    pub applied_at_ms: i64,
    /// Who applied it.
    pub source: String,
    /// Why.
    pub reason: Option<String>,
}

/// An entry of the map's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapVersion {
    /// Its version.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// UTC epoch milliseconds.
    pub applied_at_ms: i64,
    /// Who applied it.
    pub source: String,
    /// Why.
    pub reason: Option<String>,
}

/// Every known credential, without values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialList {
    /// Whether the OS keychain can be used.
    pub keychain: KeychainView,
    /// By name.
    pub credentials: Vec<CredentialView>,
}

/// What a provider said to a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialTest {
    /// Whether the key was accepted.
    pub ok: bool,
    /// `openai accepts this key.` or `openai answered 401. Paste a new key.`
    pub message: String,
}

/// An app with its own local key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientRecord {
    /// The app's name.
    pub name: String,
    /// UTC epoch milliseconds.
    pub created_at_ms: i64,
    /// UTC epoch milliseconds, to the minute.
    pub last_used_at_ms: Option<i64>,
}

/// A new app's key; shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewClient {
    /// The app's name.
    pub name: String,
    /// Its local key.
    pub key: String,
}

impl std::fmt::Debug for NewClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewClient").field("name", &self.name).field("key", &"[redacted]").finish()
    }
}

/// A job of the cold queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: JobState,
    /// The app.
    pub client: String,
    /// The workload.
    pub job: String,
    /// The caller's dialect.
    pub dialect: Dialect,
    /// The model asked for.
    pub model: String,
    /// Arrival, UTC epoch milliseconds.
    pub created_at_ms: i64,
    /// The next attempt, UTC epoch milliseconds; absent once it is over.
    pub next_attempt_at_ms: Option<i64>,
    /// When it is given up, UTC epoch milliseconds.
    pub expires_at_ms: i64,
    /// Attempts that reached an upstream.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last_failure: Option<Failure>,
    /// When it ended, UTC epoch milliseconds.
    pub finished_at_ms: Option<i64>,
    /// The route that answered.
    pub route: Option<RouteId>,
    /// Why it ended without an answer.
    pub note: Option<String>,
}

/// One real request through the pipeline, to see it work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestRequest {
    /// The model to ask for; `auto` when absent.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub model: Option<String>,
    /// The prompt; a short question when absent.
    #[serde(default)]
    #[schema(max_length = 100_000)]
    pub prompt: Option<String>,
    /// Whether to stream.
    #[serde(default)]
    pub stream: bool,
    /// The one route to ask, whatever its circuit says; as a client's request would go when absent.
    #[serde(default)]
    pub route: Option<RouteId>,
}

/// How a test request went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestAnswer {
    /// The status a client would have got.
    pub status: u16,
    /// The route that answered.
    pub route: Option<RouteId>,
    /// Its tier.
    pub tier: Option<Tier>,
    /// Tries.
    pub attempts: u32,
    /// From arrival to the end, milliseconds.
    pub duration_ms: u32,
    /// The answer's text, or the error's message.
    pub text: String,
    /// The request's id.
    pub request_id: RequestId,
    /// The queued job, when no route could answer.
    pub job_id: Option<String>,
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Position in the log.
    pub id: i64,
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// Who: `window`, `cli`, `api`, `router`.
    pub actor: String,
    /// What: `map.apply`, `pause`, `credential.set`, ...
    pub action: String,
    /// On what.
    pub target: String,
    /// Why.
    pub reason: Option<String>,
    /// What stood there before, where that is known. Never a secret.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub before: Option<serde_json::Value>,
    /// What stands there since.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub after: Option<serde_json::Value>,
    /// Whether it can be rolled back.
    #[serde(default)]
    pub reversible: bool,
}

/// A change to roll back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollBack {
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// What was rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolledBack {
    /// The entry's position in the log.
    pub id: i64,
    /// What it was.
    pub action: String,
    /// On what.
    pub target: String,
    /// What a person should know before going on.
    pub warnings: Vec<String>,
}
