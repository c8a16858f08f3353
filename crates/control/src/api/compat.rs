//! Compatibility checks of routes: run one, the last ones, what one would cost.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::compat::{CompatCase, CompatPreview, CompatReport, CompatRow, CompatRun, RunCompat};
use utoipa::IntoParams;

use super::{AppState, operations};
use crate::body::{Actor, Asked, At, Body};
use crate::refusal::Answer;

operations![matrix, report, run, preview];

/// Which cases to price.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PreviewQuery {
    /// Names of cases, with commas between; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cases: Option<String>,
}

/// The last check of every route of the running map, in the map's order.
#[utoipa::path(get, path = "/v1/compat", tag = "compat", operation_id = "getCompatMatrix",
    responses((status = 200, body = Vec<CompatRow>), (status = "default", body = Problem)))]
async fn matrix(State(state): State<AppState>) -> Answer<Json<Vec<CompatRow>>> {
    Ok(Json(state.router.compat_matrix()?))
}

/// A route's last check and those before it, newest first.
#[utoipa::path(get, path = "/v1/routes/{id}/compat", tag = "compat", operation_id = "getCompat",
    params(("id" = String, Path, description = "the route's id, percent-encoded")),
    responses((status = 200, body = CompatReport), (status = "default", body = Problem)))]
async fn report(State(state): State<AppState>, At(id): At<String>) -> Answer<Json<CompatReport>> {
    Ok(Json(state.router.compat_report(&id).await?))
}

/// Checks a route with real requests, one after the other, which cost what they cost: `/compat/preview` says about how
/// much. It takes seconds, or minutes on a slow route; when the caller hangs up the check ends and nothing is kept.
#[utoipa::path(post, path = "/v1/routes/{id}/compat", tag = "compat", operation_id = "runCompat",
    params(("id" = String, Path, description = "the route's id, percent-encoded")),
    request_body = RunCompat,
    responses((status = 200, body = CompatRun), (status = "default", body = Problem)))]
async fn run(
    State(state): State<AppState>,
    actor: Actor,
    At(id): At<String>,
    Body(command): Body<RunCompat>,
) -> Answer<Json<CompatRun>> {
    Ok(Json(state.router.check_compat(&id, command, actor.as_str()).await?))
}

/// What a check would cost. Nothing is sent.
#[utoipa::path(get, path = "/v1/routes/{id}/compat/preview", tag = "compat", operation_id = "previewCompat",
    params(("id" = String, Path, description = "the route's id, percent-encoded"), PreviewQuery),
    responses((status = 200, body = CompatPreview), (status = "default", body = Problem)))]
async fn preview(
    State(state): State<AppState>,
    At(id): At<String>,
    Asked(query): Asked<PreviewQuery>,
) -> Answer<Json<CompatPreview>> {
    let cases = read(query.cases.as_deref())?;
    Ok(Json(state.router.preview_compat(&id, RunCompat { cases }).await?))
}

fn read(cases: Option<&str>) -> Result<Vec<CompatCase>, Problem> {
    let names = cases.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            CompatCase::parse(name).ok_or_else(|| {
                let known = CompatCase::ALL.map(CompatCase::as_str).join(", ");
                Problem::new("invalid_query", format!("`cases` has no case {name}. Cases: {known}."))
            })
        })
        .collect()
}
