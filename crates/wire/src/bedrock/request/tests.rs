use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::canonical::{
    Block as Said, Effort, Media, Origin, Reasoning, Role, Signature, Source, Tool, ToolChoice, ToolResult,
    ToolUse, Turn,
};

const SONNET: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const OPUS_46: &str = "us.anthropic.claude-opus-4-6-v1";
const OPUS_47: &str = "us.anthropic.claude-opus-4-7";
const OPUS_5: &str = "us.anthropic.claude-opus-5";
const MYTHOS: &str = "anthropic.claude-mythos-preview";
const NOVA_2: &str = "us.amazon.nova-2-lite-v1:0";
const LLAMA: &str = "us.meta.llama3-3-70b-instruct-v1:0";
const GPT_OSS: &str = "openai.gpt-oss-120b-1:0";
const PROFILE: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3";

fn turn(at: usize, role: Role, contents: Vec<Content<'static>>) -> Turn<'static> {
    let at = format!("messages[{at}]");
    let block = |(part, content)| Said { at: format!("{at}.content[{part}]"), cache: false, content };
    let blocks = contents.into_iter().enumerate().map(block).collect();
    Turn { at, role, blocks }
}

fn talk(turns: Vec<(Role, Vec<Content<'static>>)>) -> Prompt<'static> {
    let turns = turns.into_iter().enumerate().map(|(at, (role, said))| turn(at, role, said)).collect();
    Prompt { turns, ..Prompt::default() }
}

fn text(text: &'static str) -> Content<'static> {
    Content::Text(text.into())
}

fn hello() -> Prompt<'static> {
    talk(vec![(Role::User, vec![text("Hello")])])
}

fn call(id: &'static str, arguments: &'static str) -> Content<'static> {
    Content::ToolUse(ToolUse {
        id: id.into(),
        name: "weather".into(),
        arguments: arguments.into(),
        signature: None,
    })
}

fn result(id: &'static str, is_error: bool, content: Vec<Content<'static>>) -> Content<'static> {
    Content::ToolResult(ToolResult { id: id.into(), name: None, is_error, content })
}

fn weather() -> Tool<'static> {
    let schema: &'static RawValue =
        serde_json::from_str(r#"{"type":"object","properties":{"x":{}}}"#).unwrap();
    Tool {
        at: "tools[0]".to_owned(),
        name: "weather".into(),
        description: Some("Tells the weather".into()),
        schema: Some(schema),
        strict: None,
        cache: false,
    }
}

fn media(
    source: Source<'static>,
    media_type: Option<&'static str>,
    name: Option<&'static str>,
) -> Media<'static> {
    Media { source, media_type: media_type.map(Into::into), name: name.map(Into::into), detail: None }
}

fn body(prompt: &Prompt<'_>, model: &str) -> (Value, Vec<String>) {
    let mut notes = Notes::default();
    let body = write(prompt, model, &mut notes).unwrap();
    let noted = notes.noted().iter().map(|noted| format!("{} {}", noted.code, noted.field)).collect();
    (serde_json::from_slice(&body).unwrap(), noted)
}

fn refusal(prompt: &Prompt<'_>, model: &str) -> TranslateError {
    write(prompt, model, &mut Notes::default()).unwrap_err()
}

