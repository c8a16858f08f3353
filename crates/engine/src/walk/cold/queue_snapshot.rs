//! What is shown of the queue: read anew after each move, and never older than the last move.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use switchyard_domain::view::QueuedJobView;

use crate::core::lock;

/// What the window shows of the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueView {
    /// Jobs that wait or run.
    pub(crate) waiting: u64,
    pub(crate) dead: u64,
    pub(crate) done: u64,
    pub(crate) oldest_at_ms: Option<i64>,
    pub(crate) next_attempt_at_ms: Option<i64>,
    pub(crate) wagons: Vec<QueuedJobView>,
}

/// The view with what keeps it in order: readings come one after another, so an earlier one never replaces a later.
#[derive(Debug, Default)]
pub(crate) struct QueueSnapshot {
    view: Mutex<QueueView>,
    /// Before the first reading nothing is known, and an earlier run may have left jobs.
    is_read: AtomicBool,
    asked: AtomicU64,
    /// Every asking up to this one has been answered by a reading.
    answered: tokio::sync::Mutex<u64>,
}

impl QueueSnapshot {
    pub(crate) fn view(&self) -> QueueView {
        lock(&self.view).clone()
    }

    /// Whether it is known that no job waits or runs.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_read.load(Ordering::Acquire) && lock(&self.view).waiting == 0
    }

    /// Shows a reading that was begun after this call, of this caller or of one who asked later. A reading that
    /// failed (`None`) changes nothing. Says whether this caller's own reading is shown.
    pub(crate) async fn refresh(&self, read: impl AsyncFnOnce() -> Option<QueueView>) -> bool {
        let ticket = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut answered = self.answered.lock().await;
        if *answered >= ticket {
            return false;
        }
        let up_to = self.asked.load(Ordering::SeqCst);
        let Some(fresh) = read().await else { return false };
        *lock(&self.view) = fresh;
        self.is_read.store(true, Ordering::Release);
        *answered = up_to;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::*;

    fn waiting(jobs: u64) -> Option<QueueView> {
        Some(QueueView { waiting: jobs, ..QueueView::default() })
    }

    /// A reading that has begun and comes to its end only when it is let.
    async fn begun(
        queue_snapshot: &Arc<QueueSnapshot>,
        jobs: u64,
    ) -> (oneshot::Sender<()>, tokio::task::JoinHandle<bool>) {
        let (begins, has_begun) = oneshot::channel();
        let (ends, may_end) = oneshot::channel::<()>();
        let queue_snapshot = Arc::clone(queue_snapshot);
        let reading = tokio::spawn(async move {
            queue_snapshot
                .refresh(async || {
                    begins.send(()).unwrap();
                    may_end.await.unwrap();
                    waiting(jobs)
                })
                .await
        });
        has_begun.await.unwrap();
        (ends, reading)
    }

    #[tokio::test]
    async fn a_slow_reading_never_replaces_a_later_one() {
        let queue_snapshot = Arc::new(QueueSnapshot::default());
        let (ends, slow) = begun(&queue_snapshot, 1).await;
        let later = tokio::spawn({
            let queue_snapshot = Arc::clone(&queue_snapshot);
            async move { queue_snapshot.refresh(async || waiting(0)).await }
        });
        while queue_snapshot.asked.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        ends.send(()).unwrap();
        assert_eq!((slow.await.unwrap(), later.await.unwrap()), (true, true));
        assert!(queue_snapshot.is_empty(), "{:?}", queue_snapshot.view());
    }

    #[tokio::test]
    async fn one_reading_serves_all_who_asked_before_it() {
        let queue_snapshot = Arc::new(QueueSnapshot::default());
        let (ends, first) = begun(&queue_snapshot, 1).await;
        let mut others = Vec::new();
        for asked in 2..=9 {
            let board_too = Arc::clone(&queue_snapshot);
            others.push(tokio::spawn(async move { board_too.refresh(async || waiting(2)).await }));
            while queue_snapshot.asked.load(Ordering::SeqCst) < asked {
                tokio::task::yield_now().await;
            }
        }
        ends.send(()).unwrap();
        assert!(first.await.unwrap());
        let mut read = 0;
        for other in others {
            read += u32::from(other.await.unwrap());
        }
        assert_eq!((read, queue_snapshot.view().waiting), (1, 2));
    }

    #[tokio::test]
    async fn before_it_is_read_nobody_calls_it_empty() {
        let queue_snapshot = QueueSnapshot::default();
        assert!(!queue_snapshot.is_empty());
        assert!(!queue_snapshot.refresh(async || None).await);
        assert!(!queue_snapshot.is_empty());
        assert!(queue_snapshot.refresh(async || waiting(0)).await);
        assert!(queue_snapshot.is_empty());
    }

    #[tokio::test]
    async fn a_reading_that_failed_leaves_what_is_shown_and_the_next_one_reads() {
        let queue_snapshot = QueueSnapshot::default();
        assert!(queue_snapshot.refresh(async || waiting(3)).await);
        assert!(!queue_snapshot.refresh(async || None).await);
        assert_eq!(queue_snapshot.view().waiting, 3);
        assert!(queue_snapshot.refresh(async || waiting(0)).await);
        assert!(queue_snapshot.is_empty());
    }
}
