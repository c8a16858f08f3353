//! Moves of traffic between tiers, providers, routes and models, their way home, and weights.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::operate::{DistributionView, SetDistribution, ShiftView, StartShift};
use utoipa::ToSchema;

use super::{AppState, operations};
use crate::body::{Actor, At, Body};
use crate::refusal::Answer;

operations![list, start, hold, failback, take_back, distribute];

/// How traffic is moved and split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShiftList {
    /// The shifts under way, in the order they began.
    pub shifts: Vec<ShiftView>,
    /// Weights other than the map's.
    pub distribution: Option<DistributionView>,
}

/// A shift that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartedShift {
    /// Its number.
    pub id: u64,
}

/// A shift to hold, or to let go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldShift {
    /// True lets it stand still, false lets it go on.
    pub held: bool,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// A shift to bring home.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BringHome {
    /// In one step, unwatched.
    #[serde(default)]
    pub now: bool,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// How traffic is moved and split.
#[utoipa::path(get, path = "/v1/shifts", tag = "shifts", operation_id = "listShifts",
    responses((status = 200, body = ShiftList), (status = "default", body = Problem)))]
async fn list(State(state): State<AppState>) -> Json<ShiftList> {
    Json(ShiftList { shifts: state.router.shifts(), distribution: state.router.distribution() })
}

/// Moves traffic, at once or in watched steps. A shift of the same origin and target goes further.
#[utoipa::path(post, path = "/v1/shifts", tag = "shifts", operation_id = "startShift", request_body = StartShift,
    responses((status = 200, body = StartedShift), (status = "default", body = Problem)))]
async fn start(
    State(state): State<AppState>,
    actor: Actor,
    Body(command): Body<StartShift>,
) -> Answer<Json<StartedShift>> {
    let id = state.router.start_shift(command, actor.as_str()).await?;
    Ok(Json(StartedShift { id }))
}

/// Lets a shift stand still, or go on.
#[utoipa::path(post, path = "/v1/shifts/{id}/hold", tag = "shifts", operation_id = "holdShift",
    params(("id" = u64, Path, description = "the shift's number")), request_body = HoldShift,
    responses((status = 204), (status = "default", body = Problem)))]
async fn hold(
    State(state): State<AppState>,
    actor: Actor,
    At(id): At<u64>,
    Body(hold): Body<HoldShift>,
) -> Answer<StatusCode> {
    state.router.hold_shift(Some(id), hold.held, hold.reason, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings traffic home, in watched steps or at once.
#[utoipa::path(post, path = "/v1/shifts/{id}/failback", tag = "shifts", operation_id = "failbackShift",
    params(("id" = u64, Path, description = "the shift's number")), request_body = BringHome,
    responses((status = 204), (status = "default", body = Problem)))]
async fn failback(
    State(state): State<AppState>,
    actor: Actor,
    At(id): At<u64>,
    Body(home): Body<BringHome>,
) -> Answer<StatusCode> {
    state.router.failback(Some(id), home.now, home.reason, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a shift back: all traffic is home from the next request on.
#[utoipa::path(delete, path = "/v1/shifts/{id}", tag = "shifts", operation_id = "takeBackShift",
    params(("id" = u64, Path, description = "the shift's number")),
    responses((status = 204), (status = "default", body = Problem)))]
async fn take_back(State(state): State<AppState>, actor: Actor, At(id): At<u64>) -> Answer<StatusCode> {
    state.router.failback(Some(id), true, None, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Splits traffic by weights, over Hot and Warm together. No weights: as the map says again.
#[utoipa::path(put, path = "/v1/distribution", tag = "shifts", operation_id = "setDistribution",
    request_body = SetDistribution, responses((status = 204), (status = "default", body = Problem)))]
async fn distribute(
    State(state): State<AppState>,
    actor: Actor,
    Body(command): Body<SetDistribution>,
) -> Answer<StatusCode> {
    state.router.distribute(command, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}
