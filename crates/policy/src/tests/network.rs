//! One provider that can't be reached is that provider; all of them at once are this machine.

use proptest::prelude::*;
use serde_json::json;
use switchyard_domain::FailureKind as K;
use switchyard_domain::event::EventKind;
use switchyard_domain::network::NetworkState as S;
use switchyard_domain::view::CircuitState;

use super::world::{A, B, C, D, World, failure, four, map, one, with};
use crate::{Change, DeadProxy, Exclusion, Findings, HostFound, Outcome, PageFound, Reach, plan};

fn host(provider: &str, reach: Reach) -> HostFound {
    HostFound { provider: provider.to_owned(), reach, dead_proxy: None }
}

fn found(pages: &[PageFound], hosts: &[(&str, Reach)], address_reached: bool) -> Findings {
    let hosts = hosts.iter().map(|(provider, reach)| host(provider, *reach)).collect();
    Findings { pages: pages.to_vec(), hosts, address_reached }
}

fn online() -> Findings {
    found(&[PageFound::Expected], &[], true)
}

fn offline() -> Findings {
    found(&[PageFound::Unreached], &[("anthropic", Reach::Unreached)], false)
}

impl World {
    fn fail(&mut self, id: &str, kind: K) -> Vec<Change> {
        let permit = self.permit(id);
        self.fleet.report(permit, Outcome::Failed(failure(kind)), self.now)
    }

    fn answer(&mut self, id: &str) -> Vec<Change> {
        let permit = self.permit(id);
        self.fleet.report(permit, Outcome::Succeeded { duration_ms: 5, first_token_ms: None }, self.now)
    }

    fn look(&mut self, findings: &Findings) -> Vec<Change> {
        self.fleet.network_checked(findings, self.now.mono_ms, self.now)
    }

    fn state(&self) -> S {
        self.fleet.network().state()
    }

    fn circuit_of(&self, id: &str) -> CircuitState {
        self.fleet.circuit(self.ix(id))
    }

    fn errors(&self, id: &str) -> usize {
        self.fleet.view(self.ix(id), self.now).last.iter().filter(|ok| !**ok).count()
    }
}

#[test]
fn findings_are_read_as_a_person_would() {
    use PageFound::{Another, Expected, NoName, Unreached};
    let page = || Another(Some("http://portal.example/login".to_owned()));
    let cases = [
        ("a page and a host answer", found(&[Expected], &[("a", Reach::Genuine)], true), S::Online),
        ("pages are blocked, a host answers", found(&[Unreached], &[("a", Reach::Genuine)], true), S::Online),
        ("a portal lets providers through", found(&[page()], &[("a", Reach::Genuine)], true), S::Online),
        (
            "one provider of two is out",
            found(&[Expected], &[("a", Reach::Unreached), ("b", Reach::Genuine)], true),
            S::Online,
        ),
        ("the only provider is out", found(&[Expected], &[("a", Reach::Unreached)], true), S::Online),
        (
            "the world answers, no provider does",
            found(&[Expected], &[("a", Reach::Unreached), ("b", Reach::NoName)], true),
            S::Intercepted,
        ),
        (
            "two hosts of one provider are out",
            found(&[Expected], &[("a", Reach::Unreached), ("a", Reach::NoName)], true),
            S::Online,
        ),
        ("false certificates", found(&[Expected], &[("a", Reach::WrongCertificate)], true), S::Intercepted),
        ("a sign-in page", found(&[page()], &[("a", Reach::WrongCertificate)], true), S::CaptivePortal),
        (
            "a sign-in page, providers dead",
            found(&[Unreached, page()], &[("a", Reach::Unreached)], true),
            S::CaptivePortal,
        ),
        ("a page without an address", found(&[Another(None)], &[], true), S::CaptivePortal),
        ("connections lead nowhere", found(&[Unreached], &[("a", Reach::Silent)], true), S::Intercepted),
        ("no names, but addresses", found(&[NoName], &[("a", Reach::NoName)], true), S::DnsBroken),
        ("no names, no addresses", found(&[NoName], &[("a", Reach::NoName)], false), S::Offline),
        ("nothing", found(&[Unreached, Unreached], &[("a", Reach::Unreached)], false), S::Offline),
        ("without pages a plain host decides", found(&[], &[("a", Reach::Connected)], true), S::Online),
        ("without pages a dead host decides", found(&[], &[("a", Reach::Unreached)], false), S::Offline),
    ];
    for (name, findings, expected) in cases {
        let judgement = findings.judge().expect(name);
        assert_eq!(judgement.state, expected, "{name}");
        assert!(judgement.portal_url.is_none() || expected == S::CaptivePortal, "{name}");
    }
    assert_eq!(Findings::default().judge(), None, "who asks nothing learns nothing");
}

