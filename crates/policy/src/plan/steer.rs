//! How traffic that is split or moved changes the order of tries. It only orders: no request ever loses a candidate.

use switchyard_domain::Now;
use switchyard_domain::map::RoutingMap;
use switchyard_domain::operate::Target;

use super::split_key::{SplitKey, salt};
use super::{Candidate, Inclusion};
use crate::fleet::Fleet;
use crate::shift::covers;

/// Splits the whole line by the weights that hold now. Inside a target the order stays.
pub(super) fn split(map: &RoutingMap, fleet: &Fleet, dice: SplitKey, now: Now, all: &mut [Candidate]) {
    let Some(split) = fleet.shifts().split() else { return };
    let overrides: Vec<f64> = split
        .now(now)
        .map(|(target, percent)| dice.order(salt(b'd', &format!("{target:?}")), percent))
        .collect();
    // Routes nobody named come after those with a weight, but before those given none.
    let key = |candidate: &Candidate| match split.place_of(map, candidate.route) {
        Some(at) => (overrides[at], overrides[at] == f64::INFINITY),
        None => (overrides[split.rest()], false),
    };
    all.sort_by(|a, b| {
        let (a, b) = (key(a), key(b));
        a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
    });
    for candidate in all.iter_mut().filter(|candidate| candidate.why != Inclusion::TestCall) {
        candidate.why = Inclusion::Weighted;
    }
}

/// Puts routes traffic is moved from behind all others, and those it is moved to first.
pub(super) fn shift(map: &RoutingMap, fleet: &Fleet, dice: SplitKey, all: &mut [Candidate]) {
    let moved: Vec<(&Target, &Target)> = fleet
        .shifts()
        .under_way()
        .iter()
        .filter(|shift| dice.falls_within(salt(b's', &shift.id.to_string()), shift.share))
        .map(|shift| (&shift.from, &shift.to))
        .collect();
    if moved.is_empty() {
        return;
    }
    let is_at =
        |target: &Target, candidate: &Candidate| covers(target, map.route(candidate.route), candidate.tier);
    let leaves = |candidate: &Candidate| moved.iter().any(|(from, _)| is_at(from, candidate));
    let goes_to = |candidate: &Candidate| moved.iter().any(|(_, to)| is_at(to, candidate));
    // Who stood behind a route that gives way owes its place to the shift.
    if let Some(first) = all.iter().position(leaves) {
        for candidate in all.iter_mut().skip(first) {
            if !leaves(candidate) && candidate.why != Inclusion::TestCall {
                candidate.why = Inclusion::Shifted;
            }
        }
    }
    all.sort_by_key(|candidate| (leaves(candidate), !goes_to(candidate)));
}

/// One request now and then goes home first, so that a recovery is seen; only where it can fall on.
pub(super) fn trial(map: &RoutingMap, fleet: &Fleet, now: Now, all: &mut [Candidate]) {
    if all.len() < 2 {
        return;
    }
    let shifts = fleet.shifts();
    let due = shifts.under_way().iter().filter(|shift| shift.trial_is_due(shifts.trial_every_ms(), now));
    for shift in due {
        let is_home = |candidate: &Candidate| covers(&shift.from, map.route(candidate.route), candidate.tier);
        if all.iter().all(is_home) {
            continue;
        }
        let homes = all.iter().enumerate().filter(|(_, candidate)| is_home(candidate));
        // The one that was not called for the longest time.
        let next = homes.min_by_key(|(_, candidate)| shift.last_call(&map.route(candidate.route).id));
        if let Some(at) = next.map(|(at, _)| at) {
            if all[at].why != Inclusion::TestCall {
                all[at].why = Inclusion::Trial;
            }
            all[..=at].rotate_right(1);
            return;
        }
    }
}

/// Puts routes last whose circuit opens as soon as it is known that this machine's network is well.
pub(super) fn doubted(map: &RoutingMap, fleet: &Fleet, candidates: &mut [Candidate]) {
    if fleet.suspended() > 0 {
        candidates.sort_by_cached_key(|candidate| {
            let place = fleet.place(&map.route(candidate.route).id, candidate.route);
            place.is_some_and(|place| fleet.is_about_to_open(place))
        });
    }
}
