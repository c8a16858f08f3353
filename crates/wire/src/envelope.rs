//! What routing needs to know of a request, read in one borrowed pass.
//!
//! The body stays the caller's bytes: strings are skipped over, not unescaped, and nothing is built that
//! the router does not use. What is checked here is what would make routing, metering or the first
//! upstream call meaningless; every other judgement is the provider's.

mod features;
mod fields;
mod gemini;
mod parts;
mod read;
mod rewrite;
mod walk;

use std::ops::Range;

use switchyard_domain::limits::bounded;
use switchyard_domain::{FeatureSet, Operation};

use crate::Dialect;
use crate::notes::{FIELD_LIMIT, MESSAGE_LIMIT};
pub use rewrite::{rewrite, without_members};

/// The routing facts of one request body, with the places a passthrough may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The dialect the body is written in.
    pub dialect: Dialect,
    /// What is asked for.
    pub operation: Operation,
    /// The model the caller asked for.
    pub model: String,
    /// Where the model's JSON string lies in the body, quotes included; what names it, where the URL did (Gemini).
    pub model_span: Range<usize>,
    /// Whether the caller wants a stream.
    pub stream: bool,
    /// The most output tokens the caller allows, per choice.
    pub max_tokens: Option<u64>,
    /// How many answers the caller wants (`n`), at least one.
    pub choices: u64,
    /// Number of messages in the conversation, of items in an `input`, of texts to embed.
    pub message_count: usize,
    /// What a route must be able to do to answer as asked.
    pub features: FeatureSet,
    /// Bytes of the prompt's text as written, tools and schemas included, images and files left out. A token is about
    /// four of them (OpenAI, "What are tokens"), see [`crate::estimate_tokens`].
    pub prompt_chars: u64,
    /// Images, documents and sounds in the prompt.
    pub media_count: u64,
    /// Whether the body may hold a seal of another vendor, see [`crate::strip_foreign_seals`].
    pub has_seals: bool,
    /// The caller's own `stream_options.include_usage`, if written. Chat only.
    pub include_usage: Option<bool>,
    /// The end user the caller names (`user`, `safety_identifier` or `metadata.user_id`).
    pub user: Option<String>,
    /// A top-level `idempotencyKey`, which no provider knows and `rewrite` therefore removes.
    pub idempotency_key: Option<String>,
    /// The conversation or the cache the caller names: `prompt_cache_key`, `conversation` or `previous_response_id`, as
    /// JSON.
    pub conversation: Option<String>,
    /// Whether it marks a part of its prompt for the provider's cache (`cache_control`).
    pub marks_cache: bool,
    /// A hash of the system prompt and the first user message: the same for every turn of a conversation.
    pub opening: u64,
    /// A value that is not what its dialect says. Its provider judges it; a translation can't carry it.
    pub odd: Option<EnvelopeError>,
    /// What turns usage reporting on, where the caller has not.
    usage_splice: Option<Splice>,
    /// The `idempotencyKey` member with the comma that belongs to it.
    key_member: Option<Range<usize>>,
    /// The same of the member that holds what the URL said (Gemini).
    url_member: Option<Range<usize>>,
    /// Where else in the body the model is named, as a resource (`models/x`, Gemini).
    resources: Vec<Range<usize>>,
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
        Self { field: Some(bounded(field.into(), FIELD_LIMIT)), ..Self::body(message) }
    }

    fn body(message: impl Into<String>) -> Self {
        Self { field: None, message: bounded(message.into(), MESSAGE_LIMIT) }
    }
}

impl Envelope {
    /// Reads the body of a request for `operation`, written in `dialect`.
    ///
    /// # Errors
    /// The first thing that makes the body unroutable, naming the field.
    pub fn read(dialect: Dialect, operation: Operation, body: &[u8]) -> Result<Self, EnvelopeError> {
        read::read(dialect, operation, body)
    }
}

/// Bytes of text one token stands for (OpenAI, "What are tokens and how to count them": about four characters of English).
const BYTES_PER_TOKEN: u64 = 4;
/// What a message costs besides its text: its role and its delimiters.
const TOKENS_PER_MESSAGE: u64 = 4;
/// What an image costs at most before it is scaled down (Anthropic, "Vision": about 1,600), and a page of a document too.
const TOKENS_PER_MEDIA: u64 = 1_600;

impl Envelope {
    /// About how many tokens the prompt has. For where no one can count them: only its provider knows.
    #[must_use]
    pub fn estimated_prompt_tokens(&self) -> u64 {
        let messages = (self.message_count as u64).saturating_mul(TOKENS_PER_MESSAGE);
        let media = self.media_count.saturating_mul(TOKENS_PER_MEDIA);
        self.prompt_chars.div_ceil(BYTES_PER_TOKEN).saturating_add(messages).saturating_add(media)
    }
}

/// About how many tokens the prompt in a body has, see [`Envelope::estimated_prompt_tokens`]. A body that can't be read is
/// taken for text.
#[must_use]
pub fn estimate_tokens(dialect: Dialect, body: &[u8]) -> u64 {
    let read = Envelope::read(dialect, Operation::CountTokens, body);
    read.map_or_else(
        |_| (body.len() as u64).div_ceil(BYTES_PER_TOKEN),
        |envelope| envelope.estimated_prompt_tokens(),
    )
}

#[cfg(test)]
mod tests;
