//! Coding agents: what they send by default is answered over every upstream, and their tools come back as they know them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::dialects::{ALL, CALLERS, options, translate_stream_with};
use super::fixtures::{self, Fixture};
use super::{Dialect, translate_request, translate_response};
use crate::canonical::CallerTools;
use crate::notes::{TranslateError, Translated};
use crate::pipe::StreamEnd;
use crate::translate::ReplyOptions;

const PATCH: &str = "*** Begin Patch\n*** Update File: src/greet.rs\n@@ fn greet\n-    println!(\"hello\");\n\
    +    println!(\"grüß dich, \\\"{name}\\\" 😀\");\n*** End Patch\n";

fn sessions() -> Vec<Fixture> {
    let sessions: Vec<Fixture> =
        fixtures::all().into_iter().filter(|fixture| fixture.name.ends_with("/coding-agent")).collect();
    assert_eq!(sessions.len(), ALL.len() - 1);
    sessions
}

fn sent(fixture: &Fixture) -> (Value, Translated) {
    let request = fixture.file("request.json").unwrap();
    let translated = translate_request(fixture.caller, fixture.upstream, &request, &fixture.model()).unwrap();
    (serde_json::from_slice(&translated.body).unwrap(), translated)
}

fn with(tools: Option<Arc<CallerTools>>) -> ReplyOptions {
    ReplyOptions { tools, ..options() }
}

