//! What a move of a job to another route would change, before it is made.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::switch_cost::SwitchCost;
use utoipa::IntoParams;

use super::{AppState, operations};
use crate::body::Asked;
use crate::refusal::Answer;

operations![preview];

/// Which move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SwitchCostQuery {
    /// The route that would answer.
    pub to: String,
    /// The job that moves; the default one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The route it moves from; the one that answers now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// Prices, context window and abilities before and after a move. Nothing is sent or changed.
#[utoipa::path(get, path = "/v1/switch-cost", tag = "routes", operation_id = "previewSwitch",
    params(SwitchCostQuery),
    responses((status = 200, body = SwitchCost), (status = "default", body = Problem)))]
async fn preview(
    State(state): State<AppState>,
    Asked(query): Asked<SwitchCostQuery>,
) -> Answer<Json<SwitchCost>> {
    let cost = state.router.switch_cost(query.job.as_deref(), &query.to, query.from.as_deref()).await?;
    Ok(Json(cost))
}
