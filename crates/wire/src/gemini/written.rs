//! A GenerateContentResponse, written: a whole answer, or a chunk of a streamed one.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::request::arguments;
use super::seal;
use crate::canonical::{Signature, ToolUse};
use crate::notes::{Notes, TranslateError};
use crate::translate::tool_ids::answer_tool_id;
use crate::{Dialect, FinishReason, Usage};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response<'a> {
    pub(super) candidates: [Candidate<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_metadata: Option<WrittenUsage>,
    pub(super) model_version: &'a str,
    pub(super) response_id: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub(super) content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<&'static str>,
    pub(super) index: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct Content<'a> {
    pub(super) parts: Vec<Part<'a>>,
    pub(super) role: &'static str,
}

/// A text, a thought or a call, and perhaps a seal.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionCall<'a> {
    id: Cow<'a, str>,
    name: &'a str,
    args: Cow<'a, RawValue>,
}

impl<'a> Response<'a> {
    pub(super) fn of(parts: Vec<Part<'a>>, id: &'a str, model: &'a str) -> Self {
        let content = Content { parts, role: "model" };
        Self {
            candidates: [Candidate { content, finish_reason: None, index: 0 }],
            usage_metadata: None,
            model_version: model,
            response_id: id,
        }
    }

    /// The same as the answer's end. Clients take an answer without a part for a broken one.
    pub(super) fn ended(mut self, reason: FinishReason, usage: Usage) -> Self {
        let [candidate] = &mut self.candidates;
        candidate.finish_reason = Some(finish_reason(reason));
        if candidate.content.parts.is_empty() {
            candidate.content.parts.push(Part::text(""));
        }
        self.usage_metadata = Some(usage.into());
        self
    }
}

impl<'a> Part<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    pub(super) fn thought(text: impl Into<Cow<'a, str>>, seal: Option<&'a Signature<'_>>) -> Self {
        Self { thought: true, thought_signature: seal.map(seal::for_caller), ..Self::text(text) }
    }

    /// Whether it is a text without a seal yet.
    pub(super) fn takes_seal(&self) -> bool {
        self.text.is_some() && !self.thought && self.thought_signature.is_none()
    }

    pub(super) fn seal(&mut self, seal: &'a Signature<'_>) {
        self.thought_signature = Some(seal::for_caller(seal));
    }

    /// A text or thought apart from what it was read from.
    pub(super) fn into_owned(self) -> Part<'static> {
        Part {
            text: self.text.map(|text| Cow::Owned(text.into_owned())),
            thought: self.thought,
            function_call: None,
            thought_signature: self.thought_signature.map(|seal| Cow::Owned(seal.into_owned())),
        }
    }

    /// The same text or thought.
    pub(super) fn borrowed(&self) -> Part<'_> {
        Part {
            text: self.text.as_deref().map(Cow::Borrowed),
            thought: self.thought,
            function_call: None,
            thought_signature: self.thought_signature.as_deref().map(Cow::Borrowed),
        }
    }

    /// A call. `answer` and `number` make the id of one that has none; the first call of an answer never goes without a
    /// seal.
    pub(super) fn call(
        call: &'a ToolUse<'_>,
        answer: &str,
        number: usize,
        notes: &mut Notes,
    ) -> Result<Self, TranslateError> {
        let args = arguments(&call.arguments, "candidates[0].content.parts", notes)?;
        let id = answer_tool_id(Dialect::Gemini, &call.id, answer, number);
        let otherwise = || (number == 0).then(|| Cow::Owned(seal::of_none()));
        Ok(Self {
            function_call: Some(FunctionCall { id, name: &call.name, args }),
            thought_signature: call.signature.as_ref().map(seal::for_caller).or_else(otherwise),
            ..Self::default()
        })
    }
}

/// Calls end with `STOP` too.
fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::StopSequence | FinishReason::ToolCalls => "STOP",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ContentFilter => "SAFETY",
        FinishReason::Other => "OTHER",
    }
}

/// Usage as written to a Gemini caller: the prompt's count holds the cached tokens, the candidates' leaves the thoughts
/// out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrittenUsage {
    prompt_token_count: u64,
    candidates_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    thoughts_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_content_token_count: u64,
    total_token_count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl From<Usage> for WrittenUsage {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_token_count: usage.input_tokens,
            candidates_token_count: usage.output_tokens.saturating_sub(usage.reasoning_tokens),
            thoughts_token_count: usage.reasoning_tokens.min(usage.output_tokens),
            cached_content_token_count: usage.cached_input_tokens,
            total_token_count: usage.input_tokens.saturating_add(usage.output_tokens),
        }
    }
}
