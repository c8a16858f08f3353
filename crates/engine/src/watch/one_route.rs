//! A request for one named route alone: a check of it, or a test of a person's.
//!
//! It goes out whatever the route's circuit, its cooldown or the budget of retries say, since it is to find out how the
//! route itself is. In return the fleet hears nothing of how it ended: a check asks for what ordinary traffic does not
//! (faulty requests, images, a prompt as long as the window), so it opens and closes no circuit, condemns no key and is
//! in no trigger's window.

use std::sync::Arc;

use switchyard_domain::map::{Auth, RouteIx};
use switchyard_domain::view::Outcome as Ended;
use switchyard_domain::{Failure, FailureKind, Now};
use switchyard_policy::backoff::{SplitMix64, full_jitter};
use switchyard_policy::network::may_be_the_networks;
use switchyard_policy::{Attempt, KeyChoice, KeyId, Next, Patience, Reason, Source, classify};

use crate::core::Running;
use crate::core::clock;
use crate::core::ids;
use crate::walk::LiveMap;
use crate::walk::Walk;
use crate::walk::exchange::{Ending, Exchange};
use crate::walk::pipeline::commit;
use crate::walk::reply::{self, Reply, RoutingHeaders};
use crate::walk::request::ProxyRequest;
use crate::walk::serve::{Answered, hold, try_on, wait_for_keys};
use crate::watch::network::NetworkMonitor;
use crate::watch::network::look;

/// The route's model was not asked, so nothing is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotAsked(pub(crate) Failure);

/// Asks one route and no other.
///
/// # Errors
/// When it can't be asked (no key, out of service, network down, new work paused), or what failed was the way there, the
/// key or the account.
pub(crate) async fn ask_route(
    network: &NetworkMonitor,
    walk: &Arc<Walk>,
    running: &Arc<LiveMap>,
    request: &Arc<ProxyRequest>,
    ix: RouteIx,
) -> Result<Reply, NotAsked> {
    let mut exchange = Exchange::open(walk, request.view(), request.arrived);
    match try_route(walk, running, request, ix, &mut exchange).await {
        Ok(answered) => Ok(commit(walk, running, request, exchange, answered)),
        Err(Unanswered { failure, attempts: 0 }) => {
            exchange.end_unlogged();
            Err(NotAsked(failure))
        }
        Err(Unanswered { failure, attempts }) => {
            let reply =
                reply::failure(request.dialect, &failure, &RoutingHeaders::none(&request.id, attempts));
            exchange.end(Ending::unserved(Ended::Failed, reply.status().as_u16()));
            if !is_the_routes_own(&failure) {
                return Err(NotAsked(failure));
            }
            if may_be_the_networks(&failure)
                && let Some(offline) = offline(network, walk, running, ix).await
            {
                return Err(NotAsked(offline));
            }
            Ok(reply)
        }
    }
}

/// Looks at this machine's network; why the route can't be reached, where that is so.
pub(crate) async fn offline(
    network: &NetworkMonitor,
    walk: &Walk,
    running: &Running,
    ix: RouteIx,
) -> Option<Failure> {
    if running.map.route(ix).is_local {
        return None;
    }
    look(network).await;
    cut_off(walk, running, ix)
}

fn cut_off(walk: &Walk, running: &Running, ix: RouteIx) -> Option<Failure> {
    let id = &running.map.route(ix).id;
    let sentence = walk.core.with_fleet(|fleet| {
        let is_cut_off = fleet.place(id, ix).is_some_and(|place| fleet.is_cut_off(place));
        is_cut_off.then(|| fleet.network().sentence().unwrap_or_default())
    });
    sentence.flatten().map(|sentence| Failure::new(FailureKind::Offline, sentence))
}

/// Whether a failure speaks of the route's endpoint or model: not of the way there, nor of a key or its account.
fn is_the_routes_own(failure: &Failure) -> bool {
    let verdict = classify(failure);
    match verdict.source {
        Source::Client => true,
        // Of an answer that can't be read its model has been asked.
        Source::Route | Source::Router => verdict.reached_upstream,
        Source::Credential | Source::Account | Source::LocalNetwork => false,
    }
}

struct Unanswered {
    failure: Failure,
    attempts: u32,
}

