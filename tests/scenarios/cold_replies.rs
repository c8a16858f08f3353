//! What a caller hears when its request is queued: a 202 only where it is read as one.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Reply, Yard};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::Anthropic;
const RESPONSES: Dialect = Dialect::OpenaiResponses;

/// As each official client of these languages introduces itself; the last three send no `x-stainless-*`.
const SDKS: [(&str, &str); 6] = [
    ("x-stainless-lang", "python"),
    ("x-stainless-retry-count", "0"),
    ("user-agent", "OpenAI/Python 2.8.1"),
    ("user-agent", "Anthropic/JS 0.71.0"),
    ("user-agent", "ai/5.0.60 ai-sdk/provider-utils/3.0.9 runtime/node.js/22"),
    ("user-agent", "litellm/1.77.5"),
];
const PLAIN: [&str; 5] =
    ["curl/8.11.1", "python-requests/2.32.3", "python-httpx/0.28.1", "node", "Go-http-client/1.1"];

/// Every route answers 500, and the queue does not try for a while.
async fn outage(more: Value) -> Yard {
    let patient = json!({ "breaker": { "consecutiveFailures": 1_000 }, "retry": { "attempts": 1 },
                          "cold": { "initialMs": 3_600_000, "maxMs": 3_600_000 } });
    let yard = Yard::over(&[CHAT], &[], switchyard_tests::merge(patient, more)).await;
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    yard
}

/// Checks everything an SDK's user goes by; the job's id.
fn error(reply: &Reply, caller: Dialect) -> String {
    let id = reply.header("x-switchyard-job-id").to_owned();
    let (code, message) = reply.error(caller);
    assert_eq!((reply.status, code.as_str()), (503, "queued"), "{reply:?}");
    assert!(message.contains(&format!("queued as {id}")) && id.starts_with("job_"), "{message}");
    assert!(!message.contains("  ") && !message.contains(".."), "{message}");
    assert_eq!(reply.header("x-should-retry"), "false");
    assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(reply.header("location"), format!("/v1/switchyard/jobs/{id}"));
    id
}

fn accepted(reply: &Reply) -> String {
    let id = reply.header("x-switchyard-job-id").to_owned();
    assert_eq!((reply.status, reply.json()["id"].as_str()), (202, Some(id.as_str())), "{reply:?}");
    assert_eq!(reply.header("location"), format!("/v1/switchyard/jobs/{id}"));
    id
}

#[tokio::test]
async fn an_sdk_never_gets_a_202_it_would_read_as_a_completion() {
    let yard = outage(json!({})).await;
    for caller in [CHAT, RESPONSES, MESSAGES] {
        for (name, value) in SDKS {
            error(&yard.send(&Ask::new(caller, "hello").header(name, value)).await, caller);
        }
        for agent in PLAIN {
            accepted(&yard.send(&Ask::new(caller, "hello").header("user-agent", agent)).await);
        }
        let streamed = Ask::new(caller, "hello").header("user-agent", "curl/8.11.1").streaming(true);
        error(&yard.send(&streamed).await, caller);
    }
}

#[tokio::test]
async fn an_sdk_that_wants_vectors_never_gets_a_202_or_a_canned_text() {
    for more in [json!({}), json!({ "cold": { "mode": "template", "template": "Back soon." } })] {
        let yard = outage(more).await;
        let key = format!("Bearer {}", yard.key());
        let body = json!({ "model": "auto", "input": "hello" }).to_string();
        let mut headers = vec![("authorization", key.as_str()), ("content-type", "application/json")];
        accepted(&yard.raw("/v1/embeddings", &headers, body.clone()).await);
        headers.push(("x-stainless-lang", "js"));
        error(&yard.raw("/v1/embeddings", &headers, body).await, CHAT);
    }
}

#[tokio::test]
async fn a_client_a_job_or_the_request_itself_can_be_set_either_way() {
    let yard = outage(json!({
        "jobs": { "told": { "reply": "queued" }, "failed": { "reply": "error" } },
        "clients": { "script": { "reply": "error" }, "worker": { "reply": "queued" } },
    }))
    .await;
    let mut keys = std::collections::HashMap::new();
    for name in ["script", "worker"] {
        let (_, added) = yard.post("/v1/clients", &json!({ "name": name })).await;
        keys.insert(name, format!("Bearer {}", added["key"].as_str().unwrap()));
    }
    let plain = || Ask::chat("hello").header("user-agent", "curl/8.11.1");
    let sdk = || Ask::chat("hello").header("x-stainless-lang", "python");
    let of = |name: &str, ask: Ask| ask.header("authorization", &keys[name]);
    // Its client says.
    error(&yard.send(&of("script", plain())).await, CHAT);
    accepted(&yard.send(&of("worker", sdk())).await);
    // Its job says, and goes before its client.
    accepted(&yard.send(&of("script", sdk()).job("told")).await);
    error(&yard.send(&of("worker", plain()).job("failed")).await, CHAT);
    // The request says.
    accepted(&yard.send(&sdk().header("x-switchyard-interactive", "false")).await);
    error(&yard.send(&plain().header("x-switchyard-interactive", "true")).await, CHAT);
    // A stream has no use for a 202 whatever is written.
    error(&yard.send(&of("worker", sdk()).streaming(true)).await, CHAT);
}

#[tokio::test]
async fn every_way_into_the_queue_tells_each_caller_in_its_own_shape() {
    let yard = outage(json!({})).await;
    let with = |key: &str| Ask::chat("hello").header("idempotency-key", key);
    let sdk = |ask: Ask| ask.header("x-stainless-lang", "python");
    // What waits already.
    let id = accepted(&yard.send(&with("a")).await);
    assert_eq!(error(&yard.send(&sdk(with("a"))).await, CHAT), id);
    // The same key at the same time: who comes second is told in its own shape.
    let (first, second) = (with("b"), sdk(with("b")));
    let (first, second) = tokio::join!(yard.send(&first), yard.send(&second));
    assert_eq!(accepted(&first), error(&second, CHAT));
    // While new work is paused.
    yard.post("/v1/pause", &json!({ "reason": "lunch" })).await;
    accepted(&yard.send(&Ask::chat("hello")).await);
    error(&yard.send(&sdk(Ask::chat("hello"))).await, CHAT);
}

#[tokio::test]
async fn a_held_sdk_gets_the_error_when_its_time_is_over() {
    let yard = outage(json!({ "cold": { "mode": "wait" }, "sloMs": 500 })).await;
    error(&yard.send(&Ask::chat("hello").header("x-stainless-lang", "js")).await, CHAT);
}
