//! A shift's life against sides that do well, badly, slowly, or not at all.

use switchyard_domain::Now;
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{MoveSteps, ShiftMode};
use switchyard_domain::operate::{ShiftPhase, Target};

use super::course::Shift;
use super::judge::{Evidence, Home, Rules};
use crate::trigger_monitor::Seen;

const A: &str = "openai/gpt-4o-mini";

const START: Now = Now { mono_ms: 10_000_000, wall_ms: 1_700_000_000_000 };

fn rules() -> Rules {
    Rules { automatic: true, ..Rules::default() }
}

fn seen(calls: u64, failed: u64, p95_ms: u32) -> Seen {
    Seen { calls, failed, p95_ms: Some(p95_ms), ..Seen::default() }
}

fn doing(step: Seen) -> Evidence {
    Evidence { step, since_hold: Seen::default(), ..Evidence::default() }
}

fn well() -> Evidence {
    Evidence {
        home: Home { healthy: seen(60, 0, 400), errors: seen(60, 0, 400), ..Home::default() },
        ..doing(seen(40, 0, 400))
    }
}

/// A shift from anthropic to the rest, both sides at a 95th percentile of 400 ms.
fn begun(mode: ShiftMode, last: u32) -> Shift {
    let sides = (Target::Provider("anthropic".to_owned()), Target::Rest);
    let mut shift = Shift::new(1, sides, mode, (Some(400), Some(400)), "cli", "test", START);
    shift.leave(last, &MoveSteps::default(), START);
    shift
}

/// Beats once a second for `ms`, and says what was told with when.
fn play(shift: &mut Shift, evidence: &Evidence, from: Now, ms: u64) -> Vec<(u64, String)> {
    let mut told = Vec::new();
    for second in 1..=ms / 1_000 {
        let now = from.plus_ms(second * 1_000);
        told.extend(shift.advance(evidence, &rules(), now).iter().map(|what| (second, short(what))));
    }
    told
}

fn short(what: &EventKind) -> String {
    let all = serde_json::to_value(what).expect("an event is JSON");
    let kind = all["type"].as_str().unwrap_or_default().to_owned();
    match all.get("sharePercent").or_else(|| all.get("held")) {
        Some(detail) => format!("{kind} {detail}"),
        None => kind,
    }
}

fn shares(told: &[(u64, String)]) -> Vec<(u64, &str)> {
    told.iter().map(|(second, what)| (*second, what.as_str())).collect()
}

#[test]
fn steps_are_taken_on_time_while_the_new_side_does_well() {
    for (mode, last, first, expected) in [
        (ShiftMode::Gradual, 100, 50, vec![(60, "shift_moved 75"), (120, "shift_moved 100")]),
        (ShiftMode::Gradual, 60, 50, vec![(60, "shift_moved 60")]),
        (
            ShiftMode::Canary,
            100,
            5,
            vec![
                (120, "shift_moved 10"),
                (240, "shift_moved 25"),
                (360, "shift_moved 50"),
                (480, "shift_moved 100"),
            ],
        ),
        (ShiftMode::Immediate, 100, 100, vec![]),
        (ShiftMode::Immediate, 30, 30, vec![]),
    ] {
        let mut shift = begun(mode, last);
        assert_eq!(shift.share, first, "{mode:?}");
        let told = play(&mut shift, &doing(seen(40, 0, 400)), START, 700_000);
        assert_eq!(shares(&told), expected, "{mode:?} {last}");
        assert_eq!((shift.phase, shift.share), (ShiftPhase::Away, last), "{mode:?}");
    }
}

#[test]
fn a_step_nobody_calls_in_goes_on() {
    let mut shift = begun(ShiftMode::Gradual, 100);
    let told = play(&mut shift, &Evidence::default(), START, 200_000);
    assert_eq!(shares(&told), [(60, "shift_moved 75"), (120, "shift_moved 100")]);
}

