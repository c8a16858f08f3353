//! Serving a request by a route: plan, try, wait, until one answers or none can. What becomes of the answer, or of a
//! request without one, is its caller's business.

mod planning;
mod wait_for_network;

use std::sync::Arc;
use std::time::Duration;

use switchyard_domain::view::Outcome as Ended;
use switchyard_domain::{Failure, FailureKind, Operation, Tier};
use switchyard_policy::spend::Work;
use switchyard_policy::{Attempt, FailoverMachine, Input, Step, classify};

use crate::core::Running;
use crate::core::clock;
use crate::core::purse::{Payer, Payment};
use crate::walk::LiveMap;
use crate::walk::Walk;
use crate::walk::exchange::{Ending, Exchange};
use crate::walk::request::ProxyRequest;
use crate::walk::upstream::{self, Answer, Whole};

pub(crate) use self::planning::BOUND;
use self::planning::{AGAIN_MS, again_in_ms, decide, is_for_no_route, lacks_keys, no_map, nothing_to_try};

/// What descriptions of tools and the like take of a request with pictures, bytes.
const TOOLS_BYTES: u64 = 64 * 1024;
/// How long the first requests after a start wait for the keychain, milliseconds.
const KEYS_PATIENCE_MS: u64 = 3_000;
/// The code of what ends because the router is shutting down.
pub(crate) const STOPPING: &str = "router_stopping";

/// Where a request got to.
#[derive(Debug)]
pub(crate) enum Served {
    /// A route answers.
    Answered(Box<Answered>),
    /// The caller is to hear this failure.
    Refused { failure: Failure, attempts: u32 },
    /// No route could answer in time.
    Unserved(Unserved),
}

/// No route could answer in time.
#[derive(Clone, Debug)]
pub(crate) struct Unserved {
    pub(crate) attempts: u32,
    /// Whether any try reached an upstream.
    pub(crate) reached_upstream: bool,
    /// The last failure, or why nothing was tried.
    pub(crate) why: Failure,
    /// When trying again makes sense, milliseconds from now.
    pub(crate) again_in_ms: u64,
}

/// A route's answer, not yet on its way; whose, the exchange knows.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) attempts: u32,
    pub(crate) degraded: bool,
}

/// Answers a request by a route, as soon as one can. What has no answer when the grace of a shutdown ends is left to the
/// queue, or to an error.
pub(crate) async fn serve(
    walk: &Arc<Walk>,
    running: &Arc<LiveMap>,
    request: &Arc<ProxyRequest>,
    exchange: &mut Exchange,
) -> Served {
    tokio::select! {
        biased;
        served = Box::pin(serve_at_last(walk, running, request, exchange)) => return served,
        () = walk.core.grace_over.cancelled() => {}
    }
    exchange.abort();
    Served::Unserved(Unserved {
        attempts: 0,
        reached_upstream: false,
        why: Failure {
            code: Some(STOPPING.to_owned()),
            ..Failure::new(FailureKind::Paused, "Switchyard is shutting down.")
        },
        again_in_ms: AGAIN_MS,
    })
}

/// Drives a request over its plans: one that only this machine's network keeps from being answered waits for it.
pub(crate) async fn serve_at_last(
    walk: &Arc<Walk>,
    running: &Arc<LiveMap>,
    request: &Arc<ProxyRequest>,
    exchange: &mut Exchange,
) -> Served {
    loop {
        let mut served = along_the_plan(walk, running, request, exchange).await;
        if !wait_for_network::may_go_on(walk, running, request, &mut served).await {
            return served;
        }
    }
}

/// Drives a request over its plan until a route answers or none can.
async fn along_the_plan(
    walk: &Arc<Walk>,
    running: &Arc<LiveMap>,
    request: &Arc<ProxyRequest>,
    exchange: &mut Exchange,
) -> Served {
    let mut planned = decide(walk, running, request);
    if planned.as_ref().is_some_and(|(_, plan)| lacks_keys(plan)) && wait_for_keys(walk).await {
        planned = decide(walk, running, request);
    }
    let Some((roll, mut plan)) = planned else { return Served::Unserved(no_map()) };
    let first_choice = plan.candidates.first().map(|candidate| candidate.route);
    first_choice.inspect(|first| exchange.planned(&running.map.route(*first).id));
    let none = plan.candidates.is_empty().then(|| nothing_to_try(running, &plan));
    if let Some(failure) = none.as_ref().filter(|_| is_for_no_route(&plan)) {
        return Served::Refused { failure: failure.clone(), attempts: 0 };
    }
    let unread = request.resume.as_ref().and_then(|resume| resume.unread.clone());
    if unread.is_some() {
        plan.candidates.retain(|candidate| !request.avoid.contains(&candidate.route));
    }
    let mut machine = FailoverMachine::new(&running.map, &request.job, plan, roll, request.arrived);
    if let Some(failure) = unread {
        machine.came_unreadable(failure);
    }
    let mut input = Input::Begin;
    let mut reached_upstream = false;
    loop {
        let now = clock::now();
        let step = walk.change(now, |fleet| machine.step(fleet, &running.map, input, now));
        let Some(step) = step else { return Served::Unserved(no_map()) };
        match step {
            Step::Try(attempt) => {
                let (route, tier) = (attempt.route, attempt.tier);
                let payment = match hold(walk, running, request, &attempt).await {
                    Ok(payment) => payment,
                    Err(failure) => {
                        input = Input::PassedOver { attempt, failure };
                        continue;
                    }
                };
                match try_on(walk, running, request, (attempt, payment), exchange).await {
                    Ok(answer) => {
                        let degraded = tier != Tier::Hot || first_choice != Some(route);
                        let answered = Answered { answer, attempts: machine.attempts(), degraded };
                        return Served::Answered(Box::new(answered));
                    }
                    Err(failure) => {
                        reached_upstream |= classify(&failure).reached_upstream;
                        let id = &running.map.route(route).id;
                        tracing::debug!(request = %request.id, route = %id, kind = failure.kind.as_str(), "try failed");
                        let Some(attempt) = exchange.failed(id, &failure) else {
                            return Served::Unserved(no_map());
                        };
                        input = Input::Failed { attempt, failure };
                    }
                }
            }
            Step::Wait { until_mono_ms } => {
                clock::sleep_until(until_mono_ms).await;
                input = Input::Woke;
            }
            Step::Answer(failure) => return Served::Refused { failure, attempts: machine.attempts() },
            Step::Park => {
                let unknown = || Failure::new(FailureKind::NoRoute, "No route could answer in time.");
                let why = machine.last_failure().cloned().or(none).unwrap_or_else(unknown);
                // What the tries closed decides when trying again makes sense.
                let again_in_ms =
                    decide(walk, running, request).map_or(AGAIN_MS, |(_, plan)| again_in_ms(&plan));
                return Served::Unserved(Unserved {
                    attempts: machine.attempts(),
                    reached_upstream,
                    why,
                    again_in_ms,
                });
            }
        }
    }
}

