//! Where requests can go that leave a route or a provider: what shifts and lowered weights have to know before they take
//! traffic from anyone, and what may be said of them.

use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::{Now, Tier};

use crate::fleet::{Check, Fleet};

impl Fleet {
    /// What is left of a route's weight, percent, while a trigger lowers it and another route can take the rest. With
    /// nobody to take it the route keeps all of its requests.
    #[must_use]
    pub fn lowered_to_percent(&self, map: &RoutingMap, route: RouteIx, now: Now) -> Option<u32> {
        let lowering = self.watch().lowering(&map.route(route).id)?;
        // Routes of a provider that is ill as a whole give way together.
        let together = |other: RouteIx| {
            let provider = &map.route(route).provider;
            lowering.shared && map.route(other).provider == *provider
        };
        let taken = self.lines(map).iter().any(|line| {
            let own = line.iter().find(|(_, ix)| *ix == route).map(|(tier, _)| *tier);
            own.is_some_and(|own| {
                line.iter().any(|(tier, ix)| {
                    let other = *tier >= own && *ix != route && !together(*ix);
                    other && self.could_answer(map, *tier, *ix, now)
                })
            })
        });
        taken.then_some(lowering.percent)
    }

    /// Whether requests that meet one of `home` can go to one of `others` instead.
    pub(crate) fn can_move(&self, map: &RoutingMap, home: &[RouteIx], others: &[RouteIx], now: Now) -> bool {
        self.lines(map).iter().any(|line| {
            let takes =
                |(tier, ix): &(Tier, RouteIx)| others.contains(ix) && self.could_answer(map, *tier, *ix, now);
            line.iter().any(|(_, ix)| home.contains(ix)) && line.iter().any(takes)
        })
    }

    /// Whether a request in whose line a route stands in this tier would be answered by it.
    fn could_answer(&self, map: &RoutingMap, tier: Tier, ix: RouteIx, now: Now) -> bool {
        let route = map.route(ix);
        let Some(place) = self.place(&route.id, ix) else { return false };
        let is_allowed = match tier {
            Tier::Hot => true,
            Tier::Warm => {
                let passed = self.known(place).check == Check::Passed;
                map.flags.enable_warm_fallback && (passed || !map.flags.gate_warm_routes)
            }
            Tier::Cold => false,
        };
        is_allowed && !self.is_excepted(&route.provider) && self.out_of_use(place, now).is_none()
    }

    /// The orders of tries there are: the map's, and those of jobs that have one of their own.
    fn lines(&self, map: &RoutingMap) -> Vec<Vec<(Tier, RouteIx)>> {
        let jobs = std::iter::once(&map.default_job).chain(map.jobs.values());
        jobs.map(|job| {
            let line = self.line(map, job);
            let of = |tier: Tier| line.tier(tier).iter().map(|ix| (tier, *ix)).collect::<Vec<_>>();
            [of(Tier::Hot), of(Tier::Warm)].concat()
        })
        .collect()
    }
}
