//! Which routes may serve a request, in which order, and why each of the others may not.
//!
//! Pure: the running router, "what if" in the map editor and `switchyard explain` ask the same function.

mod split_key;
mod steer;
mod weigh;

use std::borrow::Cow;

use switchyard_domain::map::{Auth, Job, Line, Route, RouteIx, RoutingMap};
use switchyard_domain::view::CircuitState;
use switchyard_domain::{Dialect, Feature, FeatureSet, Now, Operation, Tier};

use crate::breaker::App;
use crate::fleet::{Check, Fleet, KeyChoice, Known, Reason};
use crate::overrides;
use split_key::SplitKey;

/// What a request asks of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The model the caller named: a preference.
    pub model: String,
    /// The caller's dialect.
    pub dialect: Dialect,
    /// What it asks the endpoint to do.
    pub operation: Operation,
    /// What it asks for besides plain text.
    pub features: FeatureSet,
    /// Which of these are lost when the dialect changes, however well it is translated.
    pub bound: FeatureSet,
    /// Tokens the prompt and its answer need at least, estimated low.
    pub tokens: u64,
    /// Whether it brought its own upstream key, for routes marked `auth: passthrough`.
    pub passthrough_key: bool,
    /// Routes asked last: a stream that broke off there is continued elsewhere if it can be.
    pub avoid: Vec<RouteIx>,
    /// The app that asks, by the name of its local key.
    pub client: String,
    /// What its conversation is dealt by where traffic is split, if it sticks to a route; else each request is dealt
    /// anew.
    pub conversation: Option<u64>,
}

impl Needs {
    /// A completion for `model`, in plain text.
    #[must_use]
    pub fn plain(model: impl Into<String>, dialect: Dialect) -> Self {
        Self {
            model: model.into(),
            dialect,
            operation: Operation::Complete,
            features: FeatureSet::NONE,
            bound: FeatureSet::NONE,
            tokens: 0,
            passthrough_key: false,
            avoid: Vec::new(),
            client: String::new(),
            conversation: None,
        }
    }
}

/// A route that may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The route.
    pub route: RouteIx,
    /// Its tier.
    pub tier: Tier,
    /// Why it stands where it stands.
    pub why: Inclusion,
}

/// Why a candidate stands where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inclusion {
    /// It serves the model that was asked for.
    AsksForIt,
    /// Its tier splits by weight, and the dice fell so.
    Weighted,
    /// The map's order.
    MapOrder,
    /// Its circuit is not closed; this would be the test call, in the place it has anyway.
    TestCall,
    /// Traffic was moved away from it; this is the one call now and then that shows how it is.
    Trial,
    /// A shift put it here.
    Shifted,
    /// An override put it here.
    Ordered,
}

/// A route that may not be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// The route.
    pub route: RouteIx,
    /// Its tier.
    pub tier: Tier,
    /// Why not.
    pub why: Exclusion,
}

/// Why a route may not be tried. Times are readings of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exclusion {
    /// The kill switch is thrown.
    SwitchedOff,
    /// `"enabled": false` in the map.
    OffInMap,
    /// The running map no longer has it.
    Gone,
    /// `flags.enable_warm_fallback` is off.
    WarmDisabled,
    /// Its circuit is open.
    CircuitOpen {
        /// When a test call may go.
        until_mono_ms: u64,
    },
    /// Its circuit is half open and the one test call is under way.
    TestUnderWay,
    /// It asked to be left alone, or every key of it did.
    CoolingDown {
        /// When it may be called again.
        until_mono_ms: u64,
    },
    /// It has no key, or none that is accepted.
    NoCredential,
    /// It takes the caller's own key in its own dialect, and none came.
    NeedsCallersKey,
    /// It can't do what the request needs.
    Lacks(Feature),
    /// Its endpoint has no such operation.
    NoOperation(Operation),
    /// It serves another model, and the answers of two models can't stand for each other (embeddings).
    OtherModel,
    /// The prompt is longer than its model takes.
    WindowTooSmall {
        /// Tokens its model takes.
        window: u64,
    },
    /// Its compatibility check has not passed, and the map demands that (`flags.gate_warm_routes`).
    NotChecked,
    /// Out of service: its model or provider is switched off by hand.
    Killed,
    /// Its breaker is held open by hand.
    HeldOpen,
    /// Its provider is left out for now (`failover --except`).
    Excepted,
    /// The app's requests may not reach this provider.
    OutOfBounds,
    /// This machine's network is down, and the route is not on it.
    Offline,
}

