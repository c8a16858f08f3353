//! Streams of text, as each provider sends them, one event a chunk.

use std::hint::black_box;
use std::time::Duration;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Value, json};
use switchyard_wire::{Dialect, FrameDecoder, Pipe, ReplyOptions, StreamEnd};

use super::{Times, now};

/// Chunks of text in a stream: a page.
const CHUNKS: usize = 400;

/// Tokens as models send them, some with what JSON escapes.
const TOKENS: [&str; 16] = [
    "The",
    " train",
    " to",
    " Lisbon",
    ",",
    " said",
    " “",
    "the",
    " conductor",
    "”",
    " –",
    " leaves",
    "\n\n",
    "\"",
    "at",
    " noon.",
];

/// Events a second and the time a chunk of text takes, of a caller's streams from one kind of upstream.
pub(super) fn measure(caller: Dialect, upstream: Dialect, length: Duration) -> Value {
    let stream = recorded(upstream);
    let (mut chunks, mut whole, mut events) = (Times::default(), Duration::ZERO, 0_usize);
    // The first rounds warm caches up and don't count.
    for _ in 0..5 {
        flow(caller, upstream, &stream, &mut Times::default());
    }
    while whole < length {
        whole += flow(caller, upstream, &stream, &mut chunks);
        events += stream.len();
    }
    #[expect(clippy::cast_precision_loss, reason = "events of one second")]
    let per_second = events as f64 / whole.as_secs_f64();
    json!({
        "caller": caller.as_str(),
        "upstream": upstream.as_str(),
        "events_per_second": per_second.round(),
        "chunk_p50_us": chunks.percentile_us(50),
        "chunk_p99_us": chunks.percentile_us(99),
    })
}

/// One event of a stream.
struct Event {
    bytes: Vec<u8>,
    is_text: bool,
}

/// Sends a stream through, event by event, and returns how long that took.
fn flow(caller: Dialect, upstream: Dialect, stream: &[Event], chunks: &mut Times) -> Duration {
    let mut decoder = FrameDecoder::of(upstream);
    let options = ReplyOptions { include_usage: true, created_unix_s: 1_700_000_000, ..Default::default() };
    let mut pipe = if caller == upstream {
        Pipe::passthrough(caller, false, options, true, false)
    } else {
        Pipe::translating(upstream, caller, options, true, false)
    };
    let mut whole = Duration::ZERO;
    for event in stream {
        let mut out = Vec::new();
        let begun = now();
        decoder.push(&event.bytes);
        while let Some(event) = decoder.next_event().expect("the stream is well-formed") {
            pipe.push(&event, &mut out);
        }
        let time = begun.elapsed();
        whole += time;
        if event.is_text {
            assert!(!out.is_empty(), "{caller} is told nothing of a chunk by {upstream}");
            chunks.add(time);
        }
        black_box(out);
    }
    let end = pipe.finish(&mut Vec::new());
    assert_eq!(end, StreamEnd::Complete, "{upstream} to {caller}: {:?}", pipe.error());
    whole
}

fn recorded(dialect: Dialect) -> Vec<Event> {
    let text = |number: usize| TOKENS[number % TOKENS.len()];
    let (head, chunk, tail): Shape = match dialect {
        Dialect::OpenAiChat => chat(),
        Dialect::OpenAiResponses => responses(),
        Dialect::AnthropicMessages => messages(),
        Dialect::Gemini => gemini(),
        Dialect::BedrockConverse => bedrock(),
    };
    let framed = |value: &Value, is_text| Event { bytes: frame(dialect, value), is_text };
    let mut events: Vec<Event> = head.iter().map(|value| framed(value, false)).collect();
    events.extend((0..CHUNKS).map(|number| framed(&chunk(text(number), number), true)));
    events.extend(tail.iter().map(|value| framed(value, false)));
    events
}

/// An event as its dialect frames it. Bedrock's are written here as `{name: payload}`.
fn frame(dialect: Dialect, value: &Value) -> Vec<u8> {
    match dialect {
        Dialect::OpenAiChat => match value.as_str() {
            Some(mark) => format!("data: {mark}\n\n").into_bytes(),
            None => format!("data: {value}\n\n").into_bytes(),
        },
        Dialect::Gemini => format!("data: {value}\r\n\r\n").into_bytes(),
        Dialect::OpenAiResponses | Dialect::AnthropicMessages => {
            let name = value["type"].as_str().expect("every event has a type");
            format!("event: {name}\ndata: {value}\n\n").into_bytes()
        }
        Dialect::BedrockConverse => {
            let (name, payload) =
                value.as_object().and_then(|event| event.iter().next()).expect("an event has a name");
            let mut message = Message::new(payload.to_string().into_bytes());
            let json = "application/json";
            for (name, value) in
                [(":event-type", name.as_str()), (":content-type", json), (":message-type", "event")]
            {
                let value = HeaderValue::String(value.to_owned().into());
                message = message.add_header(Header::new(name, value));
            }
            let mut bytes = Vec::new();
            write_message_to(&message, &mut bytes).expect("the message can be framed");
            bytes
        }
    }
}

/// A stream's beginning, its chunk number so-and-so, and its end.
type Shape = (Vec<Value>, fn(&str, usize) -> Value, Vec<Value>);

