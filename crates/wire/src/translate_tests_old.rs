use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{SseDecoder, StreamTap};

const CREATED: u64 = 1_741_569_952;
const CHAT: Dialect = Dialect::OpenAiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;

/// Every fixture: its name, the caller's dialect, the upstream's, its folder.
fn fixtures() -> Vec<(String, Dialect, Dialect, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let pairs = [("openai-chat--anthropic", CHAT, MESSAGES), ("anthropic--openai-chat", MESSAGES, CHAT)];
    let cases = ["text", "text-stream", "parallel-tools", "tool-error", "image", "system-prompt"];
    pairs
        .iter()
        .flat_map(|(pair, caller, upstream)| {
            cases.map(|case| {
                let folder = root.join(pair).join(case);
                (format!("{pair}__{case}"), *caller, *upstream, folder)
            })
        })
        .collect()
}

fn document(translated: &Translated) -> Value {
    json!({
        "body": serde_json::from_slice::<Value>(&translated.body).unwrap(),
        "degraded": translated.degraded,
    })
}

fn options() -> StreamOptions {
    StreamOptions { include_usage: true, created_unix_s: CREATED }
}

/// Runs a stream through decoder and translator, cut into the given chunks.
fn translate_stream(from: Dialect, to: Dialect, chunks: &[&[u8]]) -> (Vec<u8>, StreamEnd) {
    let mut decoder = SseDecoder::default();
    let mut translator = StreamTranslator::new(from, to, options());
    let mut out = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        while let Some(event) = decoder.next_event().unwrap() {
            translator.push(&event, &mut out).unwrap();
        }
    }
    decoder.finish();
    while let Some(event) = decoder.next_event().unwrap() {
        translator.push(&event, &mut out).unwrap();
    }
    let end = translator.finish(&mut out);
    (out, end)
}

#[test]
fn fixtures_are_translated_as_recorded() {
    for (name, caller, upstream, folder) in fixtures() {
        let request = std::fs::read(folder.join("request.json")).unwrap();
        let translated = translate_request(caller, upstream, &request, "upstream-model").unwrap();
        insta::assert_json_snapshot!(format!("{name}__request"), document(&translated));
        let response = std::fs::read(folder.join("response.json")).unwrap();
        let translated = translate_response(upstream, caller, &response, CREATED).unwrap();
        insta::assert_json_snapshot!(format!("{name}__response"), document(&translated));
        let stream = std::fs::read(folder.join("stream.sse")).unwrap();
        let (out, end) = translate_stream(upstream, caller, &[&stream]);
        insta::assert_snapshot!(
            format!("{name}__stream"),
            format!("{}-- {end:?}", String::from_utf8(out).unwrap())
        );
    }
}

/// What a caller's SDK makes of a stream: text, tool calls (id, name, arguments), reason, usage.
fn reassemble(dialect: Dialect, stream: &[u8]) -> Value {
    let mut decoder = SseDecoder::default();
    decoder.push(stream);
    let mut tap = StreamTap::new(dialect);
    let (mut text, mut tools) = (String::new(), Vec::<(String, String, String)>::new());
    let mut blocks = Vec::new();
    while let Some(event) = decoder.next_event().unwrap() {
        tap.observe(&event);
        let Ok(value) = serde_json::from_slice::<Value>(event.data) else { continue };
        match dialect {
            Dialect::OpenAiChat => {
                let delta = &value["choices"][0]["delta"];
                text.push_str(delta["content"].as_str().unwrap_or_default());
                for call in delta["tool_calls"].as_array().into_iter().flatten() {
                    let at = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
                    if at == tools.len() {
                        let id = call["id"].as_str().unwrap().to_owned();
                        tools.push((
                            id,
                            call["function"]["name"].as_str().unwrap().to_owned(),
                            String::new(),
                        ));
                    }
                    tools[at].2.push_str(call["function"]["arguments"].as_str().unwrap());
                }
            }
            Dialect::AnthropicMessages => match value["type"].as_str().unwrap() {
                "content_block_start" => {
                    assert_eq!(value["index"], blocks.len(), "blocks come in order");
                    let block = &value["content_block"];
                    blocks.push(tools.len());
                    if block["type"] == "tool_use" {
                        let name = block["name"].as_str().unwrap().to_owned();
                        tools.push((block["id"].as_str().unwrap().to_owned(), name, String::new()));
                    }
                }
                "content_block_delta" => {
                    let at = usize::try_from(value["index"].as_u64().unwrap()).unwrap();
                    text.push_str(value["delta"]["text"].as_str().unwrap_or_default());
                    if let Some(json) = value["delta"]["partial_json"].as_str() {
                        tools[blocks[at]].2.push_str(json);
                    }
                }
                _ => {}
            },
        }
    }
    assert!(tap.is_finished(), "a whole stream ends with its end marker");
    let tools: Vec<Value> = tools
        .into_iter()
        .map(|(id, name, arguments)| {
            let arguments = if arguments.is_empty() { "{}".to_owned() } else { arguments };
            json!([id, name, serde_json::from_str::<Value>(&arguments).unwrap()])
        })
        .collect();
    let usage = tap.usage().unwrap();
    json!([
        text,
        tools,
        format!("{:?}", tap.finish_reason().unwrap()),
        usage.input_tokens,
        usage.output_tokens
    ])
}

