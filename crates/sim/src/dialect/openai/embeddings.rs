//! OpenAI embeddings, after <https://platform.openai.com/docs/api-reference/embeddings>.
//!
//! Vectors are drawn from the text: the same text has the same vector, of length 1, at every provider.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::answer::tokens;
use crate::ask::Refusal;
use crate::endpoint::Endpoint;
use crate::latency::SplitMix;

/// As of `text-embedding-3-small`.
const DIMENSIONS: usize = 1536;
/// As of `text-embedding-3-large`, the longest there is.
const MOST_DIMENSIONS: usize = 3072;

pub(crate) fn answer(endpoint: &Endpoint, body: &Value) -> Result<Value, Refusal> {
    let model = endpoint.model.as_deref().or_else(|| body["model"].as_str());
    let Some(model) = model.filter(|model| !model.is_empty()) else {
        return Err(Refusal::field("model", "you must provide a model parameter"));
    };
    let given = Some(&body["dimensions"]).filter(|given| !given.is_null());
    let dimensions = given.map_or(Some(DIMENSIONS), |given| {
        given.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=MOST_DIMENSIONS).contains(n))
    });
    let Some(dimensions) = dimensions else {
        let message = format!("Invalid 'dimensions': expected an integer from 1 to {MOST_DIMENSIONS}.");
        return Err(Refusal::field("dimensions", message));
    };
    let inputs = inputs(&body["input"])?;
    let base64 = body["encoding_format"] == "base64";
    let data = inputs.iter().enumerate().map(|(n, text)| {
        let vector = vector(text, dimensions);
        let embedding = if base64 {
            json!(STANDARD.encode(vector.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()))
        } else {
            json!(vector)
        };
        json!({ "object": "embedding", "index": n, "embedding": embedding })
    });
    let data: Vec<Value> = data.collect();
    let read: usize = inputs.iter().map(|text| tokens(text.chars().count())).sum();
    Ok(json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": { "prompt_tokens": read, "total_tokens": read },
    }))
}

/// A text, texts, tokens, or lists of tokens; tokens are read as the text of their numbers.
fn inputs(input: &Value) -> Result<Vec<String>, Refusal> {
    let empty = || Refusal::field("input", "Invalid 'input': input cannot be an empty string.");
    let of_tokens = |tokens: &[Value]| tokens.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
    let inputs = match input {
        Value::String(text) => vec![text.clone()],
        Value::Array(entries) if !entries.is_empty() && entries.iter().all(Value::is_u64) => {
            vec![of_tokens(entries)]
        }
        Value::Array(entries) => {
            let text = |entry: &Value| match entry {
                Value::String(text) => Ok(text.clone()),
                Value::Array(tokens) => Ok(of_tokens(tokens)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                    Err(Refusal::field("input", "Invalid 'input': expected strings or tokens."))
                }
            };
            entries.iter().map(text).collect::<Result<_, _>>()?
        }
        Value::Null => return Err(Refusal::field("input", "Missing required parameter: 'input'.")),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err(Refusal::field("input", "Invalid 'input': expected a string or an array."));
        }
    };
    if inputs.is_empty() || inputs.iter().any(String::is_empty) {
        return Err(empty());
    }
    Ok(inputs)
}

/// The text's vector, of length 1. A shorter one is not a prefix of a longer one.
pub(crate) fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let seed = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let mut dice = SplitMix::new(seed);
    let drawn: Vec<f64> = (0..dimensions).map(|_| dice.unit() - 0.5).collect();
    let length = drawn.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    #[expect(clippy::cast_possible_truncation, reason = "the vendors send single precision")]
    drawn.iter().map(|x| (x / length) as f32).collect()
}
