//! The failover-loop runbook's endpoints, exactly as it names them.

use axum::Json;
use axum::extract::State;
use switchyard_domain::Problem;
use switchyard_domain::gateway::{GatewayMetrics, GatewaySettings, ProvidersHealth, SetProviderCircuit};

use super::{AppState, operations};
use crate::body::{Actor, At, Body};
use crate::refusal::Answer;

operations![health, metrics, hold, settings, set_settings, post_settings];

/// The health of every provider: status, circuit, success rate and 95th percentile.
#[utoipa::path(get, path = "/gateway/admin/providers/health", tag = "gateway",
    operation_id = "gatewayProvidersHealth",
    responses((status = 200, body = ProvidersHealth), (status = "default", body = Problem)))]
async fn health(State(state): State<AppState>) -> Json<ProvidersHealth> {
    Json(state.router.providers_health())
}

/// The loop metrics of the last minute.
#[utoipa::path(get, path = "/gateway/admin/metrics", tag = "gateway", operation_id = "gatewayMetrics",
    responses((status = 200, body = GatewayMetrics), (status = "default", body = Problem)))]
async fn metrics(State(state): State<AppState>) -> Json<GatewayMetrics> {
    Json(state.router.gateway_metrics())
}

/// Holds every breaker of a provider open or closed, or gives them back. It lapses by itself.
#[utoipa::path(post, path = "/gateway/admin/providers/{id}/circuit-breaker", tag = "gateway",
    operation_id = "setProviderCircuit", params(("id" = String, Path, description = "the provider's name")),
    request_body = SetProviderCircuit,
    responses((status = 200, body = ProvidersHealth), (status = "default", body = Problem)))]
async fn hold(
    State(state): State<AppState>,
    actor: Actor,
    At(id): At<String>,
    Body(command): Body<SetProviderCircuit>,
) -> Answer<Json<ProvidersHealth>> {
    let open = match command.state.to_lowercase().as_str() {
        "open" => Some(true),
        "closed" => Some(false),
        "auto" | "half_open" => None,
        other => {
            let message = format!("state: `{other}` is none of open, closed, half_open, auto.");
            return Err(Problem::new("invalid_state", message).into());
        }
    };
    if command.reason.trim().is_empty() {
        return Err(Problem::new("invalid_reason", "reason: say why, for the audit log.").into());
    }
    let for_ms = command.for_seconds.map(|seconds| seconds.saturating_mul(1_000));
    state.router.force_provider_breaker(&id, open, command.reason, for_ms, actor.as_str()).await?;
    Ok(Json(state.router.providers_health()))
}

/// The runbook's settings, as the running map has them.
#[utoipa::path(get, path = "/gateway/admin/settings", tag = "gateway", operation_id = "gatewaySettings",
    responses((status = 200, body = GatewaySettings), (status = "default", body = Problem)))]
async fn settings(State(state): State<AppState>) -> Answer<Json<GatewaySettings>> {
    Ok(Json(state.router.gateway_settings().await?))
}

/// Changes these settings in the running map, as a new version; what is absent stays. Unknown names and bad values are
/// refused by name (422), and then nothing has changed.
#[utoipa::path(put, path = "/gateway/admin/settings", tag = "gateway", operation_id = "setGatewaySettings",
    request_body = GatewaySettings,
    responses((status = 200, body = GatewaySettings), (status = "default", body = Problem)))]
async fn set_settings(
    State(state): State<AppState>,
    actor: Actor,
    Body(command): Body<GatewaySettings>,
) -> Answer<Json<GatewaySettings>> {
    Ok(Json(state.router.set_gateway_settings(command, actor.as_str().to_owned()).await?))
}

/// The same as `PUT`, for callers that post their changes.
#[utoipa::path(post, path = "/gateway/admin/settings", tag = "gateway", operation_id = "postGatewaySettings",
    request_body = GatewaySettings,
    responses((status = 200, body = GatewaySettings), (status = "default", body = Problem)))]
async fn post_settings(
    state: State<AppState>,
    actor: Actor,
    command: Body<GatewaySettings>,
) -> Answer<Json<GatewaySettings>> {
    set_settings(state, actor, command).await
}
