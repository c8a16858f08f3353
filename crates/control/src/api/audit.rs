//! Who changed what.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use switchyard_domain::Problem;
use switchyard_domain::api::AuditEntry;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Panel;
use super::requests::page;
use crate::body::Asked;
use crate::refusal::Answer;

pub(super) fn routes() -> OpenApiRouter<Panel> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// At most so many: 1 to 500, 50 by default.
    limit: Option<u32>,
}

/// The audit log, newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", operation_id = "listAudit", params(AuditQuery),
    responses((status = 200, body = Vec<AuditEntry>), (status = "default", body = Problem)))]
async fn list(State(panel): State<Panel>, Asked(query): Asked<AuditQuery>) -> Answer<Json<Vec<AuditEntry>>> {
    Ok(Json(panel.router.audit(page(query.limit)?).await?))
}
