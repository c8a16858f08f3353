//! What a caller's own API would refuse is refused on the way to any other, at the caller's path.

use serde_json::{Value, json};

use super::dialects::ALL;
use super::{Dialect, translate_request};
use crate::TranslateError;

/// A sound request of the dialect, with a tool and a call of it.
fn sound(caller: Dialect) -> Value {
    match caller {
        Dialect::OpenAiResponses => json!({
            "input": [{"role": "user", "content": "hi"},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "ok"}],
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        }),
        Dialect::AnthropicMessages => json!({
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "ok"}]}],
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        }),
        Dialect::OpenAiChat | Dialect::Gemini | Dialect::BedrockConverse => json!({
            "messages": [{"role": "user", "content": "hi"},
                {"role": "assistant", "tool_calls": [{"id": "c", "type": "function",
                    "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c", "content": "ok"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        }),
    }
}

/// The sound request with `value` at a JSON pointer; none takes the member out.
fn changed(caller: Dialect, pointer: &str, value: Option<Value>) -> Value {
    let mut body = sound(caller);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let members = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    body
}

fn upstreams(caller: Dialect) -> impl Iterator<Item = Dialect> {
    ALL.into_iter().map(|(_, dialect)| dialect).filter(move |dialect| *dialect != caller)
}

fn assert_refused(caller: Dialect, cases: &[(&str, Option<Value>, &str)]) {
    for (pointer, value, field) in cases {
        let body = changed(caller, pointer, value.clone()).to_string();
        for to in upstreams(caller) {
            match translate_request(caller, to, body.as_bytes(), "m") {
                Err(TranslateError::Invalid { field: named, message }) => {
                    assert_eq!(&named, field, "{caller} to {to}: {message}: {body}");
                    assert!(!message.contains(" line "), "{message}");
                }
                other => panic!("{caller} to {to}: {body} is {other:?}"),
            }
        }
    }
}

fn assert_taken(caller: Dialect, cases: &[(&str, Value)]) {
    for (pointer, value) in cases {
        let body = changed(caller, pointer, Some(value.clone())).to_string();
        for to in upstreams(caller) {
            translate_request(caller, to, body.as_bytes(), "m").unwrap_or_else(|error| {
                panic!("{caller} to {to}: {error}: {body}");
            });
        }
    }
}

#[test]
fn a_chat_member_of_the_wrong_type_is_named() {
    let part = |part: Value| Some(json!([part]));
    assert_refused(
        Dialect::OpenAiChat,
        &[
            ("/metadata", Some(json!(7)), "metadata"),
            ("/metadata", Some(json!({"a": {"b": 1}})), "metadata.a"),
            ("/store", Some(json!("yes")), "store"),
            ("/service_tier", Some(json!(1)), "service_tier"),
            ("/logit_bias", Some(json!([])), "logit_bias"),
            ("/temperature", Some(json!("hot")), "temperature"),
            ("/tools/0/function/parameters", Some(json!(7)), "tools[0].function.parameters"),
            ("/tools/0/function/strict", Some(json!("no")), "tools[0].function.strict"),
            (
                "/response_format",
                Some(json!({"type": "json_schema", "json_schema": {"name": "n", "schema": 7}})),
                "response_format.json_schema.schema",
            ),
            ("/messages/1/tool_calls/0/function", None, "messages[1].tool_calls[0].function"),
            ("/messages/1/tool_calls", None, "messages[2].tool_call_id"),
            ("/messages/2/tool_call_id", Some(json!("nobody")), "messages[2].tool_call_id"),
            (
                "/messages/0/content",
                part(json!({"type": "file", "file": {"filename": "a.pdf"}})),
                "messages[0].content[0].file.file_data",
            ),
        ],
    );
    assert_taken(
        Dialect::OpenAiChat,
        &[
            ("/metadata", json!({"a": "b"})),
            ("/metadata", Value::Null),
            ("/store", json!(true)),
            ("/tools/0/function/parameters", Value::Null),
            ("/tools/0/function/strict", Value::Null),
            ("/messages/1/content", json!("")),
        ],
    );
}

#[test]
fn a_messages_member_of_the_wrong_type_is_named() {
    let image = |source: Value| Some(json!([{"type": "image", "source": source}]));
    assert_refused(
        Dialect::AnthropicMessages,
        &[
            ("/metadata", Some(json!(7)), "metadata"),
            ("/service_tier", Some(json!({})), "service_tier"),
            ("/messages/2/content/0/is_error", Some(json!("yes")), "messages[2].content[0].is_error"),
            ("/messages/2/content/0/tool_use_id", Some(json!("x")), "messages[2].content[0].tool_use_id"),
            ("/messages/0/content", image(json!({"type": "fax"})), "messages[0].content[0].source.type"),
            ("/tools/0/input_schema", None, "tools[0].input_schema"),
            ("/tools/0/input_schema", Some(json!(7)), "tools[0].input_schema"),
            (
                "/output_config",
                Some(json!({"format": {"type": "json_schema", "schema": []}})),
                "output_config.format.schema",
            ),
        ],
    );
    assert_taken(
        Dialect::AnthropicMessages,
        &[
            ("/metadata", json!({"user_id": null})),
            ("/messages/1/content/0/input", json!(7)),
            ("/messages/1/content/0/input", Value::Null),
            ("/service_tier", json!("standard_only")),
            ("/messages/2/content/0/content", json!([{"type": "text", "text": "ok"}])),
        ],
    );
}

#[test]
fn a_responses_member_of_the_wrong_type_is_named() {
    let text = |format: Value| Some(json!({"format": format}));
    assert_refused(
        Dialect::OpenAiResponses,
        &[
            ("/metadata", Some(json!(7)), "metadata"),
            ("/metadata", Some(json!({"a": {"b": 1}})), "metadata.a"),
            ("/truncation", Some(json!(true)), "truncation"),
            ("/store", Some(json!({})), "store"),
            ("/tools/0/parameters", Some(json!(7)), "tools[0].parameters"),
            ("/text", text(json!({"type": "json_schema", "schema": {}})), "text.format.name"),
            ("/text", text(json!({"type": "json_schema", "name": "n", "schema": 7})), "text.format.schema"),
            ("/input/2/call_id", Some(json!("nobody")), "input[2].call_id"),
        ],
    );
    assert_taken(
        Dialect::OpenAiResponses,
        &[
            ("/metadata", json!({"a": "b"})),
            ("/truncation", json!("auto")),
            ("/store", json!(true)),
            ("/tools/0/parameters", Value::Null),
            ("/tools/0/parameters", json!({"type": "object"})),
        ],
    );
}
