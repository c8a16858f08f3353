use serde_json::{Value, json};
use switchyard_domain::map::Timeouts;
use switchyard_domain::{FailureKind as K, Now};

use super::world::{World, failure, four, one, with};
use crate::patience::{Learned, Time};
use crate::{EndedBy, Input, Patience, Silence, Step, Waits};

const NOW: Now = Now { mono_ms: 1_000_000, wall_ms: 0 };

/// A try that begins now, ten minutes before its deadline, with another route left.
const LEFT: Time =
    Time { now: NOW, deadline_mono_ms: 1_600_000, is_written: false, untried: 1, has_others: true };

fn patience(timeouts: &Timeouts, learned: &Learned, time: Time) -> Patience {
    Patience::new(timeouts, learned, time)
}

/// How long this silence may last from now on, milliseconds.
fn ms_of(patience: &Patience, silence: Silence) -> u64 {
    let at = if silence.is_committed() {
        patience.until_stalled(silence, NOW.mono_ms, NOW.mono_ms).0
    } else {
        patience.until(silence, NOW.mono_ms).0
    };
    at - NOW.mono_ms
}

#[test]
fn what_is_under_way_decides_how_long_silence_may_last() {
    let shipped = patience(&Timeouts::default(), &Learned::default(), LEFT);
    let expected = [
        (Silence::FirstToken, 12_000),
        (Silence::FirstReasoning, 120_000),
        (Silence::FirstAlive, 120_000),
        (Silence::Text, 30_000),
        (Silence::TextWithTools, 60_000),
        (Silence::Reasoning, 120_000),
        (Silence::ToolCall, 120_000),
        (Silence::KeepAlive, 120_000),
        (Silence::Answer, 120_000),
        (Silence::Body, 30_000),
    ];
    assert_eq!(expected.map(|(silence, _)| silence), Silence::ALL);
    for (silence, ms) in expected {
        assert_eq!(ms_of(&shipped, silence), ms, "{silence:?}");
    }
    assert_eq!(shipped.until_head(Silence::FirstToken), (NOW.mono_ms + 12_000, EndedBy::Silence));
}

#[test]
fn a_written_limit_binds_for_what_it_names() {
    let first = Timeouts { first_token_ms: Some(700), ..Timeouts::default() };
    let first_but = Timeouts { reasoning_ms: Some(9_000), keep_alive_ms: Some(8_000), ..first };
    let idle = Timeouts { idle_ms: Some(250), ..Timeouts::default() };
    let idle_but = Timeouts { tool_call_ms: Some(300_000), body_ms: Some(2_000), ..idle };
    let head = Timeouts { first_byte_ms: Some(900), ..Timeouts::default() };
    let head_but = Timeouts { answer_ms: Some(40_000), ..head };
    let cases = [
        (first, Silence::FirstToken, 700),
        (first, Silence::FirstReasoning, 700),
        (first, Silence::FirstAlive, 700),
        (first, Silence::Text, 30_000),
        (first_but, Silence::FirstReasoning, 9_000),
        (first_but, Silence::FirstAlive, 8_000),
        (first_but, Silence::KeepAlive, 8_000),
        (idle, Silence::Text, 250),
        (idle, Silence::TextWithTools, 250),
        (idle, Silence::Reasoning, 250),
        (idle, Silence::ToolCall, 250),
        (idle, Silence::Body, 250),
        (idle, Silence::KeepAlive, 120_000),
        (idle_but, Silence::ToolCall, 300_000),
        (idle_but, Silence::Body, 2_000),
        (head, Silence::Answer, 900),
        (head, Silence::FirstToken, 12_000),
        (head_but, Silence::Answer, 40_000),
    ];
    for (timeouts, silence, ms) in cases {
        // Also where no other route is left, and whatever was learned.
        let alone = Time { untried: 0, has_others: false, ..LEFT };
        for time in [LEFT, alone] {
            let got = ms_of(&patience(&timeouts, &learned(silence, 50_000, 100), time), silence);
            let expected = if silence.written_ms(&timeouts).is_some() { Some(ms) } else { None };
            assert_eq!(expected.unwrap_or(got), got, "{timeouts:?} {silence:?}");
        }
        assert_eq!(ms_of(&patience(&timeouts, &Learned::default(), LEFT), silence), ms, "{silence:?}");
    }
    assert_eq!(
        patience(&head, &Learned::default(), LEFT).until_head(Silence::FirstReasoning).0,
        NOW.mono_ms + 900
    );
    let total = Timeouts { total_ms: Some(5_000), ..Timeouts::default() };
    let total = patience(&total, &Learned::default(), LEFT);
    assert_eq!(total.until(Silence::Answer, NOW.mono_ms), (NOW.mono_ms + 5_000, EndedBy::Total));
    assert_eq!(
        total.until_stalled(Silence::Text, NOW.mono_ms, NOW.mono_ms),
        (NOW.mono_ms + 5_000, EndedBy::Total)
    );
}

fn learned(silence: Silence, ms: u32, answers: u32) -> Learned {
    let mut learned = Learned::default();
    for _ in 0..answers {
        let mut waits = Waits::default();
        waits.note(silence, ms);
        learned.take(&waits);
    }
    learned
}

