//! What was spent, summed in quarter hours (UTC), and what budgets have leased.
//!
//! Sums and leases are committed together, durably: a power cut loses both or none of what they tell.

use switchyard_domain::Usd;
use switchyard_domain::budget::{BudgetState, Window};

use crate::from_row::from_row;
use crate::{Result, Store};

/// Length of a bucket, milliseconds. Every time zone's days begin with one.
pub const BUCKET_MS: i64 = 15 * 60 * 1000;

/// How long the ledger is kept, milliseconds: 13 months of 31 days.
const KEPT_MS: i64 = 13 * 31 * 24 * 60 * 60 * 1000;

/// The ledger of one store.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    pub(crate) store: &'a Store,
}

/// Why a try was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpendKind {
    /// A request of an app.
    Traffic,
    /// An attempt of a queued job.
    Cold,
    /// The router's own look at a route: compatibility, test request, golden prompt.
    Check,
    /// A drill.
    Drill,
}

impl SpendKind {
    const ALL: [Self; 4] = [Self::Traffic, Self::Cold, Self::Check, Self::Drill];

    /// As it is kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Traffic => "traffic",
            Self::Cold => "cold",
            Self::Check => "check",
            Self::Drill => "drill",
        }
    }
}

/// What a sum is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LedgerKey {
    /// The bucket's beginning, UTC epoch milliseconds.
    pub bucket_ms: i64,
    /// The provider's canonical name.
    pub provider: String,
    /// The model as the route asks for it.
    pub model: String,
    /// The route.
    pub route: String,
    /// The job.
    pub job: String,
    /// The app; empty for the router's own.
    pub client: String,
    /// Why it was spent.
    pub kind: SpendKind,
}

/// A sum over tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerSum {
    /// Tries that were billed.
    pub attempts: u64,
    /// Prompt tokens of every kind, cached ones included.
    pub input_tokens: u64,
    /// The part of them that came from a provider's cache.
    pub cached_tokens: u64,
    /// The part of them that was written to a provider's cache.
    pub cache_write_tokens: u64,
    /// Answer tokens, reasoning included.
    pub output_tokens: u64,
    /// The part of them spent on reasoning.
    pub reasoning_tokens: u64,
    /// What it cost.
    pub cost: Usd,
    /// The part of the cost that is an estimate, since the answer ended without its usage.
    pub estimated: Usd,
    /// The part of the cost at a price that is assumed, since the list has none.
    pub assumed: Usd,
}

impl LedgerSum {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            attempts: self.attempts.saturating_add(other.attempts),
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_add(other.cache_write_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
            cost: self.cost + other.cost,
            estimated: self.estimated + other.estimated,
            assumed: self.assumed + other.assumed,
        }
    }
}

/// A sum as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// What it is of.
    pub key: LedgerKey,
    /// How much.
    pub sum: LedgerSum,
}

struct RowSql {
    bucket_ms: i64,
    provider: String,
    model: String,
    route: String,
    job: String,
    client: String,
    kind: String,
    attempts: i64,
    input_tokens: i64,
    cached_tokens: i64,
    cache_write_tokens: i64,
    output_tokens: i64,
    reasoning_tokens: i64,
    nano_usd: i64,
    estimated_nano_usd: i64,
    assumed_nano_usd: i64,
}

from_row!(RowSql {
    bucket_ms,
    provider,
    model,
    route,
    job,
    client,
    kind,
    attempts,
    input_tokens,
    cached_tokens,
    cache_write_tokens,
    output_tokens,
    reasoning_tokens,
    nano_usd,
    estimated_nano_usd,
    assumed_nano_usd,
});

struct BudgetSql {
    id: String,
    from_ms: i64,
    until_ms: i64,
    leased: i64,
    settled: i64,
    allowance: i64,
    mark_passed: bool,
}

from_row!(BudgetSql { id, from_ms, until_ms, leased, settled, allowance, mark_passed });

impl BudgetSql {
    fn state(self, store: &Store) -> Result<BudgetState> {
        let id = self.id.parse().map_err(|error| store.damaged(format!("budget {}: {error}", self.id)))?;
        Ok(BudgetState {
            id,
            window: Window { from_ms: self.from_ms, until_ms: self.until_ms },
            leased: count(self.leased),
            settled: count(self.settled),
            allowance: count(self.allowance),
            mark_passed: self.mark_passed,
        })
    }
}

