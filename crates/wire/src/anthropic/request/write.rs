//! A prompt, written as a Messages request.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::conversation::{CacheMarks, Conversation};
use super::shapes::{Metadata, OutputConfig, OutputFormat, Request, Tool, ToolChoice};
use super::thinking::{Plan, has_forced_tool, is_prefilled};
use crate::anthropic::claude::Claude;
use crate::canonical::{self, Format, Prompt};
use crate::notes::{Notes, TranslateError, Translated};

/// Anthropic's tool names: `^[a-zA-Z0-9_-]{1,128}$`.
const NAME_LIMIT: usize = 128;
const NO_INPUT: &str = r#"{"type":"object","properties":{}}"#;

pub(crate) fn write(
    prompt: &Prompt<'_>,
    upstream_model: &str,
    notes: &mut Notes,
) -> Result<Vec<u8>, TranslateError> {
    let claude = Claude::of(upstream_model);
    refuse_what_the_model_refuses(prompt, claude)?;
    let mut marks = CacheMarks::of(prompt, notes);
    let tools = tools(prompt, &mut marks)?;
    let mut conversation = Conversation::of(prompt, &mut marks, notes)?;
    let format = output_format(prompt, claude, &mut conversation, notes);
    let plan = Plan::of(prompt, claude, notes);
    let (temperature, top_p, top_k) = plan.sampling(prompt, claude, notes);
    let has_tools = !tools.is_empty();
    unsaid(prompt, notes);
    let (system, messages) = conversation.finish();
    let request = Request {
        model: upstream_model,
        max_tokens: plan.max_tokens,
        system,
        messages,
        temperature,
        top_p,
        top_k,
        stop_sequences: stop_sequences(prompt, notes),
        stream: prompt.stream,
        tools,
        tool_choice: tool_choice(prompt).filter(|_| has_tools),
        thinking: plan.thinking,
        metadata: prompt.user.as_deref().map(|user_id| Metadata { user_id }),
        output_config: OutputConfig { effort: plan.effort, format },
    };
    serde_json::to_vec(&request).map_err(|error| TranslateError::invalid("", error.to_string()))
}

/// Writes the body of `count_tokens` for a prompt: what costs tokens, and nothing of how the answer is to be.
pub(crate) fn write_count(prompt: &Prompt<'_>, upstream_model: &str) -> Result<Translated, TranslateError> {
    const COUNTED: [&str; 5] = ["model", "system", "messages", "tools", "tool_choice"];
    let mut notes = Notes::default();
    let body = write(prompt, upstream_model, &mut notes)?;
    let mut body: serde_json::Map<String, Value> =
        serde_json::from_slice(&body).map_err(|error| TranslateError::invalid("", error.to_string()))?;
    body.retain(|name, _| COUNTED.contains(&name.as_str()));
    notes.finish(&body)
}

fn refuse_what_the_model_refuses(prompt: &Prompt<'_>, claude: Claude) -> Result<(), TranslateError> {
    if is_prefilled(prompt) && !claude.takes_prefill() {
        let at = prompt.turns.last().map_or("messages", |turn| turn.at.as_str());
        return Err(TranslateError::unsupported(
            at,
            "an answer begun by the caller, which this model does not go on with",
        ));
    }
    if has_forced_tool(prompt) && !claude.takes_forced_tools() {
        return Err(TranslateError::unsupported("tool_choice", "a forced tool, which this model refuses"));
    }
    Ok(())
}

/// What Anthropic has no word for.
fn unsaid(prompt: &Prompt<'_>, notes: &mut Notes) {
    let asked = [
        ("presence_penalty", prompt.presence_penalty.is_some()),
        ("frequency_penalty", prompt.frequency_penalty.is_some()),
        ("seed", prompt.seed.is_some()),
    ];
    for (name, _) in asked.into_iter().filter(|(_, is_asked)| *is_asked) {
        notes.add("field_dropped", name);
    }
}

fn stop_sequences<'a>(prompt: &'a Prompt<'_>, notes: &mut Notes) -> Vec<&'a str> {
    // "stop_sequences: each stop sequence must contain non-whitespace" (Anthropic).
    let kept: Vec<&str> =
        prompt.stop.iter().map(|stop| &**stop).filter(|stop| !stop.trim().is_empty()).collect();
    if kept.len() < prompt.stop.len() {
        notes.add("stop_whitespace_dropped", "stop");
    }
    kept
}