#[test]
fn one_providers_failures_count_once_another_answers_and_its_circuit_opens_after_five() {
    let mut world = World::new(&four());
    for round in 1..=5 {
        world.pass(1_000);
        assert_eq!(world.fail(A, K::ConnectTimeout), [], "round {round}: it may be this machine");
        assert_eq!(world.circuit_of(A), CircuitState::Closed);
        world.pass(10);
        let changes = world.answer(C);
        assert_eq!(world.errors(A), round);
        let opened = changes.iter().any(|change| matches!(change, Change::Opened { consecutive: 5, .. }));
        assert_eq!(opened, round == 5, "round {round}: {changes:?}");
    }
    assert_eq!((world.state(), world.circuit_of(A)), (S::Online, CircuitState::Open));
}

#[test]
fn a_route_whose_circuit_only_waits_for_the_networks_proof_is_asked_last_and_not_again() {
    let mut world = World::new(&four());
    let firsts = |world: &World| {
        world
            .plan("auto")
            .candidates
            .iter()
            .map(|c| world.map.route(c.route).id.to_string())
            .collect::<Vec<_>>()
    };
    for _ in 0..4 {
        world.pass(1_000);
        world.fail(A, K::Connect);
        assert_eq!(firsts(&world), [A, B, C, D]);
    }
    world.pass(1_000);
    world.fail(A, K::Connect);
    assert_eq!((world.circuit_of(A), world.fleet.suspended()), (CircuitState::Closed, 5));
    assert_eq!(firsts(&world), [B, C, D, A]);
    world.look(&online());
    assert_eq!(
        (world.circuit_of(A), firsts(&world)),
        (CircuitState::Open, [B, C, D].map(str::to_owned).into())
    );

    // A probe opens no circuit, held or not.
    let mut world = World::new(&four());
    for _ in 0..5 {
        let now = world.now;
        world.fleet.probe_result(world.ix(A), Err(failure(K::Connect)), now.mono_ms, now);
    }
    assert_eq!((world.fleet.suspended(), firsts(&world)), (5, [A, B, C, D].map(str::to_owned).into()));

    // The fifth failure comes in the middle of a request: it goes on elsewhere at once.
    let mut world = World::new(&four());
    for _ in 0..4 {
        world.fail(A, K::Reset);
    }
    let tries = world.request(|id, _| if id == A { Err(failure(K::Reset)) } else { Ok(()) }).tries;
    assert_eq!(tries, [A, B]);
}

#[test]
fn every_way_to_fail_on_the_way_is_held_and_every_answer_counts_at_once() {
    for kind in
        [K::Dns, K::Connect, K::ConnectTimeout, K::Tls, K::Html, K::Redirect, K::Reset, K::FirstByteTimeout]
    {
        let mut world = World::new(&one());
        world.fail(A, kind);
        assert_eq!((world.errors(A), world.fleet.suspended()), (0, 1), "{kind:?}");
        assert!(world.fleet.network().wants_check(), "{kind:?} calls for a look");
        world.look(&online());
        assert_eq!((world.errors(A), world.fleet.suspended()), (1, 0), "{kind:?}: the network was fine");
    }
    for kind in [K::ServerError, K::Overloaded, K::Malformed, K::InBandError] {
        let mut world = World::new(&one());
        world.fail(A, kind);
        assert_eq!((world.errors(A), world.fleet.suspended()), (1, 0), "{kind:?}");
    }
}

