use switchyard_domain::FailureKind as K;
use switchyard_domain::RouteId;
use switchyard_domain::event::EventKind;
use switchyard_domain::operate::{ForcedBreaker, Order};
use switchyard_domain::view::CircuitState;

use super::world::{A, B, C, D, World, after, failure, four, needs, one};
use crate::{Change, FailoverMachine, Input, Needs, Outcome, Patch, Permit, Reason, Step, plan};

const GOOD: Outcome = Outcome::Succeeded { duration_ms: 10, first_token_ms: None };

fn bad() -> Outcome {
    Outcome::Failed(failure(K::ServerError))
}

impl World {
    fn end(&mut self, permit: Permit, outcome: Outcome) -> Vec<Change> {
        self.fleet.report(permit, outcome, self.now)
    }

    fn call(&mut self, outcome: Outcome) -> Vec<Change> {
        let permit = self.permit(A);
        self.end(permit, outcome)
    }

    fn opened(&mut self) {
        for _ in 0..5 {
            self.call(bad());
        }
        assert_eq!(self.circuit(), CircuitState::Open);
    }

    /// Holds the breaker open or closed, or lets go of it.
    fn hold(&mut self, open: Option<bool>) {
        let (route, mut overrides) = (RouteId::from(A), self.fleet.overrides().clone());
        let set = open.map(|open| ForcedBreaker { route: route.clone(), open, order: Order::default() });
        Patch::Breaker { route, set }.put(&mut overrides);
        self.fleet.set_overrides(overrides);
    }

    fn circuit(&self) -> CircuitState {
        self.fleet.view(self.ix(A), self.now).circuit
    }
}

#[test]
fn five_failures_in_a_row_open_and_a_success_starts_the_count_anew() {
    let mut world = World::new(&one());
    for _ in 0..4 {
        assert!(world.call(bad()).is_empty());
    }
    world.call(GOOD);
    for _ in 0..4 {
        assert!(world.call(bad()).is_empty());
    }
    let changes = world.call(bad());
    assert!(matches!(&changes[..], [Change::Opened { consecutive: 5, .. }]), "{changes:?}");
    let closed = world.fleet.acquire(world.ix(A), world.now).expect_err("open");
    assert_eq!(
        (closed.reason, closed.until_mono_ms),
        (Reason::CircuitOpen, Some(world.now.mono_ms + 30_000))
    );
    assert_eq!(world.fleet.view(world.ix(A), world.now).next_probe_in_ms, Some(30_000));
}

#[test]
fn two_of_two_test_calls_close_and_the_second_need_not_wait() {
    let mut world = World::new(&one());
    world.opened();
    world.pass(30_000);
    let first = world.permit(A);
    assert!(first.probe() && first.begins_test());
    assert_eq!(world.circuit(), CircuitState::HalfOpen);
    let refused = world.fleet.acquire(world.ix(A), world.now).expect_err("one at a time");
    assert_eq!(refused.reason, Reason::TestUnderWay);
    assert!(world.end(first, GOOD).is_empty());
    let second = world.permit(A);
    assert!(second.probe() && !second.begins_test());
    assert!(matches!(&world.end(second, GOOD)[..], [Change::Closed { .. }]));
    assert_eq!(world.circuit(), CircuitState::Closed);
}

#[test]
fn a_failed_test_call_opens_again_and_restarts_the_interval() {
    let mut world = World::new(&one());
    world.opened();
    world.pass(30_000);
    world.call(GOOD);
    let permit = world.permit(A);
    world.pass(4_000);
    assert!(matches!(&world.end(permit, bad())[..], [Change::Opened { .. }]));
    world.pass(29_999);
    assert_eq!(world.fleet.acquire(world.ix(A), world.now).expect_err("open").reason, Reason::CircuitOpen);
    world.pass(1);
    assert!(world.permit(A).begins_test());
}

