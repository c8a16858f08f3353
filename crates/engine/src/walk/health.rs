//! How the router stands, in one word: the facts, judged by policy.

use switchyard_domain::Tier;
use switchyard_domain::view::HealthWord;
use switchyard_policy::status::{Facts, Setup, facts, judge};
use switchyard_policy::{CurrentTier, Fleet};

use crate::core::clock;
use crate::core::{Running, lock};
use crate::walk::Walk;

/// The facts of a running map. `fleet` is locked while the picture is taken.
pub(crate) fn facts_of(running: &Running, fleet: &Fleet, current_tier: &CurrentTier, paused: bool) -> Facts {
    let off = fleet.all_off(&running.map).is_some();
    facts(&running.map, fleet, current_tier.clone(), (off, paused), clock::now())
}

/// The facts without a map that runs.
pub(crate) fn no_map(problem: Option<&String>) -> Facts {
    Facts::without_map(if problem.is_some() { Setup::Broken } else { Setup::Missing })
}

/// One word for programs, without the whole picture.
pub(crate) fn health(walk: &Walk) -> (HealthWord, Tier) {
    let running = walk.core.running.load_full();
    let current_tier = lock(&walk.tier_since).current_tier.clone();
    let facts = running.and_then(|running| {
        walk.core.with_fleet(|fleet| facts_of(&running, fleet, &current_tier, walk.core.is_paused()))
    });
    let judged = judge(&facts.unwrap_or_else(|| no_map(None)));
    (judged.health, judged.tier)
}
