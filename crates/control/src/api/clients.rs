//! Apps and their local keys.

use std::fmt;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::api::{ClientRecord, NewClient};
use utoipa::ToSchema;

use super::{AppState, operations};
use crate::body::{Actor, At, Body};
use crate::refusal::{Answer, Refusal};

operations![list, add, remove, default_key];

/// An app to make a key for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NameClient {
    /// The app's name.
    #[schema(min_length = 1, max_length = 60, pattern = r"^[\p{L}\p{N}._-][\p{L}\p{N} ._-]*$")]
    pub name: String,
}

/// The local key that works out of the box.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalKey {
    /// What an app sends as its API key.
    pub key: String,
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalKey([redacted])")
    }
}

/// Every app with its own key, without the keys.
#[utoipa::path(get, path = "/v1/clients", tag = "clients", operation_id = "listClients",
    responses((status = 200, body = Vec<ClientRecord>), (status = "default", body = Problem)))]
async fn list(State(state): State<AppState>) -> Answer<Json<Vec<ClientRecord>>> {
    Ok(Json(state.router.clients().await?))
}

/// Makes a key for an app. It is shown this once; only its hash is kept.
#[utoipa::path(post, path = "/v1/clients", tag = "clients", operation_id = "addClient",
    request_body = NameClient, responses((status = 200, body = NewClient), (status = "default", body = Problem)))]
async fn add(
    State(state): State<AppState>,
    actor: Actor,
    Body(client): Body<NameClient>,
) -> Answer<Json<NewClient>> {
    Ok(Json(state.router.add_client(&client.name, actor.as_str()).await?))
}

/// Takes an app's key away.
#[utoipa::path(delete, path = "/v1/clients/{name}", tag = "clients", operation_id = "removeClient",
    params(("name" = String, Path, description = "the app's name")),
    responses((status = 204), (status = "default", body = Problem)))]
async fn remove(State(state): State<AppState>, actor: Actor, At(name): At<String>) -> Answer<StatusCode> {
    state.router.remove_client(&name, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The default app's key, kept in a private file so that it can be shown again.
#[utoipa::path(get, path = "/v1/clients/default/key", tag = "clients", operation_id = "getDefaultKey",
    responses((status = 200, body = LocalKey), (status = "default", body = Problem)))]
async fn default_key(State(state): State<AppState>) -> Answer<Json<LocalKey>> {
    let missing = "The default app has no key any more. Make one with `switchyard client add NAME`.";
    let key =
        state.router.default_client_key().ok_or_else(|| Refusal(Problem::new("not_found_key", missing)))?;
    Ok(Json(LocalKey { key }))
}
