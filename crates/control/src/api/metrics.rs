//! What Prometheus scrapes.

use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use switchyard_domain::Problem;

use super::{AppState, operations};

/// The format's media type, as its specification names it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

operations![metrics];

/// Counters and gauges for Prometheus, in the OpenMetrics text format. Let it send the token: `authorization:
/// {credentials_file: <data directory>/control.token}`.
#[utoipa::path(get, path = "/metrics", tag = "metrics", operation_id = "metrics",
    responses((status = 200, body = String, content_type = "application/openmetrics-text"),
        (status = "default", body = Problem)))]
async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], state.router.metrics_text())
}
