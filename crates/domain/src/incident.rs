//! Incidents: what an outage was, from its first bad attempt to full recovery, and how well it was handled.

mod emergency;
mod kpi;
mod review;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::RouteId;
use crate::event::StatusLevel;

pub use emergency::{Delivery, EmergencyAction, EmergencyPage, NoticeReport, SendNotice};
pub use kpi::{ClientImpact, Kpis, PercentKpi, SpanKpi, Validation, verdict};
pub use review::{ExternalIncident, NewExternalIncident, RepeatedCause, Review, ReviewedKpi};

/// An incident's number; grows by one per incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = i64, example = 12)]
pub struct IncidentId(pub i64);

impl std::fmt::Display for IncidentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How bad an incident is; 1 is the worst. Travels as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Severity {
    /// Several providers are down at once for longer than the map allows (`incidents.severalDownMs`).
    One,
    /// A provider is out, or callers go without answers.
    Two,
    /// A provider is worse than it should be, and callers are answered.
    Three,
}

impl Severity {
    /// The number people use.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }
}

impl From<Severity> for u8 {
    fn from(severity: Severity) -> Self {
        severity.number()
    }
}

impl TryFrom<u8> for Severity {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            3 => Ok(Self::Three),
            other => Err(format!("a severity is 1, 2 or 3, not {other}")),
        }
    }
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// The provider is still affected.
    Open,
    /// Nothing is wrong any more; it closes once that has lasted.
    Recovering,
    /// Over.
    Closed,
}

impl IncidentState {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Recovering => "recovering",
            Self::Closed => "closed",
        }
    }
}

/// An incident in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentBrief {
    /// Its number.
    pub id: IncidentId,
    /// The provider's name in the map.
    pub provider: String,
    /// `anthropic: 529 overloaded`.
    pub title: String,
    /// How bad: 1 (the worst) to 3.
    #[schema(value_type = u8, minimum = 1, maximum = 3)]
    pub severity: Severity,
    /// Where it stands.
    pub state: IncidentState,
    /// UTC epoch milliseconds.
    pub opened_at_ms: i64,
    /// The first bad attempt, UTC epoch milliseconds.
    pub began_at_ms: i64,
    /// UTC epoch milliseconds.
    pub closed_at_ms: Option<i64>,
    /// Requests it touched that were answered all the same.
    pub kept: u64,
    /// Requests it touched that were put into the cold queue.
    pub queued: u64,
    /// Accepted requests that got neither an answer nor a place in the queue nor a reason. The promise is zero.
    pub lost: u64,
    /// One or two plain sentences.
    pub summary: String,
}

/// A moment of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// The lamp beside it.
    pub lamp: StatusLevel,
    /// What happened, one or two plain sentences.
    pub title: String,
    /// What else is known of it.
    pub detail: Option<String>,
    /// The event it tells of, by its place in the event log.
    pub event: Option<i64>,
}

/// What somebody wrote about an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentNote {
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// Who: `window`, `cli`, `api`.
    pub actor: String,
    /// The words.
    pub text: String,
}

/// The moments the KPIs are measured between, UTC epoch milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Marks {
    /// A trigger's condition was first true.
    pub condition_at_ms: i64,
    /// Traffic was told to move: circuit open or shift begun.
    pub decided_at_ms: Option<i64>,
    /// Nothing is wrong with the provider any more.
    pub calm_since_ms: Option<i64>,
    /// Traffic was back where it had been.
    pub home_at_ms: Option<i64>,
}

/// One way of failing, and how often it was met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureCount {
    /// `529 overloaded`.
    pub what: String,
    /// The provider's own code for it, where it gave one.
    pub code: Option<String>,
    /// Attempts that failed so.
    pub attempts: u64,
    /// The first of them, UTC epoch milliseconds.
    pub first_at_ms: i64,
    /// The last of them, UTC epoch milliseconds.
    pub last_at_ms: i64,
}

/// One incident, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// In a line.
    #[serde(flatten)]
    pub brief: IncidentBrief,
    /// Its provider's routes that were affected.
    pub routes: Vec<RouteId>,
    /// Why it was opened, and every trigger that fired since.
    pub triggers: Vec<String>,
    /// The map that ran when it was opened.
    pub map_version: i64,
    /// How its provider failed, the most frequent first.
    pub failures: Vec<FailureCount>,
    /// How often traffic came back, or began to.
    pub returns: u32,
    /// How often that was reversed.
    pub reversed: u32,
    /// Who closed it: `router`, `cli`, `window`, `api`.
    pub closed_by: Option<String>,
    /// The moments it is measured between.
    pub marks: Marks,
    /// How it was handled.
    pub kpis: Kpis,
    /// The calls after the failover.
    pub validation: Option<Validation>,
    /// Oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// Oldest first.
    pub notes: Vec<IncidentNote>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_severity_travels_as_its_number() {
        for (number, severity) in [(1, Severity::One), (2, Severity::Two), (3, Severity::Three)] {
            assert_eq!(serde_json::to_string(&severity).unwrap(), number.to_string());
            assert_eq!(serde_json::from_str::<Severity>(&number.to_string()).unwrap(), severity);
        }
        assert!(serde_json::from_str::<Severity>("4").is_err());
    }
}
