//! The cold queue: what the engine's worker does with parked requests.

use switchyard_policy::backoff::{SplitMix64, cold_backoff};

use super::Run;
use super::call::Call;
use crate::kpi::Ending;

/// A job that could not even be tried is looked at again after this, milliseconds (`engine::walk::cold::worker`).
const HOLD_MS: u64 = 2_000;
/// Where nothing says when a route returns, a job is looked at again after this, milliseconds.
const AGAIN_MS: u64 = 30_000;

/// A queued request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    attempts: u32,
    due_ms: u64,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    jobs: Vec<Job>,
    under_way: u32,
}

impl Queue {
    pub(super) fn waiting(&self) -> u64 {
        self.jobs.len() as u64
    }
}

impl Run<'_> {
    pub(super) fn enqueue(&mut self) {
        let due_ms = self.at_ms() + self.map.cold.initial_ms;
        self.queue.jobs.push(Job { attempts: 0, due_ms });
    }

    /// Starts what is due.
    pub(super) fn work_queue(&mut self) {
        if self.network_is_down() {
            return;
        }
        let at_ms = self.at_ms();
        while self.queue.under_way < self.map.cold.concurrency {
            let Some(due) = self.queue.jobs.iter().position(|job| job.due_ms <= at_ms) else { return };
            let job = self.queue.jobs.remove(due);
            self.queue.under_way += 1;
            self.begin(Call::again(job, self.now));
        }
    }

    /// A job's attempt has ended.
    pub(super) fn settle(&mut self, job: Job, call: &Call, ending: Ending) {
        self.queue.under_way -= 1;
        let at_ms = self.at_ms();
        let attempts = job.attempts + 1;
        match ending {
            Ending::Answered => self.observer.kpis.done_later += 1,
            Ending::Refused => self.observer.kpis.dead += 1,
            Ending::Queued | Ending::Broken if !call.reached_upstream => {
                let wait_ms = if call.was_tried() { HOLD_MS } else { AGAIN_MS };
                self.queue.jobs.push(Job { due_ms: at_ms + wait_ms, ..job });
            }
            Ending::Queued | Ending::Broken if attempts >= self.map.cold.max_attempts => {
                self.observer.kpis.dead += 1;
            }
            Ending::Queued | Ending::Broken => {
                let cold = &self.map.cold;
                let mut dice = SplitMix64::new(self.chance.bits());
                let wait_ms = cold_backoff(attempts, cold.initial_ms, cold.max_ms, &mut dice);
                self.queue.jobs.push(Job { attempts, due_ms: at_ms + wait_ms });
            }
        }
    }
}
