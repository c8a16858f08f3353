//! The cold queue: requests that no route could answer, kept until one can.
//!
//! Every call here is durable when it returns. A job moves only from the states its move expects, checked and
//! changed in one statement, so that two movers can't both succeed; the loser is told `false`. The database writes
//! every move into `job_transitions` by itself.
//!
//! This room never decides when a job is due or has failed enough; callers do.

mod enqueue;
mod rows;
#[cfg(test)]
mod tests;
mod transitions;

use switchyard_domain::map::Priority;
use switchyard_domain::view::JobState;
use switchyard_domain::{Dialect, Failure, Operation, RequestId, RouteId};

use crate::from_row::from_row;
use crate::{Result, Store};
use rows::{AnsweredSql, JobSql, job_columns};

/// The cold queue of one store.
#[derive(Clone, Copy, Debug)]
pub struct Queue<'a> {
    pub(crate) store: &'a Store,
}

/// A request on its way into the queue.
#[derive(Clone, PartialEq, Eq)]
pub struct NewJob {
    /// The id the caller polls.
    pub id: String,
    /// Arrival, UTC epoch milliseconds.
    pub at_ms: i64,
    /// The first attempt, UTC epoch milliseconds.
    pub due_at_ms: i64,
    /// Jobs that may wait or run, this one included.
    pub most_open: u32,
    /// Bytes that the requests of all kept jobs may take, this one included.
    pub most_bytes: u64,
    /// When it is of no use any more, UTC epoch milliseconds.
    pub expires_at_ms: i64,
    /// The app's name.
    pub client: String,
    /// The app's id: whose job it is. A name can be given again.
    pub client_id: String,
    /// How much it matters when not everything can be served.
    pub priority: Priority,
    /// The workload's name.
    pub job: String,
    /// The caller's dialect, which the answer will be in.
    pub dialect: Dialect,
    /// What is asked for.
    pub operation: Operation,
    /// The request it came from.
    pub request_id: RequestId,
    /// The caller's idempotency key, if it sent one.
    pub idempotency_key: Option<String>,
    /// A hash of what is asked: the same key must come with the same one.
    pub fingerprint: String,
    /// The model asked for.
    pub model: String,
    /// The headers to send again, as JSON. Never credentials.
    pub headers_json: String,
    /// The body as it came.
    pub body: Vec<u8>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Why it could not be answered at once; absent when nothing was tried.
    pub reason: Option<Failure>,
}

/// What [`Queue::enqueue`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job that answers this request.
    pub id: String,
    /// Whether an earlier request with the same idempotency key had queued it already.
    pub existing: bool,
}

/// A job, without its bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// The id the caller polls.
    pub id: String,
    /// Arrival, UTC epoch milliseconds.
    pub at_ms: i64,
    /// When it is of no use any more, UTC epoch milliseconds.
    pub expires_at_ms: i64,
    /// The app's name.
    pub client: String,
    /// The app's id: whose job it is.
    pub client_id: String,
    /// How much it matters when not everything can be served; absent where an older version queued it.
    pub priority: Option<Priority>,
    /// The workload's name.
    pub job: String,
    /// The caller's dialect.
    pub dialect: Dialect,
    /// What is asked for.
    pub operation: Operation,
    /// The request it came from.
    pub request_id: RequestId,
    /// The caller's idempotency key; gone once a newer job may use it again.
    pub idempotency_key: Option<String>,
    /// The model asked for.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Why it was queued.
    pub reason: Option<Failure>,
    /// Where it stands.
    pub state: JobState,
    /// Since when, UTC epoch milliseconds.
    pub state_at_ms: i64,
    /// Attempts that counted.
    pub attempts: u32,
    /// The next attempt, UTC epoch milliseconds; only while waiting.
    pub next_at_ms: Option<i64>,
    /// Why the last attempt failed.
    pub last_failure: Option<Failure>,
}

/// A job to run now, with the request to send.
#[derive(Clone, PartialEq, Eq)]
pub struct DueJob {
    /// The job.
    pub row: JobRow,
    /// The headers to send again, as JSON.
    pub headers_json: String,
    /// The body as it came.
    pub body: Vec<u8>,
}

/// The answer of a done job.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body's media type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// The route that answered.
    pub route: RouteId,
    /// Attempts that counted, this one included.
    pub attempts: u32,
    /// Prompt tokens, where the upstream said.
    pub input_tokens: Option<u64>,
    /// Answer tokens, where the upstream said.
    pub output_tokens: Option<u64>,
    /// What translation lost, `code field`.
    pub lost: Vec<String>,
}

/// The open job of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenJob {
    /// The job.
    pub id: String,
    /// The hash of what was asked; absent where an older version queued it.
    pub fingerprint: Option<String>,
}

from_row!(OpenJob { id, fingerprint });

/// A job with its answer, where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredJob {
    /// The job.
    pub row: JobRow,
    /// Present exactly when the job is done.
    pub answer: Option<Answer>,
}

/// One state a job entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// The state it left; absent for its arrival.
    pub from: Option<JobState>,
    /// The state it entered.
    pub to: JobState,
    /// Why, in a few words.
    pub note: String,
}

