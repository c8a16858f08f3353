//! An answer of a while ago, given again when no route can answer.

use serde_json::json;
use switchyard_domain::Tier;
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Yard};

const CHAT: Dialect = Dialect::OpenaiChat;

async fn yard(mode: &str) -> Yard {
    let more = json!({ "cache": { "mode": mode }, "breaker": { "consecutiveFailures": 1_000 } });
    Yard::over(&[CHAT], &[CHAT], more).await
}

async fn fail(yard: &Yard) {
    for name in ["hot", "warm"] {
        yard.provider(name).set_fault(Fault::status(500)).await.unwrap();
    }
}

#[tokio::test]
async fn the_same_request_gets_its_last_answer_when_nobody_answers() {
    let yard = yard("stale_if_error").await;
    let first = yard.chat("Is it raining?").await;
    assert_eq!((first.status, first.headers.get("x-switchyard-cache")), (200, None));
    fail(&yard).await;
    let again = yard.chat("Is it raining?").await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(again.body, first.body);
    assert_eq!(
        (again.header("x-switchyard-cache"), again.header("x-switchyard-degraded")),
        ("stale", "true")
    );
    assert!(again.header("age").parse::<u64>().unwrap() < 60);
    assert!(again.header("x-switchyard-degradations").starts_with("stale_answer"));
    let logged = &yard.snapshot().await.requests[0];
    assert!(logged.degraded && logged.route.is_none() && logged.attempts.iter().all(|a| a.failure.is_some()));

    // Another request, the same one as a stream, and the same one of another app have no answer of their own.
    assert_eq!(yard.chat("Is it snowing?").await.status, 202);
    assert_eq!(yard.send(&Ask::chat("Is it raining?").streaming(true)).await.status, 503);
    let (_, other) = yard.post("/v1/clients", &json!({ "name": "other" })).await;
    let bearer = format!("Bearer {}", other["key"].as_str().unwrap());
    let body = Ask::chat("Is it raining?").body.to_string();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    assert_eq!(yard.raw("/v1/chat/completions", &headers, body).await.status, 202);

    for name in ["hot", "warm"] {
        yard.provider(name).heal().await.unwrap();
    }
    let fresh = yard.chat("Is it raining?").await;
    assert_eq!((fresh.status, fresh.headers.get("x-switchyard-cache")), (200, None));
}

#[tokio::test]
async fn an_older_answer_will_do_only_while_every_provider_is_out() {
    let cache = json!({ "mode": "stale_if_error", "ttlMs": 1_000, "emergencyTtlMs": 600_000 });
    let more = json!({ "cache": cache, "breaker": { "consecutiveFailures": 2 }, "retry": { "attempts": 1 } });
    let yard = Yard::over(&[CHAT], &[CHAT], more).await;
    let first = yard.chat("Is it raining?").await;
    assert_eq!(first.status, 200);
    // It grows older than `ttlMs`.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    fail(&yard).await;
    let too_old = yard.chat("Is it raining?").await;
    assert_eq!((too_old.status, too_old.headers.get("x-switchyard-cache")), (202, None), "{too_old:?}");
    yard.wait_for("every provider to be out", |snapshot| snapshot.status.tier == Tier::Cold).await;
    let old = yard.chat("Is it raining?").await;
    assert_eq!((old.status, old.header("x-switchyard-cache")), (200, "stale"), "{old:?}");
    assert_eq!(old.body, first.body);
}

#[tokio::test]
async fn nothing_is_kept_unless_the_map_says_so_and_a_pause_gets_none() {
    let yard = yard("off").await;
    assert_eq!(yard.chat("Is it raining?").await.status, 200);
    fail(&yard).await;
    assert_eq!(yard.chat("Is it raining?").await.status, 202);

    let yard = self::yard("stale_if_error").await;
    assert_eq!(yard.chat("Is it raining?").await.status, 200);
    yard.post("/v1/pause", &json!({ "reason": "the bill" })).await;
    assert_eq!(yard.chat("Is it raining?").await.status, 202);
}
