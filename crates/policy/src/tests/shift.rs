//! Shifts and weights as callers meet them: whose requests go where.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::ShiftMode;
use switchyard_domain::operate::{ForcedBreaker, Order, SetDistribution, StartShift};
use switchyard_domain::{FailureKind as K, Problem, RouteId, Tier};

use super::world::{A, B, C, D, World, failure, four, map, needs, one, with};
use crate::{
    Change, Findings, HostFound, Inclusion, Needs, Outcome, PageFound, Patch, Plan, Reach, ShiftCommand,
    current_tier, plan,
};

pub(super) fn start(
    world: &mut World,
    from: &str,
    to: Option<&str>,
    mode: ShiftMode,
    percent: u32,
) -> Result<u64, Problem> {
    let command = StartShift {
        from: from.to_owned(),
        to: to.map(str::to_owned),
        mode: Some(mode),
        percent: Some(percent),
        reason: Some("slow since two".to_owned()),
    };
    order(world, ShiftCommand::Start(command)).map(|id| id.expect("a started shift has a number"))
}

pub(super) fn order(world: &mut World, command: ShiftCommand) -> Result<Option<u64>, Problem> {
    let World { map, fleet, now, .. } = world;
    fleet.command_shift(map, command, "cli", None, *now).map(|(id, _)| id)
}

pub(super) fn distribute(
    world: &mut World,
    weights: &[(&str, u32)],
    transition_ms: u64,
) -> Result<Option<u64>, Problem> {
    let weights = weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
    let transition_ms = Some(transition_ms);
    order(world, ShiftCommand::Distribute(SetDistribution { weights, transition_ms, reason: None }))
}

pub(super) fn tick(world: &mut World) -> Vec<Change> {
    world.fleet.tick(&world.map, world.now)
}

pub(super) fn planned(world: &World, key: u64) -> Plan {
    let needs = Needs { conversation: Some(key), ..needs("auto") };
    plan(&world.map, &world.map.default_job, &world.fleet, &needs, 0, world.now)
}

fn ids(world: &World, plan: &Plan) -> Vec<String> {
    plan.candidates.iter().map(|c| world.map.route(c.route).id.to_string()).collect()
}

pub(super) fn first(world: &World, key: u64) -> String {
    ids(world, &planned(world, key))[0].clone()
}

fn code(result: Result<u64, Problem>) -> String {
    result.expect_err("a refusal").code
}

#[test]
fn a_share_of_the_requests_goes_elsewhere_and_falls_back_home() {
    let mut world = World::new(&four());
    start(&mut world, "anthropic", None, ShiftMode::Immediate, 30).unwrap();
    let moved: Vec<u64> = (0..4_000).filter(|key| first(&world, *key) == C).collect();
    assert!((1_100..1_300).contains(&moved.len()), "{}", moved.len());
    let made = planned(&world, moved[0]);
    assert_eq!(ids(&world, &made), [C, D, A, B]);
    assert_eq!(made.candidates[0].why, Inclusion::Shifted);
    assert_eq!(
        made.candidates.iter().map(|c| c.tier).collect::<Vec<_>>(),
        [Tier::Warm, Tier::Warm, Tier::Hot, Tier::Hot]
    );
}

#[test]
fn moves_take_the_steps_of_the_map() {
    let steps = json!({
        "shift": { "gradualSteps": [20, 60, 100], "canarySteps": [1, 100] }, "failback": { "steps": [30, 100] },
    });
    for (mode, leaves_by) in [(ShiftMode::Gradual, vec![20, 60, 100]), (ShiftMode::Canary, vec![1, 100])] {
        let mut world = World::new(&with(four(), steps.clone()));
        start(&mut world, "anthropic", None, mode, 100).unwrap();
        let shown = |world: &World| world.fleet.shifts().view(world.now)[0].clone();
        assert_eq!(shown(&world).steps, leaves_by, "{mode:?}");
        assert_eq!(shown(&world).share_percent, leaves_by[0], "{mode:?}");
    }
    let mut world = World::new(&with(four(), steps));
    start(&mut world, "anthropic", None, ShiftMode::Immediate, 100).unwrap();
    order(&mut world, ShiftCommand::Failback { shift: None, at_once: false }).unwrap();
    assert_eq!(world.fleet.shifts().view(world.now)[0].steps, [70, 0]);
}

