use CompatOutcome::{Failed, Passed, Unsupported};
use serde_json::json;

use super::*;

fn heard(status: u16, body: &Value) -> Heard {
    Heard { status, body: body.to_string().into_bytes(), lost: Vec::new() }
}

fn said(text: &str) -> Heard {
    let message = json!({ "role": "assistant", "content": text });
    heard(200, &answer(&message, "stop"))
}

fn answer(message: &Value, finish: &str) -> Value {
    json!({
        "choices": [{ "index": 0, "message": message, "finish_reason": finish }],
        "usage": { "prompt_tokens": 12, "completion_tokens": 3 }
    })
}

fn called(calls: &[(&str, &str, &str)]) -> Heard {
    let calls: Vec<Value> = calls
        .iter()
        .map(|(id, name, arguments)| {
            json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
        })
        .collect();
    heard(200, &answer(&json!({ "role": "assistant", "content": null, "tool_calls": calls }), "tool_calls"))
}

fn refused(status: u16, message: &str) -> Heard {
    heard(status, &json!({ "error": { "message": message, "type": "invalid_request_error" } }))
}

fn streamed(lines: &[&str]) -> Heard {
    Heard { status: 200, body: lines.join("\n\n").into_bytes(), lost: Vec::new() }
}

/// The outcome, and a part of the sentence that says why.
fn check(verdict: &Verdict, outcome: CompatOutcome, why: &str) {
    assert_eq!(verdict.outcome, outcome, "{verdict:?}");
    assert!(verdict.sentence.contains(why), "{verdict:?} does not say {why}");
}

#[test]
fn a_plain_answer_has_text_a_finish_reason_and_usage() {
    check(&plain(&said("ready")), Passed, "12 + 3 tokens");
    check(&plain(&said("  ")), Failed, "no text");
    let message = json!({ "content": "ready" });
    let mut no_finish = answer(&message, "stop");
    no_finish["choices"][0]["finish_reason"] = Value::Null;
    check(&plain(&heard(200, &no_finish)), Failed, "finish_reason");
    let mut no_usage = answer(&message, "stop");
    no_usage["usage"] = Value::Null;
    check(&plain(&heard(200, &no_usage)), Failed, "tokens");
    check(&plain(&refused(503, "No key.")), Failed, "503: No key.");
    check(&plain(&refused(400, "No such thing.")), Failed, "400: No such thing.");
    let page = Heard { status: 502, body: b"<html>".to_vec(), lost: Vec::new() };
    check(&plain(&page), Failed, "502: no reason");
}

#[test]
fn a_stream_has_pieces_an_end_and_usage() {
    const PIECE: &str = r#"data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#;
    const FINISH: &str = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    const USAGE: &str = r#"data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
    const DONE: &str = "data: [DONE]";
    const BROKEN: &str = r#"data: {"error":{"message":"The stream stalled.","type":"server_error"}}"#;
    let whole = streamed(&[PIECE, PIECE, FINISH, USAGE, DONE]);
    check(&stream(&whole, true), Passed, "2 pieces");
    assert_eq!(whole.used(), Some((5, 2)));
    check(&stream(&streamed(&[FINISH, USAGE, DONE]), true), Failed, "no text");
    check(&stream(&streamed(&[PIECE, USAGE, DONE]), true), Failed, "finish_reason");
    check(&stream(&streamed(&[PIECE, FINISH, USAGE]), true), Failed, "end marker");
    check(&stream(&streamed(&[PIECE, FINISH, DONE]), true), Failed, "usageInStream");
    check(&stream(&streamed(&[PIECE, FINISH, DONE]), false), Passed, "");
    check(&stream(&streamed(&[PIECE, BROKEN]), true), Failed, "The stream stalled.");
    check(&stream(&refused(400, "Streaming is not supported."), true), Unsupported, "not supported");
    check(&stream(&refused(504, "Silence."), true), Failed, "504");
}

#[test]
fn a_stream_has_text_once_a_piece_of_it_is_whole() {
    let role = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
    let piece = r#"data: {"choices":[{"index":0,"delta":{"content":"one"}}]}"#;
    assert!(!has_text(b""));
    assert!(!has_text(role.as_bytes()), "a role is no text");
    assert!(!has_text(&piece.as_bytes()[..30]));
    assert!(has_text(format!("{role}\n\n{piece}\n\n").as_bytes()));
}

