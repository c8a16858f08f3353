//! Incidents: what an outage was, from its first bad attempt to full recovery, and how well it was handled.
//!
//! Numbers that have a goal carry it, so that whoever shows one need not know the map's goals ([`Goals`]).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::Lamp;
use crate::map::Goals;
use crate::{RouteId, Usd};

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
    /// Several providers are down at once for more than a quarter of an hour.
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

/// A time beside its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpanKpi {
    /// Milliseconds; absent while it has not happened, or where no request came to measure it by.
    pub value: Option<u64>,
    /// It should take less, milliseconds.
    pub goal: u64,
    /// Whether it did; absent without a value.
    pub met: Option<bool>,
}

impl SpanKpi {
    /// A time and its goal, milliseconds.
    #[must_use]
    pub fn new(value: Option<u64>, goal: u64) -> Self {
        Self { value, goal, met: value.map(|value| value < goal) }
    }
}

/// A share beside its goal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PercentKpi {
    /// Percent; absent where there was nothing to take a share of.
    pub value: Option<f64>,
    /// The bound, percent.
    pub goal: f64,
    /// Whether it was kept; absent without a value.
    pub met: Option<bool>,
}

/// A goal's verdict, in words.
#[must_use]
pub const fn verdict(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "not measured",
    }
}

impl PercentKpi {
    /// A share that should stay below its goal.
    #[must_use]
    pub fn below(value: Option<f64>, goal: u64) -> Self {
        let goal = percentage(goal);
        Self { value, goal, met: value.map(|value| value < goal) }
    }

    /// A share that should be above its goal.
    #[must_use]
    pub fn above(value: Option<f64>, goal: u64) -> Self {
        let goal = percentage(goal);
        Self { value, goal, met: value.map(|value| value > goal) }
    }