#[test]
fn a_step_is_reversed_when_it_is_below_its_success_bound_even_without_one_of_its_failures() {
    let goes_on = [(60, "shift_moved 75")];
    let held = [(60, "shift_held true")];
    let reversed = [(1, "shift_reversed"), (1, "shift_ended")];
    for (calls, failed, expected) in [
        (50, 1, &goes_on[..]),
        (49, 1, &held),
        (34, 1, &held),
        (10, 1, &held),
        (9, 1, &held),
        (9, 9, &held),
        (101, 3, &held),
        (52, 2, &held),
        (50, 2, &reversed),
        (10, 2, &reversed),
        (10, 10, &reversed),
        (100, 3, &reversed),
    ] {
        let mut shift = begun(ShiftMode::Gradual, 100);
        let told = play(&mut shift, &doing(seen(calls, failed, 400)), START, 60_000);
        assert_eq!(shares(&told), expected, "{failed} of {calls}");
    }
}

#[test]
fn a_95th_percentile_of_few_answers_says_nothing() {
    for (calls, expected) in [(1, "shift_moved 75"), (19, "shift_moved 75"), (20, "shift_held true")] {
        let mut shift = begun(ShiftMode::Gradual, 100);
        let told = play(&mut shift, &doing(seen(calls, 0, 9_000)), START, 60_000);
        assert_eq!(shares(&told), [(60, expected)], "{calls} answers");
    }
}

#[test]
fn a_step_home_is_held_while_anything_stands_against_home() {
    let trouble = |why: &str| Home { trouble: Some(why.to_owned()), ..well().home };
    let fired = |why: &str| Home { fired: Some(why.to_owned()), ..well().home };
    for (actor, home, held) in [
        ("router", trouble("the last probe of sonnet failed: silent"), true),
        ("router", fired("3 probes in a row failed"), true),
        ("router", well().home, false),
        // A person has seen the trigger, and can't see the next probe.
        ("cli", trouble("the circuit of sonnet must close"), true),
        ("cli", fired("3 probes in a row failed"), false),
    ] {
        let mut shift = begun(ShiftMode::Immediate, 100);
        shift.turn_home(&MoveSteps::default(), actor, "test", START);
        let case = format!("{actor} {home:?}");
        let ill = Evidence { home, ..well() };
        let told = play(&mut shift, &ill, START, 900_000);
        if !held {
            assert_eq!(told.len(), 5, "{case}: {told:?}");
            assert!(shift.is_over(), "{case}");
            continue;
        }
        assert_eq!(shares(&told), [(180, "shift_held true")], "{case}");
        assert!(shift.waits_for.as_deref().unwrap_or_default().starts_with("Held by the router: "), "{case}");
        let told = play(&mut shift, &well(), START.plus_ms(900_000), 1_000);
        assert_eq!(shares(&told), [(1, "shift_held false"), (1, "shift_moved 75")], "{case}");
    }

    let mut shift = begun(ShiftMode::Gradual, 100);
    let leaving = Evidence { home: trouble("silent"), ..well() };
    let told = play(&mut shift, &leaving, START, 60_000);
    assert_eq!(shares(&told), [(60, "shift_moved 75")], "what stands against home is why traffic leaves it");
}

#[test]
fn while_this_machine_is_cut_off_nothing_is_judged() {
    let cut = Some("this machine is offline".to_owned());
    let terrible = Evidence { blind: cut, shut: vec![A.into()], ..doing(seen(100, 100, 9_000)) };
    for turn_home in [false, true] {
        let mut shift = begun(ShiftMode::Gradual, 100);
        if turn_home {
            shift.turn_home(&MoveSteps::default(), "router", "test", START);
        }
        let before = shift.share;
        assert_eq!(play(&mut shift, &terrible, START, 900_000), []);
        assert_eq!(shift.share, before);
        assert_eq!(shift.waits_for.as_deref(), Some("Stands still: this machine is offline."));
    }
}

#[test]
fn a_circuit_that_was_open_before_traffic_came_reverses_nothing() {
    let mut shift = begun(ShiftMode::Gradual, 100);
    let before = Evidence { shut: vec![A.into()], ..well() };
    assert_eq!(shares(&play(&mut shift, &before, START, 60_000)), [(60, "shift_moved 75")]);
    let more = Evidence { shut: vec![A.into(), "google/gemini".into()], ..well() };
    let told = play(&mut shift, &more, START.plus_ms(60_000), 1_000);
    assert_eq!(shares(&told), [(1, "shift_reversed"), (1, "shift_ended")], "a further one does");

    let mut shift = begun(ShiftMode::Immediate, 100);
    play(&mut shift, &well(), START, 1_000);
    shift.turn_home(&MoveSteps::default(), "cli", "test", START.plus_ms(1_000));
    let home = Home { trouble: Some("a circuit must close".to_owned()), ..well().home };
    let half_home = Evidence { shut: vec!["anthropic/haiku".into()], home, ..well() };
    let told = play(&mut shift, &half_home, START.plus_ms(1_000), 180_000);
    assert_eq!(shares(&told), [(180, "shift_held true")], "a person brings it home to what is left of it");
}

