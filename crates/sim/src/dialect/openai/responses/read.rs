//! Reads a request for a response.

use std::collections::HashSet;

use serde_json::Value;

use super::super::{check_strict_schema, is_reasoning};
use super::items;
use crate::ask::{Ask, JsonMode, Reasoning, Refusal, Tool, ToolChoice, inline, members};
use crate::endpoint::Endpoint;
use crate::provider::Provider;

pub(crate) fn read(endpoint: &Endpoint, body: &Value, provider: &Provider) -> Result<Ask, Refusal> {
    let model = match endpoint.model.as_deref().or_else(|| body["model"].as_str()) {
        Some(model) if !model.is_empty() => model.to_owned(),
        Some(_) | None => {
            let message = "Missing required parameter: 'model'.";
            return Err(Refusal::field("model", message).code("missing_required_parameter"));
        }
    };
    let conversation = items::conversation(body, provider)?;
    let tools = tools(body)?;
    let instructions = body["instructions"].as_str().unwrap_or_default();
    let texts: Vec<String> = conversation.iter().map(items::text).collect();
    let prompt = format!("{instructions}{}", texts.concat());
    if provider.profile().strict {
        check_combinations(&model, body, &prompt, &tools)?;
    }
    let last_user = conversation.iter().rev().find(|item| item["role"] == "user");
    let count = |kind| last_user.map_or(0, |item| items::parts(&item["content"], kind).count());
    let images = last_user.into_iter().flat_map(|item| items::parts(&item["content"], "input_image"));
    let pictures = images.filter_map(|image| inline(&image["image_url"])).map(str::to_owned).collect();
    let includes = |what: &str| members(&body["include"]).iter().any(|entry| entry == what);
    let mut echo = body.clone();
    if let Some(echo) = echo.as_object_mut() {
        echo.remove("input");
    }
    Ok(Ask {
        reasoning: thinks(&model, body).then(|| Reasoning {
            shown: !body["reasoning"]["summary"].is_null(),
            encrypted: includes("reasoning.encrypted_content"),
        }),
        model,
        stream: body["stream"].as_bool().unwrap_or(false),
        max_tokens: body["max_output_tokens"].as_u64().and_then(|n| usize::try_from(n).ok()),
        prompt,
        turns: items::turns(&conversation),
        tools,
        tool_choice: tool_choice(&body["tool_choice"]),
        parallel_tools: body["parallel_tool_calls"].as_bool().unwrap_or(true),
        tool_results: items::tool_results(&conversation),
        json: json_mode(body)?,
        images: count("input_image"),
        documents: count("input_file"),
        pictures,
        logprobs: includes("message.output_text.logprobs")
            .then(|| body["top_logprobs"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)),
        transcript: conversation,
        echo,
        ..Ask::default()
    })
}

fn thinks(model: &str, body: &Value) -> bool {
    let reasoning = &body["reasoning"];
    match reasoning["effort"].as_str() {
        Some(effort) => effort != "none",
        None => is_reasoning(model) || !reasoning["summary"].is_null(),
    }
}

fn tools(body: &Value) -> Result<Vec<Tool>, Refusal> {
    let mut tools = Vec::new();
    let mut names = HashSet::new();
    for (n, tool) in members(&body["tools"]).iter().enumerate() {
        if tool["type"] != "function" {
            continue;
        }
        let at = format!("tools[{n}].name");
        let Some(name) = tool["name"].as_str() else {
            let message = format!("Missing required parameter: '{at}'.");
            return Err(Refusal::field(at, message).code("missing_required_parameter"));
        };
        if !names.insert(name) {
            let message = format!("Invalid '{at}': duplicate function name '{name}'.");
            return Err(Refusal::field(at, message));
        }
        if tool["strict"] == true {
            let named = format!("function '{name}'");
            check_strict_schema(&format!("tools[{n}].parameters"), &named, &tool["parameters"])?;
        }
        tools.push(Tool { name: name.to_owned(), schema: tool["parameters"].clone() });
    }
    Ok(tools)
}

fn tool_choice(choice: &Value) -> ToolChoice {
    if let Some(name) = choice["name"].as_str().filter(|_| choice["type"] == "function") {
        return ToolChoice::Named(name.to_owned());
    }
    match choice["mode"].as_str().or_else(|| choice.as_str()) {
        Some("none") => ToolChoice::None,
        Some("required") => ToolChoice::Required,
        Some(_) | None => ToolChoice::Auto,
    }
}

fn json_mode(body: &Value) -> Result<JsonMode, Refusal> {
    let format = &body["text"]["format"];
    match format["type"].as_str() {
        Some("json_object") => Ok(JsonMode::Object),
        Some("json_schema") => {
            if format["strict"] == true {
                let name = format!("response_format '{}'", format["name"].as_str().unwrap_or_default());
                check_strict_schema("text.format.schema", &name, &format["schema"])?;
            }
            Ok(JsonMode::Schema(format["schema"].clone()))
        }
        Some(_) | None => Ok(JsonMode::Off),
    }
}

fn check_combinations(model: &str, body: &Value, prompt: &str, tools: &[Tool]) -> Result<(), Refusal> {
    if let ToolChoice::Named(name) = tool_choice(&body["tool_choice"])
        && !tools.iter().any(|tool| tool.name == name)
    {
        let message = format!("Tool choice 'function' not found in 'tools' parameter: '{name}'.");
        return Err(Refusal::field("tool_choice", message));
    }
    if body["tool_choice"] == "required" && members(&body["tools"]).is_empty() {
        let message = "Tool choice 'required' must be specified with 'tools' parameter.";
        return Err(Refusal::field("tool_choice", message));
    }
    if body["text"]["format"]["type"] == "json_object" && !prompt.to_lowercase().contains("json") {
        let message = "Response input messages must contain the word 'json' in some form to use 'text.format' of \
                       type 'json_object'.";
        return Err(Refusal::field("input", message));
    }
    if !body["conversation"].is_null() && !body["previous_response_id"].is_null() {
        let message = "Mutually exclusive parameters: 'conversation' and 'previous_response_id'.";
        return Err(Refusal::field("conversation", message).code("mutually_exclusive_parameters"));
    }
    let unsupported = |name: &str| {
        let message = format!("Unsupported parameter: '{name}' is not supported with this model.");
        Err(Refusal::field(name, message).code("unsupported_parameter"))
    };
    let samples = body["reasoning"]["effort"] == "none";
    for name in ["temperature", "top_p"] {
        if is_reasoning(model) && !samples && !body[name].is_null() && body[name] != 1 && body[name] != 1.0 {
            return unsupported(name);
        }
    }
    let never_thinks = model.starts_with("gpt-4") || model.starts_with("gpt-3.5");
    for name in ["effort", "summary"] {
        if never_thinks && !body["reasoning"][name].is_null() {
            return unsupported(&format!("reasoning.{name}"));
        }
    }
    Ok(())
}
