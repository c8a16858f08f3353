//! Events, read. Each member is read by itself, and what nobody here knows is passed over: no stricter than the official
//! SDKs, which put an answer together from whatever comes.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::calls::Calls;
use crate::FinishReason;
use crate::anthropic::answer::{Read, ReadBlock, StopDetails, input, seal};
use crate::anthropic::usage::MessagesUsage;
use crate::canonical::Delta;
use crate::error_body::read_error;
use crate::frames::StreamEvent;
use crate::json;
use crate::lenient::{is_filled, lenient_object, maybe};
use crate::members::Text;
use crate::notes::Notes;
use crate::pipe::StreamFault;
use crate::usage::Meter;

/// A stream event of any type.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    r#type: Option<Text<'a>>,
    #[serde(deserialize_with = "maybe")]
    index: Option<usize>,
    #[serde(borrow, deserialize_with = "maybe")]
    message: Option<Box<Read<'a>>>,
    #[serde(borrow, deserialize_with = "maybe")]
    content_block: Option<Box<ReadBlock<'a>>>,
    #[serde(borrow, deserialize_with = "maybe")]
    delta: Option<Piece<'a>>,
    #[serde(deserialize_with = "maybe")]
    usage: Option<Box<MessagesUsage>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Piece<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    r#type: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    text: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    thinking: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "maybe")]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    stop_sequence: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    stop_details: Option<StopDetails<'a>>,
}

lenient_object!(Piece<'de>);

impl Piece<'_> {
    /// Its type, or the one its members tell.
    fn kind(&self) -> &str {
        match &self.r#type {
            Some(kind) => kind.as_str(),
            None if self.partial_json.is_some() => "input_json_delta",
            None if self.thinking.is_some() => "thinking_delta",
            None if self.signature.is_some() => "signature_delta",
            None => "text_delta",
        }
    }
}

/// Why the answer ended; the last reason told counts.
#[derive(Debug)]
struct Ending {
    reason: FinishReason,
    stop_sequence: Option<String>,
}

