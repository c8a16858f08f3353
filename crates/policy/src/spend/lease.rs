//! Leases: how much may be spent before the disk has to know more.
//!
//! A lease that grows counts once it is on the disk; one that is given back counts at once. So the disk never knows of less
//! than memory allows, whenever the power goes.

use switchyard_domain::Now;
use switchyard_domain::budget::BudgetState;

use super::counter::Counter;
use super::{Budgets, period, place};

/// Pause between two commits of leases, milliseconds: two a second, which no disk minds and no caller notices.
const COMMIT_EVERY_MS: u64 = 500;
/// What was open in the last spell or the one before is still leased, milliseconds: a lone caller that comes again at once
/// waits for no disk.
const SPELL_MS: u64 = 2_000;

/// When leases are looked at.
#[derive(Debug)]
pub(super) struct Leases {
    /// Something is short of a lease, or has to be kept.
    pub(super) due: bool,
    /// A batch is on its way to the disk.
    pub(super) under_way: bool,
    /// No commit before this, on the monotonic clock, milliseconds.
    pub(super) next_mono_ms: u64,
    /// When this spell began, on the monotonic clock, milliseconds.
    pub(super) spell_mono_ms: u64,
}

impl Leases {
    pub(super) const fn new(now: Now) -> Self {
        Self { due: true, under_way: false, next_mono_ms: 0, spell_mono_ms: now.mono_ms }
    }

    /// A person's word shouldn't wait for the next commit.
    pub(super) const fn hurry(&mut self) {
        self.due = true;
        self.next_mono_ms = 0;
    }
}

/// Leases to commit together, in one transaction that is on the disk when it returns. Bring it back to
/// [`Budgets::lease_granted`] or [`Budgets::lease_failed`]; until then there is no other.
#[derive(Debug)]
#[must_use = "no further lease is asked for until this one is granted or has failed"]
pub struct LeaseBatch {
    states: Vec<BudgetState>,
    /// The counter, its window, and the lease.
    grants: Vec<(usize, u32, u64)>,
}

impl LeaseBatch {
    /// What to keep: a row for each budget, in place of the one there is.
    #[must_use]
    pub fn states(&self) -> &[BudgetState] {
        &self.states
    }
}

impl Budgets {
    /// From when on [`Self::lease_wanted`] is worth calling, on the monotonic clock, milliseconds. `None` while nothing is
    /// short of a lease; then calling it each second is enough.
    #[must_use]
    pub const fn lease_due_at(&self) -> Option<u64> {
        if self.leases.due && !self.leases.under_way { Some(self.leases.next_mono_ms) } else { None }
    }

    /// The leases to commit now: those that are short grow, those that are too large are given back. `None` where
    /// there are none, while a batch is under way, and within half a second of the last one.
    pub fn lease_wanted(&mut self, now: Now) -> Option<LeaseBatch> {
        self.roll(now);
        if self.leases.under_way || now.mono_ms < self.leases.next_mono_ms {
            return None;
        }
        let mut batch = LeaseBatch { states: Vec::new(), grants: Vec::new() };
        for ix in 0..self.counters.len() {
            let counter = &mut self.counters[ix];
            if !counter.is_capped() {
                continue;
            }
            if counter.is_short() || counter.is_long() || counter.unsaved {
                let target = counter.lease_target();
                counter.leased = counter.leased.min(target);
                self.add(&mut batch, ix, target);
            }
        }
        self.end_spell(now);
        self.leases.due = false;
        if batch.grants.is_empty() {
            return None;
        }
        self.leases.under_way = true;
        self.leases.next_mono_ms = now.mono_ms.saturating_add(COMMIT_EVERY_MS);
        Some(batch)
    }

    /// The batch is on the disk: what it leases may be spent, and who waited for it is answered.
    #[expect(clippy::needless_pass_by_value, reason = "a batch that is moved in can't be granted twice")]
    pub fn lease_granted(&mut self, batch: LeaseBatch, now: Now) {
        self.leases.under_way = false;
        self.roll(now);
        for (ix, generation, target) in &batch.grants {
            let (_, current) = self.windows[period(self.id(place(*ix)).measure)];
            let counter = &mut self.counters[*ix];
            if *generation == current && counter.is_capped() {
                // A cap may have been lowered meanwhile.
                counter.leased = counter.leased.max(*target);
                counter.bound_lease();
                self.leases.due |= counter.is_short();
            }
        }
        self.admit();
    }

    /// The batch may not be on the disk: nothing grows, and the same is asked for again.
    #[expect(clippy::needless_pass_by_value, reason = "a batch that is moved in can't be granted any more")]
    pub fn lease_failed(&mut self, batch: LeaseBatch) {
        self.leases.under_way = false;
        self.leases.due = true;
        for (ix, ..) in &batch.grants {
            self.counters[*ix].unsaved = true;
        }
    }

    /// Gives back every lease as far as nothing is open under it: commit the batch when the router stops, after the last
    /// request. Nothing more is granted behind it.
    pub fn close(&mut self, now: Now) -> LeaseBatch {
        self.roll(now);
        let mut batch = LeaseBatch { states: Vec::new(), grants: Vec::new() };
        for ix in 0..self.counters.len() {
            let counter = &mut self.counters[ix];
            if counter.is_capped() {
                let firm = counter.firm();
                counter.leased = counter.leased.min(firm);
                self.add(&mut batch, ix, firm);
            }
        }
        self.leases.under_way = true;
        batch
    }

    fn add(&mut self, batch: &mut LeaseBatch, ix: usize, leased: u64) {
        let id = self.id(place(ix));
        let (window, generation) = self.windows[period(id.measure)];
        let Counter { settled, allowance, mark_passed, .. } = self.counters[ix];
        self.counters[ix].unsaved = false;
        batch.grants.push((ix, generation, leased));
        batch.states.push(BudgetState { id, window, leased, settled, allowance, mark_passed });
    }

    /// What was taken lately is forgotten after a spell or two.
    fn end_spell(&mut self, now: Now) {
        let over = now.mono_ms.saturating_sub(self.leases.spell_mono_ms) >= SPELL_MS;
        if over {
            self.leases.spell_mono_ms = now.mono_ms;
        }
        for counter in &mut self.counters {
            counter.looked_at = counter.taken();
            if over {
                counter.peaks = [counter.taken(), counter.peaks[0]];
            }
        }
    }
}
