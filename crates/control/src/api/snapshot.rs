//! How things stand: one snapshot, or a stream of them.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::view::Snapshot;
use utoipa::ToSchema;

use super::{AppState, operations};

operations![health, snapshot, events];

/// How the router is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// In one word, as the proxy's `/health` says it: `ok`, `degraded`, `cold`, `paused`, `off`, `offline`,
    /// `unconfigured`.
    pub status: String,
    /// The program's version.
    pub version: String,
}

/// How the router is doing, in one word; always 200 while it answers at all. The only operation that needs no token.
#[utoipa::path(get, path = "/health", tag = "snapshot", operation_id = "health", security(()),
    responses((status = 200, body = Health)))]
async fn health(State(state): State<AppState>) -> Json<Health> {
    let status = state.router.health().as_str().to_owned();
    Json(Health { status, version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// The whole state at this moment.
#[utoipa::path(get, path = "/v1/snapshot", tag = "snapshot", operation_id = "getSnapshot",
    responses((status = 200, body = Snapshot), (status = "default", body = Problem)))]
async fn snapshot(State(state): State<AppState>) -> Json<Arc<Snapshot>> {
    Json(state.router.snapshot())
}

/// Snapshots as server-sent events named `snapshot`: the first at once, then on every change, at most four a
/// second. A reader that lags gets the newest and misses the ones between.
#[utoipa::path(get, path = "/v1/events", tag = "snapshot", operation_id = "watchSnapshots",
    responses((status = 200, body = Snapshot, content_type = "text/event-stream"),
        (status = "default", body = Problem)))]
async fn events(State(state): State<AppState>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let snapshots = stream::unfold(state.router.watch(), async |mut watch| {
        let snapshot = watch.next().await;
        Some((event(&snapshot), watch))
    });
    let closing = state.closing.clone().cancelled_owned();
    Sse::new(snapshots.map(Ok).take_until(Box::pin(closing))).keep_alive(KeepAlive::default())
}

fn event(snapshot: &Snapshot) -> Event {
    match serde_json::to_string(snapshot) {
        Ok(json) => Event::default().event("snapshot").id(snapshot.seq.to_string()).data(json),
        Err(error) => Event::default().comment(format!("snapshot {}: {error}", snapshot.seq)),
    }
}
