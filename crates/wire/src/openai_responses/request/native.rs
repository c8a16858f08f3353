//! Tools OpenAI defines and the caller runs: shells, patches, a search for tools.
//!
//! Each goes upstream as a function whose arguments are what the call's item says.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::canonical::{Tool, ToolForm};
use crate::members::Members;
use crate::notes::TranslateError;

const LOCAL_SHELL: (&str, &str) = (
    "Runs one command on the user's machine, without a shell around it.",
    r#"{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"},"description":"The program and its arguments."},"working_directory":{"type":"string"},"timeout_ms":{"type":"integer"},"env":{"type":"object","additionalProperties":{"type":"string"}}},"required":["command"]}"#,
);

const SHELL: (&str, &str) = (
    "Runs commands in a shell, side by side.",
    r#"{"type":"object","properties":{"commands":{"type":"array","items":{"type":"string"}},"timeout_ms":{"type":"integer"},"max_output_length":{"type":"integer","description":"Most characters of output to be given back."}},"required":["commands"]}"#,
);

const APPLY_PATCH: (&str, &str) = (
    "Creates, updates or deletes one file. A diff is in the V4A format: each hunk begins with `@@`, lines begin with a \
     space, `-` or `+`, and there are no line numbers; of a new file every line begins with `+`.",
    r#"{"type":"object","properties":{"operation":{"type":"object","properties":{"type":{"type":"string","enum":["create_file","update_file","delete_file"]},"path":{"type":"string"},"diff":{"type":"string","description":"Left out when a file is deleted."}},"required":["type","path"]}},"required":["operation"]}"#,
);

const TOOL_SEARCH: (&str, &str) = (
    "Finds further tools. Those it finds can be called from then on.",
    r#"{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}"#,
);

/// What the calls of such a tool are; none where the provider runs it.
pub(super) fn form(kind: &str, tool: &Members<'_>) -> Option<ToolForm> {
    match kind {
        "local_shell" => Some(ToolForm::LocalShell),
        // In a container of the provider's it is the provider's.
        "shell" => {
            let environment = tool.peek("environment").map_or("", RawValue::get);
            (!environment.contains("container")).then_some(ToolForm::Shell)
        }
        "apply_patch" => Some(ToolForm::ApplyPatch),
        "tool_search" => {
            tool.peek("execution").is_some_and(|by| by.get() == "\"client\"").then_some(ToolForm::ToolSearch)
        }
        _ => None,
    }
}

/// The function that stands for such a tool.
pub(super) fn tool<'a>(
    form: ToolForm,
    at: String,
    source: &mut Members<'a>,
) -> Result<Tool<'a>, TranslateError> {
    let (said, arguments) = match form {
        ToolForm::LocalShell => LOCAL_SHELL,
        ToolForm::Shell => SHELL,
        ToolForm::ApplyPatch => APPLY_PATCH,
        ToolForm::ToolSearch | ToolForm::Function | ToolForm::Custom => TOOL_SEARCH,
    };
    for known in ["environment", "execution", "allowed_callers"] {
        source.raw(known);
    }
    let description = source.text("description")?.unwrap_or(Cow::Borrowed(said));
    let own = source.written_object("parameters")?;
    let schema = own.map_or_else(|| serde_json::from_str(arguments), Ok);
    let schema = schema.map_err(|error| TranslateError::invalid(at.as_str(), error.to_string()))?;
    let name = Cow::Borrowed(form.as_str());
    Ok(Tool { at, name, description: Some(description), schema: Some(schema), strict: None, cache: false })
}
