//! Chunks, read.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::calls::Calls;
use crate::FinishReason;
use crate::canonical::Delta;
use crate::error_body::read_error;
use crate::frames::StreamEvent;
use crate::json;
use crate::lenient::{is_filled, lenient_object, maybe};
use crate::members::Text;
use crate::notes::Notes;
use crate::openai_chat::answer::{finish, stop_sequence};
use crate::openai_chat::said::Said;
use crate::openai_chat::usage::ChatUsage;
use crate::pipe::StreamFault;
use crate::usage::Meter;

/// A chunk as any compatible provider sends it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    model: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(deserialize_with = "maybe")]
    usage: Option<Box<ChatUsage>>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
    #[serde(borrow)]
    search_results: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    #[serde(deserialize_with = "maybe")]
    index: Option<u32>,
    #[serde(borrow, deserialize_with = "maybe")]
    delta: Option<Said<'a>>,
    /// Stands for the delta where there is none; beside one (Perplexity) it repeats all that was said.
    #[serde(borrow, deserialize_with = "maybe")]
    message: Option<Box<Said<'a>>>,
    #[serde(borrow, deserialize_with = "maybe")]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
    /// OpenRouter tells an error of the model's provider in the choice.
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}
lenient_object!(Choice<'de>);

/// Reads an upstream's stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    started: bool,
    calls: Calls,
    meter: Meter,
    /// The choice whose text is told.
    text_of: Option<u32>,
    has_refusal: bool,
    /// The last reason of the end. Some servers tell one with every chunk, so it waits for the end.
    reason: Option<FinishReason>,
    stop_sequence: Option<String>,
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
                self.calls.finish(notes);
                self.end(sink);
            }
            return Ok(());
        }
        let chunk: Chunk<'_> = match json::read(event.data) {
            Ok(chunk) => chunk,
            Err(_) if event.event == Some("error") => return self.fail(event, sink),
            // The stream broke off inside this event; its end will tell.
            Err(_) if !event.complete => return Ok(()),
            Err(error) => return Err(StreamFault::Malformed(error.to_string())),
        };
        let choices = chunk.choices.unwrap_or_default();
        let errors = choices.iter().filter_map(|choice| choice.error).chain(chunk.error);
        if event.event == Some("error") || errors.into_iter().any(is_filled) {
            return self.fail(event, sink);
        }
        self.meter.names(chunk.model.as_ref().map(Text::as_str));
        self.meter.serves(chunk.service_tier, chunk.usage.is_some());
        if !self.started {
            // A sign of life (`{}`, `{"type":"ping"}`) begins nothing.
            if chunk.id.is_none() && chunk.model.is_none() && chunk.usage.is_none() && choices.is_empty() {
                return Ok(());
            }
            self.started = true;
            sink(&Delta::Start { id: chunk.id.map(|id| id.0), model: chunk.model.map(|model| model.0) });
        }
        if [chunk.citations, chunk.search_results].into_iter().flatten().any(is_filled) {
            notes.add_once("citations_dropped", "citations");
        }
        for choice in choices {
            self.choice(choice, notes, sink)?;
        }
        if let Some(usage) = chunk.usage.and_then(|usage| self.meter.hears(*usage)) {
            sink(&Delta::Usage(usage));
        }
        Ok(())
    }

    /// What the upstream has reported.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Whether the reason of the end came, so that the answer is whole if the upstream closes.
    pub(crate) fn has_reason(&self) -> bool {
        self.reason.is_some()
    }

    /// The upstream closed: gives the end where the answer is whole without `[DONE]`, as it is after a finish reason.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&Delta<'_>)) {
        if self.has_reason() && !self.ended {
            self.end(sink);
        }
    }

    fn choice(
        &mut self,
        choice: Choice<'_>,
        notes: &mut Notes,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<(), StreamFault> {
        if let Some(delta) = choice.delta.or_else(|| choice.message.map(|message| *message)) {
            self.delta(delta, choice.index.unwrap_or_default(), notes, sink)?;
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.as_str().is_empty()) {
            self.calls.finish(notes);
            self.reason = Some(FinishReason::from_chat(reason.as_str()));
            self.stop_sequence = stop_sequence(choice.stop_reason).map(Cow::into_owned);
        }
        Ok(())
    }

    /// Only one answer is ever asked for here: what comes in several choices are pieces of it.
    fn delta(
        &mut self,
        mut delta: Said<'_>,
        choice: u32,
        notes: &mut Notes,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<(), StreamFault> {
        delta.note_lost(notes);
        let thinking = delta.take_thinking(notes);
        let text = delta.take_text();
        // Two texts are two answers, of which nobody asked for the second.
        if text.is_some() && *self.text_of.get_or_insert(choice) != choice {
            notes.add_once("choice_dropped", format!("choices[{choice}]"));
            return Ok(());
        }
        if let Some(text) = thinking {
            sink(&Delta::Thinking(text));
        }
        if let Some(text) = text {
            sink(&Delta::Text(text));
        }
        if let Some(seal) = delta.take_seal() {
            sink(&Delta::RedactedThinking(seal));
        }
        if let Some(refusal) = delta.take_refusal() {
            self.has_refusal = true;
            sink(&Delta::Refusal(refusal));
        }
        for call in delta.take_calls() {
            self.calls.read(call, choice, sink)?;
        }
        Ok(())
    }

    fn end(&mut self, sink: &mut dyn FnMut(&Delta<'_>)) {
        let (reason, stop_sequence) = finish(
            self.reason,
            self.stop_sequence.take().map(Cow::Owned),
            self.calls.any(),
            self.has_refusal,
        );
        sink(&Delta::Finish { reason, stop_sequence });
        self.ended = true;
        sink(&Delta::End);
    }

    fn fail(&mut self, event: &StreamEvent<'_>, sink: &mut dyn FnMut(&Delta<'_>)) -> Result<(), StreamFault> {
        // What comes behind a whole answer changes nothing of it.
        if self.has_reason() {
            self.end(sink);
            return Ok(());
        }
        self.ended = true;
        sink(&Delta::Error(Box::new(read_error(None, event.data))));
        Ok(())
    }
}
