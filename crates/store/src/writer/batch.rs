//! One batch and its statements. sqlx pays per statement, not per byte, so each table gets one statement that reads
//! its rows from one bound JSON array.

use std::sync::Arc;

use serde::Serialize;
use switchyard_domain::event::{Event, What};
use switchyard_domain::view::{AttemptView, RequestView};
use switchyard_domain::{RouteId, Tier};
use tokio::sync::oneshot;

use super::Row;
use crate::{Result, Store, StoreError, count};

#[derive(Debug, Default)]
pub(super) struct Batch {
    requests: Vec<Arc<RequestView>>,
    events: Vec<Event>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Batch {
    pub(super) fn push(&mut self, row: Row) {
        match row {
            Row::Request(request) => self.requests.push(request),
            Row::Event(event) => self.events.push(event),
            Row::Flush(done) => self.waiting.push(done),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len() + self.events.len()
    }

    /// Whether someone waits for this batch.
    pub(super) fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn newest_ms(&self) -> Option<i64> {
        let requests = self.requests.iter().map(|request| request.at_ms);
        requests.chain(self.events.iter().map(|event| event.at_ms)).max()
    }

    pub(super) fn acknowledge(self) {
        for done in self.waiting {
            // Whoever gave up waiting does not need to know.
            let _ = done.send(());
        }
    }

    /// Commits the batch as a whole; returns how many rows were ignored because their id was there already.
    pub(super) async fn commit(&self, store: &Store, next_seq: &mut Option<i64>) -> Result<u64> {
        let fault = |error| store.fault(error);
        let turn = store.batch().await;
        let mut tx = turn.begin().await.map_err(fault)?;
        let mut ignored = 0;
        let mut seq = match *next_seq {
            Some(seq) => seq,
            None => sqlx::query_scalar("SELECT coalesce(max(seq), 0) + 1 FROM requests")
                .fetch_one(&mut *tx)
                .await
                .map_err(fault)?,
        };
        for requests in self.requests.chunks(STATEMENT_ROWS) {
            let lines: Vec<_> =
                (seq..).zip(requests).map(|(seq, request)| request_line(seq, request)).collect();
            let attempts: Vec<_> = (seq..)
                .zip(requests)
                .flat_map(|(seq, request)| {
                    request.attempts.iter().enumerate().map(move |(n, a)| attempt_line(seq, n, a))
                })
                .collect();
            let (lines, attempts) = (rows(store, &lines)?, rows(store, &attempts)?);
            seq += count(requests.len() as u64);
            sqlx::query(INSERT_REQUESTS).bind(lines).execute(&mut *tx).await.map_err(fault)?;
            sqlx::query(INSERT_ATTEMPTS).bind(attempts).execute(&mut *tx).await.map_err(fault)?;
        }
        if !self.events.is_empty() {
            let events: Vec<_> =
                self.events.iter().map(|event| EventLine(event.id, event.at_ms, &event.what)).collect();
            let events = rows(store, &events)?;
            let done = sqlx::query(INSERT_EVENTS).bind(events).execute(&mut *tx).await.map_err(fault)?;
            ignored = (self.events.len() as u64).saturating_sub(done.rows_affected());
        }
        tx.commit().await.map_err(fault)?;
        *next_seq = Some(seq);
        Ok(ignored)
    }
}

/// Rows of one statement. On a single core a request waits while a statement runs, so it stays well below a
/// millisecond.
const STATEMENT_ROWS: usize = 32;

const INSERT_REQUESTS: &str = "\
INSERT INTO requests (seq, id, at_ms, client, job, dialect, model, stream, outcome, status, route, tier, degraded, \
                      duration_ms, first_token_ms, input_tokens, output_tokens, degradations, rescues, \
                      cached_tokens) \
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, value->>9, \
       value->>10, value->>11, value->>12, value->>13, value->>14, value->>15, value->>16, value->'$[17]', \
       value->>18, value->>19 \
FROM json_each(?1)";

const INSERT_ATTEMPTS: &str = "\
INSERT INTO attempts (request, seq, route, tier, start_ms, duration_ms, failure_kind, failure_status, failure_code, \
                      failure_text, retry_after_ms) \
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, value->>9, \
       value->>10 \
FROM json_each(?1)";

const INSERT_EVENTS: &str = "\
INSERT OR IGNORE INTO events (id, at_ms, type, body) \
SELECT value->>0, value->>1, value->>'$[2].type', value->'$[2]' FROM json_each(?1)";

/// The columns of INSERT_REQUESTS, in order; written as a JSON array.
#[derive(Serialize)]
struct RequestLine<'a>(
    i64,
    &'a str,
    i64,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    bool,
    &'a str,
    u16,
    Option<&'a str>,
    Option<&'a str>,
    bool,
    u32,
    Option<u32>,
    Option<i64>,
    Option<i64>,
    &'a [String],
    u32,
    Option<i64>,
);

/// The columns of INSERT_ATTEMPTS, in order.
#[derive(Serialize)]
struct AttemptLine<'a>(
    i64,
    usize,
    &'a str,
    &'a str,
    u32,
    u32,
    Option<&'a str>,
    Option<u16>,
    Option<&'a str>,
    Option<&'a str>,
    Option<i64>,
);

/// The columns of INSERT_EVENTS; the type is read from the body.
#[derive(Serialize)]
struct EventLine<'a>(i64, i64, &'a What);

fn request_line(seq: i64, request: &RequestView) -> RequestLine<'_> {
    RequestLine(
        seq,
        request.id.as_str(),
        request.at_ms,
        &request.client,
        &request.job,
        request.dialect.as_str(),
        &request.model,
        request.stream,
        request.outcome.as_str(),
        request.status,
        request.route.as_ref().map(RouteId::as_str),
        request.tier.map(Tier::as_str),
        request.degraded,
        request.duration_ms,
        request.first_token_ms,
        request.input_tokens.map(count),
        request.output_tokens.map(count),
        &request.degradations,
        request.rescues,
        request.cached_tokens.map(count),
    )
}

fn attempt_line(request: i64, seq: usize, attempt: &AttemptView) -> AttemptLine<'_> {
    let failure = attempt.failure.as_ref();
    AttemptLine(
        request,
        seq,
        attempt.route.as_str(),
        attempt.tier.as_str(),
        attempt.start_ms,
        attempt.duration_ms,
        failure.map(|failure| failure.kind.as_str()),
        failure.and_then(|failure| failure.status),
        failure.and_then(|failure| failure.code.as_deref()),
        failure.map(|failure| failure.message.as_str()),
        failure.and_then(|failure| failure.retry_after_ms).map(count),
    )
}

fn rows(store: &Store, lines: &[impl Serialize]) -> Result<String> {
    serde_json::to_string(lines)
        .map_err(|error| StoreError::Refused { path: store.path().to_owned(), detail: error.to_string() })
}
