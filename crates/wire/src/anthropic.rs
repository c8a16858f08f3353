//! Anthropic Messages: requests, answers and streams, read and written.
//!
//! Requests are read member by member, so that nothing is lost unnoticed; answers and events are read leniently. What
//! is written keeps to what Anthropic documents, and to what the model at hand takes.

pub(crate) mod answer;
mod blocks;
pub(crate) mod claude;
pub(crate) mod request;
pub(crate) mod stream;
mod usage;

pub(crate) use request::is_run_by_caller;
pub use usage::MessagesUsage;
