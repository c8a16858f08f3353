//! The one task that works the queue off.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{Cold, Job};
use switchyard_domain::{Failure, FailureKind, RouteId};
use switchyard_policy::backoff::{SplitMix64, cold_backoff};
use switchyard_store::{Answer as Stored, DueJob, JobRow, SpendKind, StoreError};
use tokio_util::sync::CancellationToken;

use super::attempts::Attempts;
use crate::core::Running;
use crate::core::clock;
use crate::core::ids;
use crate::walk::LiveMap;
use crate::walk::Walk;
use crate::walk::exchange::Exchange;
use crate::walk::request::{ProxyRequest, RequestParts};
use crate::walk::serve::{self, Answered, Served};
use crate::walk::shed;
use crate::walk::upstream::{Answer, Whole};

/// With nothing due the queue is looked at this often, milliseconds: expiry and a changed clock need no wake-up.
const LOOK_EVERY_MS: u64 = 5_000;
/// A job that could not even be tried is looked at again after this, milliseconds.
const HOLD_MS: u64 = 2_000;

/// While the database is in trouble the queue is looked at this often, milliseconds.
const TROUBLED_MS: u64 = 1_000;
/// What could not be written is written again after this, milliseconds; doubling.
const AGAIN_MS: u64 = 250;
/// And after no more than this, milliseconds.
const MOST_AGAIN_MS: u64 = 5_000;
/// A job that found no way to any route looks again after this at the latest, milliseconds.
const MOST_HELD_MS: u64 = 30_000;

/// Takes back what an earlier run left running, and reads what waits. Before requests are taken: one that comes again
/// with its idempotency key must find its job.
pub(crate) async fn prepare(walk: &Walk) {
    if let Err(error) = walk.core.store.queue().recover(&[], clock::now().wall_ms).await {
        walk.queue.trouble.failed(&error);
    }
    super::refresh(walk).await;
}

/// Works until stopped; what is under way then goes on, and is waited for by whoever stops it. `end` gives up what can't
/// be written.
pub(crate) async fn run(walk: Arc<Walk>, stop: CancellationToken, end: CancellationToken) {
    let mut attempts = Attempts::default();
    let mut ways = walk.queue.ways();
    let mut looked_at = 0;
    loop {
        for job in attempts.ends() {
            give_back(&walk, &mut attempts, job, &end);
        }
        let known = std::mem::replace(&mut ways, walk.queue.ways());
        if ways != known {
            release_held(&walk).await;
        }
        if clock::now().mono_ms >= looked_at + LOOK_EVERY_MS && !walk.queue.snapshot.is_empty() {
            looked_at = clock::now().mono_ms;
            take_back(&walk, &attempts).await;
        }
        let wait_ms = start_due(&walk, &mut attempts, &end).await;
        tokio::select! {
            () = stop.cancelled() => break,
            () = walk.queue.work.notified() => {}
            panicked = attempts.next_end() => {
                if let Some(job) = panicked {
                    give_back(&walk, &mut attempts, job, &end);
                }
            }
            () = clock::sleep_until(clock::now().mono_ms + wait_ms) => {}
        }
    }
    // They are paid for. One cut off all the same is taken back at the next start.
    while attempts.len() > 0 {
        attempts.next_end().await;
    }
}

/// Jobs that run by the database alone wait again: their attempt ended before it could say so.
async fn take_back(walk: &Walk, attempts: &Attempts) {
    match walk.core.store.queue().recover(&attempts.ids(), clock::now().wall_ms).await {
        Ok(0) => {}
        Ok(jobs) => tracing::warn!(jobs, "jobs whose attempt is gone wait again"),
        Err(error) => walk.queue.trouble.failed(&error),
    }
}

/// A job whose attempt panicked: it counts, so that a request which always ends so is dead in the end.
fn give_back(walk: &Arc<Walk>, attempts: &mut Attempts, job: JobRow, end: &CancellationToken) {
    let Some(running) = walk.live.load_full() else { return };
    let (walk, end, row) = (Arc::clone(walk), end.clone(), job.clone());
    attempts.begin(job, async move {
        let failure = Failure::new(FailureKind::Internal, "The attempt ended badly inside the router.");
        attempt_failed(&walk, &running, &row, row.attempts + 1, failure, &end).await;
        super::refresh(&walk).await;
        walk.queue.job_ended();
    });
}