#[test]
fn when_every_provider_fails_on_the_way_it_is_this_machine_and_nothing_counts() {
    let mut world = World::new(&four());
    world.fail(A, K::ConnectTimeout);
    world.fail(C, K::ConnectTimeout);
    assert_eq!(world.state(), S::Unknown, "one is left that may answer");
    let changes = world.fail(D, K::Dns);
    let turned = changes.iter().any(|c| matches!(c, Change::NetworkTurned(t) if t.to == S::Offline));
    assert!(turned, "{changes:?}");
    for id in [A, C, D] {
        assert_eq!(world.errors(id), 0, "{id}");
    }
    assert_eq!(world.fleet.suspended(), 0);
    let plan = world.plan("auto");
    assert!(plan.candidates.is_empty());
    assert!(plan.excluded.iter().all(|excluded| excluded.why == Exclusion::Offline), "{plan:?}");
}

#[test]
fn an_outage_of_the_network_moves_no_breaker_however_long_and_however_calls_end() {
    let mut world = World::new(&four());
    world.answer(A);
    let under_way: Vec<_> = (0..40).map(|_| world.permit(A)).collect();
    world.look(&offline());
    let kinds = [K::Reset, K::FirstByteTimeout, K::Connect, K::Dns, K::IdleTimeout, K::Cut];
    let mut under_way = under_way.into_iter();
    for (permit, kind) in under_way.by_ref().take(20).zip(kinds.iter().cycle()) {
        world.pass(1_000);
        let now = world.now;
        assert_eq!(world.fleet.report(permit, Outcome::Failed(failure(*kind)), now), []);
    }
    world.look(&online());
    // These were begun before the cable was pulled and die after it is back.
    for (permit, kind) in under_way.zip(kinds.iter().cycle()) {
        let now = world.now;
        assert_eq!(world.fleet.report(permit, Outcome::Failed(failure(*kind)), now), []);
    }
    assert_eq!((world.errors(A), world.circuit_of(A)), (0, CircuitState::Closed));
    assert_eq!(world.plan("auto").candidates.len(), 4, "all are back at once");
}

#[test]
fn a_provider_that_answers_an_error_is_there_even_when_others_are_not() {
    let mut world = World::new(&four());
    world.fail(A, K::Connect);
    let mut busy = failure(K::Overloaded);
    busy.status = Some(529);
    let permit = world.permit(C);
    let now = world.now;
    world.fleet.report(permit, Outcome::Failed(busy), now);
    assert_eq!((world.state(), world.errors(A), world.errors(C)), (S::Online, 1, 1));
}

#[test]
fn a_local_route_serves_while_offline_and_says_nothing_of_the_network() {
    let document = with(
        four(),
        json!({ "warm": [{ "provider": "openai", "model": "gpt-4o-mini" },
                         { "provider": "ollama", "model": "llama", "baseUrl": "http://127.0.0.1:11434/v1" }] }),
    );
    let mut world = World::new(&document);
    let local = "ollama/llama";
    world.fail(A, K::Connect);
    world.answer(local);
    assert_eq!((world.state(), world.fleet.suspended()), (S::Unknown, 1), "loopback proves nothing");
    world.look(&offline());
    let ids: Vec<_> =
        world.plan("auto").candidates.iter().map(|c| world.map.route(c.route).id.to_string()).collect();
    assert_eq!(ids, [local]);
    world.fail(local, K::Connect);
    assert_eq!(world.errors(local), 1, "its own failures are its own");
}

#[test]
fn a_map_of_local_routes_or_with_the_judge_switched_off_is_never_looked_at() {
    let local = json!({ "hot": [{ "provider": "ollama", "model": "llama", "baseUrl": "http://127.0.0.1:11434/v1" }] });
    let off = with(one(), json!({ "network": { "enabled": false } }));
    for (document, id) in [(local, "ollama/llama"), (off, A)] {
        let mut world = World::new(&document);
        for _ in 0..5 {
            world.fail(id, K::Connect);
        }
        assert!(!world.fleet.network().wants_check() && !world.fleet.network().is_watched());
        assert_eq!(world.look(&offline()), []);
        assert_eq!((world.state(), world.circuit_of(id)), (S::Unknown, CircuitState::Open));
    }
}

#[test]
fn nothing_found_out_in_time_counts_after_all() {
    let mut world = World::new(&one());
    world.fail(A, K::Dns);
    world.pass(9_000);
    world.fleet.tick(&world.map, world.now);
    assert_eq!(world.errors(A), 0);
    world.pass(1_000);
    world.fleet.tick(&world.map, world.now);
    assert_eq!(world.errors(A), 1);
}

