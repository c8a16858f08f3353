//! Embeddings, one or a batch: <https://ai.google.dev/api/embeddings>.

use serde_json::{Value, json};

use super::super::openai::embeddings::vector;
use super::{EMBED, errors};
use crate::ask::{Refusal, members};
use crate::endpoint::{Endpoint, Operation};

/// As of `gemini-embedding-001`, and the most it gives.
const DIMENSIONS: usize = 3072;
/// The most texts of one batch.
const BATCH: usize = 100;

pub(crate) fn embeddings(endpoint: &Endpoint, body: &Value) -> Result<Value, Refusal> {
    if endpoint.operation != Operation::BatchEmbed {
        return Ok(json!({ "embedding": embedding("EmbedContentRequest", body)? }));
    }
    let at = "BatchEmbedContentsRequest.requests";
    let unknown = body.as_object().into_iter().flatten().find(|(name, _)| *name != "requests");
    if let Some((name, _)) = unknown {
        let message = format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.");
        return Err(Refusal::field("", message));
    }
    let requests = members(&body["requests"]);
    if requests.is_empty() {
        return Err(Refusal::new(400, format!("* {at}: requests must not be empty\n")));
    }
    if requests.len() > BATCH {
        let message = format!("* {at}: at most {BATCH} requests can be in one batch\n");
        return Err(Refusal::new(400, message));
    }
    let own = endpoint.model.as_deref().unwrap_or_default();
    let mut embedded = Vec::with_capacity(requests.len());
    for (n, request) in requests.iter().enumerate() {
        EMBED.check(request).map_err(|misfit| errors::misfit(&misfit))?;
        if request["model"] != format!("models/{own}") {
            let reason = "model must match the model of the batch";
            return Err(Refusal::new(400, format!("* {at}[{n}].model: {reason} ('models/{own}')\n")));
        }
        embedded.push(embedding(&format!("{at}[{n}]"), request)?);
    }
    Ok(json!({ "embeddings": embedded }))
}

fn embedding(place: &str, request: &Value) -> Result<Value, Refusal> {
    let parts = members(&request["content"]["parts"]);
    let text: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    let text = text.join("\n");
    if text.is_empty() {
        return Err(Refusal::new(400, format!("* {place}.content: content is empty\n")));
    }
    let given = &request["outputDimensionality"];
    let length =
        if given.is_null() { Some(DIMENSIONS) } else { given.as_u64().and_then(|n| n.try_into().ok()) };
    let Some(dimensions) = length.filter(|n| (1..=DIMENSIONS).contains(n)) else {
        let reason = format!("output_dimensionality must be from 1 to {DIMENSIONS}");
        return Err(Refusal::new(400, format!("* {place}.output_dimensionality: {reason}\n")));
    };
    Ok(json!({ "values": vector(&text, dimensions) }))
}