/// As many tries as a route gets of any request, each key once.
async fn try_route(
    walk: &Arc<Walk>,
    running: &Arc<LiveMap>,
    request: &Arc<ProxyRequest>,
    ix: RouteIx,
    exchange: &mut Exchange,
) -> Result<Answered, Unanswered> {
    wait_for_keys(walk).await;
    let route = running.map.route(ix);
    let tier = running.tier_of(ix);
    exchange.planned(&route.id);
    let deadline_mono_ms = request.arrived.mono_ms.saturating_add(request.job.slo_ms);
    let mut rng = SplitMix64::new(ids::roll());
    let (mut used, mut attempts): (Vec<KeyId>, u32) = (Vec::new(), 0);
    let mut last = None;
    loop {
        let begun = clock::now();
        let key = match may_ask(walk, running, ix, &used, begun) {
            Ok(key) => key,
            Err(failure) => return Err(Unanswered { failure: last.unwrap_or(failure), attempts }),
        };
        let patience = Patience::alone(&route.timeouts, begun, deadline_mono_ms);
        let attempt = Attempt::unjudged(ix, tier, key.clone(), begun, patience);
        let payment = match hold(walk, running, request, &attempt).await {
            Ok(payment) => payment,
            Err(failure) => return Err(Unanswered { failure: last.unwrap_or(failure), attempts }),
        };
        attempts += 1;
        let failure = match try_on(walk, running, request, (attempt.into(), payment), exchange).await {
            Ok(answer) => return Ok(Answered { answer, attempts, degraded: false }),
            Err(failure) => failure,
        };
        exchange.failed(&route.id, &failure);
        let pause_ms = match classify(&failure).next {
            Next::RetryHere => {
                full_jitter(attempts, running.map.retry.initial_ms, running.map.retry.max_ms, &mut rng)
            }
            Next::NextKey => {
                used.extend(key);
                0
            }
            Next::NextRoute | Next::OneOtherRoute | Next::Answer => {
                return Err(Unanswered { failure, attempts });
            }
        };
        let again = clock::now().mono_ms.saturating_add(pause_ms);
        if attempts >= running.map.retry.attempts || again >= deadline_mono_ms {
            return Err(Unanswered { failure, attempts });
        }
        last = Some(failure);
        clock::sleep_until(again).await;
    }
}

/// The key to ask with, or why nothing can be asked.
fn may_ask(
    walk: &Walk,
    running: &Running,
    ix: RouteIx,
    used: &[KeyId],
    now: Now,
) -> Result<Option<KeyId>, Failure> {
    let route = running.map.route(ix);
    let id = &route.id;
    let no_route = |why: String| Failure::new(FailureKind::NoRoute, format!("{id} {why}."));
    if let Some(why) = walk.core.all_off(running) {
        return Err(Failure::new(FailureKind::AllOff, format!("AI is switched off here ({why}).")));
    }
    if let Some(why) = walk.core.holds_all() {
        return Err(why);
    }
    if route.auth == Auth::Passthrough {
        return Err(no_route("takes each caller's own key, and this router has none".to_owned()));
    }
    if let Some(offline) = cut_off(walk, running, ix) {
        return Err(offline);
    }
    let asked = walk.core.with_fleet(|fleet| {
        let place = fleet.place(id, ix).ok_or(Reason::Gone)?;
        match fleet.gate(place, now).map_err(|closed| closed.reason) {
            Ok(())
            | Err(Reason::HeldOpen | Reason::CoolingDown | Reason::CircuitOpen | Reason::TestUnderWay) => {
                Ok(fleet.key_for_check(place, used, now))
            }
            Err(out @ (Reason::Gone | Reason::OffInMap | Reason::SwitchedOff | Reason::Killed)) => Err(out),
        }
    });
    match asked.unwrap_or(Err(Reason::Gone)) {
        Ok(KeyChoice::Key(key)) => Ok(Some(key)),
        Ok(KeyChoice::NotNeeded) => Ok(None),
        Ok(KeyChoice::AllCoolingUntil(_) | KeyChoice::None) => Err(Failure::new(
            FailureKind::CredentialMissing,
            format!("{id} has no key; run `switchyard credential set {}`.", route.provider),
        )),
        Err(Reason::OffInMap) => Err(no_route("is switched off in the map".to_owned())),
        Err(Reason::SwitchedOff) => {
            Err(no_route(format!("is switched off by hand; run `switchyard route on {id}`")))
        }
        Err(Reason::Killed) => {
            Err(no_route("is out of service: its model or provider is switched off by hand".to_owned()))
        }
        Err(
            Reason::Gone
            | Reason::HeldOpen
            | Reason::CoolingDown
            | Reason::CircuitOpen
            | Reason::TestUnderWay,
        ) => Err(no_route("is no longer in the map".to_owned())),
    }
}
