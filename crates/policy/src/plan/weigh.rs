//! The order inside a tier: by weight where any of its routes has one, and with less of it for routes a trigger lowers.

use switchyard_domain::map::RouteIx;
use switchyard_domain::map::RoutingMap;

use super::dice::{Dice, of_lowered, of_route};
use super::{Candidate, In};
use crate::fleet::Fleet;

/// Orders a tier's candidates, of which the first `asked` serve the model asked for. `weighted`: the tier splits.
pub(super) fn order(
    map: &RoutingMap,
    fleet: &Fleet,
    dice: Dice,
    weighted: bool,
    tier: &mut [Candidate],
    asked: usize,
) {
    let lowered = |candidate: &Candidate| fleet.watch().lowered_to_percent(&map.route(candidate.route).id);
    let weight = |candidate: &Candidate| {
        let part = f64::from(lowered(candidate).unwrap_or(100)) / 100.0;
        f64::from(map.route(candidate.route).weight.unwrap_or_default()) * part
    };
    let mut gives_way: Vec<RouteIx> = Vec::new();
    let (first, rest) = tier.split_at_mut(asked);
    for (run, why) in [(first, In::AsksForIt), (rest, if weighted { In::Weighted } else { In::MapOrder })] {
        if weighted && run.len() > 1 {
            run.sort_by_cached_key(|candidate| {
                Ascending(dice.order(of_route(&map.route(candidate.route).id), weight(candidate)))
            });
        } else {
            // Without weights to lower, a route keeps its place for that share of the requests.
            let falls = |candidate: &Candidate, percent| {
                dice.falls_within(of_lowered(&map.route(candidate.route).id), percent)
            };
            let ill = run.iter().filter(|it| lowered(it).is_some_and(|percent| !falls(it, percent)));
            gives_way.extend(ill.map(|candidate| candidate.route));
        }
        for candidate in run.iter_mut().filter(|candidate| candidate.why != In::TestCall) {
            candidate.why = why;
        }
    }
    if !gives_way.is_empty() {
        tier.sort_by_key(|candidate| gives_way.contains(&candidate.route));
    }
}

/// A number to sort by; never NaN.
#[derive(PartialEq)]
struct Ascending(f64);

impl Eq for Ascending {}

impl PartialOrd for Ascending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ascending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
