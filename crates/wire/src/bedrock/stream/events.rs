//! The events of a Converse stream, borrowed from their bytes. The member `p` is padding that hides lengths from
//! eavesdroppers; nobody reads it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::super::{ConverseTier, ConverseUsage, Text};
use crate::lenient::{lenient_object, maybe};

/// `contentBlockStart`, `contentBlockDelta` and `contentBlockStop`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct BlockEvent<'a> {
    #[serde(rename = "contentBlockIndex", deserialize_with = "maybe")]
    pub(super) index: Option<u64>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) start: Option<BlockStart<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) delta: Option<BlockDelta<'a>>,
}

/// What a block is; none of the known ones: one the dialects of callers have no place for (an image, a tool's result).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct BlockStart<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) tool_use: Option<ToolStart<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolStart<'a> {
    #[serde(borrow, rename = "toolUseId", deserialize_with = "maybe")]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) name: Option<Text<'a>>,
    /// `server_tool_use` for a tool Bedrock runs by itself.
    #[serde(borrow, rename = "type", deserialize_with = "maybe")]
    pub(super) kind: Option<Text<'a>>,
}

/// More of a block; one of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct BlockDelta<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) tool_use: Option<ToolPiece<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) reasoning_content: Option<Reasoning<'a>>,
    pub(super) citation: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolPiece<'a> {
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reasoning<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) redacted_content: Option<Text<'a>>,
}

/// `messageStop`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stop<'a> {
    #[serde(borrow, rename = "stopReason", deserialize_with = "maybe")]
    pub(super) reason: Option<Text<'a>>,
    /// What the request asked for by `additionalModelResponseFieldPaths`.
    #[serde(borrow, rename = "additionalModelResponseFields", deserialize_with = "maybe")]
    pub(super) fields: Option<Fields<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) stop_sequence: Option<Text<'a>>,
}

/// `metadata`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    #[serde(deserialize_with = "maybe")]
    pub(super) usage: Option<ConverseUsage>,
    #[serde(rename = "serviceTier", deserialize_with = "maybe")]
    pub(super) tier: Option<ConverseTier>,
    pub(super) trace: Option<IgnoredAny>,
}

lenient_object!(
    BlockStart<'de>,
    ToolStart<'de>,
    BlockDelta<'de>,
    ToolPiece<'de>,
    Reasoning<'de>,
    Fields<'de>
);

/// What the decoder makes of an error without a payload.
#[derive(Debug, Deserialize)]
pub(super) struct Exception {
    #[serde(rename = "__type")]
    _kind: IgnoredAny,
}
