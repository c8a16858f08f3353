use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use switchyard_domain::Tier;
use switchyard_domain::event::EventKind;

use super::*;
use crate::notice::Notice;
use crate::sinks::{NotifyError, Sink};

struct Recorder {
    heard: mpsc::Sender<String>,
    broken: Arc<AtomicBool>,
}

impl Sink for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn send(&self, notice: &Notice) -> Result<(), NotifyError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(NotifyError { sink: self.name(), cause: "out of order".to_owned() });
        }
        self.heard
            .send(notice.title.clone())
            .map_err(|_| NotifyError { sink: self.name(), cause: "nobody listens".to_owned() })
    }
}

fn tier(from: Tier, to: Tier) -> Event {
    Event { id: 0, at_ms: 0, what: EventKind::TierChanged { from, to, route: None, cause: None } }
}

struct World {
    events: broadcast::Sender<Event>,
    heard: mpsc::Receiver<String>,
    broken: Arc<AtomicBool>,
    clock: Arc<Mutex<Now>>,
    task: tokio::task::JoinHandle<()>,
}

fn start(capacity: usize) -> World {
    let (events, receiver) = broadcast::channel(capacity);
    let (sender, heard) = mpsc::channel();
    let (broken, clock) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Now::default())));
    let recorder = Recorder { heard: sender, broken: Arc::clone(&broken) };
    let read = Arc::clone(&clock);
    let task = tokio::spawn(run(receiver, move || *read.lock().unwrap(), Sinks::none().with(recorder)));
    World { events, heard, broken, clock, task }
}

impl World {
    /// Ends the stream and returns every title that was said.
    async fn end(self) -> Vec<String> {
        drop(self.events);
        self.task.await.unwrap();
        self.heard.iter().collect()
    }
}

#[tokio::test]
async fn a_failover_and_its_recovery_are_told() {
    let world = start(8);
    world.events.send(tier(Tier::Hot, Tier::Warm)).unwrap();
    world.events.send(tier(Tier::Warm, Tier::Hot)).unwrap();
    assert_eq!(world.end().await, ["Running on Warm", "Back on Hot"]);
}

#[tokio::test]
async fn a_service_that_fails_stops_nothing() {
    let world = start(8);
    world.broken.store(true, Ordering::Relaxed);
    world.events.send(tier(Tier::Hot, Tier::Warm)).unwrap();
    while !world.events.is_empty() {
        tokio::task::yield_now().await;
    }
    world.events.send(tier(Tier::Warm, Tier::Cold)).unwrap();
    assert_eq!(world.end().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_reader_that_lagged_tells_what_is_left() {
    let world = start(2);
    for _ in 0..100 {
        world.events.send(Event { id: 0, at_ms: 0, what: EventKind::Resumed }).unwrap();
    }
    world.events.send(tier(Tier::Hot, Tier::Warm)).unwrap();
    assert_eq!(world.end().await.last().map(String::as_str), Some("Running on Warm"));
}

#[tokio::test(start_paused = true)]
async fn a_held_notice_is_told_when_its_minute_is_over() {
    let world = start(8);
    for (from, to) in [(Tier::Hot, Tier::Warm), (Tier::Warm, Tier::Hot), (Tier::Hot, Tier::Warm)] {
        world.events.send(tier(from, to)).unwrap();
    }
    while !world.events.is_empty() {
        tokio::task::yield_now().await;
    }
    *world.clock.lock().unwrap() = Now::default().plus_ms(crate::QUIET_MS);
    tokio::time::sleep(Duration::from_millis(crate::QUIET_MS + 1)).await;
    assert_eq!(world.end().await, ["Running on Warm", "Back on Hot", "Running on Warm"]);
}
