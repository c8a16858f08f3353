//! No route can answer: the request is kept, the caller is told where its answer will be, and it comes.

use serde_json::{Value, json};
use switchyard_domain::view::Outcome;
use switchyard_sim::{Dialect, Fault, Latency};
use switchyard_tests::{Ask, Reply, Yard, within};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::Anthropic;

/// Hot and Warm answer 500 until healed; the queue tries again within milliseconds and does not give up.
async fn outage(upstream: Dialect, more: Value) -> Yard {
    let patient = json!({ "breaker": { "consecutiveFailures": 1_000 }, "cold": { "maxAttempts": 100 } });
    let yard = Yard::over(&[upstream], &[upstream], switchyard_tests::merge(patient, more)).await;
    fail(&yard).await;
    yard
}

async fn fail(yard: &Yard) {
    for name in ["hot", "warm"] {
        yard.provider(name).set_fault(Fault::status(500)).await.unwrap();
    }
}

async fn heal(yard: &Yard) {
    for name in ["hot", "warm"] {
        yard.provider(name).heal().await.unwrap();
    }
}

/// The job's id of a 202, after checking everything a caller goes by.
fn queued(reply: &Reply) -> String {
    assert_eq!(reply.status, 202, "{reply:?}");
    let body = reply.json();
    let id = body["id"].as_str().unwrap().to_owned();
    assert_eq!(body["status"], "queued");
    assert_eq!(reply.header("location"), format!("/v1/switchyard/jobs/{id}"));
    assert_eq!(reply.header("x-switchyard-job-id"), id);
    assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!((reply.header("x-switchyard-tier"), reply.header("x-switchyard-degraded")), ("cold", "true"));
    id
}

/// The job's result, read as the caller's SDK would read an answer.
fn result(polled: &Value, caller: Dialect) -> switchyard_tests::Completion {
    let body = polled["result"].to_string().into();
    let headers = std::iter::once((
        reqwest::header::CONTENT_TYPE,
        reqwest::header::HeaderValue::from_static("application/json"),
    ));
    Reply { status: 200, headers: headers.collect(), body, whole: true }.completion(caller)
}

#[tokio::test]
async fn a_full_queue_refuses_with_the_reason_and_keeps_what_it_has() {
    for caller in [CHAT, MESSAGES] {
        let yard = outage(caller, json!({ "cold": { "maxJobs": 2 } })).await;
        let with_key = Ask::new(caller, "first").header("idempotency-key", "order-1");
        let ids =
            [queued(&yard.send(&with_key).await), queued(&yard.send(&Ask::new(caller, "second")).await)];
        let refused = yard.send(&Ask::new(caller, "third")).await;
        let (_, message) = refused.error(caller);
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(message.contains("2 jobs wait") && message.contains("cold.maxJobs"), "{message}");
        assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
        assert_eq!(refused.header("x-should-retry"), "false");
        assert!(refused.header("x-switchyard-attempts").parse::<u32>().unwrap() >= 2, "{refused:?}");
        assert_eq!(queued(&yard.send(&with_key).await), ids[0], "what waits already is no new job");
        heal(&yard).await;
        for id in &ids {
            yard.wait_for_job(id, "done").await;
        }
        assert_eq!(yard.send(&Ask::new(caller, "third")).await.status, 200);
    }
}

#[tokio::test]
async fn a_request_nobody_can_answer_is_answered_once_a_route_is_back() {
    for (caller, upstream) in [(CHAT, CHAT), (MESSAGES, MESSAGES), (CHAT, MESSAGES), (MESSAGES, CHAT)] {
        let yard = outage(upstream, json!({})).await;
        let reply = yard.send(&Ask::new(caller, "Is it raining?")).await;
        let id = queued(&reply);
        let polled = yard.poll(&id).await;
        assert!(["queued", "running"].contains(&polled["status"].as_str().unwrap()), "{polled}");
        assert_eq!(polled.get("result"), None);
        let logged = yard.wait_for_outcome(Outcome::Queued).await;
        assert_eq!((logged.status, logged.attempts.len()), (202, 6));
        assert_eq!(yard.snapshot().await.cold.waiting, 1);

        heal(&yard).await;
        let done = yard.wait_for_job(&id, "done").await;
        let answer = result(&done, caller);
        assert!(answer.text.contains("Is it raining?"), "{answer:?}");
        assert!(
            ["hot", "warm"].contains(&done["route"].as_str().unwrap()),
            "one of the two that were healed: {done}"
        );
        let cold = yard.wait_for("the queue to be empty", |snapshot| snapshot.cold.waiting == 0).await.cold;
        assert_eq!((cold.done, cold.dead), (1, 0));
        let events = yard.event_types().await;
        assert!(
            events.contains(&"job_queued".to_owned()) && events.contains(&"job_done".to_owned()),
            "{events:?}"
        );
    }
}