/// The data of a stream's events.
fn events(out: &[u8]) -> Vec<Value> {
    let out = std::str::from_utf8(out).unwrap();
    let data = out.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The names of the tools a body offers, whatever its dialect.
fn offered(dialect: Dialect, body: &Value) -> Vec<String> {
    let (list, name) = match dialect {
        Dialect::OpenAiChat => (&body["tools"], "/function/name"),
        Dialect::OpenAiResponses | Dialect::AnthropicMessages => (&body["tools"], "/name"),
        Dialect::Gemini => (&body["tools"][0]["functionDeclarations"], "/name"),
        Dialect::BedrockConverse => (&body["toolConfig"]["tools"], "/toolSpec/name"),
    };
    let names = list.as_array().unwrap().iter().filter_map(|tool| tool.pointer(name)?.as_str());
    names.map(str::to_owned).collect()
}

/// What a Responses caller is to do: each item of a call without what varies.
fn calls(output: &Value) -> Vec<Value> {
    let mut calls: Vec<Value> = output.as_array().unwrap().clone();
    calls.retain(|item| item["type"].as_str().unwrap().ends_with("_call"));
    for call in &mut calls {
        let call = call.as_object_mut().unwrap();
        assert_eq!(call.remove("status"), Some(json!("completed")));
        assert!(call.remove("id").is_some() && call.remove("call_id").is_some_and(|id| id != ""));
        if let Some(Value::String(arguments)) = call.get("arguments") {
            call["arguments"] = serde_json::from_str(arguments).unwrap();
        }
    }
    calls
}

fn expected_calls() -> Vec<Value> {
    vec![
        json!({"type": "custom_tool_call", "name": "apply_patch", "input": PATCH}),
        json!({"type": "function_call", "namespace": "multi_agent_v1", "name": "spawn_agent",
               "arguments": {"message": "Write a test for greet."}}),
        json!({"type": "function_call", "namespace": "mcp__words__", "name": "translate", "arguments": {"word": "name"}}),
        json!({"type": "tool_search_call", "execution": "client", "arguments": {"query": "format", "limit": 2}}),
        json!({"type": "function_call", "name": "exec_command", "arguments": {"cmd": "cargo test"}}),
    ]
}

#[test]
fn a_coding_agents_tools_are_offered_by_every_upstream_and_its_history_goes_along() {
    for fixture in sessions() {
        let (body, translated) = sent(&fixture);
        let names = [
            "exec_command",
            "update_plan",
            "apply_patch",
            "multi_agent_v1__spawn_agent",
            "multi_agent_v1__close_agent",
            "tool_search",
            "mcp__words__translate",
        ];
        assert_eq!(offered(fixture.upstream, &body), names, "{}", fixture.name);
        let text = body.to_string();
        for carried in
            ["hunk: add | update", "Helpers that work on their own.", "NOTES.md", "Success. Updated", "dich"]
        {
            assert!(text.contains(carried), "{}: {carried} is not in {text}", fixture.name);
        }
        let lost: Vec<String> =
            translated.degraded.iter().map(|lost| format!("{} {}", lost.code, lost.field)).collect();
        for told in
            ["server_tool_dropped tools[5]", "server_tool_dropped input[14]", "item_dropped input[15]"]
        {
            assert!(lost.iter().any(|lost| lost == told), "{}: {told} is not in {lost:?}", fixture.name);
        }
    }
}

#[test]
fn a_coding_agents_calls_come_back_as_calls_of_what_it_offered() {
    for fixture in sessions() {
        let (_, translated) = sent(&fixture);
        let options = with(translated.tools);
        let response = fixture.file("response.json").unwrap();
        let whole = translate_response(fixture.upstream, fixture.caller, &response, &options).unwrap();
        let whole: Value = serde_json::from_slice(&whole.body).unwrap();
        assert_eq!(calls(&whole["output"]), expected_calls(), "{}", fixture.name);

        let stream = fixture.stream().unwrap();
        let outcome = translate_stream_with(fixture.upstream, fixture.caller, options, &[&stream]);
        assert_eq!(outcome.end, StreamEnd::Complete, "{}", fixture.name);
        let events = events(&outcome.out);
        let last = events.last().unwrap();
        assert_eq!(calls(&last["response"]["output"]), expected_calls(), "{}", fixture.name);
        let of =
            |kind: &str| -> Vec<&Value> { events.iter().filter(|event| event["type"] == kind).collect() };
        let done: Vec<&Value> =
            of("response.output_item.done").into_iter().map(|event| &event["item"]).collect();
        assert_eq!(calls(&json!(done)), expected_calls(), "{}", fixture.name);
        let added = of("response.output_item.added");
        let begun = added.iter().find(|event| event["item"]["type"] == "custom_tool_call").unwrap();
        assert_eq!((&begun["item"]["name"], &begun["item"]["input"]), (&json!("apply_patch"), &json!("")));
        let deltas = of("response.custom_tool_call_input.delta");
        let told: String = deltas.iter().map(|event| event["delta"].as_str().unwrap()).collect();
        assert_eq!(told, PATCH, "{}", fixture.name);
        assert!(deltas.iter().all(|event| event["item_id"] == begun["item"]["id"]), "{}", fixture.name);
        let [end] = of("response.custom_tool_call_input.done")[..] else { panic!("{}", fixture.name) };
        assert_eq!((&end["input"], &end["output_index"]), (&json!(PATCH), &begun["output_index"]));
    }
}

/// A Responses request with these members, sent to every other dialect.
fn to_every_upstream(members: &Value) -> Vec<(Dialect, Result<Translated, TranslateError>)> {
    let mut request = json!({"model": "m", "input": "Hi"});
    request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let body = request.to_string();
    let upstreams = ALL.into_iter().filter(|(_, upstream)| *upstream != Dialect::OpenAiResponses);
    upstreams
        .map(|(_, to)| (to, translate_request(Dialect::OpenAiResponses, to, body.as_bytes(), "some-model")))
        .collect()
}

#[test]
fn tools_the_provider_runs_are_left_out_unless_they_are_demanded() {
    let own = json!({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}});
    for kind in [
        "web_search",
        "file_search",
        "code_interpreter",
        "image_generation",
        "mcp",
        "computer_use_preview",
        "new",
    ] {
        let tools = json!([own, {"type": kind, "server_label": "s"}]);
        for (to, translated) in to_every_upstream(&json!({"tools": tools})) {
            let translated = translated.unwrap();
            assert!(translated.degraded.iter().any(|lost| lost.code == "server_tool_dropped"), "{to} {kind}");
            let body: Value = serde_json::from_slice(&translated.body).unwrap();
            assert_eq!(offered(to, &body), ["f"], "{to} {kind}");
        }
        for choice in [
            json!({"type": kind}),
            json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": kind}]}),
        ] {
            for (to, translated) in to_every_upstream(&json!({"tools": tools, "tool_choice": choice})) {
                let Err(TranslateError::Unsupported { field, .. }) = translated else {
                    panic!("{to} {kind}: {translated:?}");
                };
                assert!(field.starts_with("tool_choice"), "{to} {kind}: {field}");
            }
        }
    }
}

