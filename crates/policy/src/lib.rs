//! The decisions of the router: which routes may serve a request and in which order ([`plan()`]), what a failure
//! means ([`classify()`]), whether a route may be called ([`Fleet`]), and what to do next ([`Drive`]).
//!
//! Nothing here does IO, reads a clock or draws global randomness: the time and the random bits are parameters, so
//! the same inputs always give the same decisions. Nothing here knows bytes, sockets or key values.

mod attempt;
pub mod backoff;
pub mod breaker;
pub mod callers;
pub mod causes;
pub mod classify;
pub mod drive;
mod elsewhere;
pub mod fleet;
pub mod lately;
pub mod loops;
pub mod network;
pub mod orders;
pub mod patience;
pub mod plan;
pub mod shed;
pub mod shift;
pub mod standing;
pub mod status;
pub mod watch;

#[cfg(test)]
mod tests;

pub use attempt::Attempt;
pub use breaker::Permit;
pub use classify::{Condemns, Next, Source, Verdict, classify};
pub use drive::{Drive, Input, Step};
pub use fleet::{
    Change, Check, Closed, Fleet, KeyChoice, KeyId, Known, Outcome, Reason, Recent, RouteHealth, Unfit,
};
pub use loops::Loops;
pub use network::{DeadProxy, Findings, HostFound, Network, PageFound, Reach, RegionOutage, Turned};
pub use orders::{Changed, Part, Wish};
pub use patience::{EndedBy, Patience, Silence, Waits};
pub use plan::{Candidate, Excluded, In, Needs, Out, Plan, plan};
pub use shift::{SavedShifts, ShiftCommand, Shifts};
pub use standing::{Cause, Standing, standing, standing_of};
pub use status::{Status, judge};
pub use watch::{Seen, Watch, quality_drop_percent};
