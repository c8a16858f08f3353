//! The harness: the real binary as a child process, simulated providers in this one, real sockets between.
//!
//! Every [`Yard`] is a world of its own: its own data directory, ports and providers. It waits for what happens
//! (a line of output, a provider's counter, a snapshot), never for a time, and it knows the router only from the
//! outside: HTTP, files, signals. It shares no codec with the router, so that a mistake can't agree with itself.

#![expect(clippy::unwrap_used, reason = "a scenario that cannot go on has failed")]

mod ask;
mod canned;
#[cfg(target_os = "linux")]
mod clock;
mod kind;
mod map;
#[cfg(target_os = "linux")]
pub mod net;
mod process;
mod reply;
mod table;
mod yard;

pub use ask::{Ask, CALLERS, path};
pub use canned::{Act, Canned, Taken};
#[cfg(target_os = "linux")]
pub use clock::{Stopwatch, WallClock};
pub use kind::Kind;
pub use map::{far, fast_map, merge, route};
pub use process::{Exit, Process, Start, Told, binary};
pub use reply::{Completion, Event, Reply, Tokens, ToolCall, completion, events_of};
pub use table::Table;
pub use yard::{PATIENCE, Yard};

use std::future::Future;

/// Waits for something that should come soon; a hang becomes a failure that says what was waited for.
///
/// # Panics
/// When it does not come.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    let waited = tokio::time::timeout(PATIENCE, future).await;
    waited.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"))
}
