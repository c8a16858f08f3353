use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event_stream::encode;
use crate::frames::FrameDecoder;
use crate::sse::{SseDecoder, encode_event};

const CHAT: Dialect = Dialect::OpenAiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;
const RESPONSES: Dialect = Dialect::OpenAiResponses;

fn event(name: Option<&str>, data: &str) -> String {
    let mut out = Vec::new();
    encode_event(&mut out, name, data.as_bytes());
    String::from_utf8(out).unwrap()
}

fn named(data: &Value) -> String {
    event(data["type"].as_str(), &data.to_string())
}

/// A stream as an upstream of the dialect sends it, event by event: 9 tokens in, 5 out. Binary events are written down in
/// lines, see [`encode`].
fn stream(dialect: Dialect, texts: &[&str]) -> Vec<String> {
    let whole = texts.concat();
    match dialect {
        Dialect::OpenAiChat => {
            let chunk = |delta: Value, finish: Value| {
                let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
                event(
                    None,
                    &json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                    "model": "gpt-x", "choices": [choice]})
                    .to_string(),
                )
            };
            let usage = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x",
                "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}});
            let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
            events.extend(texts.iter().map(|text| chunk(json!({"content": text}), Value::Null)));
            events.push(chunk(json!({}), "stop".into()));
            events.push(event(None, &usage.to_string()));
            events.push(event(None, "[DONE]"));
            events
        }
        Dialect::AnthropicMessages => {
            let mut events = vec![
                json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
                    "model": "claude-x", "content": [], "stop_reason": null, "stop_sequence": null,
                    "usage": {"input_tokens": 9, "output_tokens": 1}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                json!({"type": "ping"}),
            ];
            events.extend(texts.iter().map(|text| {
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
            }));
            events.push(json!({"type": "content_block_stop", "index": 0}));
            events.push(
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                "usage": {"output_tokens": 5}}),
            );
            events.push(json!({"type": "message_stop"}));
            events.iter().map(named).collect()
        }
        Dialect::OpenAiResponses => {
            let response = |status: &str, output: Value, usage: Value| {
                json!({"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "gpt-x",
                    "output": output, "usage": usage, "error": null, "incomplete_details": null})
            };
            let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
            let item = |status: &str, content: Value| json!({"id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": content});
            let at = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0});
            let with = |name: &str, more: Value| {
                let mut event = at.clone();
                event["type"] = name.into();
                event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                event
            };
            let mut events = vec![
                json!({"type": "response.created", "response": response("in_progress", json!([]), Value::Null)}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", json!([]))}),
                with("response.content_part.added", json!({"part": part("")})),
            ];
            events
                .extend(texts.iter().map(|text| with("response.output_text.delta", json!({"delta": text}))));
            events.push(with("response.output_text.done", json!({"text": whole})));
            events.push(with("response.content_part.done", json!({"part": part(&whole)})));
            let done = item("completed", json!([part(&whole)]));
            events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": done}));
            let usage = json!({"input_tokens": 9, "output_tokens": 5, "total_tokens": 14});
            events.push(json!({"type": "response.completed", "response": response("completed", json!([done]), usage)}));
            let numbered = events.iter_mut().enumerate();
            numbered.for_each(|(at, event)| event["sequence_number"] = at.into());
            events.iter().map(named).collect()
        }
        Dialect::Gemini => {
            let chunk = |text: &str, more: Value| {
                let mut chunk = json!({"responseId": "g-1", "modelVersion": "gemini-x",
                    "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}],
                    "usageMetadata": {"promptTokenCount": 9}});
                if more.is_object() {
                    chunk["candidates"][0]["finishReason"] = "STOP".into();
                    chunk["usageMetadata"] = more;
                }
                event(None, &chunk.to_string())
            };
            let mut events: Vec<String> = texts.iter().map(|text| chunk(text, Value::Null)).collect();
            let usage = json!({"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14});
            events.push(chunk("", usage));
            events
        }
        Dialect::BedrockConverse => {
            let line = |name: &str, data: Value| json!({"event": name, "data": data}).to_string() + "\n";
            let mut events = vec![line("messageStart", json!({"role": "assistant"}))];
            events.extend(texts.iter().map(|text| {
                line("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": text}}))
            }));
            events.push(line("contentBlockStop", json!({"contentBlockIndex": 0})));
            events.push(line("messageStop", json!({"stopReason": "end_turn"})));
            let usage = json!({"inputTokens": 9, "outputTokens": 5, "totalTokens": 14});
            events.push(line("metadata", json!({"usage": usage, "metrics": {"latencyMs": 1}})));
            events
        }
    }
}

