//! Money: what tries may cost, what they have cost, and why new work waits for money.
//!
//! Policy decides (`switchyard_policy::spend`); here its decisions get a lock, waiting callers a way to be woken, and what is
//! spent a way to the disk. Nothing on a request's way touches the disk: `router::money` commits leases and the ledger behind
//! it.

mod ledger;
mod pauses;
mod payment;
mod priced;
mod waiting;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use switchyard_domain::budget::{BudgetId, BudgetState, BudgetView, Cost, Pause, PauseCause, Scope};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{BudgetSettings, WebhookScope};
use switchyard_domain::{Now, RouteId};
use switchyard_policy::spend::{
    Budgets, InputRatio, LeaseBatch, Lift, Pauses, Reservation, Resumed, TicketId, Work,
};
use switchyard_store::{LedgerRow, LedgerSum};
use tokio::sync::Notify;

use super::lock;

use ledger::Spent;
pub(crate) use payment::{Paid, Payer, Payment, paused};
pub(crate) use priced::Priced;

/// Everything about money that requests share. The lock is held for microseconds, never across an await.
#[derive(Debug)]
pub(crate) struct Purse {
    state: Mutex<State>,
    /// Something is to be written: a lease, what was spent, a pause.
    pub(crate) due: Notify,
    /// Whether anything holds new work, so that most requests look no further.
    has_pauses: AtomicBool,
    /// Times a budget stood above its cap though nobody had lowered it: to be 0 for ever.
    breaches: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// Whether a map's budgets were taken, with what the disk knew of them.
    has_begun: bool,
    budgets: Budgets,
    pauses: Pauses,
    webhooks: WebhookScope,
    assume_output_tokens: u64,
    /// Bytes per token of each route's prompts.
    ratios: HashMap<RouteId, InputRatio>,
    waiting: HashMap<TicketId, Arc<Notify>>,
    /// What was spent since the last commit.
    spent: HashMap<Spent, LedgerSum>,
    /// Pauses have changed since they were last kept.
    pauses_changed: bool,
    /// Pauses that began or ended, to be told.
    news: Vec<EventKind>,
    /// The highest cap of each budget in its present window, and the window's beginning.
    highest: HashMap<BudgetId, (i64, u64)>,
}

impl Purse {
    /// No cap, nothing spent; [`Self::restore`] and [`Self::set_plan`] follow.
    pub(crate) fn new(now: Now) -> Self {
        let settings = BudgetSettings::default();
        Self {
            state: Mutex::new(State {
                has_begun: false,
                budgets: Budgets::new(&settings, settings.mark_percent(None), &[], now),
                pauses: Pauses::default(),
                webhooks: settings.webhook_scope,
                assume_output_tokens: settings.assume_output_tokens,
                ratios: HashMap::new(),
                waiting: HashMap::new(),
                spent: HashMap::new(),
                pauses_changed: false,
                news: Vec::new(),
                highest: HashMap::new(),
            }),
            due: Notify::new(),
            has_pauses: AtomicBool::new(false),
            breaches: AtomicU64::new(0),
        }
    }

