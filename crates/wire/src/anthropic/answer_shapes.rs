//! Messages answers and stream events, both ways.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Block;
use crate::Usage;

/// Usage as Anthropic reports it: `input_tokens` leaves out what was read from or written to the cache.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct MessagesUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}

impl From<MessagesUsage> for Usage {
    fn from(usage: MessagesUsage) -> Self {
        let read = usage.cache_read_input_tokens.unwrap_or(0);
        let written = usage.cache_creation_input_tokens.unwrap_or(0);
        let fresh = usage.input_tokens.unwrap_or(0);
        Self {
            input_tokens: fresh.saturating_add(read).saturating_add(written),
            output_tokens: usage.output_tokens.unwrap_or(0),
            cached_input_tokens: read,
            cache_write_tokens: written,
            reasoning_tokens: 0,
        }
    }
}

/// Usage as written to a Messages caller.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct WrittenUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
}

impl From<Usage> for WrittenUsage {
    fn from(usage: Usage) -> Self {
        let cached = usage.cached_input_tokens.saturating_add(usage.cache_write_tokens);
        Self {
            input_tokens: usage.input_tokens.saturating_sub(cached),
            cache_creation_input_tokens: usage.cache_write_tokens,
            cache_read_input_tokens: usage.cached_input_tokens,
            output_tokens: usage.output_tokens,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Answer<'a> {
    pub(crate) id: &'a str,
    pub(crate) r#type: &'static str,
    pub(crate) role: &'static str,
    pub(crate) model: &'a str,
    pub(crate) content: Vec<Block>,
    pub(crate) stop_reason: Option<&'static str>,
    pub(crate) stop_sequence: Option<()>,
    pub(crate) usage: WrittenUsage,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum StreamEvent<'a> {
    MessageStart { message: Answer<'a> },
    ContentBlockStart { index: usize, content_block: BlockStart<'a> },
    ContentBlockDelta { index: usize, delta: BlockDelta<'a> },
    ContentBlockStop { index: usize },
    MessageDelta { delta: StopDelta, usage: WrittenUsage },
    MessageStop,
}

impl StreamEvent<'_> {
    /// The SSE event name, which repeats the type.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum BlockStart<'a> {
    Text { text: &'a str },
    ToolUse { id: &'a str, name: &'a str, input: Empty },
}

/// `{}`: a tool's input comes in deltas.
#[derive(Debug, Serialize)]
pub(crate) struct Empty {}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum BlockDelta<'a> {
    TextDelta { text: &'a str },
    InputJsonDelta { partial_json: &'a str },
}

#[derive(Debug, Serialize)]
pub(crate) struct StopDelta {
    pub(crate) stop_reason: &'static str,
    pub(crate) stop_sequence: Option<()>,
}

/// An answer as an upstream sends it.
#[derive(Debug, Deserialize)]
pub(crate) struct ReadAnswer {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) content: Vec<ReadBlock>,
    pub(crate) stop_reason: Option<String>,
    pub(crate) usage: Option<MessagesUsage>,
}

/// A content block of any type; the type says which members count.
#[derive(Debug, Deserialize)]
pub(crate) struct ReadBlock {
    pub(crate) r#type: String,
    pub(crate) text: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) input: Option<Box<RawValue>>,
}

/// A stream event of any type.
#[derive(Debug, Deserialize)]
pub(crate) struct ReadEvent {
    pub(crate) r#type: String,
    pub(crate) index: Option<usize>,
    pub(crate) message: Option<ReadStart>,
    pub(crate) content_block: Option<ReadBlock>,
    pub(crate) delta: Option<ReadDelta>,
    pub(crate) usage: Option<MessagesUsage>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ReadStart {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) usage: Option<MessagesUsage>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ReadDelta {
    pub(crate) r#type: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) partial_json: Option<String>,
    pub(crate) stop_reason: Option<String>,
}
