use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::canonical::{Delta, Origin, Signature};
use crate::frames::StreamEvent;
use crate::notes::Notes;
use crate::pipe::{Said, StreamFault};
use crate::sse::SseDecoder;
use crate::translate::ReplyOptions;
use crate::{FinishReason, Usage};

fn options() -> ReplyOptions {
    ReplyOptions { created_unix_s: 1_741_569_952, ..ReplyOptions::default() }
}

fn event(data: &str) -> StreamEvent<'_> {
    StreamEvent { event: None, data: data.as_bytes(), raw: data.as_bytes(), complete: true }
}

/// Reads events; each delta as its debug text, which owns what the delta borrows.
fn read(events: &[Value]) -> (Vec<String>, Vec<String>) {
    let (mut reader, mut notes, mut deltas) = (Reader::default(), Notes::default(), Vec::new());
    for data in events {
        let data = data.to_string();
        reader.read(&event(&data), &mut notes, &mut |delta| deltas.push(format!("{delta:?}"))).unwrap();
    }
    (deltas, notes.noted().iter().map(|note| format!("{} {}", note.code, note.field)).collect())
}

fn shown(deltas: &[Delta<'_>]) -> Vec<String> {
    deltas.iter().map(|delta| format!("{delta:?}")).collect()
}

fn write(writer: &mut Writer, deltas: &[Delta<'_>]) -> Vec<Value> {
    let (mut notes, mut out) = (Notes::default(), Vec::new());
    for delta in deltas {
        writer.write(delta, &mut notes, &mut out);
    }
    assert!(notes.noted().is_empty(), "{:?}", notes.noted());
    events_of(&out)
}

/// The events of a written stream; each is named as its type says.
fn events_of(stream: &[u8]) -> Vec<Value> {
    let mut decoder = SseDecoder::default();
    decoder.push(stream);
    let mut events = Vec::new();
    while let Some(event) = decoder.next_event().unwrap() {
        let value: Value = serde_json::from_slice(event.data).unwrap();
        assert_eq!(event.event, value["type"].as_str());
        events.push(value);
    }
    events
}

fn start() -> Delta<'static> {
    Delta::Start { id: Some("msg_01X".into()), model: Some("claude-sonnet-4-6".into()) }
}

fn tool(call: usize, id: &'static str) -> Delta<'static> {
    Delta::ToolStart { call, id: id.into(), name: "f".into(), signature: None }
}

fn arguments(call: usize, json: &'static str) -> Delta<'static> {
    Delta::ToolArguments { call, json: json.into() }
}

fn finish(reason: FinishReason) -> [Delta<'static>; 2] {
    [Delta::Finish { reason, stop_sequence: None }, Delta::End]
}

fn usage() -> Usage {
    Usage {
        input_tokens: 9,
        output_tokens: 7,
        cached_input_tokens: 4,
        cache_write_tokens: 0,
        reasoning_tokens: 3,
    }
}

/// What a client must be able to rely on: numbers without gaps, every item added before it is spoken of and done once,
/// and an end that repeats exactly what was streamed.
fn assert_sound(events: &[Value], first: u64) {
    let mut open: Vec<(u64, String)> = Vec::new();
    let mut streamed: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    let mut done = Vec::new();
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"].as_u64(), Some(first + at as u64), "{event}");
        let kind = event["type"].as_str().unwrap();
        let index = event["output_index"].as_u64();
        match kind {
            "response.output_item.added" => {
                open.push((index.unwrap(), event["item"]["id"].as_str().unwrap().to_owned()));
            }
            "response.output_item.done" => {
                let id = event["item"]["id"].as_str().unwrap();
                let place = open.iter().position(|(at, open)| Some(*at) == index && open == id);
                open.remove(place.expect("an item is done once, after it was added"));
                done.push((index.unwrap(), event["item"].clone()));
            }
            _ if index.is_some() => {
                let id = event["item_id"].as_str().unwrap();
                assert!(open.iter().any(|(at, open)| Some(*at) == index && open == id), "{event}");
                let key = format!("{id}/{}", event["content_index"]);
                if let Some(delta) = event["delta"].as_str() {
                    streamed.entry(key).or_default().push_str(delta);
                } else if let Some(whole) =
                    ["text", "arguments", "refusal"].iter().find_map(|name| event[name].as_str())
                {
                    assert_eq!(streamed.get(&key).map_or("", String::as_str), whole, "{event}");
                }
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
    done.sort_by_key(|(index, _)| *index);
    let output: Vec<Value> = done.into_iter().map(|(_, item)| item).collect();
    assert_eq!(events.last().unwrap()["response"]["output"], json!(output));
}

#[test]
fn a_stream_has_the_whole_sequence() {
    let mut deltas = vec![
        start(),
        Delta::Usage(usage()),
        Delta::Thinking("Let ".into()),
        Delta::Thinking("me".into()),
        Delta::ThinkingSignature(Signature::new(Origin::Anthropic, "EqQB")),
        Delta::RedactedThinking(Signature::new(Origin::Anthropic, "EmwK")),
        Delta::Text("Hel".into()),
        Delta::Text("lo\n".into()),
        tool(0, "toolu_1"),
        arguments(0, "{\"a\":"),
        arguments(0, "1}"),
    ];
    deltas.extend(finish(FinishReason::ToolCalls));
    let events = write(&mut Writer::new(&options()), &deltas);
    assert_sound(&events, 0);
    let lines: Vec<String> = events.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("the_whole_sequence", lines.join("\n"));
}

#[test]
fn calls_that_take_turns_are_open_at_once() {
    let mut deltas = vec![
        start(),
        tool(0, "a"),
        arguments(0, "{\"x\""),
        tool(1, "b"),
        arguments(1, "{}"),
        arguments(0, ":1}"),
    ];
    deltas.extend([Delta::Text("also".into()), tool(2, "")]);
    deltas.extend(finish(FinishReason::ToolCalls));
    let events = write(&mut Writer::new(&options()), &deltas);
    assert_sound(&events, 0);
    let output = &events.last().unwrap()["response"]["output"];
    assert_eq!(output[0]["arguments"], "{\"x\":1}");
    assert_eq!(output[2]["content"][0]["text"], "also");
    assert_eq!(
        (&output[3]["arguments"], &output[3]["call_id"]),
        (&json!("{}"), &json!("call_4e7b44181d5d99c6_2"))
    );
}

#[test]
fn an_answer_cut_by_its_limit_ends_incomplete() {
    let cases =
        [(FinishReason::Length, "max_output_tokens"), (FinishReason::ContentFilter, "content_filter")];
    for (finish_reason, reason) in cases {
        let mut deltas = vec![start(), Delta::Text("Half".into())];
        deltas.extend(finish(finish_reason));
        let events = write(&mut Writer::new(&options()), &deltas);
        assert_sound(&events, 0);
        let end = events.last().unwrap();
        assert_eq!(end["type"], "response.incomplete");
        assert_eq!(end["response"]["incomplete_details"]["reason"], reason);
        assert_eq!(end["response"]["output"][0]["status"], "incomplete");
    }
}

#[test]
fn a_refusal_is_a_part_of_its_own_and_a_whole_answer() {
    let mut deltas = vec![
        start(),
        Delta::Text("Well. ".into()),
        Delta::Refusal("I ".into()),
        Delta::Refusal("can't.".into()),
    ];
    deltas.extend(finish(FinishReason::ContentFilter));
    let events = write(&mut Writer::new(&options()), &deltas);
    assert_sound(&events, 0);
    let end = &events.last().unwrap()["response"];
    assert_eq!(end["status"], "completed");
    assert_eq!(end["output"][0]["content"][1], json!({"type": "refusal", "refusal": "I can't."}));
}

#[test]
fn a_resumed_stream_goes_on_in_the_same_message() {
    let echo = crate::openai_responses::echo(br#"{"input":"Hi","metadata":{"k":"v"}}"#);
    let mut first = Writer::new(&ReplyOptions { echo, ..options() });
    let mut events = write(&mut first, &[start(), Delta::Text("Once upon".into())]);
    let mut said = Said { text: "Once upon".to_owned(), ..Said::default() };
    first.describe(&mut said);
    let mut second = Writer::resume(&said, &ReplyOptions { created_unix_s: 5, ..options() });
    let other = Delta::Start { id: Some("chatcmpl-9".into()), model: Some("gpt-4o".into()) };
    let mut deltas = vec![other, Delta::Text(" a time.".into()), Delta::Usage(usage())];
    deltas.extend(finish(FinishReason::Stop));
    events.extend(write(&mut second, &deltas));
    assert_sound(&events, 0);
    let end = &events.last().unwrap()["response"];
    assert_eq!(end["output"][0]["content"][0]["text"], "Once upon a time.");
    let created = &events[0]["response"];
    for member in ["id", "model", "created_at", "metadata"] {
        assert_eq!(end[member], created[member], "{member}");
    }
    assert_eq!((end["usage"]["input_tokens"].as_u64(), created["usage"].is_null()), (Some(9), true));
}

#[test]
fn thinking_of_the_second_upstream_does_not_break_the_message() {
    let said = Said { text: "A".into(), item_id: "msg_1".into(), block: 1, sequence: 8, ..Said::default() };
    let mut writer = Writer::resume(&said, &options());
    let (mut notes, mut out) = (Notes::default(), Vec::new());
    let seal = Signature::new(Origin::Anthropic, "EqQB");
    let deltas = [
        start(),
        Delta::Thinking("hm".into()),
        Delta::ThinkingSignature(seal),
        Delta::Text("B".into()),
        Delta::End,
    ];
    for delta in &deltas {
        writer.write(delta, &mut notes, &mut out);
    }
    let events = events_of(&out);
    assert_eq!(events[0]["delta"], "B");
    let place = (&events[0]["sequence_number"], &events[0]["output_index"], &events[0]["item_id"]);
    assert_eq!(place, (&json!(8), &json!(1), &json!("msg_1")));
    assert_eq!(events.last().unwrap()["response"]["output"][0]["content"][0]["text"], "AB");
    assert_eq!(notes.noted()[0].code, "thinking_dropped");
}

#[test]
fn an_answer_too_long_to_repeat_does_not_claim_to_be_whole() {
    let mut writer = Writer::new(&options());
    let (mut notes, mut out) = (Notes::default(), Vec::new());
    let piece = "x".repeat(1024 * 1024);
    writer.write(&start(), &mut notes, &mut out);
    for _ in 0..5 {
        out.clear();
        writer.write(&Delta::Text(piece.as_str().into()), &mut notes, &mut out);
        assert!(out.len() > piece.len(), "every delta is streamed");
    }
    out.clear();
    for delta in finish(FinishReason::Stop) {
        writer.write(&delta, &mut notes, &mut out);
    }
    let end = events_of(&out).pop().unwrap();
    assert_eq!(end["type"], "response.incomplete");
    assert_eq!(end["response"]["output"][0]["content"][0]["text"].as_str().unwrap().len(), 4 * 1024 * 1024);
    assert_eq!(notes.noted()[0].code, "output_not_repeated");
}

#[test]
fn every_event_of_an_upstream_is_read() {
    let events = [
        json!({"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5", "status": "in_progress"}}),
        json!({"type": "response.in_progress", "response": {"id": "resp_1", "model": "gpt-5"}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "rs_1", "type": "reasoning", "summary": []}}),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "One.", "obfuscation": "x"}),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 1}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "Two."}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"id": "rs_1", "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}], "encrypted_content": "gAA="}}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": {"id": "rs_2", "type": "reasoning", "summary": []}}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": {"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "gAB="}}),
        json!({"type": "response.output_item.added", "output_index": 2, "item": {"id": "msg_1", "type": "message", "content": []}}),
        json!({"type": "response.content_part.added", "output_index": 2, "content_index": 0}),
        json!({"type": "response.output_text.delta", "output_index": 2, "content_index": 0, "delta": "Hi\n", "logprobs": []}),
        json!({"type": "response.output_text.annotation.added", "output_index": 2, "annotation": {}}),
        json!({"type": "response.output_text.done", "output_index": 2, "text": "Hi\n"}),
        json!({"type": "response.output_item.done", "output_index": 2, "item": {"type": "message", "content": [{"type": "output_text", "text": "Hi\n"}]}}),
        json!({"type": "response.output_item.added", "output_index": 3, "item": {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": ""}}),
        json!({"type": "response.output_item.added", "output_index": 4, "item": {"id": "fc_2", "type": "function_call", "call_id": "call_2", "name": "g", "arguments": ""}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 4, "delta": "{}"}),
        json!({"type": "response.function_call_arguments.done", "output_index": 3, "arguments": "{\"a\":1}"}),
        json!({"type": "response.output_item.done", "output_index": 3, "item": {"type": "function_call", "arguments": "{\"a\":1}"}}),
        json!({"type": "response.output_item.done", "output_index": 4, "item": {"type": "function_call", "arguments": "{}"}}),
        json!({"type": "response.brand_new.event"}),
        json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": [],
            "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 3}}}}),
        json!({"type": "response.output_text.delta", "output_index": 2, "delta": "after the end"}),
    ];
    let (deltas, notes) = read(&events);
    let seal = |value: &'static str| Signature::new(Origin::OpenAi, value);
    let call = |call, id: &'static str, name: &'static str| Delta::ToolStart {
        call,
        id: id.into(),
        name: name.into(),
        signature: None,
    };
    let mut expected = vec![
        Delta::Start { id: Some("resp_1".into()), model: Some("gpt-5".into()) },
        Delta::Thinking("One.".into()),
        Delta::Thinking("\n\n".into()),
        Delta::Thinking("Two.".into()),
        Delta::ThinkingSignature(seal("gAA=")),
        Delta::RedactedThinking(seal("gAB=")),
        Delta::Text("Hi\n".into()),
        call(0, "call_1", "f"),
        call(1, "call_2", "g"),
        arguments(1, "{}"),
        arguments(0, "{\"a\":1}"),
        Delta::Usage(usage()),
    ];
    expected.extend(finish(FinishReason::ToolCalls));
    assert_eq!(deltas, shown(&expected));
    assert_eq!(
        notes,
        ["citations_dropped response.output_text.annotation.added", "event_ignored response.brand_new.event"]
    );
}

#[test]
fn what_only_the_end_tells_is_not_lost() {
    let said = json!({"type": "message", "content": [{"type": "output_text", "text": "Hi"}]});
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let (deltas, _) = read(&[
        json!({"type": "response.output_item.done", "output_index": 0, "item": said}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": call}),
        json!({"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}}),
    ]);
    let mut expected = vec![Delta::Start { id: None, model: None }, Delta::Text("Hi".into())];
    expected.extend([
        Delta::ToolStart { call: 0, id: "c".into(), name: "f".into(), signature: None },
        arguments(0, "{}"),
    ]);
    expected.extend(finish(FinishReason::Length));
    assert_eq!(deltas, shown(&expected));
    let (deltas, _) = read(&[
        json!({"type": "response.output_text.done", "output_index": 0, "text": "Hi"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": said}),
    ]);
    assert_eq!(deltas, shown(&[Delta::Start { id: None, model: None }, Delta::Text("Hi".into())]));
    let (deltas, _) = read(&[
        json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [said]}}),
    ]);
    let mut expected = vec![Delta::Start { id: Some("r".into()), model: None }, Delta::Text("Hi".into())];
    expected.extend(finish(FinishReason::Stop));
    assert_eq!(deltas, shown(&expected));
}

#[test]
fn errors_in_a_stream_tell_their_reason() {
    let cases = [
        (
            json!({"type": "response.failed", "response": {"status": "failed", "instructions": "long", "error": {"code": "server_error", "message": "boom"}}}),
            "boom",
            Some("server_error"),
        ),
        (
            json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": null, "sequence_number": 3}),
            "slow down",
            Some("rate_limit_exceeded"),
        ),
        (
            json!({"type": "error", "error": {"type": "invalid_request_error", "code": "c", "message": "bad"}}),
            "bad",
            Some("c"),
        ),
        (json!({"error": {"message": "no type"}}), "no type", None),
        (
            json!({"type": "response.failed", "response": {"error": null}}),
            "the response failed and the upstream did not say why",
            None,
        ),
    ];
    for (data, message, code) in cases {
        let data = data.to_string();
        let (mut reader, mut errors) = (Reader::default(), Vec::new());
        let mut sink = |delta: &Delta<'_>| {
            let Delta::Error(error) = delta else { panic!("{delta:?}") };
            errors.push((**error).clone());
        };
        reader.read(&event(&data), &mut Notes::default(), &mut sink).unwrap();
        assert_eq!((errors[0].message.as_str(), errors[0].code.as_deref()), (message, code), "{data}");
        assert_ne!(errors[0].kind.as_deref(), Some("error"));
    }
}

#[test]
fn what_is_no_json_is_malformed() {
    for data in ["{", "oops", "{\"type\":\"response.output_text.delta\",\"delta\":\"a}"] {
        let read = Reader::default().read(&event(data), &mut Notes::default(), &mut |_| {});
        assert!(matches!(read, Err(StreamFault::Malformed(_))), "{data}");
    }
}

#[test]
fn an_event_that_says_nothing_spoils_no_answer() {
    let odd = [
        json!([]),
        json!("ping"),
        json!({}),
        json!({"error": null}),
        json!({"type": 7}),
        json!({"type": "ping"}),
        json!({"type": "response.output_text.delta"}),
        json!({"type": "response.output_text.delta", "delta": 5}),
        json!({"type": "response.output_text.delta", "output_index": "0", "delta": null}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 9, "delta": "{"}),
        json!({"type": "response.output_item.added", "output_index": 7}),
        json!({"type": "response.output_item.added", "output_index": 7, "item": "message"}),
        json!({"type": "response.output_item.done", "output_index": 7, "item": []}),
        json!({"type": "response.created", "response": {"id": 7, "model": ["m"], "usage": "none"}}),
        json!({"type": "response.brand_new", "item": 3, "response": 4, "output_index": -1}),
    ];
    let said = [
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "content": {}}}),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": "Hi"}}),
        json!({"type": "response.completed", "response": {"output": [], "usage": {"input_tokens": "9", "output_tokens": 2.0,
            "input_tokens_details": [], "output_tokens_details": null}, "incomplete_details": "none"}}),
    ];
    for odd in odd {
        for at in 0..said.len() {
            let mut events = said.to_vec();
            events.insert(at, odd.clone());
            let (deltas, _) = read(&events);
            let told: Vec<&String> = deltas.iter().filter(|delta| !delta.starts_with("Start")).collect();
            assert!(
                told[0].contains("Hi") && told.last().is_some_and(|last| *last == "End"),
                "{odd} at {at}: {told:?}"
            );
            assert_eq!(
                told.iter().filter(|delta| delta.contains("Text(\"Hi\")")).count(),
                1,
                "{odd} at {at}"
            );
        }
    }
}

