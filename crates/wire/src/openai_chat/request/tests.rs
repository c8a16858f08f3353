//! Requests as clients of compatible servers really send them, and conversations as those servers want them back.

use serde_json::{Value, json};

use crate::{Dialect, translate_request};

const CHAT: Dialect = Dialect::OpenAiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;
const RESPONSES: Dialect = Dialect::OpenAiResponses;

/// The translated body, and the codes of what is lost.
fn sent(from: Dialect, to: Dialect, body: &Value, model: &str) -> (Value, Vec<&'static str>) {
    let translated = translate_request(from, to, body.to_string().as_bytes(), model).unwrap();
    let codes = translated.degraded.iter().map(|noted| noted.code).collect();
    (serde_json::from_slice(&translated.body).unwrap(), codes)
}

fn asked(messages: &Value) -> Value {
    json!({"model": "m", "messages": messages})
}

fn call(arguments: &Value) -> Value {
    json!({"id": "c", "type": "function", "function": {"name": "look", "arguments": arguments}})
}

#[test]
fn what_compatible_servers_take_is_taken() {
    let user = json!({"role": "user", "content": "x"});
    let schema = json!({"type": "object", "properties": {}});
    let bodies = [
        json!({"messages": [user], "tools": [{"function": {"name": "look", "parameters": schema}}]}),
        json!({"messages": [user], "reasoning_effort": "default"}),
        json!({"messages": [user], "functions": [], "function_call": null, "audio": {}}),
        json!({"messages": [user], "response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}),
        asked(
            &json!([user, {"role": "assistant", "content": "y", "function_call": {"name": "", "arguments": ""},
            "audio": {"id": ""}, "refusal": null, "reasoning": ""}, user]),
        ),
        asked(&json!([user, {"role": "assistant", "content": null}, user])),
        asked(&json!([user, {"role": "assistant", "content": []}, user])),
    ];
    for body in &bodies {
        for to in [MESSAGES, RESPONSES, Dialect::Gemini, Dialect::BedrockConverse] {
            let (_, mut codes) = sent(CHAT, to, body, "claude-sonnet-4-5");
            codes.retain(|code| *code != "json_schema_as_instruction");
            assert_eq!(codes, Vec::<&str>::new(), "{to}: {body}");
        }
    }
}

#[test]
fn images_come_as_a_bare_url_and_in_tools_results_too() {
    let data = "data:image/png;base64,iVBORw0KGgo=";
    let url = json!({"type": "image_url", "image_url": data});
    let object = json!({"type": "image_url", "image_url": {"url": data}});
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}});
    let (body, codes) =
        sent(CHAT, MESSAGES, &asked(&json!([{"role": "user", "content": [url]}])), "claude-sonnet-4-5");
    assert_eq!((&body["messages"][0]["content"][0], codes), (&image, vec![]));
    let tool = json!({"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "see"}, object,
        {"type": "reference", "reference_ids": [1]}]});
    let turns = json!([{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call(&"{}".into())]}, tool]);
    let (body, codes) = sent(CHAT, MESSAGES, &asked(&turns), "claude-sonnet-4-5");
    assert_eq!(body["messages"][2]["content"][0]["content"][1], image);
    assert_eq!(codes, ["block_dropped"]);
    let broken = asked(
        &json!([{"role": "user", "content": [{"type": "image_url", "image_url": "x".repeat(40_000)}]}]),
    );
    let image_of = json!({"type": "image_url", "image_url": format!("data:{}", "x".repeat(40_000))});
    for body in [broken, asked(&json!([{"role": "user", "content": [image_of]}]))] {
        if let Err(error) = translate_request(CHAT, Dialect::Gemini, body.to_string().as_bytes(), "m") {
            assert!(error.to_string().len() < 1_000, "no refusal quotes a whole image");
        }
    }
}

