//! The items of a conversation: what they must be beyond the schema, and what they say.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::chat::check_image_url;
use super::realm;
use crate::ask::{Refusal, Role, ToolResult, Turn, content_text, members};
use crate::provider::Provider;
use crate::thought;

/// What the caller sent as items, each reference replaced by what it refers to, after what was stored under the
/// response it goes on from.
pub(super) fn conversation(body: &Value, provider: &Provider) -> Result<Vec<Value>, Refusal> {
    let mut items = match body["previous_response_id"].as_str() {
        None => Vec::new(),
        Some(id) => provider.memory(|memory| memory.stored(id)).ok_or_else(|| {
            Refusal::field("previous_response_id", format!("Previous response with id '{id}' not found."))
                .code("previous_response_not_found")
        })?,
    };
    match &body["input"] {
        Value::String(text) => items.push(json!({ "type": "message", "role": "user", "content": text })),
        Value::Array(given) => {
            for (n, item) in given.iter().enumerate() {
                check_item(n, item, provider)?;
                if item["type"] == "item_reference" {
                    items.extend(found(item["id"].as_str().unwrap_or_default(), provider)?);
                } else {
                    items.push(item.clone());
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            if body["previous_response_id"].is_null() {
                let message = "Missing required parameter: 'input'.";
                return Err(Refusal::field("input", message).code("missing_required_parameter"));
            }
        }
    }
    check_pairs(&items)?;
    Ok(items)
}

fn found(id: &str, provider: &Provider) -> Result<Vec<Value>, Refusal> {
    provider.memory(|memory| memory.stored(id)).ok_or_else(|| {
        let message = format!(
            "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with \
             `store` set to true, or remove this item from your input."
        );
        Refusal { param: Some("input".to_owned()), ..Refusal::new(404, message).code("item_not_found") }
    })
}

fn check_item(n: usize, item: &Value, provider: &Provider) -> Result<(), Refusal> {
    let kind = item["type"].as_str().unwrap_or("message");
    let prefix = match kind {
        "message" if item["role"] == "assistant" => "msg",
        "function_call" => "fc",
        "reasoning" => "rs",
        _ => "",
    };
    if let Some(id) = item["id"].as_str().filter(|id| !id.starts_with(prefix)) {
        let at = format!("input[{n}].id");
        let message = format!("Invalid '{at}': '{id}'. Expected an ID that begins with '{prefix}'.");
        return Err(Refusal::field(at, message).code("invalid_value"));
    }
    if kind == "reasoning" {
        check_reasoning(item, provider)?;
    }
    for member in ["content", "output"] {
        for (part, image) in members(&item[member]).iter().enumerate() {
            if let Some(url) = image["image_url"].as_str() {
                check_image_url(&format!("input[{n}].{member}[{part}].image_url"), url)?;
            }
        }
    }
    Ok(())
}

/// A thought comes back sealed, or by the id it is stored under.
fn check_reasoning(item: &Value, provider: &Provider) -> Result<(), Refusal> {
    let id = item["id"].as_str().unwrap_or_default();
    match item["encrypted_content"].as_str() {
        Some(sealed) if thought::open(&realm(provider.name()), sealed).is_some() => Ok(()),
        Some(_) => {
            let message = format!(
                "The encrypted content for item {id} could not be verified. Reason: Encrypted content could not \
                 be decrypted or parsed."
            );
            Err(Refusal::new(400, message).code("invalid_encrypted_content"))
        }
        None => found(id, provider).map(drop),
    }
}

/// Each output has its call before it, each call its output after it, and no thought stands alone.
fn check_pairs(items: &[Value]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    let mut called: HashSet<&str> = HashSet::new();
    for (n, item) in items.iter().enumerate() {
        let call = item["call_id"].as_str().unwrap_or_default();
        match item["type"].as_str() {
            Some("function_call" | "custom_tool_call") => {
                open.push(call);
                called.insert(call);
            }
            Some("function_call_output" | "custom_tool_call_output") => {
                if !called.contains(call) {
                    let message = format!("No tool call found for function call output with call_id {call}.");
                    return Err(Refusal::field("input", message));
                }
                open.retain(|other| *other != call);
            }
            Some("reasoning") => {
                let next = items.get(n + 1);
                let followed = next.is_some_and(|next| {
                    next["role"] == "assistant"
                        || matches!(next["type"].as_str(), Some(kind) if kind.ends_with("call") || kind == "reasoning")
                });
                if !followed {
                    let id = item["id"].as_str().unwrap_or_default();
                    let message = format!(
                        "Item '{id}' of type 'reasoning' was provided without its required following item."
                    );
                    return Err(Refusal::field("input", message));
                }
            }
            Some(_) | None => {}
        }
    }
    match open.first() {
        None => Ok(()),
        Some(call) => Err(Refusal::field("input", format!("No tool output found for function call {call}."))),
    }
}

/// The text an item adds to the prompt.
pub(super) fn text(item: &Value) -> String {
    content_text(if item["output"].is_null() { &item["content"] } else { &item["output"] })
}

pub(super) fn turns(items: &[Value]) -> Vec<Turn> {
    let role = |item: &Value| match (item["type"].as_str(), item["role"].as_str()) {
        (Some("function_call_output" | "custom_tool_call_output"), _) => Some(Role::Tool),
        (_, Some("user")) => Some(Role::User),
        (_, Some("assistant")) => Some(Role::Assistant),
        (Some(_) | None, _) => None,
    };
    items.iter().filter_map(|item| Some(Turn { role: role(item)?, text: text(item) })).collect()
}

/// The results the conversation ends with.
pub(super) fn tool_results(items: &[Value]) -> Vec<ToolResult> {
    let trailing = items.iter().rev().take_while(|item| item["type"] == "function_call_output");
    let mut results: Vec<ToolResult> = trailing
        .map(|item| ToolResult {
            text: text(item),
            failed: item["status"] == "incomplete",
            images: parts(&item["output"], "input_image").count(),
        })
        .collect();
    results.reverse();
    results
}

pub(super) fn parts<'a>(content: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    members(content).iter().filter(move |part| part["type"] == kind)
}