#[test]
fn a_named_side_comes_first_and_the_others_before_home() {
    for (from, to, expected) in [
        ("anthropic", "google", [D, C, A, B]),
        ("hot", "warm", [C, D, A, B]),
        (A, B, [B, C, D, A]),
        ("sonnet-4.6", "rest", [B, C, D, A]),
        ("route:openai/gpt-4o-mini", "provider:gemini", [D, A, B, C]),
    ] {
        let mut world = World::new(&four());
        start(&mut world, from, Some(to), ShiftMode::Immediate, 100).unwrap();
        assert_eq!(ids(&world, &planned(&world, 1)), expected, "{from} to {to}");
    }
}

#[test]
fn a_move_to_nowhere_is_refused_in_plain_words() {
    let mut world = World::new(&one());
    let refused = start(&mut world, "anthropic", None, ShiftMode::Immediate, 100).unwrap_err();
    assert!(refused.message.contains("the map has no route besides those of anthropic"), "{refused}");
}

#[test]
fn what_can_not_be_moved_is_refused_with_the_fix() {
    let mut world = World::new(&four());
    let immediate = ShiftMode::Immediate;
    for (from, to, percent, expected) in [
        ("mistral", None, 100, "invalid_target"),
        ("rest", None, 100, "invalid_target"),
        ("anthropic", Some("nobody"), 100, "invalid_target"),
        ("anthropic", Some("sonnet-4.6"), 100, "invalid_target"),
        ("anthropic", None, 0, "invalid_percent"),
        ("anthropic", None, 101, "invalid_percent"),
    ] {
        assert_eq!(
            code(start(&mut world, from, to, immediate, percent)),
            expected,
            "{from} {to:?} {percent}"
        );
    }
    world.fleet.set_in_service(world.ix(C), false);
    assert_eq!(code(start(&mut world, "anthropic", Some("openai"), immediate, 100)), "conflict_target_out");
    for (shift, expected) in [(None, "not_found_shift"), (Some(7), "not_found_shift")] {
        let failback = ShiftCommand::Failback { shift, at_once: true };
        assert_eq!(order(&mut world, failback).unwrap_err().code, expected);
    }
    let one = start(&mut world, "anthropic", None, immediate, 50).unwrap();
    assert_eq!(code(start(&mut world, "anthropic", None, immediate, 50)), "conflict_shift_exists");
    assert_eq!(code(start(&mut world, "anthropic", Some("google"), immediate, 100)), "conflict_shift_exists");
    assert_eq!(start(&mut world, "anthropic", None, immediate, 80).unwrap(), one, "it goes further");
    assert_eq!(world.fleet.shifts().view(world.now)[0].share_percent, 80);
    let go_on = ShiftCommand::Hold { shift: None, held: false };
    assert_eq!(order(&mut world, go_on).unwrap_err().code, "conflict_not_held");
    start(&mut world, D, None, immediate, 100).unwrap();
    let which = ShiftCommand::Failback { shift: None, at_once: true };
    assert_eq!(order(&mut world, which).unwrap_err().code, "conflict_several_shifts");
    for id in [A, B] {
        world.fleet.set_in_service(world.ix(id), false);
    }
    let dead_home = ShiftCommand::Failback { shift: Some(one), at_once: false };
    assert_eq!(order(&mut world, dead_home).unwrap_err().code, "conflict_home_out");
    order(&mut world, ShiftCommand::Failback { shift: Some(one), at_once: true }).unwrap();
    assert_eq!(world.fleet.shifts().view(world.now).len(), 1, "taken back at once whatever home says");
}

#[test]
fn one_request_now_and_then_goes_home_and_never_the_only_candidate() {
    let mut world = World::new(&four());
    start(&mut world, "anthropic", None, ShiftMode::Immediate, 100).unwrap();
    let mut trials = BTreeMap::<String, u32>::new();
    for second in 0..120 {
        world.pass(1_000);
        let made = planned(&world, second);
        let one = made.candidates[0];
        let id = world.map.route(one.route).id.to_string();
        if one.why == Inclusion::Trial {
            *trials.entry(id.clone()).or_default() += 1;
        }
        drop(world.permit(&id));
    }
    assert_eq!(trials, BTreeMap::from([(A.to_owned(), 2), (B.to_owned(), 2)]), "every 30 s, in turns");
    world.pass(60_000);
    let again = Needs { avoid: vec![world.ix(C)], ..needs("auto") };
    let made = plan(&world.map, &world.map.default_job, &world.fleet, &again, 1, world.now);
    assert_eq!(ids(&world, &made), [D, A, B, C], "a broken stream is nobody's trial");
}

