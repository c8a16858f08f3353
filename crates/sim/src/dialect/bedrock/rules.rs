//! What Bedrock refuses though the request fits its model.

use std::collections::HashSet;

use serde_json::Value;

use super::{is_claude, media};
use crate::ask::{Refusal, members};

pub(super) fn check(model: &str, body: &Value) -> Result<(), Refusal> {
    let messages = members(&body["messages"]);
    check_roles(messages)?;
    let mut documents = HashSet::new();
    for (n, message) in messages.iter().enumerate() {
        check_content(n, message, &mut documents)?;
    }
    check_system(body)?;
    check_tool_turns(messages)?;
    check_tool_config(body, messages)?;
    if is_claude(model) {
        check_claude(model, body, messages)?;
    }
    Ok(())
}

pub(super) fn refused<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(400, message))
}

fn check_roles(messages: &[Value]) -> Result<(), Refusal> {
    if messages.first().is_none_or(|first| first["role"] != "user") {
        return refused(
            "A conversation must start with a user message. Try again with a conversation that starts with a user \
             message.",
        );
    }
    if messages.windows(2).any(|pair| pair[0]["role"] == pair[1]["role"]) {
        return refused(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates \
             between user and assistant roles and try again.",
        );
    }
    Ok(())
}

fn check_content<'a>(n: usize, message: &'a Value, documents: &mut HashSet<&'a str>) -> Result<(), Refusal> {
    let blocks = members(&message["content"]);
    if blocks.is_empty() {
        return refused(format!(
            "The content field in the Message object at messages.{n} is empty. Add a ContentBlock object to the \
             content field and try again."
        ));
    }
    let is_user = message["role"] == "user";
    for (at, block) in blocks.iter().enumerate() {
        let place = format!("messages.{n}.content.{at}");
        if block["text"].as_str().is_some_and(|text| text.trim().is_empty()) {
            return refused(format!(
                "The text field in the ContentBlock object at {place} is blank. Add text to the text field, and try \
                 again."
            ));
        }
        let misplaced = if is_user { ["toolUse", "reasoningContent"] } else { ["toolResult", "document"] };
        if let Some(kind) = misplaced.iter().find(|kind| block.get(**kind).is_some()) {
            let role = if is_user { "user" } else { "assistant" };
            return refused(format!(
                "The {kind} block at {place} can't be in a message with the role {role}."
            ));
        }
        if block["toolUse"].get("input").is_some_and(|input| !input.is_object()) {
            return refused(format!(
                "The format of the value at {place}.toolUse.input is invalid. Provide a json object for the field \
                 and try again."
            ));
        }
        check_result(&place, &block["toolResult"])?;
        media::check(&place, block, documents)?;
    }
    let has = |kind: &str| blocks.iter().any(|block| block.get(kind).is_some());
    if has("document") && !has("text") {
        return refused(format!(
            "A text block is required in the message at messages.{n} because it contains a document. Add a text \
             block and try again."
        ));
    }
    Ok(())
}

fn check_result(place: &str, result: &Value) -> Result<(), Refusal> {
    let blocks = members(&result["content"]);
    if result["status"] == "error" && blocks.is_empty() {
        return refused(format!(
            "The content field at {place}.toolResult cannot be empty when status value is error."
        ));
    }
    for (at, block) in blocks.iter().enumerate() {
        if block["text"] == "" {
            return refused(format!(
                "The text field in the ToolResultContentBlock object at {place}.toolResult.content.{at} is blank. \
                 Add text to the text field, and try again."
            ));
        }
        if block.get("json").is_some_and(|json| !json.is_object()) {
            return refused(format!(
                "The format of the value at {place}.toolResult.content.{at}.json is invalid. Provide a json object \
                 for the field and try again."
            ));
        }
    }
    Ok(())
}

fn check_system(body: &Value) -> Result<(), Refusal> {
    let blank = |block: &Value| block["text"].as_str().is_some_and(|text| text.trim().is_empty());
    match members(&body["system"]).iter().position(blank) {
        Some(at) => refused(format!(
            "The text field in the SystemContentBlock object at system.{at} is blank. Add text to the text field, \
             and try again."
        )),
        None => Ok(()),
    }
}

