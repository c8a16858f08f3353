//! The walk of a request, from the listener to its answer or its place in the queue.
//!
//! It knows the ground floor alone: nothing here asks who watches or what people have ordered.

pub(crate) mod admission;
mod changes;
pub(crate) mod cold;
pub(crate) mod counters;
pub(crate) mod encoding;
mod ended;
pub(crate) mod exchange;
pub(crate) mod header_names;
pub(crate) mod health;
pub(crate) mod idempotency;
pub mod listener;
pub(crate) mod live_map;
pub(crate) mod local_keys;
pub(crate) mod losses;
pub(crate) mod network_wait;
pub(crate) mod pipeline;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod sentence;
pub(crate) mod serve;
pub(crate) mod server;
pub(crate) mod shed;
pub(crate) mod stale;
pub(crate) mod state;
pub(crate) mod stream_body;
pub(crate) mod stream_failover;
pub(crate) mod template;
pub(crate) mod traffic;
pub(crate) mod upstream;

pub(crate) use live_map::LiveMap;
pub(crate) use state::{TierSince, Walk};