#[test]
fn a_conversation_alternates_and_the_results_of_tools_come_first() {
    let thought =
        |origin| Content::Thinking { text: "Hm.".into(), signature: Some(Signature::new(origin, "EqQB")) };
    let prompt = talk(vec![
        (Role::User, vec![text("Weather?")]),
        (Role::User, vec![text("  ")]),
        (
            Role::Assistant,
            vec![
                thought(Origin::Anthropic),
                thought(Origin::OpenAi),
                Content::RedactedThinking(Signature::new(Origin::Anthropic, "EmwKAhgB")),
                call("call.1", "{\"city\": \"Paris\"}"),
                call("call_2", ""),
                call("call_3", "Oslo"),
            ],
        ),
        (Role::User, vec![text("And hurry."), result("call.1", false, vec![text("Rain")])]),
        (
            Role::User,
            vec![result("call_2", true, vec![text("No such city")]), result("call_3", false, vec![text("")])],
        ),
    ]);
    let (body, noted) = body(&prompt, SONNET);
    let first = crate::translate::tool_ids::tool_id(crate::Dialect::BedrockConverse, "call.1");
    assert_ne!(first, "call.1");
    let used =
        |id: &str, input: Value| json!({"toolUse": {"toolUseId": id, "name": "weather", "input": input}});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [{"text": "Weather?"}]},
            {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "EqQB"}}},
                {"reasoningContent": {"redactedContent": "RW13S0FoZ0I="}},
                used(&first, json!({"city": "Paris"})),
                used("call_2", json!({})),
                used("call_3", json!({"arguments": "Oslo"})),
            ]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": first, "content": [{"text": "Rain"}]}},
                {"toolResult": {"toolUseId": "call_2", "content": [{"text": "No such city"}], "status": "error"}},
                {"toolResult": {"toolUseId": "call_3", "content": []}},
                {"text": "And hurry."},
            ]},
        ])
    );
    // No tools came with the request, but Converse wants those declared that the conversation speaks of.
    assert_eq!(
        body["toolConfig"],
        json!({"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object", "properties": {}}}}}]})
    );
    assert_eq!(body["additionalModelRequestFields"], json!({"tool_choice": {"type": "none"}}));
    assert_eq!(
        noted,
        [
            "blank_text_dropped messages[1].content[0]",
            "thinking_dropped messages[2].content[1]",
            "tool_arguments_wrapped messages[2].content[5].arguments",
        ]
    );
}

#[test]
fn seals_and_statuses_go_to_no_other_vendors_model() {
    let prompt = talk(vec![
        (Role::User, vec![text("Weather?")]),
        (
            Role::Assistant,
            vec![
                Content::Thinking {
                    text: "Hm.".into(),
                    signature: Some(Signature::new(Origin::Anthropic, "EqQB")),
                },
                call("a", "{}"),
            ],
        ),
        (Role::User, vec![result("a", true, vec![text("down")])]),
    ]);
    let (body, noted) = body(&prompt, LLAMA);
    assert_eq!(body["messages"][1]["content"].as_array().unwrap().len(), 1);
    assert_eq!(
        body["messages"][2]["content"][0]["toolResult"],
        json!({"toolUseId": "a", "content": [{"text": "[tool error] down"}]})
    );
    assert!(noted.contains(&"thinking_dropped messages[1].content[0]".to_owned()), "{noted:?}");
    assert!(noted.contains(&"tool_error_as_text messages[2].content[0]".to_owned()), "{noted:?}");
}

#[test]
fn media_travel_in_the_body_or_not_at_all() {
    let png = || Source::Base64("iVBORw0KGgoAAAANSUhEUg==".into());
    let pdf =
        |name| Content::Document(media(Source::Base64("JVBERi0=".into()), Some("application/pdf"), name));
    let prompt = talk(vec![(
        Role::User,
        vec![
            Content::Image(media(png(), None, None)),
            Content::Image(media(Source::Url("s3://bucket/a.jpg".into()), None, None)),
            pdf(Some("report_2024.pdf")),
            pdf(Some("report 2024.pdf")),
            pdf(Some("report 2024.pdf")),
            pdf(None),
            Content::Document(media(Source::Text("plain".into()), None, Some("Übersicht"))),
        ],
    )]);
    let (body, noted) = body(&prompt, SONNET);
    let document =
        |name: &str| json!({"document": {"format": "pdf", "name": name, "source": {"bytes": "JVBERi0="}}});
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgoAAAANSUhEUg=="}}},
            {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.jpg"}}}},
            document("report-2024"),
            document("report 2024"),
            document("report 2024 (2)"),
            document("Document"),
            {"document": {"format": "txt", "name": "-bersicht", "source": {"bytes": "cGxhaW4="}}},
            {"text": "(See the attached document.)"},
        ])
    );
    assert_eq!(noted, ["document_name_changed messages[*].content[*]", "text_added messages"]);
    for (content, at) in [
        (
            Content::Image(media(Source::Url("https://x.test/a.png".into()), None, None)),
            "an image behind a URL",
        ),
        (Content::Image(media(png(), Some("image/tiff"), None)), "an image of image/tiff"),
        (
            Content::Document(media(Source::Url("https://x.test/a.pdf".into()), None, None)),
            "a document behind a URL",
        ),
        (Content::Document(media(png(), Some("audio/wav"), None)), "a document of audio/wav"),
    ] {
        let error = refusal(&talk(vec![(Role::User, vec![content])]), SONNET);
        assert!(
            matches!(&error, TranslateError::Unsupported { field, .. } if field == "messages[0].content[0]"),
            "{error}"
        );
        assert!(error.to_string().contains(at), "{error}");
    }
}

