//! Converse as this router reads and writes it.
//!
//! One API for many vendors' models: what a model takes beyond it (thinking, top-k) travels in
//! `additionalModelRequestFields`, and what it does not take of it is known by the model's id alone, which stands in the
//! URL. Sources: "Amazon Bedrock API Reference" (Converse, ConverseStream) and the user guides of Bedrock and Nova.

pub(crate) mod answer;
pub mod count;
pub(crate) mod model;
mod redacted;
pub(crate) mod request;
mod request_shapes;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
mod usage;

use crate::members::Text;

pub(crate) use answer::finish_reason;
pub(crate) use usage::ConverseTier;
pub use usage::ConverseUsage;
