//! Outages that last, with every number at its default and whatever the traffic: when traffic leaves, that it does not
//! leave without need, and how it comes home.

use std::ops::RangeInclusive;

use serde_json::{Value, json};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::RouteIx;
use switchyard_domain::operate::{Order, ShiftPhase, TriggerKind};
use switchyard_domain::{Failure, FailureKind as K};

use super::world::{A, B, C, D, World, failure, four, one, with};
use crate::{Change, KeyChoice, Patch};

const MINUTE: u64 = 60;

/// How a route does at a second.
type Course<'a> = &'a dyn Fn(u64, &str) -> Result<(), Failure>;

/// A router that lives second by second.
struct Life {
    world: World,
    second: u64,
    /// A request comes this often, seconds.
    every: u64,
    /// Every route's free probe comes this often, seconds, and fails as its calls do; 0 = no probes.
    probes: u64,
    told: Vec<(u64, EventKind)>,
    /// Who answered, by second.
    answered: Vec<(u64, String)>,
}

impl Life {
    fn new(document: &Value, every: u64) -> Self {
        let (told, answered) = (Vec::new(), Vec::new());
        Self { world: World::new(document), second: 0, every, probes: 0, told, answered }
    }

    fn tell(&mut self, changes: Vec<Change>) {
        let second = self.second;
        self.told.extend(changes.into_iter().filter_map(|change| match change {
            Change::Told(what) => Some((second, what)),
            Change::Opened { .. }
            | Change::HalfOpen { .. }
            | Change::Closed { .. }
            | Change::KeyCondemned { .. }
            | Change::CooledDown { .. }
            | Change::ProbeFailed { .. }
            | Change::NetworkTurned(_) => None,
        }));
    }

    fn live(&mut self, seconds: u64, course: Course<'_>) {
        for _ in 0..seconds {
            let second = self.second;
            let began = self.world.now;
            if second.is_multiple_of(self.every) {
                self.world.roll = second;
                let run = self.world.request(|id, _| course(second, id));
                if run.end == "answered" {
                    let by = run.tries.last().cloned().unwrap_or_default();
                    self.answered.push((second, by));
                }
                self.tell(run.changes);
            }
            if self.probes > 0 && second.is_multiple_of(self.probes) {
                for at in 0..self.world.map.routes.len() {
                    self.probe(RouteIx(at), course);
                }
            }
            let passed = self.world.now.mono_ms - began.mono_ms;
            self.world.pass(1_000_u64.saturating_sub(passed));
            let changes = self.world.fleet.tick(&self.world.map, self.world.now);
            self.tell(changes);
            self.second += 1;
        }
    }

    /// What the engine's prober does.
    fn probe(&mut self, ix: RouteIx, course: Course<'_>) {
        let (id, now) = (self.world.map.route(ix).id.clone(), self.world.now);
        let fleet = &mut self.world.fleet;
        for key in fleet.rejected_keys(ix) {
            if course(self.second, id.as_str()).is_ok() {
                fleet.key_accepted(&key);
            }
        }
        if matches!(fleet.key_to_probe(ix, now), KeyChoice::Key(_)) {
            let changes = fleet.probe_result(ix, course(self.second, id.as_str()), now.mono_ms, now);
            self.tell(changes);
        }
    }

    fn at(&self, is: impl Fn(&EventKind) -> bool) -> Vec<u64> {
        self.told.iter().filter(|(_, what)| is(what)).map(|(second, _)| *second).collect()
    }

    fn left(&self) -> Vec<u64> {
        self.at(|what| matches!(what, EventKind::ShiftStarted { .. }))
    }

    fn home(&self) -> Vec<u64> {
        self.at(|what| matches!(what, EventKind::ShiftEnded { .. }))
    }

    fn fired(&self) -> bool {
        self.world.fleet.watch().fired().iter().any(|it| it.kind == TriggerKind::Errors && it.route.is_none())
    }

