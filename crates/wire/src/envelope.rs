//! What routing needs to know of a request, read in one borrowed pass.
//!
//! The body stays the caller's bytes: strings are skipped over, not unescaped, and nothing is built that
//! the router does not use. What is checked here is what would make routing, metering or the first
//! upstream call meaningless; every other judgement is the provider's.

mod read;
mod rewrite;
mod walk;

use std::ops::Range;

use crate::Dialect;
pub use rewrite::rewrite;

/// The routing facts of one request body, with the places a passthrough may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The dialect the body is written in.
    pub dialect: Dialect,
    /// The model the caller asked for.
    pub model: String,
    /// Where the model's JSON string lies in the body, quotes included.
    pub model_span: Range<usize>,
    /// Whether the caller wants a stream.
    pub stream: bool,
    /// The most output tokens the caller allows, per choice.
    pub max_tokens: Option<u64>,
    /// How many answers the caller wants (`n`), at least one.
    pub choices: u64,
    /// Number of messages in the conversation.
    pub message_count: usize,
    /// Whether tools are offered to the model.
    pub has_tools: bool,
    /// Whether a message carries an image.
    pub has_images: bool,
    /// Whether JSON output is demanded.
    pub wants_json: bool,
    /// The caller's own `stream_options.include_usage`, if written. Chat only.
    pub include_usage: Option<bool>,
    /// The end user the caller names (`user`, `safety_identifier` or `metadata.user_id`).
    pub user: Option<String>,
    /// A top-level `idempotencyKey`, which no provider knows and `rewrite` therefore removes.
    pub idempotency_key: Option<String>,
    /// What turns usage reporting on, where the caller has not.
    usage_splice: Option<Splice>,
    /// The `idempotencyKey` member with the comma that belongs to it.
    key_member: Option<Range<usize>>,
}

/// One change to a body: the bytes of `range` give way to `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Splice {
    range: Range<usize>,
    text: &'static str,
}

/// Why a body cannot be routed: the caller's mistake, named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", .field.as_deref().map(|field| format!("{field}: ")).unwrap_or_default())]
pub struct EnvelopeError {
    /// The field at fault, such as `messages[0].role`; none when the body as a whole is.
    pub field: Option<String>,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl EnvelopeError {
    fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), message: message.into() }
    }

    fn body(message: impl Into<String>) -> Self {
        Self { field: None, message: message.into() }
    }
}

impl Envelope {
    /// Reads a request body written in `dialect`.
    ///
    /// # Errors
    /// The first thing that makes the body unroutable, naming the field.
    pub fn read(dialect: Dialect, body: &[u8]) -> Result<Self, EnvelopeError> {
        read::read(dialect, body)
    }
}

#[cfg(test)]
mod tests;
