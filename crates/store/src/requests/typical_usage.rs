//! What a job's requests usually are: the ground for pricing a move before it is made.

use switchyard_domain::Dialect;

use super::Requests;
use crate::{Result, named};

/// Answered requests that are looked at, the newest.
const LOOKED_AT: u32 = 500;

/// What a job's answered requests were over some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypicalUsage {
    /// Answered requests in that time.
    pub answered: u64,
    /// When the first of them arrived, UTC epoch milliseconds.
    pub first_ms: Option<i64>,
    /// Prompt, cached and answer tokens of the newest of them that said so, at most 500.
    pub tokens: Vec<[u64; 3]>,
    /// The dialects their clients spoke.
    pub dialects: Vec<Dialect>,
}

impl Requests<'_> {
    /// A job's answered requests since a moment (UTC epoch milliseconds). `but` is a client that does not count: the
    /// router's own tests.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn typical_usage(&self, job: &str, since_ms: i64, but: &str) -> Result<TypicalUsage> {
        const OF: &str =
            "FROM requests WHERE outcome = 'answered' AND job = ?1 AND at_ms >= ?2 AND client <> ?3";
        let fault = |error| self.store.fault(error);
        let (answered, first_ms): (i64, Option<i64>) =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("SELECT count(*), min(at_ms) {OF}")))
                .bind(job)
                .bind(since_ms)
                .bind(but)
                .fetch_one(self.store.read())
                .await
                .map_err(fault)?;
        let tokens: Vec<(i64, i64, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT input_tokens, coalesce(cached_tokens, 0), coalesce(output_tokens, 0) {OF} \
             AND input_tokens > 0 ORDER BY seq DESC LIMIT {LOOKED_AT}"
        )))
        .bind(job)
        .bind(since_ms)
        .bind(but)
        .fetch_all(self.store.read())
        .await
        .map_err(fault)?;
        let dialects: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT DISTINCT dialect {OF} ORDER BY dialect")))
                .bind(job)
                .bind(since_ms)
                .bind(but)
                .fetch_all(self.store.read())
                .await
                .map_err(fault)?;
        let dialects = dialects
            .iter()
            .map(|dialect| named(dialect))
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| self.store.damaged(format!("the request log: {error}")))?;
        Ok(TypicalUsage {
            answered: answered.unsigned_abs(),
            first_ms,
            tokens: tokens.into_iter().map(|(i, c, o)| [i, c, o].map(i64::unsigned_abs)).collect(),
            dialects,
        })
    }
}
