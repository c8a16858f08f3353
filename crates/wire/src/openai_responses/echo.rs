//! What an answer repeats of its request.

use std::sync::Arc;

use crate::members::Members;

/// What the API answers where the request was silent (API reference, "The response object").
const DEFAULTS: [(&str, &str); 15] = [
    ("background", "false"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("temperature", "1.0"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "1.0"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];

/// Members repeated only where the request has them.
const GIVEN: [&str; 3] = ["prompt_cache_key", "safety_identifier", "top_logprobs"];

/// Repeats what an answer tells of its request: the members of a JSON object without the braces, on one line. `store`
/// is always false, whatever was asked: answers that were translated can't be fetched again. None when the request
/// is not a JSON object.
#[must_use]
pub fn echo(request: &[u8]) -> Option<Arc<str>> {
    let mut members = Members::read(std::str::from_utf8(request).ok()?, "").ok()?;
    let mut echo = String::with_capacity(512);
    for (name, default) in DEFAULTS {
        let value = members.raw(name).map_or(default, |raw| raw.get());
        push(&mut echo, name, value);
    }
    push(&mut echo, "store", "false");
    for name in GIVEN {
        if let Some(raw) = members.raw(name) {
            push(&mut echo, name, raw.get());
        }
    }
    Some(echo.into())
}

/// What an answer repeats of a request nobody knows any more.
pub(super) fn unknown_request() -> Arc<str> {
    let mut echo = String::with_capacity(512);
    for (name, default) in DEFAULTS {
        push(&mut echo, name, default);
    }
    push(&mut echo, "store", "false");
    echo.into()
}

/// The members of `response` that an answer's end does not write anew.
pub(super) fn of_response(response: &str, written: &[&str]) -> Option<Arc<str>> {
    let mut members = Members::read(response, "").ok()?;
    for name in written {
        members.raw(name);
    }
    let mut echo = String::with_capacity(response.len());
    for (name, value) in members.into_entries() {
        push(&mut echo, &name, value.get());
    }
    Some(echo.into())
}

fn push(echo: &mut String, name: &str, value: &str) {
    if !echo.is_empty() {
        echo.push(',');
    }
    echo.push_str(&serde_json::Value::from(name).to_string());
    echo.push(':');
    compact(value, echo);
}

/// JSON without the whitespace between its tokens: an event of a stream is one line.
fn compact(json: &str, out: &mut String) {
    let (mut in_string, mut escaped) = (false, false);
    let mut kept = 0;
    for (at, byte) in json.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte == b'"' {
            in_string = true;
        } else if byte.is_ascii_whitespace() {
            out.push_str(&json[kept..at]);
            kept = at + 1;
        }
    }
    out.push_str(&json[kept..]);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_answer_repeats_its_request_on_one_line() {
        let request = "{\n \"model\": \"m\", \"input\": \"Hi\",\n \"instructions\": \"Say \\\"a  b\\\"\",\n \
            \"tools\": [ { \"type\": \"function\", \"name\": \"f\" } ],\n \"metadata\": { \"k\": \"v w\" },\n \
            \"store\": true, \"temperature\": 0.5, \"safety_identifier\": \"u-1\" }";
        let echo = echo(request.as_bytes()).unwrap();
        assert!(!echo.contains('\n'), "{echo}");
        let said: Value = serde_json::from_str(&format!("{{{echo}}}")).unwrap();
        assert_eq!(said["instructions"], "Say \"a  b\"");
        assert_eq!(said["tools"], json!([{"type": "function", "name": "f"}]));
        assert_eq!((&said["metadata"], &said["temperature"]), (&json!({"k": "v w"}), &json!(0.5)));
        assert_eq!((&said["tool_choice"], &said["top_p"]), (&json!("auto"), &json!(1.0)));
        assert_eq!((&said["store"], &said["safety_identifier"]), (&json!(false), &json!("u-1")));
        assert!(said.get("input").is_none() && said.get("model").is_none());
        assert!(super::echo(b"[1]").is_none() && super::echo(b"\xff").is_none());
    }
}
