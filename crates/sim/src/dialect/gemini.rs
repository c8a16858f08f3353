//! Gemini's `generateContent`, after <https://ai.google.dev/api/generate-content>.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Events, SSE, sse};
use crate::answer::Answer;
use crate::ask::{Ask, Refusal, Role, Turn, content_text, members};
use crate::endpoint::{Endpoint, Operation};
use crate::provider::Provider;
use crate::schema::{Misfit, Schema};

pub(super) fn schema(_: &Endpoint) -> Option<&'static Schema> {
    None
}

pub(super) fn misfit(misfit: &Misfit) -> Refusal {
    Refusal::field(misfit.brackets(), format!("Invalid value at '{}'", misfit.brackets()))
}

pub(super) fn read(endpoint: &Endpoint, body: &Value, _: &Provider) -> Result<Ask, Refusal> {
    let turns: Vec<Turn> = members(&body["contents"])
        .iter()
        .map(|content| Turn {
            role: if content["role"] == "model" { Role::Assistant } else { Role::User },
            text: content_text(&content["parts"]),
        })
        .collect();
    Ok(Ask {
        model: endpoint.model.clone().unwrap_or_default(),
        stream: endpoint.operation == Operation::Stream,
        json_array: endpoint.parameter("alt") != Some("sse"),
        prompt: turns.iter().map(|turn| turn.text.as_str()).collect(),
        turns,
        continues_own_words: true,
        ..Ask::default()
    })
}

fn response(answer: &Answer, text: &str) -> Value {
    json!({
        "candidates": [{ "content": { "role": "model", "parts": [{ "text": text }] }, "finishReason": "STOP" }],
        "modelVersion": answer.model,
    })
}

pub(super) fn whole(_: &Ask, answer: &Answer) -> Value {
    response(answer, &answer.choice.text())
}

pub(super) fn events(_: &Ask, answer: &Answer) -> Events {
    Events {
        content_type: SSE,
        opening: Bytes::new(),
        content: answer.choice.pieces.iter().map(|piece| sse(None, &response(answer, piece))).collect(),
        closing: Bytes::new(),
        done: Bytes::new(),
    }
}

pub(super) fn token_count(tokens: usize) -> Value {
    json!({ "totalTokens": tokens })
}

pub(super) fn embeddings(_: &Endpoint, _: &Value) -> Result<Value, Refusal> {
    Err(Refusal::new(501, "Embeddings are not available for this model."))
}

pub(super) fn error_body(refusal: &Refusal) -> Value {
    json!({ "error": { "code": refusal.status, "message": refusal.message, "status": "UNKNOWN" } })
}

pub(super) fn error_event(_: &Endpoint, refusal: &Refusal) -> Bytes {
    sse(None, &error_body(refusal))
}

pub(super) fn malformed_event(_: &Endpoint) -> Bytes {
    Bytes::from_static(b"data: {\"candidates\":[{\"con\n\n")
}

pub(super) fn models(models: &[String]) -> Value {
    json!({ "models": models.iter().map(|name| model(name)).collect::<Vec<_>>() })
}

pub(super) fn model(model: &str) -> Value {
    json!({ "name": format!("models/{model}") })
}
