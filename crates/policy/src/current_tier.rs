//! Where the next request of a job would be answered: what the status, the lamps and the failover notices go by. It
//! is an estimate for people, out of circuits, keys and orders and of how the last calls went; the request itself is
//! planned on its own.

use std::cmp::Reverse;

use switchyard_domain::event::route_label;
use switchyard_domain::map::{Job, RouteIx, RoutingMap};
use switchyard_domain::operate::Target;
use switchyard_domain::{Now, RouteId, Tier};

use crate::fleet::{Check, Fleet, Unfit};
use crate::plan::Exclusion;
use crate::shift::covers;

/// Where the next request would be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentTier {
    /// The tier; Cold when no route is expected to answer.
    pub tier: Tier,
    /// The route that is tried first; in Cold one that may be called though its last calls failed, none when there is
    /// no such route either.
    pub route: Option<RouteIx>,
    /// Why it is not the first choice; none when it is.
    pub cause: Option<Cause>,
}

/// Why the first choice does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The first choice is out.
    Route(RouteId, Unfit),
    /// A shift moved its traffic, for this reason.
    Moved(String),
}

impl Cause {
    /// Whether somebody wanted it so, as opposed to an outage.
    #[must_use]
    pub const fn is_ordered(&self) -> bool {
        match self {
            Self::Moved(_) => true,
            Self::Route(_, unfit) => match unfit {
                Unfit::NotInMap
                | Unfit::OffInMap
                | Unfit::SwitchedOff
                | Unfit::LeftOut
                | Unfit::Gated
                | Unfit::HeldOpen => true,
                Unfit::CutOff(_)
                | Unfit::CircuitOpen(_)
                | Unfit::CoolingDown(_)
                | Unfit::NoKey(_)
                | Unfit::KeysCool(_)
                | Unfit::Doubted(_)
                | Unfit::Failing(_) => false,
            },
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Route(id, unfit) => write!(f, "{}: {unfit}", route_label(id)),
            Self::Moved(reason) => write!(f, "traffic was moved: {reason}"),
        }
    }
}

/// Where the next default request would be answered.
#[must_use]
pub fn current_tier(map: &RoutingMap, fleet: &Fleet, now: Now) -> CurrentTier {
    current_tier_of(map, &map.default_job, fleet, now)
}

/// Where a job's next request would be answered. Only routes that are in service, have a key (or need none), are not
/// cooling for long, whose circuit is closed and whose last calls did not fail count; half open counts as not yet back.
/// Where traffic is split or moved, it is where most of it goes.
#[must_use]
pub fn current_tier_of(map: &RoutingMap, job: &Job, fleet: &Fleet, now: Now) -> CurrentTier {
    let line = fleet.line(map, job);
    let overridden = fleet.overridden(map, job).is_some();
    let tiers = [Tier::Hot, Tier::Warm].into_iter();
    let used = tiers.filter(|tier| *tier == Tier::Hot || map.flags.enable_warm_fallback);
    let mut stops: Vec<(Tier, RouteIx)> = Vec::new();
    for tier in used {
        // Where a tier splits by weight, its heaviest route is the first choice.
        let mut routes = line.tier(tier).to_vec();
        if !overridden {
            routes.sort_by_key(|ix| Reverse(map.route(*ix).weight));
        }
        stops.extend(routes.into_iter().map(|ix| (tier, ix)));
    }
    let mut cause = moved(map, fleet, now, &mut stops);
    let mut open = None;
    for (tier, ix) in stops {
        let id = &map.route(ix).id;
        let out = match unfit(map, fleet, tier, ix, now) {
            None => match fleet.place(id, ix).and_then(|place| fleet.failing(place)) {
                None => return CurrentTier { tier, route: Some(ix), cause },
                Some(failure) => {
                    open = open.or(Some(ix));
                    Unfit::Failing(failure)
                }
            },
            Some(out) => out,
        };
        cause = cause.or_else(|| Some(Cause::Route(id.clone(), out)));
    }
    CurrentTier { tier: Tier::Cold, route: open, cause }
}

/// Why a route is not called, whatever its last calls were.
fn unfit(map: &RoutingMap, fleet: &Fleet, tier: Tier, ix: RouteIx, now: Now) -> Option<Unfit> {
    let route = map.route(ix);
    let gated =
        |place| tier == Tier::Warm && map.flags.gate_warm_routes && fleet.known(place).check != Check::Passed;
    match fleet.place(&route.id, ix) {
        Some(_) if fleet.out_by_order(map, route, "") == Some(Exclusion::Excepted) => Some(Unfit::LeftOut),
        Some(place) if gated(place) => Some(Unfit::Gated),
        Some(place) => fleet.out_of_use(place, now),
        None => Some(Unfit::NotInMap),
    }
}

/// Puts the routes in the order most requests meet them in, and says why the first choice is not the first.
fn moved(map: &RoutingMap, fleet: &Fleet, now: Now, stops: &mut [(Tier, RouteIx)]) -> Option<Cause> {
    let shifts = fleet.shifts();
    if let Some(split) = shifts.split() {
        let shares: Vec<f64> = split.shares_now(now).collect();
        let share = |ix: RouteIx| shares[split.place_of(map, ix).unwrap_or_else(|| split.rest())];
        stops.sort_by(|a, b| share(b.1).total_cmp(&share(a.1)));
    }
    let first = stops.first().copied();
    let mut cause = None;
    for shift in shifts.under_way().iter().filter(|shift| shift.share > 50) {
        let is_at = |target: &Target, (tier, ix): (Tier, RouteIx)| covers(target, map.route(ix), tier);
        stops.sort_by_key(|stop| (is_at(&shift.from, *stop), !is_at(&shift.to, *stop)));
        if cause.is_none() && first.is_some_and(|first| is_at(&shift.from, first)) {
            cause = Some(Cause::Moved(shift.reason.clone()));
        }
    }
    cause.filter(|_| stops.first().copied() != first)
}
