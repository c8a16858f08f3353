//! The ranges of a `generationConfig`: <https://ai.google.dev/api/generate-content#v1beta.GenerationConfig>.

use serde_json::Value;

use super::rules::rule;
use super::schemas;
use crate::ask::{Refusal, members};

/// The most stop sequences of one request.
const STOPS: usize = 5;
const MIME_TYPES: [&str; 5] =
    ["text/plain", "application/json", "application/xml", "application/yaml", "text/x.enum"];

pub(super) fn check(model: &str, config: &Value) -> Result<(), Refusal> {
    let at = |name: &str| format!("generation_config.{name}");
    let outside = |name: &str, low: f64, high: f64| {
        config[name].as_f64().is_some_and(|value| !(low..=high).contains(&value))
    };
    if outside("temperature", 0.0, 2.0) {
        return Err(rule(&at("temperature"), "temperature must be in the range [0.0, 2.0]."));
    }
    if outside("topP", 0.0, 1.0) {
        return Err(rule(&at("top_p"), "top_p must be in the range [0.0, 1.0]."));
    }
    if outside("topK", 1.0, f64::INFINITY) {
        return Err(rule(&at("top_k"), "top_k must be positive."));
    }
    if outside("maxOutputTokens", 1.0, f64::INFINITY) {
        return Err(rule(&at("max_output_tokens"), "max_output_tokens must be positive."));
    }
    if outside("candidateCount", 1.0, 8.0) {
        return Err(rule(&at("candidate_count"), "candidate_count must be in the range [1, 8]."));
    }
    let stops = members(&config["stopSequences"]);
    if stops.len() > STOPS {
        return Err(rule(&at("stop_sequences"), "the number of stop sequences must not exceed 5."));
    }
    if stops.iter().any(|stop| stop == "") {
        return Err(rule(&at("stop_sequences"), "stop sequences must not be empty."));
    }
    check_response_format(config)?;
    check_thinking(model, &config["thinkingConfig"])
}

fn check_response_format(config: &Value) -> Result<(), Refusal> {
    let kind = config["responseMimeType"].as_str().unwrap_or("text/plain");
    if !MIME_TYPES.contains(&kind) {
        let reason = "allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` \
                      and `text/x.enum`.";
        return Err(rule("generation_config.response_mime_type", reason));
    }
    let (own, json) = (&config["responseSchema"], &config["responseJsonSchema"]);
    if !own.is_null() && !json.is_null() {
        let message = "Only one of response_schema and response_json_schema can be set.";
        return Err(Refusal::new(400, message));
    }
    for (name, schema) in [("response_schema", own), ("response_json_schema", json)] {
        if !schema.is_null() && !["application/json", "text/x.enum"].contains(&kind) {
            let message = format!("{name} is only allowed with a response mime type of application/json.");
            return Err(Refusal::new(400, message));
        }
    }
    schemas::check("generation_config.response_schema", own)
}

/// The ranges of <https://ai.google.dev/gemini-api/docs/thinking#set-budget>.
fn check_thinking(model: &str, config: &Value) -> Result<(), Refusal> {
    let (budget, level) = (config["thinkingBudget"].as_i64(), config["thinkingLevel"].as_str());
    if budget.is_some() && level.is_some() {
        let message = "You can only set only one of thinking budget and thinking level.";
        return Err(Refusal::new(400, message));
    }
    let is = |family: &str| model.rsplit('/').next().is_some_and(|name| name.starts_with(family));
    if level.is_some() && is("gemini-2") {
        return Err(Refusal::new(400, "Thinking level is not supported for this model."));
    }
    if !config.is_null() && (is("gemini-2.0") || is("gemini-1")) {
        return Err(Refusal::new(400, "Thinking is not enabled for this model."));
    }
    let (least, most) = match () {
        () if is("gemini-2.5-pro") => (128, 32_768),
        () if is("gemini-2.5-flash") => (0, 24_576),
        () => (0, 32_768),
    };
    match budget {
        Some(budget) if budget != -1 && !(least..=most).contains(&budget) => Err(Refusal::new(
            400,
            format!(
                "The thinking budget {budget} is invalid. Please choose a value between {least} and {most}."
            ),
        )),
        Some(_) | None => Ok(()),
    }
}
