use serde_json::{Value, json};

use super::*;
use crate::canonical::{
    Block, Content, Effort, Format, Media, Origin, Prompt, Reasoning, Role, Signature, Source, Tool,
    ToolChoice, ToolResult, ToolUse, Turn,
};
use crate::notes::Notes;

fn noted(notes: &Notes) -> Vec<String> {
    notes.noted().iter().map(|note| format!("{} {}", note.code, note.field)).collect()
}

/// Reads a request and writes it for a Responses upstream again.
fn through(request: &Value, model: &str) -> (Value, Vec<String>) {
    let mut notes = Notes::default();
    let request = request.to_string();
    let prompt = read(&request, &mut notes).unwrap();
    let body = write(&prompt, model, &mut notes).unwrap();
    (serde_json::from_slice(&body).unwrap(), noted(&notes))
}

fn contents<'a>(prompt: &'a Prompt<'a>) -> Vec<Vec<&'a Content<'a>>> {
    prompt.turns.iter().map(|turn| turn.blocks.iter().map(|block| &block.content).collect()).collect()
}

#[test]
fn a_conversation_goes_there_and_back_unchanged() {
    let input = json!([
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "What is on these?"},
            {"type": "input_image", "image_url": "data:image/jpeg;base64,/9j/4AAQ", "detail": "high"},
            {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
            {"type": "input_file", "file_url": "https://example.com/a.pdf"}
        ]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Let me look."}],
         "encrypted_content": "gAAAAABo=="},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{\"at\":1.0}"},
        {"type": "function_call", "call_id": "call_2", "name": "look", "arguments": "{\"at\":2}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "a cat"},
        {"type": "function_call_output", "call_id": "call_2", "output": [
            {"type": "input_text", "text": "a dog"},
            {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0=", "detail": "auto"}
        ]},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAABp=="},
        {"type": "message", "role": "assistant", "content": "A cat and a dog."},
        {"type": "message", "role": "user", "content": "Thanks"}
    ]);
    let request = json!({
        "model": "asked", "input": input, "instructions": "Be brief.", "max_output_tokens": 100,
        "tools": [{"type": "function", "name": "look", "description": "Looks",
                   "parameters": {"type": "object", "properties": {}}, "strict": false}],
        "tool_choice": {"type": "function", "name": "look"}, "parallel_tool_calls": false,
        "text": {"format": {"type": "json_schema", "name": "animals", "strict": false,
                            "schema": {"type": "object"}}},
        "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
        "user": "u-1", "store": false, "stream": true
    });
    let (mut body, notes) = through(&request, "o4-mini");
    assert_eq!(notes, Vec::<String>::new());
    assert_eq!(body["model"], "o4-mini");
    body["model"] = json!("asked");
    assert_eq!(body, request);
}

#[test]
fn what_the_model_said_in_one_go_is_one_turn() {
    let request = json!({"input": [
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
         "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
        {"type": "function_call", "id": "fc_1", "status": "completed", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "b", "output": "2"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    ]})
    .to_string();
    let mut notes = Notes::default();
    let prompt = read(&request, &mut notes).unwrap();
    assert_eq!(noted(&notes), Vec::<String>::new());
    let shape: Vec<_> = prompt.turns.iter().map(|turn| (&*turn.at, turn.role, turn.blocks.len())).collect();
    assert_eq!(
        shape,
        [
            ("input[0]", Role::User, 1),
            ("input[1]", Role::Assistant, 4),
            ("input[5]", Role::User, 2),
            ("input[7]", Role::User, 1),
            ("input[8]", Role::Assistant, 1)
        ]
    );
    assert_eq!(contents(&prompt)[4], [&Content::Refusal("No.".into())]);
    assert_eq!(prompt.turns[1].blocks[1].at, "input[2].content[0]");
}

#[test]
fn seals_come_home_from_where_callers_keep_them() {
    let request = json!({"input": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}],
         "encrypted_content": "sy1.anthropic.EqQB"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": ""}],
         "encrypted_content": "sy1.anthropic.EqQC"},
        {"type": "reasoning", "summary": [], "encrypted_content": "sy1.anthropic.EqQD"},
        {"type": "reasoning", "summary": [], "encrypted_content": "sy1.gemini.CsQE"},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
    ]})
    .to_string();
    let mut notes = Notes::default();
    let prompt = read(&request, &mut notes).unwrap();
    let seal = |value: &'static str| Signature::new(Origin::Anthropic, value);
    let call = Content::ToolUse(ToolUse {
        id: "a".into(),
        name: "f".into(),
        arguments: "{}".into(),
        signature: Some(Signature::new(Origin::Gemini, "CsQE")),
    });
    assert_eq!(
        contents(&prompt),
        [[
            &Content::Thinking { text: "Hm.".into(), signature: Some(seal("EqQB")) },
            &Content::Thinking { text: "".into(), signature: Some(seal("EqQC")) },
            &Content::RedactedThinking(seal("EqQD")),
            &call
        ]]
    );
    // None of them is OpenAI's: none goes there.
    let body = write(&prompt, "gpt-5", &mut notes).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["input"].as_array().unwrap().len(), 1, "{body}");
    assert_eq!(noted(&notes), ["thinking_dropped input[0]"]);
}

