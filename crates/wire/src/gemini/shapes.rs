//! A GenerateContentResponse, as far as it is read. Texts borrow from the bytes where they hold no escapes.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage::UsageMetadata;
use crate::lenient::{lenient_object, maybe};
pub(super) use crate::members::Text;

/// A whole answer, or a chunk of a streamed one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) prompt_feedback: Option<PromptFeedback<'a>>,
    #[serde(deserialize_with = "maybe")]
    pub(super) usage_metadata: Option<UsageMetadata>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) model_version: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) response_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) content: Option<Content<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) finish_reason: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) finish_message: Option<Text<'a>>,
    #[serde(deserialize_with = "maybe")]
    pub(super) index: Option<usize>,
    #[serde(borrow)]
    pub(super) citation_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) grounding_metadata: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) parts: Option<Vec<Part<'a>>>,
}

/// One of text and call; a part of another kind has neither.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    thought: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) thought_signature: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) function_call: Option<FunctionCall<'a>>,
}

impl Part<'_> {
    pub(super) fn is_thought(&self) -> bool {
        self.thought.is_some_and(|thought| thought.get() == "true")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionCall<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PromptFeedback<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) block_reason: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) block_reason_message: Option<Text<'a>>,
}

lenient_object!(Candidate<'de>, Content<'de>, Part<'de>, FunctionCall<'de>, PromptFeedback<'de>);
