//! The request log, read side. The [`Writer`](crate::Writer) fills it.

mod attempts;
mod course;
mod errors;
mod typical_usage;

use std::collections::HashMap;

use switchyard_domain::view::{Outcome, RequestView};
use switchyard_domain::{RequestId, RouteId, Usd};

use crate::from_row::from_row;
use crate::{Result, Store, named};
use attempts::AttemptSql;

pub use course::{CourseRow, Try};
pub use errors::TryCount;
pub use typical_usage::TypicalUsage;

/// The request log of one store.
#[derive(Clone, Copy, Debug)]
pub struct Requests<'a> {
    pub(crate) store: &'a Store,
}

/// Which requests to list; what is absent does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// How they ended.
    pub outcome: Option<Outcome>,
    /// The app.
    pub client: Option<String>,
    /// The route that answered.
    pub route: Option<RouteId>,
    /// Arrived at or after this, UTC epoch milliseconds.
    pub since_ms: Option<i64>,
    /// Arrived before this, UTC epoch milliseconds.
    pub before_ms: Option<i64>,
}

struct RequestSql {
    seq: i64,
    id: String,
    at_ms: i64,
    client: String,
    job: String,
    dialect: String,
    model: String,
    stream: bool,
    outcome: String,
    status: u16,
    route: Option<String>,
    tier: Option<String>,
    degraded: bool,
    duration_ms: u32,
    first_token_ms: Option<u32>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    degradations: String,
    rescues: u32,
    cached_tokens: Option<i64>,
    nano_usd: Option<i64>,
}

from_row!(RequestSql {
    seq,
    id,
    at_ms,
    client,
    job,
    dialect,
    model,
    stream,
    outcome,
    status,
    route,
    tier,
    degraded,
    duration_ms,
    first_token_ms,
    input_tokens,
    output_tokens,
    degradations,
    rescues,
    cached_tokens,
    nano_usd
});

impl Requests<'_> {
    /// The `limit` requests that arrived last among those that pass the filter, newest first, with their attempts.
    /// In the order of arrival, as the filter cuts: a request that took long settles long after later ones.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn recent(&self, filter: &RequestFilter, limit: u32) -> Result<Vec<RequestView>> {
        let rows: Vec<RequestSql> = sqlx::query_as(
            "SELECT * FROM requests \
             WHERE (?1 IS NULL OR outcome = ?1) AND (?2 IS NULL OR client = ?2) AND (?3 IS NULL OR route = ?3) \
               AND (?4 IS NULL OR at_ms >= ?4) AND (?5 IS NULL OR at_ms < ?5) \
             ORDER BY at_ms DESC, seq DESC LIMIT ?6",
        )
        .bind(filter.outcome.map(Outcome::as_str))
        .bind(&filter.client)
        .bind(filter.route.as_ref().map(RouteId::as_str))
        .bind(filter.since_ms)
        .bind(filter.before_ms)
        .bind(limit)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        self.views(rows).await
    }

    /// One request with its attempts.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn get(&self, id: &RequestId) -> Result<Option<RequestView>> {
        let rows: Vec<RequestSql> =
            sqlx::query_as("SELECT * FROM requests WHERE id = ?1 ORDER BY seq DESC LIMIT 1")
                .bind(id.as_str())
                .fetch_all(self.store.read())
                .await
                .map_err(|error| self.store.fault(error))?;
        Ok(self.views(rows).await?.pop())
    }

    async fn views(&self, rows: Vec<RequestSql>) -> Result<Vec<RequestView>> {
        let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
        let attempts: Vec<AttemptSql> = sqlx::query_as(
            "SELECT * FROM attempts WHERE request IN (SELECT value FROM json_each(?1)) ORDER BY request, seq",
        )
        .bind(serde_json::Value::from(seqs).to_string())
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        let mut by_request: HashMap<i64, Vec<AttemptSql>> = HashMap::new();
        for attempt in attempts {
            by_request.entry(attempt.request).or_default().push(attempt);
        }
        rows.into_iter()
            .map(|row| {
                let attempts = by_request.remove(&row.seq).unwrap_or_default();
                view(row, attempts).map_err(|error| self.store.damaged(format!("the request log: {error}")))
            })
            .collect()
    }
}

fn view(row: RequestSql, attempts: Vec<AttemptSql>) -> std::result::Result<RequestView, String> {
    Ok(RequestView {
        dialect: named(&row.dialect)?,
        outcome: named(&row.outcome)?,
        tier: row.tier.as_deref().map(named).transpose()?,
        attempts: attempts.into_iter().map(AttemptSql::view).collect::<std::result::Result<_, _>>()?,
        id: RequestId::from(row.id),
        at_ms: row.at_ms,
        client: row.client,
        job: row.job,
        model: row.model,
        stream: row.stream,
        status: row.status,
        route: row.route.map(RouteId::from),
        degraded: row.degraded,
        duration_ms: row.duration_ms,
        first_token_ms: row.first_token_ms,
        input_tokens: row.input_tokens.map(i64::unsigned_abs),
        cached_tokens: row.cached_tokens.map(i64::unsigned_abs),
        output_tokens: row.output_tokens.map(i64::unsigned_abs),
        degradations: serde_json::from_str(&row.degradations).map_err(|error| error.to_string())?,
        cost_nano_usd: row.nano_usd.map(Usd::from_nanos),
        rescues: row.rescues,
    })
}
