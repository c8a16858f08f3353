//! The ground floor: what every other floor stands on. The clock, fresh ids, events, keys, the running map, the fleet, the
//! store, files only their owner reads.
//!
//! It knows none of the floors above it.

pub(crate) mod blocking;
pub(crate) mod bus;
pub mod clock;
pub(crate) mod ids;
mod lock;
pub mod log_line;
pub mod private;
pub mod process;
pub(crate) mod purse;
mod routing_log;
mod running;
mod state;
pub(crate) mod vault;

pub(crate) use lock::lock;
pub(crate) use running::Running;
pub(crate) use state::Core;
