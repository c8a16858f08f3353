use serde_json::json;
use switchyard_domain::FailureKind as K;
use switchyard_domain::map::RouteIx;
use switchyard_domain::view::CircuitState;

use super::world::{A, B, C, World, after, failure, four, map, one, with};
use crate::{Change, KeyChoice, KeyId, Outcome};

#[test]
fn the_strip_holds_twenty_calls_and_percentiles_are_of_real_answers() {
    let mut world = World::new(&four());
    for duration_ms in 1..=100 {
        let permit = world.permit(A);
        world.fleet.report(permit, Outcome::Succeeded { duration_ms, first_token_ms: Some(1) }, world.now);
    }
    for _ in 0..5 {
        let permit = world.permit(A);
        world.fleet.report(permit, Outcome::Failed(after(K::RateLimited, 1)), world.now);
        world.pass(1);
    }
    let health = world.fleet.view(world.ix(A), world.now);
    assert_eq!(health.last, [vec![true; 15], vec![false; 5]].concat());
    assert_eq!((health.p50_ms, health.p95_ms, health.error_percent), (Some(50), Some(95), Some(25.0)));
    assert_eq!(health.circuit, CircuitState::Closed, "a rate limit never opens a circuit");
    let fresh = world.fleet.view(world.ix(B), world.now);
    assert_eq!((fresh.p50_ms, fresh.error_percent, fresh.last.len()), (None, None, 0));
}

#[test]
fn a_rate_limit_cools_the_key_on_its_route_and_leaves_the_sister_model_alone() {
    let mut world = World::new(&four());
    world.request(|id, _| if id == A { Err(after(K::RateLimited, 8_000)) } else { Ok(()) });
    let (a, b, now) = (world.ix(A), world.ix(B), world.now);
    assert_eq!(world.fleet.key_for(a, &[], now), KeyChoice::AllCoolingUntil(now.mono_ms - 10 + 8_000));
    assert_eq!(world.fleet.key_for(b, &[], now), KeyChoice::Key(KeyId::from("anthropic")));
}

#[test]
fn an_unpaid_account_condemns_every_key_of_its_provider_and_no_other() {
    let mut world = World::new(&four());
    world.keys(A, &["one", "two"]);
    world.keys(B, &["two", "three"]);
    let run = world.request(|id, _| if id == A { Err(failure(K::Unpaid)) } else { Ok(()) });
    assert_eq!(run.tries, [format!("{A} one"), C.to_owned()]);
    let condemned = run.changes.iter().filter(|change| matches!(change, Change::KeyCondemned { .. })).count();
    assert_eq!(condemned, 3);
}

#[test]
fn a_condemned_key_gets_one_trial_every_five_minutes() {
    let mut world = World::new(&four());
    let (a, key) = (world.ix(A), KeyId::from("anthropic"));
    assert!(world.fleet.condemn_key(&key, failure(K::KeyRejected), world.now));
    assert!(!world.fleet.condemn_key(&key, failure(K::KeyRejected), world.now));
    assert_eq!(world.fleet.key_for(a, &[], world.now), KeyChoice::None);
    world.pass(300_000);
    assert_eq!(world.fleet.key_for(a, &[], world.now), KeyChoice::Key(key));
    let refused = |id: &str, _| if id == C { Ok(()) } else { Err(failure(K::KeyRejected)) };
    assert_eq!(world.request(refused).tries, [A, C], "the call is the trial");
    assert_eq!(world.fleet.key_for(a, &[], world.now), KeyChoice::None);
}

#[test]
fn a_check_asks_with_a_key_that_was_refused_and_uses_up_no_trial() {
    let mut world = World::new(&four());
    let (a, key) = (world.ix(A), KeyId::from("anthropic"));
    world.fleet.condemn_key(&key, failure(K::KeyRejected), world.now);
    world.pass(300_000);
    for _ in 0..2 {
        assert_eq!(world.fleet.key_for_check(a, &[], world.now), KeyChoice::Key(key.clone()));
    }
    assert_eq!(world.fleet.key_for_check(a, std::slice::from_ref(&key), world.now), KeyChoice::None);
    assert_eq!(world.fleet.key_for(a, &[], world.now), KeyChoice::Key(key), "its trial is still to come");
}

