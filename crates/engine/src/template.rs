//! The canned completion of `"reply": "template"`: a whole answer or a short stream in the caller's dialect.

use serde_json::{Value, json};
use switchyard_domain::Dialect;

/// The body and its media type.
pub(crate) fn render(
    dialect: Dialect,
    id: &str,
    model: &str,
    text: &str,
    stream: bool,
) -> (String, &'static str) {
    match (dialect, stream) {
        (
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse,
            false,
        ) => (chat(id, model, text).to_string(), "application/json"),
        (Dialect::AnthropicMessages, false) => (message(id, model, text).to_string(), "application/json"),
        (
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse,
            true,
        ) => (chat_stream(id, model, text), "text/event-stream; charset=utf-8"),
        (Dialect::AnthropicMessages, true) => {
            (message_stream(id, model, text), "text/event-stream; charset=utf-8")
        }
    }
}

fn chat(id: &str, model: &str, text: &str) -> Value {
    json!({
        "id": id, "object": "chat.completion", "created": 0, "model": model,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 }
    })
}

fn chat_stream(id: &str, model: &str, text: &str) -> String {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        let chunk = json!({ "id": id, "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice] });
        format!("data: {chunk}\n\n")
    };
    chunk(json!({ "role": "assistant", "content": text }), Value::Null)
        + &chunk(json!({}), json!("stop"))
        + "data: [DONE]\n\n"
}

fn message(id: &str, model: &str, text: &str) -> Value {
    json!({
        "id": id, "type": "message", "role": "assistant", "model": model,
        "content": [{ "type": "text", "text": text }],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 0, "output_tokens": 0 }
    })
}

fn message_stream(id: &str, model: &str, text: &str) -> String {
    let mut start = message(id, model, text);
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    let events = [
        json!({ "type": "message_start", "message": start }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
                "usage": { "output_tokens": 0 } }),
        json!({ "type": "message_stop" }),
    ];
    events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
        .collect()
}
