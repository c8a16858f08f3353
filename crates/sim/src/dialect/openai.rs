//! OpenAI chat completions, after <https://platform.openai.com/docs/api-reference/chat>.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Events, halves, joined, sse};
use crate::answer::{Answer, Finish};
use crate::ask::{Ask, JsonMode, Refusal, Tool, ToolChoice, content_text};

/// Any fixed moment will do; a clock would make two runs differ.
const CREATED: u64 = 1_767_225_600;

pub(super) fn read(body: &Value) -> Result<Ask, Refusal> {
    let model = match body["model"].as_str() {
        Some(model) if !model.is_empty() => model.to_owned(),
        Some(_) | None => return Err(Refusal::field("model", "you must provide a model parameter")),
    };
    let messages = match body["messages"].as_array() {
        None => return Err(Refusal::field("messages", "Missing required parameter: 'messages'.")),
        Some(messages) if messages.is_empty() => {
            return Err(Refusal::field(
                "messages",
                "Invalid 'messages': empty array. Expected at least one.",
            ));
        }
        Some(messages) => messages,
    };
    check_messages(messages)?;
    let asked = if body["max_completion_tokens"].is_null() { "max_tokens" } else { "max_completion_tokens" };
    let given = &body[asked];
    let max_tokens = given.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    if max_tokens.is_none() && !given.is_null() {
        return Err(Refusal::field(asked, format!("Invalid '{asked}': expected a positive integer.")));
    }
    let text = |message: &Value| content_text(&message["content"]);
    let trailing_results = messages.iter().rev().take_while(|m| m["role"] == "tool").map(text);
    let mut tool_results: Vec<String> = trailing_results.collect();
    tool_results.reverse();
    Ok(Ask {
        model,
        stream: body["stream"].as_bool().unwrap_or(false),
        include_usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
        max_tokens,
        prompt_chars: messages.iter().map(|m| text(m).chars().count()).sum(),
        last_user: messages.iter().rev().find(|m| m["role"] == "user").map(text).unwrap_or_default(),
        tools: tools(body)?,
        tool_choice: tool_choice(&body["tool_choice"]),
        parallel_tools: body["parallel_tool_calls"].as_bool().unwrap_or(true),
        tool_results,
        json: match body["response_format"]["type"].as_str() {
            Some("json_object") => JsonMode::Object,
            Some("json_schema") => JsonMode::Schema(body["response_format"]["json_schema"]["schema"].clone()),
            Some(_) | None => JsonMode::Off,
        },
    })
}

/// Roles that exist, and tool messages that answer a call made before them, as the real API demands.
fn check_messages(messages: &[Value]) -> Result<(), Refusal> {
    let mut called: HashSet<&str> = HashSet::new();
    let mut unanswered: HashSet<&str> = HashSet::new();
    for (n, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if !["system", "developer", "user", "assistant", "tool"].contains(&role) {
            let field = format!("messages[{n}].role");
            return Err(Refusal::field(&field, format!("Invalid value for '{field}': '{role}'.")));
        }
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            if !called.contains(id) {
                return Err(Refusal::field(
                    format!("messages[{n}].tool_call_id"),
                    "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
                ));
            }
            unanswered.remove(id);
            continue;
        }
        if !unanswered.is_empty() {
            return Err(Refusal::field(
                format!("messages[{n}].role"),
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
                 'tool_call_id'.",
            ));
        }
        let content = &message["content"];
        let calls = message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !(content.is_string() || content.is_array()) && calls.is_empty() {
            let field = format!("messages[{n}].content");
            return Err(Refusal::field(
                &field,
                format!("Invalid type for '{field}': expected a string or an array."),
            ));
        }
        let ids: Vec<&str> = calls.iter().filter_map(|call| call["id"].as_str()).collect();
        called.extend(&ids);
        unanswered.extend(&ids);
    }
    Ok(())
}

fn tools(body: &Value) -> Result<Vec<Tool>, Refusal> {
    let listed = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |(n, tool): (usize, &Value)| match tool["function"]["name"].as_str() {
        Some(name) => Ok(Tool { name: name.to_owned(), schema: tool["function"]["parameters"].clone() }),
        None => {
            let field = format!("tools[{n}].function.name");
            Err(Refusal::field(&field, format!("Missing required parameter: '{field}'.")))
        }
    };
    listed.iter().enumerate().map(read).collect()
}

