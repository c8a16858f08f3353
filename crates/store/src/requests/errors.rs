//! What failed how often.

use switchyard_domain::{FailureKind, RouteId};

use super::Requests;
use crate::from_row::from_row;
use crate::{Result, named};

/// How often tries on a route ended in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TryCount {
    /// The route.
    pub route: RouteId,
    /// What was seen; none for those that answered.
    pub kind: Option<FailureKind>,
    /// The status, where a failure came with one.
    pub status: Option<u16>,
    /// How often.
    pub count: u64,
    /// The last one's request, UTC epoch milliseconds.
    pub last_at_ms: i64,
    /// The last one's reason.
    pub message: Option<String>,
}

struct CountSql {
    route: String,
    kind: Option<String>,
    status: Option<u16>,
    count: i64,
    last_at_ms: i64,
    message: Option<String>,
}

from_row!(CountSql { route, kind, status, count, last_at_ms, message });

impl Requests<'_> {
    /// The tries of requests that arrived since a moment (UTC epoch milliseconds), by route and how they ended.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn try_counts(&self, since_ms: i64) -> Result<Vec<TryCount>> {
        // With max() SQLite takes the other columns from the row that has the maximum.
        let rows: Vec<CountSql> = sqlx::query_as(
            "SELECT a.route AS route, a.failure_kind AS kind, a.failure_status AS status, count(*) AS count, \
               max(r.at_ms) AS last_at_ms, a.failure_text AS message \
             FROM attempts a JOIN requests r ON r.seq = a.request WHERE r.at_ms >= ?1 \
             GROUP BY a.route, a.failure_kind, a.failure_status \
             ORDER BY count DESC, a.route, a.failure_kind",
        )
        .bind(since_ms)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        rows.into_iter()
            .map(|row| {
                let kind = row.kind.as_deref().map(named).transpose();
                Ok(TryCount {
                    kind: kind.map_err(|error| self.store.damaged(format!("the request log: {error}")))?,
                    route: RouteId::from(row.route),
                    status: row.status,
                    count: row.count.unsigned_abs(),
                    last_at_ms: row.last_at_ms,
                    message: row.message,
                })
            })
            .collect()
    }
}