    /// Uses the state; wakes who is answered by what changed in it, and the keeper where there is more to write than before.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let before = (state.pauses_changed, state.budgets.lease_due_at());
        let done = act(&mut state);
        let State { budgets, waiting, .. } = &mut *state;
        if !waiting.is_empty() {
            for ticket in budgets.woken() {
                if let Some(owner) = waiting.get(&ticket) {
                    owner.notify_one();
                }
            }
        }
        if state.budgets.has_crossings() {
            state.note_crossings();
        }
        self.has_pauses.store(!state.pauses.all().is_empty(), Ordering::Release);
        let (pauses_changed, lease_due) = (state.pauses_changed, state.budgets.lease_due_at());
        if (pauses_changed && !before.0) || (lease_due.is_some() && lease_due != before.1) {
            self.due.notify_one();
        }
        done
    }

    /// The most tokens a prompt of so many bytes is taken to have on a route.
    pub(crate) fn most_tokens(&self, route: &RouteId, text_bytes: u64) -> u64 {
        lock(&self.state).ratios.get(route).map_or(text_bytes, |ratio| ratio.most_tokens(text_bytes))
    }

    /// Output tokens of a request that names no maximum.
    pub(crate) fn assume_output_tokens(&self) -> u64 {
        lock(&self.state).assume_output_tokens
    }

    /// The cause that holds this work, and whose work it holds.
    pub(crate) fn blocks(&self, work: Work<'_>) -> Option<(Pause, Scope)> {
        if !self.has_pauses.load(Ordering::Acquire) {
            return None;
        }
        let state = lock(&self.state);
        let pause = state.pauses.blocks(work, state.webhooks)?;
        Some((pause.clone(), state.whose(&pause.cause)))
    }

    /// Every cause that holds work.
    pub(crate) fn pauses(&self) -> Vec<Pause> {
        lock(&self.state).pauses.all().to_vec()
    }

    /// Every capped budget as it stands.
    pub(crate) fn budgets(&self) -> Vec<BudgetView> {
        lock(&self.state).budgets.snapshot()
    }

    /// Times a budget stood above its cap.
    pub(crate) fn breaches(&self) -> u64 {
        self.breaches.load(Ordering::Relaxed)
    }

    /// Takes what the disk knows, at the start: before the map's plan.
    pub(crate) fn restore(&self, pauses: Vec<Pause>) {
        self.with(|state| state.pauses = Pauses::of(pauses));
    }

    /// Takes the first map's budgets with what the disk knows of them.
    pub(crate) fn begin(
        &self,
        settings: &BudgetSettings,
        mark_percent: u8,
        persisted: &[BudgetState],
        now: Now,
    ) {
        self.with(|state| {
            state.budgets = Budgets::new(settings, mark_percent, persisted, now);
            state.has_begun = true;
            state.take(settings);
            state.reconcile();
        });
    }

    /// Whether a map's budgets were taken.
    pub(crate) fn has_begun(&self) -> bool {
        lock(&self.state).has_begun
    }

    /// Takes another map's budgets.
    pub(crate) fn set_plan(&self, settings: &BudgetSettings, mark_percent: u8, now: Now) {
        self.with(|state| {
            state.budgets.set_plan(settings, mark_percent, now);
            state.take(settings);
            state.reconcile();
        });
    }

    /// Adds a cause of a pause; false when it was there.
    pub(crate) fn pause(&self, cause: &PauseCause, by: &str, reason: &str, now: Now) -> bool {
        self.with(|state| {
            let is_new = state.pauses.add(cause.clone(), by, reason, now);
            if is_new {
                state.pauses_changed = true;
                state.tell_paused(cause);
            }
            is_new
        })
    }

    /// A person lets work go on that money holds: until the cap, or `over` beyond it for this window.
    pub(crate) fn lift_money(&self, only: Option<&Scope>, over: Cost) -> (Resumed, Vec<Pause>) {
        self.with(|state| {
            let resumed = state.budgets.resume(only, over);
            let mut lifted = state.reconcile();
            match only {
                None => lifted.extend(state.lift(Lift::Money)),
                Some(scope) => lifted.extend(state.lift_of(scope)),
            }
            (resumed, lifted)
        })
    }

    /// Begins windows anew that are over. Called each second.
    pub(crate) fn tick(&self, now: Now) {
        self.with(|state| {
            state.budgets.tick(now);
            state.reconcile();
        });
        let breached = lock(&self.state).breached();
        if breached > 0 {
            tracing::error!(breached, "a budget stands above its cap");
            self.breaches.fetch_add(breached, Ordering::Relaxed);
        }
    }

    /// What is to be told of pauses that began or ended.
    pub(crate) fn take_news(&self) -> Vec<EventKind> {
        std::mem::take(&mut lock(&self.state).news)
    }

    /// The causes, where they have changed since they were last kept.
    pub(crate) fn changed_pauses(&self) -> Option<Vec<Pause>> {
        let mut state = lock(&self.state);
        std::mem::take(&mut state.pauses_changed).then(|| state.pauses.all().to_vec())
    }

    /// The causes could not be kept: they are to be kept again.
    pub(crate) fn pauses_not_kept(&self) {
        lock(&self.state).pauses_changed = true;
    }

    /// What is to be committed now: leases, and what was spent.
    pub(crate) fn take_due(&self, now: Now) -> (Option<LeaseBatch>, Vec<LedgerRow>) {
        self.with(|state| (state.budgets.lease_wanted(now), state.take_spent()))
    }

    /// The last leases of a clean stop, and what was spent.
    pub(crate) fn close(&self, now: Now) -> (LeaseBatch, Vec<LedgerRow>) {
        self.with(|state| (state.budgets.close(now), state.take_spent()))
    }

    /// The batch is on the disk.
    pub(crate) fn granted(&self, batch: LeaseBatch, now: Now) {
        self.with(|state| state.budgets.lease_granted(batch, now));
    }

    /// It may not be on the disk: all of it is to be written again.
    pub(crate) fn not_committed(&self, batch: Option<LeaseBatch>, spent: Vec<LedgerRow>) {
        self.with(|state| {
            if let Some(batch) = batch {
                state.budgets.lease_failed(batch);
            }
            for LedgerRow { key, sum } in spent {
                let kept = state.spent.entry(Spent::from(key)).or_default();
                *kept = kept.plus(sum);
            }
        });
    }

    /// From when on a lease is worth committing, on the monotonic clock, milliseconds; none while none is short.
    pub(crate) fn lease_due_at(&self) -> Option<u64> {
        lock(&self.state).budgets.lease_due_at()
    }

    fn settle(&self, reservation: Reservation, paid: &Paid, key: Spent, now: Now) {
        self.with(|state| {
            state.budgets.settle(reservation, Cost::new(paid.usd, paid.tokens()), now);
            if paid.is_billed() {
                let sum = state.spent.entry(key).or_default();
                *sum = sum.plus(paid.sum());
            }
            if let Some((route, bytes, tokens)) = &paid.taught {
                state.ratios.entry(route.clone()).or_default().learn(*bytes, *tokens);
            }
        });
    }
}

impl State {
    fn take(&mut self, settings: &BudgetSettings) {
        self.webhooks = settings.webhook_scope;
        self.assume_output_tokens = settings.assume_output_tokens;
    }

    /// How many budgets stand above every cap they had in this window.
    fn breached(&mut self) -> u64 {
        let mut breached = 0;
        for view in self.budgets.snapshot() {
            let taken = view.spent.saturating_add(view.unsettled).saturating_add(view.reserved);
            // What was spent before it was capped is no breach.
            let begun = (view.since_ms, view.cap.max(taken));
            let highest = self.highest.entry(view.id).or_insert(begun);
            if highest.0 != view.since_ms {
                *highest = begun;
            }
            highest.1 = highest.1.max(view.cap);
            if taken > highest.1 {
                highest.1 = taken;
                breached += 1;
            }
        }
        breached
    }

    fn take_spent(&mut self) -> Vec<LedgerRow> {
        let row = |(spent, sum): (Spent, LedgerSum)| LedgerRow { key: spent.key(), sum };
        std::mem::take(&mut self.spent).into_iter().map(row).collect()
    }
}
