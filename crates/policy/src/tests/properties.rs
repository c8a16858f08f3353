//! What no sequence of events may break, for many requests at once over one fleet.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use switchyard_domain::map::RouteIx;
use switchyard_domain::view::CircuitState;
use switchyard_domain::{FailureKind as K, Now, RouteId};

use super::world::{World, after, failure, four, one, with};
use crate::{Attempt, Change, FailoverMachine, Fleet, Input, Outcome, Permit, Step};

const KINDS: [K; 16] = [
    K::ServerError,
    K::ServerError,
    K::ServerError,
    K::Overloaded,
    K::RateLimited,
    K::Connect,
    K::FirstByteTimeout,
    K::Reset,
    K::KeyRejected,
    K::ContextLength,
    K::BadRequest,
    K::ModelNotFound,
    K::DeadlineExceeded,
    K::NoRoute,
    K::Paused,
    K::Internal,
];

#[derive(Clone, Debug)]
enum Event {
    Begin,
    Fail { which: usize, kind: usize, retry_after_ms: Option<u64> },
    Succeed { which: usize },
    Abort { which: usize },
    Commit { which: usize },
    Wake { which: usize, on_time: bool },
    Pass { ms: u64 },
    Switch { route: usize, on: bool },
    Remap,
}

fn event() -> impl Strategy<Value = Event> {
    let which = 0..6_usize;
    prop_oneof![
        6 => Just(Event::Begin),
        12 => (which.clone(), 0..KINDS.len(), proptest::option::of(1..9_000_u64))
            .prop_map(|(which, kind, retry_after_ms)| Event::Fail { which, kind, retry_after_ms }),
        3 => which.clone().prop_map(|which| Event::Succeed { which }),
        1 => which.clone().prop_map(|which| Event::Abort { which }),
        1 => which.clone().prop_map(|which| Event::Commit { which }),
        8 => (which, any::<bool>()).prop_map(|(which, on_time)| Event::Wake { which, on_time }),
        4 => (0..20_000_u64).prop_map(|ms| Event::Pass { ms }),
        1 => (0..4_usize, any::<bool>()).prop_map(|(route, on)| Event::Switch { route, on }),
        1 => Just(Event::Remap),
    ]
}

/// One request under way, and what the reference remembers of it.
struct Live {
    machine: FailoverMachine,
    attempt: Option<Box<Attempt>>,
    waits_until: Option<u64>,
    committed: bool,
    over: bool,
    began: Now,
    tried: Vec<RouteIx>,
    /// The route last tried opened its circuit since.
    opened: bool,
}

struct Play {
    world: World,
    lives: Vec<Live>,
    log: Vec<String>,
}

impl Play {
    fn of(world: World, events: &[Event]) -> Self {
        let mut play = Self { world, lives: Vec::new(), log: Vec::new() };
        for event in events {
            play.take(event);
            play.check_tests();
        }
        play
    }

    fn take(&mut self, event: &Event) {
        match event.clone() {
            Event::Begin => {
                let seed = self.lives.len() as u64;
                let plan = self.world.plan("auto");
                let machine = FailoverMachine::new(
                    &self.world.map,
                    &self.world.map.default_job,
                    plan,
                    seed,
                    self.world.now,
                );
                self.lives.push(Live {
                    machine,
                    attempt: None,
                    waits_until: None,
                    committed: false,
                    over: false,
                    began: self.world.now,
                    tried: Vec::new(),
                    opened: false,
                });
                self.step(self.lives.len() - 1, Input::Begin);
            }
            Event::Fail { which, kind, retry_after_ms } => {
                let Some((at, attempt)) = self.under_way(which) else { return };
                let failure =
                    retry_after_ms.map_or_else(|| failure(KINDS[kind]), |ms| after(KINDS[kind], ms));
                if self.lives[at].committed {
                    let changes = attempt.fail(&mut self.world.fleet, failure, self.world.now);
                    self.lives[at].over = true;
                    self.note(&changes);
                } else {
                    self.step(at, Input::Failed { attempt, failure });
                }
            }
            Event::Succeed { which } => {
                let Some((at, attempt)) = self.under_way(which) else { return };
                let changes = attempt.succeed(&mut self.world.fleet, self.world.now);
                self.lives[at].over = true;
                self.note(&changes);
            }
            Event::Abort { which } => {
                if let Some((at, _)) = self.under_way(which) {
                    self.lives[at].over = true;
                }
            }
            Event::Commit { which } => {
                if let Some(live) = self.recent(which).map(|at| &mut self.lives[at])
                    && live.attempt.is_some()
                {
                    live.committed = true;
                }
            }
            Event::Wake { which, on_time } => {
                let waiting = self.lives.iter().rposition(|live| live.waits_until.is_some());
                let Some(at) =
                    self.recent(which).filter(|at| self.lives[*at].waits_until.is_some()).or(waiting)
                else {
                    return;
                };
                let until = self.lives[at].waits_until.unwrap_or_default();
                if on_time {
                    self.world.pass(until.saturating_sub(self.world.now.mono_ms));
                }
                self.step(at, Input::Woke);
            }
            Event::Pass { ms } => self.world.pass(ms),
            Event::Switch { route, on } => self.world.fleet.set_in_service(RouteIx(route), on),
            Event::Remap => self.world.fleet.remap(&self.world.map),
        }
    }

