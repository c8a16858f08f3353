//! What is watched, asked and told beside the requests: probes and checks of routes, this machine's network, incidents,
//! likely causes, metrics, and the picture of it all.
//!
//! It knows the walk and the ground floor. It takes no part in a request, and holds none up.

pub(crate) mod causes;
pub(crate) mod compat;
pub(crate) mod incidents;
pub(crate) mod metrics;
pub(crate) mod network;
pub(crate) mod one_route;
pub(crate) mod snapshot;
mod state;
pub(crate) mod supervisor;
pub(crate) mod switch_cost;
pub(crate) mod why;
pub(crate) mod words;

pub(crate) use state::Watch;
