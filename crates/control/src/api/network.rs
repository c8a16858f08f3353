//! This machine's network: how it stands, and a look at it by hand.

use axum::Json;
use axum::extract::State;
use switchyard_domain::Problem;
use switchyard_domain::network::NetworkView;

use super::{AppState, operations};

operations![network, check_network];

/// How this machine's network stands, as it was last judged.
#[utoipa::path(get, path = "/v1/network", tag = "network", operation_id = "network",
    responses((status = 200, body = NetworkView), (status = "default", body = Problem)))]
async fn network(State(state): State<AppState>) -> Json<NetworkView> {
    Json(state.router.network())
}

/// Looks at the network now, and answers once that is done: a few seconds at most.
#[utoipa::path(post, path = "/v1/network/check", tag = "network", operation_id = "checkNetwork",
    responses((status = 200, body = NetworkView), (status = "default", body = Problem)))]
async fn check_network(State(state): State<AppState>) -> Json<NetworkView> {
    Json(state.router.check_network().await)
}