#[test]
fn a_route_is_never_given_less_than_three_times_its_own_p99() {
    for silence in Silence::ALL {
        let of = |learned: &Learned| ms_of(&patience(&Timeouts::default(), learned, LEFT), silence);
        let default = of(&Learned::default());
        assert_eq!(of(&learned(silence, 60_000, 19)), default, "{silence:?}: 19 answers teach nothing");
        let raised = of(&learned(silence, 60_000, 20));
        assert!((180_000..=225_000).contains(&raised), "{silence:?}: {raised}");
        assert_eq!(of(&learned(silence, 10, 200)), default, "{silence:?}: it is never less than the default");
    }
    // What one kind of answer needs says nothing of another.
    let slow_answers = learned(Silence::Answer, 60_000, 50);
    assert_eq!(ms_of(&patience(&Timeouts::default(), &slow_answers, LEFT), Silence::FirstToken), 12_000);
}

#[test]
fn with_no_other_route_left_only_the_deadline_ends_a_try() {
    let last = patience(&Timeouts::default(), &Learned::default(), Time { untried: 0, ..LEFT });
    for silence in Silence::ALL {
        let (at, by) = last.until(silence, NOW.mono_ms);
        match silence.is_committed() {
            // Someone else could still go on with its stream.
            true => assert!(at < LEFT.deadline_mono_ms, "{silence:?}"),
            false => assert_eq!((at, by), (LEFT.deadline_mono_ms, EndedBy::Deadline), "{silence:?}"),
        }
    }
    let alone = Time { untried: 0, has_others: false, ..LEFT };
    let alone = patience(&Timeouts::default(), &Learned::default(), alone);
    assert_eq!(alone.until_stalled(Silence::Text, 0, NOW.mono_ms).0, LEFT.deadline_mono_ms);
    // Behind the deadline a stream that still flows is not cut off.
    let late = LEFT.deadline_mono_ms + 5_000;
    assert_eq!(alone.until_stalled(Silence::Text, late, late).0, late + 30_000);
}

#[test]
fn keep_alives_move_the_one_clock_and_not_the_other() {
    let patience = patience(&Timeouts::default(), &Learned::default(), LEFT);
    let stalled = |silence, content, frame| patience.until_stalled(silence, content, frame).0;
    // Nothing at all: the text's own limit, from its last word.
    assert_eq!(stalled(Silence::Text, 5_000, 5_000), 35_000);
    // A ping came: from it, but no longer than keep-alives are believed.
    assert_eq!(stalled(Silence::Text, 5_000, 20_000), 50_000);
    assert_eq!(stalled(Silence::Text, 5_000, 124_000), 125_000);
    assert_eq!(stalled(Silence::ToolCall, 5_000, 20_000), 125_000);
}

#[test]
fn each_untried_route_keeps_a_fair_share_of_a_written_slo() {
    let time = |slo_ms: u64, untried| Time {
        deadline_mono_ms: NOW.mono_ms + slo_ms,
        is_written: true,
        untried,
        ..LEFT
    };
    let cases = [
        (4_000, 1, Silence::FirstToken, 2_000, EndedBy::Share),
        (2_000, 1, Silence::Answer, 1_000, EndedBy::Share),
        (4_000, 3, Silence::Answer, 1_000, EndedBy::Share),
        (4_000, 0, Silence::FirstToken, 4_000, EndedBy::Deadline),
        // A share is no licence to wait longer than makes sense.
        (300_000, 1, Silence::FirstToken, 12_000, EndedBy::Silence),
    ];
    for (slo_ms, untried, silence, ms, by) in cases {
        let patience = patience(&Timeouts::default(), &Learned::default(), time(slo_ms, untried));
        assert_eq!(patience.until(silence, NOW.mono_ms), (NOW.mono_ms + ms, by), "{slo_ms} {untried}");
    }
    // What was learned does not eat the others' shares.
    let slow = learned(Silence::Answer, 60_000, 50);
    let patience = patience(&Timeouts::default(), &slow, time(4_000, 1));
    assert_eq!(patience.until(Silence::Answer, NOW.mono_ms).0, NOW.mono_ms + 2_000);
}

/// The routes asked by a request whose every route is silent up to its limit, and when each try ended.
fn silent_throughout(document: &Value) -> Vec<u64> {
    let mut world = World::new(document);
    let begun = world.now.mono_ms;
    let mut machine = world.machine();
    let mut ends = Vec::new();
    let mut input = Input::Begin;
    while let (Step::Try(attempt), _) = world.step(&mut machine, input) {
        let (at, _) = attempt.patience.until(Silence::FirstToken, world.now.mono_ms);
        world.pass(at - world.now.mono_ms);
        ends.push(at - begun);
        input = Input::Failed { attempt, failure: failure(K::FirstTokenTimeout) };
    }
    ends
}

#[test]
fn silence_throughout_leaves_every_route_its_time() {
    let slo = |slo_ms: u64| json!({ "sloMs": slo_ms });
    assert_eq!(silent_throughout(&with(four(), slo(4_000))), [1_000, 2_000, 3_000, 4_000]);
    assert_eq!(silent_throughout(&with(one(), slo(4_000))), [4_000]);
    // Nobody wrote an SLO: the limits of silence, and the last route has all the rest.
    assert_eq!(silent_throughout(&four()), [12_000, 24_000, 36_000, 600_000]);
    assert_eq!(silent_throughout(&one()), [600_000]);
}