#[tokio::test]
async fn a_stream_hears_an_error_its_sdk_does_not_retry_and_its_request_is_kept() {
    for caller in [CHAT, MESSAGES] {
        let yard = outage(caller, json!({})).await;
        let asks = [
            Ask::new(caller, "hello").streaming(true),
            Ask::new(caller, "hello").header("x-switchyard-interactive", "true"),
        ];
        let mut ids = Vec::new();
        for ask in asks {
            let reply = yard.send(&ask).await;
            assert_eq!((reply.status, reply.header("x-should-retry")), (503, "false"), "{reply:?}");
            assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
            let id = reply.header("x-switchyard-job-id").to_owned();
            let (code, message) = reply.error(caller);
            assert_eq!((code.as_str(), message.contains(&id)), ("queued", true), "{message}");
            ids.push(id);
        }
        heal(&yard).await;
        for id in ids {
            let done = yard.wait_for_job(&id, "done").await;
            assert!(!result(&done, caller).text.is_empty(), "a stream's job is answered whole");
        }
    }
}

#[tokio::test]
async fn a_job_can_reply_with_a_canned_completion() {
    let cold = json!({ "cold": { "mode": "template", "template": "We are back soon." } });
    for caller in [CHAT, MESSAGES] {
        let yard = outage(caller, cold.clone()).await;
        for stream in [false, true] {
            let reply = yard.send(&Ask::new(caller, "hello").streaming(stream)).await;
            assert_eq!(reply.completion(caller).text, "We are back soon.");
            assert_eq!(
                (reply.header("x-switchyard-degraded"), reply.header("x-switchyard-tier")),
                ("true", "cold")
            );
            let id = reply.header("x-switchyard-job-id").to_owned();
            assert!(!id.is_empty(), "the request is kept all the same");
            heal(&yard).await;
            yard.wait_for_job(&id, "done").await;
            fail(&yard).await;
        }
    }
}

#[tokio::test]
async fn a_job_can_hold_its_caller_until_a_route_is_back() {
    for caller in [CHAT, MESSAGES] {
        let yard = outage(caller, json!({ "cold": { "mode": "wait" } })).await;
        let asked = tokio::spawn(yard.request(&Ask::new(caller, "hello")).send());
        yard.wait_for("the request to be queued", |snapshot| snapshot.cold.waiting == 1).await;
        heal(&yard).await;
        let response = within("the answer", asked).await.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers().contains_key("x-switchyard-job-id"));
        let body: Value = response.json().await.unwrap();
        let got = result(&json!({ "result": body }), caller);
        assert!(got.text.starts_with("[hot-1 @ hot]"), "{got:?}");
        // The caller's own entry, and the one of the queue's attempt.
        let logged = yard.get("/v1/requests?limit=10").await;
        let held = |entry: &&Value| !entry["id"].as_str().unwrap().contains('.');
        let entry = logged.as_array().unwrap().iter().find(held).unwrap();
        assert_eq!(
            (&entry["outcome"], &entry["route"], &entry["status"]),
            (&json!("answered"), &json!("hot"), &json!(200))
        );
    }
}

#[tokio::test]
async fn a_caller_that_is_held_is_told_when_its_time_is_over() {
    let yard = outage(CHAT, json!({ "cold": { "mode": "wait" }, "sloMs": 500 })).await;
    let id = queued(&yard.chat("hello").await);
    heal(&yard).await;
    yard.wait_for_job(&id, "done").await;
}

