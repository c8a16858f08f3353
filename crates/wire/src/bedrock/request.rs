//! Converse requests, written. The model stands in the URL, and whether a stream is wanted too.

mod conversation;
mod media;
mod thinking;
mod tools;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::{Family, Model};
use super::request_shapes::{
    Block, InferenceConfig, JsonSchema, Message, OutputConfig, Request, Structure, TextFormat,
};
use crate::canonical::{Content, Format, Prompt};
use crate::notes::{CACHE_HINT_DROPPED, Notes, TranslateError};

/// A request may set so many cache points ("Prompt caching", maximum of every model).
const CACHE_POINTS: usize = 4;

pub(crate) fn write(
    prompt: &Prompt<'_>,
    upstream_model: &str,
    notes: &mut Notes,
) -> Result<Vec<u8>, TranslateError> {
    let request = body(prompt, upstream_model, notes)?;
    serde_json::to_vec(&request).map_err(|error| TranslateError::invalid("", error.to_string()))
}

/// A prompt as the request it becomes.
pub(super) fn body<'p>(
    prompt: &'p Prompt<'_>,
    upstream_model: &str,
    notes: &mut Notes,
) -> Result<Request<'p>, TranslateError> {
    let model = Model::read(upstream_model);
    let mut cache = CachePoints { model, set: 0 };
    // In the order the provider caches them.
    let offer = tools::write(prompt, model, &mut cache, notes)?;
    let mut system = system(prompt, &mut cache, notes)?;
    let mut messages = conversation::write(prompt, model, &mut cache, notes)?;
    if messages.is_empty() {
        if system.is_empty() {
            return Err(TranslateError::invalid("messages", "must hold a message that says something"));
        }
        // Converse demands a turn of the user's.
        notes.add("system_as_user", "messages");
        messages.push(Message { role: "user", content: std::mem::take(&mut system) });
    }
    let output_config = format(prompt, model, &mut system, notes);
    let mut request = Request {
        messages,
        system,
        tool_config: offer.config,
        output_config,
        request_metadata: metadata(prompt, notes),
        inference_config: InferenceConfig {
            max_tokens: prompt.max_tokens,
            stop_sequences: stop_sequences(prompt, notes),
            ..InferenceConfig::default()
        },
        ..Request::default()
    };
    if let Some(choice) = offer.native_choice {
        request.additional_model_request_fields.insert("tool_choice".to_owned(), choice);
    }
    if model.is_claude() && !request.inference_config.stop_sequences.is_empty() {
        // Converse tells that a stop sequence came up, and which one only when asked.
        request.additional_model_response_field_paths.push("/stop_sequence");
    }
    sampling(prompt, model, &mut request, notes);
    thinking::write(prompt, model, &mut request, notes);
    Ok(request)
}

/// Counts the cache points set.
#[derive(Debug)]
struct CachePoints {
    model: Model,
    set: usize,
}

impl CachePoints {
    /// Whether one may be set at `at`, noted where not.
    fn take(&mut self, at: &str, notes: &mut Notes) -> bool {
        let may = self.model.has_cache_points() && self.set < CACHE_POINTS;
        if may {
            self.set += 1;
        } else {
            notes.add_once(CACHE_HINT_DROPPED, format!("{at}.cache_control"));
        }
        may
    }
}

fn system<'p>(
    prompt: &'p Prompt<'_>,
    cache: &mut CachePoints,
    notes: &mut Notes,
) -> Result<Vec<Block<'p>>, TranslateError> {
    let mut system = Vec::new();
    for block in &prompt.system {
        let Content::Text(text) = &block.content else {
            return Err(TranslateError::unsupported(
                &*block.at,
                "something other than text in the system prompt",
            ));
        };
        if text.trim().is_empty() {
            continue;
        }
        system.push(Block::Text(Cow::Borrowed(text)));
        if block.cache && cache.take(&block.at, notes) {
            system.push(Block::CachePoint(super::request_shapes::CachePoint::DEFAULT));
        }
    }
    Ok(system)
}