/// How many jobs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Waiting for an attempt.
    pub waiting: u64,
    /// An attempt is under way.
    pub running: u64,
    /// Answered.
    pub done: u64,
    /// Waiting for a person.
    pub dead: u64,
    /// Out of time.
    pub expired: u64,
    /// Discarded by a person.
    pub discarded: u64,
}

/// The order of a list, by arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As the queue runs.
    OldestFirst,
    /// As a log reads.
    NewestFirst,
}

// Prompts and answers are the user's; a log line about a job names it and says how long they are.
impl std::fmt::Debug for NewJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewJob")
            .field("id", &self.id)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DueJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DueJob")
            .field("row", &self.row)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("route", &self.route)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Queue<'_> {
    /// A job with its answer, where it has one.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn get(&self, id: &str) -> Result<Option<AnsweredJob>> {
        let row: Option<AnsweredSql> = sqlx::query_as("SELECT * FROM queue WHERE id = ?1")
            .bind(id)
            .fetch_optional(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))?;
        row.map(|row| row.job(self.store)).transpose()
    }

    /// Jobs in any of the given states (in every state when none is given), at most `limit`.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn list(&self, states: &[JobState], order: Order, limit: u32) -> Result<Vec<JobRow>> {
        let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        let sql = match order {
            Order::OldestFirst => concat!(
                "SELECT ",
                job_columns!(),
                " FROM queue WHERE ?1 = '[]' OR state IN (SELECT value FROM json_each(?1)) \
                 ORDER BY at_ms, rowid LIMIT ?2"
            ),
            Order::NewestFirst => concat!(
                "SELECT ",
                job_columns!(),
                " FROM queue WHERE ?1 = '[]' OR state IN (SELECT value FROM json_each(?1)) \
                 ORDER BY at_ms DESC, rowid DESC LIMIT ?2"
            ),
        };
        let rows: Vec<JobSql> = sqlx::query_as(sql)
            .bind(serde_json::Value::from(names).to_string())
            .bind(limit)
            .fetch_all(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))?;
        rows.into_iter().map(|row| row.job(self.store)).collect()
    }

    /// How many jobs are in each state.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn counts(&self) -> Result<QueueCounts> {
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT state, count(*) FROM queue GROUP BY state")
            .fetch_all(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))?;
        let mut counts = QueueCounts::default();
        for (state, count) in rows {
            let slot = match rows::state(self.store, &state)? {
                JobState::Waiting => &mut counts.waiting,
                JobState::Running => &mut counts.running,
                JobState::Done => &mut counts.done,
                JobState::Dead => &mut counts.dead,
                JobState::Expired => &mut counts.expired,
                JobState::Discarded => &mut counts.discarded,
            };
            *slot = count.unsigned_abs();
        }
        Ok(counts)
    }

    /// The open job (waiting or running) of an app's idempotency key.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn open_job(&self, client_id: &str, idempotency_key: &str) -> Result<Option<OpenJob>> {
        sqlx::query_as(
            "SELECT id, fingerprint FROM queue \
             WHERE client_id = ?1 AND idempotency_key = ?2 AND state IN ('waiting', 'running')",
        )
        .bind(client_id)
        .bind(idempotency_key)
        .fetch_optional(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))
    }

    /// The newest open job (waiting or running) of an app that asks the same, whatever its key.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn open_job_like(&self, client_id: &str, fingerprint: &str) -> Result<Option<String>> {
        sqlx::query_scalar(
            "SELECT id FROM queue WHERE client_id = ?1 AND fingerprint = ?2 AND state IN ('waiting', 'running') \
             ORDER BY at_ms DESC LIMIT 1",
        )
        .bind(client_id)
        .bind(fingerprint)
        .fetch_optional(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))
    }

    /// The next attempt of any waiting job, UTC epoch milliseconds.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn next_due(&self) -> Result<Option<i64>> {
        self.moment("SELECT min(next_at_ms) FROM queue WHERE state = 'waiting'").await
    }

    /// The oldest open job's arrival, UTC epoch milliseconds.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn oldest(&self) -> Result<Option<i64>> {
        self.moment("SELECT min(at_ms) FROM queue WHERE state IN ('waiting', 'running')").await
    }

    /// Every state the job entered, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn transitions(&self, id: &str) -> Result<Vec<Transition>> {
        let rows: Vec<(i64, Option<String>, String, String)> = sqlx::query_as(
            "SELECT at_ms, from_state, to_state, note FROM job_transitions WHERE job = ?1 ORDER BY seq",
        )
        .bind(id)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        rows.into_iter()
            .map(|(at_ms, from, to, note)| {
                let from = from.map(|from| rows::state(self.store, &from)).transpose()?;
                Ok(Transition { at_ms, from, to: rows::state(self.store, &to)?, note })
            })
            .collect()
    }

    async fn moment(&self, sql: &'static str) -> Result<Option<i64>> {
        sqlx::query_scalar(sql).fetch_one(self.store.read()).await.map_err(|error| self.store.fault(error))
    }
}
