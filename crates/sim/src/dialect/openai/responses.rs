//! OpenAI responses, after <https://platform.openai.com/docs/api-reference/responses>.

use bytes::Bytes;
use serde_json::Value;

use super::super::{Events, SSE, sse};
use crate::answer::Answer;
use crate::ask::{Ask, Refusal};
use crate::provider::Provider;

pub(crate) fn read(body: &Value, _: &Provider) -> Result<Ask, Refusal> {
    Ok(Ask { model: body["model"].as_str().unwrap_or_default().to_owned(), ..Ask::default() })
}

pub(crate) fn whole(_: &str, _: &Ask, answer: &Answer) -> Value {
    serde_json::json!({ "output_text": answer.choice.text() })
}

pub(crate) fn events(_: &str, _: &Ask, _: &Answer) -> Events {
    Events {
        content_type: SSE,
        opening: Bytes::new(),
        content: Vec::new(),
        closing: Bytes::new(),
        done: Bytes::new(),
    }
}

pub(crate) fn remember(_: &Provider, _: &Ask, _: &Answer) {}

pub(crate) fn error_event(refusal: &Refusal) -> Bytes {
    sse(Some("error"), &super::error_body(refusal))
}
