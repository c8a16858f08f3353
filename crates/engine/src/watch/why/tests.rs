//! What people read when they ask why.

use switchyard_domain::event::StatusLevel;
use switchyard_domain::map::ShiftMode;
use switchyard_domain::network::{NetworkState, NetworkView};
use switchyard_domain::operate::{Except, ForcedBreaker, HoldView, Kill, LoopView, Target};
use switchyard_domain::view::{
    ColdView, HealthWord, KeychainView, MapView, PauseView, RouterView, StatusView, TierView, TrafficView,
};
use switchyard_domain::{Dialect, FailureKind, RouteId};

use super::*;

fn order(at_ms: i64, reason: Option<&str>) -> Order {
    Order { actor: "cli".to_owned(), reason: reason.map(str::to_owned), at_ms, expires_at_ms: None }
}

fn route(id: &str) -> RouteView {
    let (provider, model) = id.split_once('/').unwrap_or((id, id));
    RouteView {
        id: RouteId::from(id),
        provider: provider.to_owned(),
        model: model.to_owned(),
        host: "example.com".to_owned(),
        dialect: Dialect::OpenAiChat,
        weight: None,
        lamp: StatusLevel::Clear,
        signal: "Clear".to_owned(),
        detail: None,
        circuit: CircuitState::Closed,
        next_probe_in_ms: None,
        cooldown_ms: None,
        in_service: true,
        off_in_map: false,
        next: false,
        last: Vec::new(),
        p50_ms: None,
        p95_ms: None,
        error_percent: None,
        last_failure: None,
        probed_at_ms: None,
        probe_ok: None,
        lowered_to_percent: None,
        shifted_percent: None,
        forced: None,
        killed: None,
        why: None,
    }
}

/// A calm router with one route a tier.
fn calm() -> Snapshot {
    let tier = |tier, id| TierView { tier, share_percent: None, in_use: false, routes: vec![route(id)] };
    Snapshot {
        seq: 1,
        at_ms: 9_000,
        router: RouterView {
            version: String::new(),
            proxy_url: String::new(),
            control_url: None,
            data_dir: String::new(),
            pid: 1,
            started_at_ms: 0,
            demo: false,
            first_run: false,
            telemetry_dropped: 0,
        },
        status: StatusView {
            lamp: StatusLevel::Clear,
            tier: Tier::Hot,
            state: "All clear.".to_owned(),
            sentence: String::new(),
            since_ms: 1_000,
            kept: 0,
            lost: 0,
            why: Vec::new(),
            health: HealthWord::Ok,
            next_test: None,
        },
        pause: PauseView { paused: false, reason: None, since_ms: None, causes: Vec::new() },
        budgets: Vec::new(),
        map: MapView {
            name: "m".to_owned(),
            version: 1,
            applied_at_ms: None,
            source: None,
            jobs: Vec::new(),
            off: false,
        },
        tiers: vec![tier(Tier::Hot, "anthropic/sonnet"), tier(Tier::Warm, "openai/mini")],
        cold: ColdView {
            queue: "q".to_owned(),
            enabled: true,
            in_use: false,
            waiting: 0,
            dead: 0,
            done: 0,
            oldest_at_ms: None,
            next_attempt_at_ms: None,
            wagons: Vec::new(),
        },
        clients: Vec::new(),
        traffic: TrafficView::default(),
        events: Vec::new(),
        requests: Vec::new(),
        providers: Vec::new(),
        keychain: KeychainView { available: true, problem: None },
        shifts: Vec::new(),
        distribution: None,
        overrides: Overrides::default(),
        triggers: Vec::new(),
        loops: LoopView::default(),
        shed: None,
        causes: Vec::new(),
        incidents: Vec::new(),
        network: NetworkView::default(),
    }
}

fn trigger(kind: TriggerKind, route: Option<&str>, fired_at_ms: i64) -> TriggerView {
    TriggerView {
        kind,
        provider: "anthropic".to_owned(),
        route: route.map(RouteId::from),
        reason: "12 % of 41 calls answered 5xx (limit 5 %)".to_owned(),
        began_at_ms: fired_at_ms,
        fired_at_ms,
        recovers: "below 2.5 % of at least 20 calls for 2 min".to_owned(),
    }
}

/// Half of anthropic's traffic on its way, held.
fn shift() -> ShiftView {
    ShiftView {
        id: 1,
        from: Target::Provider("anthropic".to_owned()),
        from_words: "anthropic".to_owned(),
        to: Target::Rest,
        to_words: "the other routes".to_owned(),
        mode: ShiftMode::Gradual,
        phase: ShiftPhase::Leaving,
        share_percent: 50,
        steps: vec![50, 75, 100],
        step: 0,
        next_at_ms: None,
        held: Some(HoldView { by: "cli".to_owned(), reason: "lunch".to_owned(), since_ms: 7_000 }),
        reason: "84 % of 25 calls failed".to_owned(),
        actor: "router".to_owned(),
        started_at_ms: 6_000,
        watch: None,
        waits_for: None,
    }
}

fn told(mut snapshot: Snapshot, cause: Option<&str>) -> (Vec<String>, Vec<Option<String>>) {
    explain(&mut snapshot, cause);
    let routes = snapshot.tiers.iter().flat_map(|tier| &tier.routes).map(|route| route.why.clone());
    let routes = routes.collect();
    (snapshot.status.why.into_iter().map(|why| why.sentence).collect(), routes)
}

