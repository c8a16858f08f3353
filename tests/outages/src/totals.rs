//! Many runs added up, and the goals they are held against.

use crate::chance::whole;
use crate::kpi::{Detected, Kpis};

/// The goal for detection: this many failed calls, or this many seconds.
const DETECTION_CALLS: u64 = 5;
const DETECTION_S: f64 = 30.0;
/// The goal for what users meet while any route is well, percent of requests.
const USER_ERRORS_PERCENT: f64 = 1.0;
/// The goal for failbacks without a second outage, percent.
const FAILBACK_PERCENT: f64 = 99.0;

/// A goal, and whether it was met.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What is asked for.
    pub asks: &'static str,
    /// What came of it.
    pub found: String,
    /// Whether that is enough.
    pub met: bool,
}

/// Runs added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals(pub Kpis);

impl Detected {
    /// Whether it was noticed soon enough.
    #[must_use]
    pub fn in_time(self) -> bool {
        self.calls <= DETECTION_CALLS || self.from_begin_s <= DETECTION_S
    }
}

impl Kpis {
    /// Share of the requests users saw fail although some route was well, percent.
    #[must_use]
    pub fn user_error_percent(&self) -> f64 {
        share(self.fair_errors, self.fair)
    }

    /// Share of the failbacks that caused no second outage, percent; none without failbacks.
    #[must_use]
    pub fn failback_percent(&self) -> Option<f64> {
        (self.failbacks > 0).then(|| 100.0 - share(self.early_failbacks, self.failbacks))
    }
}

impl Totals {
    /// Adds a run, or other totals.
    pub fn add(&mut self, one: &Kpis) {
        let sum = &mut self.0;
        macro_rules! add { ($($field:ident),+ $(,)?) => { $( sum.$field += one.$field; )+ } }
        add!(
            runs,
            requests,
            answered,
            queued,
            refused,
            broken,
            lost,
            done_later,
            dead,
            waiting,
            fair,
            fair_errors,
            false_triggers,
            shifts,
            needless_shifts,
            reversals,
            failbacks,
            early_failbacks,
            hasty_failbacks,
            tier_changes,
            openings,
            openings_cut_off,
            openings_well,
            home_out_ms,
            on_ill_home_ms,
            home_well_ms,
            late_home_ms,
        );
        sum.detections.extend(&one.detections);
        sum.failovers_s.extend(&one.failovers_s);
        sum.triggers_s.extend(&one.triggers_s);
        sum.notes.extend(one.notes.iter().cloned());
    }

    /// The goals, and whether these runs met them.
    #[must_use]
    pub fn goals(&self) -> Vec<Goal> {
        let sum = &self.0;
        let late = sum.detections.iter().filter(|detected| !detected.in_time()).count();
        let ended = sum.answered + sum.queued + sum.refused + sum.broken;
        vec![
            Goal {
                asks: "no accepted request is lost",
                found: format!("{} of {} lost", sum.lost, sum.requests),
                met: sum.lost == 0 && ended == sum.requests,
            },
            Goal {
                asks: "an outage is noticed within 5 failed calls or 30 s",
                found: format!("{late} of {} later", sum.detections.len()),
                met: late == 0,
            },
            Goal {
                asks: "no traffic shift for what is shorter than the trigger",
                found: format!("{} of {} shifts", sum.needless_shifts, sum.shifts),
                met: sum.needless_shifts == 0,
            },
            Goal {
                asks: "user error rate below 1 % while any route is well",
                found: format!("{:.3} % of {}", sum.user_error_percent(), sum.fair),
                met: sum.user_error_percent() < USER_ERRORS_PERCENT,
            },
            Goal {
                asks: "99 % of failbacks cause no second outage",
                found: sum.failback_percent().map_or_else(
                    || "no failback".to_owned(),
                    |percent| format!("{percent:.1} % of {}", sum.failbacks),
                ),
                met: sum.failback_percent().is_none_or(|percent| percent >= FAILBACK_PERCENT),
            },
            Goal {
                asks: "no circuit opens because this machine is cut off or woke up",
                found: format!("{} of {} openings", sum.openings_cut_off, sum.openings),
                met: sum.openings_cut_off == 0,
            },
        ]
    }
}

/// `part` of `whole`, percent.
#[must_use]
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// A percentile of values in any order; none without values.
#[must_use]
pub fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = usize::try_from(whole(last as f64 * percent / 100.0)).unwrap_or(last);
    sorted.get(at.min(last)).copied()
}
