//! What is known of the queue beside the database.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, watch};

use super::queue_snapshot::QueueSnapshot;
use super::trouble::Trouble;
use super::wall_clock::WallClock;

/// The state of the queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// What is shown of it.
    pub(crate) snapshot: QueueSnapshot,
    /// Trouble with the database.
    pub(crate) trouble: Trouble,
    /// Wakes the worker.
    pub(super) work: Notify,
    /// Grows with whatever may open a way to a route: a job that found none looks again.
    ways: AtomicU64,
    /// Wakes those who wait for a job's answer.
    job_ended: watch::Sender<u64>,
    /// Held while the queue's times are moved along with it.
    pub(super) wall: tokio::sync::Mutex<WallClock>,
}

impl Queue {
    /// Wakes the worker.
    pub(crate) fn wake(&self) {
        self.work.notify_one();
    }

    /// A way to a route may be open that was not: jobs that found none go on at once.
    pub(crate) fn ways_changed(&self) {
        self.ways.fetch_add(1, Ordering::SeqCst);
        self.wake();
    }

    /// Grows with each call of [`Queue::ways_changed`].
    pub(super) fn ways(&self) -> u64 {
        self.ways.load(Ordering::SeqCst)
    }

    /// Wakes those who wait for a job's answer.
    pub(crate) fn job_ended(&self) {
        self.job_ended.send_modify(|n| *n += 1);
    }

    /// Tells when a job has ended.
    pub(super) fn ends(&self) -> watch::Receiver<u64> {
        self.job_ended.subscribe()
    }
}
