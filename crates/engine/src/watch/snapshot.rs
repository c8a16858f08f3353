//! One picture of the whole router, for window, CLI and browser.

mod status;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use switchyard_domain::event::StatusLevel;
use switchyard_domain::map::{CredentialSource, RouteIx, names_of};
use switchyard_domain::operate::{DistributionView, LoopView, Overrides, ShiftView, TriggerView};
use switchyard_domain::view::{
    CircuitState, ColdView, CredentialPlace, CredentialView, EventView, MapView, ProviderView, RouteView,
    RouterView, Snapshot, StatusView, TierView,
};
use switchyard_domain::{Failure, Now, Tier};
use switchyard_policy::status::Facts;
use switchyard_policy::{Fleet, KeyId, RouteHealth};

use crate::core::clock;
use crate::core::{Running, lock};
use crate::walk::TierSince;
use crate::walk::health;
use crate::watch::Watch;
use crate::watch::network::{self, Judged};
use crate::watch::why;
use crate::watch::words;
use status::Beside;

/// What lies under the fleet's lock, seen at one moment, with the events that tell of it.
struct Picture {
    tier_since: TierSince,
    events: Vec<EventView>,
    fleet: Seen,
}

/// What is seen of the fleet.
#[derive(Default)]
struct Seen {
    tiers: Vec<TierView>,
    providers: Vec<ProviderView>,
    facts: Option<Facts>,
    off: Option<String>,
    network: Judged,
    shifts: Vec<ShiftView>,
    distribution: Option<DistributionView>,
    overrides: Overrides,
    triggers: Vec<TriggerView>,
    retry_budget: LoopView,
}

/// Takes the picture.
pub(crate) fn take(watch: &Watch) -> Arc<Snapshot> {
    let now = clock::now();
    let seq = watch.core.bus.seq();
    let running = watch.core.running.load_full();
    let (traffic, shares, clients, requests, kept) = {
        let traffic = lock(&watch.walk.traffic);
        // Some are only coming in, some are attempts of the queue's own.
        let in_flight = watch.walk.in_flight.load(Ordering::Relaxed).max(watch.walk.admission.requests());
        (
            traffic.view(now.wall_ms, in_flight),
            traffic.shares(now.wall_ms),
            traffic.clients(now.wall_ms),
            traffic.shown(),
            traffic.kept(),
        )
    };
    let Picture { tier_since, events, fleet } = picture(watch, running.as_deref(), shares, now);
    // After the events: what they tell of has been done by then, so no picture shows the news over the old state.
    let pause = watch.core.pause_view();
    let queue = watch.walk.queue.snapshot.view();
    let network = network::view(&watch.network, fleet.network);
    let problem = lock(&watch.core.map_problem).clone();
    let facts = fleet.facts.unwrap_or_else(|| health::no_map(problem.as_ref()));
    let status = status::of(
        &facts,
        &Beside {
            running: running.as_deref(),
            tier_since: &tier_since,
            pause: &pause,
            off: fleet.off,
            problem,
            waiting: queue.waiting,
            network: &network,
        },
    );
    let mut snapshot = Snapshot {
        seq,
        at_ms: now.wall_ms,
        router: router(watch, running.as_deref()),
        status: StatusView { kept, lost: watch.walk.lost.load(Ordering::Relaxed), ..status },
        pause,
        budgets: watch.core.purse.budgets(),
        map: map(running.as_deref()),
        tiers: fleet.tiers,
        cold: ColdView {
            queue: running.as_ref().map_or_else(|| "ai-tasks".to_owned(), |r| r.map.cold.queue.clone()),
            enabled: running.as_ref().is_none_or(|running| running.map.flags.enable_cold_queue),
            in_use: running.is_some() && tier_since.current_tier.tier == Tier::Cold,
            waiting: queue.waiting,
            dead: queue.dead,
            done: queue.done,
            oldest_at_ms: queue.oldest_at_ms,
            next_attempt_at_ms: queue.next_attempt_at_ms,
            wagons: queue.wagons,
        },
        clients,
        traffic,
        events,
        requests,
        providers: fleet.providers,
        keychain: watch.core.vault.view(),
        shifts: fleet.shifts,
        distribution: fleet.distribution,
        overrides: fleet.overrides,
        triggers: fleet.triggers,
        loops: fleet.retry_budget,
        incidents: watch.incidents.shown(now.wall_ms),
        shed: lock(&watch.walk.shedding).view(),
        causes: lock(&watch.causes).clone(),
        network,
    };
    let cause = tier_since.current_tier.cause.as_ref().map(ToString::to_string);
    why::explain(&mut snapshot, cause.as_deref());
    Arc::new(snapshot)
}

