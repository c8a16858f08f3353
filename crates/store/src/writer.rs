//! The one writer of telemetry: requests, their attempts, and events.
//!
//! Nobody waits for it. Rows go into a bounded channel and are committed in batches: after 200 ms, or at 2000 rows,
//! one statement per table. What is dropped, and only here:
//!
//! 1. Under overload, clean rows go first: a request that its first choice answered at the first try is dropped once
//!    more than 1000 of its kind came in a second (after a quiet second). Everything that says something about a
//!    failure is kept: a thousand clean rows a second describe a healthy second as well as twenty thousand do, and
//!    the live counters do not come from here.
//! 2. When the channel (8192 rows) is full, because the disk can't keep up.
//! 3. When a batch can't be committed (disk full, locked for too long). It is not tried again: memory is bounded, and
//!    the router works without its log.
//!
//! Every dropped row is counted in [`WriterHandle::dropped`]. Jobs, maps and settings never pass through here.

mod batch;
mod prune;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use switchyard_domain::event::Event;
use switchyard_domain::view::{Outcome, RequestView};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::Store;
use batch::Batch;
pub use prune::Retention;

const CHANNEL_ROWS: usize = 8192;
const BATCH_ROWS: usize = 2000;
const BATCH_EVERY: Duration = Duration::from_millis(200);
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Clean rows a second, and what a quiet second saves up.
const CLEAN_BUDGET: u32 = 1000;
const CLEAN_PER_BATCH: u32 = 200;

/// Starts the writer.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    retention: Retention,
    rows: mpsc::Receiver<Row>,
    shared: Arc<Shared>,
    next_seq: Option<i64>,
    newest_ms: Option<i64>,
    /// Why the last batch could not be committed. Told once: a full disk has no room for five lines a second.
    trouble: Option<&'static str>,
}

/// Where rows go. Cheap to clone; the writer ends when the last clone is gone.
#[derive(Clone, Debug)]
pub struct WriterHandle {
    rows: mpsc::Sender<Row>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dropped: AtomicU64,
    clean_budget: AtomicU32,
    /// Wakes the writer before its time: a batch is full, or someone waits for a flush. It does not listen to the
    /// channel meanwhile, so that a row costs its sender no wake-up.
    hurry: Notify,
}

#[derive(Debug)]
enum Row {
    Request(Arc<RequestView>),
    Event(Event),
    Flush(oneshot::Sender<()>),
}

impl Writer {
    /// Starts the writer on the current runtime. Old rows are pruned once an hour, measured by the newest row's time.
    #[must_use]
    pub fn spawn(store: &Store, retention: Retention) -> WriterHandle {
        let (sender, rows) = mpsc::channel(CHANNEL_ROWS);
        let shared = Arc::new(Shared {
            dropped: AtomicU64::new(0),
            clean_budget: AtomicU32::new(CLEAN_BUDGET),
            hurry: Notify::new(),
        });
        let handle = WriterHandle { rows: sender, shared: Arc::clone(&shared) };
        let writer = Self {
            store: store.clone(),
            retention,
            rows,
            shared,
            next_seq: None,
            newest_ms: None,
            trouble: None,
        };
        tokio::spawn(writer.run());
        handle
    }

