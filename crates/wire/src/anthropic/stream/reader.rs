//! Events, read.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::anthropic::answer::{ReadBlock, StopDetails, seal};
use crate::anthropic::usage::MessagesUsage;
use crate::canonical::Delta;
use crate::error_body::read_error;
use crate::frames::StreamEvent;
use crate::members::Text;
use crate::notes::Notes;
use crate::pipe::StreamFault;
use crate::{FinishReason, Usage};

/// A stream event of any type.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    index: Option<usize>,
    #[serde(borrow)]
    message: Option<Start<'a>>,
    #[serde(borrow)]
    content_block: Option<ReadBlock<'a>>,
    #[serde(borrow)]
    delta: Option<Piece<'a>>,
    usage: Option<MessagesUsage>,
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    usage: Option<MessagesUsage>,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<Text<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    stop_sequence: Option<Text<'a>>,
    #[serde(borrow)]
    stop_details: Option<StopDetails<'a>>,
}

/// Reads an upstream's stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    started: bool,
    /// The open tool call: its block's index and its number.
    tool: Option<(Option<usize>, usize)>,
    calls: usize,
    finished: bool,
    ended: bool,
    has_ended_text: bool,
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
        if event.event == Some("error") {
            self.fail(event, sink);
            return Ok(());
        }
        let parsed: Event<'_> = match serde_json::from_slice(event.data) {
            Ok(parsed) => parsed,
            // The stream broke off inside this event; its end will tell.
            Err(_) if !event.complete => return Ok(()),
            Err(error) => return Err(StreamFault::Malformed(error.to_string())),
        };
        if parsed.r#type.as_str() == "error" {
            self.fail(event, sink);
            return Ok(());
        }
        if parsed.r#type.as_str() != "message_start" && parsed.r#type.as_str() != "ping" && !self.started {
            self.started = true;
            sink(&Delta::Start { id: None, model: None });
        }
        match parsed.r#type.as_str() {
            "message_start" => self.start(parsed.message, sink),
            "content_block_start" => {
                self.has_ended_text = false;
                if let Some(block) = parsed.content_block {
                    self.block_start(parsed.index, block, notes, sink);
                }
            }
            "content_block_delta" => {
                if let Some(piece) = parsed.delta {
                    self.piece(parsed.index, piece, notes, sink);
                }
            }
            "content_block_stop" => {
                self.tool = None;
                self.has_ended_text = true;
            }
            "message_delta" => {
                if let Some(usage) = parsed.usage {
                    sink(&Delta::Usage(Usage::from(usage)));
                }
                if let Some(piece) = parsed.delta {
                    self.finish_with(piece, sink);
                }
            }
            "message_stop" => {
                if !self.finished {
                    self.finished = true;
                    sink(&Delta::Finish { reason: FinishReason::Other, stop_sequence: None });
                }
                self.ended = true;
                sink(&Delta::End);
            }
            "ping" => {}
            // New event types are to be ignored (Anthropic, "Streaming messages").
            _ => notes.add_once("event_ignored", parsed.r#type.as_str()),
        }
        Ok(())
    }

    /// Whether the text so far is over.
    pub(crate) fn has_ended_text(&self) -> bool {
        self.has_ended_text
    }

    /// The upstream closed: gives the end where the answer is whole without `message_stop`.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&Delta<'_>)) {
        if self.finished && !self.ended {
            self.ended = true;
            sink(&Delta::End);
        }
    }

    fn start(&mut self, message: Option<Start<'_>>, sink: &mut dyn FnMut(&Delta<'_>)) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let (id, model, usage) =
            message.map_or((None, None, None), |start| (start.id, start.model, start.usage));
        sink(&Delta::Start { id: id.map(|id| id.0), model: model.map(|model| model.0) });
        if let Some(usage) = usage {
            sink(&Delta::Usage(Usage::from(usage)));
        }
    }

    fn block_start(
        &mut self,
        index: Option<usize>,
        block: ReadBlock<'_>,
        notes: &mut Notes,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) {
        self.tool = None;
        match block.r#type.as_str() {
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
                let call = self.calls;
                self.calls += 1;
                self.tool = Some((index, call));
                let (id, name) = (block.id.unwrap_or_default().0, block.name.unwrap_or_default().0);
                sink(&Delta::ToolStart { call, id, name, signature: None });
                let input = block.input.map_or("", RawValue::get);
                if !is_empty_object(input) {
                    sink(&Delta::ToolArguments { call, json: input.into() });
                }
            }
            // Results of the provider's own tools.
            _ => notes.add_once("block_dropped", format!("content[{}]", index.unwrap_or_default())),
        }
    }

    fn piece(
        &mut self,
        index: Option<usize>,
        piece: Piece<'_>,
        notes: &mut Notes,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) {
        match piece.r#type.as_ref().map(Text::as_str) {
            Some("text_delta") => text(piece.text, sink),
            Some("thinking_delta") => thinking(piece.thinking, sink),
            Some("signature_delta") => {
                if let Some(seal) = piece.signature.and_then(seal) {
                    sink(&Delta::ThinkingSignature(seal));
                }
            }
            Some("input_json_delta") => {
                // Of a block that is no call of the caller's tools nothing is passed on.
                let open = self.tool.filter(|(block, _)| index.is_none() || *block == index);
                let json = piece.partial_json.map(|json| json.0).filter(|json| !json.is_empty());
                if let (Some((_, call)), Some(json)) = (open, json) {
                    sink(&Delta::ToolArguments { call, json });
                }
            }
            Some("citations_delta") => notes.add_once("citations_dropped", "content"),
            Some(other) => notes.add_once("event_ignored", other),
            None => {}
        }
    }

    fn finish_with(&mut self, piece: Piece<'_>, sink: &mut dyn FnMut(&Delta<'_>)) {
        let Some(reason) = piece.stop_reason.filter(|_| !self.finished) else { return };
        self.finished = true;
        let reason = FinishReason::from_messages(reason.as_str());
        let explanation = piece.stop_details.and_then(|details| details.explanation);
        if let Some(said) =
            explanation.filter(|said| reason == FinishReason::ContentFilter && !said.0.is_empty())
        {
            sink(&Delta::Refusal(said.0));
        }
        sink(&Delta::Finish { reason, stop_sequence: piece.stop_sequence.map(|stop| stop.0) });
    }

    fn fail(&mut self, event: &StreamEvent<'_>, sink: &mut dyn FnMut(&Delta<'_>)) {
        self.ended = true;
        sink(&Delta::Error(Box::new(read_error(None, event.data))));
    }
}

fn text(text: Option<Text<'_>>, sink: &mut dyn FnMut(&Delta<'_>)) {
    if let Some(text) = text.filter(|text| !text.0.is_empty()) {
        sink(&Delta::Text(text.0));
    }
}

fn thinking(text: Option<Text<'_>>, sink: &mut dyn FnMut(&Delta<'_>)) {
    if let Some(text) = text.filter(|text| !text.0.is_empty()) {
        sink(&Delta::Thinking(text.0));
    }
}

fn is_empty_object(json: &str) -> bool {
    json.bytes().all(|byte| byte.is_ascii_whitespace() || byte == b'{' || byte == b'}')
}
