//! A request's way into the queue, past everything that may keep it out.

use sqlx::{Sqlite, Transaction};

use super::transitions::json;
use super::{Enqueued, NewJob, OpenJob, Queue};
use crate::{Result, StoreError};

/// An app may keep so many times as many bytes as would be left for the others: alone it gets three quarters of all,
/// and however many are greedy, a newcomer still finds room.
const OWN_SHARE: u64 = 3;

impl Queue<'_> {
    /// Puts a request into the queue. The same client and idempotency key gets the job it already has,
    /// while that one is open or its answer has not expired.
    ///
    /// # Errors
    /// When the key came with another request, when as many jobs or bytes as it allows are kept, when the disk is
    /// nearly full or the database file gone, or when it could not be committed; then it is not queued.
    pub async fn enqueue(&self, job: &NewJob) -> Result<Enqueued> {
        let bytes = job.headers_json.len() as u64 + job.body.len() as u64;
        self.store.can_take(bytes)?;
        self.insert(job, bytes).await.map_err(|error| self.store.fault(error))?
    }

    /// Writes take turns, so none gets in between the counts and the job.
    async fn insert(&self, job: &NewJob, bytes: u64) -> sqlx::Result<Result<Enqueued>> {
        let turn = self.store.durable().await;
        let mut tx = turn.begin().await?;
        if let Some(existing) = same_key(&mut tx, job).await? {
            tx.commit().await?;
            let same = existing.fingerprint.as_deref().is_none_or(|before| before == job.fingerprint);
            return Ok(if same {
                Ok(Enqueued { id: existing.id, existing: true })
            } else {
                Err(StoreError::KeyReused)
            });
        }
        let open: i64 =
            sqlx::query_scalar("SELECT count(*) FROM queue WHERE state IN ('waiting', 'running')")
                .fetch_one(&mut *tx)
                .await?;
        if open >= i64::from(job.most_open) {
            return Ok(Err(StoreError::QueueFull { most: job.most_open }));
        }
        let (kept, own): (i64, i64) = sqlx::query_as(
            "SELECT coalesce(sum(body_bytes), 0), coalesce(sum(body_bytes) FILTER (WHERE client_id = ?1), 0) \
             FROM queue WHERE body_bytes > 0",
        )
        .bind(&job.client_id)
        .fetch_one(&mut *tx)
        .await?;
        let (kept, own, most) = (kept.unsigned_abs(), own.unsigned_abs(), job.most_bytes);
        let Some(left) = most.checked_sub(kept.saturating_add(bytes)) else {
            return Ok(Err(StoreError::QueueTooLarge { kept, most }));
        };
        if own > 0 && own + bytes > OWN_SHARE.saturating_mul(left) {
            return Ok(Err(StoreError::ShareTaken { own, most }));
        }
        put(&mut tx, job, bytes).await?;
        tx.commit().await?;
        Ok(Ok(Enqueued { id: job.id.clone(), existing: false }))
    }
}

/// The job that the same key of the same app has, while that one is open or its answer can be had.
async fn same_key(tx: &mut Transaction<'static, Sqlite>, job: &NewJob) -> sqlx::Result<Option<OpenJob>> {
    if job.idempotency_key.is_none() {
        return Ok(None);
    }
    sqlx::query(
        "UPDATE queue SET idempotency_key = NULL \
         WHERE client_id = ?1 AND idempotency_key = ?2 AND state = 'done' AND expires_at_ms <= ?3",
    )
    .bind(&job.client_id)
    .bind(&job.idempotency_key)
    .bind(job.at_ms)
    .execute(&mut **tx)
    .await?;
    sqlx::query_as(
        "SELECT id, fingerprint FROM queue \
         WHERE client_id = ?1 AND idempotency_key = ?2 AND state IN ('waiting', 'running', 'done')",
    )
    .bind(&job.client_id)
    .bind(&job.idempotency_key)
    .fetch_optional(&mut **tx)
    .await
}

async fn put(tx: &mut Transaction<'static, Sqlite>, job: &NewJob, bytes: u64) -> sqlx::Result<()> {
    // `headers` and `body` are where older versions kept the request.
    sqlx::query(
        "INSERT INTO queue (id, at_ms, expires_at_ms, client, job, dialect, request_id, idempotency_key, model, \
                            stream, headers, body, reason, state_at_ms, next_at_ms, state_note, operation, \
                            client_id, priority, fingerprint, body_bytes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, '{}', x'', ?11, ?2, ?12, 'queued', ?13, ?14, ?15, ?16, ?17)",
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
    .bind(job.reason.as_ref().map(json))
    .bind(job.due_at_ms)
    .bind(job.operation.as_str())
    .bind(&job.client_id)
    .bind(job.priority.as_str())
    .bind(&job.fingerprint)
    .bind(crate::count(bytes))
    .execute(&mut **tx)
    .await?;
    sqlx::query("INSERT INTO job_bodies (job, headers, body) VALUES (?1, ?2, ?3)")
        .bind(&job.id)
        .bind(&job.headers_json)
        .bind(&job.body)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
