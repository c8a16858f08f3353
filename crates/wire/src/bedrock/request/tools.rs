//! The tools on offer and which of them is to be called.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::model::Model;
use super::super::request_shapes::{CachePoint, Choice, InputSchema, Tool, ToolConfig, ToolSpec};
use super::CachePoints;
use crate::canonical::{Content, Prompt, ToolChoice};
use crate::notes::{CACHE_HINT_DROPPED, Notes, TranslateError};

/// Converse demands a schema.
const NO_INPUT: &str = r#"{"type":"object","properties":{}}"#;

/// What a request says of tools.
#[derive(Debug, Default)]
pub(super) struct Offer<'p> {
    pub(super) config: Option<ToolConfig<'p>>,
    /// Claude's own `tool_choice`, for what Converse's has no words for. Never beside Converse's: Bedrock refuses both.
    pub(super) native_choice: Option<Value>,
}

/// Whether Converse takes it as a tool's name: `[a-zA-Z0-9_-]+`, at most 64.
pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
}

/// A name Converse does not take can't be changed: the caller would be asked to run a tool it does not know.
pub(super) fn checked_name<'n>(name: &'n str, at: &str) -> Result<&'n str, TranslateError> {
    if is_name(name) {
        return Ok(name);
    }
    Err(TranslateError::unsupported(
        format!("{at}.name"),
        "a tool name that is not 1 to 64 letters, digits, _ or -",
    ))
}

pub(super) fn write<'p>(
    prompt: &'p Prompt<'_>,
    model: Model,
    cache: &mut CachePoints,
    notes: &mut Notes,
) -> Result<Offer<'p>, TranslateError> {
    let used = names_used(prompt);
    let is_barred = prompt.tools.is_empty() || prompt.tool_choice == Some(ToolChoice::None);
    // Converse has no word for "none": no tools are on offer then. But those a conversation speaks of have to be declared.
    if is_barred && used.is_empty() {
        return Ok(Offer::default());
    }
    let mut tools = Vec::new();
    for tool in &prompt.tools {
        tools.push(spec(tool, model, notes)?);
        // Nova caches no tools.
        if tool.cache && model.is_nova() {
            notes.add_once(CACHE_HINT_DROPPED, format!("{}.cache_control", tool.at));
        } else if tool.cache && cache.take(&tool.at, notes) {
            tools.push(Tool::CachePoint(CachePoint::DEFAULT));
        }
    }
    if prompt.tools.is_empty() {
        for (at, name) in used {
            tools.push(declared(checked_name(name, at)?, None, NO_INPUT, false)?);
        }
    }
    if is_barred {
        let native_choice = model.is_claude().then(|| json!({ "type": "none" }));
        if native_choice.is_none() {
            notes.add("tool_choice_dropped", "tool_choice");
        }
        return Ok(Offer { config: Some(ToolConfig { tools, tool_choice: None }), native_choice });
    }
    let (tool_choice, native_choice) = choice(prompt, model, notes)?;
    Ok(Offer { config: Some(ToolConfig { tools, tool_choice }), native_choice })
}

/// The tools a conversation speaks of, each with the place where it is first named.
fn names_used<'p>(prompt: &'p Prompt<'_>) -> Vec<(&'p str, &'p str)> {
    let tools = prompt.tools_by_call();
    let mut known: HashSet<&str> = HashSet::new();
    let mut used: Vec<(&str, &str)> = Vec::new();
    for block in prompt.turns.iter().flat_map(|turn| &turn.blocks) {
        let name = match &block.content {
            Content::ToolUse(call) => &*call.name,
            Content::ToolResult(result) => {
                result.name.as_deref().or_else(|| tools.get(&*result.id).copied()).unwrap_or("tool")
            }
            Content::Text(_)
            | Content::Image(_)
            | Content::Document(_)
            | Content::Thinking { .. }
            | Content::RedactedThinking(_)
            | Content::Refusal(_) => continue,
        };
        if known.insert(name) {
            used.push((&block.at, name));
        }
    }
    used
}

fn spec<'p>(
    tool: &'p crate::canonical::Tool<'_>,
    model: Model,
    notes: &mut Notes,
) -> Result<Tool<'p>, TranslateError> {
    let name = checked_name(&tool.name, &tool.at)?;
    let is_strict = tool.strict == Some(true);
    if is_strict && !model.has_schema() {
        notes.add_once("strict_dropped", format!("{}.strict", tool.at));
    }
    let schema = tool.schema.map_or(NO_INPUT, RawValue::get);
    declared(name, tool.description.as_deref(), schema, is_strict && model.has_schema())
}

fn declared<'p>(
    name: &'p str,
    description: Option<&'p str>,
    schema: &'p str,
    strict: bool,
) -> Result<Tool<'p>, TranslateError> {
    let schema: &RawValue =
        serde_json::from_str(schema).map_err(|error| TranslateError::invalid("tools", error.to_string()))?;
    let description = description.filter(|text| !text.trim().is_empty());
    let input_schema = InputSchema { json: Cow::Borrowed(schema) };
    Ok(Tool::ToolSpec(ToolSpec { name, description, input_schema, strict }))
}

/// Converse's choice, or Claude's own where calls are to come one by one.
fn choice<'p>(
    prompt: &'p Prompt<'_>,
    model: Model,
    notes: &mut Notes,
) -> Result<(Option<Choice<'p>>, Option<Value>), TranslateError> {
    let is_forced = matches!(&prompt.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    if is_forced && !model.forces_tools() {
        return Err(TranslateError::unsupported("tool_choice", "a tool this model can't be made to call"));
    }
    let one_by_one = prompt.parallel_tools == Some(false);
    if one_by_one && model.is_claude() {
        let mut native = json!({ "type": "auto", "disable_parallel_tool_use": true });
        match &prompt.tool_choice {
            Some(ToolChoice::Required) => native["type"] = Value::from("any"),
            Some(ToolChoice::Named(name)) => {
                native["type"] = Value::from("tool");
                native["name"] = Value::from(&**name);
            }
            Some(ToolChoice::Auto | ToolChoice::None) | None => {}
        }
        return Ok((None, Some(native)));
    }
    if one_by_one {
        notes.add("parallel_tool_calls_dropped", "parallel_tool_calls");
    }
    let choice = match &prompt.tool_choice {
        Some(ToolChoice::Auto) => Some(Choice::Auto {}),
        Some(ToolChoice::Required) => Some(Choice::Any {}),
        Some(ToolChoice::Named(name)) => Some(Choice::Tool { name }),
        Some(ToolChoice::None) | None => None,
    };
    Ok((choice, None))
}