/// A strict schema is enforced where the model can; anything looser, and any other model, is asked in words.
fn format<'p>(
    prompt: &'p Prompt<'_>,
    model: Model,
    system: &mut Vec<Block<'p>>,
    notes: &mut Notes,
) -> Option<OutputConfig<'p>> {
    match &prompt.format {
        Format::Text => return None,
        Format::Json => notes.add("json_mode_as_instruction", "response_format"),
        Format::Schema { name, description, schema, strict: true, .. } if model.has_schema() => {
            let name = name.as_deref().filter(|name| tools::is_name(name));
            let description = description.as_deref().filter(|text| !text.is_empty());
            let json_schema = JsonSchema { schema: schema.get(), name, description };
            let structure = Structure { json_schema };
            return Some(OutputConfig { text_format: TextFormat { r#type: "json_schema", structure } });
        }
        Format::Schema { at, .. } => notes.add("json_schema_as_instruction", &**at),
    }
    system.extend(prompt.format.in_words().map(|asked| Block::Text(Cow::Owned(asked))));
    None
}

/// Claude refuses stop sequences of nothing but whitespace.
fn stop_sequences<'p>(prompt: &'p Prompt<'_>, notes: &mut Notes) -> Vec<&'p str> {
    let stops: Vec<&str> =
        prompt.stop.iter().map(|stop| &**stop).filter(|stop| !stop.trim().is_empty()).collect();
    if stops.len() < prompt.stop.len() {
        notes.add("stop_whitespace_dropped", "stop");
    }
    stops
}

/// The end user goes where invocation logs can be filtered by it (`requestMetadata`, values of at most 256 characters).
fn metadata<'p>(prompt: &'p Prompt<'_>, notes: &mut Notes) -> BTreeMap<&'static str, &'p str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " :_@$#=/+,-.".contains(c);
    let Some(user) = prompt.user.as_deref().filter(|user| !user.is_empty()) else { return BTreeMap::new() };
    if user.len() <= 256 && user.chars().all(is_plain) {
        return BTreeMap::from([("user", user)]);
    }
    notes.add("user_dropped", "user");
    BTreeMap::new()
}

fn sampling(prompt: &Prompt<'_>, model: Model, request: &mut Request<'_>, notes: &mut Notes) {
    let asked = [
        ("presence_penalty", prompt.presence_penalty.is_some_and(|value| value != 0.0)),
        ("frequency_penalty", prompt.frequency_penalty.is_some_and(|value| value != 0.0)),
        ("seed", prompt.seed.is_some()),
    ];
    for (field, _) in asked.into_iter().filter(|(_, is_asked)| *is_asked) {
        notes.add("sampling_dropped", field);
    }
    if !model.takes_sampling() {
        // Saying 1 is saying nothing.
        let asked = [
            ("temperature", prompt.temperature.is_some_and(|value| value != 1.0)),
            ("top_p", prompt.top_p.is_some_and(|value| value != 1.0)),
            ("top_k", prompt.top_k.is_some()),
        ];
        for (field, _) in asked.into_iter().filter(|(_, is_asked)| *is_asked) {
            notes.add("sampling_dropped", field);
        }
        return;
    }
    let inference = &mut request.inference_config;
    inference.temperature = prompt.temperature.map(|value| value.min(1.0));
    if inference.temperature != prompt.temperature {
        notes.add("temperature_clamped", "temperature");
    }
    inference.top_p = prompt.top_p;
    if inference.temperature.is_some() && !model.takes_both_samplings() {
        if prompt.top_p.is_some_and(|value| value != 1.0) {
            notes.add("top_p_dropped", "top_p");
        }
        inference.top_p = None;
    }
    if let Some(top_k) = prompt.top_k {
        let fields = &mut request.additional_model_request_fields;
        match model.family() {
            Family::Claude { .. } => fields.insert("top_k".to_owned(), Value::from(top_k)),
            // Nova's ends at 128.
            Family::Nova { .. } => {
                fields.insert("inferenceConfig".to_owned(), json!({ "topK": top_k.min(128) }))
            }
            Family::GptOss | Family::Other | Family::Hidden => {
                notes.add("sampling_dropped", "top_k");
                None
            }
        };
    }
}

#[cfg(test)]
mod tests;