impl Ledger<'_> {
    /// Adds what was spent since the last commit, and keeps what budgets lease: in place of what was kept of the same window.
    /// Durable when it returns.
    ///
    /// # Errors
    /// When it could not be committed; nothing of it is kept then.
    pub async fn commit(&self, spent: &[LedgerRow], leases: &[BudgetState]) -> Result<()> {
        let fault = |error| self.store.fault(error);
        let turn = self.store.durable().await;
        let mut tx = turn.begin().await.map_err(fault)?;
        for LedgerRow { key, sum } in spent {
            sqlx::query(
                "INSERT INTO ledger (bucket_ms, provider, model, route, job, client, kind, attempts, input_tokens, \
                 cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, nano_usd, estimated_nano_usd, \
                 assumed_nano_usd) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
                 ON CONFLICT DO UPDATE SET attempts = attempts + excluded.attempts, \
                 input_tokens = input_tokens + excluded.input_tokens, \
                 cached_tokens = cached_tokens + excluded.cached_tokens, \
                 cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens, \
                 output_tokens = output_tokens + excluded.output_tokens, \
                 reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens, \
                 nano_usd = nano_usd + excluded.nano_usd, \
                 estimated_nano_usd = estimated_nano_usd + excluded.estimated_nano_usd, \
                 assumed_nano_usd = assumed_nano_usd + excluded.assumed_nano_usd",
            )
            .bind(key.bucket_ms)
            .bind(&key.provider)
            .bind(&key.model)
            .bind(&key.route)
            .bind(&key.job)
            .bind(&key.client)
            .bind(key.kind.as_str())
            .bind(kept(sum.attempts))
            .bind(kept(sum.input_tokens))
            .bind(kept(sum.cached_tokens))
            .bind(kept(sum.cache_write_tokens))
            .bind(kept(sum.output_tokens))
            .bind(kept(sum.reasoning_tokens))
            .bind(sum.cost.nanos())
            .bind(sum.estimated.nanos())
            .bind(sum.assumed.nanos())
            .execute(&mut *tx)
            .await
            .map_err(fault)?;
        }
        for state in leases {
            sqlx::query(
                "INSERT INTO budgets (id, from_ms, until_ms, leased, settled, allowance, mark_passed) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                 ON CONFLICT DO UPDATE SET until_ms = excluded.until_ms, leased = excluded.leased, \
                 settled = excluded.settled, allowance = excluded.allowance, mark_passed = excluded.mark_passed",
            )
            .bind(state.id.to_string())
            .bind(state.window.from_ms)
            .bind(state.window.until_ms)
            .bind(kept(state.leased))
            .bind(kept(state.settled))
            .bind(kept(state.allowance))
            .bind(state.mark_passed)
            .execute(&mut *tx)
            .await
            .map_err(fault)?;
        }
        tx.commit().await.map_err(fault)
    }

    /// What is kept of budgets whose window is not over at `now_ms`, UTC epoch milliseconds.
    ///
    /// # Errors
    /// When the database can't be read, or names a budget that can't be.
    pub async fn budgets(&self, now_ms: i64) -> Result<Vec<BudgetState>> {
        let rows: Vec<BudgetSql> =
            sqlx::query_as("SELECT * FROM budgets WHERE until_ms > ?1 ORDER BY id, from_ms")
                .bind(now_ms)
                .fetch_all(self.store.read())
                .await
                .map_err(|error| self.store.fault(error))?;
        rows.into_iter().map(|row| row.state(self.store)).collect()
    }

    /// The sums of the buckets that begin in a span of time, UTC epoch milliseconds: from `from_ms`, until before
    /// `until_ms`; by time.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn between(&self, from_ms: i64, until_ms: i64) -> Result<Vec<LedgerRow>> {
        let rows: Vec<RowSql> = sqlx::query_as(
            "SELECT * FROM ledger WHERE bucket_ms >= ?1 AND bucket_ms < ?2 \
             ORDER BY bucket_ms, provider, model, route, job, client, kind",
        )
        .bind(from_ms)
        .bind(until_ms)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        rows.into_iter().map(|row| row.row(self.store)).collect()
    }

    /// Forgets what is older than 13 months, as of `now_ms`.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn prune(&self, now_ms: i64) -> Result<()> {
        let turn = self.store.durable().await;
        for sql in ["DELETE FROM ledger WHERE bucket_ms < ?1", "DELETE FROM budgets WHERE until_ms < ?1"] {
            sqlx::query(sql)
                .bind(now_ms.saturating_sub(KEPT_MS))
                .execute(turn.pool)
                .await
                .map_err(|error| self.store.fault(error))?;
        }
        Ok(())
    }
}

impl RowSql {
    fn row(self, store: &Store) -> Result<LedgerRow> {
        let kind = SpendKind::ALL.into_iter().find(|kind| kind.as_str() == self.kind);
        let kind = kind.ok_or_else(|| store.damaged(format!("ledger: no kind is called {}", self.kind)))?;
        Ok(LedgerRow {
            key: LedgerKey {
                bucket_ms: self.bucket_ms,
                provider: self.provider,
                model: self.model,
                route: self.route,
                job: self.job,
                client: self.client,
                kind,
            },
            sum: LedgerSum {
                attempts: count(self.attempts),
                input_tokens: count(self.input_tokens),
                cached_tokens: count(self.cached_tokens),
                cache_write_tokens: count(self.cache_write_tokens),
                output_tokens: count(self.output_tokens),
                reasoning_tokens: count(self.reasoning_tokens),
                cost: Usd::from_nanos(self.nano_usd),
                estimated: Usd::from_nanos(self.estimated_nano_usd),
                assumed: Usd::from_nanos(self.assumed_nano_usd),
            },
        })
    }
}

/// What was kept is never negative.
fn count(kept: i64) -> u64 {
    u64::try_from(kept).unwrap_or(0)
}

/// SQLite counts to 2^63.
fn kept(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
