//! Passive health: the last calls as successes and failures, and how long answers took.

use std::collections::VecDeque;

use switchyard_domain::Failure;

/// Calls the strip shows and the error rate is taken over.
const CALLS: usize = 20;
/// Answers the percentiles are taken over.
const ANSWERS: usize = 256;

/// A route's last calls.
#[derive(Debug, Default)]
pub(super) struct Strip {
    calls: VecDeque<bool>,
    durations_ms: VecDeque<u32>,
    first_token_ms: Option<u32>,
    last_failure: Option<Failure>,
}

impl Strip {
    pub(super) fn answered(&mut self, duration_ms: u32, first_token_ms: Option<u32>) {
        push(&mut self.calls, CALLS, true);
        push(&mut self.durations_ms, ANSWERS, duration_ms);
        self.first_token_ms = first_token_ms.or(self.first_token_ms);
    }

    pub(super) fn failed(&mut self, failure: Failure) {
        push(&mut self.calls, CALLS, false);
        self.last_failure = Some(failure);
    }

    /// Oldest first.
    pub(super) fn calls(&self) -> Vec<bool> {
        self.calls.iter().copied().collect()
    }

    pub(super) fn error_percent(&self) -> Option<f64> {
        let failed = u32::try_from(self.calls.iter().filter(|ok| !**ok).count()).ok()?;
        let all = u32::try_from(self.calls.len()).ok().filter(|all| *all > 0)?;
        Some(f64::from(failed) * 100.0 / f64::from(all))
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
