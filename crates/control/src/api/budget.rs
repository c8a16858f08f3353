//! Budgets: where they stand, and going on past a mark.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::api::{BudgetAlert, Money, ResumeMoney, ResumedMoney, RoutePrice, Spend, SpendBy};
use utoipa::{IntoParams, ToSchema};

use super::{AppState, operations};
use crate::alerts;
use crate::body::{Actor, Asked, Body};
use crate::refusal::Answer;

operations![money, spend, prices, alerts_address, resume_money, alert, alert_by_path, go_on, go_on_by_path];

/// Which part of the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct SpendQuery {
    /// What it is told apart by; `provider` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<SpendBy>,
    /// From then, UTC epoch milliseconds; 30 days before the end without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since_ms: Option<i64>,
    /// Until before then; now without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_ms: Option<i64>,
}

/// What was spent, by provider, model, route, job, app, kind or day.
#[utoipa::path(get, path = "/v1/budget/spend", tag = "budget", operation_id = "spend", params(SpendQuery),
    responses((status = 200, body = Spend), (status = "default", body = Problem)))]
async fn spend(State(state): State<AppState>, Asked(query): Asked<SpendQuery>) -> Answer<Json<Spend>> {
    let SpendQuery { by, since_ms, until_ms } = query;
    Ok(Json(state.router.spend(by.unwrap_or(SpendBy::Provider), since_ms, until_ms).await?))
}

/// Where every budget stands, and why work waits.
#[utoipa::path(get, path = "/v1/budget", tag = "budget", operation_id = "money",
    responses((status = 200, body = Money), (status = "default", body = Problem)))]
async fn money(State(state): State<AppState>) -> Json<Money> {
    Json(state.router.money())
}

/// What each route of the running map charges, and what to write where nobody knows it.
#[utoipa::path(get, path = "/v1/prices", tag = "budget", operation_id = "prices",
    responses((status = 200, body = Vec<RoutePrice>), (status = "default", body = Problem)))]
async fn prices(State(state): State<AppState>) -> Json<Vec<RoutePrice>> {
    Json(state.router.prices())
}

/// Lets work go on that money holds: budgets until their cap, or so much beyond it; provider alerts and runaway apps. Never
/// a person's own pause.
#[utoipa::path(post, path = "/v1/budget/resume", tag = "budget", operation_id = "resumeMoney",
    request_body = ResumeMoney, responses((status = 200, body = ResumedMoney), (status = "default", body = Problem)))]
async fn resume_money(
    State(state): State<AppState>,
    actor: Actor,
    Body(resume): Body<ResumeMoney>,
) -> Answer<Json<ResumedMoney>> {
    Ok(Json(state.router.resume_money(&resume, actor.as_str()).await?))
}

/// Where budget alerts are posted. Whoever knows the address can pause new work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertsAddress {
    /// The address, with the secret in it.
    pub url: String,
}

/// The address to give a provider's budget alert, with the secret in it.
#[utoipa::path(get, path = "/v1/budget/webhook", tag = "budget", operation_id = "alertsAddress",
    responses((status = 200, body = AlertsAddress), (status = "default", body = Problem)))]
async fn alerts_address(State(state): State<AppState>) -> Answer<Json<AlertsAddress>> {
    let access = state.access.as_ref().ok_or_else(|| {
        Problem::new("not_found_webhook", "The control API has no port here, so no alert can come in.")
    })?;
    Ok(Json(AlertsAddress { url: access.alerts_address() }))
}

/// Takes a provider's budget alert: at the pause mark or above, new work pauses. Opened by the budget secret alone.
#[utoipa::path(post, path = "/budget/webhook", tag = "budget", operation_id = "budgetAlert", request_body = BudgetAlert,
    security(("budgetSecret" = [])), responses((status = 204), (status = "default", body = Problem)))]
async fn alert(State(state): State<AppState>, body: Bytes) -> Answer<StatusCode> {
    state.router.budget_alert(&alerts::read(&body)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same, with the secret in the path: for alerting systems that send no headers of one's own.
#[utoipa::path(post, path = "/budget/webhook/{secret}", tag = "budget", operation_id = "budgetAlertByPath",
    params(("secret" = String, Path, description = "The budget secret")), request_body = BudgetAlert,
    security(()), responses((status = 204), (status = "default", body = Problem)))]
async fn alert_by_path(state: State<AppState>, body: Bytes) -> Answer<StatusCode> {
    alert(state, body).await
}

/// Lets work go on that budgets, alerts or runaway apps hold; never a person's own pause.
#[utoipa::path(post, path = "/budget/resume", tag = "budget", operation_id = "budgetResume",
    security(("budgetSecret" = [])), responses((status = 204), (status = "default", body = Problem)))]
async fn go_on(State(state): State<AppState>) -> Answer<StatusCode> {
    state.router.resume_money(&ResumeMoney::default(), "webhook").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same, with the secret in the path.
#[utoipa::path(post, path = "/budget/resume/{secret}", tag = "budget", operation_id = "budgetResumeByPath",
    params(("secret" = String, Path, description = "The budget secret")),
    security(()), responses((status = 204), (status = "default", body = Problem)))]
async fn go_on_by_path(state: State<AppState>) -> Answer<StatusCode> {
    go_on(state).await
}
