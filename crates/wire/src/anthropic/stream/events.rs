//! Events, as they are written.

use serde::Serialize;

use crate::anthropic::answer::Written;
use crate::anthropic::usage::WrittenUsage;
use crate::sse::USUAL_EVENT;

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    MessageStart { message: Written<'a> },
    ContentBlockStart { index: usize, content_block: BlockStart<'a> },
    ContentBlockDelta { index: usize, delta: Piece<'a> },
    ContentBlockStop { index: usize },
    MessageDelta { delta: Stop<'a>, usage: WrittenUsage },
    MessageStop,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum BlockStart<'a> {
    Text { text: &'static str },
    Thinking { thinking: &'static str, signature: &'static str },
    RedactedThinking { data: &'a str },
    ToolUse { id: &'a str, name: &'a str, input: Empty },
}

/// `{}`: a tool's input comes in deltas.
#[derive(Debug, Serialize)]
pub(super) struct Empty {}

#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum Piece<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
}

#[derive(Debug, Serialize)]
pub(super) struct Stop<'a> {
    pub(super) stop_reason: &'static str,
    pub(super) stop_sequence: Option<&'a str>,
}

impl Event<'_> {
    /// The SSE event name, which repeats the type.
    fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.reserve(USUAL_EVENT);
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(self.name().as_bytes());
        // Compact JSON holds no line break, so the event's frame can be written around it.
        out.extend_from_slice(b"\ndata: ");
        let written = serde_json::to_writer(&mut *out, self);
        debug_assert!(written.is_ok(), "strings and numbers always serialize");
        out.extend_from_slice(b"\n\n");
    }
}
