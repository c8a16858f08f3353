//! Anthropic messages, after <https://docs.anthropic.com/en/api/messages>.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Events, SSE, halves, joined, sse};
use crate::answer::{Answer, Finish};
use crate::ask::{Ask, JsonMode, Refusal, Role, Tool, ToolChoice, ToolResult, Turn, content_text};
use crate::endpoint::Endpoint;
use crate::provider::Provider;
use crate::schema::{Misfit, Schema};

pub(super) fn schema(_: &Endpoint) -> Option<&'static Schema> {
    None
}

pub(super) fn misfit(misfit: &Misfit) -> Refusal {
    field(misfit.dots(), "Input is wrong")
}

pub(super) fn token_count(tokens: usize) -> Value {
    json!({ "input_tokens": tokens })
}

pub(super) fn read(body: &Value, _: &Provider) -> Result<Ask, Refusal> {
    let model = match body["model"].as_str() {
        Some(model) if !model.is_empty() => model.to_owned(),
        Some(_) | None => return Err(required("model")),
    };
    let Some(max_tokens) = body.get("max_tokens") else {
        return Err(required("max_tokens"));
    };
    let Some(max_tokens) = max_tokens.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0)
    else {
        return Err(field("max_tokens", "Input should be greater than or equal to 1"));
    };
    let Some(messages) = body["messages"].as_array() else {
        return Err(required("messages"));
    };
    let Some(last) = messages.last() else {
        return Err(field("messages", "at least one message is required"));
    };
    check_messages(messages)?;
    let text = |message: &Value| content_text(&message["content"]);
    let results = blocks(last, "tool_result").map(|block| ToolResult { text: content_text(&block["content"]), failed: false, images: 0 });
    let system_chars = content_text(&body["system"]).chars().count();
    let current = &body["output_config"]["format"]["schema"];
    // The beta's spelling is still accepted.
    let schema = if current.is_null() { &body["output_format"]["schema"] } else { current };
    Ok(Ask {
        model,
        stream: body["stream"].as_bool().unwrap_or(false),
        include_usage: true,
        max_tokens: Some(max_tokens),
        prompt: String::new(),
        turns: messages.iter().map(|m| Turn { role: if m["role"] == "assistant" { Role::Assistant } else { Role::User }, text: text(m) }).collect(),
        tools: tools(body)?,
        tool_choice: tool_choice(&body["tool_choice"]),
        parallel_tools: !body["tool_choice"]["disable_parallel_tool_use"].as_bool().unwrap_or(false),
        tool_results: results.collect(),
        json: if schema.is_null() { JsonMode::Off } else { JsonMode::Schema(schema.clone()) },
        continues_own_words: true,
        ..Ask::default()
    })
}

fn required(name: &str) -> Refusal {
    field(name, "Field required")
}

fn field(name: impl Into<String>, reason: &str) -> Refusal {
    let name = name.into();
    let message = format!("{name}: {reason}");
    Refusal::field(name, message)
}

fn blocks<'a>(message: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let content = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    content.iter().filter(move |block| block["type"] == kind)
}

fn read_chars(message: &Value) -> usize {
    let results = blocks(message, "tool_result").map(|block| content_text(&block["content"]).chars().count());
    content_text(&message["content"]).chars().count() + results.sum::<usize>()
}

/// Roles that exist, and a result for each tool use in the very next message, as the real API demands.
fn check_messages(messages: &[Value]) -> Result<(), Refusal> {
    let mut open: HashSet<&str> = HashSet::new();
    for (n, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if !["user", "assistant"].contains(&role) {
            return Err(field(format!("messages.{n}.role"), "Input should be 'user' or 'assistant'"));
        }
        let content = &message["content"];
        if !(content.is_string() || content.is_array()) {
            return Err(field(format!("messages.{n}.content"), "Field required"));
        }
        for result in blocks(message, "tool_result") {
            let id = result["tool_use_id"].as_str().unwrap_or_default();
            if !open.remove(id) {
                let reason = format!(
                    "unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must \
                     have a corresponding `tool_use` block in the previous message."
                );
                return Err(field(format!("messages.{n}.content"), &reason));
            }
        }
        if !open.is_empty() {
            let reason = "`tool_use` ids were found without `tool_result` blocks immediately after";
            return Err(field(format!("messages.{}", n - 1), reason));
        }
        open = blocks(message, "tool_use").filter_map(|block| block["id"].as_str()).collect();
    }
    Ok(())
}

