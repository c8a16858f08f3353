//! A run of calls that speak for one thing: that a target is ill, or that it is well again.
//!
//! "For ten minutes" means: calls said so over ten minutes. Each call vouches for the time since the one before it, up
//! to a bound, and the run lasts from its first call to the last one that speaks for it. So a quiet spell neither ends
//! a run nor makes it longer than its calls can vouch for, slept time adds nothing, and an outage that ended can't
//! grow older while its failures leave the window.

use switchyard_domain::Now;

/// A call vouches for at most this part of the time a run has to last.
const VOUCHES_FOR: u64 = 5;

/// The run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Its first call, which speaks for it.
    pub(super) began: Now,
    pub(super) calls: u64,
    /// Calls that count against the target, whatever the run is to show.
    pub(super) bad: u64,
    /// Calls since the last one that speaks for the run.
    pub(super) against_in_a_row: u64,
    /// From the first to the last call that speaks for it, as far as calls vouch for it, milliseconds.
    pub(super) shown_ms: u64,
    unsettled_ms: u64,
    last_mono_ms: u64,
}

impl Run {
    pub(super) fn begin(bad: bool, now: Now) -> Self {
        Self {
            began: now,
            calls: 1,
            bad: u64::from(bad),
            against_in_a_row: 0,
            shown_ms: 0,
            unsettled_ms: 0,
            last_mono_ms: now.mono_ms,
        }
    }

    /// Another call. `speaks_for_it`: whether it shows what the run is to show; `lasts_ms`: how long that has to last.
    pub(super) fn call(&mut self, bad: bool, speaks_for_it: bool, lasts_ms: u64, awake_since: u64, now: Now) {
        let since = self.last_mono_ms.max(awake_since);
        let vouched_ms = now.mono_ms.saturating_sub(since).min(lasts_ms / VOUCHES_FOR);
        self.last_mono_ms = self.last_mono_ms.max(now.mono_ms);
        self.calls += 1;
        self.bad += u64::from(bad);
        self.unsettled_ms = self.unsettled_ms.saturating_add(vouched_ms);
        if speaks_for_it {
            self.shown_ms = self.shown_ms.saturating_add(self.unsettled_ms);
            self.unsettled_ms = 0;
            self.against_in_a_row = 0;
        } else {
            self.against_in_a_row += 1;
        }
    }
}
