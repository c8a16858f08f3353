//! Opening the window in a browser: a link with a one-time code, and the exchange of the code for the token.

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_engine::clock;
use utoipa::ToSchema;

use super::{AppState, operations};
use crate::access::CODE_MS;
use crate::guard::offered;
use crate::refusal::Answer;

operations![link, session];

/// A link that opens the window once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowLink {
    /// The address, with a code that works once.
    pub url: String,
    /// For how long, milliseconds.
    pub expires_in_ms: u64,
}

/// What the page sends from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// For `Authorization: Bearer`, until the router ends.
    pub token: String,
}

/// Makes a link to the window that works once, for ten minutes.
#[utoipa::path(post, path = "/v1/window/link", tag = "window", operation_id = "linkWindow",
    responses((status = 200, body = WindowLink), (status = "default", body = Problem)))]
async fn link(State(state): State<AppState>) -> Answer<Json<WindowLink>> {
    let Some(access) = &state.access else {
        let message = "This router has no control port, so there is no link to it. Use the desktop window.";
        return Err(Problem::new("not_found_window", message).into());
    };
    let url = access.link(clock::now().mono_ms)?;
    Ok(Json(WindowLink { url, expires_in_ms: CODE_MS }))
}

/// Exchanges the code of a link, sent as `Authorization: Bearer <code>`, for the token. Needs no token, and uses the
/// code up.
#[utoipa::path(post, path = "/v1/window/session", tag = "window", operation_id = "openSession", security(()),
    responses((status = 200, body = Session), (status = "default", body = Problem)))]
async fn session(State(state): State<AppState>, headers: HeaderMap) -> Answer<Json<Session>> {
    let token =
        state.access.as_ref().and_then(|access| access.exchange(offered(&headers)?, clock::now().mono_ms));
    let token = token.ok_or_else(|| {
        let message =
            "This link was used before or is too old. Run `switchyard link` and open the address it prints.";
        Problem::new("unauthorized", message)
    })?;
    Ok(Json(Session { token: token.expose().to_owned() }))
}