#[test]
fn thinking_a_provider_wrote_its_own_way_does_not_stop_a_failover() {
    let thought = json!([{"type": "text", "text": "Let me count."}]);
    let forms = [
        (
            json!({"content": [{"type": "thinking", "thinking": thought, "closed": true}, {"type": "text", "text": "Four."}]}),
            vec![],
        ),
        (
            json!({"content": [{"type": "thinking", "thinking": "Let me count."}, {"type": "text", "text": "Four."}]}),
            vec![],
        ),
        (
            json!({"content": "Four.", "reasoning_details": [{"type": "reasoning.text", "text": "Let me count."}]}),
            vec![],
        ),
        (
            json!({"content": "Four.", "reasoning": "Let me count.", "reasoning_details":
                [{"type": "reasoning.text", "text": "Let me count.", "signature": "s"}]}),
            vec!["thinking_signature_dropped"],
        ),
        (
            json!({"reasoning_content": "Let me count.", "content": [{"type": "text", "text": "Four."},
                {"type": "reference", "reference_ids": [1]}]}),
            vec!["block_dropped"],
        ),
    ];
    for (message, codes) in forms {
        let mut turn = message.clone();
        turn["role"] = "assistant".into();
        turn["tool_calls"] = json!([call(&"{}".into())]);
        let turns = json!([{"role": "user", "content": "2+2?"}, turn, {"role": "tool", "tool_call_id": "c", "content": "4"}]);
        for to in [MESSAGES, RESPONSES, Dialect::Gemini, Dialect::BedrockConverse] {
            let (body, mut told) = sent(CHAT, to, &asked(&turns), "claude-sonnet-4-5");
            assert!(body.to_string().contains("Four."), "{to}: {body}");
            told.retain(|code| *code != "thinking_dropped");
            assert_eq!(told, codes, "{to}: {message}");
        }
    }
}

/// A tool loop as a Messages caller sends it back.
fn messages_loop(thought: &Value) -> Value {
    json!({"max_tokens": 4000, "messages": [{"role": "user", "content": "Read it."},
        {"role": "assistant", "content": [thought, {"type": "tool_use", "id": "c", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "text"}]}],
        "tools": [{"name": "look", "input_schema": {"type": "object"}}]})
}

#[test]
fn thinking_goes_back_with_its_call_to_those_who_ask_for_it() {
    let own = json!({"type": "thinking", "thinking": "I need the file.", "signature": "sy1.openai."});
    let claudes = json!({"type": "thinking", "thinking": "I need the file.", "signature": "EqQB"});
    let geminis = json!({"type": "thinking", "thinking": "I need the file.", "signature": "sy1.gemini.EqQB"});
    let text = json!({"type": "text", "text": "I look."});
    let thought = |thought: &Value, model: &str| {
        sent(MESSAGES, CHAT, &messages_loop(thought), model).0["messages"][1]["reasoning_content"].clone()
    };
    for model in [
        "deepseek-reasoner",
        "deepseek-v4-pro",
        "deepseek/deepseek-v3.2",
        "kimi-k2-thinking",
        "moonshotai/Kimi-K2.6",
    ] {
        assert_eq!(thought(&own, model), "I need the file.", "{model}");
        // The member has to be there.
        for other in [&claudes, &geminis, &text] {
            assert_eq!(thought(other, model), " ", "{model}: {other}");
        }
    }
    for model in ["glm-4.7", "zai-org/GLM-5.1", "mimo-v2-flash"] {
        assert_eq!(thought(&own, model), "I need the file.", "{model}");
        for other in [&claudes, &geminis, &text] {
            assert_eq!(thought(other, model), Value::Null, "{model}: {other}");
        }
    }
    for model in [
        "gpt-5.2",
        "mistral-large",
        "llama-3.3-70b",
        "openai/gpt-oss-120b",
        "moonshotai/kimi-k2-instruct",
        "qwen3-max",
    ] {
        assert_eq!(thought(&own, model), Value::Null, "{model}");
    }
    let (_, codes) = sent(MESSAGES, CHAT, &messages_loop(&own), "gpt-5.2");
    assert_eq!(codes, ["thinking_dropped"]);
    // Behind an answer nobody asks for it.
    let answered = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": [own, text]}, {"role": "user", "content": "b"}]});
    let (body, codes) = sent(MESSAGES, CHAT, &answered, "deepseek-reasoner");
    assert_eq!(
        (&body["messages"][1], codes),
        (&json!({"role": "assistant", "content": "I look."}), vec!["thinking_dropped"])
    );
}