/// Holds the money for a try. Counting tokens costs none.
///
/// # Errors
/// Why the try is not to be made.
pub(crate) async fn hold(
    walk: &Walk,
    running: &Running,
    request: &ProxyRequest,
    attempt: &Attempt,
) -> Result<Option<Payment>, Failure> {
    if request.operation == Operation::CountTokens {
        return Ok(None);
    }
    let route = running.map.route(attempt.route);
    // A pause holds from the next try on, not from the next request.
    let work = Work { provider: Some(&route.provider), client: &request.client, job: &request.job.name };
    if let Some(paused) = walk.core.holds(work) {
        return Err(paused);
    }
    let deadline_mono_ms = attempt.patience.deadline_mono_ms();
    let held = Payment::hold(
        &walk.core.purse,
        &running.priced,
        (attempt.route, route),
        payer(request),
        deadline_mono_ms,
    )
    .await;
    held.map(Some)
}

/// Whose money a request spends.
fn payer(request: &ProxyRequest) -> Payer {
    let envelope = &request.envelope;
    // Pictures lie in the body as text; beside them there is what is said, and a few tools.
    let resumed = request.resume.as_ref().map_or(0, |resume| resume.text.len());
    let body = (request.body.len() + resumed) as u64;
    let said = envelope.prompt_chars.saturating_mul(4).saturating_add(TOOLS_BYTES);
    Payer {
        client: Arc::clone(&request.client),
        job: Arc::from(request.job.name.as_str()),
        kind: request.spend,
        text_bytes: if envelope.media_count == 0 { body } else { body.min(said) },
        media: envelope.media_count,
        max_output_tokens: envelope.max_tokens,
        has_output: request.operation == Operation::Complete,
    }
}

/// Makes a try. One that brings an answer is committed to it; one that fails is left to the caller of this.
pub(crate) async fn try_on(
    walk: &Arc<Walk>,
    running: &LiveMap,
    request: &Arc<ProxyRequest>,
    (attempt, payment): (Box<Attempt>, Option<Payment>),
    exchange: &mut Exchange,
) -> Result<Answer, Failure> {
    let (upstream, route) = (running.upstream(attempt.route), running.map.route(attempt.route));
    let key = match &attempt.key {
        None => Ok(None),
        Some(id) => walk.core.vault.key(id).map(Some).ok_or_else(|| {
            let message = format!("The key {id} for {} is gone.", route.provider);
            Failure::new(FailureKind::CredentialMissing, message)
        }),
    };
    let patience = attempt.patience;
    exchange.begin(attempt, payment);
    let mut answer = upstream::send(upstream, route, key?, request, &patience).await?;
    match &mut answer {
        Answer::Whole(whole) => exchange.commit(&route.id, None, std::mem::take(&mut whole.waits)),
        Answer::Stream(opened) => {
            exchange.commit(&route.id, Some(opened.first_token), std::mem::take(&mut opened.waits));
        }
    }
    Ok(answer)
}

/// Settles a whole answer with the route that gave it and those who watch; how its exchange ends with it.
pub(crate) fn settle(exchange: &mut Exchange, degraded: bool, whole: &Whole) -> Ending {
    exchange.tell_losses(&whole.lost);
    exchange.succeed(whole.facts.billed.clone());
    Ending::Served {
        outcome: Ended::Answered,
        status: whole.status.as_u16(),
        degraded: degraded || !whole.lost.is_empty(),
        usage: whole.facts.usage,
    }
}

/// Waits until the keychain was read once. True when there was something to wait for.
pub(crate) async fn wait_for_keys(walk: &Walk) -> bool {
    let mut ready = walk.keys_ready.subscribe();
    if *ready.borrow() {
        return false;
    }
    tokio::time::timeout(Duration::from_millis(KEYS_PATIENCE_MS), ready.wait_for(|ready| *ready))
        .await
        .is_ok()
}
