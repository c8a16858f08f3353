//! The cold queue, as a person handles it.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::api::JobView;
use switchyard_domain::view::JobState;
use utoipa::IntoParams;

use super::requests::page;
use super::{AppState, operations};
use crate::body::{Actor, Asked, At};
use crate::refusal::Answer;

operations![list, show, replay, discard];

/// Which jobs to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QueueQuery {
    /// Only jobs in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub state: Option<JobState>,
    /// At most so many: 1 to 500, 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Jobs of the queue, newest first.
#[utoipa::path(get, path = "/v1/queue", tag = "queue", operation_id = "listJobs", params(QueueQuery),
    responses((status = 200, body = Vec<JobView>), (status = "default", body = Problem)))]
async fn list(State(state): State<AppState>, Asked(query): Asked<QueueQuery>) -> Answer<Json<Vec<JobView>>> {
    Ok(Json(state.router.jobs(query.state, page(query.limit)?).await?))
}

/// One job.
#[utoipa::path(get, path = "/v1/queue/{id}", tag = "queue", operation_id = "getJob",
    params(("id" = String, Path, description = "the job's id")),
    responses((status = 200, body = JobView), (status = "default", body = Problem)))]
async fn show(State(state): State<AppState>, At(id): At<String>) -> Answer<Json<JobView>> {
    Ok(Json(state.router.job(&id).await?))
}

/// Puts a job that ended without an answer back in line, with fresh attempts.
#[utoipa::path(post, path = "/v1/queue/{id}/replay", tag = "queue", operation_id = "replayJob",
    params(("id" = String, Path, description = "the job's id")),
    responses((status = 204), (status = "default", body = Problem)))]
async fn replay(State(state): State<AppState>, actor: Actor, At(id): At<String>) -> Answer<StatusCode> {
    state.router.replay_job(&id, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a job up for good.
#[utoipa::path(post, path = "/v1/queue/{id}/discard", tag = "queue", operation_id = "discardJob",
    params(("id" = String, Path, description = "the job's id")),
    responses((status = 204), (status = "default", body = Problem)))]
async fn discard(State(state): State<AppState>, actor: Actor, At(id): At<String>) -> Answer<StatusCode> {
    state.router.discard_job(&id, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}
