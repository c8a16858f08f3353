//! `POST /v1/messages/count_tokens`: counted where a provider counts, estimated where none does; never paid for.

use serde_json::{Value, json};
use switchyard_domain::view::CircuitState;
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Canned, Kind, Reply, Yard, fast_map};

const MESSAGES: Dialect = Dialect::Anthropic;
const PATH: &str = "/v1/messages/count_tokens";

fn counted(reply: &Reply) -> u64 {
    assert_eq!(reply.status, 200, "{reply:?}");
    let body = reply.json();
    body["input_tokens"].as_u64().unwrap_or_else(|| panic!("no input_tokens: {body}"))
}

fn prompt(model: &str, words: usize) -> Value {
    let mut body = Ask::messages(&"tram ".repeat(words)).system("Be brief.").model(model).body;
    // Nothing is to be answered.
    body.as_object_mut().unwrap().remove("max_tokens");
    body
}

#[tokio::test]
async fn a_prompt_is_counted_at_every_kind_and_nothing_is_bought() {
    let yard = Yard::of_every_kind(json!({})).await;
    for kind in Kind::ALL {
        let model = format!("{}-1", kind.name());
        let (short, long) = (
            counted(&yard.call(PATH, &prompt(&model, 10)).await),
            counted(&yard.call(PATH, &prompt(&model, 1_000)).await),
        );
        assert!((5..60).contains(&short), "{kind:?}: {short}");
        assert!((600..2_500).contains(&long), "{kind:?}: {long}");
        assert_eq!(yard.provider(kind.name()).calls(), 0, "{kind:?}: a count is no completion");
    }
}

#[tokio::test]
async fn without_a_route_that_counts_the_answer_is_an_estimate_that_says_so() {
    let yard = Yard::over(&[Kind::Chat], &[], json!({})).await;
    let reply = yard.call(PATH, &prompt("auto", 1_000)).await;
    assert!((600..2_500).contains(&counted(&reply)), "{reply:?}");
    assert_eq!(yard.provider("hot").calls(), 0);
}

#[tokio::test]
async fn another_route_counts_while_the_first_is_down() {
    let yard = Yard::over(&[Kind::Anthropic], &[Kind::Gemini], json!({})).await;
    yard.provider("hot").set_fault(Fault::status(503)).await.unwrap();
    let reply = yard.call(PATH, &prompt("auto", 100)).await;
    assert!(counted(&reply) > 50, "{reply:?}");
    assert_eq!(yard.snapshot().await.cold.waiting, 0);
}

#[tokio::test]
async fn a_prompt_that_makes_no_sense_is_refused_with_its_field() {
    let yard = Yard::of_every_kind(json!({})).await;
    for (change, field) in [
        (json!({ "messages": null }), "messages"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "messages": "hi" }), "messages"),
        (json!({ "messages": [{ "content": "hi" }] }), "role"),
        (json!({ "messages": [{ "role": "user", "content": 7 }] }), "content"),
        (json!({ "model": 7 }), "model"),
        (json!({ "system": 7 }), "system"),
        (json!({ "tools": 7 }), "tools"),
    ] {
        for kind in Kind::ALL {
            let mut body = prompt(&format!("{}-1", kind.name()), 3);
            body = switchyard_tests::merge(body, change.clone());
            let reply = yard.call(PATH, &body).await;
            assert!((400..500).contains(&reply.status), "{kind:?} {body}: {reply:?}");
            let (_, message) = reply.error(MESSAGES);
            assert!(message.contains(field), "{kind:?} {body}: {message}");
        }
    }
}

#[tokio::test]
async fn an_upstream_that_can_not_count_leaves_an_estimate_and_its_circuit_alone() {
    let yard = Yard::start().await;
    for (status, kind, body) in [
        (
            "404 Not Found",
            "application/json",
            r#"{"error":{"message":"Invalid URL (POST /v1/messages/count_tokens)","type":"invalid_request_error"}}"#,
        ),
        ("404 Not Found", "text/html", "<html><title>Not found</title></html>"),
        ("404 Not Found", "text/plain", ""),
        ("405 Method Not Allowed", "application/json", r#"{"detail":"Method Not Allowed"}"#),
        ("501 Not Implemented", "application/json", r#"{"error":{"message":"not implemented"}}"#),
        ("400 Bad Request", "application/json", r#"{"error":{"message":"counting is not supported here"}}"#),
        ("403 Forbidden", "application/json", r#"{"error":{"message":"not for this account"}}"#),
        ("200 OK", "application/json", "{}"),
        ("200 OK", "text/html", "<html><title>Dashboard</title></html>"),
    ] {
        for dialect in ["anthropic", "gemini"] {
            let head = format!("HTTP/1.1 {status}\ncontent-type: {kind}");
            let canned = Canned::start(&head, body.as_bytes()).await;
            yard.apply(&fast_map(&[canned.route(dialect)], &[])).await;
            for _ in 0..6 {
                let reply = yard.call(PATH, &prompt("auto", 1_000)).await;
                assert!((600..2_500).contains(&counted(&reply)), "{dialect} {status} {body}: {reply:?}");
                assert_eq!(reply.header("x-switchyard-degradations"), "token_count_estimated messages");
            }
            let circuit = yard.route("canned").await.circuit;
            assert_eq!(circuit, CircuitState::Closed, "{dialect} {status} {body}");
            assert!(!canned.taken().is_empty(), "it was asked");
        }
    }
    for status in ["500 Internal Server Error", "401 Unauthorized", "429 Too Many Requests"] {
        let canned = Canned::start(&format!("HTTP/1.1 {status}"), b"{}").await;
        yard.apply(&fast_map(&[canned.route("anthropic")], &[])).await;
        let reply = yard.call(PATH, &prompt("auto", 1_000)).await;
        assert!((600..2_500).contains(&counted(&reply)), "{status}: {reply:?}");
    }
}