/// The same of a whole answer.
fn summarize(dialect: Dialect, body: &[u8]) -> Value {
    let value: Value = serde_json::from_slice(body).unwrap();
    let ok = crate::inspect_ok_body(dialect, None, body).unwrap();
    let usage = ok.usage.unwrap();
    let (mut text, mut tools) = (String::new(), Vec::new());
    match dialect {
        Dialect::OpenAiChat => {
            let message = &value["choices"][0]["message"];
            text.push_str(message["content"].as_str().unwrap_or_default());
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                let arguments: Value =
                    serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
                tools.push(json!([call["id"], call["function"]["name"], arguments]));
            }
        }
        Dialect::AnthropicMessages => {
            for block in value["content"].as_array().unwrap() {
                match block["type"].as_str().unwrap() {
                    "text" => text.push_str(block["text"].as_str().unwrap()),
                    _ => tools.push(json!([block["id"], block["name"], block["input"]])),
                }
            }
        }
    }
    json!([text, tools, format!("{:?}", ok.finish.unwrap()), usage.input_tokens, usage.output_tokens])
}

#[test]
fn a_conversation_keeps_its_tool_ids_over_a_failover_and_back() {
    let chat = br#"{"model":"auto","messages":[{"role":"user","content":"hi"},
        {"role":"assistant","tool_calls":[{"id":"call_x","type":"function","function":{"name":"f","arguments":"{\"a\":1.50}"}}]},
        {"role":"tool","tool_call_id":"call_x","content":"[tool error] boom"}],
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}"#;
    let there = translate_request(CHAT, MESSAGES, chat, "claude").unwrap();
    let back = translate_request(MESSAGES, CHAT, &there.body, "gpt").unwrap();
    let messages = serde_json::from_slice::<Value>(&back.body).unwrap()["messages"].clone();
    assert_eq!(messages[1]["tool_calls"][0]["id"], "call_x");
    assert_eq!(messages[1]["tool_calls"][0]["function"]["arguments"], "{\"a\":1.50}", "numbers as written");
    assert_eq!(messages[2]["tool_call_id"], "call_x");
    assert_eq!(messages[2]["content"], "[tool error] boom");
}

