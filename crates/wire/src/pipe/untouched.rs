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
    /// Whether the caller has `[DONE]`.
    pub(super) is_done: bool,
}

impl Untouched {
    pub(super) fn push(&mut self, caller: Dialect, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Observed {
        let chunk = self.tap.chunk_of(event);
        let observed = self.tap.observe_read(event, chunk.as_ref());
        match observed {
            Observed::Malformed => {
                let why = "an event is not of the dialect it should be in";
                self.fault = Some(UpstreamError::plain(ErrorShape::Text, why));
                return observed;
            }
            Observed::Error => return observed,
            Observed::UsageOnly if self.withhold_usage => {}
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
        if self.tap.error().is_some() || self.fault.is_some() {
            return StreamEnd::Failed;
        }
        if !self.tap.is_finished() {
            return StreamEnd::Cut;
        }
        // Some servers close behind the finish reason; a chat caller waits for its marker.
        if caller == Dialect::OpenAiChat && !self.is_done {
            self.is_done = true;
            encode_event(out, None, b"[DONE]");
        }
        StreamEnd::Complete
    }
}
