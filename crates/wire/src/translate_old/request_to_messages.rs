//! A chat request, written as a Messages request.

mod conversation;

use serde_json::value::RawValue;

use super::DEFAULT_MAX_TOKENS;
use crate::notes::{Notes, TranslateError, Translated};
use crate::anthropic::{Block, Metadata, OutputConfig, OutputFormat, Request, Tool, ToolChoice};
use crate::members::{Members, text_of};
use conversation::Conversation;

pub(super) fn write(body: &str, upstream_model: &str) -> Result<Translated, TranslateError> {
    let mut notes = Notes::default();
    let mut chat = Members::read(body, "")?;
    chat.raw("model");
    // Ours, and the stream translator's: neither is the upstream's business.
    chat.raw("idempotencyKey");
    chat.raw("stream_options");
    let mut conversation = Conversation::default();
    for (path, message) in chat.list("messages")? {
        conversation.add(&path, message, &mut notes)?;
    }
    let stream = chat.get("stream")?.unwrap_or(false);
    let plain_limit = chat.get::<u64>("max_tokens")?;
    let max_tokens = chat.get("max_completion_tokens")?.or(plain_limit).unwrap_or(DEFAULT_MAX_TOKENS);
    let (temperature, top_p) = sampling(&mut chat, &mut notes)?;
    let stop_sequences = stop_sequences(&mut chat, &mut notes)?;
    let tools = tools(&mut chat, &mut notes)?;
    let tool_choice = tool_choice(&mut chat, &tools, &mut notes)?;
    let output_config = response_format(&mut chat, &mut conversation, &mut notes)?;
    let safety_identifier = chat.get::<String>("safety_identifier")?;
    let metadata = chat.get::<String>("user")?.or(safety_identifier).map(|user_id| Metadata { user_id });
    refuse_legacy_functions(&mut chat)?;
    ignore_defaults(&mut chat);
    notes.dropped(chat);
    let (system, messages) = conversation.finish();
    notes.finish(&Request {
        model: upstream_model,
        max_tokens,
        system: system.into_iter().map(|text| Block::Text { text }).collect(),
        messages,
        temperature,
        top_p,
        stop_sequences,
        stream,
        tools,
        tool_choice,
        metadata,
        output_config,
    })
}

/// Anthropic's temperature ends at 1, and since Claude Opus 4.1 a request may set only one of the two.
fn sampling(chat: &mut Members<'_>, notes: &mut Notes) -> Result<(Option<f64>, Option<f64>), TranslateError> {
    let mut temperature = chat.get::<f64>("temperature")?;
    if temperature.is_some_and(|value| value > 1.0) {
        notes.add("temperature_clamped", "temperature");
        temperature = Some(1.0);
    }
    let mut top_p = chat.get::<f64>("top_p")?;
    if temperature.is_some() && top_p.is_some() {
        // The default of chat means "no nucleus"; leaving it out changes nothing.
        if top_p != Some(1.0) {
            notes.add("top_p_dropped", "top_p");
        }
        top_p = None;
    }
    Ok((temperature, top_p))
}

fn stop_sequences(chat: &mut Members<'_>, notes: &mut Notes) -> Result<Vec<String>, TranslateError> {
    let Some(raw) = chat.raw("stop") else { return Ok(Vec::new()) };
    let mut stops = match text_of(raw) {
        Some(one) => vec![one],
        None => serde_json::from_str::<Vec<String>>(raw.get())
            .map_err(|_| TranslateError::invalid("stop", "must be a string or a list of strings"))?,
    };
    let asked = stops.len();
    // "stop_sequences: each stop sequence must contain non-whitespace" (Anthropic).
    stops.retain(|stop| !stop.trim().is_empty());
    if stops.len() < asked {
        notes.add("stop_whitespace_dropped", "stop");
    }
    Ok(stops)
}