#[test]
fn thinking_goes_back_from_responses_callers_too() {
    let body = json!({"input": [{"role": "user", "content": "Read it."},
        {"type": "reasoning", "id": "rs_sy1_1", "summary": [{"type": "summary_text", "text": "I need the file."}]},
        {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "text"}]});
    let (body, codes) = sent(RESPONSES, CHAT, &body, "deepseek-reasoner");
    assert_eq!((&body["messages"][1]["reasoning_content"], codes), (&json!("I need the file."), vec![]));
}

#[test]
fn arguments_that_are_no_json_are_wrapped_on_their_way_back() {
    let body = json!({"input": [{"role": "user", "content": "Read it."},
        {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{\"path\": \"a"},
        {"type": "function_call_output", "call_id": "c", "output": "bad arguments"}]});
    let (body, codes) = sent(RESPONSES, CHAT, &body, "minimax-m2");
    let arguments = body["messages"][1]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(arguments).unwrap(), json!({"arguments": "{\"path\": \"a"}));
    assert_eq!(codes, ["tool_arguments_wrapped"]);
}

#[test]
fn calls_from_before_there_were_tools_are_calls() {
    let turns = json!([{"role": "user", "content": "x"},
        {"role": "assistant", "content": null, "function_call": {"name": "look", "arguments": "{\"path\":\"a\"}"}},
        {"role": "function", "name": "look", "content": "text"}]);
    let (body, codes) = sent(CHAT, MESSAGES, &asked(&turns), "claude-sonnet-4-5");
    let used = &body["messages"][1]["content"][0];
    assert_eq!((&used["name"], &used["input"]), (&json!("look"), &json!({"path": "a"})));
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], used["id"]);
    assert_eq!(codes, Vec::<&str>::new());
    let nobody = asked(
        &json!([{"role": "user", "content": "x"}, {"role": "function", "name": "look", "content": "y"}]),
    );
    let error = translate_request(CHAT, MESSAGES, nobody.to_string().as_bytes(), "m").unwrap_err();
    assert_eq!(error.field(), Some("messages[1].name"));
}

#[test]
fn half_a_character_in_a_request_becomes_the_replacement_character() {
    let requests = [
        (CHAT, r#"{"messages":[{"role":"user","content":"a@"}]}"#),
        (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a@"}]}]}"#),
        (RESPONSES, r#"{"input":"a@"}"#),
        (RESPONSES, r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"a@"}]}]}"#),
        (MESSAGES, r#"{"max_tokens":9,"messages":[{"role":"user","content":"a@"}]}"#),
        (
            MESSAGES,
            r#"{"max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{"x":"a@"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c"}]}]}"#,
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","title":"a@"}}}]}"#,
        ),
    ];
    for (from, request) in requests {
        for to in [CHAT, RESPONSES, MESSAGES, Dialect::Gemini, Dialect::BedrockConverse] {
            if from == to {
                continue;
            }
            for (half, text) in [(r"\ud83d", "a\u{fffd}"), (r"\ude00", "a\u{fffd}"), (r"\ud83d\ude00", "a😀")]
            {
                let request = request.replace('@', half);
                let sent = translate_request(from, to, request.as_bytes(), "m").unwrap();
                let body: Value = serde_json::from_slice(&sent.body).expect("a body every provider can read");
                // Arguments may be JSON text in a text, with escapes of their own.
                let escaped = text.replace('\u{fffd}', "\\\\ufffd").replace('😀', "\\\\ud83d\\\\ude00");
                let body = body.to_string();
                assert!(body.contains(text) || body.contains(&escaped), "{from} to {to}: {body}");
            }
        }
    }
}