/// One look, under the locks under which the fleet and where it stands are changed and told of ([`change`](crate::walk::Walk::change),
/// [`look_around`](crate::walk::Walk::look_around)): no picture shows a state without its event, or an event before its state.
fn picture(watch: &Watch, running: Option<&Running>, shares: [Option<f64>; 3], now: Now) -> Picture {
    let tier_since = lock(&watch.walk.tier_since);
    let seen = watch.core.with_fleet(|fleet| {
        let events = watch.core.bus.shown();
        (events, running.map(|running| see(watch, running, fleet, &tier_since, shares, now)))
    });
    let (events, fleet) = seen.unwrap_or_else(|| (watch.core.bus.shown(), None));
    Picture { tier_since: tier_since.clone(), events, fleet: fleet.unwrap_or_default() }
}

fn see(
    watch: &Watch,
    running: &Running,
    fleet: &Fleet,
    tier_since: &TierSince,
    shares: [Option<f64>; 3],
    now: Now,
) -> Seen {
    Seen {
        tiers: tiers(running, fleet, tier_since, shares, now),
        providers: providers(watch, running, fleet, now),
        facts: Some(health::facts_of(running, fleet, &tier_since.current_tier, watch.core.is_paused())),
        off: fleet.all_off(&running.map),
        network: Judged::of(fleet),
        shifts: fleet.shifts().view(now),
        distribution: fleet.shifts().distribution(now),
        overrides: fleet.overrides().clone(),
        triggers: fleet.watch().fired(),
        retry_budget: fleet.retry_budget().view(now),
    }
}

fn router(watch: &Watch, running: Option<&Running>) -> RouterView {
    RouterView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        proxy_url: lock(&watch.core.proxy_url).clone(),
        control_url: lock(&watch.core.control_url).clone(),
        data_dir: watch.core.data_dir.display().to_string(),
        pid: std::process::id(),
        started_at_ms: watch.core.started.wall_ms,
        demo: running.is_some_and(|running| running.demo),
        first_run: running.is_none() && lock(&watch.core.map_problem).is_none(),
        telemetry_dropped: watch.core.writer.dropped(),
    }
}

fn map(running: Option<&Running>) -> MapView {
    running.map_or_else(
        || MapView {
            name: "production".to_owned(),
            version: 0,
            applied_at_ms: None,
            source: None,
            jobs: Vec::new(),
            off: false,
        },
        |running| MapView {
            name: running.map.name.clone(),
            version: running.version,
            applied_at_ms: Some(running.applied_at_ms),
            source: Some(running.source.clone()),
            jobs: running.map.jobs.keys().cloned().collect(),
            off: !running.map.flags.ai_enabled,
        },
    )
}

fn tiers(
    running: &Running,
    fleet: &Fleet,
    tier_since: &TierSince,
    shares: [Option<f64>; 3],
    now: Now,
) -> Vec<TierView> {
    [Tier::Hot, Tier::Warm]
        .into_iter()
        .map(|tier| TierView {
            tier,
            share_percent: shares[tier as usize],
            in_use: tier_since.current_tier.tier == tier,
            routes: running
                .map
                .line
                .tier(tier)
                .iter()
                .filter_map(|ix| route(running, fleet, *ix, tier_since.current_tier.route == Some(*ix), now))
                .collect(),
        })
        .collect()
}

fn route(running: &Running, fleet: &Fleet, ix: RouteIx, next: bool, now: Now) -> Option<RouteView> {
    let route = running.map.route(ix);
    let health = fleet.view(fleet.place(&route.id, ix)?, now);
    let left_out = fleet.is_excepted(&route.provider);
    let (lamp, signal, detail) = signal(&health, route.enabled, left_out);
    Some(RouteView {
        id: route.id.clone(),
        provider: route.provider.clone(),
        model: route.model.clone(),
        host: route.host(),
        dialect: route.dialect,
        weight: route.weight,
        lamp,
        signal: signal.to_owned(),
        detail,
        circuit: health.circuit,
        next_probe_in_ms: health.next_probe_in_ms,
        cooldown_ms: health.cooldown_ms,
        in_service: health.in_service,
        off_in_map: !route.enabled,
        next,
        last: health.last,
        p50_ms: health.p50_ms,
        p95_ms: health.p95_ms,
        error_percent: health.error_percent,
        last_failure: health.last_failure,
        probed_at_ms: health.probed_at_ms,
        probe_ok: health.probed_at_ms.map(|_| health.probe_failure.is_none()),
        lowered_to_percent: fleet.lowered_to_percent(&running.map, ix, now),
        shifted_percent: fleet.shifts().shifted_percent(&running.map, ix),
        forced: fleet.overrides().forced.iter().find(|forced| forced.route == route.id).cloned(),
        killed: fleet.kill_of(route).cloned(),
        why: None,
    })
}