#[test]
fn a_tool_is_called_soundly_or_not_at_all() {
    const CITY: &str = r#"{"city":"Lisbon"}"#;
    let (message, calls) = tool_call(&called(&[("call_1", "get_weather", CITY)])).unwrap();
    assert_eq!(calls, [Call { id: "call_1".to_owned() }]);
    assert_eq!(message["tool_calls"][0]["id"], "call_1", "the message goes back as it came");
    let cases = [
        (called(&[("call_1", "get_weather", "{\"city\":")]), Failed, "schema"),
        (called(&[("call_1", "get_weather", "{}")]), Failed, "schema"),
        (called(&[("call_1", "get_time", CITY)]), Failed, "nobody offered"),
        (called(&[("", "get_weather", CITY)]), Failed, "no id"),
        (said("It is sunny."), Unsupported, "called no tool"),
        (refused(400, "llama3 does not support tools"), Unsupported, "does not support tools"),
        (refused(404, "No endpoints found that support tool use"), Unsupported, "No endpoints"),
        (refused(429, "Slow down."), Failed, "429"),
    ];
    for (heard, outcome, why) in cases {
        check(&tool_call(&heard).unwrap_err(), outcome, why);
    }
    let mut stopped: Value = serde_json::from_slice(&called(&[("c", "get_weather", CITY)]).body).unwrap();
    stopped["choices"][0]["finish_reason"] = json!("stop");
    check(&tool_call(&heard(200, &stopped)).unwrap_err(), Failed, "not tool_calls");
    check(&tool_answer(&said("21 degrees.")), Passed, "result");
    check(&tool_answer(&said("")), Failed, "no text");
    check(&tool_answer(&refused(400, "Missing thought signature.")), Failed, "Missing thought signature");
}

#[test]
fn two_calls_in_one_answer_have_ids_of_their_own() {
    let call = |id| (id, "get_weather", r#"{"city":"Porto"}"#);
    check(&parallel_tools(&called(&[call("a"), call("b")])), Passed, "2 calls");
    check(&parallel_tools(&called(&[call("a")])), Unsupported, "one tool");
    check(&parallel_tools(&called(&[call("a"), call("a")])), Failed, "id of its own");
    check(&parallel_tools(&refused(422, "parallel_tool_calls: unknown field")), Unsupported, "unknown field");
}

#[test]
fn a_schema_is_followed_ignored_or_broken() {
    check(&json_schema(&said(r#"{"city":"Lisbon","letters":6}"#)), Passed, "follows");
    check(&json_schema(&said("Lisbon has six letters.")), Unsupported, "where JSON was wanted");
    check(&json_schema(&said("```json\n{\"city\":\"Lisbon\",\"letters\":6}\n```")), Unsupported, "JSON");
    check(&json_schema(&said(r#"{"city":"Lisbon","letters":"six"}"#)), Failed, "schema");
    check(&json_schema(&said(r#"{"city":"Lisbon","letters":6,"more":1}"#)), Failed, "schema");
    check(&json_schema(&refused(400, "response_format is not available")), Unsupported, "not available");
    let lost = Heard { lost: vec!["schema_dropped response_format".to_owned()], ..said("{\"a\":1}") };
    check(&json_schema(&lost), Unsupported, "schema_dropped response_format");
}

#[test]
fn an_image_is_seen_refused_or_not_looked_at() {
    check(&vision(&said("Red.")), Passed, "colour");
    check(&vision(&said("No image was rendered.")), Unsupported, "did not see it");
    check(&vision(&refused(400, "image input is not supported")), Unsupported, "not supported");
    check(&vision(&refused(500, "boom")), Failed, "500");
}

#[test]
fn the_middle_of_a_long_prompt_comes_back_or_was_cut() {
    check(&long_context(&said("Heliotrope"), 3_000), Passed, "3000 tokens");
    check(&long_context(&said("There is none."), 3_000), Failed, "contextWindow");
    check(&long_context(&refused(400, "maximum context length is 2048"), 3_000), Failed, "2048");
}

#[test]
fn a_fault_comes_back_as_the_callers() {
    check(&error(&refused(400, "temperature: must be at least 0")).unwrap(), Passed, "400");
    check(&error(&refused(422, "temperature")).unwrap(), Passed, "422");
    check(&error(&refused(502, "bad gateway")).unwrap(), Failed, "502");
    check(&error(&refused(503, "no key")).unwrap(), Failed, "503");
    check(&error(&heard(400, &json!({ "oops": true }))).unwrap(), Failed, "without a reason");
    assert_eq!(error(&said("ready")), None, "it was taken");
}
