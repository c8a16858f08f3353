//! Embeddings: OpenAI's `/v1/embeddings`, answered by the Gemini API's `:batchEmbedContents` or Vertex AI's `:predict`.

pub mod asked;
mod base64;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Variant, resource_name};
use crate::members::{Members, elements, text_of};
use crate::notes::{Notes, TranslateError, Translated, utf8};

/// "At most 100 requests can be in one batch" (`:batchEmbedContents`).
const BATCH_LIMIT: usize = 100;
/// "Up to 250 input texts per request" (Vertex AI, "Get text embeddings").
const INSTANCE_LIMIT: usize = 250;

/// What the answer has to know of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedFacts {
    /// The API the request was written for.
    pub variant: Variant,
    /// The model that answers.
    pub model: String,
    /// How many texts were sent.
    pub inputs: usize,
    /// Whether the caller wants the vectors in base64.
    pub base64: bool,
    /// Whether the vectors were asked for shorter than the model makes them: Gemini leaves those unnormalized
    /// ("Embeddings"), OpenAI's always have length 1.
    pub shortened: bool,
}

/// Writes an OpenAI embeddings request for Google.
///
/// # Errors
/// [`TranslateError::Invalid`] with the field at fault; [`TranslateError::Unsupported`] for token lists and for more
/// texts than one request may hold.
pub fn write_embed(
    body: &str,
    upstream_model: &str,
    variant: Variant,
) -> Result<(Translated, EmbedFacts), TranslateError> {
    let mut notes = Notes::default();
    let mut asked = Members::read(body, "")?;
    asked.raw("model");
    asked.raw("idempotencyKey");
    let texts = texts(&mut asked)?;
    let dimensions = asked.get::<u32>("dimensions")?;
    if dimensions == Some(0) {
        return Err(TranslateError::invalid("dimensions", "must be at least 1"));
    }
    let base64 = match asked.get::<Cow<'_, str>>("encoding_format")?.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(TranslateError::invalid("encoding_format", "must be float or base64")),
    };
    if asked.raw("user").is_some() {
        notes.add("user_dropped", "user");
    }
    notes.dropped(asked);
    let facts = EmbedFacts {
        variant,
        model: upstream_model.to_owned(),
        inputs: texts.len(),
        base64,
        shortened: dimensions.is_some(),
    };
    refuse_too_many(&facts)?;
    let written = match variant {
        Variant::GeminiApi => notes.finish(&batch(&texts, upstream_model, dimensions)),
        Variant::Vertex => notes.finish(&prediction(&texts, dimensions)),
    }?;
    Ok((written, facts))
}

fn texts(asked: &mut Members<'_>) -> Result<Vec<String>, TranslateError> {
    let input: &RawValue =
        asked.raw("input").ok_or_else(|| TranslateError::invalid("input", "is missing"))?;
    let texts = match text_of(input) {
        Some(text) => vec![text],
        None if !input.get().starts_with('[') => {
            return Err(TranslateError::invalid("input", "must be a string or a list of strings"));
        }
        None => elements(input, "input")?
            .into_iter()
            .map(|(path, raw)| {
                text_of(raw).ok_or_else(|| TranslateError::unsupported(path, "tokens; send the text instead"))
            })
            .collect::<Result<_, _>>()?,
    };
    if texts.is_empty() {
        return Err(TranslateError::invalid("input", "must not be empty"));
    }
    match texts.iter().position(String::is_empty) {
        Some(at) => Err(TranslateError::invalid(format!("input[{at}]"), "must not be empty")),
        None => Ok(texts),
    }
}

fn refuse_too_many(facts: &EmbedFacts) -> Result<(), TranslateError> {
    let limit = match facts.variant {
        Variant::GeminiApi => BATCH_LIMIT,
        // "gemini-embedding-001: each request can only include a single input text."
        Variant::Vertex if facts.model.contains("gemini-embedding") => 1,
        Variant::Vertex => INSTANCE_LIMIT,
    };
    if facts.inputs > limit {
        let message = format!("{} texts; this model takes {limit} in one request", facts.inputs);
        return Err(TranslateError::unsupported("input", message));
    }
    Ok(())
}

