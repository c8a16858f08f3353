//! The events of a Converse stream, borrowed from their bytes. The member `p` is padding that hides lengths from
//! eavesdroppers; nobody reads it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::{ConverseUsage, Text};

/// `contentBlockStart`, `contentBlockDelta` and `contentBlockStop`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockEvent<'a> {
    #[serde(rename = "contentBlockIndex")]
    pub(super) index: u64,
    #[serde(borrow)]
    pub(super) start: Option<BlockStart<'a>>,
    #[serde(borrow)]
    pub(super) delta: Option<BlockDelta<'a>>,
}

/// What a block is; none of the known ones: one the dialects of callers have no place for (an image, a tool's result).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockStart<'a> {
    #[serde(borrow)]
    pub(super) tool_use: Option<ToolStart<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToolStart<'a> {
    #[serde(borrow, rename = "toolUseId")]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// `server_tool_use` for a tool Bedrock runs by itself.
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
}

/// More of a block; one of them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockDelta<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) tool_use: Option<ToolPiece<'a>>,
    #[serde(borrow)]
    pub(super) reasoning_content: Option<Reasoning<'a>>,
    pub(super) citation: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToolPiece<'a> {
    #[serde(borrow)]
    pub(super) input: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reasoning<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) redacted_content: Option<Text<'a>>,
}

/// `messageStop`.
#[derive(Debug, Deserialize)]
pub(super) struct Stop<'a> {
    #[serde(borrow, rename = "stopReason")]
    pub(super) reason: Text<'a>,
    /// What the request asked for by `additionalModelResponseFieldPaths`.
    #[serde(borrow, rename = "additionalModelResponseFields")]
    pub(super) fields: Option<Fields<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Fields<'a> {
    #[serde(borrow)]
    pub(super) stop_sequence: Option<Text<'a>>,
}

/// `metadata`.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) usage: Option<ConverseUsage>,
    pub(super) trace: Option<IgnoredAny>,
}

/// What the decoder makes of an error without a payload.
#[derive(Debug, Deserialize)]
pub(super) struct Exception {
    #[serde(rename = "__type")]
    _kind: IgnoredAny,
}
