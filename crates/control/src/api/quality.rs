//! How good a route's answers are, told from outside.

use axum::Json;
use axum::extract::State;
use switchyard_domain::Problem;
use switchyard_domain::operate::{QualityScore, QualityVerdict};

use super::{AppState, operations};
use crate::body::{Actor, Body};
use crate::refusal::Answer;

operations![score];

/// Tells how good a route's answers are. A score further below its baseline than `triggers.qualityDropPercent` lowers
/// the route's weight until a later score is back near it.
#[utoipa::path(post, path = "/v1/quality", tag = "routes", operation_id = "scoreQuality",
    request_body = QualityScore,
    responses((status = 200, body = QualityVerdict), (status = "default", body = Problem)))]
async fn score(
    State(state): State<AppState>,
    actor: Actor,
    Body(given): Body<QualityScore>,
) -> Answer<Json<QualityVerdict>> {
    Ok(Json(state.router.quality(&given, actor.as_str()).await?))
}
