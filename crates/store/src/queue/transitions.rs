//! Every move of a job. One statement each, guarded by the states it may leave.

use switchyard_domain::{Failure, FailureKind};

use super::rows::{DueSql, JobSql, job_columns};
use super::{Answer, DueJob, JobRow, Queue};
use crate::Result;

impl Queue<'_> {
    /// Takes up to `limit` due jobs, first those that matter most, then those due longest: waiting -> running.
    /// Returns them in the order of arrival. One that can't be read is dead, so that it holds up no other.
    ///
    /// # Errors
    /// When it could not be committed; then none was taken.
    pub async fn claim_due(&self, now_ms: i64, limit: u32) -> Result<Vec<DueJob>> {
        let turn = self.store.durable().await;
        let sql = concat!(
            "UPDATE queue SET state = 'running', state_at_ms = ?1, state_note = 'attempt', next_at_ms = NULL \
             WHERE id IN (SELECT id FROM queue WHERE state = 'waiting' AND next_at_ms <= ?1 AND expires_at_ms > ?1 \
                          ORDER BY CASE priority WHEN 'high' THEN 0 WHEN 'low' THEN 2 ELSE 1 END, \
                                   next_at_ms, at_ms LIMIT ?2) \
             RETURNING ",
            job_columns!(),
            ", (SELECT headers FROM job_bodies WHERE job = queue.id) AS sent_headers, \
                       (SELECT body FROM job_bodies WHERE job = queue.id) AS sent_body"
        );
        let mut rows: Vec<DueSql> = sqlx::query_as(sql)
            .bind(now_ms)
            .bind(limit)
            .fetch_all(turn.pool)
            .await
            .map_err(|error| self.store.fault(error))?;
        drop(turn);
        // RETURNING promises no order.
        rows.sort_by(|a, b| a.arrival().cmp(&b.arrival()));
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            let id = row.id().to_owned();
            match row.job(self.store) {
                Ok(job) => due.push(job),
                Err(error) => {
                    tracing::error!(job = id, code = error.code(), %error, "a queued job can't be read");
                    let reason = Failure::new(FailureKind::Internal, error.to_string());
                    if let Err(error) = self.bury(&id, 0, &reason, now_ms).await {
                        tracing::error!(job = id, code = error.code(), %error, "and it can't be buried");
                    }
                }
            }
        }
        Ok(due)
    }

    /// A counted attempt failed: running -> waiting. `attempts` includes it. False when the job was not running.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn retry_later(
        &self,
        id: &str,
        next_at_ms: i64,
        attempts: u32,
        last_failure: &Failure,
        now_ms: i64,
    ) -> Result<bool> {
        self.moved(
            sqlx::query(
                "UPDATE queue SET state = 'waiting', state_at_ms = ?2, state_note = ?3, next_at_ms = ?4, \
                                  attempts = ?5, last_failure = ?6 \
                 WHERE id = ?1 AND state = 'running'",
            )
            .bind(id)
            .bind(now_ms)
            .bind(last_failure.short())
            .bind(next_at_ms)
            .bind(attempts)
            .bind(json(last_failure)),
        )
        .await
    }

    /// No upstream was reached, so the attempt does not count: running -> waiting. False when it was not running.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn hold(&self, id: &str, next_at_ms: i64, now_ms: i64) -> Result<bool> {
        self.moved(
            sqlx::query(
                "UPDATE queue SET state = 'waiting', state_at_ms = ?2, state_note = 'held', next_at_ms = ?3 \
                 WHERE id = ?1 AND state = 'running'",
            )
            .bind(id)
            .bind(now_ms)
            .bind(next_at_ms),
        )
        .await
    }

    /// Jobs that were held are due now. How many.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn release_held(&self, now_ms: i64) -> Result<u64> {
        self.changed(
            sqlx::query(
                "UPDATE queue SET next_at_ms = ?1 \
                 WHERE state = 'waiting' AND state_note = 'held' AND next_at_ms > ?1",
            )
            .bind(now_ms),
        )
        .await
    }

    /// Answered: running -> done. The request is not kept. False when the job was not running; then the
    /// answer is not kept either.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn finish(&self, id: &str, answer: &Answer, now_ms: i64) -> Result<bool> {
        self.moved(
            sqlx::query(
                "UPDATE queue SET state = 'done', state_at_ms = ?2, state_note = ?3, attempts = ?4, \
                                  answer_status = ?5, answer_content_type = ?6, answer_body = ?7, \
                                  answer_route = ?3, input_tokens = ?8, output_tokens = ?9, answer_lost = ?10, \
                                  body_bytes = 0 \
                 WHERE id = ?1 AND state = 'running'",
            )
            .bind(id)
            .bind(now_ms)
            .bind(answer.route.as_str())
            .bind(answer.attempts)
            .bind(answer.status)
            .bind(&answer.content_type)
            .bind(&answer.body)
            .bind(answer.input_tokens.map(crate::count))
            .bind(answer.output_tokens.map(crate::count))
            .bind(serde_json::Value::from(answer.lost.clone()).to_string()),
        )
        .await
    }

    /// Given up: running -> dead, with everything a replay needs. `attempts` includes the last. False when the job
    /// was not running.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn bury(&self, id: &str, attempts: u32, reason: &Failure, now_ms: i64) -> Result<bool> {
        self.moved(
            sqlx::query(
                "UPDATE queue SET state = 'dead', state_at_ms = ?2, state_note = ?3, attempts = ?4, \
                                  last_failure = ?5 \
                 WHERE id = ?1 AND state = 'running'",
            )
            .bind(id)
            .bind(now_ms)
            .bind(reason.short())
            .bind(attempts)
            .bind(json(reason)),
        )
        .await
    }

    /// Ends every waiting job whose time ran out: waiting -> expired. Returns them.
    ///
    /// # Errors
    /// When it could not be committed; then none has ended.
    pub async fn expire_due(&self, now_ms: i64) -> Result<Vec<JobRow>> {
        let turn = self.store.durable().await;
        let sql = concat!(
            "UPDATE queue SET state = 'expired', state_at_ms = ?1, state_note = 'out of time', next_at_ms = NULL \
             WHERE state = 'waiting' AND expires_at_ms <= ?1 RETURNING ",
            job_columns!()
        );
        let rows: Vec<JobSql> = sqlx::query_as(sql)
            .bind(now_ms)
            .fetch_all(turn.pool)
            .await
            .map_err(|error| self.store.fault(error))?;
        rows.into_iter().map(|row| row.job(self.store)).collect()
    }

    /// A person does not want it any more: waiting, running, dead or expired -> discarded. Its request is not kept.
    /// False when it is done, discarded already or unknown.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn discard(&self, id: &str, now_ms: i64) -> Result<bool> {
        self.moved(
            sqlx::query(
                "UPDATE queue SET state = 'discarded', state_at_ms = ?2, state_note = 'by hand', next_at_ms = NULL, \
                                  body_bytes = 0 \
                 WHERE id = ?1 AND state IN ('waiting', 'running', 'dead', 'expired')",
            )
            .bind(id)
            .bind(now_ms),
        )
        .await
    }

    /// Another round: dead or expired -> waiting, due at once, attempts from zero. False when it is in another
    /// state, or when a newer job took over its idempotency key.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn replay(&self, id: &str, now_ms: i64, expires_at_ms: i64) -> Result<bool> {
        self.moved(
            sqlx::query(
                "UPDATE OR IGNORE queue SET state = 'waiting', state_at_ms = ?2, state_note = 'replayed', \
                                            next_at_ms = ?2, expires_at_ms = ?3, attempts = 0 \
                 WHERE id = ?1 AND state IN ('dead', 'expired')",
            )
            .bind(id)
            .bind(now_ms)
            .bind(expires_at_ms),
        )
        .await
    }

    /// Every running job waits again, due at once, but those that are under way: what a crash, or an attempt that
    /// ended badly, left behind. Returns how many.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn recover(&self, under_way: &[&str], now_ms: i64) -> Result<u64> {
        self.changed(
            sqlx::query(
                "UPDATE queue SET state = 'waiting', state_at_ms = ?1, state_note = 'recovered', next_at_ms = ?1 \
                 WHERE state = 'running' AND id NOT IN (SELECT value FROM json_each(?2))",
            )
            .bind(now_ms)
            .bind(serde_json::Value::from(under_way.to_vec()).to_string()),
        )
        .await
    }

    /// The wall clock was set, forward when positive: what is due, and when it ends, moves along, so that nothing comes
    /// earlier, later or in another order for it. Returns how many jobs moved.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn clock_was_set(&self, by_ms: i64) -> Result<u64> {
        self.changed(
            sqlx::query(
                "UPDATE queue SET next_at_ms = next_at_ms + ?1, expires_at_ms = expires_at_ms + ?1 \
                 WHERE state IN ('waiting', 'running')",
            )
            .bind(by_ms),
        )
        .await
    }

    async fn moved(&self, query: Statement<'_>) -> Result<bool> {
        Ok(self.changed(query).await? > 0)
    }

    async fn changed(&self, query: Statement<'_>) -> Result<u64> {
        let turn = self.store.durable().await;
        let done = query.execute(turn.pool).await.map_err(|error| self.store.fault(error))?;
        Ok(done.rows_affected())
    }
}

type Statement<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

pub(super) fn json(failure: &Failure) -> String {
    // A failure is text and numbers; were that ever to change, its words are still worth keeping.
    serde_json::to_string(failure).unwrap_or_else(|_| serde_json::Value::from(failure.short()).to_string())
}
