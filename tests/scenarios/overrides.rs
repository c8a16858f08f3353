//! What a person overrides at run time holds from the next request on, is seen by everyone, outlives a restart, and is
//! taken back in one step.

use serde_json::{Value, json};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use switchyard_domain::event::StatusLevel;
use switchyard_domain::view::{CircuitState, Outcome};
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, CALLERS, Told, Yard};

const CHAT: Dialect = Dialect::OpenaiChat;

fn done(told: &Told) -> &str {
    assert_eq!(told.code, Some(0), "{told:?}");
    &told.out
}

/// Three providers: Hot, Warm and a second Warm; a job of its own.
async fn three(more: Value) -> Yard {
    let jobs = json!({ "jobs": { "summary": {}, "chat": { "hot": ["warm"], "warm": ["hot"] } } });
    Yard::over(&[CHAT], &[CHAT, CHAT], switchyard_tests::merge(jobs, more)).await
}

/// An app of its own name; what asks as it.
async fn app(yard: &Yard, name: &str) -> impl Fn(Ask) -> Ask + use<> {
    let (status, made) = yard.post("/v1/clients", &json!({ "name": name })).await;
    assert!(status < 300, "{made}");
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    move |ask: Ask| ask.header("authorization", &bearer)
}

async fn newest_audit(yard: &Yard) -> Value {
    yard.get("/v1/audit?limit=1").await[0].clone()
}

#[tokio::test]
async fn routes_models_and_providers_are_killed_and_come_back_by_hand_by_time_or_not_at_all() {
    let mut yard = three(json!({})).await;
    for (kind, name) in [("route", "hot"), ("model", "hot-1"), ("provider", "hot")] {
        done(&yard.cli(&["kill", kind, name, "--reason", "it makes things up"], "").await);
        assert_eq!(yard.chat("hello").await.way(), ("warm", 1, true), "{kind}");
        let route = yard.route("hot").await;
        assert!(!route.in_service && route.why.unwrap().contains("it makes things up"), "{kind}");
        let why = yard.snapshot().await.status.why;
        assert!(why.iter().any(|why| why.sentence.contains("it makes things up")), "{kind}: {why:?}");
        yard.restart().await;
        assert_eq!(yard.chat("hello").await.route(), "warm", "{kind}: a restart does not reset it");
        done(&yard.cli(&["unkill", kind, name], "").await);
        assert_eq!(yard.chat("hello").await.way(), ("hot", 1, false), "{kind}");
    }
    assert!(yard.provider("warm2").calls() == 0);
    for (kind, name, known) in [("model", "hto-1", "hot-1"), ("provider", "hto", "hot, warm, warm2")] {
        let told = yard.cli(&["kill", kind, name], "").await;
        assert!(told.code == Some(1) && told.err.contains(known), "{told:?}");
    }
    let scope = json!({ "kind": "provider", "name": "hot" });
    let (status, answer) =
        yard.post("/v1/overrides/kill", &json!({ "scope": scope, "on": true, "forMs": 1_000 })).await;
    assert_eq!((status, &answer["changed"]), (200, &json!(true)), "{answer}");
    assert!(answer["overrides"]["kills"][0]["expiresAtMs"].is_i64(), "{answer}");
    yard.wait_for("the kill to lapse", |snapshot| snapshot.overrides.kills.is_empty()).await;
    assert_eq!(yard.chat("hello").await.route(), "hot");
    yard.wait_for("its entry", |snapshot| snapshot.overrides.version > 0).await;
    let (status, refused) =
        yard.post("/v1/overrides/kill", &json!({ "scope": scope, "on": true, "forMs": 5 })).await;
    assert!(status == 422 && refused["message"].as_str().unwrap().contains("forMs"), "{refused}");
}

