use serde_json::{Value, json};

use super::*;
use crate::canonical::{
    Block, Content as Piece, Effort, Media, Origin, Reasoning, Role, Signature, Source, Tool, ToolResult,
    ToolUse, Turn,
};

const NEW: &str = "gemini-3-flash-preview";
const OLD: &str = "gemini-2.5-flash";

fn turn<'a>(at: usize, role: Role, pieces: Vec<Piece<'a>>) -> Turn<'a> {
    let block =
        |(number, content)| Block { at: format!("messages[{at}].content[{number}]"), cache: false, content };
    Turn { at: format!("messages[{at}]"), role, blocks: pieces.into_iter().enumerate().map(block).collect() }
}

fn user<'a>(at: usize, pieces: Vec<Piece<'a>>) -> Turn<'a> {
    turn(at, Role::User, pieces)
}

fn model<'a>(at: usize, pieces: Vec<Piece<'a>>) -> Turn<'a> {
    turn(at, Role::Assistant, pieces)
}

fn text(text: &str) -> Piece<'_> {
    Piece::Text(text.into())
}

fn call<'a>(id: &'a str, name: &'a str, arguments: &'a str, seal: Option<Signature<'a>>) -> Piece<'a> {
    Piece::ToolUse(ToolUse { id: id.into(), name: name.into(), arguments: arguments.into(), signature: seal })
}

fn result<'a>(id: &'a str, content: Vec<Piece<'a>>) -> Piece<'a> {
    Piece::ToolResult(ToolResult { id: id.into(), name: None, is_error: false, content })
}

fn gemini(seal: &str) -> Signature<'_> {
    Signature::new(Origin::Gemini, seal)
}

