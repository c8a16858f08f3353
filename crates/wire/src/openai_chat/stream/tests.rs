//! Streams as compatible servers really send them.

use serde_json::{Value, json};

use crate::canonical::Delta;
use crate::frames::FrameDecoder;
use crate::notes::Notes;
use crate::openai_chat::stream::Reader;
use crate::pipe::Pipe;
use crate::sse::encode_event;
use crate::translate::ReplyOptions;
use crate::{Dialect, FinishReason, StreamEnd, Usage};

/// What a stream tells, put together.
#[derive(Debug, Default, PartialEq)]
struct Told {
    text: String,
    thinking: String,
    calls: Vec<(String, String)>,
    finish: Option<FinishReason>,
    usage: Option<Usage>,
    is_whole: bool,
    notes: Vec<&'static str>,
}

/// Events by their data.
fn stream(events: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for event in events {
        let data = event.as_str().map_or_else(|| event.to_string(), str::to_owned);
        encode_event(&mut out, None, data.as_bytes());
    }
    out
}

#[expect(clippy::needless_pass_by_value, reason = "values are written where they are needed")]
fn chunk(delta: Value, finish: Value) -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn said(delta: Value) -> Value {
    chunk(delta, Value::Null)
}

#[expect(clippy::needless_pass_by_value, reason = "values are written where they are needed")]
fn call(call: Value) -> Value {
    said(json!({"tool_calls": [call]}))
}

fn stop() -> Value {
    chunk(json!({}), "stop".into())
}

fn read(events: &[Value]) -> Told {
    let mut decoder = FrameDecoder::of(Dialect::OpenAiChat);
    decoder.push(&stream(events));
    let (mut reader, mut notes, mut told) = (Reader::default(), Notes::default(), Told::default());
    let mut add = |delta: &Delta<'_>| match delta {
        Delta::Text(text) => told.text += text,
        Delta::Thinking(text) => told.thinking += text,
        Delta::ToolStart { call, name, .. } => {
            assert_eq!(*call, told.calls.len());
            told.calls.push((name.to_string(), String::new()));
        }
        Delta::ToolArguments { call, json } => told.calls[*call].1 += json,
        Delta::Usage(usage) => told.usage = Some(*usage),
        Delta::Finish { reason, .. } => {
            assert_eq!(told.finish.replace(*reason), None, "an answer ends once");
        }
        Delta::End => told.is_whole = true,
        Delta::Start { .. }
        | Delta::ThinkingSignature(_)
        | Delta::RedactedThinking(_)
        | Delta::Refusal(_)
        | Delta::Error(_) => {}
    };
    while let Some(event) = decoder.next_event().unwrap() {
        reader.read(&event, &mut notes, &mut add).unwrap();
    }
    reader.finish(&mut add);
    told.notes = notes.noted().iter().map(|noted| noted.code).collect();
    told
}

fn calls(events: &[Value]) -> Vec<(String, String)> {
    let told = read(events);
    assert_eq!((told.finish, told.notes), (Some(FinishReason::ToolCalls), vec![]), "{events:?}");
    told.calls
}

fn named(calls: &[(&str, &str)]) -> Vec<(String, String)> {
    calls.iter().map(|(name, json)| ((*name).to_owned(), (*json).to_owned())).collect()
}

