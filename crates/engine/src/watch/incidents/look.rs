//! How a provider stands at this moment, and the incidents that an event begins: read off the fleet.

use std::collections::BTreeMap;

use switchyard_domain::event::{Event, EventKind};
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::operate::{ShiftPhase, Target, TriggerKind};
use switchyard_domain::view::CircuitState;
use switchyard_domain::{Now, RouteId, Tier};
use switchyard_policy::{Fleet, KeyChoice, Reason};

use super::case::Condition;
use super::events::{Opening, opening_of};
use crate::core::clock;
use crate::core::{Core, Running};

/// What happens now happens within this time, milliseconds.
const JUST_NOW_MS: u64 = 1_000;
/// A provider that was called within this time is in use, milliseconds.
const OF_LATE_MS: u64 = 60_000;

/// The incidents an event begins. A change to a later tier is blamed on the providers of the tier that was left, as far
/// as they can't be used.
pub(super) fn openings(core: &Core, running: &Running, event: &Event) -> Vec<Opening> {
    if let EventKind::TierChanged { from, to, cause, .. } = &event.what
        && to > from
    {
        let now = clock::now();
        let blocked = core.with_fleet(|fleet| blocked_in(fleet, &running.map, *from, now));
        let opening = |provider| Opening::of_tier(provider, cause.as_deref(), event.at_ms);
        return blocked.unwrap_or_default().into_iter().map(opening).collect();
    }
    if let EventKind::TriggerFired { kind, provider, .. } = &event.what
        && looks_back(*kind)
        && core.with_fleet(|fleet| answers_now(fleet, &running.map, provider, OF_LATE_MS, clock::now()))
            == Some(true)
    {
        return Vec::new();
    }
    opening_of(event, &running.map).into_iter().collect()
}

/// Whether a trigger goes by the calls of a window: it fires, and stays fired, for failures that may be over by now.
const fn looks_back(kind: TriggerKind) -> bool {
    match kind {
        TriggerKind::ServerErrors | TriggerKind::RateLimited | TriggerKind::Errors => true,
        TriggerKind::Slow | TriggerKind::Probes | TriggerKind::Quality | TriggerKind::Manual => false,
    }
}

/// Whether a provider was called of late, and just now nothing failed.
fn answers_now(fleet: &Fleet, map: &RoutingMap, provider: &str, of_late_ms: u64, now: Now) -> bool {
    let routes: Vec<&RouteId> =
        map.routes.iter().filter(|route| route.provider == provider).map(|route| &route.id).collect();
    let watch = fleet.watch();
    watch.seen(&routes, of_late_ms, now).calls > 0 && watch.seen(&routes, JUST_NOW_MS, now).failed == 0
}

/// The providers of a tier none of whose routes there can be used, for reasons of their own.
fn blocked_in(fleet: &Fleet, map: &RoutingMap, tier: Tier, now: Now) -> Vec<String> {
    let mut providers: BTreeMap<&str, bool> = BTreeMap::new();
    for ix in map.line.tier(tier).iter().filter(|ix| map.route(**ix).enabled) {
        let blocked = providers.entry(map.route(*ix).provider.as_str()).or_insert(true);
        *blocked &= is_blocked(fleet, *ix, now);
    }
    providers.into_iter().filter(|(_, blocked)| *blocked).map(|(name, _)| name.to_owned()).collect()
}

/// Whether a route can't be used for a reason of its provider's: not a kill switch, not this machine's network.
fn is_blocked(fleet: &Fleet, ix: RouteIx, now: Now) -> bool {
    match fleet.gate(ix, now) {
        Err(closed) => match closed.reason {
            Reason::CoolingDown | Reason::CircuitOpen | Reason::TestUnderWay => true,
            Reason::Gone | Reason::OffInMap | Reason::SwitchedOff | Reason::Killed | Reason::HeldOpen => {
                false
            }
        },
        Ok(()) => match fleet.key_state(ix, now) {
            KeyChoice::AllCoolingUntil(_) => true,
            KeyChoice::None => fleet.has_keys(ix),
            KeyChoice::Key(_) | KeyChoice::NotNeeded => false,
        },
    }
}

/// How a provider stands.
pub(super) fn condition(
    fleet: &Fleet,
    map: &RoutingMap,
    provider: &str,
    calm_ms: u64,
    now: Now,
) -> Condition {
    let fired = fleet.watch().fired();
    let mut fired = fired.iter().filter(|trigger| trigger.provider == provider).peekable();
    let own = || {
        let routes = map.routes.iter().enumerate();
        routes.filter(|(_, route)| route.provider == provider && route.enabled).map(|(ix, _)| RouteIx(ix))
    };
    // A breaker held open by hand says nothing of its provider.
    let held = |ix: RouteIx| fleet.gate(ix, now).is_err_and(|closed| closed.reason == Reason::HeldOpen);
    let closed = |ix: RouteIx| fleet.circuit(ix) == CircuitState::Closed || held(ix);
    let any = own().next().is_some();
    Condition {
        circuit_open: own().any(|ix| !closed(ix)),
        is_down: any && own().all(|ix| !closed(ix)),
        // Its weight stays lowered for as long as the window remembers; the trouble itself is over before.
        triggered: fired.peek().is_some()
            && !(fired.all(|trigger| looks_back(trigger.kind))
                && answers_now(fleet, map, provider, calm_ms, now)),
        shifted: fleet
            .shifts()
            .view(now)
            .iter()
            .any(|shift| shift.phase != ShiftPhase::Home && is_of(&shift.from, provider, map)),
        blocked: any && own().all(|ix| is_blocked(fleet, ix, now)),
    }
}

/// Whether traffic that leaves a part of the map leaves a provider.
fn is_of(target: &Target, provider: &str, map: &RoutingMap) -> bool {
    match target {
        Target::Provider(name) => name == provider,
        Target::Route(id) => map.find(id.as_str()).is_some_and(|ix| map.route(ix).provider == provider),
        Target::Model(name) => {
            map.routes.iter().any(|route| route.provider == provider && route.serves(name))
        }
        Target::Tier(tier) => map.line.tier(*tier).iter().any(|ix| map.route(*ix).provider == provider),
        Target::Rest => false,
    }
}
