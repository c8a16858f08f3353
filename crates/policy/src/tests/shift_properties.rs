//! What no sequence of commands, calls and beats may bring shifts and weights to.

use proptest::collection::vec;
use proptest::prelude::*;
use switchyard_domain::FailureKind as K;
use switchyard_domain::map::ShiftMode;
use switchyard_domain::operate::ShiftPhase;

use super::shift::{distribute, first, order, planned, start, tick};
use super::world::{A, B, C, D, World, failure, four};
use crate::{Change, SavedShifts, ShiftCommand};

#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Tick,
    Start { from: usize, to: usize, mode: usize, percent: u32 },
    Failback { at_once: bool },
    Hold(bool),
    Weights([u32; 3]),
    Request { fails: [bool; 4] },
}

const TARGETS: [&str; 8] = ["hot", "warm", "anthropic", "openai", "gemini", A, "haiku-4.5", "rest"];
const MODES: [ShiftMode; 3] = [ShiftMode::Immediate, ShiftMode::Gradual, ShiftMode::Canary];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..200_000_u64).prop_map(Event::Pass),
        4 => Just(Event::Tick),
        2 => (0..8_usize, 0..8_usize, 0..3_usize, 1..=100_u32)
            .prop_map(|(from, to, mode, percent)| Event::Start { from, to, mode, percent }),
        1 => any::<bool>().prop_map(|at_once| Event::Failback { at_once }),
        1 => any::<bool>().prop_map(Event::Hold),
        1 => any::<[u8; 3]>().prop_map(|weights| Event::Weights(weights.map(u32::from))),
        6 => any::<[bool; 4]>().prop_map(|fails| Event::Request { fails }),
    ]
}

fn take(world: &mut World, event: &Event) -> Vec<Change> {
    match event {
        Event::Pass(ms) => world.pass(*ms),
        Event::Tick => return tick(world),
        // A refusal changes nothing, which the caller compares.
        Event::Start { from, to, mode, percent } => {
            drop(start(world, TARGETS[*from], Some(TARGETS[*to]), MODES[*mode], *percent));
        }
        Event::Failback { at_once } => {
            drop(order(world, ShiftCommand::Failback { shift: None, at_once: *at_once }));
        }
        Event::Hold(held) => drop(order(world, ShiftCommand::Hold { shift: None, held: *held })),
        Event::Weights([a, b, c]) => {
            drop(distribute(world, &[("anthropic", *a), ("openai", *b), (D, *c)], 30_000));
        }
        Event::Request { fails } => {
            let order = [A, B, C, D];
            let run = world.request(|id, _| {
                let at = order.iter().position(|known| *known == id).unwrap_or_default();
                if fails[at] { Err(failure(K::ServerError)) } else { Ok(()) }
            });
            return run.changes;
        }
    }
    Vec::new()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_request_loses_a_candidate_whatever_is_moved(events in vec(event(), 1..60), keys in vec(any::<u64>(), 4)) {
        let mut world = World::new(&four());
        for event in &events {
            take(&mut world, event);
            for key in &keys {
                let made = planned(&world, *key);
                let mut all: Vec<usize> = made.candidates.iter().map(|c| c.route.0)
                    .chain(made.excluded.iter().map(|e| e.route.0)).collect();
                all.sort_unstable();
                prop_assert_eq!(all, [0, 1, 2, 3]);
                for excluded in &made.excluded {
                    prop_assert!(world.fleet.gate(excluded.route, world.now).is_err(), "{:?}", excluded);
                }
            }
            if let Some(split) = world.fleet.shifts().distribution(world.now) {
                let sum: f64 = split.weights.iter().map(|weight| weight.percent).sum();
                prop_assert!((sum - 100.0).abs() < 1e-6, "{sum}");
            }
        }
    }

    #[test]
    fn a_restart_in_the_middle_changes_nothing(events in vec(event(), 1..60), at in 0..60_usize) {
        let (mut world, mut other) = (World::new(&four()), World::new(&four()));
        for (step, event) in events.iter().enumerate() {
            if step == at {
                // The router beats once a second until it stops.
                prop_assert_eq!(tick(&mut world), tick(&mut other));
                let saved = serde_json::to_string(&other.fleet.shifts().save(other.now)).unwrap();
                let saved: SavedShifts = serde_json::from_str(&saved).unwrap();
                other.fleet.restore_shifts(&other.map, saved, other.now);
            }
            prop_assert_eq!(take(&mut world, event), take(&mut other, event));
            for key in 0..8 {
                prop_assert_eq!(planned(&world, key), planned(&other, key));
            }
        }
        let (one, two) = (world.fleet.shifts().view(world.now), other.fleet.shifts().view(other.now));
        prop_assert_eq!(one, two);
    }

    /// As a share grows, whoever went elsewhere still does.
    #[test]
    fn a_conversation_moves_at_most_once_while_a_shift_grows(keys in vec(any::<u64>(), 1..50)) {
        let mut world = World::new(&four());
        let mut gone: Vec<u64> = Vec::new();
        for percent in [5, 10, 25, 50, 75, 100] {
            start(&mut world, "anthropic", None, ShiftMode::Immediate, percent).unwrap();
            for key in &keys {
                let is_gone = first(&world, *key) == C;
                prop_assert!(is_gone || !gone.contains(key));
                if is_gone {
                    gone.push(*key);
                }
            }
        }
        prop_assert!(keys.iter().all(|key| gone.contains(key)));
    }

    /// A conversation leaves its target only for one whose share grew.
    #[test]
    fn weights_move_only_conversations_that_must(keys in vec(any::<u64>(), 1..50), a in 1..100_u32, b in 1..100_u32, more in 1..100_u32) {
        let mut world = World::new(&four());
        distribute(&mut world, &[("anthropic", a), ("openai", b)], 0).unwrap();
        let before: Vec<String> = keys.iter().map(|key| first(&world, *key)).collect();
        // openai's share grows.
        distribute(&mut world, &[("anthropic", a), ("openai", b + more)], 0).unwrap();
        for (key, before) in keys.iter().zip(before) {
            let after = first(&world, *key);
            prop_assert!(after == before || after == C, "{before} to {after}");
        }
    }

    /// While no side fails, a shift's share only grows until it is away, and only shrinks on its way home.
    #[test]
    fn shares_are_monotone_unless_reversed(mode in 0..3_usize, percent in 1..=100_u32, seconds in 1..4_000_u32, home_at in 0..4_000_u32) {
        let mut world = World::new(&four());
        start(&mut world, "anthropic", None, MODES[mode], percent).unwrap();
        let mut last = (ShiftPhase::Leaving, 0);
        for second in 0..seconds {
            world.pass(1_000);
            tick(&mut world);
            if second == home_at {
                order(&mut world, ShiftCommand::Failback { shift: None, at_once: false }).unwrap();
            }
            let Some(shift) = world.fleet.shifts().view(world.now).into_iter().next() else { break };
            let is_back = |phase| phase == ShiftPhase::Returning;
            if is_back(shift.phase) {
                prop_assert!(!is_back(last.0) || shift.share_percent <= last.1);
            } else {
                prop_assert!(shift.share_percent >= last.1 && shift.share_percent <= percent);
            }
            last = (shift.phase, shift.share_percent);
        }
    }
}
