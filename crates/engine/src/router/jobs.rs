//! The cold queue, by hand: look, replay, discard.

use switchyard_domain::Problem;
use switchyard_domain::api::JobView;
use switchyard_domain::event::EventKind;
use switchyard_domain::map::Defaults;
use switchyard_domain::view::JobState;
use switchyard_store::{AnsweredJob, JobRow, Order};

use super::Router;
use crate::core::clock;
use crate::walk::cold;

impl Router {
    /// Queued requests, newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn jobs(&self, state: Option<JobState>, limit: u32) -> Result<Vec<JobView>, Problem> {
        let all = [
            JobState::Waiting,
            JobState::Running,
            JobState::Done,
            JobState::Dead,
            JobState::Expired,
            JobState::Discarded,
        ];
        let states = state.map_or_else(|| all.to_vec(), |state| vec![state]);
        let rows = self.state.core.store.queue().list(&states, Order::NewestFirst, limit.min(1_000)).await;
        Ok(rows.map_err(|error| error.problem())?.into_iter().map(|row| view(row, None)).collect())
    }

    /// One queued request.
    ///
    /// # Errors
    /// `not_found_job`.
    pub async fn job(&self, id: &str) -> Result<JobView, Problem> {
        let found = self.state.core.store.queue().get(id).await.map_err(|error| error.problem())?;
        let AnsweredJob { row, answer } = found.ok_or_else(|| missing(id))?;
        Ok(view(row, answer.map(|answer| answer.route)))
    }

    /// Puts a dead or expired job back into the queue, with all its attempts.
    ///
    /// # Errors
    /// `not_found_job`, `conflict_job` when it is in no state to be replayed.
    pub async fn replay_job(&self, id: &str, actor: &str) -> Result<(), Problem> {
        let now = clock::now();
        let life_ms = self
            .state
            .core
            .running
            .load()
            .as_ref()
            .map_or(Defaults::COLD_EXPIRES_MS, |r| r.map.cold.expires_ms);
        let queue = self.state.core.store.queue();
        let moved = queue.replay(id, now.wall_ms, now.plus_ms(life_ms).wall_ms).await;
        if !moved.map_err(|error| error.problem())? {
            return Err(self.stuck(id, "replayed").await);
        }
        self.note(actor, "job.replay", id, None).await;
        cold::refresh(&self.state.walk).await;
        self.state.walk.queue.wake();
        Ok(())
    }

    /// Gives a job up for good.
    ///
    /// # Errors
    /// `not_found_job`, `conflict_job` when it is answered already or under way.
    pub async fn discard_job(&self, id: &str, actor: &str) -> Result<(), Problem> {
        let now = clock::now();
        let job = self.job(id).await?;
        let moved = self.state.core.store.queue().discard(id, now.wall_ms).await;
        if !moved.map_err(|error| error.problem())? {
            return Err(self.stuck(id, "discarded").await);
        }
        self.state.core.bus.emit(EventKind::JobDiscarded { job_id: id.to_owned(), job: job.job }, now);
        self.note(actor, "job.discard", id, None).await;
        cold::refresh(&self.state.walk).await;
        self.state.walk.queue.job_ended();
        Ok(())
    }

    async fn stuck(&self, id: &str, verb: &str) -> Problem {
        match self.job(id).await {
            Ok(job) => {
                Problem::new("conflict_job", format!("{id} is {} and can't be {verb}.", job.state.as_str()))
            }
            Err(problem) => problem,
        }
    }
}

fn missing(id: &str) -> Problem {
    Problem::new("not_found_job", format!("There is no queued request {id}."))
}

fn view(row: JobRow, route: Option<switchyard_domain::RouteId>) -> JobView {
    let ended = row.state.is_terminal();
    let note = match row.state {
        JobState::Dead => row.last_failure.as_ref().map(|failure| failure.message.clone()),
        JobState::Expired => Some("Its time ran out before a route could answer.".to_owned()),
        JobState::Discarded => Some("Discarded by hand.".to_owned()),
        JobState::Waiting | JobState::Running | JobState::Done => None,
    };
    JobView {
        id: row.id,
        state: row.state,
        client: row.client,
        job: row.job,
        dialect: row.dialect,
        model: row.model,
        created_at_ms: row.at_ms,
        next_attempt_at_ms: row.next_at_ms,
        expires_at_ms: row.expires_at_ms,
        attempts: row.attempts,
        last_failure: row.last_failure.or(row.reason),
        finished_at_ms: ended.then_some(row.state_at_ms),
        route,
        note,
    }
}
