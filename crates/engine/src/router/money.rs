//! Money's way to the disk and to people: leases and the ledger are committed behind the requests, pauses are kept and told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use switchyard_domain::api::{
    BudgetAlert, Money, ResumeMoney, ResumedMoney, RoutePrice, Spend, SpendBy, SpendRow,
};
use switchyard_domain::budget::{BudgetId, BudgetState, Cost, Measure, Pause, PauseCause, Period, Scope};
use switchyard_domain::map::{BudgetSettings, RoutingMap, preset};
use switchyard_domain::{Now, Problem, Usd};
use switchyard_policy::spend::LeaseBatch;
use switchyard_store::{BUCKET_MS, LedgerRow, LedgerSum, StoreError};
use tokio_util::sync::CancellationToken;

use super::{Router, audit};
use crate::core::Core;
use crate::core::clock;
use crate::watch::Watch;

/// Where the causes of pauses are kept.
const PAUSES: &str = "pauses";
/// The environment's pause mark, percent.
const MARK: &str = "BUDGET_PAUSE_AT_PERCENT";
/// What was spent is written this long after at the latest.
const BEAT: Duration = Duration::from_secs(1);
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// After a commit that failed, milliseconds.
const AGAIN_MS: u64 = 500;
/// The ledger forgets what is too old this often, milliseconds.
const PRUNE_EVERY_MS: u64 = 6 * 60 * 60 * 1_000;

/// Takes a map's budgets: the first one's with what the disk knows of them. A lease that lacks is committed with it.
pub(super) async fn take_plan(core: &Core, map: &RoutingMap) {
    let mark = mark(map);
    let now = clock::now();
    if core.purse.has_begun() {
        core.purse.set_plan(&map.budget, mark, now);
    } else {
        let kept = known(core, map, now).await.unwrap_or_else(|error| {
            tracing::error!(%error, "what budgets have spent can't be read");
            Vec::new()
        });
        core.purse.begin(&map.budget, mark, &kept, now);
    }
    commit_due(core).await;
}

/// What the disk knows of this day and month: leases of capped budgets, and what the ledger has of everybody, so that a
/// cap that is written in the middle of a month counts the whole month.
async fn known(core: &Core, map: &RoutingMap, now: Now) -> Result<Vec<BudgetState>, StoreError> {
    let mut states = core.store.ledger().budgets(now.wall_ms).await?;
    for (period, measures) in [
        (Period::Month, [Measure::MonthUsd, Measure::MonthTokens]),
        (Period::Day, [Measure::DayUsd, Measure::DayTokens]),
    ] {
        let window = map.budget.zone.window(period, now.wall_ms);
        let mut spent: BTreeMap<Scope, Cost> = BTreeMap::new();
        for LedgerRow { key, sum } in core.store.ledger().between(window.from_ms, window.until_ms).await? {
            let cost = Cost::new(sum.cost, sum.input_tokens.saturating_add(sum.output_tokens));
            for scope in
                [Scope::Total, Scope::Provider(key.provider), Scope::Client(key.client), Scope::Job(key.job)]
            {
                let known = spent.entry(scope).or_default();
                *known = known.plus(cost);
            }
        }
        for (scope, cost) in spent {
            for measure in measures {
                let id = BudgetId { scope: scope.clone(), measure };
                let settled = cost.of(measure);
                match states.iter_mut().find(|state| state.id == id && state.window == window) {
                    Some(state) => {
                        state.settled = state.settled.max(settled);
                        state.leased = state.leased.max(settled);
                    }
                    None => states.push(BudgetState {
                        id,
                        window,
                        leased: settled,
                        settled,
                        allowance: 0,
                        mark_passed: false,
                    }),
                }
            }
        }
    }
    Ok(states)
}

/// Where budgets pause new work, percent.
fn mark(map: &RoutingMap) -> u8 {
    map.budget.mark_percent(std::env::var(MARK).ok().and_then(|mark| mark.trim().parse().ok()))
}

