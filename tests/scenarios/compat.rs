//! The compatibility check and the switch-cost preview, as commands run against a router.

use serde_json::{Value, json};
use switchyard_domain::view::{CircuitState, RouteView};
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Kind, Table, Told, Yard, far, fast_map, merge};

const CHAT: Dialect = Dialect::OpenaiChat;

fn run(told: &Told) -> Value {
    serde_json::from_str(&told.out).unwrap_or_else(|error| panic!("not JSON ({error}): {told:?}"))
}

fn outcome<'a>(run: &'a Value, case: &str) -> &'a str {
    let cases = run["cases"].as_array().unwrap_or_else(|| panic!("no cases: {run}"));
    let found = cases.iter().find(|result| result["case"] == case);
    found.unwrap_or_else(|| panic!("no {case}: {run}"))["outcome"].as_str().unwrap()
}

#[tokio::test]
async fn a_route_of_every_kind_passes() {
    let yard = Yard::of_every_kind(json!({})).await;
    let mut table = Table::new();
    for kind in Kind::ALL {
        let told = yard.cli(&["compat", kind.name(), "--yes", "--json"], "").await;
        table.case(kind.name(), || {
            let run = run(&told);
            assert_eq!((told.code, &run["passed"]), (Some(0), &json!(true)), "{run}");
            for case in ["plain", "stream", "tools", "parallelTools", "error", "cancel"] {
                assert_eq!(outcome(&run, case), "passed", "{case}: {run}");
            }
        });
    }
    table.end();
    for kind in Kind::ALL {
        let route = yard.route(kind.name()).await;
        assert_eq!(route.last_failure, None, "{kind:?}: a check condemns nobody");
    }
    let told = yard.cli(&["compat"], "").await;
    assert!(told.out.contains("passes") && told.out.contains("✓ passed"), "{told:?}");
}

#[tokio::test]
async fn what_is_broken_is_named_and_the_exit_code_says_so() {
    let yard = Yard::over(&[Kind::Chat], &[], json!({})).await;
    let hot = yard.provider("hot");
    let cases: [(Fault, &str, &str); 4] = [
        (Fault::status(500), "plain", "failed"),
        (Fault::CutStream { after_chunks: 2 }, "stream", "failed"),
        (Fault::MalformedChunk { after_chunks: 1 }, "stream", "failed"),
        (Fault::EmptyBody, "plain", "failed"),
    ];
    for (fault, case, expected) in cases {
        hot.set_fault(fault.clone()).await.unwrap();
        let told = yard.cli(&["compat", "hot", "--case", case, "--yes", "--json"], "").await;
        let run = run(&told);
        assert_eq!((told.code, outcome(&run, case)), (Some(1), expected), "{fault:?}: {run}");
        let words = yard.cli(&["compat", "hot", "--case", case, "--yes"], "").await;
        assert!(words.out.contains("✗ failed") && words.out.contains("does not pass"), "{words:?}");
        hot.heal().await.unwrap();
    }
}

#[tokio::test]
async fn what_changed_since_the_last_check_is_told() {
    let yard = Yard::over(&[Kind::Chat], &[], json!({})).await;
    let all = ["compat", "hot", "--yes"];
    let first = yard.cli(&all, "").await;
    assert!(!first.out.contains("Changed since"), "{first:?}");
    yard.provider("hot").set_fault(Fault::CutStream { after_chunks: 2 }).await.unwrap();
    let then = yard.cli(&all, "").await;
    assert!(
        then.out.contains("Changed since the last check: plain answer is failed, was passed."),
        "{then:?}"
    );
    yard.provider("hot").heal().await.unwrap();
    let healed = run(&yard.cli(&["compat", "hot", "--yes", "--json"], "").await);
    assert!(
        healed["drift"].as_array().unwrap().iter().any(|d| d["case"] == "plain" && d["after"] == "passed"),
        "{healed}"
    );
}

#[tokio::test]
async fn a_gated_warm_route_waits_for_its_check() {
    let yard =
        Yard::over(&[Kind::Chat], &[Kind::Anthropic], json!({ "flags": { "gate_warm_routes": true } })).await;
    let (hot, warm) = (yard.provider("hot"), yard.provider("warm"));
    hot.set_fault(Fault::status(503)).await.unwrap();
    let reply = yard.chat("hello").await;
    assert_eq!((reply.status, warm.calls()), (202, 0), "{reply:?}");
    let reply = yard.send(&Ask::chat("hello").streaming(true)).await;
    assert!(reply.error(CHAT).1.contains("503") || reply.status == 503, "{reply:?}");

    let told = yard.cli(&["compat", "warm", "--yes"], "").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let reply = yard.chat("hello").await;
    assert_eq!(reply.route(), "warm", "{reply:?}");

    warm.set_fault(Fault::CutStream { after_chunks: 1 }).await.unwrap();
    assert_eq!(yard.cli(&["compat", "warm", "--yes"], "").await.code, Some(1));
    warm.heal().await.unwrap();
    assert_ne!(yard.chat("hello").await.route(), "warm", "a check that failed keeps it out again");
}

