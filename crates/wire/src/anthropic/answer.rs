//! Messages answers: read from the upstream, written for a Messages caller.

use std::borrow::Cow;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::blocks::{Block, Kind, tool_input};
use super::usage::{MessagesUsage, WrittenUsage};
use crate::canonical::{Answer, Content, Origin, Signature, ToolUse, UNSEALED};
use crate::lenient::{Lenient, lenient_object, maybe};
use crate::members::{Text, borrowed_text};
use crate::notes::{Notes, TranslateError};
use crate::translate::SEAL_DROPPED;
use crate::translate::tool_ids::answer_tool_id;
use crate::{Dialect, FinishReason, Usage};

/// An answer, whole or as a stream's `message_start` has it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Read<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) model: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) content: Option<Blocks<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) stop_reason: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) stop_sequence: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) stop_details: Option<StopDetails<'a>>,
    #[serde(deserialize_with = "maybe")]
    pub(super) usage: Option<MessagesUsage>,
}

/// Why a model refused, where it tells.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StopDetails<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) explanation: Option<Text<'a>>,
}

/// A content block of any type; the type says which members count.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ReadBlock<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    r#type: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) data: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) citations: Option<&'a RawValue>,
}

lenient_object!(Read<'de>, StopDetails<'de>);

impl ReadBlock<'_> {
    /// Its type; one without is a text.
    pub(super) fn kind(&self) -> &str {
        self.r#type.as_ref().map_or("text", Text::as_str)
    }

    pub(super) fn is_cited(&self) -> bool {
        self.citations.is_some_and(|citations| citations.get() != "[]")
    }
}

impl<'de> Lenient<'de> for ReadBlock<'de> {
    fn from_text(text: Cow<'de, str>) -> Option<Self> {
        Some(Self { text: Some(Text(text)), ..Self::default() })
    }

    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

/// An answer's blocks. Some servers write the text alone.
#[derive(Default)]
pub(super) struct Blocks<'a>(pub(super) Vec<ReadBlock<'a>>);

impl<'de> Lenient<'de> for Blocks<'de> {
    fn from_text(text: Cow<'de, str>) -> Option<Self> {
        ReadBlock::from_text(text).map(|only| Self(vec![only]))
    }

    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Ok(Vec::from_object(object)?.map(Self))
    }

    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        Ok(Vec::from_list(list)?.map(Self))
    }
}

pub(super) fn seal(text: Text<'_>) -> Option<Signature<'_>> {
    Some(text.0).filter(|text| !text.is_empty()).map(|text| Signature::new(Origin::Anthropic, text))
}

/// A call's input as JSON text. Some servers write it as a string; none where there is none.
pub(super) fn input(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let raw = raw?;
    let json = borrowed_text(raw).unwrap_or(Cow::Borrowed(raw.get()));
    Some(json).filter(|json| !json.is_empty() && *json != "null")
}

pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Answer<'a>, TranslateError> {
    let answer: Read<'a> =
        serde_json::from_str(body).map_err(|error| TranslateError::invalid("", error.to_string()))?;
    let blocks = answer.content.unwrap_or_default().0;
    let mut content = Vec::with_capacity(blocks.len());
    let mut has_calls = false;
    for (at, block) in blocks.into_iter().enumerate() {
        if block.is_cited() {
            notes.add_once("citations_dropped", format!("content[{at}].citations"));
        }
        match block.kind() {
            "text" => {
                content.extend(
                    block.text.filter(|text| !text.as_str().is_empty()).map(|text| Content::Text(text.0)),
                );
            }
            "thinking" => content.push(Content::Thinking {
                text: block.thinking.unwrap_or_default().0,
                signature: block.signature.and_then(seal),
            }),
            "redacted_thinking" => {
                content.extend(block.data.and_then(seal).map(Content::RedactedThinking));
            }
            "tool_use" => {
                has_calls = true;
                content.push(Content::ToolUse(ToolUse {
                    id: block.id.unwrap_or_default().0,
                    name: block.name.unwrap_or_default().0,
                    arguments: input(block.input).unwrap_or(Cow::Borrowed("{}")),
                    signature: None,
                }));
            }
            _ => notes.add("block_dropped", format!("content[{at}]")),
        }
    }
    let finish = answer
        .stop_reason
        .as_ref()
        .map_or(FinishReason::Other, |reason| FinishReason::from_messages(reason.as_str()));
    let finish = finish.given(has_calls);
    if finish == FinishReason::ContentFilter {
        let explanation = answer.stop_details.and_then(|details| details.explanation);
        content.extend(
            explanation.filter(|text| !text.as_str().is_empty()).map(|text| Content::Refusal(text.0)),
        );
    }
    Ok(Answer {
        id: answer.id.map(|id| id.0),
        model: answer.model.map(|model| model.0),
        content,
        finish,
        stop_sequence: answer.stop_sequence.map(|stop| stop.0),
        usage: answer.usage.map(|usage| Usage::from(&usage.into())),
    })
}

