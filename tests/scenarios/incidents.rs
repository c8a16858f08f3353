//! An outage becomes an incident: opened, told, measured, closed, reported; and those concerned hear of it.

use serde_json::{Value, json};
use switchyard_domain::incident::{IncidentBrief, IncidentState};
use switchyard_domain::view::CircuitState;
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Canned, Told, Yard, fast_map, merge, route, within};

const CHAT: Dialect = Dialect::OpenaiChat;

fn done(told: &Told) -> &str {
    assert_eq!(told.code, Some(0), "{told:?}");
    &told.out
}

fn quick() -> Value {
    json!({
        "breaker": { "consecutiveFailures": 2, "halfOpenEveryMs": 200, "successesToClose": 1 },
        "incidents": { "calmMs": 100 },
    })
}

/// Waits until something is so.
async fn soon(what: &str, ready: impl AsyncFn() -> bool) {
    within(what, async {
        let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
        while !ready().await {
            look.tick().await;
        }
    })
    .await;
}

/// Waits until the newest incident stands so.
async fn wait_for(yard: &Yard, state: IncidentState) -> IncidentBrief {
    let is = |brief: &IncidentBrief| brief.state == state;
    let what = format!("an incident to be {}", state.as_str());
    let snapshot = yard.wait_for(&what, |snapshot| snapshot.incidents.first().is_some_and(is)).await;
    snapshot.incidents.into_iter().next().unwrap()
}

/// Fails the Hot provider until its incident is open.
async fn outage(yard: &Yard) -> IncidentBrief {
    yard.provider("hot").set_fault(Fault::status(529)).await.unwrap();
    assert_eq!(yard.chat("hello").await.route(), "warm");
    wait_for(yard, IncidentState::Open).await
}

/// Heals the Hot provider and calls until its circuit is closed.
async fn recovery(yard: &Yard) {
    yard.provider("hot").heal().await.unwrap();
    let due = |route: &switchyard_domain::view::RouteView| route.next_probe_in_ms.is_none_or(|ms| ms == 0);
    yard.wait_for_route("the test call to be due", "hot", due).await;
    assert_eq!(yard.chat("hello").await.route(), "hot");
    assert_eq!(yard.route("hot").await.circuit, CircuitState::Closed);
}

