//! Whatever comes in, from callers or upstreams, ends in a translation or an error, never in a panic.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::dialects::{ALL, options};
use super::fixtures;
use super::{Dialect, no_caller, read_answer, read_request, readable, translate_request, translate_response};
use crate::frames::{FrameDecoder, StreamEvent};
use crate::notes::Notes;
use crate::pipe::StreamFault;
use crate::pipe::ends::{Reader, Writer};

/// The words bodies and events are made of; values that fit one place often stand in another.
const WORDS: &[&str] = &[
    "type",
    "role",
    "content",
    "text",
    "messages",
    "system",
    "model",
    "choices",
    "message",
    "delta",
    "index",
    "id",
    "name",
    "tool_calls",
    "function",
    "arguments",
    "finish_reason",
    "usage",
    "prompt_tokens",
    "tool_use",
    "tool_result",
    "input",
    "tool_use_id",
    "source",
    "image_url",
    "url",
    "data:;base64,",
    "data:,",
    "base64",
    "document",
    "thinking",
    "signature",
    "redacted_thinking",
    "data",
    "reasoning",
    "reasoning_content",
    "effort",
    "budget_tokens",
    "max_tokens",
    "stop",
    "response_format",
    "json_schema",
    "schema",
    "tools",
    "tool_choice",
    "user",
    "assistant",
    "tool",
    "message_start",
    "content_block",
    "content_block_start",
    "content_block_delta",
    "text_delta",
    "input_json_delta",
    "partial_json",
    "message_delta",
    "message_stop",
    "stop_reason",
    "error",
    "parts",
    "candidates",
    "functionCall",
    "functionResponse",
    "functionDeclarations",
    "parameters",
    "contents",
    "generationConfig",
    "thinkingConfig",
    "responseSchema",
    "toolConfig",
    "model",
    "OBJECT",
    "_url",
    "thoughtSignature",
    "c3kxLm9wZW5haS4=",
    "inlineData",
    "contentBlockDelta",
    "messageStop",
    "toolUse",
    "response",
    "output",
    "item",
    "response.created",
    "output_text",
    "extra_content",
    "google",
    "thought_signature",
    "sy1.gemini.x",
    "sy1.",
    "file",
    "file_data",
    "input_text",
    "function_call",
    "function_call_output",
    "call_id",
    "status",
    "instructions",
    "cache_control",
    "refusal",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => word().prop_map(Value::String),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => any::<f64>().prop_map(|number| json!(number)),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            2 => prop::collection::vec((word(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn read_everything(text: &str) {
    for (_, dialect) in ALL {
        let _ = match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::Gemini => {
                read_request(dialect, &readable(dialect, text), &mut Notes::default()).map(|_| ())
            }
            Dialect::BedrockConverse => Err(no_caller(dialect)),
        };
        let _ = read_answer(dialect, text, &mut Notes::default());
    }
}

/// Gives each event to a reader, as complete and as broken off.
fn read_events(dialect: Dialect, events: &[(Option<&str>, &[u8])]) {
    for complete in [true, false] {
        let mut reader = Reader::of(dialect);
        for (event, data) in events.iter().filter(|(_, data)| !data.is_empty()) {
            let event = StreamEvent { event: *event, data, raw: data, complete };
            let read = reader.read(&event, &mut Notes::default(), &mut |_| {});
            if let Err(StreamFault::Malformed(said)) = read {
                assert!(!said.is_empty());
            }
        }
        reader.finish(&mut |_| {});
    }
}

/// A recorded file with a few bytes changed.
fn damage(bytes: &mut Vec<u8>, hits: &[(prop::sample::Index, u8)], cut: &prop::sample::Index) {
    if bytes.is_empty() {
        return;
    }
    for (at, byte) in hits {
        let at = at.index(bytes.len());
        bytes[at] = *byte;
    }
    if cut.index(3) == 0 {
        bytes.truncate(cut.index(bytes.len()));
    }
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(value in value()) {
        let text = value.to_string();
        read_everything(&text);
        for (_, dialect) in ALL {
            let events = [(None, text.as_bytes()), (value["type"].as_str(), text.as_bytes()), (Some("contentBlockDelta"), text.as_bytes())];
            read_events(dialect, &events);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), event in prop::option::of("[a-z_.]{0,12}")) {
        read_everything(&String::from_utf8_lossy(&bytes));
        for (_, dialect) in ALL {
            read_events(dialect, &[(event.as_deref(), &bytes)]);
        }
    }

    #[test]
    fn damaged_recordings_are_translated_or_refused(
        at in any::<prop::sample::Index>(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let all = fixtures::all();
        let fixture = at.get(&all);
        let (caller, upstream) = (fixture.caller, fixture.upstream);
        if let Some(mut request) = fixture.file("request.json") {
            damage(&mut request, &hits, &cut);
            let _ = translate_request(caller, upstream, &request, "m");
        }
        if let Some(mut response) = fixture.file("response.json") {
            damage(&mut response, &hits, &cut);
            let _ = translate_response(upstream, caller, &response, &options());
        }
        let Some(mut stream) = fixture.stream() else { return Ok(()) };
        damage(&mut stream, &hits, &cut);
        let mut decoder = FrameDecoder::of(upstream);
        decoder.push(&stream);
        decoder.finish();
        let mut reader = Reader::of(upstream);
        let mut writer = Writer::of(caller, &options());
        let mut out = Vec::new();
        while let Ok(Some(event)) = decoder.next_event() {
            if event.data.is_empty() {
                continue;
            }
            let mut notes = Notes::default();
            let _ = reader.read(&event, &mut notes, &mut |delta| {
                writer.write(delta, &mut Notes::default(), &mut out);
            });
        }
        prop_assert!(std::str::from_utf8(&out).is_ok(), "what is written is UTF-8");
    }
}
