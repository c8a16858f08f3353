//! Vectors for texts: the same from every kind that has them, and never those of another model.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Kind, Reply, Yard, fast_map, merge};

const CHAT: Dialect = Dialect::OpenaiChat;
const PATH: &str = "/v1/embeddings";

/// Those that have embeddings the simulated providers know.
const KINDS: [Kind; 4] = [Kind::Chat, Kind::Responses, Kind::Gemini, Kind::Azure];

/// The vectors of an answer as OpenAI's SDK reads it.
fn vectors(reply: &Reply) -> Vec<Vec<f64>> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let body = reply.json();
    assert_eq!(body["object"], "list", "{body}");
    let data = body["data"].as_array().unwrap();
    let vector = |(n, entry): (usize, &Value)| {
        assert_eq!((&entry["object"], &entry["index"]), (&json!("embedding"), &json!(n)), "{entry}");
        let embedding = &entry["embedding"];
        let list = || embedding.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        embedding.as_str().map_or_else(list, floats)
    };
    data.iter().enumerate().map(vector).collect()
}

/// Little-endian floats in base64.
fn floats(base64: &str) -> Vec<f64> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => u32::from(c - b'A'),
        b'a'..=b'z' => u32::from(c - b'a') + 26,
        b'0'..=b'9' => u32::from(c - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("not base64: {}", char::from(c)),
    };
    let mut bytes = Vec::new();
    for four in base64.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four.iter().fold(0, |bits, c| bits << 6 | digit(*c)) << (6 * (4 - four.len()));
        bytes.extend(&bits.to_be_bytes()[1..four.len()]);
    }
    let four = |four: &[u8]| f64::from(f32::from_le_bytes(four.try_into().unwrap()));
    bytes.chunks(4).map(four).collect()
}

fn close(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    let near = |(x, y): (&Vec<f64>, &Vec<f64>)| {
        x.len() == y.len() && x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-5)
    };
    a.len() == b.len() && a.iter().zip(b).all(near)
}

#[tokio::test]
async fn every_kind_that_has_vectors_gives_them_in_the_form_that_was_asked_for() {
    let yard = Yard::of_every_kind(json!({})).await;
    for kind in KINDS {
        let ask =
            |more: Value| merge(json!({ "model": format!("{}-1", kind.name()), "dimensions": 8 }), more);
        let one = yard.call(PATH, &ask(json!({ "input": "red tram" }))).await;
        assert_eq!(one.route(), kind.name(), "{one:?}");
        let one_vector = vectors(&one);
        assert_eq!((one_vector.len(), one_vector[0].len()), (1, 8), "{kind:?}");
        let body = one.json();
        assert_eq!(body["model"], format!("{}-1", kind.name()), "{body}");
        assert!(body["usage"]["prompt_tokens"].is_u64() && body["usage"]["total_tokens"].is_u64(), "{body}");

        let two = vectors(&yard.call(PATH, &ask(json!({ "input": ["red tram", "blue boat"] }))).await);
        assert_eq!(two.len(), 2, "{kind:?}");
        assert!(close(&two[..1], &one_vector), "the order is kept: {kind:?}");

        let base64 = yard.call(PATH, &ask(json!({ "input": "red tram", "encoding_format": "base64" }))).await;
        assert!(base64.json()["data"][0]["embedding"].is_string(), "{kind:?} {base64:?}");
        assert!(close(&vectors(&base64), &one_vector), "{kind:?}: both forms are the same vector");
    }
}

#[tokio::test]
async fn the_same_model_elsewhere_takes_over_and_another_model_never_does() {
    let yard = Yard::with_credentials(&json!({})).await;
    let same = |route: Value| merge(route, json!({ "model": "text-embedding-3-small" }));
    let hot = same(yard.added(Kind::Chat, "hot").await);
    let other = yard.added(Kind::Gemini, "other").await;
    let warm = same(yard.added(Kind::Azure, "warm").await);
    yard.apply(&fast_map(&[hot], &[other, warm])).await;
    let ask = json!({ "model": "text-embedding-3-small", "input": "red tram", "dimensions": 4 });
    let before = vectors(&yard.call(PATH, &ask).await);
    yard.provider("hot").set_fault(Fault::status(503)).await.unwrap();
    let reply = yard.call(PATH, &ask).await;
    assert_eq!(reply.route(), "warm", "{reply:?}");
    assert!(close(&vectors(&reply), &before));

    yard.provider("warm").set_fault(Fault::status(503)).await.unwrap();
    let reply = yard.call(PATH, &ask).await;
    assert_ne!(reply.status, 200, "{reply:?}");
    assert_eq!(yard.provider("other").calls(), 0, "vectors of two models can't be compared");
}

