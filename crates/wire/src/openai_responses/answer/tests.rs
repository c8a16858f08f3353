use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::FinishReason;

fn options() -> ReplyOptions {
    ReplyOptions { created_unix_s: 1_741_569_952, ..ReplyOptions::default() }
}

#[test]
fn an_answer_goes_there_and_back_unchanged() {
    let body = json!({
        "id": "resp_67cc", "object": "response", "created_at": 1_741_569_952_u64, "status": "completed",
        "error": null, "incomplete_details": null, "model": "gpt-5-2025-08-07",
        "output": [
            {"id": "rs_sy1_67cc_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}],
             "encrypted_content": "gAAAAABo=="},
            {"id": "rs_sy1_67cc_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAAAABp=="},
            {"id": "msg_67cc_2", "type": "message", "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "annotations": [], "logprobs": [], "text": "I \"look\"."}]},
            {"id": "fc_67cc_3", "type": "function_call", "status": "completed", "arguments": "{\"a\":1}",
             "call_id": "call_1", "name": "look"}
        ],
        "usage": {"input_tokens": 36, "input_tokens_details": {"cached_tokens": 12, "cache_write_tokens": 4}, "output_tokens": 87,
                  "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 123},
        "background": false, "instructions": null, "max_output_tokens": null, "max_tool_calls": null,
        "metadata": {}, "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null}, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "truncation": "disabled", "user": null, "store": false
    });
    let text = body.to_string();
    let mut notes = Notes::default();
    let answer = read(&text, &mut notes).unwrap();
    assert_eq!(answer.finish, FinishReason::ToolCalls);
    let again = write(&answer, &options(), &mut notes).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&again).unwrap(), body);
    assert!(notes.noted().is_empty());
}

