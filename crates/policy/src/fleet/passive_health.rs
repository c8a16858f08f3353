//! Passive health: the last calls as successes and failures, and how long answers took.

use std::collections::VecDeque;

use switchyard_domain::{Failure, Now};

use crate::lately::LATELY_MS;

/// Calls the strip shows and the error rate is taken over.
const CALLS: usize = 20;
/// Answers the percentiles are taken over.
const ANSWERS: usize = 256;
/// A route is failing when its last call failed, and more of its last so many did than did not. One failed call among
/// good ones moves nothing; the first call ever, or two in a row, do.
const JUDGED: usize = 3;

/// A route's last calls.
#[derive(Debug, Default)]
pub(super) struct PassiveHealth {
    calls: VecDeque<Call>,
    durations_ms: VecDeque<u32>,
    first_token_ms: Option<u32>,
    last_failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    at_mono_ms: u64,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Answered,
    /// It failed; `counts`: as its circuit counts it. A limit of a key is the key's matter.
    Failed {
        counts: bool,
    },
}

/// Calls of late, and those of them that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// Calls.
    pub calls: u32,
    /// Those that failed.
    pub failed: u32,
}

/// Calls of late may fail up to this share before it is told, percent: where R2 begins to lower a weight.
const UNTOLD_PERCENT: u32 = 5;

impl Recent {
    /// Whether more of them failed than is passed over.
    #[must_use]
    pub const fn errs(self) -> bool {
        self.failed * 100 > self.calls * UNTOLD_PERCENT
    }

    /// Share of the calls that failed, percent; none without calls.
    #[must_use]
    pub fn failed_percent(self) -> Option<f64> {
        (self.calls > 0).then(|| f64::from(self.failed) * 100.0 / f64::from(self.calls))
    }
}

impl PassiveHealth {
    pub(super) fn answered(&mut self, duration_ms: u32, first_token_ms: Option<u32>, now: Now) {
        push(&mut self.calls, CALLS, Call { at_mono_ms: now.mono_ms, end: End::Answered });
        push(&mut self.durations_ms, ANSWERS, duration_ms);
        self.first_token_ms = first_token_ms.or(self.first_token_ms);
    }

    /// `counts`: as its circuit counts it.
    pub(super) fn failed(&mut self, failure: Failure, counts: bool, now: Now) {
        push(&mut self.calls, CALLS, Call { at_mono_ms: now.mono_ms, end: End::Failed { counts } });
        self.last_failure = Some(failure);
    }

    /// Oldest first.
    pub(super) fn calls(&self) -> Vec<bool> {
        self.calls.iter().map(|call| call.end == End::Answered).collect()
    }

    /// The calls of the last [`LATELY_MS`].
    pub(super) fn recent(&self, now: Now) -> Recent {
        let mut recent = Recent::default();
        for call in self.calls.iter().filter(|call| now.mono_ms.saturating_sub(call.at_mono_ms) <= LATELY_MS)
        {
            recent.calls += 1;
            recent.failed += u32::from(call.end != End::Answered);
        }
        recent
    }

    /// Whether its last calls say that the next one fails, too. That does not fade: it is well again when it answers,
    /// not when the clock says so.
    pub(super) fn is_failing(&self) -> bool {
        let judged = self.calls.iter().rev().filter(|call| call.end != End::Failed { counts: false });
        let judged: Vec<End> = judged.take(JUDGED).map(|call| call.end).collect();
        let failed = judged.iter().filter(|end| **end != End::Answered).count();
        judged.first().is_some_and(|last| *last != End::Answered) && failed * 2 > judged.len()
    }

    /// The nearest-rank percentiles of the last answers, milliseconds.
    pub(super) fn percentiles<const N: usize>(&self, percents: [usize; N]) -> [Option<u32>; N] {
        let mut sorted: Vec<u32> = self.durations_ms.iter().copied().collect();
        sorted.sort_unstable();
        percents.map(|percent| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).copied()
        })
    }

    pub(super) const fn first_token_ms(&self) -> Option<u32> {
        self.first_token_ms
    }

    pub(super) const fn last_failure(&self) -> Option<&Failure> {
        self.last_failure.as_ref()
    }
}

fn push<T>(ring: &mut VecDeque<T>, most: usize, value: T) {
    if ring.len() == most {
        ring.pop_front();
    }
    ring.push_back(value);
}
