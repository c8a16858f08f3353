//! Function declarations and schemas in Google's subset of OpenAPI 3.0:
//! <https://ai.google.dev/api/caching#FunctionDeclaration>.

use std::collections::HashSet;

use serde_json::Value;

use super::rules::rule;
use crate::ask::{Refusal, members};

const LONGEST_NAME: usize = 128;

pub(super) fn check_tools(body: &Value) -> Result<(), Refusal> {
    let mut names = HashSet::new();
    for (t, tool) in members(&body["tools"]).iter().enumerate() {
        for (f, function) in members(&tool["functionDeclarations"]).iter().enumerate() {
            let place = format!("tools[{t}].function_declarations[{f}]");
            let name = function["name"].as_str().unwrap_or_default();
            if !is_name(name) {
                let reason = "Invalid function name. Must start with a letter or an underscore. Must be alphameric \
                              (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum \
                              length of 128.";
                return Err(rule(&format!("{place}.name"), reason));
            }
            if !names.insert(name) {
                return Err(Refusal::new(400, format!("Duplicate function declaration found: {name}")));
            }
            if !function["parameters"].is_null() && !function["parametersJsonSchema"].is_null() {
                let reason = "parameters and parameters_json_schema are mutually exclusive.";
                return Err(rule(&place, reason));
            }
            check(&format!("{place}.parameters"), &function["parameters"])?;
        }
    }
    check_choice(&body["toolConfig"]["functionCallingConfig"], &names)
}

fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts
        && name.len() <= LONGEST_NAME
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.:-".contains(c))
}

fn check_choice(config: &Value, names: &HashSet<&str>) -> Result<(), Refusal> {
    let at = "tool_config.function_calling_config";
    let mode = config["mode"].as_str().unwrap_or("AUTO");
    let allowed = members(&config["allowedFunctionNames"]);
    if !allowed.is_empty() && !["ANY", "VALIDATED"].contains(&mode) {
        let message = "Function calling config is set without function calling mode ANY: allowed_function_names \
                       should only be set when the mode is ANY.";
        return Err(Refusal::new(400, message));
    }
    if mode == "ANY" && names.is_empty() {
        return Err(Refusal::new(
            400,
            "Function calling mode is ANY but no function declarations are provided.",
        ));
    }
    match allowed.iter().filter_map(Value::as_str).find(|name| !names.contains(name)) {
        Some(name) => Err(rule(
            &format!("{at}.allowed_function_names"),
            &format!("allowed function name {name} is not in the function declarations."),
        )),
        None => Ok(()),
    }
}

/// Checks a schema and everything in it; absent is fine.
pub(super) fn check(place: &str, schema: &Value) -> Result<(), Refusal> {
    if schema.is_null() {
        return Ok(());
    }
    let kind = schema["type"].as_str().map(str::to_uppercase);
    let branches = members(&schema["anyOf"]);
    match kind.as_deref() {
        None if branches.is_empty() => return Err(rule(&format!("{place}.type"), "must be specified")),
        Some("OBJECT") => check_object(place, schema)?,
        Some("ARRAY") if schema["items"].is_null() => {
            return Err(rule(&format!("{place}.items"), "missing field."));
        }
        Some(_) | None => {}
    }
    if !members(&schema["enum"]).is_empty() && kind.as_deref().is_some_and(|kind| kind != "STRING") {
        return Err(rule(&format!("{place}.enum"), "only allowed for STRING type"));
    }
    if schema["enum"].as_array().is_some_and(|options| options.iter().any(|option| option == "")) {
        return Err(rule(&format!("{place}.enum[0]"), "cannot be empty"));
    }
    if let Some(format) = schema["format"].as_str() {
        check_format(place, kind.as_deref().unwrap_or_default(), format)?;
    }
    check(&format!("{place}.items"), &schema["items"])?;
    for (n, branch) in branches.iter().enumerate() {
        check(&format!("{place}.any_of[{n}]"), branch)?;
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        check(&format!("{place}.properties[{name}]"), property)?;
    }
    Ok(())
}

fn check_object(place: &str, schema: &Value) -> Result<(), Refusal> {
    let properties = schema["properties"].as_object();
    if properties.is_none_or(serde_json::Map::is_empty) {
        return Err(rule(&format!("{place}.properties"), "should be non-empty for OBJECT type"));
    }
    let known = |name: &Value| {
        properties.zip(name.as_str()).is_some_and(|(properties, name)| properties.contains_key(name))
    };
    match members(&schema["required"]).iter().position(|name| !known(name)) {
        Some(at) => Err(rule(&format!("{place}.required[{at}]"), "property is not defined")),
        None => Ok(()),
    }
}

fn check_format(place: &str, kind: &str, format: &str) -> Result<(), Refusal> {
    let allowed: &[&str] = match kind {
        "STRING" => &["enum", "date-time"],
        "NUMBER" => &["float", "double"],
        "INTEGER" => &["int32", "int64"],
        _ => return Ok(()),
    };
    if allowed.contains(&format) {
        return Ok(());
    }
    let named: Vec<String> = allowed.iter().map(|name| format!("'{name}'")).collect();
    let reason = format!("only {} are supported for {kind} type", named.join(" and "));
    Err(rule(&format!("{place}.format"), &reason))
}
