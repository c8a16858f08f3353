//! Budgets that hold: who may spend, how much is left, and who waits for it.
//!
//! **What it decides.** Before each try, whether what the try may cost at most fits into every budget it counts for: of
//! everything, of its provider, its client and its job, per calendar month and day, in dollars and in tokens; all of them or
//! none. The answer is *granted*, *wait* (others hold money they may not need) or *never* (what is left is less than asked,
//! with how much that is).
//!
//! **The figures.** A budget has a cap C, a lease L, what ended calls have cost S, what calls under way may still cost R, and
//! what calls before a crash may have cost U. At every instant S + R + U <= L <= C. A lease is a ceiling that is on the disk
//! before anything is spent under it, so that the hot path needs no disk, and a crash can only overcount: after it, what the
//! lease had left is U. Leases are taken a little ahead and given back when not needed, in at most two commits a second
//! ([`Budgets::lease_wanted`]), so that a crash overcounts by one lease and what was open, no more.
//!
//! **Streams** would tie up a budget if each held the most it may cost. One holds what it needs for its first words and
//! keeps ([`Claim::keep`]) what such answers usually need besides, and begins only while two of the longest answers would
//! still fit ([`Claim::spare`]): new work is refused these parts, top-ups are not. So open streams finish; the few that need
//! more than usual take from what is free, then from what others keep. Near the cap that is likely, not certain: where no
//! cent may be overrun, the most a stream may cost is given as what it usually costs.
//!
//! **Waiting is in order.** A claim that doesn't fit waits behind those before it that need the same budget. A claim that
//! shares no scarce budget with them passes: what is promised to those before it is counted as taken. So nobody starves,
//! and an app without money holds up nobody else.
//!
//! **Windows.** A day or month ends at once for new work. A call counts in the window it was reserved in; what it is topped
//! up by later counts in the window of the top-up. A clock that is set back begins no window anew.
//!
//! **Exceptions**, all of them truthful: a cap lowered below what is spent or open is taken, and nothing more is granted
//! until it fits; a budget that was uncapped has no lease until the first one is granted; a call that cost more than was
//! reserved (an estimate failed) is counted whole.
//!
//! **At the pause mark** new work of the budget's scope pauses, and [`Pauses`] holds that. Reservations count against the
//! cap and not against the mark: worst cases come and go, and would pause work that is far from it.
//!
//! Nothing in [`Budgets::reserve`], [`Budgets::top_up`] or [`Budgets::settle`] allocates, waits or reads a clock; one lock
//! around [`Budgets`] is enough.

mod claim;
mod counter;
mod estimate;
mod lease;
mod pauses;
mod plan;
mod scopes;
mod standing;
mod waiting;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use switchyard_domain::Now;
use switchyard_domain::budget::{BudgetId, Cost, Measure, Window, Zone};

pub use claim::{Claim, Never, Reservation, TopUp, Verdict};
pub use estimate::{InputRatio, STREAM_FIRST_TOKENS, fitting_output_tokens, next_top_up};
pub use lease::LeaseBatch;
pub use pauses::{Lift, Pauses, Work};
pub use scopes::Scopes;
pub use standing::Resumed;
pub use waiting::{Collected, Ticket, TicketId};

use counter::Counter;
use scopes::Index;
use waiting::Waiter;

/// Claims that may wait at the same time; as many as there may be requests under way by default.
const MOST_WAITING: usize = 1_024;

/// One budget, by its place among all. Cheap to copy; [`Budgets::id`] has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BudgetIx(u32);

/// Every budget, and who waits for money. See the module's page.
#[derive(Debug)]
pub struct Budgets {
    index: Index,
    /// Four for each scope, in the order of [`Measure::ALL`].
    counters: Vec<Counter>,
    zone: Zone,
    /// The current month and day, and how often each has begun anew.
    windows: [(Window, u32); 2],
    mark_percent: u8,
    wait_ms: u64,
    waiting: VecDeque<Waiter>,
    woken: Vec<TicketId>,
    next_ticket: u64,
    leases: lease::Leases,
    crossed: bool,
}

impl Budgets {
    /// The budget's name.
    #[must_use]
    pub fn id(&self, ix: BudgetIx) -> BudgetId {
        let ix = ix.0 as usize;
        let measure = Measure::ALL[ix % Measure::ALL.len()];
        BudgetId { scope: self.index.scope(ix / Measure::ALL.len()), measure }
    }

    /// Asks for what a try may cost at most, in every budget it counts for. `deadline_mono_ms` is the request's own.
    pub fn reserve(&mut self, claim: Claim, deadline_mono_ms: u64, now: Now) -> Verdict {
        self.roll(now);
        match self.fits(&claim) {
            Fit::Yes => Verdict::Granted(self.hold(&claim)),
            Fit::Never(never) => Verdict::Never(never),
            Fit::NotYet { on, for_lease } => {
                self.leases.due |= for_lease;
                if self.waiting.len() >= MOST_WAITING {
                    return Verdict::Full { on };
                }
                let until_mono_ms = now.mono_ms.saturating_add(self.wait_ms).min(deadline_mono_ms);
                let ticket = self.enqueue(claim, until_mono_ms);
                Verdict::Wait { ticket, until_mono_ms, on, for_lease }
            }
        }
    }

