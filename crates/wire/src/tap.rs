//! Watches a stream that is relayed untouched, and tells what the router must know of it.
//!
//! The tap reads each event once, borrowed, and keeps only small facts: it never changes, holds back or
//! copies what flows by.

mod chat;
pub(crate) mod gemini;
mod messages;
mod responses;

use crate::error_body::{UpstreamError, read_error};
use crate::openai_chat::ChatChunk;
use crate::openai_responses::Searches;
use crate::openai_responses::stream::stream_error;
use crate::under_way::UnderWay;
use crate::usage::Meter;
use crate::{Dialect, FinishReason, StreamEvent, Usage};

/// What one event of a stream was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Nothing a reader would notice: a role, a ping, an empty delta, a comment, message framing.
    Quiet,
    /// Text, reasoning, a refusal or a tool call: once relayed there is no way back.
    Content,
    /// A chat chunk without choices that carries usage: withhold it if the caller did not ask for it.
    UsageOnly,
    /// The model said why it stopped.
    Finish,
    /// The end marker (`[DONE]`, `message_stop`).
    Done,
    /// The provider reported an error inside the stream; see [`StreamTap::error`].
    Error,
    /// The event is not what the dialect speaks.
    Malformed,
}

/// A reader's notes on one upstream stream.
#[derive(Debug)]
pub struct StreamTap {
    dialect: Dialect,
    notes: Notes,
    meter: Meter,
    /// Searches of a Responses stream's provider, by the items done so far.
    searches: Searches,
    under_way: UnderWay,
    /// Whether an event with data has come.
    opened: bool,
    done: bool,
    malformed: bool,
    error: Option<UpstreamError>,
    /// Chat choices begun and finished, one bit each (the last bit stands for all beyond).
    choices_seen: u64,
    choices_finished: u64,
}

/// What both dialects' readers note down.
#[derive(Debug, Default)]
struct Notes {
    started: bool,
    finish: Option<FinishReason>,
}

impl StreamTap {
    /// A tap for a stream in `dialect`.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            notes: Notes::default(),
            meter: Meter::default(),
            searches: Searches::default(),
            under_way: UnderWay::Nothing,
            opened: false,
            done: false,
            malformed: false,
            error: None,
            choices_seen: 0,
            choices_finished: 0,
        }
    }

    /// Reads the next event.
    pub fn observe(&mut self, event: &StreamEvent<'_>) -> Observed {
        self.observe_read(event, self.chunk_of(event).as_ref())
    }

    /// The chunk an event of a chat stream holds.
    pub(crate) fn chunk_of<'a>(&self, event: &StreamEvent<'a>) -> Option<ChatChunk<'a>> {
        match self.dialect {
            Dialect::OpenAiChat | Dialect::BedrockConverse => ChatChunk::read(event.data),
            Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::Gemini => None,
        }
    }

    /// Reads the next event, whose chunk has been read already.
    pub(crate) fn observe_read(
        &mut self,
        event: &StreamEvent<'_>,
        chunk: Option<&ChatChunk<'_>>,
    ) -> Observed {
        if event.data.is_empty() || event.is_heartbeat() {
            self.under_way.quiet(self.dialect, event, false);
            return Observed::Quiet;
        }
        let is_first = !std::mem::replace(&mut self.opened, true);
        let observed = match self.dialect {
            Dialect::OpenAiChat | Dialect::BedrockConverse => self.observe_chat(event, chunk),
            Dialect::Gemini => self.observe_gemini(event),
            Dialect::OpenAiResponses => self.observe_responses(event),
            Dialect::AnthropicMessages => self.observe_messages(event),
        };
        match observed {
            // The stream broke off inside this event: that is a cut, not a provider speaking nonsense.
            Observed::Malformed if !event.complete => return Observed::Quiet,
            Observed::Malformed => self.malformed = true,
            Observed::Error if self.dialect == Dialect::OpenAiResponses => {
                self.error = Some(stream_error(event.data));
            }
            Observed::Error => self.error = Some(read_error(None, event.data)),
            Observed::Done => self.done = true,
            Observed::Content => self.notes.started = true,
            Observed::Quiet => self.under_way.quiet(self.dialect, event, is_first),
            Observed::UsageOnly | Observed::Finish => {}
        }
        observed
    }

    /// Whether a meaningful byte has come.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.notes.started
    }

    /// What the stream is at.
    #[must_use]
    pub fn under_way(&self) -> UnderWay {
        self.under_way
    }

    /// Whether the answer is whole: its end marker came, or the reason of its end (chat: of every choice's). A stream that
    /// ends before this is cut. Responses tell their reason with their end marker alone.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match self.dialect {
            Dialect::OpenAiChat | Dialect::BedrockConverse => {
                self.done || (self.choices_seen != 0 && self.choices_seen == self.choices_finished)
            }
            Dialect::AnthropicMessages | Dialect::Gemini => self.done || self.notes.finish.is_some(),
            Dialect::OpenAiResponses => self.done,
        }
    }

    /// Whether an event was not what the dialect speaks.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.malformed
    }

    /// The usage reported so far.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.meter.usage()
    }

    /// What the upstream has reported of what its answer costs.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The model that answers, as the upstream names it.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.meter.model()
    }

    /// Why the model stopped, once told.
    #[must_use]
    pub fn finish_reason(&self) -> Option<FinishReason> {
        self.notes.finish
    }

    /// The error reported inside the stream.
    #[must_use]
    pub fn error(&self) -> Option<&UpstreamError> {
        self.error.as_ref()
    }
}

#[cfg(test)]
mod tests;
