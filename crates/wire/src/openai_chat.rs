//! OpenAI Chat Completions: requests, answers and streams, read and written.
//!
//! Requests are read member by member, so that nothing is lost unnoticed; answers and chunks of any compatible
//! provider are read leniently. What is written keeps to what OpenAI documents.

pub(crate) mod answer;
mod chunk;
mod models;
pub(crate) mod request;
mod said;
pub(crate) mod stream;
mod usage;

pub(crate) use chunk::{ChatChunk, Delta};
pub(crate) use models::ChatModel;
pub use usage::ChatUsage;
