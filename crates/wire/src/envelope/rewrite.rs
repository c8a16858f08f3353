//! The few bytes a passthrough request may differ in from what the caller sent.

use bytes::Bytes;

use super::Envelope;
use crate::Dialect;
use crate::gemini::resource_name;
use crate::members::Members;
use crate::splice::{Splices, member_spans, span_of};

/// The body to send to a route of the same dialect: the model is `upstream_model`, an `idempotencyKey`
/// member is gone, and with `ask_usage` a chat stream asks for its usage chunk. Every other byte stays as
/// it was; where nothing has to change, the very same `Bytes` come back without a copy.
///
/// `envelope` must have been read from this `body`.
#[must_use]
pub fn rewrite(body: &Bytes, envelope: &Envelope, upstream_model: &str, ask_usage: bool) -> Bytes {
    // A URL's words go back into a URL.
    let model = (envelope.url_member.is_none() && envelope.model != upstream_model)
        .then(|| (envelope.model_span.clone(), serde_json::Value::from(upstream_model).to_string()));
    let usage = match envelope.dialect {
        Dialect::OpenAiChat if ask_usage && envelope.stream => envelope.usage_splice.as_ref(),
        Dialect::OpenAiChat
        | Dialect::OpenAiResponses
        | Dialect::AnthropicMessages
        | Dialect::Gemini
        | Dialect::BedrockConverse => None,
    };
    let mut splices = Splices::default();
    // The model's own span sorts before an insertion at its end; no two overlap.
    if let Some((range, text)) = model {
        splices.replace(range, text);
    }
    if let Some(splice) = usage {
        splices.replace(splice.range.clone(), splice.text);
    }
    if let Some(range) = envelope.key_member.clone() {
        splices.replace(range, "");
    }
    if let Some(range) = envelope.url_member.clone() {
        splices.replace(range, "");
    }
    for range in &envelope.resources {
        splices.replace(range.clone(), serde_json::Value::from(resource_name(upstream_model)).to_string());
    }
    if splices.is_empty() { body.clone() } else { splices.apply(body).into() }
}

/// A body written here without these of its members; every other byte stays as it was. For what a provider refuses.
#[must_use]
pub fn without_members(body: Vec<u8>, names: &[&str]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&body) else { return body };
    let Ok(members) = Members::read(text, "") else { return body };
    let values = names.iter().filter_map(|name| members.peek(name)).map(|raw| span_of(text, raw)).collect();
    let mut splices = Splices::default();
    for span in member_spans(text, values) {
        splices.replace(span, "");
    }
    if splices.is_empty() { body } else { splices.apply(&body) }
}
