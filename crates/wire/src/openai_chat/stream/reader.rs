//! Chunks, read.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::calls::Calls;
use crate::canonical::Delta;
use crate::error_body::read_error;
use crate::frames::StreamEvent;
use crate::members::Text;
use crate::notes::Notes;
use crate::openai_chat::answer::{Said, finish_reason, stop_sequence, text_or_parts};
use crate::openai_chat::usage::ChatUsage;
use crate::pipe::StreamFault;
use crate::{FinishReason, Usage};

/// A chunk as any compatible provider sends it.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    delta: Option<Said<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
}

/// Reads an upstream's stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    started: bool,
    calls: Calls,
    has_refusal: bool,
    finished: bool,
    ended: bool,
}

impl Reader {
    /// Reads one event (never of empty data) and gives its deltas to `sink`.
    pub(crate) fn read(
        &mut self,
        event: &StreamEvent<'_>,
        notes: &mut Notes,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<(), StreamFault> {
        if self.ended || event.event == Some("ping") {
            return Ok(());
        }
        if event.data == b"[DONE]" {
            // An end without a beginning is no answer.
            if self.started {
                self.end(None, None, notes, sink);
            }
            return Ok(());
        }
        let chunk: Chunk<'_> = match serde_json::from_slice(event.data) {
            Ok(chunk) => chunk,
            Err(_) if event.event == Some("error") => return self.fail(event, sink),
            // The stream broke off inside this event; its end will tell.
            Err(_) if !event.complete => return Ok(()),
            Err(error) => return Err(StreamFault::Malformed(error.to_string())),
        };
        if event.event == Some("error") || chunk.error.is_some_and(|error| error.get() != "null") {
            return self.fail(event, sink);
        }
        if !self.started {
            self.started = true;
            sink(&Delta::Start { id: chunk.id.map(|id| id.0), model: chunk.model.map(|model| model.0) });
        }
        let usage = chunk.usage.and_then(|raw| serde_json::from_str::<Option<ChatUsage>>(raw.get()).ok()?);
        for choice in chunk.choices.unwrap_or_default() {
            if choice.index == 0 {
                self.choice(choice, notes, sink)?;
            } else {
                // Other dialects have one answer: more were never asked for.
                notes.add_once("choice_dropped", format!("choices[{}]", choice.index));
            }
        }
        if let Some(usage) = usage {
            sink(&Delta::Usage(Usage::from(usage)));
        }
        Ok(())
    }

    /// The upstream closed: gives the end where the answer is whole without `[DONE]`, as it is after a finish reason.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&Delta<'_>)) {
        if self.finished && !self.ended {
            self.ended = true;
            sink(&Delta::End);
        }
    }

    fn choice(
        &mut self,
        choice: Choice<'_>,
        notes: &mut Notes,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<(), StreamFault> {
        if let Some(delta) = choice.delta.filter(|_| !self.finished) {
            self.delta(delta, notes, sink)?;
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.as_str().is_empty()) {
            self.finish_with(Some(reason.as_str()), choice.stop_reason, notes, sink);
        }
        Ok(())
    }

    fn delta(
        &mut self,
        mut delta: Said<'_>,
        notes: &mut Notes,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<(), StreamFault> {
        delta.note_lost(notes);
        if let Some(text) = delta.take_thinking() {
            sink(&Delta::Thinking(text));
        }
        if let Some(content) = delta.content {
            let text = text_or_parts(content).map_err(|error| StreamFault::Malformed(error.to_string()))?;
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                sink(&Delta::Text(text));
            }
        }
        if let Some(seal) = delta.take_seal() {
            sink(&Delta::RedactedThinking(seal));
        }
        if let Some(refusal) = delta.take_refusal() {
            self.has_refusal = true;
            sink(&Delta::Refusal(refusal));
        }
        for call in delta.tool_calls.unwrap_or_default() {
            self.calls.read(call, sink)?;
        }
        Ok(())
    }

    fn finish_with(
        &mut self,
        reason: Option<&str>,
        stop_reason: Option<&RawValue>,
        notes: &mut Notes,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.calls.finish(notes);
        let mut reason = finish_reason(reason, self.calls.any(), self.has_refusal);
        let stop_sequence = stop_sequence(stop_reason).filter(|_| reason == FinishReason::Stop);
        if stop_sequence.is_some() {
            reason = FinishReason::StopSequence;
        }
        sink(&Delta::Finish { reason, stop_sequence });
    }

    fn end(
        &mut self,
        reason: Option<&str>,
        stop_reason: Option<&RawValue>,
        notes: &mut Notes,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) {
        self.finish_with(reason, stop_reason, notes, sink);
        self.ended = true;
        sink(&Delta::End);
    }

    fn fail(&mut self, event: &StreamEvent<'_>, sink: &mut dyn FnMut(&Delta<'_>)) -> Result<(), StreamFault> {
        self.ended = true;
        sink(&Delta::Error(Box::new(read_error(None, event.data))));
        Ok(())
    }
}
