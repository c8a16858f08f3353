//! What people see and do of failover: triggers, shifts, overrides, storms, causes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::RouteId;
use crate::map::{Priority, ShiftMode};

/// What a trigger looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// Share of 5xx answers.
    ServerErrors,
    /// Share of 429 answers.
    RateLimited,
    /// 95th percentile of answer times, sustained.
    Slow,
    /// Probes in a row that failed.
    Probes,
    /// The quality score against its baseline.
    Quality,
    /// Share of failed calls, sustained: traffic leaves the provider.
    Errors,
    /// A person's decision.
    Manual,
}

impl TriggerKind {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerErrors => "server_errors",
            Self::RateLimited => "rate_limited",
            Self::Slow => "slow",
            Self::Probes => "probes",
            Self::Quality => "quality",
            Self::Errors => "errors",
            Self::Manual => "manual",
        }
    }
}

/// A trigger that has fired and not recovered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriggerView {
    /// What it looks at.
    pub kind: TriggerKind,
    /// The provider.
    pub provider: String,
    /// The route; absent when the provider as a whole is judged.
    pub route: Option<RouteId>,
    /// The numbers that fired it: `12 % of 41 calls answered 5xx (limit 5 %)`.
    pub reason: String,
    /// When its condition was first true, UTC epoch milliseconds.
    pub began_at_ms: i64,
    /// When it fired, UTC epoch milliseconds.
    pub fired_at_ms: i64,
    /// What it waits for to recover: `below 2.5 % for 2 min`.
    pub recovers: String,
}

/// A part of the map traffic can be moved from or to, as people write it: `hot`, `warm`, `provider:openai`,
/// `route:openai/gpt-4o-mini`, `model:gpt-4o-mini`, `rest` (everything else). A bare word is read as tier, provider, route id
/// or model, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "name", rename_all = "lowercase")]
pub enum Target {
    /// The Hot or Warm tier.
    Tier(crate::Tier),
    /// A provider's routes.
    Provider(String),
    /// One route.
    Route(RouteId),
    /// Every route of a model.
    Model(String),
    /// Everything else.
    Rest,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tier(tier) => f.write_str(tier.title()),
            Self::Provider(name) | Self::Model(name) => f.write_str(name),
            Self::Route(id) => f.write_str(crate::event::route_label(id)),
            Self::Rest => f.write_str("the other routes"),
        }
    }
}

/// Where a shift stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShiftPhase {
    /// Traffic is leaving in steps.
    Leaving,
    /// It has left and stays away.
    Away,
    /// It is coming home in steps.
    Returning,
    /// Over: it is home again.
    Home,
}

/// A move of traffic, from its first step until it is home again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShiftView {
    /// Its number.
    pub id: u64,
    /// Where traffic is moved from.
    pub from: Target,
    /// The same in words.
    pub from_words: String,
    /// Where it is moved to.
    pub to: Target,
    /// The same in words.
    pub to_words: String,
    /// How it left.
    pub mode: ShiftMode,
    /// Where it stands.
    pub phase: ShiftPhase,
    /// Share of `from`'s traffic that goes elsewhere now, percent.
    pub share_percent: u32,
    /// Shares of the steps of this phase, percent that goes elsewhere, in order.
    pub steps: Vec<u32>,
    /// The step it is at, from 0.
    pub step: usize,
    /// When the next step is due, UTC epoch milliseconds; absent while it is held or away.
    pub next_at_ms: Option<i64>,
    /// Whether it is held, by whom and why.
    pub held: Option<HoldView>,
    /// Why it began.
    pub reason: String,
    /// Who began it: `router`, `window`, `cli`, `api`.
    pub actor: String,
    /// When it began, UTC epoch milliseconds.
    pub started_at_ms: i64,
    /// What the watched step has seen.
    pub watch: Option<WatchView>,
    /// What it waits for before it goes on by itself, as a sentence; absent while held by hand.
    pub waits_for: Option<String>,
}

/// A shift that stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldView {
    /// `router` or who held it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// UTC epoch milliseconds.
    pub since_ms: i64,
}

/// What a watched step has seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchView {
    /// Calls on the side that is judged.
    pub calls: u64,
    /// Share of them that succeeded, percent.
    pub success_percent: Option<f64>,
    /// 95th percentile of their answer times, milliseconds.
    pub p95_ms: Option<u32>,
    /// The bounds, in words.
    pub bounds: String,
}

/// Weights that differ from the map's, and how far their change has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DistributionView {
    /// By provider or route.
    pub weights: Vec<WeightView>,
    /// When the change is complete, UTC epoch milliseconds; in the past once it is.
    pub complete_at_ms: i64,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
}

/// One weight of a distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeightView {
    /// Provider, route or model.
    pub target: Target,
    /// Share now, percent.
    pub percent: f64,
    /// Share once complete, percent.
    pub goal_percent: f64,
}

/// Traffic to move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartShift {
    /// From where: `hot`, a provider, a route's id, a model.
    #[schema(max_length = 256)]
    pub from: String,
    /// To where; `rest` when absent.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub to: Option<String>,
    /// How; the map's `shift.mode` when absent.
    #[serde(default)]
    pub mode: Option<ShiftMode>,
    /// How much of it goes, percent; 100 when absent. Less than 100 stays there until it is moved on.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100)]
    pub percent: Option<u32>,
    /// Why, for the audit log and everyone who looks.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// A distribution to set: `bedrock:50,google:30,meta:20`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetDistribution {
    /// Weights by provider, route id or model. Empty takes the distribution back.
    pub weights: BTreeMap<String, u32>,
    /// How long the change takes, milliseconds; the map's `shift.transitionMs` when absent.
    #[serde(default)]
    #[schema(maximum = 86_400_000)]
    pub transition_ms: Option<u64>,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// What a kill switch takes out of service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "name", rename_all = "lowercase")]
