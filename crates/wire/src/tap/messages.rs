//! Messages events.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Observed, StreamTap};
use crate::anthropic::MessagesUsage;
use crate::members::text_of;
use crate::under_way::{UnderWay, part_of};
use crate::{FinishReason, StreamEvent, Usage};

#[derive(Deserialize)]
struct Event<'a> {
    r#type: String,
    #[serde(borrow)]
    message: Option<Start<'a>>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block<'a> {
    r#type: String,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
}

#[derive(Deserialize)]
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
        let Ok(parsed) = serde_json::from_slice::<Event<'_>>(event.data) else { return Observed::Malformed };
        match parsed.r#type.as_str() {
            "message_start" => {
                let (model, usage) = parsed.message.map_or((None, None), |start| (start.model, start.usage));
                self.notes.model = model.and_then(text_of).filter(|model| !model.is_empty());
                self.note_usage(usage);
                Observed::Quiet
            }
            "content_block_start" => match parsed.content_block {
                Some(block) => {
                    let may_be_empty = block.r#type == "text" || block.r#type == "thinking";
                    let says = !may_be_empty || is_filled(block.text) || is_filled(block.thinking);
                    // Behind the first content a text's beginning is no silence before it.
                    if says || self.notes.started {
                        self.under_way = part_of(&block.r#type);
                    }
                    content_if(says)
                }
                None => Observed::Malformed,
            },
            "content_block_delta" => match parsed.delta {
                Some(delta) => {
                    let parts = [
                        (delta.text, UnderWay::Text),
                        (delta.thinking, UnderWay::Reasoning),
                        (delta.partial_json, UnderWay::ToolCall),
                    ];
                    let said = parts.into_iter().find(|(part, _)| is_filled(*part)).map(|(_, part)| part);
                    self.under_way = said.unwrap_or(self.under_way);
                    content_if(said.is_some())
                }
                None => Observed::Malformed,
            },
            "message_delta" => {
                self.note_usage(parsed.usage);
                let Some(reason) = parsed.delta.and_then(|delta| delta.stop_reason).and_then(text_of) else {
                    return Observed::Quiet;
                };
                self.notes.finish = Some(FinishReason::from_messages(&reason));
                Observed::Finish
            }
            "message_stop" => Observed::Done,
            "error" => Observed::Error,
            // New event types may appear at any time and are to be ignored (Anthropic, "Streaming messages").
            _ => Observed::Quiet,
        }
    }

    fn note_usage(&mut self, raw: Option<&RawValue>) {
        let usage = raw.and_then(|raw| serde_json::from_str::<MessagesUsage>(raw.get()).ok());
        if let Some(usage) = usage {
            self.notes.add_usage(Usage::from(usage));
        }
    }
}

fn content_if(says_something: bool) -> Observed {
    if says_something { Observed::Content } else { Observed::Quiet }
}
