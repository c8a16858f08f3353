//! Whole answers as compatible servers really send them.

use serde_json::{Value, json};
use switchyard_domain::Operation;

use crate::translate::{ReplyOptions, translate_response};
use crate::{Dialect, Translated, inspect_ok_body};

const CHAT: Dialect = Dialect::OpenAiChat;

/// What a Messages caller gets of an answer, which has to be one for those who only watch it, too.
fn messages(answer: &str) -> (Value, Translated) {
    inspect_ok_body(CHAT, Operation::Complete, None, answer.as_bytes()).unwrap();
    let told =
        translate_response(CHAT, Dialect::AnthropicMessages, answer.as_bytes(), &ReplyOptions::default())
            .unwrap();
    (serde_json::from_slice(&told.body).unwrap(), told)
}

fn of(choices: &Value) -> String {
    json!({"id": "c", "object": "chat.completion", "model": "m", "choices": choices}).to_string()
}

fn said(message: &Value) -> String {
    of(&json!([{"index": 0, "message": message, "finish_reason": "stop"}]))
}

/// What was noted but for usage, which hardly an answer here has.
fn notes(told: &Translated) -> Vec<&'static str> {
    let codes = told.degraded.iter().map(|noted| noted.code);
    codes.filter(|code| *code != "usage_missing").collect()
}