#[test]
fn a_look_that_began_before_the_failure_proves_nothing_for_it() {
    let mut world = World::new(&one());
    let begun = world.now.mono_ms;
    world.pass(100);
    world.fail(A, K::ConnectTimeout);
    let now = world.now;
    world.fleet.network_checked(&online(), begun, now);
    assert_eq!((world.errors(A), world.fleet.suspended()), (0, 1));
    assert!(world.fleet.network().wants_check(), "another look is wanted");
}

#[test]
fn after_sleep_and_on_another_network_what_was_under_way_says_nothing() {
    let mut world = World::new(&one());
    let old = world.permit(A);
    world.fail(A, K::ConnectTimeout);
    world.pass(8 * 3_600_000);
    let now = world.now;
    world.fleet.network_unsettled(now);
    assert!(world.fleet.network().wants_check());
    assert_eq!(world.fleet.suspended(), 0, "what was held is of before");
    world.pass(10);
    let now = world.now;
    world.fleet.report(old, Outcome::Failed(failure(K::Reset)), now);
    assert_eq!(world.errors(A), 0);
    world.answer(A);
    world.fail(A, K::Reset);
    assert_eq!(world.errors(A), 1, "a call begun after it counts again");
}

#[test]
fn a_half_open_circuit_is_not_judged_by_a_dead_network() {
    let mut world = World::new(&four());
    for _ in 0..5 {
        world.fail(A, K::ServerError);
    }
    world.pass(30_000);
    let test = world.permit(A);
    assert!(test.probe());
    world.look(&offline());
    let now = world.now;
    world.fleet.report(test, Outcome::Failed(failure(K::Connect)), now);
    assert_eq!(world.circuit_of(A), CircuitState::HalfOpen, "neither closed nor opened anew");
    world.look(&online());
    assert!(world.fleet.gate(world.ix(A), world.now).is_ok(), "the next request tests it");
}

#[test]
fn no_second_test_call_goes_before_it_is_known_what_the_first_one_says() {
    for (network_is_well, circuit) in [(true, CircuitState::Open), (false, CircuitState::HalfOpen)] {
        let mut world = World::new(&one());
        for _ in 0..5 {
            world.fail(A, K::ServerError);
        }
        world.pass(30_000);
        world.fail(A, K::Reset);
        assert_eq!(world.fleet.suspended(), 1);
        assert!(world.fleet.acquire(world.ix(A), world.now).is_err(), "the first one is not over");
        world.look(&if network_is_well { online() } else { offline() });
        assert_eq!(world.circuit_of(A), circuit);
        assert_eq!(world.fleet.acquire(world.ix(A), world.now).is_ok(), !network_is_well);
    }
}

#[test]
fn a_judgement_nobody_looks_after_is_given_up() {
    let mut world = World::new(&one());
    world.look(&offline());
    world.pass(59_000);
    world.fleet.tick(&world.map, world.now);
    assert_eq!(world.state(), S::Offline);
    world.pass(1_000);
    world.fleet.tick(&world.map, world.now);
    assert_eq!(world.state(), S::Unknown);
    assert_eq!(world.plan("auto").candidates.len(), 1, "requests are tried again");
}

#[test]
fn the_portals_address_is_told_and_forgotten_with_it() {
    let mut world = World::new(&one());
    let page = PageFound::Another(Some("http://portal.example/login".to_owned()));
    let changes = world.look(&found(&[page], &[], true));
    let [Change::NetworkTurned(turned)] = &changes[..] else { panic!("{changes:?}") };
    assert!(turned.sentence.contains("http://portal.example/login"), "{}", turned.sentence);
    assert_eq!(world.fleet.network().portal_url(), Some("http://portal.example/login"));
    world.look(&online());
    assert_eq!((world.fleet.network().portal_url(), world.fleet.network().sentence()), (None, None));
}

