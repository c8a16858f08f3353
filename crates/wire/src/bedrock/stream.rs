//! Converse streams.
//!
//! The reason of the end comes before the usage (`messageStop`, then `metadata`), so an answer is whole at its metadata, or
//! when the upstream closes after its reason. Exceptions are messages of the stream.

mod events;

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::FinishReason;
use crate::canonical::{Delta, Origin, Signature};
use crate::error_body::{UpstreamError, read_error};
use crate::frames::StreamEvent;
use crate::json;
use crate::members::borrowed_text;
use crate::notes::Notes;
use crate::pipe::StreamFault;
use crate::sse::DEFAULT_EVENT_LIMIT;
use crate::usage::Meter;

use super::answer::finish_of;
use super::redacted;
use events::{BlockDelta, BlockEvent, Exception, Metadata, Reasoning, Stop};

/// The exceptions that stand for a failure of the model and of Bedrock itself.
const MODEL_ERROR: &str = "modelStreamErrorException";
const SERVICE_ERROR: &str = "internalServerException";

/// Blocks that may be open at once; the models write one after the other.
const OPEN_LIMIT: usize = 256;

/// Reads an upstream's stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    has_started: bool,
    finish: Option<FinishReason>,
    has_usage: bool,
    meter: Meter,
    has_ended: bool,
    has_ended_text: bool,
    /// Tool calls begun so far.
    calls: usize,
    open: Vec<OpenCall>,
    /// The seal of the thinking block that is open, which may come in pieces.
    seal: String,
    /// The thinking only its provider can read of the block that is open, likewise.
    redacted: Vec<u8>,
}

/// A tool call whose block is open.
#[derive(Debug)]
struct OpenCall {
    /// Its block's number.
    block: u64,
    /// Its own; none for a call that is not the caller's.
    call: Option<usize>,
    has_input: bool,
}

