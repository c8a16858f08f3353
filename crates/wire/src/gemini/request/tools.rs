//! The caller's tools, as function declarations.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::canonical::{Prompt, Tool, ToolChoice};
use crate::gemini::model::Model;
use crate::gemini::schema;
use crate::notes::{CACHE_HINT_DROPPED, Notes, TranslateError};

/// "Must be a-z, A-Z, 0-9, or contain underscores, colons, dots, and dashes, with a maximum length of 128."
const LONGEST_NAME: usize = 128;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tools<'a> {
    function_declarations: Vec<Declaration<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Cow<'a, RawValue>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    function_calling_config: CallingConfig<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CallingConfig<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'a str; 1]>,
}

pub(super) fn declarations<'a>(
    prompt: &'a Prompt<'_>,
    notes: &mut Notes,
) -> Result<Option<[Tools<'a>; 1]>, TranslateError> {
    let mut function_declarations = Vec::with_capacity(prompt.tools.len());
    for tool in &prompt.tools {
        if !is_name(&tool.name) {
            return Err(TranslateError::unsupported(
                tool.at.as_str(),
                "a tool name other than a letter or underscore and at most 127 letters, digits, _ . : -",
            ));
        }
        if tool.cache {
            notes.add_once(CACHE_HINT_DROPPED, format!("{}.cache_control", tool.at));
        }
        let schema = tool.schema.map(|schema| fitted(schema, tool, notes));
        function_declarations.push(Declaration {
            name: &tool.name,
            // The API demands one.
            description: tool.description.as_deref().filter(|text| !text.is_empty()).unwrap_or(&tool.name),
            parameters_json_schema: schema.transpose()?,
        });
    }
    Ok((!function_declarations.is_empty()).then_some([Tools { function_declarations }]))
}

/// Where in a tool its schema is said depends on the caller's dialect, so notes and errors name the tool.
fn fitted<'a>(
    schema: &'a RawValue,
    tool: &Tool<'_>,
    notes: &mut Notes,
) -> Result<Cow<'a, RawValue>, TranslateError> {
    let mut inside = Notes::default();
    let fitted = schema::fit(schema, &tool.at, tool.strict == Some(true), &mut inside)?;
    for note in inside.noted() {
        notes.add(note.code, tool.at.as_str());
    }
    Ok(fitted)
}

/// "Must start with a letter or an underscore" (Vertex AI, and the Gemini API's own errors).
fn is_name(name: &str) -> bool {
    let first_fits = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let rest_fits = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte));
    first_fits && rest_fits && name.len() <= LONGEST_NAME
}

/// Strict tools are asked for with `VALIDATED`: the model may still answer in prose, but a call follows its schema.
pub(super) fn config<'a>(
    prompt: &'a Prompt<'_>,
    model: Model,
    notes: &mut Notes,
) -> Result<Option<ToolConfig<'a>>, TranslateError> {
    if prompt.tools.is_empty() {
        return Ok(None);
    }
    if prompt.parallel_tools == Some(false) {
        notes.add("parallel_tools_not_limited", "parallel_tool_calls");
    }
    let strict = prompt.tools.iter().find(|tool| tool.strict == Some(true));
    let of = |mode, allowed| {
        Some(ToolConfig { function_calling_config: CallingConfig { mode, allowed_function_names: allowed } })
    };
    Ok(match &prompt.tool_choice {
        Some(ToolChoice::None) => of("NONE", None),
        Some(ToolChoice::Required) => of("ANY", None),
        Some(ToolChoice::Named(name)) => {
            if prompt.tools.iter().all(|tool| tool.name != *name) {
                let message = format!("names the tool \"{name}\", which is not among `tools`");
                return Err(TranslateError::invalid("tool_choice", message));
            }
            of("ANY", Some([&**name]))
        }
        choice @ (Some(ToolChoice::Auto) | None) => match strict {
            Some(_) if model.validates_calls() => of("VALIDATED", None),
            Some(tool) => {
                notes.add("schema_not_enforced", tool.at.as_str());
                of("AUTO", None)
            }
            None => choice.as_ref().and_then(|_| of("AUTO", None)),
        },
    })
}