fn tools<'a>(prompt: &'a Prompt<'_>, marks: &mut CacheMarks) -> Result<Vec<Tool<'a>>, TranslateError> {
    let mut tools = Vec::with_capacity(prompt.tools.len());
    for tool in &prompt.tools {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if tool.name.len() > NAME_LIMIT || !tool.name.bytes().all(is_plain) {
            let path = format!("{}.name", tool.at);
            return Err(TranslateError::unsupported(path, "a tool name Anthropic does not take"));
        }
        let input_schema = match tool.schema {
            Some(schema) => Cow::Borrowed(schema),
            None => Cow::Borrowed(
                serde_json::from_str::<&RawValue>(NO_INPUT)
                    .map_err(|error| TranslateError::invalid(tool.at.as_str(), error.to_string()))?,
            ),
        };
        tools.push(Tool {
            name: &tool.name,
            description: tool.description.as_deref(),
            input_schema,
            strict: tool.strict.unwrap_or(false),
            cache_control: marks.take(tool.cache),
        });
    }
    Ok(tools)
}

fn tool_choice<'a>(prompt: &'a Prompt<'_>) -> Option<ToolChoice<'a>> {
    let disable_parallel_tool_use = prompt.parallel_tools == Some(false);
    let of = |kind, name| ToolChoice { r#type: kind, name, disable_parallel_tool_use };
    match &prompt.tool_choice {
        None => disable_parallel_tool_use.then(|| of("auto", None)),
        Some(canonical::ToolChoice::Auto) => Some(of("auto", None)),
        Some(canonical::ToolChoice::Required) => Some(of("any", None)),
        Some(canonical::ToolChoice::Named(name)) => Some(of("tool", Some(&**name))),
        Some(canonical::ToolChoice::None) => {
            Some(ToolChoice { r#type: "none", name: None, disable_parallel_tool_use: false })
        }
    }
}

/// A strict schema within what Anthropic enforces goes along as such; anything else is asked for in words.
fn output_format<'a>(
    prompt: &'a Prompt<'_>,
    claude: Claude,
    conversation: &mut Conversation<'_>,
    notes: &mut Notes,
) -> Option<OutputFormat<'a>> {
    match &prompt.format {
        Format::Text => return None,
        Format::Json => notes.add("json_mode_as_instruction", "response_format"),
        Format::Schema { schema, strict: true, .. } if claude.takes_schema() && is_enforceable(schema) => {
            return Some(OutputFormat { r#type: "json_schema", schema });
        }
        Format::Schema { at, .. } => notes.add("json_schema_as_instruction", at.as_str()),
    }
    if let Some(asked) = prompt.format.in_words() {
        conversation.instruct(asked);
    }
    None
}

/// Whether a schema keeps to what Anthropic's structured outputs know ("JSON Schema limitations"): closed objects, no
/// bounds on numbers and lengths.
fn is_enforceable(schema: &RawValue) -> bool {
    serde_json::from_str::<Value>(schema.get()).is_ok_and(|schema| keeps_to_subset(&schema))
}

fn keeps_to_subset(schema: &Value) -> bool {
    const BOUNDS: [&str; 9] = [
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
    ];
    match schema {
        Value::Object(members) => {
            let is_object = members.contains_key("properties")
                || members.get("type").is_some_and(|kind| kind == "object");
            let is_shut = members.get("additionalProperties") == Some(&Value::Bool(false));
            (!is_object || is_shut)
                && members.iter().all(|(name, value)| match name.as_str() {
                    // Names of the caller's own making, not keywords.
                    "properties" | "$defs" | "definitions" => {
                        value.as_object().is_none_or(|all| all.values().all(keeps_to_subset))
                    }
                    "enum" | "const" | "default" | "examples" => true,
                    "minItems" => value.as_u64().is_some_and(|least| least <= 1),
                    name => !BOUNDS.contains(&name) && keeps_to_subset(value),
                })
        }
        Value::Array(list) => list.iter().all(keeps_to_subset),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}