fn png(source: Source<'_>) -> Piece<'_> {
    Piece::Image(Media { source, media_type: Some("image/png".into()), name: None, detail: None })
}

fn tool<'a>(name: &'a str, schema: Option<&'a RawValue>, strict: Option<bool>) -> Tool<'a> {
    Tool { at: "tools[0]".to_owned(), name: name.into(), description: None, schema, strict, cache: false }
}

fn prompt(turns: Vec<Turn<'_>>) -> Prompt<'_> {
    Prompt { turns, ..Prompt::default() }
}

/// The body and the notes, each as `code field`.
fn written(prompt: &Prompt<'_>, upstream_model: &str) -> (Value, Vec<String>) {
    let mut notes = Notes::default();
    let body = write(prompt, upstream_model, &mut notes).unwrap();
    let noted = notes.noted().iter().map(|note| format!("{} {}", note.code, note.field)).collect();
    (serde_json::from_slice(&body).unwrap(), noted)
}

fn refused(prompt: &Prompt<'_>, upstream_model: &str) -> String {
    write(prompt, upstream_model, &mut Notes::default()).unwrap_err().to_string()
}

#[test]
fn neighbours_of_one_role_are_one_turn_and_empty_texts_are_left_out() {
    let turns = vec![
        user(0, vec![text("a"), text("")]),
        user(1, vec![text("b")]),
        model(2, vec![text("c"), Piece::Refusal("no".into())]),
        user(3, vec![text("d")]),
    ];
    let mut prompt = prompt(turns);
    prompt.system = user(9, vec![text("s"), text(" ")]).blocks;
    let (body, noted) = written(&prompt, NEW);
    let expected = json!({
        "contents": [
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
            {"role": "model", "parts": [{"text": "c"}, {"text": "no"}]},
            {"role": "user", "parts": [{"text": "d"}]},
        ],
        "systemInstruction": {"parts": [{"text": "s"}]},
    });
    assert_eq!(body, expected);
    assert!(noted.is_empty());
}

#[test]
fn results_of_parallel_calls_stand_together_before_what_the_user_says() {
    let failed = Piece::ToolResult(ToolResult {
        id: "c2".into(),
        name: None,
        is_error: true,
        content: vec![text("no such"), text("city")],
    });
    let turns = vec![
        user(0, vec![text("q")]),
        model(1, vec![call("c1", "weather", "{\"n\": 1.0}", None), call("c2", "weather", "", None)]),
        user(2, vec![result("c1", vec![text("21")])]),
        user(3, vec![text("and?"), failed]),
    ];
    let (body, noted) = written(&prompt(turns), OLD);
    let expected = json!([
        {"role": "user", "parts": [{"text": "q"}]},
        {"role": "model", "parts": [
            {"functionCall": {"id": "c1", "name": "weather", "args": {"n": 1.0}}},
            {"functionCall": {"id": "c2", "name": "weather", "args": {}}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "c1", "name": "weather", "response": {"output": "21"}}},
            {"functionResponse": {"id": "c2", "name": "weather", "response": {"error": "no such\ncity"}}},
            {"text": "and?"},
        ]},
    ]);
    assert_eq!(body["contents"], expected);
    assert!(noted.is_empty());
}

#[test]
fn seals_go_back_on_the_part_they_came_with_and_to_no_other_vendor() {
    let anthropic = || Signature::new(Origin::Anthropic, "EqQ");
    let thinking = |text: &'static str, seal| Piece::Thinking { text: text.into(), signature: seal };
    let cases = [
        // A chat caller keeps it on the call.
        (
            NEW,
            vec![call("1", "f", "{}", Some(gemini("AA=="))), call("2", "f", "{}", None)],
            json!([["functionCall", "AA=="], ["functionCall", null]]),
            vec![],
        ),
        // A Messages caller keeps it in a block before the call.
        (
            NEW,
            vec![text("t"), Piece::RedactedThinking(gemini("AA==")), call("1", "f", "{}", None)],
            json!([["text", null], ["functionCall", "AA=="]]),
            vec![],
        ),
        (
            NEW,
            vec![thinking("hm", Some(gemini("AA=="))), call("1", "f", "{}", None)],
            json!([["functionCall", "AA=="]]),
            vec![],
        ),
        (
            NEW,
            vec![
                text("t"),
                Piece::RedactedThinking(gemini("AA==")),
                call("1", "f", "{}", Some(gemini("BB=="))),
            ],
            json!([["text", "AA=="], ["functionCall", "BB=="]]),
            vec![],
        ),
        (
            NEW,
            vec![thinking("hm", Some(gemini("AA=="))), text("t")],
            json!([["thought", "AA=="], ["text", null]]),
            vec![],
        ),
        (NEW, vec![text("t"), Piece::RedactedThinking(gemini("AA=="))], json!([["text", "AA=="]]), vec![]),
        // Another vendor's conversation: the call is kept, its seal is not.
        (
            NEW,
            vec![thinking("hm", Some(anthropic())), call("1", "f", "{}", None), call("2", "f", "{}", None)],
            json!([["functionCall", FOREIGN], ["functionCall", null]]),
            vec!["thinking_dropped messages[1].content[0]"],
        ),
        (
            OLD,
            vec![thinking("hm", None), call("1", "f", "{}", Some(anthropic()))],
            json!([["functionCall", null]]),
            vec!["thinking_dropped messages[1].content[0]"],
        ),
    ];
    for (upstream_model, pieces, expected, notes) in cases {
        let prompt = prompt(vec![user(0, vec![text("q")]), model(1, pieces), user(2, vec![text("go on")])]);
        let (body, noted) = written(&prompt, upstream_model);
        let parts = body["contents"][1]["parts"].as_array().unwrap().iter().map(|part| {
            let kinds = ["thought", "text", "functionCall"];
            let kind = kinds.into_iter().find(|kind| part.get(kind).is_some());
            json!([kind, part.get("thoughtSignature")])
        });
        assert_eq!(Value::Array(parts.collect()), expected);
        assert_eq!(noted, notes);
    }
}

const FOREIGN: &str = "skip_thought_signature_validator";

#[test]
fn media_are_carried_as_bytes_or_as_urls_google_fetches() {
    let of = |source, media_type: Option<&'static str>| Media {
        source,
        media_type: media_type.map(Into::into),
        name: None,
        detail: None,
    };
    let url = |url: &'static str| Source::Url(url.into());
    let cases = [
        (
            Piece::Image(of(Source::Base64("AA==".into()), Some("image/JPG"))),
            json!({"inlineData": {"mimeType": "image/jpeg", "data": "AA=="}}),
            vec![],
        ),
        (
            Piece::Image(of(url("https://x.example/a.webp?s=1"), None)),
            json!({"fileData": {"mimeType": "image/webp", "fileUri": "https://x.example/a.webp?s=1"}}),
            vec![],
        ),
        (
            Piece::Image(of(url("https://x.example/a"), None)),
            json!({"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x.example/a"}}),
            vec!["media_type_guessed messages[0].content[0]"],
        ),
        (
            Piece::Document(of(url("gs://b/a.pdf"), None)),
            json!({"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/a.pdf"}}),
            vec![],
        ),
        (
            Piece::Document(Media {
                name: Some("q3.pdf".into()),
                ..of(Source::Base64("AA==".into()), Some("application/pdf"))
            }),
            json!({"inlineData": {"mimeType": "application/pdf", "data": "AA=="}}),
            vec!["document_name_dropped messages[0].content[0]"],
        ),
        (
            Piece::Document(Media {
                name: Some("Notes".into()),
                ..of(Source::Text("abc".into()), Some("text/plain"))
            }),
            json!({"text": "Notes\n\nabc"}),
            vec![],
        ),
        (
            Piece::Image(Media {
                detail: Some("high".into()),
                ..of(Source::Base64("AA==".into()), Some("image/png"))
            }),
            json!({"inlineData": {"mimeType": "image/png", "data": "AA=="}}),
            vec!["image_detail_dropped messages[0].content[0]"],
        ),
    ];
    for (piece, expected, notes) in cases {
        let (body, noted) = written(&prompt(vec![user(0, vec![piece])]), NEW);
        assert_eq!(body["contents"][0]["parts"], json!([expected]));
        assert_eq!(noted, notes);
    }
}

