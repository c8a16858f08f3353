//! Content blocks, to be written into requests and answers alike.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::notes::TranslateError;

#[derive(Debug, Serialize)]
pub(super) struct Block<'a> {
    #[serde(flatten)]
    pub(super) kind: Kind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<CacheControl>,
}

/// A cache breakpoint that lives for the default five minutes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct CacheControl {
    r#type: &'static str,
}

impl CacheControl {
    pub(super) const EPHEMERAL: Self = Self { r#type: "ephemeral" };
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Kind<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Image {
        source: Source<'a>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
    },
    Thinking {
        thinking: &'a str,
        signature: Cow<'a, str>,
    },
    RedactedThinking {
        data: Cow<'a, str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Cow<'a, RawValue>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Url { url: &'a str },
    Text { media_type: &'static str, data: Cow<'a, str> },
}

impl<'a> From<Kind<'a>> for Block<'a> {
    fn from(kind: Kind<'a>) -> Self {
        Self { kind, cache_control: None }
    }
}

/// Arguments as the object Anthropic demands, and whether they had to be wrapped in one because they are not.
pub(super) fn tool_input(arguments: &str) -> Result<(Cow<'_, RawValue>, bool), TranslateError> {
    let fault = |error: serde_json::Error| TranslateError::invalid("arguments", error.to_string());
    let trimmed = arguments.trim();
    if trimmed.is_empty() {
        return Ok((Cow::Borrowed(serde_json::from_str("{}").map_err(fault)?), false));
    }
    if trimmed.starts_with('{')
        && let Ok(input) = serde_json::from_str::<&RawValue>(trimmed)
    {
        return Ok((Cow::Borrowed(input), false));
    }
    let wrapped = to_raw_value(&serde_json::json!({ "arguments": arguments })).map_err(fault)?;
    Ok((Cow::Owned(wrapped), true))
}
