//! Triggers on real sockets: a route that fails now and then, a provider that stays ill, a score, and why.

use serde_json::{Value, json};
use switchyard_domain::operate::TriggerKind;
use switchyard_domain::view::Snapshot;
use switchyard_sim::{Dialect, Fault, FaultRule};
use switchyard_tests::{Yard, within};

const CHAT: Dialect = Dialect::OpenaiChat;

fn fired(snapshot: &Snapshot, kind: TriggerKind) -> bool {
    snapshot.triggers.iter().any(|trigger| trigger.kind == kind)
}

/// Asks again and again, and is answered by Warm, until things stand so.
async fn asked_until(yard: &Yard, what: &str, ready: impl Fn(&Snapshot) -> bool) -> Snapshot {
    within(what, async {
        loop {
            assert_eq!(yard.chat("hello").await.route(), "warm", "nobody notices");
            let snapshot = yard.snapshot().await;
            if ready(&snapshot) {
                return snapshot;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_route_that_fails_now_and_then_is_lowered_and_says_why_until_it_is_well() {
    let fast = json!({
        "triggers": { "windowMs": 3_000, "minCalls": 10, "serverErrorPercent": 20, "recoverMs": 200 },
        "breaker": { "consecutiveFailures": 1_000 }, "retry": { "attempts": 1 },
    });
    let yard = Yard::over(&[CHAT], &[CHAT], fast).await;
    let hot = yard.provider("hot");
    assert!(yard.snapshot().await.status.why.is_empty());
    hot.set_fault(Fault::status(502)).await.unwrap();
    for _ in 0..12 {
        yard.chat("hello").await;
    }
    let lowered = |snapshot: &Snapshot| {
        fired(snapshot, TriggerKind::ServerErrors) && snapshot.tiers[0].routes[0].lowered_to_percent.is_some()
    };
    let ill = yard.wait_for("the trigger", lowered).await;
    let trigger = &ill.triggers[0];
    assert_eq!(trigger.route.as_ref().unwrap().as_str(), "hot");
    assert_eq!(trigger.reason, "100 % of 12 calls answered 5xx (limit 20 %)");
    assert_eq!(ill.tiers[0].routes[0].lowered_to_percent, Some(50));
    let why = ill.tiers[0].routes[0].why.as_deref().unwrap_or_default();
    assert!(why.contains("50 % of its weight: 100 % of 12 calls"), "{why}");
    assert!(ill.status.why.iter().any(|why| why.sentence.contains("answered 5xx")), "{:?}", ill.status.why);
    assert!(ill.events.iter().any(|event| event.sentence.starts_with("hot: 100 % of 12 calls")));

    let asked = yard.cli(&["why"], "").await;
    assert!(asked.code == Some(0) && asked.out.contains("100 % of 12 calls answered 5xx"), "{asked:?}");
    let asked: Value = serde_json::from_str(&yard.cli(&["why", "--json"], "").await.out).unwrap();
    assert_eq!(asked["routes"][0]["id"], "hot");

    hot.heal().await.unwrap();
    let well = |snapshot: &Snapshot| !fired(snapshot, TriggerKind::ServerErrors);
    while !well(&yard.snapshot().await) {
        yard.chat("hello").await;
    }
    assert_eq!(yard.route("hot").await.lowered_to_percent, None);
    let types = yard.event_types().await;
    let of = |kind: &str| types.iter().filter(|own| *own == kind).count();
    assert_eq!((of("trigger_fired"), of("trigger_cleared")), (1, 1), "{types:?}");
    let asked = yard.cli(&["why"], "").await;
    assert!(asked.out.contains("Everything is as the map says."), "{asked:?}");
}

#[tokio::test]
async fn test_calls_alone_show_that_a_provider_stays_ill() {
    let fast = json!({
        "triggers": { "windowMs": 5_000, "minCalls": 8, "errorSustainedMs": 2_000 },
        "breaker": { "consecutiveFailures": 3, "halfOpenEveryMs": 100 }, "retry": { "attempts": 1 },
    });
    let yard = Yard::over(&[CHAT], &[CHAT], fast).await;
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    let ill = asked_until(&yard, "the trigger", |now| fired(now, TriggerKind::Errors)).await;
    let errors = ill.triggers.iter().find(|trigger| trigger.kind == TriggerKind::Errors).unwrap();
    assert_eq!((errors.provider.as_str(), &errors.route), ("hot", &None), "the provider, not a route");
    assert!(errors.fired_at_ms - errors.began_at_ms >= 2_000, "{errors:?}");
    assert!(errors.recovers.contains("below 2 % of at least 10 calls for 30 min"), "{errors:?}");
}

#[tokio::test]
async fn a_provider_that_stays_ill_loses_its_traffic_by_itself_and_gets_it_back_once_it_is_well() {
    let fast = json!({
        "triggers": { "windowMs": 5_000, "minCalls": 8, "errorSustainedMs": 1_500, "recoverMs": 500 },
        "breaker": { "consecutiveFailures": 3, "halfOpenEveryMs": 50, "halfOpenMostMs": 50 },
        "retry": { "attempts": 1 },
        "shift": { "trialEveryMs": 50, "slowdownPercent": 10_000 },
        "failback": { "healthyMs": 1_500, "errorMs": 1_500, "stepMs": 100, "minCalls": 5 },
    });
    let yard = Yard::over(&[CHAT], &[CHAT], fast).await;
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    let away = asked_until(&yard, "the traffic to leave", |now| !now.shifts.is_empty()).await;
    let shift = &away.shifts[0];
    assert_eq!(
        (shift.actor.as_str(), shift.from_words.as_str(), shift.share_percent),
        ("router", "hot", 100)
    );
    assert!(shift.reason.starts_with("100 % of ") && shift.reason.contains("limit 30 %"), "{}", shift.reason);
    assert!(away.status.sentence.contains("traffic was moved: 100 % of"), "{}", away.status.sentence);
    within("the audit to tell", async {
        while !yard.get("/v1/audit").await.to_string().contains("shift.start") {}
    })
    .await;

    yard.provider("hot").heal().await.unwrap();
    within("the traffic to be home", async {
        while !yard.snapshot().await.shifts.is_empty() {
            assert_eq!(yard.chat("hello").await.status, 200);
        }
    })
    .await;
    for _ in 0..3 {
        assert_eq!(yard.chat("hello").await.route(), "hot");
    }
    let types = yard.event_types().await;
    for told in ["trigger_fired", "shift_started", "trigger_cleared", "failback_started", "shift_ended"] {
        assert!(types.iter().any(|own| own == told), "{told}: {types:?}");
    }
}

#[tokio::test]
async fn a_lowered_route_keeps_half_of_its_requests_and_its_tier_gets_the_rest() {
    let fast = json!({
        "triggers": { "windowMs": 60_000, "minCalls": 10 },
        "breaker": { "consecutiveFailures": 1_000 }, "retry": { "attempts": 1 },
    });
    let yard = Yard::over(&[CHAT, CHAT], &[CHAT], fast).await;
    let hot = yard.provider("hot");
    hot.set_fault(FaultRule::from(Fault::status(503)).times(10)).await.unwrap();
    for _ in 0..10 {
        assert_eq!(yard.chat("hello").await.route(), "hot2");
    }
    yard.wait_for("the trigger", |snapshot| fired(snapshot, TriggerKind::ServerErrors)).await;
    let mut answers = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..80 {
        *answers.entry(yard.chat("hello").await.route().to_owned()).or_default() += 1;
    }
    // Eighty throws of a coin: beyond 18 to 62 once in a million.
    let share = answers.get("hot").copied().unwrap_or_default();
    assert!((18..=62).contains(&share), "{answers:?}");
    assert_eq!(answers.get("hot2").copied(), Some(80 - share), "never out of its tier: {answers:?}");
}

#[tokio::test]
async fn a_blip_moves_nothing() {
    let fast = json!({
        "triggers": { "windowMs": 2_000, "minCalls": 4, "errorSustainedMs": 60_000, "serverErrorPercent": 100 },
        "retry": { "attempts": 1 },
    });
    let yard = Yard::over(&[CHAT], &[CHAT], fast).await;
    yard.provider("hot").set_fault(FaultRule::from(Fault::status(500)).times(4)).await.unwrap();
    for _ in 0..20 {
        assert_eq!(yard.chat("hello").await.status, 200);
    }
    let beat = yard.snapshot().await.at_ms + 2_000;
    let calm = yard.wait_for("two beats", |snapshot| snapshot.at_ms >= beat).await;
    assert!(calm.triggers.is_empty() && calm.shifts.is_empty(), "{:?}", calm.triggers);
}

#[tokio::test]
async fn probes_that_fail_in_a_row_lower_a_route_without_a_single_call() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({ "probe": { "everyMs": 1_000 } })).await;
    yard.provider("hot").set_fault(Fault::Refuse).await.unwrap();
    let ill = yard.wait_for("the trigger", |snapshot| fired(snapshot, TriggerKind::Probes)).await;
    let trigger = ill.triggers.iter().find(|trigger| trigger.kind == TriggerKind::Probes).unwrap();
    assert!(trigger.reason.ends_with("probes in a row failed (limit 3)"), "{trigger:?}");
    assert_eq!(trigger.route.as_ref().unwrap().as_str(), "hot");
}

#[tokio::test]
async fn a_quality_score_lowers_a_route_and_a_better_one_raises_it() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
    let told = yard.cli(&["quality", "hot", "--score", "0.6", "--baseline", "0.9"], "").await;
    assert!(told.code == Some(0) && told.out.contains("33.3 % below its baseline (limit 10 %)"), "{told:?}");
    let ill = yard.wait_for("the trigger", |snapshot| fired(snapshot, TriggerKind::Quality)).await;
    assert_eq!(ill.triggers[0].reason, "quality 0.6 is 33 % below its baseline 0.9 (limit 10 %)");
    assert_eq!(ill.tiers[0].routes[0].lowered_to_percent, Some(50));
    let (status, better) =
        yard.post("/v1/quality", &json!({ "route": "hot", "score": 0.9, "baseline": 0.9 })).await;
    assert_eq!((status, &better["fires"]), (200, &json!(false)), "{better}");
    yard.wait_for("the recovery", |snapshot| snapshot.triggers.is_empty()).await;
    let audit = yard.get("/v1/audit?limit=5").await;
    assert_eq!((&audit[1]["action"], &audit[1]["actor"]), (&json!("quality.score"), &json!("cli")));

    for (body, status, names) in [
        (json!({ "route": "hot", "score": 1.5, "baseline": 0.9 }), 422, "score"),
        (json!({ "route": "hot", "score": 0.5, "baseline": 0 }), 422, "baseline"),
        (json!({ "route": "hto", "score": 0.5, "baseline": 0.9 }), 404, "hot, warm"),
        (json!({ "route": "hot", "baseline": 0.9 }), 422, "score"),
    ] {
        let (got, problem) = yard.post("/v1/quality", &body).await;
        assert_eq!(got, status, "{body}: {problem}");
        assert!(problem["message"].as_str().unwrap().contains(names), "{body}: {problem}");
    }
}
