//! Claims that wait for money, in order.

use switchyard_domain::Now;

use super::claim::{Claim, Never, Reservation};
use super::counter::Counter;
use super::{Budgets, Fit};

/// A claim whose owner has not come for its answer so long after its time is dropped, milliseconds: owners come when their
/// time is over, so this one is gone.
const GRACE_MS: u64 = 1_000;

/// A ticket's number: who is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketId(u64);

/// A place in the queue. Bring it to [`Budgets::collect`] when woken or when the time is over, or to
/// [`Budgets::give_up`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what waits holds up those behind it until it is collected or given up"]
pub struct Ticket(TicketId);

impl Ticket {
    /// Its number.
    #[must_use]
    pub const fn id(&self) -> TicketId {
        self.0
    }
}

/// What became of a claim that waited.
#[derive(Debug)]
#[must_use]
pub enum Collected {
    /// Go.
    Granted(Reservation),
    /// Others have spent what was left.
    Never(Never),
    /// Not yet.
    Waiting(Ticket),
    /// Its time was over, and it is not waiting any more.
    Over,
}

#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) id: TicketId,
    claim: Claim,
    until_mono_ms: u64,
    /// `None` while it waits.
    pub(super) answer: Option<Result<Reservation, Never>>,
}

impl Budgets {
    /// The tickets whose claims were answered since this was last asked. Ask after each settle, release, give-up, tick,
    /// plan and lease, under the same lock, and wake their owners.
    pub fn woken(&mut self) -> impl Iterator<Item = TicketId> + '_ {
        self.woken.drain(..)
    }

    /// Claims that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.iter().filter(|waiter| waiter.answer.is_none()).count()
    }

    /// The answer to a claim that waited. Past its time it stops waiting.
    pub fn collect(&mut self, ticket: Ticket, now: Now) -> Collected {
        let Some(at) = self.find(ticket.0) else { return Collected::Over };
        let waiter = &self.waiting[at];
        if waiter.answer.is_none() && now.mono_ms < waiter.until_mono_ms {
            return Collected::Waiting(ticket);
        }
        match self.dequeue(at).and_then(|waiter| waiter.answer) {
            Some(Ok(reservation)) => Collected::Granted(reservation),
            Some(Err(never)) => Collected::Never(never),
            None => {
                self.admit();
                Collected::Over
            }
        }
    }

    /// Stops waiting: the caller left, or another route is tried. What was granted meanwhile is released.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a ticket that is moved in can't be collected any more"
    )]
    pub fn give_up(&mut self, ticket: Ticket, now: Now) {
        if let Some(at) = self.find(ticket.0) {
            self.drop_waiter(at, now);
        }
    }

    pub(super) fn enqueue(&mut self, claim: Claim, until_mono_ms: u64) -> Ticket {
        let id = TicketId(self.next_ticket);
        self.next_ticket += 1;
        self.promise(&claim);
        self.waiting.push_back(Waiter { id, claim, until_mono_ms, answer: None });
        Ticket(id)
    }

    /// Grants what now fits, in order: each claim sees what those before it were promised as taken.
    pub(super) fn admit(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        self.counters.iter_mut().for_each(Counter::promise_nothing);
        for at in 0..self.waiting.len() {
            let waiter = &self.waiting[at];
            if waiter.answer.is_some() {
                continue;
            }
            let (id, claim) = (waiter.id, waiter.claim);
            let answer = match self.fits(&claim) {
                Fit::Yes => Ok(self.hold(&claim)),
                Fit::Never(never) => Err(never),
                Fit::NotYet { for_lease, .. } => {
                    self.leases.due |= for_lease;
                    self.promise(&claim);
                    continue;
                }
            };
            self.waiting[at].answer = Some(answer);
            self.woken.push(id);
        }
    }

    /// Drops the claims whose owners are gone.
    pub(super) fn expire(&mut self, now: Now) {
        let gone = |waiter: &Waiter| waiter.until_mono_ms.saturating_add(GRACE_MS) <= now.mono_ms;
        while let Some(at) = self.waiting.iter().position(gone) {
            self.drop_waiter(at, now);
        }
    }

    fn drop_waiter(&mut self, at: usize, now: Now) {
        if let Some(Waiter { answer: Some(Ok(reservation)), .. }) = self.dequeue(at) {
            self.release(reservation, now);
        } else {
            self.admit();
        }
    }

    fn dequeue(&mut self, at: usize) -> Option<Waiter> {
        let waiter = self.waiting.remove(at);
        if self.waiting.is_empty() {
            self.counters.iter_mut().for_each(Counter::promise_nothing);
        }
        waiter
    }

    fn promise(&mut self, claim: &Claim) {
        let ask = claim.hold.plus(claim.keep);
        for (ix, measure) in claim.scopes.counters() {
            let counter = &mut self.counters[ix];
            let ask = ask.of(measure);
            counter.promised = counter.promised.saturating_add(ask);
            let spare = claim.spare.of(measure).min(counter.left().saturating_sub(ask));
            counter.promised_spare = counter.promised_spare.max(spare);
        }
    }

    fn find(&self, id: TicketId) -> Option<usize> {
        self.waiting.binary_search_by_key(&id, |waiter| waiter.id).ok()
    }
}
