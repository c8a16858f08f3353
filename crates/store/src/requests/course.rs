//! The log as an incident's keeper reads it: what came in a time, row after row, each row once.

#[cfg(test)]
mod tests;

use switchyard_domain::view::Outcome;
use switchyard_domain::{Failure, RouteId};

use super::Requests;
use crate::from_row::from_row;
use crate::{Result, named};

/// Rows of one reading.
const AT_ONCE: u32 = 2_000;
/// Tries that are looked at on the way back from an outage to its first bad attempt.
const RUN_UP: u32 = 2_000;

/// One request, as far as it matters to an incident of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CourseRow {
    /// Its place in the log.
    pub seq: i64,
    /// Arrival, UTC epoch milliseconds.
    pub at_ms: i64,
    /// Its end, UTC epoch milliseconds.
    pub end_ms: i64,
    /// From arrival to the answer: a stream's first meaningful byte, anything else's end; milliseconds.
    pub answer_ms: u32,
    /// The app.
    pub client: String,
    /// The workload.
    pub job: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What its caller got.
    pub status: u16,
    /// The route that answered.
    pub route: Option<RouteId>,
    /// Whether something other than its first choice answered.
    pub degraded: bool,
    /// Whether the provider was asked at all.
    pub asked: bool,
    /// Whether a try on one of the provider's routes failed.
    pub hurt: bool,
    /// When its first try on another provider's route began, UTC epoch milliseconds.
    pub elsewhere_at_ms: Option<i64>,
    /// Whether the queue asked by itself: no caller waits for it.
    pub from_queue: bool,
    /// Prompt, cached and answer tokens, where the upstream said.
    pub tokens: Option<[u64; 3]>,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Its start, UTC epoch milliseconds.
    pub at_ms: i64,
    /// The route.
    pub route: RouteId,
    /// Why it failed, without its words; absent for one that answered.
    pub failure: Option<Failure>,
}

struct CourseSql {
    seq: i64,
    at_ms: i64,
    end_ms: i64,
    answer_ms: u32,
    client: String,
    job: String,
    outcome: String,
    status: u16,
    route: Option<String>,
    degraded: bool,
    asked: bool,
    hurt: bool,
    elsewhere_at_ms: Option<i64>,
    from_queue: bool,
    input_tokens: Option<i64>,
    cached_tokens: Option<i64>,
    output_tokens: Option<i64>,
}

from_row!(CourseSql {
    seq,
    at_ms,
    end_ms,
    answer_ms,
    client,
    job,
    outcome,
    status,
    route,
    degraded,
    asked,
    hurt,
    elsewhere_at_ms,
    from_queue,
    input_tokens,
    cached_tokens,
    output_tokens
});

/// Answers a baseline is made of.
const USUAL: u32 = 20_000;

type TrySql = (i64, String, Option<String>, Option<u16>, Option<String>);

/// The log is in order of the requests' ends, nearly: the place from which on they end later than a moment is found
/// without reading it all.
const PLACE_AT: &str = "\
WITH RECURSIVE half(low, high) AS ( \
  SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) + 1 FROM requests \
  UNION ALL \
  SELECT iif((SELECT at_ms + duration_ms FROM requests WHERE seq >= (low + high) / 2 ORDER BY seq LIMIT 1) < ?1, \
             (low + high) / 2 + 1, low), \
         iif((SELECT at_ms + duration_ms FROM requests WHERE seq >= (low + high) / 2 ORDER BY seq LIMIT 1) < ?1, \
             high, (low + high) / 2) \
  FROM half WHERE low < high) \
SELECT low FROM half WHERE low >= high LIMIT 1";