fn tool_choice(choice: &Value) -> ToolChoice {
    if let Some(name) = choice["function"]["name"].as_str() {
        return ToolChoice::Named(name.to_owned());
    }
    match choice.as_str() {
        Some("none") => ToolChoice::None,
        Some("required") => ToolChoice::Required,
        Some(_) | None => ToolChoice::Auto,
    }
}

fn id(answer: &Answer) -> String {
    format!("chatcmpl-sim{:08}", answer.seq)
}

fn call_id(answer: &Answer, n: usize) -> String {
    format!("call_sim{:08}{n}", answer.seq)
}

fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Filtered => "content_filter",
    }
}

fn usage(answer: &Answer) -> Value {
    json!({
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    })
}

pub(super) fn whole(answer: &Answer) -> Value {
    let mut message = json!({ "role": "assistant", "content": answer.text(), "refusal": null });
    if !answer.calls.is_empty() {
        let calls = answer.calls.iter().enumerate().map(|(n, call)| {
            json!({
                "id": call_id(answer, n),
                "type": "function",
                "function": { "name": call.name, "arguments": call.arguments },
            })
        });
        message["tool_calls"] = calls.collect();
        message["content"] = Value::Null;
    }
    let choice = json!({
        "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(answer.finish),
    });
    json!({
        "id": id(answer),
        "object": "chat.completion",
        "created": CREATED + answer.seq,
        "model": answer.model,
        "choices": [choice],
        "usage": usage(answer),
    })
}

pub(super) fn events(answer: &Answer, include_usage: bool) -> Events {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": id(answer),
            "object": "chat.completion.chunk",
            "created": CREATED + answer.seq,
            "model": answer.model,
            "choices": choices,
        });
        // The real one writes `usage: null` on every chunk but the last when usage is asked for.
        if include_usage {
            chunk["usage"] = usage;
        }
        sse(None, &chunk)
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]), Value::Null)
    };
    let mut content: Vec<Bytes> =
        answer.pieces.iter().map(|piece| delta(json!({ "content": piece }), Value::Null)).collect();
    for (n, call) in answer.calls.iter().enumerate() {
        let (first, second) = halves(&call.arguments);
        let opening = json!({
            "index": n,
            "id": call_id(answer, n),
            "type": "function",
            "function": { "name": call.name, "arguments": "" },
        });
        let part = |arguments: &str| {
            let call = json!({ "index": n, "function": { "arguments": arguments } });
            delta(json!({ "tool_calls": [call] }), Value::Null)
        };
        content.push(joined(&[delta(json!({ "tool_calls": [opening] }), Value::Null), part(first)]));
        content.push(part(second));
    }
    let mut closing = vec![delta(json!({}), json!(finish_reason(answer.finish)))];
    if include_usage {
        closing.push(chunk(json!([]), usage(answer)));
    }
    let empty = if answer.calls.is_empty() { json!("") } else { Value::Null };
    Events {
        opening: delta(json!({ "role": "assistant", "content": empty, "refusal": null }), Value::Null),
        content,
        closing: joined(&closing),
        done: Bytes::from_static(b"data: [DONE]\n\n"),
    }
}

/// Error types and codes as in <https://platform.openai.com/docs/guides/error-codes>.
pub(super) fn error_body(refusal: &Refusal) -> Value {
    let (kind, code) = match refusal.status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        402 => ("insufficient_quota", Some("insufficient_quota")),
        403 => ("invalid_request_error", Some("unsupported_country_region_territory")),
        404 => ("invalid_request_error", Some("model_not_found")),
        408 => ("timeout", Some("request_timeout")),
        413 => ("invalid_request_error", Some("request_too_large")),
        429 if refusal.code == Some("insufficient_quota") => ("insufficient_quota", None),
        429 => ("requests", Some("rate_limit_exceeded")),
        400..=499 => ("invalid_request_error", None),
        503 | 529 => ("server_error", Some("server_overloaded")),
        504 => ("server_error", Some("gateway_timeout")),
        _ => ("server_error", None),
    };
    json!({ "error": {
        "message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code.or(code),
    }})
}

pub(super) fn models(models: &[String]) -> Value {
    let data = models.iter().map(
        |model| json!({ "id": model, "object": "model", "created": CREATED, "owned_by": "switchyard-sim" }),
    );
    json!({ "object": "list", "data": data.collect::<Vec<_>>() })
}
