//! What the failover-loop runbook's endpoints (`/gateway/admin/...`) take and give. Their names are that runbook's, so
//! this part of the API is written in `snake_case`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::CircuitState;

/// The health of every provider, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProvidersHealth {
    /// By name.
    pub providers: BTreeMap<String, ProviderHealth>,
}

/// How a provider is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderStatus {
    /// Every route of it serves, and nearly every call succeeds.
    Healthy,
    /// A route of it does not serve, or calls fail.
    Degraded,
    /// None of its routes serves: each is out of use, or its last calls failed.
    Down,
    /// Nothing was asked of it yet, by a request or a probe, and nothing speaks against it.
    Unknown,
}

impl ProviderStatus {
    /// The name used in JSON and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// One provider's health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderHealth {
    /// In one word.
    pub status: ProviderStatus,
    /// Its circuits together: `open` when all are, `closed` when all are, else `half_open`.
    pub circuit: CircuitState,
    /// Share of its last calls that succeeded, from 0 to 1; null when there were none.
    pub success_rate: Option<f64>,
    /// 95th percentile of its answer times, milliseconds; null when there were none.
    pub p95_ms: Option<u32>,
    /// Why its last failed call failed.
    pub last_failure: Option<String>,
    /// Its routes, by id.
    pub routes: BTreeMap<String, RouteHealthView>,
}

/// One route's health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RouteHealthView {
    /// Its circuit.
    pub circuit: CircuitState,
    /// Whether new requests are expected to be answered by it, as its circuit, its keys and its last calls say.
    pub serves: bool,
    /// Share of its last 20 calls that succeeded, from 0 to 1.
    pub success_rate: Option<f64>,
    /// 95th percentile of its answer times, milliseconds.
    pub p95_ms: Option<u32>,
}

/// The loop metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GatewayMetrics {
    /// Over the last minute.
    pub retry_metrics: RetryMetrics,
}

/// How retries are doing, over the last minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RetryMetrics {
    /// Tries after a request's first.
    pub retries_per_minute: u64,
    /// Share of the requests that another route than the first choice answered, from 0 to 1.
    pub fallback_rate: f64,
    /// Tries after the first, per request.
    pub avg_retries_per_request: f64,
    /// Whether retries are cut because there were too many.
    pub storm: bool,
    /// Retries left in the budget.
    pub retry_budget_left: u64,
}

/// A provider's breakers, held by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetProviderCircuit {
    /// `open` (no traffic), `closed` (traffic whatever fails), or `auto` (back to the breaker itself). `half_open` is
    /// `auto` too: an open circuit gets there by itself.
    #[schema(max_length = 20, pattern = "^(open|closed|auto|half_open)$")]
    pub state: String,
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 1000, pattern = "\\S")]
    pub reason: String,
    /// How long it holds, seconds; an hour when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 31_536_000)]
    pub for_seconds: Option<u64>,
}

/// The settings of the runbook, as they are in the running map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct GatewaySettings {
    /// Failures in a row that open a circuit (`breaker.consecutiveFailures`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000)]
    pub circuit_breaker_failure_threshold: Option<u64>,
    /// Seconds after which an open circuit lets a test call through (`breaker.halfOpenEveryMs`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3_600)]
    pub circuit_breaker_recovery_timeout_seconds: Option<u64>,
    /// Successful test calls in a row that close a circuit (`breaker.successesToClose`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub circuit_breaker_half_open_max_calls: Option<u64>,
    /// Tries per route, the first included (`retry.attempts`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3)]
    pub max_provider_retries: Option<u64>,
    /// `off`, or `stale_if_error`: the same request gets its last answer when no route can answer (`cache.mode`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^(off|stale_if_error)$")]
    pub cache_mode: Option<String>,
    /// How old such an answer may be, seconds (`cache.ttlMs`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 604_800)]
    pub cache_ttl_seconds: Option<u64>,
}
