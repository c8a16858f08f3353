//! The routing map: the running one, its history, and how a new one gets to run.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::api::{ApplyMap, MapDocument, MapVersion, SetMap};
use switchyard_domain::map::Fault;
use utoipa::{IntoParams, ToSchema};

use super::{AppState, operations};
use crate::body::{Actor, Asked, At, Body};
use crate::refusal::{Answer, Refusal};

operations![running, apply, check, warnings, set, versions, version, diff, restore, demo];

/// A map to check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckMap {
    /// The document, JSON or YAML.
    pub document: String,
}

/// What is wrong with a map; nothing when both lists are empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapCheck {
    /// Each of these refuses the map.
    pub faults: Vec<Fault>,
    /// None of these does.
    pub warnings: Vec<Fault>,
}

/// The version that runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedMap {
    /// Its number.
    pub version: i64,
}

/// Two versions side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapDiff {
    /// A unified diff; empty when both are equal.
    pub diff: String,
}

/// A version to run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreMap {
    /// Its number.
    pub version: i64,
    /// Why, for the audit log.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Between {
    /// The older version.
    from: i64,
    /// The newer version.
    to: i64,
}

/// The running map, as it was written.
#[utoipa::path(get, path = "/v1/map", tag = "map", operation_id = "getMap",
    responses((status = 200, body = MapDocument), (status = "default", body = Problem)))]
async fn running(State(state): State<AppState>) -> Answer<Json<MapDocument>> {
    Ok(Json(state.router.map_document(None).await?))
}

/// Applies a map for the next request. Refused whole when it is faulty (422 `map_invalid`, with every fault) or
/// was written against an older version than the running one (409 `stale_base_version`).
#[utoipa::path(put, path = "/v1/map", tag = "map", operation_id = "applyMap", request_body = ApplyMap,
    responses((status = 200, body = AppliedMap), (status = "default", body = Problem)))]
async fn apply(
    State(state): State<AppState>,
    actor: Actor,
    Body(mut map): Body<ApplyMap>,
) -> Answer<Json<AppliedMap>> {
    if map.source == Actor::Api.as_str() {
        actor.as_str().clone_into(&mut map.source);
    }
    Ok(Json(AppliedMap { version: state.router.apply_map(map).await? }))
}

/// Changes single values of the running map and applies it as a new version, for the next request. The rest of the
/// document stays as it was written. Refused whole when a value is faulty (422) or the map is a newer one (409).
#[utoipa::path(post, path = "/v1/map/set", tag = "map", operation_id = "setInMap", request_body = SetMap,
    responses((status = 200, body = AppliedMap), (status = "default", body = Problem)))]
async fn set(
    State(state): State<AppState>,
    actor: Actor,
    Body(set): Body<SetMap>,
) -> Answer<Json<AppliedMap>> {
    Ok(Json(AppliedMap { version: state.router.set_in_map(set, actor.as_str().to_owned()).await? }))
}

/// Proves a map without applying it. 200 also when it is faulty.
#[utoipa::path(post, path = "/v1/map/check", tag = "map", operation_id = "checkMap", request_body = CheckMap,
    responses((status = 200, body = MapCheck), (status = "default", body = Problem)))]
async fn check(State(state): State<AppState>, Body(map): Body<CheckMap>) -> Answer<Json<MapCheck>> {
    let (faults, warnings) = match state.router.prove_map(&map.document).await {
        Ok(warnings) => (Vec::new(), warnings),
        Err(faults) => (faults, Vec::new()),
    };
    Ok(Json(MapCheck { faults, warnings }))
}

/// What is worth a word about the running map, though it is sound: routes that share one infrastructure.
#[utoipa::path(get, path = "/v1/map/warnings", tag = "map", operation_id = "listMapWarnings",
    responses((status = 200, body = Vec<Fault>), (status = "default", body = Problem)))]
async fn warnings(State(state): State<AppState>) -> Answer<Json<Vec<Fault>>> {
    Ok(Json(state.router.map_warnings()))
}

/// Every applied version, newest first.
#[utoipa::path(get, path = "/v1/map/versions", tag = "map", operation_id = "listMapVersions",
    responses((status = 200, body = Vec<MapVersion>), (status = "default", body = Problem)))]
async fn versions(State(state): State<AppState>) -> Answer<Json<Vec<MapVersion>>> {
    Ok(Json(state.router.map_versions().await?))
}

/// One applied version, as it was written.
#[utoipa::path(get, path = "/v1/map/versions/{v}", tag = "map", operation_id = "getMapVersion",
    params(("v" = i64, Path, description = "the version's number")),
    responses((status = 200, body = MapDocument), (status = "default", body = Problem)))]
async fn version(State(state): State<AppState>, At(version): At<i64>) -> Answer<Json<MapDocument>> {
    Ok(Json(state.router.map_document(Some(version)).await?))
}

/// Two applied versions side by side.
#[utoipa::path(get, path = "/v1/map/diff", tag = "map", operation_id = "diffMaps", params(Between),
    responses((status = 200, body = MapDiff), (status = "default", body = Problem)))]
async fn diff(State(state): State<AppState>, Asked(between): Asked<Between>) -> Answer<Json<MapDiff>> {
    Ok(Json(MapDiff { diff: state.router.diff_maps(between.from, between.to).await? }))
}

/// Runs an older version again, as a new version.
#[utoipa::path(post, path = "/v1/map/restore", tag = "map", operation_id = "restoreMap",
    request_body = RestoreMap,
    responses((status = 200, body = AppliedMap), (status = "default", body = Problem)))]
async fn restore(
    State(state): State<AppState>,
    actor: Actor,
    Body(restore): Body<RestoreMap>,
) -> Answer<Json<AppliedMap>> {
    let source = actor.as_str().to_owned();
    Ok(Json(AppliedMap { version: state.router.restore_map(restore.version, restore.reason, source).await? }))
}

/// Applies the map of the simulated providers; 404 where there are none.
#[utoipa::path(post, path = "/v1/map/demo", tag = "map", operation_id = "applyDemoMap",
    responses((status = 200, body = AppliedMap), (status = "default", body = Problem)))]
async fn demo(State(state): State<AppState>) -> Answer<Json<AppliedMap>> {
    let Some(demo) = &state.demo else {
        let message = "This router runs without simulated providers. Start it without --no-sim.";
        return Err(Refusal(Problem::new("not_found_demo", message)));
    };
    let map = ApplyMap { document: demo(), base_version: None, reason: None, source: "demo".to_owned() };
    Ok(Json(AppliedMap { version: state.router.apply_map(map).await? }))
}
