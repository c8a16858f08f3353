//! What every task of a running router shares. The fleet's lock is held for microseconds, never across an await.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use switchyard_domain::event::{Event, EventKind};
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::network::NetworkState;
use switchyard_domain::operate::Overrides;
use switchyard_domain::view::{AttemptView, Outcome, PauseView, RequestView};
use switchyard_domain::{Now, Tier};
use switchyard_policy::lately::Ended;
use switchyard_policy::{Change, CurrentTier, Fleet, NetworkChange, classify, current_tier};
use switchyard_store::{Store, WriterHandle};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::core::bus::Bus;
use crate::core::vault::Vault;
use crate::walk::idempotency::IdempotencyKeys;
use crate::walk::local_keys::LocalKeys;
use crate::walk::traffic::Traffic;
use crate::walk::upstream::Upstream;

/// The applied map with everything that is made from it once.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) map: RoutingMap,
    pub(crate) version: i64,
    pub(crate) source: String,
    pub(crate) applied_at_ms: i64,
    /// Whether it uses the simulated providers.
    pub(crate) demo: bool,
    /// By [`RouteIx`].
    pub(crate) upstreams: Vec<Upstream>,
}

impl Running {
    pub(crate) fn upstream(&self, route: RouteIx) -> &Upstream {
        &self.upstreams[route.0]
    }

    /// The tier of a route in the map's own order; Hot for one that only a job's order has.
    pub(crate) fn tier_of(&self, route: RouteIx) -> Tier {
        let line = &self.map.line;
        let is_warm = line.warm.contains(&route) && !line.hot.contains(&route);
        if is_warm { Tier::Warm } else { Tier::Hot }
    }
}

/// Where the next default request would be answered, and since when.
#[derive(Clone, Debug)]
pub(crate) struct TierSince {
    pub(crate) current_tier: CurrentTier,
    pub(crate) since_ms: i64,
}

/// What follows from a change, once the fleet is let go.
#[derive(Clone, Copy, Debug)]
enum Follow {
    Nothing,
    /// A route answers again.
    WaysOpened,
    KeysDoubted,
    Network {
        from: NetworkState,
        to: NetworkState,
    },
}

/// The shared state.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) data_dir: PathBuf,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) store: Store,
    pub(crate) writer: WriterHandle,
    pub(crate) bus: Bus,
    pub(crate) vault: Arc<Vault>,
    pub(crate) local_keys: LocalKeys,
    pub(crate) idempotency: Arc<IdempotencyKeys>,
    /// Which losses in translation were told lately.
    pub(crate) losses: Mutex<crate::walk::losses::Losses>,
    /// Answers to be given again when no route can answer.
    pub(crate) stale: Mutex<crate::walk::stale::Stale>,
    /// What checks and the price list have said of routes.
    pub(crate) compat: Mutex<crate::watch::compat::Memory>,
    pub(crate) running: ArcSwapOption<Running>,
    /// Why the stored map can't run, where it can't.
    pub(crate) map_problem: Mutex<Option<String>>,
    pub(crate) fleet: Mutex<Option<Fleet>>,
    /// Held while a map is applied: the version kept last is the one that runs.
    pub(crate) applying: tokio::sync::Mutex<()>,
    /// The incidents that are not closed.
    pub(crate) incidents: crate::watch::incidents::IncidentBoard,
    pub(crate) tier_since: Mutex<TierSince>,
    pub(crate) traffic: Mutex<Traffic>,
    pub(crate) paused: AtomicBool,
    pub(crate) pause: Mutex<PauseView>,
    /// What people have overridden, as it is kept. Held while it changes; the fleet goes by a copy.
    pub(crate) overrides: tokio::sync::Mutex<Overrides>,
    /// Requests being worked on, attempts of queued ones included.
    pub(crate) in_flight: AtomicU64,
    /// Requests of callers that have been let in.
    pub(crate) admission: Arc<crate::walk::admission::Admission>,
    /// Cancelled when the grace of a shutdown is over: what is under way then ends with a word to its caller.
    pub(crate) grace_over: CancellationToken,
    pub(crate) lost: AtomicU64,
    /// How many connections and requests this process's descriptors allow.
    pub(crate) budget: crate::core::process::Budget,
    pub(crate) started: Now,
    pub(crate) proxy_url: Mutex<String>,
    pub(crate) control_url: Mutex<Option<String>>,
    /// What is shown of the queue.
    pub(crate) queue: crate::walk::cold::QueueSnapshot,
    /// Wakes the cold worker.
    pub(crate) cold_work: Notify,
    /// Grows with whatever may open a way to a route: a job that found none looks again.
    pub(crate) ways: AtomicU64,
    /// Wakes those who wait for a job's answer.
    pub(crate) job_ended: watch::Sender<u64>,
    /// Says that the keychain has been read once.
    pub(crate) keys_ready: watch::Sender<bool>,
    /// Whether the keychain worked when it was last read.
    pub(crate) keychain_was: Mutex<Option<bool>>,
    /// Wakes the keeper of credentials.
    pub(crate) keys_doubted: Notify,
    /// What is counted for Prometheus.
    pub(crate) counters: crate::walk::counters::Counters,
    /// Retries that apps make themselves.
    pub(crate) client_retries: Mutex<switchyard_policy::client_retries::ClientRetries>,
    /// What gives way for now.
    pub(crate) shedding: Mutex<switchyard_policy::shed::Shedding>,
    /// Likely causes of present trouble.
    pub(crate) causes: Mutex<Vec<switchyard_domain::operate::CauseView>>,
    /// What is known of this machine's network beside the fleet's judgement.
    pub(crate) network: crate::watch::network::NetworkMonitor,
    /// Held while the shifts are written: what was written last is what stands.
    pub(crate) shifts_kept: tokio::sync::Mutex<()>,
}

