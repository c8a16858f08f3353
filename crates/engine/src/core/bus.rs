//! Events: numbered, logged, kept for the window, and sent to whoever listens.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use switchyard_domain::Now;
use switchyard_domain::event::{Event, EventKind};
use switchyard_domain::view::EventView;
use switchyard_store::WriterHandle;
use tokio::sync::broadcast;

use crate::core::lock;
use crate::core::routing_log::RoutingLog;

const SHOWN: usize = 50;
/// A listener that lags this many events behind loses the oldest and reads the log instead.
const LISTENERS_LAG: usize = 256;

/// The event log's live end.
#[derive(Debug)]
pub(crate) struct Bus {
    writer: WriterHandle,
    order: Mutex<Order>,
    /// The log's lines about where traffic goes.
    pub(crate) routing: RoutingLog,
    sender: broadcast::Sender<Event>,
    changes: AtomicU64,
}

/// What gives events their order. An event takes its id and goes to every reader under this lock, so that none of them
/// sees a later one first.
#[derive(Debug)]
struct Order {
    next_id: i64,
    /// The newest events, newest first.
    shown: VecDeque<Event>,
}

impl Bus {
    /// A bus that goes on after `last_id`, with the events shown before a restart, newest first.
    pub(crate) fn new(writer: WriterHandle, last_id: i64, shown: Vec<Event>) -> Self {
        let (sender, _) = broadcast::channel(LISTENERS_LAG);
        Self {
            writer,
            order: Mutex::new(Order { next_id: last_id + 1, shown: shown.into() }),
            routing: RoutingLog::default(),
            sender,
            changes: AtomicU64::new(1),
        }
    }

    /// Logs what happened and tells everyone.
    pub(crate) fn emit(&self, what: EventKind, now: Now) {
        let event = self.post(what, now);
        self.log(&event, now);
    }

    /// Tells everyone, without the log's line: that may wait for whoever reads standard error, and is written
    /// ([`Bus::log`]) once no lock is held.
    pub(crate) fn post(&self, what: EventKind, now: Now) -> Event {
        let mut order = lock(&self.order);
        let event = Event { id: order.next_id, at_ms: now.wall_ms, what };
        order.next_id += 1;
        // Neither of them waits: the writer drops what does not fit, a listener that lags reads the log.
        self.writer.event(event.clone());
        order.shown.push_front(event.clone());
        order.shown.truncate(SHOWN);
        self.touch();
        // Nobody listening is fine.
        let _ = self.sender.send(event.clone());
        event
    }

    /// Writes the log's line of an event.
    pub(crate) fn log(&self, event: &Event, now: Now) {
        if !self.routing.tell(event.id, &event.what, now) {
            tracing::info!(event = event.id, "{}", event.what.sentence());
        }
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
        lock(&self.order)
            .shown
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use switchyard_store::{Options, Retention, Store, Writer};

    use super::*;

    #[tokio::test]
    async fn no_reader_sees_a_later_event_first() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        let bus = Arc::new(Bus::new(Writer::spawn(&store, Retention::default()), 0, Vec::new()));
        for _ in 0..50 {
            let mut heard = bus.subscribe();
            let begin = Arc::new(Barrier::new(4));
            let emit = |_| {
                let (bus, begin) = (Arc::clone(&bus), Arc::clone(&begin));
                std::thread::spawn(move || {
                    begin.wait();
                    (0..50).for_each(|_| bus.emit(EventKind::Resumed, Now::default()));
                })
            };
            let threads: Vec<_> = (0..4).map(emit).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            let mut ids = Vec::new();
            while let Ok(event) = heard.try_recv() {
                ids.push(event.id);
            }
            assert!(ids.len() == 200 && ids.is_sorted(), "{ids:?}");
            let shown: Vec<i64> = bus.shown().iter().map(|view| view.event.id).collect();
            assert!(shown.len() == SHOWN && shown.is_sorted_by(|newer, older| newer > older), "{shown:?}");
        }
    }
}
