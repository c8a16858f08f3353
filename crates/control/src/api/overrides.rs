//! What is overridden at run time: kill switches, held breakers, jobs' models, excepted providers, apps' rules, the
//! all-off switch. Each takes effect with the next request and is an entry of the audit log.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::operate::{JobOverride, Overrides};
use switchyard_domain::overrides::{
    OrdersAnswer, SetAllOff, SetBounds, SetBreaker, SetExcept, SetKill, SetPrefer, Terms,
};
use switchyard_engine::Command;
use utoipa::IntoParams;

use super::{AppState, operations};
use crate::body::{Actor, Asked, Body};
use crate::refusal::Answer;

operations![list, kill, breaker, except, bounds, prefer, all_off, list_jobs, set_jobs];

/// How an override of jobs is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct JobTerms {
    /// Why.
    pub reason: Option<String>,
    /// How long it holds, milliseconds; until it is taken back when absent.
    pub for_ms: Option<u64>,
    /// The version of the overrides it was decided by; refused when they have changed since.
    pub base_version: Option<u64>,
}

/// Everything overridden now.
#[utoipa::path(get, path = "/v1/overrides", tag = "overrides", operation_id = "getOverrides",
    responses((status = 200, body = Overrides), (status = "default", body = Problem)))]
async fn list(State(state): State<AppState>) -> Json<Overrides> {
    Json(state.router.overrides().await)
}

/// Throws or resets the kill switch of a route, a model or a provider.
#[utoipa::path(post, path = "/v1/overrides/kill", tag = "overrides", operation_id = "setKill", request_body = SetKill,
    responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn kill(
    State(state): State<AppState>,
    actor: Actor,
    Body(set): Body<SetKill>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: set.for_ms, base_version: set.base_version };
    order(&state, Command::Kill { scope: set.scope, on: set.on }, terms, actor).await
}

/// Holds a route's breaker open or closed, or lets it judge by itself again.
#[utoipa::path(post, path = "/v1/overrides/breaker", tag = "overrides", operation_id = "setBreaker",
    request_body = SetBreaker, responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn breaker(
    State(state): State<AppState>,
    actor: Actor,
    Body(set): Body<SetBreaker>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: set.for_ms, base_version: set.base_version };
    order(&state, Command::Breaker { route: set.route, open: set.state.open() }, terms, actor).await
}

/// Leaves a provider out everywhere, or uses it again. Other overrides stay as they are.
#[utoipa::path(post, path = "/v1/overrides/except", tag = "overrides", operation_id = "setExcept",
    request_body = SetExcept, responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn except(
    State(state): State<AppState>,
    actor: Actor,
    Body(set): Body<SetExcept>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: set.for_ms, base_version: set.base_version };
    order(&state, Command::Except { provider: set.provider, on: set.on }, terms, actor).await
}

/// Bounds an app to providers: its requests never reach another, also under failover.
#[utoipa::path(post, path = "/v1/overrides/client-bounds", tag = "overrides", operation_id = "setBounds",
    request_body = SetBounds, responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn bounds(
    State(state): State<AppState>,
    actor: Actor,
    Body(set): Body<SetBounds>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: None, base_version: set.base_version };
    order(&state, Command::Bounds { client: set.client, only: set.only }, terms, actor).await
}

/// Lets an app's requests go to one provider first.
#[utoipa::path(post, path = "/v1/overrides/client-prefer", tag = "overrides", operation_id = "setPrefer",
    request_body = SetPrefer, responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn prefer(
    State(state): State<AppState>,
    actor: Actor,
    Body(set): Body<SetPrefer>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: None, base_version: set.base_version };
    order(&state, Command::Prefer { client: set.client, provider: set.provider }, terms, actor).await
}

/// Throws or resets the all-off switch: every request is refused at once, nothing is sent or queued.
#[utoipa::path(post, path = "/v1/overrides/all-off", tag = "overrides", operation_id = "setAllOff",
    request_body = SetAllOff, responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn all_off(
    State(state): State<AppState>,
    actor: Actor,
    Body(set): Body<SetAllOff>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: set.for_ms, base_version: set.base_version };
    order(&state, Command::AllOff { on: set.on }, terms, actor).await
}

/// Jobs' models that are overridden now, by job.
#[utoipa::path(get, path = "/v1/overrides/jobs", tag = "overrides", operation_id = "getJobOverrides",
    responses((status = 200, body = BTreeMap<String, JobOverride>), (status = "default", body = Problem)))]
async fn list_jobs(State(state): State<AppState>) -> Json<BTreeMap<String, JobOverride>> {
    Json(state.router.overrides().await.jobs)
}

/// Overrides the models of the jobs named, in order of tries: `{"summary": ["openai/gpt-4o-mini", "haiku-4.5"]}`.
/// `null` takes a job's override back. Jobs that are not named keep what they have.
#[utoipa::path(put, path = "/v1/overrides/jobs", tag = "overrides", operation_id = "setJobOverrides", params(JobTerms),
    request_body = BTreeMap<String, Option<Vec<String>>>,
    responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn set_jobs(
    State(state): State<AppState>,
    actor: Actor,
    Asked(terms): Asked<JobTerms>,
    Body(jobs): Body<BTreeMap<String, Option<Vec<String>>>>,
) -> Answer<Json<OrdersAnswer>> {
    if jobs.is_empty() {
        let message = "The body names no job. Send `{\"JOB\": [\"MODEL\", ...]}`, or null to take one back.";
        return Err(Problem::new("invalid_body", message).into());
    }
    let JobTerms { reason, for_ms, base_version } = terms;
    order(&state, Command::Jobs(jobs), Terms { reason, for_ms, base_version }, actor).await
}

async fn order(state: &AppState, command: Command, terms: Terms, actor: Actor) -> Answer<Json<OrdersAnswer>> {
    Ok(Json(state.router.order(command, terms, actor.as_str()).await?))
}