/// Reads the answer to `count_tokens`, tokens.
pub(crate) fn read_count(body: &[u8]) -> Result<u64, TranslateError> {
    #[derive(Deserialize)]
    struct Counted {
        input_tokens: Option<u64>,
    }
    let counted: Counted =
        serde_json::from_slice(body).map_err(|error| TranslateError::invalid("", error.to_string()))?;
    counted.input_tokens.ok_or_else(|| TranslateError::invalid("input_tokens", "is missing"))
}

#[derive(Debug, Serialize)]
pub(super) struct Written<'a> {
    pub(super) id: &'a str,
    pub(super) r#type: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<Block<'a>>,
    pub(super) stop_reason: Option<&'static str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) usage: WrittenUsage,
}

pub(crate) fn write(answer: &Answer<'_>, notes: &mut Notes) -> Result<Vec<u8>, TranslateError> {
    let id = answer.id.as_deref().unwrap_or_default();
    let mut content: Vec<Block<'_>> = Vec::with_capacity(answer.content.len());
    let mut calls = 0;
    for (at, said) in answer.content.iter().enumerate() {
        match said {
            // A refusal is told by the stop reason; what is said of it is text.
            Content::Text(text) | Content::Refusal(text) => {
                content.push(Kind::Text { text: text.as_ref().into() }.into());
            }
            Content::Thinking { text, signature } => {
                let signature = signature.as_ref().map(|seal| seal.for_caller(Origin::Anthropic));
                content.push(
                    Kind::Thinking { thinking: text, signature: signature.unwrap_or(UNSEALED.into()) }.into(),
                );
            }
            // No answer ends in a seal behind a text: clients take the last block for the answer (`claude -p` prints nothing else).
            Content::RedactedThinking(_)
                if at + 1 == answer.content.len() && at > 0 && is_text(&answer.content[at - 1]) =>
            {
                notes.add(SEAL_DROPPED, format!("content[{at}]"));
            }
            Content::RedactedThinking(seal) => {
                content.push(Kind::RedactedThinking { data: seal.for_caller(Origin::Anthropic) }.into());
            }
            Content::ToolUse(call) => {
                // The seal on the thought behind a call travels as a thought of its own, before the call.
                content.extend(call.signature.as_ref().map(|seal| {
                    Block::from(Kind::RedactedThinking { data: seal.for_caller(Origin::Anthropic) })
                }));
                content.push(tool_use(call, id, calls, at, notes)?);
                calls += 1;
            }
            Content::Image(_) | Content::Document(_) | Content::ToolResult(_) => {
                notes.add("block_dropped", format!("content[{at}]"));
            }
        }
    }
    let written = Written {
        id,
        r#type: "message",
        role: "assistant",
        model: answer.model.as_deref().unwrap_or_default(),
        content,
        stop_reason: Some(answer.finish.as_messages()),
        stop_sequence: answer.stop_sequence.as_deref(),
        usage: answer.usage.unwrap_or_default().into(),
    };
    serde_json::to_vec(&written).map_err(|error| TranslateError::invalid("", error.to_string()))
}

const fn is_text(content: &Content<'_>) -> bool {
    matches!(content, Content::Text(_) | Content::Refusal(_))
}

fn tool_use<'a>(
    call: &'a ToolUse<'_>,
    answer: &str,
    number: usize,
    at: usize,
    notes: &mut Notes,
) -> Result<Block<'a>, TranslateError> {
    let (input, is_wrapped) = tool_input(&call.arguments)?;
    if is_wrapped {
        notes.add("tool_arguments_wrapped", format!("content[{at}].arguments"));
    }
    let id = answer_tool_id(Dialect::AnthropicMessages, &call.id, answer, number);
    Ok(Kind::ToolUse { id, name: &call.name, input }.into())
}
