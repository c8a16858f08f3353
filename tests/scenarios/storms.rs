//! Retries that make things worse, work that gives way, and what is said to be the cause.

use futures_util::future::join_all;
use serde_json::{Value, json};
use switchyard_domain::map::Priority;
use switchyard_domain::operate::CauseView;
use switchyard_domain::view::{CircuitState, Snapshot};
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Canned, Kind, Yard, far, fast_map, merge};

const CHAT: Dialect = Dialect::OpenaiChat;

fn low(prompt: &str) -> Ask {
    Ask::chat(prompt).header("x-switchyard-priority", "low")
}

/// Circuits that stay closed, so that retries go on.
fn patient() -> Value {
    json!({ "breaker": { "consecutiveFailures": 1_000 } })
}

async fn cause(yard: &Yard, code: &str) -> CauseView {
    let is = |cause: &&CauseView| cause.code == code;
    let snapshot = yard.wait_for(code, |now: &Snapshot| now.causes.iter().any(|cause| is(&cause))).await;
    snapshot.causes.into_iter().find(|cause| is(&cause)).unwrap()
}

#[tokio::test]
async fn a_storm_cuts_retries_by_itself_and_low_priority_work_waits_in_the_queue() {
    let stormy = json!({ "storm": { "retriesPerMinute": 6, "fallbackPercent": 50 } });
    let yard = Yard::over(&[CHAT], &[CHAT], merge(patient(), stormy)).await;
    let hot = yard.provider("hot");
    hot.set_fault(Fault::status(500)).await.unwrap();
    for n in 0..3 {
        assert_eq!(yard.chat(&format!("before {n}")).await.way(), ("warm", 4, true));
    }
    let storm = yard.wait_for("the storm", |now| now.loops.storm_since_ms.is_some()).await.loops;
    assert_eq!((storm.retries_per_minute, storm.average_retries, storm.budget_left), (9, 3.0, 0));
    assert!(storm.reason.unwrap().contains("9 retries a minute"));
    assert_eq!(yard.chat("in the storm").await.way(), ("warm", 2, true), "one try per route");

    let waits = yard.send(&low("later will do")).await;
    assert_eq!(waits.status, 202, "{waits:?}");
    assert_eq!(waits.header("retry-after"), "30");
    let shed = yard.snapshot().await.shed.unwrap();
    assert_eq!((shed.up_to, shed.shed), (Priority::Low, 1));
    let stream = yard.send(&low("now please").streaming(true)).await;
    assert_eq!((stream.status, stream.header("x-should-retry")), (503, "false"), "{stream:?}");
    let high = Ask::chat("now").header("x-switchyard-priority", "high");
    assert_eq!(yard.send(&high).await.status, 200);
    assert_eq!(cause(&yard, "retry_storm").await.fix.unwrap().path, "/v1/map/set");
    let told = yard.event_types().await;
    let times = |kind: &str| told.iter().filter(|told| *told == kind).count();
    assert_eq!((times("storm_began"), times("work_shed")), (1, 1), "{told:?}");
    let status = yard.cli(&["status"], "").await.out;
    assert!(status.contains("Retries  cut") && status.contains("Shed "), "{status}");
}

#[tokio::test]
async fn a_nearly_full_router_lets_low_work_wait_and_answers_it_once_there_is_room() {
    let narrow = json!({ "limits": { "maxInFlight": 4 }, "timeouts": { "firstByteMs": 10_000 } });
    let yard = Yard::over(&[CHAT], &[], narrow).await;
    yard.provider("hot").set_fault(Fault::SlowHeaders { ms: 1_500 }).await.unwrap();
    let slow = join_all((0..3).map(|n| {
        let ask = Ask::chat(&format!("slow {n}"));
        let yard = &yard;
        async move { yard.send(&ask).await.status }
    }));
    let others = async {
        yard.wait_for("three under way", |now| now.traffic.in_flight == 3).await;
        let (waits, normal) = (yard.send(&low("later")).await, yard.chat("not low").await);
        assert_eq!(normal.status, 200, "normal work gives way at 95 % only");
        waits
    };
    let (slow, waits) = tokio::join!(slow, others);
    assert_eq!((slow, waits.status), (vec![200; 3], 202));
    yard.wait_for_job(waits.json()["id"].as_str().unwrap(), "done").await;
    yard.wait_for("nothing to give way", |now| now.shed.is_none()).await;
}

