//! How things stand: the facts, judged by policy, in words.

use switchyard_domain::event::route_label;
use switchyard_domain::network::NetworkView;
use switchyard_domain::view::{NextTestView, PauseView, StatusView};
use switchyard_policy::status::{Facts, judge};

use crate::core::Running;
use crate::walk::TierSince;
use crate::watch::words::{self, Scene};

/// What is known beside the fleet.
pub(super) struct Beside<'a> {
    pub(super) running: Option<&'a Running>,
    pub(super) tier_since: &'a TierSince,
    pub(super) pause: &'a PauseView,
    /// Why every request is refused at once, where it is.
    pub(super) off: Option<String>,
    /// Why the applied map can't run, where it can't.
    pub(super) problem: Option<String>,
    /// Jobs in the queue.
    pub(super) waiting: u64,
    pub(super) network: &'a NetworkView,
}

/// The status, without its counts and reasons.
pub(super) fn of(facts: &Facts, beside: &Beside<'_>) -> StatusView {
    let Beside { running, tier_since, pause, off, problem, waiting, network } = beside;
    let judged = judge(facts);
    let served = running.map(|running| still_served(running, network));
    let next = facts.current_tier.route.zip(*running).map(|(ix, running)| {
        let route = running.map.route(ix);
        (&route.id, route.provider.as_str())
    });
    let (state, sentence) = words::status(&Scene {
        facts,
        status: judged,
        next,
        off: off.as_deref(),
        paused: pause.reason.as_deref(),
        problem: problem.as_deref(),
        network: (network.state, served.as_deref().unwrap_or_default()),
        waiting: *waiting,
        queues: running.is_none_or(|running| running.map.flags.enable_cold_queue),
    });
    StatusView {
        lamp: judged.lamp,
        tier: judged.tier,
        state: state.to_owned(),
        sentence,
        since_ms: tier_since.since_ms,
        kept: 0,
        lost: 0,
        why: Vec::new(),
        health: judged.health,
        next_test: facts
            .test
            .as_ref()
            .map(|test| NextTestView { route: test.route.clone(), in_ms: test.in_ms }),
    }
}

/// What is wrong with the network, what waits for it, and what answers all the same.
fn still_served(running: &Running, network: &NetworkView) -> String {
    let waiting = match network.held {
        0 => "Requests wait".to_owned(),
        1 => "1 request waits".to_owned(),
        n => format!("{n} requests wait"),
    };
    let mut sentence = network.sentence.as_deref().unwrap_or_default().replace("Requests wait", &waiting);
    let line = running.map.line.hot.iter().chain(&running.map.line.warm);
    let local = line.map(|ix| running.map.route(*ix)).find(|route| route.enabled && route.is_local);
    if let Some(route) = local {
        sentence.push_str(&format!(" {} on this network still answers.", route_label(&route.id)));
    }
    sentence
}