#[test]
fn a_calls_arguments_may_be_the_object_itself() {
    let arguments = [
        (r#""{\"path\":\"a\",\"at\":1.50}""#, r#"{"path":"a","at":1.50}"#),
        (r#"{"path" : "a", "at":1.50}"#, r#"{"path":"a","at":1.50}"#),
        ("{}", "{}"),
        ("null", "{}"),
        (r#""""#, "{}"),
        ("7", "{}"),
    ];
    for (written, expected) in arguments {
        let call = r#"{"id":"call_1","type":"function","function":{"name":"look","arguments":@}}"#;
        let call = call.replace('@', written);
        let answer = said(&json!({"content": null, "tool_calls": ["@"]})).replace("\"@\"", &call);
        let told =
            translate_response(CHAT, Dialect::AnthropicMessages, answer.as_bytes(), &ReplyOptions::default())
                .unwrap();
        let body = String::from_utf8(told.body).unwrap();
        assert!(body.contains(&format!("\"input\":{expected}")), "numbers stay as they are: {body}");
        assert!(body.contains(r#""stop_reason":"tool_use""#), "{body}");
    }
}

#[test]
fn what_nobody_needs_spoils_nothing() {
    let odd = [
        json!({"id": 7, "created": "now", "model": null, "object": [], "service_tier": {}, "error": "",
            "choices": [{"index": "0", "message": {"role": 3, "content": "Hi.", "refusal": [], "audio": {"id": ""},
            "annotations": {}, "tool_calls": null, "function_call": {"name": "", "arguments": ""}, "reasoning": 1,
            "reasoning_details": "none", "extra_content": 5}, "logprobs": [], "finish_reason": "stop",
            "stop_reason": null}], "usage": []}),
        json!({"choices": {"message": {"content": "Hi.", "tool_calls": {}}, "finish_reason": 5}, "usage": "none"}),
        json!({"choices": [{"message": {"content": [{"type": "text", "text": "H"}, {"text": "i."}]}}], "error": {}}),
    ];
    for answer in odd {
        let (body, told) = messages(&answer.to_string());
        assert_eq!(body["content"], json!([{"type": "text", "text": "Hi."}]), "{answer}");
        assert_eq!(body["stop_reason"], "end_turn");
        assert_eq!(notes(&told), Vec::<&str>::new(), "{answer}");
    }
}

#[test]
fn an_answer_a_filter_took_has_no_message_and_is_one() {
    for choice in [
        json!({"index": 0, "finish_reason": "content_filter", "content_filter_results": {"hate": {"filtered": true}}}),
        json!({"index": 0, "finish_reason": "content_filter", "message": null}),
    ] {
        let (body, _) = messages(&of(&json!([choice])));
        assert_eq!((&body["content"], &body["stop_reason"]), (&json!([]), &json!("refusal")));
    }
}

#[test]
fn one_answer_in_several_choices_is_one_answer() {
    let call = json!({"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}});
    let choice = |message: Value| json!({"index": 0, "finish_reason": "tool_calls", "message": message});
    let text = || choice(json!({"content": "I look."}));
    let (body, told) = messages(&of(&json!([
        text(),
        choice(json!({"tool_calls": [call]})),
        choice(json!({"tool_calls": [call]}))
    ])));
    let kinds: Vec<_> = body["content"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["text", "tool_use", "tool_use"]);
    assert_eq!((&body["stop_reason"], notes(&told)), (&json!("tool_use"), vec![]));
    let (body, told) = messages(&of(&json!([text(), choice(json!({"content": "Another."}))])));
    assert_eq!(body["content"], json!([{"type": "text", "text": "I look."}]));
    assert_eq!(notes(&told), ["choice_dropped"], "of two answers one was asked for");
}

#[test]
fn thinking_is_found_where_each_provider_puts_it() {
    let thought = json!([{"type": "text", "text": "Let me "}, {"type": "text", "text": "count."}]);
    for message in [
        json!({"content": "Four.", "reasoning_content": "Let me count."}),
        json!({"content": "Four.", "reasoning": "", "reasoning_content": "Let me count."}),
        json!({"content": "Four.", "reasoning": null, "reasoning_details": [{"text": "Let me "}, {"text": "count."}]}),
        json!({"content": [{"type": "thinking", "thinking": thought}, {"type": "text", "text": "Four."}]}),
    ] {
        let (body, told) = messages(&said(&message));
        assert_eq!(body["content"][0]["thinking"], "Let me count.", "{message}");
        assert_eq!(body["content"][1]["text"], "Four.", "{message}");
        assert_eq!(notes(&told), Vec::<&str>::new());
    }
}

#[test]
fn what_has_no_place_elsewhere_is_told() {
    let cases = [
        (
            json!({"content": "", "images": [{"image_url": {"url": "data:image/png;base64,iVBO"}}]}),
            "image_dropped",
        ),
        (json!({"content": "a", "executed_tools": [{"type": "search", "output": "rain"}]}), "block_dropped"),
        (json!({"content": [{"type": "image_url", "image_url": "data:,"}]}), "block_dropped"),
        (
            json!({"content": "a", "reasoning_details": [{"text": "b", "signature": "c"}]}),
            "thinking_signature_dropped",
        ),
        (
            json!({"content": "a", "tool_calls": [{"id": "1", "function": {"arguments": "{}"}}]}),
            "tool_call_dropped",
        ),
    ];
    for (message, note) in cases {
        assert_eq!(notes(&messages(&said(&message)).1), [note], "{message}");
    }
    let cited =
        json!({"choices": [{"message": {"content": "Ruby 4 [1]."}}], "search_results": [{"title": "Ruby"}]});
    assert_eq!(notes(&messages(&cited.to_string()).1), ["citations_dropped"]);
}

#[test]
fn cached_tokens_are_a_part_of_the_prompts() {
    let usage = |prompt: u64, cached: u64, written: u64| {
        let answer = json!({"choices": [{"message": {"content": "Paris."}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": 1, "prompt_tokens_details":
                {"cached_tokens": cached, "cache_write_tokens": written}}});
        let told = messages(&answer.to_string()).0["usage"].clone();
        ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"]
            .map(|name| told[name].as_u64().unwrap())
    };
    assert_eq!(usage(10, 4, 2), [4, 4, 2]);
    assert_eq!(usage(7, 163, 0), [0, 7, 0]);
    assert_eq!(usage(2168, 2161, 2161), [0, 2161, 7]);
}

#[test]
fn half_a_character_becomes_the_replacement_character_in_every_dialect() {
    let answers = [
        (CHAT, r#"{"choices":[{"message":{"content":"a@"},"finish_reason":"stop"}]}"#),
        (
            Dialect::OpenAiResponses,
            r#"{"status":"completed","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a@"}]}]}"#,
        ),
        (Dialect::AnthropicMessages, r#"{"content":[{"type":"text","text":"a@"}],"stop_reason":"end_turn"}"#),
        (Dialect::Gemini, r#"{"candidates":[{"content":{"parts":[{"text":"a@"}]},"finishReason":"STOP"}]}"#),
        (
            Dialect::BedrockConverse,
            r#"{"output":{"message":{"role":"assistant","content":[{"text":"a@"}]}},"stopReason":"end_turn"}"#,
        ),
    ];
    for (from, answer) in answers {
        for to in [CHAT, Dialect::OpenAiResponses, Dialect::AnthropicMessages] {
            for (half, text) in [(r"\ud83d", "\"a\u{fffd}\""), (r"\ud83d\ude00", "\"a😀\"")] {
                let answer = answer.replace('@', half);
                let told = translate_response(from, to, answer.as_bytes(), &ReplyOptions::default()).unwrap();
                let body = String::from_utf8(told.body).unwrap();
                assert!(from == to || body.contains(text), "{from} to {to}: {body}");
            }
        }
    }
}
