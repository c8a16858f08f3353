//! The cold tier: a request that no route could answer is kept durably and tried again by itself.
//!
//! A caller hears 202 only after the job is committed. An attempt counts only when it reached an upstream; while
//! paused or without an eligible route a job waits until it expires.

mod attempts;
mod queue;
mod queue_snapshot;
mod receipt;
mod settled;
mod trouble;
mod wall_clock;
mod worker;

use std::sync::Arc;

use http::header;
use serde_json::Value;
use switchyard_domain::event::EventKind;
use switchyard_domain::map::Auth;
use switchyard_domain::view::{JobState, Outcome as Ended, QueuedJobView};
use switchyard_domain::{Dialect, Failure, FailureKind, Problem};
use switchyard_store::{NewJob, Order};
use switchyard_wire::ErrorReply;
use switchyard_wire::gemini::url::MEMBER;

use crate::core::Running;
use crate::core::blocking;
use crate::core::ids;
use crate::walk::Walk;
use crate::walk::exchange::{Ending, Exchange};
use crate::walk::header_names;
use crate::walk::reply::{self, Reply, RoutingHeaders};
use crate::walk::request::ProxyRequest;
use crate::walk::serve::Unserved;

pub(crate) use queue::Queue;
use queue_snapshot::QueueView;
pub(crate) use settled::{go_by_the_clock, settled_now};
#[cfg(test)]
pub(crate) use wall_clock::WallClock;
pub(crate) use worker::{prepare, run};

/// Queues the request where that is allowed, and tells the caller.
pub(crate) async fn park(
    walk: &Arc<Walk>,
    running: &Running,
    request: &Arc<ProxyRequest>,
    mut exchange: Exchange,
    unserved: Unserved,
) -> Reply {
    let attempts = unserved.attempts;
    let routing = RoutingHeaders { tier: None, ..RoutingHeaders::none(&request.id, attempts) };
    if !running.map.flags.enable_cold_queue || !request.job.queue || only_callers_keys(walk, running, request)
    {
        let mut reply = reply::failure(request.dialect, &unserved.why, &routing);
        not_before(&mut reply, unserved.again_in_ms);
        exchange.end(Ending::unserved(Ended::Failed, reply.status().as_u16()));
        return reply;
    }
    let queued = match enqueue(walk, running, request, &unserved.why).await {
        Ok(queued) => queued,
        Err(problem) if problem.code == "idempotency_key_reused" => {
            let mut reply = key_reused(request);
            routing.mark(reply.headers_mut());
            exchange.end(Ending::unserved(Ended::Refused, reply.status().as_u16()));
            return reply;
        }
        Err(problem) => {
            let mut reply = not_kept(request, &problem);
            routing.mark(reply.headers_mut());
            not_before(&mut reply, unserved.again_in_ms);
            exchange.end(Ending::unserved(Ended::Failed, reply.status().as_u16()));
            return reply;
        }
    };
    let reply = receipt::reply(walk, running, request, &queued, &unserved).await;
    let ending = ending(running, &reply, &mut exchange);
    exchange.end(ending);
    reply
}

/// How the request of a queued job ended for its caller: one that was held until the job was answered got an answer.
fn ending(running: &Running, reply: &Reply, exchange: &mut Exchange) -> Ending {
    let status = reply.status().as_u16();
    let answered_by = reply.headers().get(&header_names::ROUTE).and_then(|route| route.to_str().ok());
    let Some(answered_by) = answered_by else { return Ending::unserved(Ended::Queued, status) };
    let route =
        running.map.find(answered_by).map(|ix| (running.map.route(ix).id.clone(), running.tier_of(ix)));
    exchange.serve_by(route);
    Ending::Served { outcome: Ended::Answered, status, degraded: true, usage: None }
}

/// The receipt of a request that an earlier one with the same key has queued and that still waits there; the refusal
/// of another request with that key.
pub(crate) async fn already_queued(
    walk: &Arc<Walk>,
    running: &Running,
    request: &ProxyRequest,
    key: &str,
    fingerprint: &str,
) -> Option<Reply> {
    // Most of the time nothing waits, and no database is asked.
    if walk.queue.snapshot.is_empty() {
        return None;
    }
    let open = walk.core.store.queue().open_job(&request.client_id, key).await.ok().flatten()?;
    if open.fingerprint.is_some_and(|before| before != fingerprint) {
        return Some(key_reused(request));
    }
    Some(same_job(walk, running, request, open.id).await)
}

/// The receipt of what an SDK asks again and has queued before. Two prompts that happen to be equal are two jobs: only
/// a repetition is looked for.
pub(crate) async fn queued_before(
    walk: &Arc<Walk>,
    running: &Running,
    request: &ProxyRequest,
    fingerprint: &str,
) -> Option<Reply> {
    if !request.asks_again || walk.queue.snapshot.is_empty() {
        return None;
    }
    let id = walk.core.store.queue().open_job_like(&request.client_id, fingerprint).await.ok().flatten()?;
    Some(same_job(walk, running, request, id).await)
}

/// The receipt of a job that an earlier request has queued, in the shape that suits this caller.
pub(crate) async fn same_job(
    walk: &Arc<Walk>,
    running: &Running,
    request: &ProxyRequest,
    id: String,
) -> Reply {
    let queued = switchyard_store::Enqueued { id, existing: true };
    let unserved = Unserved {
        attempts: 0,
        reached_upstream: false,
        why: Failure::new(FailureKind::NoRoute, "This request waits in the queue already."),
        again_in_ms: 1_000,
    };
    receipt::reply(walk, running, request, &queued, &unserved).await
}