/// What became of a job that ran.
enum Move<'a> {
    /// Answered.
    Finish(&'a Stored),
    /// No upstream was reached, so the attempt does not count; the next one in so many milliseconds.
    Hold { wait_ms: u64 },
    /// The attempt failed; the next one in so many milliseconds. `attempts` includes it.
    Later { wait_ms: u64, attempts: u32, why: &'a Failure },
    /// Given up.
    Bury { attempts: u32, why: &'a Failure },
}

impl Move<'_> {
    async fn write(&self, walk: &Arc<Walk>, id: &str) -> Result<bool, StoreError> {
        let queue = walk.core.store.queue();
        let now = super::settled_now(walk).await;
        match *self {
            Self::Finish(answer) => queue.finish(id, answer, now.wall_ms).await,
            Self::Hold { wait_ms } => queue.hold(id, now.plus_ms(wait_ms).wall_ms, now.wall_ms).await,
            Self::Later { wait_ms, attempts, why } => {
                queue.retry_later(id, now.plus_ms(wait_ms).wall_ms, attempts, why, now.wall_ms).await
            }
            Self::Bury { attempts, why } => queue.bury(id, attempts, why, now.wall_ms).await,
        }
    }
}

/// Writes what became of a job until it is written: an answer that was paid for waits for the disk. False when the job
/// was not running any more, or when the router ended before.
async fn written(walk: &Arc<Walk>, end: &CancellationToken, id: &str, what: Move<'_>) -> bool {
    let mut wait_ms = AGAIN_MS;
    loop {
        match what.write(walk, id).await {
            Ok(done) => {
                walk.queue.trouble.worked();
                return done;
            }
            Err(error) => walk.queue.trouble.failed(&error),
        }
        tokio::select! {
            () = end.cancelled() => return false,
            () = clock::sleep_until(clock::now().mono_ms + wait_ms) => {}
        }
        wait_ms = (wait_ms * 2).min(MOST_AGAIN_MS);
    }
}

/// A way has opened: jobs that found none are due now.
async fn release_held(walk: &Walk) {
    if let Err(error) = walk.core.store.queue().release_held(clock::now().wall_ms).await {
        walk.queue.trouble.failed(&error);
    }
}

/// Starts what is due; says how long there is nothing to do, milliseconds.
async fn start_due(walk: &Arc<Walk>, attempts: &mut Attempts, end: &CancellationToken) -> u64 {
    let Some(running) = walk.live.load_full() else { return LOOK_EVERY_MS };
    let now = super::settled_now(walk).await;
    let queue = walk.core.store.queue();
    for row in queue.expire_due(now.wall_ms).await.unwrap_or_default() {
        let reason = "its time ran out before a route could answer".to_owned();
        walk.core.bus.emit(EventKind::JobDead { job_id: row.id, job: row.job, reason }, now);
        super::refresh(walk).await;
        walk.queue.job_ended();
    }
    if walk.core.is_paused()
        || walk.core.all_off(&running).is_some()
        || nothing_can_be_reached(walk, &running)
    {
        return LOOK_EVERY_MS;
    }
    let room =
        u32::try_from((running.map.cold.concurrency as usize).saturating_sub(attempts.len())).unwrap_or(0);
    if room > 0 {
        match queue.claim_due(now.wall_ms, room).await {
            Ok(due) => {
                for job in due {
                    let row = job.row.clone();
                    attempts.begin(row, work(Arc::clone(walk), Arc::clone(&running), job, end.clone()));
                }
            }
            Err(error) => {
                walk.queue.trouble.failed(&error);
                return TROUBLED_MS;
            }
        }
    }
    let next = queue.next_due().await.ok().flatten();
    let left = next.map_or(LOOK_EVERY_MS, |at| u64::try_from(at - clock::now().wall_ms).unwrap_or(0));
    if room == 0 { LOOK_EVERY_MS } else { left.clamp(10, LOOK_EVERY_MS) }
}

/// Whether this machine's network is down and every route lies beyond it: then no attempt could say anything.
fn nothing_can_be_reached(walk: &Walk, running: &Running) -> bool {
    let down = walk.core.with_fleet(|fleet| fleet.network().is_down()).unwrap_or_default();
    down && !running.map.routes.iter().any(|route| route.enabled && route.is_local)
}

/// One attempt of one job.
async fn work(walk: Arc<Walk>, running: Arc<LiveMap>, job: DueJob, end: CancellationToken) {
    attempt(&walk, &running, job, &end).await;
    super::refresh(&walk).await;
    walk.queue.job_ended();
}

async fn attempt(walk: &Arc<Walk>, running: &Arc<LiveMap>, job: DueJob, end: &CancellationToken) {
    let row = job.row.clone();
    let attempts = row.attempts + 1;
    let request = match rebuild(running, job) {
        Ok(request) => Arc::new(request),
        Err(failure) => return bury(walk, &row, row.attempts, failure, end).await,
    };
    if let Some(wait_ms) = shed::holds(walk, running, &request) {
        written(walk, end, &row.id, Move::Hold { wait_ms }).await;
        return;
    }
    let mut exchange = Exchange::open(walk, request.view(), request.arrived);
    let ways = walk.queue.ways();
    // Not cut off with the callers: it is in the queue already, and has a grace of its own.
    match Box::pin(serve::serve_at_last(walk, running, &request, &mut exchange)).await {
        Served::Answered(answered) => {
            let Answered { answer, degraded, .. } = *answered;
            // A queued request never asks for a stream.
            let Answer::Whole(whole) = answer else {
                let failure = Failure::new(FailureKind::Internal, "A stream came.");
                return bury(walk, &row, attempts, failure, end).await;
            };
            let Some((route, _)) = exchange.served_by().cloned() else { return };
            let ending = serve::settle(&mut exchange, degraded, &whole);
            let stored = stored(*whole, &route, attempts);
            let done = written(walk, end, &row.id, Move::Finish(&stored)).await;
            exchange.end(ending);
            if done {
                walk.core.bus.emit(EventKind::JobDone { job_id: row.id, job: row.job, route }, clock::now());
            }
        }
        Served::Refused { failure, .. } => {
            exchange.end_unlogged();
            bury(walk, &row, attempts, failure, end).await;
        }
        Served::Unserved(unserved) if !unserved.reached_upstream => {
            exchange.end_unlogged();
            let wait_ms =
                if unserved.attempts == 0 { unserved.again_in_ms.min(MOST_HELD_MS) } else { HOLD_MS };
            written(walk, end, &row.id, Move::Hold { wait_ms }).await;
            // A way that opened meanwhile released what was held then: this job was not yet.
            if walk.queue.ways() != ways {
                release_held(walk).await;
            }
        }
        Served::Unserved(unserved) => {
            exchange.end_unlogged();
            attempt_failed(walk, running, &row, attempts, unserved.why, end).await;
        }
    }
}

/// The answer as it is kept.
fn stored(whole: Whole, route: &RouteId, attempts: u32) -> Stored {
    let Whole { status, headers, body, facts, lost, .. } = whole;
    let content_type = headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    Stored {
        status: status.as_u16(),
        content_type: content_type.unwrap_or("application/json").to_owned(),
        body: body.to_vec(),
        route: route.clone(),
        attempts,
        input_tokens: facts.usage.map(|usage| usage.input_tokens),
        output_tokens: facts.usage.map(|usage| usage.output_tokens),
        lost,
    }
}

/// An attempt that counts failed: another one later, or the dead letters. `attempts` includes it.
async fn attempt_failed(
    walk: &Arc<Walk>,
    running: &Running,
    row: &JobRow,
    attempts: u32,
    why: Failure,
    end: &CancellationToken,
) {
    if attempts >= running.map.cold.max_attempts {
        return bury(walk, row, attempts, why, end).await;
    }
    let wait_ms = backoff(&running.map.cold, attempts);
    written(walk, end, &row.id, Move::Later { wait_ms, attempts, why: &why }).await;
}

fn backoff(cold: &Cold, attempts: u32) -> u64 {
    cold_backoff(attempts, cold.initial_ms, cold.max_ms, &mut SplitMix64::new(ids::roll()))
}

async fn bury(walk: &Arc<Walk>, row: &JobRow, attempts: u32, why: Failure, end: &CancellationToken) {
    if written(walk, end, &row.id, Move::Bury { attempts, why: &why }).await {
        let reason = format!("{} after {attempts} attempts", why.short());
        let what = EventKind::JobDead { job_id: row.id.clone(), job: row.job.clone(), reason };
        walk.core.bus.emit(what, clock::now());
    }
}

/// The request as it came, under an id made from its first one. Upstreams see the same idempotency key again.
fn rebuild(running: &Running, job: DueJob) -> Result<ProxyRequest, Failure> {
    let pairs: Vec<(String, String)> = serde_json::from_str(&job.headers_json).unwrap_or_default();
    let mut headers: HeaderMap = pairs
        .into_iter()
        .filter_map(|(name, value)| {
            Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(&value).ok()?))
        })
        .collect();
    if let Some(key) = job.row.idempotency_key.as_deref().and_then(|key| HeaderValue::from_str(key).ok()) {
        headers.insert("idempotency-key", key);
    }
    let known = job.row.job == "default" || running.map.jobs.contains_key(&job.row.job);
    if known && let Ok(name) = HeaderValue::from_str(&job.row.job) {
        headers.insert("x-switchyard-job", name);
    }
    let arrival = RequestParts {
        id: job.row.request_id.asked_again(job.row.attempts + 1),
        client: Arc::from(job.row.client.as_str()),
        client_id: Arc::from(job.row.client_id.as_str()),
        own_upstream_key: false,
        dialect: job.row.dialect,
        operation: job.row.operation,
        spend: SpendKind::Cold,
        headers,
        arrived: clock::now(),
        place: None,
    };
    let mut request = ProxyRequest::read(arrival, Bytes::from(job.body), &running.map)
        .map_err(|reply| Failure::new(FailureKind::BadRequest, reply.message))?;
    // What the request said of itself is not among its headers.
    if let Some(priority) = job.row.priority {
        request.priority = priority;
    }
    // Its caller has left: the job's SLO bounds nothing any more.
    let slo_ms = running.map.cold.attempt_ms;
    request.job = Arc::new(Job { slo_ms, slo_is_written: false, ..request.job.as_ref().clone() });
    Ok(request)
}