impl Exclusion {
    /// When time alone brings the route back, on the monotonic clock.
    #[must_use]
    pub const fn until_mono_ms(self) -> Option<u64> {
        match self {
            Self::CircuitOpen { until_mono_ms } | Self::CoolingDown { until_mono_ms } => Some(until_mono_ms),
            Self::SwitchedOff
            | Self::OffInMap
            | Self::Gone
            | Self::WarmDisabled
            | Self::TestUnderWay
            | Self::NoCredential
            | Self::NeedsCallersKey
            | Self::Lacks(_)
            | Self::NoOperation(_)
            | Self::OtherModel
            | Self::WindowTooSmall { .. }
            | Self::NotChecked
            | Self::Killed
            | Self::HeldOpen
            | Self::Excepted
            | Self::OutOfBounds
            | Self::Offline => None,
        }
    }

    /// Whether the request, not the route's state, keeps it out: no waiting helps.
    #[must_use]
    pub const fn is_for_the_request(self) -> bool {
        match self {
            Self::Lacks(_) | Self::NoOperation(_) | Self::OtherModel | Self::WindowTooSmall { .. } => true,
            Self::SwitchedOff
            | Self::OffInMap
            | Self::Gone
            | Self::WarmDisabled
            | Self::CircuitOpen { .. }
            | Self::TestUnderWay
            | Self::CoolingDown { .. }
            | Self::NoCredential
            | Self::NeedsCallersKey
            | Self::NotChecked
            | Self::Killed
            | Self::HeldOpen
            | Self::Excepted
            | Self::OutOfBounds
            | Self::Offline => false,
        }
    }

    /// Whether the route may come back while the request is under way.
    #[must_use]
    pub const fn may_return(self) -> bool {
        matches!(self, Self::TestUnderWay) || self.until_mono_ms().is_some()
    }
}

/// The order of tries for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Who may be tried, in order.
    pub candidates: Vec<Candidate>,
    /// Who may not, and why.
    pub excluded: Vec<Excluded>,
    /// Who asks.
    pub(crate) app: Option<App>,
}

/// The order of tries of a job as the map says: its own, else the map's. [`Fleet::line`] knows of overrides too.
#[must_use]
pub fn line_of<'a>(map: &'a RoutingMap, job: &'a Job) -> &'a Line {
    if job.own_line { &job.line } else { &map.line }
}

/// Plans a request: Hot before Warm; within a tier first the routes that serve the model asked for, then by weight
/// where any route of the tier has one, else in the map's order. A tier all of whose routes a trigger lowers gives way to
/// the next one for the share that is taken from it. Shifts and distributions then change the order; they
/// leave nobody out. `roll` is the request's random bits.
#[must_use]
pub fn plan(map: &RoutingMap, job: &Job, fleet: &Fleet, needs: &Needs, roll: u64, now: Now) -> Plan {
    let line = fleet.line(map, job);
    let dice = SplitKey::new(needs.conversation.unwrap_or(roll));
    let candidates = Vec::with_capacity(line.hot.len() + line.warm.len());
    let mut plan = Plan { candidates, excluded: Vec::new(), app: App::of(&needs.client) };
    let mut leaving = Vec::new();
    for tier in [Tier::Hot, Tier::Warm] {
        leaving.extend(plan_tier(map, line.tier(tier), tier, fleet, needs, dice, now, &mut plan));
    }
    weigh::leave(&leaving, &mut plan.candidates);
    let overriding = if let Cow::Owned(line) = &line { Some(line) } else { None };
    overrides::arrange(map, fleet, needs, overriding, &mut plan);
    steer::split(map, fleet, dice, now, &mut plan.candidates);
    steer::shift(map, fleet, dice, &mut plan.candidates);
    if needs.avoid.is_empty() {
        steer::trial(map, fleet, now, &mut plan.candidates);
    } else {
        plan.candidates.sort_by_key(|candidate| needs.avoid.contains(&candidate.route));
    }
    steer::doubted(map, fleet, &mut plan.candidates);
    plan
}

