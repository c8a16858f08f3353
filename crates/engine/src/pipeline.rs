//! The walk of a request: admit, plan, drive, answer or park. One page, one direction.

mod holding;
mod one_route;
mod planning;

use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use switchyard_domain::event::What;
use switchyard_domain::map::CacheMode;
use switchyard_domain::view::Outcome as Ended;
use switchyard_domain::{Failure, FailureKind, Operation, Tier};
use switchyard_policy::{Attempt, Drive, Input, Step, classify};
use switchyard_wire::{ErrorReply, count_body};

use crate::clock;
use crate::cold;
use crate::exchange::{Ending, Exchange};
use crate::header_names;
use crate::intake::Ask;
use crate::once::{Outcome as FirstOutcome, Turn};
use crate::reply::{self, Reply, ReplyBody, Way};
use crate::shared::{Running, Shared, lock};
use crate::shed;
use crate::stream_body::StreamBody;
use crate::upstream::{self, Answer, Whole};

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
    Parked(Parked),
}

/// No route could answer in time.
#[derive(Clone, Debug)]
pub(crate) struct Parked {
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

/// Answers a request, one way or another; two with the same key of their caller's get one answer.
pub(crate) async fn respond(shared: &Arc<Shared>, running: &Arc<Running>, ask: Arc<Ask>) -> Reply {
    if let Some(why) = shared.all_off(running) {
        return switched_off(shared, &ask, &why);
    }
    let own_key = ask.idempotency_key.as_deref();
    // No header holds a line feed: what stands for an SDK's repetitions is no caller's key.
    let implied = (own_key.is_none() && ask.is_sdk).then(|| format!("\n{}", ask.mark()));
    let Some(key) = own_key.or(implied.as_deref()) else { return answer(shared, running, &ask).await };
    let deadline = ask.arrived.mono_ms.saturating_add(ask.job.slo_ms);
    let fingerprint = ask.fingerprint();
    loop {
        match shared.once.turn(&ask.client_id, key, fingerprint.clone()) {
            Turn::First(first) => {
                let queued = match own_key {
                    Some(key) => cold::already_queued(shared, running, &ask, key, &fingerprint).await,
                    None => cold::queued_before(shared, running, &ask, &fingerprint).await,
                };
                let reply = match queued {
                    Some(reply) => reply,
                    None => answer(shared, running, &ask).await,
                };
                return first.share(reply);
            }
            // An equal prompt, and not the same request again.
            Turn::Second(_) if own_key.is_none() && !ask.asks_again => {
                return answer(shared, running, &ask).await;
            }
            Turn::Other if own_key.is_none() => return answer(shared, running, &ask).await,
            Turn::Other => return cold::key_reused(&ask),
            Turn::Second(mut waiters) => {
                let outcome = match clock::until(deadline, waiters.wait_for(Option::is_some)).await {
                    Some(Ok(outcome)) => outcome.clone(),
                    // The first one hung up, or its stream broke off.
                    Some(Err(_)) => continue,
                    None => None,
                };
                return match outcome {
                    None => same_key(&ask),
                    // Its SDK lost the stream, or it would not ask again.
                    Some(FirstOutcome::Streamed) if own_key.is_none() => answer(shared, running, &ask).await,
                    Some(FirstOutcome::Streamed) => streamed_elsewhere(&ask),
                    Some(FirstOutcome::Told(told)) => match told.queued_as() {
                        // An app may ask by curl first and then by an SDK, which would take the first one's 202 for
                        // an answer.
                        Some(id) => cold::same_job(shared, running, &ask, id).await,
                        None => told.reply(&ask.id),
                    },
                };
            }
        }
    }
}

fn same_key(ask: &Ask) -> Reply {
    let message =
        "A request with this idempotency key is still being answered. Wait for it, or send another key.";
    conflict(ask, "idempotency_key_in_use", message)
}

/// The answer was bought once and has gone to the first request; asking again must be the caller's decision.
fn streamed_elsewhere(ask: &Ask) -> Reply {
    let message = "The request with this idempotency key was answered as a stream to whoever sent it first, and a \
                   stream is not kept. Send another key to ask again.";
    let mut reply = conflict(ask, "idempotency_key_streamed", message);
    reply.headers_mut().insert(&header_names::SHOULD_RETRY, http::HeaderValue::from_static("false"));
    reply
}

fn conflict(ask: &Ask, code: &str, message: &str) -> Reply {
    reply::error(
        ask.dialect,
        &ErrorReply {
            status: 409,
            kind: "conflict_error".to_owned(),
            code: Some(code.to_owned()),
            message: message.to_owned(),
            param: None,
            request_id: Some(ask.id.as_str().to_owned()),
        },
    )
}

async fn answer(shared: &Arc<Shared>, running: &Arc<Running>, ask: &Arc<Ask>) -> Reply {
    let mut exchange = Exchange::open(shared, ask.view(), ask.arrived);
    if ask.operation == Operation::CountTokens {
        return count(shared, running, ask, exchange).await;
    }
    shed::came(shared, ask, &mut exchange);
    if shared.is_paused() {
        let reason = crate::shared::lock(&shared.pause).reason.clone();
        let why = reason
            .map_or_else(|| "New work is paused.".to_owned(), |why| format!("New work is paused: {why}."));
        let parked = Parked {
            attempts: 0,
            reached_upstream: false,
            why: Failure::new(FailureKind::Paused, why),
            again_in_ms: 60_000,
        };
        return Box::pin(cold::park(shared, running, ask, exchange, parked)).await;
    }
    if let Some(parked) = shed::gives_way(shared, running, ask) {
        return Box::pin(cold::park(shared, running, ask, exchange, parked)).await;
    }
    match serve(shared, running, ask, &mut exchange).await {
        Served::Answered(answered) => commit(shared, running, ask, exchange, *answered),
        Served::Refused { failure, attempts } => {
            let reply = reply::failure(ask.dialect, &failure, &Way::none(&ask.id, attempts));
            exchange.end(Ending::unserved(Ended::Refused, reply.status().as_u16()));
            reply
        }
        Served::Parked(parked) => match stale(shared, running, ask, &parked) {
            Some((reply, lost)) => {
                exchange.lost([lost]);
                exchange.end(Ending::Unserved { outcome: Ended::Answered, status: 200, degraded: true });
                reply
            }
            None => Box::pin(cold::park(shared, running, ask, exchange, parked)).await,
        },
    }
}

/// An answer the same request had a while ago, where the map says that this is better than none.
fn stale(shared: &Shared, running: &Running, ask: &Ask, parked: &Parked) -> Option<(Reply, String)> {
    // A route that may still be called is no reason to answer with something old.
    let all_out = {
        let standing = &lock(&shared.standpoint).standing;
        standing.tier == Tier::Cold && standing.route.is_none()
    };
    lock(&shared.stale).reply(&running.map, ask, parked.why.kind, parked.attempts, all_out, clock::now())
}

/// A prompt's length is asked of a route that counts; where none does, it is estimated here, whatever its routes say
/// against being asked. Counting costs nothing, so no pause holds it, and it is never queued.
async fn count(
    shared: &Arc<Shared>,
    running: &Arc<Running>,
    ask: &Arc<Ask>,
    mut exchange: Exchange,
) -> Reply {
    match serve(shared, running, ask, &mut exchange).await {
        Served::Answered(answered) => commit(shared, running, ask, exchange, *answered),
        Served::Refused { failure, attempts } if attempts > 0 && is_of_the_prompt(&failure) => {
            let reply = reply::failure(ask.dialect, &failure, &Way::none(&ask.id, attempts));
            exchange.end(Ending::unserved(Ended::Refused, reply.status().as_u16()));
            reply
        }
        Served::Refused { attempts, .. } | Served::Parked(Parked { attempts, .. }) => {
            let lost = ["token_count_estimated messages".to_owned()];
            let mut reply =
                reply::json(StatusCode::OK, count_body(ask.dialect, ask.envelope.estimated_prompt_tokens()));
            let way = Way { degraded: true, lost: &lost, ..Way::none(&ask.id, attempts) };
            way.mark(reply.headers_mut());
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
    ask: &Arc<Ask>,
    exchange: &mut Exchange,
) -> Served {
    tokio::select! {
        biased;
        served = Box::pin(serve_at_last(shared, running, ask, exchange)) => return served,
        () = shared.grace_over.cancelled() => {}
    }
    exchange.abort();
    Served::Parked(Parked {
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
    ask: &Arc<Ask>,
    exchange: &mut Exchange,
) -> Served {
    loop {
        let mut served = walk(shared, running, ask, exchange).await;
        if !holding::may_go_on(shared, running, ask, &mut served).await {
            return served;
        }
    }
}

/// Drives a request over its plan until a route answers or none can.
async fn walk(
    shared: &Arc<Shared>,
    running: &Arc<Running>,
    ask: &Arc<Ask>,
    exchange: &mut Exchange,
) -> Served {
    let mut planned = decide(shared, running, ask);
    if planned.as_ref().is_some_and(|(_, plan)| lacks_keys(plan)) && wait_for_keys(shared).await {
        planned = decide(shared, running, ask);
    }
    let Some((roll, mut plan)) = planned else { return Served::Parked(no_map()) };
    let first_choice = plan.candidates.first().map(|candidate| candidate.route);
    first_choice.inspect(|first| exchange.planned(&running.map.route(*first).id));
    let none = plan.candidates.is_empty().then(|| nothing_to_try(running, &plan));
    if let Some(failure) = none.as_ref().filter(|_| is_for_no_route(&plan)) {
        return Served::Refused { failure: failure.clone(), attempts: 0 };
    }
    let unread = ask.resume.as_ref().and_then(|resume| resume.unread.clone());
    if unread.is_some() {
        plan.candidates.retain(|candidate| !ask.avoid.contains(&candidate.route));
    }
    let mut drive = Drive::new(&running.map, &ask.job, plan, roll, ask.arrived);
    if let Some(failure) = unread {
        drive.came_unreadable(failure);
    }
    let mut input = Input::Begin;
    let mut reached_upstream = false;
    loop {
        let now = clock::now();
        let step = shared.change(now, |fleet| drive.step(fleet, &running.map, input, now));
        let Some(step) = step else { return Served::Parked(no_map()) };
        match step {
            Step::Try(attempt) => {
                let (route, tier) = (attempt.route, attempt.tier);
                match try_on(shared, running, ask, attempt, exchange).await {
                    Ok(answer) => {
                        let degraded = tier != Tier::Hot || first_choice != Some(route);
                        let answered = Answered { answer, attempts: drive.attempts(), degraded };
                        return Served::Answered(Box::new(answered));
                    }
                    Err(failure) => {
                        reached_upstream |= classify(&failure).reached_upstream;
                        let id = &running.map.route(route).id;
                        tracing::debug!(request = %ask.id, route = %id, kind = failure.kind.as_str(), "try failed");
                        let Some(attempt) = exchange.failed(id, &failure) else {
                            return Served::Parked(no_map());
                        };
                        input = Input::Failed { attempt, failure };
                    }
                }
            }
            Step::Wait { until_mono_ms } => {
                clock::sleep_until(until_mono_ms).await;
                input = Input::Woke;
            }
            Step::Answer(failure) => return Served::Refused { failure, attempts: drive.attempts() },
            Step::Park => {
                let unknown = || Failure::new(FailureKind::NoRoute, "No route could answer in time.");
                let why = drive.last_failure().cloned().or(none).unwrap_or_else(unknown);
                // What the tries closed decides when trying again makes sense.
                let again_in_ms =
                    decide(shared, running, ask).map_or(AGAIN_MS, |(_, plan)| again_in_ms(&plan));
                return Served::Parked(Parked {
                    attempts: drive.attempts(),
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
    ask: &Arc<Ask>,
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
    let mut answer = upstream::send(upstream, route, key?, ask, &patience).await?;
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
    ask: &Arc<Ask>,
    mut exchange: Exchange,
    answered: Answered,
) -> Reply {
    let Answered { answer, attempts, degraded } = answered;
    let (route, tier) = exchange.served_by().cloned().unzip();
    let asked = ask.envelope.model.as_str();
    let unknown_model = (!running.map.knows_model(&ask.client, asked)).then_some(asked);
    let way = |degraded, lost| Way {
        id: &ask.id,
        route: route.as_ref(),
        tier,
        attempts,
        degraded,
        lost,
        unknown_model,
    };
    match answer {
        Answer::Whole(whole) => {
            let ending = settle(shared, ask, &mut exchange, degraded, &whole);
            let Whole { status, headers, body, lost, .. } = *whole;
            if running.map.cache_mode != CacheMode::Off {
                lock(&shared.stale).keep(&running.map, ask, status, &body, clock::now());
            }
            exchange.end(ending);
            let mut reply = Response::new(ReplyBody::Whole(Some(body)));
            *reply.status_mut() = status;
            *reply.headers_mut() = headers;
            way(degraded || !lost.is_empty(), &lost).mark(reply.headers_mut());
            reply
        }
        Answer::Stream(mut opened) => {
            let lost = std::mem::take(&mut opened.lost);
            tell_losses(shared, ask, &lost, &mut exchange);
            let degraded = degraded || !lost.is_empty();
            let mut headers = std::mem::take(&mut opened.headers);
            way(degraded, &lost).mark(&mut headers);
            let body = StreamBody::new(shared, running, ask, exchange, *opened, degraded);
            let mut reply = Response::new(ReplyBody::Stream(Box::new(body), None));
            *reply.headers_mut() = headers;
            reply
        }
    }
}

/// Settles a whole answer with the route that gave it and those who watch; how its exchange ends with it.
pub(crate) fn settle(
    shared: &Shared,
    ask: &Ask,
    exchange: &mut Exchange,
    degraded: bool,
    whole: &Whole,
) -> Ending {
    tell_losses(shared, ask, &whole.lost, exchange);
    exchange.succeed();
    Ending::Served {
        outcome: Ended::Answered,
        status: whole.status.as_u16(),
        degraded: degraded || !whole.lost.is_empty(),
        usage: whole.facts.usage,
    }
}

/// What a change of dialect lost is noted with the request, and told to those who watch.
pub(crate) fn tell_losses(shared: &Shared, ask: &Ask, lost: &[String], exchange: &mut Exchange) {
    if lost.is_empty() {
        return;
    }
    exchange.lost(lost.iter().cloned());
    let Some((route, _)) = exchange.served_by() else { return };
    let now = clock::now();
    if lock(&shared.losses).is_news(route, lost, now) {
        let (request_id, route, lost) = (ask.id.clone(), route.clone(), lost.to_vec());
        shared.bus.emit(What::AnswerDegraded { request_id, route, lost }, now);
    }
}

/// The all-off switch: an answer at once, and nothing is sent, queued or held.
fn switched_off(shared: &Arc<Shared>, ask: &Ask, why: &str) -> Reply {
    let exchange = Exchange::open(shared, ask.view(), ask.arrived);
    let message = format!("AI is switched off here ({why}). Nothing was sent or queued.");
    let failure =
        Failure { code: Some("ai_disabled".to_owned()), ..Failure::new(FailureKind::AllOff, message) };
    let mut reply = reply::failure(ask.dialect, &failure, &Way::none(&ask.id, 0));
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
