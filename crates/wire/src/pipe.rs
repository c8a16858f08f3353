//! One upstream stream on its way to one caller.
//!
//! A stream that stays in its dialect flows through untouched, watched by a [`StreamTap`]; one that changes dialect
//! is read into [`Delta`]s and written anew, event by event, with nothing held back but an end that waits for its
//! usage. Both keep in mind, where asked to, what the caller has been told, so that another upstream can continue it.

mod ends;
mod hear;
mod memory;
mod said;
mod seam;
mod telling;

use memchr::memmem;

use self::ends::{Reader, Writer};
use self::memory::Memory;
use self::seam::Stitch;
use self::telling::Telling;
use crate::error_body::{ErrorReply, ErrorShape, UpstreamError, error_event};
use crate::frames::StreamEvent;
use crate::notes::{Degradation, Notes};
use crate::sse::encode_event;
use crate::tap::{Observed, StreamTap};
use crate::translate::ReplyOptions;
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

/// A stream that flows by as it came.
#[derive(Debug)]
struct Untouched {
    tap: StreamTap,
    withhold_usage: bool,
    memory: Option<Memory>,
    /// Why an event could not be read.
    fault: Option<UpstreamError>,
    /// Whether the caller has `[DONE]`.
    is_done: bool,
}

/// A stream that is read and written anew.
#[derive(Debug)]
struct Translated {
    from: Dialect,
    reader: Reader,
    /// What the reader noted of the event at hand.
    read: Notes,
    telling: Telling,
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
        let translated = Translated { from, reader: Reader::of(from), read: Notes::default(), telling };
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
    /// in the end; what the new upstream repeats at the seam is left out. To be called where [`Pipe::said`] gives something.
    #[must_use]
    pub fn resume(&self, from: Dialect, seam: Seam) -> Self {
        let memory = match &self.flow {
            Flow::Untouched(flow) => flow.memory.clone().unwrap_or_default().carried_on(),
            Flow::Translated(flow) => flow.telling.carried_on(),
        };
        let stitch = Stitch::new(seam, &memory.as_is().text);
        // Usage is added up on its way to the writer.
        let said = Said { usage: Usage::default(), ..memory.as_is().clone() };
        let writer = Writer::resume(self.caller, &said, &self.options);
        let resumed = Self::translated(from, self.caller, self.options.clone(), writer, stitch, Some(memory));
        Self { events: self.events, ..resumed }
    }

    fn memory(&self) -> Option<&Memory> {
        match &self.flow {
            Flow::Untouched(flow) => flow.memory.as_ref(),
            Flow::Translated(flow) => flow.telling.memory.as_ref(),
        }
    }
}

impl Untouched {
    fn push(&mut self, caller: Dialect, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Observed {
        let observed = self.tap.observe(event);
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
                hear::hear(memory, caller, event);
            }
            if let Some(usage) = self.tap.usage() {
                memory.usage(usage);
            }
        }
        observed
    }

    fn finish(&mut self, caller: Dialect, out: &mut Vec<u8>) -> StreamEnd {
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

impl Translated {
    fn push(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Observed {
        if event.data.is_empty() || self.telling.facts.error.is_some() {
            return Observed::Quiet;
        }
        let Self { reader, read, telling, .. } = self;
        let mut observed = Observed::Quiet;
        let fault = reader.read(event, read, &mut |delta| {
            let one = telling.take(delta, out);
            if weight(one) > weight(observed) {
                observed = one;
            }
        });
        telling.notes.take_from(read);
        match fault {
            Ok(()) => observed,
            // The stream broke off inside this event: that is a cut, not a provider speaking nonsense.
            Err(_) if !event.complete => observed,
            Err(fault @ StreamFault::Malformed(_)) => {
                telling.facts.error = Some(UpstreamError::plain(ErrorShape::Text, &fault.to_string()));
                Observed::Malformed
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> StreamEnd {
        let Self { reader, telling, .. } = self;
        if telling.facts.error.is_none() {
            reader.finish(&mut |delta| {
                telling.take(delta, out);
            });
        }
        if telling.facts.error.is_some() {
            StreamEnd::Failed
        } else if telling.facts.ended {
            StreamEnd::Complete
        } else {
            StreamEnd::Cut
        }
    }

    /// Whether the end came, or (where the dialect can do without its mark) the finish reason.
    fn is_finished(&self) -> bool {
        let facts = &self.telling.facts;
        match self.from {
            Dialect::OpenAiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                facts.ended || facts.finish.is_some()
            }
            Dialect::OpenAiResponses | Dialect::AnthropicMessages => facts.ended,
        }
    }
}

/// Which of an event's deltas names it.
fn weight(observed: Observed) -> u8 {
    match observed {
        Observed::Quiet => 0,
        Observed::UsageOnly => 1,
        Observed::Finish => 2,
        Observed::Done => 3,
        // An event that says something and ends the answer is news first.
        Observed::Content => 4,
        Observed::Error => 5,
        Observed::Malformed => 6,
    }
}

#[cfg(test)]
mod tests;
