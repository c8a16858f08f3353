//! What a person reads of how things stand: it is what the last calls were, and the simulated providers are broken and
//! healed to see it without a window.

use serde_json::{Value, json};
use switchyard_domain::Tier;
use switchyard_domain::event::StatusLevel;
use switchyard_domain::view::{HealthWord, Snapshot};
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Start, Told, Yard, within};

const CHAT: Dialect = Dialect::OpenaiChat;

/// `state sentence`
fn says(snapshot: &Snapshot) -> String {
    format!("{} {}", snapshot.status.state, snapshot.status.sentence)
}

/// The word of `/health`, which is that of the control port, too.
async fn health(yard: &Yard) -> String {
    let proxy = yard.fetch("/health", &[]).await.json();
    let control = yard.get("/health").await;
    assert_eq!(proxy["status"], control["status"]);
    proxy["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_status_is_what_the_last_calls_were_while_every_circuit_is_closed() {
    let patient = json!({ "breaker": { "consecutiveFailures": 1_000 }, "retry": { "attempts": 1 },
                          "triggers": { "minCalls": 1_000 } });
    let yard = Yard::over(&[CHAT], &[CHAT], patient).await;
    let (hot, warm) = (yard.provider("hot"), yard.provider("warm"));
    let snapshot = yard.snapshot().await;
    assert_eq!(says(&snapshot), "Ready. Nothing was asked yet; the next request goes to hot.");
    assert_eq!(health(&yard).await, "ok");

    assert_eq!(yard.chat("hello").await.route(), "hot");
    let snapshot = yard.snapshot().await;
    assert_eq!(says(&snapshot), "All clear. The last request ran on Hot through hot.");
    assert_eq!((snapshot.status.lamp, health(&yard).await.as_str()), (StatusLevel::Clear, "ok"));

    // Hot's address answers nobody, as in step 1 of the Lisbon Test: Warm answers, no circuit opens.
    hot.set_fault(Fault::Refuse).await.unwrap();
    for n in 1..=4 {
        assert_eq!(yard.chat("hello").await.route(), "warm");
        let snapshot = yard.snapshot().await;
        let said = says(&snapshot);
        assert!(!said.contains("All clear") && snapshot.status.lamp != StatusLevel::Clear, "{n}: {said}");
        assert_eq!(health(&yard).await, "degraded");
    }
    let snapshot = yard.snapshot().await;
    assert_eq!(snapshot.status.tier, Tier::Warm);
    let said = says(&snapshot);
    assert!(said.contains("4 ran on Warm") && said.contains("connection refused"), "{said}");
    let shown = &snapshot.tiers[0].routes[0];
    assert_ne!(shown.lamp, StatusLevel::Clear, "no clear lamp beside {:?} % errors", shown.error_percent);
    let told: Vec<&str> = snapshot.events.iter().map(|event| event.sentence.as_str()).collect();
    assert!(told.iter().any(|sentence| sentence.starts_with("Warm took over: warm answers.")), "{told:?}");
    let providers = yard.get("/gateway/admin/providers/health").await;
    assert_eq!(providers["providers"]["hot"]["status"], "down", "{providers}");

    // Nobody answers: the caller's job is queued, and that is what is said.
    warm.set_fault(Fault::status(500)).await.unwrap();
    // One call that failed after four that went well is not yet nobody; two are.
    for _ in 0..2 {
        assert_eq!(yard.chat("hello").await.status, 202);
    }
    let snapshot = yard.wait_for("the status to say so", |now| now.status.tier == Tier::Cold).await;
    assert_eq!(snapshot.status.health, HealthWord::Cold);
    assert!(says(&snapshot).starts_with("No route answers. The next request tries"), "{}", says(&snapshot));
    assert!(!snapshot.tiers.iter().any(|tier| tier.in_use) && snapshot.cold.in_use);
    let told = yard.cli(&["health"], "").await;
    assert!(told.code == Some(1) && told.out.starts_with("cold: ") && !told.out.contains("ok:"), "{told:?}");

    hot.heal().await.unwrap();
    let answered = yard.chat("hello").await;
    assert_eq!(answered.route(), "hot");
    let snapshot = yard.snapshot().await;
    assert_eq!(snapshot.status.tier, Tier::Hot);
    assert!(says(&snapshot).starts_with("Running on Hot. Of the last "), "{}", says(&snapshot));
    assert_eq!(health(&yard).await, "degraded", "most of the last requests fared otherwise");
    assert_eq!(yard.cli(&["health"], "").await.code, Some(0), "callers get answers");
}

#[tokio::test]
async fn a_silent_hot_and_a_stopped_job_are_told() {
    let more = json!({ "breaker": { "consecutiveFailures": 1 }, "retry": { "attempts": 1 },
                       "jobs": { "summary": { "hot": ["hot2"], "warm": [] } } });
    let yard = Yard::over(&[CHAT, CHAT], &[CHAT], more).await;
    yard.provider("hot2").set_fault(Fault::Silence).await.unwrap();
    assert_eq!(yard.chat("hello").await.route(), "hot");
    let ask = Ask::chat("hello").header("x-switchyard-job", "summary");
    assert_eq!(yard.send(&ask).await.status, 202);
    let snapshot = yard.snapshot().await;
    let said = says(&snapshot);
    assert!(said.starts_with("Running on Hot.") && said.contains("no route answers job summary"), "{said}");
    assert!(said.contains("next test call of hot2 in "), "{said}");
    let told = yard.cli(&["status"], "").await;
    assert!(told.out.contains("Test     hot2: next test call in "), "{told:?}");
    assert_eq!(snapshot.status.next_test.as_ref().map(|test| test.route.as_str()), Some("hot2"));
}

fn done(told: &Told) -> &str {
    assert_eq!(told.code, Some(0), "{told:?}");
    &told.out
}

#[tokio::test]
async fn the_first_minutes_can_be_walked_without_a_window() {
    let yard = Yard::start_with(Start { args: vec!["--demo-if-empty".into()], ..Start::default() }).await;
    assert!(done(&yard.cli(&["status"], "").await).starts_with("Ready. Nothing was asked yet"));
    assert!(done(&yard.cli(&["test-request"], "").await).contains("@ anthropic]"));
    assert!(done(&yard.cli(&["status"], "").await).starts_with("All clear. The last request ran on Hot"));

    let said = yard.cli(&["sim", "break", "anthropic", "500"], "").await;
    assert!(done(&said).contains("anthropic answers 500 from its next request on"), "{said:?}");
    within("Warm to answer", async {
        while !done(&yard.cli(&["test-request"], "").await).contains("@ openai]") {}
    })
    .await;
    let status = yard.cli(&["status"], "").await;
    assert!(done(&status).starts_with("Running on Warm."), "{status:?}");
    let listed = yard.cli(&["sim", "status"], "").await;
    assert!(done(&listed).contains("answers 500"), "{listed:?}");

    for fault in ["slow", "hang", "cut", "529", "429", "off"] {
        done(&yard.cli(&["sim", "break", "anthropic", fault], "").await);
    }
    for (arguments, naming) in [
        (["sim", "break", "anthropic", "sideways"], "slow, hang, cut or off"),
        (["sim", "break", "antropic", "500"], "anthropic, google, openai"),
    ] {
        let refused = yard.cli(&arguments, "").await;
        assert!(refused.code != Some(0) && refused.err.contains(naming), "{refused:?}");
    }
    done(&yard.cli(&["sim", "heal"], "").await);
    let listed: Value =
        serde_json::from_str(done(&yard.cli(&["sim", "status", "--json"], "").await)).unwrap();
    assert!(listed.as_array().unwrap().iter().all(|own| own["faults"] == json!([])), "{listed}");
    let document: Value = serde_json::from_str(done(&yard.cli(&["openapi"], "").await)).unwrap();
    assert!(document["paths"]["/v1/sim/providers/{name}/fault"]["put"].is_object());
    assert_eq!(yard.get("/openapi.json").await, document, "it is served as it is printed");
}

#[tokio::test]
async fn without_simulated_providers_breaking_one_is_refused_with_the_reason() {
    let mut yard = Yard::over(&[CHAT], &[], json!({})).await;
    let told = yard.cli(&["sim", "break", "anthropic", "500"], "").await;
    assert!(
        told.code == Some(1) && told.err.contains("The running map has no simulated providers"),
        "{told:?}"
    );
    yard.kill9().await;
    yard.start_next(Start { args: vec!["--no-sim".into()], ..Start::default() });
    yard.restart().await;
    let told = yard.cli(&["sim", "status"], "").await;
    assert!(told.code == Some(1) && told.err.contains("--no-sim"), "{told:?}");
}