#[test]
fn images_in_results_stay_there_where_the_model_takes_them_and_follow_otherwise() {
    let turns = || {
        vec![
            user(0, vec![text("q")]),
            model(1, vec![call("1", "shot", "{}", None)]),
            user(2, vec![result("1", vec![text("done"), png(Source::Base64("AA==".into()))])]),
        ]
    };
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "AA=="}});
    let response = json!({"output": "done"});
    let (body, noted) = written(&prompt(turns()), NEW);
    let inside =
        json!([{"functionResponse": {"id": "1", "name": "shot", "response": response, "parts": [image]}}]);
    assert_eq!(body["contents"][2]["parts"], inside);
    assert!(noted.is_empty());
    let (body, noted) = written(&prompt(turns()), OLD);
    let behind = json!([{"functionResponse": {"id": "1", "name": "shot", "response": response}}, image]);
    assert_eq!(body["contents"][2]["parts"], behind);
    assert_eq!(noted, ["tool_result_part_moved messages[2].content[0].content[1]"]);
}

#[test]
fn tools_keep_their_schemas_text_and_the_choice_its_meaning() {
    let schema: &RawValue =
        serde_json::from_str(r#"{"type":"object","properties":{"n":{"minimum":1.0}}}"#).unwrap();
    let cases = [
        (None, None, Value::Null),
        (Some(ToolChoice::Auto), None, json!({"mode": "AUTO"})),
        (Some(ToolChoice::None), None, json!({"mode": "NONE"})),
        (Some(ToolChoice::Required), None, json!({"mode": "ANY"})),
        (Some(ToolChoice::Named("f".into())), None, json!({"mode": "ANY", "allowedFunctionNames": ["f"]})),
        (None, Some(true), json!({"mode": "VALIDATED"})),
    ];
    for (tool_choice, strict, expected) in cases {
        let mut prompt = prompt(vec![user(0, vec![text("q")])]);
        prompt.tools = vec![tool("f", Some(schema), strict), tool("g", None, None)];
        prompt.tool_choice = tool_choice;
        let mut notes = Notes::default();
        let body = String::from_utf8(write(&prompt, NEW, &mut notes).unwrap()).unwrap();
        let declared = concat!(
            r#""tools":[{"functionDeclarations":[{"name":"f","description":"f","parametersJsonSchema":"#,
            r#"{"type":"object","properties":{"n":{"minimum":1.0}}}},{"name":"g","description":"g"}]}]"#,
        );
        assert!(body.contains(declared), "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["toolConfig"]["functionCallingConfig"], expected);
        assert!(notes.noted().is_empty());
    }
}

#[test]
fn strict_tools_are_held_to_their_schema_as_far_as_the_model_can_be() {
    let schema: &RawValue = serde_json::from_str(r#"{"properties":{"a":{"pattern":"^x"}}}"#).unwrap();
    let mut prompt = prompt(vec![user(0, vec![text("q")])]);
    prompt.tools = vec![tool("f", Some(schema), Some(true))];
    assert_eq!(written(&prompt, NEW).1, ["schema_not_enforced tools[0]"]);
    prompt.tools = vec![tool("f", None, Some(true))];
    let (body, noted) = written(&prompt, "gemini-2.0-flash");
    assert_eq!(body["toolConfig"]["functionCallingConfig"]["mode"], "AUTO");
    assert_eq!(noted, ["schema_not_enforced tools[0]"]);
}

#[test]
fn hints_gemini_has_no_place_for_are_noted() {
    let mut prompt = prompt(vec![user(0, vec![text("q"), text("r")])]);
    for block in &mut prompt.turns[0].blocks {
        block.cache = true;
    }
    prompt.tools = vec![tool("f", None, None)];
    prompt.parallel_tools = Some(false);
    let expected = [
        "cache_hint_dropped messages[0].content[0].cache_control",
        "parallel_tools_not_limited parallel_tool_calls",
    ];
    assert_eq!(written(&prompt, NEW).1, expected);
}

#[test]
fn what_is_asked_of_the_answer_is_asked_in_geminis_words() {
    let mut prompt = prompt(vec![user(0, vec![text("q")])]);
    prompt.max_tokens = Some(100);
    prompt.temperature = Some(0.5);
    prompt.top_p = Some(0.9);
    prompt.top_k = Some(40);
    prompt.presence_penalty = Some(2.0);
    prompt.frequency_penalty = Some(0.0);
    prompt.seed = Some(0x1_0000_0007);
    prompt.stop = ["a", "", "b", "c", "d", "e", "f"].map(Into::into).to_vec();
    prompt.reasoning =
        Some(Reasoning { effort: Some(Effort::Low), visible: Some(true), ..Reasoning::default() });
    prompt.user = Some("u1".into());
    prompt.parallel_tools = Some(false);
    let (body, noted) = written(&prompt, NEW);
    let expected = json!({
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "maxOutputTokens": 100,
        "stopSequences": ["a", "b", "c", "d", "e"],
        "presencePenalty": 1.99,
        "seed": 6,
        "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": true},
    });
    assert_eq!(body["generationConfig"], expected);
    let expected = ["stop_truncated stop", "penalty_clamped presence_penalty", "user_dropped user"];
    assert_eq!(noted, expected);
}

#[test]
fn json_answers_are_asked_for_with_their_schema() {
    let schema: &RawValue =
        serde_json::from_str(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#).unwrap();
    let mut prompt = prompt(vec![user(0, vec![text("q")])]);
    prompt.format = Format::Json;
    let (body, _) = written(&prompt, OLD);
    assert_eq!(body["generationConfig"], json!({"responseMimeType": "application/json"}));
    prompt.format = Format::Schema {
        at: "response_format.json_schema".to_owned(),
        name: Some("person".into()),
        description: None,
        schema,
        strict: true,
    };
    let (body, noted) = written(&prompt, OLD);
    let expected = json!({
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "properties": {"a": {"type": "string"}}},
    });
    assert_eq!(body["generationConfig"], expected);
    assert!(noted.is_empty());
    prompt.tools = vec![tool("f", None, None)];
    // Before Gemini 3 the two go together in words alone.
    let (body, noted) = written(&prompt, OLD);
    assert!(body["generationConfig"].is_null(), "{body}");
    let asked = body["systemInstruction"]["parts"][0]["text"].as_str().unwrap();
    assert!(asked.starts_with("Answer with one JSON value") && asked.contains(schema.get()), "{asked}");
    assert_eq!(noted, ["json_schema_as_instruction response_format.json_schema"]);
    assert_eq!(written(&prompt, NEW).0["generationConfig"]["responseMimeType"], "application/json");
}

#[test]
fn what_gemini_cannot_carry_is_refused_by_name() {
    let ask = || user(0, vec![text("q")]);
    let image = |source, media_type: &'static str| {
        Piece::Image(Media { source, media_type: Some(media_type.into()), name: None, detail: None })
    };
    let named = |name| Prompt { tools: vec![tool(name, None, None)], ..prompt(vec![ask()]) };
    let cases = [
        (prompt(vec![]), NEW, "messages: must say something"),
        (
            prompt(vec![ask(), model(1, vec![text("The answer is")])]),
            NEW,
            "messages[1]: an answer the caller has begun",
        ),
        (
            prompt(vec![ask(), user(1, vec![result("x", vec![])])]),
            NEW,
            "messages[1].content[0]: answers the call \"x\", which was not made",
        ),
        (
            prompt(vec![user(0, vec![image(Source::Base64("AA==".into()), "image/gif")])]),
            NEW,
            "messages[0].content[0]: image/gif (Gemini takes PNG, JPEG, WEBP, HEIC and HEIF images)",
        ),
        (
            prompt(vec![user(0, vec![image(Source::Url("file:///etc/passwd".into()), "image/png")])]),
            NEW,
            "messages[0].content[0]: a URL other than https, http or gs",
        ),
        (
            prompt(vec![user(0, vec![image(Source::Url("https://x.example/a.png".into()), "image/png")])]),
            "gemini-2.0-flash",
            "messages[0].content[0]: a URL (this model takes only the bytes)",
        ),
        (
            named("7up"),
            NEW,
            "tools[0]: a tool name other than a letter or underscore and at most 127 letters, digits, _ . : -",
        ),
        (
            Prompt { tool_choice: Some(ToolChoice::Named("g".into())), ..named("f") },
            NEW,
            "tool_choice: names the tool \"g\", which is not among `tools`",
        ),
    ];
    for (prompt, upstream_model, expected) in cases {
        assert_eq!(refused(&prompt, upstream_model), expected);
    }
}

#[test]
fn a_conversation_gemini_would_not_begin_with_gets_a_beginning() {
    let (body, noted) =
        written(&prompt(vec![model(0, vec![text("Hello!")]), user(1, vec![text("hi")])]), NEW);
    assert_eq!(body["contents"][0]["role"], "user");
    assert_eq!(body["contents"][1]["parts"], json!([{"text": "Hello!"}]));
    assert_eq!(noted, ["user_turn_added messages[0]"]);
    let alone = Prompt { system: user(0, vec![text("Say hi.")]).blocks, ..Prompt::default() };
    let (body, noted) = written(&alone, NEW);
    assert_eq!(body, json!({"contents": [{"role": "user", "parts": [{"text": "Say hi."}]}]}));
    assert_eq!(noted, ["system_message_moved messages"]);
}

#[test]
fn arguments_that_are_no_object_are_carried_in_one() {
    let turns = vec![
        user(0, vec![text("q")]),
        model(1, vec![call("1", "f", "[1]", None), call("2", "f", "{\"a\":", None)]),
        user(2, vec![result("1", vec![]), result("2", vec![])]),
    ];
    let (body, noted) = written(&prompt(turns), OLD);
    assert_eq!(body["contents"][1]["parts"][0]["functionCall"]["args"], json!({"arguments": "[1]"}));
    assert_eq!(body["contents"][1]["parts"][1]["functionCall"]["args"], json!({"arguments": "{\"a\":"}));
    assert!(noted.len() == 1 && noted[0].contains("[*]"), "both are told as one: {noted:?}");
}