pub enum KillScope {
    /// One route.
    Route(RouteId),
    /// Every route of a model (by the map's name or an alias).
    Model(String),
    /// Every route of a provider.
    Provider(String),
}

impl std::fmt::Display for KillScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Route(id) => write!(f, "{id}"),
            Self::Model(name) => write!(f, "model {name}"),
            Self::Provider(name) => write!(f, "provider {name}"),
        }
    }
}

/// Who ordered something, when and why, and until when it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// `window`, `cli`, `api`, `router`.
    pub actor: String,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// When it lapses by itself, UTC epoch milliseconds.
    #[serde(default)]
    pub expires_at_ms: Option<i64>,
}

/// A kill switch that is thrown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kill {
    /// What is out of service.
    pub scope: KillScope,
    /// Who, when, why.
    #[serde(flatten)]
    pub order: Order,
}

/// A breaker held open or closed by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForcedBreaker {
    /// The route.
    pub route: RouteId,
    /// True = held open, false = held closed.
    pub open: bool,
    /// Who, when, why, until when.
    #[serde(flatten)]
    pub order: Order,
}

/// A job's models, overridden at run time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobOverride {
    /// Routes or models in order of tries; the first route's tier is Hot.
    pub models: Vec<String>,
    /// Who, when, why.
    #[serde(flatten)]
    pub order: Order,
}

/// A provider that no default line uses for now (`failover --except`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Except {
    /// The provider.
    pub provider: String,
    /// Who, when, why.
    #[serde(flatten)]
    pub order: Order,
}

/// Where an app's requests may go, overriding the map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientOverride {
    /// The only providers its requests may reach; absent = as the map says.
    #[serde(default)]
    pub providers: Option<Vec<String>>,
    /// The provider its requests go to first.
    #[serde(default)]
    pub prefer: Option<String>,
    /// Who, when, why.
    #[serde(flatten)]
    pub order: Order,
}

/// Everything overridden at run time, as one document. It outlives a restart; each change of it is an audit entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overrides {
    /// Grows with every change; a change against an older one is refused.
    pub version: u64,
    /// Kill switches.
    #[serde(default)]
    pub kills: Vec<Kill>,
    /// Breakers held by hand.
    #[serde(default)]
    pub forced: Vec<ForcedBreaker>,
    /// Jobs' models, by job; `default` is the map's own line.
    #[serde(default)]
    pub jobs: BTreeMap<String, JobOverride>,
    /// Providers left out everywhere.
    #[serde(default)]
    pub except: Vec<Except>,
    /// Apps' rules, by client.
    #[serde(default)]
    pub clients: BTreeMap<String, ClientOverride>,
    /// The all-off switch: who threw it, when and why.
    #[serde(default)]
    pub all_off: Option<Order>,
}

/// How retries are doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoopView {
    /// Tries after a request's first, over the last minute.
    pub retries_per_minute: u64,
    /// Share of the last minute's requests that another route than the first choice had to answer, percent.
    pub fallback_percent: f64,
    /// Tries after the first per request, over the last minute.
    pub average_retries: f64,
    /// Whether retries are cut because of a storm; since when, UTC epoch milliseconds.
    pub storm_since_ms: Option<i64>,
    /// Why retries are cut.
    pub reason: Option<String>,
    /// Retries left in this minute's budget.
    pub budget_left: u64,
}

/// A likely cause of trouble, with its fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CauseView {
    /// `several_providers_down`, `client_retries`, `thresholds_too_sensitive`, `retry_storm`, `dns_failure`,
    /// `provider_outage`, ...
    pub code: String,
    /// 1 = everything is affected, 2 = something is, 3 = for your information.
    pub severity: u8,
    /// The cause in a few words.
    pub title: String,
    /// One or two plain sentences.
    pub sentence: String,
    /// What speaks for it.
    pub evidence: Vec<String>,
    /// What to do about it.
    pub fix: Option<FixView>,
}

/// A fix: one call of the control API, and the same as a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FixView {
    /// The button's verb: `Raise the threshold to 8`.
    pub label: String,
    /// The same on the command line.
    pub command: String,
    /// The HTTP method.
    pub method: String,
    /// The path on the control port.
    pub path: String,
    /// The body, as JSON text.
    pub body: Option<String>,
}

/// One reason in the chain of why requests go where they go, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhyView {
    /// Since when it holds, UTC epoch milliseconds, where that is known.
    pub since_ms: Option<i64>,
    /// The reason, as a sentence.
    pub sentence: String,
}

/// A request's priority as counted when work is shed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShedView {
    /// The highest priority that gives way now.
    pub up_to: Priority,
    /// Why.
    pub reason: String,
    /// Requests queued or refused for it since it began.
    pub shed: u64,
}

/// How good a route's answers are, as a check of them found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QualityScore {
    /// The route.
    pub route: RouteId,
    /// The score, from 0 (nothing was right) to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub score: f64,
    /// What its answers usually score, above 0 and up to 1.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    pub baseline: f64,
}

/// What a quality score means for its route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualityVerdict {
    /// The route.
    pub route: RouteId,
    /// How far the score lies below the baseline, percent of the baseline; 0 when it does not.
    pub drop_percent: f64,
    /// A larger drop lowers the route's weight, percent.
    pub limit_percent: u64,
    /// Whether the drop is larger.
    pub fires: bool,
}