#[tokio::test]
async fn the_same_idempotency_key_is_the_same_job() {
    let yard = outage(CHAT, json!({})).await;
    let ask = Ask::chat("hello").header("idempotency-key", "order-17");
    let (first, second) = (yard.send(&ask).await, yard.send(&ask).await);
    let id = queued(&first);
    assert_eq!((queued(&second), second.json()["existing"].clone()), (id.clone(), json!(true)));
    let other = yard.send(&Ask::chat("hello").header("idempotency-key", "order-18")).await;
    assert_ne!(queued(&other), id);
    heal(&yard).await;
    yard.wait_for_job(&id, "done").await;
}

#[tokio::test]
async fn the_same_idempotency_key_buys_no_second_answer_while_the_first_is_queued() {
    let yard = outage(CHAT, json!({ "cold": { "initialMs": 3_600_000, "maxMs": 3_600_000 } })).await;
    let ask = Ask::chat("hello").header("idempotency-key", "order-17");
    let id = queued(&yard.send(&ask).await);
    yard.wait_for("the job's own first attempt", |snapshot| {
        snapshot.cold.next_attempt_at_ms.is_some_and(|at| at > snapshot.at_ms + 60_000)
    })
    .await;
    heal(&yard).await;
    let calls = yard.provider("hot").calls();
    assert_eq!(queued(&yard.send(&ask).await), id);
    assert_eq!(yard.provider("hot").calls(), calls);
}

#[tokio::test]
async fn the_same_idempotency_key_buys_no_second_answer_while_the_first_is_in_flight() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({ "timeouts": { "firstByteMs": 20_000 } })).await;
    let hot = yard.provider("hot");
    hot.set_latency(Latency { first_byte_ms: 1_000, ..Latency::default() });
    let ask = Ask::chat("hello").header("idempotency-key", "order-17");
    let (first, second) = tokio::join!(yard.send(&ask), yard.send(&ask));
    assert_eq!((hot.calls(), yard.provider("warm").calls()), (1, 0), "{first:?} {second:?}");
}

#[tokio::test]
async fn a_pause_queues_new_work_lets_running_work_finish_and_a_resume_works_it_off() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
    let hot = yard.provider("hot");
    hot.set_latency(Latency { per_chunk_ms: 100, chunks: 10, ..Latency::default() });
    let running = tokio::spawn(yard.request(&Ask::chat("hello").streaming(true)).send());
    within("the stream to begin", hot.wait_for(|traffic| traffic.in_flight == 1)).await;

    assert_eq!(yard.post("/v1/pause", &json!({ "reason": "bill too high" })).await.0, 204);
    let reply = yard.chat("later please").await;
    let id = queued(&reply);
    assert_eq!(hot.calls(), 1, "nothing new goes upstream");
    let streamed = yard.send(&Ask::chat("hello").streaming(true)).await;
    assert!(streamed.error(CHAT).1.contains("bill too high"), "{streamed:?}");

    let finished =
        within("the running stream", async { running.await.unwrap().unwrap().text().await }).await.unwrap();
    assert!(finished.ends_with("data: [DONE]\n\n"), "{finished}");
    let health = yard.fetch("/health", &[]).await.json();
    assert_eq!(health["status"], "paused");
    assert_eq!(yard.poll(&id).await["status"], "queued");
    assert_eq!(hot.calls(), 1);

    assert_eq!(yard.post("/v1/resume", &json!({})).await.0, 204);
    let done = yard.wait_for_job(&id, "done").await;
    assert!(result(&done, CHAT).text.contains("later please"));
}

#[tokio::test]
async fn a_pause_outlives_a_restart() {
    let mut yard = Yard::over(&[CHAT], &[], json!({})).await;
    yard.post("/v1/pause", &json!({ "reason": "travelling" })).await;
    yard.restart().await;
    let pause = yard.snapshot().await.pause;
    assert_eq!((pause.paused, pause.reason.as_deref()), (true, Some("travelling")));
    queued(&yard.chat("hello").await);
    assert_eq!(yard.provider("hot").calls(), 0);
}

