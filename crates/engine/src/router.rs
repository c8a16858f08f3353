//! The router as its shells see it: start, stop, watch. What people do with it is in the files below.

mod audit;
mod clients;
mod compat;
mod config;
mod credentials;
#[cfg(test)]
mod endings;
mod gateway;
mod incidents;
mod jobs;
mod keyring;
mod maps;
mod money;
mod network_check;
mod overrides;
#[cfg(test)]
mod pictures;
mod quality;
mod settings;
mod shifts;
mod state;
mod switch_cost;
mod switches;
mod test_request;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde::de::DeserializeOwned;
use switchyard_domain::event::{Event, EventKind};
use switchyard_domain::view::{PauseView, RequestView, Snapshot};
use switchyard_domain::{Problem, Tier};
use switchyard_notify::Sinks;
use switchyard_policy::CurrentTier;
use switchyard_store::{Options, RequestFilter, Retention, Store, StoreError, Writer};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::Core;
use crate::core::bus::Bus;
use crate::core::clock;
use crate::core::lock;
use crate::core::purse::Purse;
use crate::core::vault::Vault;
use crate::walk::cold;
use crate::walk::server;
use crate::walk::traffic::Traffic;
use crate::walk::{TierSince, Walk};
use crate::watch::snapshot;
use crate::watch::supervisor;
use crate::watch::{Watch, causes, network};

pub use config::RouterConfig;
pub use keyring::Keyring;
use state::RouterState;

/// Events of before the start that are shown.
const SHOWN_EVENTS: u32 = 50;
/// Requests of before the start that are shown.
const SHOWN_REQUESTS: u32 = 20;
/// How long the last words to callers (the error event of a stream, the receipt of a queued request) may take to reach
/// them once the shutdown's grace is over, milliseconds: they go to this machine, and a caller that does not read them
/// must not hold up the end.
const LAST_WORDS_MS: u64 = 2_000;

/// Attempts of queued jobs have this long at a shutdown, milliseconds: an answer of usual length arrives, and service
/// managers don't kill before (systemd waits for 90 s).
const COLD_GRACE_MS: u64 = 30_000;
/// Tasks that only need to hear that it is over have this long, milliseconds.
const WORKERS_GRACE_MS: u64 = 1_000;

/// A running router. Cheap to clone; it runs until [`Router::shutdown`].
#[derive(Clone, Debug)]
pub struct Router {
    state: Arc<RouterState>,
    addr: SocketAddr,
    stop: CancellationToken,
    workers_stop: CancellationToken,
    connections: TaskTracker,
    /// The attempts of queued jobs.
    cold: TaskTracker,
    workers: TaskTracker,
    grace_ms: u64,
}

/// A stream of snapshots: the first at once, then on change, at most four a second, at least one every two.
#[derive(Debug)]
pub struct SnapshotStream {
    watch: Arc<Watch>,
    seen: Option<u64>,
}

