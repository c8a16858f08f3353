//! A `GenerateContentRequest` (or what tokens are to be counted of) as what is asked for.

use serde_json::{Value, json};

use super::{GENERATE, errors, is_third_generation, rules};
use crate::ask::{Ask, JsonMode, Reasoning, Refusal, Role, Tool, ToolChoice, ToolResult, Turn, members};
use crate::endpoint::{Endpoint, Operation};
use crate::provider::Provider;

pub(crate) fn read(endpoint: &Endpoint, body: &Value, provider: &Provider) -> Result<Ask, Refusal> {
    if endpoint.operation == Operation::CountTokens {
        return counted(endpoint, body, provider);
    }
    let model = endpoint.model.clone().unwrap_or_default();
    rules::check(&model, endpoint.vertex, body)?;
    let contents = members(&body["contents"]);
    let config = &body["generationConfig"];
    let system = texts(&body["systemInstruction"], "\n");
    let turns: Vec<Turn> = contents.iter().map(turn).collect();
    let spoken = turns.iter().map(|turn| turn.text.as_str());
    let answered = contents.iter().flat_map(responses).map(|response| response["response"].to_string());
    let last = contents.last().unwrap_or(&Value::Null);
    let last_user = contents.iter().rev().find(|content| content["role"] != "model" && !is_results(content));
    let (images, documents) = last_user.map_or((0, 0), media);
    Ok(Ask {
        stream: endpoint.operation == Operation::Stream,
        json_array: endpoint.parameter("alt") != Some("sse"),
        max_tokens: number(&config["maxOutputTokens"]),
        prompt: system.chars().chain(spoken.flat_map(str::chars)).collect::<String>()
            + &answered.collect::<String>(),
        tools: tools(body),
        tool_choice: tool_choice(&body["toolConfig"]["functionCallingConfig"]),
        tool_results: responses(last).map(|response| result(last, response)).collect(),
        json: json_mode(config),
        stop: members(&config["stopSequences"]).iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        count: number(&config["candidateCount"]).unwrap_or(1).max(1),
        reasoning: reasoning(&model, &config["thinkingConfig"]),
        images,
        documents,
        pictures: last_user.map(pictures).unwrap_or_default(),
        continues_own_words: true,
        echo: json!({ "vertex": endpoint.vertex }),
        turns,
        model,
        ..Ask::default()
    })
}

/// `countTokens` takes the contents alone, or a whole request.
fn counted(endpoint: &Endpoint, body: &Value, provider: &Provider) -> Result<Ask, Refusal> {
    let whole = &body["generateContentRequest"];
    let mut request = if whole.is_null() { body.clone() } else { whole.clone() };
    if let Value::Object(members) = &mut request {
        members.remove("model");
    }
    if provider.profile().strict {
        GENERATE.check(&request).map_err(|misfit| errors::misfit(&misfit))?;
    }
    let endpoint = Endpoint { operation: Operation::Complete, ..endpoint.clone() };
    read(&endpoint, &request, provider)
}

fn number(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok())
}

fn turn(content: &Value) -> Turn {
    if content["role"] == "model" {
        // A stream's parts belong together without a seam.
        return Turn { role: Role::Assistant, text: texts(content, "") };
    }
    let role = if is_results(content) { Role::Tool } else { Role::User };
    Turn { role, text: texts(content, "\n") }
}

/// The text of the parts that are no thoughts.
fn texts(content: &Value, seam: &str) -> String {
    let spoken = members(&content["parts"]).iter().filter(|part| part["thought"] != true);
    spoken.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(seam)
}

fn is_results(content: &Value) -> bool {
    responses(content).next().is_some()
}

fn responses(content: &Value) -> impl Iterator<Item = &Value> {
    members(&content["parts"]).iter().map(|part| &part["functionResponse"]).filter(|found| found.is_object())
}

/// Images and other files among the parts.
fn media(content: &Value) -> (usize, usize) {
    let parts = members(&content["parts"]).iter();
    let files =
        parts.flat_map(|part| [&part["inlineData"], &part["fileData"]]).filter(|file| file.is_object());
    let (images, others): (Vec<_>, Vec<_>) =
        files.partition(|file| file["mimeType"].as_str().is_some_and(|kind| kind.starts_with("image/")));
    (images.len(), others.len())
}

fn pictures(content: &Value) -> Vec<String> {
    let inline = members(&content["parts"]).iter().map(|part| &part["inlineData"]);
    let images =
        inline.filter(|file| file["mimeType"].as_str().is_some_and(|kind| kind.starts_with("image/")));
    images.filter_map(|image| image["data"].as_str()).map(str::to_owned).collect()
}

/// A result speaks through `output`, a failure through `error`; any other object is a result as a whole.
/// <https://ai.google.dev/api/caching#FunctionResponse>
fn result(content: &Value, response: &Value) -> ToolResult {
    let said = &response["response"];
    let spelled = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let failed = said.get("error").is_some();
    let text = ["output", "result", "error"]
        .iter()
        .find_map(|key| said.get(*key))
        .map_or_else(|| spelled(said), spelled);
    // Older models take images only beside the response.
    let beside = if responses(content).count() == 1 { media(content).0 } else { 0 };
    ToolResult { text, failed, images: media(response).0 + beside }
}

fn tools(body: &Value) -> Vec<Tool> {
    let allowed = members(&body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"]);
    let declared = members(&body["tools"]).iter().flat_map(|tool| members(&tool["functionDeclarations"]));
    let callable = declared.filter(|function| allowed.is_empty() || allowed.contains(&function["name"]));
    let tool = |function: &Value| {
        let json_schema = &function["parametersJsonSchema"];
        let schema = if json_schema.is_null() { &function["parameters"] } else { json_schema };
        Tool { name: function["name"].as_str().unwrap_or_default().to_owned(), schema: schema.clone() }
    };
    callable.map(tool).collect()
}

fn tool_choice(config: &Value) -> ToolChoice {
    match (config["mode"].as_str(), members(&config["allowedFunctionNames"])) {
        (Some("NONE"), _) => ToolChoice::None,
        (Some("ANY"), [Value::String(only)]) => ToolChoice::Named(only.clone()),
        (Some("ANY"), _) => ToolChoice::Required,
        (Some(_) | None, _) => ToolChoice::Auto,
    }
}

fn json_mode(config: &Value) -> JsonMode {
    if config["responseMimeType"] != "application/json" {
        return JsonMode::Off;
    }
    match [&config["responseJsonSchema"], &config["responseSchema"]]
        .into_iter()
        .find(|schema| !schema.is_null())
    {
        Some(schema) => JsonMode::Schema(schema.clone()),
        None => JsonMode::Object,
    }
}

/// Models of generation 2.5 and later think unless they are told not to:
/// <https://ai.google.dev/gemini-api/docs/thinking>.
fn reasoning(model: &str, config: &Value) -> Option<Reasoning> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let by_itself = is_third_generation(name) || (name.starts_with("gemini-2.5") && !name.contains("lite"));
    let asked = config["thinkingBudget"].as_i64().is_some_and(|budget| budget != 0)
        || config["thinkingLevel"].is_string()
        || config["includeThoughts"] == true;
    let thinks = (by_itself || asked) && config["thinkingBudget"] != 0;
    thinks.then(|| Reasoning { shown: config["includeThoughts"] == true, encrypted: false })
}
