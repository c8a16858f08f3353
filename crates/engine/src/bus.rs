//! Events: numbered, logged, kept for the window, and sent to whoever listens.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use switchyard_domain::Now;
use switchyard_domain::event::{Event, What};
use switchyard_domain::view::EventView;
use switchyard_store::WriterHandle;
use tokio::sync::broadcast;

const SHOWN: usize = 50;
/// A listener that lags this many events behind loses the oldest and reads the log instead.
const LISTENERS_LAG: usize = 256;

/// The event log's live end.
#[derive(Debug)]
pub(crate) struct Bus {
    writer: WriterHandle,
    next_id: AtomicI64,
    shown: Mutex<VecDeque<Event>>,
    sender: broadcast::Sender<Event>,
    changes: AtomicU64,
}

impl Bus {
    /// A bus that goes on after `last_id`, with the events shown before a restart, newest first.
    pub(crate) fn new(writer: WriterHandle, last_id: i64, shown: Vec<Event>) -> Self {
        let (sender, _) = broadcast::channel(LISTENERS_LAG);
        Self {
            writer,
            next_id: AtomicI64::new(last_id + 1),
            shown: Mutex::new(shown.into()),
            sender,
            changes: AtomicU64::new(1),
        }
    }

    /// Logs what happened and tells everyone.
    pub(crate) fn emit(&self, what: What, now: Now) {
        let event = Event { id: self.next_id.fetch_add(1, Ordering::Relaxed), at_ms: now.wall_ms, what };
        tracing::info!(event = event.id, "{}", event.what.sentence());
        self.writer.event(event.clone());
        {
            let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            shown.push_front(event.clone());
            shown.truncate(SHOWN);
        }
        self.touch();
        // Nobody listening is fine.
        let _ = self.sender.send(event);
    }

    /// Says that a snapshot taken before is out of date.
    pub(crate) fn touch(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Grows with every change; what is read after it is at least as new.
    pub(crate) fn seq(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The newest events, newest first.
    pub(crate) fn shown(&self) -> Vec<EventView> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown
            .iter()
            .map(|event| EventView {
                lamp: event.what.lamp(),
                sentence: event.what.sentence(),
                event: event.clone(),
            })
            .collect()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}
