//! Embeddings asked of Google, and Google's answers to them.

use switchyard_wire::gemini::Variant;
use switchyard_wire::gemini::embed::{read_embed, write_embed};

use crate::choices::Choices;
use crate::json::{assert_json, value};

/// A request that crosses is JSON; an answer that crosses has a vector for each text asked about.
pub fn run(choices: &Choices, data: &[u8]) {
    let (asked, answered) = choices.split(data);
    let Ok(asked) = std::str::from_utf8(asked) else { return };
    for variant in [Variant::GeminiApi, Variant::Vertex] {
        let Ok((request, facts)) = write_embed(asked, "gemini-embedding-001", variant) else { continue };
        assert_json(&request.body, "a translated request");
        let Ok(answer) = read_embed(answered, &facts) else { continue };
        assert_json(&answer.body, "a translated answer");
        let vectors = value(&answer.body).and_then(|answer| Some(answer["data"].as_array()?.len()));
        assert_eq!(vectors, Some(facts.inputs));
    }
}
