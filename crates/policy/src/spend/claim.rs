//! What is asked for, what is granted, and what is answered else.

use switchyard_domain::budget::Cost;

use super::{BudgetIx, Scopes, Ticket};

/// What one try asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose budgets it counts for.
    pub scopes: Scopes,
    /// Held from the start: of a whole answer the most it may cost, of a stream the prompt and its first words.
    pub hold: Cost,
    /// Kept free besides for its top-ups, and refused to new work.
    pub keep: Cost,
    /// Must be free besides when it begins, and is held by nobody: what the few streams that need more than is kept for them
    /// finish with.
    pub spare: Cost,
}

impl Claim {
    /// A claim for a whole answer that costs at most so much.
    #[must_use]
    pub const fn whole(scopes: Scopes, worst: Cost) -> Self {
        Self { scopes, hold: worst, keep: Cost::ZERO, spare: Cost::ZERO }
    }

    /// A claim for a stream: `first` is what its prompt and first words cost, `usual` what nine of ten such
    /// answers cost at most (`worst` where that is unknown), `worst` the most it may cost. Two of the longest answers are kept
    /// free for all open streams together. In a simulation of 200 clients with long-tailed answers that spent 97 to 99.9 % of
    /// caps of 1 to 20 dollars and overran none or 1 in 600; the full worst case for each spent 82 to 98.8 %, and they waited.
    #[must_use]
    pub fn stream(scopes: Scopes, first: Cost, usual: Cost, worst: Cost) -> Self {
        let hold = first.least(worst);
        let tail = worst.minus(hold);
        Self { scopes, hold, keep: usual.least(worst).minus(hold), spare: tail.plus(tail) }
    }
}

/// The answer to a claim.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// Go: what was asked for is held until the reservation is settled or released.
    Granted(Reservation),
    /// Others hold what they may not need, or a lease is on its way to the disk: wait until woken, at most until then on
    /// the monotonic clock, milliseconds.
    Wait {
        /// The place in the queue.
        ticket: Ticket,
        /// When waiting is over, on the monotonic clock, milliseconds.
        until_mono_ms: u64,
        /// A budget that lacks room.
        on: BudgetIx,
        /// Only a lease is missing: commit one now.
        for_lease: bool,
    },
    /// What is left of a budget is less than what was asked for.
    Never(Never),
    /// As many claims wait as may; refuse this one as overload.
    Full {
        /// A budget that lacks room.
        on: BudgetIx,
    },
}

/// Why a claim will not be granted in this window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Never {
    /// The first budget that is too small.
    pub on: BudgetIx,
    /// What is left in all budgets of the claim, of dollars and tokens each: what a smaller claim may ask for. `u64::MAX`
    /// where nothing is capped. See [`super::fitting_output_tokens`].
    pub left: Cost,
    /// When that budget begins anew, UTC epoch milliseconds.
    pub resets_at_ms: i64,
}

/// The answer to a top-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum TopUp {
    /// Held.
    Held,
    /// Nothing was taken: the budget is at its end, or its lease has to grow first. The stream goes on; settling it tells
    /// the truth. Ask again with the next top-up.
    Short {
        /// The budget.
        on: BudgetIx,
        /// Only a lease is missing: commit one now.
        for_lease: bool,
    },
}

/// Money held for one try. It is not `Clone` and ends once, in [`super::Budgets::settle`] or
/// [`super::Budgets::release`]. It holds no way back to the budgets: whoever owns it (the engine's attempt) ends it however
/// the try ends, from its `Drop` too; one that is merely dropped stays reserved until its window is over.
#[derive(Debug)]
#[must_use = "money stays reserved until it is settled or released"]
pub struct Reservation {
    pub(super) scopes: Scopes,
    /// In the month and in the day.
    pub(super) parts: [Part; 2],
}

impl Reservation {
    pub(super) fn new(claim: &Claim, generations: [u32; 2]) -> Self {
        let part = |generation| Part { generation, closed: Cost::ZERO, held: claim.hold, kept: claim.keep };
        Self { scopes: claim.scopes, parts: generations.map(part) }
    }

    /// What it holds, top-ups included.
    #[must_use]
    pub const fn held(&self) -> Cost {
        let [month, _] = &self.parts;
        month.closed.plus(month.held)
    }
}

/// What a reservation holds in one kind of window.
#[derive(Debug)]
pub(super) struct Part {
    /// The window, by how many began before it.
    pub(super) generation: u32,
    /// Held in windows before this one, which are over.
    pub(super) closed: Cost,
    /// Held in this window.
    pub(super) held: Cost,
    /// Kept free in this window.
    pub(super) kept: Cost,
}

impl Part {
    /// From now on in this window: what was held before stays where it was.
    pub(super) fn move_to(&mut self, generation: u32) {
        if self.generation != generation {
            self.closed = self.closed.plus(self.held);
            (self.held, self.kept, self.generation) = (Cost::ZERO, Cost::ZERO, generation);
        }
    }
}
