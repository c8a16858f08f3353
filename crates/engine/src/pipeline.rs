//! The walk of a request: admit, plan, drive, answer or park. One page, one direction.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{Response, StatusCode, header};
use switchyard_domain::event::What;
use switchyard_domain::map::RouteIx;
use switchyard_domain::view::Outcome as Ended;
use switchyard_domain::{Failure, FailureKind, Feature, FeatureSet, Now, Operation, RouteId, Tier};
use switchyard_policy::plan::line_of;
use switchyard_policy::{Drive, Input, KeyId, Needs, Out, Outcome, Plan, Step, classify, plan};
use switchyard_wire::{ErrorReply, count_body};

use crate::clock;
use crate::cold;
use crate::intake::Ask;
use crate::once::Turn;
use crate::record::{Ending, Record};
use crate::relay::{Course, Relay};
use crate::reply::{self, Reply, ReplyBody, Way};
use crate::shared::{Lease, Running, Shared, lock};
use crate::upstream::{self, Answer, Limits, Whole};

/// Where nothing says when a route comes back, callers are asked to wait this long, milliseconds.
const AGAIN_MS: u64 = 30_000;
/// How long the first requests after a start wait for the keychain, milliseconds.
const KEYS_PATIENCE_MS: u64 = 3_000;

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

/// A route's answer, not yet on its way.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) route: RouteIx,
    pub(crate) tier: Tier,
    pub(crate) attempts: u32,
    pub(crate) degraded: bool,
    pub(crate) lease: Lease,
    pub(crate) begun: Now,
}

/// Answers a request, one way or another; two with the same key of their caller's get one answer.
pub(crate) async fn respond(shared: &Arc<Shared>, running: &Arc<Running>, ask: Arc<Ask>) -> Reply {
    let Some(key) = ask.idempotency_key.as_deref() else { return answer(shared, running, &ask).await };
    let deadline = ask.arrived.mono_ms.saturating_add(ask.job.slo_ms);
    loop {
        match shared.once.turn(&ask.client, key) {
            Turn::First(first) => {
                let reply = match cold::already_queued(shared, &ask, key).await {
                    Some(reply) => reply,
                    None => answer(shared, running, &ask).await,
                };
                return first.share(reply);
            }
            Turn::Second(mut waiters) => {
                let told = match clock::until(deadline, waiters.wait_for(Option::is_some)).await {
                    Some(Ok(told)) => told.clone(),
                    // The first one hung up, or was a stream that has ended.
                    Some(Err(_)) => continue,
                    None => None,
                };
                return told.map_or_else(|| same_key(&ask), |told| told.reply(&ask.id));
            }
        }
    }
}

fn same_key(ask: &Ask) -> Reply {
    let message =
        "A request with this idempotency key is still being answered. Wait for it, or send another key.";
    reply::error(
        ask.dialect,
        &ErrorReply {
            status: 409,
            kind: "conflict_error".to_owned(),
            code: Some("idempotency_key_in_use".to_owned()),
            message: message.to_owned(),
            param: None,
            request_id: Some(ask.id.as_str().to_owned()),
        },
    )
}

async fn answer(shared: &Arc<Shared>, running: &Arc<Running>, ask: &Arc<Ask>) -> Reply {
    let mut record = Record::open(shared, ask.view(), ask.arrived);
    if shared.in_flight.load(Ordering::Relaxed) > u64::from(running.map.limits.max_in_flight) {
        return busy(running, ask, record);
    }
    if ask.operation == Operation::CountTokens {
        return count(shared, running, ask, record).await;
    }
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
        return cold::park(shared, running, ask, record, parked).await;
    }
    match serve(shared, running, ask, &mut record).await {
        Served::Answered(answered) => commit(shared, running, ask, record, *answered),
        Served::Refused { failure, attempts } => {
            let reply = reply::failure(ask.dialect, &failure, &Way::none(&ask.id, attempts));
            record.end(Ending::without_route(Ended::Refused, reply.status().as_u16()));
            reply
        }
        Served::Parked(parked) => cold::park(shared, running, ask, record, parked).await,
    }
}