fn tools(body: &Value) -> Result<Vec<Tool>, Refusal> {
    let listed = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |(n, tool): (usize, &Value)| match tool["name"].as_str() {
        Some(name) => Ok(Tool { name: name.to_owned(), schema: tool["input_schema"].clone() }),
        None => Err(required(&format!("tools.{n}.name"))),
    };
    listed.iter().enumerate().map(read).collect()
}

fn tool_choice(choice: &Value) -> ToolChoice {
    match (choice["type"].as_str(), choice["name"].as_str()) {
        (Some("tool"), Some(name)) => ToolChoice::Named(name.to_owned()),
        (Some("any"), _) => ToolChoice::Required,
        (Some("none"), _) => ToolChoice::None,
        (Some(_) | None, _) => ToolChoice::Auto,
    }
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

fn call_id(answer: &Answer, n: usize) -> String {
    format!("toolu_sim{:08}{n}", answer.seq)
}

fn message(answer: &Answer, content: &Value, stop_reason: Option<&str>, output_tokens: usize) -> Value {
    json!({
        "id": format!("msg_sim{:08}", answer.seq),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": {
            "input_tokens": answer.usage.prompt,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output_tokens,
        },
    })
}

pub(super) fn whole(_: &Ask, answer: &Answer) -> Value {
    let mut content = Vec::new();
    if !answer.choice.pieces.is_empty() {
        content.push(json!({ "type": "text", "text": answer.choice.text() }));
    }
    content.extend(answer.choice.calls.iter().enumerate().map(|(n, call)| {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        json!({ "type": "tool_use", "id": call_id(answer, n), "name": call.name, "input": input })
    }));
    message(answer, &Value::Array(content), Some(stop_reason(answer.choice.finish)), answer.usage.completion)
}

pub(super) fn events(_: &Ask, answer: &Answer) -> Events {
    let event = |data: Value| sse(data["type"].as_str(), &data);
    let start = |index: usize, block: Value| {
        event(json!({ "type": "content_block_start", "index": index, "content_block": block }))
    };
    let delta = |index: usize, delta: Value| {
        event(json!({ "type": "content_block_delta", "index": index, "delta": delta }))
    };
    let stop = |index: usize| event(json!({ "type": "content_block_stop", "index": index }));

    let mut content: Vec<Bytes> = Vec::new();
    let last = answer.choice.pieces.len().saturating_sub(1);
    for (n, piece) in answer.choice.pieces.iter().enumerate() {
        let mut frame = Vec::new();
        if n == 0 {
            frame.push(start(0, json!({ "type": "text", "text": "" })));
            frame.push(event(json!({ "type": "ping" })));
        }
        frame.push(delta(0, json!({ "type": "text_delta", "text": piece })));
        if n == last {
            frame.push(stop(0));
        }
        content.push(joined(&frame));
    }
    for (n, call) in answer.choice.calls.iter().enumerate() {
        let (first, second) = halves(&call.arguments);
        let part = |json: &str| delta(n, json!({ "type": "input_json_delta", "partial_json": json }));
        let block = json!({ "type": "tool_use", "id": call_id(answer, n), "name": call.name, "input": {} });
        content.push(joined(&[start(n, block), part(first)]));
        content.push(joined(&[part(second), stop(n)]));
    }
    let delta = json!({ "stop_reason": stop_reason(answer.choice.finish), "stop_sequence": null });
    let usage = json!({ "output_tokens": answer.usage.completion });
    Events {
        content_type: SSE,
        opening: event(json!({ "type": "message_start", "message": message(answer, &json!([]), None, 1) })),
        content,
        closing: event(json!({ "type": "message_delta", "delta": delta, "usage": usage })),
        done: event(json!({ "type": "message_stop" })),
    }
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
