//! What the API demands of a conversation beyond its schema.

use std::collections::HashSet;

use serde_json::Value;

use super::read::blocks;
use super::{REALM, field};
use crate::ask::{Refusal, content_text, members};
use crate::thought;

pub(super) fn check(messages: &[Value], thinks: bool) -> Result<(), Refusal> {
    let mut open: HashSet<&str> = HashSet::new();
    let mut seen: HashSet<&str> = HashSet::new();
    for (n, message) in messages.iter().enumerate() {
        check_message(n, message, n + 1 == messages.len())?;
        check_results(n, message, &mut open)?;
        open = blocks(message, "tool_use").filter_map(|block| block["id"].as_str()).collect();
        for id in &open {
            if !seen.insert(id) {
                return Err(field(format!("messages.{n}"), "`tool_use` ids must be unique"));
            }
        }
    }
    if !open.is_empty() {
        return Err(unanswered(messages.len() - 1, &open));
    }
    if messages.first().is_some_and(|first| first["role"] == "assistant") {
        return Err(field("messages", "first message must use the \"user\" role"));
    }
    check_prefill(messages)?;
    if thinks { check_thinking_first(messages) } else { Ok(()) }
}

fn check_message(n: usize, message: &Value, last: bool) -> Result<(), Refusal> {
    let role = message["role"].as_str().unwrap_or_default();
    if !["user", "assistant", "system"].contains(&role) {
        return Err(field(format!("messages.{n}.role"), "Input should be 'user' or 'assistant'"));
    }
    let content = &message["content"];
    if !(content.is_string() || content.is_array()) {
        return Err(field(format!("messages.{n}.content"), "Field required"));
    }
    let empty = content == "" || content.as_array().is_some_and(Vec::is_empty);
    if empty && !(last && role == "assistant") {
        let reason =
            "all messages must have non-empty content except for the optional final assistant message";
        return Err(field(format!("messages.{n}"), reason));
    }
    if blocks(message, "text").any(|block| block["text"] == "") {
        return Err(field("messages", "text content blocks must be non-empty"));
    }
    for (kind, owner) in [("tool_use", "assistant"), ("tool_result", "user"), ("thinking", "assistant")] {
        if role != owner && blocks(message, kind).next().is_some() {
            let reason = format!("`{kind}` blocks can only be in `{owner}` messages");
            return Err(field(format!("messages.{n}"), &reason));
        }
    }
    for (at, block) in members(content).iter().enumerate() {
        check_signature(n, at, block)?;
        let source = &block["source"];
        if source["type"] == "base64" && !source["data"].as_str().is_some_and(is_base64) {
            let path = format!("messages.{n}.content.{at}.source.base64.data");
            return Err(field(path, "Input should be a valid base64 encoded string"));
        }
    }
    Ok(())
}

fn is_base64(data: &str) -> bool {
    use base64::Engine;
    !data.is_empty() && base64::engine::general_purpose::STANDARD.decode(data).is_ok()
}

fn check_signature(n: usize, at: usize, block: &Value) -> Result<(), Refusal> {
    let own = match block["type"].as_str() {
        Some("thinking") => thought::is_signed(
            REALM,
            block["thinking"].as_str().unwrap_or_default(),
            block["signature"].as_str().unwrap_or_default(),
        ),
        Some("redacted_thinking") => {
            thought::open(REALM, block["data"].as_str().unwrap_or_default()).is_some()
        }
        Some(_) | None => true,
    };
    if own {
        return Ok(());
    }
    let (kind, member) =
        if block["type"] == "thinking" { ("thinking", "signature") } else { ("redacted_thinking", "data") };
    Err(field(format!("messages.{n}.content.{at}"), &format!("Invalid `{member}` in `{kind}` block")))
}

/// A result for each tool use, at the beginning of the very next message.
fn check_results<'a>(n: usize, message: &'a Value, open: &mut HashSet<&'a str>) -> Result<(), Refusal> {
    let leading = members(&message["content"]).iter().take_while(|block| block["type"] == "tool_result");
    let leading = leading.count();
    for (at, block) in members(&message["content"]).iter().enumerate() {
        if block["type"] != "tool_result" {
            continue;
        }
        let id = block["tool_use_id"].as_str().unwrap_or_default();
        if at >= leading && open.contains(id) {
            return Err(unanswered(n - 1, open));
        }
        if !open.remove(id) {
            let reason = format!(
                "unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must \
                 have a corresponding `tool_use` block in the previous message."
            );
            return Err(field(format!("messages.{n}.content"), &reason));
        }
    }
    if open.is_empty() { Ok(()) } else { Err(unanswered(n - 1, open)) }
}

fn unanswered(n: usize, open: &HashSet<&str>) -> Refusal {
    let mut ids: Vec<&str> = open.iter().copied().collect();
    ids.sort_unstable();
    let reason = format!(
        "`tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must \
         have a corresponding `tool_result` block in the next message.",
        ids.join(", ")
    );
    field(format!("messages.{n}"), &reason)
}

fn check_prefill(messages: &[Value]) -> Result<(), Refusal> {
    let Some(last) = messages.last().filter(|last| last["role"] == "assistant") else { return Ok(()) };
    let text = content_text(&last["content"]);
    if text.ends_with(char::is_whitespace) {
        return Err(field("messages", "final assistant content cannot end with trailing whitespace"));
    }
    Ok(())
}

/// With a budget to think, the assistant's last turn begins with what it thought, if tools or a prefill follow.
fn check_thinking_first(messages: &[Value]) -> Result<(), Refusal> {
    let Some(n) = messages.iter().rposition(|message| message["role"] == "assistant") else { return Ok(()) };
    let calls = blocks(&messages[n], "tool_use").next().is_some();
    if !calls && n + 1 != messages.len() {
        return Ok(());
    }
    let first = members(&messages[n]["content"]).first().and_then(|block| block["type"].as_str());
    match first.unwrap_or("text") {
        "thinking" | "redacted_thinking" => Ok(()),
        other => {
            let reason = format!(
                "Expected `thinking` or `redacted_thinking`, but found `{other}`. When `thinking` is enabled, a \
                 final `assistant` message must start with a thinking block (preceeding the lastmost set of \
                 `tool_use` and `tool_result` blocks)."
            );
            Err(field(format!("messages.{n}.content.0.type"), &reason))
        }
    }
}
