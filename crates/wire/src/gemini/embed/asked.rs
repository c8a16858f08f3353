//! Embeddings a Gemini caller asks for, answered by Google or by OpenAI's `/v1/embeddings`.

use serde::{Deserialize, Serialize};

use super::{Embedded, prediction};
use crate::Dialect;
use crate::gemini::asked::{listed, message};
use crate::gemini::url::{MEMBER, Told};
use crate::members::Members;
use crate::notes::{Notes, TranslateError, Translated, utf8};

/// What the answer has to know of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedFacts {
    /// What the upstream is spoken to in.
    pub upstream: Dialect,
    /// How many texts were sent.
    pub inputs: usize,
    /// Whether one embedding was asked for, and not a batch.
    pub single: bool,
}

/// Whether one embedding is asked for, and not a batch.
#[must_use]
pub fn is_single(body: &[u8]) -> bool {
    let told = || message(utf8(body).ok()?, "").ok()?.get::<Told>(MEMBER).ok()?;
    told().is_some_and(|told| told.single)
}

/// Writes a Gemini caller's request, a batch, for an upstream that speaks OpenAI's dialects or is Vertex AI. The Gemini API
/// gets it as it came.
///
/// # Errors
/// [`TranslateError::Invalid`] with the field at fault; [`TranslateError::Unsupported`] for what is no text.
pub fn write_asked(
    body: &str,
    upstream: Dialect,
    upstream_model: &str,
) -> Result<(Translated, AskedFacts), TranslateError> {
    #[derive(Serialize)]
    struct OpenAi<'a> {
        model: &'a str,
        input: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        dimensions: Option<u32>,
    }
    let mut notes = Notes::default();
    let mut source = message(body, "")?;
    let single = source.get::<Told>(MEMBER)?.is_some_and(|told| told.single);
    source.raw("idempotencyKey");
    let mut texts = Vec::new();
    let mut dimensions: Option<Option<u32>> = None;
    for (path, raw) in listed(&mut source, "requests")? {
        let mut request = message(raw.get(), path)?;
        request.raw("model");
        let own = request.get::<u32>("outputDimensionality")?;
        if *dimensions.get_or_insert(own) != own {
            let path = request.path_of("outputDimensionality");
            return Err(TranslateError::unsupported(path, "other dimensions than those of the first text"));
        }
        texts.push(text(&mut request)?);
        // What the vectors are for, which no other API is told.
        notes.dropped(request);
    }
    notes.dropped(source);
    if texts.is_empty() {
        return Err(TranslateError::invalid("requests", "must not be empty"));
    }
    let dimensions = dimensions.flatten();
    let facts = AskedFacts { upstream, inputs: texts.len(), single };
    let written = match upstream {
        Dialect::Gemini => notes.finish(&prediction(&texts, dimensions)),
        Dialect::OpenAiChat
        | Dialect::OpenAiResponses
        | Dialect::AnthropicMessages
        | Dialect::BedrockConverse => {
            notes.finish(&OpenAi { model: upstream_model, input: &texts, dimensions })
        }
    }?;
    Ok((written, facts))
}

fn text(request: &mut Members<'_>) -> Result<String, TranslateError> {
    let mut content = request.need_object("content")?.in_camel_case();
    content.raw("role");
    let mut texts = Vec::new();
    for (path, raw) in listed(&mut content, "parts")? {
        let text = message(raw.get(), path.as_str())?.text("text")?;
        texts.push(
            text.ok_or_else(|| TranslateError::unsupported(path, "a part that is no text"))?.into_owned(),
        );
    }
    let text = texts.join("\n");
    if text.is_empty() {
        return Err(TranslateError::invalid(content.path_of("parts"), "must say something"));
    }
    Ok(text)
}

