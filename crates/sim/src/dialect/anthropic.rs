//! Anthropic messages, after <https://docs.anthropic.com/en/api/messages>.

mod conversation;
mod limits;
mod read;

use bytes::Bytes;
use serde_json::{Value, json};

pub(super) use read::read;

use super::{Events, SSE, halves, joined, sse};
use crate::answer::{Answer, Finish};
use crate::ask::{Ask, Refusal};
use crate::endpoint::{Endpoint, Operation};
use crate::schema::{Misfit, Problem, Schema, Step};
use crate::thought;

/// Whoever serves Claude accepts Claude's signatures:
/// <https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking>.
pub(crate) const REALM: &str = "anthropic";

static MESSAGES: Schema = Schema::new(include_str!("../../schemas/anthropic-messages.json"));
static COUNT_TOKENS: Schema = Schema::new(include_str!("../../schemas/anthropic-count-tokens.json"));

pub(super) fn schema(endpoint: &Endpoint) -> Option<&'static Schema> {
    Some(if endpoint.operation == Operation::CountTokens { &COUNT_TOKENS } else { &MESSAGES })
}

/// In the words of the API's own validator.
pub(super) fn misfit(misfit: &Misfit) -> Refusal {
    let reason = match &misfit.problem {
        Problem::Unknown => "Extra inputs are not permitted".to_owned(),
        Problem::Missing => "Field required".to_owned(),
        Problem::Type { expected, .. } => {
            let named = expected.iter().filter(|kind| *kind != "null").map(|kind| named_type(kind));
            format!("Input should be a valid {}", named.collect::<Vec<_>>().join(" or a valid "))
        }
        Problem::Value { expected, got } => return wrong_value(misfit, expected, got),
        Problem::Other(reason) => reason.clone(),
    };
    field(misfit.dots(), &reason)
}

fn named_type(kind: &str) -> &str {
    match kind {
        "array" => "list",
        "object" => "dictionary",
        other => other,
    }
}

fn wrong_value(misfit: &Misfit, expected: &[String], got: &str) -> Refusal {
    let quoted: Vec<String> = expected.iter().map(|value| format!("'{value}'")).collect();
    let (last, rest) = quoted.split_last().map_or(("", &[][..]), |(last, rest)| (last.as_str(), rest));
    if misfit.path.last() == Some(&Step::Key("type".to_owned())) {
        let outer = Misfit { path: misfit.path[..misfit.path.len() - 1].to_vec(), problem: Problem::Unknown };
        let reason = format!(
            "Input tag '{got}' found using 'type' does not match any of the expected tags: {}",
            quoted.join(", ")
        );
        return field(outer.dots(), &reason);
    }
    let listed = if rest.is_empty() { last.to_owned() } else { format!("{} or {last}", rest.join(", ")) };
    field(misfit.dots(), &format!("Input should be {listed}"))
}

fn field(name: impl Into<String>, reason: &str) -> Refusal {
    let name = name.into();
    let message = if name.is_empty() { reason.to_owned() } else { format!("{name}: {reason}") };
    Refusal::field(name, message)
}

pub(super) fn token_count(tokens: usize) -> Value {
    json!({ "input_tokens": tokens })
}

fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Sequence(_) => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::Filtered | Finish::Refused => "refusal",
    }
}

/// The members that say why it ended.
fn ending(ask: &Ask, answer: &Answer) -> Value {
    let finish = answer.choice.finish;
    let sequence = match finish {
        Finish::Sequence(n) => ask.stop.get(n),
        Finish::Stop | Finish::Length | Finish::ToolCalls | Finish::Filtered | Finish::Refused => None,
    };
    json!({ "stop_reason": stop_reason(finish), "stop_sequence": sequence })
}

fn call_id(answer: &Answer, n: usize) -> String {
    format!("toolu_sim{:08}{n}", answer.seq)
}

fn message(answer: &Answer, content: &Value, ending: &Value, output_tokens: usize) -> Value {
    let usage = &answer.usage;
    json!({
        "id": format!("msg_sim{:08}", answer.seq),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": ending["stop_reason"],
        "stop_sequence": ending["stop_sequence"],
        "usage": {
            "input_tokens": usage.prompt.saturating_sub(usage.cached + usage.cache_written),
            "cache_creation_input_tokens": usage.cache_written,
            "cache_read_input_tokens": usage.cached,
            "output_tokens": output_tokens,
        },
    })
}