#[test]
fn what_another_provider_cannot_do_passes_the_route_over() {
    let cases = [
        (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
        (json!({"conversation": "conv_1"}), "conversation"),
        (json!({"prompt": {"id": "pmpt_1"}}), "prompt"),
        (json!({"background": true}), "background"),
        (json!({"top_logprobs": 2}), "top_logprobs"),
        (json!({"include": ["message.output_text.logprobs"]}), "include[0]"),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]}),
            "input[0].content[0].file_id",
        ),
        (json!({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}), "input[0].content[0]"),
        (json!({"tools": [{"type": "web_search"}], "tool_choice": "required"}), "tool_choice"),
        (json!({"tools": [{"type": "tool_search"}], "tool_choice": {"type": "tool_search"}}), "tool_choice"),
        (
            json!({"tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "web_search"}}),
            "tool_choice",
        ),
    ];
    for (part, field) in cases {
        let mut request = json!({"input": "Hi"});
        request.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        match read(&request.to_string(), &mut Notes::default()) {
            Err(crate::TranslateError::Unsupported { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{request}: {other:?}"),
        }
    }
}

#[test]
fn faults_are_told_with_the_callers_own_path() {
    let cases = [
        (json!({}), "input"),
        (json!({"input": 5}), "input"),
        (json!({"input": [{"role": "boss", "content": "Hi"}]}), "input[0].role"),
        (json!({"input": [{"role": "user"}]}), "input[0].content"),
        (json!({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}), "input[0].call_id"),
        (json!({"input": [{"type": "function_call_output", "call_id": "a"}]}), "input[0].output"),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_data": "JVBERi0="}]}]}),
            "input[0].content[0].file_data",
        ),
        (json!({"input": "Hi", "temperature": "warm"}), "temperature"),
        (json!({"input": "Hi", "tool_choice": "sometimes"}), "tool_choice"),
        (json!({"input": "Hi", "tools": [{"type": "function"}]}), "tools[0].name"),
        (json!({"input": "Hi", "text": {"format": {"type": "json_schema"}}}), "text.format.name"),
        (
            json!({"input": "Hi", "text": {"format": {"type": "json_schema", "name": "n"}}}),
            "text.format.schema",
        ),
        (json!({"input": "Hi", "text": {"format": {"type": "yaml"}}}), "text.format.type"),
        (json!({"input": "Hi", "reasoning": {"effort": "enormous"}}), "reasoning.effort"),
    ];
    for (request, field) in cases {
        match read(&request.to_string(), &mut Notes::default()) {
            Err(crate::TranslateError::Invalid { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{request}: {other:?}"),
        }
    }
}

#[test]
fn what_is_lost_is_noted_and_defaults_are_not() {
    let request = json!({
        "input": [
            {"role": "user", "content": "Hi"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"role": "developer", "content": "Be kind."}
        ],
        "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}],
        "metadata": {"k": "v"}, "store": true, "truncation": "auto", "service_tier": "flex",
        "text": {"format": {"type": "text"}, "verbosity": "low"}, "reasoning": {"summary": "detailed"},
        "stream_options": {"include_obfuscation": true}, "prompt_cache_key": "k", "brand_new": 1,
        "include": ["file_search_call.results"]
    })
    .to_string();
    let mut notes = Notes::default();
    read(&request, &mut notes).unwrap();
    assert_eq!(
        noted(&notes),
        [
            "server_tool_dropped input[1]",
            "system_message_moved input[2]",
            "server_tool_dropped tools[1]",
            "field_dropped text.verbosity",
            "summary_style_dropped reasoning.summary",
            "field_dropped include[0]",
            "field_dropped stream_options.include_obfuscation",
            "field_dropped store",
            "field_dropped truncation",
            "field_dropped brand_new"
        ]
    );
    let quiet = json!({
        "model": "m", "input": "Hi", "background": false, "store": false, "truncation": "disabled",
        "service_tier": "auto", "text": {"format": {"type": "text"}, "verbosity": "medium"}, "tools": [],
        "previous_response_id": null, "top_logprobs": 0, "stream_options": {"include_obfuscation": false}
    })
    .to_string();
    let mut notes = Notes::default();
    read(&quiet, &mut notes).unwrap();
    assert_eq!(noted(&notes), Vec::<String>::new());
}

/// Reads a request of these input items.
fn items(input: &Value, check: impl Fn(&Prompt<'_>, Vec<String>)) {
    let request = json!({"input": input}).to_string();
    let mut notes = Notes::default();
    let prompt = read(&request, &mut notes).unwrap();
    check(&prompt, noted(&notes));
}

#[test]
fn items_only_their_provider_understands_are_left_out_and_told() {
    let user = json!({"role": "user", "content": "Hi"});
    let cases = [
        ("item_reference", json!({"id": "msg_1"}), "item_dropped"),
        ("compaction", json!({"encrypted_content": "gAAA"}), "item_dropped"),
        ("compaction_trigger", json!({}), "item_dropped"),
        ("configuration_update", json!({"changes": {}}), "item_dropped"),
        ("brand_new", json!({"payload": [1]}), "item_dropped"),
        ("web_search_call", json!({"id": "ws_1", "action": {"type": "search"}}), "server_tool_dropped"),
        ("file_search_call", json!({"id": "fs_1", "queries": [], "results": null}), "server_tool_dropped"),
        ("code_interpreter_call", json!({"id": "ci_1", "code": "1+1"}), "server_tool_dropped"),
        ("image_generation_call", json!({"id": "ig_1", "result": "iVBORw0="}), "server_tool_dropped"),
        ("computer_call", json!({"call_id": "c", "action": {"type": "wait"}}), "server_tool_dropped"),
        ("computer_call_output", json!({"call_id": "c", "output": {}}), "server_tool_dropped"),
        ("mcp_list_tools", json!({"id": "mcpl_1", "server_label": "s", "tools": []}), "server_tool_dropped"),
        ("mcp_approval_request", json!({"id": "mcpr_1", "name": "f"}), "server_tool_dropped"),
        (
            "mcp_approval_response",
            json!({"approval_request_id": "mcpr_1", "approve": true}),
            "server_tool_dropped",
        ),
        (
            "tool_search_call",
            json!({"call_id": null, "execution": "server", "arguments": {}}),
            "server_tool_dropped",
        ),
        ("program", json!({"id": "p_1", "code": "f()"}), "server_tool_dropped"),
    ];
    for (kind, members, code) in cases {
        let mut item = json!({"type": kind});
        item.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        items(&json!([user, item, user]), |prompt, notes| {
            assert_eq!(notes, [format!("{code} input[1]")], "{kind}");
            assert_eq!(prompt.turns.len(), 2, "{kind}");
        });
    }
    items(
        &json!([user, {"role": "user", "content": [{"type": "encrypted_content", "encrypted_content": "x"}]}]),
        |prompt, notes| {
            assert_eq!(notes, ["block_dropped input[1].content[0]"]);
            assert_eq!(prompt.turns.len(), 1, "nothing is left of the second");
        },
    );
}

#[test]
fn what_a_tool_said_is_told_though_its_call_is_out_of_reach() {
    let input = json!([
        {"role": "user", "content": "Hi"},
        {"type": "item_reference", "id": "fc_1"},
        {"type": "function_call_output", "call_id": "call_1", "output": "42"}
    ]);
    items(&input, |prompt, notes| {
        assert_eq!(notes, ["item_dropped input[1]", "tool_result_as_text input[2]"]);
        assert_eq!(contents(prompt)[1], [&Content::Text("42".into())]);
    });
}

#[test]
fn calls_of_every_tool_a_caller_runs_go_along_with_their_results() {
    let call = |id: &str, name: &str, arguments: &str| {
        Content::ToolUse(ToolUse {
            id: id.to_owned().into(),
            name: name.to_owned().into(),
            arguments: arguments.to_owned().into(),
            signature: None,
        })
    };
    let input = json!([
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "a", "status": "completed",
         "action": {"type": "exec", "command": ["ls"], "env": {}}},
        {"type": "shell_call", "call_id": "b", "action": {"commands": ["ls"]}, "environment": {"type": "local"}},
        {"type": "apply_patch_call", "call_id": "c", "status": "completed", "operation": {"type": "delete_file", "path": "x"}},
        {"type": "custom_tool_call", "call_id": "d", "name": "grep", "input": "a\"b", "caller": {"type": "direct"}},
        {"type": "function_call", "call_id": "e", "name": "f", "namespace": "n", "arguments": {"x": 1.0}},
        {"type": "local_shell_call_output", "id": "a", "output": "1"},
        {"type": "shell_call_output", "call_id": "b", "output": [{"stdout": "2", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]},
        {"type": "apply_patch_call_output", "call_id": "c", "status": "failed", "output": "3"},
        {"type": "custom_tool_call_output", "call_id": "d", "output": [{"type": "input_text", "text": "4"}]},
        {"type": "function_call_output", "call_id": "e", "name": "f", "namespace": "n", "output": "5"},
        {"type": "mcp_call", "id": "mcp_1", "server_label": "s", "name": "ask", "arguments": "{}", "output": "6"}
    ]);
    items(&input, |prompt, notes| {
        assert_eq!(notes, Vec::<String>::new());
        let contents = contents(prompt);
        assert_eq!(
            contents[0],
            [
                &call("a", "local_shell", r#"{"type":"exec","command":["ls"],"env":{}}"#),
                &call("b", "shell", r#"{"commands":["ls"]}"#),
                &call("c", "apply_patch", r#"{"operation":{"type":"delete_file","path":"x"}}"#),
                &call("d", "grep", r#"{"input":"a\"b"}"#),
                &call("e", "n__f", r#"{"x":1.0}"#),
            ]
        );
        assert_eq!(contents[2], [&call("mcp_1", "ask", "{}")]);
        let results: Vec<_> = contents[1]
            .iter()
            .chain(&contents[3])
            .map(|content| {
                let Content::ToolResult(result) = content else { panic!("{content:?}") };
                (&*result.id, result.is_error, result.content.len())
            })
            .collect();
        let expected = ["a", "b", "c", "d", "e", "mcp_1"].map(|id| (id, id == "c", 1));
        assert_eq!(results, expected);
    });
}

#[test]
fn allowed_tools_are_the_only_ones_offered() {
    let request = json!({
        "input": "Hi",
        "tools": [{"type": "function", "name": "a"}, {"type": "function", "name": "b"}],
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}
    })
    .to_string();
    let prompt = read(&request, &mut Notes::default()).unwrap();
    let names: Vec<_> = prompt.tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!((names, prompt.tool_choice), (vec!["b"], Some(ToolChoice::Required)));
}

fn asked(content: Content<'_>) -> Prompt<'_> {
    let block = Block { at: "messages[0].content[0]".to_owned(), cache: false, content };
    let turn = Turn { at: "messages[0]".to_owned(), role: Role::User, blocks: vec![block] };
    Prompt { turns: vec![turn], ..Prompt::default() }
}

fn written(prompt: &Prompt<'_>, model: &str) -> (Value, Vec<String>) {
    let mut notes = Notes::default();
    let body = write(prompt, model, &mut notes).unwrap();
    (serde_json::from_slice(&body).unwrap(), noted(&notes))
}

#[test]
fn models_are_asked_only_for_what_they_take() {
    let think =
        |effort| Some(Reasoning { effort: Some(effort), visible: Some(true), ..Reasoning::default() });
    let sealed = json!(["reasoning.encrypted_content"]);
    let cases = [
        // model, asked, reasoning, include, temperature, notes
        ("gpt-4o", None, Value::Null, Value::Null, json!(0.2), vec![]),
        (
            "gpt-4o",
            think(Effort::Low),
            Value::Null,
            Value::Null,
            json!(0.2),
            vec!["reasoning_not_carried reasoning"],
        ),
        ("o3", None, Value::Null, sealed.clone(), Value::Null, vec!["sampling_dropped temperature"]),
        (
            "gpt-5",
            think(Effort::Max),
            json!({"effort": "high", "summary": "auto"}),
            sealed.clone(),
            Value::Null,
            vec!["reasoning_effort_changed reasoning", "sampling_dropped temperature"],
        ),
        ("gpt-5.2", think(Effort::None), json!({"effort": "none"}), sealed.clone(), json!(0.2), vec![]),
        (
            "mine",
            think(Effort::Max),
            json!({"effort": "xhigh", "summary": "auto"}),
            sealed,
            json!(0.2),
            vec![],
        ),
        ("mine", None, Value::Null, Value::Null, json!(0.2), vec![]),
    ];
    for (model, reasoning, options, include, temperature, said) in cases {
        let mut prompt = asked(Content::Text("Hi".into()));
        (prompt.reasoning, prompt.temperature) = (reasoning, Some(0.2));
        let (body, notes) = written(&prompt, model);
        assert_eq!(
            (&body["reasoning"], &body["include"], &body["temperature"]),
            (&options, &include, &temperature),
            "{model} {reasoning:?}"
        );
        assert_eq!(notes, said, "{model} {reasoning:?}");
        assert_eq!(body["store"], false);
    }
}

#[test]
fn what_responses_has_no_word_for_is_noted() {
    let mut prompt = asked(Content::ToolResult(ToolResult {
        id: "toolu_1".into(),
        name: None,
        is_error: true,
        content: vec![
            Content::Text("boom".into()),
            Content::Image(Media {
                source: Source::Base64("iVBORw0=".into()),
                media_type: Some("image/png".into()),
                name: None,
                detail: None,
            }),
        ],
    }));
    prompt.turns[0].blocks[0].cache = true;
    prompt.stop = vec!["END".into()];
    (prompt.top_k, prompt.seed, prompt.presence_penalty) = (Some(5), Some(1), Some(0.0));
    prompt.max_tokens = Some(1);
    let schema = serde_json::value::RawValue::from_string(r#"{"type":"object"}"#.to_owned()).unwrap();
    prompt.format = Format::Schema {
        at: "output_config.format".to_owned(),
        name: None,
        description: None,
        schema: &schema,
        strict: true,
    };
    prompt.tools = vec![Tool {
        at: "tools[0]".to_owned(),
        name: "f".into(),
        description: None,
        schema: None,
        strict: None,
        cache: false,
    }];
    let (body, notes) = written(&prompt, "gpt-4o");
    assert_eq!(
        notes,
        [
            "stop_dropped stop",
            "field_dropped top_k",
            "field_dropped seed",
            "cache_hint_dropped messages[0].content[0].cache_control",
            "tool_error_as_text messages[0].content[0].is_error",
            "max_tokens_raised max_tokens",
            "schema_not_enforced output_config.format"
        ]
    );
    assert_eq!(
        body["input"][0],
        json!({"type": "function_call_output", "call_id": "toolu_1", "output": [
            {"type": "input_text", "text": "[tool error] boom"},
            {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0=", "detail": "auto"}
        ]})
    );
    assert_eq!(
        body["text"]["format"],
        json!({"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": false})
    );
    assert_eq!(body["max_output_tokens"], 16);
    // Chat and Messages enforce no schema unless told to; Responses does unless told not to.
    assert_eq!(body["tools"][0]["strict"], false);
}

#[test]
fn system_texts_alone_are_still_a_conversation() {
    let block = Block { at: "messages[0]".to_owned(), cache: false, content: Content::Text("Sing.".into()) };
    let prompt = Prompt { system: vec![block], ..Prompt::default() };
    let (body, _) = written(&prompt, "gpt-4o");
    assert_eq!(body["input"], json!([{"type": "message", "role": "developer", "content": "Sing."}]));
    assert!(body.get("instructions").is_none());
}

#[test]
fn a_failed_tool_is_told_by_its_mark() {
    let cases = [
        (json!("[tool error] boom"), true, vec!["boom"]),
        (
            json!([{"type": "input_text", "text": "[tool error] "}, {"type": "input_text", "text": "boom"}]),
            true,
            vec!["boom"],
        ),
        (json!("no [tool error] here"), false, vec!["no [tool error] here"]),
        (json!(""), false, vec![""]),
    ];
    for (output, is_error, texts) in cases {
        let item = json!({"type": "function_call_output", "call_id": "a", "output": output});
        let request = json!({"input": [item]}).to_string();
        let prompt = read(&request, &mut Notes::default()).unwrap();
        let Content::ToolResult(result) = &prompt.turns[0].blocks[0].content else { panic!("{request}") };
        let expected: Vec<Content<'_>> = texts.into_iter().map(|text| Content::Text(text.into())).collect();
        assert_eq!((result.is_error, &result.content), (is_error, &expected), "{request}");
    }
}
