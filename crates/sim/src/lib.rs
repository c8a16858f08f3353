//! Simulated providers and their faults, for demo mode, drills, tests and benchmarks.
//!
//! They listen on real sockets and fail in real ways: a refused connection is refused by the operating
//! system, a reset is a TCP reset. The router never knows this room; its shells and tests start it and
//! point a routing map at it. It shares no code with the router's own codecs, so that a mistake there
//! cannot hide behind the same mistake here, and it reads no clock but in benchmarks: two runs differ in nothing but
//! ports.
//!
//! They speak OpenAI's Chat Completions, Responses and Embeddings, Anthropic's Messages, Gemini and Vertex AI, and
//! Bedrock's Converse. What they receive is held against the vendors' published schemas (`schemas/`) and rules, and
//! refused as the vendor refuses it ([`Profile::strict`]).
//!
//! - [`SimFleet`]: providers with a port each ([`SimProvider`] for just one). The demo's are [`demo`].
//! - [`SimServer`]: any number of providers on one port, told apart by path.
//! - [`Provider`]: the handle to break one ([`Fault`]) and to see what it saw ([`Received`], [`Traffic`]).
//! - [`admin`]: the same over HTTP, for the control API to nest.
//! - [`load`]: requests at a fixed rate or as fast as they are answered, for the same benchmarks (Linux only).
//! - [`fast`]: canned bytes for benchmarks, where the router and not the provider is measured.

pub mod admin;
mod answer;
mod ask;
mod clock;
pub mod demo;
mod dialect;
mod endpoint;
mod exchange;
pub mod fast;
mod fault;
mod fleet;
mod gate;
mod google_token;
mod latency;
#[cfg(target_os = "linux")]
pub mod load;
mod memory;
mod playback;
mod profile;
mod provider;
mod recording;
mod refusals;
mod schema;
mod script;
mod server;
mod sigv4;
mod thought;

pub use admin::{admin_router, described};
pub use fault::{Fault, FaultError, FaultRule, ResetStage};
pub use fleet::{SimFleet, SimProvider};
pub use latency::Latency;
pub use profile::{Dialect, KeyState, Profile};
pub use provider::Provider;
pub use recording::{BODY_KEPT, LOG_LENGTH, Received, Traffic};
pub use server::{SimConfig, SimControl, SimServer};
