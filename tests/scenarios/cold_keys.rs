//! Queued requests and their owners: an idempotency key names one request, an app's jobs are its own, and what a request
//! said of itself goes with it through the queue.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault, Latency};
use switchyard_tests::{Ask, Reply, Yard, merge, within};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::Anthropic;

/// Everything waits: new work is paused.
async fn paused(more: Value) -> Yard {
    let yard =
        Yard::over(&[CHAT], &[], merge(json!({ "breaker": { "consecutiveFailures": 1_000 } }), more)).await;
    assert_eq!(yard.post("/v1/pause", &json!({ "reason": "lunch" })).await.0, 204);
    yard
}

fn queued(reply: &Reply) -> String {
    assert_eq!(reply.status, 202, "{reply:?}");
    reply.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_that_comes_with_another_request_is_refused_and_not_as_something_to_retry() {
    let yard = paused(json!({})).await;
    let with_key = |ask: Ask| ask.header("idempotency-key", "order-1");
    let first = with_key(Ask::chat("question A"));
    let id = queued(&yard.send(&first).await);
    let others = [
        (CHAT, with_key(Ask::chat("question B"))),
        (MESSAGES, with_key(Ask::messages("question A"))),
        (CHAT, with_key(Ask::chat("question A").with(json!({ "temperature": 0.5 })))),
    ];
    for (caller, other) in &others {
        let refused = yard.send(other).await;
        let (code, _) = refused.error(*caller);
        assert_eq!(refused.status, 422, "{refused:?}");
        if *caller == CHAT {
            assert_eq!(code, "idempotency_key_reused");
        }
    }
    assert_eq!(queued(&yard.send(&first).await), id, "the same request is the same job");

    // In flight it is the same.
    yard.post("/v1/resume", &json!({})).await;
    yard.wait_for_job(&id, "done").await;
    let hot = yard.provider("hot");
    hot.set_latency(Latency { first_byte_ms: 500, ..Latency::default() });
    let fresh = Ask::chat("question C").header("idempotency-key", "order-2");
    let running = tokio::spawn(yard.request(&fresh).send());
    within("the first to be asked", hot.wait_for(|traffic| traffic.in_flight == 1)).await;
    let other = Ask::chat("question D").header("idempotency-key", "order-2");
    let refused = yard.send(&other).await;
    assert_eq!((refused.status, refused.error(CHAT).0.as_str()), (422, "idempotency_key_reused"));
    assert_eq!(running.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn who_waited_for_a_stream_with_the_same_key_never_buys_it_again_unasked() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let hot = yard.provider("hot");
    hot.set_latency(Latency { per_chunk_ms: 100, chunks: 6, ..Latency::default() });
    let ask = Ask::chat("hello").header("idempotency-key", "order-1").streaming(true);
    let first = tokio::spawn(yard.request(&ask).send());
    within("the stream to begin", hot.wait_for(|traffic| traffic.in_flight == 1)).await;
    let reading = async { first.await.unwrap().unwrap().text().await.unwrap() };
    let (said, second) = tokio::join!(within("the first one's end", reading), yard.send(&ask));
    assert!(said.ends_with("data: [DONE]\n\n"), "{said}");
    assert_eq!(
        (second.status, second.error(CHAT).0.as_str()),
        (409, "idempotency_key_streamed"),
        "{second:?}"
    );
    assert_eq!(second.header("x-should-retry"), "false");
    assert_eq!(hot.calls(), 1);
}

#[tokio::test]
async fn a_removed_apps_jobs_are_not_its_namesakes() {
    let yard = paused(json!({})).await;
    let add = async || {
        let (status, added) = yard.post("/v1/clients", &json!({ "name": "n8n" })).await;
        assert!((200..300).contains(&status), "{added}");
        format!("Bearer {}", added["key"].as_str().unwrap())
    };
    let before = add().await;
    let ask =
        |key: &str| Ask::chat("secret").header("authorization", key).header("idempotency-key", "order-1");
    let id = queued(&yard.send(&ask(&before)).await);
    let location = format!("/v1/switchyard/jobs/{id}");
    assert_eq!(yard.fetch(&location, &[("authorization", &before)]).await.status, 200);
    yard.delete("/v1/clients/n8n").await;
    let after = add().await;
    assert_eq!(yard.fetch(&location, &[("authorization", &after)]).await.status, 404);
    assert_ne!(queued(&yard.send(&ask(&after)).await), id, "nor is its idempotency key");
}

#[tokio::test]
async fn what_a_queued_answer_lost_in_translation_is_told_wherever_it_is_delivered() {
    let yard = Yard::over(&[MESSAGES], &[], json!({})).await;
    yard.post("/v1/pause", &json!({ "reason": "lunch" })).await;
    let id = queued(&yard.send(&Ask::chat("hello").with(json!({ "seed": 7 }))).await);
    yard.post("/v1/resume", &json!({})).await;
    let done = yard.wait_for_job(&id, "done").await;
    assert!(done["degradations"][0].as_str().is_some_and(|lost| lost.contains("seed")), "{done}");
    let bearer = format!("Bearer {}", yard.key());
    let reply = yard.fetch(&format!("/v1/switchyard/jobs/{id}"), &[("authorization", &bearer)]).await;
    assert!(reply.header("x-switchyard-degradations").contains("seed"), "{:?}", reply.headers);
    assert_eq!(reply.header("x-switchyard-degraded"), "true");
    assert!(yard.event_types().await.contains(&"answer_degraded".to_owned()));
    let logged = yard.get("/v1/requests?limit=9").await;
    let told = |row: &Value| row["degradations"][0].as_str().is_some_and(|lost| lost.contains("seed"));
    assert!(logged.as_array().unwrap().iter().any(told), "{logged}");
}

#[tokio::test]
async fn the_queue_keeps_no_more_bytes_than_the_map_allows() {
    let yard = paused(json!({ "cold": { "maxBytes": 1_048_576 } })).await;
    let big = "x".repeat(600_000);
    let id = queued(&yard.chat(&big).await);
    let refused = yard.chat(&big).await;
    let (code, message) = refused.error(CHAT);
    assert_eq!((refused.status, code.as_str()), (503, "queue_full"), "{message}");
    assert!(message.contains("cold.maxBytes"), "{message}");
    assert_eq!(yard.post(&format!("/v1/queue/{id}/discard"), &json!({})).await.0, 204);
    queued(&yard.chat(&big).await);
}

#[tokio::test]
async fn a_key_is_known_before_the_first_request_after_a_restart() {
    let patient =
        json!({ "retry": { "attempts": 1 }, "cold": { "initialMs": 3_600_000, "maxMs": 3_600_000 } });
    let mut yard = Yard::over(&[CHAT], &[], patient).await;
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    let ask = Ask::chat("hello").header("idempotency-key", "order-1");
    let id = queued(&yard.send(&ask).await);
    yard.kill9().await;
    yard.provider("hot").heal().await.unwrap();
    yard.restart().await;
    let calls = yard.provider("hot").calls();
    assert_eq!(queued(&yard.send(&ask).await), id);
    assert_eq!(yard.provider("hot").calls(), calls, "nothing is bought again");
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_promised_once_the_database_file_is_gone() {
    let yard = paused(json!({})).await;
    queued(&yard.chat("kept").await);
    std::fs::remove_file(yard.data_dir().join("switchyard.db")).unwrap();
    let refused = yard.chat("lost").await;
    let (code, message) = refused.error(CHAT);
    assert_eq!((refused.status, code.as_str()), (503, "database_gone"), "{message}");
    assert!(message.contains("switchyard.db"), "{message}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_shutdown_waits_for_an_attempt_that_is_paid_for() {
    let mut yard = Yard::over(&[CHAT], &[], json!({ "timeouts": { "firstByteMs": 20_000 } })).await;
    let hot = yard.provider("hot");
    yard.post("/v1/pause", &json!({ "reason": "lunch" })).await;
    let id = queued(&yard.chat("hello").await);
    hot.set_latency(Latency { first_byte_ms: 1_500, ..Latency::default() });
    yard.post("/v1/resume", &json!({})).await;
    within("the attempt to begin", hot.wait_for(|traffic| traffic.in_flight == 1)).await;
    let process = yard.take_process();
    process.terminate();
    let (status, log) = process.ended().await;
    assert!(status.success(), "{log}");
    yard.restart().await;
    yard.wait_for_job(&id, "done").await;
    assert_eq!(hot.calls(), 1, "the answer is not bought twice");
}

#[tokio::test]
async fn an_sdks_retry_joins_what_is_under_way_or_queued_and_an_equal_prompt_does_not() {
    let yard = Yard::over(&[CHAT], &[], json!({ "timeouts": { "firstByteMs": 10_000 } })).await;
    let hot = yard.provider("hot");
    let asked = |retry: &str| Ask::chat("hello").header("x-stainless-retry-count", retry);
    hot.set_latency(Latency { first_byte_ms: 3_000, ..Latency::default() });
    let first = tokio::spawn(yard.request(&asked("0")).send());
    within("the first to be under way", async {
        while hot.calls() == 0 {
            tokio::task::yield_now().await;
            yard.snapshot().await;
        }
    })
    .await;
    let (retry, equal) = (asked("1"), asked("0"));
    let (retried, equal) = tokio::join!(yard.send(&retry), yard.send(&equal));
    assert_eq!((retried.status, equal.status), (200, 200));
    assert_eq!(retried.header("x-switchyard-shared"), "true", "{retried:?}");
    assert_eq!((equal.header("x-switchyard-shared"), hot.calls()), ("", 2), "{equal:?}");
    assert_eq!(within("the first answer", first).await.unwrap().unwrap().status(), 200);

    assert_eq!(yard.post("/v1/pause", &json!({ "reason": "lunch" })).await.0, 204);
    let job = |reply: &Reply| reply.header("x-switchyard-job-id").to_owned();
    let waits = yard.send(&asked("0")).await;
    assert_eq!(waits.status, 503, "{waits:?}");
    assert_eq!(job(&yard.send(&asked("1")).await), job(&waits), "the same request again is the same job");
    assert_ne!(job(&yard.send(&asked("0")).await), job(&waits), "an equal prompt is a job of its own");
}