#[tokio::test]
async fn a_check_looks_at_the_route_and_not_at_its_circuit() {
    let gated = json!({
        "flags": { "gate_warm_routes": true }, "retry": { "attempts": 1 },
        "breaker": { "consecutiveFailures": 2 },
    });
    let yard = Yard::over(&[Kind::Chat], &[Kind::Anthropic], gated).await;
    let (hot, warm) = (yard.provider("hot"), yard.provider("warm"));
    assert_eq!(yard.cli(&["compat", "warm", "--yes"], "").await.code, Some(0));
    let is_open = |route: &RouteView| route.circuit == CircuitState::Open;

    // Both are out for a moment, and well again before their test calls are due.
    for provider in [&hot, &warm] {
        provider.set_fault(Fault::status(500)).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(yard.chat("hello").await.status, 202);
    }
    yard.wait_for_route("the open circuit", "warm", is_open).await;
    hot.heal().await.unwrap();
    warm.heal().await.unwrap();
    let calls = warm.calls();
    let told = yard.cli(&["compat", "warm", "--yes"], "").await;
    assert!(told.code == Some(0) && warm.calls() > calls, "{told:?}");
    let tested = yard.cli(&["test-request", "--route", "warm"], "").await;
    assert!(tested.code == Some(0) && tested.out.contains("route warm"), "{tested:?}");
    let route = yard.route("warm").await;
    assert!(
        is_open(&route) && !route.last.contains(&true),
        "a check closes no circuit and is in no strip: {route:?}"
    );

    // What the route itself does wrong is a verdict; it opens nothing.
    hot.set_fault(Fault::status(500)).await.unwrap();
    for _ in 0..3 {
        assert_eq!(yard.cli(&["compat", "hot", "--yes"], "").await.code, Some(1));
    }
    assert_eq!(yard.route("hot").await.last.len(), 2, "its calls are those of callers");
    let asked_by = yard.get("/v1/incidents/1").await["kpis"]["clients"].clone();
    let asked_by: Vec<_> = asked_by.as_array().unwrap().iter().map(|client| &client["client"]).collect();
    assert!(!asked_by.contains(&&json!("switchyard")), "{asked_by:?}");
}

#[tokio::test]
async fn what_could_not_be_asked_is_no_verdict() {
    let yard = Yard::with_credentials(&json!({})).await;
    let hot = yard.added(Kind::Chat, "hot").await;
    let warm = yard.added(Kind::Gemini, "warm").await;
    let gone = merge(yard.added(Kind::Chat, "gone").await, json!({ "baseUrl": "http://127.0.0.1:9" }));
    let map = merge(fast_map(&[hot], &[warm, gone]), json!({ "flags": { "gate_warm_routes": true } }));
    yard.apply(&map).await;
    assert_eq!(yard.cli(&["compat", "warm", "--yes"], "").await.code, Some(0));
    let stands = async |what: &str| {
        let matrix = yard.get("/v1/compat").await;
        let row = matrix.as_array().unwrap().iter().find(|row| row["route"] == "warm").unwrap().clone();
        assert_eq!((&row["latest"]["passed"], &row["gated"]), (&json!(true), &json!(false)), "{what}: {row}");
    };
    let warm = yard.provider("warm");
    for (what, fault, says) in [
        ("its key is refused", Fault::status(401), "401"),
        ("its account is not paid", Fault::status(402), "402"),
        ("too many calls", Fault::status(429), "429"),
    ] {
        warm.set_fault(fault).await.unwrap();
        let told = yard.cli(&["compat", "warm", "--yes"], "").await;
        assert!(told.code == Some(1) && told.err.contains("could not be asked"), "{what}: {told:?}");
        assert!(told.err.contains(says), "{what}: {told:?}");
        stands(what).await;
    }
    warm.heal().await.unwrap();
    let by_hand: [(&str, &[&str], &[&str], &str); 2] = [
        ("switched off", &["route", "off", "warm"], &["route", "on", "warm"], "switched off by hand"),
        (
            "its provider killed",
            &["kill", "provider", "warm", "--reason", "a test"],
            &["unkill", "provider", "warm"],
            "out of service",
        ),
    ];
    for (what, args, undo, says) in by_hand {
        assert_eq!(yard.cli(args, "").await.code, Some(0), "{what}");
        let calls = warm.calls();
        let told = yard.cli(&["compat", "warm", "--yes"], "").await;
        assert!(told.code == Some(1) && told.err.contains(says) && warm.calls() == calls, "{what}: {told:?}");
        stands(what).await;
        assert_eq!(yard.cli(undo, "").await.code, Some(0), "{what}");
    }
    assert_eq!(yard.delete("/v1/credentials/warm").await.0, 204);
    let told = yard.cli(&["compat", "warm", "--yes"], "").await;
    assert!(told.code == Some(1) && told.err.contains("credential set warm"), "{told:?}");
    stands("no key").await;

    // Nobody listens there: that says nothing of the model either. The others are checked all the same.
    let told = yard.cli(&["compat", "--all", "--yes"], "").await;
    assert!(told.code == Some(1) && told.err.contains("gone could not be asked"), "{told:?}");
    assert!(told.out.contains("hot passes") && !told.out.contains("gone"), "{told:?}");
}

