//! What clients of the Messages API send by default, over every other dialect: nothing of it takes the request with it.

use serde_json::{Value, json};

use super::dialects::ALL;
use super::{Dialect, translate_request};

const MESSAGES: Dialect = Dialect::AnthropicMessages;
const CHAT: Dialect = Dialect::OpenAiChat;

/// A conversation with one call, whose result is `content`.
fn answered_with(content: &Value) -> Value {
    json!({
        "max_tokens": 50,
        "tools": [{"name": "find", "input_schema": {"type": "object", "properties": {}}},
            {"name": "look", "input_schema": {"type": "object", "properties": {}}, "defer_loading": true}],
        "messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "find", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": content}]}],
    })
}

fn with(mut body: Value, members: &Value) -> Value {
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

fn saying(messages: &Value) -> Value {
    json!({"max_tokens": 50, "messages": messages})
}

/// The request as each other dialect has it, and what is told of the loss, `code field`.
fn everywhere(body: &Value) -> Vec<(Dialect, String, Vec<String>)> {
    let others = ALL.into_iter().map(|(_, dialect)| dialect).filter(|dialect| *dialect != MESSAGES);
    others
        .map(|to| {
            let model = if to == Dialect::BedrockConverse { "anthropic.claude-sonnet-4-5-v1:0" } else { "m" };
            let translated = translate_request(MESSAGES, to, body.to_string().as_bytes(), model)
                .unwrap_or_else(|error| panic!("to {to}: {error}: {body}"));
            let told = translated.degraded.iter();
            let told = told.map(|noted| format!("{} {}", noted.code, noted.field)).collect();
            (to, String::from_utf8(translated.body).unwrap(), told)
        })
        .collect()
}

fn to_chat(body: &Value) -> (Value, Vec<String>) {
    let (_, body, told) = everywhere(body).into_iter().find(|(to, ..)| *to == CHAT).unwrap();
    (serde_json::from_str(&body).unwrap(), told)
}

#[test]
fn a_deferred_tool_is_offered_and_its_reference_told() {
    let body = answered_with(&json!([{"type": "tool_reference", "tool_name": "look"}]));
    for (to, sent, told) in everywhere(&body) {
        assert!(sent.contains(r#"The tool \"look\" is available."#), "{to}: {sent}");
        assert!(sent.matches(r#""look""#).count() >= 1, "{to}: the tool itself is offered: {sent}");
        assert_eq!(told, ["tool_reference_as_text messages[2].content[0].content[0]"], "{to}");
    }
    let (sent, _) = to_chat(&body);
    assert_eq!(sent["tools"][1]["function"]["name"], "look");
    assert_eq!(sent["messages"][2]["content"], "The tool \"look\" is available.");
}

#[test]
fn the_providers_own_search_for_tools_is_left_out_of_the_history() {
    let body = with(
        saying(&json!([{"role": "user", "content": "x"},
            {"role": "assistant", "content": [{"type": "text", "text": "I search."},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "tool_search_tool_regex", "input": {"query": "w"}},
                {"type": "tool_search_tool_result", "tool_use_id": "srvtoolu_1", "content":
                    {"type": "tool_search_tool_search_result", "tool_references": []}},
                {"type": "tool_result", "tool_use_id": "srvtoolu_1", "content":
                    [{"type": "tool_reference", "tool_name": "weather"}]},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Oslo"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "Sun"}]}])),
        &json!({"tools": [{"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
            {"name": "weather", "input_schema": {"type": "object"}, "defer_loading": true}]}),
    );
    let expected = ["block_dropped messages[*].content[*]", "server_tool_dropped tools[0]"];
    for (to, sent, told) in everywhere(&body) {
        assert_eq!(told, expected, "{to}");
        assert!(!sent.contains("srvtoolu_1"), "{to}: {sent}");
    }
}

#[test]
fn tools_anthropic_defines_and_the_caller_runs_become_functions() {
    let body = with(
        saying(&json!([{"role": "user", "content": "x"}])),
        &json!({"tools": [{"type": "bash_20250124", "name": "bash"},
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 9},
            {"type": "memory_20250818", "name": "memory", "cache_control": {"type": "ephemeral"}},
            {"type": "computer_20250124", "name": "computer", "display_width_px": 800, "display_height_px": 600,
                "display_number": 1},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
            {"type": "code_execution_20250825", "name": "code_execution"},
            {"type": "browser_toolset_20260801", "name": "browser"}],
            "tool_choice": {"type": "any"}}),
    );
    for (to, _, told) in everywhere(&body) {
        assert_eq!(told, ["tool_as_function tools[*]", "server_tool_dropped tools[*]"], "{to}");
    }
    let (sent, _) = to_chat(&body);
    let names: Vec<&str> = sent["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["bash", "str_replace_based_edit_tool", "memory", "computer"]);
    let bash = &sent["tools"][0]["function"]["parameters"]["properties"];
    assert!(bash["command"].is_object() && bash["restart"].is_object(), "{bash}");
    let screen = sent["tools"][3]["function"]["description"].as_str().unwrap();
    assert!(screen.contains("800 x 600"), "{screen}");
    assert_eq!(sent["tool_choice"], "required");
}

#[test]
fn tools_only_the_provider_runs_are_left_out_unless_they_are_demanded() {
    let search = json!({"type": "web_search_20250305", "name": "web_search"});
    let ask = saying(&json!([{"role": "user", "content": "x"}]));
    let offered = with(ask.clone(), &json!({"tools": [search], "tool_choice": {"type": "auto"}}));
    for (to, sent, told) in everywhere(&offered) {
        assert_eq!(told, ["server_tool_dropped tools[0]"], "{to}");
        assert!(!sent.contains("tool"), "{to}: {sent}");
    }
    let servers = with(
        ask.clone(),
        &json!({"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}],
        "tools": [{"type": "mcp_toolset", "mcp_server_name": "x"}]}),
    );
    for (to, _, told) in everywhere(&servers) {
        assert_eq!(told, ["server_tool_dropped tools[0]", "server_tool_dropped mcp_servers[0]"], "{to}");
    }
    let cases = [
        (json!({"type": "any"}), "tool_choice: only tools the provider runs"),
        (json!({"type": "tool", "name": "web_search"}), "tool_choice.name: a tool only the provider runs"),
    ];
    for (choice, said) in cases {
        let body = with(ask.clone(), &json!({"tools": [search], "tool_choice": choice})).to_string();
        let error = translate_request(MESSAGES, CHAT, body.as_bytes(), "m").unwrap_err();
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn a_block_nobody_knows_is_told_in_its_words_or_left_out() {
    let body = saying(&json!([
        {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "mid_conv_system", "content":
            [{"type": "text", "text": "Be brief."}, {"type": "image"}]}]},
        {"role": "assistant", "content": [{"type": "compaction", "content": "So far: little."},
            {"type": "fallback", "to": {"model": "m"}}, {"type": "hologram", "beam": {"a": [1]}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            {"type": "mcp_tool_use", "id": "m", "name": "x", "server_name": "y", "input": {}}]},
        {"role": "user", "content": [{"type": "text", "text": "y"}, {"type": "compaction", "content": null}]},
    ]));
    for (to, sent, told) in everywhere(&body) {
        assert!(sent.contains("Be brief.") && sent.contains("So far: little."), "{to}: {sent}");
        let expected = [
            "block_dropped messages[0].content[1].content[1]",
            "block_as_text messages[*].content[*]",
            "block_dropped messages[*].content[*]",
        ];
        assert_eq!(told, expected, "{to}");
    }
    let result = answered_with(&json!([{"type": "text", "text": "a"}, {"type": "log", "content": "b"},
        {"type": "tool_use", "id": "t9", "name": "f", "input": {}}, {"type": "thinking", "thinking": "c"},
        {"type": "search_result", "title": "T", "source": "https://s", "content":
            [{"type": "text", "text": "found"}, {"type": "image"}]}]));
    for (to, sent, told) in everywhere(&result) {
        assert!(sent.contains("found"), "{to}: {sent}");
        let expected = [
            "block_as_text messages[2].content[0].content[1]",
            "block_dropped messages[*].content[*].content[*]",
            "search_result_as_text messages[2].content[0].content[4]",
            "block_dropped messages[2].content[0].content[4].content[1]",
        ];
        assert_eq!(told, expected, "{to}");
    }
}

#[test]
fn the_members_claude_code_sends_cost_nothing() {
    let body = json!({
        "max_tokens": 32000, "stream": true, "temperature": 1,
        "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2"},
            {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "text", "text": ""}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}],
        "tools": [{"name": "Bash", "description": "d", "input_schema": {"type": "object", "properties": {}},
            "eager_input_streaming": true, "cache_control": {"type": "ephemeral"}},
            {"name": "Later", "input_schema": {"type": "object"}, "defer_loading": true}],
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "cache_control": {"type": "ephemeral"}, "betas": ["x"], "speed": "fast", "diagnostics": {},
        "metadata": {"user_id": "user_1"},
    });
    for (to, _, told) in everywhere(&body) {
        assert!(
            told.is_empty() || to == Dialect::Gemini && told == ["user_dropped metadata.user_id"],
            "{to}: {told:?}"
        );
    }
    let newer = with(
        body,
        &json!({"thinking": {"type": "guided"}, "output_config": {"effort": "vast",
        "format": {"type": "text"}, "task_budget": {"type": "tokens", "total": 9}}, "system": []}),
    );
    for (to, _, told) in everywhere(&newer) {
        let told: Vec<String> = told.into_iter().filter(|told| !told.starts_with("user_")).collect();
        let expected = [
            "field_dropped output_config.effort",
            "field_dropped output_config.task_budget",
            "field_dropped thinking",
        ];
        assert_eq!(told, expected, "{to}");
    }
}

#[test]
fn an_effort_or_adaptive_thinking_alone_is_taken() {
    let ask = saying(&json!([{"role": "user", "content": "x"}]));
    for asked in [
        json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        json!({"thinking": {"type": "adaptive", "display": "omitted"}}),
        json!({"thinking": {"type": "enabled"}}),
        json!({"output_config": {"effort": "xhigh"}}),
    ] {
        everywhere(&with(ask.clone(), &asked));
    }
}

#[test]
fn empty_turns_and_old_slips_do_not_end_a_conversation() {
    let body = saying(&json!([
        {"role": "user", "content": "x"}, {"role": "assistant", "content": []}, {"role": "user", "content": null},
        {"role": "assistant", "content": [{"type": "text", "text": ""}]}, {"role": "user"},
        {"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}]},
        {"role": "user", "content": [{"type": "text", "text": null}, {"type": "text", "text": "y"}]},
    ]));
    everywhere(&body);
    let slips = [
        (json!("{\"path\": \"a"), r#"{"arguments":"{\"path\": \"a"}"#, true),
        (json!("{\"path\": 1.50}"), r#"{"path": 1.50}"#, false),
        (json!("  "), "{}", false),
        (Value::Null, "{}", false),
        (json!([1]), r#"{"arguments":"[1]"}"#, true),
    ];
    for (input, expected, is_told) in slips {
        let body = saying(&json!([{"role": "user", "content": "x"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": input}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]}]));
        for (to, _, told) in everywhere(&body) {
            let place = "tool_arguments_wrapped messages[1].content[0].input".to_owned();
            assert_eq!(told.contains(&place), is_told, "{to}: {told:?}");
        }
        let (sent, _) = to_chat(&body);
        assert_eq!(sent["messages"][1]["tool_calls"][0]["function"]["arguments"], expected);
    }
}

#[test]
fn a_system_text_alone_is_taken() {
    for caller in [Dialect::OpenAiChat, Dialect::OpenAiResponses] {
        let body = match caller {
            Dialect::OpenAiResponses => json!({"instructions": "Say hello.", "input": []}),
            Dialect::OpenAiChat | Dialect::AnthropicMessages | Dialect::Gemini | Dialect::BedrockConverse => {
                json!({"messages": [{"role": "system", "content": "Say hello."}]})
            }
        };
        for (_, to) in ALL.into_iter().filter(|(_, to)| *to != caller) {
            let sent = translate_request(caller, to, body.to_string().as_bytes(), "m");
            let sent =
                String::from_utf8(sent.unwrap_or_else(|error| panic!("{caller} to {to}: {error}")).body);
            assert!(sent.unwrap().contains("Say hello."), "{caller} to {to}");
        }
    }
}
