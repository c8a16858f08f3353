//! A Converse request as what is asked for.

use serde_json::{Value, json};

use super::{is_claude, rules, thinking};
use crate::ask::{Ask, JsonMode, PromptCache, Refusal, Role, Tool, ToolChoice, ToolResult, Turn, members};
use crate::endpoint::{Endpoint, Operation};
use crate::provider::Provider;

pub(crate) fn read(endpoint: &Endpoint, body: &Value, _: &Provider) -> Result<Ask, Refusal> {
    let model = endpoint.model.clone().unwrap_or_default();
    rules::check(&model, body)?;
    thinking::check(&model, body)?;
    let messages = members(&body["messages"]);
    let last = messages.last().unwrap_or(&Value::Null);
    let last_user = messages.iter().rev().find(|m| m["role"] == "user" && results(m).next().is_none());
    let shown = last_user.into_iter().flat_map(|message| members(&message["content"]));
    let pictures = shown.filter_map(|block| block["image"]["source"]["bytes"].as_str());
    let config = &body["inferenceConfig"];
    let max_tokens = config["maxTokens"].as_u64().and_then(|n| usize::try_from(n).ok());
    let mut read = Read::default();
    read.blocks(&body["system"]);
    messages.iter().for_each(|message| read.blocks(&message["content"]));
    let stops = members(&config["stopSequences"]);
    Ok(Ask {
        stream: endpoint.operation == Operation::Stream,
        max_tokens,
        turns: messages.iter().map(turn).collect(),
        tools: tools(&body["toolConfig"]),
        tool_choice: tool_choice(&body["toolConfig"]["toolChoice"]),
        parallel_tools: !disables_parallel(body),
        tool_results: results(last).map(result).collect(),
        json: json_mode(body)?,
        stop: stops.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        reasoning: thinking::reasoning(body),
        images: last_user.map_or(0, |message| count(&message["content"], "image")),
        documents: last_user.map_or(0, |message| count(&message["content"], "document")),
        pictures: pictures.map(str::to_owned).collect(),
        // Anthropic's models cache what is marked; Amazon's cache by themselves as well.
        cache: if is_claude(&model) { PromptCache::Marked(read.marks) } else { PromptCache::Automatic },
        prompt: read.text,
        continues_own_words: true,
        echo: json!({ "paths": body["additionalModelResponseFieldPaths"] }),
        model,
        ..Ask::default()
    })
}

/// What the model reads, and how much of it lies before each cache point.
#[derive(Default)]
struct Read {
    text: String,
    marks: Vec<usize>,
}

impl Read {
    fn blocks(&mut self, blocks: &Value) {
        for block in members(blocks) {
            if block.get("cachePoint").is_some() {
                self.marks.push(self.text.chars().count());
            }
            for said in
                [&block["text"], &block["toolResult"]["content"], &block["document"]["source"]["text"]]
            {
                match said {
                    Value::String(text) => self.text.push_str(text),
                    Value::Array(_) => self.text.push_str(&spoken(said)),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
                }
            }
            if let Some(input) = block["toolUse"].get("input") {
                self.text.push_str(&input.to_string());
            }
        }
    }
}

fn turn(message: &Value) -> Turn {
    let texts: Vec<&str> =
        members(&message["content"]).iter().filter_map(|block| block["text"].as_str()).collect();
    if message["role"] == "assistant" {
        return Turn { role: Role::Assistant, text: texts.concat() };
    }
    let only_results = texts.is_empty() && results(message).next().is_some();
    Turn { role: if only_results { Role::Tool } else { Role::User }, text: texts.join("\n") }
}

fn results(message: &Value) -> impl Iterator<Item = &Value> {
    let blocks = members(&message["content"]).iter();
    blocks.map(|block| &block["toolResult"]).filter(|result| result.is_object())
}

fn result(result: &Value) -> ToolResult {
    ToolResult {
        text: spoken(&result["content"]),
        failed: result["status"] == "error",
        images: count(&result["content"], "image"),
    }
}

/// The text and JSON of a tool result's blocks.
fn spoken(blocks: &Value) -> String {
    let said = members(blocks).iter().filter_map(|block| match (&block["text"], block.get("json")) {
        (Value::String(text), _) => Some(text.clone()),
        (_, json) => json.map(Value::to_string),
    });
    said.collect::<Vec<_>>().join("\n")
}

fn count(blocks: &Value, kind: &str) -> usize {
    members(blocks).iter().filter(|block| block.get(kind).is_some()).count()
}

fn tools(config: &Value) -> Vec<Tool> {
    let specs =
        members(&config["tools"]).iter().map(|tool| &tool["toolSpec"]).filter(|spec| spec.is_object());
    let tool = |spec: &Value| Tool {
        name: spec["name"].as_str().unwrap_or_default().to_owned(),
        schema: spec["inputSchema"]["json"].clone(),
    };
    specs.map(tool).collect()
}

fn tool_choice(choice: &Value) -> ToolChoice {
    match choice["tool"]["name"].as_str() {
        Some(name) => ToolChoice::Named(name.to_owned()),
        None if choice.get("any").is_some() => ToolChoice::Required,
        None => ToolChoice::Auto,
    }
}

/// Converse has no such switch of its own; Anthropic's is passed along.
fn disables_parallel(body: &Value) -> bool {
    body["additionalModelRequestFields"]["tool_choice"]["disable_parallel_tool_use"] == true
}

fn json_mode(body: &Value) -> Result<JsonMode, Refusal> {
    let Some(text) = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"].as_str() else {
        return Ok(JsonMode::Off);
    };
    match serde_json::from_str::<Value>(text) {
        Ok(schema) if schema.is_object() => Ok(JsonMode::Schema(schema)),
        Ok(_) | Err(_) => Err(Refusal::new(
            400,
            "The value at outputConfig.textFormat.structure.jsonSchema.schema is not a valid JSON schema. Provide a \
             JSON schema as a string and try again.",
        )),
    }
}
