//! Where the next default request would be answered: what the status sentence, the lamps and the failover notices
//! go by. It is an estimate for people; the request itself is planned on its own.

use std::cmp::Reverse;

use switchyard_domain::event::route_label;
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::operate::Target;
use switchyard_domain::{Now, Tier};

use crate::fleet::{Check, Fleet};
use crate::plan::Out;
use crate::shift::covers;

/// Where the next default request would be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The tier; Cold when no route is expected to answer.
    pub tier: Tier,
    /// The route that comes first; none in Cold.
    pub route: Option<RouteIx>,
    /// Why it is not the first choice, as a phrase (`sonnet-4.6: 529 overloaded`); none when it is.
    pub cause: Option<String>,
}

/// Where the next default request would be answered. Only routes that are in service, have a key (or need none),
/// are not cooling for long and whose circuit is closed count; half open counts as not yet back. Where traffic is split
/// or moved, it is where most of it goes.
#[must_use]
pub fn standing(map: &RoutingMap, fleet: &Fleet, now: Now) -> Standing {
    let line = fleet.line(map, &map.default_job);
    let overridden = fleet.overridden(map, &map.default_job).is_some();
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
    for (tier, ix) in stops {
        let route = map.route(ix);
        let gated = |place| {
            tier == Tier::Warm && map.flags.gate_warm_routes && fleet.known(place).check != Check::Passed
        };
        let out = match fleet.place(&route.id, ix) {
            Some(_) if fleet.out_by_order(map, route, "") == Some(Out::Excepted) => {
                Some("left out for now".to_owned())
            }
            Some(place) if gated(place) => Some("waits for its compatibility check".to_owned()),
            Some(place) => fleet.out_of_use(place, now),
            None => Some("not in the map".to_owned()),
        };
        match out {
            None => return Standing { tier, route: Some(ix), cause },
            Some(words) => cause = cause.or_else(|| Some(format!("{}: {words}", route_label(&route.id)))),
        }
    }
    Standing { tier: Tier::Cold, route: None, cause }
}

/// Puts the routes in the order most requests meet them in, and says why the first choice is not the first.
fn moved(map: &RoutingMap, fleet: &Fleet, now: Now, stops: &mut [(Tier, RouteIx)]) -> Option<String> {
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
            cause = Some(format!("traffic was moved: {}", shift.reason));
        }
    }
    cause.filter(|_| stops.first().copied() != first)
}