/// Commits what is due until stopped, and tells of pauses that begin and end by themselves.
pub(super) async fn keep(watch: Arc<Watch>, stop: CancellationToken) {
    let core = Arc::clone(&watch.core);
    let mut pruned_mono_ms = None;
    loop {
        let lease = core.purse.lease_due_at();
        tokio::select! {
            () = stop.cancelled() => return,
            () = core.purse.due.notified() => {}
            () = tokio::time::sleep(BEAT) => {}
            () = clock::sleep_until(lease.unwrap_or(u64::MAX)), if lease.is_some() => {}
        }
        let now = clock::now();
        core.purse.tick(now);
        let is_written = commit_due(&core).await;
        tell(&core).await;
        if !is_written {
            tokio::select! {
                () = stop.cancelled() => return,
                () = clock::sleep_until(clock::now().mono_ms + AGAIN_MS) => {}
            }
        }
        if pruned_mono_ms.is_none_or(|at| now.mono_ms.saturating_sub(at) >= PRUNE_EVERY_MS) {
            pruned_mono_ms = Some(now.mono_ms);
            if let Err(error) = core.store.ledger().prune(now.wall_ms).await {
                tracing::warn!(%error, "the ledger keeps what is too old");
            }
        }
    }
}

/// Commits leases and what was spent, together. False when it failed; it stays due then.
async fn commit_due(core: &Core) -> bool {
    let (batch, spent) = core.purse.take_due(clock::now());
    commit(core, batch, spent).await
}

async fn commit(core: &Core, batch: Option<LeaseBatch>, spent: Vec<LedgerRow>) -> bool {
    if batch.is_none() && spent.is_empty() {
        return true;
    }
    let states = batch.as_ref().map_or(&[][..], LeaseBatch::states);
    match core.store.ledger().commit(&spent, states).await {
        Ok(()) => {
            if let Some(batch) = batch {
                core.purse.granted(batch, clock::now());
            }
            core.bus.touch();
            true
        }
        Err(error) => {
            tracing::error!(%error, "what was spent can't be written; new paid work waits for it");
            core.purse.not_committed(batch, spent);
            false
        }
    }
}

/// Keeps the pauses where they have changed, and tells which began and ended.
async fn tell(core: &Core) {
    if let Some(pauses) = core.purse.changed_pauses()
        && let Err(error) = core.store.settings().set(PAUSES, &pauses, clock::now().wall_ms).await
    {
        tracing::error!(%error, "a pause is not kept for the next start");
        core.purse.pauses_not_kept();
    }
    for what in core.purse.take_news() {
        core.bus.emit(what, clock::now());
    }
}

/// Gives back what is leased and not spent, at the end of a clean stop.
pub(super) async fn close(core: &Core) {
    let (batch, spent) = core.purse.close(clock::now());
    commit(core, Some(batch), spent).await;
    tell(core).await;
}

fn row(name: String, sum: &LedgerSum) -> SpendRow {
    SpendRow {
        name,
        attempts: sum.attempts,
        input_tokens: sum.input_tokens,
        cached_tokens: sum.cached_tokens,
        cache_write_tokens: sum.cache_write_tokens,
        output_tokens: sum.output_tokens,
        reasoning_tokens: sum.reasoning_tokens,
        cost_nano_usd: sum.cost,
        estimated_nano_usd: sum.estimated,
        assumed_nano_usd: sum.assumed,
    }
}

impl Router {
    /// Takes the pauses of before the start.
    pub(super) async fn restore_money(&self) -> Result<(), Problem> {
        let kept = self.setting::<Vec<Pause>>(PAUSES, "pauses for money").await?;
        self.state.core.purse.restore(kept.unwrap_or_default());
        Ok(())
    }

