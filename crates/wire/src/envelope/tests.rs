use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use switchyard_domain::Feature;

use super::*;

const CHAT: Dialect = Dialect::OpenAiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;

fn read(dialect: Dialect, body: &str) -> Envelope {
    Envelope::read(dialect, Operation::Complete, body.as_bytes()).unwrap()
}

#[test]
fn facts_are_read() {
    let envelope = read(
        CHAT,
        r#"{"model":"gpt-4o","stream":true,"max_tokens":9,"max_completion_tokens":7,"n":2,"tools":[{}],
            "messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}],
            "response_format":{"type":"json_object"},"user":"u","idempotencyKey":"k","metadata":null}"#,
    );
    assert_eq!((envelope.model.as_str(), envelope.stream, envelope.max_tokens), ("gpt-4o", true, Some(7)));
    assert_eq!((envelope.choices, envelope.message_count), (2, 1));
    let needed = [Feature::Stream, Feature::Tools, Feature::JsonMode, Feature::Vision, Feature::Choices];
    assert_eq!(envelope.features, FeatureSet::of(&needed));
    assert_eq!((envelope.user.as_deref(), envelope.idempotency_key.as_deref()), (Some("u"), Some("k")));
    let envelope = read(
        MESSAGES,
        r#"{"model":"claude","max_tokens":9,"tools":[ ],"metadata":{"user_id":"u2"},
            "messages":[{"role":"user","content":"an \"image\" of \"image_url\""}]}"#,
    );
    assert_eq!((envelope.features, envelope.stream), (FeatureSet::NONE, false));
    assert_eq!((envelope.user.as_deref(), envelope.include_usage), (Some("u2"), None));
}

#[test]
fn faults_name_the_field() {
    let cases = [
        (CHAT, "", "the body is empty; send a JSON object"),
        (CHAT, "{\"model\":\n oops}", "the body is not JSON: expected value at line 2 column 2"),
        (CHAT, r#"{"model":"m""#, "the body is not JSON: EOF while parsing an object at line 1 column 12"),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user"}]} x"#,
            "the body is not JSON: trailing characters at line 1 column 44",
        ),
        (CHAT, "[1]", "invalid type: sequence, expected a JSON object as the body at line 1 column 0"),
        (CHAT, r#"{"messages":[{"role":"user"}]}"#, "model: is missing; name the model to use, or \"auto\""),
        (CHAT, r#"{"model":7,"messages":[{"role":"user"}]}"#, "model: must be a string"),
        (CHAT, r#"{"model":"","messages":[]}"#, "model: must not be empty; name a model, or \"auto\""),
        (CHAT, r#"{"model":"m"}"#, "messages: is missing; send a list of messages"),
        (CHAT, r#"{"model":"m","messages":[]}"#, "messages: must hold at least one message"),
        (
            CHAT,
            r#"{"model":"m","messages":"hi"}"#,
            "messages: invalid type: string \"hi\", expected a list of messages at line 1 column 28",
        ),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user"},"hi"]}"#,
            "messages[1]: invalid type: string \"hi\", expected a message object at line 1 column 45",
        ),
        (
            CHAT,
            r#"{"model":"m","messages":[{"content":"hi"}]}"#,
            "messages[0].role: is missing at line 1 column 41",
        ),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user","content":7}]}"#,
            "messages[0].content: must be a string or a list of parts at line 1 column 52",
        ),
        (CHAT, r#"{"model":"m","messages":[{"role":"user"}],"stream":1}"#, "stream: must be true or false"),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user"}],"max_tokens":0}"#,
            "max_tokens: must be a positive integer",
        ),
        (
            MESSAGES,
            r#"{"model":"m","messages":[{"role":"user"}]}"#,
            "max_tokens: is missing; this API needs a positive integer",
        ),
        (
            MESSAGES,
            r#"{"model":"m","messages":[{"role":"user"}],"max_tokens":1.5}"#,
            "max_tokens: must be a positive integer",
        ),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user"}],"mod\u0065l":"n"}"#,
            "model: is given twice at line 1 column 54",
        ),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user"}],"stream_options":[]}"#,
            "stream_options: must be an object",
        ),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user"}],"idempotencyKey":1}"#,
            "idempotencyKey: must be a string",
        ),
    ];
    for (dialect, body, said) in cases {
        let error = Envelope::read(dialect, Operation::Complete, body.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), said, "{body}");
    }
    let error = Envelope::read(CHAT, Operation::Complete, b"{\"model\":\"\xff\"}").unwrap_err();
    assert_eq!(error.to_string(), "the body is not UTF-8 (byte 10)");
}

