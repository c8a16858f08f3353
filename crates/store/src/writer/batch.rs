//! One batch and its statements. sqlx pays per statement, so each inserts many rows; their values are bound one by one,
//! since SQLite writes a JSON array that is read by rows out again for every column.

use std::sync::{Arc, LazyLock};

use serde::Serialize;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use switchyard_domain::event::{Event, EventKind};
use switchyard_domain::view::{AttemptView, RequestView};
use switchyard_domain::{CostBasis, RouteId, Tier, Usd};
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
        let rows: Vec<_> = (seq..).zip(self.requests.iter().map(Arc::as_ref)).collect();
        seq += count(rows.len() as u64);
        for rows in sized(&rows) {
            let query = rows.iter().try_fold(REQUESTS.query(rows.len()), bind_request);
            query.map_err(|error| refused(store, &error))?.execute(&mut *tx).await.map_err(fault)?;
        }
        let mut attempts = Vec::with_capacity(rows.len());
        for (seq, request) in &rows {
            attempts.extend(request.attempts.iter().enumerate().map(|(at, attempt)| (*seq, at, attempt)));
        }
        for rows in sized(&attempts) {
            let query = rows.iter().fold(ATTEMPTS.query(rows.len()), bind_attempt);
            query.execute(&mut *tx).await.map_err(fault)?;
        }
        if !self.events.is_empty() {
            let events: Vec<_> =
                self.events.iter().map(|event| EventLine(event.id, event.at_ms, &event.what)).collect();
            let events = serde_json::to_string(&events).map_err(|error| refused(store, &error))?;
            let done = sqlx::query(INSERT_EVENTS).bind(events).execute(&mut *tx).await.map_err(fault)?;
            ignored = (self.events.len() as u64).saturating_sub(done.rows_affected());
        }
        tx.commit().await.map_err(fault)?;
        *next_seq = Some(seq);
        Ok(ignored)
    }
}

/// How many rows a statement inserts: each of these is prepared once. On a single core a request waits while a statement
/// runs, so the largest stays well below a millisecond.
const SIZES: [usize; 3] = [32, 8, 1];

/// Cuts rows into pieces of these sizes.
fn sized<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

/// The statements of one table, one for each of the sizes.
struct Insert([String; SIZES.len()]);

impl Insert {
    fn into(table: &str, columns: &[&str]) -> Self {
        let row = format!("({})", vec!["?"; columns.len()].join(", "));
        let columns = columns.join(", ");
        Self(SIZES.map(|size| {
            format!("INSERT INTO {table} ({columns}) VALUES {}", vec![row.as_str(); size].join(", "))
        }))
    }

    /// The statement for so many rows, which is one of the sizes.
    fn query(&'static self, rows: usize) -> Insertion {
        let at = SIZES.iter().position(|size| *size == rows).unwrap_or_default();
        sqlx::query(self.0[at].as_str())
    }
}

type Insertion = Query<'static, Sqlite, SqliteArguments>;

/// In the order of [`bind_request`].
static REQUESTS: LazyLock<Insert> = LazyLock::new(|| {
    let columns = [
        "seq",
        "id",
        "at_ms",
        "client",
        "job",
        "dialect",
        "model",
        "stream",
        "outcome",
        "status",
        "route",
        "tier",
        "degraded",
        "duration_ms",
        "first_token_ms",
        "input_tokens",
        "output_tokens",
        "degradations",
        "rescues",
        "cached_tokens",
        "nano_usd",
    ];
    Insert::into("requests", &columns)
});

/// In the order of [`bind_attempt`].
static ATTEMPTS: LazyLock<Insert> = LazyLock::new(|| {
    let columns = [
        "request",
        "seq",
        "route",
        "tier",
        "start_ms",
        "duration_ms",
        "failure_kind",
        "failure_status",
        "failure_code",
        "failure_text",
        "retry_after_ms",
        "nano_usd",
        "cost_basis",
    ];
    Insert::into("attempts", &columns)
});

fn bind_request(query: Insertion, (seq, request): &(i64, &RequestView)) -> serde_json::Result<Insertion> {
    Ok(query
        .bind(*seq)
        .bind(request.id.as_str())
        .bind(request.at_ms)
        .bind(&*request.client)
        .bind(&*request.job)
        .bind(request.dialect.as_str())
        .bind(&*request.model)
        .bind(request.stream)
        .bind(request.outcome.as_str())
        .bind(request.status)
        .bind(request.route.as_ref().map(RouteId::as_str))
        .bind(request.tier.map(Tier::as_str))
        .bind(request.degraded)
        .bind(request.duration_ms)
        .bind(request.first_token_ms)
        .bind(request.input_tokens.map(count))
        .bind(request.output_tokens.map(count))
        .bind(serde_json::to_string(&request.degradations)?)
        .bind(request.rescues)
        .bind(request.cached_tokens.map(count))
        .bind(request.cost_nano_usd.map(Usd::nanos)))
}

fn bind_attempt(query: Insertion, (request, seq, attempt): &(i64, usize, &AttemptView)) -> Insertion {
    let failure = attempt.failure.as_ref();
    query
        .bind(*request)
        .bind(count(*seq as u64))
        .bind(attempt.route.as_str())
        .bind(attempt.tier.as_str())
        .bind(attempt.start_ms)
        .bind(attempt.duration_ms)
        .bind(failure.map(|failure| failure.kind.as_str()))
        .bind(failure.and_then(|failure| failure.status))
        .bind(failure.and_then(|failure| failure.code.as_deref()))
        .bind(failure.map(|failure| failure.message.as_str()))
        .bind(failure.and_then(|failure| failure.retry_after_ms).map(count))
        .bind(attempt.cost_nano_usd.map(Usd::nanos))
        .bind(attempt.cost_basis.map(CostBasis::as_str))
}

const INSERT_EVENTS: &str = "\
INSERT OR IGNORE INTO events (id, at_ms, type, body) \
SELECT value->>0, value->>1, value->>'$[2].type', value->'$[2]' FROM json_each(?1)";

/// The columns of INSERT_EVENTS; the type is read from the body.
#[derive(Serialize)]
struct EventLine<'a>(i64, i64, &'a EventKind);

fn refused(store: &Store, error: &serde_json::Error) -> StoreError {
    StoreError::Refused { path: store.path().to_owned(), detail: error.to_string() }
}
