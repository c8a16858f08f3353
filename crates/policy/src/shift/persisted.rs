//! What of shifts outlives a restart. Spans are kept rather than moments: the time in which the router did not run is
//! held time, and the monotonic clock begins anew.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use switchyard_domain::map::ShiftMode;
use switchyard_domain::operate::{ShiftPhase, Target};
use switchyard_domain::{Now, RouteId};

use super::Shifts;
use super::course::{Doubt, Held, Shift};
use super::distribution::{Distribution, Share};
use crate::trigger_monitor::Tally;

/// Everything about shifts that outlives a restart. Names ending in `AtMs` are UTC epoch milliseconds, the others spans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SavedShifts {
    /// The number of the next shift.
    pub next_id: u64,
    /// The shifts under way.
    pub shifts: Vec<SavedShift>,
    /// The split of traffic, where it is not the map's.
    pub distribution: Option<SavedDistribution>,
    /// Providers whose error trigger was answered already, or by a person.
    pub answered: BTreeSet<String>,
}

/// A shift as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedShift {
    id: u64,
    from: Target,
    to: Target,
    mode: ShiftMode,
    phase: ShiftPhase,
    share: u32,
    away_share: u32,
    steps: Vec<u32>,
    step: usize,
    step_ms: u64,
    /// What the step is judged by.
    #[serde(default)]
    calls: Tally,
    doubt: Option<SavedHold>,
    held: Option<SavedHold>,
    reason: String,
    actor: String,
    started_at_ms: i64,
    home_p95_ms: Option<u32>,
    other_p95_ms: Option<u32>,
    watched_ms: u64,
    failed_returns: u32,
    pause_ms: u64,
    calls_home: Vec<(RouteId, Option<u64>)>,
    insisted: bool,
    shut: Option<Vec<RouteId>>,
}

/// A hold as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedHold {
    by: String,
    reason: String,
    for_ms: u64,
    since_at_ms: i64,
    failed: u64,
    /// The same since it was held.
    #[serde(default)]
    calls: Tally,
}

/// A split of traffic as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedDistribution {
    shares: Vec<(Target, f64, f64)>,
    passed_ms: u64,
    transition_ms: u64,
    reason: String,
    actor: String,
}

impl Shifts {
    /// What outlives a restart.
    #[must_use]
    pub fn save(&self, now: Now) -> SavedShifts {
        SavedShifts {
            next_id: self.next_id,
            shifts: self.all.iter().map(|shift| shift.save(now)).collect(),
            distribution: self.distribution.as_ref().map(|split| split.save(now)),
            answered: self.answered.clone(),
        }
    }

    pub(super) fn take_back(&mut self, saved: SavedShifts, now: Now) {
        self.next_id = saved.next_id;
        self.all = saved.shifts.into_iter().map(|shift| shift.restore(now)).collect();
        self.distribution = saved.distribution.map(|split| split.restore(now));
        self.answered = saved.answered;
        self.ticked = Some(now.mono_ms);
    }
}

impl Shift {
    fn save(&self, now: Now) -> SavedShift {
        let ago = |at: u64| now.mono_ms.saturating_sub(at);
        let doubt = self.doubt.as_ref().map(|doubt| SavedHold {
            by: super::course::ROUTER.to_owned(),
            reason: doubt.reason.clone(),
            for_ms: ago(doubt.since),
            since_at_ms: doubt.since_ms,
            failed: doubt.failed,
            calls: doubt.calls.clone(),
        });
        let held = self.held.as_ref().map(|held| SavedHold {
            by: held.by.clone(),
            reason: held.reason.clone(),
            for_ms: ago(held.since),
            since_at_ms: held.since_ms,
            failed: 0,
            calls: Tally::default(),
        });
        SavedShift {
            id: self.id,
            from: self.from.clone(),
            to: self.to.clone(),
            mode: self.mode,
            phase: self.phase,
            share: self.share,
            away_share: self.away_share,
            steps: self.steps.clone(),
            step: self.step,
            step_ms: ago(self.began),
            calls: self.calls.clone(),
            doubt,
            held,
            reason: self.reason.clone(),
            actor: self.actor.clone(),
            started_at_ms: self.started_at_ms,
            home_p95_ms: self.home_p95_ms,
            other_p95_ms: self.other_p95_ms,
            watched_ms: self.watched_ms(now),
            failed_returns: self.failed_returns,
            pause_ms: self.not_before.saturating_sub(now.mono_ms),
            calls_home: self.calls_home.iter().map(|(id, at)| (id.clone(), at.map(ago))).collect(),
            insisted: self.insisted,
            shut: self.shut.clone(),
        }
    }
}

impl SavedShift {
    fn restore(self, now: Now) -> Shift {
        // A clock that began after the span did reads 0 there: the span is then a little shorter, never longer.
        let before = |span: u64| now.mono_ms.saturating_sub(span);
        let doubt = self.doubt.map(|hold| Doubt {
            reason: hold.reason,
            since: before(hold.for_ms),
            since_ms: hold.since_at_ms,
            failed: hold.failed,
            calls: hold.calls,
        });
        let held = self.held.map(|hold| Held {
            by: hold.by,
            reason: hold.reason,
            since: before(hold.for_ms),
            since_ms: hold.since_at_ms,
        });
        Shift {
            id: self.id,
            from: self.from,
            to: self.to,
            mode: self.mode,
            phase: self.phase,
            share: self.share.min(100),
            away_share: self.away_share.min(100),
            steps: self.steps,
            step: self.step,
            began: before(self.step_ms),
            calls: self.calls,
            doubt,
            held,
            reason: self.reason,
            actor: self.actor,
            started_at_ms: self.started_at_ms,
            home_p95_ms: self.home_p95_ms,
            other_p95_ms: self.other_p95_ms,
            watched: before(self.watched_ms),
            failed_returns: self.failed_returns,
            not_before: now.mono_ms.saturating_add(self.pause_ms),
            calls_home: self.calls_home.into_iter().map(|(id, ago)| (id, ago.map(before))).collect(),
            others: Vec::new(),
            insisted: self.insisted,
            provider: None,
            shut: self.shut,
            seen: None,
            waits_for: None,
        }
    }
}

impl Distribution {
    fn save(&self, now: Now) -> SavedDistribution {
        SavedDistribution {
            shares: self.shares.iter().map(|s| (s.target.clone(), s.from, s.goal)).collect(),
            passed_ms: now.mono_ms.saturating_sub(self.began),
            transition_ms: self.transition_ms,
            reason: self.reason.clone(),
            actor: self.actor.clone(),
        }
    }
}

impl SavedDistribution {
    fn restore(self, now: Now) -> Distribution {
        let share = |(target, from, goal)| Share { target, from, goal };
        let mut split = Distribution {
            shares: self.shares.into_iter().map(share).collect(),
            began: 0,
            transition_ms: self.transition_ms,
            reason: self.reason,
            actor: self.actor,
        };
        if split.shares.last().is_none_or(|share| share.target != Target::Rest) {
            split.shares.push(Share { target: Target::Rest, from: 0.0, goal: 0.0 });
        }
        match now.mono_ms.checked_sub(self.passed_ms) {
            Some(began) => split.began = began,
            // The clock is younger than the change: what is left of it begins here.
            None => split.begin_again(self.passed_ms, now),
        }
        split
    }
}
