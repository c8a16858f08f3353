//! The kill switch of a route.

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use switchyard_domain::{Problem, RouteId};
use utoipa::ToSchema;

use super::{AppState, operations};
use crate::body::{Actor, Body};
use crate::refusal::Answer;

operations![switch];

/// A route to take out of service, or back in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SwitchRoute {
    /// The route.
    pub route: RouteId,
    /// Whether it serves from the next request on.
    pub in_service: bool,
}

/// Takes a route out of service, or back in, from the next request on.
#[utoipa::path(put, path = "/v1/routes/switch", tag = "routes", operation_id = "switchRoute",
    request_body = SwitchRoute, responses((status = 204), (status = "default", body = Problem)))]
async fn switch(
    State(state): State<AppState>,
    actor: Actor,
    Body(switch): Body<SwitchRoute>,
) -> Answer<StatusCode> {
    state.router.switch_route(switch.route.as_str(), switch.in_service, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}
