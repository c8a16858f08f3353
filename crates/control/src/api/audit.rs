//! Who changed what, and the way back.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use switchyard_domain::Problem;
use switchyard_domain::api::{AuditEntry, RollBack, RolledBack};
use utoipa::IntoParams;

use super::requests::page;
use super::{AppState, operations};
use crate::body::{Actor, Asked, At, Body};
use crate::refusal::Answer;

operations![list, roll_back];

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// At most so many: 1 to 500, 50 by default.
    limit: Option<u32>,
}

/// The audit log, newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", operation_id = "listAudit", params(AuditQuery),
    responses((status = 200, body = Vec<AuditEntry>), (status = "default", body = Problem)))]
async fn list(
    State(state): State<AppState>,
    Asked(query): Asked<AuditQuery>,
) -> Answer<Json<Vec<AuditEntry>>> {
    Ok(Json(state.router.audit(page(query.limit)?).await?))
}

/// Sets back what a change touched, and nothing else.
///
/// Overrides, kill switches, shifts, weights, the pause and maps can be rolled back (`reversible`), as long as nothing
/// else changed them since.
#[utoipa::path(post, path = "/v1/audit/{id}/rollback", tag = "audit", operation_id = "rollBack",
    params(("id" = i64, Path, description = "The entry")), request_body = RollBack,
    responses((status = 200, body = RolledBack), (status = "default", body = Problem)))]
async fn roll_back(
    State(state): State<AppState>,
    actor: Actor,
    At(id): At<i64>,
    Body(back): Body<RollBack>,
) -> Answer<Json<RolledBack>> {
    Ok(Json(state.router.roll_back(id, back.reason, actor.as_str()).await?))
}
