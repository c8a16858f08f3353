//! Forgetting what is old, in steps small enough that nothing waits noticeably for one.

use crate::{Result, Store, WriteLock};

/// Rows a step looks at.
const STEP: i64 = 500;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How long the log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days that requests, attempts, events and ended jobs are kept.
    pub days: u32,
    /// Requests that are kept at most.
    pub max_requests: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 30, max_requests: 200_000 }
    }
}

impl Store {
    /// Deletes what the retention no longer keeps, as of `now_ms`. Open and dead jobs stay, however old: they are
    /// someone's work.
    ///
    /// # Errors
    /// When a step could not be committed; the steps before it stay done.
    pub async fn prune(&self, retention: &Retention, now_ms: i64) -> Result<()> {
        let oldest_ms = now_ms.saturating_sub(i64::from(retention.days).saturating_mul(DAY_MS));
        // The log is in order of time, nearly, so a step that finds little to delete is the last.
        for sql in [
            "DELETE FROM requests WHERE seq < (SELECT min(seq) FROM requests) + ?2 AND at_ms < ?1",
            "DELETE FROM events WHERE id < (SELECT min(id) FROM events) + ?2 AND at_ms < ?1",
        ] {
            while self.step(self.batch().await, sql, oldest_ms).await? > 0 {}
        }
        let surplus = "DELETE FROM requests WHERE seq < (SELECT min(seq) FROM requests) + ?2 \
                       AND seq <= (SELECT max(seq) FROM requests) - ?1";
        while self.step(self.batch().await, surplus, i64::from(retention.max_requests)).await? > 0 {}
        let ended = "DELETE FROM queue WHERE id IN (SELECT id FROM queue \
                     WHERE state IN ('done', 'discarded', 'expired') AND at_ms < ?1 AND state_at_ms < ?1 \
                       AND expires_at_ms < ?1 LIMIT ?2)";
        while self.step(self.durable().await, ended, oldest_ms).await? > 0 {}
        Ok(())
    }

    async fn step(&self, turn: WriteLock<'_>, sql: &'static str, bound: i64) -> Result<u64> {
        let done = sqlx::query(sql)
            .bind(bound)
            .bind(STEP)
            .execute(turn.pool)
            .await
            .map_err(|error| self.fault(error))?;
        Ok(done.rows_affected())
    }
}
