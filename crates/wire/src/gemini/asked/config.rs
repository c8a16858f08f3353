//! What is asked of the answer: `generationConfig`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::canonical::{Effort, Format, Prompt, Reasoning};
use crate::members::{Members, Text, text_of};
use crate::notes::{Notes, TranslateError};
use crate::openai_responses::strict_schema;

const AT: &str = "generationConfig";

pub(super) fn read<'a>(
    source: &mut Members<'a>,
    prompt: &mut Prompt<'a>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let Some(mut config) = source.object(AT)?.map(Members::in_camel_case) else { return Ok(()) };
    prompt.max_tokens = count(&mut config, "maxOutputTokens")?;
    prompt.temperature = number(&mut config, "temperature")?;
    prompt.top_p = number(&mut config, "topP")?;
    prompt.top_k = count(&mut config, "topK")?;
    prompt.presence_penalty = number(&mut config, "presencePenalty")?;
    prompt.frequency_penalty = number(&mut config, "frequencyPenalty")?;
    prompt.seed = number(&mut config, "seed")?;
    let stop: Option<Vec<Text<'a>>> = config.get("stopSequences")?;
    prompt.stop = stop.into_iter().flatten().map(|text| text.0).collect();
    if count(&mut config, "candidateCount")?.is_some_and(|count| count > 1) {
        return Err(TranslateError::unsupported(config.path_of("candidateCount"), "several answers at once"));
    }
    if config.get::<bool>("responseLogprobs")?.unwrap_or(false) {
        return Err(TranslateError::unsupported(config.path_of("responseLogprobs"), "token probabilities"));
    }
    config.raw("logprobs");
    modalities(&mut config)?;
    prompt.format = format(&mut config, notes)?;
    prompt.reasoning = thinking(&mut config, notes)?;
    notes.dropped(config);
    Ok(())
}

/// A number, which protobuf's JSON may write as a text.
fn number<T: std::str::FromStr + serde::de::DeserializeOwned>(
    config: &mut Members<'_>,
    name: &str,
) -> Result<Option<T>, TranslateError> {
    if let Some(text) = config.peek(name).and_then(text_of) {
        config.raw(name);
        let wrong = |_| TranslateError::invalid(config.path_of(name), "must be a number");
        return text.trim().parse().map(Some).map_err(wrong);
    }
    config.get(name)
}

/// A whole number, which clients write as a fraction too (`40.0`).
fn count(config: &mut Members<'_>, name: &str) -> Result<Option<u64>, TranslateError> {
    let Some(value) = number::<f64>(config, name)? else { return Ok(None) };
    // Beyond 2^53 no token count is meant.
    if value.fract() != 0.0 || !(0.0..=9e15).contains(&value) {
        return Err(TranslateError::invalid(config.path_of(name), "must be a whole number"));
    }
    format!("{value:.0}")
        .parse()
        .map(Some)
        .map_err(|_| TranslateError::invalid(config.path_of(name), "must be a whole number"))
}

/// Answers other than text are the vendor's own models' alone.
fn modalities(config: &mut Members<'_>) -> Result<(), TranslateError> {
    let wanted: Vec<Text<'_>> = config.get("responseModalities")?.unwrap_or_default();
    let is_text =
        |wanted: &Text<'_>| matches!(wanted.as_str(), "TEXT" | "MODALITY_UNSPECIFIED" | "text" | "Text");
    match wanted.iter().find(|wanted| !is_text(wanted)) {
        Some(other) => {
            let what = format!("an answer as {}", other.as_str());
            Err(TranslateError::unsupported(config.path_of("responseModalities"), what))
        }
        None => Ok(()),
    }
}

fn format<'a>(config: &mut Members<'a>, notes: &mut Notes) -> Result<Format<'a>, TranslateError> {
    let media_type = config.text("responseMimeType")?;
    let mut schema: Option<(String, &'a RawValue)> = None;
    // `responseSchema` has been written as a JSON Schema before anything was read.
    for name in ["responseSchema", "_responseJsonSchema", "responseJsonSchema"] {
        let path = config.path_of(name);
        schema = config.written_object(name)?.map(|raw| (path, raw)).or(schema);
    }
    match (media_type.as_deref(), schema) {
        (Some("application/json"), Some((at, schema))) => {
            // Gemini keeps to every schema; of the others only some schemas can be demanded.
            let strict = strict_schema::fits(schema);
            Ok(Format::Schema { at, name: None, description: None, schema, strict })
        }
        (Some("application/json"), None) => Ok(Format::Json),
        (None | Some("" | "text/plain"), None) => Ok(Format::Text),
        // One word of a list: the answer is the word, without quotes.
        (media_type, schema) => {
            let at = schema.map_or_else(|| config.path_of("responseMimeType"), |(at, _)| at);
            if media_type.is_some_and(|media_type| !matches!(media_type, "text/x.enum" | "text/plain")) {
                return Err(TranslateError::unsupported(
                    config.path_of("responseMimeType"),
                    "such an answer",
                ));
            }
            notes.add("schema_not_enforced", at);
            Ok(Format::Text)
        }
    }
}

fn thinking(config: &mut Members<'_>, notes: &mut Notes) -> Result<Option<Reasoning>, TranslateError> {
    let Some(mut thinking) = config.object("thinkingConfig")?.map(Members::in_camel_case) else {
        return Ok(None);
    };
    let visible = thinking.get::<bool>("includeThoughts")?;
    let budget = number::<i64>(&mut thinking, "thinkingBudget")?;
    let level: Option<Cow<'_, str>> = thinking.text("thinkingLevel")?;
    let mut asked = Reasoning { visible, ..Reasoning::default() };
    match budget {
        None => {}
        // "Setting the thinking budget to -1 turns on dynamic thinking".
        Some(-1) => asked.adaptive = true,
        Some(0) => asked = Reasoning { effort: Some(Effort::None), ..Reasoning::default() },
        Some(tokens) => {
            let wrong = || TranslateError::invalid(thinking.path_of("thinkingBudget"), "must be -1 or more");
            asked.budget_tokens = Some(u64::try_from(tokens).map_err(|_| wrong())?);
        }
    }
    if let Some(level) = level.filter(|level| !matches!(&**level, "" | "THINKING_LEVEL_UNSPECIFIED")) {
        let wrong = || {
            TranslateError::invalid(thinking.path_of("thinkingLevel"), "must be MINIMAL, LOW, MEDIUM or HIGH")
        };
        asked.effort = Some(Effort::read(&level.to_ascii_lowercase()).ok_or_else(wrong)?);
    }
    notes.dropped(thinking);
    Ok((asked != Reasoning::default()).then_some(asked))
}
