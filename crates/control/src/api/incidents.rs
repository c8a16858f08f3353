//! Incidents, their reports and reviews, the log of external ones, emergency pages, and notices.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::incident::{
    EmergencyPage, ExternalIncident, Incident, IncidentBrief, IncidentId, NewExternalIncident, NoticeReport,
    Review, SendNotice,
};
use utoipa::{IntoParams, ToSchema};

use super::requests::page;
use super::{AppState, operations};
use crate::body::{Actor, Asked, At, Body};
use crate::refusal::Answer;

operations![list, show, note, close, report, review, external, add_external, emergency, notice];

/// Which incidents to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct IncidentsQuery {
    /// Only those opened since, UTC epoch milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// At most so many: 1 to 500, 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct SinceQuery {
    /// From, UTC epoch milliseconds.
    since_ms: Option<i64>,
}

/// A note to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WriteNote {
    /// The words.
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub text: String,
}

/// An incident to close.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloseIncident {
    /// Why, for the timeline and the audit log.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// A report, to be read and copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentReport {
    /// The document.
    pub markdown: String,
}

/// Incidents, newest first.
#[utoipa::path(get, path = "/v1/incidents", tag = "incidents", operation_id = "listIncidents",
    params(IncidentsQuery),
    responses((status = 200, body = Vec<IncidentBrief>), (status = "default", body = Problem)))]
async fn list(
    State(state): State<AppState>,
    Asked(query): Asked<IncidentsQuery>,
) -> Answer<Json<Vec<IncidentBrief>>> {
    Ok(Json(state.router.incidents(query.since_ms, page(query.limit)?).await?))
}

/// One incident, whole: KPIs against their goals, timeline, clients, notes.
#[utoipa::path(get, path = "/v1/incidents/{id}", tag = "incidents", operation_id = "getIncident",
    params(("id" = i64, Path, description = "the incident's number")),
    responses((status = 200, body = Incident), (status = "default", body = Problem)))]
async fn show(State(state): State<AppState>, At(id): At<i64>) -> Answer<Json<Incident>> {
    Ok(Json(state.router.incident(IncidentId(id)).await?))
}

/// Writes a note on it.
#[utoipa::path(post, path = "/v1/incidents/{id}/notes", tag = "incidents", operation_id = "noteIncident",
    params(("id" = i64, Path, description = "the incident's number")), request_body = WriteNote,
    responses((status = 204), (status = "default", body = Problem)))]
async fn note(
    State(state): State<AppState>,
    actor: Actor,
    At(id): At<i64>,
    Body(note): Body<WriteNote>,
) -> Answer<StatusCode> {
    state.router.note_incident(IncidentId(id), &note.text, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Closes it by hand; 409 when it is closed already. Should its provider still fail, the next circuit that opens
/// begins another.
#[utoipa::path(post, path = "/v1/incidents/{id}/close", tag = "incidents", operation_id = "closeIncident",
    params(("id" = i64, Path, description = "the incident's number")), request_body = CloseIncident,
    responses((status = 204), (status = "default", body = Problem)))]
async fn close(
    State(state): State<AppState>,
    actor: Actor,
    At(id): At<i64>,
    Body(close): Body<CloseIncident>,
) -> Answer<StatusCode> {
    state.router.close_incident(IncidentId(id), close.reason, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its report as Markdown.
#[utoipa::path(get, path = "/v1/incidents/{id}/report", tag = "incidents", operation_id = "getIncidentReport",
    params(("id" = i64, Path, description = "the incident's number")),
    responses((status = 200, body = IncidentReport), (status = "default", body = Problem)))]
async fn report(State(state): State<AppState>, At(id): At<i64>) -> Answer<Json<IncidentReport>> {
    Ok(Json(IncidentReport { markdown: state.router.incident_report(IncidentId(id)).await? }))
}

/// How incidents were handled, taken together; of the last 30 days when `sinceMs` is absent.
#[utoipa::path(get, path = "/v1/incidents/review", tag = "incidents", operation_id = "reviewIncidents",
    params(SinceQuery),
    responses((status = 200, body = Review), (status = "default", body = Problem)))]
async fn review(State(state): State<AppState>, Asked(query): Asked<SinceQuery>) -> Answer<Json<Review>> {
    Ok(Json(state.router.review_incidents(query.since_ms).await?))
}

/// What providers said of themselves, newest first.
#[utoipa::path(get, path = "/v1/incidents/external", tag = "incidents", operation_id = "listExternalIncidents",
    params(SinceQuery),
    responses((status = 200, body = Vec<ExternalIncident>), (status = "default", body = Problem)))]
async fn external(
    State(state): State<AppState>,
    Asked(query): Asked<SinceQuery>,
) -> Answer<Json<Vec<ExternalIncident>>> {
    Ok(Json(state.router.external_incidents(query.since_ms).await?))
}

/// Notes an incident at a provider, felt here or not.
#[utoipa::path(post, path = "/v1/incidents/external", tag = "incidents", operation_id = "addExternalIncident",
    request_body = NewExternalIncident,
    responses((status = 200, body = ExternalIncident), (status = "default", body = Problem)))]
async fn add_external(
    State(state): State<AppState>,
    actor: Actor,
    Body(new): Body<NewExternalIncident>,
) -> Answer<Json<ExternalIncident>> {
    Ok(Json(state.router.add_external_incident(new, actor.as_str()).await?))
}

/// What to do while a provider is out: status page, support case filled in, words for customers, next actions.
#[utoipa::path(get, path = "/v1/providers/{provider}/emergency", tag = "incidents",
    operation_id = "getEmergencyPage",
    params(("provider" = String, Path, description = "the provider's name in the map")),
    responses((status = 200, body = EmergencyPage), (status = "default", body = Problem)))]
async fn emergency(State(state): State<AppState>, At(provider): At<String>) -> Answer<Json<EmergencyPage>> {
    Ok(Json(state.router.emergency_page(&provider).await?))
}

/// Tells the map's own targets, and those of the apps that had a request in the time, what the founder has to say.
/// 200 with what became of it at each target, also where it did not arrive.
#[utoipa::path(post, path = "/v1/notices", tag = "incidents", operation_id = "sendNotice",
    request_body = SendNotice,
    responses((status = 200, body = NoticeReport), (status = "default", body = Problem)))]
async fn notice(
    State(state): State<AppState>,
    actor: Actor,
    Body(notice): Body<SendNotice>,
) -> Answer<Json<NoticeReport>> {
    Ok(Json(state.router.send_notice(notice, actor.as_str()).await?))
}