#[test]
fn calls_go_together_by_their_index() {
    let one = named(&[("look", r#"{"path":"a"}"#)]);
    let two = named(&[("look", r#"{"path":"a"}"#), ("look", r#"{"path":"b"}"#)]);
    let part = |index: Value, id: Value, name: Value, arguments: Value| {
        call(json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}}))
    };
    let null = || Value::Null;
    let cases = [
        // A new id in every delta, with and without the name.
        (
            &one,
            vec![
                part(0.into(), "1".into(), "look".into(), "".into()),
                part(0.into(), "2".into(), null(), r#"{"path""#.into()),
                part(0.into(), "3".into(), null(), r#":"a"}"#.into()),
            ],
        ),
        (
            &one,
            vec![
                part(0.into(), "1".into(), "look".into(), r#"{"path""#.into()),
                part(0.into(), "2".into(), "look".into(), r#":"a"}"#.into()),
            ],
        ),
        // An index that counts the deltas.
        (
            &one,
            vec![
                part(0.into(), "1".into(), "look".into(), r#"{"path""#.into()),
                part(1.into(), "1".into(), "".into(), r#":"a"}"#.into()),
            ],
        ),
        // No index, odd indices, no ids.
        (
            &one,
            vec![
                part(null(), "1".into(), "look".into(), r#"{"path""#.into()),
                part(null(), null(), null(), r#":"a"}"#.into()),
            ],
        ),
        (
            &one,
            vec![
                part("0".into(), 7.into(), "look".into(), null()),
                part(0.0.into(), json!({}), null(), r#"{"path":"a"}"#.into()),
            ],
        ),
        // Every call has the same index, or none, and comes whole.
        (
            &two,
            vec![
                part(0.into(), "1".into(), "look".into(), r#"{"path":"a"}"#.into()),
                part(0.into(), "2".into(), "look".into(), r#"{"path":"b"}"#.into()),
            ],
        ),
        (
            &two,
            vec![
                part(null(), null(), "look".into(), r#"{"path":"a"}"#.into()),
                part(null(), null(), "look".into(), r#"{"path":"b"}"#.into()),
            ],
        ),
        // Arguments as the object itself, behind an empty one too; a call instead of a list of calls.
        (&one, vec![part(0.into(), "1".into(), "look".into(), json!({"path": "a"}))]),
        (
            &one,
            vec![
                part(0.into(), "1".into(), "look".into(), json!({})),
                part(0.into(), "1".into(), null(), r#"{"path":"a"}"#.into()),
            ],
        ),
        (
            &one,
            vec![said(
                json!({"tool_calls": {"index": 0, "function": {"name": "look", "arguments": "{\"path\":\"a\"}"}}}),
            )],
        ),
        // Members nobody needs.
        (
            &one,
            vec![call(json!({"index": 0, "id": null, "type": 3, "custom": [], "function":
                {"name": "look", "arguments": "{\"path\":\"a\"}", "parsed": [null], "strict": "no"}}))],
        ),
        // The function API that came before tools.
        (
            &one,
            vec![
                said(json!({"function_call": {"name": "look", "arguments": ""}})),
                said(json!({"function_call": {"arguments": "{\"path\":\"a\"}"}})),
            ],
        ),
    ];
    for (expected, mut events) in cases {
        events.extend([stop(), "[DONE]".into()]);
        assert_eq!(calls(&events), *expected, "{events:?}");
    }
}

#[test]
fn what_nobody_needs_spoils_nothing() {
    let hello = [
        json!({"id": 7, "created": "now", "model": {"name": "m"}, "object": null, "system_fingerprint": [],
            "choices": [{"index": null, "delta": {"role": 1, "content": "Hel", "refusal": false, "audio": [],
            "tool_calls": null, "function_call": {"name": "", "arguments": ""}, "reasoning": {}},
            "logprobs": "none", "finish_reason": false}], "usage": "none"}),
        json!({"id": "c", "choices": [{"delta": {"content": [{"type": "text", "text": "l"}, {"text": "o"}]}}]}),
        json!({"id": "c", "choices": [{"index": "0", "delta": null}, {"delta": []}, null, 7], "error": {}}),
        json!({"id": "c", "choices": null, "usage": {"prompt_tokens": "9", "completion_tokens": 5.0,
            "prompt_tokens_details": [], "completion_tokens_details": {"reasoning_tokens": null}}, "error": ""}),
        stop(),
    ];
    let usage = Usage { input_tokens: 9, output_tokens: 5, ..Usage::default() };
    let expected = Told {
        text: "Hello".to_owned(),
        finish: Some(FinishReason::Stop),
        usage: Some(usage),
        is_whole: true,
        ..Told::default()
    };
    assert_eq!(read(&hello), expected);
}

#[test]
fn the_last_reason_of_the_end_counts() {
    let events = [
        chunk(json!({"content": "Hel"}), "stop".into()),
        chunk(json!({"content": "lo"}), "length".into()),
        json!({"choices": [], "usage": {"prompt_tokens": 9}}),
        "[DONE]".into(),
        chunk(json!({"content": " again"}), "stop".into()),
        json!({"error": {"message": "too late"}}),
    ];
    for till in [3, 4, 6] {
        let told = read(&events[..till]);
        assert_eq!((told.text.as_str(), told.finish), ("Hello", Some(FinishReason::Length)), "{till}");
        assert!(told.is_whole);
    }
    let called = [
        chunk(json!({"content": "I look."}), "stop".into()),
        chunk(
            json!({"tool_calls": [{"index": 0, "function": {"name": "look", "arguments": "{}"}}]}),
            "stop".into(),
        ),
    ];
    assert_eq!(read(&called).finish, Some(FinishReason::ToolCalls));
}

#[test]
fn one_answer_in_several_choices_is_one_answer() {
    let choice =
        |index: u32, delta: Value| json!({"index": index, "delta": delta, "finish_reason": "tool_calls"});
    let of = |delta: Value| json!({"id": "c", "choices": [choice(0, json!({"content": "I look."})), choice(1, delta)]});
    let call = |name: &str| json!({"tool_calls": [{"index": 0, "id": name, "function": {"name": name, "arguments": "{}"}}]});
    let told = read(&[of(call("look"))]);
    assert_eq!((told.text.as_str(), told.calls), ("I look.", named(&[("look", "{}")])));
    assert_eq!(told.notes, Vec::<&str>::new());
    let parallel = json!({"id": "c", "choices": [choice(0, call("a")), choice(1, call("b"))]});
    assert_eq!(read(&[parallel]).calls, named(&[("a", "{}"), ("b", "{}")]));
    let two_answers = read(&[of(json!({"content": "I think."}))]);
    assert_eq!((two_answers.text.as_str(), two_answers.notes), ("I look.", vec!["choice_dropped"]));
}

#[test]
fn thinking_is_found_where_each_provider_puts_it() {
    let thought = [json!({"type": "text", "text": "Let me count."})];
    let forms = [
        json!({"reasoning_content": "Let me count."}),
        json!({"reasoning": "Let me count.", "reasoning_details": [{"type": "reasoning.text", "text": "Let me count."}]}),
        json!({"reasoning": null, "reasoning_details": [{"type": "reasoning.summary", "summary": "Let me count."}]}),
        json!({"content": [{"type": "thinking", "thinking": thought}]}),
        json!({"content": [{"type": "thinking", "thinking": "Let me count."}]}),
    ];
    for form in forms {
        let told = read(&[said(form.clone()), said(json!({"content": "Four."})), stop()]);
        assert_eq!((told.thinking.as_str(), told.text.as_str()), ("Let me count.", "Four."), "{form}");
        assert_eq!(told.notes, Vec::<&str>::new(), "{form}");
    }
}

#[test]
fn what_has_no_place_elsewhere_is_told() {
    let cases = [
        (json!({"images": [{"type": "image_url", "image_url": {"url": "data:,"}}]}), "image_dropped"),
        (json!({"audio": {"data": "AA=="}}), "audio_dropped"),
        (json!({"annotations": [{"type": "url_citation"}]}), "citations_dropped"),
        (json!({"executed_tools": [{"type": "search"}]}), "block_dropped"),
        (json!({"content": [{"type": "reference", "reference_ids": [1]}]}), "block_dropped"),
        (
            json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}),
            "thinking_signature_dropped",
        ),
        (json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}), "tool_call_dropped"),
    ];
    for (delta, note) in cases {
        assert_eq!(read(&[said(delta.clone()), stop()]).notes, [note], "{delta}");
    }
    let cited = json!({"id": "c", "choices": [], "citations": ["https://example.org"]});
    assert_eq!(read(&[cited, stop()]).notes, ["citations_dropped"]);
    let empty = json!({"audio": {"data": "", "expires_at": 0, "id": "", "transcript": ""}, "annotations": [],
        "images": [], "citations": null, "executed_tools": []});
    assert_eq!(read(&[said(empty), stop()]).notes, Vec::<&str>::new());
}

/// What a caller gets of a stream, and how it ended.
fn piped(mut pipe: Pipe, bytes: &[u8]) -> (String, StreamEnd) {
    let mut decoder = FrameDecoder::of(Dialect::OpenAiChat);
    decoder.push(bytes);
    decoder.finish();
    let mut out = Vec::new();
    while let Some(event) = decoder.next_event().unwrap() {
        pipe.push(&event, &mut out);
    }
    let end = pipe.finish(&mut out);
    (String::from_utf8(out).unwrap(), end)
}

fn translated(bytes: &[u8]) -> (String, StreamEnd) {
    let options = ReplyOptions::default();
    piped(Pipe::translating(Dialect::OpenAiChat, Dialect::AnthropicMessages, options, true, false), bytes)
}

#[test]
fn signs_of_life_written_as_data_are_passed_over() {
    let signs = ["ping", "[PING]", "\"\"", "null", "{}", r#"{"type":"ping"}"#, "OPENROUTER PROCESSING", "0"];
    for sign in signs {
        let event = || Value::from(sign);
        let events = [
            event(),
            said(json!({"content": "Hel"})),
            event(),
            said(json!({"content": "lo"})),
            event(),
            stop(),
            event(),
            "[DONE]".into(),
            event(),
        ];
        let (out, end) = translated(&stream(&events));
        assert_eq!(end, StreamEnd::Complete, "{sign}: {out}");
        assert!(out.contains(r#""text":"Hel""#) && out.contains(r#""text":"lo""#), "{sign}: {out}");
        assert!(out.contains(r#""id":"c""#), "the answer begins with its first chunk: {out}");
        let passed = Pipe::passthrough(Dialect::OpenAiChat, false, ReplyOptions::default(), true, false);
        let (out, end) = piped(passed, &stream(&events));
        assert_eq!(end, StreamEnd::Complete, "{sign}: {out}");
        let data: Vec<_> = out.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        assert!(
            data.iter().all(|data| data.starts_with('{') || *data == "[DONE]"),
            "SDKs can read it: {out}"
        );
    }
    let (_, end) = translated(&stream(&[said(json!({"content": "Hel"})), "{\"choices\":[".into()]));
    assert_eq!(end, StreamEnd::Failed, "half a chunk is no sign of life");
}

#[test]
fn an_emoji_cut_in_two_breaks_nothing() {
    let bytes: String = ["ok ", r"\ud83d", r"\ude00 done", r"\ud83d\ude00"]
        .map(|text| {
            let event = String::from_utf8(stream(&[said(json!({"content": "@"}))])).unwrap();
            event.replace('@', text)
        })
        .concat();
    let (out, end) = translated(&[bytes.as_bytes(), &stream(&[stop()])].concat());
    assert_eq!(end, StreamEnd::Complete, "{out}");
    for text in [r#""text":"ok ""#, "\"text\":\"\u{fffd}\"", "\"text\":\"\u{fffd} done\"", "\"text\":\"😀\""]
    {
        assert!(out.contains(text), "{text}: {out}");
    }
}

#[test]
fn the_beginning_tells_the_input_as_it_is_estimated_and_the_end_as_it_was_counted() {
    let options = ReplyOptions { estimated_prompt_tokens: 400, ..ReplyOptions::default() };
    let pipe =
        || Pipe::translating(Dialect::OpenAiChat, Dialect::AnthropicMessages, options.clone(), true, false);
    let counted = json!({"id": "c", "choices": [], "usage": {"prompt_tokens": 512, "completion_tokens": 5}});
    let (out, _) =
        piped(pipe(), &stream(&[said(json!({"content": "Hi"})), stop(), counted, "[DONE]".into()]));
    let usage = |kind: &str| {
        let line = out.lines().find(|line| line.contains(&format!("\"type\":\"{kind}\""))).unwrap();
        let event: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
        let usage = if kind == "message_start" { &event["message"]["usage"] } else { &event["usage"] };
        usage["input_tokens"].clone()
    };
    assert_eq!((usage("message_start"), usage("message_delta")), (json!(400), json!(512)));
}

#[test]
fn usage_no_provider_told_is_told_to_be_missing() {
    let notes = |caller: Dialect, include_usage: bool, events: &[Value]| -> Vec<&'static str> {
        let options = ReplyOptions { include_usage, ..ReplyOptions::default() };
        let mut pipe = Pipe::translating(Dialect::OpenAiChat, caller, options, true, false);
        let mut decoder = FrameDecoder::of(Dialect::OpenAiChat);
        decoder.push(&stream(events));
        let mut out = Vec::new();
        while let Some(event) = decoder.next_event().unwrap() {
            pipe.push(&event, &mut out);
        }
        assert_eq!(pipe.finish(&mut out), StreamEnd::Complete);
        pipe.lost().iter().map(|noted| noted.code).collect()
    };
    let silent = [said(json!({"content": "Hi"})), stop(), "[DONE]".into()];
    let counted =
        [json!({"id": "c", "choices": [], "usage": {"prompt_tokens": 5}}), silent[0].clone(), stop()];
    for caller in [Dialect::AnthropicMessages, Dialect::OpenAiResponses] {
        assert_eq!(notes(caller, false, &silent), ["usage_missing"], "{caller}");
        assert_eq!(notes(caller, false, &counted), Vec::<&str>::new(), "{caller}");
    }
}