    /// Who answered the requests of these seconds, each once.
    fn by(&self, seconds: RangeInclusive<u64>) -> Vec<&str> {
        let within = self.answered.iter().filter(|(at, _)| seconds.contains(at));
        let mut by: Vec<&str> = within.map(|(_, by)| by.as_str()).collect();
        by.sort_unstable();
        by.dedup();
        by
    }
}

fn out<'a>(whom: &'a [&'a str], from: u64, to: u64) -> impl Fn(u64, &str) -> Result<(), Failure> + 'a {
    move |second, id| match whom.contains(&id) && (from..to).contains(&second) {
        true => Err(failure(K::ServerError)),
        false => Ok(()),
    }
}

/// One Hot route and one Warm one.
fn lean() -> Value {
    let four = four();
    with(four.clone(), json!({ "hot": [four["hot"][0]], "warm": [four["warm"][0]] }))
}

#[test]
fn an_outage_of_ten_minutes_moves_traffic_away_however_little_of_it_there_is() {
    // Seconds between requests; by when the traffic has to be gone, counted from the outage's begin. A request in five
    // minutes shows an outage of ten with its third or fourth.
    for (every, by) in [(1, 11 * MINUTE), (7, 12 * MINUTE), (60, 13 * MINUTE), (300, 21 * MINUTE)] {
        for (document, whom) in [(four(), &[A, B][..]), (lean(), &[A][..])] {
            let mut life = Life::new(&document, every);
            let begin = 20 * MINUTE;
            life.live(begin + by, &out(whom, begin, u64::MAX));
            let left = life.left();
            assert_eq!(left.len(), 1, "a request each {every} s: {:?}", life.told);
            assert!(left[0] - begin >= 10 * MINUTE, "each {every} s, left after {} s", left[0] - begin);
            let late = life.second - 1;
            assert_eq!(life.by(begin + 1..=late), [C], "each {every} s: nobody waits for it");
        }
    }
}

#[test]
fn failed_probes_show_with_few_calls_that_an_outage_goes_on() {
    let mut life = Life::new(&lean(), 10 * MINUTE);
    life.probes = 30;
    life.live(2 * 10 * MINUTE, &|_, _| Ok(()));
    // Two requests open the circuit, ten minutes apart; from then on probes fail twice a minute.
    life.live(21 * MINUTE, &out(&[A], 0, u64::MAX));
    assert_eq!(life.left().len(), 1, "{:?}", life.told);

    // Good probes are no evidence either way: the calls alone show it.
    let mut life = Life::new(&lean(), 10 * MINUTE);
    life.live(31 * MINUTE, &out(&[A], 0, u64::MAX));
    assert_eq!(life.left().len(), 1, "{:?}", life.told);
}

#[test]
fn traffic_that_left_comes_home_in_steps_half_an_hour_after_the_outage() {
    let end = 25 * MINUTE;
    for (every, home_by) in [(1, 50 * MINUTE), (60, 50 * MINUTE), (300, 90 * MINUTE)] {
        let mut life = Life::new(&lean(), every);
        life.live(end, &out(&[A], 0, end));
        assert_eq!(life.left().len(), 1, "each {every} s");
        let calm = out(&[], 0, 0);
        life.live(30 * MINUTE, &calm);
        assert_eq!(life.world.fleet.shifts().view(life.world.now)[0].phase, ShiftPhase::Away);
        life.live(home_by - 30 * MINUTE, &calm);
        let home = life.home();
        assert_eq!(home.len(), 1, "each {every} s: {:?}", life.world.fleet.shifts().view(life.world.now));
        let steps: Vec<u32> = life
            .told
            .iter()
            .filter(|(at, _)| *at >= end)
            .filter_map(|(_, what)| {
                if let EventKind::ShiftMoved { share_percent, .. } = what {
                    Some(*share_percent)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(steps, [90, 75, 50, 25, 0], "each {every} s");
        life.live(2 * every, &calm);
        assert_eq!(life.by(home[0] + every..=life.second), [A], "each {every} s");
    }
}

#[test]
fn a_route_that_is_out_beside_a_sister_that_answers_is_no_outage_of_its_provider() {
    for every in [1, 30, 60, 300] {
        let mut life = Life::new(&four(), every);
        life.live(120 * MINUTE, &out(&[A], 10 * MINUTE, u64::MAX));
        assert_eq!(life.left(), Vec::<u64>::new(), "a request each {every} s");
        assert!(!life.fired(), "{:?}", life.world.fleet.watch().fired());
        assert_eq!(life.by(15 * MINUTE..=life.second), [B]);
    }
}

#[test]
fn a_sister_that_is_not_in_use_vouches_for_nobody() {
    // It answered well an hour ago, for a job that has not asked since.
    let jobs = json!({ "jobs": { "drafts": { "hot": [{ "provider": "anthropic", "model": "opus-4.6" }] } } });
    let mut life = Life::new(&with(lean(), jobs), 60);
    let permit = life.world.permit("anthropic/opus-4.6");
    let good = crate::Outcome::Succeeded { duration_ms: 10, first_token_ms: None };
    life.world.fleet.report(permit, good, life.world.now);
    life.live(60 * MINUTE, &|_, _| Ok(()));
    life.live(13 * MINUTE, &out(&[A], 0, u64::MAX));
    assert_eq!(life.left().len(), 1, "{:?}", life.told);
}

#[test]
fn blips_and_single_failures_hours_apart_move_nothing() {
    for every in [1, 30, 300, 3_600] {
        for length in [5, 60, 8 * MINUTE] {
            let mut life = Life::new(&four(), every);
            life.live(120 * MINUTE, &out(&[A, B], 3_600, 3_600 + length));
            assert_eq!(life.left(), Vec::<u64>::new(), "{length} s, a request each {every} s");
        }
    }
    // Nobody calls while the circuit is open: that it is open says nothing of the hour since.
    let mut life = Life::new(&four(), 3_600);
    life.live(1, &|_, _| Ok(()));
    for id in [A, B] {
        for _ in 0..5 {
            let permit = life.world.permit(id);
            let failed = crate::Outcome::Failed(failure(K::ServerError));
            life.world.fleet.report(permit, failed, life.world.now);
        }
    }
    life.live(59 * MINUTE, &|_, _| Ok(()));
    assert_eq!((life.left(), life.fired()), (Vec::<u64>::new(), false));
}

#[test]
fn nothing_is_moved_where_nobody_can_take_it() {
    let unchecked = json!({ "flags": { "gate_warm_routes": true } });
    let off = json!({ "flags": { "enable_warm_fallback": false } });
    for document in [one(), with(four(), off), with(four(), unchecked)] {
        let mut life = Life::new(&document, 5);
        life.live(15 * MINUTE, &out(&[A, B], 0, u64::MAX));
        assert!(life.fired(), "it is an outage all the same");
        assert_eq!(life.left(), Vec::<u64>::new());
    }
    let mut life = Life::new(&four(), 5);
    life.live(15 * MINUTE, &out(&[A, B, C, D], 0, u64::MAX));
    assert_eq!(life.left(), Vec::<u64>::new(), "everyone is out");

    // Left out by hand: as soon as one of the others may serve again it takes over.
    let mut life = Life::new(&four(), 5);
    let mut overrides = life.world.fleet.overrides().clone();
    for provider in ["openai", "google"] {
        Patch::Except { provider: provider.to_owned(), set: Some(Order::default()) }.put(&mut overrides);
    }
    life.world.fleet.set_overrides(overrides.clone());
    life.live(15 * MINUTE, &out(&[A, B], 0, u64::MAX));
    assert_eq!(life.left(), Vec::<u64>::new());
    Patch::Except { provider: "google".to_owned(), set: None }.put(&mut overrides);
    life.world.fleet.set_overrides(overrides);
    life.live(10, &out(&[A, B], 0, u64::MAX));
    assert_eq!(life.left().len(), 1);
    assert_eq!(life.by(15 * MINUTE + 2..=life.second), [D]);
}

#[test]
fn after_an_outage_of_everyone_traffic_does_not_leave_a_provider_that_nobody_calls() {
    // Hot answers again and takes every request, so no call shows that Warm is well: that is no sign that it is ill.
    for probes in [0, 30] {
        let mut life = Life::new(&four(), 5);
        life.probes = probes;
        let (begin, end) = (10 * MINUTE, 25 * MINUTE);
        life.live(end + 60 * MINUTE, &out(&[A, B, C, D], begin, end));
        let fired = life.at(|what| {
            matches!(what, EventKind::TriggerFired { kind: TriggerKind::Errors, provider, .. } if provider == "openai")
        });
        assert_eq!(fired.len(), 1, "{:?}", life.told);
        assert_eq!(life.left(), Vec::<u64>::new(), "a probe each {probes} s: {:?}", life.told);
    }
}

#[test]
fn a_machine_that_slept_through_the_outage_has_seen_none() {
    let mut life = Life::new(&lean(), 60);
    life.live(5 * MINUTE, &out(&[A], 2 * MINUTE, u64::MAX));
    for _ in 0..8 {
        life.world.pass(3_600_000);
        life.live(1, &out(&[A], 0, u64::MAX));
        life.second += 59;
    }
    assert_eq!(life.left(), Vec::<u64>::new());
}

#[test]
fn a_key_refused_for_two_minutes_is_used_again_at_once_however_rare_the_requests() {
    let refused = |second: u64, id: &str| match id == A && (600..720).contains(&second) {
        true => Err(failure(K::KeyRejected)),
        false => Ok(()),
    };
    for every in [1, 60, 600] {
        // Every number as shipped: a probe each 30 s.
        let mut life = Life::new(&lean(), every);
        life.probes = 30;
        life.live(60 * MINUTE, &refused);
        assert_eq!(life.by(600..=601), [C], "a request each {every} s");
        assert_eq!(
            life.by(751..=life.second),
            [A],
            "a request each {every} s: half a minute later all is well"
        );
        assert_eq!(life.answered.len() as u64, (60 * MINUTE).div_ceil(every));
        // Without probes the five-minute trial is for a request.
        let mut life = Life::new(&lean(), every);
        life.live(60 * MINUTE, &refused);
        assert_eq!(life.by(720 + 301..=life.second), [A], "a request each {every} s, no probes");
    }
}

#[test]
fn a_key_that_may_list_models_and_do_nothing_else_costs_a_request_each_five_minutes_one_try() {
    let mut life = Life::new(&lean(), 5);
    life.probes = 30;
    let mut tries = 0;
    for _ in 0..(60 * MINUTE / 5) {
        let second = life.second;
        life.live(1, &|_, id| if id == A { Err(failure(K::KeyRejected)) } else { Ok(()) });
        let run_tried_home = life.world.fleet.view(life.world.ix(A), life.world.now).last.len();
        tries = tries.max(run_tried_home);
        // Probes with the key succeed.
        if second.is_multiple_of(30) {
            for key in life.world.fleet.rejected_keys(life.world.ix(A)) {
                life.world.fleet.key_accepted(&key);
            }
        }
        life.live(4, &|_, _| Ok(()));
    }
    assert!(tries <= 14, "{tries} tries in an hour");
    assert_eq!(life.by(0..=life.second), [C]);
}

#[test]
fn an_hour_of_few_requests_on_a_flaky_hot_route_answers_each_of_them() {
    // A third of the calls fail, in no order that anybody could learn.
    let flaky = |second: u64, id: &str| match id == A && (second / 7 * 2_654_435_761).is_multiple_of(3) {
        true => Err(failure(K::ServerError)),
        false => Ok(()),
    };
    for every in [7, 60, 300] {
        let mut life = Life::new(&lean(), every);
        life.probes = 30;
        life.live(60 * MINUTE, &flaky);
        assert_eq!(life.answered.len() as u64, (60 * MINUTE).div_ceil(every), "a request each {every} s");
    }
}
