//! Messages events.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Observed, StreamTap};
use crate::anthropic::MessagesUsage;
use crate::json;
use crate::lenient::{lenient_object, maybe};
use crate::members::{Text, text_of};
use crate::under_way::{UnderWay, part_of};
use crate::{FinishReason, StreamEvent};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    r#type: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    message: Option<Start<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    content_block: Option<Block<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    delta: Option<Delta<'a>>,
    #[serde(deserialize_with = "maybe")]
    usage: Option<Box<MessagesUsage>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Start<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
    #[serde(deserialize_with = "maybe")]
    usage: Option<Box<MessagesUsage>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    partial_json: Option<&'a RawValue>,
}

lenient_object!(Start<'de>, Block<'de>, Delta<'de>);

fn is_filled(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get() != "\"\"")
}

impl StreamTap {
    pub(super) fn observe_messages(&mut self, event: &StreamEvent<'_>) -> Observed {
        match event.event {
            Some("ping") => return Observed::Quiet,
            Some("error") => return Observed::Error,
            // After the first content a delta can tell nothing new: it only has to be JSON.
            Some("content_block_delta") if self.notes.started => {
                return match serde_json::from_slice::<IgnoredAny>(event.data) {
                    Ok(IgnoredAny) => Observed::Content,
                    Err(_) => Observed::Malformed,
                };
            }
            Some(_) | None => {}
        }
        let Ok(parsed) = json::read::<Event<'_>>(event.data) else { return Observed::Malformed };
        match parsed.r#type.as_ref().map(Text::as_str).or(event.event).unwrap_or_default() {
            "message_start" => self.observe_start(&parsed.message.unwrap_or_default()),
            "content_block_start" => {
                let block = parsed.content_block.unwrap_or_default();
                let kind = block.r#type.as_ref().map_or("text", Text::as_str);
                let may_be_empty = kind == "text" || kind == "thinking";
                let says = !may_be_empty || is_filled(block.text) || is_filled(block.thinking);
                // Behind the first content a text's beginning is no silence before it.
                if says || self.notes.started {
                    self.under_way = part_of(kind);
                }
                content_if(says)
            }
            "content_block_delta" => {
                let delta = parsed.delta.unwrap_or_default();
                let parts = [
                    (delta.text, UnderWay::Text),
                    (delta.thinking, UnderWay::Reasoning),
                    (delta.partial_json, UnderWay::ToolCall),
                ];
                let said = parts.into_iter().find(|(part, _)| is_filled(*part)).map(|(_, part)| part);
                self.under_way = said.unwrap_or(self.under_way);
                content_if(said.is_some())
            }
            "message_delta" => {
                self.note_usage(parsed.usage.as_deref().copied());
                self.note_reason(parsed.delta.and_then(|delta| delta.stop_reason))
            }
            "message_stop" => Observed::Done,
            "error" => Observed::Error,
            // New event types may appear at any time and are to be ignored (Anthropic, "Streaming messages").
            _ => Observed::Quiet,
        }
    }

    /// The answer's beginning, which may hold all of it.
    fn observe_start(&mut self, start: &Start<'_>) -> Observed {
        self.meter.names_raw(start.model);
        self.note_usage(start.usage.as_deref().copied());
        let ended = self.note_reason(start.stop_reason);
        let says = start.content.is_some_and(|content| content.get() != "[]");
        if says { Observed::Content } else { ended }
    }

    fn note_reason(&mut self, reason: Option<&RawValue>) -> Observed {
        let Some(reason) = reason.and_then(text_of).filter(|reason| !reason.is_empty()) else {
            return Observed::Quiet;
        };
        self.notes.finish = Some(FinishReason::from_messages(&reason));
        Observed::Finish
    }

    fn note_usage(&mut self, usage: Option<MessagesUsage>) {
        if let Some(usage) = usage {
            self.meter.hears(usage);
        }
    }
}

fn content_if(says_something: bool) -> Observed {
    if says_something { Observed::Content } else { Observed::Quiet }
}