/// Locks; a panic elsewhere does not stop the router, since each holder leaves the state whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Uses the fleet, where a map runs.
    pub(crate) fn with_fleet<T>(&self, act: impl FnOnce(&mut Fleet) -> T) -> Option<T> {
        lock(&self.fleet).as_mut().map(act)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Counts the tries of a request that is over, or of a queued one's attempt.
    pub(crate) fn tried(&self, view: &RequestView, fell_back: bool, now: Now) {
        let tries = u32::try_from(view.attempts.len()).unwrap_or(u32::MAX);
        self.with_fleet(|fleet| fleet.retry_budget_mut().ended(tries, fell_back, now));
        self.counters.tried(view, fell_back, self.running.load().as_ref().map(|running| &running.map));
    }

    /// Why every request is refused at once, where the all-off switch is thrown.
    pub(crate) fn all_off(&self, running: &Running) -> Option<String> {
        self.with_fleet(|fleet| fleet.all_off(&running.map)).flatten()
    }

    /// Takes an ended request into the log and the counters.
    pub(crate) fn ended(&self, view: Arc<RequestView>, now: Now) {
        self.counters.ended(&view);
        if let Some(how) = self.how_it_ended(&view) {
            self.with_fleet(|fleet| fleet.lately_mut().ended(how, now));
        }
        lock(&self.traffic).ended(&view, now.wall_ms);
        self.writer.request(view);
        self.bus.touch();
    }

    /// What a request's end says of how things stand; none when it says nothing: it was refused for its own fault, its
    /// caller left after the first word, or somebody paused new work or switched everything off.
    fn how_it_ended(&self, view: &RequestView) -> Option<Ended> {
        let failed = |attempt: &AttemptView| {
            attempt.failure.as_ref().is_some_and(|failure| classify(failure).tells_of_target())
        };
        let running = self.running.load();
        if running.as_ref().is_some_and(|running| self.all_off(running).is_some()) {
            return None;
        }
        let retried = view.attempts.iter().any(failed) || view.rescues > 0;
        let unanswered = retried.then_some(Ended::Unanswered);
        match view.outcome {
            Outcome::Answered => match (&view.route, view.tier) {
                (Some(route), Some(tier)) => {
                    let map = running.as_ref().map(|running| &running.map);
                    let provider = RoutingMap::provider_of(map, route).to_owned();
                    // Answered past a Hot that is out; where somebody wants it on Warm, Warm is where it should be.
                    let past_hot = |current_tier: &CurrentTier| {
                        current_tier.tier != Tier::Hot
                            && current_tier.cause.as_ref().is_some_and(|cause| !cause.is_ordered())
                    };
                    let moved = tier != Tier::Hot && past_hot(&lock(&self.tier_since).current_tier);
                    Some(Ended::Answered { provider, tier, retried, moved })
                }
                // An old answer given again, or an estimate.
                (_, _) => unanswered,
            },
            Outcome::Queued if self.is_paused() => None,
            Outcome::Queued => Some(Ended::Queued),
            Outcome::Refused if view.status >= 500 && !self.is_paused() => Some(Ended::Unanswered),
            Outcome::Refused => unanswered,
            Outcome::Failed | Outcome::Broken => Some(Ended::Unanswered),
            Outcome::Aborted => {
                view.attempts.iter().all(|attempt| attempt.failure.is_some()).then_some(Ended::GivenUp)
            }
        }
    }

    /// The fleet's beat.
    pub(crate) fn tick(&self, now: Now) {
        let Some(running) = self.running.load_full() else { return };
        self.change(now, |fleet| ((), fleet.tick(&running.map, now)));
        crate::walk::shed::beat(self, &running, now);
    }

    /// A way to a route may be open that was not: jobs that found none go on at once.
    pub(crate) fn ways_changed(&self) {
        self.ways.fetch_add(1, Ordering::SeqCst);
        self.cold_work.notify_one();
    }

    /// Changes the fleet and tells of it under one lock, so that no picture shows the change without its event; what
    /// follows from it is done after. None without a fleet.
    pub(crate) fn change<T>(&self, now: Now, act: impl FnOnce(&mut Fleet) -> (T, Vec<Change>)) -> Option<T> {
        let (done, told, turned) = self.with_fleet(|fleet| {
            let (done, changes) = act(fleet);
            (done, self.tell(changes, now), fleet.take_turned())
        })?;
        let changed = !told.is_empty();
        for (event, follow) in told {
            if let Some(event) = event {
                self.bus.log(&event, now);
            }
            match follow {
                Follow::Nothing => {}
                // What waits in the queue may go now.
                Follow::WaysOpened => self.ways_changed(),
                Follow::KeysDoubted => self.keys_doubted.notify_one(),
                Follow::Network { from, to } => self.turned(from, to),
            }
        }
        if changed || turned {
            self.look_around(now);
        }
        Some(done)
    }

    /// Tells what changed in the fleet, which is locked meanwhile: the events, and what is to follow.
    fn tell(&self, changes: Vec<Change>, now: Now) -> Vec<(Option<Event>, Follow)> {
        let one = |change| {
            let (what, follow) = match change {
                Change::Opened { route, failure, consecutive } => {
                    (EventKind::CircuitOpened { route, failure, consecutive }, Follow::Nothing)
                }
                Change::HalfOpen { route } => (EventKind::CircuitHalfOpen { route }, Follow::Nothing),
                Change::Closed { route } => (EventKind::CircuitClosed { route }, Follow::WaysOpened),
                Change::KeyCondemned { provider, key, failure, .. } => {
                    let credential = key.as_str().to_owned();
                    (EventKind::KeyCondemned { provider, credential, failure }, Follow::KeysDoubted)
                }
                Change::CooledDown { .. } => return (None, Follow::Nothing),
                Change::ProbeFailed { route, failure } => {
                    (EventKind::ProbeFailed { route, failure }, Follow::Nothing)
                }
                Change::NetworkTurned(turned) => {
                    let NetworkChange { from, to, sentence, portal_url, lasted_ms } = turned;
                    let what = EventKind::NetworkTurned { from, to, reason: sentence, portal_url, lasted_ms };
                    (what, Follow::Network { from, to })
                }
                Change::Told(what) => (what, Follow::Nothing),
            };
            (Some(self.bus.post(what, now)), follow)
        };
        changes.into_iter().map(one).collect()
    }

    /// This machine's network went from one state to another: who waited for it goes on.
    fn turned(&self, from: NetworkState, to: NetworkState) {
        let is_back = from.is_down() && !to.is_down();
        if is_back && let Some(running) = self.running.load_full() {
            // Connections of before are likely dead, whatever they look like; who goes on now must not wait for one.
            crate::walk::upstream::renew(&running.upstreams, &self.network.egress);
        }
        self.network.turned(to);
        if is_back {
            self.ways_changed();
        }
    }

    /// Sees where the next request would be answered, as circuits and the last calls say; a change of tier is a failover
    /// or a recovery.
    pub(crate) fn look_around(&self, now: Now) {
        // Before the keychain was read every route seems to lack its key.
        if !*self.keys_ready.borrow() {
            return;
        }
        let Some(running) = self.running.load_full() else { return };
        // Held until it is told: who looked earlier never says the last word.
        let mut tier_since = lock(&self.tier_since);
        // While this machine's network is down no tier takes over: nothing is called an outage.
        let seen = self
            .with_fleet(|fleet| (!fleet.network().is_down()).then(|| current_tier(&running.map, fleet, now)));
        let Some(Some(fresh)) = seen else { return };
        if tier_since.current_tier == fresh {
            return;
        }
        let before = std::mem::replace(&mut tier_since.current_tier, fresh.clone());
        if before.tier != fresh.tier {
            tier_since.since_ms = now.wall_ms;
        }
        self.bus.touch();
        if before.tier != fresh.tier {
            lock(&self.traffic).tier_changed();
            // In Cold no route answers, though one may be called.
            let route = fresh.route.filter(|_| fresh.tier != Tier::Cold);
            let route = route.map(|ix| running.map.route(ix).id.clone());
            let cause = fresh.cause.as_ref().map(ToString::to_string);
            let what = EventKind::TierChanged { from: before.tier, to: fresh.tier, route, cause };
            let event = self.bus.post(what, now);
            drop(tier_since);
            self.bus.log(&event, now);
            if fresh.tier != Tier::Cold {
                self.ways_changed();
            }
        }
    }
}
