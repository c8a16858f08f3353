//! A caller that hangs up: the upstream call is cancelled at once, nobody is condemned, the log says what happened.

use futures_util::StreamExt;
use serde_json::json;
use switchyard_domain::view::{CircuitState, Outcome};
use switchyard_sim::{Dialect, Fault, Latency};
use switchyard_tests::{Ask, Yard, within};

const BOTH: [Dialect; 2] = [Dialect::OpenaiChat, Dialect::Anthropic];

async fn over(caller: Dialect) -> Yard {
    let patient = json!({
        "timeouts": { "firstByteMs": 60_000, "firstTokenMs": 60_000, "idleMs": 60_000 }, "sloMs": 120_000,
        "breaker": { "consecutiveFailures": 1 },
    });
    Yard::over(&[caller], &[caller], patient).await
}

/// The same world, its routes asked as providers out in the world are.
async fn far_over(caller: Dialect) -> Yard {
    let yard = over(caller).await;
    let near = yard.get("/v1/map").await["document"].as_str().unwrap().to_owned();
    yard.apply_text(&near.replace("127.0.0.1", "0.0.0.0")).await;
    yard
}

async fn nobody_is_condemned(yard: &Yard) {
    let logged = yard.wait_for_outcome(Outcome::Aborted).await;
    assert_eq!(logged.status, 499);
    let hot = yard.route("hot").await;
    assert_eq!(
        (hot.circuit, hot.last_failure, hot.last.contains(&false)),
        (CircuitState::Closed, None, false)
    );
    assert_eq!(yard.provider("warm").calls(), 0, "nobody is asked on behalf of a caller that went away");
    yard.wait_for("nothing to be under way", |snapshot| snapshot.traffic.in_flight == 0).await;
    assert_eq!(yard.snapshot().await.status.lost, 0);
}

#[tokio::test]
async fn hanging_up_in_the_middle_of_a_stream_cancels_the_upstream_call() {
    for (caller, is_far) in BOTH.into_iter().flat_map(|caller| [(caller, false), (caller, true)]) {
        let yard = if is_far { far_over(caller).await } else { over(caller).await };
        let hot = yard.provider("hot");
        // Two words now, the rest in an hour.
        hot.set_fault(Fault::StallStream { after_chunks: 2 }).await.unwrap();
        let response = yard.request(&Ask::new(caller, "hello").streaming(true)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let mut body = response.bytes_stream();
        within("the first words", body.next()).await.unwrap().unwrap();
        assert_eq!(hot.aborted(), 0);
        drop(body);
        within("the upstream call to be cancelled", hot.wait_for(|traffic| traffic.aborted == 1)).await;
        nobody_is_condemned(&yard).await;
    }
}

#[tokio::test]
async fn hanging_up_on_a_flowing_stream_cancels_the_upstream_call() {
    let yard = over(Dialect::OpenaiChat).await;
    let hot = yard.provider("hot");
    hot.set_latency(Latency { per_chunk_ms: 100, chunks: 1_000, ..Latency::default() });
    let long = Ask::chat(&"word ".repeat(60)).streaming(true);
    let response = yard.request(&long).send().await.unwrap();
    let mut body = response.bytes_stream();
    within("the first word", body.next()).await.unwrap().unwrap();
    drop(body);
    within("the upstream call to be cancelled", hot.wait_for(|traffic| traffic.aborted == 1)).await;
    nobody_is_condemned(&yard).await;
}

#[tokio::test]
async fn hanging_up_before_the_first_byte_cancels_the_upstream_call() {
    for (caller, is_far) in BOTH.into_iter().flat_map(|caller| [(caller, false), (caller, true)]) {
        for stream in [false, true] {
            let yard = if is_far { far_over(caller).await } else { over(caller).await };
            let hot = yard.provider("hot");
            hot.set_fault(Fault::Silence).await.unwrap();
            let waiting = tokio::spawn(yard.request(&Ask::new(caller, "hello").streaming(stream)).send());
            within("the call to arrive", hot.wait_for(|traffic| traffic.in_flight == 1)).await;
            waiting.abort();
            within("the upstream call to be cancelled", hot.wait_for(|traffic| traffic.aborted == 1)).await;
            nobody_is_condemned(&yard).await;
        }
    }
}

#[tokio::test]
async fn hanging_up_between_two_tries_ends_them() {
    let yard = over(Dialect::OpenaiChat).await;
    yard.apply(&switchyard_tests::merge(
        switchyard_tests::fast_map(&[switchyard_tests::route(&yard.provider("hot"))], &[]),
        json!({ "retry": { "initialMs": 60_000, "maxMs": 60_000 }, "sloMs": 3_600_000 }),
    ))
    .await;
    let hot = yard.provider("hot");
    hot.set_fault(Fault::status(500)).await.unwrap();
    let waiting = tokio::spawn(yard.request(&Ask::chat("hello")).send());
    within("the first try to fail", hot.wait_for(|traffic| traffic.ended == 1)).await;
    waiting.abort();
    yard.wait_for_outcome(Outcome::Aborted).await;
    assert_eq!(hot.calls(), 1);
}