#[test]
fn only_the_allowed_tools_are_offered_and_one_at_a_time() {
    let tools = json!([
        {"type": "function", "name": "read"},
        {"type": "function", "name": "delete"},
        {"type": "custom", "name": "patch"},
        {"type": "namespace", "name": "agents", "description": "", "tools": [
            {"type": "function", "name": "spawn"}, {"type": "custom", "name": "tell"}]},
        {"type": "local_shell"}
    ]);
    let choice = json!({"type": "allowed_tools", "mode": "required", "tools": [
        {"type": "function", "name": "read"}, {"type": "custom", "name": "patch"}, {"type": "local_shell"},
        {"type": "namespace", "name": "agents"}]});
    let request = json!({"tools": tools, "tool_choice": choice, "parallel_tool_calls": false});
    for (to, translated) in to_every_upstream(&request) {
        let body: Value = serde_json::from_slice(&translated.unwrap().body).unwrap();
        let names = ["read", "patch", "agents__spawn", "agents__tell", "local_shell"];
        assert_eq!(offered(to, &body), names, "{to}");
        if to == Dialect::AnthropicMessages {
            assert_eq!(body["tool_choice"], json!({"type": "any", "disable_parallel_tool_use": true}));
        }
    }
    let chat = json!({
        "model": "m", "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"type": "function", "function": {"name": "read"}}, {"type": "function", "function": {"name": "delete"}},
                  {"type": "custom", "custom": {"name": "patch"}}],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
            {"type": "function", "function": {"name": "read"}}, {"type": "custom", "custom": {"name": "patch"}}]}},
        "parallel_tool_calls": false
    })
    .to_string();
    for (_, to) in ALL.into_iter().filter(|(_, to)| *to != Dialect::OpenAiChat) {
        let translated =
            translate_request(Dialect::OpenAiChat, to, chat.as_bytes(), "claude-sonnet-4-6").unwrap();
        let body: Value = serde_json::from_slice(&translated.body).unwrap();
        assert_eq!(offered(to, &body), ["read", "patch"], "{to}");
        match to {
            Dialect::AnthropicMessages => {
                assert_eq!(body["tool_choice"], json!({"type": "auto", "disable_parallel_tool_use": true}));
            }
            Dialect::OpenAiResponses => assert_eq!(body["parallel_tool_calls"], false),
            Dialect::OpenAiChat | Dialect::Gemini | Dialect::BedrockConverse => {}
        }
    }
}

#[test]
fn a_tool_whose_name_an_upstream_refuses_is_called_by_its_callers_name() {
    let long = "mcp__a_server_with_a_long_name__a_tool_with_a_name_that_is_longer_still.v2";
    let schema = json!({"type": "object", "properties": {}});
    let requests = [
        (
            Dialect::OpenAiChat,
            json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}],
                   "tools": [{"type": "function", "function": {"name": long, "parameters": schema}}]}),
        ),
        (
            Dialect::OpenAiResponses,
            json!({"model": "m", "input": "Hi", "tools": [{"type": "function", "name": long, "parameters": schema}]}),
        ),
        (
            Dialect::AnthropicMessages,
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}],
                   "tools": [{"name": long, "input_schema": schema}]}),
        ),
        (
            Dialect::Gemini,
            json!({"_url": {"model": "m"}, "contents": [{"parts": [{"text": "Hi"}]}],
                   "tools": [{"functionDeclarations": [{"name": long, "parameters": schema}]}]}),
        ),
    ];
    assert_eq!(requests.each_ref().map(|(caller, _)| *caller), CALLERS);
    for (caller, request) in requests {
        let upstreams = [
            (Dialect::AnthropicMessages, "content_block"),
            (Dialect::OpenAiChat, "tool_calls"),
            (Dialect::BedrockConverse, "toolUse"),
        ];
        for (to, _) in upstreams.into_iter().filter(|(to, _)| *to != caller) {
            let translated =
                translate_request(caller, to, request.to_string().as_bytes(), "some-model").unwrap();
            let body: Value = serde_json::from_slice(&translated.body).unwrap();
            let [name] = &offered(to, &body)[..] else { panic!("{body}") };
            assert!(name.len() <= 128 && !name.contains('.'), "{to}: {name}");
            let answer = match to {
                Dialect::AnthropicMessages => json!({"id": "msg_1", "model": "x", "stop_reason": "tool_use",
                    "content": [{"type": "tool_use", "id": "t1", "name": name, "input": {}}]}),
                Dialect::OpenAiChat => {
                    json!({"id": "c1", "choices": [{"finish_reason": "tool_calls", "message":
                    {"tool_calls": [{"id": "t1", "function": {"name": name, "arguments": "{}"}}]}}]})
                }
                Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse => {
                    json!({"stopReason": "tool_use", "output": {"message": {"content": [
                        {"toolUse": {"toolUseId": "t1", "name": name, "input": {}}}]}}})
                }
            };
            let told = translate_response(
                to,
                caller,
                answer.to_string().as_bytes(),
                &with(translated.tools.clone()),
            );
            let told = String::from_utf8(told.unwrap().body).unwrap();
            assert!(told.contains(long) && !told.contains(&**name), "{caller} from {to}: {told}");
            if to == Dialect::OpenAiChat {
                let chunk = json!({"id": "c1", "choices": [{"index": 0, "finish_reason": "tool_calls", "delta":
                    {"tool_calls": [{"index": 0, "id": "t1", "function": {"name": name, "arguments": "{}"}}]}}]});
                let stream = format!("data: {chunk}\n\ndata: [DONE]\n\n");
                let outcome = translate_stream_with(to, caller, with(translated.tools), &[stream.as_bytes()]);
                let told = String::from_utf8(outcome.out).unwrap();
                assert!(told.contains(long) && !told.contains(&**name), "{caller} from {to}: {told}");
            }
        }
    }
}