/// The lamp, the word beside it, and why. A closed circuit is no answer: calls that fail are told all the same.
fn signal(
    health: &RouteHealth,
    enabled: bool,
    left_out: bool,
) -> (StatusLevel, &'static str, Option<String>) {
    let last = health.last_failure.as_ref().map(Failure::short);
    if !enabled || !health.in_service {
        return (StatusLevel::Out, "Out of use", None);
    }
    if left_out {
        return (StatusLevel::Out, "Left out", None);
    }
    if !health.has_key {
        return (StatusLevel::Stop, "Stop", Some("no usable key".to_owned()));
    }
    match health.circuit {
        CircuitState::Open => (StatusLevel::Stop, "Stop", last),
        CircuitState::HalfOpen => (StatusLevel::Caution, "Caution", Some("being tested".to_owned())),
        CircuitState::Closed if health.failing && health.recent.calls == 0 => {
            (StatusLevel::Caution, "Caution", last.map(|last| format!("failed when last called: {last}")))
        }
        CircuitState::Closed if health.failing || health.errs() => {
            let why = last.map_or_else(String::new, |last| format!(": {last}"));
            (StatusLevel::Caution, "Caution", Some(format!("{}{why}", words::failed(health.recent))))
        }
        CircuitState::Closed if health.cooldown_ms.is_some() => (StatusLevel::Caution, "Caution", last),
        CircuitState::Closed => match (&health.probe_failure, health.last.is_empty(), health.probed_at_ms) {
            (Some(failure), _, _) => {
                (StatusLevel::Caution, "Caution", Some(format!("probe: {}", failure.short())))
            }
            (None, true, None) => (StatusLevel::Unknown, "Not probed", None),
            (None, _, _) => (StatusLevel::Clear, "Clear", None),
        },
    }
}

fn providers(watch: &Watch, running: &Running, fleet: &Fleet, now: Now) -> Vec<ProviderView> {
    running
        .map
        .providers
        .values()
        .map(|provider| {
            let routes: Vec<_> =
                running.map.routes.iter().filter(|route| route.provider == provider.name).collect();
            let mut hosts: Vec<String> = routes.iter().map(|route| route.host()).collect();
            hosts.sort();
            hosts.dedup();
            let mut credentials: Vec<CredentialView> = Vec::new();
            for route in &routes {
                for credential in of_source(watch, &route.credentials, fleet, now) {
                    if !credentials.iter().any(|known| known.name == credential.name) {
                        credentials.push(credential);
                    }
                }
            }
            ProviderView {
                name: provider.name.clone(),
                preset: provider.preset.map(|preset| preset.name.to_owned()),
                hosts,
                needs_credential: routes.iter().any(|route| route.credentials != CredentialSource::Nothing),
                routes: routes.iter().map(|route| route.id.clone()).collect(),
                status_page: provider.status_page.clone(),
                support: provider.support.clone(),
                credentials,
            }
        })
        .collect()
}

fn of_source(watch: &Watch, source: &CredentialSource, fleet: &Fleet, now: Now) -> Vec<CredentialView> {
    let known = watch.core.vault.known();
    let names: Vec<String> = match source {
        CredentialSource::Nothing => return Vec::new(),
        CredentialSource::Named(names) => names.clone(),
        CredentialSource::Usual { provider, variables } => {
            let own = names_of(provider);
            let mut names: Vec<String> = known
                .keys()
                .map(|id| id.as_str().to_owned())
                .filter(|name| {
                    let stem = name.split_once(':').map_or(name.as_str(), |(stem, _)| stem);
                    own.contains(&stem) || variables.contains(&name.as_str())
                })
                .collect();
            names.sort();
            if names.is_empty() { vec![provider.clone()] } else { names }
        }
    };
    let one = |name: String| {
        let trouble = fleet.key_trouble(&KeyId::from(name.as_str()), now).cloned();
        described(watch, name, trouble)
    };
    names.into_iter().map(one).collect()
}

/// A credential as people see it.
pub(crate) fn credential(watch: &Watch, name: String) -> CredentialView {
    let id = KeyId::from(name.as_str());
    let condemned = watch.core.with_fleet(|fleet| fleet.key_trouble(&id, clock::now()).cloned()).flatten();
    described(watch, name, condemned)
}

/// `condemned`: why it is not used for now.
fn described(watch: &Watch, name: String, condemned: Option<Failure>) -> CredentialView {
    let key = watch.core.vault.key(&KeyId::from(name.as_str()));
    CredentialView {
        name,
        found_in: key.as_ref().map_or(CredentialPlace::Missing, |key| key.place),
        hint: key.map(|key| key.hint.clone()),
        condemned,
    }
}