    fn recent(&self, which: usize) -> Option<usize> {
        self.lives.len().checked_sub(1 + which)
    }

    /// Takes out a try under way.
    fn under_way(&mut self, which: usize) -> Option<(usize, Box<Attempt>)> {
        let holder = self.lives.iter().rposition(|live| live.attempt.is_some());
        let at = self.recent(which).filter(|at| self.lives[*at].attempt.is_some()).or(holder)?;
        Some((at, self.lives[at].attempt.take()?))
    }

    /// Notes whose circuits opened.
    fn note(&mut self, changes: &[Change]) {
        for opened in changes.iter().filter_map(opened) {
            for live in &mut self.lives {
                let is_last = |last: &RouteIx| self.world.map.route(*last).id == *opened;
                live.opened |= live.tried.last().is_some_and(is_last);
            }
        }
    }

    /// Steps one drive and holds the step against the promises.
    fn step(&mut self, at: usize, input: Input) {
        let (map, now) = (&self.world.map, self.world.now);
        let live = &mut self.lives[at];
        live.waits_until = None;
        let (step, changes) = live.machine.step(&mut self.world.fleet, map, input, now);
        self.note(&changes);
        let (map, live) = (&self.world.map, &mut self.lives[at]);
        self.log.push(format!("{at} {step:?}"));
        let deadline = live.began.mono_ms + map.default_job.slo_ms;
        match step {
            Step::Try(attempt) => {
                let (route, number, patience) = (attempt.route, attempt.number, &attempt.patience);
                assert!(!live.over, "a try after the end");
                assert!(
                    now.mono_ms < deadline && patience.deadline_mono_ms() == deadline,
                    "a try after the deadline"
                );
                assert!(
                    live.tried.last() == Some(&route) || !live.tried.contains(&route),
                    "a visited route is visited again"
                );
                assert!(!live.opened || live.tried.last() != Some(&route), "a try after its circuit opened");
                live.opened = false;
                live.tried.push(route);
                assert_eq!(live.tried.len(), number as usize);
                assert!(number <= map.retry.max_attempts_per_request, "too many tries in all");
                let here = live.tried.iter().filter(|tried| **tried == route).count();
                assert!(here <= map.retry.attempts as usize, "too many tries of one route");
                live.attempt = Some(attempt);
            }
            Step::Wait { until_mono_ms } => {
                assert!(!live.over);
                assert!(until_mono_ms < deadline, "a wait past the deadline");
                assert!(until_mono_ms <= now.mono_ms + 5_000, "a wait longer than five seconds");
                live.waits_until = Some(until_mono_ms);
            }
            Step::Park | Step::Answer(_) => {
                assert!(!live.over, "two ends");
                live.over = true;
            }
        }
    }

    fn check_tests(&self) {
        let mut testing: Vec<&RouteId> = self
            .lives
            .iter()
            .filter_map(|live| live.attempt.as_ref()?.permit())
            .filter(|permit| permit.probe())
            .map(Permit::route_id)
            .collect();
        let all = testing.len();
        testing.sort();
        testing.dedup();
        assert_eq!(testing.len(), all, "two test calls of one route under way");
    }
}

