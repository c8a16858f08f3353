//! What several incidents say together, and those that providers tell of themselves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PercentKpi;

/// An incident at a provider, kept for the review whether or not it was felt here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalIncident {
    /// Its number.
    pub id: i64,
    /// When it was, UTC epoch milliseconds.
    pub at_ms: i64,
    /// The provider's name.
    pub provider: String,
    /// What happened.
    pub text: String,
    /// Where it can be read up.
    pub url: Option<String>,
}

/// An external incident to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewExternalIncident {
    /// When it was, UTC epoch milliseconds; now when absent.
    #[serde(default)]
    pub at_ms: Option<i64>,
    /// The provider's name.
    #[schema(max_length = 256)]
    pub provider: String,
    /// What happened.
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub text: String,
    /// Where it can be read up.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = "^https?://")]
    pub url: Option<String>,
}

/// How incidents of a time were handled, taken together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// From, UTC epoch milliseconds.
    pub since_ms: i64,
    /// To, UTC epoch milliseconds.
    pub until_ms: i64,
    /// Incidents that were opened in that time.
    pub incidents: u32,
    /// How many of them are not closed.
    pub open: u32,
    /// How many of each severity, the worst first.
    pub by_severity: [u32; 3],
    /// Share of the failovers that nobody had to make.
    pub automatic_percent: PercentKpi,
    /// Share of the failovers by hand that ended with callers answered.
    pub manual_percent: PercentKpi,
    /// Share of the returns that were not reversed.
    pub failback_percent: PercentKpi,
    /// Every KPI over the closed incidents.
    pub kpis: Vec<ReviewedKpi>,
    /// Causes that came more than once, the most frequent first.
    pub repeated: Vec<RepeatedCause>,
    /// What providers said of themselves in that time.
    pub external: Vec<ExternalIncident>,
    /// What to change.
    pub suggestions: Vec<String>,
}

/// One KPI over several incidents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewedKpi {
    /// `detection`, `failover`, `restoration`, `recovery`, `user errors`, `lost`, `slowdown`.
    pub name: String,
    /// `ms` or `percent`.
    pub unit: String,
    /// The goal.
    pub goal: f64,
    /// Incidents in which it could be measured.
    pub measured: u32,
    /// How many of them met the goal.
    pub met: u32,
    /// The mean; absent when it was never measured.
    pub mean: Option<f64>,
    /// The worst; absent when it was never measured.
    pub worst: Option<f64>,
}

/// A cause that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepeatedCause {
    /// The provider.
    pub provider: String,
    /// What was wrong, as the incidents' titles say it.
    pub cause: String,
    /// How often.
    pub times: u32,
}
