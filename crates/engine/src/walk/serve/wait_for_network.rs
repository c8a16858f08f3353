//! Requests that nobody can answer while this machine's network is down wait for it, up to their SLO; where
//! nobody wrote one, for `network.holdMs`.

use std::sync::Arc;

use switchyard_domain::map::{Defaults, Job, NetworkSettings};
use switchyard_domain::{Failure, FailureKind, Operation};
use switchyard_policy::network::may_be_the_networks;

use super::{Served, Unserved};
use crate::core::Running;
use crate::core::clock;
use crate::walk::Walk;
use crate::walk::request::ProxyRequest;

/// How the network stands, as far as a request that got no answer is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// Well, or nothing is known against it.
    Up,
    /// In doubt: a look will tell.
    Doubted,
    /// Down.
    Down,
}

/// Waits until what parked the request may be over; `false` when that is not the network, or the time is up.
pub(super) async fn may_go_on(
    walk: &Arc<Walk>,
    running: &Running,
    request: &ProxyRequest,
    served: &mut Served,
) -> bool {
    let Served::Unserved(unserved) = served else { return false };
    let settings = &running.map.network;
    if !settings.hold || request.operation == Operation::CountTokens {
        return false;
    }
    let mut news = walk.network_wait.news();
    let mut stands = how(walk);
    let mut was_down = unserved.why.kind == FailureKind::Offline;
    if !was_down && (stands == Stands::Up || !may_be_the_networks(&unserved.why)) {
        return false;
    }
    let deadline = request.arrived.mono_ms.saturating_add(longest_ms(settings, &request.job));
    let place = walk.network_wait.enter(&walk.core, clock::now());
    loop {
        was_down |= stands == Stands::Down;
        match stands {
            // Only a network that was down explains what happened; else the routes are to blame after all.
            Stands::Up if !was_down => return false,
            Stands::Up => {
                let now = clock::now().mono_ms;
                // In order, one by one; who has little time left does not lose it in the line.
                let turn = now + place.turn_ms().min(deadline.saturating_sub(now) / 4);
                clock::sleep_until(turn).await;
                stands = how(walk);
                if stands != Stands::Down {
                    return clock::now().mono_ms < deadline;
                }
                continue;
            }
            Stands::Doubted => walk.network_wait.doubt(),
            Stands::Down => {}
        }
        if clock::until(deadline, news.changed()).await.is_none() {
            told_why(walk, unserved, settings.check_every_ms);
            return false;
        }
        stands = how(walk);
    }
}

/// How long a request is held at most, milliseconds.
fn longest_ms(settings: &NetworkSettings, job: &Job) -> u64 {
    let otherwise = if job.slo_is_written { job.slo_ms } else { Defaults::NETWORK_HOLD_MS };
    settings.hold_ms.unwrap_or(otherwise).min(job.slo_ms)
}

fn how(walk: &Walk) -> Stands {
    let judged = walk.core.with_fleet(|fleet| {
        let network = fleet.network();
        (network.is_down(), network.wants_check() && fleet.suspended() > 0)
    });
    match judged {
        Some((true, _)) => Stands::Down,
        Some((false, true)) => Stands::Doubted,
        Some((false, false)) | None => Stands::Up,
    }
}

/// The caller hears of the network, not of a route.
fn told_why(walk: &Walk, unserved: &mut Unserved, again_in_ms: u64) {
    let sentence = walk.core.with_fleet(|fleet| fleet.network().sentence()).flatten();
    if let Some(sentence) = sentence {
        unserved.why = Failure::new(FailureKind::Offline, sentence);
        unserved.again_in_ms = again_in_ms;
    }
}
