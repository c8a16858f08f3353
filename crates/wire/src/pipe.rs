//! One upstream stream on its way to one caller.
//!
//! A stream that stays in its dialect flows through untouched, watched by a [`StreamTap`]; one that changes dialect
//! is read into [`Delta`]s and written anew, event by event, with nothing held back but an end that waits for its
//! usage. Both keep in mind, where asked to, what the caller has been told, so that another upstream can continue it.

pub(crate) mod ends;
mod hear;
mod memory;
mod said;
mod seam;
mod telling;
mod translated;
mod untouched;

use std::sync::Arc;

use memchr::memmem;
use switchyard_domain::usage::BilledUsage;

use self::ends::{Reader, Writer};
use self::memory::Memory;
use self::seam::Stitch;
use self::telling::Telling;
use self::translated::Translated;
use self::untouched::Untouched;
use crate::canonical::CallerTools;
use crate::error_body::{ErrorReply, UpstreamError, error_event};
use crate::frames::StreamEvent;
use crate::notes::{Degradation, Notes, TranslateError};
use crate::openai_responses::echo;
use crate::tap::{Observed, StreamTap};
use crate::translate::ReplyOptions;
use crate::under_way::UnderWay;
use crate::{Dialect, FinishReason, Usage};

pub use said::{Said, Unfit};
pub use seam::Seam;

/// How an upstream's stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The answer is whole, and the caller has its end marker.
    Complete,
    /// The upstream reported an error, or what can't be read.
    Failed,
    /// It broke off: no finish reason and no end marker came. The caller has no end marker either.
    Cut,
}

/// Why an event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// It is not what the upstream's dialect speaks.
    #[error("the upstream sent an event that cannot be read: {0}")]
    Malformed(String),
}

/// One stream for one caller.
#[derive(Debug)]
pub struct Pipe {
    caller: Dialect,
    options: ReplyOptions,
    flow: Flow,
    /// Events the caller got, counted for Responses callers alone.
    events: u64,
}

#[derive(Debug)]
enum Flow {
    Untouched(Box<Untouched>),
    Translated(Box<Translated>),
}

impl Pipe {
    /// A stream that stays in its dialect. `withhold_usage`: the usage chunk was the router's wish (chat). `keep`: whether
    /// to keep in mind what is said, for [`Pipe::resume`]. `json`: whether the caller demanded JSON, which is never
    /// continued.
    #[must_use]
    pub fn passthrough(
        dialect: Dialect,
        withhold_usage: bool,
        options: ReplyOptions,
        keep: bool,
        json: bool,
    ) -> Self {
        let tap = StreamTap::new(dialect);
        let memory = keep.then(|| Memory::new(json));
        let untouched = Untouched { tap, withhold_usage, memory, fault: None, is_done: false };
        Self { caller: dialect, options, flow: Flow::Untouched(Box::new(untouched)), events: 0 }
    }

    /// A stream of an upstream that speaks `from` for a caller that speaks `to`.
    #[must_use]
    pub fn translating(from: Dialect, to: Dialect, options: ReplyOptions, keep: bool, json: bool) -> Self {
        let writer = Writer::of(to, &options);
        let memory = keep.then(|| Memory::new(json));
        Self::translated(from, to, options, writer, Stitch::Done, memory)
    }

    fn translated(
        from: Dialect,
        to: Dialect,
        options: ReplyOptions,
        writer: Writer,
        stitch: Stitch,
        memory: Option<Memory>,
    ) -> Self {
        let telling = Telling::new(to, writer, stitch, &options, memory);
        let translated = Translated {
            from,
            reader: Reader::of(from),
            read: Notes::default(),
            telling,
            under_way: UnderWay::Nothing,
            is_opened: false,
            whole: None,
        };
        Self { caller: to, options, flow: Flow::Translated(Box::new(translated)), events: 0 }
    }

    /// Takes the next event and appends what the caller gets of it to `out`. Of an [`Observed::Malformed`] or
    /// [`Observed::Error`] event the caller gets nothing, unless it says something besides, before its fault.
    pub fn push(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Observed {
        let before = out.len();
        let observed = match &mut self.flow {
            Flow::Untouched(flow) => flow.push(self.caller, event, out),
            Flow::Translated(flow) => flow.push(event, out),
        };
        if self.caller == Dialect::OpenAiResponses {
            self.events += memmem::find_iter(&out[before..], b"\n\n").count() as u64;
        }
        observed
    }

    /// Takes an answer that came in one piece, though a stream was asked for, and appends the stream it stands for to
    /// `out`. An error it may hold is told by [`Pipe::error`]. `tools`: the caller's own, of an answer that stays in its
    /// dialect ([`crate::caller_tools`]).
    ///
    /// # Errors
    /// [`TranslateError::Invalid`] when the body is not an answer in its dialect.
    pub fn take_whole(
        &mut self,
        body: &[u8],
        tools: impl FnOnce() -> Option<Arc<CallerTools>>,
        out: &mut Vec<u8>,
    ) -> Result<(), TranslateError> {
        let before = out.len();
        if let Flow::Untouched(flow) = &mut self.flow {
            // What an answer repeats of its request stands in the answer itself.
            let echo = (self.caller == Dialect::OpenAiResponses).then(|| echo(body)).flatten();
            let options = ReplyOptions { hide_thoughts: false, echo, tools: tools(), ..self.options.clone() };
            let (memory, writer) = (flow.memory.take(), Writer::of(self.caller, &options));
            *self = Self::translated(self.caller, self.caller, options, writer, Stitch::Done, memory);
        }
        if let Flow::Translated(flow) = &mut self.flow {
            flow.take_whole(body, out)?;
        }
        if self.caller == Dialect::OpenAiResponses {
            self.events += memmem::find_iter(&out[before..], b"\n\n").count() as u64;
        }
        Ok(())
    }

    /// Says that the upstream's stream is over, and writes what its end still owes the caller.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> StreamEnd {
        match &mut self.flow {
            Flow::Untouched(flow) => flow.finish(self.caller, out),
            Flow::Translated(flow) => flow.finish(out),
        }
    }

