//! The figures of one budget in its current window, in the unit of its measure: nano-dollars or tokens.

use switchyard_domain::budget::Standing;

/// A budget without a cap.
pub(super) const UNCAPPED: u64 = u64::MAX;
/// A lease is at least this part of its cap: a hundredth.
const LEASE_PART: u64 = 100;
/// Under load a lease grows with what is taken between two commits, up to this part of its cap: a tenth.
const LARGEST_LEASE_PART: u64 = 10;

/// See the names in [`super`]: C, L, S, R, U.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    /// As the map has it; [`UNCAPPED`] without one.
    pub(super) cap: u64,
    /// Added to the cap in this window by a person.
    pub(super) allowance: u64,
    /// L; [`UNCAPPED`] without a cap.
    pub(super) leased: u64,
    /// S.
    pub(super) settled: u64,
    /// R.
    pub(super) reserved: u64,
    /// U.
    pub(super) unsettled: u64,
    /// Kept free for top-ups of open streams.
    pub(super) kept: u64,
    /// Asked for by claims that wait.
    pub(super) promised: u64,
    /// The most a stream that waits needs free besides.
    pub(super) promised_spare: u64,
    /// Spent and unsettled at which new work pauses.
    pub(super) mark: u64,
    /// A person let work go on past the mark.
    pub(super) mark_passed: bool,
    /// The worst standing that was told in this window.
    pub(super) told: Standing,
    /// The most that was taken since the spell began, and in the spell before.
    pub(super) peaks: [u64; 2],
    /// What was taken when a lease was last looked at.
    pub(super) looked_at: u64,
    /// The disk has something else than this: to be kept with the next lease.
    pub(super) unsaved: bool,
}

impl Counter {
    pub(super) const fn uncapped() -> Self {
        Self {
            cap: UNCAPPED,
            allowance: 0,
            leased: UNCAPPED,
            settled: 0,
            reserved: 0,
            unsettled: 0,
            kept: 0,
            promised: 0,
            promised_spare: 0,
            mark: UNCAPPED,
            mark_passed: false,
            told: Standing::Open,
            peaks: [0; 2],
            looked_at: 0,
            unsaved: false,
        }
    }

    pub(super) const fn is_capped(&self) -> bool {
        self.cap != UNCAPPED
    }

    /// C: the cap, and what a person allowed besides.
    pub(super) const fn ceiling(&self) -> u64 {
        self.cap.saturating_add(self.allowance)
    }

    /// S + U: what may have been spent.
    pub(super) const fn spent(&self) -> u64 {
        self.settled.saturating_add(self.unsettled)
    }

    /// S + R + U.
    pub(super) const fn firm(&self) -> u64 {
        self.spent().saturating_add(self.reserved)
    }

    /// S + R + U and what is kept for streams.
    pub(super) const fn taken(&self) -> u64 {
        self.firm().saturating_add(self.kept)
    }

    /// What is left once everything that is open has ended and cost nothing.
    pub(super) const fn left(&self) -> u64 {
        self.ceiling().saturating_sub(self.spent())
    }

    /// Nobody waits, or who waits is counted anew.
    pub(super) const fn promise_nothing(&mut self) {
        (self.promised, self.promised_spare) = (0, 0);
    }

    pub(super) fn take(&mut self, amount: u64) {
        self.reserved = self.reserved.saturating_add(amount);
        self.peaks[0] = self.peaks[0].max(self.taken());
    }

    /// One lease: the most that is leased beyond what is open or waits. A crash overcounts by it at most.
    pub(super) fn lease_size(&self) -> u64 {
        let grown = self.peaks[0].saturating_sub(self.looked_at);
        let least = (self.ceiling() / LEASE_PART).max(1);
        grown.min(self.ceiling() / LARGEST_LEASE_PART).max(least)
    }

    /// Whether less than half a lease is free, and the cap allows more.
    pub(super) fn is_short(&self) -> bool {
        self.is_capped() && {
            let needed = self.taken().saturating_add(self.promised).saturating_add(self.lease_size() / 2);
            self.leased < self.bounded(needed)
        }
    }

    /// Whether more than a lease is free that was not needed lately.
    pub(super) fn is_long(&self) -> bool {
        self.leased > self.bounded(self.needed_lately().saturating_add(self.lease_size()))
    }

    /// What the lease should be: what is needed or was lately, and three quarters of a lease ahead, so that it need not
    /// be given back for every call that ends.
    pub(super) fn lease_target(&self) -> u64 {
        let size = self.lease_size();
        self.bounded(self.needed_lately().saturating_add(size - size / 4))
    }

    fn needed_lately(&self) -> u64 {
        // What was open at the peak and has ended leaves room for what waits now.
        self.taken().saturating_add(self.promised).max(self.peaks[0]).max(self.peaks[1])
    }

    /// A lease ends at the cap; one that a lowered cap left above it, at what is spent or open.
    pub(super) fn bound_lease(&mut self) {
        if self.is_capped() && self.leased > self.ceiling() {
            let bounded = self.leased.min(self.ceiling().max(self.firm()));
            // The disk still has the larger one.
            self.unsaved |= bounded < self.leased;
            self.leased = bounded;
        }
    }

    /// Never beyond the cap, unless more is spent or open already.
    fn bounded(&self, wanted: u64) -> u64 {
        wanted.min(self.ceiling()).max(self.firm())
    }

    /// Sets the cap; [`UNCAPPED`] for none. A lease that is now too large is given up, one that never was begins at 0.
    pub(super) fn set_cap(&mut self, cap: u64, mark_percent: u8) {
        let was_capped = self.is_capped();
        if cap > self.cap {
            // A person let work pass another mark than this one.
            self.mark_passed = false;
        }
        self.cap = cap;
        self.set_mark(mark_percent);
        self.leased = match (self.is_capped(), was_capped) {
            (false, _) => UNCAPPED,
            (true, false) => 0,
            (true, true) => self.leased,
        };
        self.bound_lease();
        self.told = self.told.min(self.standing());
    }

    /// The mark as an amount, rounded up.
    pub(super) fn set_mark(&mut self, percent: u8) {
        let exact = (u128::from(self.ceiling()) * u128::from(percent)).div_ceil(100);
        self.mark = if self.is_capped() { u64::try_from(exact).unwrap_or(UNCAPPED) } else { UNCAPPED };
    }

    pub(super) fn standing(&self) -> Standing {
        let spent = self.spent();
        if !self.is_capped() {
            Standing::Open
        } else if spent >= self.ceiling() {
            Standing::Reached
        } else if spent >= self.mark && !self.mark_passed {
            Standing::Marked
        } else {
            Standing::Open
        }
    }

    /// A new window: nothing is spent, and what is open stays with the old one.
    pub(super) fn begin_anew(&mut self, mark_percent: u8) {
        let (cap, promised) = (self.cap, self.promised);
        *self = Self { cap, promised, ..Self::uncapped() };
        self.leased = if self.is_capped() { 0 } else { UNCAPPED };
        self.set_mark(mark_percent);
    }
}
