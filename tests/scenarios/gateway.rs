//! The failover-loop runbook's endpoints, Prometheus' metrics, and the map's single values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use switchyard_domain::view::CircuitState;
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Yard};

const CHAT: Dialect = Dialect::OpenaiChat;

async fn scrape(yard: &Yard) -> String {
    let token = std::fs::read_to_string(yard.data_dir().join("control.token")).unwrap();
    let url = format!("{}/metrics", yard.control_url());
    let refused = yard.http().get(&url).send().await.unwrap();
    assert_eq!(refused.status(), 401, "the token is asked for here too");
    let answer = yard.http().get(&url).bearer_auth(token.trim()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(media, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    answer.text().await.unwrap()
}

/// Reads the text as strictly as its specification says: families with a type before their samples, no sample twice,
/// the end marked.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let body = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no end: {text}"));
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let parts: Vec<&str> = comment.splitn(3, ' ').collect();
            match parts[0] {
                "TYPE" => assert!(kinds.insert(parts[1], parts[2]).is_none(), "{line} comes twice"),
                "HELP" | "UNIT" => {}
                _ => panic!("unknown comment: {line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let name = series.split('{').next().unwrap();
        let family = ["_total", "_bucket", "_sum", "_count", "_info"]
            .iter()
            .find_map(|end| name.strip_suffix(end).filter(|family| kinds.contains_key(family)))
            .unwrap_or(name);
        let kind = kinds.get(family).unwrap_or_else(|| panic!("{family} has no type"));
        assert!(*kind != "counter" || name.ends_with("_total"), "{line}");
        let labels = series[name.len()..].trim_start_matches('{').trim_end_matches('}');
        assert_eq!(labels.matches('"').count() % 2, 0, "{line}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(samples.insert(series.to_owned(), value).is_none(), "{series} comes twice");
    }
    samples
}

#[tokio::test]
async fn prometheus_counts_what_happened_and_learns_no_secret() {
    let breaker = json!({ "breaker": { "consecutiveFailures": 3 } });
    let yard = Yard::over(&[CHAT], &[CHAT], breaker).await;
    assert_eq!(yard.chat("well").await.status, 200);
    yard.provider("hot").set_fault(Fault::status(529)).await.unwrap();
    assert_eq!(yard.chat("a secret prompt").await.way(), ("warm", 4, true));
    assert_eq!(yard.chat("another").await.way(), ("warm", 1, true));
    yard.wait_for("three in the log", |now| now.requests.len() == 3).await;

    let text = scrape(&yard).await;
    let counted = samples(&text);
    let at = |series: &str| counted.get(series).copied().unwrap_or_else(|| panic!("no {series} in {text}"));
    let expected = [
        (r#"llm_provider_errors_total{provider="hot",kind="overloaded"}"#, 3.0),
        (r#"switchyard_attempts_total{route="hot",provider="hot",outcome="failed"}"#, 3.0),
        (r#"switchyard_attempts_total{route="warm",provider="warm",outcome="answered"}"#, 2.0),
        (r#"switchyard_requests_total{client="default",job="default",tier="hot",outcome="answered"}"#, 1.0),
        (r#"switchyard_requests_total{client="default",job="default",tier="warm",outcome="answered"}"#, 2.0),
        ("switchyard_retries_total", 3.0),
        ("switchyard_fallbacks_total", 1.0),
        ("switchyard_retries_per_minute", 3.0),
        ("switchyard_retry_storm", 0.0),
        ("switchyard_in_flight_requests", 0.0),
        ("switchyard_lost_requests_total", 0.0),
        ("switchyard_open_incidents", counted["switchyard_open_incidents"]),
        (r#"switchyard_queue_jobs{state="waiting"}"#, 0.0),
        (r#"switchyard_circuit_state{route="hot",provider="hot",state="open"}"#, 1.0),
        (r#"switchyard_circuit_state{route="warm",provider="warm",state="closed"}"#, 1.0),
        (r#"switchyard_shift_ratio{route="hot"}"#, counted[r#"switchyard_shift_ratio{route="hot"}"#]),
        (r#"switchyard_answering_tier{tier="warm"}"#, 1.0),
        (r#"switchyard_request_duration_seconds_count{tier="warm"}"#, 2.0),
    ];
    for (series, value) in expected {
        assert!((at(series) - value).abs() < f64::EPSILON, "{series} is {}, not {value}", at(series));
    }
    assert!(at(r#"switchyard_tokens_total{route="warm",kind="output"}"#) > 0.0);
    let network: f64 =
        counted.iter().filter(|(s, _)| s.starts_with("switchyard_network_state")).map(|s| s.1).sum();
    assert!((network - 1.0).abs() < f64::EPSILON, "one state at a time: {text}");
    for secret in ["a secret prompt", yard.key()] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    // Counters only grow.
    assert_eq!(yard.chat("more").await.status, 200);
    yard.wait_for("four in the log", |now| now.requests.len() == 4).await;
    let later = samples(&scrape(&yard).await);
    for (series, value) in counted.iter().filter(|(series, _)| series.contains("_total")) {
        assert!(later[series] >= *value, "{series} went back");
    }
}

#[tokio::test]
async fn the_runbook_s_endpoints_answer_in_its_words() {
    let breaker = json!({ "breaker": { "consecutiveFailures": 3 } });
    let yard = Yard::over(&[CHAT], &[CHAT], breaker).await;
    yard.chat("well").await;
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    yard.chat("ill").await;
    let health = yard.get("/gateway/admin/providers/health").await;
    let hot = &health["providers"]["hot"];
    assert_eq!((&hot["status"], &hot["circuit"]), (&json!("down"), &json!("open")), "{health}");
    assert_eq!(hot["success_rate"], 0.25);
    assert!(hot["p95_ms"].is_u64() && hot["last_failure"] == "500 server error", "{health}");
    let warm = &health["providers"]["warm"];
    assert_eq!(
        (&warm["status"], &warm["circuit"], &warm["success_rate"]),
        (&json!("healthy"), &json!("closed"), &json!(1.0))
    );

    let metrics = yard.get("/gateway/admin/metrics").await;
    let retries = &metrics["retry_metrics"];
    assert_eq!((&retries["retries_per_minute"], &retries["fallback_rate"]), (&json!(3), &json!(0.5)));
    assert_eq!(retries["avg_retries_per_request"], 1.5);
    assert_eq!(yard.get("/health").await["status"], "degraded", "Warm answers for Hot");
    for path in ["/gateway/admin/providers/health", "/gateway/admin/metrics", "/gateway/admin/settings"] {
        let stranger = yard.http().get(format!("{}{path}", yard.control_url())).send().await.unwrap();
        assert_eq!(stranger.status(), 401, "{path}");
    }
    let told = yard.cli(&["health"], "").await;
    assert!(told.code == Some(0) && told.out.contains("hot") && told.out.contains("down"), "{told:?}");
    let told: Value = serde_json::from_str(&yard.cli(&["health", "--json"], "").await.out).unwrap();
    assert_eq!(told["providers"]["hot"]["circuit"], "open");
}

#[tokio::test]
async fn the_runbook_s_settings_change_the_map_or_are_refused_by_name() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({ "breaker": { "consecutiveFailures": 5 } })).await;
    let usual = json!({
        "circuit_breaker_failure_threshold": 5, "circuit_breaker_recovery_timeout_seconds": 60,
        "circuit_breaker_half_open_max_calls": 2, "max_provider_retries": 3,
        "cache_mode": "off", "cache_ttl_seconds": 3600,
    });
    assert_eq!(yard.get("/gateway/admin/settings").await, usual);
    let bad = [
        (json!({ "max_provider_retries": 4 }), "max_provider_retries"),
        (
            json!({ "max_provider_retries": 1, "circuit_breaker_failure_threshold": 0 }),
            "circuit_breaker_failure_threshold",
        ),
        (json!({ "cache_mode": "always" }), "stale_if_error"),
        (json!({ "cache_ttl_seconds": 0 }), "cache_ttl_seconds"),
        (json!({ "max_retries": 1 }), "max_retries"),
        (json!({ "max_provider_retries": "one" }), "max_provider_retries"),
        (json!({}), "No setting is named"),
    ];
    for (wish, named) in bad {
        let (status, body) = yard.put("/gateway/admin/settings", &wish).await;
        assert!(status == 422 && body.to_string().contains(named), "{wish}: {status} {body}");
    }
    assert_eq!(yard.snapshot().await.map.version, 1, "nothing was changed");
    let wish =
        json!({ "max_provider_retries": 1, "circuit_breaker_failure_threshold": 2, "cache_mode": "off" });
    let (status, now) = yard.put("/gateway/admin/settings", &wish).await;
    assert_eq!(status, 200, "{now}");
    assert_eq!(
        (&now["max_provider_retries"], &now["circuit_breaker_failure_threshold"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(yard.put("/gateway/admin/settings", &now).await, (200, now.clone()), "what is got can be put");
    assert_eq!(yard.post("/gateway/admin/settings", &now).await, (200, now.clone()), "and posted");
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    assert_eq!(yard.chat("one").await.way(), ("warm", 2, true), "one try per route, at once");
    yard.chat("two").await;
    yard.wait_for_route("the open circuit", "hot", |route| route.circuit == CircuitState::Open).await;
}

#[tokio::test]
async fn each_setting_of_the_runbook_counts_from_the_next_request_as_one_version_that_can_be_rolled_back() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({ "retry": { "attempts": 1 } })).await;
    assert_eq!(yard.chat("kept for later").await.route(), "hot");
    let wish = json!({
        "circuit_breaker_failure_threshold": 1, "circuit_breaker_recovery_timeout_seconds": 1,
        "circuit_breaker_half_open_max_calls": 3, "cache_mode": "stale_if_error", "cache_ttl_seconds": 60,
    });
    let (status, now) = yard.put("/gateway/admin/settings", &wish).await;
    assert_eq!(status, 200, "{now}");
    assert_eq!(yard.snapshot().await.map.version, 2, "one version for all of them");
    let entry = yard.get("/v1/audit?limit=1").await[0].clone();
    let named = "gateway settings: breaker.consecutiveFailures";
    assert!(entry["reason"].as_str().unwrap().starts_with(named), "{entry}");
    assert_eq!((&entry["actor"], &entry["reversible"]), (&json!("api"), &json!(true)));

    let asked = yard.chat("kept for later").await;
    assert_eq!(asked.route(), "hot");
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    yard.provider("warm").set_fault(Fault::status(500)).await.unwrap();
    let stale = yard.chat("kept for later").await;
    assert_eq!((stale.status, stale.header("x-switchyard-cache")), (200, "stale"), "{stale:?}");
    let open = yard.route("hot").await;
    assert_eq!(open.circuit, CircuitState::Open, "the first failure opens it");
    assert!(open.next_probe_in_ms.is_some_and(|ms| ms <= 1_000), "{open:?}");
    yard.provider("hot").heal().await.unwrap();
    yard.wait_for_route("the test call to be due", "hot", |route| route.next_probe_in_ms == Some(0)).await;
    for n in 1..=3 {
        assert_eq!(yard.chat(&format!("test call {n}")).await.route(), "hot");
        let closed = yard.route("hot").await.circuit == CircuitState::Closed;
        assert_eq!(closed, n == 3, "after {n} successes");
    }

    let id = entry["id"].to_string();
    assert_eq!(yard.cli(&["audit", "rollback", &id], "").await.code, Some(0));
    let back = yard.get("/gateway/admin/settings").await;
    assert_eq!(
        (&back["circuit_breaker_failure_threshold"], &back["cache_mode"]),
        (&json!(5), &json!("off")),
        "{back}"
    );
    let late = yard.cli(&["audit", "rollback", &id], "").await;
    assert!(late.code == Some(1) && late.err.contains("v3 runs by now, not v2"), "{late:?}");
}

#[tokio::test]
async fn a_label_keeps_quotes_and_backslashes_apart_from_the_format() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let mut map: Value =
        serde_json::from_str(yard.get("/v1/map").await["document"].as_str().unwrap()).unwrap();
    map["hot"][0]["id"] = json!("say \"hi\" \\ ok");
    yard.apply(&map).await;
    assert_eq!(yard.chat("hello").await.status, 200);
    yard.wait_for("it in the log", |now| now.requests.len() == 1).await;
    let text = scrape(&yard).await;
    let series = r#"switchyard_attempts_total{route="say \"hi\" \\ ok",provider="hot",outcome="answered"}"#;
    assert_eq!(samples(&text).get(series), Some(&1.0), "{text}");
}

#[tokio::test]
async fn single_values_of_the_map_are_set_and_the_rest_stays_as_written() {
    let yard = Yard::with_credentials(&json!({ "UPSTREAM": "to be replaced" })).await;
    let hot = yard.added(switchyard_tests::Kind::Chat, "hot").await;
    let url = hot["baseUrl"].as_str().unwrap();
    let (status, body) = yard.put("/v1/credentials/UPSTREAM", &json!({ "value": url })).await;
    assert_eq!(status, 204, "{body}");
    let yaml = "# the map of the house\nhot:\n  - id: hot # the only one\n    provider: hot\n    model: hot-1\n    baseUrl: ${UPSTREAM}\n    auth: none\nwarm: []\ncold:\n  mode: graceful_degrade\nretry:\n  attempts: 3 # tries\n";
    yard.apply_text(yaml).await;
    let told = yard
        .cli(&["map", "set", "retry.attempts=1", "breaker.consecutiveFailures=8", "--reason", "calm"], "")
        .await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let written = yard.get("/v1/map").await;
    let expected = yaml.replace("attempts: 3 #", "attempts: 1 #") + "breaker:\n  consecutiveFailures: 8\n";
    assert_eq!(written["document"], expected);
    assert_eq!(
        (&written["source"], &written["reason"], &written["format"]),
        (&json!("cli"), &json!("calm"), &json!("yaml"))
    );
    assert_eq!(yard.chat("hello").await.status, 200);
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    let calls = yard.provider("hot").calls();
    yard.chat("fails").await;
    assert_eq!(yard.provider("hot").calls(), calls + 1, "one try");

    let cases = [
        (json!({ "changes": { "retry.attempts": 9 } }), 422, "retry.attempts"),
        (json!({ "changes": { "retry.attempt": 1 } }), 422, "Did you mean `attempts`?"),
        (json!({ "changes": { "hot[4].weight": 1 } }), 422, "hot[4]"),
        (json!({ "changes": {} }), 422, "changes"),
        (json!({ "changes": { "retry.attempts": 2 }, "baseVersion": 1 }), 409, "version 2"),
        (json!({ "change": { "retry.attempts": 2 } }), 422, "change"),
    ];
    for (set, code, named) in cases {
        let (status, body) = yard.post("/v1/map/set", &set).await;
        assert!(status == code && body.to_string().contains(named), "{set}: {status} {body}");
    }
    let back = json!({ "changes": { "retry.attempts": null, "breaker": null } });
    assert_eq!(yard.post("/v1/map/set", &back).await.0, 200);
    let document = yard.get("/v1/map").await["document"].as_str().unwrap().to_owned();
    assert!(!document.contains("attempts") && !document.contains("breaker"), "{document}");
    assert!(document.contains("# the only one") && document.contains("${UPSTREAM}"), "{document}");
}

#[tokio::test]
async fn errors_are_counted_by_provider_kind_and_status() {
    let patient = json!({ "breaker": { "consecutiveFailures": 1_000 } });
    let yard = Yard::over(&[CHAT], &[CHAT], patient).await;
    let quiet = yard.cli(&["errors"], "").await;
    assert!(quiet.code == Some(0) && quiet.err.contains("No try failed"), "{quiet:?}");
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    yard.chat("one").await;
    yard.provider("hot").set_fault(Fault::status(429)).await.unwrap();
    yard.chat("two").await;
    let told = yard.cli(&["errors", "--since", "10m", "--json"], "").await;
    let report: Value = serde_json::from_str(&told.out).unwrap();
    let rows: BTreeSet<(String, u64, u64)> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["kind"].as_str().unwrap().to_owned(),
                row["status"].as_u64().unwrap(),
                row["count"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [("server_error".to_owned(), 500, 3), ("rate_limited".to_owned(), 429, 1)];
    assert_eq!(rows, BTreeSet::from(expected), "{report}");
    assert_eq!((&report["tries"]["hot"], &report["tries"]["warm"]), (&json!(4), &json!(2)));
    let table = yard.cli(&["errors"], "").await.out;
    assert!(table.contains("server_error") && table.contains("75 %"), "{table}");
    let none = yard.get("/v1/errors?since=99999999999999").await;
    assert_eq!(none["errors"], json!([]));
    assert_eq!(yard.send(&Ask::chat("three")).await.status, 200);
}

#[tokio::test]
async fn a_provider_s_breakers_are_held_by_the_runbook_s_call() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
    let path = "/gateway/admin/providers/hot/circuit-breaker";
    let (status, health) = yard.post(path, &json!({ "state": "open", "reason": "outage" })).await;
    assert_eq!(status, 200, "{health}");
    assert_eq!(yard.chat("hello").await.way(), ("warm", 1, true));
    assert_eq!(yard.provider("hot").calls(), 0);
    let (status, _) = yard.post(path, &json!({ "state": "half_open", "reason": "over" })).await;
    assert_eq!((status, yard.chat("hello").await.route()), (200, "hot"));
    let bad = [
        (path, json!({ "state": "ajar", "reason": "x" }), 422, "state"),
        (path, json!({ "state": "open", "reason": " " }), 422, "reason"),
        (path, json!({ "state": "open" }), 422, "reason"),
        (
            "/gateway/admin/providers/nobody/circuit-breaker",
            json!({ "state": "open", "reason": "x" }),
            404,
            "hot",
        ),
    ];
    for (path, wish, code, named) in bad {
        let (status, body) = yard.post(path, &wish).await;
        assert!(status == code && body.to_string().contains(named), "{wish}: {status} {body}");
    }
}
