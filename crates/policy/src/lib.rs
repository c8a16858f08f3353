//! The decisions of the router: which routes may serve a request and in which order ([`plan()`]), what a failure
//! means ([`classify()`]), whether a route may be called ([`Fleet`]), and what to do next ([`FailoverMachine`]).
//!
//! Nothing here does IO, reads a clock or draws global randomness: the time and the random bits are parameters, so
//! the same inputs always give the same decisions. Nothing here knows bytes, sockets or key values.

mod attempt;
pub mod backoff;
pub mod breaker;
pub mod causes;
pub mod classify;
pub mod client_retries;
pub mod current_tier;
mod elsewhere;
pub mod failover_machine;
pub mod fleet;
pub mod forecast;
pub mod lately;
pub mod network;
pub mod overrides;
pub mod patience;
pub mod plan;
pub mod retry_budget;
pub mod runaway;
pub mod shed;
pub mod shift;
pub mod spend;
pub mod status;
pub mod trigger_monitor;

#[cfg(test)]
mod tests;

pub use attempt::Attempt;
pub use breaker::Permit;
pub use classify::{Condemns, Next, Source, Verdict, classify};
pub use current_tier::{Cause, CurrentTier, current_tier, current_tier_of};
pub use failover_machine::{FailoverMachine, Input, Step};
pub use fleet::{
    Change, Check, Closed, Fleet, KeyChoice, KeyId, Known, Outcome, Reason, Recent, RouteHealth, Unfit,
};
pub use network::{DeadProxy, Findings, HostFound, Network, NetworkChange, PageFound, Reach, RegionOutage};
pub use overrides::{Changed, Command, Patch};
pub use patience::{EndedBy, Patience, Silence, Waits};
pub use plan::{Candidate, Excluded, Exclusion, Inclusion, Needs, Plan, plan};
pub use retry_budget::RetryBudget;
pub use shift::{SavedShifts, ShiftCommand, Shifts};
pub use status::{Status, judge};
pub use trigger_monitor::{Seen, TriggerMonitor, quality_drop_percent};
