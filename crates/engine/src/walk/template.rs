//! The canned completion of `"reply": "template"`: a whole answer or a short stream in the caller's dialect.

use serde_json::{Value, json};
use switchyard_domain::Dialect;
use switchyard_wire::{FrameDecoder, Pipe, ReplyOptions, translate_response};

/// The body and its media type.
pub(crate) fn render(
    dialect: Dialect,
    id: &str,
    model: &str,
    text: &str,
    stream: bool,
    created_unix_s: u64,
) -> (String, &'static str) {
    const STREAM: &str = "text/event-stream; charset=utf-8";
    const JSON: &str = "application/json";
    match (dialect, stream) {
        (Dialect::AnthropicMessages, false) => (message(id, model, text).to_string(), JSON),
        (Dialect::AnthropicMessages, true) => (message_stream(id, model, text), STREAM),
        (Dialect::OpenAiResponses | Dialect::Gemini, false) => {
            (translated(dialect, &chat(id, model, text, created_unix_s), created_unix_s), JSON)
        }
        (Dialect::OpenAiResponses | Dialect::Gemini, true) => (
            translated_stream(dialect, &chat_stream(id, model, text, created_unix_s), created_unix_s),
            STREAM,
        ),
        // No client speaks the last.
        (Dialect::OpenAiChat | Dialect::BedrockConverse, false) => {
            (chat(id, model, text, created_unix_s).to_string(), JSON)
        }
        (Dialect::OpenAiChat | Dialect::BedrockConverse, true) => {
            (chat_stream(id, model, text, created_unix_s), STREAM)
        }
    }
}

/// An answer that is much writing for a few words is translated from chat's.
fn translated(to: Dialect, chat: &Value, created_unix_s: u64) -> String {
    let options = ReplyOptions { created_unix_s, ..ReplyOptions::default() };
    let body = chat.to_string();
    translate_response(Dialect::OpenAiChat, to, body.as_bytes(), &options)
        .map_or(body, |translated| String::from_utf8_lossy(&translated.body).into_owned())
}

fn translated_stream(to: Dialect, chat: &str, created_unix_s: u64) -> String {
    let options = ReplyOptions { created_unix_s, ..ReplyOptions::default() };
    let from = Dialect::OpenAiChat;
    let mut pipe = Pipe::translating(from, to, options, false, false);
    let mut decoder = FrameDecoder::of(from);
    decoder.push(chat.as_bytes());
    let mut out = Vec::new();
    while let Ok(Some(event)) = decoder.next_event() {
        pipe.push(&event, &mut out);
    }
    pipe.finish(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn chat(id: &str, model: &str, text: &str, created_unix_s: u64) -> Value {
    json!({
        "id": id, "object": "chat.completion", "created": created_unix_s, "model": model,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 }
    })
}

fn chat_stream(id: &str, model: &str, text: &str, created_unix_s: u64) -> String {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        let chunk = json!({
            "id": id, "object": "chat.completion.chunk", "created": created_unix_s, "model": model, "choices": [choice]
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_caller_gets_the_canned_text_in_its_own_words() {
        for dialect in
            [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages, Dialect::Gemini]
        {
            let (whole, _) = render(dialect, "req_1", "auto", "Back soon.", false, 1_790_000_000);
            assert!(serde_json::from_str::<Value>(&whole).unwrap().is_object());
            assert!(whole.contains("Back soon."), "{dialect}: {whole}");
            let (stream, _) = render(dialect, "req_1", "auto", "Back soon.", true, 1_790_000_000);
            for told in [&whole, &stream] {
                let is_dated = matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiResponses);
                let says_when = !is_dated || told.contains("1790000000");
                assert!(says_when && !told.contains("\"created\":0"), "{dialect}: {told}");
            }
            let end = match dialect {
                Dialect::OpenAiChat | Dialect::BedrockConverse => "[DONE]",
                Dialect::Gemini => "\"finishReason\":\"STOP\"",
                Dialect::OpenAiResponses => "response.completed",
                Dialect::AnthropicMessages => "message_stop",
            };
            assert!(stream.contains("Back soon.") && stream.contains(end), "{dialect}: {stream}");
        }
    }
}
