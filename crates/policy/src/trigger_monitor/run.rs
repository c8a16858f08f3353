//! A run of calls that speak for one thing: that a target is ill, or that it is well again.
//!
//! "For ten minutes" means: calls said so over ten minutes. Each call vouches for the time since the one before it, up
//! to a bound, and the run lasts from its first call to the last one that speaks for it. So a quiet spell neither ends
//! a run nor makes it longer than its calls can vouch for, slept time adds nothing, and an outage that ended can't
//! grow older while its failures leave the window.
//!
//! An open circuit is evidence: nobody is answered meanwhile, and the few test calls stand for all the calls that were
//! kept away. A failed one vouches for up to half of the time, so that it takes two of them at least.

use switchyard_domain::Now;

/// A call vouches for at most this part of the time a run has to last.
const VOUCHES_FOR: u64 = 5;

/// A failed call, or a failed probe, of an open circuit vouches for at most this part of it.
const SHUT_VOUCHES_FOR: u64 = 2;

/// What a call says, besides when it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    /// It counts against the target, whatever the run is to show.
    pub(super) bad: bool,
    /// It shows what the run is to show.
    pub(super) speaks_for_it: bool,
    /// It failed where the circuit was open already.
    pub(super) shut: bool,
}

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
    /// The last call or probe failed where the circuit was open already: the outage has lasted up to it.
    pub(super) is_out: bool,
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
            is_out: false,
            unsettled_ms: 0,
            last_mono_ms: now.mono_ms,
        }
    }

    /// Another call. `lasts_ms`: how long it has to last.
    pub(super) fn call(&mut self, said: Said, lasts_ms: u64, awake_since: u64, now: Now) {
        let part = if said.shut { SHUT_VOUCHES_FOR } else { VOUCHES_FOR };
        self.vouch(lasts_ms / part, awake_since, now);
        self.calls += 1;
        self.bad += u64::from(said.bad);
        self.is_out = said.shut;
        if said.speaks_for_it {
            self.settle();
        } else {
            self.against_in_a_row += 1;
        }
    }

    /// A free probe failed while the circuit was open: the outage that calls have shown goes on.
    pub(super) fn probe_failed(&mut self, lasts_ms: u64, awake_since: u64, now: Now) {
        if self.against_in_a_row == 0 {
            self.vouch(lasts_ms / SHUT_VOUCHES_FOR, awake_since, now);
            self.is_out = true;
            self.settle();
        }
    }

    fn vouch(&mut self, most_ms: u64, awake_since: u64, now: Now) {
        let since = self.last_mono_ms.max(awake_since);
        let vouched_ms = now.mono_ms.saturating_sub(since).min(most_ms);
        self.last_mono_ms = self.last_mono_ms.max(now.mono_ms);
        self.unsettled_ms = self.unsettled_ms.saturating_add(vouched_ms);
    }

    fn settle(&mut self) {
        self.shown_ms = self.shown_ms.saturating_add(self.unsettled_ms);
        self.unsettled_ms = 0;
        self.against_in_a_row = 0;
    }
}