#[test]
fn an_outage_of_one_region_is_named_while_another_region_answers() {
    let document = json!({
        "providers": {
            "bedrock-eu": { "kind": "bedrock", "region": "eu-central-1" },
            "bedrock-us": { "kind": "bedrock", "region": "us-east-1" }
        },
        "hot": [{ "provider": "bedrock-eu", "model": "claude" }],
        "warm": [{ "provider": "bedrock-us", "model": "claude" }, { "provider": "openai", "model": "m" }]
    });
    let mut world = World::new(&document);
    let (eu, us) = ("bedrock-eu/claude", "bedrock-us/claude");
    for _ in 0..5 {
        world.fail(eu, K::ServerError);
    }
    assert_eq!(told(&world.fleet.tick(&world.map, world.now)), [], "the other region was not heard yet");
    world.answer(us);
    let changes = told(&world.fleet.tick(&world.map, world.now));
    let [EventKind::RegionOut { provider, region, answers }] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!(
        (provider.as_str(), region.as_str(), answers.as_str()),
        ("bedrock", "eu-central-1", "us-east-1")
    );
    assert_eq!(told(&world.fleet.tick(&world.map, world.now)), [], "it is told once");
    world.pass(30_000);
    world.answer(eu);
    world.answer(eu);
    let changes = told(&world.fleet.tick(&world.map, world.now));
    assert!(
        matches!(&changes[..], [EventKind::RegionBack { region, .. }] if region == "eu-central-1"),
        "{changes:?}"
    );
}

fn told(changes: &[Change]) -> Vec<EventKind> {
    let told = changes.iter().filter_map(|change| match change {
        Change::Told(what) => Some(what.clone()),
        Change::Opened { .. }
        | Change::HalfOpen { .. }
        | Change::Closed { .. }
        | Change::KeyCondemned { .. }
        | Change::CooledDown { .. }
        | Change::ProbeFailed { .. }
        | Change::NetworkTurned(_) => None,
    });
    told.collect()
}

#[test]
fn a_connection_that_dies_while_others_answer_counts_at_once_and_alone_it_waits_for_a_look() {
    for kind in [K::FirstByteTimeout, K::IdleTimeout, K::Reset, K::Cut] {
        let mut world = World::new(&four());
        let slow = world.permit(A);
        world.pass(10_000);
        world.answer(C);
        world.pass(5_000);
        let now = world.now;
        world.fleet.report(slow, Outcome::Failed(failure(kind)), now);
        assert_eq!(
            (world.errors(A), world.fleet.suspended()),
            (1, 0),
            "{kind:?}: another answered meanwhile"
        );
        let alone = world.permit(A);
        world.pass(15_000);
        let now = world.now;
        world.fleet.report(alone, Outcome::Failed(failure(kind)), now);
        assert_eq!((world.errors(A), world.fleet.suspended()), (1, 1), "{kind:?}");
        assert!(world.fleet.network().wants_check());
    }
}