#[test]
fn a_home_whose_circuit_is_open_gets_its_test_calls_while_traffic_is_away() {
    let mut world = World::new(&with(four(), json!({ "breaker": { "consecutiveFailures": 1 } })));
    start(&mut world, A, None, ShiftMode::Immediate, 100).unwrap();
    world.pass(30_000);
    assert_eq!(world.request(|id, _| if id == A { Err(failure(K::Connect)) } else { Ok(()) }).tries, [A, B]);
    assert_eq!(world.request(|_, _| Ok(())).tries, [B]);
    world.pass(30_000);
    assert_eq!(world.request(|_, _| Ok(())).tries, [A], "the circuit's test call");
    world.pass(30_000);
    assert_eq!(world.request(|_, _| Ok(())).tries, [A]);
    assert!(world.fleet.serves(world.ix(A), world.now), "closed by its test calls");
}

#[test]
fn standing_follows_where_most_requests_go() {
    let mut world = World::new(&four());
    let stands = |world: &World| {
        let now = current_tier(&world.map, &world.fleet, world.now);
        (
            now.tier,
            now.route.map(|ix| world.map.route(ix).id.to_string()),
            now.cause.map(|cause| cause.to_string()),
        )
    };
    let id = start(&mut world, "anthropic", None, ShiftMode::Immediate, 50).unwrap();
    assert_eq!(stands(&world), (Tier::Hot, Some(A.to_owned()), None));
    start(&mut world, "anthropic", None, ShiftMode::Immediate, 100).unwrap();
    let cause = Some("traffic was moved: slow since two".to_owned());
    assert_eq!(stands(&world), (Tier::Warm, Some(C.to_owned()), cause));
    for id in [C, D] {
        world.fleet.set_in_service(world.ix(id), false);
    }
    assert_eq!(stands(&world).1, Some(A.to_owned()), "home answers where nobody else can");
    order(&mut world, ShiftCommand::Failback { shift: Some(id), at_once: true }).unwrap();
    assert_eq!(stands(&world), (Tier::Hot, Some(A.to_owned()), None));
    for id in [C, D] {
        world.fleet.set_in_service(world.ix(id), true);
    }
    distribute(&mut world, &[("openai", 60), ("anthropic", 40)], 0).unwrap();
    assert_eq!(stands(&world), (Tier::Warm, Some(C.to_owned()), None));
}

#[test]
fn weights_split_the_whole_line_and_change_in_time() {
    let mut world = World::new(&four());
    let split = |world: &World| {
        let mut firsts: HashMap<String, u32> = HashMap::new();
        for key in 0..4_000 {
            *firsts.entry(first(world, key)).or_default() += 1;
        }
        [A, C, D].map(|id| firsts.get(id).copied().unwrap_or_default())
    };
    let near =
        |got: [u32; 3], want: [u32; 3]| got.iter().zip(want).all(|(got, want)| got.abs_diff(want) < 120);
    distribute(&mut world, &[("anthropic", 50), ("openai", 30), ("gemini", 20)], 60_000).unwrap();
    assert_eq!(split(&world), [4_000, 0, 0]);
    world.pass(30_000);
    let half = split(&world);
    assert!(near(half, [3_000, 600, 400]), "{half:?}");
    world.pass(30_000);
    let whole = split(&world);
    assert!(near(whole, [2_000, 1_200, 800]), "{whole:?}");
    distribute(&mut world, &[("openai", 1), ("google", 0)], 0).unwrap();
    assert_eq!(split(&world), [0, 4_000, 0]);
    assert_eq!(ids(&world, &planned(&world, 1)), [C, A, B, D], "nobody's share before no share");
    let asked = Needs { conversation: Some(1), ..needs("haiku-4.5") };
    let made = plan(&world.map, &world.map.default_job, &world.fleet, &asked, 0, world.now);
    assert_eq!(ids(&world, &made), [C, B, A, D], "inside a target the model asked for stays first");
    for (weights, expected) in [
        (&[("openai", 0)][..], "invalid_weights"),
        (&[("google", 1), ("gemini", 1)], "invalid_weights"),
        (&[("hot", 1)], "invalid_weights"),
        (&[("mistral", 1)], "invalid_target"),
    ] {
        assert_eq!(distribute(&mut world, weights, 0).unwrap_err().code, expected, "{weights:?}");
    }
    distribute(&mut world, &[], 0).unwrap();
    assert_eq!(split(&world), [4_000, 0, 0]);
    assert_eq!(world.fleet.shifts().distribution(world.now), None);
}

