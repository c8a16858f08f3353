//! The ground floor: what every other floor stands on. The clock, fresh ids, events, keys, files only their owner reads.
//!
//! It knows none of the floors above it.

pub(crate) mod blocking;
pub(crate) mod bus;
pub mod clock;
pub(crate) mod ids;
pub mod log_line;
pub mod private;
pub mod process;
pub(crate) mod routing_log;
pub(crate) mod shared;
pub(crate) mod vault;