impl Router {
    /// Opens the data directory, takes the port and starts to serve.
    ///
    /// # Errors
    /// A [`Problem`] that names what stands in the way: the port's holder, the data directory's other user, a
    /// database of a newer version, and so on. A stored map that can't run is not an error: the router starts, says
    /// so, and takes a new one.
    pub async fn start(config: RouterConfig) -> Result<Self, Problem> {
        let started = clock::now();
        let options = Options { start_fresh: config.start_fresh, ..Options::default() };
        let store = Store::open(&config.data_dir, &options).await.map_err(|error| error.problem())?;
        let vault = Arc::new(Vault::new(config.keychain, config.credentials_file));
        // A file that was named and can't be used is no file at all to every route: better said than routed around.
        if let Some(problem) = vault.file_problem() {
            return Err(problem);
        }
        let listener = server::bind(config.proxy_addr).await?;
        let addr = listener.local_addr().map_err(|error| {
            Problem::new("listen_failed", format!("The listener has no address: {error}."))
        })?;
        let writer = Writer::spawn(&store, Retention::default());
        let last_id = store.last_event_id().await.map_err(|error| error.problem())?;
        let events = store.events().recent(None, SHOWN_EVENTS).await.unwrap_or_default();
        let requests =
            store.requests().recent(&RequestFilter::default(), SHOWN_REQUESTS).await.unwrap_or_default();
        let mut traffic = Traffic::default();
        traffic.restore(requests);
        let core = Arc::new(Core {
            data_dir: config.data_dir.clone(),
            bus: Bus::new(writer.clone(), last_id, events),
            writer,
            vault,
            running: ArcSwapOption::empty(),
            map_problem: Mutex::default(),
            fleet: Mutex::default(),
            paused: AtomicBool::new(false),
            pause: Mutex::new(PauseView { paused: false, reason: None, since_ms: None, causes: Vec::new() }),
            purse: Arc::new(Purse::new(started)),
            grace_over: CancellationToken::new(),
            started,
            proxy_url: Mutex::new(format!("http://{addr}")),
            control_url: Mutex::new(config.control_url),
            store,
        });
        let tier_since = TierSince {
            current_tier: CurrentTier { tier: Tier::Hot, route: None, cause: None },
            since_ms: started.wall_ms,
        };
        let walk = Arc::new(Walk::new(core, traffic, tier_since));
        let watch = Arc::new(Watch::new(walk, last_id, config.desktop_notifications));
        let state = Arc::new(RouterState::new(watch, config.variables));
        let router = Self {
            state,
            addr,
            stop: CancellationToken::new(),
            workers_stop: CancellationToken::new(),
            connections: TaskTracker::new(),
            cold: TaskTracker::new(),
            workers: TaskTracker::new(),
            grace_ms: config.shutdown_grace_ms,
        };
        router.state.walk.local_keys.load(&router.state.core.store, started.wall_ms).await?;
        router.restore_pause().await?;
        router.restore_money().await?;
        router.restore_overrides().await?;
        router.restore_compat().await?;
        network::prepare(&router.state.watch.network).await;
        router.restore_map_at_start().await?;
        cold::prepare(&router.state.walk).await;
        router.spawn_workers(listener, config.desktop_notifications);
        let what = EventKind::Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            proxy_url: format!("http://{addr}"),
        };
        router.state.core.bus.emit(what, clock::now());
        Ok(router)
    }

    fn spawn_workers(&self, listener: tokio::net::TcpListener, desktop_notifications: bool) {
        let RouterState { walk, watch, .. } = &*self.state;
        let walk = || Arc::clone(walk);
        let watching = || Arc::clone(watch);
        let state = || Arc::clone(&self.state);
        let stop = || self.workers_stop.clone();
        if desktop_notifications {
            let sinks = Sinks::none().desktop();
            let notices = switchyard_notify::run(self.events(), clock::now, sinks);
            self.workers.spawn(stop().run_until_cancelled_owned(notices));
        }
        self.cold.spawn(cold::run(walk(), self.stop.clone(), stop()));
        self.workers.spawn(supervise(state(), stop()));
        self.workers.spawn(crate::watch::incidents::run(Arc::clone(&watch.incidents), stop()));
        self.workers.spawn(crate::watch::incidents::deliver(Arc::clone(&watch.incidents), stop()));
        self.workers.spawn(network::run(Arc::clone(&watch.network), stop()));
        self.workers.spawn(credentials::keep(state(), stop()));
        self.workers.spawn(causes::run(watching(), stop()));
        self.workers.spawn(shifts::run(state(), stop()));
        self.workers.spawn(money::keep(watching(), stop()));
        let accept = server::accept(walk(), listener, self.stop.clone(), self.connections.clone());
        self.connections.spawn(accept);
    }

    /// Its inside, for tests of the rooms it is made of.
    #[cfg(test)]
    pub(crate) fn walk(&self) -> &Arc<Walk> {
        &self.state.walk
    }

    /// Where clients connect.
    #[must_use]
    pub fn proxy_addr(&self) -> SocketAddr {
        self.addr
    }

    /// When it started, milliseconds since 1970 UTC.
    #[must_use]
    pub fn started_at_ms(&self) -> i64 {
        self.state.core.started.wall_ms
    }

    /// How many connections the control API's listener may hold open.
    #[must_use]
    pub fn control_connections(&self) -> usize {
        self.state.walk.budget.control_connections
    }

    /// Where the data lives.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.state.core.data_dir
    }

    /// Says where the control API listens, as shown to people.
    pub fn set_control_url(&self, url: String) {
        *lock(&self.state.core.control_url) = Some(url);
        self.state.core.bus.touch();
    }

    /// Stops accepting, lets running requests finish up to the grace and attempts of queued jobs, which are paid for
    /// and which nobody waits for, up to theirs, and flushes. A stream that is still under way after the grace ends with
    /// an error event, and what has no answer yet is queued or refused; queued jobs go on at the next start. Whatever
    /// requests may wait for (the network's state, probes) goes on until they have ended.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.connections.close();
        self.cold.close();
        let began = clock::now().mono_ms;
        if clock::until(began + self.grace_ms, self.connections.wait()).await.is_none() {
            self.state.core.grace_over.cancel();
            let by = clock::now().mono_ms + LAST_WORDS_MS;
            if clock::until(by, self.connections.wait()).await.is_none() {
                tracing::warn!(connections = self.connections.len(), "callers were cut off at shutdown");
            }
        }
        let _ = clock::until(began + self.grace_ms.max(COLD_GRACE_MS), self.cold.wait()).await;
        self.workers_stop.cancel();
        self.workers.close();
        let _ = clock::until(clock::now().mono_ms + WORKERS_GRACE_MS, self.workers.wait()).await;
        if let Err(problem) = shifts::keep(&self.state).await {
            tracing::error!(problem.code, %problem, "shifts are not kept");
        }
        money::close(&self.state.core).await;
        self.state.core.writer.flush().await;
        self.state.core.store.close().await;
    }

    /// The whole router at this moment.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        snapshot::take(&self.state.watch)
    }

    /// A stream of snapshots.
    #[must_use]
    pub fn watch(&self) -> SnapshotStream {
        SnapshotStream { watch: Arc::clone(&self.state.watch), seen: None }
    }

    /// Events from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.state.core.bus.subscribe()
    }

    /// Requests of the log, newest first; `before_ms` (UTC epoch) pages back.
    ///
    /// # Errors
    /// When the log can't be read.
    pub async fn requests(&self, limit: u32, before_ms: Option<i64>) -> Result<Vec<RequestView>, Problem> {
        // What was just answered should be in the list.
        self.state.core.writer.flush().await;
        let filter = RequestFilter { before_ms, ..RequestFilter::default() };
        self.state
            .core
            .store
            .requests()
            .recent(&filter, limit.min(1_000))
            .await
            .map_err(|error| error.problem())
    }

    /// A stored setting. One that can't be read is put aside and told, and counts as not set: a router that does not
    /// start answers nobody.
    async fn setting<T: DeserializeOwned>(&self, key: &str, what: &str) -> Result<Option<T>, Problem> {
        let settings = self.state.core.store.settings();
        match settings.get(key).await {
            Ok(value) => Ok(value),
            Err(error @ StoreError::Damaged { .. }) => {
                settings.set_aside(key).await.map_err(|error| error.problem())?;
                let cause = format!(
                    "The stored {what} can't be read, so the router runs without it. Set it again if it is still wanted; \
                     what was stored is kept in the database as `damaged/{key}`."
                );
                tracing::error!(key, %error, "{cause}");
                let code = "setting_damaged".to_owned();
                self.state.core.bus.emit(EventKind::CauseFound { code, cause }, clock::now());
                Ok(None)
            }
            Err(error) => Err(error.problem()),
        }
    }

    /// Notes a change by hand. The change itself has happened already, so a full disk is only logged.
    async fn note(&self, actor: &str, action: &str, target: &str, reason: Option<String>) {
        audit::note(&self.state.core, audit::Change { actor, action, target, reason, states: None }).await;
    }
}

/// Keeps the beat, and what the fleet has let lapse by itself.
async fn supervise(state: Arc<RouterState>, stop: CancellationToken) {
    let walk = Arc::clone(&state.walk);
    let keep_lapsed = |now| {
        let state = Arc::clone(&state);
        async move { overrides::keep_lapsed(&state, now).await }
    };
    supervisor::run(walk, keep_lapsed, stop).await;
}

impl SnapshotStream {
    /// The next snapshot.
    pub async fn next(&mut self) -> Arc<Snapshot> {
        if let Some(seen) = self.seen {
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(250)).await;
                if self.watch.core.bus.seq() != seen {
                    break;
                }
            }
        }
        let snapshot = snapshot::take(&self.watch);
        self.seen = Some(snapshot.seq);
        snapshot
    }
}
