use serde_json::{Value, json};

use super::*;

fn written(body: &Value, model: &str, variant: Variant) -> (Value, EmbedFacts) {
    let (translated, facts) = write_embed(&body.to_string(), model, variant).unwrap();
    (serde_json::from_slice(&translated.body).unwrap(), facts)
}

#[test]
fn texts_are_asked_for_as_each_api_takes_them() {
    let asked = json!({"model": "auto", "input": ["one", "two"], "dimensions": 768});
    let (body, _) = written(&asked, "gemini-embedding-001", Variant::GeminiApi);
    let request = |text: &str| {
        json!({
            "model": "models/gemini-embedding-001",
            "content": {"parts": [{"text": text}]},
            "outputDimensionality": 768,
        })
    };
    assert_eq!(body, json!({"requests": [request("one"), request("two")]}));
    let (body, _) = written(&asked, "text-embedding-005", Variant::Vertex);
    let expected = json!({
        "instances": [{"content": "one"}, {"content": "two"}],
        "parameters": {"autoTruncate": false, "outputDimensionality": 768},
    });
    assert_eq!(body, expected);
}

#[test]
fn requests_that_cannot_be_answered_name_the_field() {
    let many = vec!["x"; 101];
    let cases = [
        (json!({"model": "m"}), Variant::GeminiApi, "input: is missing"),
        (json!({"input": []}), Variant::GeminiApi, "input: must not be empty"),
        (json!({"input": ["a", ""]}), Variant::GeminiApi, "input[1]: must not be empty"),
        (json!({"input": 7}), Variant::GeminiApi, "input: must be a string or a list of strings"),
        (json!({"input": [1, 2]}), Variant::GeminiApi, "input[0]: tokens; send the text instead"),
        (json!({"input": [[1, 2]]}), Variant::GeminiApi, "input[0]: tokens; send the text instead"),
        (json!({"input": "a", "dimensions": 0}), Variant::GeminiApi, "dimensions: must be at least 1"),
        (
            json!({"input": "a", "encoding_format": "hex"}),
            Variant::Vertex,
            "encoding_format: must be float or base64",
        ),
        (json!({"input": many}), Variant::GeminiApi, "input: 101 texts; this model takes 100 in one request"),
        (json!({"input": ["a", "b"]}), Variant::Vertex, "input: 2 texts; this model takes 1 in one request"),
    ];
    for (body, variant, expected) in cases {
        let error = write_embed(&body.to_string(), "gemini-embedding-001", variant).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn answers_come_back_as_openais_list() {
    let asked = json!({"input": ["one", "two"]});
    let (_, facts) = written(&asked, "gemini-embedding-001", Variant::GeminiApi);
    let body = json!({"embeddings": [{"values": [0.5, -0.25]}, {"values": [1, 0]}]});
    let answer = read_embed(body.to_string().as_bytes(), &facts).unwrap();
    let expected = json!({
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -0.25]},
            {"object": "embedding", "index": 1, "embedding": [1.0, 0.0]},
        ],
        "model": "gemini-embedding-001",
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    });
    assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), expected);
    assert_eq!(answer.degraded[0].code, "usage_missing");
}

#[test]
fn vertex_tells_the_tokens_and_base64_is_packed_and_shortened_vectors_have_length_one() {
    let asked = json!({"input": "one", "dimensions": 2, "encoding_format": "base64"});
    let (_, facts) = written(&asked, "text-embedding-005", Variant::Vertex);
    let body = json!({"predictions": [
        {"embeddings": {"values": [0.0, -4.0], "statistics": {"token_count": 3.0, "truncated": false}}},
    ]});
    let answer = read_embed(body.to_string().as_bytes(), &facts).unwrap();
    let answer_body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer_body["data"][0]["embedding"], "AAAAAAAAgL8=");
    assert_eq!(answer_body["usage"]["prompt_tokens"], 3);
    assert!(answer.degraded.is_empty());
}

#[test]
fn an_answer_with_a_vector_missing_is_no_answer() {
    let (_, facts) = written(&json!({"input": ["one", "two"]}), "m", Variant::GeminiApi);
    let error = read_embed(br#"{"embeddings":[{"values":[1]}]}"#, &facts).unwrap_err();
    assert_eq!(error.to_string(), "embeddings: holds 1 vectors for 2 texts");
}