#[test]
fn a_calm_router_has_nothing_to_explain() {
    assert_eq!(told(calm(), None), (vec![], vec![None, None]));
}

#[test]
fn the_newest_reason_comes_first_and_each_says_who_and_why() {
    let mut snapshot = calm();
    snapshot.status.tier = Tier::Warm;
    snapshot.status.since_ms = 4_000;
    snapshot.triggers = vec![trigger(TriggerKind::Errors, None, 5_000)];
    let kill = Kill { scope: KillScope::Model("mini".to_owned()), order: order(8_000, Some("too chatty")) };
    snapshot.tiers[1].routes[0].killed = Some(kill.clone());
    snapshot.overrides.kills = vec![kill];
    snapshot.shifts = vec![shift()];
    snapshot.overrides.except = vec![Except { provider: "google".to_owned(), order: order(2_000, None) }];
    snapshot.tiers[0].routes[0].shifted_percent = Some(50);
    let (status, routes) = told(snapshot, Some("sonnet: 529 overloaded"));
    assert_eq!(
        status,
        [
            "Model mini is out of service: too chatty (cli).",
            "50 % of anthropic's traffic goes to the other routes (leaving, held: lunch): 84 % of 25 calls failed (router).",
            "anthropic: 12 % of 41 calls answered 5xx (limit 5 %); traffic is to leave anthropic until it is well (below 2.5 % of at least 20 calls for 2 min).",
            "Requests go to Warm (sonnet: 529 overloaded).",
            "google is left out (cli).",
        ]
    );
    assert_eq!(
        routes,
        [
            Some("50 % of its traffic goes elsewhere: 84 % of 25 calls failed (router).".to_owned()),
            Some("Model mini is out of service: too chatty (cli).".to_owned()),
        ]
    );
}

#[test]
fn of_two_moves_of_the_same_size_each_route_names_its_own() {
    let mut snapshot = calm();
    let from =
        |target: Target, reason: &str| ShiftView { from: target, reason: reason.to_owned(), ..shift() };
    snapshot.shifts = vec![
        from(Target::Model("another".to_owned()), "tea"),
        from(Target::Provider("openai".to_owned()), "lunch"),
        from(Target::Tier(Tier::Hot), "dinner"),
    ];
    for route in snapshot.tiers.iter_mut().flat_map(|tier| &mut tier.routes) {
        route.shifted_percent = Some(50);
    }
    let (_, routes) = told(snapshot, None);
    let why = |reason: &str| Some(format!("50 % of its traffic goes elsewhere: {reason} (router)."));
    assert_eq!(routes, [why("dinner"), why("lunch")]);
}

#[test]
fn a_circuit_held_closed_is_in_its_routes_reason() {
    let mut snapshot = calm();
    snapshot.overrides.forced = vec![ForcedBreaker {
        route: RouteId::from("openai/mini"),
        open: false,
        order: order(8_000, Some("its probes lie")),
    }];
    explain(&mut snapshot, None);
    let why = snapshot.tiers[1].routes[0].why.as_deref();
    assert_eq!(why, Some("Its circuit is held closed, whatever it answers: its probes lie (cli)."));
}

#[test]
fn the_machines_own_network_is_named_as_the_reason() {
    let mut snapshot = calm();
    snapshot.network.state = NetworkState::Offline;
    snapshot.network.since_ms = 3_000;
    assert_eq!(told(snapshot, None).0, ["This machine is offline."]);
}

#[test]
fn each_route_names_the_reason_that_weighs_most() {
    let overloaded = Failure { status: Some(529), ..Failure::new(FailureKind::Overloaded, "from the test") };
    let ill = || RouteView { last_failure: Some(overloaded.clone()), ..route("anthropic/sonnet") };
    let cases = [
        (RouteView { off_in_map: true, in_service: false, ..ill() }, "The map switches it off."),
        (
            RouteView { in_service: false, circuit: CircuitState::Open, ..ill() },
            "It is switched off by hand.",
        ),
        (
            RouteView {
                circuit: CircuitState::Open,
                next_probe_in_ms: Some(20_100),
                lowered_to_percent: Some(50),
                ..ill()
            },
            "Its circuit is open after 529 overloaded; the next test call goes in 21 s.",
        ),
        (
            RouteView { circuit: CircuitState::Open, next_probe_in_ms: Some(0), ..ill() },
            "Its circuit is open after 529 overloaded; the next request tests it.",
        ),
        (RouteView { circuit: CircuitState::HalfOpen, ..ill() }, "It is being tested after 529 overloaded."),
        (RouteView { cooldown_ms: Some(4_000), ..ill() }, "It is left alone for 4 s after 529 overloaded."),
        (
            RouteView { lowered_to_percent: Some(50), ..ill() },
            "It keeps 50 % of its weight: 12 % of 41 calls answered 5xx (limit 5 %).",
        ),
        (
            ill(),
            "It keeps all of its requests, since no other route can take them: 12 % of 41 calls answered 5xx (limit 5 %).",
        ),
    ];
    for (route, expected) in cases {
        let mut snapshot = calm();
        snapshot.triggers = vec![trigger(TriggerKind::ServerErrors, Some("anthropic/sonnet"), 5_000)];
        snapshot.tiers[0].routes[0] = route;
        assert_eq!(told(snapshot, None).1[0].as_deref(), Some(expected));
    }
}