/// Sends a stream's bytes through a pipe.
fn send(pipe: &mut Pipe, bytes: &str, ended: bool) -> (Vec<Observed>, String) {
    send_from(pipe, CHAT, bytes, ended)
}

/// Sends a stream in the frames of the dialect `from` through a pipe.
fn send_from(pipe: &mut Pipe, from: Dialect, bytes: &str, ended: bool) -> (Vec<Observed>, String) {
    let mut decoder = FrameDecoder::of(from);
    match from {
        Dialect::BedrockConverse => decoder.push(&encode::lines(bytes)),
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::Gemini => {
            decoder.push(bytes.as_bytes());
        }
    }
    if ended {
        decoder.finish();
    }
    let (mut seen, mut out) = (Vec::new(), Vec::new());
    while let Some(event) = decoder.next_event().unwrap() {
        seen.push(pipe.push(&event, &mut out));
    }
    (seen, String::from_utf8(out).unwrap())
}

fn passthrough(dialect: Dialect) -> Pipe {
    Pipe::passthrough(dialect, false, ReplyOptions::default(), true, false)
}

/// What a caller's SDK makes of a stream.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    text: String,
    /// Starts, ends and block starts: how often.
    starts: usize,
    ends: usize,
    usage: (u64, u64),
    last_text: String,
}

fn heard(dialect: Dialect, bytes: &str) -> Heard {
    let mut decoder = SseDecoder::default();
    decoder.push(bytes.as_bytes());
    let mut heard = Heard::default();
    let mut sequence = 0;
    while let Some(event) = decoder.next_event().unwrap() {
        if event.data == b"[DONE]" {
            heard.ends += 1;
            continue;
        }
        let data: Value = serde_json::from_slice(event.data).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut tokens = |usage: &Value, names: [&str; 2]| {
            for (count, name) in [(&mut heard.usage.0, names[0]), (&mut heard.usage.1, names[1])] {
                *count = usage[name].as_u64().unwrap_or(*count);
            }
        };
        match dialect {
            Dialect::OpenAiChat => {
                tokens(&data["usage"], ["prompt_tokens", "completion_tokens"]);
                heard.starts += usize::from(data["choices"][0]["delta"]["role"].is_string());
                heard.text += &text(&data["choices"][0]["delta"]["content"]);
            }
            Dialect::AnthropicMessages => {
                tokens(&data["usage"], ["input_tokens", "output_tokens"]);
                let kind = text(&data["type"]);
                heard.starts += usize::from(kind == "message_start" || kind == "content_block_start");
                heard.ends += usize::from(kind == "message_stop" || kind == "content_block_stop");
                heard.text += &text(&data["delta"]["text"]);
            }
            Dialect::OpenAiResponses => {
                assert_eq!(data["sequence_number"].as_u64(), Some(sequence), "{data}");
                sequence += 1;
                let kind = text(&data["type"]);
                heard.starts +=
                    usize::from(kind == "response.created" || kind == "response.output_item.added");
                heard.ends +=
                    usize::from(kind == "response.completed" || kind == "response.output_item.done");
                if kind == "response.output_text.delta" {
                    heard.text += &text(&data["delta"]);
                }
                if kind == "response.completed" {
                    tokens(&data["response"]["usage"], ["input_tokens", "output_tokens"]);
                    heard.last_text = text(&data["response"]["output"][0]["content"][0]["text"]);
                }
            }
            Dialect::Gemini | Dialect::BedrockConverse => panic!("nobody hears {dialect}"),
        }
    }
    heard
}