#[test]
fn a_chat_callers_custom_tools_go_up_as_functions_and_come_back_as_custom_calls() {
    let request = json!({
        "model": "m", "stream": true,
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "custom", "custom": {"name": "patch", "input": "a \"b\""}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "done"}
        ],
        "tools": [{"type": "custom", "custom": {"name": "patch", "description": "Patches.", "format":
            {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[a-z]+"}}}}],
        "tool_choice": {"type": "custom", "custom": {"name": "patch"}}
    })
    .to_string();
    for (_, to) in ALL.into_iter().filter(|(_, to)| *to != Dialect::OpenAiChat) {
        let translated =
            translate_request(Dialect::OpenAiChat, to, request.as_bytes(), "some-model").unwrap();
        assert_eq!(translated.degraded, [], "{to}");
        let body: Value = serde_json::from_slice(&translated.body).unwrap();
        assert_eq!(offered(to, &body), ["patch"], "{to}");
        let text = body.to_string();
        assert!(text.contains("[a-z]+") && text.contains("regex") && text.contains("done"), "{to}: {text}");
    }
    let to = Dialect::AnthropicMessages;
    let translated = translate_request(Dialect::OpenAiChat, to, request.as_bytes(), "some-model").unwrap();
    let options = with(translated.tools);
    let answer = json!({"id": "msg_1", "model": "x", "stop_reason": "tool_use", "content": [
        {"type": "tool_use", "id": "t1", "name": "patch", "input": {"input": "x\ny"}}]});
    let whole = translate_response(to, Dialect::OpenAiChat, answer.to_string().as_bytes(), &options).unwrap();
    let whole: Value = serde_json::from_slice(&whole.body).unwrap();
    let call = json!({"id": "t1", "type": "custom", "custom": {"name": "patch", "input": "x\ny"}});
    assert_eq!(whole["choices"][0]["message"]["tool_calls"], json!([call]));
    let of_stream = [
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "x", "usage": {"input_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block":
            {"type": "tool_use", "id": "t1", "name": "patch", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0, "delta":
            {"type": "input_json_delta", "partial_json": "{\"input\": \"x\\"}}),
        json!({"type": "content_block_delta", "index": 0, "delta":
            {"type": "input_json_delta", "partial_json": "ny\"}"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ];
    let stream: String = of_stream.iter().map(|event| format!("data: {event}\n\n")).collect();
    let outcome = translate_stream_with(to, Dialect::OpenAiChat, options, &[stream.as_bytes()]);
    let mut input = String::new();
    for chunk in events(&outcome.out) {
        let call = &chunk["choices"][0]["delta"]["tool_calls"][0];
        assert!(call.get("function").is_none(), "{chunk}");
        input.push_str(call["custom"]["input"].as_str().unwrap_or_default());
    }
    assert_eq!(input, "x\ny");
}

/// What a caller keeps of an answer, sent back with a question: the request OpenAI is asked next.
fn next_turn(caller: Dialect, answer: &Value, tools: &Value) -> (Value, Vec<String>) {
    let body = match caller {
        Dialect::AnthropicMessages => {
            let results: Vec<Value> = answer["content"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|block| block["type"] == "tool_use")
                .map(|block| json!({"type": "tool_result", "tool_use_id": block["id"], "content": "ok"}))
                .collect();
            json!({"max_tokens": 99, "tools": tools, "thinking": {"type": "adaptive"}, "messages": [
                {"role": "user", "content": "Hi"}, {"role": "assistant", "content": answer["content"]},
                {"role": "user", "content": results}]})
        }
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse => {
            panic!("{caller} is not played here")
        }
    };
    let translated =
        translate_request(caller, Dialect::OpenAiResponses, body.to_string().as_bytes(), "gpt-5.2").unwrap();
    let lost = translated.degraded.iter().map(|lost| lost.code.to_owned()).collect();
    (serde_json::from_slice(&translated.body).unwrap(), lost)
}

#[test]
fn sealed_reasoning_before_a_call_comes_home_from_a_messages_caller() {
    let answer = json!({"id": "resp_1", "status": "completed", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAAB1"},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAAAAB2"},
        {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "f", "arguments": "{}"}]});
    let caller = Dialect::AnthropicMessages;
    let told =
        translate_response(Dialect::OpenAiResponses, caller, answer.to_string().as_bytes(), &options())
            .unwrap();
    let told: Value = serde_json::from_slice(&told.body).unwrap();
    let (body, lost) = next_turn(caller, &told, &json!([{"name": "f", "input_schema": {"type": "object"}}]));
    let kinds: Vec<&str> =
        body["input"].as_array().unwrap().iter().filter_map(|item| item["type"].as_str()).collect();
    let expected = [
        "message",
        "reasoning",
        "function_call",
        "reasoning",
        "function_call",
        "function_call_output",
        "function_call_output",
    ];
    assert_eq!(kinds, expected, "{body}");
    assert_eq!(
        (&body["input"][1]["encrypted_content"], &body["input"][3]["encrypted_content"]),
        (&json!("gAAAAAB1"), &json!("gAAAAAB2"))
    );
    assert_eq!(lost, [""; 0]);
}

#[test]
fn a_seal_nobody_asked_for_is_told_where_it_is_lost_and_kept_where_it_has_a_place() {
    let unasked = ReplyOptions { hide_thoughts: true, ..options() };
    let gemini = json!({"responseId": "g", "candidates": [{"finishReason": "STOP", "content": {"parts": [
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "CsQE"}]}}]});
    let openai = json!({"id": "resp_1", "status": "completed", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAAB1"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}]});
    let as_stream = |upstream, answer: &Value| {
        let completed = json!({"type": "response.completed", "response": answer});
        format!("data: {}\n\n", if upstream == Dialect::Gemini { answer } else { &completed })
    };
    let cases = [
        (Dialect::Gemini, &gemini, Dialect::AnthropicMessages, "CsQE", false),
        (Dialect::Gemini, &gemini, Dialect::OpenAiResponses, "sy1.gemini.CsQE", true),
        (Dialect::Gemini, &gemini, Dialect::OpenAiChat, "sy1.gemini.CsQE", true),
        (Dialect::OpenAiResponses, &openai, Dialect::AnthropicMessages, "gAAAAAB1", false),
        (Dialect::OpenAiResponses, &openai, Dialect::OpenAiChat, "gAAAAAB1", false),
    ];
    for (upstream, answer, caller, seal, is_kept) in cases {
        let whole = translate_response(upstream, caller, answer.to_string().as_bytes(), &unasked).unwrap();
        let stream = as_stream(upstream, answer);
        let streamed = translate_stream_with(upstream, caller, unasked.clone(), &[stream.as_bytes()]);
        for (body, degraded) in [(whole.body, whole.degraded), (streamed.out, streamed.degraded)] {
            let body = String::from_utf8(body).unwrap();
            assert_eq!(body.contains(seal), is_kept, "{caller} from {upstream}: {body}");
            let is_told = degraded.iter().any(|lost| lost.code == "thinking_signature_dropped");
            assert_eq!(is_told, !is_kept, "{caller} from {upstream}: {degraded:?}");
        }
    }
    let mut anthropic = json!({"id": "msg_1", "model": "x", "stop_reason": "end_turn", "usage": {"input_tokens": 1}, "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}, {"type": "text", "text": "Hi"}]});
    let told = |answer: &Value| {
        let told = translate_response(
            Dialect::AnthropicMessages,
            Dialect::OpenAiResponses,
            answer.to_string().as_bytes(),
            &unasked,
        )
        .unwrap();
        (String::from_utf8(told.body).unwrap(), told.degraded.len())
    };
    let (body, lost) = told(&anthropic);
    assert!(body.contains("sy1.anthropic.EqQB") && body.contains("Hm.") && lost == 0, "{body}");
    anthropic["stop_reason"] = json!("stop_sequence");
    anthropic["stop_sequence"] = json!("END");
    assert_eq!(told(&anthropic).1, 1, "the stop sequence has no place");
}
