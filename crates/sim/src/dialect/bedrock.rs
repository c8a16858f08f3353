//! Bedrock's Converse, after <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Events;
use crate::answer::Answer;
use crate::ask::{Ask, Refusal, Role, Turn, content_text, members};
use crate::endpoint::{Endpoint, Operation};
use crate::exchange::Arrived;
use crate::provider::Provider;
use crate::schema::{Misfit, Schema};

/// Checks a request signed with `SigV4` (its `authorization` begins with `AWS4-HMAC-SHA256`).
pub(crate) fn check_signature(_: &Arrived, _: &Provider) -> Result<(), Refusal> {
    Ok(())
}

pub(super) fn schema(_: &Endpoint) -> Option<&'static Schema> {
    None
}

pub(super) fn misfit(misfit: &Misfit) -> Refusal {
    Refusal::field(misfit.dots(), format!("Invalid value at '{}'", misfit.dots()))
}

pub(super) fn read(endpoint: &Endpoint, body: &Value, _: &Provider) -> Result<Ask, Refusal> {
    let turns: Vec<Turn> = members(&body["messages"])
        .iter()
        .map(|message| Turn {
            role: if message["role"] == "assistant" { Role::Assistant } else { Role::User },
            text: content_text(&message["content"]),
        })
        .collect();
    Ok(Ask {
        model: endpoint.model.clone().unwrap_or_default(),
        stream: endpoint.operation == Operation::Stream,
        prompt: turns.iter().map(|turn| turn.text.as_str()).collect(),
        turns,
        continues_own_words: true,
        ..Ask::default()
    })
}

pub(super) fn whole(_: &Ask, answer: &Answer) -> Value {
    json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": answer.choice.text() }] } },
        "stopReason": "end_turn",
    })
}

pub(super) fn events(_: &Ask, answer: &Answer) -> Events {
    Events {
        content_type: "application/vnd.amazon.eventstream",
        opening: Bytes::new(),
        content: answer.choice.pieces.iter().map(|piece| Bytes::from(piece.clone())).collect(),
        closing: Bytes::new(),
        done: Bytes::new(),
    }
}

pub(super) fn token_count(tokens: usize) -> Value {
    json!({ "inputTokens": tokens })
}

pub(super) fn error_body(refusal: &Refusal) -> Value {
    json!({ "message": refusal.message })
}

pub(super) fn error_headers(_: &Refusal) -> Vec<(&'static str, String)> {
    Vec::new()
}

pub(super) fn error_event(refusal: &Refusal) -> Bytes {
    Bytes::from(refusal.message.clone())
}

pub(super) fn malformed_event() -> Bytes {
    Bytes::from_static(b"\0\0\0\x10")
}

pub(super) fn models(models: &[String]) -> Value {
    json!({ "modelSummaries": models.iter().map(|name| model(name)).collect::<Vec<_>>() })
}

pub(super) fn model(model: &str) -> Value {
    json!({ "modelId": model })
}