/// Writes an upstream's vectors as a Gemini caller expects them.
///
/// # Errors
/// [`TranslateError::Invalid`] when it is not an answer to the request: unreadable, or with another number of vectors.
pub fn read_asked(body: &[u8], facts: &AskedFacts) -> Result<Translated, TranslateError> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        index: Option<usize>,
        embedding: Vec<f64>,
    }
    #[derive(Serialize)]
    struct Vector {
        values: Vec<f64>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Written {
        Embedding(Vector),
        Embeddings(Vec<Vector>),
    }
    let unreadable = |error: serde_json::Error| TranslateError::invalid("", error.to_string());
    let text = utf8(body)?;
    let vectors: Vec<Vec<f64>> = match facts.upstream {
        Dialect::Gemini => {
            let embedded: Embedded = serde_json::from_str(text).map_err(unreadable)?;
            let predicted = embedded.predictions.into_iter().flatten().map(|one| one.embeddings);
            let own = embedded.embeddings.into_iter().flatten();
            own.chain(predicted).map(|vector| vector.values).collect()
        }
        Dialect::OpenAiChat
        | Dialect::OpenAiResponses
        | Dialect::AnthropicMessages
        | Dialect::BedrockConverse => {
            let mut list = serde_json::from_str::<List>(text).map_err(unreadable)?.data;
            list.sort_by_key(|one| one.index);
            list.into_iter().map(|one| one.embedding).collect()
        }
    };
    if vectors.len() != facts.inputs {
        let message = format!("holds {} vectors for {} texts", vectors.len(), facts.inputs);
        return Err(TranslateError::invalid("embeddings", message));
    }
    let mut vectors: Vec<Vector> = vectors.into_iter().map(|values| Vector { values }).collect();
    let single = if facts.single { vectors.pop() } else { None };
    Notes::default().finish(&single.map_or_else(|| Written::Embeddings(vectors), Written::Embedding))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const OPENAI: Dialect = Dialect::OpenAiChat;

    #[test]
    fn a_batch_of_googles_is_asked_of_openai_and_of_vertex() {
        let asked = json!({ "_url": { "model": "m" }, "requests": [
            { "model": "models/m", "content": { "parts": [{ "text": "a" }, { "text": "b" }] }, "outputDimensionality": 2 },
            { "content": { "parts": { "text": "c" } }, "output_dimensionality": 2, "taskType": "RETRIEVAL_QUERY" },
        ] });
        let (written, facts) = write_asked(&asked.to_string(), OPENAI, "text-embedding-3-small").unwrap();
        let body: Value = serde_json::from_slice(&written.body).unwrap();
        let expected = json!({ "model": "text-embedding-3-small", "input": ["a\nb", "c"], "dimensions": 2 });
        assert_eq!(body, expected);
        assert_eq!(written.degraded[0].field, "requests[1].taskType");
        let answer = br#"{"data":[{"index":1,"embedding":[0.5,1]},{"index":0,"embedding":[0.25,0]}]}"#;
        let told = read_asked(answer, &facts).unwrap();
        let expected = json!({ "embeddings": [{ "values": [0.25, 0.0] }, { "values": [0.5, 1.0] }] });
        assert_eq!(serde_json::from_slice::<Value>(&told.body).unwrap(), expected);
        assert!(read_asked(br#"{"data":[]}"#, &facts).is_err());
        let (written, _) = write_asked(&asked.to_string(), Dialect::Gemini, "m").unwrap();
        let body: Value = serde_json::from_slice(&written.body).unwrap();
        assert_eq!(body["instances"][1]["content"], "c");
    }

    #[test]
    fn one_text_has_one_vector_and_no_list() {
        let asked =
            r#"{"_url":{"model":"m","single":true},"requests":[{"content":{"parts":[{"text":"a"}]}}]}"#;
        assert!(is_single(asked.as_bytes()));
        let (_, facts) = write_asked(asked, Dialect::Gemini, "m").unwrap();
        let told = read_asked(br#"{"embeddings":[{"values":[0.5]}]}"#, &facts).unwrap();
        assert_eq!(std::str::from_utf8(&told.body).unwrap(), r#"{"embedding":{"values":[0.5]}}"#);
        let picture = r#"{"requests":[{"content":{"parts":[{"inlineData":{}}]}}]}"#;
        assert!(write_asked(picture, OPENAI, "m").is_err());
    }
}