#[test]
fn an_answer_is_whole_however_its_events_are_told() {
    let message =
        json!({"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Hi"}]});
    let call =
        json!({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": {"a": 1}});
    let added = |index: Value, item: &Value| json!({"type": "response.output_item.added", "output_index": index, "item": item});
    let done = |index: Value, item: &Value| json!({"type": "response.output_item.done", "output_index": index, "item": item});
    let begun = json!({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": ""});
    let empty = json!({"type": "message", "id": "msg_1", "content": []});
    let completed =
        |output: Value| json!({"type": "response.completed", "response": {"id": "r", "output": output}});
    let text =
        |delta: &str| json!({"type": "response.output_text.delta", "item_id": "msg_1", "delta": delta});
    let arguments = |delta: Value| json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": delta});
    let null = Value::Null;
    let streams = [
        ("only in the end", vec![completed(json!([message, call]))]),
        (
            "only as items that are done",
            vec![done(json!(0), &message), done(json!(1), &call), completed(json!([]))],
        ),
        (
            "without places",
            vec![
                added(null.clone(), &empty),
                text("H"),
                text("i"),
                added(null.clone(), &begun),
                arguments(json!("{\"a\":")),
                arguments(json!("1}")),
                done(null.clone(), &message),
                done(null.clone(), &call),
                completed(null.clone()),
            ],
        ),
        (
            "deltas before their item",
            vec![
                text("Hi"),
                arguments(json!("{\"a\"")),
                done(json!(0), &message),
                done(json!(1), &call),
                completed(json!([])),
            ],
        ),
        (
            "arguments as an object",
            vec![
                added(json!(0), &empty),
                text("Hi"),
                added(json!(1), &begun),
                arguments(json!({"a": 1})),
                done(json!(1), &call),
                completed(json!("none")),
            ],
        ),
        (
            "without a response in the end",
            vec![text("Hi"), done(json!(1), &call), json!({"type": "response.completed"})],
        ),
        (
            "told behind the end",
            vec![
                done(json!(0), &message),
                done(json!(1), &call),
                completed(json!([])),
                text("!"),
                json!({"type": "error", "message": "late"}),
            ],
        ),
    ];
    for (name, events) in streams {
        let (deltas, _) = read(&events);
        let all = deltas.join("\n");
        let said: String =
            deltas.iter().filter_map(|delta| delta.strip_prefix("Text(\"")?.strip_suffix("\")")).collect();
        assert_eq!(said, "Hi", "{name}: {all}");
        let given: String =
            deltas.iter().filter_map(|delta| delta.split_once("json: \"")?.1.strip_suffix("\" }")).collect();
        assert_eq!(given.replace(['\\', ' '], ""), "{\"a\":1}", "{name}: {all}");
        assert_eq!(all.matches("ToolStart").count(), 1, "{name}: {all}");
        assert!(all.ends_with("Finish { reason: ToolCalls, stop_sequence: None }\nEnd"), "{name}: {all}");
    }
}

#[test]
fn a_stream_that_ends_as_chat_does_is_whole() {
    let (mut reader, mut deltas) = (Reader::default(), Vec::new());
    for data in ["{\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}", "[DONE]", "[DONE]"] {
        reader
            .read(&event(data), &mut Notes::default(), &mut |delta| deltas.push(format!("{delta:?}")))
            .unwrap();
    }
    let mut expected = vec![Delta::Start { id: None, model: None }, Delta::Text("Hi".into())];
    expected.extend(finish(FinishReason::Stop));
    assert_eq!(deltas, shown(&expected));
    // Nothing was said: that is no answer.
    Reader::default()
        .read(&event("[DONE]"), &mut Notes::default(), &mut |delta| panic!("{delta:?}"))
        .unwrap();
}

/// The recorded answers of Responses upstreams: name, whole answer, stream.
fn recorded() -> Vec<(String, String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut found = Vec::new();
    for pair in ["openai-chat--openai-responses", "anthropic--openai-responses"] {
        for case in std::fs::read_dir(root.join(pair)).unwrap() {
            let folder = case.unwrap().path();
            let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
            found.push((folder.display().to_string(), text("response.json"), text("stream.sse")));
        }
    }
    found
}

#[test]
fn a_stream_ends_in_the_very_answer_that_is_given_whole() {
    let recorded = recorded();
    assert!(recorded.len() >= 24, "{}", recorded.len());
    for (name, whole, stream) in recorded {
        let mut notes = Notes::default();
        let answer = crate::openai_responses::answer::read(&whole, &mut notes).unwrap();
        let whole = crate::openai_responses::answer::write(&answer, &options(), &mut notes).unwrap();
        let (mut reader, mut writer, mut out) = (Reader::default(), Writer::new(&options()), Vec::new());
        let mut decoder = SseDecoder::default();
        decoder.push(stream.as_bytes());
        while let Some(event) = decoder.next_event().unwrap() {
            let mut written = Notes::default();
            reader
                .read(&event, &mut notes, &mut |delta| writer.write(delta, &mut written, &mut out))
                .unwrap();
            assert!(written.noted().is_empty());
        }
        assert!(notes.noted().is_empty(), "{name}: {:?}", notes.noted());
        let events = events_of(&out);
        assert_sound(&events, 0);
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(events.last().unwrap()["response"], whole, "{name}");
    }
}

fn any_delta() -> impl Strategy<Value = Delta<'static>> {
    let text = "[a-zé\"\\\\\n ]{1,8}";
    prop_oneof![
        4 => text.prop_map(|text| Delta::Text(text.into())),
        2 => text.prop_map(|text| Delta::Thinking(text.into())),
        1 => text.prop_map(|text| Delta::Refusal(text.into())),
        1 => "[a-z]{1,5}".prop_map(|seal| Delta::ThinkingSignature(Signature::new(Origin::OpenAi, seal))),
        1 => "[a-z]{1,5}".prop_map(|seal| Delta::RedactedThinking(Signature::new(Origin::OpenAi, seal))),
        2 => Just(Delta::ToolStart { call: 0, id: "".into(), name: "f".into(), signature: None }),
        3 => (0..4usize, text).prop_map(|(call, json)| Delta::ToolArguments { call, json: json.into() }),
    ]
}

/// Deltas in an order a reader could give them.
fn any_stream() -> impl Strategy<Value = Vec<Delta<'static>>> {
    proptest::collection::vec(any_delta(), 0..24).prop_map(|steps| {
        let mut calls = 0;
        let mut deltas = vec![Delta::Start { id: Some("resp_1".into()), model: Some("m".into()) }];
        for step in steps {
            if let Delta::ToolStart { name, signature, .. } = step {
                let id = format!("c{calls}").into();
                deltas.push(Delta::ToolStart { call: calls, id, name, signature });
                calls += 1;
            } else if !matches!(step, Delta::ToolArguments { call, .. } if call >= calls) {
                deltas.push(step);
            }
        }
        let has_refused = deltas.iter().any(|delta| matches!(delta, Delta::Refusal(_)));
        deltas.extend(finish(match (calls, has_refused) {
            (0, false) => FinishReason::Stop,
            (0, true) => FinishReason::ContentFilter,
            _ => FinishReason::ToolCalls,
        }));
        deltas
    })
}

/// What a stream says, whatever pieces it is said in: neighbours joined, each call's arguments together.
fn told(deltas: &[String]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for delta in deltas {
        let kind = delta.split('(').next().unwrap_or_default();
        let piece =
            |text: &str| text.split_once("(\"").map(|(_, rest)| rest.trim_end_matches("\")").to_owned());
        match (kind, told.last_mut()) {
            ("Text" | "Refusal" | "Thinking", Some(last)) if last.starts_with(&format!("{kind}(")) => {
                let more = piece(delta).unwrap_or_default();
                last.truncate(last.len() - 2);
                last.push_str(&more);
                last.push_str("\")");
            }
            _ => told.push(delta.clone()),
        }
    }
    told
}

proptest! {
    #[test]
    fn a_written_stream_is_sound_and_says_what_was_said(deltas in any_stream()) {
        let events = write(&mut Writer::new(&options()), &deltas);
        assert_sound(&events, 0);
        let (read, _) = read(&events);
        // Arguments may come in other turns and an empty input as `{}`; the calls themselves keep their places.
        let kept = |deltas: Vec<String>| -> Vec<String> {
            let words = ["ToolArguments", "Usage"];
            deltas.into_iter().filter(|delta| !words.iter().any(|word| delta.starts_with(word))).collect()
        };
        prop_assert_eq!(told(&kept(read)), told(&kept(shown(&deltas))));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(data in "\\PC{0,60}", kind in "[a-z_.]{0,30}") {
        let mut reader = Reader::default();
        let shaped = json!({"type": format!("response.{kind}"), "delta": data, "item": {"type": kind}}).to_string();
        for data in [data.as_str(), shaped.as_str()] {
            let _ = reader.read(&event(data), &mut Notes::default(), &mut |_| {});
        }
    }
}
