//! The few bytes a passthrough request may differ in from what the caller sent.

use bytes::Bytes;

use super::Envelope;
use crate::Dialect;

/// The body to send to a route of the same dialect: the model is `upstream_model`, an `idempotencyKey`
/// member is gone, and with `ask_usage` a chat stream asks for its usage chunk. Every other byte stays as
/// it was; where nothing has to change, the very same `Bytes` come back without a copy.
///
/// `envelope` must have been read from this `body`.
#[must_use]
pub fn rewrite(body: &Bytes, envelope: &Envelope, upstream_model: &str, ask_usage: bool) -> Bytes {
    let model = (envelope.model != upstream_model)
        .then(|| (envelope.model_span.clone(), serde_json::Value::from(upstream_model).to_string()));
    let usage = match envelope.dialect {
        Dialect::OpenAiChat if ask_usage && envelope.stream => envelope.usage_splice.as_ref(),
        Dialect::OpenAiChat
        | Dialect::OpenAiResponses
        | Dialect::AnthropicMessages
        | Dialect::Gemini
        | Dialect::BedrockConverse => None,
    };
    let mut edits = Vec::with_capacity(3);
    edits.extend(model.as_ref().map(|(range, text)| (range.clone(), text.as_str())));
    edits.extend(usage.map(|splice| (splice.range.clone(), splice.text)));
    edits.extend(envelope.key_member.clone().map(|range| (range, "")));
    if edits.is_empty() {
        return body.clone();
    }
    // The model's own span sorts before an insertion at its end; no two edits overlap.
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let grown: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut out = Vec::with_capacity(body.len() + grown);
    let mut kept = 0;
    for (range, text) in edits {
        out.extend_from_slice(&body[kept..range.start]);
        out.extend_from_slice(text.as_bytes());
        kept = range.end;
    }
    out.extend_from_slice(&body[kept..]);
    out.into()
}
