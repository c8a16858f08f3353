//! The one task that works the queue off.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use switchyard_domain::event::What;
use switchyard_domain::map::Cold;
use switchyard_domain::{Failure, FailureKind, Problem};
use switchyard_policy::Outcome;
use switchyard_policy::backoff::{SplitMix64, cold_backoff};
use switchyard_store::{Answer as Stored, DueJob};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::ids;
use crate::intake::{Arrival, Ask};
use crate::network;
use crate::pipeline::{self, Answered, Served};
use crate::record::{Ending, Record};
use crate::shared::{Running, Shared};
use crate::shed;
use crate::upstream::{Answer, Whole};

/// With nothing due the queue is looked at this often, milliseconds: expiry and a changed clock need no wake-up.
const LOOK_EVERY_MS: u64 = 5_000;
/// A job that could not even be tried is looked at again after this, milliseconds.
const HOLD_MS: u64 = 2_000;

/// A job that found no way to any route looks again after this at the latest, milliseconds.
const MOST_HELD_MS: u64 = 30_000;

/// Runs until stopped. At the start it takes back what a crash left running.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    if let Err(error) = shared.store.queue().recover(clock::now().wall_ms).await {
        tracing::error!(code = error.code(), %error, "jobs of the last run not taken back");
    }
    super::refresh(&shared).await;
    let mut jobs = JoinSet::new();
    let mut ways = shared.ways.load(Ordering::SeqCst);
    loop {
        while let Some(ended) = jobs.try_join_next() {
            if let Err(panic) = ended {
                tracing::error!(%panic, "a queued job's attempt ended badly; it stays in the queue");
            }
        }
        let known = std::mem::replace(&mut ways, shared.ways.load(Ordering::SeqCst));
        if ways != known {
            release_held(&shared).await;
        }
        let wait_ms = start_due(&shared, &mut jobs).await;
        tokio::select! {
            () = stop.cancelled() => break,
            () = shared.cold_work.notified() => {}
            Some(_) = jobs.join_next(), if !jobs.is_empty() => {}
            () = clock::sleep_until(clock::now().mono_ms + wait_ms) => {}
        }
    }
    // What is under way goes on until the runtime ends; a job cut off there is taken back at the next start.
    while jobs.join_next().await.is_some() {}
}

/// A way has opened: jobs that found none are due now.
async fn release_held(shared: &Shared) {
    if let Err(error) = shared.store.queue().release_held(clock::now().wall_ms).await {
        tracing::error!(code = error.code(), %error, "jobs that waited for a way stay until they are due");
    }
}

/// Starts what is due; says how long there is nothing to do, milliseconds.
async fn start_due(shared: &Arc<Shared>, jobs: &mut JoinSet<()>) -> u64 {
    let Some(running) = shared.running.load_full() else { return LOOK_EVERY_MS };
    let now = network::settled_now(shared).await;
    let queue = shared.store.queue();
    for row in queue.expire_due(now.wall_ms).await.unwrap_or_default() {
        let reason = "its time ran out before a route could answer".to_owned();
        shared.bus.emit(What::JobDead { job_id: row.id, job: row.job, reason }, now);
        super::refresh(shared).await;
        shared.job_ended.send_modify(|n| *n += 1);
    }
    if shared.is_paused() || shared.all_off(&running).is_some() || nothing_can_be_reached(shared, &running) {
        return LOOK_EVERY_MS;
    }
    let room = u32::try_from((running.map.cold.concurrency as usize).saturating_sub(jobs.len())).unwrap_or(0);
    if room > 0 {
        match queue.claim_due(now.wall_ms, room).await {
            Ok(due) => {
                for job in due {
                    jobs.spawn(work(Arc::clone(shared), Arc::clone(&running), job));
                }
            }
            Err(error) => tracing::error!(code = error.code(), %error, "the queue can't be read"),
        }
    }
    let next = queue.next_due().await.ok().flatten();
    let left = next.map_or(LOOK_EVERY_MS, |at| u64::try_from(at - clock::now().wall_ms).unwrap_or(0));
    if room == 0 { LOOK_EVERY_MS } else { left.clamp(10, LOOK_EVERY_MS) }
}

/// Whether this machine's network is down and every route lies beyond it: then no attempt could say anything.
fn nothing_can_be_reached(shared: &Shared, running: &Running) -> bool {
    let down = shared.with_fleet(|fleet| fleet.network().is_down()).unwrap_or_default();
    down && !running.map.routes.iter().any(|route| route.enabled && route.is_local)
}

/// One attempt of one job.
async fn work(shared: Arc<Shared>, running: Arc<Running>, job: DueJob) {
    let id = job.row.id.clone();
    if let Err(problem) = attempt(&shared, &running, job).await {
        tracing::error!(job = id, code = problem.code, "{}", problem.message);
    }
    super::refresh(&shared).await;
    shared.job_ended.send_modify(|n| *n += 1);
}

