//! Every move of a job. One statement each, guarded by the states it may leave.

use switchyard_domain::Failure;

use super::rows::{DueSql, JobSql};
use super::{Answer, DueJob, Enqueued, JobRow, NewJob, Queue};
use crate::{Result, StoreError};

impl Queue<'_> {
    /// Puts a request into the queue. The same client and idempotency key gets the job it already has,
    /// while that one is open or its answer has not expired.
    ///
    /// # Errors
    /// When as many jobs as it allows are open, or it could not be committed; then it is not queued.
    pub async fn enqueue(&self, job: &NewJob) -> Result<Enqueued> {
        let queued = self.insert(job).await.map_err(|error| self.store.fault(error))?;
        queued.ok_or(StoreError::QueueFull { most: job.most_open })
    }

    /// `None` where the queue is full. Writes take turns, so none gets in between the count and the job.
    async fn insert(&self, job: &NewJob) -> sqlx::Result<Option<Enqueued>> {
        let turn = self.store.durable().await;
        let mut tx = turn.begin().await?;
        if job.idempotency_key.is_some() {
            sqlx::query(
                "UPDATE queue SET idempotency_key = NULL \
                 WHERE client = ?1 AND idempotency_key = ?2 AND state = 'done' AND expires_at_ms <= ?3",
            )
            .bind(&job.client)
            .bind(&job.idempotency_key)
            .bind(job.at_ms)
            .execute(&mut *tx)
            .await?;
            let existing: Option<String> = sqlx::query_scalar(
                "SELECT id FROM queue \
                 WHERE client = ?1 AND idempotency_key = ?2 AND state IN ('waiting', 'running', 'done')",
            )
            .bind(&job.client)
            .bind(&job.idempotency_key)
            .fetch_optional(&mut *tx)
            .await?;
            if let Some(id) = existing {
                tx.commit().await?;
                return Ok(Some(Enqueued { id, existing: true }));
            }
        }
        let open: i64 =
            sqlx::query_scalar("SELECT count(*) FROM queue WHERE state IN ('waiting', 'running')")
                .fetch_one(&mut *tx)
                .await?;
        if open >= i64::from(job.most_open) {
            return Ok(None);
        }
        sqlx::query(
            "INSERT INTO queue (id, at_ms, expires_at_ms, client, job, dialect, request_id, idempotency_key, model, \
                                stream, headers, body, reason, state_at_ms, next_at_ms, state_note, operation) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?2, ?14, 'queued', ?15)",
        )
        .bind(&job.id)
        .bind(job.at_ms)
        .bind(job.expires_at_ms)
        .bind(&job.client)
        .bind(&job.job)
        .bind(job.dialect.as_str())
        .bind(job.request_id.as_str())
        .bind(&job.idempotency_key)
        .bind(&job.model)
        .bind(job.stream)
        .bind(&job.headers_json)
        .bind(&job.body)
        .bind(job.reason.as_ref().map(json))
        .bind(job.due_at_ms)
        .bind(job.operation.as_str())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(Enqueued { id: job.id.clone(), existing: false }))
    }

    /// Takes up to `limit` due jobs, those due longest: waiting -> running. Returns them oldest first.
    ///
    /// # Errors
    /// When it could not be committed; then none was taken.
    pub async fn claim_due(&self, now_ms: i64, limit: u32) -> Result<Vec<DueJob>> {
        let turn = self.store.durable().await;
        let mut rows: Vec<DueSql> = sqlx::query_as(
            "UPDATE queue SET state = 'running', state_at_ms = ?1, state_note = 'attempt', next_at_ms = NULL \
             WHERE id IN (SELECT id FROM queue WHERE state = 'waiting' AND next_at_ms <= ?1 AND expires_at_ms > ?1 \
                          ORDER BY next_at_ms, at_ms LIMIT ?2) \
             RETURNING *",
        )
        .bind(now_ms)
        .bind(limit)
        .fetch_all(turn.pool)
        .await
        .map_err(|error| self.store.fault(error))?;
        // RETURNING promises no order.
        rows.sort_by(|a, b| a.arrival().cmp(&b.arrival()));
        rows.into_iter().map(|row| row.job(self.store)).collect()
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

    /// Answered: running -> done. The request's body is not kept. False when the job was not running; then the
    /// answer is not kept either.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn finish(&self, id: &str, answer: &Answer, now_ms: i64) -> Result<bool> {
        self.moved(
            sqlx::query(
                "UPDATE queue SET state = 'done', state_at_ms = ?2, state_note = ?3, attempts = ?4, \
                                  answer_status = ?5, answer_content_type = ?6, answer_body = ?7, \
                                  answer_route = ?3, input_tokens = ?8, output_tokens = ?9, \
                                  headers = '{}', body = x'' \
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
            .bind(answer.output_tokens.map(crate::count)),
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
        let rows: Vec<JobSql> = sqlx::query_as(
            "UPDATE queue SET state = 'expired', state_at_ms = ?1, state_note = 'out of time', next_at_ms = NULL \
             WHERE state = 'waiting' AND expires_at_ms <= ?1 RETURNING *",
        )
        .bind(now_ms)
        .fetch_all(turn.pool)
        .await
        .map_err(|error| self.store.fault(error))?;
        rows.into_iter().map(|row| row.job(self.store)).collect()
    }

    /// A person does not want it any more: waiting, running, dead or expired -> discarded. Its bodies are not kept.
    /// False when it is done, discarded already or unknown.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn discard(&self, id: &str, now_ms: i64) -> Result<bool> {
        self.moved(
            sqlx::query(
                "UPDATE queue SET state = 'discarded', state_at_ms = ?2, state_note = 'by hand', next_at_ms = NULL, \
                                  headers = '{}', body = x'' \
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

    /// After a crash: every running job waits again, due at once. Returns how many.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn recover(&self, now_ms: i64) -> Result<u64> {
        self.changed(
            sqlx::query(
                "UPDATE queue SET state = 'waiting', state_at_ms = ?1, state_note = 'recovered', next_at_ms = ?1 \
                 WHERE state = 'running'",
            )
            .bind(now_ms),
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

fn json(failure: &Failure) -> String {
    // A failure is text and numbers; were that ever to change, its words are still worth keeping.
    serde_json::to_string(failure).unwrap_or_else(|_| serde_json::Value::from(failure.short()).to_string())
}