#[test]
fn a_test_call_that_proves_nothing_frees_its_slot() {
    let mut world = World::new(&one());
    world.opened();
    world.pass(30_000);
    drop(world.permit(A));
    let permit = world.permit(A);
    world.fleet.release(permit);
    let permit = world.permit(A);
    assert!(permit.probe());
    assert!(world.end(permit, Outcome::Failed(failure(K::ContextLength))).is_empty());
    assert!(world.permit(A).probe());
    assert_eq!(world.circuit(), CircuitState::HalfOpen);
}

#[test]
fn calls_from_before_the_circuit_opened_neither_close_it_nor_open_it_again() {
    let mut world = World::new(&one());
    let late_good = world.permit(A);
    let late_bad = world.permit(A);
    world.opened();
    world.pass(30_000);
    let test = world.permit(A);
    assert!(world.end(late_good, GOOD).is_empty());
    assert!(world.end(late_bad, bad()).is_empty());
    assert_eq!(world.circuit(), CircuitState::HalfOpen);
    assert!(world.end(test, GOOD).is_empty(), "one of two: the late success is none of them");
    assert_eq!(world.circuit(), CircuitState::HalfOpen);
    assert!(matches!(&world.call(GOOD)[..], [Change::Closed { .. }]));
}

#[test]
fn a_free_probe_is_noted_but_moves_no_circuit() {
    let mut world = World::new(&one());
    let ix = world.ix(A);
    let down = failure(K::ServerError);
    let first = world.fleet.probe_result(ix, Err(down.clone()), world.now.mono_ms, world.now);
    assert!(matches!(&first[..], [Change::ProbeFailed { .. }]));
    for _ in 0..9 {
        assert!(world.fleet.probe_result(ix, Err(down.clone()), world.now.mono_ms, world.now).is_empty());
    }
    let health = world.fleet.view(ix, world.now);
    assert_eq!((health.circuit, health.probe_failure), (CircuitState::Closed, Some(down)));
    world.opened();
    world.fleet.probe_result(ix, Ok(()), world.now.mono_ms, world.now);
    assert_eq!(world.circuit(), CircuitState::Open);
}

fn flaps(changes: &[Change]) -> Option<(u32, u64)> {
    changes.iter().find_map(|change| {
        let Change::Told(EventKind::CircuitFlaps { times, wait_ms, .. }) = change else { return None };
        Some((*times, *wait_ms))
    })
}

impl World {
    /// Passes a wait, and asserts that no test call goes before its end.
    fn wait_out(&mut self, wait_ms: u64, which: &str) {
        self.pass(wait_ms - 1);
        assert!(self.fleet.acquire(self.ix(A), self.now).is_err(), "{which}: too soon");
        self.pass(1);
        assert!(self.fleet.gate(self.ix(A), self.now).is_ok(), "{which}: too late");
    }

    /// Two good test calls close it; then it fails until it opens again.
    fn relapse(&mut self) -> Vec<Change> {
        self.call(GOOD);
        self.call(GOOD);
        assert_eq!(self.circuit(), CircuitState::Closed);
        for _ in 0..4 {
            assert!(self.call(bad()).is_empty());
        }
        self.call(bad())
    }
}

#[test]
fn an_outage_that_goes_on_is_tested_every_half_minute_however_long_it_lasts() {
    let mut world = World::new(&four());
    world.opened();
    for n in 1..=240 {
        world.fleet.tick(&world.map, world.now);
        world.wait_out(30_000, &format!("test call {n}"));
        assert_eq!(flaps(&world.call(bad())), None, "test call {n}: nothing flaps that never recovered");
    }
    world.wait_out(30_000, "the outage is over");
    world.call(GOOD);
    world.call(GOOD);
    assert_eq!(world.circuit(), CircuitState::Closed, "home half a minute after it is well");
}