async fn attempt(shared: &Arc<Shared>, running: &Arc<Running>, job: DueJob) -> Result<(), Problem> {
    let queue = shared.store.queue();
    let row = job.row.clone();
    let attempts = row.attempts + 1;
    let ask = match rebuild(running, job) {
        Ok(ask) => Arc::new(ask),
        Err(failure) => return bury(shared, &row, row.attempts, failure).await,
    };
    if let Some(wait_ms) = shed::holds(shared, running, &ask) {
        let now = clock::now();
        let held = queue.hold(&row.id, now.plus_ms(wait_ms).wall_ms, now.wall_ms).await;
        return held.map(drop).map_err(|error| error.problem());
    }
    let mut record = Record::open(shared, ask.view(), ask.arrived);
    let ways = shared.ways.load(Ordering::SeqCst);
    match pipeline::serve(shared, running, &ask, &mut record).await {
        Served::Answered(answered) => {
            let Answered { answer, route, tier, degraded, lease, begun, .. } = *answered;
            let route = running.map.route(route).id.clone();
            // A queued request never asks for a stream.
            let Answer::Whole(whole) = answer else {
                return bury(shared, &row, attempts, Failure::new(FailureKind::Internal, "A stream came."))
                    .await;
            };
            let Whole { status, headers, body, facts, .. } = *whole;
            lease.report(Outcome::Succeeded {
                duration_ms: clock::span_ms(begun, clock::now()),
                first_token_ms: None,
            });
            let content_type = headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
            let stored = Stored {
                status: status.as_u16(),
                content_type: content_type.unwrap_or("application/json").to_owned(),
                body: body.to_vec(),
                route: route.clone(),
                attempts,
                input_tokens: facts.usage.map(|usage| usage.input_tokens),
                output_tokens: facts.usage.map(|usage| usage.output_tokens),
            };
            let now = clock::now();
            let done = queue.finish(&row.id, &stored, now.wall_ms).await.map_err(|error| error.problem())?;
            record.end(Ending {
                outcome: switchyard_domain::view::Outcome::Answered,
                status: status.as_u16(),
                route: Some((route.clone(), tier)),
                degraded,
                first_token_ms: None,
                usage: facts.usage,
            });
            if done {
                shared.bus.emit(What::JobDone { job_id: row.id, job: row.job, route }, now);
            }
            Ok(())
        }
        Served::Refused { failure, .. } => {
            record.discard();
            bury(shared, &row, attempts, failure).await
        }
        Served::Parked(parked) => {
            record.discard();
            let now = network::settled_now(shared).await;
            if !parked.reached_upstream {
                let wait_ms =
                    if parked.attempts == 0 { parked.again_in_ms.min(MOST_HELD_MS) } else { HOLD_MS };
                let held = queue.hold(&row.id, now.plus_ms(wait_ms).wall_ms, now.wall_ms).await;
                held.map_err(|error| error.problem())?;
                // A way that opened meanwhile released what was held then: this job was not yet.
                if shared.ways.load(Ordering::SeqCst) != ways {
                    release_held(shared).await;
                }
                return Ok(());
            }
            if attempts >= running.map.cold.max_attempts {
                return bury(shared, &row, attempts, parked.why).await;
            }
            let next = now.plus_ms(backoff(&running.map.cold, attempts)).wall_ms;
            let later = queue.retry_later(&row.id, next, attempts, &parked.why, now.wall_ms).await;
            later.map(drop).map_err(|error| error.problem())
        }
    }
}

fn backoff(cold: &Cold, attempts: u32) -> u64 {
    cold_backoff(attempts, cold.initial_ms, cold.max_ms, &mut SplitMix64::new(ids::roll()))
}

async fn bury(
    shared: &Shared,
    row: &switchyard_store::JobRow,
    attempts: u32,
    failure: Failure,
) -> Result<(), Problem> {
    let now = clock::now();
    let buried = shared.store.queue().bury(&row.id, attempts, &failure, now.wall_ms).await;
    if buried.map_err(|error| error.problem())? {
        let reason = format!("{} after {attempts} attempts", failure.short());
        shared.bus.emit(What::JobDead { job_id: row.id.clone(), job: row.job.clone(), reason }, now);
    }
    Ok(())
}

/// The request as it came, under an id made from its first one. Upstreams see the same idempotency key again.
fn rebuild(running: &Running, job: DueJob) -> Result<Ask, Failure> {
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
    let arrival = Arrival {
        id: job.row.request_id.asked_again(job.row.attempts + 1),
        client: Arc::from(job.row.client.as_str()),
        own_upstream_key: false,
        dialect: job.row.dialect,
        operation: job.row.operation,
        headers,
        arrived: clock::now(),
        place: None,
    };
    Ask::read(arrival, Bytes::from(job.body), &running.map)
        .map_err(|reply| Failure::new(FailureKind::BadRequest, reply.message))
}
