//! A request written in a dialect and read again says the same.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::dialects::CALLERS;
use super::{Dialect, read_request, write_request};
use crate::canonical::{
    Block, Content, Format, Media, Prompt, Role, Source, Tool, ToolChoice, ToolResult, ToolUse, Turn,
};
use crate::notes::Notes;

const SCHEMAS: &[&str] = &[
    r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#,
    r#"{"type":"object","properties":{"n":{"type":"number","description":"1.50"}},"required":["n"],"additionalProperties":false}"#,
];

fn schema() -> impl Strategy<Value = &'static RawValue> {
    prop::sample::select(SCHEMAS).prop_map(|schema| serde_json::from_str(schema).unwrap())
}

/// Text nobody trims: no white space at its ends.
fn text() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\🙂][a-z\n\"\\\\ ]{0,10}[a-z.]"
}

fn block(content: Content<'static>) -> Block<'static> {
    Block { at: String::new(), cache: false, content }
}

fn media(
    source: Source<'static>,
    media_type: Option<&'static str>,
    name: Option<&'static str>,
) -> Media<'static> {
    Media { source, media_type: media_type.map(Into::into), name: name.map(Into::into), detail: None }
}

/// What every dialect lets a user say.
fn said_by_user() -> impl Strategy<Value = Content<'static>> {
    prop_oneof![
        4 => text().prop_map(|text| Content::Text(text.into())),
        1 => "[A-Za-z0-9+/]{8}".prop_map(|data| Content::Image(media(Source::Base64(data.into()), Some("image/png"), None))),
        1 => "[a-z]{1,8}".prop_map(|name| {
            Content::Image(media(Source::Url(format!("https://example.com/{name}.png").into()), None, None))
        }),
        1 => "[A-Za-z0-9+/]{8}".prop_map(|data| {
            Content::Document(media(Source::Base64(data.into()), Some("application/pdf"), Some("paper.pdf")))
        }),
    ]
}

/// A question, and perhaps calls with their results and what the model made of them.
fn exchange(number: usize) -> impl Strategy<Value = Vec<Turn<'static>>> {
    let call = ("[a-z_]{1,8}", text(), prop::collection::vec(text(), 1..2), any::<bool>());
    (
        prop::collection::vec(said_by_user(), 1..4),
        prop::option::of(text()),
        prop::collection::vec(call, 0..3),
        text(),
    )
        .prop_map(move |(asked, aside, calls, answer)| {
            let turn = |role, blocks: Vec<Content<'static>>| Turn {
                at: String::new(),
                role,
                blocks: blocks.into_iter().map(block).collect(),
            };
            let mut turns = vec![turn(Role::User, asked)];
            if !calls.is_empty() {
                let mut made: Vec<Content<'static>> =
                    aside.into_iter().map(|text| Content::Text(text.into())).collect();
                let mut results = Vec::new();
                for (at, (name, value, told, is_error)) in calls.into_iter().enumerate() {
                    let id = format!("call_{number}_{at}");
                    made.push(Content::ToolUse(ToolUse {
                        id: id.clone().into(),
                        name: name.into(),
                        arguments: serde_json::json!({ "v": value }).to_string().into(),
                        signature: None,
                    }));
                    results.push(Content::ToolResult(ToolResult {
                        id: id.into(),
                        name: None,
                        is_error,
                        content: told.into_iter().map(|text| Content::Text(text.into())).collect(),
                    }));
                }
                turns.push(turn(Role::Assistant, made));
                turns.push(turn(Role::User, results));
            }
            turns.push(turn(Role::Assistant, vec![Content::Text(answer.into())]));
            turns
        })
}

fn tools() -> impl Strategy<Value = (Vec<Tool<'static>>, Option<ToolChoice<'static>>, Option<bool>)> {
    let tool = (prop::option::of(text()), schema(), any::<bool>());
    (prop::collection::vec(tool, 0..3), 0usize..5, any::<bool>()).prop_map(|(tools, choice, alone)| {
        let tools: Vec<Tool<'static>> = tools
            .into_iter()
            .enumerate()
            .map(|(at, (description, schema, strict))| Tool {
                at: String::new(),
                name: format!("tool_{at}").into(),
                description: description.map(Into::into),
                schema: Some(schema),
                strict: strict.then_some(true),
                cache: false,
            })
            .collect();
        if tools.is_empty() {
            return (tools, None, None);
        }
        let choice = match choice {
            0 => None,
            1 => Some(ToolChoice::Auto),
            2 => Some(ToolChoice::Required),
            3 => Some(ToolChoice::None),
            _ => Some(ToolChoice::Named("tool_0".into())),
        };
        // Without a choice, or with none at all, there is no place for it in every dialect.
        let alone =
            alone && matches!(choice, Some(ToolChoice::Auto | ToolChoice::Required | ToolChoice::Named(_)));
        (tools, choice, alone.then_some(false))
    })
}

