//! Streams cut into events, whatever they are framed in.

use crate::Dialect;
use crate::event_stream::{EventStreamDecoder, EventStreamError};
use crate::sse::{SseDecoder, SseError};

/// One event of a stream: an SSE block up to and including its blank line, or an AWS event-stream message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamEvent<'a> {
    /// The `event:` field, if written; the `:event-type`, `:exception-type` or `:error-code` of a message.
    pub event: Option<&'a str>,
    /// The `data:` lines joined by newlines; empty for a block of comments. A message's payload; never empty for an
    /// exception or an error, whose name and text then stand here as `{"__type", "message"}`.
    pub data: &'a [u8],
    /// The block's bytes as they came. Concatenated over a stream they are the stream.
    pub raw: &'a [u8],
    /// False for a last block the stream ended in the middle of.
    pub complete: bool,
}

impl<'a> StreamEvent<'a> {
    /// Whether its data is nothing any API says: a sign of life (`ping`, `[PING]`, `""`) that some servers write as data
    /// instead of as a comment.
    pub(crate) fn is_heartbeat(&self) -> bool {
        let is_said = match self.data.trim_ascii_start() {
            [b'{', ..] => true,
            [b'[', rest @ ..] => rest.trim_ascii_start().starts_with(b"{") || rest == b"DONE]",
            _ => false,
        };
        !is_said && self.complete && self.event != Some("error")
    }

    /// An event that holds this and came in no frame.
    pub(crate) const fn of_data(data: &'a [u8]) -> Self {
        Self { event: None, data, raw: data, complete: true }
    }

    /// Whether its data is JSON: something its sender said, and no noise.
    #[must_use]
    pub fn is_json(&self) -> bool {
        serde_json::from_slice::<serde::de::IgnoredAny>(self.data).is_ok()
    }
}

/// Cuts a stream into events: `push` bytes, then take events with `next_event` until there is none.
#[derive(Debug)]
pub enum FrameDecoder {
    /// Server-sent events.
    Sse(SseDecoder),
    /// AWS event-stream messages.
    EventStream(EventStreamDecoder),
}

impl FrameDecoder {
    /// The decoder of a dialect's streams.
    #[must_use]
    pub fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::Gemini => {
                Self::Sse(SseDecoder::default())
            }
            Dialect::BedrockConverse => Self::EventStream(EventStreamDecoder::default()),
        }
    }

    /// Adds bytes from the upstream.
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Sse(decoder) => decoder.push(bytes),
            Self::EventStream(decoder) => decoder.push(bytes),
        }
    }

    /// Says that no more bytes will come; what is left is then given as an incomplete event.
    pub fn finish(&mut self) {
        match self {
            Self::Sse(decoder) => decoder.finish(),
            Self::EventStream(decoder) => decoder.finish(),
        }
    }

    /// The next event, if the bytes so far hold one.
    ///
    /// # Errors
    /// When the stream can't be cut any further, again on every later call.
    pub fn next_event(&mut self) -> Result<Option<StreamEvent<'_>>, FrameError> {
        match self {
            Self::Sse(decoder) => decoder.next_event().map_err(FrameError::from),
            Self::EventStream(decoder) => decoder.next_event().map_err(FrameError::from),
        }
    }
}

/// Why a stream can't be cut into events any further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// See [`SseError`].
    #[error(transparent)]
    Sse(#[from] SseError),
    /// See [`EventStreamError`].
    #[error(transparent)]
    EventStream(#[from] EventStreamError),
}

impl FrameError {
    /// Whether what came is no stream or was damaged on its way; else it is only larger than is read here.
    #[must_use]
    pub const fn is_noise(&self) -> bool {
        match self {
            Self::Sse(SseError::EventTooLarge { .. })
            | Self::EventStream(EventStreamError::TooLarge { .. }) => false,
            Self::EventStream(EventStreamError::Malformed(_)) => true,
        }
    }
}