/// Something that happens to a fleet.
#[derive(Clone, Debug)]
enum Happens {
    Fails(usize, K),
    Answers(usize),
    Looks(bool),
    Wakes,
    Passes(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    let kind =
        prop::sample::select(vec![K::Dns, K::Connect, K::ConnectTimeout, K::Tls, K::Html, K::Redirect]);
    prop_oneof![
        4 => (0..4_usize, kind).prop_map(|(route, kind)| Happens::Fails(route, kind)),
        2 => (0..4_usize).prop_map(Happens::Answers),
        1 => any::<bool>().prop_map(Happens::Looks),
        1 => Just(Happens::Wakes),
        2 => (1..9_000_u64).prop_map(Happens::Passes),
    ]
}

proptest! {
    #[test]
    fn while_the_network_is_down_no_circuit_moves_and_nothing_is_planned(script in prop::collection::vec(happens(), 1..200)) {
        let mut world = World::new(&four());
        let ids = [A, B, C, D];
        for happens in script {
            let before: Vec<_> = ids.map(|id| world.circuit_of(id)).to_vec();
            let was_down = world.fleet.network().is_down();
            let answered = matches!(happens, Happens::Answers(_) | Happens::Looks(_));
            let now = world.now;
            match happens {
                Happens::Fails(route, kind) => {
                    let ix = world.ix(ids[route]);
                    if let Ok(permit) = world.fleet.acquire(ix, now) {
                        world.fleet.report(permit, Outcome::Failed(failure(kind)), now);
                    }
                }
                Happens::Answers(route) => {
                    let ix = world.ix(ids[route]);
                    if let Ok(permit) = world.fleet.acquire(ix, now) {
                        let outcome = Outcome::Succeeded { duration_ms: 1, first_token_ms: None };
                        world.fleet.report(permit, outcome, now);
                    }
                }
                Happens::Looks(well) => {
                    world.look(&if well { online() } else { offline() });
                }
                Happens::Wakes => {
                    world.fleet.network_unsettled(now);
                }
                Happens::Passes(ms) => {
                    world.pass(ms);
                    world.fleet.tick(&world.map, world.now);
                }
            }
            if was_down && world.fleet.network().is_down() && !answered {
                let opened = ids.iter().zip(&before).any(|(id, was)| {
                    *was == CircuitState::Closed && world.circuit_of(id) != CircuitState::Closed
                });
                prop_assert!(!opened);
            }
            let plan = plan(&world.map, &world.map.default_job, &world.fleet, &super::world::needs("auto"), 1, world.now);
            prop_assert_eq!(world.fleet.network().is_down(), plan.candidates.is_empty() && plan.excluded.iter().all(|e| e.why == Exclusion::Offline));
        }
    }
}

#[test]
fn a_map_without_the_failing_provider_is_judged_by_those_it_has() {
    let mut world = World::new(&four());
    world.fail(A, K::Connect);
    world.fail(C, K::Connect);
    let smaller = with(four(), json!({ "warm": [{ "provider": "openai", "model": "gpt-4o-mini" }] }));
    world.map = map(&smaller);
    world.fleet.remap(&world.map);
    world.fail(C, K::Connect);
    assert_eq!(world.state(), S::Offline, "both that are left fail");
}

#[test]
fn probes_of_an_idle_machine_show_that_its_network_is_gone_and_count_for_nobody() {
    let mut world = World::new(&four());
    for _ in 0..4 {
        for id in [A, B, C, D] {
            let (ix, begun) = (world.ix(id), world.now.mono_ms);
            world.pass(3_000);
            let changes = world.fleet.probe_result(ix, Err(failure(K::ConnectTimeout)), begun, world.now);
            assert!(!changes.iter().any(|c| matches!(c, Change::ProbeFailed { .. })), "{id}: {changes:?}");
            let changes = told(&world.fleet.tick(&world.map, world.now));
            assert_eq!(changes, [], "{id}");
        }
    }
    assert_eq!((world.state(), world.fleet.suspended()), (S::Offline, 0));
    for id in [A, B, C, D] {
        let ix = world.ix(id);
        assert_eq!(world.fleet.view(ix, world.now).probe_failure, None, "{id}");
        assert_eq!(world.fleet.watch().lowering(&world.map.route(ix).id), None, "{id}");
    }
    // One that was under way when the network came back is of before.
    let begun = world.now.mono_ms;
    world.pass(2_000);
    world.look(&online());
    let ix = world.ix(A);
    assert_eq!(world.fleet.probe_result(ix, Err(failure(K::ConnectTimeout)), begun, world.now), []);
    assert_eq!(world.fleet.suspended(), 0);
}

#[test]
fn probes_that_fail_while_the_network_is_well_count_once_that_shows() {
    let mut world = World::new(&four());
    for round in 1..=3 {
        world.pass(10_000);
        let (ix, now) = (world.ix(A), world.now);
        world.fleet.probe_result(ix, Err(failure(K::Connect)), now.mono_ms, now);
        assert!(world.fleet.network().wants_check(), "a look tells whose fault it is");
        let changes = world.look(&online());
        let noted = changes.iter().any(|c| matches!(c, Change::ProbeFailed { .. }));
        assert_eq!(noted, round == 1, "round {round}: it is told once: {changes:?}");
        let fired = told(&world.fleet.tick(&world.map, world.now));
        assert_eq!(fired.len(), usize::from(round == 3), "round {round}: {fired:?}");
    }
}

#[test]
fn a_probe_that_succeeded_is_not_undone_by_an_earlier_one_that_was_still_in_doubt() {
    let mut world = World::new(&four());
    let (a, c) = (world.ix(A), world.ix(C));
    for ix in [a, c] {
        world.fleet.probe_result(ix, Err(failure(K::Connect)), world.now.mono_ms, world.now);
    }
    world.pass(1_000);
    assert_eq!(world.fleet.probe_result(a, Ok(()), world.now.mono_ms, world.now), []);
    assert_eq!(world.fleet.suspended(), 1);
    world.pass(1_000);
    world.look(&online());
    let failed = |ix| world.fleet.view(ix, world.now).probe_failure.is_some();
    assert_eq!((failed(a), failed(c)), (false, true));
}

#[test]
fn a_trigger_outlasts_a_night_asleep_and_a_day_without_network() {
    for asleep in [true, false] {
        let mut world = World::new(&four());
        world.fleet.tick(&world.map, world.now);
        for _ in 0..30 {
            world.pass(1_000);
            world.answer(A);
            world.fleet.tick(&world.map, world.now);
        }
        for _ in 0..4 {
            world.pass(1_000);
            world.fail(A, K::ServerError);
            world.fleet.tick(&world.map, world.now);
        }
        let fired = |world: &World| {
            world.fleet.watch().fired().iter().map(|trigger| trigger.kind).collect::<Vec<_>>()
        };
        let before = fired(&world);
        assert!(!before.is_empty(), "4 of 34 calls answered 5xx");
        if asleep {
            world.pass(8 * 3_600_000);
            let now = world.now;
            world.fleet.network_unsettled(now);
        } else {
            world.look(&offline());
            for _ in 0..24 * 60 {
                world.pass(60_000);
                world.look(&offline());
                world.fleet.tick(&world.map, world.now);
            }
            world.look(&online());
        }
        world.fleet.tick(&world.map, world.now);
        assert_eq!(fired(&world), before, "asleep: {asleep}");
        for _ in 0..31 * 60 {
            world.pass(1_000);
            world.fleet.tick(&world.map, world.now);
        }
        assert_eq!(fired(&world), [], "half an hour awake without a call: it is out of date");
    }
}

#[test]
fn a_dead_proxy_is_told_from_a_dead_network() {
    let dead = |refused| Some(DeadProxy { shown: "http://proxy.example:3128".to_owned(), refused });
    let by = |provider: &str, dead_proxy| HostFound { dead_proxy, ..host(provider, Reach::Unreached) };
    let (expected, unreached) = ([PageFound::Expected], [PageFound::Unreached]);
    let cases = [
        ("it refuses", &unreached[..], vec![by("a", dead(true)), by("b", dead(true))], false, S::ProxyDown),
        ("silent, but an address answers", &unreached, vec![by("a", dead(false))], true, S::ProxyDown),
        (
            "silent as everything",
            &unreached,
            vec![by("a", dead(false)), by("b", dead(false))],
            false,
            S::Offline,
        ),
        ("the only provider's own proxy", &expected, vec![by("a", dead(true))], true, S::Online),
        (
            "each provider's own proxy",
            &expected,
            vec![by("a", dead(true)), by("b", dead(true))],
            true,
            S::ProxyDown,
        ),
        (
            "one provider's own proxy",
            &expected,
            vec![by("a", dead(true)), host("b", Reach::Genuine)],
            true,
            S::Online,
        ),
        (
            "another provider is out by itself",
            &unreached,
            vec![by("a", dead(true)), by("b", None)],
            false,
            S::Offline,
        ),
    ];
    for (name, pages, hosts, address_reached, expected) in cases {
        let findings = Findings { pages: pages.to_vec(), hosts, address_reached };
        let judgement = findings.judge().expect(name);
        assert_eq!(judgement.state, expected, "{name}");
        assert_eq!(judgement.proxy.is_some(), expected == S::ProxyDown, "{name}");
        let mut world = World::new(&one());
        world.look(&findings);
        let sentence = world.fleet.network().sentence().unwrap_or_default();
        assert_eq!(
            sentence.contains("http://proxy.example:3128"),
            expected == S::ProxyDown,
            "{name}: {sentence}"
        );
    }
}

#[test]
fn behind_a_proxy_only_a_look_says_that_this_machine_is_offline() {
    let own = with(four(), json!({ "providers": { "google": { "proxy": "http://proxy.example:3128" } } }));
    for (document, system) in [(four(), true), (own, false)] {
        let mut world = World::new(&document);
        world.fleet.network_goes_by_proxy(system);
        for id in [A, C, D] {
            world.fail(id, K::Connect);
        }
        assert_eq!((world.state(), world.fleet.suspended()), (S::Unknown, 3));
        assert!(world.fleet.network().wants_check());
    }
}