    /// Asks for more money for a stream under way, ahead of new work; all of it in every budget, or none.
    pub fn top_up(&mut self, reservation: &mut Reservation, more: Cost, now: Now) -> TopUp {
        self.roll(now);
        for (part, (_, generation)) in reservation.parts.iter_mut().zip(&self.windows) {
            part.move_to(*generation);
        }
        for (ix, measure) in reservation.scopes.counters() {
            let (counter, more) = (&self.counters[ix], more.of(measure));
            let wanted = counter.firm().saturating_add(more);
            if more > 0 && wanted > counter.leased {
                let for_lease = wanted <= counter.ceiling();
                self.leases.due |= for_lease;
                return TopUp::Short { on: place(ix), for_lease };
            }
        }
        for (ix, measure) in reservation.scopes.counters() {
            let kept = reservation.parts[period(measure)].kept.of(measure);
            let counter = &mut self.counters[ix];
            counter.kept = counter.kept.saturating_sub(kept.min(more.of(measure)));
            counter.take(more.of(measure));
            self.leases.due |= counter.is_short();
        }
        for part in &mut reservation.parts {
            part.held = part.held.plus(more);
            part.kept = part.kept.minus(more);
        }
        TopUp::Held
    }

    /// Ends a reservation with what the call has cost. Of an aborted call without usage that is an estimate of what was
    /// generated; of one that is not billed, nothing ([`Self::release`]).
    #[expect(clippy::needless_pass_by_value, reason = "a reservation that is moved in can't be ended twice")]
    pub fn settle(&mut self, reservation: Reservation, actual: Cost, now: Now) {
        self.roll(now);
        for (ix, measure) in reservation.scopes.counters() {
            let part = &reservation.parts[period(measure)];
            let (_, generation) = self.windows[period(measure)];
            let counter = &mut self.counters[ix];
            let open = part.generation == generation;
            if open {
                counter.reserved = counter.reserved.saturating_sub(part.held.of(measure));
                counter.kept = counter.kept.saturating_sub(part.kept.of(measure));
            }
            // What it held in windows that are over is paid there first.
            let closed = if open { part.closed } else { part.closed.plus(part.held) };
            counter.settled = counter.settled.saturating_add(actual.minus(closed).of(measure));
            counter.bound_lease();
            self.crossed |= counter.standing() > counter.told;
        }
        self.admit();
    }

    /// Ends a reservation of a call that costs nothing: it was never sent, or answered with an error.
    pub fn release(&mut self, reservation: Reservation, now: Now) {
        self.settle(reservation, Cost::ZERO, now);
    }

    /// Begins windows anew that are over, and drops waiting claims whose time is over: call it each second, and it is
    /// called with everything else.
    pub fn tick(&mut self, now: Now) {
        self.roll(now);
        self.expire(now);
    }

    fn fits(&self, claim: &Claim) -> Fit {
        let ask = claim.hold.plus(claim.keep);
        let mut blocked = None;
        for (ix, measure) in claim.scopes.counters() {
            let (counter, ask) = (&self.counters[ix], ask.of(measure));
            // A model on this machine costs nothing: no budget of dollars holds it up.
            if ask == 0 {
                continue;
            }
            if ask > counter.left() {
                return Fit::Never(self.never(claim, place(ix)));
            }
            let wanted = counter.taken().saturating_add(counter.promised).saturating_add(ask);
            // It narrows as the budget does: what is left can be spent to its end, by one stream after another.
            let spare = claim.spare.of(measure).min(counter.left() - ask);
            let spare = spare.max(counter.promised_spare);
            let with_spare = wanted.saturating_add(spare);
            if wanted > counter.leased || with_spare > counter.ceiling() {
                let for_lease = with_spare <= counter.ceiling();
                // What no lease can mend is the better reason.
                if blocked.is_none_or(|(_, leased)| leased && !for_lease) {
                    blocked = Some((place(ix), for_lease));
                }
            }
        }
        blocked.map_or(Fit::Yes, |(on, for_lease)| Fit::NotYet { on, for_lease })
    }

    fn never(&self, claim: &Claim, on: BudgetIx) -> Never {
        let mut left = Cost { nano_usd: u64::MAX, tokens: u64::MAX };
        for (ix, measure) in claim.scopes.counters() {
            let part = if measure.is_usd() { &mut left.nano_usd } else { &mut left.tokens };
            *part = (*part).min(self.counters[ix].left());
        }
        let measure = Measure::ALL[on.0 as usize % Measure::ALL.len()];
        Never { on, left, resets_at_ms: self.windows[period(measure)].0.until_ms }
    }

    fn hold(&mut self, claim: &Claim) -> Reservation {
        for (ix, measure) in claim.scopes.counters() {
            let counter = &mut self.counters[ix];
            counter.kept = counter.kept.saturating_add(claim.keep.of(measure));
            counter.take(claim.hold.of(measure));
            self.leases.due |= counter.is_short();
        }
        Reservation::new(claim, self.windows.map(|(_, generation)| generation))
    }
}

/// How a claim stands to what is free.
enum Fit {
    Yes,
    NotYet { on: BudgetIx, for_lease: bool },
    Never(Never),
}

/// The place of a measure's period in what is kept for each.
const fn period(measure: Measure) -> usize {
    match measure {
        Measure::MonthUsd | Measure::MonthTokens => 0,
        Measure::DayUsd | Measure::DayTokens => 1,
    }
}

/// A counter's place, as it is told. There are no more than four for each of 65,535 scopes.
#[expect(clippy::cast_possible_truncation, reason = "bounded by the number of scopes")]
const fn place(ix: usize) -> BudgetIx {
    BudgetIx(ix as u32)
}
