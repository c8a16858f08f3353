//! The goals, held on a few fixed seeds of every script. `cargo xtask sim` plays many more.

#![expect(clippy::unwrap_used, reason = "a run that cannot go on has failed")]

use switchyard_outages::scripts::{self, Named};
use switchyard_outages::{Kpis, Totals, play};

/// The seeds of every script.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

fn played(named: &Named) -> Totals {
    let mut totals = Totals::default();
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            SEEDS.map(|seed| scope.spawn(move || play(&scripts::script(named, seed), seed))).collect();
        runs.into_iter().for_each(|run| totals.add(&run.join().unwrap()));
    });
    totals
}

fn of(name: &str) -> Kpis {
    played(scripts::find(name).unwrap()).0
}

#[test]
fn every_goal_is_met_in_every_kind_of_outage() {
    let mut all = Totals::default();
    for named in &scripts::ALL {
        let totals = played(named);
        all.add(&totals.0);
        for goal in totals.goals() {
            assert!(goal.met, "{}: {}: {}\n{}", named.name, goal.asks, goal.found, totals.0.notes.join("\n"));
        }
    }
    // A goal that nothing was held against is not met.
    let Totals(all) = all;
    assert!(all.requests > 100_000 && all.detections.len() > 40, "{all:?}");
    assert_eq!(all.hasty_failbacks, 0, "of {}: {:?}", all.failbacks, all.notes);
    assert!(all.shifts >= 10 && all.failbacks >= 10 && all.openings > 100, "{all:?}");
}

/// Calls that a provider leaves hanging end long after it is well, inside its next outage: they say nothing of that one.
#[test]
fn an_outage_is_judged_by_the_calls_that_began_in_it() {
    for (name, seed) in [("flap", 136), ("mixed", 61)] {
        let mut totals = Totals::default();
        totals.add(&play(&scripts::script(scripts::find(name).unwrap(), seed), seed));
        assert!(!totals.0.detections.is_empty(), "{name} {seed}: nobody met an outage");
        for goal in totals.goals().iter().filter(|goal| goal.asks.contains("noticed")) {
            assert!(goal.met, "{name} {seed}: {}: {}", goal.asks, goal.found);
        }
    }
}

#[test]
fn a_run_is_its_script_and_its_seed() {
    let named = scripts::find("mixed").unwrap();
    let run = |seed| play(&scripts::script(named, seed), seed);
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn a_calm_day_moves_nothing() {
    let calm = of("calm");
    assert!(calm.requests > 1_000, "{calm:?}");
    let moved = calm.tier_changes + calm.openings + calm.shifts + calm.false_triggers + calm.queued;
    assert_eq!((moved, calm.answered), (0, calm.requests), "{calm:?}");
}

#[test]
fn slow_models_are_no_outage() {
    let slow = of("slow-models");
    assert!(slow.requests > 1_000, "{slow:?}");
    let moved = slow.openings + slow.shifts + slow.false_triggers + slow.queued + slow.refused;
    assert_eq!((moved, slow.answered), (0, slow.requests), "{slow:?}");
}

#[test]
fn a_slow_provider_that_goes_silent_is_noticed_in_five_calls() {
    let kpis = of("slow-hang");
    assert!(
        !kpis.detections.is_empty() && kpis.detections.iter().all(|detected| detected.noticed),
        "{kpis:?}"
    );
    assert!(kpis.detections.iter().all(|detected| detected.in_time()), "{:?}", kpis.detections);
    assert_eq!((kpis.false_triggers, kpis.openings_well, kpis.lost), (0, 0, 0), "{kpis:?}");
}

#[test]
fn blips_and_hiccups_shift_no_traffic() {
    for name in ["blip", "hiccup"] {
        let kpis = of(name);
        assert!(kpis.openings > 0 || !kpis.detections.is_empty(), "{name}: nobody met the outage");
        assert_eq!(kpis.shifts, 0, "{name}: {:?}", kpis.notes);
    }
}

#[test]
fn with_every_provider_out_requests_wait_and_are_answered_later() {
    let kpis = of("everyone");
    assert!(kpis.queued > 0);
    assert_eq!(kpis.done_later + kpis.dead + kpis.waiting, kpis.queued, "{kpis:?}");
    assert!(kpis.done_later * 100 >= kpis.queued * 99, "{kpis:?}");
}