    /// Lets work go on that money holds: budgets until their cap or so much beyond it, webhooks and runaways. Never a
    /// person's own pause.
    ///
    /// # Errors
    /// `invalid_scope` for a scope that is none.
    pub async fn resume_money(&self, resume: &ResumeMoney, actor: &str) -> Result<ResumedMoney, Problem> {
        let only: Option<Scope> = match &resume.scope {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|error| Problem::new("invalid_scope", format!("scope: {text:?} is {error}")))?,
            ),
        };
        let over = Cost::new(resume.over_nano_usd.unwrap_or(Usd::ZERO), 0);
        let (resumed, lifted) = self.state.core.purse.lift_money(only.as_ref(), over);
        tell(&self.state.core).await;
        commit_due(&self.state.core).await;
        let target = resume.scope.as_deref().unwrap_or("money");
        let reason = audit::said(resume.reason.clone());
        let change = audit::Change { actor, action: "budget.resume", target, reason, states: None };
        audit::note(&self.state.core, change).await;
        self.state.walk.queue.wake();
        Ok(ResumedMoney {
            opened: resumed.opened,
            still_reached: resumed.still_reached,
            lifted: lifted.into_iter().map(|pause| pause.cause).collect(),
        })
    }

    /// Whether budget alerts may come under this host, in small letters: the map lists it.
    #[must_use]
    pub fn takes_alerts_at(&self, host: &str) -> bool {
        let running = self.state.core.running.load();
        running
            .as_ref()
            .is_some_and(|running| running.map.budget.webhook_hosts.iter().any(|known| known == host))
    }

    /// Takes a provider's budget alert: at the pause mark or above new work pauses, as `budget.webhookScope` says.
    ///
    /// # Errors
    /// `invalid_body` for a provider that nobody knows.
    pub async fn budget_alert(&self, alert: &BudgetAlert) -> Result<(), Problem> {
        let core = &self.state.core;
        let running = core.running.load_full();
        let known = running.as_ref().map(|running| &running.map.providers);
        let provider = preset(&alert.provider).map_or(alert.provider.as_str(), |preset| preset.name);
        if preset(provider).is_none() && !known.is_some_and(|known| known.contains_key(provider)) {
            let names: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            let message =
                format!("provider: nobody is called {:?}. Providers: {}.", alert.provider, names.join(", "));
            return Err(Problem::new("invalid_body", message));
        }
        let mark = running
            .as_ref()
            .map_or_else(|| BudgetSettings::default().mark_percent(None), |running| mark(&running.map));
        if alert.percent_used < f64::from(mark) {
            return Ok(());
        }
        let reason = format!(
            "{provider} says that {:.0} % of its budget is used; the mark is {mark} %",
            alert.percent_used
        );
        let cause = PauseCause::Webhook(provider.to_owned());
        if core.purse.pause(&cause, "webhook", &reason, clock::now()) {
            tell(core).await;
            let target = cause.to_string();
            let change = audit::Change {
                actor: "webhook",
                action: "budget.pause",
                target: &target,
                reason: Some(reason),
                states: None,
            };
            audit::note(core, change).await;
        }
        Ok(())
    }

    /// What was spent in a span of time, UTC epoch milliseconds; up to now and of the last 30 days without one.
    ///
    /// # Errors
    /// When the ledger can't be read.
    pub async fn spend(
        &self,
        by: SpendBy,
        since_ms: Option<i64>,
        until_ms: Option<i64>,
    ) -> Result<Spend, Problem> {
        let core = &self.state.core;
        // What was just spent should be in the sum.
        commit_due(core).await;
        let until_ms = until_ms.unwrap_or_else(|| clock::now().wall_ms.saturating_add(1));
        let since_ms = since_ms.unwrap_or_else(|| until_ms.saturating_sub(30 * DAY_MS));
        let since_ms = since_ms - since_ms.rem_euclid(BUCKET_MS);
        let kept = core.store.ledger().between(since_ms, until_ms).await.map_err(|error| error.problem())?;
        let zone = core.running.load().as_ref().map(|running| running.map.budget.zone.clone());
        let day = |at_ms| zone.as_ref().map_or_else(String::new, |zone| zone.date(at_ms));
        let mut rows: BTreeMap<String, LedgerSum> = BTreeMap::new();
        for LedgerRow { key, sum } in kept {
            let name = match by {
                SpendBy::Provider => key.provider,
                SpendBy::Model => key.model,
                SpendBy::Route => key.route,
                SpendBy::Job => key.job,
                SpendBy::Client => key.client,
                SpendBy::Kind => key.kind.as_str().to_owned(),
                SpendBy::Day => day(key.bucket_ms),
            };
            let row = rows.entry(name).or_default();
            *row = row.plus(sum);
        }
        let mut rows: Vec<SpendRow> = rows.into_iter().map(|(name, sum)| row(name, &sum)).collect();
        if by != SpendBy::Day {
            rows.sort_by_key(|row| std::cmp::Reverse(row.cost_nano_usd));
        }
        Ok(Spend { by, since_ms, until_ms, rows })
    }

    /// What each route of the running map charges.
    #[must_use]
    pub fn prices(&self) -> Vec<RoutePrice> {
        let running = self.state.core.running.load_full();
        running.map_or_else(Vec::new, |running| running.priced.list(&running.map, clock::now().wall_ms))
    }

    /// Where every budget stands, and why work waits.
    #[must_use]
    pub fn money(&self) -> Money {
        let core = &self.state.core;
        let (budgets, breaches) = (core.purse.budgets(), core.purse.breaches());
        Money { budgets, pauses: core.pause_view().causes, breaches }
    }
}