#[test]
fn tools_and_choices() {
    let offer = |choice, parallel_tools| Prompt {
        tools: vec![weather()],
        tool_choice: choice,
        parallel_tools,
        ..hello()
    };
    let spec = json!({"toolSpec": {"name": "weather", "description": "Tells the weather",
        "inputSchema": {"json": {"type": "object", "properties": {"x": {}}}}}});
    let named = || Some(ToolChoice::Named("weather".into()));
    for (prompt, model, choice, native) in [
        (offer(None, None), SONNET, Value::Null, Value::Null),
        (offer(Some(ToolChoice::Auto), Some(true)), SONNET, json!({"auto": {}}), Value::Null),
        (offer(Some(ToolChoice::Required), None), NOVA_2, json!({"any": {}}), Value::Null),
        (offer(named(), None), SONNET, json!({"tool": {"name": "weather"}}), Value::Null),
        (
            offer(named(), Some(false)),
            SONNET,
            Value::Null,
            json!({"type": "tool", "name": "weather", "disable_parallel_tool_use": true}),
        ),
        (
            offer(None, Some(false)),
            SONNET,
            Value::Null,
            json!({"type": "auto", "disable_parallel_tool_use": true}),
        ),
    ] {
        let (body, noted) = body(&prompt, model);
        assert_eq!(body["toolConfig"]["tools"], json!([spec]));
        assert_eq!(body["toolConfig"]["toolChoice"], choice);
        assert_eq!(body["additionalModelRequestFields"]["tool_choice"], native);
        assert!(noted.is_empty());
    }
    assert_eq!(body(&offer(Some(ToolChoice::None), None), SONNET).0.get("toolConfig"), None);
    assert_eq!(
        body(&offer(None, Some(false)), NOVA_2).1,
        ["parallel_tool_calls_dropped parallel_tool_calls"]
    );
    for model in [LLAMA, MYTHOS] {
        assert_eq!(refusal(&offer(named(), None), model).field(), Some("tool_choice"));
    }
    let long = Tool { name: "x".repeat(65).into(), ..weather() };
    assert_eq!(refusal(&Prompt { tools: vec![long], ..hello() }, SONNET).field(), Some("tools[0].name"));
    let strict = || Prompt { tools: vec![Tool { strict: Some(true), schema: None, ..weather() }], ..hello() };
    assert_eq!(body(&strict(), SONNET).0["toolConfig"]["tools"][0]["toolSpec"]["strict"], true);
    assert_eq!(body(&strict(), NOVA_2).1, ["strict_dropped tools[0].strict"]);
}

#[test]
fn cache_points_follow_what_is_cached_up_to_four() {
    let mut prompt = talk(vec![(Role::User, vec![text("a"), text("b"), text("c")])]);
    prompt.tools = vec![Tool { cache: true, ..weather() }];
    prompt.system = vec![Said { at: "system[0]".to_owned(), cache: true, content: text("Be brief.") }];
    for block in &mut prompt.turns[0].blocks {
        block.cache = true;
    }
    let point = json!({"cachePoint": {"type": "default"}});
    let (claude, noted) = body(&prompt, SONNET);
    assert_eq!(claude["toolConfig"]["tools"][1], point);
    assert_eq!(claude["system"], json!([{"text": "Be brief."}, point]));
    assert_eq!(
        claude["messages"][0]["content"],
        json!([{"text": "a"}, point, {"text": "b"}, point, {"text": "c"}])
    );
    assert_eq!(noted, ["cache_hint_dropped messages[0].content[2].cache_control"]);
    let (nova, noted) = body(&prompt, NOVA_2);
    assert_eq!(nova["toolConfig"]["tools"].as_array().unwrap().len(), 1);
    assert_eq!(nova["system"][1], point);
    assert_eq!(noted, ["cache_hint_dropped tools[0].cache_control"]);
    assert!(!body(&prompt, LLAMA).0.to_string().contains("cachePoint"));
}

