//! Stopping new work, and taking it again. Work under way finishes in both cases.

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use utoipa::ToSchema;

use super::{AppState, operations};
use crate::body::{Actor, Body};
use crate::refusal::Answer;

operations![pause, resume];

/// A wish to pause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PauseWork {
    /// Why; callers and the audit log see it.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// Stops taking new work. Requests under way finish.
#[utoipa::path(post, path = "/v1/pause", tag = "pause", operation_id = "pause", request_body = PauseWork,
    responses((status = 204), (status = "default", body = Problem)))]
async fn pause(
    State(state): State<AppState>,
    actor: Actor,
    Body(pause): Body<PauseWork>,
) -> Answer<StatusCode> {
    state.router.pause(pause.reason, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes new work again.
#[utoipa::path(post, path = "/v1/resume", tag = "pause", operation_id = "resume",
    responses((status = 204), (status = "default", body = Problem)))]
async fn resume(State(state): State<AppState>, actor: Actor) -> Answer<StatusCode> {
    state.router.resume(actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}