#[test]
fn what_stays_in_its_dialect_flows_by_untouched_and_is_understood() {
    for dialect in [CHAT, MESSAGES, RESPONSES] {
        let bytes = stream(dialect, &["Hel", "lo\n\"you\" \u{1f68b}"]).concat();
        let mut pipe = passthrough(dialect);
        let (_, out) = send(&mut pipe, &bytes, true);
        assert_eq!(out, bytes);
        let mut rest = Vec::new();
        assert_eq!((pipe.finish(&mut rest), rest.len()), (StreamEnd::Complete, 0));
        assert!(pipe.has_started() && pipe.is_finished() && pipe.error().is_none() && pipe.lost().is_empty());
        let usage = pipe.usage().unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (9, 5));
        assert_eq!(pipe.finish_reason(), Some(FinishReason::Stop));
        assert!(pipe.model().unwrap().ends_with("-x"));
    }
}

#[test]
fn the_usage_chunk_the_router_asked_for_is_withheld() {
    let events = stream(CHAT, &["Hi"]);
    let mut pipe = Pipe::passthrough(CHAT, true, ReplyOptions::default(), false, false);
    let (seen, out) = send(&mut pipe, &events.concat(), true);
    assert!(seen.contains(&Observed::UsageOnly) && !out.contains("usage"), "{out}");
    assert!(out.ends_with("data: [DONE]\n\n") && pipe.usage().is_some());
}

