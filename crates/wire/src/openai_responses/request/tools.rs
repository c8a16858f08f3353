//! The tools of a request and the choice among them.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::canonical::{Tool, ToolChoice};
use crate::members::{Members, borrowed_text};
use crate::notes::{Notes, TranslateError};

/// What a caller offers to be called, and how the model is to choose.
pub(super) fn read<'a>(
    source: &mut Members<'a>,
    notes: &mut Notes,
) -> Result<(Vec<Tool<'a>>, Option<ToolChoice<'a>>), TranslateError> {
    let mut tools = Vec::new();
    let mut server_tools = Vec::new();
    for (at, raw) in source.list("tools")? {
        let mut tool = Members::read(raw.get(), at.as_str())?;
        let kind = tool.need_text("type")?;
        match &*kind {
            "function" => {
                tools.push(Tool {
                    at,
                    name: tool.need_text("name")?,
                    description: tool.text("description")?,
                    schema: tool.written_object("parameters")?,
                    strict: tool.get("strict")?,
                    cache: false,
                });
                notes.dropped(tool);
            }
            "custom" => return Err(TranslateError::unsupported(at, "a custom tool with free-form input")),
            "namespace" => return Err(TranslateError::unsupported(at, "a namespace of tools")),
            // Web search, code interpreter, MCP and their like run at the provider.
            _ => server_tools.push(at),
        }
    }
    if let (true, Some(at)) = (tools.is_empty(), server_tools.first()) {
        return Err(TranslateError::unsupported(at.as_str(), "nothing but tools the provider itself runs"));
    }
    for at in server_tools {
        notes.add("server_tool_dropped", at);
    }
    let choice = choice(source, &mut tools, notes)?;
    Ok((tools, choice))
}

fn choice<'a>(
    source: &mut Members<'a>,
    tools: &mut Vec<Tool<'a>>,
    notes: &mut Notes,
) -> Result<Option<ToolChoice<'a>>, TranslateError> {
    let Some(raw) = source.raw("tool_choice") else { return Ok(None) };
    if let Some(mode) = borrowed_text(raw) {
        return mode_of(&mode, "tool_choice").map(Some);
    }
    let mut choice = Members::read(raw.get(), "tool_choice")?;
    let kind = choice.need_text("type")?;
    let read = match &*kind {
        "function" => ToolChoice::Named(choice.need_text("name")?),
        "allowed_tools" => {
            let mode = choice.text("mode")?.unwrap_or(Cow::Borrowed("auto"));
            let allowed = allowed(&mut choice)?;
            tools.retain(|tool| allowed.contains(&tool.name));
            if tools.is_empty() {
                let what = "no allowed tool but those the provider itself runs";
                return Err(TranslateError::unsupported("tool_choice.tools", what));
            }
            mode_of(&mode, "tool_choice.mode")?
        }
        _ => return Err(TranslateError::unsupported("tool_choice", format!("a choice of type \"{kind}\""))),
    };
    notes.dropped(choice);
    Ok(Some(read))
}

/// The functions the model may call; the others are not offered at all, which the model can't tell apart.
fn allowed<'a>(choice: &mut Members<'a>) -> Result<HashSet<Cow<'a, str>>, TranslateError> {
    let mut names = HashSet::new();
    for (at, raw) in choice.list("tools")? {
        let mut tool = Members::read(raw.get(), at)?;
        if tool.need_text("type")? == "function" {
            names.insert(tool.need_text("name")?);
        }
    }
    Ok(names)
}

fn mode_of<'a>(mode: &str, at: &str) -> Result<ToolChoice<'a>, TranslateError> {
    match mode {
        "auto" => Ok(ToolChoice::Auto),
        "required" => Ok(ToolChoice::Required),
        "none" => Ok(ToolChoice::None),
        _ => Err(TranslateError::invalid(at, format!("\"{mode}\" is not auto, required or none"))),
    }
}
