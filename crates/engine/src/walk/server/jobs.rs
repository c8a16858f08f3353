//! `GET /v1/switchyard/jobs/{id}`: a queued request, as its own client sees it.

use http::{StatusCode, header};
use serde_json::json;
use switchyard_domain::Dialect;
use switchyard_domain::view::JobState;

use super::Refusal;
use crate::core::clock;
use crate::walk::Walk;
use crate::walk::local_keys::App;
use crate::walk::reply::{self, Reply, RoutingHeaders};

/// Where a queued request stands; its answer once it has one. Only its own client is told.
pub(super) async fn poll(walk: &Walk, id: &str, app: &App, dialect: Dialect) -> Result<Reply, Refusal> {
    let found = walk.core.store.queue().get(id).await.map_err(|error| {
        let problem = error.problem();
        Refusal::new(dialect, 503, "database_error", problem.message)
    })?;
    let job = found.filter(|job| *job.row.client_id == *app.id).ok_or_else(|| {
        Refusal::new(dialect, 404, "unknown_job", format!("There is no queued request {id} of this client."))
    })?;
    let state = if job.row.state == JobState::Waiting { "queued" } else { job.row.state.as_str() };
    let result = job.answer.as_ref().map(|answer| {
        serde_json::from_slice::<Box<serde_json::value::RawValue>>(&answer.body).map_or_else(
            |_| json!(String::from_utf8_lossy(&answer.body)).to_string(),
            |raw| raw.get().to_owned(),
        )
    });
    let mut body = json!({
        "id": job.row.id,
        "status": state,
        "attempts": job.row.attempts,
        "createdAtMs": job.row.at_ms,
        "expiresAtMs": job.row.expires_at_ms,
        "nextAttemptAtMs": job.row.next_at_ms,
        "lastFailure": job.row.last_failure.as_ref().or(job.row.reason.as_ref()),
        "route": job.answer.as_ref().map(|answer| answer.route.as_str()),
        "degradations": job.answer.as_ref().map(|answer| &answer.lost),
    })
    .to_string();
    if let Some(result) = result {
        // The answer goes out as it came, number for number.
        body.truncate(body.len() - 1);
        body = format!("{body},\"result\":{result}}}");
    }
    let mut reply = reply::json(StatusCode::OK, body);
    if let Some(answer) = &job.answer {
        let routing = RoutingHeaders {
            route: Some(&answer.route),
            degraded: true,
            lost: &answer.lost,
            ..RoutingHeaders::none(&job.row.request_id, answer.attempts)
        };
        routing.mark(reply.headers_mut());
    }
    if let Some(at) = job.row.next_at_ms.filter(|_| !job.row.state.is_terminal()) {
        let left = u64::try_from(at - clock::now().wall_ms).unwrap_or(0).div_ceil(1_000).max(1);
        reply.headers_mut().insert(header::RETRY_AFTER, http::HeaderValue::from(left));
    }
    Ok(reply)
}