#[test]
fn a_chat_caller_gets_its_end_marker_though_the_upstream_sent_none() {
    let mut events = stream(CHAT, &["Hi"]);
    events.pop();
    let mut pipe = passthrough(CHAT);
    send(&mut pipe, &events.concat(), true);
    let mut out = Vec::new();
    assert_eq!(pipe.finish(&mut out), StreamEnd::Complete);
    assert_eq!(out, b"data: [DONE]\n\n");
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Far {
    /// Its text may go on.
    Open,
    /// Its text is over, and the reason of its end is missing.
    Closed,
    /// The reason of its end came.
    Whole,
}

fn how_far(dialect: Dialect, events: &[String]) -> Far {
    let (closing, ending) = match dialect {
        Dialect::OpenAiChat => ("no such mark", r#""finish_reason":"stop""#),
        Dialect::OpenAiResponses => ("response.output_text.done", "event: response.completed"),
        Dialect::AnthropicMessages => ("event: content_block_stop", r#""stop_reason":"end_turn""#),
        Dialect::Gemini => ("no such mark", "finishReason"),
        Dialect::BedrockConverse => ("contentBlockStop", "messageStop"),
    };
    let has = |mark: &str| events.iter().any(|event| event.contains(mark));
    if has(ending) {
        Far::Whole
    } else if has(closing) {
        Far::Closed
    } else {
        Far::Open
    }
}

/// Every dialect, as it came and translated, cut off behind each of its events: what has the reason of its end is whole,
/// what has not is never whole, and nobody goes on with a text that is over.
#[test]
fn an_answer_is_whole_once_the_reason_of_its_end_came_in_every_dialect_and_on_both_paths() {
    for upstream in Dialect::ALL {
        for caller in SPOKEN {
            let events = stream(upstream, &["Hello", " you"]);
            let first = events.iter().position(|event| event.contains("Hello")).unwrap();
            for upto in first + 1..=events.len() {
                let far = how_far(upstream, &events[..upto]);
                let behind = |event: &str| if far == Far::Whole { event.to_owned() } else { String::new() };
                let framed = upstream == Dialect::BedrockConverse;
                for more in [
                    String::new(),
                    behind(if framed { "" } else { "data: {\"error\":{\"message\":\"boom\"}}\n\n" }),
                    behind(if framed { "" } else { "data: {oops\n\n" }),
                ] {
                    let mut pipe = if upstream == caller {
                        passthrough(caller)
                    } else {
                        Pipe::translating(upstream, caller, ReplyOptions::default(), true, false)
                    };
                    let bytes = events[..upto].concat() + &more;
                    let (seen, mut out) = send_from(&mut pipe, upstream, &bytes, true);
                    let case = format!("{upstream} to {caller}, {far:?} behind\n{bytes}\n{out}");
                    assert_eq!(pipe.is_finished(), far == Far::Whole, "{case}");
                    assert!(
                        !seen.contains(&Observed::Error) && !seen.contains(&Observed::Malformed),
                        "{case}"
                    );
                    let mut rest = Vec::new();
                    let end = pipe.finish(&mut rest);
                    out += std::str::from_utf8(&rest).unwrap();
                    if far == Far::Whole {
                        assert_eq!(end, StreamEnd::Complete, "{case}");
                        let heard = heard(caller, &out);
                        let brackets = if caller == CHAT { 1 } else { 2 };
                        assert_eq!((heard.text.as_str(), heard.ends), ("Hello you", brackets), "{case}");
                    } else {
                        assert_eq!((end, rest.len()), (StreamEnd::Cut, 0), "{case}");
                        let said = pipe.said().map(|said| said.text.len());
                        assert_eq!(said.is_ok(), far == Far::Open, "{case}: {said:?}");
                        assert!(said.is_ok() || said == Err(Unfit::Closed), "{case}: {said:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_last_event_counts_if_only_its_blank_line_is_missing() {
    for dialect in [CHAT, MESSAGES, RESPONSES] {
        let events = stream(dialect, &["Hello", " you"]);
        let cut = events.iter().position(|event| event.contains(" you")).unwrap();
        let before = events[..cut].concat();
        let last = &events[cut];
        for (kept, is_whole) in [(last.len() - 2, true), (last.len() - 1, true), (last.len() - 5, false)] {
            let mut pipe = passthrough(dialect);
            let (seen, out) = send(&mut pipe, &format!("{before}{}", &last[..kept]), true);
            let expected = if is_whole { format!("{before}{last}") } else { before.clone() };
            assert_eq!(out, expected, "{dialect} {kept}");
            assert!(!seen.contains(&Observed::Malformed));
            assert_eq!(pipe.finish(&mut Vec::new()), StreamEnd::Cut);
            assert_eq!(pipe.said().unwrap().text, if is_whole { "Hello you" } else { "Hello" });
        }
    }
}

#[test]
fn nothing_of_an_unreadable_event_or_an_error_reaches_the_caller() {
    for dialect in [CHAT, MESSAGES, RESPONSES] {
        let events = stream(dialect, &["Hello", " you"]);
        let before = events[..events.iter().position(|event| event.contains(" you")).unwrap()].concat();
        let broken = event(Some("content_block_delta"), "{oops");
        let error = event(Some("error"), r#"{"type":"error","error":{"type":"api_error","message":"boom"}}"#);
        for (bad, observed, said) in
            [(&broken, Observed::Malformed, "dialect"), (&error, Observed::Error, "boom")]
        {
            let mut pipe = passthrough(dialect);
            let (seen, out) = send(&mut pipe, &format!("{before}{bad}"), true);
            assert_eq!((seen.last(), &out), (Some(&observed), &before), "{dialect}");
            assert!(pipe.error().unwrap().message.contains(said));
            assert_eq!(pipe.finish(&mut Vec::new()), StreamEnd::Failed);
        }
    }
}

#[test]
fn what_cannot_be_continued_says_why() {
    let chat =
        |delta: &str| event(None, &format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{delta}}}]}}"#));
    let text = chat(r#"{"content":"Hi"}"#);
    let block = |index: u8, block: &str| {
        event(None, &format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#))
    };
    let item = |item: &str| {
        event(None, &format!(r#"{{"type":"response.output_item.added","output_index":0,"item":{item}}}"#))
    };
    let cases = [
        (CHAT, text.clone(), Ok("Hi")),
        (CHAT, String::new(), Err(Unfit::Nothing)),
        (CHAT, chat(r#"{"role":"assistant","content":null,"tool_calls":[]}"#) + &text, Ok("Hi")),
        (CHAT, text.clone() + &chat(r#"{"tool_calls":[{"index":0}]}"#), Err(Unfit::ToolCall)),
        (CHAT, chat(r#"{"reasoning_content":"hm"}"#) + &text, Err(Unfit::Thinking)),
        (CHAT, text.clone() + &chat(r#"{"refusal":"no"}"#), Err(Unfit::Refusal)),
        (
            CHAT,
            text.clone() + &event(None, r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#),
            Err(Unfit::Choices),
        ),
        (CHAT, chat(&format!(r#"{{"content":"{}"}}"#, "x".repeat(1_100_000))), Err(Unfit::TooLong)),
        (MESSAGES, block(0, r#"{"type":"text","text":"Hi"}"#), Ok("Hi")),
        (MESSAGES, block(0, r#"{"type":"thinking","thinking":""}"#), Err(Unfit::Thinking)),
        (
            MESSAGES,
            block(0, r#"{"type":"text","text":"Hi"}"#)
                + &block(1, r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#),
            Err(Unfit::ToolCall),
        ),
        (
            MESSAGES,
            block(0, r#"{"type":"text","text":"Hi"}"#)
                + &event(None, r#"{"type":"content_block_stop","index":0}"#),
            Err(Unfit::Closed),
        ),
        (RESPONSES, item(r#"{"type":"function_call","id":"f"}"#), Err(Unfit::ToolCall)),
        (
            RESPONSES,
            item(r#"{"type":"reasoning","id":"r"}"#)
                + &item(r#"{"type":"message","id":"m"}"#)
                + &event(None, r#"{"type":"response.output_text.delta","delta":"Hi"}"#),
            Ok("Hi"),
        ),
        (
            RESPONSES,
            event(None, r#"{"type":"response.reasoning_summary_text.delta","delta":"hm"}"#),
            Err(Unfit::Thinking),
        ),
    ];
    for (dialect, bytes, expected) in cases {
        let mut pipe = passthrough(dialect);
        send(&mut pipe, &bytes, true);
        let shown = &bytes[..bytes.len().min(200)];
        assert_eq!(pipe.said().map(|said| said.text.as_str()), expected, "{shown}");
    }
    let mut json = Pipe::passthrough(CHAT, false, ReplyOptions::default(), true, true);
    send(&mut json, &text, true);
    assert_eq!(json.said(), Err(Unfit::Json));
    let mut forgetful = Pipe::passthrough(CHAT, false, ReplyOptions::default(), false, false);
    send(&mut forgetful, &text, true);
    assert_eq!(forgetful.said(), Err(Unfit::NotKept));
}

#[test]
fn an_error_event_is_the_callers_next() {
    let reply = ErrorReply {
        status: 502,
        kind: String::new(),
        code: None,
        message: "It broke.".to_owned(),
        param: None,
        request_id: None,
    };
    let events = stream(RESPONSES, &["Hi"]);
    let mut pipe = passthrough(RESPONSES);
    let (_, mut out) = send(&mut pipe, &events[..4].concat(), false);
    out += &String::from_utf8(pipe.error_event(&reply)).unwrap();
    assert!(out.ends_with("}\n\n") && out.contains(r#""type":"error","sequence_number":4"#), "{out}");
}

/// The callers and upstreams a stream is carried on between.
const SPOKEN: [Dialect; 3] = [CHAT, MESSAGES, RESPONSES];

/// Lets the first upstream die after so many of its events and another one go on with `texts`.
fn rescued(
    caller: Dialect,
    first: Dialect,
    cut: usize,
    second: Dialect,
    seam: Seam,
    texts: &[&str],
) -> (Pipe, String) {
    let options = ReplyOptions { include_usage: true, ..ReplyOptions::default() };
    let mut pipe = if caller == first {
        Pipe::passthrough(caller, false, options, true, false)
    } else {
        Pipe::translating(first, caller, options, true, false)
    };
    let events = stream(first, &["The quick ", "brown"]);
    let (_, mut out) = send_from(&mut pipe, first, &events[..cut].concat(), false);
    assert_eq!(pipe.finish(&mut Vec::new()), StreamEnd::Cut);
    let mut resumed = pipe.resume(second, seam, None);
    out += &send_from(&mut resumed, second, &stream(second, texts).concat(), true).1;
    (resumed, out)
}

#[test]
fn another_upstream_goes_on_where_the_first_one_died() {
    let asked = Seam::Continue { prefilled: false };
    let cases: [(Seam, &[&str]); 4] = [
        (asked, &[" fox", " jumps"]),
        (asked, &["quick br", "own fox jumps"]),
        (Seam::Continue { prefilled: true }, &[" fox jumps"]),
        (Seam::Restart, &["The ", "quick brown fox", " jumps"]),
    ];
    for caller in SPOKEN {
        for first in Dialect::ALL {
            for second in Dialect::ALL {
                for (seam, texts) in cases {
                    let at = stream(first, &["The quick ", "brown"])
                        .iter()
                        .position(|event| event.contains("brown"));
                    let (mut pipe, out) = rescued(caller, first, at.unwrap() + 1, second, seam, texts);
                    let case = format!("{caller}: {first}, then {second}, {seam:?}\n{out}");
                    let mut rest = Vec::new();
                    assert_eq!(pipe.finish(&mut rest), StreamEnd::Complete, "{case}");
                    let heard = heard(caller, &(out + std::str::from_utf8(&rest).unwrap()));
                    assert_eq!(heard.text, "The quick brown fox jumps", "{case}");
                    let whole = if caller == RESPONSES { heard.text.as_str() } else { "" };
                    assert_eq!(heard.last_text, whole, "{case}");
                    let brackets = if caller == CHAT { 1 } else { 2 };
                    assert_eq!((heard.starts, heard.ends), (brackets, brackets), "{case}");
                    // The dead one told its input (Messages, Gemini), or nothing; its 15 bytes of text are 4 tokens.
                    let told = matches!(first, Dialect::AnthropicMessages | Dialect::Gemini);
                    assert_eq!(heard.usage, (if told { 18 } else { 9 }, 9), "{case}");
                    let own = pipe.usage().unwrap();
                    assert_eq!((own.input_tokens, own.output_tokens), (9, 5), "this upstream's alone");
                    let kept = pipe.memory().map(|memory| memory.as_is().text.as_str());
                    assert_eq!(kept, Some("The quick brown fox jumps"));
                }
            }
        }
    }
}

#[test]
fn a_new_answer_that_says_something_else_is_an_error() {
    for caller in SPOKEN {
        let cases: [(&[&str], &str); 2] = [
            (&["The quick red fox"], "the new answer differs from what was already sent"),
            (&["The quick"], "the new answer ends before what was already sent"),
        ];
        for (texts, said) in cases {
            let at =
                stream(caller, &["The quick ", "brown"]).iter().position(|event| event.contains("brown"));
            let (mut pipe, out) = rescued(caller, caller, at.unwrap() + 1, caller, Seam::Restart, texts);
            assert_eq!(pipe.error().unwrap().message, said);
            assert_eq!(heard(caller, &out).text, "The quick brown");
            assert_eq!(pipe.finish(&mut Vec::new()), StreamEnd::Failed);
        }
    }
}

#[test]
fn a_rescue_can_be_rescued() {
    for caller in SPOKEN {
        let options = ReplyOptions { include_usage: true, ..ReplyOptions::default() };
        let upto = |events: Vec<String>, text: &str| {
            let at = events.iter().position(|event| event.contains(text)).unwrap();
            events[..=at].concat()
        };
        let mut first = Pipe::passthrough(caller, false, options, true, false);
        let (_, mut out) = send(&mut first, &upto(stream(caller, &["One", " two"]), "One"), false);
        let mut second = first.resume(caller, Seam::Continue { prefilled: true }, None);
        out += &send(&mut second, &upto(stream(caller, &[" two", " three"]), " two"), false).1;
        // What the second one said was still being compared with what was told when it died.
        assert_eq!(second.said().map(|said| said.text.as_str()), Ok("One"));
        let mut third = second.resume(caller, Seam::Continue { prefilled: true }, None);
        out += &send(&mut third, &stream(caller, &[" two", " three"]).concat(), true).1;
        let mut rest = Vec::new();
        assert_eq!(third.finish(&mut rest), StreamEnd::Complete);
        assert_eq!(heard(caller, &(out + std::str::from_utf8(&rest).unwrap())).text, "One two three");
    }
}

#[test]
fn a_tool_call_may_follow_on_a_text_that_was_carried_on() {
    let tool = |delta: &str, finish: &str| {
        event(
            None,
            &format!(
                r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
            ),
        )
    };
    let call = r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"look","arguments":"{}"}}]}"#;
    let bytes = [
        tool(r#"{"content":"look at"}"#, "null"),
        tool(call, "null"),
        tool("{}", "\"tool_calls\""),
        event(None, "[DONE]"),
    ];
    for caller in SPOKEN {
        let events = stream(caller, &["Let me look", " up"]);
        let cut = events.iter().position(|event| event.contains("look")).unwrap();
        let mut pipe = passthrough(caller);
        let (_, mut out) = send(&mut pipe, &events[..=cut].concat(), false);
        let mut resumed = pipe.resume(CHAT, Seam::Continue { prefilled: false }, None);
        out += &send(&mut resumed, &bytes.concat(), true).1;
        assert_eq!(resumed.finish(&mut Vec::new()), StreamEnd::Complete, "{caller}: {out}");
        assert_eq!(resumed.finish_reason(), Some(FinishReason::ToolCalls));
        assert_eq!(heard(caller, &out).text, "Let me look at", "what was held back comes before the call");
        assert!(out.contains("call_1") && out.find(" at").unwrap() < out.find("call_1").unwrap(), "{out}");
        assert_eq!(resumed.said(), Err(Unfit::ToolCall));
    }
}

#[test]
fn an_answer_without_id_and_model_gets_the_routers() {
    let nameless = event(None, r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#);
    let options = ReplyOptions {
        fallback_id: Some("req_7".into()),
        fallback_model: Some("llama-9".into()),
        ..ReplyOptions::default()
    };
    for caller in [MESSAGES, RESPONSES] {
        let mut pipe = Pipe::translating(CHAT, caller, options.clone(), false, false);
        let (_, out) = send(&mut pipe, &nameless, false);
        assert!(out.contains("req_7") && out.contains("llama-9"), "{out}");
        assert_eq!(pipe.model(), None, "the upstream named none");
    }
}

#[test]
fn a_translated_stream_tells_the_same_of_itself_as_one_that_flows_by() {
    for upstream in Dialect::ALL {
        for caller in SPOKEN.into_iter().filter(|caller| *caller != upstream) {
            let options = ReplyOptions { include_usage: true, ..ReplyOptions::default() };
            let mut pipe = Pipe::translating(upstream, caller, options, true, false);
            let is_framed = upstream == Dialect::BedrockConverse;
            let heartbeat = if is_framed { "" } else { ": heartbeat\n\n" };
            let bytes = format!("{heartbeat}{}", stream(upstream, &["Hel", "lo"]).concat());
            let (seen, mut out) = send_from(&mut pipe, upstream, &bytes, true);
            assert_eq!(seen.first(), Some(&Observed::Quiet));
            assert_eq!(seen.iter().filter(|observed| **observed == Observed::Content).count(), 2);
            let mut rest = Vec::new();
            assert_eq!(pipe.finish(&mut rest), StreamEnd::Complete);
            out += std::str::from_utf8(&rest).unwrap();
            let heard = heard(caller, &out);
            assert_eq!((heard.text.as_str(), heard.usage.1), ("Hello", 5), "{out}");
            assert_eq!(pipe.usage().map(|usage| (usage.input_tokens, usage.output_tokens)), Some((9, 5)));
            assert_eq!(pipe.finish_reason(), Some(FinishReason::Stop));
            assert!(pipe.is_finished() && pipe.has_started());
            // Converse names no model.
            assert_eq!(pipe.model().is_some_and(|model| model.ends_with("-x")), !is_framed);
            let name = is_framed.then_some("contentBlockDelta");
            let broken = StreamEvent { event: name, data: b"{oops", raw: b"", complete: true };
            let mut pipe = Pipe::translating(upstream, caller, ReplyOptions::default(), false, false);
            assert_eq!(pipe.push(&broken, &mut Vec::new()), Observed::Malformed);
            assert!(pipe.error().is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_event_makes_a_pipe_panic(
        steps in prop::collection::vec((0usize..40, any::<prop::sample::Index>(), "[ -~]{0,6}"), 1..12),
        complete in any::<bool>(),
    ) {
        // Events of any dialect in any order, some of them damaged.
        let texts = ["Hi", " you"];
        let events: Vec<String> = Dialect::ALL.iter().flat_map(|from| stream(*from, &texts)).collect();
        for upstream in Dialect::ALL {
            for caller in SPOKEN {
                let options = ReplyOptions::default();
                let mut pipe = if caller == upstream {
                    Pipe::passthrough(caller, true, options, true, false)
                } else {
                    Pipe::translating(upstream, caller, options, true, false)
                };
                let mut out = Vec::new();
                for (at, cut, junk) in &steps {
                    let event = &events[at % events.len()];
                    let framed = serde_json::from_str::<Value>(event).ok();
                    let name = framed.as_ref().and_then(|line| line["event"].as_str());
                    let framed = framed.as_ref().map(|line| line["data"].to_string());
                    let data = framed.as_deref().unwrap_or_else(|| event.split("data: ").nth(1).unwrap().trim_end());
                    let mut data = data.as_bytes().to_vec();
                    if at % 3 == 0 {
                        let from = cut.index(data.len());
                        data.splice(from.., junk.bytes());
                    }
                    let event = StreamEvent { event: name, data: &data, raw: &data, complete };
                    pipe.push(&event, &mut out);
                }
                pipe.finish(&mut out);
                let mut resumed = pipe.resume(upstream, Seam::Continue { prefilled: false }, None);
                resumed.finish(&mut out);
            }
        }
    }

    #[test]
    fn wherever_the_first_one_dies_the_text_is_whole(cut in any::<prop::sample::Index>(), repeat in any::<bool>()) {
        let text = "Trams climb steep hills while tourists photograph tiled façades 🚋 everywhere.";
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        for caller in SPOKEN {
            for second in Dialect::ALL {
                let events = stream(caller, &words);
                let first = events.iter().position(|event| event.contains("Trams")).unwrap();
                let dies = cut.index(words.len() - 1);
                let mut pipe = passthrough(caller);
                let (_, mut out) = send(&mut pipe, &events[..=first + dies].concat(), false);
                let from = if repeat { dies.saturating_sub(1) } else { dies + 1 };
                let seam = Seam::Continue { prefilled: false };
                let mut resumed = pipe.resume(second, seam, None);
                out += &send_from(&mut resumed, second, &stream(second, &words[from..]).concat(), true).1;
                let mut rest = Vec::new();
                prop_assert_eq!(resumed.finish(&mut rest), StreamEnd::Complete);
                out += std::str::from_utf8(&rest).unwrap();
                prop_assert_eq!(heard(caller, &out).text, text);
            }
        }
    }
}