#[test]
fn looking_and_probing_spend_no_trial_and_neither_does_a_retry_that_is_refused() {
    let mut world = World::new(&with(one(), json!({ "storm": { "retryBudgetPerMinute": 1 } })));
    let (a, key) = (world.ix(A), KeyId::from("anthropic"));
    world.keys(A, &["anthropic", "spare"]);
    assert!(world.fleet.condemn_key(&KeyId::from("spare"), failure(K::KeyRejected), world.now));
    world.pass(300_000);
    assert_eq!(world.fleet.key_to_probe(a, world.now), KeyChoice::Key(key.clone()));
    // The one retry of the minute is taken, so that the next key is not asked.
    assert!(world.fleet.retry_budget.may_retry(world.now));
    let run = world.request(|_, _| Err(failure(K::KeyRejected)));
    assert_eq!(run.tries, [A]);
    assert_eq!(world.fleet.key_to_probe(a, world.now), KeyChoice::None, "both are condemned");
    world.pass(60_000);
    assert_eq!(world.request(|_, _| Ok(())).tries, [format!("{A} spare")], "its trial was left");
    assert_eq!(world.fleet.key_trouble(&KeyId::from("spare"), world.now), None);
    assert!(world.fleet.key_trouble(&key, world.now).is_some());
}

#[test]
fn a_good_probe_takes_a_rejected_key_back_but_not_again_and_again() {
    let mut world = World::new(&one());
    let (a, key) = (world.ix(A), KeyId::from("anthropic"));
    let reject = |world: &mut World| world.request(|_, _| Err(failure(K::KeyRejected))).tries.len();
    assert_eq!(reject(&mut world), 1);
    assert_eq!(world.fleet.rejected_keys(a), std::slice::from_ref(&key));
    world.fleet.key_accepted(&key);
    assert_eq!(world.fleet.key_state(a, world.now), KeyChoice::Key(key.clone()));
    assert_eq!(reject(&mut world), 1);
    assert_eq!(world.fleet.rejected_keys(a), [], "its provider lists models for it and serves it none");
    assert_eq!(reject(&mut world), 0);
    world.pass(300_000);
    assert_eq!(world.request(|_, _| Ok(())).end, "answered", "the trial");
    assert_eq!(reject(&mut world), 1);
    assert_eq!(
        world.fleet.rejected_keys(a),
        std::slice::from_ref(&key),
        "since it worked a probe tells again"
    );
    // An account that is not paid lists its models all the same.
    world.fleet.enable_key(&key);
    world.request(|_, _| Err(failure(K::Unpaid)));
    assert_eq!(world.fleet.rejected_keys(a), []);
}

#[test]
fn a_new_map_keeps_what_is_known_of_a_route_and_forgets_it_when_the_target_changes() {
    let open = json!({ "breaker": { "consecutiveFailures": 1 } });
    let mut world = World::new(&with(four(), open.clone()));
    world.request(|id, _| if id == A { Err(failure(K::Connect)) } else { Ok(()) });
    world.fleet.set_in_service(world.ix(C), false);
    let slow = world.permit(B);

    let turned = json!({ "hot": [{ "provider": "anthropic", "model": "haiku-4.5" }, { "provider": "anthropic", "model": "sonnet-4.6" }] });
    let new = map(&with(with(four(), open.clone()), turned));
    world.fleet.remap(&new);
    let find = |id: &str| new.find(id).expect("in the new map");
    assert_eq!(world.fleet.view(find(A), world.now).circuit, CircuitState::Open);
    assert!(!world.fleet.view(find(C), world.now).in_service);
    let changes = world.fleet.report(slow, Outcome::Failed(failure(K::Reset)), world.now);
    assert!(matches!(&changes[..], [Change::Opened { route, .. }] if route.as_str() == B), "found by name");

    let moved = json!({ "hot": [{ "provider": "anthropic", "model": "sonnet-4.6", "baseUrl": "https://eu.example.com/v1" }] });
    world.fleet.remap(&map(&with(with(four(), open), moved)));
    let health = world.fleet.view(RouteIx(0), world.now);
    assert_eq!((health.circuit, health.last.len(), health.has_key), (CircuitState::Closed, 0, true));
}
