//! A prompt, written as a chat request.

use std::collections::HashSet;

use serde_json::Value;
use serde_json::value::RawValue;

use super::conversation;
use super::shapes::{
    FunctionName, JsonSchema, Request, ResponseFormat, StreamAsk, Tool, ToolChoice, ToolFunction,
};
use crate::canonical::{self, Effort, Format, Prompt};
use crate::notes::{CACHE_HINT_DROPPED, Notes, TranslateError};
use crate::openai_chat::models::ChatModel;
use crate::translate::tool_ids::user_id;

/// OpenAI takes at most four stop sequences.
const STOP_LIMIT: usize = 4;
/// OpenAI's function names: `^[a-zA-Z0-9_-]{1,64}$`.
const NAME_LIMIT: usize = 64;

pub(crate) fn write(
    prompt: &Prompt<'_>,
    upstream_model: &str,
    notes: &mut Notes,
) -> Result<Vec<u8>, TranslateError> {
    let model = ChatModel::of(upstream_model);
    let tools = tools(prompt, notes)?;
    let has_tools = !tools.is_empty();
    let user = prompt.user.as_deref().map(user_id);
    if user.as_ref().is_some_and(|(_, is_shortened)| *is_shortened) {
        notes.add("user_id_shortened", "metadata.user_id");
    }
    if prompt.top_k.is_some() {
        notes.add("field_dropped", "top_k");
    }
    // Reasoning models sample in their own way.
    let mut sampled = |value: Option<f64>, name: &'static str, default: f64| {
        let is_asked = value.is_some_and(|value| (value - default).abs() > f64::EPSILON);
        if model.reasons && is_asked {
            notes.add("sampling_dropped", name);
        }
        value.filter(|_| !model.reasons)
    };
    let temperature = sampled(prompt.temperature, "temperature", 1.0);
    let top_p = sampled(prompt.top_p, "top_p", 1.0);
    let presence_penalty = sampled(prompt.presence_penalty, "presence_penalty", 0.0);
    let frequency_penalty = sampled(prompt.frequency_penalty, "frequency_penalty", 0.0);
    let request = Request {
        model: upstream_model,
        messages: conversation::write(prompt, model, notes)?,
        max_tokens: prompt.max_tokens.filter(|_| !model.reasons),
        max_completion_tokens: prompt.max_tokens.filter(|_| model.reasons),
        reasoning_effort: effort(prompt, model, notes),
        temperature,
        top_p,
        presence_penalty,
        frequency_penalty,
        seed: prompt.seed,
        stop: stop(prompt, model, notes),
        stream: prompt.stream,
        // Metering needs it, and so does the caller's stream in any other dialect.
        stream_options: prompt.stream.then_some(StreamAsk { include_usage: true }),
        tool_choice: prompt.tool_choice.as_ref().filter(|_| has_tools).map(tool_choice),
        parallel_tool_calls: prompt.parallel_tools.filter(|_| has_tools),
        tools,
        response_format: response_format(prompt, notes),
        user: user.map(|(user, _)| user),
    };
    serde_json::to_vec(&request).map_err(|error| TranslateError::invalid("", error.to_string()))
}

fn tools<'a>(prompt: &'a Prompt<'_>, notes: &mut Notes) -> Result<Vec<Tool<'a>>, TranslateError> {
    let mut tools = Vec::with_capacity(prompt.tools.len());
    for tool in &prompt.tools {
        if tool.name.len() > NAME_LIMIT {
            let path = format!("{}.name", tool.at);
            return Err(TranslateError::unsupported(path, "a tool name longer than 64 characters"));
        }
        if tool.cache {
            notes.add_once(CACHE_HINT_DROPPED, format!("{}.cache_control", tool.at));
        }
        let mut strict = tool.strict;
        if strict == Some(true) && !tool.schema.is_some_and(fits_strict) {
            notes.add("schema_not_enforced", tool.at.as_str());
            strict = None;
        }
        let function = ToolFunction {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.schema,
            strict,
        };
        tools.push(Tool { r#type: "function", function });
    }
    Ok(tools)
}

fn tool_choice<'a>(choice: &'a canonical::ToolChoice<'_>) -> ToolChoice<'a> {
    match choice {
        canonical::ToolChoice::Auto => ToolChoice::Mode("auto"),
        canonical::ToolChoice::Required => ToolChoice::Mode("required"),
        canonical::ToolChoice::None => ToolChoice::Mode("none"),
        canonical::ToolChoice::Named(name) => {
            ToolChoice::Function { r#type: "function", function: FunctionName { name } }
        }
    }
}

fn stop<'a>(prompt: &'a Prompt<'_>, model: ChatModel, notes: &mut Notes) -> &'a [std::borrow::Cow<'a, str>] {
    if model.reasons && !prompt.stop.is_empty() {
        notes.add("stop_dropped", "stop");
        return &[];
    }
    if prompt.stop.len() > STOP_LIMIT {
        notes.add("stop_truncated", "stop_sequences");
    }
    &prompt.stop[..prompt.stop.len().min(STOP_LIMIT)]
}

fn effort(prompt: &Prompt<'_>, model: ChatModel, notes: &mut Notes) -> Option<&'static str> {
    let asked = prompt.reasoning?;
    // Left to the model, which is what leaving it out says.
    let wanted = asked.effort()?;
    let taken = model.effort(wanted);
    if taken.is_none() && wanted != Effort::None {
        notes.add_once("reasoning_not_carried", "reasoning");
    } else if taken.is_some_and(|taken| taken != wanted) {
        notes.add_once("reasoning_effort_changed", "reasoning");
    }
    taken.map(Effort::as_openai)
}

fn response_format<'a>(prompt: &'a Prompt<'_>, notes: &mut Notes) -> Option<ResponseFormat<'a>> {
    match &prompt.format {
        Format::Text => None,
        Format::Json => Some(ResponseFormat { r#type: "json_object", json_schema: None }),
        Format::Schema { at, name, description, schema, strict } => {
            let enforced = *strict && fits_strict(schema);
            if *strict && !enforced {
                notes.add("schema_not_enforced", format!("{at}.schema"));
            }
            let json_schema = JsonSchema {
                name: name.as_deref().unwrap_or("answer"),
                description: description.as_deref(),
                schema,
                strict: enforced,
            };
            Some(ResponseFormat { r#type: "json_schema", json_schema: Some(json_schema) })
        }
    }
}

/// Whether OpenAI's strict mode takes a schema: its root is an object, and every object in it is closed and requires
/// all of its properties ("Structured Outputs", supported schemas). Others enforce looser ones.
fn fits_strict(schema: &RawValue) -> bool {
    serde_json::from_str::<Value>(schema.get())
        .is_ok_and(|schema| schema.get("type").is_some_and(|kind| kind == "object") && is_closed(&schema))
}

fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            let properties = members.get("properties").and_then(Value::as_object);
            let is_object = properties.is_some() || members.get("type").is_some_and(|kind| kind == "object");
            let required = members.get("required").and_then(Value::as_array).into_iter().flatten();
            let required: HashSet<&str> = required.filter_map(Value::as_str).collect();
            let requires_all =
                properties.is_none_or(|all| all.keys().all(|name| required.contains(name.as_str())));
            let is_shut = members.get("additionalProperties") == Some(&Value::Bool(false));
            (!is_object || (is_shut && requires_all)) && members.values().all(is_closed)
        }
        Value::Array(list) => list.iter().all(is_closed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}