/// The refusal of a key that came with another request before. Not a 409, which SDKs send again.
pub(crate) fn key_reused(request: &ProxyRequest) -> Reply {
    reply::error(
        request.dialect,
        &ErrorReply {
            status: 422,
            kind: "invalid_request_error".to_owned(),
            code: Some("idempotency_key_reused".to_owned()),
            message: "This idempotency key was used for another request, which is still under way or queued. Send the \
                      same request again, or another key."
                .to_owned(),
            param: Some("idempotency-key".to_owned()),
            request_id: Some(request.id.as_str().to_owned()),
        },
    )
}

/// Says when to ask again. The tries were made here; an SDK's own on top would only make a storm of them.
fn not_before(reply: &mut Reply, ms: u64) {
    let headers = reply.headers_mut();
    headers.insert(header::RETRY_AFTER, http::HeaderValue::from(ms.div_ceil(1_000)));
    headers.insert(&header_names::SHOULD_RETRY, http::HeaderValue::from_static("false"));
}

/// Whether no route of the request could answer it later: the caller's own key is never kept.
fn only_callers_keys(walk: &Walk, running: &Running, request: &ProxyRequest) -> bool {
    let line = walk.core.with_fleet(|fleet| fleet.line(&running.map, &request.job).into_owned());
    let line = line.unwrap_or_default();
    line.hot.iter().chain(&line.warm).all(|ix| running.map.route(*ix).auth == Auth::Passthrough)
}

fn not_kept(request: &ProxyRequest, problem: &Problem) -> Reply {
    reply::error(
        request.dialect,
        &ErrorReply {
            status: 503,
            kind: "api_error".to_owned(),
            code: Some(problem.code.clone()),
            message: format!(
                "No route could answer, and the request could not be queued. {}",
                problem.message
            ),
            param: None,
            request_id: Some(request.id.as_str().to_owned()),
        },
    )
}

async fn enqueue(
    walk: &Arc<Walk>,
    running: &Running,
    request: &ProxyRequest,
    why: &Failure,
) -> Result<switchyard_store::Enqueued, Problem> {
    let now = settled_now(walk).await;
    let headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let job = NewJob {
        id: ids::job(),
        at_ms: now.wall_ms,
        // It has just failed everywhere, so it waits like after any failed attempt.
        due_at_ms: now.plus_ms(running.map.cold.initial_ms).wall_ms,
        most_open: running.map.cold.max_jobs,
        most_bytes: running.map.cold.max_bytes,
        expires_at_ms: now.plus_ms(running.map.cold.expires_ms).wall_ms,
        client: request.client.to_string(),
        client_id: request.client_id.to_string(),
        priority: request.priority,
        job: request.job.name.clone(),
        dialect: request.dialect,
        operation: request.operation,
        request_id: request.id.clone(),
        idempotency_key: request.idempotency_key.clone(),
        fingerprint: request.fingerprint(),
        model: request.envelope.model.clone(),
        headers_json: serde_json::to_string(&headers).unwrap_or_else(|_| "[]".to_owned()),
        body: if request.envelope.stream {
            blocking::run(request.body.len(), || without_stream(request.dialect, &request.body))
        } else {
            request.body.to_vec()
        },
        stream: request.envelope.stream,
        reason: Some(why.clone()),
    };
    let queued = walk.core.store.queue().enqueue(&job).await.map_err(|error| error.problem())?;
    if !queued.existing {
        let (job_id, job, client) = (queued.id.clone(), job.job, job.client);
        walk.core.bus.emit(EventKind::JobQueued { job_id, job, client }, now);
    }
    refresh(walk).await;
    walk.queue.wake();
    Ok(queued)
}

/// A queued request is answered whole, so it no longer asks for a stream.
fn without_stream(dialect: Dialect, body: &[u8]) -> Vec<u8> {
    let Ok(Value::Object(mut object)) = serde_json::from_slice(body) else { return body.to_vec() };
    object.shift_remove("stream");
    object.shift_remove("stream_options");
    if dialect == Dialect::Gemini
        && let Some(Value::Object(url)) = object.get_mut(MEMBER)
    {
        url.shift_remove("stream");
    }
    serde_json::to_vec(&object).unwrap_or_else(|_| body.to_vec())
}

/// Reads again what the window shows of the queue.
pub(crate) async fn refresh(walk: &Walk) {
    if walk.queue.snapshot.refresh(async || read(walk).await).await {
        walk.core.bus.touch();
    }
}

async fn read(walk: &Walk) -> Option<QueueView> {
    let queue = walk.core.store.queue();
    let counts = queue.counts().await.ok()?;
    let states = [JobState::Waiting, JobState::Running, JobState::Dead];
    let wagons = queue.list(&states, Order::OldestFirst, 12).await.unwrap_or_default();
    Some(QueueView {
        waiting: counts.waiting + counts.running,
        dead: counts.dead + counts.expired,
        done: counts.done,
        oldest_at_ms: queue.oldest().await.ok()?,
        next_attempt_at_ms: queue.next_due().await.ok()?,
        wagons: wagons
            .into_iter()
            .map(|row| QueuedJobView { id: row.id, job: row.job, state: row.state })
            .collect(),
    })
}
