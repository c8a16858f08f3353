//! Members of a request that do not go together, or are too many.

use std::collections::HashSet;

use serde_json::Value;

use super::field;
use crate::ask::{Refusal, Tool, members};

/// <https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching>.
const MOST_CACHE_MARKS: usize = 4;

pub(super) fn check(model: &str, body: &Value, tools: &[Tool]) -> Result<(), Refusal> {
    check_sampling(model, body)?;
    check_thinking(body)?;
    check_tools(body, tools)?;
    if members(&body["system"]).iter().any(|block| block["text"] == "") {
        return Err(field("system", "text content blocks must be non-empty"));
    }
    let blank = |stop: &Value| stop.as_str().is_some_and(|stop| stop.trim().is_empty());
    if members(&body["stop_sequences"]).iter().any(blank) {
        return Err(field("stop_sequences", "each stop sequence must contain non-whitespace"));
    }
    let marks = cache_marks(body);
    if marks > MOST_CACHE_MARKS {
        let reason = format!(
            "A maximum of {MOST_CACHE_MARKS} blocks with cache_control may be provided. Found {marks}."
        );
        return Err(field("", &reason));
    }
    for at in ["output_config", "output_format"] {
        let format = if at == "output_config" { &body[at]["format"] } else { &body[at] };
        if !is_closed(&format["schema"]) {
            let reason = "For 'object' type, 'additionalProperties' must be explicitly set to false";
            let path =
                if at == "output_config" { "output_config.format.schema" } else { "output_format.schema" };
            return Err(field(path, reason));
        }
    }
    Ok(())
}

fn check_sampling(model: &str, body: &Value) -> Result<(), Refusal> {
    if is_newer(model) && !body["temperature"].is_null() && !body["top_p"].is_null() {
        let reason =
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.";
        return Err(field("", reason));
    }
    Ok(())
}

/// From Opus 4.1 and the 4.5 family on.
fn is_newer(model: &str) -> bool {
    let Some(rest) = ["opus-", "sonnet-", "haiku-"].iter().find_map(|family| model.split_once(family)) else {
        return false;
    };
    let mut numbers = rest.1.split(['-', '.']).map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        // A date is no minor version.
        (Some(4), Some(minor)) => (1..100).contains(&minor),
        (Some(major), _) => (5..100).contains(&major),
        (None, _) => false,
    }
}

fn check_thinking(body: &Value) -> Result<(), Refusal> {
    let thinking = &body["thinking"];
    if thinking["type"] != "enabled" {
        return Ok(());
    }
    let (budget, most) = (thinking["budget_tokens"].as_u64(), body["max_tokens"].as_u64());
    if let (Some(budget), Some(most)) = (budget, most)
        && budget >= most
    {
        return Err(field("", "`max_tokens` must be greater than `thinking.budget_tokens`."));
    }
    if body["temperature"].as_f64().is_some_and(|given| (given - 1.0).abs() > f64::EPSILON) {
        return Err(field("", "`temperature` may only be set to 1 when thinking is enabled."));
    }
    if !body["top_k"].is_null() {
        return Err(field("", "`top_k` must be unset when thinking is enabled."));
    }
    if ["any", "tool"].iter().any(|forced| body["tool_choice"]["type"] == *forced) {
        return Err(field("", "Thinking may not be enabled when tool_choice forces tool use."));
    }
    Ok(())
}

fn check_tools(body: &Value, tools: &[Tool]) -> Result<(), Refusal> {
    let mut names = HashSet::new();
    if !tools.iter().all(|tool| names.insert(&tool.name)) {
        return Err(field("tools", "Tool names must be unique."));
    }
    let choice = &body["tool_choice"];
    if members(&body["tools"]).is_empty() && !choice.is_null() && choice["type"] != "none" {
        return Err(field("tool_choice", "tool_choice may only be specified while providing tools"));
    }
    let named = choice["name"].as_str().filter(|_| choice["type"] == "tool");
    let offered = |name: &str| members(&body["tools"]).iter().any(|tool| tool["name"] == name);
    if let Some(name) = named.filter(|name| !offered(name)) {
        return Err(field("tool_choice", &format!("Tool '{name}' not found in provided tools")));
    }
    Ok(())
}

/// How many times `cache_control` is set, wherever it may be.
fn cache_marks(value: &Value) -> usize {
    match value {
        Value::Object(members) => {
            let own = usize::from(members.get("cache_control").is_some_and(Value::is_object));
            let inner =
                members.iter().filter(|(name, _)| !["input", "input_schema"].contains(&name.as_str()));
            own + inner.map(|(_, inner)| cache_marks(inner)).sum::<usize>()
        }
        Value::Array(entries) => entries.iter().map(cache_marks).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Whether every object of an output schema refuses what it does not name:
/// <https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs>.
fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            let own = schema["type"] != "object" || schema["additionalProperties"] == false;
            let named = |(name, inner): (&String, &Value)| match name.as_str() {
                "properties" | "$defs" | "definitions" => {
                    inner.as_object().is_none_or(|named| named.values().all(is_closed))
                }
                "items" => is_closed(inner),
                "anyOf" | "allOf" => inner.as_array().is_none_or(|branches| branches.iter().all(is_closed)),
                _ => true,
            };
            own && members.iter().all(named)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => true,
    }
}
