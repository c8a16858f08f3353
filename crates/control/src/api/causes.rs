//! What is likely behind present trouble, and what failed lately.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::api::ErrorReport;
use switchyard_domain::operate::CauseView;
use utoipa::IntoParams;

use super::{AppState, operations};
use crate::body::Asked;
use crate::refusal::Answer;

operations![list, errors];

/// Since when errors are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct ErrorsQuery {
    /// UTC epoch milliseconds; everything the log has when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
}

/// The likely causes of present trouble, worst first, each with its evidence and its fix: one call of this API.
#[utoipa::path(get, path = "/v1/causes", tag = "causes", operation_id = "listCauses",
    responses((status = 200, body = Vec<CauseView>), (status = "default", body = Problem)))]
async fn list(State(state): State<AppState>) -> Json<Vec<CauseView>> {
    Json(state.router.causes())
}

/// Failed tries out of the request log, by provider, kind and status.
#[utoipa::path(get, path = "/v1/errors", tag = "causes", operation_id = "countErrors", params(ErrorsQuery),
    responses((status = 200, body = ErrorReport), (status = "default", body = Problem)))]
async fn errors(
    State(state): State<AppState>,
    Asked(query): Asked<ErrorsQuery>,
) -> Answer<Json<ErrorReport>> {
    Ok(Json(state.router.errors(query.since.unwrap_or(0)).await?))
}
