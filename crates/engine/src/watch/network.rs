//! This machine's network as it really is: who looks at it and when, and what it is made of.
//!
//! The judgement is the fleet's ([`switchyard_policy::Network`]); here is everything that has to ask the outside. One
//! task keeps the beat. Nothing is asked while a map has only routes on this machine.

mod link;
mod look;
mod wake;

use std::sync::{Arc, Mutex};

use switchyard_domain::Now;
use switchyard_domain::event::EventKind;
use switchyard_domain::network::{NameSource, NetworkCheck, NetworkState, NetworkView};
use switchyard_policy::Fleet;
use tokio_util::sync::CancellationToken;

use crate::core::clock;
use crate::core::{Core, lock};
use crate::walk::Walk;
use crate::walk::cold;
use crate::walk::upstream::{self, Kept};

use link::Link;
use wake::{Reading, SuspendDetector};

const BEAT_MS: u64 = 1_000;
/// A doubt that arises while one look follows another is looked after this much later, milliseconds.
const APART_MS: u64 = 500;
/// The system's proxy is read this often, milliseconds.
const PROXY_EVERY_MS: u64 = 15_000;
/// A change of resolver is told once in this time, milliseconds.
const TELL_NAMES_MS: u64 = 60_000;
/// Where good addresses are kept.
const NAMES: &str = "network.names";

/// What is known of the network beside the fleet's judgement.
#[derive(Debug)]
pub(crate) struct NetworkMonitor {
    core: Arc<Core>,
    walk: Arc<Walk>,
    /// One look at a time; the count of those that have begun.
    looking: tokio::sync::Mutex<u64>,
    checks: Mutex<Vec<NetworkCheck>>,
}

impl NetworkMonitor {
    /// Before the first look.
    pub(crate) fn new(walk: Arc<Walk>) -> Self {
        let core = Arc::clone(&walk.core);
        Self { core, walk, looking: tokio::sync::Mutex::default(), checks: Mutex::default() }
    }
}

/// What the fleet makes of the network.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    state: NetworkState,
    since_ms: i64,
    sentence: Option<String>,
    portal_url: Option<String>,
}

impl Judged {
    pub(crate) fn of(fleet: &Fleet) -> Self {
        let network = fleet.network();
        Self {
            state: network.state(),
            since_ms: network.since().wall_ms,
            sentence: network.sentence(),
            portal_url: network.portal_url().map(str::to_owned),
        }
    }
}

/// The network, for people, as it is now.
pub(crate) fn now(monitor: &NetworkMonitor) -> NetworkView {
    let judged = monitor.core.with_fleet(|fleet| Judged::of(fleet)).unwrap_or_default();
    view(monitor, judged)
}

/// The network, for people.
pub(crate) fn view(monitor: &NetworkMonitor, judged: Judged) -> NetworkView {
    let (held, oldest_held_ms) = monitor.walk.network_wait.held();
    let Judged { state, since_ms, sentence, portal_url } = judged;
    NetworkView {
        state,
        since_ms: if since_ms == 0 { monitor.core.started.wall_ms } else { since_ms },
        sentence,
        portal_url,
        held,
        oldest_held_ms,
        name: None,
        dns: monitor.walk.egress.names.source(),
        proxy: monitor.walk.egress.proxy.shown(),
        checks: lock(&monitor.checks).clone(),
    }
}

/// Reads what an earlier run knew and what the system says of proxies: before the first connection is made.
pub(crate) async fn prepare(monitor: &NetworkMonitor) {
    match monitor.core.store.settings().get::<Kept>(NAMES).await {
        Ok(kept) => monitor.walk.egress.names.restore(kept.unwrap_or_default()),
        Err(error) => tracing::warn!(code = error.code(), %error, "addresses of the last run not read"),
    }
    monitor.walk.egress.proxy.read().await;
    cold::go_by_the_clock(&monitor.walk).await;
}

/// Looks at the network now; a look that is under way already is waited for and another one follows, so that what is
/// found is of after the call.
pub(crate) async fn look(monitor: &NetworkMonitor) {
    let mut looks = monitor.looking.lock().await;
    *looks += 1;
    let Some(running) = monitor.core.running.load_full() else { return };
    let watched = monitor.core.with_fleet(|fleet| fleet.network().is_watched());
    if watched != Some(true) {
        return;
    }
    let begun = clock::now();
    let (findings, checks) = look::look(&running.map, &monitor.walk.egress).await;
    *lock(&monitor.checks) = checks;
    let now = clock::now();
    monitor.walk.change(now, |fleet| ((), fleet.network_checked(&findings, begun.mono_ms, now)));
    monitor.walk.network_wait.looked();
    monitor.core.bus.touch();
}

/// A person wants to know: the system's proxy is read as well.
pub(crate) async fn look_by_hand(monitor: &NetworkMonitor) {
    if monitor.walk.egress.proxy.read().await {
        let now = clock::now();
        monitor.core.bus.emit(EventKind::ProxyChanged { proxy: monitor.walk.egress.proxy.shown() }, now);
        unsettle(monitor, now);
    }
    look(monitor).await;
}