#[test]
fn what_cannot_be_carried_and_matters_is_refused_with_its_place() {
    let cases = [
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]}"#,
            "messages[0].content[0]: a part of type \"input_audio\"",
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#,
            "messages[0].content[0].file: a file stored with another provider",
        ),
        (
            CHAT,
            r#"{"messages":[],"functions":[{"name":"f"}]}"#,
            "functions: legacy functions; send `tools` instead",
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"alien","content":"x"}]}"#,
            "messages[0].role: \"alien\" is not a role",
        ),
        (
            MESSAGES,
            r#"{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}"#,
            "messages[0].content[0].source.type: an image stored with another provider",
        ),
        (MESSAGES, r#"{"messages":[]}"#, "max_tokens: is missing"),
    ];
    for (from, body, said) in cases {
        let to = if from == CHAT { MESSAGES } else { CHAT };
        let error = translate_request(from, to, body.as_bytes(), "m").unwrap_err();
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn openai_reasoning_models_get_the_members_they_accept() {
    let body =
        br#"{"model":"x","max_tokens":9,"temperature":0.2,"messages":[{"role":"user","content":"hi"}]}"#;
    let of = |model: &str| {
        let translated = translate_request(MESSAGES, CHAT, body, model).unwrap();
        let value: Value = serde_json::from_slice(&translated.body).unwrap();
        (value["max_tokens"].clone(), value["max_completion_tokens"].clone(), value["temperature"].clone())
    };
    assert_eq!(of("gpt-4o-mini"), (json!(9), Value::Null, json!(0.2)));
    assert_eq!(of("openai/gpt-5-mini"), (Value::Null, json!(9), Value::Null));
}

#[test]
fn calls_that_share_an_index_are_told_apart_by_their_ids() {
    let stream = br#"data: {"id":"1","model":"gemini","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}

"#;
    let (out, end) = translate_stream(CHAT, MESSAGES, &[stream]);
    assert_eq!(end, StreamEnd::Complete, "a finish reason without [DONE] is an end");
    let seen = reassemble(MESSAGES, &out);
    assert_eq!(seen[1], json!([["a", "f", {"x": 1}], ["b", "g", {}]]));
    assert_eq!(seen[2], "ToolCalls", "a Messages caller must run its tools");
}

#[test]
fn a_cut_stream_gets_no_end_marker() {
    for (_, caller, upstream, folder) in
        fixtures().into_iter().filter(|fixture| fixture.0.ends_with("__text"))
    {
        let stream = std::fs::read(folder.join("stream.sse")).unwrap();
        let (out, end) = translate_stream(upstream, caller, &[&stream[..stream.len() / 2]]);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(end, StreamEnd::Cut);
        assert!(!out.contains("[DONE]") && !out.contains("message_stop"), "{out}");
    }
}

fn tool_calls() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
    // Arguments come as pieces of a JSON object.
    prop::collection::vec(("[a-z]{1,8}", prop::collection::vec("[a-z0-9 é\"\\\\]{0,9}", 1..4)), 0..4)
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_translation(at in 0usize..12, cuts in prop::collection::vec(0usize..4096, 0..12)) {
        let (_, caller, upstream, folder) = fixtures().swap_remove(at);
        let stream = std::fs::read(folder.join("stream.sse")).unwrap();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        prop_assert_eq!(translate_stream(upstream, caller, &chunks), translate_stream(upstream, caller, &[&stream]));
    }

    #[test]
    fn a_translated_chat_stream_says_what_the_translated_answer_says(
        texts in prop::collection::vec("[a-zé\n\"]{0,12}", 0..5),
        calls in tool_calls(),
        tokens in (0u64..9999, 0u64..9999),
    ) {
        let usage = json!({"prompt_tokens": tokens.0, "completion_tokens": tokens.1});
        let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
        let mut events = Vec::new();
        let chunk = |delta: Value, reason: Option<&str>| json!({"id": "c", "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
        events.extend(texts.iter().map(|text| chunk(json!({"content": text}), None)));
        let mut whole_calls = Vec::new();
        for (at, (name, values)) in calls.iter().enumerate() {
            let arguments = json!({"v": values}).to_string();
            let id = format!("call_{at}");
            events.push(chunk(json!({"tool_calls": [{"index": at, "id": id, "function": {"name": name, "arguments": ""}}]}), None));
            let middle = arguments.char_indices().nth(arguments.chars().count() / 2).map_or(0, |(at, _)| at);
            for piece in [&arguments[..middle], &arguments[middle..]] {
                events.push(chunk(json!({"tool_calls": [{"index": at, "function": {"arguments": piece}}]}), None));
            }
            whole_calls.push(json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}));
        }
        events.push(chunk(json!({}), Some(reason)));
        events.push(json!({"id": "c", "model": "m", "choices": [], "usage": usage}));
        let mut stream = Vec::new();
        for event in events {
            crate::sse::encode_event(&mut stream, None, event.to_string().as_bytes());
        }
        crate::sse::encode_event(&mut stream, None, b"[DONE]");
        let whole = json!({"id": "c", "model": "m", "usage": usage, "choices": [{"index": 0, "finish_reason": reason,
            "message": {"role": "assistant", "content": texts.concat(), "tool_calls": whole_calls}}]});
        let (out, end) = translate_stream(CHAT, MESSAGES, &[&stream]);
        prop_assert_eq!(end, StreamEnd::Complete);
        let answer = translate_response(CHAT, MESSAGES, whole.to_string().as_bytes(), 0).unwrap();
        prop_assert_eq!(reassemble(MESSAGES, &out), summarize(MESSAGES, &answer.body));
        // And once more, back to chat: nothing may get lost on the way round.
        let (back, _) = translate_stream(MESSAGES, CHAT, &[&out]);
        let answer = translate_response(MESSAGES, CHAT, &answer.body, 0).unwrap();
        prop_assert_eq!(reassemble(CHAT, &back), summarize(CHAT, &answer.body));
    }
}