#[test]
fn ends_are_told_apart_both_ways() {
    let said = r#"{"type":"output_text","text":"x","annotations":[]}"#;
    let refused = r#"{"type":"refusal","refusal":"No."}"#;
    let cases = [
        ("completed", "null", said, FinishReason::Stop),
        ("completed", "null", refused, FinishReason::ContentFilter),
        ("incomplete", r#"{"reason":"max_output_tokens"}"#, said, FinishReason::Length),
        ("incomplete", r#"{"reason":"content_filter"}"#, said, FinishReason::ContentFilter),
    ];
    for (status, details, part, finish) in cases {
        let body = format!(
            r#"{{"id":"resp_1","status":"{status}","incomplete_details":{details},"output":[{{"type":"message","content":[{part}]}}]}}"#
        );
        let mut notes = Notes::default();
        let answer = read(&body, &mut notes).unwrap();
        assert_eq!(answer.finish, finish, "{body}");
        let again: Value = serde_json::from_slice(&write(&answer, &options(), &mut notes).unwrap()).unwrap();
        let details: Value = serde_json::from_str(details).unwrap();
        assert_eq!((&again["status"], &again["incomplete_details"]), (&json!(status), &details));
        assert_eq!(again["output"][0]["status"], status);
    }
}

#[test]
fn what_is_no_answer_is_an_error() {
    let cases = [
        (
            r#"{"status":"failed","error":{"code":"server_error","message":"boom"},"output":[]}"#,
            "error: boom",
        ),
        (r#"{"status":"queued","output":[]}"#, "status: is \"queued\": there is no answer"),
        (r#"{"id":"resp_1"}"#, "output: is missing"),
    ];
    for (body, said) in cases {
        assert_eq!(read(body, &mut Notes::default()).unwrap_err().to_string(), said);
    }
}

#[test]
fn an_odd_member_spoils_no_answer() {
    let said = |body: &str| {
        let mut notes = Notes::default();
        let answer = read(body, &mut notes).unwrap_or_else(|error| panic!("{error}: {body}"));
        (format!("{:?}", answer.content), answer.usage)
    };
    let plain = said(r#"{"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]}"#).0;
    for body in [
        r#"{"id":7,"model":{},"status":null,"error":{},"usage":"none","incomplete_details":[],"created_at":"now",
            "output":[{"type":"message","role":3,"content":[{"type":"output_text","text":"Hi","annotations":null,"logprobs":0}]}]}"#,
        r#"{"status":"in_progress","output":[{"type":"message","content":"Hi"}]}"#,
        r#"{"output":[{"content":[{"text":"Hi"}]}]}"#,
        r#"{"output":[{"type":"message","content":{"type":"text","text":"Hi"}},7,{"type":"new"},{"type":"message"},null]}"#,
        r#"{"output":{"type":"message","content":["Hi"]}}"#,
        r#"{"output_text":"Hi"}"#,
    ] {
        assert_eq!(said(body).0, plain, "{body}");
    }
    let call =
        said(r#"{"output":[{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}]}"#).0;
    for body in [
        r#"{"output":[{"type":"function_call","call_id":"c","name":"f","arguments":{"a":1},"status":7}]}"#,
        r#"{"output":[{"id":"c","name":"f","arguments":"{\"a\":1}"}]}"#,
    ] {
        assert_eq!(said(body).0, call, "{body}");
    }
    let usage = said(
        r#"{"output":[],"usage":{"input_tokens":100,"output_tokens":"7","input_tokens_details":{"cached_tokens":40,
            "cache_write_tokens":30},"output_tokens_details":[]}}"#,
    );
    let expected = Usage {
        input_tokens: 100,
        output_tokens: 7,
        cached_input_tokens: 40,
        cache_write_tokens: 30,
        reasoning_tokens: 0,
    };
    assert_eq!(usage.1, Some(expected));
}

#[test]
fn tokens_written_to_a_cache_are_told() {
    let usage = Usage { input_tokens: 9, cache_write_tokens: 5, ..Usage::default() };
    let answer = Answer {
        id: None,
        model: None,
        content: Vec::new(),
        finish: FinishReason::Stop,
        stop_sequence: None,
        usage: Some(usage),
    };
    let body = write(&answer, &options(), &mut Notes::default()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["usage"]["input_tokens_details"], json!({"cached_tokens": 0, "cache_write_tokens": 5}));
}

#[test]
fn another_vendors_answer_becomes_a_response_with_ids_of_its_own() {
    let answer = Answer {
        id: Some("chatcmpl-B9:x".into()),
        model: Some("gemini-3-flash".into()),
        content: vec![
            Content::Text("A".into()),
            Content::Refusal("no".into()),
            Content::ToolUse(ToolUse {
                id: "".into(),
                name: "f".into(),
                arguments: "".into(),
                signature: Some(Signature::new(Origin::Gemini, "CsQE")),
            }),
        ],
        finish: FinishReason::ToolCalls,
        stop_sequence: None,
        usage: None,
    };
    let echo: Arc<str> = r#""metadata":{"k":"v"}"#.into();
    let options = ReplyOptions { echo: Some(echo), ..options() };
    let body = write(&answer, &options, &mut Notes::default()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["id"], &body["metadata"]["k"]), (&json!("resp_B9_x"), &json!("v")));
    let ids: Vec<_> =
        body["output"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["msg_B9_x_0", "rs_sy1_B9_x_1", "fc_B9_x_2"]);
    assert_eq!(body["output"][0]["content"][1], json!({"type": "refusal", "refusal": "no"}));
    assert_eq!(body["output"][1]["encrypted_content"], "sy1.gemini.CsQE");
    let call = &body["output"][2];
    assert_eq!((&call["call_id"], &call["arguments"]), (&json!("call_67377fa6e4ae36eb_0"), &json!("{}")));
    assert_eq!(body["usage"]["total_tokens"], 0);
}

#[test]
fn the_providers_own_tools_are_noted_not_read() {
    let body = r#"{"id":"r","status":"completed","output":[{"type":"web_search_call","id":"ws"},
        {"type":"message","content":[{"type":"output_text","text":"x","annotations":[{"type":"url_citation"}]}]}]}"#;
    let mut notes = Notes::default();
    let answer = read(body, &mut notes).unwrap();
    assert_eq!(answer.content, [Content::Text("x".into())]);
    let noted: Vec<_> = notes.noted().iter().map(|note| (note.code, note.field.as_str())).collect();
    assert_eq!(
        noted,
        [("block_dropped", "output[0]"), ("citations_dropped", "output[1].content[0].annotations")]
    );
}
