//! What is overridden at run time: kill switches, held breakers, jobs' models, excepted providers, apps' rules, the
//! all-off switch. Each takes effect with the next request and is an entry of the audit log.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::operate::{JobOverride, Orders};
use switchyard_domain::orders::{
    OrdersAnswer, SetAllOff, SetBounds, SetBreaker, SetExcept, SetKill, SetPrefer, Terms,
};
use switchyard_engine::Wish;
use utoipa::IntoParams;

use super::{Panel, operations};
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
    /// The version of the orders it was decided by; refused when they have changed since.
    pub base_version: Option<u64>,
}

/// Everything overridden now.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", operation_id = "getOrders",
    responses((status = 200, body = Orders), (status = "default", body = Problem)))]
async fn list(State(panel): State<Panel>) -> Json<Orders> {
    Json(panel.router.orders().await)
}

/// Throws or resets the kill switch of a route, a model or a provider.
#[utoipa::path(post, path = "/v1/orders/kill", tag = "orders", operation_id = "setKill", request_body = SetKill,
    responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn kill(
    State(panel): State<Panel>,
    actor: Actor,
    Body(set): Body<SetKill>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: set.for_ms, base_version: set.base_version };
    order(&panel, Wish::Kill { scope: set.scope, on: set.on }, terms, actor).await
}

/// Holds a route's breaker open or closed, or lets it judge by itself again.
#[utoipa::path(post, path = "/v1/orders/breaker", tag = "orders", operation_id = "setBreaker",
    request_body = SetBreaker, responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn breaker(
    State(panel): State<Panel>,
    actor: Actor,
    Body(set): Body<SetBreaker>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: set.for_ms, base_version: set.base_version };
    order(&panel, Wish::Breaker { route: set.route, open: set.state.open() }, terms, actor).await
}

/// Leaves a provider out everywhere, or uses it again. Other overrides stay as they are.
#[utoipa::path(post, path = "/v1/orders/except", tag = "orders", operation_id = "setExcept",
    request_body = SetExcept, responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn except(
    State(panel): State<Panel>,
    actor: Actor,
    Body(set): Body<SetExcept>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: set.for_ms, base_version: set.base_version };
    order(&panel, Wish::Except { provider: set.provider, on: set.on }, terms, actor).await
}

/// Bounds an app to providers: its requests never reach another, also under failover.
#[utoipa::path(post, path = "/v1/orders/client-bounds", tag = "orders", operation_id = "setBounds",
    request_body = SetBounds, responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn bounds(
    State(panel): State<Panel>,
    actor: Actor,
    Body(set): Body<SetBounds>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: None, base_version: set.base_version };
    order(&panel, Wish::Bounds { client: set.client, only: set.only }, terms, actor).await
}

/// Lets an app's requests go to one provider first.
#[utoipa::path(post, path = "/v1/orders/client-prefer", tag = "orders", operation_id = "setPrefer",
    request_body = SetPrefer, responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn prefer(
    State(panel): State<Panel>,
    actor: Actor,
    Body(set): Body<SetPrefer>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: None, base_version: set.base_version };
    order(&panel, Wish::Prefer { client: set.client, provider: set.provider }, terms, actor).await
}

/// Throws or resets the all-off switch: every request is refused at once, nothing is sent or queued.
#[utoipa::path(post, path = "/v1/orders/all-off", tag = "orders", operation_id = "setAllOff",
    request_body = SetAllOff, responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn all_off(
    State(panel): State<Panel>,
    actor: Actor,
    Body(set): Body<SetAllOff>,
) -> Answer<Json<OrdersAnswer>> {
    let terms = Terms { reason: set.reason, for_ms: set.for_ms, base_version: set.base_version };
    order(&panel, Wish::AllOff { on: set.on }, terms, actor).await
}

/// Jobs' models that are overridden now, by job.
#[utoipa::path(get, path = "/v1/overrides/jobs", tag = "orders", operation_id = "getJobOverrides",
    responses((status = 200, body = BTreeMap<String, JobOverride>), (status = "default", body = Problem)))]
async fn list_jobs(State(panel): State<Panel>) -> Json<BTreeMap<String, JobOverride>> {
    Json(panel.router.orders().await.jobs)
}

/// Overrides the models of the jobs named, in order of tries: `{"summary": ["openai/gpt-4o-mini", "haiku-4.5"]}`.
/// `null` takes a job's override back. Jobs that are not named keep what they have.
#[utoipa::path(put, path = "/v1/overrides/jobs", tag = "orders", operation_id = "setJobOverrides", params(JobTerms),
    request_body = BTreeMap<String, Option<Vec<String>>>,
    responses((status = 200, body = OrdersAnswer), (status = "default", body = Problem)))]
async fn set_jobs(
    State(panel): State<Panel>,
    actor: Actor,
    Asked(terms): Asked<JobTerms>,
    Body(jobs): Body<BTreeMap<String, Option<Vec<String>>>>,
) -> Answer<Json<OrdersAnswer>> {
    if jobs.is_empty() {
        let message = "The body names no job. Send `{\"JOB\": [\"MODEL\", ...]}`, or null to take one back.";
        return Err(Problem::new("invalid_body", message).into());
    }
    let JobTerms { reason, for_ms, base_version } = terms;
    order(&panel, Wish::Jobs(jobs), Terms { reason, for_ms, base_version }, actor).await
}

async fn order(panel: &Panel, wish: Wish, terms: Terms, actor: Actor) -> Answer<Json<OrdersAnswer>> {
    Ok(Json(panel.router.order(wish, terms, actor.as_str()).await?))
}