pub(super) fn whole(ask: &Ask, answer: &Answer) -> Value {
    let mut content = Vec::new();
    if ask.reasoning.is_some() && answer.usage.reasoning > 0 {
        let shown = answer.thought();
        let signature = thought::sign(REALM, &shown);
        content.push(json!({ "type": "thinking", "thinking": shown, "signature": signature }));
    }
    if !answer.choice.pieces.is_empty() {
        content.push(json!({ "type": "text", "text": answer.choice.text() }));
    }
    content.extend(answer.choice.calls.iter().enumerate().map(|(n, call)| {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        json!({ "type": "tool_use", "id": call_id(answer, n), "name": call.name, "input": input })
    }));
    message(answer, &Value::Array(content), &ending(ask, answer), answer.usage.completion)
}

fn event(data: &Value) -> Bytes {
    sse(data["type"].as_str(), data)
}

fn start(index: usize, block: &Value) -> Bytes {
    event(&json!({ "type": "content_block_start", "index": index, "content_block": block }))
}

fn delta(index: usize, delta: &Value) -> Bytes {
    event(&json!({ "type": "content_block_delta", "index": index, "delta": delta }))
}

fn stop(index: usize) -> Bytes {
    event(&json!({ "type": "content_block_stop", "index": index }))
}

pub(super) fn events(ask: &Ask, answer: &Answer) -> Events {
    let mut content: Vec<Bytes> = Vec::new();
    let mut index = 0;
    if ask.reasoning.is_some() && answer.usage.reasoning > 0 {
        thinking_events(answer, &mut content);
        index += 1;
    }
    let last = answer.choice.pieces.len().saturating_sub(1);
    for (n, piece) in answer.choice.pieces.iter().enumerate() {
        let mut frame = Vec::new();
        if n == 0 {
            frame.push(start(index, &json!({ "type": "text", "text": "" })));
            frame.push(event(&json!({ "type": "ping" })));
        }
        frame.push(delta(index, &json!({ "type": "text_delta", "text": piece })));
        if n == last {
            frame.push(stop(index));
        }
        content.push(joined(&frame));
    }
    index += usize::from(!answer.choice.pieces.is_empty());
    for (n, call) in answer.choice.calls.iter().enumerate() {
        let (first, second) = halves(&call.arguments);
        let part =
            |json: &str| delta(index + n, &json!({ "type": "input_json_delta", "partial_json": json }));
        let block = json!({ "type": "tool_use", "id": call_id(answer, n), "name": call.name, "input": {} });
        content.push(joined(&[start(index + n, &block), part(first)]));
        content.push(joined(&[part(second), stop(index + n)]));
    }
    let usage = json!({ "output_tokens": answer.usage.completion });
    let begun = message(answer, &json!([]), &json!({}), 1);
    Events {
        content_type: SSE,
        opening: event(&json!({ "type": "message_start", "message": begun })),
        content,
        closing: event(&json!({ "type": "message_delta", "delta": ending(ask, answer), "usage": usage })),
        done: event(&json!({ "type": "message_stop" })),
    }
}

/// The thoughts in their pieces, and the signature with the last of them (alone where none are shown).
fn thinking_events(answer: &Answer, content: &mut Vec<Bytes>) {
    let signature = thought::sign(REALM, &answer.thought());
    let mut frame = vec![start(0, &json!({ "type": "thinking", "thinking": "", "signature": "" }))];
    for piece in &answer.thoughts {
        frame.push(delta(0, &json!({ "type": "thinking_delta", "thinking": piece })));
        content.push(joined(&frame));
        frame.clear();
    }
    frame.push(delta(0, &json!({ "type": "signature_delta", "signature": signature })));
    frame.push(stop(0));
    content.push(joined(&frame));
}

/// Error types as in <https://docs.anthropic.com/en/api/errors>.
pub(super) fn error_body(refusal: &Refusal, seq: u64) -> Value {
    let kind = match refusal.status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        408 | 504 => "timeout_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    json!({
        "type": "error",
        "error": { "type": kind, "message": refusal.message },
        "request_id": format!("req_sim{seq:08}"),
    })
}

pub(super) fn models(models: &[String]) -> Value {
    let data = models.iter().map(|name| model(name));
    json!({
        "data": data.collect::<Vec<_>>(),
        "has_more": false,
        "first_id": models.first(),
        "last_id": models.last(),
    })
}

pub(super) fn model(model: &str) -> Value {
    json!({ "type": "model", "id": model, "display_name": model, "created_at": "2026-01-01T00:00:00Z" })
}
