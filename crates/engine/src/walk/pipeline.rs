//! The walk of a request: admit, plan, drive, answer or park. One page, one direction.

mod idempotent;
mod one_route;
mod planning;
mod wait_for_network;

use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::CacheMode;
use switchyard_domain::view::Outcome as Ended;
use switchyard_domain::{Failure, FailureKind, Operation, Tier};
use switchyard_policy::{Attempt, FailoverMachine, Input, Step, classify};
use switchyard_wire::count_body;

use crate::core::clock;
use crate::core::shared::{Running, Shared, lock};
use crate::walk::cold;
use crate::walk::exchange::{Ending, Exchange};
use crate::walk::header_names;
use crate::walk::reply::{self, Reply, ReplyBody, RoutingHeaders};
use crate::walk::request::ProxyRequest;
use crate::walk::shed;
use crate::walk::stream_body::StreamBody;
use crate::walk::upstream::{self, Answer, Whole};

pub(crate) use self::idempotent::respond;
pub(crate) use self::one_route::{NotAsked, ask_route, offline};
pub(crate) use self::planning::BOUND;
use self::planning::{AGAIN_MS, again_in_ms, decide, is_for_no_route, lacks_keys, no_map, nothing_to_try};

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

async fn answer(shared: &Arc<Shared>, running: &Arc<Running>, request: &Arc<ProxyRequest>) -> Reply {
    let mut exchange = Exchange::open(shared, request.view(), request.arrived);
    if request.operation == Operation::CountTokens {
        return count(shared, running, request, exchange).await;
    }
    shed::came(shared, request, &mut exchange);
    if shared.is_paused() {
        let reason = crate::core::shared::lock(&shared.pause).reason.clone();
        let why = reason
            .map_or_else(|| "New work is paused.".to_owned(), |why| format!("New work is paused: {why}."));
        let unserved = Unserved {
            attempts: 0,
            reached_upstream: false,
            why: Failure::new(FailureKind::Paused, why),
            again_in_ms: 60_000,
        };
        return Box::pin(cold::park(shared, running, request, exchange, unserved)).await;
    }
    if let Some(unserved) = shed::gives_way(shared, running, request) {
        return Box::pin(cold::park(shared, running, request, exchange, unserved)).await;
    }
    match serve(shared, running, request, &mut exchange).await {
        Served::Answered(answered) => commit(shared, running, request, exchange, *answered),
        Served::Refused { failure, attempts } => {
            let reply =
                reply::failure(request.dialect, &failure, &RoutingHeaders::none(&request.id, attempts));
            exchange.end(Ending::unserved(Ended::Refused, reply.status().as_u16()));
            reply
        }
        Served::Unserved(unserved) => match stale(shared, running, request, &unserved) {
            Some((reply, lost)) => {
                exchange.lost([lost]);
                exchange.end(Ending::Unserved { outcome: Ended::Answered, status: 200, degraded: true });
                reply
            }
            None => Box::pin(cold::park(shared, running, request, exchange, unserved)).await,
        },
    }
}

/// An answer the same request had a while ago, where the map says that this is better than none.
fn stale(
    shared: &Shared,
    running: &Running,
    request: &ProxyRequest,
    unserved: &Unserved,
) -> Option<(Reply, String)> {
    // A route that may still be called is no reason to answer with something old.
    let all_out = {
        let current_tier = &lock(&shared.tier_since).current_tier;
        current_tier.tier == Tier::Cold && current_tier.route.is_none()
    };
    lock(&shared.stale).reply(
        &running.map,
        request,
        unserved.why.kind,
        unserved.attempts,
        all_out,
        clock::now(),
    )
}

