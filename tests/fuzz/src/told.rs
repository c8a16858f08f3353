//! What a caller hears in a stream it got.

use serde_json::Value;
use switchyard_wire::{Dialect, SseDecoder};

use crate::json::value;

/// A caller's stream, read.
#[derive(Debug, Default)]
pub struct Told {
    /// The text, whole.
    pub text: String,
    /// Where end markers stood among the events.
    pub ends: Vec<usize>,
    /// How many events there were.
    pub events: usize,
}

/// Reads a stream the router wrote itself; panics unless all of it is whole events of JSON, or chat's `[DONE]`.
pub fn read(caller: Dialect, stream: &[u8]) -> Told {
    let mut told = Told::default();
    each(stream, |name, data| {
        let shown = String::from_utf8_lossy(data);
        let is_end = if caller == Dialect::OpenAiChat && data == b"[DONE]" {
            true
        } else {
            let event = value(data).unwrap_or_else(|| panic!("an event is no JSON: {shown}"));
            told.text.push_str(&text(caller, &event));
            if caller != Dialect::OpenAiChat && event.get("error").is_none_or(Value::is_null) {
                assert_eq!(event["type"].as_str(), name, "an event is named twice: {shown}");
            }
            is_end(caller, &event)
        };
        if is_end {
            told.ends.push(told.events);
        }
        told.events += 1;
    });
    told
}

/// Gives every event to `sink`; panics if the stream ends inside one.
pub fn each(stream: &[u8], mut sink: impl FnMut(Option<&str>, &[u8])) {
    let mut decoder = SseDecoder::default();
    decoder.push(stream);
    decoder.finish();
    while let Some(event) = decoder.next_event().expect("answers are smaller than the limit") {
        assert!(event.complete, "the caller's stream ends inside an event: {event:?}");
        sink(event.event, event.data);
    }
}

fn text(caller: Dialect, event: &Value) -> String {
    let piece = match caller {
        Dialect::OpenAiChat => &event["choices"][0]["delta"]["content"],
        Dialect::OpenAiResponses if event["type"] == "response.output_text.delta" => &event["delta"],
        Dialect::AnthropicMessages if event["delta"]["type"] == "text_delta" => &event["delta"]["text"],
        Dialect::Gemini => return parts(event),
        Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::BedrockConverse => &Value::Null,
    };
    piece.as_str().unwrap_or_default().to_owned()
}

/// The texts among the parts of a Gemini caller's chunk.
fn parts(event: &Value) -> String {
    let parts = event["candidates"][0]["content"]["parts"].as_array().into_iter().flatten();
    parts.filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str()).collect()
}

fn is_end(caller: Dialect, event: &Value) -> bool {
    let kind = event["type"].as_str().unwrap_or_default();
    match caller {
        Dialect::OpenAiResponses => {
            ["response.completed", "response.incomplete", "response.failed"].contains(&kind)
        }
        Dialect::AnthropicMessages => kind == "message_stop",
        Dialect::Gemini => event["candidates"][0]["finishReason"].is_string(),
        Dialect::OpenAiChat | Dialect::BedrockConverse => false,
    }
}
