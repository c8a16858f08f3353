//! How well an outage was handled, in numbers. One that has a goal carries it, so that whoever shows it need not know
//! the map's goals ([`Goals`]).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Usd;
use crate::map::Goals;

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

impl PercentKpi {
    /// A share that should stay below its goal, percent. Nothing at all keeps every goal, one of 0 too.
    #[must_use]
    pub fn below(value: Option<f64>, goal: u64) -> Self {
        let goal = percentage(goal);
        Self { value, goal, met: value.map(|value| value < goal || value <= 0.0) }
    }

    /// A share that should be above its goal, percent. All of it keeps every goal, one of 100 too.
    #[must_use]
    pub fn above(value: Option<f64>, goal: u64) -> Self {
        let goal = percentage(goal);
        Self { value, goal, met: value.map(|value| value > goal || value >= 100.0) }
    }

    /// A share that should be at least its goal, percent.
    #[must_use]
    pub fn at_least(value: Option<f64>, goal: u64) -> Self {
        let goal = percentage(goal);
        Self { value, goal, met: value.map(|value| value >= goal) }
    }
}

/// How an incident was handled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kpis {
    /// From the first bad attempt, or since when a trigger's condition has held, to the first request that is sent elsewhere
    /// for it.
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
    /// Touched by it and queued; their callers took that for an answer (202, or a canned completion).
    pub queued: u64,
    /// Ended in an error for their caller, whether they are queued besides or not.
    pub failed: u64,
    /// Accepted, and neither answered, nor queued, nor told why.
    pub lost: u64,
    /// Share of `lost` in `requests`.
    pub lost_percent: PercentKpi,
    /// Share of `failed` in `requests`.
    pub user_error_percent: PercentKpi,
    /// How much longer answers took (95th percentile) than in the baseline's time (`incidents.baselineMs`).
    pub slowdown_percent: PercentKpi,
    /// 95th percentile of the touched requests' answer times, milliseconds.
    pub p95_ms: Option<u32>,
    /// The same in the baseline's time, over all requests.
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

/// The calls after a failover, held against the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validation {
    /// Calls that were looked at, at most `goals.validationCalls`.
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

/// A goal's verdict, in words.
#[must_use]
pub const fn verdict(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "not measured",
    }
}

#[expect(clippy::cast_precision_loss, reason = "a setting of at most 10 000")]
const fn percentage(setting: u64) -> f64 {
    setting as f64
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
    fn the_best_there_is_meets_the_strictest_goal() {
        let met = |kpi: PercentKpi| kpi.met == Some(true);
        assert!(met(PercentKpi::below(Some(0.0), 0)) && !met(PercentKpi::below(Some(0.1), 0)));
        assert!(met(PercentKpi::above(Some(100.0), 100)) && !met(PercentKpi::above(Some(99.9), 100)));
        assert!(met(PercentKpi::at_least(Some(100.0), 100)) && !met(PercentKpi::at_least(Some(99.9), 100)));
    }
}
