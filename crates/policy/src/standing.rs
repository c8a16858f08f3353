//! Where the next default request would be answered: what the status sentence, the lamps and the failover notices
//! go by. It is an estimate for people; the request itself is planned on its own.

use std::cmp::Reverse;

use switchyard_domain::event::route_label;
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::{Now, Tier};

use crate::fleet::{Check, Fleet};
use crate::plan::Out;

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
/// are not cooling for long and whose circuit is closed count; half open counts as not yet back.
#[must_use]
pub fn standing(map: &RoutingMap, fleet: &Fleet, now: Now) -> Standing {
    let line = fleet.line(map, &map.default_job);
    let overridden = fleet.overridden(map, &map.default_job).is_some();
    let mut cause = None;
    for tier in [Tier::Hot, Tier::Warm] {
        if tier == Tier::Warm && !map.flags.enable_warm_fallback {
            continue;
        }
        // Where a tier splits by weight, its heaviest route is the first choice.
        let mut routes = line.tier(tier).to_vec();
        if !overridden {
            routes.sort_by_key(|ix| Reverse(map.route(*ix).weight));
        }
        for ix in routes {
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
    }
    Standing { tier: Tier::Cold, route: None, cause }
}
