//! Provider keys. Values come in and never go out.

use std::fmt;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use switchyard_domain::api::{CredentialList, CredentialTest};
use switchyard_domain::view::KeychainView;
use switchyard_domain::{Problem, Secret};
use utoipa::ToSchema;

use super::{AppState, operations};
use crate::body::{Actor, At, Body};
use crate::refusal::{Answer, Refusal};

operations![list, set, remove, test, retry_keychain];

/// A key to store.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GiveCredential {
    /// The key itself; white space around it is ignored.
    #[schema(write_only, min_length = 1, max_length = 65_536, pattern = "\\S")]
    pub value: String,
}

impl fmt::Debug for GiveCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GiveCredential([redacted])")
    }
}

/// Every credential the running map can use, and every stored one, without values.
#[utoipa::path(get, path = "/v1/credentials", tag = "credentials", operation_id = "listCredentials",
    responses((status = 200, body = CredentialList), (status = "default", body = Problem)))]
async fn list(State(state): State<AppState>) -> Json<CredentialList> {
    Json(state.router.credentials().await)
}

/// Stores a key in the OS keychain, or in the credentials file where the router was started with one.
#[utoipa::path(put, path = "/v1/credentials/{name}", tag = "credentials", operation_id = "setCredential",
    params(("name" = String, Path, description = "the provider's name, or `provider:label` for a further key")),
    request_body = GiveCredential, responses((status = 204), (status = "default", body = Problem)))]
async fn set(
    State(state): State<AppState>,
    actor: Actor,
    At(name): At<String>,
    Body(given): Body<GiveCredential>,
) -> Answer<StatusCode> {
    let secret = Secret::new(&given.value);
    if secret.is_empty() {
        return Err(Refusal(Problem::new("invalid_credential", "`value` is empty. Paste the whole key.")));
    }
    state.router.set_credential(&name, secret, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets a stored key.
#[utoipa::path(delete, path = "/v1/credentials/{name}", tag = "credentials", operation_id = "removeCredential",
    params(("name" = String, Path, description = "the name it is stored under")),
    responses((status = 204), (status = "default", body = Problem)))]
async fn remove(State(state): State<AppState>, actor: Actor, At(name): At<String>) -> Answer<StatusCode> {
    state.router.remove_credential(&name, actor.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks the provider whether it accepts a key, by a call that costs nothing.
#[utoipa::path(post, path = "/v1/credentials/{name}/test", tag = "credentials", operation_id = "testCredential",
    params(("name" = String, Path, description = "the name it is stored under")),
    responses((status = 200, body = CredentialTest), (status = "default", body = Problem)))]
async fn test(State(state): State<AppState>, At(name): At<String>) -> Answer<Json<CredentialTest>> {
    Ok(Json(state.router.test_credential(&name).await?))
}

/// Looks for the OS keychain again, after it was unlocked or installed.
#[utoipa::path(post, path = "/v1/keychain/retry", tag = "credentials", operation_id = "retryKeychain",
    responses((status = 200, body = KeychainView), (status = "default", body = Problem)))]
async fn retry_keychain(State(state): State<AppState>) -> Json<KeychainView> {
    Json(state.router.retry_keychain().await)
}