fn worlds() -> impl Strategy<Value = serde_json::Value> {
    let shape = prop_oneof![3 => Just(four()), 1 => Just(one())];
    (shape, 1..6_u32, 1..3_u32, 1..=3_u32, 1..=6_u32, 1_000..40_000_u64, 1_000..60_000_u64).prop_map(
        |(shape, consecutive, successes, attempts, most, every_ms, slo_ms)| {
            with(
                shape,
                json!({
                    "sloMs": slo_ms,
                    "retry": { "attempts": attempts, "maxAttemptsPerRequest": most.max(attempts) },
                    "breaker": {
                        "consecutiveFailures": consecutive,
                        "halfOpenEveryMs": every_ms,
                        "successesToClose": successes
                    }
                }),
            )
        },
    )
}

/// The breaker as one would explain it at a blackboard.
#[derive(Debug)]
struct Model {
    circuit: CircuitState,
    era: u32,
    in_a_row: u32,
    opened_ms: u64,
    /// The first since it was last calm for ten minutes, and each relapse since.
    openings: usize,
    /// The last one was a relapse.
    relapsed: bool,
    counted_ms: u64,
    passed: u32,
    testing: Option<usize>,
}

impl Model {
    fn admits(&self, now_ms: u64) -> bool {
        match self.circuit {
            CircuitState::Closed => true,
            CircuitState::Open => {
                let flapping = [30, 30, 60, 120, 240, 300][self.openings.min(6) - 1];
                now_ms >= self.opened_ms + if self.relapsed { flapping } else { 30 } * 1_000
            }
            CircuitState::HalfOpen => self.testing.is_none(),
        }
    }

    fn admitted(&mut self, call: usize) -> u32 {
        if self.circuit == CircuitState::Open {
            (self.circuit, self.era, self.passed) = (CircuitState::HalfOpen, self.era + 1, 0);
        }
        if self.circuit == CircuitState::HalfOpen {
            self.testing = Some(call);
        }
        self.era
    }