#[test]
fn what_a_new_map_no_longer_has_is_let_go() {
    let mut world = World::new(&four());
    start(&mut world, "google", None, ShiftMode::Immediate, 100).unwrap();
    start(&mut world, "anthropic", Some("openai"), ShiftMode::Immediate, 100).unwrap();
    distribute(&mut world, &[("google", 30), ("openai", 10), ("anthropic", 10)], 0).unwrap();
    let without = |warm: Value| with(four(), json!({ "warm": warm }));
    world.map = map(&without(json!([{ "provider": "openai", "model": "gpt-4o-mini" }])));
    world.fleet.remap(&world.map);
    let told = format!("{:?}", tick(&mut world));
    assert!(told.contains("ShiftEnded") && told.contains("no longer in the map"), "{told}");
    let left = world.fleet.shifts().view(world.now);
    assert_eq!(left.iter().map(|shift| shift.from_words.as_str()).collect::<Vec<_>>(), ["anthropic"]);
    let split = world.fleet.shifts().distribution(world.now).unwrap();
    assert_eq!(split.weights.iter().map(|weight| weight.goal_percent).sum::<f64>(), 100.0);
    world.map = map(&without(json!([{ "provider": "mistral", "model": "large" }])));
    world.fleet.remap(&world.map);
    tick(&mut world);
    let left = world.fleet.shifts().view(world.now);
    assert_eq!((left[0].to_words.as_str(), left[0].share_percent), ("the other routes", 100), "still away");
}

#[test]
fn sleep_is_no_time_of_health_and_moves_nothing() {
    let mut world = World::new(&four());
    start(&mut world, "anthropic", None, ShiftMode::Gradual, 100).unwrap();
    for _ in 0..50 {
        world.pass(1_000);
        assert_eq!(tick(&mut world), []);
    }
    world.pass(8 * 3_600_000);
    assert_eq!(tick(&mut world), [], "asleep in the middle of a step");
    for _ in 0..10 {
        world.pass(1_000);
        tick(&mut world);
    }
    assert_eq!(world.fleet.shifts().view(world.now)[0].share_percent, 75);
}

/// A look at the network that finds it gone, or well.
fn look(world: &mut World, online: bool) {
    let (page, reach) = match online {
        true => (PageFound::Expected, Reach::Genuine),
        false => (PageFound::Unreached, Reach::Unreached),
    };
    let hosts = vec![HostFound { provider: "anthropic".to_owned(), reach, dead_proxy: None }];
    let findings = Findings { pages: vec![page], hosts, address_reached: online };
    world.fleet.network_checked(&findings, world.now.mono_ms, world.now);
}

#[test]
fn while_this_machine_is_offline_shifts_stand_still_and_go_on_where_they_were() {
    let mut world = World::new(&four());
    start(&mut world, "anthropic", None, ShiftMode::Gradual, 100).unwrap();
    let seconds = |world: &mut World, seconds: u32| {
        for _ in 0..seconds {
            world.pass(1_000);
            tick(world);
        }
        world.fleet.shifts().view(world.now)[0].clone()
    };
    assert_eq!(seconds(&mut world, 30).share_percent, 50);
    look(&mut world, false);
    let cut_off = seconds(&mut world, 50);
    assert_eq!((cut_off.share_percent, cut_off.next_at_ms), (50, None));
    assert_eq!(cut_off.waits_for.as_deref(), Some("Stands still: this machine is offline."));
    look(&mut world, true);
    assert_eq!(seconds(&mut world, 28).share_percent, 50);
    assert_eq!(seconds(&mut world, 2).share_percent, 75, "60 s of it were online");
}