#[tokio::test]
async fn what_a_check_proved_to_be_missing_is_planned_around() {
    let yard = Yard::with_credentials(&json!({})).await;
    let hot = merge(yard.added(Kind::Chat, "hot").await, json!({ "features": { "tools": false } }));
    let warm = yard.added(Kind::Gemini, "warm").await;
    yard.apply(&fast_map(&[hot], &[warm])).await;
    let run = run(&yard.cli(&["compat", "hot", "--case", "tools", "--yes", "--json"], "").await);
    assert_eq!(outcome(&run, "tools"), "skipped", "the map says so: {run}");
    assert_eq!(yard.provider("hot").calls(), 0);
    assert_eq!(yard.send(&Ask::chat("weather in Porto").weather_tool()).await.route(), "warm");
}

#[tokio::test]
async fn a_check_survives_a_restart_and_ends_with_its_target() {
    let yard = Yard::over(&[Kind::Chat], &[], json!({})).await;
    assert_eq!(
        yard.cli(&["compat", "hot", "--case", "plain", "--yes"], "").await.code,
        Some(1),
        "one case alone is no pass"
    );
    let mut yard = yard;
    yard.restart().await;
    let row = yard.get("/v1/compat").await[0].clone();
    assert_eq!(outcome(&row["latest"], "plain"), "passed", "{row}");
    let mut map: Value =
        serde_json::from_str(yard.get("/v1/map").await["document"].as_str().unwrap()).unwrap();
    map["hot"][0]["upstreamModel"] = json!("another-model");
    yard.apply(&map).await;
    let row = yard.get("/v1/compat").await[0].clone();
    assert_eq!(row["latest"], Value::Null, "another model was never checked: {row}");
}

#[tokio::test]
async fn a_check_that_costs_money_asks_first() {
    let yard = Yard::with_credentials(&json!({})).await;
    let route =
        merge(yard.added(Kind::Chat, "hot").await, json!({ "provider": "openai", "model": "gpt-4o-mini" }));
    // What runs on this machine costs nothing.
    yard.apply(&fast_map(&[far(route)], &[])).await;
    let told = yard.cli(&["compat", "hot"], "").await;
    assert_ne!(told.code, Some(0), "{told:?}");
    assert!(told.err.contains("--yes"), "{told:?}");
    assert_eq!(yard.provider("hot").calls(), 0);
}

#[tokio::test]
async fn an_unknown_route_or_case_names_those_there_are() {
    let yard = Yard::over(&[Kind::Chat], &[], json!({})).await;
    let told = yard.cli(&["compat", "nope", "--yes"], "").await;
    assert!(told.code != Some(0) && told.err.contains("nope") && told.err.contains("hot"), "{told:?}");
    let told = yard.cli(&["compat", "hot", "--case", "nope", "--yes"], "").await;
    assert!(told.code != Some(0) && told.err.contains("parallelTools"), "{told:?}");
    let told = yard.cli(&["switch-cost", "--to", "nope"], "").await;
    assert!(told.code != Some(0) && told.err.contains("nope"), "{told:?}");
}

#[tokio::test]
async fn a_move_says_what_it_changes() {
    let yard = Yard::with_credentials(&json!({})).await;
    let priced = |route: Value, provider: &str, model: &str| {
        merge(route, json!({ "provider": provider, "model": model }))
    };
    let hot = priced(yard.added(Kind::Anthropic, "hot").await, "anthropic", "claude-sonnet-4-5");
    let warm = priced(yard.added(Kind::Chat, "warm").await, "openai", "gpt-4o-mini");
    let warm = merge(warm, json!({ "features": { "documents": false } }));
    yard.apply(&fast_map(&[far(hot)], &[far(warm)])).await;
    for _ in 0..3 {
        let _ = yard.messages("hello").await;
    }
    let told = yard.cli(&["switch-cost", "--to", "warm", "--json"], "").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let cost = run(&told);
    assert_eq!((&cost["from"]["route"], &cost["to"]["route"]), (&json!("hot"), &json!("warm")), "{cost}");
    assert_eq!(cost["dialectChanges"], true, "{cost}");
    assert!(cost["morePerRequestNanoUsd"].as_i64().is_some_and(|n| n < 0), "{cost}");
    assert!(cost["lost"].as_array().unwrap().contains(&json!("documents")), "{cost}");
    let words = yard.cli(&["switch-cost", "--to", "warm"], "").await;
    assert!(words.out.contains("documents"), "{words:?}");
}
