//! A stream that stays in its dialect: the bytes as they came, watched.

use super::StreamEnd;
use super::hear::hear;
use super::memory::Memory;
use crate::Dialect;
use crate::error_body::{ErrorShape, UpstreamError};
use crate::frames::StreamEvent;
use crate::sse::encode_event;
use crate::tap::{Observed, StreamTap};

/// A stream that flows by as it came.
#[derive(Debug)]
pub(super) struct Untouched {
    pub(super) tap: StreamTap,
    pub(super) withhold_usage: bool,
    pub(super) memory: Option<Memory>,
    /// Why an event could not be read.
    pub(super) fault: Option<UpstreamError>,
    /// Whether the caller has the end marker.
    pub(super) is_done: bool,
}

impl Untouched {
    pub(super) fn push(&mut self, caller: Dialect, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Observed {
        let was_whole = self.tap.is_finished();
        let chunk = self.tap.chunk_of(event);
        let observed = self.tap.observe_read(event, chunk.as_ref());
        match observed {
            // What comes behind a whole answer changes nothing of it.
            Observed::Malformed | Observed::Error if was_whole => return Observed::Quiet,
            Observed::Malformed => {
                let why = "an event is not of the dialect it should be in";
                self.fault = Some(UpstreamError::plain(ErrorShape::Text, why));
                return observed;
            }
            Observed::Error => return observed,
            Observed::UsageOnly if self.withhold_usage => {}
            // Callers' SDKs would take it for an answer's part and fail; a comment is a sign of life to all of them.
            Observed::Quiet if event.is_heartbeat() && !event.data.is_empty() => {
                out.extend_from_slice(b":\n\n");
                return observed;
            }
            // Half an event, or one that says nothing: the stream broke off inside it.
            Observed::Quiet if !event.complete => return observed,
            Observed::UsageOnly | Observed::Quiet | Observed::Content | Observed::Finish | Observed::Done => {
                out.extend_from_slice(event.raw);
                if !event.complete {
                    // Only its blank line is missing.
                    out.extend_from_slice(if event.raw.ends_with(b"\n") { b"\n" } else { b"\n\n" });
                }
            }
        }
        self.is_done |= observed == Observed::Done;
        if let Some(memory) = &mut self.memory {
            if !event.data.is_empty() {
                hear(memory, caller, event, chunk.as_ref());
            }
            if let Some(usage) = self.tap.usage() {
                memory.usage(usage);
            }
        }
        observed
    }

    pub(super) fn finish(&mut self, caller: Dialect, out: &mut Vec<u8>) -> StreamEnd {
        if !self.tap.is_finished() {
            let has_failed = self.tap.error().is_some() || self.fault.is_some();
            return if has_failed { StreamEnd::Failed } else { StreamEnd::Cut };
        }
        // Some servers close behind the reason of the end; callers wait for the marker.
        if !std::mem::replace(&mut self.is_done, true) {
            match caller {
                Dialect::AnthropicMessages => {
                    encode_event(out, Some("message_stop"), br#"{"type":"message_stop"}"#);
                }
                Dialect::OpenAiChat | Dialect::BedrockConverse => {
                    encode_event(out, None, b"[DONE]");
                }
                // The one's answer is never whole without, the other has none.
                Dialect::OpenAiResponses | Dialect::Gemini => {}
            }
        }
        StreamEnd::Complete
    }
}
