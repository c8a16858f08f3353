//! What was asked and how it went, and one request to try it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::api::{TestAnswer, TestRequest};
use switchyard_domain::view::RequestView;
use utoipa::IntoParams;

use super::{AppState, operations};
use crate::body::{Asked, Body};
use crate::refusal::Answer;

operations![list, test];

/// Most entries of one page.
const PAGE_MOST: u32 = 500;
const PAGE_USUAL: u32 = 50;

/// Checks a page's length.
pub(super) fn page(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(PAGE_USUAL) {
        limit @ 1..=PAGE_MOST => Ok(limit),
        _ => Err(Problem::new("invalid_query", format!("`limit` is from 1 to {PAGE_MOST}."))),
    }
}

/// Which requests to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RequestsQuery {
    /// At most so many: 1 to 500, 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only those that arrived before, UTC epoch milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
}

/// The request log, newest first.
#[utoipa::path(get, path = "/v1/requests", tag = "requests", operation_id = "listRequests",
    params(RequestsQuery),
    responses((status = 200, body = Vec<RequestView>), (status = "default", body = Problem)))]
async fn list(
    State(state): State<AppState>,
    Asked(query): Asked<RequestsQuery>,
) -> Answer<Json<Vec<RequestView>>> {
    Ok(Json(state.router.requests(page(query.limit)?, query.before).await?))
}

/// Sends one real request through the pipeline, as an app would. It costs what that costs.
#[utoipa::path(post, path = "/v1/test-request", tag = "requests", operation_id = "testRequest",
    request_body = TestRequest,
    responses((status = 200, body = TestAnswer), (status = "default", body = Problem)))]
async fn test(State(state): State<AppState>, Body(ask): Body<TestRequest>) -> Answer<Json<TestAnswer>> {
    Ok(Json(state.router.test_request(ask).await?))
}