#[test]
fn a_circuit_that_flaps_waits_longer_each_time_until_it_stayed_closed_for_ten_minutes() {
    let mut world = World::new(&four());
    world.opened();
    world.wait_out(30_000, "the first opening");
    for (n, wait_ms) in (2..).zip([30_000, 60_000, 120_000, 240_000, 300_000, 300_000]) {
        let changes = world.relapse();
        assert_eq!(flaps(&changes), (n > 2).then_some((n, wait_ms)), "opening {n}");
        world.wait_out(wait_ms, &format!("opening {n}"));
    }
    world.call(GOOD);
    world.call(GOOD);
    world.pass(599_999);
    for _ in 0..4 {
        world.call(bad());
    }
    assert_eq!(flaps(&world.call(bad())), Some((8, 300_000)), "it did not stay closed for long enough");
    world.pass(300_000);
    world.call(GOOD);
    world.call(GOOD);
    world.pass(600_000);
    world.opened();
    assert_eq!(world.fleet.view(world.ix(A), world.now).next_probe_in_ms, Some(30_000));
}

#[test]
fn a_test_call_that_goes_well_before_one_that_fails_is_a_recovery_and_its_end_a_relapse() {
    let mut world = World::new(&four());
    world.opened();
    let half_good = |world: &mut World| {
        world.call(GOOD);
        world.call(bad())
    };
    world.wait_out(30_000, "the first opening");
    for (n, wait_ms) in (2..).zip([30_000, 60_000, 120_000]) {
        assert_eq!(flaps(&half_good(&mut world)), (n > 2).then_some((n, wait_ms)), "opening {n}");
        world.wait_out(wait_ms, &format!("opening {n}"));
    }
    // From here on it is simply out: the longer wait was served, and nothing doubles any more.
    for n in 1..=6 {
        assert_eq!(flaps(&world.call(bad())), None, "test call {n}");
        world.wait_out(30_000, &format!("test call {n}"));
    }
    assert_eq!(flaps(&half_good(&mut world)), Some((5, 240_000)), "another relapse within ten minutes");
    world.pass(240_000);
    for _ in 0..13 {
        world.call(bad());
        world.pass(30_000);
    }
    assert_eq!(flaps(&half_good(&mut world)), None, "after ten minutes of plain outage it begins anew");
}

#[test]
fn a_circuit_that_flaps_is_tested_each_half_minute_while_nobody_else_could_answer() {
    let mut world = World::new(&four());
    let fail = |world: &mut World, id: &str| {
        let permit = world.permit(id);
        world.end(permit, bad())
    };
    let test_due_in = |world: &World| world.fleet.view(world.ix(A), world.now).next_probe_in_ms;
    world.opened();
    world.fleet.tick(&world.map, world.now);
    for _ in 0..4 {
        world.pass(300_000);
        world.relapse();
    }
    world.fleet.tick(&world.map, world.now);
    assert_eq!(test_due_in(&world), Some(240_000), "others answer");
    for id in [B, C, D] {
        for _ in 0..5 {
            fail(&mut world, id);
        }
    }
    world.fleet.tick(&world.map, world.now);
    assert_eq!(test_due_in(&world), Some(30_000), "nobody answers");
    world.pass(30_000);
    for _ in 0..2 {
        let permit = world.permit(B);
        world.end(permit, GOOD);
    }
    world.relapse();
    world.fleet.tick(&world.map, world.now);
    assert_eq!(test_due_in(&world), Some(300_000), "one is back");
}

#[test]
fn routes_without_a_key_cooling_or_left_out_are_nobody_who_could_answer() {
    let mut world = World::new(&four());
    world.keys(C, &[]);
    let permit = world.permit(B);
    world.end(permit, Outcome::Failed(after(K::RateLimited, 86_400_000)));
    let mut overrides = world.fleet.overrides().clone();
    let provider = "google".to_owned();
    Patch::Except { provider: provider.clone(), set: Some(Order::default()) }.put(&mut overrides);
    world.fleet.set_overrides(overrides.clone());
    world.fleet.tick(&world.map, world.now);
    let flap = |world: &mut World| {
        for _ in 0..9 {
            world.pass(300_000);
            world.relapse();
        }
        world.fleet.view(world.ix(A), world.now).next_probe_in_ms
    };
    world.opened();
    assert_eq!(flap(&mut world), Some(30_000), "known before it opens: what is told of its wait holds");
    Patch::Except { provider, set: None }.put(&mut overrides);
    world.fleet.set_overrides(overrides);
    world.fleet.tick(&world.map, world.now);
    assert_eq!(flap(&mut world), Some(300_000));
}

