use serde_json::json;
use switchyard_domain::event::EventKind;
use switchyard_domain::{FailureKind as K, Now};

use super::world::{A, B, C, D, World, failure, four, one, with};
use crate::{Change, RetryBudget};

/// Lets seconds pass in which requests end as told, and says what was told.
fn pass(world: &mut World, seconds: u64, each: impl Fn(&mut RetryBudget, Now)) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..seconds {
        world.pass(1_000);
        each(world.fleet.retry_budget_mut(), world.now);
        let changes = world.fleet.tick(&world.map.clone(), world.now);
        for change in changes {
            if let Change::Told(EventKind::StormBegan { reason }) = change {
                told.push(format!("began: {reason}"));
            } else if let Change::Told(EventKind::StormEnded { reason }) = change {
                told.push(format!("ended: {reason}"));
            }
        }
    }
    told
}

fn tries(run: &super::world::Run) -> Vec<&str> {
    run.tries.iter().map(String::as_str).collect()
}

#[test]
fn the_measures_are_of_the_last_minute() {
    let mut world = World::new(&four());
    let now = world.now;
    let retry_budget = world.fleet.retry_budget_mut();
    retry_budget.ended(1, false, now);
    retry_budget.ended(4, true, now);
    retry_budget.ended(0, false, now);
    let view = retry_budget.view(now.plus_ms(59_000));
    assert_eq!((view.retries_per_minute, view.fallback_percent, view.average_retries), (3, 50.0, 1.5));
    let view = retry_budget.view(now.plus_ms(61_000));
    assert_eq!((view.retries_per_minute, view.fallback_percent, view.average_retries), (0, 0.0, 0.0));
}

#[test]
fn many_retries_that_help_are_no_storm_and_a_storm_needs_many() {
    // Tries and requests a second, who fell back of four, and whether that is a storm.
    let cases = [
        (3, 1, 0, false), // 120 retries a minute, two per request, none fell back
        (4, 1, 0, true),  // three per request: above 2.5
        (2, 2, 1, true),  // 120 retries, and half of the requests fell back
        (2, 2, 0, false),
        (4, 0, 4, false), // 0 requests a second: below
        (2, 1, 4, false), // all fell back, but 60 retries a minute
    ];
    for (tries, requests, fell, storm) in cases {
        let mut world = World::new(&four());
        let told = pass(&mut world, 59, |retry_budget, now| {
            for n in 0..requests {
                retry_budget.ended(tries, n < fell, now);
            }
        });
        assert_eq!(told.len(), usize::from(storm), "{tries} {requests} {fell}: {told:?}");
        assert_eq!(world.fleet.retry_budget().is_storm(), storm, "{tries} {requests} {fell}");
    }
}

#[test]
fn a_storm_cuts_tries_per_route_to_one_until_it_has_been_calm_for_half_a_minute() {
    let mut world = World::new(&four());
    let all_fail = |_: &str, _: u32| Err(failure(K::ServerError));
    let told = pass(&mut world, 59, |retry_budget, now| retry_budget.ended(4, false, now));
    assert!(told[0].starts_with("began: ") && told[0].contains("3.0 per request"), "{told:?}");
    let run = world.request(all_fail);
    assert_eq!(tries(&run), [A, B, C, D], "each route once, and no wait: {run:?}");
    assert_eq!(run.waits_ms, Vec::<u64>::new());
    assert_eq!(world.fleet.retry_budget().view(world.now).budget_left, 0);

    // What went before falls out of the minute first; then half a minute of calm.
    let told = pass(&mut world, 80, |retry_budget, now| retry_budget.ended(1, false, now));
    assert_eq!(told, Vec::<String>::new());
    let told = pass(&mut world, 20, |retry_budget, now| retry_budget.ended(1, false, now));
    assert!(told.len() == 1 && told[0].starts_with("ended: "), "{told:?}");
    assert!(!world.fleet.retry_budget().is_storm());
}

#[test]
fn a_breath_of_retries_puts_the_calm_off() {
    let mut world = World::new(&four());
    pass(&mut world, 59, |retry_budget, now| retry_budget.ended(4, false, now));
    pass(&mut world, 75, |retry_budget, now| retry_budget.ended(1, false, now));
    // Twelve retries in one second: the minute is above the calm value again.
    let told =
        pass(&mut world, 1, |retry_budget, now| (0..12).for_each(|_| retry_budget.ended(2, false, now)));
    assert_eq!(told, Vec::<String>::new());
    let told = pass(&mut world, 60, |retry_budget, now| retry_budget.ended(1, false, now));
    assert_eq!(told, Vec::<String>::new(), "still above, then not yet half a minute");
    assert_eq!(pass(&mut world, 35, |retry_budget, now| retry_budget.ended(1, false, now)).len(), 1);
}

#[test]
fn the_retry_budget_is_spent_and_comes_back_and_other_routes_are_never_refused() {
    let budget = json!({ "storm": { "retryBudgetPerMinute": 2 } });
    let mut world = World::new(&with(four(), budget.clone()));
    let all_fail = |_: &str, _: u32| Err(failure(K::ServerError));
    let first = world.request(all_fail);
    assert_eq!(tries(&first), [A, A, A, B, C, D], "two retries: {first:?}");
    let second = world.request(all_fail);
    assert_eq!(tries(&second), [A, B, C, D], "the budget is spent");
    world.pass(30_000);
    assert_eq!(world.fleet.retry_budget().view(world.now).budget_left, 1, "half a minute later one is back");

    let mut alone = World::new(&with(one(), json!({ "storm": { "retryBudgetPerMinute": 0 } })));
    assert_eq!(tries(&alone.request(all_fail)), [A], "no budget, no retry");
}

#[test]
fn a_second_key_of_a_route_is_a_retry_too() {
    let mut world = World::new(&with(four(), json!({ "storm": { "retryBudgetPerMinute": 0 } })));
    world.keys(A, &["anthropic", "anthropic:second"]);
    let run = world.request(|id, _| if id == A { Err(failure(K::RateLimited)) } else { Ok(()) });
    assert_eq!(tries(&run), [A, B], "{run:?}");
}

#[test]
fn another_map_s_budget_holds_at_once() {
    let mut world = World::new(&four());
    assert_eq!(world.fleet.retry_budget().view(world.now).budget_left, 200);
    let map = super::world::map(&with(four(), json!({ "storm": { "retryBudgetPerMinute": 5 } })));
    world.fleet.remap(&map);
    assert_eq!(world.fleet.retry_budget().view(world.now).budget_left, 5);
}

proptest::proptest! {
    /// Whatever happens, no minute sees more retries on a route than twice its budget (a full bucket, and its refill).
    #[test]
    fn the_budget_bounds_every_minute(steps in proptest::collection::vec(0_u64..3_000, 1..300), budget in 0_u64..50) {
        let mut world = World::new(&with(four(), json!({ "storm": { "retryBudgetPerMinute": budget } })));
        let mut given: Vec<u64> = Vec::new();
        for step in steps {
            world.pass(step);
            let now = world.now;
            if world.fleet.retry_budget_mut().may_retry(now) {
                given.push(now.mono_ms);
            }
            let minute = given.iter().filter(|at| now.mono_ms - **at < 60_000).count() as u64;
            proptest::prop_assert!(minute <= budget * 2, "{minute} of {budget}");
        }
    }
}