/// A prompt's length is asked of a route that counts; where none does, it is estimated here, whatever its routes say
/// against being asked. Counting costs nothing, so no pause holds it, and it is never queued.
async fn count(
    shared: &Arc<Shared>,
    running: &Arc<Running>,
    request: &Arc<ProxyRequest>,
    mut exchange: Exchange,
) -> Reply {
    match serve(shared, running, request, &mut exchange).await {
        Served::Answered(answered) => commit(shared, running, request, exchange, *answered),
        Served::Refused { failure, attempts } if attempts > 0 && is_of_the_prompt(&failure) => {
            let reply =
                reply::failure(request.dialect, &failure, &RoutingHeaders::none(&request.id, attempts));
            exchange.end(Ending::unserved(Ended::Refused, reply.status().as_u16()));
            reply
        }
        Served::Refused { attempts, .. } | Served::Unserved(Unserved { attempts, .. }) => {
            let lost = ["token_count_estimated messages".to_owned()];
            let mut reply = reply::json(
                StatusCode::OK,
                count_body(request.dialect, request.envelope.estimated_prompt_tokens()),
            );
            let routing =
                RoutingHeaders { degraded: true, lost: &lost, ..RoutingHeaders::none(&request.id, attempts) };
            routing.mark(reply.headers_mut());
            exchange.lost(lost);
            exchange.end(Ending::Unserved { outcome: Ended::Answered, status: 200, degraded: true });
            reply
        }
    }
}

/// The members a prompt lies in.
const PROMPT: [&str; 6] = ["messages", "contents", "system", "tools", "tool_choice", "thinking"];

/// Whether a count was refused for a fault of the prompt, which its caller has to hear of: it names the place. Anything
/// else is the counting's own.
fn is_of_the_prompt(failure: &Failure) -> bool {
    let names = |text: &str| PROMPT.iter().any(|member| text.contains(member));
    failure.kind == FailureKind::BadRequest
        && (names(&failure.message) || failure.param.as_deref().is_some_and(names))
}

