//! Calls of tools and their results, among the input items.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::parts::{part, tail};
use super::tools::Tools;
use crate::canonical::{Content, ToolForm, ToolResult, ToolUse};
use crate::members::{Members, borrowed_text, elements};
use crate::notes::{Notes, TranslateError};
use crate::translate::{TOOL_ERROR_MARK, free_text};

/// What the calls of an item's type are; none where it is no call the caller runs.
pub(in crate::openai_responses) fn form(kind: &str, item: &Members<'_>) -> Option<ToolForm> {
    match kind {
        "function_call" => Some(ToolForm::Function),
        "custom_tool_call" => Some(ToolForm::Custom),
        "local_shell_call" => Some(ToolForm::LocalShell),
        "shell_call" => Some(ToolForm::Shell),
        "apply_patch_call" => Some(ToolForm::ApplyPatch),
        // One the provider ran has no id, and no result to wait for.
        "tool_search_call" if has_call_id(item) => Some(ToolForm::ToolSearch),
        _ => None,
    }
}

/// Whether an item of this type is the result of a call.
pub(super) fn is_result(kind: &str, item: &Members<'_>) -> bool {
    match kind {
        "function_call_output"
        | "custom_tool_call_output"
        | "local_shell_call_output"
        | "shell_call_output"
        | "apply_patch_call_output" => true,
        "tool_search_output" => has_call_id(item),
        _ => false,
    }
}

fn has_call_id(item: &Members<'_>) -> bool {
    item.peek("call_id").is_some_and(|id| id.get() != "null")
}

/// Reads a call.
pub(super) fn call<'a>(
    form: ToolForm,
    item: &mut Members<'a>,
    tools: &Tools<'a>,
) -> Result<ToolUse<'a>, TranslateError> {
    let id = id(item)?;
    let name = match form {
        ToolForm::Function | ToolForm::Custom => item.need_text("name")?,
        ToolForm::LocalShell | ToolForm::Shell | ToolForm::ApplyPatch | ToolForm::ToolSearch => {
            Cow::Borrowed(form.as_str())
        }
    };
    let namespace = item.text("namespace")?;
    let arguments = match form {
        ToolForm::Function | ToolForm::ToolSearch => said(item, "arguments")?,
        ToolForm::Custom => Cow::Owned(free_text::wrapped(&item.need_text("input")?)),
        ToolForm::LocalShell | ToolForm::Shell => said(item, "action")?,
        ToolForm::ApplyPatch => Cow::Owned(format!(r#"{{"operation":{}}}"#, said(item, "operation")?)),
    };
    // How the provider ran it, or the model came to call it.
    for known in ["environment", "execution", "caller", "async"] {
        item.raw(known);
    }
    Ok(ToolUse {
        id,
        name: tools.offer.name_of(namespace.as_deref(), &name, form),
        arguments,
        signature: None,
    })
}

/// A call's id; a local shell's call and its result may have no other than the item's.
fn id<'a>(item: &mut Members<'a>) -> Result<Cow<'a, str>, TranslateError> {
    let own = item.text("id")?;
    match item.text("call_id")? {
        Some(id) => Ok(id),
        None => own.ok_or_else(|| TranslateError::invalid(item.path_of("call_id"), "is missing")),
    }
}

/// A text, or JSON as it is written.
fn said<'a>(item: &mut Members<'a>, name: &str) -> Result<Cow<'a, str>, TranslateError> {
    let raw = item.raw(name).ok_or_else(|| TranslateError::invalid(item.path_of(name), "is missing"))?;
    Ok(borrowed_text(raw).unwrap_or(Cow::Borrowed(raw.get())))
}

/// Reads a result.
pub(super) fn result<'a>(
    kind: &str,
    item: &mut Members<'a>,
    tools: &mut Tools<'a>,
    notes: &mut Notes,
) -> Result<ToolResult<'a>, TranslateError> {
    let id = id(item)?;
    let mut content = match kind {
        "shell_call_output" => vec![Content::Text(said(item, "output")?)],
        "apply_patch_call_output" => vec![Content::Text(item.text("output")?.unwrap_or_default())],
        "tool_search_output" => vec![Content::Text(Cow::Owned(found(item, tools, notes)?))],
        _ => output(item, notes)?,
    };
    let is_error = take_error_mark(&mut content)
        || item.raw("status").is_some_and(|status| status.get() == "\"failed\"");
    for known in ["name", "namespace", "execution", "caller", "max_output_length"] {
        item.raw(known);
    }
    Ok(ToolResult { id, name: None, is_error, content })
}

fn output<'a>(item: &mut Members<'a>, notes: &mut Notes) -> Result<Vec<Content<'a>>, TranslateError> {
    let path = item.path_of("output");
    let output: &'a RawValue =
        item.raw("output").ok_or_else(|| TranslateError::invalid(path.as_str(), "is missing"))?;
    if let Some(said) = borrowed_text(output) {
        return Ok(vec![Content::Text(said)]);
    }
    let mut content = Vec::new();
    for (at, raw) in elements(output, &path)? {
        content.extend(part(at, raw, notes)?.map(|block| block.content));
    }
    Ok(content)
}

/// Offers the tools a search found, and tells their names.
fn found<'a>(
    item: &mut Members<'a>,
    tools: &mut Tools<'a>,
    notes: &mut Notes,
) -> Result<String, TranslateError> {
    let before = tools.offer.tools.len();
    let list = item.list("tools")?;
    if list.is_empty() {
        return Ok("No tools were found.".to_owned());
    }
    tools.add(list, notes)?;
    let names: Vec<&str> = tools.offer.tools[before..].iter().map(|tool| &*tool.name).collect();
    if names.is_empty() {
        return Ok("The tools found are on offer already.".to_owned());
    }
    Ok(format!("These tools were found and can be called now: {}.", names.join(", ")))
}

/// Takes the mark of a failed tool off the first text, and the text if it was nothing else.
fn take_error_mark(content: &mut Vec<Content<'_>>) -> bool {
    let Some(Content::Text(first)) = content.first_mut() else { return false };
    if !first.starts_with(TOOL_ERROR_MARK) {
        return false;
    }
    *first = tail(std::mem::take(first), TOOL_ERROR_MARK.len());
    if first.is_empty() && content.len() > 1 {
        content.remove(0);
    }
    true
}
