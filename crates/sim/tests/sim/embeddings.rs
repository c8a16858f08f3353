//! OpenAI's embeddings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use switchyard_sim::{Fault, SimProvider};

use crate::{client, json_of};

async fn embed(sim: &SimProvider, body: Value) -> (u16, Value) {
    json_of(client().post(format!("{}/v1/embeddings", sim.url())).json(&body)).await
}

async fn sim() -> SimProvider {
    SimProvider::start("acme", switchyard_sim::Dialect::OpenaiChat).await.unwrap()
}

#[tokio::test]
async fn the_same_text_has_the_same_vector_in_either_encoding() {
    let sim = sim().await;
    let body = json!({ "model": "e-1", "input": ["one", "two", "one"], "dimensions": 8 });
    let (status, answer) = embed(&sim, body.clone()).await;
    let vectors: Vec<Vec<f32>> =
        (0..3).map(|n| serde_json::from_value(answer["data"][n]["embedding"].clone()).unwrap()).collect();
    assert_eq!((status, vectors[0].len(), &vectors[0]), (200, 8, &vectors[2]));
    assert_ne!(vectors[0], vectors[1]);
    let length: f32 = vectors[1].iter().map(|x| x * x).sum();
    assert!((length - 1.0).abs() < 1e-5, "{length}");

    let encoded = embed(&sim, crate::with(body, json!({ "encoding_format": "base64" }))).await.1;
    let bytes = STANDARD.decode(encoded["data"][1]["embedding"].as_str().unwrap()).unwrap();
    let decoded: Vec<f32> =
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert_eq!(decoded, vectors[1]);
    let whole = embed(&sim, json!({ "model": "e-1", "input": "one" })).await.1;
    assert_eq!(whole["data"][0]["embedding"].as_array().unwrap().len(), 1536);
    assert_eq!(sim.calls(), 3);
}

#[tokio::test]
async fn a_bad_request_is_refused_and_faults_strike() {
    let sim = sim().await;
    for (body, param) in [
        (json!({ "input": "x" }), "model"),
        (json!({ "model": "e" }), "input"),
        (json!({ "model": "e", "input": "" }), "input"),
        (json!({ "model": "e", "input": [] }), "input"),
        (json!({ "model": "e", "input": "x", "dimensions": 0 }), "dimensions"),
        (json!({ "model": "e", "input": "x", "encoding_format": "hex" }), "encoding_format"),
        (json!({ "model": "e", "input": "x", "stream": true }), "stream"),
    ] {
        let (status, error) = embed(&sim, body.clone()).await;
        assert_eq!((status, &error["error"]["param"]), (400, &json!(param)), "{body}");
    }
    sim.set_fault(Fault::status(503)).await.unwrap();
    assert_eq!(embed(&sim, json!({ "model": "e", "input": "x" })).await.0, 503);
}