#[tokio::test]
async fn on_the_last_route_low_work_goes_through_the_queue() {
    let jobs = json!({ "jobs": { "batch": { "priority": "low" } }, "breaker": { "consecutiveFailures": 1 } });
    let yard = Yard::over(&[CHAT], &[CHAT], jobs).await;
    let batch = Ask::chat("a batch").job("batch");
    assert_eq!(yard.send(&batch).await.status, 200, "with two routes there is room");
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    yard.chat("opens the circuit").await;
    yard.wait_for_route("the open circuit", "hot", |route| route.circuit == CircuitState::Open).await;
    assert_eq!(yard.chat("normal").await.way(), ("warm", 1, true));
    let raised = batch.clone().header("x-switchyard-priority", "high");
    for ask in [&batch, &raised] {
        let waits = yard.send(ask).await;
        assert_eq!(waits.status, 202, "{waits:?}");
        yard.wait_for_job(waits.json()["id"].as_str().unwrap(), "done").await;
    }
    let bad = yard.send(&Ask::chat("x").header("x-switchyard-priority", "urgent")).await;
    assert_eq!(bad.status, 400);
    assert!(bad.json()["error"]["message"].as_str().unwrap().contains("low, normal or high"), "{bad:?}");
}

#[tokio::test]
async fn an_app_that_retries_by_itself_is_named_and_the_fix_is_one_command() {
    let no_queue = json!({ "flags": { "enable_cold_queue": false } });
    let yard = Yard::over(&[CHAT], &[], merge(patient(), no_queue)).await;
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    for _ in 0..6 {
        assert_eq!(yard.chat("the same again").await.status, 502);
    }
    for n in 0..6 {
        let again = Ask::chat(&format!("retry {n}")).header("x-stainless-retry-count", "2");
        assert_eq!(yard.send(&again).await.status, 502);
    }
    let found = cause(&yard, "client_retries").await;
    assert!(found.evidence[0].contains("11 times"), "five repetitions and six by their own word: {found:?}");
    let listed = yard.cli(&["causes", "--json"], "").await;
    let listed: Vec<CauseView> = serde_json::from_str(&listed.out).unwrap();
    let number = (1 + listed.iter().position(|cause| cause.code == "client_retries").unwrap()).to_string();
    let calls = yard.provider("hot").calls();
    let done = yard.cli(&["causes", "--fix", &number], "").await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.out.contains("Give one try per route"), "{done:?}");
    yard.chat("after the fix").await;
    assert_eq!(yard.provider("hot").calls(), calls + 1);
    let none = yard.cli(&["causes", "--fix", "99"], "").await;
    assert!(none.code == Some(1) && none.err.contains("no cause 99"), "{none:?}");
}