#[tokio::test]
async fn a_kill_switch_of_an_older_version_still_holds() {
    let mut yard = three(json!({})).await;
    yard.kill9().await;
    let path = yard.data_dir().join("switchyard.db");
    let mut database = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::query("INSERT INTO settings (key, value, at_ms) VALUES ('route_off/hot', 'true', 1)")
        .execute(&mut database)
        .await
        .unwrap();
    sqlx::Connection::close(database).await.unwrap();
    for _ in 0..2 {
        yard.restart().await;
        assert_eq!(yard.chat("hello").await.route(), "warm");
        assert_eq!(yard.snapshot().await.overrides.kills.len(), 1);
    }
    done(&yard.cli(&["route", "on", "hot"], "").await);
    yard.restart().await;
    assert_eq!(yard.chat("hello").await.route(), "hot");
}

#[tokio::test]
async fn jobs_models_are_overridden_for_the_jobs_named_alone() {
    let yard = three(json!({})).await;
    let route = async |job: &str| yard.send(&Ask::chat("hello").job(job)).await.route().to_owned();
    assert_eq!([route("summary").await, route("chat").await], ["hot", "warm"]);
    let (status, answer) =
        yard.put("/v1/overrides/jobs?reason=a%20test", &json!({ "summary": ["warm2-1", "hot"] })).await;
    assert_eq!((status, answer["warnings"].as_array().unwrap().len()), (200, 0), "{answer}");
    assert_eq!([route("summary").await, route("chat").await], ["warm2", "warm"]);
    assert_eq!(yard.chat("hello").await.route(), "hot");
    let reply = yard.send(&Ask::chat("hello").job("summary")).await;
    assert_eq!(reply.way(), ("hot", 1, false), "the first one's provider is the override's Hot");
    assert!(done(&yard.cli(&["override", "list"], "").await).contains("summary: warm2-1, hot"));

    let version = answer["overrides"]["version"].as_u64().unwrap();
    done(&yard.cli(&["override", "set", "chat", "warm2"], "").await);
    let jobs = r#"{ "summary": null, "chat": ["hot"] }"#;
    let stale = yard.cli(&["override", "apply", "-", "--base", &version.to_string()], jobs).await;
    assert!(stale.code == Some(1) && stale.err.contains("have changed since"), "{stale:?}");
    assert_eq!([route("summary").await, route("chat").await], ["warm2", "warm2"]);
    done(&yard.cli(&["override", "apply", "-", "--base", &(version + 1).to_string()], jobs).await);
    assert_eq!([route("summary").await, route("chat").await], ["hot", "hot"]);
    done(&yard.cli(&["override", "clear", "chat"], "").await);
    assert_eq!(route("chat").await, "warm");

    for (job, model, known) in [("sumary", "hot", "chat, summary"), ("chat", "hto", "warm2-1")] {
        let told = yard.cli(&["override", "set", job, model], "").await;
        assert!(told.code == Some(1) && told.err.contains(known), "{told:?}");
    }
    let (status, refused) = yard.put("/v1/overrides/jobs", &json!({})).await;
    assert!(status == 422 && refused["message"].as_str().unwrap().contains("no job"), "{refused}");
}

#[tokio::test]
async fn an_override_the_next_map_has_no_use_for_stays_and_is_told() {
    let yard = three(json!({})).await;
    done(&yard.cli(&["override", "set", "summary", "warm2"], "").await);
    let map = yard.get("/v1/map").await["document"].as_str().unwrap().to_owned();
    let mut without: Value = serde_json::from_str(&map).unwrap();
    without["warm"].as_array_mut().unwrap().pop();
    yard.apply(&without).await;
    assert_eq!(yard.send(&Ask::chat("hello").job("summary")).await.route(), "hot");
    let events = yard.get("/v1/snapshot").await["events"].clone();
    let told = events.as_array().unwrap().iter().find(|event| event["action"] == "override.ignored");
    assert!(told.is_some_and(|event| event["sentence"].as_str().unwrap().contains("summary")), "{events}");
    yard.apply_text(&map).await;
    assert_eq!(yard.send(&Ask::chat("hello").job("summary")).await.route(), "warm2");
}