#[tokio::test]
async fn an_outage_is_told_measured_and_closed_by_itself() {
    let yard = Yard::over(&[CHAT], &[CHAT], quick()).await;
    for _ in 0..6 {
        assert_eq!(yard.chat("hello").await.route(), "hot");
    }
    let opened = outage(&yard).await;
    assert_eq!((opened.provider.as_str(), opened.title.as_str()), ("hot", "hot: 529 overloaded"));
    for _ in 0..6 {
        assert_eq!(yard.chat("hello").await.route(), "warm");
    }
    recovery(&yard).await;
    let closed = wait_for(&yard, IncidentState::Closed).await;
    assert_eq!((closed.id, closed.queued, closed.lost), (opened.id, 0, 0));
    assert!(closed.kept >= 7, "{closed:?}");

    let incident = yard.get("/v1/incidents/1").await;
    let logged = yard.get("/v1/requests?limit=100").await;
    let failed = |request: &&Value| !request["attempts"][0]["failure"].is_null();
    let first = logged.as_array().unwrap().iter().rev().find(failed).unwrap();
    assert_eq!(
        incident["beganAtMs"],
        first["atMs"].as_i64().unwrap() + first["attempts"][0]["startMs"].as_i64().unwrap()
    );
    let kpis = &incident["kpis"];
    for name in
        ["detectionMs", "failoverMs", "restorationMs", "recoveryMs", "userErrorPercent", "lostPercent"]
    {
        assert_eq!(kpis[name]["met"], true, "{name}: {kpis}");
    }
    assert!(kpis["baselineP95Ms"].is_u64() && kpis["homeMs"].is_u64(), "{kpis}");
    assert_eq!((&kpis["automatic"], &kpis["clients"][0]["failed"]), (&json!(true), &json!(0)), "{kpis}");
    assert_eq!(kpis["clients"][0]["kept"], closed.kept);
    assert_eq!((&incident["validation"]["passed"], &incident["closedBy"]), (&json!(true), &json!("router")));
    assert_eq!(incident["failures"][0]["what"], "529 overloaded");
    let titles: Vec<&str> = incident["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["title"].as_str().unwrap())
        .collect();
    for part in
        ["Circuit open", "Warm took over", "test call", "Circuit closed", "Back on Hot", "after the failover"]
    {
        assert_eq!(titles.iter().filter(|title| title.contains(part)).count(), 1, "{part}: {titles:?}");
    }
    let kinds = yard.event_types().await;
    assert!(
        kinds.contains(&"incident_opened".to_owned()) && kinds.contains(&"incident_closed".to_owned()),
        "{kinds:?}"
    );

    let report = yard.cli(&["incident", "report", "1"], "").await;
    assert!(done(&report).starts_with("# Incident 1, hot: 529 overloaded\n"), "{report:?}");
    let file = yard.root().join("incident.md");
    done(&yard.cli(&["incident", "report", "1", "--output", file.to_str().unwrap()], "").await);
    assert_eq!(std::fs::read_to_string(file).unwrap(), report.out);
    assert!(done(&yard.cli(&["incident", "list"], "").await).contains("hot: 529 overloaded"));
    assert!(done(&yard.cli(&["incident", "show", "1"], "").await).contains("restoration"));
    assert!(
        done(&yard.cli(&["incident", "analyze", "--since", "1h"], "").await).contains("1 incident since")
    );
}

#[tokio::test]
async fn an_incident_is_over_once_the_provider_answers_though_a_window_still_remembers() {
    let windows = json!({ "triggers": { "minCalls": 4, "windowMs": 30_000 } });
    let yard = Yard::over(&[CHAT], &[CHAT], merge(quick(), windows)).await;
    for _ in 0..6 {
        assert_eq!(yard.chat("hello").await.route(), "hot");
    }
    let opened = outage(&yard).await;
    yard.wait_for("the trigger to fire", |now| !now.triggers.is_empty()).await;
    recovery(&yard).await;
    within("the incident to be over", async {
        while yard.snapshot().await.incidents[0].state != IncidentState::Closed {
            assert_eq!(yard.chat("hello").await.status, 200);
        }
    })
    .await;
    let now = yard.snapshot().await;
    assert!(!now.triggers.is_empty(), "its weight is still lowered");
    assert_eq!((now.incidents.len(), now.incidents[0].id), (1, opened.id), "{:?}", now.incidents);
}

#[tokio::test]
async fn what_a_person_decides_is_not_detected_and_time_without_callers_is_no_slow_failover() {
    let yard = Yard::over(&[CHAT], &[CHAT], quick()).await;
    yard.chat("hello").await;
    done(&yard.cli(&["failover", "--from", "provider:hot", "--mode", "immediate"], "").await);
    wait_for(&yard, IncidentState::Open).await;
    let begun = yard.snapshot().await.at_ms;
    yard.wait_for("a second without callers", |now| now.at_ms - begun >= 1_000).await;
    assert_eq!(yard.chat("hello").await.route(), "warm");
    let kpis = async || yard.get("/v1/incidents/1").await["kpis"].clone();
    soon("the failover to be measured", async || kpis().await["failoverMs"]["value"].is_u64()).await;
    let kpis = kpis().await;
    assert_eq!(kpis["detectionMs"]["value"], Value::Null, "{kpis}");
    assert!(kpis["failoverMs"]["value"].as_u64().unwrap() < 900, "{kpis}");
}

#[tokio::test]
async fn an_incident_survives_a_crash_and_goes_on() {
    let mut yard =
        Yard::over(&[CHAT], &[CHAT], merge(quick(), json!({ "incidents": { "calmMs": 60_000 } }))).await;
    let opened = outage(&yard).await;
    let before = yard.get("/v1/incidents/1").await["timeline"].as_array().unwrap().len();
    yard.restart().await;
    let again = yard.wait_for("the incident to be shown", |snapshot| !snapshot.incidents.is_empty()).await;
    assert_eq!((again.incidents.len(), again.incidents[0].id), (1, opened.id));
    assert_eq!(again.incidents[0].opened_at_ms, opened.opened_at_ms);
    // The provider still fails: it is the same incident.
    assert_eq!(yard.chat("hello").await.route(), "warm");
    let grown = |incident: &Value| {
        let entries = incident["timeline"].as_array().unwrap();
        let opened =
            entries.iter().filter(|entry| entry["title"].as_str().unwrap().contains("Circuit open")).count();
        (entries.len() > before, opened)
    };
    soon("the second opening on the timeline", async || {
        grown(&yard.get("/v1/incidents/1").await) == (true, 2)
    })
    .await;
    assert_eq!(yard.get("/v1/incidents").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn people_note_and_close_incidents_and_mistakes_are_told() {
    let yard = Yard::over(&[CHAT], &[CHAT], quick()).await;
    outage(&yard).await;
    done(&yard.cli(&["incident", "note", "1", "their status page is red"], "").await);
    done(&yard.cli(&["incident", "close", "1", "--reason", "a test of ours"], "").await);
    let incident = yard.get("/v1/incidents/1").await;
    assert_eq!((&incident["state"], &incident["closedBy"]), (&json!("closed"), &json!("cli")));
    assert_eq!(incident["notes"][0]["text"], "their status page is red");
    let audit = yard.get("/v1/audit").await;
    let done_by_hand: Vec<_> =
        audit.as_array().unwrap().iter().take(2).map(|a| (&a["action"], &a["reason"])).collect();
    assert_eq!(
        done_by_hand,
        [
            (&json!("incident.close"), &json!("a test of ours")),
            (&json!("incident.note"), &json!("their status page is red"))
        ]
    );
    for (path, body, status, code) in [
        ("/v1/incidents/1/close", json!({}), 409, "conflict_incident_closed"),
        ("/v1/incidents/7/close", json!({}), 404, "not_found_incident"),
        ("/v1/incidents/7/notes", json!({ "text": "x" }), 404, "not_found_incident"),
        ("/v1/incidents/1/notes", json!({ "text": "  " }), 422, "invalid_note"),
        (
            "/v1/incidents/external",
            json!({ "provider": "a", "text": "b", "url": "javascript:1" }),
            422,
            "invalid_external_incident",
        ),
        ("/v1/notices", json!({ "message": "x" }), 422, "invalid_notice"),
        ("/v1/notices", json!({ "message": "x", "sinceMs": i64::MAX }), 422, "invalid_notice"),
    ] {
        let (got, problem) = yard.post(path, &body).await;
        assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "{path} {body}: {problem}");
    }
    assert_eq!(yard.try_get("/v1/providers/nobody/emergency").await.0, 404);

    done(&yard.cli(&["incident", "external", "add", "openai", "elevated errors", "--at", "2h"], "").await);
    assert!(done(&yard.cli(&["incident", "external", "list"], "").await).contains("elevated errors"));
    let review = yard.get("/v1/incidents/review").await;
    assert_eq!((&review["incidents"], &review["external"][0]["provider"]), (&json!(1), &json!("openai")));
}

#[tokio::test]
async fn the_emergency_page_has_the_case_filled_in_and_no_key() {
    let yard = Yard::over(&[CHAT], &[CHAT], quick()).await;
    outage(&yard).await;
    let told = yard.cli(&["incident", "emergency", "hot"], "").await;
    for part in [
        "Incident 1 is open",
        "529 overloaded",
        "Endpoint: 127.0.0.1:",
        "Requests affected: 1",
        "switchyard failover --from hot",
        "Since ",
    ] {
        assert!(done(&told).contains(part), "{part}: {told:?}");
    }
}

fn told(canned: &Canned, part: &str) -> usize {
    let taken = canned.taken();
    taken.iter().filter(|taken| String::from_utf8_lossy(&taken.body).contains(part)).count()
}

/// A webhook that breaks the first connection off, and takes the text of the second.
async fn webhook_with_a_bad_start() -> (String, tokio::task::JoinHandle<Vec<u8>>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/s3cret", listener.local_addr().unwrap());
    let taken = tokio::spawn(async move {
        drop(listener.accept().await.unwrap());
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"}") {
            stream.read_buf(&mut got).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
        got
    });
    (url, taken)
}

#[tokio::test]
async fn failovers_and_notices_reach_those_who_are_to_be_told_once() {
    let webhook = async || Canned::start("HTTP/1.1 200 OK", b"ok").await;
    let (own, theirs, late, quiet) = (webhook().await, webhook().await, webhook().await, webhook().await);
    let (shaky, shaken) = webhook_with_a_bad_start().await;
    let at = |canned: &Canned| format!("{}/s3cret", canned.url());
    let targets = json!({
        "cold": { "notify": ["ops@yourco.com", at(&own), shaky] },
        "clients": {
            "n8n": { "notify": [at(&theirs), at(&own)] },
            "slow": { "notify": [at(&late)] },
            "nightly": { "notify": [at(&quiet)] },
            "idle": { "notify": ["idle@yourco.com"] },
        },
    });
    let yard = Yard::over(&[CHAT], &[CHAT], merge(quick(), targets)).await;
    let mut keys = Vec::new();
    for name in ["n8n", "slow", "nightly"] {
        let (_, client) = yard.post("/v1/clients", &json!({ "name": name })).await;
        keys.push(format!("Bearer {}", client["key"].as_str().unwrap()));
    }
    let by = async |key: &str| {
        let reply = yard.send(&Ask::chat("hello").header("authorization", key)).await;
        reply.route().to_owned()
    };
    // It called before the outage, and is not touched by it until it calls again.
    assert_eq!(by(&keys[0]).await, "hot");
    outage(&yard).await;
    soon("the failover to be announced", async || told(&own, "Failover: hot: 529 overloaded") > 0).await;
    assert_eq!((told(&theirs, "Failover"), told(&late, "Failover")), (0, 0), "none of theirs was touched");
    assert_eq!(by(&keys[0]).await, "warm");
    soon("n8n to hear of it", async || told(&theirs, "Failover") > 0).await;
    // Long after the first second of it.
    assert_eq!((by(&keys[1]).await.as_str(), by(&keys[1]).await.as_str()), ("warm", "warm"));
    soon("the slow one to hear of it", async || told(&late, "Failover") > 0).await;
    recovery(&yard).await;
    for canned in [&own, &theirs, &late] {
        soon("the return to be announced", async || told(canned, "Failback: traffic is back on hot") > 0)
            .await;
        assert_eq!((told(canned, "Failover"), told(canned, "Failback")), (1, 1));
    }
    assert_eq!(by(&keys[2]).await, "hot");
    assert!(String::from_utf8_lossy(&within("a second try", shaken).await.unwrap()).contains("Failover"));

    let sent = yard.cli(&["notice", "--since", "1h", "--message", "We are on it."], "").await;
    let said = done(&sent);
    assert!(said.contains("n8n") && !said.contains("idle") && !said.contains("s3cret"), "{sent:?}");
    assert!(said.contains("ops@yourco.com: not sent: no mail server is configured"), "{sent:?}");
    assert!(said.contains("desktop: not sent"), "{sent:?}");
    let words = r#"{"text":"We are on it."}"#;
    assert_eq!((told(&own, words), told(&theirs, words), told(&quiet, words)), (1, 1, 1));
    assert_eq!(quiet.taken().len(), 1, "it heard of no failover, and so of no return");
    let audit = yard.get("/v1/audit?limit=1").await;
    assert_eq!(audit[0]["action"], "platform.fleet_notice_sent");
    assert!(audit[0]["target"].as_str().unwrap().contains("n8n"), "{audit}");
    assert!(!yard.log().contains("s3cret"));
}

#[tokio::test]
async fn the_numbers_count_what_callers_got_and_from_the_first_bad_attempt_on() {
    let silent = json!({
        "timeouts": { "firstByteMs": 300, "firstTokenMs": 300, "idleMs": 700 },
        "breaker": { "consecutiveFailures": 3 },
    });
    let yard = Yard::over(&[CHAT], &[CHAT], silent).await;
    yard.provider("hot").set_fault(Fault::Silence).await.unwrap();
    for _ in 0..4 {
        assert_eq!(yard.chat("hello").await.route(), "warm");
    }
    let kpis = async || yard.get("/v1/incidents/1").await["kpis"].clone();
    soon("the detection to be measured", async || kpis().await["detectionMs"]["value"].is_u64()).await;
    let detection = kpis().await["detectionMs"]["value"].as_u64().unwrap();
    assert!(detection >= 900, "three calls waited 300 ms each until traffic moved: {detection}");

    // With nothing left, some callers take a receipt, and as many are told an error.
    yard.provider("warm").set_fault(Fault::status(500)).await.unwrap();
    for _ in 0..3 {
        let receipt = yard.chat("hello").await;
        let error = yard.send(&Ask::chat("hello").header("x-switchyard-interactive", "true")).await;
        assert_eq!((receipt.status, error.status), (202, 503));
    }
    soon("all of them in the figures", async || kpis().await["requests"] == 10).await;
    let kpis = kpis().await;
    assert_eq!(
        (&kpis["kept"], &kpis["queued"], &kpis["failed"], &kpis["lost"]),
        (&json!(4), &json!(3), &json!(3), &json!(0)),
        "{kpis}"
    );
    let errors = &kpis["userErrorPercent"];
    assert_eq!((&errors["value"], &errors["met"]), (&json!(30.0), &json!(false)), "{kpis}");
}

#[tokio::test]
async fn callers_errors_during_an_incident_raise_an_alert() {
    let yard =
        Yard::over(&[CHAT], &[CHAT], merge(quick(), json!({ "flags": { "enable_cold_queue": false } })))
            .await;
    for name in ["hot", "warm"] {
        yard.provider(name).set_fault(Fault::status(500)).await.unwrap();
    }
    assert!(yard.chat("hello").await.status >= 500);
    soon("an alert", async || yard.event_types().await.contains(&"users_hurt".to_owned())).await;
    let incidents = yard.get("/v1/incidents").await;
    let mut providers: Vec<&str> =
        incidents.as_array().unwrap().iter().map(|incident| incident["provider"].as_str().unwrap()).collect();
    providers.sort_unstable();
    assert_eq!(providers, ["hot", "warm"]);
    let incident = yard.get("/v1/incidents/1").await;
    assert_eq!((&incident["kpis"]["failed"], &incident["kpis"]["lost"]), (&json!(1), &json!(0)));
    assert_eq!(incident["kpis"]["restorationMs"]["value"], Value::Null, "nobody was answered yet");
}

#[tokio::test]
async fn a_chain_on_one_infrastructure_is_warned_about() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
    assert_eq!(yard.get("/v1/map/warnings").await, json!([]));
    let hot = route(&yard.provider("hot"));
    let twin = merge(hot.clone(), json!({ "provider": "twin", "id": "twin" }));
    let map = fast_map(&[hot], &[twin]).to_string();
    for args in [["map", "check", "-"].as_slice(), &["map", "check", "-", "--router"], &["map", "apply", "-"]]
    {
        let told = yard.cli(args, &map).await;
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(
            told.err.contains("warm[0]: `twin` and `hot`") && told.err.contains("127.0.0.1"),
            "{args:?}: {told:?}"
        );
    }
    assert_eq!(yard.get("/v1/map/warnings").await[0]["path"], "warm[0]");
}
