//! Asking for money, and waiting for it in order.

use std::sync::Arc;

use switchyard_domain::budget::{BudgetId, Cost};
use switchyard_policy::spend::{Claim, Collected, Never, Reservation, Scopes, Ticket, Verdict};
use tokio::sync::Notify;

use super::{Purse, State};
use crate::core::clock;

/// Why a try gets no money.
#[derive(Clone, Debug)]
pub(crate) enum Refused {
    /// What is left is less than the try may cost.
    Never {
        budget: BudgetId,
        /// What is left of dollars and tokens.
        left: Cost,
        resets_at_ms: i64,
    },
    /// Others held what was left until waiting was over.
    Waited { budget: Option<BudgetId> },
}

impl Purse {
    /// Holds what a try may cost, in every budget it counts for. Waits in order, at most `budget.waitMs` or until the
    /// request's deadline.
    pub(crate) async fn reserve(
        &self,
        names: (&str, &str, &str),
        claim: impl FnOnce(Scopes) -> Claim,
        deadline_mono_ms: u64,
    ) -> Result<Reservation, Refused> {
        let (provider, client, job) = names;
        let now = clock::now();
        let verdict = self.with(|state| {
            let scopes = state.budgets.scopes(provider, client, job);
            let verdict = state.budgets.reserve(claim(scopes), deadline_mono_ms, now);
            match verdict {
                Verdict::Granted(reservation) => Ok(Ok(reservation)),
                Verdict::Never(never) => Ok(Err(state.refused(&never))),
                Verdict::Full { on } => Ok(Err(Refused::Waited { budget: Some(state.budgets.id(on)) })),
                Verdict::Wait { ticket, until_mono_ms, on, .. } => {
                    let owner = Arc::new(Notify::new());
                    state.waiting.insert(ticket.id(), Arc::clone(&owner));
                    Err((ticket, owner, until_mono_ms, state.budgets.id(on)))
                }
            }
        });
        match verdict {
            Ok(answer) => answer,
            Err((ticket, owner, until_mono_ms, on)) => {
                let mut place = Place { purse: self, ticket: Some(ticket) };
                self.due.notify_one();
                loop {
                    // A wake-up that came before is kept by the owner.
                    tokio::select! {
                        () = owner.notified() => {}
                        () = clock::sleep_until(until_mono_ms) => {}
                    }
                    match place.collect() {
                        Some(Collected::Granted(reservation)) => return Ok(reservation),
                        Some(Collected::Never(never)) => return Err(self.with(|state| state.refused(&never))),
                        Some(Collected::Waiting(ticket)) => place.ticket = Some(ticket),
                        Some(Collected::Over) | None => return Err(Refused::Waited { budget: Some(on) }),
                    }
                }
            }
        }
    }
}

impl State {
    fn refused(&self, never: &Never) -> Refused {
        Refused::Never {
            budget: self.budgets.id(never.on),
            left: never.left,
            resets_at_ms: never.resets_at_ms,
        }
    }
}

/// A place in the queue for money, given up when its owner leaves.
struct Place<'a> {
    purse: &'a Purse,
    ticket: Option<Ticket>,
}

impl Place<'_> {
    fn collect(&mut self) -> Option<Collected> {
        let ticket = self.ticket.take()?;
        let now = clock::now();
        Some(self.purse.with(|state| {
            let id = ticket.id();
            let collected = state.budgets.collect(ticket, now);
            if !matches!(collected, Collected::Waiting(_)) {
                state.waiting.remove(&id);
            }
            collected
        }))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let now = clock::now();
            self.purse.with(|state| {
                state.waiting.remove(&ticket.id());
                state.budgets.give_up(ticket, now);
            });
        }
    }
}
