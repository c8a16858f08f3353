//! Compatibility checks: one row per run, the last ones of each route.
//!
//! Whether a run still speaks of a route is the reader's to decide ([`CompatRun::is_of`]): the store knows no map.

use switchyard_domain::RouteId;
use switchyard_domain::compat::CompatRun;

use crate::{Result, Store, StoreError};

/// Runs that are kept of each route.
const KEPT: u32 = 50;

/// The compatibility checks of one store.
#[derive(Clone, Copy, Debug)]
pub struct Compat<'a> {
    pub(crate) store: &'a Store,
}

impl Compat<'_> {
    /// Keeps a run, and forgets those of the route that are 50 runs old. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn append(&self, run: &CompatRun) -> Result<()> {
        let fault = |error| self.store.fault(error);
        let body = serde_json::to_string(run).map_err(|error| StoreError::Refused {
            path: self.store.path().to_owned(),
            detail: format!("a compatibility check of {}: {error}", run.route),
        })?;
        let turn = self.store.durable().await;
        let mut tx = turn.begin().await.map_err(fault)?;
        sqlx::query(
            "INSERT INTO compat_runs (route, at_ms, target, passed, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(run.route.as_str())
        .bind(run.at_ms)
        .bind(&run.target)
        .bind(run.passed)
        .bind(body)
        .execute(&mut *tx)
        .await
        .map_err(fault)?;
        sqlx::query(
            "DELETE FROM compat_runs WHERE route = ?1 AND seq <= \
             (SELECT seq FROM compat_runs WHERE route = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(run.route.as_str())
        .bind(KEPT)
        .execute(&mut *tx)
        .await
        .map_err(fault)?;
        tx.commit().await.map_err(fault)
    }

    /// The kept runs of a route, newest first, whatever their target.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn history(&self, route: &RouteId) -> Result<Vec<CompatRun>> {
        let bodies: Vec<String> =
            sqlx::query_scalar("SELECT body FROM compat_runs WHERE route = ?1 ORDER BY seq DESC")
                .bind(route.as_str())
                .fetch_all(self.store.read())
                .await
                .map_err(|error| self.store.fault(error))?;
        bodies.iter().map(|body| self.run(body)).collect()
    }

    /// The last run of each route on each target it had.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn latest(&self) -> Result<Vec<CompatRun>> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM compat_runs WHERE seq IN (SELECT max(seq) FROM compat_runs GROUP BY route, target) \
             ORDER BY seq",
        )
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        bodies.iter().map(|body| self.run(body)).collect()
    }

    fn run(&self, body: &str) -> Result<CompatRun> {
        serde_json::from_str(body)
            .map_err(|error| self.store.damaged(format!("a compatibility check: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use switchyard_domain::RouteId;
    use switchyard_domain::compat::{CompatCase, CompatOutcome, CompatResult, CompatRun};

    use super::KEPT;
    use crate::{Options, Store};

    fn run(route: &str, target: &str, at_ms: i64, outcome: CompatOutcome) -> CompatRun {
        let result = CompatResult {
            case: CompatCase::Vision,
            outcome,
            sentence: "no \"eyes\" é".to_owned(),
            at_ms,
            duration_ms: 7,
            input_tokens: 100,
            output_tokens: 2,
        };
        CompatRun::new(RouteId::from(route), target.to_owned(), at_ms, 9, &[result], None)
    }

    #[tokio::test]
    async fn the_last_run_of_each_target_and_the_history_outlive_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        let first = run("a/x", "old", 1, CompatOutcome::Passed);
        let second = run("a/x", "new", 2, CompatOutcome::Unsupported);
        let third = run("a/x", "new", 3, CompatOutcome::Failed);
        let other = run("b/y", "new", 4, CompatOutcome::Skipped);
        for run in [&first, &second, &third, &other] {
            store.compat().append(run).await.unwrap();
        }
        drop(store);
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        assert_eq!(store.compat().latest().await.unwrap(), [first.clone(), third.clone(), other]);
        let history = store.compat().history(&RouteId::from("a/x")).await.unwrap();
        assert_eq!(history, [third, second, first]);
        assert!(store.compat().history(&RouteId::from("gone")).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_route_keeps_its_last_fifty_runs_and_no_other_routes_are_touched() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        store.compat().append(&run("b/y", "t", 0, CompatOutcome::Passed)).await.unwrap();
        for at in 0..i64::from(KEPT) + 3 {
            store.compat().append(&run("a/x", "t", at, CompatOutcome::Passed)).await.unwrap();
        }
        let times: Vec<i64> = store
            .compat()
            .history(&RouteId::from("a/x"))
            .await
            .unwrap()
            .iter()
            .map(|run| run.at_ms)
            .collect();
        assert_eq!((times.len(), times.first(), times.last()), (50, Some(&52), Some(&3)));
        assert_eq!(store.compat().history(&RouteId::from("b/y")).await.unwrap().len(), 1);
    }
}