/// What was known of the network is of before: connections are made anew, and it is looked at.
fn unsettle(monitor: &NetworkMonitor, now: Now) {
    monitor.walk.egress.names.renew();
    if let Some(live) = monitor.walk.live.load_full() {
        upstream::renew(&live.upstreams, &monitor.walk.egress);
    }
    monitor.walk.change(now, |fleet| ((), fleet.network_unsettled(now)));
}

/// Runs until stopped.
pub(crate) async fn run(monitor: Arc<NetworkMonitor>, stop: CancellationToken) {
    let mut keeper = Keeper::new(&monitor);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = monitor.walk.network_wait.wanted() => {}
            () = clock::sleep_until(clock::now().mono_ms + BEAT_MS) => {}
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = keeper.beat() => {}
        }
    }
    keeper.keep_names().await;
}

/// The one who keeps the beat.
struct Keeper<'a> {
    monitor: &'a Arc<NetworkMonitor>,
    pulse: SuspendDetector,
    link: Link,
    looked_mono_ms: u64,
    proxy_mono_ms: u64,
    names: NameSource,
    named_mono_ms: u64,
}

impl<'a> Keeper<'a> {
    fn new(monitor: &'a Arc<NetworkMonitor>) -> Self {
        let now = clock::now().mono_ms;
        let mut pulse = SuspendDetector::default();
        pulse.observe(Reading { boot_ms: now, awake_ms: clock::awake_ms() });
        Self {
            monitor,
            pulse,
            link: Link::read(),
            looked_mono_ms: 0,
            proxy_mono_ms: now,
            names: NameSource::System,
            named_mono_ms: 0,
        }
    }

    async fn beat(&mut self) {
        let now = cold::settled_now(&self.monitor.walk).await;
        let asleep = self.pulse.observe(Reading { boot_ms: now.mono_ms, awake_ms: clock::awake_ms() });
        let woke = asleep.map(|asleep_ms| EventKind::WokeUp { asleep_ms });
        let switched = self.switched();
        let proxy = self.proxy_changed(woke.is_some() || switched.is_some()).await;
        let unsettled = woke.is_some() || switched.is_some() || proxy.is_some();
        for what in woke.into_iter().chain(switched).chain(proxy) {
            self.monitor.core.bus.emit(what, now);
        }
        if unsettled {
            unsettle(self.monitor, now);
        }
        self.look_if_wanted().await;
        self.tell_names();
        self.keep_names().await;
        self.pulse.worked_until(clock::now().mono_ms);
    }

    fn switched(&mut self) -> Option<EventKind> {
        let fresh = Link::read();
        let what = self.link.change_to(&fresh)?;
        self.link = fresh;
        Some(EventKind::NetworkSwitched { what })
    }

    async fn proxy_changed(&mut self, at_once: bool) -> Option<EventKind> {
        let now = clock::now().mono_ms;
        if !at_once && now.saturating_sub(self.proxy_mono_ms) < PROXY_EVERY_MS {
            return None;
        }
        self.proxy_mono_ms = now;
        let proxy = &self.monitor.walk.egress.proxy;
        proxy.read().await.then(|| EventKind::ProxyChanged { proxy: proxy.shown() })
    }

    async fn look_if_wanted(&mut self) {
        let now = clock::now().mono_ms;
        let running = self.monitor.core.running.load_full();
        let every = running.as_ref().map_or(u64::MAX, |running| running.map.network.check_every_ms);
        let by_proxy = running.is_some_and(|running| self.monitor.walk.egress.proxy.serves(&running.map));
        let judged = self.monitor.core.with_fleet(|fleet| {
            fleet.network_goes_by_proxy(by_proxy);
            (fleet.network().is_down(), fleet.network().wants_check())
        });
        let (down, wanted) = judged.unwrap_or_default();
        let since = now.saturating_sub(self.looked_mono_ms);
        if (wanted && since >= APART_MS) || (down && since >= every) {
            self.looked_mono_ms = now;
            look(self.monitor).await;
        } else if wanted {
            // The next beat comes after the pause between two looks.
            clock::sleep_until(self.looked_mono_ms + APART_MS).await;
            self.monitor.walk.network_wait.doubt();
        }
    }

    fn tell_names(&mut self) {
        let source = self.monitor.walk.egress.names.source();
        let now = clock::now();
        let quiet = now.mono_ms.saturating_sub(self.named_mono_ms) < TELL_NAMES_MS && self.named_mono_ms != 0;
        if source != self.names && !quiet {
            self.names = source;
            self.named_mono_ms = now.mono_ms;
            self.monitor.core.bus.emit(EventKind::NamesFrom { source }, now);
        }
    }

    async fn keep_names(&self) {
        let Some(kept) = self.monitor.walk.egress.names.take_new() else { return };
        if let Err(error) = self.monitor.core.store.settings().set(NAMES, &kept, clock::now().wall_ms).await {
            tracing::warn!(code = error.code(), %error, "good addresses not kept");
        }
    }
}