fn prompt() -> impl Strategy<Value = Prompt<'static>> {
    let format = prop_oneof![
        2 => Just(None),
        1 => schema().prop_map(Some),
    ];
    (
        prop::option::of(text()),
        (exchange(0), exchange(1)),
        text(),
        tools(),
        format,
        (16u64..9999, prop::option::of(0u8..10), prop::collection::vec("[a-z]{1,4}", 0..4), any::<bool>()),
        prop::option::of("[a-z]{1,9}"),
    )
        .prop_map(
            |(system, (first, second), last, (tools, tool_choice, parallel_tools), format, plain, user)| {
                let (max_tokens, temperature, stop, stream) = plain;
                let mut turns = [first, second].concat();
                turns.push(Turn {
                    at: String::new(),
                    role: Role::User,
                    blocks: vec![block(Content::Text(last.into()))],
                });
                Prompt {
                    system: system.into_iter().map(|text| block(Content::Text(text.into()))).collect(),
                    turns,
                    tools,
                    tool_choice,
                    parallel_tools,
                    max_tokens: Some(max_tokens),
                    temperature: temperature.map(|tenths| f64::from(tenths) / 10.0),
                    stop: stop.into_iter().map(Into::into).collect(),
                    format: format.map_or(Format::Text, |schema| Format::Schema {
                        at: String::new(),
                        name: None,
                        description: None,
                        schema,
                        strict: true,
                    }),
                    stream,
                    user: user.map(Into::into),
                    ..Prompt::default()
                }
            },
        )
}

/// What a prompt means, wherever it was read and however its turns are cut.
fn meaning(prompt: &Prompt<'_>) -> String {
    let mut said = String::new();
    let mut speaker = None;
    for block in &prompt.system {
        writeln!(said, "system {:?}", block.content).unwrap();
    }
    for turn in &prompt.turns {
        if speaker != Some(turn.role) {
            writeln!(said, "{:?}:", turn.role).unwrap();
            speaker = Some(turn.role);
        }
        for block in &turn.blocks {
            writeln!(said, "  {:?}", block.content).unwrap();
        }
    }
    for tool in &prompt.tools {
        let schema = tool.schema.map(RawValue::get);
        writeln!(
            said,
            "tool {} {:?} {schema:?} {:?}",
            tool.name,
            tool.description,
            tool.strict == Some(true)
        )
        .unwrap();
    }
    let format = match &prompt.format {
        Format::Text => "text".to_owned(),
        Format::Json => "json".to_owned(),
        Format::Schema { schema, strict, .. } => format!("{} {strict}", schema.get()),
    };
    let rest = (
        (&prompt.tool_choice, prompt.parallel_tools, prompt.max_tokens, prompt.temperature),
        (&prompt.stop, format, prompt.stream, &prompt.user),
    );
    writeln!(said, "{rest:?}").unwrap();
    said
}

/// A model of each dialect that takes all that is asked here.
fn model(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => "gpt-4o",
        Dialect::AnthropicMessages | Dialect::BedrockConverse => "claude-sonnet-4-5",
        Dialect::Gemini => "gemini-3-flash",
    }
}

/// A prompt without what a dialect has no word for.
fn within(dialect: Dialect, mut prompt: Prompt<'static>) -> Prompt<'static> {
    if dialect == Dialect::OpenAiResponses {
        prompt.stop.clear();
    }
    if dialect == Dialect::Gemini {
        within_gemini(&mut prompt);
    }
    prompt
}

/// Whether a stream is wanted stands in the URL, a result names its function, a function has a description, and a medium
/// its type but no name.
fn within_gemini(prompt: &mut Prompt<'static>) {
    (prompt.stream, prompt.user, prompt.parallel_tools) = (false, None, None);
    for tool in &mut prompt.tools {
        tool.strict = None;
        tool.description.get_or_insert_with(|| tool.name.clone());
    }
    let named: Vec<(String, String)> =
        prompt.tools_by_call().into_iter().map(|(id, name)| (id.to_owned(), name.to_owned())).collect();
    for block in prompt.turns.iter_mut().flat_map(|turn| &mut turn.blocks) {
        match &mut block.content {
            Content::ToolResult(result) => {
                let name = named.iter().find(|(id, _)| *id == result.id).map(|(_, name)| name.clone());
                result.name = name.map(Into::into);
            }
            Content::Image(media) => media.media_type = Some("image/png".into()),
            Content::Document(media) => media.name = None,
            Content::Text(_)
            | Content::Thinking { .. }
            | Content::RedactedThinking(_)
            | Content::ToolUse(_)
            | Content::Refusal(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn a_request_says_the_same_after_a_round_trip(prompt in prompt()) {
        for &dialect in CALLERS {
            let prompt = within(dialect, prompt.clone());
            let mut notes = Notes::default();
            let body = write_request(dialect, &prompt, model(dialect), &mut notes).unwrap();
            let noted: Vec<_> = notes.noted().iter().map(|noted| noted.code).filter(|code| *code != "tool_error_as_text").collect();
            prop_assert!(noted.is_empty(), "{dialect}: {noted:?}");
            let body = String::from_utf8(body).unwrap();
            let again = read_request(dialect, &body, &mut notes).unwrap();
            prop_assert_eq!(meaning(&again), meaning(&prompt), "{}: {}", dialect, body);
        }
    }
}
