//! Money: what tries may cost, what they have cost, and why new work waits for money.
//!
//! Policy decides (`switchyard_policy::spend`); here its decisions get a lock, waiting callers a way to be woken, and what is
//! spent a way to the disk. Nothing on a request's way touches the disk: the keeper of the router's own money commits leases and the
//! ledger behind it.

mod payment;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use switchyard_domain::budget::{BudgetId, BudgetView, Cost, Pause, PauseCause, Scope};
use switchyard_domain::map::{BudgetSettings, WebhookScope};
use switchyard_domain::{Now, RouteId};
use switchyard_policy::spend::{
    Budgets, Claim, Collected, InputRatio, LeaseBatch, Lift, Never, Pauses, Reservation, Resumed, Ticket,
    TicketId, Verdict, Work,
};
use switchyard_store::{BUCKET_MS, LedgerKey, LedgerRow, LedgerSum, SpendKind};
use tokio::sync::Notify;

use super::clock;
use super::lock;

pub(crate) use payment::{Paid, Payer, Payment, Priced, paused};

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
    /// What happened and is to be told.
    news: Vec<News>,
    /// The highest cap of each budget in its present window, and the window's beginning.
    highest: HashMap<BudgetId, (i64, u64)>,
}

/// What a sum in memory is of; cheap to make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Spent {
    bucket_ms: i64,
    route: RouteId,
    provider: Arc<str>,
    model: Arc<str>,
    job: Arc<str>,
    client: Arc<str>,
    kind: SpendKind,
}

/// A pause that began or ended.
#[derive(Clone, Debug)]
pub(crate) enum News {
    Paused(Pause, Scope),
    Resumed(PauseCause, Scope),
}

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

    /// Holds what a try may cost, in every budget it counts for. Waits in order, at most `budget.waitMs` or until the
    /// request's deadline.
    pub(crate) async fn reserve(
        &self,
        names: (&str, &str, &str),
        claim: impl FnOnce(switchyard_policy::spend::Scopes) -> Claim,
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

    /// The most tokens a prompt of so many bytes is taken to have on a route.
    pub(crate) fn most_tokens(&self, route: &RouteId, text_bytes: u64) -> u64 {
        lock(&self.state).ratios.get(route).map_or(text_bytes, |ratio| ratio.most_tokens(text_bytes))
    }

    /// Output tokens of a request that names no maximum.
    pub(crate) fn assume_output_tokens(&self) -> u64 {
        lock(&self.state).assume_output_tokens
    }

    /// Why this work waits, where it does.
    pub(crate) fn blocks(&self, work: Work<'_>) -> Option<Pause> {
        if !self.has_pauses.load(Ordering::Acquire) {
            return None;
        }
        let state = lock(&self.state);
        state.pauses.blocks(work, state.webhooks).cloned()
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
        persisted: &[switchyard_domain::budget::BudgetState],
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
    pub(crate) fn take_news(&self) -> Vec<News> {
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

    fn refused(&self, never: &Never) -> Refused {
        Refused::Never {
            budget: self.budgets.id(never.on),
            left: never.left,
            resets_at_ms: never.resets_at_ms,
        }
    }

    /// Budgets at their mark or cap hold new work of their scope.
    fn note_crossings(&mut self) {
        let now = clock::now();
        for view in self.budgets.crossings() {
            let reason = reason(&view);
            let cause = PauseCause::Budget(view.id);
            if self.pauses.add(cause.clone(), "switchyard", &reason, now) {
                self.pauses_changed = true;
                self.tell_paused(&cause);
            }
        }
    }

    /// Lifts budgets that are open again.
    fn reconcile(&mut self) -> Vec<Pause> {
        let Self { budgets, pauses, .. } = self;
        let lifted = pauses.reconcile(|id| budgets.standing(id));
        self.tell_lifted(&lifted);
        lifted
    }

    fn tell_paused(&mut self, cause: &PauseCause) {
        let Some(pause) = self.pauses.all().iter().find(|pause| pause.cause == *cause).cloned() else {
            return;
        };
        let whose = pause.cause.whose(self.webhooks == WebhookScope::All);
        self.news.push(News::Paused(pause, whose));
    }

    fn tell_lifted(&mut self, lifted: &[Pause]) {
        self.pauses_changed |= !lifted.is_empty();
        for pause in lifted {
            let whose = pause.cause.whose(self.webhooks == WebhookScope::All);
            self.news.push(News::Resumed(pause.cause.clone(), whose));
        }
    }

    /// Lifts the alert of a provider, or the runaway of an app.
    fn lift_of(&mut self, scope: &Scope) -> Option<Pause> {
        let cause = match scope {
            Scope::Provider(provider) => PauseCause::Webhook(provider.clone()),
            Scope::Client(client) => PauseCause::Runaway(client.clone()),
            Scope::Total | Scope::Job(_) => return None,
        };
        let lifted = self.pauses.lift_one(&cause)?;
        self.tell_lifted(std::slice::from_ref(&lifted));
        Some(lifted)
    }

    fn lift(&mut self, lift: Lift) -> Vec<Pause> {
        let Self { budgets, pauses, .. } = self;
        let lifted = pauses.lift(lift, |id| budgets.standing(id));
        self.tell_lifted(&lifted);
        lifted
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

impl Spent {
    fn key(&self) -> LedgerKey {
        LedgerKey {
            bucket_ms: self.bucket_ms,
            provider: self.provider.as_ref().to_owned(),
            model: self.model.as_ref().to_owned(),
            route: self.route.to_string(),
            job: self.job.as_ref().to_owned(),
            client: self.client.as_ref().to_owned(),
            kind: self.kind,
        }
    }
}

impl From<LedgerKey> for Spent {
    fn from(key: LedgerKey) -> Self {
        Self {
            bucket_ms: key.bucket_ms,
            route: RouteId::from(key.route),
            provider: key.provider.into(),
            model: key.model.into(),
            job: key.job.into(),
            client: key.client.into(),
            kind: key.kind,
        }
    }
}

/// The bucket of a moment.
const fn bucket(wall_ms: i64) -> i64 {
    wall_ms - wall_ms.rem_euclid(BUCKET_MS)
}

/// Why a budget holds work, in words.
fn reason(view: &BudgetView) -> String {
    let amount = |amount: u64| {
        if view.measure.is_usd() {
            Cost { nano_usd: amount, tokens: 0 }.usd().to_string()
        } else {
            format!("{amount} tokens")
        }
    };
    let spent = view.spent.saturating_add(view.unsettled);
    format!("{} of {} is spent ({} %)", amount(spent), amount(view.cap), view.percent)
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