    fn ended(&mut self, call: usize, era: u32, good: Option<bool>, now_ms: u64) {
        if self.testing == Some(call) {
            self.testing = None;
        }
        let Some(good) = good.filter(|_| era == self.era) else { return };
        self.in_a_row = if good { 0 } else { self.in_a_row + 1 };
        let turned = match (self.circuit, good) {
            (CircuitState::Closed, false) if self.in_a_row >= 5 => CircuitState::Open,
            (CircuitState::HalfOpen, false) => CircuitState::Open,
            (CircuitState::HalfOpen, true) if self.passed == 1 => CircuitState::Closed,
            (CircuitState::HalfOpen, true) => {
                self.passed += 1;
                CircuitState::HalfOpen
            }
            (same, _) => same,
        };
        if turned != self.circuit {
            if turned == CircuitState::Open && self.circuit == CircuitState::HalfOpen && self.passed == 0 {
                self.relapsed = false;
                self.openings = if now_ms - self.counted_ms >= 600_000 { 1 } else { self.openings };
            } else if turned == CircuitState::Open {
                let calm = self.circuit == CircuitState::Closed && now_ms - self.opened_ms >= 600_000;
                (self.relapsed, self.counted_ms) = (!calm, now_ms);
                self.openings = if calm { 1 } else { self.openings + 1 };
            }
            (self.circuit, self.era, self.opened_ms) = (turned, self.era + 1, now_ms);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn drives_keep_their_promises(document in worlds(), events in vec(event(), 1..150)) {
        Play::of(World::new(&document), &events);
    }

    #[test]
    fn the_same_seed_and_events_give_the_same_steps(document in worlds(), events in vec(event(), 1..80)) {
        let once = Play::of(World::new(&document), &events).log;
        prop_assert_eq!(once, Play::of(World::new(&document), &events).log);
    }

    #[test]
    fn no_permit_is_leaked(document in worlds(), events in vec(event(), 1..150)) {
        let Play { mut world, lives, .. } = Play::of(World::new(&document), &events);
        drop(lives);
        world.pass(3_600_000);
        // The beat decides what was held until it was known whether the network is well.
        world.fleet.tick(&world.map, world.now);
        world.pass(3_600_000);
        for at in 0..world.map.routes.len() {
            world.fleet.set_in_service(RouteIx(at), true);
            let permit = world.fleet.acquire(RouteIx(at), world.now);
            prop_assert!(permit.is_ok(), "{:?}", permit);
        }
    }

    /// Calls begin and end in any order; the breaker's state is the model's after each.
    #[test]
    fn the_breaker_is_the_one_on_the_blackboard(steps in vec((0..20_u8, any::<prop::sample::Index>(), 0..40_000_u64), 1..400)) {
        let mut world = World::new(&one());
        let mut model = Model {
            circuit: CircuitState::Closed, era: 0, in_a_row: 0, opened_ms: 0, openings: 0, relapsed: false,
            counted_ms: 0, passed: 0, testing: None,
        };
        let mut under_way: Vec<(usize, u32, Permit)> = Vec::new();
        let good = Outcome::Succeeded { duration_ms: 1, first_token_ms: None };
        for (call, (what, pick, ms)) in steps.into_iter().enumerate() {
            let now = world.now;
            match what {
                0..=8 => {
                    let permit = world.fleet.acquire(RouteIx(0), now);
                    prop_assert_eq!(permit.is_ok(), model.admits(now.mono_ms));
                    if let Ok(permit) = permit {
                        let era = model.admitted(call);
                        prop_assert_eq!(permit.probe(), model.testing == Some(call));
                        under_way.push((call, era, permit));
                    }
                }
                9 => world.pass(ms),
                    10 => world.pass(ms * 20),
                _ if under_way.is_empty() => {}
                _ => {
                    let (begun, era, permit) = under_way.swap_remove(pick.index(under_way.len()));
                    let (outcome, judged) = match what {
                        11 | 12 => (good.clone(), Some(true)),
                        13 => (Outcome::Failed(failure(K::BadRequest)), None),
                        14 => (Outcome::Nothing, None),
                        _ => (Outcome::Failed(failure(K::ServerError)), Some(false)),
                    };
                    let before = model.circuit;
                    let changes = world.fleet.report(permit, outcome, now);
                    model.ended(begun, era, judged, now.mono_ms);
                    prop_assert_eq!(told(&changes), (before != model.circuit).then_some(model.circuit));
                    if let Some(Change::Opened { consecutive, .. }) = changes.first() {
                        prop_assert_eq!(*consecutive, model.in_a_row);
                    }
                }
            }
            prop_assert_eq!(circuit(&world.fleet), model.circuit);
        }
    }

    #[test]
    fn back_off_stays_within_its_bound(retry in 1..200_u32, seed in any::<u64>(), initial in 0..5_000_u64, max in 0..400_000_u64) {
        let mut rng = crate::backoff::SplitMix64::new(seed);
        let bound = u128::from(initial).saturating_mul(1 << (retry - 1).min(100)).min(u128::from(max));
        prop_assert!(u128::from(crate::backoff::full_jitter(retry, initial, max, &mut rng)) <= bound);
        let cold = u128::from(crate::backoff::cold_backoff(retry, initial, max, &mut rng));
        prop_assert!(cold <= bound && cold >= bound / 2);
    }
}

fn circuit(fleet: &Fleet) -> CircuitState {
    fleet.circuit(RouteIx(0))
}

fn opened(change: &Change) -> Option<&RouteId> {
    match change {
        Change::Opened { route, .. } => Some(route),
        Change::HalfOpen { .. }
        | Change::Closed { .. }
        | Change::KeyCondemned { .. }
        | Change::CooledDown { .. }
        | Change::ProbeFailed { .. }
        | Change::NetworkTurned(_)
        | Change::Told(_) => None,
    }
}

fn told(changes: &[Change]) -> Option<CircuitState> {
    changes.iter().find_map(|change| match change {
        Change::Opened { .. } => Some(CircuitState::Open),
        Change::Closed { .. } => Some(CircuitState::Closed),
        Change::HalfOpen { .. } => Some(CircuitState::HalfOpen),
        Change::KeyCondemned { .. }
        | Change::CooledDown { .. }
        | Change::ProbeFailed { .. }
        | Change::NetworkTurned(_)
        | Change::Told(_) => None,
    })
}