    /// A share that should be at least its goal.
    #[must_use]
    pub fn at_least(value: Option<f64>, goal: u64) -> Self {
        let goal = percentage(goal);
        Self { value, goal, met: value.map(|value| value >= goal) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a setting of at most 10 000")]
const fn percentage(setting: u64) -> f64 {
    setting as f64
}

/// How an incident was handled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kpis {
    /// From the moment a trigger's condition was first true to the first rerouted request.
    pub detection_ms: SpanKpi,
    /// From the decision (circuit open, shift begun) to the first answer of the other side.
    pub failover_ms: SpanKpi,
    /// The longest stretch in which callers went without an answer, counted from the first bad attempt.
    pub restoration_ms: SpanKpi,
    /// From the first bad attempt to the close.
    pub recovery_ms: SpanKpi,
    /// From the first bad attempt until traffic was back where it had been, milliseconds.
    pub home_ms: Option<u64>,
    /// Requests of the window, whoever answered them; without refused and aborted ones.
    pub requests: u64,
    /// Touched by it and answered.
    pub kept: u64,
    /// Touched by it and queued.
    pub queued: u64,
    /// Ended in an error for their caller.
    pub failed: u64,
    /// Accepted, and neither answered, nor queued, nor told why.
    pub lost: u64,
    /// Share of `lost` in `requests`.
    pub lost_percent: PercentKpi,
    /// Share of `failed` in `requests`.
    pub user_error_percent: PercentKpi,
    /// How much longer answers took (95th percentile) than in the hour before.
    pub slowdown_percent: PercentKpi,
    /// 95th percentile of the touched requests' answer times, milliseconds.
    pub p95_ms: Option<u32>,
    /// The same in the hour before, over all requests.
    pub baseline_p95_ms: Option<u32>,
    /// What the touched requests cost more than they would have at home, in nano-dollars; absent without a price or
    /// without usage.
    pub cost_difference_usd: Option<Usd>,
    /// The apps it touched, the most touched first.
    pub clients: Vec<ClientImpact>,
    /// Whether traffic moved without anybody's doing.
    pub automatic: bool,
}

impl Kpis {
    /// Nothing is measured yet.
    #[must_use]
    pub fn unmeasured(goals: &Goals) -> Self {
        Self {
            detection_ms: SpanKpi::new(None, goals.detection_ms),
            failover_ms: SpanKpi::new(None, goals.failover_ms),
            restoration_ms: SpanKpi::new(None, goals.restoration_ms),
            recovery_ms: SpanKpi::new(None, goals.recovery_ms),
            home_ms: None,
            requests: 0,
            kept: 0,
            queued: 0,
            failed: 0,
            lost: 0,
            lost_percent: PercentKpi::below(None, goals.lost_percent),
            user_error_percent: PercentKpi::below(None, goals.user_error_percent),
            slowdown_percent: PercentKpi::below(None, goals.slowdown_percent),
            p95_ms: None,
            baseline_p95_ms: None,
            cost_difference_usd: None,
            clients: Vec::new(),
            automatic: true,
        }
    }
}

impl Default for Kpis {
    fn default() -> Self {
        Self::unmeasured(&Goals::default())
    }
}

/// What an incident meant for one app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientImpact {
    /// The app.
    pub client: String,
    /// Its requests that were touched.
    pub requests: u64,
    /// Answered.
    pub kept: u64,
    /// Put into the cold queue.
    pub queued: u64,
    /// Ended in an error.
    pub failed: u64,
    /// Its slowest answer, milliseconds.
    pub slowest_ms: u32,
    /// Answers that came later than their job's SLO.
    pub late: u64,
}

/// A moment of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// The lamp beside it.
    pub lamp: Lamp,
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

/// The calls after a failover, held against the hour before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validation {
    /// Calls that were looked at, at most 100.
    pub calls: u32,
    /// How many of them succeeded.
    pub success_percent: PercentKpi,
    /// Their 95th percentile, milliseconds.
    pub p95_ms: Option<u32>,
    /// The baseline's, milliseconds.
    pub baseline_p95_ms: Option<u32>,
    /// Whether the success goal was reached.
    pub passed: bool,
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
#[serde(rename_all = "camelCase")]
pub struct NewExternalIncident {
    /// When it was, UTC epoch milliseconds; now when absent.
    #[serde(default)]
    pub at_ms: Option<i64>,
    /// The provider's name.
    pub provider: String,
    /// What happened.
    pub text: String,
    /// Where it can be read up.
    #[serde(default)]
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

/// What to do while a provider is out: everything on one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyPage {
    /// The provider's name in the map.
    pub provider: String,
    /// One sentence on how it is doing, as seen from here.
    pub state: String,
    /// Where the vendor says how it is doing.
    pub status_page: Option<String>,
    /// Where the vendor takes support cases.
    pub support: Option<String>,
    /// A support case, filled in. Never a key.
    pub case_text: String,
    /// What to tell one's own customers.
    pub customer_message: String,
    /// What to do next, in order.
    pub actions: Vec<EmergencyAction>,
    /// The open incident, if there is one.
    pub incident: Option<IncidentId>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyAction {
    /// In words.
    pub text: String,
    /// The command that does it, where there is one.
    pub command: Option<String>,
}

/// A word from the founder to those whose apps called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendNotice {
    /// The words.
    pub message: String,
    /// Apps with a request since then are told, UTC epoch milliseconds.
    #[serde(default)]
    pub since_ms: Option<i64>,
    /// Apps with a request during this incident are told.
    #[serde(default)]
    pub incident: Option<IncidentId>,
    /// Why, for the audit log.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What became of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoticeReport {
    /// From, UTC epoch milliseconds.
    pub since_ms: i64,
    /// To, UTC epoch milliseconds.
    pub until_ms: i64,
    /// The apps that had a request in that time.
    pub clients: Vec<String>,
    /// Every target, and what happened there.
    pub deliveries: Vec<Delivery>,
}

/// What happened to a notice at one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// `desktop`, an e-mail address, or a URL without its path: a webhook's path is a secret.
    pub target: String,
    /// Whose target: an app's name, or absent for the map's own (`cold.notify`).
    pub client: Option<String>,
    /// Whether it arrived.
    pub sent: bool,
    /// `sent`, or why not.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_missed_or_not_measured() {
        let spans = [(None, None), (Some(29_999), Some(true)), (Some(30_000), Some(false))];
        for (value, met) in spans {
            assert_eq!(SpanKpi::new(value, Goals::default().detection_ms).met, met, "{value:?}");
        }
        assert_eq!(PercentKpi::below(Some(5.0), 5).met, Some(false));
        assert_eq!(PercentKpi::above(Some(95.1), 95).met, Some(true));
        assert_eq!(PercentKpi::above(None, 95).met, None);
    }

    #[test]
    fn a_severity_travels_as_its_number() {
        for (number, severity) in [(1, Severity::One), (2, Severity::Two), (3, Severity::Three)] {
            assert_eq!(serde_json::to_string(&severity).unwrap(), number.to_string());
            assert_eq!(serde_json::from_str::<Severity>(&number.to_string()).unwrap(), severity);
        }
        assert!(serde_json::from_str::<Severity>("4").is_err());
    }
}