#[tokio::test]
async fn a_provider_is_left_out_everywhere_and_overrides_before_it_stay() {
    let yard = three(json!({})).await;
    done(&yard.cli(&["override", "set", "summary", "hot", "warm2"], "").await);
    let told = yard.cli(&["failover", "--except", "hot", "--reason", "their page is red"], "").await;
    assert!(done(&told).contains("left out") && told.err.is_empty(), "{told:?}");
    assert_eq!(yard.chat("hello").await.route(), "warm");
    assert_eq!(yard.send(&Ask::chat("hello").job("summary")).await.route(), "warm2");
    assert_eq!(yard.provider("hot").calls(), 0);
    let shown = yard.snapshot().await.tiers[0].routes[0].clone();
    assert_eq!(
        (shown.lamp, shown.signal.as_str()),
        (StatusLevel::Out, "Left out"),
        "not called clear: {shown:?}"
    );
    let told = yard.cli(&["failover", "--except", "warm2"], "").await;
    assert!(done(&told).contains("left out"), "{told:?}");
    assert!(told.err.contains("summary") && told.err.contains("Cold"), "{told:?}");
    for provider in ["hot", "warm2"] {
        done(&yard.cli(&["failover", "--clear-except", provider], "").await);
    }
    assert_eq!(
        yard.send(&Ask::chat("hello").job("summary")).await.route(),
        "hot",
        "the override is as it was"
    );
}

#[tokio::test]
async fn an_app_never_leaves_its_bounds_not_by_failover_rescue_replay_or_override() {
    let yard = three(json!({ "timeouts": { "idleMs": 250 } })).await;
    let as_clinic = app(&yard, "clinic").await;
    done(&yard.cli(&["client", "bounds", "clinic", "--only", "hot", "--reason", "their contract"], "").await);
    let (hot, warm, warm2) = (yard.provider("hot"), yard.provider("warm"), yard.provider("warm2"));
    assert_eq!(yard.send(&as_clinic(Ask::chat("hello"))).await.route(), "hot");

    hot.set_fault(Fault::CutStream { after_chunks: 2 }).await.unwrap();
    let broken = yard.send(&as_clinic(Ask::chat("Tell me of Lisbon").streaming(true))).await;
    assert!(broken.error_event(CHAT).0.starts_with("stream_"), "{broken:?}");

    done(&yard.cli(&["override", "set", "default", "warm"], "").await);
    let out = yard.send(&as_clinic(Ask::chat("hello"))).await;
    assert_eq!(out.status, 202, "{out:?}");
    let refused = yard.send(&as_clinic(Ask::chat("hello").streaming(true))).await;
    assert!(refused.status == 503 && refused.error(CHAT).1.contains("may not reach warm"), "{refused:?}");
    done(&yard.cli(&["override", "clear", "default"], "").await);

    hot.set_fault(Fault::status(500)).await.unwrap();
    let queued = yard.send(&as_clinic(Ask::chat("hello"))).await;
    assert_eq!(queued.status, 202, "{queued:?}");
    assert_eq!((warm.calls(), warm2.calls()), (0, 0));
    assert_eq!(yard.chat("hello").await.route(), "warm", "another app fails over");
    hot.heal().await.unwrap();
    done(&yard.cli(&["breaker", "close", "hot", "--reason", "it is well"], "").await);
    yard.wait_for("the queue to be worked off", |snapshot| snapshot.cold.waiting == 0).await;
    assert_eq!((warm.calls(), warm2.calls()), (1, 0), "not even from the queue");
    done(&yard.cli(&["client", "bounds", "clinic", "--clear"], "").await);
    done(&yard.cli(&["client", "prefer", "clinic", "warm2"], "").await);
    assert_eq!(yard.send(&as_clinic(Ask::chat("hello"))).await.route(), "warm2");
    assert_eq!(yard.chat("hello").await.route(), "hot", "another app has no such wish");
    let nobody = yard.cli(&["client", "bounds", "clinik", "--only", "hot"], "").await;
    assert!(done(&nobody).contains("clinik") && nobody.err.contains("No app called clinik"), "{nobody:?}");
}

