//! Contents and their parts, to be written.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::media::{Blob, Data, FileData};
use crate::notes::{Notes, TranslateError};

#[derive(Debug, Serialize)]
pub(super) struct Instruction<'a> {
    pub(super) parts: Vec<Part<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Content<'a> {
    pub(super) role: &'static str,
    pub(super) parts: Vec<Part<'a>>,
}

/// One of its members is set, and a seal perhaps.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionCall<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) args: Cow<'a, RawValue>,
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionResponse<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) response: Outcome,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<ResponsePart<'a>>,
}

/// "Use `output` key to specify function output and `error` key to specify error details."
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Output(String),
    Error(String),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResponsePart<'a> {
    pub(super) inline_data: Blob<'a>,
}

impl<'a> Part<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self { text: Some(Cow::Borrowed(text)), ..Self::default() }
    }

    pub(super) fn owned_text(text: String) -> Self {
        Self { text: Some(Cow::Owned(text)), ..Self::default() }
    }

    pub(super) fn media(data: Data<'a>) -> Self {
        match data {
            Data::Inline(blob) => Self { inline_data: Some(blob), ..Self::default() },
            Data::File(file) => Self { file_data: Some(file), ..Self::default() },
            Data::Text(text) => Self { text: Some(text), ..Self::default() },
        }
    }
}

/// `args` is an object; what else a model wrote is carried in one.
pub(in crate::gemini) fn arguments<'a>(
    written: &'a str,
    at: &str,
    notes: &mut Notes,
) -> Result<Cow<'a, RawValue>, TranslateError> {
    let trimmed = written.trim();
    let text = if trimmed.is_empty() { "{}" } else { trimmed };
    if text.starts_with('{')
        && let Ok(raw) = serde_json::from_str::<&RawValue>(text)
    {
        return Ok(Cow::Borrowed(raw));
    }
    notes.add("tool_arguments_wrapped", at);
    serde_json::value::to_raw_value(&serde_json::json!({ "arguments": written }))
        .map(Cow::Owned)
        .map_err(|error| TranslateError::invalid(at, error.to_string()))
}
