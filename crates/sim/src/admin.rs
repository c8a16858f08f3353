//! The simulated providers over HTTP, for the control API to nest (`/v1/sim`): see them, break them, heal
//! them. It has no token of its own; whoever nests it guards it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::fault::{Fault, FaultError, FaultRule, ResetStage};
use crate::fleet::SimFleet;
use crate::latency::Latency;
use crate::profile::Dialect;
use crate::provider::Provider;
use crate::recording::{Received, Traffic};

/// The document of [`admin_router`], to be nested under the same path.
#[derive(Debug, OpenApi)]
#[openapi(
    paths(providers, set_fault, clear_fault, set_latency, requests),
    components(schemas(
        SimProviderView, SimFaultChange, SimError, SimErrorDetail, Fault, FaultRule, ResetStage, Latency, Dialect,
        Received, Traffic
    )),
    tags((name = "sim", description = "Simulated providers and their faults"))
)]
pub struct SimApi;

/// A control API's document with the simulated providers' operations in it, where their routes are nested.
#[must_use]
pub fn described(document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    document.nest("/v1/sim", SimApi::openapi())
}

/// The routes, relative to where they are nested.
pub fn admin_router(fleet: SimFleet) -> Router {
    Router::new()
        .route("/providers", get(providers))
        .route("/providers/{name}/fault", put(set_fault).delete(clear_fault))
        .route("/providers/{name}/latency", put(set_latency))
        .route("/providers/{name}/requests", get(requests))
        .with_state(fleet)
}

/// One simulated provider.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SimProviderView {
    /// Its name.
    pub name: String,
    /// The only dialect it answers; absent: all.
    pub dialect: Option<Dialect>,
    /// Its base URL.
    pub url: String,
    /// The models it knows; empty: any.
    pub models: Vec<String>,
    /// What is wrong with it now: at most one rule for each model and one for the rest.
    pub faults: Vec<FaultRule>,
    /// Its pace.
    pub latency: Latency,
    /// Completions asked for so far.
    pub calls: u64,
    /// All counters.
    pub traffic: Traffic,
}

impl From<Provider> for SimProviderView {
    fn from(provider: Provider) -> Self {
        Self {
            name: provider.name().to_owned(),
            dialect: provider.dialect(),
            url: provider.url().to_owned(),
            models: provider.models().to_vec(),
            faults: provider.faults(),
            latency: provider.latency(),
            calls: provider.calls(),
            traffic: provider.traffic(),
        }
    }
}

/// A fault to set, or `null` to take the rule for that model (or for all models) away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SimFaultChange {
    /// What goes wrong from the next request on.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// Only requests for this model.
    #[serde(default)]
    pub model: Option<String>,
    /// Only the next so many completions.
    #[serde(default)]
    pub count: Option<u32>,
    /// How likely a request is struck, 0 to 1.
    #[serde(default)]
    pub probability: Option<f64>,
}

/// Why a change was refused; nothing has changed then.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimError {
    /// The refusal.
    pub error: SimErrorDetail,
}

/// The refusal's parts.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimErrorDetail {
    /// Stable, for programs: `unknown_provider`, `invalid_body`, `invalid_fault`, `port_unavailable`.
    pub code: String,
    /// For people; names the field.
    pub message: String,
}

#[derive(Debug)]
enum Refused {
    UnknownProvider(String),
    Body(String),
    Fault(FaultError),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::UnknownProvider(name) => {
                (StatusCode::NOT_FOUND, "unknown_provider", format!("no simulated provider is named {name}"))
            }
            Self::Body(message) => (StatusCode::BAD_REQUEST, "invalid_body", message),
            Self::Fault(FaultError::Port(error)) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "port_unavailable", FaultError::Port(error).to_string())
            }
            Self::Fault(error @ (FaultError::Invalid { .. } | FaultError::SharedPort)) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid_fault", error.to_string())
            }
        };
        (status, Json(SimError { error: SimErrorDetail { code: code.to_owned(), message } })).into_response()
    }
}

fn find(fleet: &SimFleet, name: String) -> Result<Provider, Refused> {
    fleet.provider(&name).ok_or(Refused::UnknownProvider(name))
}

/// Reads a body, and on a mistake names the field.
fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::Body(error.to_string()))
}

/// Every simulated provider, by name.
#[utoipa::path(get, path = "/providers", tag = "sim", operation_id = "listSimProviders",
    responses((status = 200, body = Vec<SimProviderView>)))]
async fn providers(State(fleet): State<SimFleet>) -> Json<Vec<SimProviderView>> {
    Json(fleet.providers().into_iter().map(SimProviderView::from).collect())
}

/// Breaks a provider, or heals it with `"fault": null`.
#[utoipa::path(put, path = "/providers/{name}/fault", tag = "sim", operation_id = "setSimFault",
    params(("name" = String, Path, description = "the provider's name")),
    request_body = SimFaultChange,
    responses((status = 200, body = SimProviderView), (status = 400, body = SimError),
        (status = 404, body = SimError), (status = 422, body = SimError)))]
async fn set_fault(
    State(fleet): State<SimFleet>,
    Path(name): Path<String>,
    body: bytes::Bytes,
) -> Result<Json<SimProviderView>, Refused> {
    let provider = find(&fleet, name)?;
    let SimFaultChange { fault, model, count, probability } = read(&body)?;
    let done = match fault {
        Some(fault) => provider.set_fault(FaultRule { fault, model, count, probability }).await,
        None => provider.clear_fault(model.as_deref()).await,
    };
    done.map_err(Refused::Fault)?;
    Ok(Json(provider.into()))
}

/// Makes a provider healthy: takes away every fault, whatever model it was for.
#[utoipa::path(delete, path = "/providers/{name}/fault", tag = "sim", operation_id = "clearSimFaults",
    params(("name" = String, Path, description = "the provider's name")),
    responses((status = 200, body = SimProviderView), (status = 404, body = SimError)))]
async fn clear_fault(
    State(fleet): State<SimFleet>,
    Path(name): Path<String>,
) -> Result<Json<SimProviderView>, Refused> {
    let provider = find(&fleet, name)?;
    provider.heal().await.map_err(Refused::Fault)?;
    Ok(Json(provider.into()))
}

/// Changes a provider's pace.
#[utoipa::path(put, path = "/providers/{name}/latency", tag = "sim", operation_id = "setSimLatency",
    params(("name" = String, Path, description = "the provider's name")),
    request_body = Latency,
    responses((status = 200, body = SimProviderView), (status = 400, body = SimError),
        (status = 404, body = SimError)))]
async fn set_latency(
    State(fleet): State<SimFleet>,
    Path(name): Path<String>,
    body: bytes::Bytes,
) -> Result<Json<SimProviderView>, Refused> {
    let provider = find(&fleet, name)?;
    provider.set_latency(read(&body)?);
    Ok(Json(provider.into()))
}

/// The last requests a provider received, oldest first.
#[utoipa::path(get, path = "/providers/{name}/requests", tag = "sim", operation_id = "listSimRequests",
    params(("name" = String, Path, description = "the provider's name")),
    responses((status = 200, body = Vec<Received>), (status = 404, body = SimError)))]
async fn requests(
    State(fleet): State<SimFleet>,
    Path(name): Path<String>,
) -> Result<Json<Vec<Received>>, Refused> {
    Ok(Json(find(&fleet, name)?.requests()))
}
