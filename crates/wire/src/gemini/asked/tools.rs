//! The caller's functions, and how it wants them called.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{listed, message};
use crate::canonical::{Prompt, Tool, ToolChoice};
use crate::members::{Members, Text};
use crate::notes::{Notes, TranslateError};

/// Reads `tools`: the functions the caller runs. What the provider runs itself (search, code) exists only there, and is
/// left out with a note.
pub(super) fn declarations<'a>(
    source: &mut Members<'a>,
    notes: &mut Notes,
) -> Result<Vec<Tool<'a>>, TranslateError> {
    let mut tools = Vec::new();
    for (at, raw) in listed(source, "tools")? {
        let mut tool = message(raw.get(), at.as_str())?;
        for (at, raw) in listed(&mut tool, "functionDeclarations")? {
            tools.push(declaration(at, raw, notes)?);
        }
        let (path, own) = tool.left();
        for name in own {
            notes.add("server_tool_dropped", format!("{path}.{name}"));
        }
    }
    Ok(tools)
}

fn declaration<'a>(at: String, raw: &'a RawValue, notes: &mut Notes) -> Result<Tool<'a>, TranslateError> {
    let mut declared = message(raw.get(), at.as_str())?;
    let name = declared.need_text("name")?;
    let description = declared.text("description")?;
    // `parameters` has been written as a JSON Schema before anything was read.
    let parameters = declared.written_object("parameters")?;
    let schema = declared.written_object("parametersJsonSchema")?.or(parameters);
    // What a function answers is told to the model alone; none of the others has a place for it.
    if declared.raw("response").is_some() || declared.raw("responseJsonSchema").is_some() {
        notes.add("field_dropped", declared.path_of("response"));
    }
    // How it is called in the Live API.
    declared.raw("behavior");
    notes.dropped(declared);
    Ok(Tool { at, name, description, schema, strict: None, cache: false })
}

/// Reads `toolConfig`: whether, and which of the functions, the model is to call.
pub(super) fn config<'a>(
    source: &mut Members<'a>,
    prompt: &mut Prompt<'a>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let Some(mut config) = source.object("toolConfig")?.map(Members::in_camel_case) else { return Ok(()) };
    if let Some(mut calling) = config.object("functionCallingConfig")?.map(Members::in_camel_case) {
        let allowed: Vec<Text<'a>> = calling.get("allowedFunctionNames")?.unwrap_or_default();
        let mode = calling.text("mode")?;
        prompt.tool_choice = match mode.as_deref() {
            None | Some("" | "MODE_UNSPECIFIED") => None,
            Some("AUTO") => Some(ToolChoice::Auto),
            Some("ANY") => Some(ToolChoice::Required),
            Some("NONE") => Some(ToolChoice::None),
            Some("VALIDATED") => {
                notes.add("schema_not_enforced", calling.path_of("mode"));
                Some(ToolChoice::Auto)
            }
            Some(_) => {
                let message = "must be AUTO, ANY, NONE or VALIDATED";
                return Err(TranslateError::invalid(calling.path_of("mode"), message));
            }
        };
        let path = calling.path_of("allowedFunctionNames");
        notes.dropped(calling);
        let allowed: Vec<_> = allowed.into_iter().map(|name| name.0).collect();
        only(&allowed, &path, prompt)?;
    }
    notes.dropped(config);
    Ok(())
}

/// Leaves the model the functions it may call: the others are not offered.
fn only<'a>(allowed: &[Cow<'a, str>], path: &str, prompt: &mut Prompt<'a>) -> Result<(), TranslateError> {
    if allowed.is_empty() || prompt.tool_choice == Some(ToolChoice::None) {
        return Ok(());
    }
    if let Some(unknown) = allowed.iter().find(|name| prompt.tools.iter().all(|tool| tool.name != **name)) {
        let message = format!("\"{unknown}\" is none of the functions in `tools`");
        return Err(TranslateError::invalid(path, message));
    }
    if let ([one], Some(ToolChoice::Required)) = (allowed, &prompt.tool_choice) {
        prompt.tool_choice = Some(ToolChoice::Named(one.clone()));
        return Ok(());
    }
    prompt.tools.retain(|tool| allowed.contains(&tool.name));
    Ok(())
}