    /// An error as the caller's next and last event.
    #[must_use]
    pub fn error_event(&self, reply: &ErrorReply) -> Vec<u8> {
        error_event(self.caller, reply, self.events)
    }

    /// The caller's dialect.
    #[must_use]
    pub fn caller(&self) -> Dialect {
        self.caller
    }

    /// Whether a meaningful byte has come.
    #[must_use]
    pub fn has_started(&self) -> bool {
        match &self.flow {
            Flow::Untouched(flow) => flow.tap.has_started(),
            Flow::Translated(flow) => flow.telling.facts.started,
        }
    }

    /// What the upstream's stream is at.
    #[must_use]
    pub fn under_way(&self) -> UnderWay {
        match &self.flow {
            Flow::Untouched(flow) => flow.tap.under_way(),
            Flow::Translated(flow) => flow.under_way,
        }
    }

    /// Whether the answer is whole; a stream that ends before this is cut.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.flow {
            Flow::Untouched(flow) => flow.tap.is_finished(),
            Flow::Translated(flow) => flow.is_finished(),
        }
    }

    /// The usage this upstream reported so far (of a resumed stream: this upstream's part alone).
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match &self.flow {
            Flow::Untouched(flow) => flow.tap.usage(),
            Flow::Translated(flow) => flow.telling.facts.usage,
        }
    }

    /// What of it is billed, as this upstream reported it: before any translation.
    #[must_use]
    pub fn billed(&self) -> Option<BilledUsage> {
        match &self.flow {
            Flow::Untouched(flow) => flow.tap.meter().billed(),
            Flow::Translated(flow) => flow.billed(),
        }
    }

    /// How often this upstream has reported its usage: until there is one more report, [`Pipe::billed`] stays the same.
    #[must_use]
    pub fn usage_reports(&self) -> u32 {
        match &self.flow {
            Flow::Untouched(flow) => flow.tap.meter().reports(),
            Flow::Translated(flow) => flow.reader.meter().reports(),
        }
    }

    /// The model that answers, as the upstream names it.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        match &self.flow {
            Flow::Untouched(flow) => flow.tap.model(),
            Flow::Translated(flow) => flow.telling.facts.model.as_deref(),
        }
    }

    /// Why the model stopped, once told.
    #[must_use]
    pub fn finish_reason(&self) -> Option<FinishReason> {
        match &self.flow {
            Flow::Untouched(flow) => flow.tap.finish_reason(),
            Flow::Translated(flow) => flow.telling.facts.finish,
        }
    }

    /// The error reported inside the stream, or why an event could not be read.
    #[must_use]
    pub fn error(&self) -> Option<&UpstreamError> {
        match &self.flow {
            Flow::Untouched(flow) => flow.tap.error().or(flow.fault.as_ref()),
            Flow::Translated(flow) => flow.telling.facts.error.as_ref(),
        }
    }

    /// What of the stream so far has no word in the caller's dialect.
    #[must_use]
    pub fn lost(&self) -> &[Degradation] {
        match &self.flow {
            Flow::Untouched(_) => &[],
            Flow::Translated(flow) => flow.telling.notes.noted(),
        }
    }

    /// What the caller has been told so far, for another upstream to continue.
    ///
    /// # Errors
    /// Why it can't be continued: a tool call, thinking or JSON has begun, or it was not kept in mind.
    pub fn said(&self) -> Result<&Said, Unfit> {
        self.memory().map_or(Err(Unfit::NotKept), Memory::said)
    }

    /// The same caller's stream, fed by another upstream from now on. Its usage so far is added to what the caller is told
    /// in the end; what the new upstream repeats at the seam is left out. `tools`: what that upstream was told of the
    /// caller's tools ([`ReplyOptions::tools`]). To be called where [`Pipe::said`] gives something.
    #[must_use]
    pub fn resume(&self, from: Dialect, seam: Seam, tools: Option<Arc<CallerTools>>) -> Self {
        let memory = match &self.flow {
            Flow::Untouched(flow) => flow.memory.clone().unwrap_or_default().carried_on(),
            Flow::Translated(flow) => flow.telling.carried_on(),
        };
        let stitch = Stitch::new(seam, &memory.as_is().text);
        // Usage is added up on its way to the writer.
        let said = Said { usage: Usage::default(), ..memory.as_is().clone() };
        let options = ReplyOptions { tools, ..self.options.clone() };
        let writer = Writer::resume(self.caller, &said, &options);
        let resumed = Self::translated(from, self.caller, options, writer, stitch, Some(memory));
        Self { events: self.events, ..resumed }
    }

    fn memory(&self) -> Option<&Memory> {
        match &self.flow {
            Flow::Untouched(flow) => flow.memory.as_ref(),
            Flow::Translated(flow) => flow.telling.memory.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests;
