//! Gemini's API and Vertex AI's, which differ in where they live and whom they let in.
//!
//! After <https://ai.google.dev/api/generate-content> and
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference>.

mod config;
mod embeddings;
mod errors;
mod read;
mod rules;
mod schemas;
mod signature;
mod vertex;
mod write;

use serde_json::{Value, json};

pub(super) use embeddings::embeddings;
pub(crate) use errors::reason;
pub(super) use errors::{error_body, error_event, malformed_event, misfit};
pub(super) use read::read;
pub(crate) use vertex::{check_token, token};
pub(super) use write::{events, whole};

use crate::endpoint::{Endpoint, Operation};
use crate::schema::Schema;

static GENERATE: Schema = Schema::new(include_str!("../../schemas/gemini.json"));
static EMBED: Schema = Schema::new(include_str!("../../schemas/gemini-embed.json"));
static COUNT_TOKENS: Schema = Schema::new(include_str!("../../schemas/gemini-count-tokens.json"));

pub(super) fn schema(endpoint: &Endpoint) -> Option<&'static Schema> {
    match endpoint.operation {
        Operation::Complete | Operation::Stream => Some(&GENERATE),
        Operation::CountTokens => Some(&COUNT_TOKENS),
        Operation::Embed => Some(&EMBED),
        // Its members are checked one by one; the rest have no body.
        Operation::BatchEmbed
        | Operation::Models
        | Operation::Model
        | Operation::Token
        | Operation::Unknown => None,
    }
}

pub(super) fn token_count(tokens: usize) -> Value {
    json!({
        "totalTokens": tokens,
        "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": tokens }],
    })
}

pub(super) fn models(models: &[String]) -> Value {
    json!({ "models": models.iter().map(|name| model(name)).collect::<Vec<_>>() })
}

/// After <https://ai.google.dev/api/models#Model>.
pub(super) fn model(model: &str) -> Value {
    let embeds = model.contains("embedding");
    let methods = if embeds {
        json!(["embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent"])
    } else {
        json!(["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"])
    };
    json!({
        "name": format!("models/{model}"),
        "version": "001",
        "displayName": model,
        "description": "A simulated model",
        "inputTokenLimit": if embeds { 2048 } else { 1_048_576 },
        "outputTokenLimit": if embeds { 1 } else { 65_536 },
        "supportedGenerationMethods": methods,
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
        "thinking": !embeds,
    })
}

/// Gemini 3 and later: function calls have ids and must come back signed.
fn is_third_generation(model: &str) -> bool {
    model.rsplit('/').next().is_some_and(|name| name.starts_with("gemini-3"))
}
