use std::net::{Ipv4Addr, SocketAddr};

use switchyard_domain::{Dialect, Operation, RequestId};
use switchyard_store::NewJob;

use super::*;
use crate::Router;
use crate::RouterConfig;

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_no_job_behind_the_clock() {
    let dir = tempfile::tempdir().unwrap();
    let config = RouterConfig {
        proxy_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        keychain: false,
        ..RouterConfig::new(dir.path())
    };
    let router = Router::start(config).await.unwrap();
    let walk = router.walk();
    let now = clock::now();
    let job = NewJob {
        id: "job_1".to_owned(),
        at_ms: now.wall_ms,
        due_at_ms: now.wall_ms + HOUR_MS,
        most_bytes: u64::MAX,
        client_id: "app_1".to_owned(),
        priority: switchyard_domain::map::Priority::Normal,
        fingerprint: String::new(),
        most_open: 1,
        expires_at_ms: now.wall_ms + 2 * HOUR_MS,
        client: "editor".to_owned(),
        job: "default".to_owned(),
        dialect: Dialect::AnthropicMessages,
        operation: Operation::Complete,
        request_id: RequestId::from("req_1"),
        idempotency_key: None,
        model: "claude".to_owned(),
        headers_json: "{}".to_owned(),
        body: Vec::new(),
        stream: false,
        reason: None,
    };
    walk.core.store.queue().enqueue(&job).await.unwrap();
    // As if the clock were set an hour on in this moment.
    let before = clock::now();
    let before = Now { wall_ms: before.wall_ms - HOUR_MS, ..before };
    walk.queue.wall.lock().await.go_by(before);
    tokio::select! {
        biased;
        _ = settled_now(walk) => panic!("the queue's times can't be moved that quickly"),
        () = std::future::ready(()) => {}
    }
    settled_now(walk).await;
    let moved = walk.core.store.queue().get("job_1").await.unwrap().unwrap().row.expires_at_ms;
    let by_ms = moved - job.expires_at_ms;
    assert!((by_ms - HOUR_MS).abs() < 1_000, "moved by {by_ms} ms, once");
    router.shutdown().await;
}
