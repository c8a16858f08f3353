//! The status sentence: the one line that tray, CLI and window all say.

use switchyard_domain::Tier;
use switchyard_domain::event::{Lamp, route_label};
use switchyard_domain::network::{NetworkState, NetworkView};
use switchyard_domain::view::{PauseView, RouteView, StatusView, TierView};

use crate::shared::{Running, Standpoint};

/// What it is told from.
pub(super) struct Scene<'a> {
    pub(super) running: Option<&'a Running>,
    pub(super) standpoint: &'a Standpoint,
    pub(super) pause: &'a PauseView,
    /// Why every request is refused at once, where it is.
    pub(super) off: Option<String>,
    /// Why the applied map can't run, where it can't.
    pub(super) problem: Option<String>,
    /// Jobs in the queue.
    pub(super) waiting: u64,
    pub(super) tiers: &'a [TierView],
    pub(super) network: &'a NetworkView,
}

/// The status, without its counts and reasons.
pub(super) fn of(scene: &Scene<'_>) -> StatusView {
    let Scene { running, standpoint, pause, network, waiting, .. } = scene;
    let standing = &standpoint.standing;
    let view = |lamp, state: &str, sentence: String| StatusView {
        lamp,
        tier: standing.tier,
        state: state.to_owned(),
        sentence,
        since_ms: standpoint.since_ms,
        kept: 0,
        lost: 0,
        why: Vec::new(),
    };
    let Some(running) = running else {
        return match &scene.problem {
            Some(problem) => view(Lamp::Stop, "The map can't run.", problem.clone()),
            None => view(
                Lamp::Unknown,
                "Not set up.",
                "Try the simulated providers, or apply a routing map.".to_owned(),
            ),
        };
    };
    if let Some(why) = &scene.off {
        let sentence = format!("Every request is refused at once ({why}). Nothing is sent or queued.");
        return view(Lamp::Out, "Switched off.", sentence);
    }
    if pause.paused {
        let why = pause.reason.as_deref().map_or_else(String::new, |why| format!(" ({why})"));
        let sentence = format!("New work waits{why}; running requests finish. Nothing is lost.");
        return view(Lamp::Paused, "Paused.", sentence);
    }
    if let Some(sentence) = &network.sentence {
        return view(Lamp::Caution, offline_state(network.state), still_served(running, network, sentence));
    }
    let answers = standing.route.map(|ix| running.map.route(ix));
    let provider = answers.map_or("", |route| route.provider.as_str());
    let label = answers.map_or("", |route| route_label(&route.id));
    let cause = standing.cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
    let jobs = match *waiting {
        0 => String::new(),
        1 => "; 1 job waits in the queue".to_owned(),
        n => format!("; {n} jobs wait in the queue"),
    };
    match standing.tier {
        Tier::Hot if standing.cause.is_some() => {
            view(Lamp::Caution, "Running on Hot.", format!("{label} answers{cause}{jobs}."))
        }
        Tier::Hot => {
            view(Lamp::Clear, "All clear.", format!("Everything runs on Hot through {provider}{jobs}."))
        }
        Tier::Warm => view(
            Lamp::Degraded,
            "Running on Warm.",
            format!("{provider} {label} answers every request{cause}{jobs}."),
        ),
        Tier::Cold => {
            let next = test_due(scene.tiers).map_or_else(
                || "New requests are queued".to_owned(),
                |label| format!("The next request tests {label} and is queued if it fails"),
            );
            let fix = if standing.cause.as_deref().is_some_and(|cause| cause.contains("no key")) {
                " Store a key under Providers."
            } else {
                ""
            };
            view(Lamp::Stop, "No route answers.", format!("{next}{cause}{jobs}. Nothing is lost.{fix}"))
        }
    }
}

/// The bold state of a network that is down.
const fn offline_state(state: NetworkState) -> &'static str {
    match state {
        NetworkState::CaptivePortal => "Sign in to the network.",
        NetworkState::DnsBroken => "No DNS.",
        NetworkState::Intercepted => "The network lets nothing through.",
        NetworkState::ProxyDown => "No way through the proxy.",
        NetworkState::Offline | NetworkState::Online | NetworkState::Unknown => "Offline.",
    }
}

/// What is wrong with the network, what waits for it, and what answers all the same.
fn still_served(running: &Running, network: &NetworkView, sentence: &str) -> String {
    let waiting = match network.held {
        0 => "Requests wait".to_owned(),
        1 => "1 request waits".to_owned(),
        n => format!("{n} requests wait"),
    };
    let mut sentence = sentence.replace("Requests wait", &waiting);
    let line = running.map.line.hot.iter().chain(&running.map.line.warm);
    let local = line.map(|ix| running.map.route(*ix)).find(|route| route.enabled && route.is_local);
    if let Some(route) = local {
        sentence.push_str(&format!(" {} on this network still answers.", route_label(&route.id)));
    }
    sentence
}

/// The stopped route that the next request would test.
fn test_due(tiers: &[TierView]) -> Option<&str> {
    let due = |route: &&RouteView| route.in_service && !route.off_in_map && route.next_probe_in_ms == Some(0);
    tiers.iter().flat_map(|tier| &tier.routes).find(due).map(|route| route_label(&route.id))
}
