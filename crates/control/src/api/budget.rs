//! Budgets: where they stand, and going on past a mark.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::api::{Money, ResumeMoney, ResumedMoney, Spend, SpendBy};
use utoipa::IntoParams;

use super::{AppState, operations};
use crate::body::{Actor, Asked, Body};
use crate::refusal::Answer;

operations![money, spend, resume_money];

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
