//! The attempts under way, each with its job: one that ends badly gives its job back.

use std::collections::HashMap;
use std::future::Future;

use switchyard_store::JobRow;
use tokio::task::{Id, JoinError, JoinSet};

/// The attempts under way.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    tasks: JoinSet<()>,
    jobs: HashMap<Id, JobRow>,
}

impl Attempts {
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The ids of their jobs.
    pub(super) fn ids(&self) -> Vec<&str> {
        self.jobs.values().map(|job| job.id.as_str()).collect()
    }

    pub(super) fn begin(&mut self, job: JobRow, attempt: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(attempt).id();
        self.jobs.insert(task, job);
    }

    /// Waits for one to end; never, while there are none. Returns the job of one that panicked.
    pub(super) async fn next_end(&mut self) -> Option<JobRow> {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.ended(ended),
            None => std::future::pending().await,
        }
    }

    /// The jobs of those that panicked, of all that have ended.
    pub(super) fn ends(&mut self) -> Vec<JobRow> {
        let mut panicked = Vec::new();
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            panicked.extend(self.ended(ended));
        }
        panicked
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) -> Option<JobRow> {
        match ended {
            Ok((task, ())) => {
                self.jobs.remove(&task);
                None
            }
            Err(panic) => {
                let job = self.jobs.remove(&panic.id());
                tracing::error!(job = job.as_ref().map(|job| job.id.as_str()), %panic, "a queued job's attempt panicked");
                job
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use switchyard_domain::view::JobState;
    use switchyard_domain::{Dialect, Operation, RequestId};

    use super::*;

    fn job(id: &str) -> JobRow {
        JobRow {
            id: id.to_owned(),
            at_ms: 0,
            expires_at_ms: 1,
            client: "app".to_owned(),
            client_id: "app_1".to_owned(),
            priority: None,
            job: "default".to_owned(),
            dialect: Dialect::OpenAiChat,
            operation: Operation::Complete,
            request_id: RequestId::from("req_1"),
            idempotency_key: None,
            model: "auto".to_owned(),
            stream: false,
            reason: None,
            state: JobState::Running,
            state_at_ms: 0,
            attempts: 0,
            next_at_ms: None,
            last_failure: None,
        }
    }

    #[tokio::test]
    async fn a_panic_gives_its_job_back_and_a_good_end_does_not() {
        let mut attempts = Attempts::default();
        attempts.begin(job("well"), async {});
        attempts.begin(job("ill"), async { panic!("on purpose") });
        let mut ids = attempts.ids();
        ids.sort_unstable();
        assert_eq!(ids, ["ill", "well"]);
        let ended = [attempts.next_end().await, attempts.next_end().await];
        let back: Vec<String> = ended.into_iter().flatten().map(|job| job.id).collect();
        assert_eq!((back, attempts.len(), attempts.ids().len()), (vec!["ill".to_owned()], 0, 0));
    }
}