/// Answers a request by a route, as soon as one can. What has no answer when the grace of a shutdown ends is left to the
/// queue, or to an error.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    running: &Arc<Running>,
    request: &Arc<ProxyRequest>,
    exchange: &mut Exchange,
) -> Served {
    tokio::select! {
        biased;
        served = Box::pin(serve_at_last(shared, running, request, exchange)) => return served,
        () = shared.grace_over.cancelled() => {}
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
    shared: &Arc<Shared>,
    running: &Arc<Running>,
    request: &Arc<ProxyRequest>,
    exchange: &mut Exchange,
) -> Served {
    loop {
        let mut served = walk(shared, running, request, exchange).await;
        if !wait_for_network::may_go_on(shared, running, request, &mut served).await {
            return served;
        }
    }
}

/// Drives a request over its plan until a route answers or none can.
async fn walk(
    shared: &Arc<Shared>,
    running: &Arc<Running>,
    request: &Arc<ProxyRequest>,
    exchange: &mut Exchange,
) -> Served {
    let mut planned = decide(shared, running, request);
    if planned.as_ref().is_some_and(|(_, plan)| lacks_keys(plan)) && wait_for_keys(shared).await {
        planned = decide(shared, running, request);
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
        let step = shared.change(now, |fleet| machine.step(fleet, &running.map, input, now));
        let Some(step) = step else { return Served::Unserved(no_map()) };
        match step {
            Step::Try(attempt) => {
                let (route, tier) = (attempt.route, attempt.tier);
                match try_on(shared, running, request, attempt, exchange).await {
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
                    decide(shared, running, request).map_or(AGAIN_MS, |(_, plan)| again_in_ms(&plan));
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

/// Makes a try. One that brings an answer is committed to it; one that fails is left to the caller of this.
async fn try_on(
    shared: &Arc<Shared>,
    running: &Running,
    request: &Arc<ProxyRequest>,
    attempt: Box<Attempt>,
    exchange: &mut Exchange,
) -> Result<Answer, Failure> {
    let (upstream, route) = (running.upstream(attempt.route), running.map.route(attempt.route));
    let key = match &attempt.key {
        None => Ok(None),
        Some(id) => shared.vault.key(id).map(Some).ok_or_else(|| {
            let message = format!("The key {id} for {} is gone.", route.provider);
            Failure::new(FailureKind::CredentialMissing, message)
        }),
    };
    let patience = attempt.patience;
    exchange.begin(attempt);
    let mut answer = upstream::send(upstream, route, key?, request, &patience).await?;
    match &mut answer {
        Answer::Whole(whole) => exchange.commit(&route.id, None, std::mem::take(&mut whole.waits)),
        Answer::Stream(opened) => {
            exchange.commit(&route.id, Some(opened.first_token), std::mem::take(&mut opened.waits));
        }
    }
    Ok(answer)
}

/// The commit point: from here on the caller sees this answer and no other.
fn commit(
    shared: &Arc<Shared>,
    running: &Arc<Running>,
    request: &Arc<ProxyRequest>,
    mut exchange: Exchange,
    answered: Answered,
) -> Reply {
    let Answered { answer, attempts, degraded } = answered;
    let (route, tier) = exchange.served_by().cloned().unzip();
    let asked = request.envelope.model.as_str();
    let unknown_model = (!running.map.knows_model(&request.client, asked)).then_some(asked);
    let routing = |degraded, lost| RoutingHeaders {
        id: &request.id,
        route: route.as_ref(),
        tier,
        attempts,
        degraded,
        lost,
        unknown_model,
    };
    match answer {
        Answer::Whole(whole) => {
            let ending = settle(shared, request, &mut exchange, degraded, &whole);
            let Whole { status, headers, body, lost, .. } = *whole;
            if running.map.cache_mode != CacheMode::Off {
                lock(&shared.stale).keep(&running.map, request, status, &body, clock::now());
            }
            exchange.end(ending);
            let mut reply = Response::new(ReplyBody::Whole(Some(body)));
            *reply.status_mut() = status;
            *reply.headers_mut() = headers;
            routing(degraded || !lost.is_empty(), &lost).mark(reply.headers_mut());
            reply
        }
        Answer::Stream(mut opened) => {
            let lost = std::mem::take(&mut opened.lost);
            tell_losses(shared, request, &lost, &mut exchange);
            let degraded = degraded || !lost.is_empty();
            let mut headers = std::mem::take(&mut opened.headers);
            routing(degraded, &lost).mark(&mut headers);
            let body = StreamBody::new(shared, running, request, exchange, *opened, degraded);
            let mut reply = Response::new(ReplyBody::Stream(Box::new(body), None));
            *reply.headers_mut() = headers;
            reply
        }
    }
}

/// Settles a whole answer with the route that gave it and those who watch; how its exchange ends with it.
pub(crate) fn settle(
    shared: &Shared,
    request: &ProxyRequest,
    exchange: &mut Exchange,
    degraded: bool,
    whole: &Whole,
) -> Ending {
    tell_losses(shared, request, &whole.lost, exchange);
    exchange.succeed();
    Ending::Served {
        outcome: Ended::Answered,
        status: whole.status.as_u16(),
        degraded: degraded || !whole.lost.is_empty(),
        usage: whole.facts.usage,
    }
}

/// What a change of dialect lost is noted with the request, and told to those who watch.
pub(crate) fn tell_losses(shared: &Shared, request: &ProxyRequest, lost: &[String], exchange: &mut Exchange) {
    if lost.is_empty() {
        return;
    }
    exchange.lost(lost.iter().cloned());
    let Some((route, _)) = exchange.served_by() else { return };
    let now = clock::now();
    if lock(&shared.losses).is_news(route, lost, now) {
        let (request_id, route, lost) = (request.id.clone(), route.clone(), lost.to_vec());
        shared.bus.emit(EventKind::AnswerDegraded { request_id, route, lost }, now);
    }
}

/// The all-off switch: an answer at once, and nothing is sent, queued or held.
fn switched_off(shared: &Arc<Shared>, request: &ProxyRequest, why: &str) -> Reply {
    let exchange = Exchange::open(shared, request.view(), request.arrived);
    let message = format!("AI is switched off here ({why}). Nothing was sent or queued.");
    let failure =
        Failure { code: Some("ai_disabled".to_owned()), ..Failure::new(FailureKind::AllOff, message) };
    let mut reply = reply::failure(request.dialect, &failure, &RoutingHeaders::none(&request.id, 0));
    reply.headers_mut().insert(&header_names::SHOULD_RETRY, http::HeaderValue::from_static("false"));
    exchange.end(Ending::unserved(Ended::Refused, reply.status().as_u16()));
    reply
}

/// Waits until the keychain was read once. True when there was something to wait for.
async fn wait_for_keys(shared: &Shared) -> bool {
    let mut ready = shared.keys_ready.subscribe();
    if *ready.borrow() {
        return false;
    }
    tokio::time::timeout(Duration::from_millis(KEYS_PATIENCE_MS), ready.wait_for(|ready| *ready))
        .await
        .is_ok()
}
