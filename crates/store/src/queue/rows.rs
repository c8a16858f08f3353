//! Queue rows as SQLite holds them, and back into the domain's words.

use switchyard_domain::map::Priority;
use switchyard_domain::view::JobState;
use switchyard_domain::{Failure, RequestId, RouteId};

use super::{Answer, AnsweredJob, DueJob, JobRow};
use crate::from_row::from_row;
use crate::{Result, Store, named};

/// The columns of a job without what it asks and was answered, which may be large; for `concat!`.
macro_rules! job_columns {
    () => {
        "id, at_ms, expires_at_ms, client, client_id, priority, job, dialect, operation, request_id, \
         idempotency_key, model, stream, reason, state, state_at_ms, attempts, next_at_ms, last_failure"
    };
}
pub(super) use job_columns;

pub(super) struct JobSql {
    id: String,
    at_ms: i64,
    expires_at_ms: i64,
    client: String,
    client_id: Option<String>,
    priority: Option<String>,
    job: String,
    dialect: String,
    operation: String,
    request_id: String,
    idempotency_key: Option<String>,
    model: String,
    stream: bool,
    reason: Option<String>,
    state: String,
    state_at_ms: i64,
    attempts: u32,
    next_at_ms: Option<i64>,
    last_failure: Option<String>,
}

from_row!(JobSql {
    id,
    at_ms,
    expires_at_ms,
    client,
    client_id,
    priority,
    job,
    dialect,
    operation,
    request_id,
    idempotency_key,
    model,
    stream,
    reason,
    state,
    state_at_ms,
    attempts,
    next_at_ms,
    last_failure
});

pub(super) struct DueSql {
    job: JobSql,
    sent_headers: Option<String>,
    sent_body: Option<Vec<u8>>,
}

from_row!(DueSql { sent_headers, sent_body } with job);

pub(super) struct AnsweredSql {
    job: JobSql,
    answer_status: Option<u16>,
    answer_content_type: Option<String>,
    answer_body: Option<Vec<u8>>,
    answer_route: Option<String>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    answer_lost: String,
}

from_row!(AnsweredSql { answer_status, answer_content_type, answer_body, answer_route, input_tokens, output_tokens, answer_lost } with job);

impl JobSql {
    pub(super) fn job(self, store: &Store) -> Result<JobRow> {
        let failure = |json: Option<String>| -> Result<Option<Failure>> {
            json.map(|json| serde_json::from_str(&json))
                .transpose()
                .map_err(|error| store.damaged(format!("queued job {}: {error}", self.id)))
        };
        Ok(JobRow {
            dialect: named(&self.dialect).map_err(|error| store.damaged(error))?,
            operation: named(&self.operation).map_err(|error| store.damaged(error))?,
            reason: failure(self.reason)?,
            state: state(store, &self.state)?,
            last_failure: failure(self.last_failure)?,
            priority: self.priority.as_deref().and_then(Priority::parse),
            client_id: self.client_id.unwrap_or_default(),
            id: self.id,
            at_ms: self.at_ms,
            expires_at_ms: self.expires_at_ms,
            client: self.client,
            job: self.job,
            request_id: RequestId::from(self.request_id),
            idempotency_key: self.idempotency_key,
            model: self.model,
            stream: self.stream,
            state_at_ms: self.state_at_ms,
            attempts: self.attempts,
            next_at_ms: self.next_at_ms,
        })
    }
}

impl DueSql {
    pub(super) fn arrival(&self) -> (i64, &str) {
        (self.job.at_ms, &self.job.id)
    }

    pub(super) fn id(&self) -> &str {
        &self.job.id
    }

    pub(super) fn job(self, store: &Store) -> Result<DueJob> {
        let Some((headers_json, body)) = self.sent_headers.zip(self.sent_body) else {
            return Err(store.damaged(format!("queued job {} has no request", self.job.id)));
        };
        Ok(DueJob { row: self.job.job(store)?, headers_json, body })
    }
}

impl AnsweredSql {
    pub(super) fn job(self, store: &Store) -> Result<AnsweredJob> {
        let row = self.job.job(store)?;
        let answer = self.answer_status.map(|status| Answer {
            status,
            content_type: self.answer_content_type.unwrap_or_default(),
            body: self.answer_body.unwrap_or_default(),
            route: RouteId::from(self.answer_route.unwrap_or_default()),
            attempts: row.attempts,
            input_tokens: self.input_tokens.map(i64::unsigned_abs),
            output_tokens: self.output_tokens.map(i64::unsigned_abs),
            // A list that can't be read is told as one, rather than kept from the caller with its answer.
            lost: serde_json::from_str(&self.answer_lost).unwrap_or_else(|_| vec![self.answer_lost]),
        });
        Ok(AnsweredJob { row, answer })
    }
}

pub(super) fn state(store: &Store, text: &str) -> Result<JobState> {
    JobState::parse(text).ok_or_else(|| store.damaged(format!("the queue has a job in state `{text}`")))
}