#[test]
fn a_body_that_needs_no_change_is_not_copied() {
    let body = Bytes::from_static(br#"{"model":"m","stream":true,"messages":[{"role":"user"}]}"#);
    let envelope = Envelope::read(CHAT, Operation::Complete, &body).unwrap();
    assert_eq!(rewrite(&body, &envelope, "m", false).as_ptr(), body.as_ptr());
}

#[test]
fn only_what_must_change_changes() {
    let cases = [
        // The model, escaped and with odd spacing around it.
        (
            r#"{ "a" : 1e3, "model" :  "m\u006f" , "messages":[{"role":"user"}] }"#,
            false,
            r#"{ "a" : 1e3, "model" :  "new \"m\"" , "messages":[{"role":"user"}] }"#,
        ),
        // Usage: nothing there, null, empty, off, on, something else in it.
        (
            r#"{"model":"m","stream":true,"messages":[{"role":"user"}]}"#,
            true,
            r#"{"model":"new \"m\"","stream_options":{"include_usage":true},"stream":true,"messages":[{"role":"user"}]}"#,
        ),
        (
            r#"{"stream_options":null,"model":"m","stream":true,"messages":[{"role":"user"}]}"#,
            true,
            r#"{"stream_options":{"include_usage":true},"model":"new \"m\"","stream":true,"messages":[{"role":"user"}]}"#,
        ),
        (
            r#"{"model":"m","stream":true,"messages":[{"role":"user"}],"stream_options":{ }}"#,
            true,
            r#"{"model":"new \"m\"","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage":true }}"#,
        ),
        (
            r#"{"model":"m","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage": false}}"#,
            true,
            r#"{"model":"new \"m\"","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage": true}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage":true}}"#,
            true,
            r#"{"model":"new \"m\"","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"messages":[{"role":"user"}],"stream_options":{"x":1}}"#,
            true,
            r#"{"model":"new \"m\"","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage":true,"x":1}}"#,
        ),
        // No stream, no usage chunk to ask for.
        (
            r#"{"model":"m","messages":[{"role":"user"}]}"#,
            true,
            r#"{"model":"new \"m\"","messages":[{"role":"user"}]}"#,
        ),
        // The idempotency key: first, in the middle, last, with its name escaped.
        (
            r#"{"idempotencyKey":"k" , "model":"m","messages":[{"role":"user"}]}"#,
            false,
            r#"{ "model":"new \"m\"","messages":[{"role":"user"}]}"#,
        ),
        (
            r#"{"model":"m","idempotency\u004bey" : "k","messages":[{"role":"user"}]}"#,
            true,
            r#"{"model":"new \"m\"","messages":[{"role":"user"}]}"#,
        ),
        (
            r#"{"model":"m","messages":[{"role":"user"}] , "idempotencyKey": null }"#,
            false,
            r#"{"model":"new \"m\"","messages":[{"role":"user"}]  }"#,
        ),
        // Model and key side by side, in a stream: three edits that touch.
        (
            r#"{"stream":true,"messages":[{"role":"user"}],"model":"m","idempotencyKey":"k"}"#,
            true,
            r#"{"stream":true,"messages":[{"role":"user"}],"model":"new \"m\"","stream_options":{"include_usage":true}}"#,
        ),
    ];
    for (body, ask_usage, expected) in cases {
        let body = Bytes::from(body);
        let envelope = Envelope::read(CHAT, Operation::Complete, &body).unwrap();
        let out = rewrite(&body, &envelope, "new \"m\"", ask_usage);
        assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
    }
}

#[test]
fn anthropic_streams_are_never_asked_for_usage() {
    let body = Bytes::from(r#"{"model":"m","max_tokens":1,"stream":true,"messages":[{"role":"user"}]}"#);
    let envelope = Envelope::read(MESSAGES, Operation::Complete, &body).unwrap();
    assert_eq!(rewrite(&body, &envelope, "m", true), body);
}

/// The model asked for, longer than any of the random values.
const ASKED: &str = "\"the-model-asked-for\"";

fn spaces() -> impl Strategy<Value = String> {
    "[ \n\t]{0,2}"
}

proptest! {
    #[test]
    fn rewriting_leaves_every_other_byte(
        members in prop::collection::vec(("[a-z]{3}x", "[ -~é]{0,12}", spaces(), spaces()), 0..6),
        at in 0usize..6,
        key_at in prop::option::of(0usize..6),
        model in "[ -~é]{1,12}",
        gap in spaces(),
    ) {
        let mut parts: Vec<(String, String)> = members
            .into_iter()
            .map(|(name, value, a, b)| (name.clone(), format!("{a}\"{name}\"{b}:{}{a}", json!(value))))
            .collect();
        parts.sort();
        parts.dedup_by(|a, b| a.0 == b.0);
        let mut parts: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
        parts.insert(at.min(parts.len()), format!("{gap}\"model\":{gap}{ASKED}{gap}"));
        parts.push(r#""messages":[{"role":"user","content":"\u0041 \"M\""}]"#.to_owned());
        let expected = format!("{{{}}}", parts.join(",")).replacen(ASKED, &json!(model).to_string(), 1);
        if let Some(key_at) = key_at {
            parts.insert(key_at.min(parts.len()), format!("{gap}\"idempotencyKey\"{gap}:\"k\""));
        }
        let body = Bytes::from(format!("{{{}}}", parts.join(",")));
        let envelope = Envelope::read(CHAT, Operation::Complete, &body).unwrap();
        let out = rewrite(&body, &envelope, &model, false);
        if key_at.is_none() {
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), &expected);
        }
        let value: Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(&value, &serde_json::from_str::<Value>(&expected).unwrap());
    }
}
