//! The order inside a tier: by weight where any of its routes has one, and with less of it for routes a trigger lowers.
//! The share that is taken from a route goes to the others of its tier; where all of them are lowered it goes on to the
//! next tier.

use switchyard_domain::map::RouteIx;
use switchyard_domain::map::RoutingMap;

use super::split_key::{SplitKey, of_lowered, of_lowered_provider, of_route};
use super::{Candidate, Inclusion};
use crate::fleet::Fleet;

/// Orders a tier's candidates, of which the first `asked` serve the model asked for. `weighted`: the tier splits. Returns
/// those that give way to the next tier: none unless every candidate of this one is lowered.
pub(super) fn order(
    map: &RoutingMap,
    fleet: &Fleet,
    dice: SplitKey,
    weighted: bool,
    tier: &mut [Candidate],
    asked: usize,
) -> Vec<RouteIx> {
    let lowered = |candidate: &Candidate| fleet.watch().lowering(&map.route(candidate.route).id);
    let weight = |candidate: &Candidate| {
        let part = f64::from(lowered(candidate).map_or(100, |lowering| lowering.percent)) / 100.0;
        f64::from(map.route(candidate.route).weight.unwrap_or_default()) * part
    };
    // A lowered route keeps its place for its share of the requests.
    let gives_way = |candidate: &Candidate| {
        lowered(candidate).is_some_and(|lowering| {
            let route = map.route(candidate.route);
            let salt =
                if lowering.shared { of_lowered_provider(&route.provider) } else { of_lowered(&route.id) };
            !dice.falls_within(salt, lowering.percent)
        })
    };
    let mut behind: Vec<RouteIx> = Vec::new();
    let (first, rest) = tier.split_at_mut(asked);
    for (run, why) in [
        (first, Inclusion::AsksForIt),
        (rest, if weighted { Inclusion::Weighted } else { Inclusion::MapOrder }),
    ] {
        if weighted && run.len() > 1 {
            run.sort_by_cached_key(|candidate| {
                Ascending(dice.order(of_route(&map.route(candidate.route).id), weight(candidate)))
            });
        } else {
            behind.extend(run.iter().filter(|it| gives_way(it)).map(|candidate| candidate.route));
        }
        for candidate in run.iter_mut().filter(|candidate| candidate.why != Inclusion::TestCall) {
            candidate.why = why;
        }
    }
    if !behind.is_empty() {
        tier.sort_by_key(|candidate| behind.contains(&candidate.route));
    }
    let mut own = tier.iter().filter(|candidate| candidate.why != Inclusion::TestCall).peekable();
    // Lowered alike, routes that split by weight take nothing from each other: the first one's share decides.
    let leaves = match own.peek() {
        Some(first) => gives_way(first) && own.all(|candidate| lowered(candidate).is_some()),
        None => false,
    };
    let left = tier.iter().filter(|candidate| leaves && candidate.why != Inclusion::TestCall);
    left.map(|candidate| candidate.route).collect()
}

/// Puts candidates that give way to the next tier behind it, if anybody there can take their place.
pub(super) fn leave(leaving: &[RouteIx], all: &mut [Candidate]) {
    let stays =
        |candidate: &Candidate| candidate.why != Inclusion::TestCall && !leaving.contains(&candidate.route);
    if !leaving.is_empty() && all.iter().any(stays) {
        all.sort_by_key(|candidate| leaving.contains(&candidate.route));
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