fn chat() -> Shape {
    fn event(delta: &Value, finish: Option<&str>) -> Value {
        json!({ "id": "chatcmpl-C5Xk2b7Qw9", "object": "chat.completion.chunk", "created": 1_755_443_394,
            "model": "gpt-4o-mini-2024-07-18", "service_tier": "default", "system_fingerprint": "fp_560af6e559",
            "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }], "usage": null })
    }
    let mut usage = event(&json!({}), None);
    usage["choices"] = json!([]);
    usage["usage"] = json!({ "prompt_tokens": 12, "completion_tokens": 400, "total_tokens": 412,
        "prompt_tokens_details": { "cached_tokens": 0 }, "completion_tokens_details": { "reasoning_tokens": 0 } });
    let head = event(&json!({ "role": "assistant", "content": "", "refusal": null }), None);
    let tail = vec![event(&json!({}), Some("stop")), usage, json!("[DONE]")];
    (vec![head], |text, _| event(&json!({ "content": text }), None), tail)
}

fn responses() -> Shape {
    let response = |status: &str, output: &Value| {
        json!({ "id": "resp_68a1f0c2b5d48190a7e3", "object": "response", "created_at": 1_755_443_394,
            "status": status, "error": null, "incomplete_details": null, "instructions": null,
            "max_output_tokens": null, "model": "gpt-4o-mini-2024-07-18", "output": output,
            "parallel_tool_calls": true, "previous_response_id": null, "temperature": 1.0,
            "text": { "format": { "type": "text" } }, "tool_choice": "auto", "tools": [], "top_p": 1.0,
            "usage": { "input_tokens": 12, "input_tokens_details": { "cached_tokens": 0 }, "output_tokens": 400,
                "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 412 }, "metadata": {} })
    };
    let text: String = (0..CHUNKS).map(|number| TOKENS[number % TOKENS.len()]).collect();
    let part = |text: &str| json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": text });
    let item = |status: &str, content: &Value| {
        json!({ "id": "msg_68a1f0c300b48190", "type": "message", "status": status, "content": content,
            "role": "assistant" })
    };
    let whole = item("completed", &json!([part(&text)]));
    let place = |kind: &str, name: &str, value: Value| {
        let mut event = json!({ "type": kind, "sequence_number": 1, "item_id": "msg_68a1f0c300b48190",
            "output_index": 0, "content_index": 0 });
        event[name] = value;
        event
    };
    let head = vec![
        json!({ "type": "response.created", "sequence_number": 0, "response": response("in_progress", &json!([])) }),
        place("response.output_item.added", "item", item("in_progress", &json!([]))),
        place("response.content_part.added", "part", part("")),
    ];
    let tail = vec![
        place("response.output_text.done", "text", json!(text)),
        place("response.content_part.done", "part", part(&text)),
        place("response.output_item.done", "item", whole.clone()),
        json!({ "type": "response.completed", "sequence_number": 407, "response": response("completed", &json!([whole])) }),
    ];
    let chunk = |text: &str, number: usize| {
        json!({ "type": "response.output_text.delta", "sequence_number": number + 3,
            "item_id": "msg_68a1f0c300b48190", "output_index": 0, "content_index": 0, "delta": text,
            "logprobs": [], "obfuscation": "XyZ012345678abcd" })
    };
    (head, chunk, tail)
}

fn messages() -> Shape {
    let head = vec![
        json!({ "type": "message_start", "message": { "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message",
            "role": "assistant", "model": "claude-sonnet-4-6", "content": [], "stop_reason": null,
            "stop_sequence": null, "usage": { "input_tokens": 12, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "ping" }),
    ];
    let tail = vec![
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
            "usage": { "output_tokens": 400 } }),
        json!({ "type": "message_stop" }),
    ];
    let chunk = |text: &str, _: usize| json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } });
    (head, chunk, tail)
}

fn gemini() -> Shape {
    fn event(text: &str, number: usize, finish: Option<&str>) -> Value {
        // Google sends sentences, not tokens.
        let text = text.repeat(16);
        let mut candidate =
            json!({ "content": { "parts": [{ "text": text }], "role": "model" }, "index": 0 });
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        json!({ "candidates": [candidate], "usageMetadata": { "promptTokenCount": 12,
            "candidatesTokenCount": number + 1, "totalTokenCount": number + 13,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 12 }] },
            "modelVersion": "gemini-3-flash-preview", "responseId": "mAitaLmkHPPlz7IPvtfUqQ4" })
    }
    (vec![], |text, number| event(text, number, None), vec![event("", CHUNKS, Some("STOP"))])
}

fn bedrock() -> Shape {
    let head = vec![json!({ "messageStart": { "p": "abcdefghijkl", "role": "assistant" } })];
    let tail = vec![
        json!({ "contentBlockStop": { "contentBlockIndex": 0, "p": "abcdefgh" } }),
        json!({ "messageStop": { "p": "abcdefghijklmnop", "stopReason": "end_turn" } }),
        json!({ "metadata": { "metrics": { "latencyMs": 1_234 }, "p": "abcd", "usage": { "inputTokens": 12,
            "outputTokens": 400, "totalTokens": 412 } } }),
    ];
    let chunk = |text: &str, _: usize| json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": text }, "p": "abcdefghijklmn" } });
    (head, chunk, tail)
}