#[test]
fn sampling_stays_in_the_models_bounds() {
    let prompt = Prompt {
        temperature: Some(1.5),
        top_p: Some(0.9),
        top_k: Some(200),
        presence_penalty: Some(0.5),
        frequency_penalty: Some(0.0),
        seed: Some(7),
        max_tokens: Some(64),
        stop: vec!["END".into(), "\n".into()],
        user: Some("user-1".into()),
        ..hello()
    };
    let (claude, noted) = body(&prompt, SONNET);
    assert_eq!(
        claude["inferenceConfig"],
        json!({"maxTokens": 64, "temperature": 1.0, "stopSequences": ["END"]})
    );
    assert_eq!(claude["additionalModelRequestFields"], json!({"top_k": 200}));
    assert_eq!(claude["additionalModelResponseFieldPaths"], json!(["/stop_sequence"]));
    assert_eq!(claude["requestMetadata"], json!({"user": "user-1"}));
    assert_eq!(
        noted,
        [
            "stop_whitespace_dropped stop",
            "sampling_dropped presence_penalty",
            "sampling_dropped seed",
            "temperature_clamped temperature",
            "top_p_dropped top_p",
        ]
    );
    let (nova, _) = body(&prompt, NOVA_2);
    assert_eq!(nova["inferenceConfig"]["topP"], 0.9);
    assert_eq!(nova["additionalModelRequestFields"], json!({"inferenceConfig": {"topK": 128}}));
    assert_eq!(nova.get("additionalModelResponseFieldPaths"), None);
    let (newest, noted) = body(&prompt, OPUS_47);
    assert_eq!(newest["inferenceConfig"], json!({"maxTokens": 64, "stopSequences": ["END"]}));
    assert!(noted.contains(&"sampling_dropped temperature".to_owned()));
    assert!(body(&prompt, PROFILE).1.contains(&"sampling_dropped top_k".to_owned()));
    assert_eq!(body(&Prompt { user: Some("né".into()), ..hello() }, SONNET).1, ["user_dropped user"]);
}

#[test]
fn thinking_is_asked_for_as_the_model_takes_it() {
    let effort = |effort| Some(Reasoning { effort: Some(effort), ..Reasoning::default() });
    let budget = |tokens| Some(Reasoning { budget_tokens: Some(tokens), ..Reasoning::default() });
    let ask = |reasoning, max_tokens| Prompt { reasoning, max_tokens, ..hello() };
    let enabled = |tokens: u64| json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
    let adaptive =
        |effort: &str| json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}});
    let nova = |effort: &str| json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}});
    // prompt, model, fields, limit, notes
    let cases = [
        (ask(effort(Effort::Low), None), SONNET, enabled(1024), json!(5120), 0),
        (ask(budget(2000), Some(3000)), SONNET, enabled(2000), json!(3000), 0),
        (ask(budget(4000), Some(3000)), SONNET, enabled(1500), json!(3000), 1),
        (ask(effort(Effort::High), Some(4096)), SONNET, enabled(2048), json!(4096), 0),
        (ask(effort(Effort::High), Some(500)), SONNET, Value::Null, json!(500), 1),
        (ask(effort(Effort::None), Some(500)), SONNET, Value::Null, json!(500), 0),
        (ask(effort(Effort::Medium), None), OPUS_46, adaptive("medium"), Value::Null, 0),
        (ask(effort(Effort::Max), None), OPUS_46, adaptive("max"), Value::Null, 0),
        (ask(budget(30_000), None), OPUS_47, adaptive("max"), Value::Null, 1),
        (ask(effort(Effort::None), None), OPUS_46, Value::Null, Value::Null, 0),
        (ask(effort(Effort::None), None), OPUS_5, json!({"thinking": {"type": "disabled"}}), Value::Null, 0),
        (ask(effort(Effort::None), None), MYTHOS, Value::Null, Value::Null, 1),
        (ask(effort(Effort::High), None), NOVA_2, nova("high"), Value::Null, 0),
        (ask(effort(Effort::High), Some(100)), NOVA_2, nova("medium"), json!(100), 1),
        (ask(effort(Effort::Minimal), None), GPT_OSS, json!({"reasoning_effort": "low"}), Value::Null, 0),
        (ask(effort(Effort::Low), None), LLAMA, Value::Null, Value::Null, 1),
        (ask(effort(Effort::Low), None), PROFILE, Value::Null, Value::Null, 1),
    ];
    for (prompt, model, fields, limit, notes) in cases {
        let (body, noted) = body(&prompt, model);
        assert_eq!(body["additionalModelRequestFields"], fields, "{model}");
        assert_eq!(body["inferenceConfig"]["maxTokens"], limit, "{model}");
        assert_eq!(noted.len(), notes, "{model}: {noted:?}");
    }
}