#[tokio::test]
async fn after_five_attempts_a_job_waits_for_a_person_who_can_replay_it() {
    let yard = outage(CHAT, json!({ "cold": { "maxAttempts": 5 }, "retry": { "attempts": 1 } })).await;
    let id = queued(&yard.chat("hello").await);
    let dead = yard.wait_for_job(&id, "dead").await;
    assert_eq!((&dead["attempts"], &dead["lastFailure"]["status"]), (&json!(5), &json!(500)));
    assert_eq!(yard.provider("hot").calls(), 6, "one by the caller, five by the queue");
    let cold = yard.wait_for("the dead job to be shown", |snapshot| snapshot.cold.dead == 1).await.cold;
    assert_eq!(cold.waiting, 0);
    assert!(yard.event_types().await.contains(&"job_dead".to_owned()));
    let listed = yard.get("/v1/queue?state=dead").await;
    assert_eq!(listed[0]["id"], json!(id));

    heal(&yard).await;
    assert_eq!(yard.post(&format!("/v1/queue/{id}/replay"), &json!({})).await.0, 204);
    let done = yard.wait_for_job(&id, "done").await;
    assert!(!result(&done, CHAT).text.is_empty());
    let (status, problem) = yard.post(&format!("/v1/queue/{id}/replay"), &json!({})).await;
    assert_eq!(status, 409, "an answered job is not asked again: {problem}");
}

#[tokio::test]
async fn a_discarded_job_is_never_tried_again() {
    let yard = outage(CHAT, json!({ "cold": { "maxAttempts": 1 } })).await;
    let id = queued(&yard.chat("hello").await);
    yard.wait_for_job(&id, "dead").await;
    assert_eq!(yard.post(&format!("/v1/queue/{id}/discard"), &json!({})).await.0, 204);
    assert_eq!(yard.poll(&id).await["status"], "discarded");
    let (status, problem) = yard.post("/v1/queue/job_nope/discard", &json!({})).await;
    assert_eq!((status, problem["code"].as_str().unwrap().starts_with("not_found")), (404, true));
}

#[tokio::test]
async fn attempts_that_reach_nobody_do_not_count_and_the_job_expires_in_its_time() {
    let yard = Yard::over(&[CHAT], &[], json!({ "cold": { "expiresMs": 1_500, "maxAttempts": 1 } })).await;
    yard.provider("hot").set_fault(Fault::Refuse).await.unwrap();
    let id = queued(&yard.chat("hello").await);
    let expired = yard.wait_for_job(&id, "expired").await;
    assert_eq!(expired["attempts"], 0, "{expired}");
    assert_eq!(expired["lastFailure"]["kind"], "connect", "{expired}");
}

#[tokio::test]
async fn another_app_can_not_see_a_job() {
    let yard = outage(CHAT, json!({})).await;
    let id = queued(&yard.chat("hello").await);
    let (status, other) = yard.post("/v1/clients", &json!({ "name": "other-app" })).await;
    assert!((200..300).contains(&status), "{other}");
    let bearer = format!("Bearer {}", other["key"].as_str().unwrap());
    let location = format!("/v1/switchyard/jobs/{id}");
    let reply = yard.fetch(&location, &[("authorization", &bearer)]).await;
    assert_eq!((reply.status, reply.error(CHAT).0.as_str()), (404, "unknown_job"));
    assert_eq!(yard.fetch(&location, &[]).await.status, 401);
}

#[tokio::test]
async fn a_queued_request_outlives_a_power_cut() {
    let mut yard = outage(MESSAGES, json!({})).await;
    let id = queued(&yard.chat("hello").await);
    yard.kill9().await;
    heal(&yard).await;
    yard.restart().await;
    let done = yard.wait_for_job(&id, "done").await;
    assert!(result(&done, CHAT).text.starts_with("[hot-1 @ hot]"));
}

#[tokio::test]
async fn without_a_queue_the_caller_hears_the_upstreams_reason() {
    for caller in [CHAT, MESSAGES] {
        let yard = outage(caller, json!({ "flags": { "enable_cold_queue": false } })).await;
        for stream in [false, true] {
            let reply = yard.send(&Ask::new(caller, "hello").streaming(stream)).await;
            assert_eq!(reply.status, 502, "{reply:?}");
            assert!(reply.error(caller).1.contains("The server had an error"), "{reply:?}");
            assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
        assert_eq!(yard.snapshot().await.cold.waiting, 0);
    }
}