#[derive(Serialize)]
struct Batch<'a> {
    requests: Vec<EmbedContent<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EmbedContent<'a> {
    model: String,
    content: Parts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u32>,
}

#[derive(Serialize)]
struct Parts<'a> {
    parts: [TextPart<'a>; 1],
}

#[derive(Serialize)]
struct TextPart<'a> {
    text: &'a str,
}

fn batch<'a>(texts: &'a [String], model: &str, output_dimensionality: Option<u32>) -> Batch<'a> {
    let request = |text: &'a String| EmbedContent {
        model: resource_name(model),
        content: Parts { parts: [TextPart { text }] },
        output_dimensionality,
    };
    Batch { requests: texts.iter().map(request).collect() }
}

#[derive(Serialize)]
struct Prediction<'a> {
    instances: Vec<Instance<'a>>,
    parameters: Parameters,
}

#[derive(Serialize)]
struct Instance<'a> {
    content: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    /// OpenAI refuses a text that is too long; Vertex would cut it silently.
    auto_truncate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u32>,
}

fn prediction(texts: &[String], output_dimensionality: Option<u32>) -> Prediction<'_> {
    Prediction {
        instances: texts.iter().map(|content| Instance { content }).collect(),
        parameters: Parameters { auto_truncate: false, output_dimensionality },
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Embedded {
    embeddings: Option<Vec<Values>>,
    predictions: Option<Vec<Predicted>>,
    usage_metadata: Option<EmbedUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmbedUsage {
    prompt_token_count: Option<u64>,
}

#[derive(Deserialize)]
struct Predicted {
    embeddings: Values,
}

#[derive(Deserialize)]
struct Values {
    values: Vec<f64>,
    statistics: Option<Statistics>,
}

#[derive(Deserialize)]
struct Statistics {
    token_count: Option<f64>,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Embedding>,
    model: &'a str,
    usage: Tokens,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Floats(Vec<f64>),
    Base64(String),
}

#[derive(Serialize)]
struct Tokens {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// Writes Google's answer as OpenAI's list of embeddings.
///
/// # Errors
/// [`TranslateError::Invalid`] when it is not an answer to the request: unreadable, or with another number of vectors.
pub fn read_embed(body: &[u8], facts: &EmbedFacts) -> Result<Translated, TranslateError> {
    let mut notes = Notes::default();
    let embedded: Embedded =
        serde_json::from_str(utf8(body)?).map_err(|error| TranslateError::invalid("", error.to_string()))?;
    let (field, vectors) = match facts.variant {
        Variant::GeminiApi => ("embeddings", embedded.embeddings.unwrap_or_default()),
        Variant::Vertex => {
            let predicted = embedded.predictions.unwrap_or_default();
            ("predictions", predicted.into_iter().map(|one| one.embeddings).collect())
        }
    };
    if vectors.len() != facts.inputs {
        let message = format!("holds {} vectors for {} texts", vectors.len(), facts.inputs);
        return Err(TranslateError::invalid(field, message));
    }
    let counted: Option<u64> = vectors.iter().map(Values::tokens).sum();
    let reported = embedded.usage_metadata.and_then(|usage| usage.prompt_token_count);
    let tokens = reported.or(counted).unwrap_or_else(|| {
        notes.add("usage_missing", "usage");
        0
    });
    let data = vectors.into_iter().enumerate().map(|(index, vector)| Embedding {
        object: "embedding",
        index,
        embedding: vector.written(facts),
    });
    notes.finish(&List {
        object: "list",
        data: data.collect(),
        model: &facts.model,
        usage: Tokens { prompt_tokens: tokens, total_tokens: tokens },
    })
}

impl Values {
    /// Counts are whole numbers, though written as floats.
    fn tokens(&self) -> Option<u64> {
        let count = self.statistics.as_ref()?.token_count?;
        format!("{:.0}", count.max(0.0)).parse().ok()
    }

    fn written(self, facts: &EmbedFacts) -> Vector {
        let mut values = self.values;
        let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        if facts.shortened && length > 0.0 && length.is_finite() {
            for value in &mut values {
                *value /= length;
            }
        }
        if facts.base64 { Vector::Base64(base64::floats(&values)) } else { Vector::Floats(values) }
    }
}

#[cfg(test)]
mod tests;