    async fn run(mut self) {
        let mut tick = interval(BATCH_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hourly = interval(PRUNE_EVERY);
        hourly.set_missed_tick_behavior(MissedTickBehavior::Delay);
        hourly.tick().await;
        loop {
            let mut batch = Batch::default();
            if self.is_idle() {
                // No timer runs while nothing happens: a laptop's battery pays for each wake-up.
                tokio::select! {
                    row = self.rows.recv() => match row {
                        Some(row) => batch.push(row),
                        None => return,
                    },
                    _ = hourly.tick() => {
                        self.prune().await;
                        continue;
                    }
                }
                tick.reset();
            }
            let is_due = batch.is_awaited() || self.rows.len() >= BATCH_ROWS;
            let prune_is_due = !is_due && self.wait(&mut tick, &mut hourly).await;
            while batch.len() < BATCH_ROWS {
                let Ok(row) = self.rows.try_recv() else { break };
                batch.push(row);
            }
            self.commit(batch).await;
            if prune_is_due {
                self.prune().await;
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.rows.is_empty() && self.shared.clean_budget.load(Ordering::Relaxed) >= CLEAN_BUDGET
    }

    /// Waits for the batch to be due; says whether pruning is.
    async fn wait(&self, tick: &mut Interval, hourly: &mut Interval) -> bool {
        tokio::select! {
            biased;
            _ = hourly.tick() => return true,
            _ = tick.tick() => {
                let refill = |budget: u32| Some(budget.saturating_add(CLEAN_PER_BATCH).min(CLEAN_BUDGET));
                let _ = self.shared.clean_budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, refill);
            }
            () = self.shared.hurry.notified() => {}
        }
        false
    }

    async fn commit(&mut self, batch: Batch) {
        if batch.len() > 0 {
            self.newest_ms = batch.newest_ms().or(self.newest_ms);
            let rows = batch.len() as u64;
            match batch.commit(&self.store, &mut self.next_seq).await {
                Ok(ignored) => {
                    self.shared.drop_rows(ignored);
                    if self.trouble.take().is_some() {
                        tracing::info!(
                            dropped = self.shared.dropped.load(Ordering::Relaxed),
                            "the log is written again"
                        );
                    }
                }
                Err(error) => {
                    self.shared.drop_rows(rows);
                    // What came next in the log may be another number than was thought.
                    self.next_seq = None;
                    if self.trouble.replace(error.code()) != Some(error.code()) {
                        tracing::warn!(rows, code = error.code(), %error, "telemetry rows dropped until this is over");
                    }
                }
            }
        }
        batch.acknowledge();
    }

    async fn prune(&self) {
        let Some(now_ms) = self.newest_ms else { return };
        if let Err(error) = self.store.prune(&self.retention, now_ms).await {
            tracing::warn!(code = error.code(), %error, "old rows not pruned; trying again in an hour");
        }
    }
}

impl WriterHandle {
    /// Logs one ended request with its attempts. Never waits.
    pub fn request(&self, request: impl Into<Arc<RequestView>>) {
        let request = request.into();
        if is_clean(&request) && !self.shared.take_clean() {
            self.shared.drop_rows(1);
            return;
        }
        self.send(Row::Request(request));
    }

    /// Logs one event under the id it was shown with. Never waits.
    pub fn event(&self, event: Event) {
        self.send(Row::Event(event));
    }

    /// Rows dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything sent before is committed (or dropped and counted).
    pub async fn flush(&self) {
        let (done, committed) = oneshot::channel();
        if self.rows.send(Row::Flush(done)).await.is_ok() {
            self.shared.hurry.notify_one();
            // An error means the writer's runtime is gone, and with it whoever could commit.
            let _ = committed.await;
        }
    }

    fn send(&self, row: Row) {
        match self.rows.try_send(row) {
            Ok(()) => {
                if self.rows.max_capacity() - self.rows.capacity() >= BATCH_ROWS {
                    self.shared.hurry.notify_one();
                }
            }
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => self.shared.drop_rows(1),
        }
    }
}

impl Shared {
    fn drop_rows(&self, rows: u64) {
        self.dropped.fetch_add(rows, Ordering::Relaxed);
    }

    fn take_clean(&self) -> bool {
        let take = |budget: u32| budget.checked_sub(1);
        self.clean_budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

/// Whether a request says no more than "all is well".
fn is_clean(request: &RequestView) -> bool {
    request.outcome == Outcome::Answered
        && request.attempts.len() <= 1
        && !request.degraded
        && request.attempts.iter().all(|attempt| attempt.failure.is_none())
}