/// A map whose error trigger fires after a minute, and whose circuits stay closed.
fn quick() -> World {
    World::new(&with(
        four(),
        json!({
            "triggers": { "errorSustainedMs": 60_000, "windowMs": 60_000 },
            "breaker": { "consecutiveFailures": 1_000 },
        }),
    ))
}

/// A call of each of these routes every other second, for so many of them; what the beats told.
fn calls(world: &mut World, routes: &[&str], ok: bool, times: u32) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..times {
        for id in routes {
            let permit = world.permit(id);
            let outcome = match ok {
                true => Outcome::Succeeded { duration_ms: 10, first_token_ms: None },
                false => Outcome::Failed(failure(K::ServerError)),
            };
            world.fleet.report(permit, outcome, world.now);
        }
        for _ in 0..2 {
            world.pass(1_000);
            told.extend(tick(world).into_iter().filter_map(|change| {
                if let Change::Told(EventKind::ShiftStarted { provider, .. }) = change {
                    provider
                } else {
                    None
                }
            }));
        }
    }
    told
}

fn ill(world: &World) -> bool {
    world.fleet.watch().to_leave().iter().any(|(provider, _)| provider == "anthropic")
}

#[test]
fn traffic_leaves_a_provider_that_stays_ill_and_not_one_that_answers_again() {
    let mut world = quick();
    assert_eq!(calls(&mut world, &[A], false, 40), ["anthropic"]);
    assert_eq!(calls(&mut world, &[A], false, 40), [""; 0], "once");

    // Its last calls came seldom: the trigger fires on the good ones that complete the number it needs.
    let mut world = quick();
    for _ in 0..16 {
        assert_eq!(calls(&mut world, &[A], false, 1), [""; 0]);
        world.pass(3_000);
    }
    assert!(!ill(&world));
    assert_eq!(calls(&mut world, &[A], true, 5), [""; 0]);
    assert!(ill(&world), "twenty calls over more than a minute, most of them failed");
    assert_eq!(calls(&mut world, &[A], true, 30), [""; 0]);
    // A failure or two are no outage, a minute full of them is.
    assert_eq!(calls(&mut world, &[A], false, 2), [""; 0]);
    assert_eq!(calls(&mut world, &[A], true, 1), [""; 0]);
    assert!(ill(&world), "the trigger takes half an hour to recover");
    assert_eq!(calls(&mut world, &[A], false, 30), ["anthropic"]);
}

#[test]
fn no_traffic_leaves_for_providers_that_are_as_ill() {
    let mut world = quick();
    assert_eq!(calls(&mut world, &[A, C, D], false, 60), [""; 0]);
    assert!(ill(&world));
    // The first one that is back is not yet better than the others.
    assert_eq!(calls(&mut world, &[C], true, 60), [""; 0]);

    let mut world = quick();
    assert_eq!(calls(&mut world, &[A, C], false, 60), ["anthropic", "openai"], "google is well");
}

#[test]
fn while_this_machine_is_offline_no_shift_begins_by_itself() {
    let mut world = quick();
    calls(&mut world, &[A], false, 25);
    look(&mut world, false);
    let cut_off = calls(&mut world, &[], false, 30);
    assert_eq!(cut_off, [""; 0]);
}

#[test]
fn a_circuit_that_opens_before_the_first_beat_reverses_and_one_that_was_open_does_not() {
    for open_before in [true, false] {
        let mut world = World::new(&with(four(), json!({ "breaker": { "consecutiveFailures": 1 } })));
        let open = |world: &mut World| {
            let permit = world.permit(C);
            world.fleet.report(permit, Outcome::Failed(failure(K::ServerError)), world.now);
        };
        if open_before {
            open(&mut world);
        }
        start(&mut world, "anthropic", None, ShiftMode::Gradual, 100).unwrap();
        if !open_before {
            open(&mut world);
        }
        world.pass(1_000);
        tick(&mut world);
        let shifts = world.fleet.shifts().view(world.now);
        assert_eq!(shifts.len(), usize::from(open_before), "{shifts:?}");
    }
}