impl Requests<'_> {
    /// The place in the log before the first request that ended at or after a moment (UTC epoch milliseconds): what
    /// [`Self::course`] starts behind.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn place_at(&self, at_ms: i64) -> Result<i64> {
        let place: Option<i64> = sqlx::query_scalar(PLACE_AT)
            .bind(at_ms)
            .fetch_optional(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))?;
        Ok(place.unwrap_or(1) - 1)
    }

    /// The requests behind a place in the log, in its order; at most 2000, so ask again behind the last one. `routes`
    /// are the provider's.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn course(&self, behind: i64, routes: &[RouteId]) -> Result<Vec<CourseRow>> {
        let rows: Vec<CourseSql> = sqlx::query_as(
            "SELECT seq, at_ms, at_ms + duration_ms AS end_ms, coalesce(first_token_ms, duration_ms) AS answer_ms, \
                    client, job, outcome, status, route, degraded, instr(id, '.') > 0 AS from_queue, \
                    EXISTS (SELECT 1 FROM attempts WHERE request = requests.seq \
                            AND route IN (SELECT value FROM json_each(?2))) AS asked, \
                    EXISTS (SELECT 1 FROM attempts WHERE request = requests.seq AND failure_kind IS NOT NULL \
                            AND route IN (SELECT value FROM json_each(?2))) AS hurt, \
                    (SELECT requests.at_ms + min(start_ms) FROM attempts WHERE request = requests.seq \
                     AND route NOT IN (SELECT value FROM json_each(?2))) AS elsewhere_at_ms, \
                    input_tokens, cached_tokens, output_tokens \
             FROM requests WHERE seq > ?1 ORDER BY seq LIMIT ?3",
        )
        .bind(behind)
        .bind(names(routes))
        .bind(AT_ONCE)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        rows.into_iter().map(|row| self.course_row(row)).collect()
    }

    /// The tries on these routes that began before a moment (UTC epoch milliseconds) and in the `back_ms` before it,
    /// newest first, at most 2000.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn tries(&self, routes: &[RouteId], until_ms: i64, back_ms: i64) -> Result<Vec<Try>> {
        let from_ms = until_ms.saturating_sub(back_ms);
        let place = self.place_at(from_ms).await?;
        let rows: Vec<TrySql> = sqlx::query_as(
            "SELECT r.at_ms + a.start_ms AS began, a.route, a.failure_kind, a.failure_status, a.failure_code \
             FROM requests r JOIN attempts a ON a.request = r.seq \
             WHERE r.seq > ?1 AND a.route IN (SELECT value FROM json_each(?2)) AND began >= ?3 AND began <= ?4 \
             ORDER BY began DESC, r.seq DESC, a.seq DESC LIMIT ?5",
        )
        .bind(place)
        .bind(names(routes))
        .bind(from_ms)
        .bind(until_ms)
        .bind(RUN_UP)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        rows.into_iter()
            .map(|(at_ms, route, kind, status, code)| {
                let kind = kind.as_deref().map(named).transpose();
                let kind = kind.map_err(|error| self.store.damaged(format!("the request log: {error}")))?;
                let failure = kind.map(|kind| Failure { status, code, ..Failure::new(kind, "") });
                Ok(Try { at_ms, route: RouteId::from(route), failure })
            })
            .collect()
    }

    /// How long the answers of a time (UTC epoch milliseconds, the end excluded) took that came from their first
    /// choice, newest first and at most 20000: to a stream's first meaningful byte, to anything else's end,
    /// milliseconds.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn usual_times(&self, from_ms: i64, to_ms: i64) -> Result<Vec<u32>> {
        let place = self.place_at(from_ms).await?;
        sqlx::query_scalar(
            "SELECT coalesce(first_token_ms, duration_ms) FROM requests \
             WHERE seq > ?1 AND at_ms >= ?2 AND at_ms + duration_ms < ?3 AND outcome = 'answered' AND NOT degraded \
                    AND instr(id, '.') = 0 \
             ORDER BY seq DESC LIMIT ?4",
        )
        .bind(place)
        .bind(from_ms)
        .bind(to_ms)
        .bind(USUAL)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))
    }

    /// The apps that had a request in a time (UTC epoch milliseconds), by name.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn callers(&self, from_ms: i64, to_ms: i64) -> Result<Vec<String>> {
        let place = self.place_at(from_ms).await?;
        sqlx::query_scalar(
            "SELECT DISTINCT client FROM requests WHERE seq > ?1 AND at_ms + duration_ms >= ?2 AND at_ms < ?3 \
             ORDER BY client",
        )
        .bind(place)
        .bind(from_ms)
        .bind(to_ms)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))
    }

    fn course_row(&self, row: CourseSql) -> Result<CourseRow> {
        let tokens = match (row.input_tokens, row.output_tokens) {
            (Some(input), Some(output)) => {
                Some([input, row.cached_tokens.unwrap_or(0), output].map(i64::unsigned_abs))
            }
            (Some(_) | None, _) => None,
        };
        let outcome =
            named(&row.outcome).map_err(|error| self.store.damaged(format!("the request log: {error}")))?;
        Ok(CourseRow {
            seq: row.seq,
            at_ms: row.at_ms,
            end_ms: row.end_ms,
            answer_ms: row.answer_ms,
            client: row.client,
            job: row.job,
            outcome,
            status: row.status,
            route: row.route.map(RouteId::from),
            degraded: row.degraded,
            asked: row.asked,
            hurt: row.hurt,
            elsewhere_at_ms: row.elsewhere_at_ms,
            from_queue: row.from_queue,
            tokens,
        })
    }
}

fn names(routes: &[RouteId]) -> String {
    serde_json::Value::from(routes.iter().map(RouteId::as_str).collect::<Vec<_>>()).to_string()
}