/// Reads an upstream's stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    started: bool,
    calls: Calls,
    meter: Meter,
    ending: Option<Ending>,
    ended: bool,
    has_ended_text: bool,
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
        if self.ended || event.event == Some("ping") || event.data == b"[DONE]" {
            return Ok(());
        }
        if event.event == Some("error") {
            self.fail(event, sink);
            return Ok(());
        }
        let mut parsed: Event<'_> = match json::read(event.data) {
            Ok(parsed) => parsed,
            // The stream broke off inside this event; its end will tell.
            Err(_) if !event.complete => return Ok(()),
            Err(error) => return Err(StreamFault::Malformed(error.to_string())),
        };
        let named = parsed.r#type.take();
        let kind = named.as_ref().map(Text::as_str).or(event.event).unwrap_or_default();
        if kind == "error" || kind.is_empty() && parsed.error.is_some_and(is_filled) {
            self.fail(event, sink);
            return Ok(());
        }
        if kind != "message_start" && kind != "ping" && !self.started {
            self.started = true;
            sink(&Delta::Start { id: None, model: None });
        }
        self.take(kind, parsed, notes, sink)
    }

    fn take(
        &mut self,
        kind: &str,
        event: Event<'_>,
        notes: &mut Notes,
        sink: Sink<'_>,
    ) -> Result<(), StreamFault> {
        match kind {
            "message_start" => self.start(*event.message.unwrap_or_default(), notes, sink)?,
            "content_block_start" => {
                self.has_ended_text = false;
                self.block_start(event.index, *event.content_block.unwrap_or_default(), notes, sink);
            }
            "content_block_delta" => self.piece(event.index, event.delta.unwrap_or_default(), notes, sink),
            "content_block_stop" => {
                self.calls.close(event.index, sink);
                self.has_ended_text = true;
            }
            "message_delta" => {
                if let Some(usage) = event.usage {
                    self.count(*usage, sink);
                }
                let piece = event.delta.unwrap_or_default();
                self.ends(piece.stop_reason, piece.stop_sequence, piece.stop_details, sink);
            }
            "message_stop" => self.end(sink),
            "ping" => {}
            // New event types are to be ignored (Anthropic, "Streaming messages").
            other => notes.add_once("event_ignored", other),
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

    /// Whether the reason of the end came, so that the answer is whole if the upstream closes.
    pub(crate) fn has_reason(&self) -> bool {
        self.ending.is_some()
    }

    /// The upstream closed: gives the end where the answer is whole without `message_stop`.
    pub(crate) fn finish(&mut self, sink: Sink<'_>) {
        if self.ending.is_some() {
            self.end(sink);
        }
    }

    /// The answer begins; it may be told with it, as Anthropic does where code calls the caller's tools ("Programmatic
    /// tool calling").
    fn start(&mut self, message: Read<'_>, notes: &mut Notes, sink: Sink<'_>) -> Result<(), StreamFault> {
        if std::mem::replace(&mut self.started, true) {
            // Half a call would be run next to the one that is made anew.
            if self.calls.is_any_open() {
                return Err(StreamFault::Malformed("the answer began anew inside a tool call".to_owned()));
            }
            notes.add_once("event_ignored", "message_start");
            return Ok(());
        }
        self.meter.names(message.model.as_ref().map(Text::as_str));
        sink(&Delta::Start { id: message.id.map(|id| id.0), model: message.model.map(|model| model.0) });
        if let Some(usage) = message.usage {
            self.count(usage, sink);
        }
        for (at, block) in message.content.unwrap_or_default().0.into_iter().enumerate() {
            self.block_start(Some(at), block, notes, sink);
            self.calls.close(None, sink);
        }
        self.ends(message.stop_reason, message.stop_sequence, message.stop_details, sink);
        Ok(())
    }

    fn count(&mut self, usage: MessagesUsage, sink: Sink<'_>) {
        if let Some(usage) = self.meter.hears(usage) {
            sink(&Delta::Usage(usage));
        }
    }

    fn block_start(&mut self, index: Option<usize>, block: ReadBlock<'_>, notes: &mut Notes, sink: Sink<'_>) {
        if block.is_cited() {
            notes.add_once("citations_dropped", "content");
        }
        match block.kind() {
            "text" => text(block.text, sink),
            "thinking" => {
                thinking(block.thinking, sink);
                if let Some(seal) = block.signature.and_then(seal) {
                    sink(&Delta::ThinkingSignature(seal));
                }
            }
            "redacted_thinking" => {
                if let Some(seal) = block.data.and_then(seal) {
                    sink(&Delta::RedactedThinking(seal));
                }
            }
            "tool_use" => {
                let given = input(block.input).filter(|input| !is_empty_object(input));
                let call = self.calls.begin(index, given.map(Cow::into_owned), sink);
                let (id, name) = (block.id.unwrap_or_default().0, block.name.unwrap_or_default().0);
                sink(&Delta::ToolStart { call, id, name, signature: None });
            }
            // Results of the provider's own tools.
            _ => {
                self.calls.close(None, sink);
                notes.add_once("block_dropped", format!("content[{}]", index.unwrap_or_default()));
            }
        }
    }

    fn piece(&mut self, index: Option<usize>, piece: Piece<'_>, notes: &mut Notes, sink: Sink<'_>) {
        match piece.kind() {
            "text_delta" => text(piece.text, sink),
            "thinking_delta" => thinking(piece.thinking, sink),
            "signature_delta" => {
                if let Some(seal) = piece.signature.and_then(seal) {
                    sink(&Delta::ThinkingSignature(seal));
                }
            }
            "input_json_delta" => {
                let Some(json) = input(piece.partial_json) else { return };
                // Of a block that is no call of the caller's tools nothing is passed on.
                if !self.calls.input(index, json, sink) {
                    notes.add_once("block_dropped", format!("content[{}]", index.unwrap_or_default()));
                }
            }
            "citations_delta" => notes.add_once("citations_dropped", "content"),
            other => notes.add_once("event_ignored", other),
        }
    }

    fn ends(
        &mut self,
        reason: Option<Text<'_>>,
        stop_sequence: Option<Text<'_>>,
        details: Option<StopDetails<'_>>,
        sink: Sink<'_>,
    ) {
        let Some(reason) = reason.filter(|reason| !reason.0.is_empty()) else { return };
        let reason = FinishReason::from_messages(reason.as_str());
        let explanation = details.and_then(|details| details.explanation).filter(|said| !said.0.is_empty());
        if let Some(said) = explanation
            && reason == FinishReason::ContentFilter
            && self.ending.as_ref().is_none_or(|before| before.reason != reason)
        {
            sink(&Delta::Refusal(said.0));
        }
        self.ending = Some(Ending { reason, stop_sequence: stop_sequence.map(|stop| stop.0.into_owned()) });
    }

    fn end(&mut self, sink: Sink<'_>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.calls.close(None, sink);
        let (reason, stop_sequence) = match self.ending.take() {
            Some(ending) => (ending.reason, ending.stop_sequence),
            None => (FinishReason::Other, None),
        };
        let reason = reason.given(self.calls.has_any());
        sink(&Delta::Finish { reason, stop_sequence: stop_sequence.map(Cow::Owned) });
        sink(&Delta::End);
    }

    /// The provider reports an error. What comes behind a whole answer changes nothing of it.
    fn fail(&mut self, event: &StreamEvent<'_>, sink: Sink<'_>) {
        if self.ending.is_some() {
            return self.end(sink);
        }
        self.ended = true;
        sink(&Delta::Error(Box::new(read_error(None, event.data))));
    }
}

fn text(text: Option<Text<'_>>, sink: Sink<'_>) {
    if let Some(text) = text.filter(|text| !text.0.is_empty()) {
        sink(&Delta::Text(text.0));
    }
}

fn thinking(text: Option<Text<'_>>, sink: Sink<'_>) {
    if let Some(text) = text.filter(|text| !text.0.is_empty()) {
        sink(&Delta::Thinking(text.0));
    }
}

fn is_empty_object(json: &str) -> bool {
    json.bytes().all(|byte| byte.is_ascii_whitespace() || byte == b'{' || byte == b'}')
}
