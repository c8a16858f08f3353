//! The time, where the queue is concerned: whoever sets the wall clock moves nothing in it.

use std::sync::Arc;

use switchyard_domain::Now;
use switchyard_domain::event::EventKind;

use crate::core::clock;
use crate::walk::Walk;

/// Goes by the clock as it is now, at the start.
pub(crate) async fn go_by_the_clock(walk: &Walk) {
    walk.queue.wall.lock().await.go_by(clock::now());
}

/// The time, once the queue's times are on the same clock: where the wall clock was set, they move along first, so that
/// nothing is due, or expires, earlier or later for it. Deadlines and breakers live on the other clock.
pub(crate) async fn settled_now(walk: &Arc<Walk>) -> Now {
    {
        let mut wall = walk.queue.wall.lock().await;
        let now = clock::now();
        if wall.set_by(now).is_none() {
            wall.go_by(now);
            return now;
        }
    }
    // A task of its own: a caller that hangs up must not leave the queue's times half moved, or moved unnoticed.
    let own = Arc::clone(walk);
    if let Err(panic) = tokio::spawn(async move { settle(&own).await }).await {
        tracing::error!(%panic, "the queue's times not moved with the clock");
    }
    clock::now()
}

/// Moves the queue's times along with the wall clock. What could not be moved is tried again with the next look.
async fn settle(walk: &Walk) {
    let mut wall = walk.queue.wall.lock().await;
    let now = clock::now();
    let Some(by_ms) = wall.set_by(now) else { return };
    if let Err(error) = walk.core.store.queue().clock_was_set(by_ms).await {
        tracing::error!(code = error.code(), %error, "the queue's times not moved with the clock");
        return;
    }
    wall.go_by(now);
    super::refresh(walk).await;
    walk.core.bus.emit(EventKind::ClockJumped { by_ms }, now);
    walk.queue.wake();
}

#[cfg(test)]
mod tests;
