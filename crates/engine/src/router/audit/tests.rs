use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use switchyard_domain::api::ApplyMap;
use switchyard_domain::operate::{KillScope, StartShift};
use switchyard_domain::overrides::Terms;
use switchyard_policy::Command;

use super::*;
use crate::RouterConfig;
use crate::core::lock;

async fn start(dir: &tempfile::TempDir) -> Router {
    let config = RouterConfig {
        proxy_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        keychain: false,
        ..RouterConfig::new(dir.path())
    };
    Router::start(config).await.unwrap()
}

async fn newest(router: &Router) -> AuditEntry {
    router.audit(1).await.unwrap().remove(0)
}

fn route(provider: &str) -> Value {
    json!({ "provider": provider, "model": "m", "baseUrl": "http://127.0.0.1:9/v1", "dialect": "openai-chat",
            "auth": "none" })
}

#[tokio::test]
async fn the_reason_of_a_rollback_is_kept_when_a_pause_is_set_back() {
    let dir = tempfile::tempdir().unwrap();
    let router = start(&dir).await;
    router.pause(Some("lunch".to_owned()), "cli").await.unwrap();
    let paused = newest(&router).await.id;
    router.roll_back(paused, Some("  it was short ".to_owned()), "cli").await.unwrap();
    let resumed = newest(&router).await;
    assert_eq!((resumed.action.as_str(), resumed.reason.as_deref()), ("resume", Some("it was short")));
    router.roll_back(resumed.id, None, "cli").await.unwrap();
    let again = newest(&router).await;
    let why = format!("rollback of #{}", resumed.id);
    assert_eq!((again.action.as_str(), again.reason.as_deref()), ("pause", Some(why.as_str())));
    assert_eq!(
        lock(&router.state.core.pause).reason.as_deref(),
        Some("lunch"),
        "callers are told what they were"
    );
    router.shutdown().await;
}

#[tokio::test]
async fn an_older_pause_is_set_back_where_the_state_is_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let router = start(&dir).await;
    router.pause(Some("lunch".to_owned()), "cli").await.unwrap();
    let first = newest(&router).await.id;
    router.resume("cli").await.unwrap();
    router.pause(Some("lunch".to_owned()), "cli").await.unwrap();
    router.roll_back(first, None, "cli").await.unwrap();
    assert!(!lock(&router.state.core.pause).paused);
    let refused = router.roll_back(first, None, "cli").await.unwrap_err();
    assert!(refused.message.contains("Nothing to roll back"), "{refused}");
    router.shutdown().await;
}

#[tokio::test]
async fn a_rollback_of_a_shift_that_stops_halfway_is_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let router = start(&dir).await;
    let document = json!({ "hot": [route("one")], "warm": [route("two")],
                           "cold": { "mode": "graceful_degrade", "queue": "q", "notify": [] } });
    let source = "cli".to_owned();
    router
        .apply_map(ApplyMap { document: document.to_string(), base_version: None, reason: None, source })
        .await
        .unwrap();
    let command = |percent| StartShift {
        from: "one".to_owned(),
        to: Some("two".to_owned()),
        mode: Some(switchyard_domain::map::ShiftMode::Immediate),
        percent: Some(percent),
        reason: None,
    };
    let shift = router.start_shift(command(30), "cli").await.unwrap();
    router.start_shift(command(80), "cli").await.unwrap();
    let raised = newest(&router).await.id;
    let kill = Command::Kill { scope: KillScope::Provider("two".to_owned()), on: true };
    router.order(kill, Terms::default(), "cli").await.unwrap();
    let refused = router.roll_back(raised, None, "cli").await.unwrap_err();
    assert_eq!(refused.code, "conflict_target_out", "{refused:?}");
    assert!(router.shifts().is_empty(), "its traffic is home");
    let noted = newest(&router).await;
    assert_eq!((noted.action.as_str(), noted.target), ("shift.take_back", shift.to_string()));
    assert!(noted.reversible);
    router.shutdown().await;
}