#[test]
fn only_a_circuit_that_opens_by_itself_and_under_the_traffic_reverses() {
    // A person's word about a route is no news of the route.
    let mut world = World::new(&four());
    start(&mut world, "anthropic", None, ShiftMode::Gradual, 100).unwrap();
    for open in [Some(true), None] {
        let (route, mut overrides) = (RouteId::from(C), world.fleet.overrides().clone());
        let set = open.map(|open| ForcedBreaker { route: route.clone(), open, order: Order::default() });
        Patch::Breaker { route, set }.put(&mut overrides);
        world.fleet.set_overrides(overrides);
        world.pass(1_000);
        assert_eq!(tick(&mut world), [], "{open:?}");
    }
    assert_eq!(world.fleet.shifts().view(world.now).len(), 1);

    // Traffic that has to go elsewhere since its target is gone meets circuits that were open before.
    let mut world = World::new(&with(four(), json!({ "breaker": { "consecutiveFailures": 1 } })));
    start(&mut world, "anthropic", Some("openai"), ShiftMode::Gradual, 100).unwrap();
    let permit = world.permit(D);
    world.fleet.report(permit, Outcome::Failed(failure(K::ServerError)), world.now);
    let warm = json!([
        { "provider": "google", "model": "gemini-3-flash" }, { "provider": "mistral", "model": "large" },
    ]);
    world.map = map(&with(four(), json!({ "warm": warm, "breaker": { "consecutiveFailures": 1 } })));
    world.fleet.remap(&world.map);
    world.pass(1_000);
    tick(&mut world);
    let left = world.fleet.shifts().view(world.now);
    assert_eq!(left.iter().map(|shift| shift.to_words.as_str()).collect::<Vec<_>>(), ["the other routes"]);
}

#[test]
fn a_side_is_measured_by_as_many_answers_as_a_95th_percentile_needs() {
    for (answers, bound) in [(19, None), (20, Some("95th percentile up to 112 ms"))] {
        let mut world = World::new(&four());
        for _ in 0..answers {
            let permit = world.permit(C);
            let outcome = Outcome::Succeeded { duration_ms: 12, first_token_ms: None };
            world.fleet.report(permit, outcome, world.now);
            // A founder's pace: fewer than twenty in the trigger's five minutes.
            world.pass(30_000);
        }
        start(&mut world, "anthropic", None, ShiftMode::Gradual, 100).unwrap();
        let bounds = world.fleet.shifts().view(world.now)[0].watch.clone().unwrap().bounds;
        assert_eq!(bounds.split_once(", ").map(|(_, bound)| bound), bound, "{answers}: {bounds}");
    }
}

#[test]
fn a_step_is_judged_by_the_calls_begun_in_it_and_by_no_other() {
    let mut world = World::new(&four());
    let good = Outcome::Succeeded { duration_ms: 10, first_token_ms: None };
    let bad = || Outcome::Failed(failure(K::ServerError));
    let call = |world: &mut World, outcome: Outcome| {
        let permit = world.permit(C);
        world.fleet.report(permit, outcome, world.now);
    };
    for n in 0..36 {
        call(&mut world, if n % 9 == 0 { bad() } else { good.clone() });
    }
    // Under way when the step begins: what it is asked says nothing of the step.
    let under_way = [world.permit(C), world.permit(C)];
    world.pass(500);
    start(&mut world, "anthropic", Some("openai"), ShiftMode::Canary, 100).unwrap();
    for permit in under_way {
        world.fleet.report(permit, bad(), world.now);
    }
    for _ in 0..4 {
        world.pass(250);
        call(&mut world, good.clone());
    }
    tick(&mut world);
    let shown = |world: &World| world.fleet.shifts().view(world.now).first().cloned().expect("not reversed");
    let watch = shown(&world).watch.unwrap();
    assert_eq!((watch.calls, watch.success_percent), (4, Some(100.0)));
    for _ in 0..120 {
        world.pass(1_000);
        call(&mut world, good.clone());
        tick(&mut world);
    }
    assert_eq!(shown(&world).share_percent, 10, "the next step");
    // And each step by its own.
    for n in 0..40 {
        call(&mut world, if n % 2 == 0 { bad() } else { good.clone() });
    }
    let told = tick(&mut world);
    let reversed = |change: &Change| matches!(change, Change::Told(EventKind::ShiftReversed { .. }));
    assert!(told.iter().any(reversed), "{told:?}");
}