type Sink<'s> = &'s mut dyn FnMut(&Delta<'_>);

impl Reader {
    /// Reads one event (never of empty data) and gives its deltas to `sink`.
    pub(crate) fn read(
        &mut self,
        event: &StreamEvent<'_>,
        notes: &mut Notes,
        sink: Sink<'_>,
    ) -> Result<(), StreamFault> {
        if self.has_ended || !event.complete {
            return Ok(());
        }
        match event.event.unwrap_or_default() {
            "messageStart" => self.begin(sink),
            "contentBlockStart" => self.block_start(&parse(event)?, notes, sink)?,
            "contentBlockDelta" => self.block_delta(parse(event)?, notes, sink)?,
            "contentBlockStop" => {
                self.has_ended_text = true;
                let BlockEvent { index, .. } = parse(event)?;
                self.seal_thinking(sink);
                self.close(index, sink);
            }
            "messageStop" => self.stop(&parse(event)?, notes, sink),
            "metadata" => self.metadata(&parse(event)?, notes, sink),
            name => self.other(name, event, notes, sink),
        }
        Ok(())
    }

    /// What the upstream has reported.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Whether the text so far is over.
    pub(crate) fn has_ended_text(&self) -> bool {
        self.has_ended_text
    }

    /// The upstream closed: gives the end where the dialect has no mark for it and the answer is whole.
    pub(crate) fn finish(&mut self, sink: Sink<'_>) {
        if self.finish.is_some() {
            self.end(sink);
        }
    }

    fn begin(&mut self, sink: Sink<'_>) {
        if !std::mem::replace(&mut self.has_started, true) {
            sink(&Delta::Start { id: None, model: None });
        }
    }

    fn end(&mut self, sink: Sink<'_>) {
        if !std::mem::replace(&mut self.has_ended, true) {
            sink(&Delta::End);
        }
    }

    /// Says that more of the answer comes: after its reason nothing may.
    fn goes_on(&mut self, sink: Sink<'_>) -> Result<(), StreamFault> {
        if self.finish.is_some() {
            return Err(StreamFault::Malformed("content after messageStop".to_owned()));
        }
        self.begin(sink);
        Ok(())
    }

    fn block_start(
        &mut self,
        event: &BlockEvent<'_>,
        notes: &mut Notes,
        sink: Sink<'_>,
    ) -> Result<(), StreamFault> {
        self.goes_on(sink)?;
        self.seal_thinking(sink);
        let start = event.start.as_ref();
        let Some(tool) = start.and_then(|start| start.tool_use.as_ref()) else {
            if start.is_some() {
                notes.add_once("stream_part_dropped", "contentBlockStart.start");
            }
            return Ok(());
        };
        if self.open.len() >= OPEN_LIMIT {
            return Err(StreamFault::Malformed(format!("more than {OPEN_LIMIT} tool calls at once")));
        }
        let is_the_callers = tool.kind.as_ref().is_none_or(|kind| kind.0 != "server_tool_use");
        let call = is_the_callers.then_some(self.calls);
        self.open.push(OpenCall { block: event.index.unwrap_or_default(), call, has_input: false });
        if let Some(call) = call {
            self.calls += 1;
            let [id, name] = [&tool.id, &tool.name]
                .map(|text| Cow::Borrowed(text.as_ref().map_or("", |text| text.as_str())));
            sink(&Delta::ToolStart { call, id, name, signature: None });
        } else {
            notes.add_once("server_tool_dropped", "contentBlockStart.start.toolUse");
        }
        Ok(())
    }

    fn block_delta(
        &mut self,
        event: BlockEvent<'_>,
        notes: &mut Notes,
        sink: Sink<'_>,
    ) -> Result<(), StreamFault> {
        self.goes_on(sink)?;
        let delta = event.delta.unwrap_or_default();
        let BlockDelta { text, tool_use, reasoning_content, citation } = delta;
        if text.is_none() && tool_use.is_none() && reasoning_content.is_none() && citation.is_none() {
            notes.add_once("stream_part_dropped", "contentBlockDelta.delta");
        }
        if let Some(text) = text {
            self.seal_thinking(sink);
            self.has_ended_text = false;
            if !text.0.is_empty() {
                sink(&Delta::Text(text.0));
            }
        }
        if let Some(piece) = tool_use {
            self.input(event.index, piece.input, notes, sink);
        }
        if let Some(piece) = reasoning_content {
            self.reasoning(piece, notes, sink)?;
        }
        if citation.is_some() {
            notes.add_once("citations_dropped", "contentBlockDelta.delta.citation");
        }
        Ok(())
    }

    /// Tells a piece of a call's input, which some gateways write as the object it is.
    fn input(&mut self, block: Option<u64>, input: Option<&RawValue>, notes: &mut Notes, sink: Sink<'_>) {
        let is_of = |open: &&mut OpenCall| block.is_none_or(|block| block == open.block);
        let Some(open) = self.open.iter_mut().rev().find(is_of) else {
            return notes.add_once("tool_arguments_dropped", "contentBlockDelta.delta.toolUse");
        };
        let Some(input) = input else { return };
        let json = borrowed_text(input).unwrap_or(Cow::Borrowed(input.get()));
        if let Some(call) = open.call
            && !json.is_empty()
        {
            open.has_input = true;
            sink(&Delta::ToolArguments { call, json });
        }
    }

    fn reasoning(
        &mut self,
        piece: Reasoning<'_>,
        notes: &mut Notes,
        sink: Sink<'_>,
    ) -> Result<(), StreamFault> {
        if let Some(text) = piece.text
            && !text.0.is_empty()
        {
            sink(&Delta::Thinking(text.0));
        }
        if let Some(seal) = piece.signature {
            self.seal.push_str(&seal.0);
        }
        if let Some(blob) = piece.redacted_content {
            match aws_smithy_types::base64::decode(&*blob.0) {
                Ok(bytes) => self.redacted.extend(bytes),
                // It could not go home.
                Err(_) => notes.add_once("thinking_dropped", "contentBlockDelta.delta.reasoningContent"),
            }
        }
        if self.seal.len() + self.redacted.len() > DEFAULT_EVENT_LIMIT {
            return Err(StreamFault::Malformed("a thinking block's seal is too long".to_owned()));
        }
        Ok(())
    }

    /// Gives the seal collected in a thinking block, now that the block is over.
    fn seal_thinking(&mut self, sink: Sink<'_>) {
        if !self.seal.is_empty() {
            let seal = std::mem::take(&mut self.seal);
            sink(&Delta::ThinkingSignature(Signature::new(Origin::Anthropic, seal)));
        }
        if !self.redacted.is_empty() {
            let seal = redacted::from_blob(std::mem::take(&mut self.redacted));
            sink(&Delta::RedactedThinking(Signature::new(Origin::Anthropic, seal)));
        }
    }

    /// Closes a block, or all. A call without input is one with an empty object, as in a whole answer.
    fn close(&mut self, block: Option<u64>, sink: Sink<'_>) {
        self.open.retain(|open| {
            if block.is_some_and(|block| block != open.block) {
                return true;
            }
            if let Some(call) = open.call
                && !open.has_input
            {
                sink(&Delta::ToolArguments { call, json: Cow::Borrowed("{}") });
            }
            false
        });
    }

    fn stop(&mut self, event: &Stop<'_>, notes: &mut Notes, sink: Sink<'_>) {
        if self.finish.is_some() {
            return;
        }
        self.begin(sink);
        self.seal_thinking(sink);
        self.close(None, sink);
        let told = event.reason.as_ref().map_or("", |reason| reason.as_str());
        let reason = match finish_of(told, notes) {
            Ok(reason) => reason.given(self.calls > 0),
            Err(message) => {
                let mut error = read_error(None, message.as_bytes());
                error.code = Some(told.to_owned());
                return self.fail(MODEL_ERROR, error, sink);
            }
        };
        self.finish = Some(reason);
        let asked_for = event.fields.as_ref().and_then(|fields| fields.stop_sequence.as_ref());
        let stop_sequence = asked_for.map(|text| Cow::Borrowed(&*text.0));
        sink(&Delta::Finish { reason, stop_sequence });
        if self.has_usage {
            self.end(sink);
        }
    }

    fn metadata(&mut self, event: &Metadata, notes: &mut Notes, sink: Sink<'_>) {
        self.begin(sink);
        if let Some(usage) = event.usage {
            self.has_usage = true;
            if let Some(usage) = self.meter.hears(usage.reported(event.tier)) {
                sink(&Delta::Usage(usage));
            }
        }
        if event.trace.is_some() {
            notes.add_once("field_dropped", "metadata.trace");
        }
        if self.finish.is_some() {
            self.end(sink);
        }
    }

    /// An exception, an error, or an event this version does not know.
    fn other(&mut self, name: &str, event: &StreamEvent<'_>, notes: &mut Notes, sink: Sink<'_>) {
        if name.ends_with("Exception") {
            return self.fail(name, read_error(None, event.data), sink);
        }
        // Errors have codes that are no exception of the API's: the service failed ("Event stream errors", Smithy).
        if json::read::<Exception>(event.data).is_ok() {
            let mut error = read_error(None, event.data);
            error.code = Some(name.to_owned());
            return self.fail(SERVICE_ERROR, error, sink);
        }
        notes.add_once("stream_event_dropped", name);
    }

    fn fail(&mut self, kind: &str, mut error: UpstreamError, sink: Sink<'_>) {
        error.kind = Some(kind.to_owned());
        self.has_ended = true;
        sink(&Delta::Error(Box::new(error)));
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(event: &StreamEvent<'a>) -> Result<T, StreamFault> {
    json::read(event.data).map_err(|error| {
        StreamFault::Malformed(format!("{}: {error}", event.event.unwrap_or("an event without a name")))
    })
}

#[cfg(test)]
mod tests;
