//! generateContent requests, written.
//!
//! The model is named in the URL, and so is whether a stream is wanted; neither is in the body.

mod contents;
mod media;
mod parts;
mod tools;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::model::{Model, ThinkingConfig};
use super::schema;
use crate::canonical::{Format, Prompt, ToolChoice};
use crate::notes::{Notes, TranslateError};
pub(super) use parts::arguments;
use parts::{Content, Instruction, Part};
use tools::{ToolConfig, Tools};

/// "The set of character sequences (up to 5) that will stop output generation."
const MOST_STOPS: usize = 5;

pub(crate) fn write(
    prompt: &Prompt<'_>,
    upstream_model: &str,
    notes: &mut Notes,
) -> Result<Vec<u8>, TranslateError> {
    let body = body(prompt, upstream_model, notes)?;
    serde_json::to_vec(&body).map_err(|error| TranslateError::invalid("", error.to_string()))
}

/// A `GenerateContentRequest`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Instruction<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[Tools<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_config: Option<GenerationConfig<'a>>,
}

impl Body<'_> {
    /// The request without its choice of tools, for where only their declarations count.
    pub(super) fn without_tool_choice(self) -> Self {
        Self { tool_config: None, ..self }
    }
}

pub(super) fn body<'a>(
    prompt: &'a Prompt<'_>,
    upstream_model: &str,
    notes: &mut Notes,
) -> Result<Body<'a>, TranslateError> {
    let model = Model::of(upstream_model);
    let (mut system_instruction, contents) = contents::write(prompt, model, notes)?;
    let tools = tools::declarations(prompt, notes)?;
    let tool_config = tools::config(prompt, model, notes)?;
    let (mime_type, schema) = format(prompt, model, notes)?;
    // Where the model can't be held to a format it is asked for in words.
    if mime_type.is_none()
        && let Some(asked) = prompt.format.in_words()
    {
        let empty = || Instruction { parts: Vec::new() };
        system_instruction.get_or_insert_with(empty).parts.push(Part::owned_text(asked));
    }
    let generation_config = generation_config(prompt, model, (mime_type, schema), notes);
    if prompt.user.is_some() {
        notes.add("user_dropped", "user");
    }
    Ok(Body { contents, system_instruction, tools, tool_config, generation_config })
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<Cow<'a, RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig>,
}

fn generation_config<'a>(
    prompt: &'a Prompt<'_>,
    model: Model,
    (response_mime_type, response_json_schema): WrittenFormat<'a>,
    notes: &mut Notes,
) -> Option<GenerationConfig<'a>> {
    let config = GenerationConfig {
        temperature: prompt.temperature.map(|value| clamped(value, 2.0, "temperature", notes)),
        top_p: prompt.top_p,
        top_k: prompt.top_k.map(|k| k.min(INT32_MAX)),
        max_output_tokens: prompt.max_tokens.map(|limit| limit.min(INT32_MAX)),
        stop_sequences: stops(prompt, notes),
        presence_penalty: penalty(prompt.presence_penalty, "presence_penalty", notes),
        frequency_penalty: penalty(prompt.frequency_penalty, "frequency_penalty", notes),
        seed: prompt.seed.map(seed),
        response_mime_type,
        response_json_schema,
        thinking_config: prompt.reasoning.and_then(|asked| model.thinking(asked, notes)),
    };
    let GenerationConfig {
        temperature: None,
        top_p: None,
        top_k: None,
        max_output_tokens: None,
        presence_penalty: None,
        frequency_penalty: None,
        seed: None,
        response_mime_type: None,
        response_json_schema: None,
        thinking_config: None,
        stop_sequences: stops,
    } = &config
    else {
        return Some(config);
    };
    (!stops.is_empty()).then_some(config)
}

/// Counts are `int32` there.
const INT32_MAX: u64 = 0x7fff_ffff;

fn clamped(value: f64, most: f64, field: &str, notes: &mut Notes) -> f64 {
    if value > most {
        notes.add("temperature_clamped", field);
    }
    value.min(most)
}

/// "The maximum value is up to, but not including, 2.0" (Vertex AI). Zero says no more than the default, and several
/// models refuse the field whatever it says.
fn penalty(value: Option<f64>, field: &str, notes: &mut Notes) -> Option<f64> {
    let value = value.filter(|value| *value != 0.0)?;
    let within = value.clamp(-2.0, 1.99);
    if (within - value).abs() > 0.0 {
        notes.add("penalty_clamped", field);
    }
    Some(within)
}

/// A seed is an `int32`; a longer one is folded, so that the same seed still gives the same answer.
fn seed(seed: i64) -> i32 {
    i32::try_from(seed).unwrap_or_else(|_| {
        let folded = (seed ^ (seed >> 32)) & 0x7fff_ffff;
        i32::try_from(folded).unwrap_or(i32::MAX)
    })
}

fn stops<'a>(prompt: &'a Prompt<'_>, notes: &mut Notes) -> Vec<&'a str> {
    let mut stops: Vec<&str> =
        prompt.stop.iter().map(|stop| &**stop).filter(|stop| !stop.is_empty()).collect();
    if stops.len() > MOST_STOPS {
        notes.add("stop_truncated", "stop");
        stops.truncate(MOST_STOPS);
    }
    stops
}

type WrittenFormat<'a> = (Option<&'static str>, Option<Cow<'a, RawValue>>);

fn format<'a>(
    prompt: &'a Prompt<'_>,
    model: Model,
    notes: &mut Notes,
) -> Result<WrittenFormat<'a>, TranslateError> {
    let offers_tools = !prompt.tools.is_empty() && prompt.tool_choice != Some(ToolChoice::None);
    let in_words = offers_tools && !model.takes_json_with_tools();
    Ok(match &prompt.format {
        Format::Text => (None, None),
        Format::Json if in_words => {
            notes.add("json_mode_as_instruction", "response_format");
            (None, None)
        }
        Format::Schema { at, .. } if in_words => {
            notes.add("json_schema_as_instruction", at.as_str());
            (None, None)
        }
        Format::Json => (Some("application/json"), None),
        Format::Schema { at, description, schema, strict, .. } => {
            if description.is_some() {
                notes.add("field_dropped", format!("{at}.description"));
            }
            let path = format!("{at}.schema");
            (Some("application/json"), Some(schema::fit(schema, &path, *strict, notes)?))
        }
    })
}

#[cfg(test)]
mod tests;
