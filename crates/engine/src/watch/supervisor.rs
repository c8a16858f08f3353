//! The supervisor's beat: free probes of quiet routes, and a look at where the next request would go.
//!
//! A probe asks for the models list, which costs nothing. It may lower trust; it never closes a circuit.

use std::collections::HashMap;
use std::sync::Arc;

use switchyard_domain::map::RouteIx;
use switchyard_domain::{Failure, FailureKind, Now, RouteId};
use switchyard_policy::KeyChoice;
use tokio_util::sync::CancellationToken;

use crate::core::clock;
use crate::core::lock;
use crate::walk::LiveMap;
use crate::walk::Walk;
use crate::walk::shed;

const BEAT_MS: u64 = 1_000;
/// A probe that takes longer has failed, milliseconds.
const PATIENCE_MS: u64 = 10_000;
/// The first probes go out this long after the start, so that a restart in a loop does not hammer anyone.
const FIRST_MS: u64 = 1_000;

/// When an app last called is noted this often, milliseconds.
const USED_EVERY_MS: u64 = 60_000;

/// Runs until stopped. `after_tick` is for what the fleet has let lapse by itself.
pub(crate) async fn run<F: Future<Output = ()>>(
    walk: Arc<Walk>,
    after_tick: impl Fn(Now) -> F,
    stop: CancellationToken,
) {
    let mut due: HashMap<RouteId, u64> = HashMap::new();
    let mut used_at = clock::now().mono_ms;
    let mut was_down = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock::sleep_until(clock::now().mono_ms + BEAT_MS) => {}
        }
        let now = clock::now();
        tick(&walk, now);
        after_tick(now).await;
        walk.look_around(now);
        walk.queue.trouble.look_for_file(&walk.core);
        if now.mono_ms.saturating_sub(used_at) >= USED_EVERY_MS {
            used_at = now.mono_ms;
            note_callers(&walk, now).await;
        }
        let Some(live) = walk.live.load_full() else { continue };
        if live.map.probe_every_ms == 0 {
            continue;
        }
        due.retain(|id, _| live.map.find(id.as_str()).is_some());
        let down = walk.core.with_fleet(|fleet| fleet.network().is_down()).unwrap_or_default();
        if std::mem::replace(&mut was_down, down) && !down {
            // The network is back: every route is asked at once.
            due.values_mut().for_each(|at| *at = now.mono_ms);
        }
        for (index, route) in live.map.routes.iter().enumerate() {
            let every = live.map.probe_every_ms;
            // Routes are spread over the interval, so that the probes do not come in a volley.
            let spread = every.min(5_000) * index as u64 / live.map.routes.len() as u64;
            let at = due.entry(route.id.clone()).or_insert(now.mono_ms + FIRST_MS.min(every) + spread);
            if now.mono_ms >= *at && route.enabled && (route.is_local || !down) {
                *at = now.mono_ms + every;
                tokio::spawn(probe(Arc::clone(&walk), Arc::clone(&live), RouteIx(index), now));
            }
        }
    }
}

/// The fleet's beat.
fn tick(walk: &Walk, now: Now) {
    let Some(running) = walk.core.running.load_full() else { return };
    walk.change(now, |fleet| ((), fleet.tick(&running.map, now)));
    shed::beat(walk, &running, now);
}

async fn note_callers(walk: &Walk, now: Now) {
    let callers = lock(&walk.traffic).callers(now.wall_ms);
    for name in callers {
        if let Err(error) = walk.core.store.clients().used(&name, now.wall_ms).await {
            tracing::warn!(code = error.code(), %error, "when a client last called could not be noted");
        }
    }
}

async fn probe(walk: Arc<Walk>, live: Arc<LiveMap>, ix: RouteIx, now: Now) {
    let route = live.map.route(ix);
    take_back_keys(&walk, &live, ix, now).await;
    let choice = walk.core.with_fleet(|fleet| {
        let place = fleet.place(&route.id, ix)?;
        Some(fleet.key_to_probe(place, now))
    });
    let key = match choice.flatten() {
        Some(KeyChoice::Key(id)) => walk.core.vault.key(&id),
        Some(KeyChoice::NotNeeded) => None,
        // Without a key there is nothing to learn that is not known already.
        Some(KeyChoice::AllCoolingUntil(_) | KeyChoice::None) | None => return,
    };
    let answered = live.upstream(ix).probe(route, key.as_deref(), now.mono_ms + PATIENCE_MS).await;
    let result = answered.and_then(|status| verdict(status, &route.host()));
    let ended = clock::now();
    walk.change(ended, |fleet| {
        let changes =
            fleet.place(&route.id, ix).map(|place| fleet.probe_result(place, result, now.mono_ms, ended));
        ((), changes.unwrap_or_default())
    });
    walk.core.bus.touch();
}

/// Asks with the keys that the provider has rejected whether it accepts them again: a blip of its sign-in is over then.
async fn take_back_keys(walk: &Walk, live: &LiveMap, ix: RouteIx, now: Now) {
    let route = live.map.route(ix);
    let rejected = walk.core.with_fleet(|fleet| Some(fleet.rejected_keys(fleet.place(&route.id, ix)?)));
    for id in rejected.flatten().unwrap_or_default() {
        let Some(key) = walk.core.vault.key(&id) else { continue };
        let asked = live.upstream(ix).probe(route, Some(&key), now.mono_ms + PATIENCE_MS).await;
        if asked.is_ok_and(|status| (200..300).contains(&status)) {
            walk.core.with_fleet(|fleet| fleet.key_accepted(&id));
            walk.core.bus.touch();
            tracing::info!(route = %route.id, key = %id, "a rejected key is accepted again");
        }
    }
}

/// Any answer but a server error shows that the route can be reached: not every provider lists models.
fn verdict(status: u16, host: &str) -> Result<(), Failure> {
    let kind = match status {
        500..=599 => FailureKind::ServerError,
        300..=399 => FailureKind::Redirect,
        401 => FailureKind::KeyRejected,
        _ => return Ok(()),
    };
    Err(Failure {
        status: Some(status),
        ..Failure::new(kind, format!("{host} answered the probe with {status}."))
    })
}