#[expect(clippy::too_many_arguments, reason = "the same inputs as `plan`, for one tier")]
fn plan_tier(
    map: &RoutingMap,
    routes: &[RouteIx],
    tier: Tier,
    fleet: &Fleet,
    needs: &Needs,
    dice: SplitKey,
    now: Now,
    plan: &mut Plan,
) -> Vec<RouteIx> {
    let start = plan.candidates.len();
    for &ix in routes {
        let known =
            plan.candidates.iter().any(|c| c.route == ix) || plan.excluded.iter().any(|e| e.route == ix);
        if known {
            continue;
        }
        match judge(map, map.route(ix), ix, tier, fleet, needs, now) {
            Ok(why) => plan.candidates.push(Candidate { route: ix, tier, why }),
            Err(why) => plan.excluded.push(Excluded { route: ix, tier, why }),
        }
    }
    let asked = |candidate: &Candidate| map.route(candidate.route).serves(&needs.model);
    let own = &mut plan.candidates[start..];
    own.sort_by_key(|candidate| !asked(candidate));
    let split = own.iter().take_while(|candidate| asked(candidate)).count();
    let weighted = routes.iter().any(|&ix| map.route(ix).weight.is_some());
    weigh::order(map, fleet, dice, weighted, own, split)
}

fn judge(
    map: &RoutingMap,
    route: &Route,
    ix: RouteIx,
    tier: Tier,
    fleet: &Fleet,
    needs: &Needs,
    now: Now,
) -> Result<Inclusion, Exclusion> {
    if let Some(out) = fleet.out_by_order(map, route, &needs.client) {
        return Err(out);
    }
    if !route.enabled {
        return Err(Exclusion::OffInMap);
    }
    if tier == Tier::Warm && !map.flags.enable_warm_fallback {
        return Err(Exclusion::WarmDisabled);
    }
    // A caller's own token is of one vendor: it is of no use behind another dialect.
    if route.auth == Auth::Passthrough && !(needs.passthrough_key && needs.dialect == route.dialect) {
        return Err(Exclusion::NeedsCallersKey);
    }
    let place = fleet.place(&route.id, ix).ok_or(Exclusion::Gone)?;
    let known = fleet.known(place);
    able(route, known, needs)?;
    if tier == Tier::Warm && map.flags.gate_warm_routes && known.check != Check::Passed {
        return Err(Exclusion::NotChecked);
    }
    if fleet.is_cut_off(place) {
        return Err(Exclusion::Offline);
    }
    if let Err(closed) = fleet.gate_for(place, App::of(&needs.client), now) {
        let until_mono_ms = closed.until_mono_ms.unwrap_or(now.mono_ms);
        return Err(match closed.reason {
            Reason::Gone => Exclusion::Gone,
            Reason::OffInMap => Exclusion::OffInMap,
            Reason::SwitchedOff => Exclusion::SwitchedOff,
            Reason::Killed => Exclusion::Killed,
            Reason::HeldOpen => Exclusion::HeldOpen,
            Reason::CoolingDown => Exclusion::CoolingDown { until_mono_ms },
            Reason::CircuitOpen => Exclusion::CircuitOpen { until_mono_ms },
            Reason::TestUnderWay => Exclusion::TestUnderWay,
        });
    }
    match fleet.key_state(place, now) {
        KeyChoice::Key(_) | KeyChoice::NotNeeded => {}
        KeyChoice::AllCoolingUntil(until_mono_ms) => return Err(Exclusion::CoolingDown { until_mono_ms }),
        KeyChoice::None => return Err(Exclusion::NoCredential),
    }
    match fleet.circuit(place) {
        CircuitState::Closed => Ok(Inclusion::MapOrder),
        CircuitState::HalfOpen | CircuitState::Open => Ok(Inclusion::TestCall),
    }
}

/// Whether a route can do what a request needs, as far as is known.
fn able(route: &Route, known: &Known, needs: &Needs) -> Result<(), Exclusion> {
    let speaks = route.dialect_for(needs.dialect);
    if !speaks.offers(needs.operation) {
        return Err(Exclusion::NoOperation(needs.operation));
    }
    if needs.operation == Operation::Embed && !route.serves(&needs.model) {
        return Err(Exclusion::OtherModel);
    }
    let mut lacks = known.lacks.without(route.can).or(route.cannot);
    if speaks == needs.dialect {
        // What an answer at the conversation's end means in the caller's own dialect is the provider's to say.
        lacks.remove(Feature::Prefill);
    } else {
        lacks = lacks.or(needs.bound);
    }
    if let Some(missing) = needs.features.and(lacks).iter().next() {
        return Err(Exclusion::Lacks(missing));
    }
    match route.context_window.or(known.context_window) {
        Some(window) if needs.tokens > window => Err(Exclusion::WindowTooSmall { window }),
        Some(_) | None => Ok(()),
    }
}
