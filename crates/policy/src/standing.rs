//! Where the next default request would be answered: what the status sentence, the lamps and the failover notices
//! go by. It is an estimate for people; the request itself is planned on its own.

use switchyard_domain::event::route_label;
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::{Now, Tier};

use crate::fleet::Fleet;
use crate::plan::line_of;

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
    let line = line_of(map, &map.default_job);
    let mut cause = None;
    for tier in [Tier::Hot, Tier::Warm] {
        if tier == Tier::Warm && !map.flags.enable_warm_fallback {
            continue;
        }
        let mut best: Option<RouteIx> = None;
        for &ix in line.tier(tier) {
            let route = map.route(ix);
            let out = match fleet.place(&route.id, ix) {
                Some(place) => fleet.out_of_use(place, now),
                None => Some("not in the map".to_owned()),
            };
            let weight = |ix: RouteIx| map.route(ix).weight.unwrap_or(0);
            match out {
                None if best.is_none_or(|first| weight(ix) > weight(first)) => best = Some(ix),
                None => {}
                Some(words) => cause = cause.or_else(|| Some(format!("{}: {words}", route_label(&route.id)))),
            }
        }
        if best.is_some() {
            return Standing { tier, route: best, cause };
        }
    }
    Standing { tier: Tier::Cold, route: None, cause }
}
