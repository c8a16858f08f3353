//! Reads the event stream and tells people.

use std::time::Duration;

use switchyard_domain::Now;
use switchyard_domain::event::Event;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::notice::notice_of;
use crate::quiet::Quiet;
use crate::sinks::Sinks;

/// Tells people about `events` until the stream ends. `now` reads the router's clock.
pub async fn run(
    mut events: broadcast::Receiver<Event>,
    now: impl Fn() -> Now + Send + 'static,
    mut sinks: Sinks,
) {
    let mut quiet = Quiet::new();
    loop {
        let wait_ms = quiet.next_due_ms(now());
        let event = tokio::select! {
            event = events.recv() => Some(event),
            () = tokio::time::sleep(Duration::from_millis(wait_ms.unwrap_or_default())), if wait_ms.is_some() => None,
        };
        let notices = match event {
            Some(Ok(event)) => {
                notice_of(&event).and_then(|notice| quiet.admit(notice, now())).into_iter().collect()
            }
            // The next event tells how things stand; what was missed is in the log.
            Some(Err(RecvError::Lagged(missed))) => {
                tracing::warn!(missed, "events came faster than notices could be shown");
                Vec::new()
            }
            Some(Err(RecvError::Closed)) => return,
            None => quiet.due(now()),
        };
        for notice in notices {
            sinks.send(&notice).await;
        }
    }
}

#[cfg(test)]
mod tests;