#[tokio::test]
async fn the_all_off_switch_answers_everything_at_once_and_sends_nothing() {
    let yard = three(json!({})).await;
    let (hot, warm) = (yard.provider("hot"), yard.provider("warm"));
    for provider in [&hot, &warm, &yard.provider("warm2")] {
        provider.set_fault(Fault::status(500)).await.unwrap();
    }
    let id = yard.chat("for later").await.json()["id"].as_str().unwrap().to_owned();
    done(&yard.cli(&["ai", "off", "--reason", "until we know more"], "").await);
    for name in ["hot", "warm", "warm2"] {
        yard.provider(name).heal().await.unwrap();
        done(&yard.cli(&["breaker", "close", name, "--reason", "healed"], "").await);
    }
    let calls = (hot.calls(), warm.calls());
    for caller in CALLERS {
        for stream in [false, true] {
            let reply = yard.send(&Ask::new(caller, "hello").streaming(stream)).await;
            let (code, message) = reply.error(caller);
            assert_eq!((reply.status, reply.header("x-should-retry")), (503, "false"), "{reply:?}");
            assert!(message.contains("until we know more"), "{message}");
            assert!(caller == Dialect::Anthropic || code == "ai_disabled", "{code}");
        }
    }
    let embed = yard.call("/v1/embeddings", &json!({ "model": "hot-1", "input": "hello" })).await;
    assert_eq!(embed.error(CHAT).0, "ai_disabled");
    let count = json!({ "model": "hot-1", "messages": [{ "role": "user", "content": "hello" }] });
    assert_eq!(yard.call("/v1/messages/count_tokens", &count).await.status, 503);
    assert_eq!(yard.wait_for_outcome(Outcome::Refused).await.attempts.len(), 0);
    let status = yard.snapshot().await.status;
    assert!(status.state == "Switched off." && status.sentence.contains("until we know more"), "{status:?}");
    assert_eq!(yard.snapshot().await.cold.waiting, 1);
    assert_eq!((hot.calls(), warm.calls()), calls, "nothing is sent");
    assert_eq!(yard.fetch("/health", &[]).await.json()["status"], "off");
    done(&yard.cli(&["ai", "on"], "").await);
    yard.wait_for_job(&id, "done").await;
    assert_eq!(yard.chat("hello").await.route(), "hot");

    let map = yard.get("/v1/map").await["document"].as_str().unwrap().to_owned();
    let mut off: Value = serde_json::from_str(&map).unwrap();
    off["flags"] = json!({ "ai_enabled": false });
    yard.apply(&off).await;
    let (code, message) = yard.chat("hello").await.error(CHAT);
    assert!(code == "ai_disabled" && message.contains("flags.ai_enabled"), "{message}");
    let seen = yard.snapshot().await;
    assert!(
        seen.map.off && seen.status.why.iter().any(|why| why.sentence.contains("flags.ai_enabled")),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_breaker_is_held_open_or_closed_by_hand_with_a_reason() {
    let yard = three(json!({ "retry": { "attempts": 1 }, "breaker": { "consecutiveFailures": 2 } })).await;
    let told =
        yard.cli(&["breaker", "open", "hot", "--reason", "answers nonsense", "--for", "30m"], "").await;
    assert!(done(&told).contains("until"), "{told:?}");
    assert_eq!(yard.chat("hello").await.route(), "warm");
    let shown = yard.route("hot").await;
    let forced = shown.forced.unwrap();
    assert!(forced.open && forced.order.reason.as_deref() == Some("answers nonsense"));
    assert_eq!((shown.circuit, shown.next_probe_in_ms), (CircuitState::Open, None));
    assert_eq!(yard.provider("hot").calls(), 0);

    done(&yard.cli(&["breaker", "close", "hot", "--reason", "it is us"], "").await);
    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    for n in 1..=5 {
        assert_eq!(yard.chat("hello").await.way(), ("warm", 2, true));
        assert_eq!(yard.provider("hot").calls(), n, "failures open nothing");
    }
    let shown = yard.route("hot").await;
    assert_eq!((shown.circuit, shown.error_percent), (CircuitState::Closed, Some(100.0)));
    done(&yard.cli(&["breaker", "auto", "hot"], "").await);
    yard.chat("hello").await;
    assert_eq!(yard.route("hot").await.circuit, CircuitState::Open, "it judges by itself again");

    let set = json!({ "route": "hot", "state": "open" });
    let (status, refused) = yard.post("/v1/overrides/breaker", &set).await;
    assert!(status == 422 && refused["message"].as_str().unwrap().contains("reason"), "{refused}");
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_and_can_be_rolled_back_from_it() {
    let yard = three(json!({})).await;
    done(&yard.cli(&["override", "set", "summary", "warm2", "--reason", "a try"], "").await);
    let set = newest_audit(&yard).await;
    assert_eq!(
        (&set["actor"], &set["action"], &set["target"], &set["reason"], &set["reversible"]),
        (&json!("cli"), &json!("override.set"), &json!("job summary"), &json!("a try"), &json!(true))
    );
    assert!(set["before"].is_object() && set["after"].to_string().contains("warm2"), "{set}");
    done(&yard.cli(&["kill", "provider", "warm", "--reason", "another matter"], "").await);
    let id = set["id"].to_string();
    done(&yard.cli(&["audit", "rollback", &id], "").await);
    let overrides = yard.snapshot().await.overrides;
    assert_eq!((overrides.jobs.len(), overrides.kills.len()), (0, 1), "only its own part is set back");
    let again = yard.cli(&["audit", "rollback", &id], "").await;
    assert!(again.code == Some(1) && again.err.contains("Nothing to roll back"), "{again:?}");

    done(&yard.cli(&["override", "set", "summary", "warm"], "").await);
    let first = newest_audit(&yard).await["id"].to_string();
    done(&yard.cli(&["override", "set", "summary", "hot"], "").await);
    let (status, conflict) = yard.post(&format!("/v1/audit/{first}/rollback"), &json!({})).await;
    assert_eq!((status, &conflict["code"]), (409, &json!("conflict_audit")), "{conflict}");

    done(&yard.cli(&["pause", "--reason", "lunch"], "").await);
    let paused = newest_audit(&yard).await["id"].to_string();
    done(&yard.cli(&["audit", "rollback", &paused], "").await);
    assert!(!yard.snapshot().await.pause.paused);

    let mut map: Value =
        serde_json::from_str(yard.get("/v1/map").await["document"].as_str().unwrap()).unwrap();
    map["name"] = json!("another");
    yard.apply(&map).await;
    let applied = newest_audit(&yard).await["id"].to_string();
    done(&yard.cli(&["audit", "rollback", &applied], "").await);
    let running = yard.snapshot().await.map;
    assert_eq!((running.name.as_str(), running.version), ("scenario", 3));
    let late = yard.cli(&["audit", "rollback", &applied], "").await;
    assert!(late.code == Some(1) && late.err.contains("map restore 1"), "{late:?}");

    yard.post("/v1/clients", &json!({ "name": "n8n" })).await;
    let key = newest_audit(&yard).await;
    assert_eq!(key["reversible"], false);
    let refused = yard.cli(&["audit", "rollback", &key["id"].to_string()], "").await;
    assert!(refused.code == Some(1) && refused.err.contains("can't be rolled back"), "{refused:?}");
    assert!(done(&yard.cli(&["audit", "--limit", "3"], "").await).contains("client.add"));
    let missing = yard.cli(&["audit", "rollback", "9999"], "").await;
    assert!(missing.code == Some(1) && missing.err.contains("no entry 9999"), "{missing:?}");
}
