//! What holds at the moment it is asked for.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use switchyard_domain::Tier;
use switchyard_domain::incident::IncidentState;
use switchyard_domain::map::{Priority, RouteIx};
use switchyard_domain::network::NetworkState;
use switchyard_domain::view::{CircuitState, Snapshot};

use crate::core::Running;
use crate::core::clock;
use crate::walk::counters::called;
use crate::watch::Watch;
use crate::watch::snapshot;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Circuit {
    route: String,
    provider: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TierName {
    tier: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BudgetName {
    budget: String,
}

/// A gauge for parts of a whole.
type Share = Gauge<f64, AtomicU64>;

const NETWORK: [NetworkState; 7] = [
    NetworkState::Unknown,
    NetworkState::Online,
    NetworkState::Offline,
    NetworkState::DnsBroken,
    NetworkState::CaptivePortal,
    NetworkState::Intercepted,
    NetworkState::ProxyDown,
];

/// The present state, in metrics.
pub(super) fn registry(watch: &Watch) -> Registry {
    let now = snapshot::take(watch);
    let mut registry = Registry::default();
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("switchyard_build", "The router's version", version);
    traffic(&mut registry, &now);
    trouble(&mut registry, &now);
    money(&mut registry, watch, &now);
    if let Some(running) = watch.core.running.load_full() {
        routes(&mut registry, watch, &running);
    }
    registry
}

fn traffic(registry: &mut Registry, now: &Snapshot) {
    let mut gauge = |name: &str, help: &str, value: u64| {
        registry.register(name, help, ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)));
    };
    gauge("switchyard_in_flight_requests", "Requests under way", now.traffic.in_flight);
    gauge("switchyard_held_requests", "Requests that wait for the network", now.network.held);
    gauge("switchyard_paused", "1 while new work is paused", u64::from(now.pause.paused));
    gauge("switchyard_map_version", "The running map's version", now.map.version.unsigned_abs());
    registry.register(
        "switchyard_lost_requests",
        "Accepted requests that were lost",
        ConstCounter::new(now.status.lost),
    );
    registry.register(
        "switchyard_telemetry_dropped",
        "Log rows dropped because the log could not keep up",
        ConstCounter::new(now.router.telemetry_dropped),
    );
    let queue = Family::<State, Gauge>::default();
    for (state, count) in [("waiting", now.cold.waiting), ("dead", now.cold.dead)] {
        queue.get_or_create(&State { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("switchyard_queue_jobs", "Jobs of the cold queue", queue);
    let tier = Family::<TierName, Gauge>::default();
    for each in [Tier::Hot, Tier::Warm, Tier::Cold] {
        tier.get_or_create(&TierName { tier: each.as_str() }).set(i64::from(each == now.status.tier));
    }
    registry.register("switchyard_answering_tier", "1 for the tier that would answer now", tier);
}

fn money(registry: &mut Registry, watch: &Watch, now: &Snapshot) {
    let (spent, cap, held) = (
        Family::<BudgetName, Share>::default(),
        Family::<BudgetName, Share>::default(),
        Family::<BudgetName, Share>::default(),
    );
    for budget in &now.budgets {
        let labels = BudgetName { budget: budget.id.to_string() };
        // Dollars, or tokens.
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        let amount = |amount: u64| if budget.measure.is_usd() { amount as f64 / 1e9 } else { amount as f64 };
        spent.get_or_create(&labels).set(amount(budget.spent.saturating_add(budget.unsettled)));
        cap.get_or_create(&labels).set(amount(budget.cap));
        held.get_or_create(&labels).set(amount(budget.reserved));
    }
    registry.register(
        "switchyard_budget_spent",
        "Spent of a budget in its day or month, US dollars or tokens",
        spent,
    );
    registry.register("switchyard_budget_cap", "The cap of a budget, US dollars or tokens", cap);
    registry.register("switchyard_budget_held", "Held for requests under way, US dollars or tokens", held);
    let help = "Times a budget stood above its cap: the promise is 0";
    registry.register("switchyard_budget_breaches", help, ConstCounter::new(watch.core.purse.breaches()));
}

fn trouble(registry: &mut Registry, now: &Snapshot) {
    let loops = &now.loops;
    let count = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    let help = "Tries after a request's first, over the last minute";
    registry.register("switchyard_retries_per_minute", help, count(loops.retries_per_minute));
    let help = "Share of the last minute's requests another than the first choice answered";
    registry.register("switchyard_fallback_ratio", help, ConstGauge::new(loops.fallback_percent / 100.0));
    let help = "Tries after the first per request, over the last minute";
    registry.register("switchyard_average_retries", help, ConstGauge::new(loops.average_retries));
    registry.register("switchyard_retry_budget_left", "Retries left in the budget", count(loops.budget_left));
    let storm = u64::from(loops.storm_since_ms.is_some());
    registry.register("switchyard_retry_storm", "1 while retries are cut", count(storm));
    let shed = now.shed.as_ref().map_or(0, |shed| match shed.up_to {
        Priority::Low => 1,
        Priority::Normal | Priority::High => 2,
    });
    let help = "What gives way: 0 nothing, 1 low priority, 2 normal priority too";
    registry.register("switchyard_shedding", help, count(shed));
    let open = now.incidents.iter().filter(|incident| incident.state != IncidentState::Closed).count();
    registry.register("switchyard_open_incidents", "Incidents that are not closed", count(open as u64));
    let help = "Triggers that have fired and not recovered";
    registry.register("switchyard_fired_triggers", help, count(now.triggers.len() as u64));
    let network = Family::<State, Gauge>::default();
    for state in NETWORK {
        let is_now = i64::from(state == now.network.state);
        network.get_or_create(&State { state: state.as_str() }).set(is_now);
    }
    registry.register("switchyard_network_state", "1 for the state of this machine's network", network);
}

fn routes(registry: &mut Registry, watch: &Watch, running: &Running) {
    let circuits = Family::<Circuit, Gauge>::default();
    let shifted = Family::<Route, Share>::default();
    let now = clock::now();
    for (at, route) in running.map.routes.iter().enumerate() {
        let ix = RouteIx(at);
        let seen = watch.core.with_fleet(|fleet| {
            let health = fleet.place(&route.id, ix).map(|place| fleet.view(place, now))?;
            Some((health.circuit, fleet.shifts().shifted_percent(&running.map, ix)))
        });
        let Some((circuit, share)) = seen.flatten() else { continue };
        for (state, is) in [
            ("closed", CircuitState::Closed),
            ("half_open", CircuitState::HalfOpen),
            ("open", CircuitState::Open),
        ] {
            let labels =
                Circuit { route: route.id.to_string(), provider: called(&route.provider).to_owned(), state };
            circuits.get_or_create(&labels).set(i64::from(is == circuit));
        }
        let share = f64::from(share.unwrap_or(0)) / 100.0;
        shifted.get_or_create(&Route { route: route.id.to_string() }).set(share);
    }
    registry.register("switchyard_circuit_state", "1 for the state of a route's circuit", circuits);
    let help = "Share of a route's traffic that a shift sends elsewhere";
    registry.register("switchyard_shift_ratio", help, shifted);
}
