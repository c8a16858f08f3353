use std::collections::{BTreeMap, HashMap};

use serde_json::json;
use switchyard_domain::{Dialect, Failure, FailureKind as K, Tier};

use super::world::{A, B, C, D, World, after, failure, four, needs, with};
use crate::{Exclusion, Inclusion, Needs, Outcome, current_tier, plan};

fn order(world: &World, model: &str) -> Vec<String> {
    world.plan(model).candidates.iter().map(|c| world.map.route(c.route).id.to_string()).collect()
}

fn why_not(world: &World, id: &str) -> Option<Exclusion> {
    world.plan("auto").excluded.iter().find(|e| e.route == world.ix(id)).map(|e| e.why)
}

#[test]
fn the_maps_order_stands_unless_a_model_is_asked_for_and_tiers_are_never_mixed() {
    let world = World::new(&four());
    for (model, expected) in [
        ("auto", [A, B, C, D]),
        ("no-such-model", [A, B, C, D]),
        ("haiku-4.5", [B, A, C, D]),
        ("gemini-3-flash", [A, B, D, C]),
        (B, [B, A, C, D]),
    ] {
        assert_eq!(order(&world, model), expected, "{model}");
    }
    assert_eq!(world.plan("haiku-4.5").candidates[0].why, Inclusion::AsksForIt);
}

#[test]
fn weights_split_a_tier_in_proportion_and_zero_comes_last() {
    let hot = json!([
        { "provider": "anthropic", "model": "sonnet-4.6", "weight": 3 },
        { "provider": "anthropic", "model": "haiku-4.5", "weight": 1 },
        { "provider": "anthropic", "model": "opus-4.6", "weight": 0 }
    ]);
    let world = World::new(&with(four(), json!({ "hot": hot })));
    let mut firsts: HashMap<usize, u32> = HashMap::new();
    for roll in 0..4_000 {
        let made = plan(&world.map, &world.map.default_job, &world.fleet, &needs("auto"), roll, world.now);
        *firsts.entry(made.candidates[0].route.0).or_default() += 1;
        assert_eq!(made.candidates[2].route.0, 2);
    }
    assert!((2_900..3_100).contains(&firsts[&0]), "{firsts:?}");
    for roll in 0..100 {
        let made =
            plan(&world.map, &world.map.default_job, &world.fleet, &needs("haiku-4.5"), roll, world.now);
        assert_eq!(made.candidates[0].route.0, 1, "the model asked for wins over weights");
    }
}

#[test]
fn each_route_left_out_says_why() {
    let mut world = World::new(&four());
    world.fleet.set_in_service(world.ix(B), false);
    world.keys(C, &[]);
    world.request(|_, _| Err(after(K::RateLimited, 9_000)));
    assert!(matches!(why_not(&world, A), Some(Exclusion::CoolingDown { .. })));
    assert_eq!(why_not(&world, B), Some(Exclusion::SwitchedOff));
    assert_eq!(why_not(&world, C), Some(Exclusion::NoCredential));
    assert!(matches!(why_not(&world, D), Some(Exclusion::CoolingDown { .. })));

    let strict = json!({
        "flags": { "enable_warm_fallback": false },
        "breaker": { "consecutiveFailures": 1 },
        "hot": [{ "provider": "anthropic", "model": "sonnet-4.6" },
                { "provider": "anthropic", "model": "haiku-4.5", "enabled": false }]
    });
    let mut world = World::new(&with(four(), strict));
    world.request(|_, _| Err(failure(K::Malformed)));
    let until_mono_ms = world.now.mono_ms + 30_000;
    assert_eq!(why_not(&world, A), Some(Exclusion::CircuitOpen { until_mono_ms }));
    assert_eq!(why_not(&world, B), Some(Exclusion::OffInMap));
    assert_eq!(why_not(&world, C), Some(Exclusion::WarmDisabled));
    world.pass(30_000);
    assert_eq!(world.plan("auto").candidates[0].why, Inclusion::TestCall);
    let _test = world.permit(A);
    assert_eq!(why_not(&world, A), Some(Exclusion::TestUnderWay));
}

#[test]
fn a_passthrough_route_wants_the_callers_own_key_in_its_own_dialect() {
    let hot = json!([{ "provider": "anthropic", "model": "sonnet-4.6", "auth": "passthrough" }]);
    let world = World::new(&with(four(), json!({ "hot": hot })));
    for (dialect, passthrough_key, in_plan) in [
        (Dialect::AnthropicMessages, true, true),
        (Dialect::AnthropicMessages, false, false),
        (Dialect::OpenAiChat, true, false),
    ] {
        let needs = Needs { dialect, passthrough_key, ..needs("auto") };
        let made = plan(&world.map, &world.map.default_job, &world.fleet, &needs, 1, world.now);
        assert_eq!(
            made.candidates.iter().any(|c| c.route == world.ix(A)),
            in_plan,
            "{dialect} {passthrough_key}"
        );
    }
}