#[tokio::test]
async fn a_request_nobody_can_embed_says_why() {
    let yard = Yard::over(&[Kind::Anthropic], &[Kind::Bedrock], json!({})).await;
    let reply = yard.call(PATH, &json!({ "model": "hot-1", "input": "red tram" })).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    let (_, message) = reply.error(CHAT);
    assert!(message.contains("hot") && message.contains("embeddings"), "{message}");
    assert_eq!(yard.snapshot().await.cold.waiting, 0);
}

#[tokio::test]
async fn a_model_no_route_serves_is_not_replaced() {
    let yard = Yard::over(&[Kind::Chat], &[], json!({})).await;
    let reply = yard.call(PATH, &json!({ "model": "text-embedding-9", "input": "red tram" })).await;
    assert!((400..500).contains(&reply.status), "{reply:?}");
    assert!(reply.error(CHAT).1.contains("hot"), "{reply:?}");
    assert_eq!(yard.provider("hot").calls(), 0);
    assert_eq!(yard.snapshot().await.cold.waiting, 0, "waiting would not help");
}

#[tokio::test]
async fn bad_input_names_its_field() {
    let yard = Yard::of_every_kind(json!({})).await;
    let cases: &[(Value, &str)] = &[
        (json!({ "input": null }), "input"),
        (json!({ "input": "" }), "input"),
        (json!({ "input": [] }), "input"),
        (json!({ "input": 7 }), "input"),
        (json!({ "input": {} }), "input"),
        (json!({ "input": ["a", 7] }), "input"),
        (json!({ "input": ["a", null] }), "input"),
        (json!({ "input": ["a", {}] }), "input"),
        (json!({ "model": null }), "model"),
        (json!({ "model": 7 }), "model"),
        (json!({ "model": "" }), "model"),
        (json!({ "dimensions": 0 }), "dimensions"),
        (json!({ "dimensions": -1 }), "dimensions"),
        (json!({ "dimensions": 1.5 }), "dimensions"),
        (json!({ "dimensions": "8" }), "dimensions"),
        (json!({ "encoding_format": "hex" }), "encoding_format"),
        (json!({ "encoding_format": 7 }), "encoding_format"),
    ];
    for kind in KINDS {
        for (change, field) in cases {
            let good = json!({ "model": format!("{}-1", kind.name()), "input": "red tram" });
            let body = merge(good, change.clone());
            let reply = yard.call(PATH, &body).await;
            assert!((400..500).contains(&reply.status), "{kind:?} {body}: {reply:?}");
            let param = reply.json()["error"]["param"].as_str().unwrap_or_default().to_owned();
            let (_, message) = reply.error(CHAT);
            assert!(message.contains(field) || param.contains(field), "{kind:?} {body}: {param}: {message}");
        }
    }
    assert_eq!(yard.send(&Ask::chat("hello")).await.status, 200);
}

#[tokio::test]
async fn an_error_is_the_providers_reason_in_openai_s_words() {
    for (code, status) in [(400, 400), (429, 429), (500, 502), (503, 503)] {
        // A rate limit keeps a route out for a while: a world for each.
        let yard = Yard::over(&[Kind::Gemini], &[], json!({ "flags": { "enable_cold_queue": false } })).await;
        yard.provider("hot").set_fault(Fault::status(code)).await.unwrap();
        let reply = yard.call(PATH, &json!({ "model": "hot-1", "input": "red tram" })).await;
        assert_eq!(reply.status, status, "{code}: {reply:?}");
        assert!(!reply.error(CHAT).1.is_empty());
    }
}