#[tokio::test]
async fn an_outage_is_laid_to_its_provider_and_its_status_page_is_asked_once() {
    let page = Canned::start(
        "HTTP/1.1 200 OK\ncontent-type: application/json",
        br#"{"page":{"id":"p"},"status":{"indicator":"major","description":"Partial System Outage"}}"#,
    )
    .await;
    let yard = Yard::with_credentials(&json!({})).await;
    let (hot, warm) = (yard.added(Kind::Chat, "hot").await, yard.added(Kind::Chat, "warm").await);
    let url = page.route("openai-chat")["baseUrl"].clone();
    let near_page = Canned::start("HTTP/1.1 200 OK", b"{}").await;
    let near_url = near_page.route("openai-chat")["baseUrl"].clone();
    let map = json!({
        "network": { "enabled": false }, "breaker": { "consecutiveFailures": 1 },
        "providers": { "hot": { "statusPage": url }, "warm": { "statusPage": near_url } },
    });
    yard.apply(&merge(fast_map(&[far(hot)], &[warm]), map)).await;
    yard.provider("hot").set_fault(Fault::status(503)).await.unwrap();
    assert_eq!(yard.chat("hello").await.route(), "warm");
    let found = cause(&yard, "provider_outage").await;
    assert_eq!((found.title.as_str(), found.severity), ("hot is down", 2));
    let says = |cause: &CauseView| cause.evidence.iter().any(|line| line.contains("Partial System Outage"));
    yard.wait_for("the page's word", |now| now.causes.iter().any(&says)).await;
    let told = yard.event_types().await;
    assert_eq!(told.iter().filter(|told| *told == "cause_found").count(), 1, "{told:?}");

    // A provider on this machine has no page to ask, and a page is asked once in a while.
    yard.provider("warm").set_fault(Fault::status(503)).await.unwrap();
    yard.chat("hello again").await;
    let both = cause(&yard, "several_providers_down").await;
    assert_eq!(both.severity, 1, "everything is affected: {both:?}");
    let asked: Vec<String> =
        page.taken().iter().map(|taken| taken.head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(asked, ["GET /api/v2/status.json HTTP/1.1"]);
    assert!(near_page.taken().is_empty());
}

#[tokio::test]
async fn the_fix_of_an_outage_leaves_the_provider_out_and_ends_the_cause() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({ "breaker": { "consecutiveFailures": 1 } })).await;
    yard.provider("hot").set_fault(Fault::status(503)).await.unwrap();
    assert_eq!(yard.chat("hello").await.route(), "warm");
    cause(&yard, "provider_outage").await;
    let fixed = yard.cli(&["causes", "--fix", "1"], "").await;
    assert!(fixed.code == Some(0) && fixed.out.contains("Leave hot out for now"), "{fixed:?}");
    yard.wait_for("the cause to be gone", |now| now.causes.is_empty()).await;
    let calls = yard.provider("hot").calls();
    assert_eq!(yard.chat("hello again").await.way(), ("warm", 1, true));
    assert_eq!(yard.provider("hot").calls(), calls);
}

#[tokio::test]
async fn a_flapping_circuit_whose_probes_succeed_gets_a_higher_threshold_in_one_call() {
    let nervous = json!({
        "breaker": { "consecutiveFailures": 1, "halfOpenEveryMs": 10, "successesToClose": 1 },
        "retry": { "attempts": 1 }, "probe": { "everyMs": 100 },
    });
    let yard = Yard::over(&[CHAT], &[CHAT], nervous).await;
    let hot = yard.provider("hot");
    for _ in 0..3 {
        hot.set_fault(Fault::status(500)).await.unwrap();
        yard.chat("fails").await;
        yard.wait_for_route("the open circuit", "hot", |route| route.circuit == CircuitState::Open).await;
        hot.heal().await.unwrap();
        let due = |route: &switchyard_domain::view::RouteView| route.next_probe_in_ms == Some(0);
        yard.wait_for_route("the test call to be due", "hot", due).await;
        assert_eq!(yard.chat("succeeds").await.route(), "hot");
    }
    let found = cause(&yard, "thresholds_too_sensitive").await;
    let fix = found.fix.unwrap();
    let body: Value = serde_json::from_str(&fix.body.unwrap()).unwrap();
    assert_eq!(yard.post(&fix.path, &body).await, (200, json!({ "version": 2 })));
    let settings = yard.get("/gateway/admin/settings").await;
    assert_eq!(settings["circuit_breaker_failure_threshold"], 2);
    let audit = yard.get("/v1/audit?limit=1").await;
    assert_eq!((&audit[0]["action"], &audit[0]["reason"]), (&json!("map.apply"), &json!("cause finder")));
    yard.wait_for("the cause to be gone", |now| now.causes.is_empty()).await;
}
