//! The status is judged by what happened: requests are played through the fleet, and it is asked how things stand.

use serde_json::json;
use switchyard_domain::event::StatusLevel;
use switchyard_domain::view::HealthWord;
use switchyard_domain::{FailureKind as K, Tier};

use super::world::{A, B, C, World, failure, four, one, with};
use crate::lately::{Ended, LATELY_MS};
use crate::status::{Facts, Situation, Wrong, facts, judge};
use crate::{Status, current_tier};

fn seen(world: &World) -> Facts {
    let current_tier = current_tier(&world.map, &world.fleet, world.now);
    facts(&world.map, &world.fleet, current_tier, (false, false), world.now)
}

fn status(world: &World) -> Status {
    judge(&seen(world))
}

/// Plays a request and tells the fleet how it ended, as the router does.
fn ask(world: &mut World, fails: &[&str]) {
    let before = current_tier(&world.map, &world.fleet, world.now).tier;
    let run = world.request(|id, _| if fails.contains(&id) { Err(failure(K::ServerError)) } else { Ok(()) });
    let answered = run.tries.last().filter(|id| !fails.contains(&id.as_str()));
    let how = match answered {
        Some(id) => {
            let tier = if [A, B].contains(&id.as_str()) { Tier::Hot } else { Tier::Warm };
            let retried = run.tries.len() > 1;
            let provider = id.split('/').next().unwrap_or_default().to_owned();
            Ended::Answered { provider, tier, retried, moved: tier != Tier::Hot && before != Tier::Hot }
        }
        None => Ended::Queued,
    };
    world.fleet.lately_mut().ended(how, world.now);
}

#[test]
fn the_first_request_that_nobody_answers_is_told_though_every_circuit_is_closed() {
    let mut world = World::new(&one());
    assert_eq!(status(&world).situation, Situation::Ready);
    ask(&mut world, &[A]);
    assert!(world.fleet.serves(world.ix(A), world.now), "its circuit is closed");
    let Status { situation, lamp, tier, health } = status(&world);
    assert_eq!((situation, lamp, tier), (Situation::NoRoute, StatusLevel::Stop, Tier::Cold));
    assert_eq!(health, HealthWord::Cold);
    ask(&mut world, &[]);
    assert_eq!(status(&world).tier, Tier::Hot, "the last request was answered there");
    assert_eq!(status(&world).situation, Situation::OnHot, "and the one before it was not");
}

#[test]
fn requests_that_warm_answers_are_warms_before_any_circuit_opens() {
    let more = json!({ "breaker": { "consecutiveFailures": 50 },
                       "warm": [{ "provider": "openai", "model": "gpt-4o-mini" }] });
    let mut world = World::new(&with(one(), more));
    ask(&mut world, &[]);
    assert_eq!(status(&world).situation, Situation::Clear);
    for n in 1..=4 {
        ask(&mut world, &[A]);
        let now = status(&world);
        assert_eq!(
            (now.situation, now.tier, now.lamp),
            (Situation::OnWarm, Tier::Warm, StatusLevel::Degraded),
            "{n}"
        );
    }
    assert!(seen(&world).troubles.iter().all(|own| matches!(own.what, Wrong::Failing(_))));
    ask(&mut world, &[A, C]);
    assert_eq!(status(&world).situation, Situation::NoRoute, "a Warm that fails answers nothing");
}

#[test]
fn one_failed_try_among_good_ones_moves_nothing_and_is_told() {
    let mut world = World::new(&four());
    for _ in 0..5 {
        ask(&mut world, &[]);
    }
    let permit = world.permit(A);
    world.fleet.report(permit, crate::Outcome::Failed(failure(K::Connect)), world.now);
    let now = status(&world);
    assert_eq!((now.situation, now.tier), (Situation::OnHot, Tier::Hot));
    assert!(matches!(seen(&world).troubles[0].what, Wrong::Errs(recent) if recent.failed == 1));
}

#[test]
fn old_evidence_fades_and_what_failed_stays_failing_until_it_answers() {
    let mut world = World::new(&four());
    ask(&mut world, &[]);
    world.pass(LATELY_MS + 1);
    let now = status(&world);
    assert_eq!(
        (now.situation, now.lamp),
        (Situation::Ready, StatusLevel::Unknown),
        "nothing was asked lately"
    );
    ask(&mut world, &[A, B]);
    world.pass(10 * LATELY_MS);
    assert_eq!(status(&world).tier, Tier::Warm, "nothing has shown that Hot answers again");
    assert_eq!(seen(&world).lately.asked, 0);
    ask(&mut world, &[]);
    assert_eq!(status(&world).tier, Tier::Hot);
}

#[test]
fn a_limit_of_a_key_is_the_keys_matter_and_no_failing_route() {
    let mut world = World::new(&four());
    let permit = world.permit(A);
    world.fleet.report(permit, crate::Outcome::Failed(failure(K::RateLimited)), world.now);
    world.pass(6_000);
    let stands = current_tier(&world.map, &world.fleet, world.now);
    assert_eq!((stands.route, stands.cause), (Some(world.ix(A)), None));
    assert_eq!(status(&world).situation, Situation::OnHot, "though it is told");
}

#[test]
fn a_job_whose_only_hot_route_is_out_is_told_though_the_map_is_well() {
    let jobs = json!({ "jobs": { "summary": { "hot": [B], "warm": [] } } });
    let mut world = World::new(&with(four(), jobs));
    ask(&mut world, &[]);
    assert_eq!(status(&world).situation, Situation::Clear);
    for _ in 0..5 {
        let permit = world.permit(B);
        world.fleet.report(permit, crate::Outcome::Failed(failure(K::ServerError)), world.now);
    }
    let facts = seen(&world);
    assert_eq!((facts.jobs.len(), facts.jobs[0].tier), (1, Tier::Cold));
    assert_eq!(judge(&facts).situation, Situation::OnHot);
    let test = facts.test.expect("a test call is awaited");
    assert_eq!((test.route.as_str(), test.in_ms > 0), (B, true));
}

#[test]
fn a_new_map_and_a_network_that_is_back_are_other_conditions() {
    let mut world = World::new(&one());
    ask(&mut world, &[A]);
    assert_eq!(seen(&world).lately.queued, 1);
    let map = world.map.clone();
    world.fleet.remap(&map);
    assert_eq!(seen(&world).lately.asked, 0);
}