/// A prompt's length is asked of a route that counts; where none does, it is estimated here. Counting costs nothing, so
/// no pause holds it, and it is never queued.
async fn count(shared: &Arc<Shared>, running: &Arc<Running>, ask: &Arc<Ask>, mut record: Record) -> Reply {
    match serve(shared, running, ask, &mut record).await {
        Served::Answered(answered) => commit(shared, running, ask, record, *answered),
        Served::Refused { failure, attempts } if attempts > 0 => {
            let reply = reply::failure(ask.dialect, &failure, &Way::none(&ask.id, attempts));
            record.end(Ending::without_route(Ended::Refused, reply.status().as_u16()));
            reply
        }
        Served::Refused { attempts, .. } | Served::Parked(Parked { attempts, .. }) => {
            let lost = ["token_count_estimated messages".to_owned()];
            let mut reply = reply::json(StatusCode::OK, count_body(ask.envelope.estimated_prompt_tokens()));
            let way = Way { degraded: true, lost: &lost, ..Way::none(&ask.id, attempts) };
            way.mark(reply.headers_mut());
            record.lost(lost);
            let ending = Ending::without_route(Ended::Answered, 200);
            record.end(Ending { degraded: true, ..ending });
            reply
        }
    }
}

/// Drives a request over its plan until a route answers or none can.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    running: &Arc<Running>,
    ask: &Arc<Ask>,
    record: &mut Record,
) -> Served {
    let mut planned = decide(shared, running, ask);
    if planned.as_ref().is_some_and(|(_, plan)| lacks_keys(plan)) && wait_for_keys(shared).await {
        planned = decide(shared, running, ask);
    }
    let Some((roll, plan)) = planned else { return Served::Parked(no_map()) };
    let first_choice = plan.candidates.first().map(|candidate| candidate.route);
    let none = plan.candidates.is_empty().then(|| nothing_to_try(running, &plan));
    if let Some(failure) = none.as_ref().filter(|_| is_for_no_route(&plan)) {
        return Served::Refused { failure: failure.clone(), attempts: 0 };
    }
    let mut drive = Drive::new(&running.map, &ask.job, plan, roll, ask.arrived);
    let mut input = Input::Begin;
    let mut reached_upstream = false;
    loop {
        let now = clock::now();
        let step = shared.with_fleet(|fleet| drive.step(fleet, &running.map, input, now));
        let Some((step, changes)) = step else { return Served::Parked(no_map()) };
        shared.tell(changes, now);
        match step {
            Step::Try { route, tier, key, permit, deadline_mono_ms, .. } => {
                let mut lease = Lease::new(shared, permit);
                let limits = Limits { begun: now, deadline_mono_ms };
                match attempt(shared, running, ask, route, key, limits).await {
                    Ok(answer) => {
                        drive.committed();
                        record.attempt(&running.map.route(route).id, tier, now, clock::now(), None);
                        let degraded = tier != Tier::Hot || first_choice != Some(route);
                        let attempts = drive.attempts();
                        let answered =
                            Answered { answer, route, tier, attempts, degraded, lease, begun: now };
                        return Served::Answered(Box::new(answered));
                    }
                    Err(failure) => {
                        reached_upstream |= classify(&failure).reached_upstream;
                        let id = &running.map.route(route).id;
                        tracing::debug!(request = %ask.id, route = %id, kind = failure.kind.as_str(), "try failed");
                        record.attempt(id, tier, now, clock::now(), Some(failure.clone()));
                        let Some(permit) = lease.take() else { return Served::Parked(no_map()) };
                        input = Input::Failed { permit, failure };
                    }
                }
            }
            Step::Wait { until_mono_ms } => {
                clock::sleep_until(until_mono_ms).await;
                input = Input::Woke;
            }
            Step::Answer(failure) => return Served::Refused { failure, attempts: drive.attempts() },
            Step::Park | Step::Done => {
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

/// The model asked for. Vectors come from one model alone: a job named instead, or `auto`, means its first route's.
fn asked_model(running: &Running, ask: &Ask) -> String {
    let named = &ask.envelope.model;
    if ask.operation == Operation::Embed && (named == "auto" || named.starts_with("switchyard/")) {
        let line = line_of(&running.map, &ask.job);
        let embeds = |ix: &&RouteIx| {
            let route = running.map.route(**ix);
            route.enabled && route.dialect_for(ask.dialect).offers(Operation::Embed)
        };
        if let Some(first) = line.hot.iter().chain(&line.warm).find(embeds) {
            return running.map.route(*first).model.clone();
        }
    }
    named.clone()
}

/// What no translation carries: it works only on routes that speak the caller's own dialect.
pub(crate) const BOUND: FeatureSet =
    FeatureSet::of(&[Feature::Audio, Feature::Choices, Feature::Logprobs, Feature::State]);

fn decide(shared: &Arc<Shared>, running: &Running, ask: &Ask) -> Option<(u64, Plan)> {
    let needs = Needs {
        model: asked_model(running, ask),
        dialect: ask.dialect,
        operation: ask.operation,
        features: ask.envelope.features,
        bound: BOUND,
        tokens: ask.envelope.estimated_prompt_tokens(),
        passthrough_key: ask.own_key.is_some(),
        avoid: ask.avoid.clone(),
        only: ask.only,
        client: ask.client.to_string(),
        conversation: None,
    };
    let roll = crate::ids::roll();
    shared.with_fleet(|fleet| (roll, plan(&running.map, &ask.job, fleet, &needs, roll, clock::now())))
}

async fn attempt(
    shared: &Arc<Shared>,
    running: &Running,
    ask: &Arc<Ask>,
    route: RouteIx,
    key: Option<KeyId>,
    limits: Limits,
) -> Result<Answer, Failure> {
    let (upstream, route) = (running.upstream(route), running.map.route(route));
    let key = match key {
        None => None,
        Some(id) => Some(shared.vault.key(&id).ok_or_else(|| {
            Failure::new(
                FailureKind::CredentialMissing,
                format!("The key {id} for {} is gone.", route.provider),
            )
        })?),
    };
    upstream::send(upstream, route, key, ask, limits).await
}

/// The commit point: from here on the caller sees this answer and no other.
fn commit(
    shared: &Arc<Shared>,
    running: &Arc<Running>,
    ask: &Arc<Ask>,
    mut record: Record,
    answered: Answered,
) -> Reply {
    let Answered { answer, route, tier, attempts, degraded, lease, begun } = answered;
    let id = &running.map.route(route).id;
    match answer {
        Answer::Whole(whole) => {
            let Whole { status, headers, body, facts, lost } = *whole;
            tell_losses(shared, ask, id, &lost, &mut record);
            let degraded = degraded || !lost.is_empty();
            let duration_ms = clock::span_ms(begun, clock::now());
            lease.report(Outcome::Succeeded { duration_ms, first_token_ms: None });
            record.end(Ending {
                outcome: Ended::Answered,
                status: status.as_u16(),
                route: Some((id.clone(), tier)),
                degraded,
                first_token_ms: None,
                usage: facts.usage,
            });
            let mut reply = Response::new(ReplyBody::Whole(Some(body)));
            *reply.status_mut() = status;
            *reply.headers_mut() = headers;
            let way = Way { id: &ask.id, route: Some(id), tier: Some(tier), attempts, degraded, lost: &lost };
            way.mark(reply.headers_mut());
            reply
        }
        Answer::Stream(mut opened) => {
            let lost = std::mem::take(&mut opened.lost);
            tell_losses(shared, ask, id, &lost, &mut record);
            let degraded = degraded || !lost.is_empty();
            let mut headers = std::mem::take(&mut opened.headers);
            let way = Way { id: &ask.id, route: Some(id), tier: Some(tier), attempts, degraded, lost: &lost };
            way.mark(&mut headers);
            let course = Course {
                shared: Arc::clone(shared),
                running: Arc::clone(running),
                ask: Arc::clone(ask),
                route,
                tier,
                degraded,
                lease,
                record,
                begun,
            };
            let mut reply = Response::new(ReplyBody::Stream(Box::new(Relay::new(*opened, course)), None));
            *reply.headers_mut() = headers;
            reply
        }
    }
}

/// What a change of dialect lost is noted with the request, and told to those who watch.
pub(crate) fn tell_losses(shared: &Shared, ask: &Ask, route: &RouteId, lost: &[String], record: &mut Record) {
    if lost.is_empty() {
        return;
    }
    record.lost(lost.iter().cloned());
    let now = clock::now();
    if lock(&shared.losses).is_news(route, lost, now) {
        let (request_id, route, lost) = (ask.id.clone(), route.clone(), lost.to_vec());
        shared.bus.emit(What::AnswerDegraded { request_id, route, lost }, now);
    }
}

fn busy(running: &Running, ask: &Ask, record: Record) -> Reply {
    let most = running.map.limits.max_in_flight;
    let mut reply = reply::error(
        ask.dialect,
        &ErrorReply {
            status: 429,
            kind: "rate_limit_error".to_owned(),
            code: Some("too_many_in_flight".to_owned()),
            message: format!(
                "{most} requests are under way already. Try again, or raise `limits.maxInFlight` in the map."
            ),
            param: None,
            request_id: Some(ask.id.as_str().to_owned()),
        },
    );
    reply.headers_mut().insert(header::RETRY_AFTER, http::HeaderValue::from_static("1"));
    record.end(Ending::without_route(Ended::Refused, 429));
    reply
}

fn lacks_keys(plan: &Plan) -> bool {
    plan.excluded.iter().any(|excluded| excluded.why == Out::NoCredential)
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

/// When the first excluded route comes back by itself.
fn again_in_ms(plan: &Plan) -> u64 {
    let now = clock::now().mono_ms;
    let soonest = plan.excluded.iter().filter_map(|excluded| excluded.why.until_mono_ms()).min();
    soonest.map_or(AGAIN_MS, |until| until.saturating_sub(now).clamp(1_000, 300_000))
}

fn no_map() -> Parked {
    Parked {
        attempts: 0,
        reached_upstream: false,
        why: Failure::new(FailureKind::NoRoute, "No routing map is applied."),
        again_in_ms: 60_000,
    }
}

/// Whether the request itself, not the routes' state, leaves nothing to try: waiting would not help.
fn is_for_no_route(plan: &Plan) -> bool {
    !plan.excluded.is_empty() && plan.excluded.iter().all(|excluded| excluded.why.is_for_the_request())
}

/// Why a plan has no candidate, in words that name the fix.
fn nothing_to_try(running: &Running, plan: &Plan) -> Failure {
    let mut reasons: Vec<String> = Vec::new();
    let mut only_keys = !plan.excluded.is_empty();
    for excluded in &plan.excluded {
        let route = running.map.route(excluded.route);
        only_keys &= excluded.why == Out::NoCredential;
        let why = match excluded.why {
            Out::SwitchedOff => "switched off".to_owned(),
            Out::OffInMap => "switched off in the map".to_owned(),
            Out::Gone => "no longer in the map".to_owned(),
            Out::WarmDisabled => "Warm is switched off (flags.enable_warm_fallback)".to_owned(),
            Out::CircuitOpen { .. } => "circuit open".to_owned(),
            Out::TestUnderWay => "being tested".to_owned(),
            Out::CoolingDown { .. } => "asked to be left alone for a while".to_owned(),
            Out::NoCredential => format!("no usable key; run `switchyard credential set {}`", route.provider),
            Out::NeedsCallersKey => "needs the caller's own key beside x-switchyard-key".to_owned(),
            Out::Lacks(feature) => format!("can't do {}", feature.words()),
            Out::NoOperation(operation) => format!("has no {}", operation.words()),
            Out::OtherModel => format!("serves {}, and vectors of two models can't be compared", route.model),
            Out::WindowTooSmall { window } => format!("takes {window} tokens at most"),
            Out::NotChecked => format!("waits for its check; run `switchyard compat {}`", route.id),
            Out::NotMeant => "not meant".to_owned(),
            Out::Killed => "switched off by hand".to_owned(),
            Out::HeldOpen => "its breaker is held open by hand".to_owned(),
            Out::Excepted => format!("{} is left out for now", route.provider),
            Out::OutOfBounds => format!("this app's requests may not reach {}", route.provider),
            Out::Offline => "this machine's network is down".to_owned(),
        };
        reasons.push(format!("{}: {why}", route.id));
    }
    let too_long =
        |excluded: &switchyard_policy::Excluded| matches!(excluded.why, Out::WindowTooSmall { .. });
    let kind = if only_keys {
        FailureKind::CredentialMissing
    } else if is_for_no_route(plan) && plan.excluded.iter().any(too_long) {
        FailureKind::ContextLength
    } else if is_for_no_route(plan) {
        FailureKind::NotTranslatable
    } else {
        FailureKind::NoRoute
    };
    Failure {
        code: Some("no_route".to_owned()),
        ..Failure::new(kind, format!("No route can serve this. {}.", reasons.join("; ")))
    }
}