#[test]
fn a_failure_among_too_few_calls_holds_the_step_for_as_long_again() {
    let mut shift = begun(ShiftMode::Gradual, 100);
    let told = play(&mut shift, &doing(seen(4, 1, 400)), START, 130_000);
    assert_eq!(shares(&told), [(60, "shift_held true"), (120, "shift_held false"), (120, "shift_moved 75")]);

    // A further failure while it is held begins the wait anew; enough calls end it.
    let mut shift = begun(ShiftMode::Gradual, 100);
    play(&mut shift, &doing(seen(4, 1, 400)), START, 60_000);
    let held = START.plus_ms(60_000);
    assert_eq!(play(&mut shift, &doing(seen(5, 2, 400)), held, 59_000), []);
    assert_eq!(
        play(&mut shift, &doing(seen(6, 2, 400)), held.plus_ms(59_000), 1_000),
        [],
        "one second too early"
    );
    let told = play(&mut shift, &doing(seen(120, 2, 400)), held.plus_ms(60_000), 1_000);
    assert_eq!(shares(&told), [(1, "shift_held false"), (1, "shift_moved 75")]);
}

#[test]
fn a_slow_side_is_held_and_reversed_only_when_it_stays_slow() {
    let slow = doing(seen(40, 0, 501));
    let mut shift = begun(ShiftMode::Gradual, 100);
    let told = play(&mut shift, &slow, START, 200_000);
    assert_eq!(shares(&told), [(60, "shift_held true"), (120, "shift_reversed"), (120, "shift_ended")]);

    let mut shift = begun(ShiftMode::Gradual, 100);
    play(&mut shift, &slow, START, 60_000);
    let better = Evidence { since_hold: seen(20, 0, 400), ..slow };
    let told = play(&mut shift, &better, START.plus_ms(60_000), 1_000);
    assert_eq!(shares(&told), [(1, "shift_held false"), (1, "shift_moved 75")]);

    let mut shift = begun(ShiftMode::Gradual, 100);
    let told = play(&mut shift, &doing(seen(40, 0, 500)), START, 60_000);
    assert_eq!(shares(&told), [(60, "shift_moved 75")], "within the jitter of any network");
}

#[test]
fn a_circuit_that_opens_reverses_but_never_into_a_home_that_is_out() {
    let opened = Evidence { shut: vec!["openai/gpt-4o-mini".into()], ..well() };
    let mut shift = begun(ShiftMode::Gradual, 100);
    play(&mut shift, &well(), START, 5_000);
    let told = play(&mut shift, &opened, START.plus_ms(5_000), 1_000);
    assert_eq!(shares(&told), [(1, "shift_reversed"), (1, "shift_ended")]);

    for bad in [opened.clone(), doing(seen(40, 20, 400)), doing(seen(40, 0, 9_000)), doing(seen(4, 1, 400))] {
        let mut shift = begun(ShiftMode::Gradual, 100);
        let stuck = Evidence { no_way_back: Some("503".to_owned()), ..bad };
        let told = play(&mut shift, &stuck, START, 200_000);
        assert_eq!(shares(&told), [(60, "shift_moved 75"), (120, "shift_moved 100")]);
        assert_eq!(shift.phase, ShiftPhase::Away);
    }
}

#[test]
fn home_gets_its_traffic_back_after_half_an_hour_of_health_and_in_five_steps() {
    let mut shift = begun(ShiftMode::Immediate, 100);
    let told = play(&mut shift, &well(), START, 3_600_000);
    assert_eq!(
        shares(&told),
        [
            (1_800, "failback_started"),
            (1_800, "shift_moved 90"),
            (1_980, "shift_moved 75"),
            (2_160, "shift_moved 50"),
            (2_340, "shift_moved 25"),
            (2_520, "shift_moved 0"),
            (2_700, "shift_ended"),
        ]
    );
    assert!(shift.is_over());
}