#[test]
fn a_breaker_held_closed_counts_failures_and_one_held_open_lets_nothing_through() {
    let mut world = World::new(&one());
    world.opened();
    world.hold(Some(false));
    assert_eq!(world.circuit(), CircuitState::Closed);
    for _ in 0..9 {
        assert!(world.call(bad()).is_empty());
    }
    let health = world.fleet.view(world.ix(A), world.now);
    assert_eq!((health.circuit, health.last.iter().filter(|good| **good).count()), (CircuitState::Closed, 0));
    world.hold(None);
    assert!(matches!(&world.call(bad())[..], [Change::Opened { consecutive: 10, .. }]), "the count went on");

    world.pass(30_000);
    world.call(GOOD);
    world.call(GOOD);
    let under_way = world.permit(A);
    world.hold(Some(true));
    let closed = world.fleet.acquire(world.ix(A), world.now).expect_err("held open");
    assert_eq!((closed.reason, closed.until_mono_ms), (Reason::HeldOpen, None));
    assert_eq!(world.circuit(), CircuitState::Open);
    assert!(world.end(under_way, GOOD).is_empty());
    world.pass(3_600_000);
    assert_eq!(world.circuit(), CircuitState::Open, "no time alone lets go of it");
    world.hold(None);
    assert_eq!(world.circuit(), CircuitState::Closed, "it goes on where it was");
}

#[test]
fn what_fails_for_one_app_alone_keeps_no_other_app_away() {
    let mut world = World::new(&four());
    let ask = |world: &mut World, app: &str, good: bool| {
        let needs = Needs { client: app.to_owned(), ..needs("auto") };
        let job = world.map.default_job.clone();
        let plan = plan(&world.map, &job, &world.fleet, &needs, 1, world.now);
        let mut machine = FailoverMachine::new(&world.map, &job, plan, 7, world.now);
        let mut tried = Vec::new();
        let mut input = Input::Begin;
        loop {
            input = match world.step(&mut machine, input).0 {
                Step::Try(attempt) => {
                    let id = world.map.route(attempt.route).id.to_string();
                    let fails = id == A && !good;
                    tried.push(id);
                    if !fails {
                        attempt.succeed(&mut world.fleet, world.now);
                        return tried;
                    }
                    Input::Failed { attempt, failure: failure(K::ServerError) }
                }
                Step::Wait { until_mono_ms } => {
                    world.pass(until_mono_ms - world.now.mono_ms);
                    Input::Woke
                }
                Step::Park | Step::Answer(_) => return tried,
            };
        }
    };
    ask(&mut world, "drafts", false);
    ask(&mut world, "drafts", false);
    assert_eq!(world.circuit(), CircuitState::Open, "with one app that is what an outage looks like");
    assert_eq!(ask(&mut world, "drafts", false), [B], "the app itself waits for the next test call");
    for _ in 0..2 {
        assert_eq!(ask(&mut world, "support", true), [A], "the other one is answered as ever");
    }
    assert_eq!(world.circuit(), CircuitState::Closed);

    // An outage is one for everybody: the first request of each other app is all that it costs.
    ask(&mut world, "drafts", false);
    ask(&mut world, "drafts", false);
    assert_eq!(ask(&mut world, "support", false), [A, B]);
    assert_eq!(ask(&mut world, "support", false), [B]);
    assert_eq!(ask(&mut world, "search", false), [B]);
}
