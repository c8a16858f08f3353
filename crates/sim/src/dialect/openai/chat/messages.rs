//! The conversation of a chat request.

use serde_json::Value;

use crate::ask::{Refusal, Role, ToolResult, Turn, content_text, members};

/// What `data:` URLs of images may hold: <https://platform.openai.com/docs/guides/images-vision>.
const IMAGE_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// The parts of this type in a message's content.
pub(super) fn parts<'a>(message: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    members(&message["content"]).iter().filter(move |part| part["type"] == kind)
}

pub(super) fn text(message: &Value) -> String {
    content_text(&message["content"])
}

pub(super) fn turns(messages: &[Value]) -> Vec<Turn> {
    let role = |message: &Value| match message["role"].as_str() {
        Some("user") => Some(Role::User),
        Some("assistant") => Some(Role::Assistant),
        Some("tool" | "function") => Some(Role::Tool),
        Some(_) | None => None,
    };
    let turn = |message: &Value| Some(Turn { role: role(message)?, text: text(message) });
    messages.iter().filter_map(turn).collect()
}

/// The results the conversation ends with.
pub(super) fn tool_results(messages: &[Value]) -> Vec<ToolResult> {
    let trailing = messages.iter().rev().take_while(|message| message["role"] == "tool");
    let mut results: Vec<ToolResult> = trailing
        .map(|message| ToolResult {
            text: text(message),
            // The dialect has no word for a failure.
            failed: false,
            images: parts(message, "image_url").count(),
        })
        .collect();
    results.reverse();
    results
}

/// Roles that exist, and tool messages that answer a call made right before them, as the real API demands.
pub(super) fn check(messages: &[Value]) -> Result<(), Refusal> {
    let mut open: Option<Vec<&str>> = None;
    for (n, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if !["system", "developer", "user", "assistant", "tool", "function"].contains(&role) {
            let field = format!("messages[{n}].role");
            return Err(Refusal::field(&field, format!("Invalid value for '{field}': '{role}'.")));
        }
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let Some(open) = &mut open else {
                return Err(Refusal::field(
                    format!("messages[{n}].role"),
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with \
                     'tool_calls'.",
                ));
            };
            let Some(at) = open.iter().position(|other| *other == id) else {
                let message = format!(
                    "Invalid parameter: 'tool_call_id' of '{id}' not found in 'tool_calls' of previous message."
                );
                return Err(Refusal::field(format!("messages[{n}].tool_call_id"), message));
            };
            open.remove(at);
            continue;
        }
        check_answered(open.as_deref(), n)?;
        let content = &message["content"];
        let calls = members(&message["tool_calls"]);
        let silent = calls.is_empty() && message["refusal"].is_null() && message["function_call"].is_null();
        if !(content.is_string() || content.is_array()) && silent {
            let field = format!("messages[{n}].content");
            return Err(Refusal::field(
                &field,
                format!("Invalid type for '{field}': expected a string or an array."),
            ));
        }
        check_images(message, n)?;
        let ids = calls.iter().filter_map(|call| call["id"].as_str());
        open = (!calls.is_empty()).then(|| ids.collect());
    }
    check_answered(open.as_deref(), messages.len())
}

fn check_answered(open: Option<&[&str]>, before: usize) -> Result<(), Refusal> {
    match open {
        None | Some([]) => Ok(()),
        Some(open) => Err(Refusal::field(
            format!("messages[{before}].role"),
            format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
                 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
                open.join(", ")
            ),
        )),
    }
}

fn check_images(message: &Value, n: usize) -> Result<(), Refusal> {
    for (part, image) in members(&message["content"]).iter().enumerate() {
        let Some(url) = image["image_url"]["url"].as_str() else { continue };
        let field = format!("messages[{n}].content[{part}].image_url.url");
        check_image_url(&field, url)?;
    }
    Ok(())
}

/// An address, or the image itself in base64.
pub(in crate::dialect::openai) fn check_image_url(field: &str, url: &str) -> Result<(), Refusal> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let Some((kind, data)) = inline else {
        let message =
            format!("Invalid '{field}'. Expected a valid URL, but got a value with an invalid format.");
        return Err(Refusal::field(field, message).code("invalid_value"));
    };
    if !IMAGE_TYPES.contains(&kind) {
        let message = "You uploaded an unsupported image. Please make sure your image has of one the following \
                       formats: ['png', 'jpeg', 'gif', 'webp'].";
        return Err(Refusal::field(field, message).code("invalid_image_format"));
    }
    if data.is_empty() || !is_base64(data) {
        let message =
            format!("Invalid '{field}'. Expected a base64-encoded data URL with an image MIME type.");
        return Err(Refusal::field(field, message).code("invalid_base64"));
    }
    Ok(())
}

fn is_base64(data: &str) -> bool {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(data).is_ok()
}