fn ids<'a>(message: &'a Value, kind: &str) -> Vec<&'a str> {
    members(&message["content"]).iter().filter_map(|block| block[kind]["toolUseId"].as_str()).collect()
}

/// Each tool use is answered in the very next message, and nothing else is.
fn check_tool_turns(messages: &[Value]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for (n, message) in messages.iter().enumerate() {
        let answered = ids(message, "toolResult");
        let missing: Vec<&str> = open.iter().copied().filter(|id| !answered.contains(id)).collect();
        if !missing.is_empty() {
            return refused(format!(
                "Expected toolResult blocks at messages.{n}.content for the following Ids: {}",
                missing.join(", ")
            ));
        }
        if answered.len() > open.len() {
            return refused(format!(
                "The number of toolResult blocks at messages.{n}.content exceeds the number of toolUse blocks of \
                 previous turn."
            ));
        }
        open = ids(message, "toolUse");
        let mut seen = HashSet::new();
        if let Some(twice) = open.iter().find(|id| !seen.insert(**id)) {
            return refused(format!(
                "The toolUse blocks at messages.{n}.content contain duplicate Ids: {twice}"
            ));
        }
    }
    match (open.as_slice(), messages.len()) {
        ([], _) => Ok(()),
        (open, n) => refused(format!(
            "Expected toolResult blocks at messages.{n}.content for the following Ids: {}",
            open.join(", ")
        )),
    }
}

fn check_tool_config(body: &Value, messages: &[Value]) -> Result<(), Refusal> {
    let config = &body["toolConfig"];
    let speaks_of_tools =
        |message: &Value| !ids(message, "toolUse").is_empty() || !ids(message, "toolResult").is_empty();
    if config.is_null() {
        if messages.iter().any(speaks_of_tools) {
            return refused(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
            );
        }
        return Ok(());
    }
    let mut names = HashSet::new();
    for (n, spec) in members(&config["tools"]).iter().map(|tool| &tool["toolSpec"]).enumerate() {
        if spec.is_null() {
            continue;
        }
        if spec["inputSchema"]["json"]["type"] != "object" {
            return refused(format!(
                "The value at toolConfig.tools.{n}.toolSpec.inputSchema.json.type must be one of the following: \
                 object."
            ));
        }
        let name = spec["name"].as_str().unwrap_or_default();
        if !names.insert(name) {
            return refused(format!(
                "The value at toolConfig.tools.{n}.toolSpec.name is a duplicate: {name}. Tool names must be unique."
            ));
        }
    }
    match config["toolChoice"]["tool"]["name"].as_str().filter(|name| !names.contains(name)) {
        Some(name) => refused(format!(
            "The tool name at toolConfig.toolChoice.tool.name, {name}, is not in toolConfig.tools."
        )),
        None => Ok(()),
    }
}

/// What Anthropic's models add of their own.
fn check_claude(model: &str, body: &Value, messages: &[Value]) -> Result<(), Refusal> {
    let config = &body["inferenceConfig"];
    let newer = ["opus-4-1", "opus-4-5", "opus-4-6", "sonnet-4-5", "sonnet-4-6", "haiku-4-5"];
    let both = !config["temperature"].is_null() && !config["topP"].is_null();
    if both && newer.iter().any(|name| model.contains(name)) {
        return model_said(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        );
    }
    let own_end = messages.last().filter(|last| last["role"] == "assistant");
    let last_text =
        own_end.and_then(|last| members(&last["content"]).last()).and_then(|block| block["text"].as_str());
    if last_text.is_some_and(|text| text.ends_with(char::is_whitespace)) {
        return model_said("messages: final assistant content cannot end with trailing whitespace");
    }
    let blocks = members(&body["system"]).iter().chain(messages.iter().flat_map(|m| members(&m["content"])));
    let points =
        blocks.chain(members(&body["toolConfig"]["tools"])).filter(|block| block.get("cachePoint").is_some());
    match points.count() {
        0..=4 => Ok(()),
        found => {
            model_said(&format!("A maximum of 4 blocks with cache_control may be provided. Found {found}."))
        }
    }
}

/// A refusal of the model's, which Bedrock only passes on.
pub(super) fn model_said<T>(message: &str) -> Result<T, Refusal> {
    refused(format!("The model returned the following errors: {message}"))
}
