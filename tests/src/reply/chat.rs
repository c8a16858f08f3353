//! Chat Completions.

use serde_json::{Value, json};

use super::{Completion, Event, Tokens, ToolCall, number, string};

pub(super) fn read(body: &Value) -> Completion {
    assert_eq!(body["object"], "chat.completion", "{body}");
    let choice = &body["choices"][0];
    let message = &choice["message"];
    assert_eq!(message["role"], "assistant", "{body}");
    let calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| {
        assert_eq!(call["type"], "function", "{body}");
        ToolCall {
            id: string(&call["id"], "call id"),
            name: string(&call["function"]["name"], "call name"),
            arguments: serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap(),
        }
    });
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    let usage = &body["usage"];
    Completion {
        text: text("content"),
        thinking: text("reasoning_content"),
        refusal: text("refusal"),
        calls: calls.collect(),
        model: string(&body["model"], "model"),
        finish: string(&choice["finish_reason"], "finish_reason"),
        usage: usage.is_object().then(|| {
            let (input, output) =
                (number(&usage["prompt_tokens"], "tokens"), number(&usage["completion_tokens"], "tokens"));
            assert_eq!(usage["total_tokens"], input + output, "{usage}");
            let cached = usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0);
            Tokens { input, output, cached }
        }),
    }
}

/// Puts a chat stream together.
pub(super) fn put_together(events: &[Event]) -> Value {
    // A provider that leaves `[DONE]` out has still answered; the finish reason is what completes it.
    let events = match events.split_last() {
        Some((last, rest)) if last.data == "[DONE]" => rest,
        Some(_) | None => events,
    };
    let (mut calls, mut finish, mut usage) = (Vec::<Value>::new(), Value::Null, Value::Null);
    let mut message = json!({ "role": "assistant", "content": "" });
    let mut id = Value::Null;
    for event in events {
        assert_eq!(event.name, None, "chat events have no name");
        let chunk = event.json();
        assert!(chunk.get("error").is_none(), "an error in the stream: {chunk}");
        assert_eq!(chunk["object"], "chat.completion.chunk", "{chunk}");
        if id.is_null() {
            id = chunk["id"].clone();
        }
        assert_eq!(chunk["id"], id, "one answer, one id");
        if chunk["usage"].is_object() {
            usage = chunk["usage"].clone();
        }
        let choice = &chunk["choices"][0];
        if choice.is_null() {
            continue;
        }
        assert!(finish.is_null(), "content after the finish reason: {chunk}");
        for name in ["content", "reasoning_content", "refusal"] {
            if let Some(piece) = choice["delta"][name].as_str() {
                message[name] = json!(format!("{}{piece}", message[name].as_str().unwrap_or_default()));
            }
        }
        if let Some(extra) = choice["delta"].get("extra_content") {
            message["extra_content"] = extra.clone();
        }
        for part in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            add_call(&mut calls, part);
        }
        finish = choice["finish_reason"].clone();
    }
    let model = events.first().map(|event| event.json()["model"].clone()).unwrap_or_default();
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({ "object": "chat.completion", "id": id, "model": model, "usage": usage,
        "choices": [{ "message": message, "finish_reason": finish }] })
}

/// A part of a call: its beginning has the id and the name, the rest adds to the arguments.
fn add_call(calls: &mut Vec<Value>, part: &Value) {
    let index = usize::try_from(part["index"].as_u64().unwrap()).unwrap();
    if index == calls.len() {
        let mut call = part.clone();
        // It tells a stream's parts apart; a message has none.
        call.as_object_mut().unwrap().remove("index");
        calls.push(call);
        return;
    }
    let (known, more) = (&mut calls[index]["function"]["arguments"], &part["function"]["arguments"]);
    *known = json!(format!("{}{}", known.as_str().unwrap(), more.as_str().unwrap()));
}
