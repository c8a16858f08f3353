//! Reads a messages request (or one to count tokens).

use serde_json::Value;

use super::{conversation, field, limits};
use crate::ask::{
    Ask, JsonMode, PromptCache, Reasoning, Refusal, Role, Tool, ToolChoice, ToolResult, Turn, content_text,
    members,
};
use crate::endpoint::{Endpoint, Operation};
use crate::provider::Provider;

pub(in super::super) fn read(endpoint: &Endpoint, body: &Value, provider: &Provider) -> Result<Ask, Refusal> {
    let model = match body["model"].as_str() {
        Some(model) if !model.is_empty() => model.to_owned(),
        Some(_) | None => return Err(required("model")),
    };
    let counting = endpoint.operation == Operation::CountTokens;
    let max_tokens = max_tokens(body, counting)?;
    let Some(messages) = body["messages"].as_array() else {
        return Err(required("messages"));
    };
    let Some(last) = messages.last() else {
        return Err(field("messages", "at least one message is required"));
    };
    let tools = tools(body)?;
    conversation::check(messages, thinks(body))?;
    if provider.profile().strict {
        limits::check(&model, body, &tools)?;
    }
    let (prompt, marks) = prompt(body, messages);
    let last_user = messages.iter().rev().find(|message| message["role"] == "user");
    let count = |kind| last_user.map_or(0, |message| blocks(message, kind).count());
    let images = last_user.into_iter().flat_map(|message| blocks(message, "image"));
    let pictures = images.filter_map(|image| image["source"]["data"].as_str()).map(str::to_owned);
    Ok(Ask {
        model,
        stream: !counting && body["stream"].as_bool().unwrap_or(false),
        max_tokens,
        prompt,
        turns: messages.iter().filter_map(turn).collect(),
        tools,
        tool_choice: tool_choice(&body["tool_choice"]),
        parallel_tools: !body["tool_choice"]["disable_parallel_tool_use"].as_bool().unwrap_or(false),
        tool_results: blocks(last, "tool_result").map(tool_result).collect(),
        json: json_mode(body),
        stop: members(&body["stop_sequences"]).iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        reasoning: reasoning(&body["thinking"]),
        images: count("image"),
        documents: count("document"),
        pictures: pictures.collect(),
        cache: PromptCache::Marked(marks),
        continues_own_words: true,
        ..Ask::default()
    })
}

fn required(name: &str) -> Refusal {
    field(name, "Field required")
}

fn max_tokens(body: &Value, counting: bool) -> Result<Option<usize>, Refusal> {
    match body.get("max_tokens") {
        None if counting => Ok(None),
        None => Err(required("max_tokens")),
        Some(given) => match given.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0) {
            None => Err(field("max_tokens", "Input should be greater than or equal to 1")),
            most => Ok(most),
        },
    }
}

/// The blocks of this type in a message's content.
pub(super) fn blocks<'a>(message: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    members(&message["content"]).iter().filter(move |block| block["type"] == kind)
}

fn turn(message: &Value) -> Option<Turn> {
    let text = content_text(&message["content"]);
    let role = match message["role"].as_str() {
        Some("assistant") => Role::Assistant,
        Some("user") if text.is_empty() && blocks(message, "tool_result").next().is_some() => Role::Tool,
        Some("user") => Role::User,
        Some(_) | None => return None,
    };
    Some(Turn { role, text })
}

fn tool_result(block: &Value) -> ToolResult {
    ToolResult {
        text: content_text(&block["content"]),
        failed: block["is_error"] == true,
        images: blocks(block, "image").count(),
    }
}

/// The text of everything the model reads, and the places up to which it is to be cached.
fn prompt(body: &Value, messages: &[Value]) -> (String, Vec<usize>) {
    let (mut prompt, mut marks) = (String::new(), Vec::new());
    let contents = std::iter::once(&body["system"]).chain(messages.iter().map(|message| &message["content"]));
    for content in contents {
        prompt.push_str(content.as_str().unwrap_or_default());
        let mut separator = "";
        for block in members(content) {
            if let Some(text) = block["text"].as_str() {
                prompt.push_str(separator);
                prompt.push_str(text);
                separator = "\n";
            }
            if block["type"] == "tool_result" {
                prompt.push_str(&content_text(&block["content"]));
            }
            if block["cache_control"].is_object() {
                marks.push(prompt.chars().count());
            }
        }
    }
    // At the top level, it marks the last block there is.
    if body["cache_control"].is_object() {
        marks.push(prompt.chars().count());
    }
    (prompt, marks)
}

fn tools(body: &Value) -> Result<Vec<Tool>, Refusal> {
    let own = |tool: &&Value| tool["type"].is_null() || tool["type"] == "custom";
    let read = |(n, tool): (usize, &Value)| match tool["name"].as_str() {
        Some(name) => Ok(Tool { name: name.to_owned(), schema: tool["input_schema"].clone() }),
        None => Err(required(&format!("tools.{n}.name"))),
    };
    members(&body["tools"]).iter().enumerate().filter(|(_, tool)| own(tool)).map(read).collect()
}

fn tool_choice(choice: &Value) -> ToolChoice {
    match (choice["type"].as_str(), choice["name"].as_str()) {
        (Some("tool"), Some(name)) => ToolChoice::Named(name.to_owned()),
        (Some("any"), _) => ToolChoice::Required,
        (Some("none"), _) => ToolChoice::None,
        (Some(_) | None, _) => ToolChoice::Auto,
    }
}

fn json_mode(body: &Value) -> JsonMode {
    let current = &body["output_config"]["format"]["schema"];
    // The beta's spelling is still accepted.
    let schema = if current.is_null() { &body["output_format"]["schema"] } else { current };
    if schema.is_null() { JsonMode::Off } else { JsonMode::Schema(schema.clone()) }
}

/// Whether a fixed budget of thinking is asked for, which binds what the conversation may look like.
fn thinks(body: &Value) -> bool {
    body["thinking"]["type"] == "enabled"
}

fn reasoning(thinking: &Value) -> Option<Reasoning> {
    match thinking["type"].as_str() {
        Some("enabled" | "adaptive") => {
            Some(Reasoning { shown: thinking["display"] != "omitted", encrypted: false })
        }
        Some(_) | None => None,
    }
}