#[test]
fn standing_names_the_tier_that_answers_next_and_why_not_the_first() {
    let mut world = World::new(&with(four(), json!({ "breaker": { "consecutiveFailures": 1 } })));
    let stands = |world: &World| {
        let now = current_tier(&world.map, &world.fleet, world.now);
        (
            now.tier,
            now.route.map(|ix| world.map.route(ix).id.to_string()),
            now.cause.map(|cause| cause.to_string()),
        )
    };
    assert_eq!(stands(&world), (Tier::Hot, Some(A.to_owned()), None));
    world.request(|id, _| if id == A || id == B { Err(failure(K::Connect)) } else { Ok(()) });
    let cause = Some("sonnet-4.6: connection refused".to_owned());
    assert_eq!(stands(&world), (Tier::Warm, Some(C.to_owned()), cause.clone()));
    world.pass(30_000);
    world.request(|_, _| Ok(()));
    assert_eq!(stands(&world).0, Tier::Warm, "half open is not yet back");
    world.request(|_, _| Ok(()));
    assert_eq!(stands(&world), (Tier::Hot, Some(A.to_owned()), None));
    for id in [A, B, C, D] {
        world.fleet.set_in_service(world.ix(id), false);
    }
    assert_eq!(stands(&world), (Tier::Cold, None, Some("sonnet-4.6: switched off".to_owned())));
}

#[test]
fn a_route_put_out_of_use_for_long_is_back_when_it_answers_not_when_the_clock_says_so() {
    for kind in [K::ModelNotFound, K::KeyRejected, K::Forbidden] {
        let mut world =
            World::new(&with(four(), json!({ "hot": [{ "provider": "anthropic", "model": "sonnet-4.6" }] })));
        world.request(|id, _| if id == A { Err(failure(kind)) } else { Ok(()) });
        let tier = |world: &World| current_tier(&world.map, &world.fleet, world.now).tier;
        assert_eq!(tier(&world), Tier::Warm, "{}", kind.as_str());
        world.pass(300_000);
        assert_eq!(tier(&world), Tier::Warm, "{}", kind.as_str());
        assert_eq!(world.request(|_, _| Ok(())).tries, [A], "{} gets its trial", kind.as_str());
        assert_eq!(tier(&world), Tier::Hot, "{}", kind.as_str());
    }
}

/// Every fourth of forty calls of these routes answers 500, and the triggers are judged.
fn ill(document: &serde_json::Value, routes: &[&str]) -> World {
    let mut world = World::new(document);
    let server_error = Failure { status: Some(500), ..failure(K::ServerError) };
    for n in 0..40 {
        for id in routes {
            let permit = world.permit(id);
            let outcome = if n % 4 == 0 {
                Outcome::Failed(server_error.clone())
            } else {
                Outcome::Succeeded { duration_ms: 10, first_token_ms: None }
            };
            world.fleet.report(permit, outcome, world.now);
        }
    }
    world.fleet.tick(&world.map, world.now);
    world
}

/// Who comes first, in percent of many requests.
fn firsts(world: &World) -> Vec<(String, u32)> {
    let mut firsts: BTreeMap<usize, u32> = BTreeMap::new();
    for roll in 0..4_000 {
        let made = plan(&world.map, &world.map.default_job, &world.fleet, &needs("auto"), roll, world.now);
        *firsts.entry(made.candidates[0].route.0).or_default() += 1;
    }
    let percent = |count: u32| (count + 20) / 40;
    firsts.into_iter().map(|(at, count)| (world.map.routes[at].id.to_string(), percent(count))).collect()
}

fn about(found: &[(String, u32)], expected: &[(&str, u32)]) {
    let same = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|((id, percent), (of, about))| id == of && percent.abs_diff(*about) <= 3);
    assert!(same, "{found:?}, not about {expected:?}");
}

#[test]
fn what_is_taken_from_a_lowered_route_really_goes_elsewhere() {
    let four = four();
    let lean = with(four.clone(), json!({ "hot": [four["hot"][0]] }));
    let alone = with(lean.clone(), json!({ "warm": [] }));
    let weighted = json!({ "hot": [
        { "provider": "anthropic", "model": "sonnet-4.6", "weight": 1 },
        { "provider": "anthropic", "model": "haiku-4.5", "weight": 1 }
    ] });
    let off = json!({ "flags": { "enable_warm_fallback": false } });
    let left = |world: &World, id: &str| world.fleet.lowered_to_percent(&world.map, world.ix(id), world.now);

    let world = ill(&four, &[A]);
    about(&firsts(&world), &[(A, 50), (B, 50)]);
    assert_eq!((left(&world, A), left(&world, B)), (Some(50), None));
    // Nobody is left in its tier: it goes on to the next one.
    about(&firsts(&ill(&lean, &[A])), &[(A, 50), (C, 50)]);
    let both = ill(&four, &[A, B]);
    about(&firsts(&both), &[(A, 50), (C, 50)]);
    assert_eq!((left(&both, A), left(&both, B)), (Some(50), Some(50)));
    about(&firsts(&ill(&with(four.clone(), weighted), &[A, B])), &[(A, 25), (B, 25), (C, 50)]);
    // A Warm route that is as ill takes its half of the half.
    about(&firsts(&ill(&lean, &[A, C])), &[(A, 50), (C, 25), (D, 25)]);

    // With nobody to take it nothing is taken, and nobody says so.
    for document in [alone, with(lean.clone(), off)] {
        let world = ill(&document, &[A]);
        assert_eq!(world.fleet.watch().fired().len(), 1);
        about(&firsts(&world), &[(A, 100)]);
        assert_eq!(left(&world, A), None);
    }
    let mut world = ill(&lean, &[A]);
    for id in [C, D] {
        for _ in 0..5 {
            let permit = world.permit(id);
            world.fleet.report(permit, Outcome::Failed(failure(K::ServerError)), world.now);
        }
    }
    assert_eq!(left(&world, A), None, "their circuits are open");
    about(&firsts(&world), &[(A, 100)]);
}