fn tools(chat: &mut Members<'_>, notes: &mut Notes) -> Result<Vec<Tool>, TranslateError> {
    let mut tools = Vec::new();
    for (path, raw) in chat.list("tools")? {
        let mut tool = Members::read(raw.get(), path.clone())?;
        let kind: String = tool.need("type")?;
        if kind != "function" {
            return Err(TranslateError::unsupported(path, format!("a tool of type \"{kind}\"")));
        }
        let mut function = tool
            .object("function")?
            .ok_or_else(|| TranslateError::invalid(format!("{path}.function"), "is missing"))?;
        let schema = function.raw("parameters").map_or(r#"{"type":"object","properties":{}}"#, RawValue::get);
        tools.push(Tool {
            name: function.need("name")?,
            description: function.get("description")?,
            input_schema: raw_json(schema.to_owned())?,
            strict: function.get("strict")?.unwrap_or(false),
        });
        notes.dropped(function);
        notes.dropped(tool);
    }
    Ok(tools)
}

fn tool_choice(
    chat: &mut Members<'_>,
    tools: &[Tool],
    notes: &mut Notes,
) -> Result<Option<ToolChoice>, TranslateError> {
    let parallel = chat.get::<bool>("parallel_tool_calls")?.unwrap_or(true);
    let raw = chat.raw("tool_choice");
    if tools.is_empty() {
        return Ok(None);
    }
    let of = |kind, name| ToolChoice { r#type: kind, name, disable_parallel_tool_use: !parallel };
    let Some(raw) = raw else { return Ok((!parallel).then(|| of("auto", None))) };
    if let Some(mode) = text_of(raw) {
        return match mode.as_str() {
            "auto" => Ok(Some(of("auto", None))),
            "required" | "any" => Ok(Some(of("any", None))),
            "none" => Ok(Some(ToolChoice { r#type: "none", name: None, disable_parallel_tool_use: false })),
            _ => Err(TranslateError::invalid("tool_choice", "must be auto, required, none or a tool")),
        };
    }
    let mut choice = Members::read(raw.get(), "tool_choice")?;
    let kind: String = choice.need("type")?;
    match kind.as_str() {
        "function" => {
            let mut function = choice
                .object("function")?
                .ok_or_else(|| TranslateError::invalid("tool_choice.function", "is missing"))?;
            Ok(Some(of("tool", Some(function.need("name")?))))
        }
        "allowed_tools" => {
            let mut allowed = choice
                .object("allowed_tools")?
                .ok_or_else(|| TranslateError::invalid("tool_choice.allowed_tools", "is missing"))?;
            notes.add("allowed_tools_dropped", "tool_choice.allowed_tools.tools");
            let required = allowed.get::<String>("mode")?.as_deref() == Some("required");
            Ok(Some(of(if required { "any" } else { "auto" }, None)))
        }
        _ => Err(TranslateError::unsupported("tool_choice", format!("a choice of type \"{kind}\""))),
    }
}

/// A strict schema fits Anthropic's structured outputs (both demand closed objects); anything looser is asked
/// for in words.
fn response_format<'a>(
    chat: &mut Members<'a>,
    conversation: &mut Conversation,
    notes: &mut Notes,
) -> Result<Option<OutputConfig<'a>>, TranslateError> {
    let Some(mut format) = chat.object("response_format")? else { return Ok(None) };
    let kind: String = format.need("type")?;
    match kind.as_str() {
        "text" => Ok(None),
        "json_object" => {
            notes.add("json_mode_as_instruction", "response_format");
            conversation.instruct("Answer with one JSON object and nothing else: no prose, no code fence.");
            Ok(None)
        }
        "json_schema" => {
            let mut wanted = format
                .object("json_schema")?
                .ok_or_else(|| TranslateError::invalid("response_format.json_schema", "is missing"))?;
            let strict = wanted.get::<bool>("strict")?.unwrap_or(false);
            match wanted.raw("schema") {
                Some(schema) if strict => {
                    Ok(Some(OutputConfig { format: OutputFormat { r#type: "json_schema", schema } }))
                }
                schema => {
                    notes.add("json_schema_as_instruction", "response_format.json_schema");
                    let schema = schema.map_or("{}", RawValue::get);
                    conversation.instruct(&format!(
                        "Answer with one JSON value that matches this JSON Schema and nothing else: no prose, \
                         no code fence.\n{schema}"
                    ));
                    Ok(None)
                }
            }
        }
        _ => Err(TranslateError::unsupported("response_format", format!("a format of type \"{kind}\""))),
    }
}

fn refuse_legacy_functions(chat: &mut Members<'_>) -> Result<(), TranslateError> {
    match chat.raw("functions") {
        Some(functions) if functions.get() != "[]" => {
            Err(TranslateError::unsupported("functions", "legacy functions; send `tools` instead"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Takes members that say no more than the default does, so that they are not reported as lost.
fn ignore_defaults(chat: &mut Members<'_>) {
    let defaults = [
        ("n", &["1"][..]),
        ("presence_penalty", &["0", "0.0"]),
        ("frequency_penalty", &["0", "0.0"]),
        ("logprobs", &["false"]),
        ("store", &["false"]),
        ("logit_bias", &["{}"]),
        ("metadata", &["{}"]),
        ("service_tier", &["\"auto\"", "\"default\""]),
        ("modalities", &["[\"text\"]"]),
    ];
    for (name, values) in defaults {
        if chat.peek(name).is_some_and(|raw| values.contains(&raw.get())) {
            chat.raw(name);
        }
    }
}

pub(super) fn raw_json(json: String) -> Result<Box<RawValue>, TranslateError> {
    RawValue::from_string(json).map_err(|error| TranslateError::invalid("", error.to_string()))
}
