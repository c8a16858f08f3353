//! Reads a chat request, and refuses what the schema cannot: members that contradict each other or the model.

use std::collections::HashSet;

use serde_json::Value;

use super::super::{check_sampling, check_strict_schema, is_reasoning};
use super::messages;
use crate::ask::{Ask, JsonMode, PromptCache, Reasoning, Refusal, Tool, ToolChoice, inline, members};
use crate::endpoint::Endpoint;
use crate::provider::Provider;

/// What reasoning models take no other value of than the default.
const SAMPLING: [&str; 8] = [
    "max_tokens",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
];

pub(crate) fn read(endpoint: &Endpoint, body: &Value, provider: &Provider) -> Result<Ask, Refusal> {
    let model = match endpoint.model.as_deref().or_else(|| body["model"].as_str()) {
        Some(model) if !model.is_empty() => model.to_owned(),
        Some(_) | None => return Err(Refusal::field("model", "you must provide a model parameter")),
    };
    let messages = match body["messages"].as_array() {
        None => return Err(Refusal::field("messages", "Missing required parameter: 'messages'.")),
        Some(messages) if messages.is_empty() => {
            return Err(Refusal::field(
                "messages",
                "Invalid 'messages': empty array. Expected at least one.",
            ));
        }
        Some(messages) => messages,
    };
    messages::check(messages)?;
    let tools = tools(body)?;
    if provider.profile().strict {
        check_combinations(&model, body, messages, &tools)?;
    }
    let last_user = messages.iter().rev().find(|message| message["role"] == "user");
    let count = |kind| last_user.map_or(0, |message| messages::parts(message, kind).count());
    let images = last_user.into_iter().flat_map(|message| messages::parts(message, "image_url"));
    let pictures = images.filter_map(|image| inline(&image["image_url"]["url"]));
    let effort = &body["reasoning_effort"];
    let thinks = effort.as_str().map_or_else(|| is_reasoning(&model), |effort| effort != "none");
    Ok(Ask {
        max_tokens: max_tokens(body)?,
        model,
        stream: body["stream"].as_bool().unwrap_or(false),
        include_usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
        prompt: messages.iter().map(messages::text).collect(),
        turns: messages::turns(messages),
        tool_choice: tool_choice(&body["tool_choice"]),
        tools,
        parallel_tools: body["parallel_tool_calls"].as_bool().unwrap_or(true),
        tool_results: messages::tool_results(messages),
        json: json_mode(body)?,
        stop: stops(&body["stop"]),
        count: body["n"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(1).clamp(1, 128),
        reasoning: thinks.then(Reasoning::default),
        images: count("image_url"),
        documents: count("file"),
        pictures: pictures.map(str::to_owned).collect(),
        logprobs: (body["logprobs"] == true)
            .then(|| body["top_logprobs"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)),
        cache: PromptCache::Automatic,
        ..Ask::default()
    })
}

fn max_tokens(body: &Value) -> Result<Option<usize>, Refusal> {
    let asked = if body["max_completion_tokens"].is_null() { "max_tokens" } else { "max_completion_tokens" };
    let given = &body[asked];
    let max_tokens = given.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    if max_tokens.is_none() && !given.is_null() {
        return Err(Refusal::field(asked, format!("Invalid '{asked}': expected a positive integer.")));
    }
    Ok(max_tokens)
}

fn tools(body: &Value) -> Result<Vec<Tool>, Refusal> {
    let mut tools = Vec::new();
    let mut names = HashSet::new();
    for (n, tool) in members(&body["tools"]).iter().enumerate() {
        let at = format!("tools[{n}].function.name");
        if tool["type"] == "custom" {
            // A custom tool takes free text; ours never calls one.
            continue;
        }
        let Some(name) = tool["function"]["name"].as_str() else {
            return Err(Refusal::field(&at, format!("Missing required parameter: '{at}'.")));
        };
        if !names.insert(name) {
            return Err(Refusal::field(&at, format!("Invalid '{at}': duplicate function name '{name}'.")));
        }
        let schema = &tool["function"]["parameters"];
        if tool["function"]["strict"] == true {
            check_strict_schema(
                &format!("tools[{n}].function.parameters"),
                &format!("function '{name}'"),
                schema,
            )?;
        }
        tools.push(Tool { name: name.to_owned(), schema: schema.clone() });
    }
    Ok(tools)
}

fn tool_choice(choice: &Value) -> ToolChoice {
    if let Some(name) = choice["function"]["name"].as_str() {
        return ToolChoice::Named(name.to_owned());
    }
    // `allowed_tools` has its mode where a plain choice is the mode itself.
    match choice["allowed_tools"]["mode"].as_str().or_else(|| choice.as_str()) {
        Some("none") => ToolChoice::None,
        Some("required") => ToolChoice::Required,
        Some(_) | None => ToolChoice::Auto,
    }
}

fn json_mode(body: &Value) -> Result<JsonMode, Refusal> {
    let format = &body["response_format"];
    match format["type"].as_str() {
        Some("json_object") => Ok(JsonMode::Object),
        Some("json_schema") => {
            let (name, schema) = (&format["json_schema"]["name"], &format["json_schema"]["schema"]);
            if format["json_schema"]["strict"] == true {
                let name = format!("response_format '{}'", name.as_str().unwrap_or_default());
                check_strict_schema("response_format", &name, schema)?;
            }
            Ok(JsonMode::Schema(schema.clone()))
        }
        Some(_) | None => Ok(JsonMode::Off),
    }
}

fn stops(stop: &Value) -> Vec<String> {
    let many = members(stop).iter().chain(stop.is_string().then_some(stop));
    many.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn check_combinations(model: &str, body: &Value, messages: &[Value], tools: &[Tool]) -> Result<(), Refusal> {
    let only_with = |name: &str, other: &str| {
        let message =
            format!("Invalid value for '{name}': '{name}' is only allowed when '{other}' are specified.");
        Err(Refusal::field(name, message))
    };
    let no_tools = members(&body["tools"]).is_empty();
    if no_tools && !body["tool_choice"].is_null() && body["tool_choice"] != "none" {
        return only_with("tool_choice", "tools");
    }
    if no_tools && !body["parallel_tool_calls"].is_null() {
        return only_with("parallel_tool_calls", "tools");
    }
    if let ToolChoice::Named(name) = tool_choice(&body["tool_choice"])
        && !tools.iter().any(|tool| tool.name == name)
    {
        let message = format!("Tool choice '{name}' not found in 'tools' parameter.");
        return Err(Refusal::field("tool_choice", message));
    }
    if !body["stream_options"].is_null() && body["stream"] != true {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::field("stream_options", message));
    }
    if !body["top_logprobs"].is_null() && body["logprobs"] != true {
        let message = "Invalid 'top_logprobs': 'logprobs' must be true to use this parameter.";
        return Err(Refusal::field("top_logprobs", message));
    }
    let says_json = || messages.iter().any(|message| messages::text(message).to_lowercase().contains("json"));
    if body["response_format"]["type"] == "json_object" && !says_json() {
        let message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type \
                       'json_object'.";
        return Err(Refusal::field("messages", message));
    }
    check_sampling(model, &body["reasoning_effort"], body, &SAMPLING)?;
    let unsupported = |name: &str| {
        let message = format!("Unsupported parameter: '{name}' is not supported with this model.");
        Err(Refusal::field(name, message).code("unsupported_parameter"))
    };
    if is_reasoning(model) && !body["stop"].is_null() {
        return unsupported("stop");
    }
    let never_thinks = model.starts_with("gpt-4") || model.starts_with("gpt-3.5");
    if never_thinks && !body["reasoning_effort"].is_null() {
        let message = "Unrecognized request argument supplied: reasoning_effort";
        return Err(Refusal { param: None, ..Refusal::new(400, message) });
    }
    Ok(())
}