#[test]
fn thinking_gives_way_to_what_it_cannot_go_with() {
    let reasoning = Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() });
    let forced =
        Prompt { tools: vec![weather()], tool_choice: Some(ToolChoice::Required), reasoning, ..hello() };
    let begun = Prompt {
        reasoning,
        ..talk(vec![(Role::User, vec![text("Count")]), (Role::Assistant, vec![text("1, 2,")])])
    };
    let unsealed = Prompt {
        tools: vec![weather()],
        reasoning,
        ..talk(vec![
            (Role::User, vec![text("Weather?")]),
            (Role::Assistant, vec![call("a", "{}")]),
            (Role::User, vec![result("a", false, vec![text("Rain")])]),
        ])
    };
    for prompt in [&forced, &begun, &unsealed] {
        let (body, noted) = body(prompt, SONNET);
        assert_eq!(body.get("additionalModelRequestFields"), None);
        assert_eq!(noted, ["reasoning_dropped reasoning"]);
    }
    assert_eq!(body(&unsealed, OPUS_46).0["additionalModelRequestFields"]["thinking"]["type"], "adaptive");
    let warm = Prompt { reasoning, temperature: Some(0.2), top_k: Some(5), ..hello() };
    let (body, noted) = body(&warm, SONNET);
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 5120}));
    assert_eq!(noted, ["sampling_dropped temperature", "sampling_dropped top_k"]);
}

#[test]
fn schemas_are_enforced_where_the_model_can_and_asked_for_elsewhere() {
    let schema: &'static RawValue = serde_json::from_str(r#"{"type":"object"}"#).unwrap();
    let ask = |strict| Prompt {
        format: Format::Schema {
            at: "response_format.json_schema".to_owned(),
            name: Some("person".into()),
            description: None,
            schema,
            strict,
        },
        ..hello()
    };
    let (native, noted) = body(&ask(true), SONNET);
    assert_eq!(
        native["outputConfig"],
        json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema":
            {"schema": "{\"type\":\"object\"}", "name": "person"}}}})
    );
    assert_eq!((noted.len(), native.get("system")), (0, None));
    for (prompt, model) in [(ask(true), NOVA_2), (ask(false), SONNET)] {
        let (asked, noted) = body(&prompt, model);
        assert!(asked["system"][0]["text"].as_str().unwrap().ends_with("{\"type\":\"object\"}"));
        assert_eq!(noted, ["json_schema_as_instruction response_format.json_schema"]);
    }
    let (_, noted) = body(&Prompt { format: Format::Json, ..hello() }, SONNET);
    assert_eq!(noted, ["json_mode_as_instruction response_format"]);
}

#[test]
fn the_user_speaks_first_and_an_answer_begun_goes_where_it_is_continued() {
    let begun = talk(vec![
        (Role::Assistant, vec![text("Hi")]),
        (Role::User, vec![text("Go")]),
        (Role::Assistant, vec![text("Sure: ")]),
    ]);
    let (body, noted) = body(&begun, SONNET);
    assert_eq!(body["messages"][0]["role"], "user");
    assert_eq!(body["messages"][3]["content"], json!([{"text": "Sure:"}]));
    assert_eq!(noted, ["user_message_added messages", "prefill_trimmed messages[2]"]);
    for model in [OPUS_46, LLAMA] {
        assert_eq!(refusal(&begun, model).field(), Some("messages[2]"));
    }
    let empty = refusal(&talk(vec![(Role::User, vec![text(" ")])]), SONNET);
    assert!(matches!(&empty, TranslateError::Invalid { field, .. } if field == "messages"), "{empty}");
}