#[test]
fn whatever_speaks_against_home_keeps_traffic_away_and_is_named() {
    let home = |healthy: Seen, errors: Seen| Home { healthy, errors, ..Home::default() };
    let good = seen(60, 0, 400);
    for (home, named) in [
        (home(seen(9, 0, 400), good), "to home to judge it by; 9 so far"),
        (home(seen(60, 1, 400), good), "1 of 60 failed"),
        (home(seen(100, 1, 400), seen(100, 2, 400)), "1 of 100 failed"),
        (Home { trouble: Some("the circuit of sonnet must close".into()), ..home(good, good) }, "sonnet"),
    ] {
        let mut shift = begun(ShiftMode::Immediate, 100);
        let told = play(&mut shift, &Evidence { home, ..Evidence::default() }, START, 2_400_000);
        assert_eq!(told, [], "{named}");
        let waits_for = shift.waits_for.clone().unwrap_or_default();
        assert!(waits_for.contains(named), "{waits_for}");
    }
    let mut shift = begun(ShiftMode::Immediate, 100);
    play(&mut shift, &well(), START, 600_000);
    assert_eq!(shift.waits_for.as_deref(), Some("Home is well; it must stay so for 20 min more."));
}

#[test]
fn a_way_home_that_fails_goes_away_again_and_waits_longer_each_time() {
    let mut shift = begun(ShiftMode::Immediate, 100);
    let mut now = START;
    let mut waits = Vec::new();
    for _ in 0..4 {
        let left = now;
        while shift.phase == ShiftPhase::Away {
            now = now.plus_ms(1_000);
            shift.advance(&well(), &rules(), now);
        }
        waits.push((now.mono_ms - left.mono_ms) / 60_000);
        now = now.plus_ms(1_000);
        let bad = Evidence { step: seen(20, 5, 400), ..well() };
        let told: Vec<String> = shift.advance(&bad, &rules(), now).iter().map(short).collect();
        assert_eq!(told, ["shift_reversed"]);
        assert_eq!((shift.phase, shift.share), (ShiftPhase::Away, 100));
    }
    assert_eq!(waits, [30, 30, 60, 120]);
}

#[test]
fn a_hold_stops_the_clock_of_a_step_and_only_the_hand_that_holds_ends_it() {
    let mut shift = begun(ShiftMode::Gradual, 100);
    play(&mut shift, &well(), START, 40_000);
    shift.hold("cli", "wait", START.plus_ms(40_000));
    assert_eq!(play(&mut shift, &doing(seen(40, 40, 400)), START.plus_ms(40_000), 600_000), []);
    let told = shift.release("cli", "go", START.plus_ms(640_000));
    assert_eq!(told.iter().map(short).collect::<Vec<_>>(), ["shift_held false"]);
    let told = play(&mut shift, &well(), START.plus_ms(640_000), 30_000);
    assert_eq!(shares(&told), [(20, "shift_moved 75")]);

    let mut shift = begun(ShiftMode::Immediate, 100);
    shift.hold("cli", "stay", START);
    assert_eq!(play(&mut shift, &well(), START, 7_200_000), [], "held away is not brought home");
    assert_eq!(shift.waits_for, None);
}

#[test]
fn traffic_that_may_not_come_home_by_itself_waits_for_a_person() {
    let mut shift = begun(ShiftMode::Immediate, 100);
    for second in 1..4_000 {
        let by_hand = Rules { automatic: false, ..rules() };
        assert_eq!(shift.advance(&well(), &by_hand, START.plus_ms(second * 1_000)), []);
    }
    assert_eq!(shift.waits_for.as_deref(), Some("A person brings it home: `switchyard failback 1`."));
}

#[test]
fn the_error_trigger_turns_the_routers_way_home_round_but_not_a_persons() {
    let ill = Evidence { home: Home { to_leave: Some("41 % failed".into()), ..well().home }, ..well() };
    for (actor, share) in [("router", 100), ("cli", 90)] {
        let mut shift = begun(ShiftMode::Immediate, 100);
        shift.turn_home(&MoveSteps::default(), actor, "test", START);
        play(&mut shift, &ill, START, 10_000);
        assert_eq!(shift.share, share, "{actor}");
    }
}
