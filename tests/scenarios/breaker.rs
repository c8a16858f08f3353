//! A route that keeps failing is left alone, and taken back when it answers again.

use serde_json::{Value, json};
use switchyard_domain::Tier;
use switchyard_domain::view::CircuitState;
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Yard, within};

const CHAT: Dialect = Dialect::OpenaiChat;

#[tokio::test]
async fn five_failures_open_the_circuit_and_two_good_calls_close_it() {
    for stream in [false, true] {
        let breaker = json!({ "breaker": { "consecutiveFailures": 5, "halfOpenEveryMs": 2_000, "successesToClose": 2 } });
        let yard = Yard::over(&[CHAT], &[CHAT], breaker).await;
        let (hot, ask) = (yard.provider("hot"), Ask::chat("hello").streaming(stream));
        hot.set_fault(Fault::status(500)).await.unwrap();

        assert_eq!(yard.send(&ask).await.way(), ("warm", 4, true));
        assert_eq!(
            yard.send(&ask).await.way(),
            ("warm", 3, true),
            "the circuit opens in the middle of the retries"
        );
        let opened = yard.route("hot").await;
        assert_eq!((opened.circuit, hot.calls()), (CircuitState::Open, 5));
        assert!(opened.next_probe_in_ms.is_some_and(|ms| ms <= 2_000), "{opened:?}");
        assert_eq!(yard.send(&ask).await.way(), ("warm", 1, true), "an open circuit costs no try");
        assert_eq!(hot.calls(), 5);
        assert_eq!(yard.snapshot().await.status.tier, Tier::Warm);

        hot.heal().await.unwrap();
        let due =
            |route: &switchyard_domain::view::RouteView| route.next_probe_in_ms.is_none_or(|ms| ms == 0);
        yard.wait_for_route("the test call to be due", "hot", due).await;
        assert_eq!(yard.send(&ask).await.route(), "hot");
        assert_eq!(yard.route("hot").await.circuit, CircuitState::HalfOpen, "one good call is not enough");
        assert_eq!(yard.send(&ask).await.route(), "hot");
        assert_eq!(yard.route("hot").await.circuit, CircuitState::Closed);
        assert_eq!(yard.send(&ask).await.way(), ("hot", 1, false));

        let told = yard.get("/v1/snapshot").await;
        let told: Vec<&Value> = told["events"].as_array().unwrap().iter().rev().collect();
        let of = |kind: &str| told.iter().filter(|event| event["type"] == kind).collect::<Vec<_>>();
        assert_eq!(of("circuit_opened")[0]["consecutive"], 5);
        assert_eq!(of("circuit_opened")[0]["failure"]["status"], 500);
        assert_eq!(
            (of("circuit_opened").len(), of("circuit_half_open").len(), of("circuit_closed").len()),
            (1, 1, 1)
        );
        let moves: Vec<(&Value, &Value)> =
            of("tier_changed").iter().map(|e| (&e["from"], &e["to"])).collect();
        assert_eq!(moves, [(&json!("hot"), &json!("warm")), (&json!("warm"), &json!("hot"))]);
    }
}

#[tokio::test]
async fn a_failed_test_call_keeps_the_circuit_open_and_the_caller_does_not_notice() {
    let breaker = json!({ "breaker": { "consecutiveFailures": 1, "halfOpenEveryMs": 300 } });
    let yard = Yard::over(&[CHAT], &[CHAT], breaker).await;
    let hot = yard.provider("hot");
    hot.set_fault(Fault::status(500)).await.unwrap();
    assert_eq!(yard.chat("hello").await.way(), ("warm", 2, true));
    let due = |route: &switchyard_domain::view::RouteView| route.next_probe_in_ms.is_none_or(|ms| ms == 0);
    yard.wait_for_route("the test call to be due", "hot", due).await;
    let reply = yard.chat("hello").await;
    assert!(reply.completion(CHAT).text.starts_with("[warm-1 @ warm]"));
    assert_eq!((reply.way(), hot.calls()), (("warm", 2, true), 2), "one test call, no retry of it");
    assert_eq!(yard.route("hot").await.circuit, CircuitState::Open);
}

#[tokio::test]
async fn a_target_that_asked_for_a_pause_gets_it() {
    for code in [429, 503] {
        let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
        let hot = yard.provider("hot");
        hot.set_fault(Fault::Status { code, retry_after_s: Some(3), body: None }).await.unwrap();
        assert_eq!(yard.chat("hello").await.way(), ("warm", 2, true), "the caller does not wait for it");
        hot.heal().await.unwrap();
        assert_eq!(yard.chat("hello").await.way(), ("warm", 1, true), "{code}: not called before its time");
        assert_eq!(hot.calls(), 1);
        let resting = yard.route("hot").await;
        assert_eq!(resting.circuit, CircuitState::Closed, "{code}: one polite refusal opens no circuit");
        assert!(resting.cooldown_ms.is_some_and(|ms| ms <= 3_000), "{resting:?}");
        yard.wait_for_route("the pause to be over", "hot", |route| route.cooldown_ms.is_none()).await;
        assert_eq!(yard.chat("hello").await.way(), ("hot", 1, false));
    }
}

#[tokio::test]
async fn a_short_pause_is_waited_out_when_nothing_else_can_serve() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let hot = yard.provider("hot");
    let fault = Fault::Status { code: 429, retry_after_s: Some(1), body: None };
    hot.set_fault(switchyard_sim::FaultRule::from(fault).times(1)).await.unwrap();
    let reply = yard.chat("hello").await;
    assert_eq!((reply.status, reply.way()), (200, ("hot", 2, false)));
    let logged = yard.get("/v1/requests?limit=1").await;
    assert!(logged[0]["attempts"][1]["startMs"].as_u64().unwrap() >= 1_000, "{}", logged[0]);
}

#[tokio::test]
async fn only_one_test_call_goes_to_a_route_under_test() {
    let slow = json!({
        "breaker": { "consecutiveFailures": 1, "halfOpenEveryMs": 200 }, "timeouts": { "firstByteMs": 20_000 },
    });
    let yard = Yard::over(&[CHAT], &[CHAT], slow).await;
    let hot = yard.provider("hot");
    hot.set_fault(Fault::status(500)).await.unwrap();
    assert_eq!(yard.chat("hello").await.route(), "warm");
    let due = |route: &switchyard_domain::view::RouteView| route.next_probe_in_ms.is_none_or(|ms| ms == 0);
    yard.wait_for_route("the test call to be due", "hot", due).await;
    hot.set_fault(Fault::Silence).await.unwrap();
    let test = tokio::spawn(yard.request(&Ask::chat("hello")).send());
    within("the test call", hot.wait_for(|traffic| traffic.in_flight == 1)).await;
    let ask = Ask::chat("hello");
    for reply in futures_util::future::join_all((0..10).map(|_| yard.send(&ask))).await {
        assert_eq!(reply.way(), ("warm", 1, true));
    }
    assert_eq!(hot.calls(), 2);
    // A caller that hangs up on the test call frees its place.
    test.abort();
    within("the test call to be cancelled", hot.wait_for(|traffic| traffic.aborted == 1)).await;
    hot.heal().await.unwrap();
    yard.wait_for("nothing to be under way", |snapshot| snapshot.traffic.in_flight == 0).await;
    assert_eq!(yard.chat("hello").await.route(), "hot");
}
