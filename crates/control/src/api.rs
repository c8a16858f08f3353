//! Every operation, one file per noun, and the document that describes them.

pub(crate) mod audit;
pub(crate) mod budget;
pub(crate) mod causes;
pub(crate) mod clients;
pub(crate) mod compat;
pub(crate) mod credentials;
pub(crate) mod gateway;
pub(crate) mod incidents;
pub(crate) mod map;
pub(crate) mod metrics;
pub(crate) mod network;
pub(crate) mod operations;
pub(crate) mod overrides;
pub(crate) mod pause;
pub(crate) mod quality;
pub(crate) mod queue;
pub(crate) mod requests;
pub(crate) mod routes;
pub(crate) mod shifts;
pub(crate) mod snapshot;
pub(crate) mod switch_cost;
pub(crate) mod window;

use std::fmt;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Request, header};
use serde_json::Value;
use switchyard_domain::Problem;
use switchyard_engine::Router;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr, Required, Schema};

use crate::access::Access;
use crate::body::ACTOR;
use crate::refusal::{no_such_method, no_such_path};
pub(crate) use operations::{Operations, operations};

/// The demo map's document, made by the shell that has the simulated providers.
pub type Demo = Arc<dyn Fn() -> String + Send + Sync>;

/// What a shell adds to the API.
#[derive(Clone, Default)]
pub struct Options {
    /// Routes nested under `/v1/sim`: the simulated providers' own.
    pub extra: Option<axum::Router>,
    /// The document of the API with those routes in it; without it the control API's own is served.
    pub described: Option<OpenApi>,
    /// The map that `POST /v1/map/demo` applies; without it that answers 404.
    pub demo: Option<Demo>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("extra", &self.extra.is_some())
            .field("described", &self.described.is_some())
            .field("demo", &self.demo.is_some())
            .finish()
    }
}

/// What every handler holds.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) router: Router,
    pub(crate) demo: Option<Demo>,
    /// Links to the window; absent where no socket serves it.
    pub(crate) access: Option<Arc<Access>>,
    /// Ends the event streams, which would otherwise keep a closing server open.
    pub(crate) closing: CancellationToken,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Switchyard control API",
        description = "Everything the window and the CLI do. Send `Authorization: Bearer <token>`; the token is in `control.token` in the data directory, new at each start."
    ),
    security(("token" = [])),
    tags(
        (name = "snapshot", description = "How things stand"),
        (name = "map", description = "The routing map and its versions"),
        (name = "network", description = "This machine's network"),
        (name = "pause", description = "Stopping and taking new work"),
        (name = "budget", description = "What may be spent, and what is"),
        (name = "routes", description = "The kill switch, and what a move would change"),
        (name = "compat", description = "What routes can do, found out by asking them"),
        (name = "credentials", description = "Provider keys; values go in, never out"),
        (name = "clients", description = "Apps and their local keys"),
        (name = "queue", description = "The cold queue"),
        (name = "incidents", description = "Outages from their first bad attempt to recovery, and who is told"),
        (name = "requests", description = "What was asked and how it went"),
        (name = "causes", description = "What failed, why, and the fix"),
        (name = "gateway", description = "The failover-loop runbook's endpoints, in its own names"),
        (name = "window", description = "Opening the window in a browser"),
        (name = "metrics", description = "What Prometheus scrapes"),
        (name = "audit", description = "Who changed what, and the way back"),
        (name = "overrides", description = "What is overridden at run time"),
        (name = "shifts", description = "Moving traffic, splitting it, and bringing it home")
    )
)]
struct Description;

fn all<O: Operations>(into: O) -> O {
    let nouns: [fn(O) -> O; 21] = [
        snapshot::operations,
        map::operations,
        network::operations,
        pause::operations,
        budget::operations,
        routes::operations,
        compat::operations,
        quality::operations,
        switch_cost::operations,
        credentials::operations,
        clients::operations,
        queue::operations,
        incidents::operations,
        requests::operations,
        audit::operations,
        causes::operations,
        gateway::operations,
        metrics::operations,
        overrides::operations,
        shifts::operations,
        window::operations,
    ];
    nouns.into_iter().fold(into, |into, add| add(into))
}

/// The OpenAPI document; needs no running router.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut description = Description::openapi();
    let components = description.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.add_security_scheme("budgetSecret", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let mut description = all(description);
    let_bodies_be_left_out(&mut description);
    description
}

/// A body none of whose members must be there may be left out: it is then read as `{}`.
fn let_bodies_be_left_out(document: &mut OpenApi) {
    let schemas =
        document.components.as_ref().map(|components| components.schemas.clone()).unwrap_or_default();
    let may_be_empty = |schema: &RefOr<Schema>| match schema {
        RefOr::Ref(at) => {
            let name = at.ref_location.rsplit('/').next().unwrap_or_default();
            matches!(
                schemas.get(name),
                Some(RefOr::T(Schema::Object(object))) if object.required.is_empty() && object.min_properties.is_none()
            )
        }
        RefOr::T(_) => false,
    };
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.put, &mut item.post, &mut item.delete].into_iter().flatten() {
            let Some(RefOr::T(body)) = &mut operation.request_body else { continue };
            let contents = body.content.values().filter_map(|content| match content {
                RefOr::T(content) => content.schema.as_ref(),
                RefOr::Ref(_) => None,
            });
            if contents.into_iter().all(may_be_empty) {
                body.required = Some(Required::False);
            }
        }
    }
}

/// The API over a running router. It checks no token: [`crate::serve`] does.
pub fn api(router: Router, options: Options) -> axum::Router {
    let Options { extra, described, demo } = options;
    assemble(AppState { router, demo, access: None, closing: CancellationToken::new() }, extra, described)
}

pub(crate) fn assemble(
    state: AppState,
    extra: Option<axum::Router>,
    described: Option<OpenApi>,
) -> axum::Router {
    let document = Arc::new(described.unwrap_or_else(openapi));
    let routes = all(axum::Router::new())
        .route("/openapi.json", get(async move || Json(OpenApi::clone(&document))))
        .with_state(state)
        .method_not_allowed_fallback(no_such_method)
        .fallback(no_such_path);
    match extra {
        Some(extra) => routes.nest("/v1/sim", extra),
        None => routes,
    }
}

/// The API in-process, for the desktop: the same handlers without a socket or a token.
#[derive(Clone, Debug)]
pub struct Control {
    api: axum::Router,
}

impl Control {
    /// The API over a running router.
    pub fn new(router: Router, options: Options) -> Self {
        Self { api: api(router, options) }
    }

    /// Does what one HTTP request would: `handle("PUT", "/v1/map", Some(body))`. Answers the status and the
    /// body, null where there is none. `/v1/events` never ends: use `Router::watch` instead.
    pub async fn handle(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let Some(request) = request(method, path, body) else {
            let problem =
                Problem::new("invalid_request", format!("`{method} {path}` is not an HTTP request line."));
            return (422, serde_json::to_value(problem).unwrap_or_default());
        };
        let response = match self.api.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status().as_u16();
        let bytes = match http_body_util::BodyExt::collect(response.into_body()).await {
            Ok(collected) => collected.to_bytes(),
            Err(_) => bytes::Bytes::new(),
        };
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}

fn request(method: &str, path: &str, body: Option<Value>) -> Option<Request<Body>> {
    let body = body.map_or_else(Body::empty, |value| Body::from(value.to_string()));
    Request::builder()
        .method(Method::from_bytes(method.as_bytes()).ok()?)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(ACTOR, "window")
        .body(body)
        .ok()
}
