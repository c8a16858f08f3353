//! This machine's network as it really is: who looks at it and when, what it is made of, who waits for it.
//!
//! The judgement is the fleet's ([`switchyard_policy::Network`]); here is everything that has to ask the outside. One
//! task keeps the beat. Nothing is asked while a map has only routes on this machine.

mod link;
mod look;
mod wake;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use switchyard_domain::Now;
use switchyard_domain::event::EventKind;
use switchyard_domain::network::{NameSource, NetworkCheck, NetworkState, NetworkView};
use switchyard_policy::Fleet;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::core::clock;
use crate::core::shared::{Shared, lock};
use crate::walk::upstream::{Egress, Kept};

use link::Link;
use wake::{Reading, SuspendDetector, WallClock};

const BEAT_MS: u64 = 1_000;
/// A doubt that arises while one look follows another is looked after this much later, milliseconds.
const APART_MS: u64 = 500;
/// The system's proxy is read this often, milliseconds.
const PROXY_EVERY_MS: u64 = 15_000;
/// A change of resolver is told once in this time, milliseconds.
const TELL_NAMES_MS: u64 = 60_000;
/// Where good addresses are kept.
const NAMES: &str = "network.names";
/// Of those that waited one goes on in this time, milliseconds: a provider that is just back must not meet all at once.
const ONE_BY_ONE_MS: u64 = 10;

/// What is known of the network beside the fleet's judgement.
#[derive(Debug, Default)]
pub(crate) struct NetworkMonitor {
    /// How connections leave this machine.
    pub(crate) egress: Egress,
    /// Grows when a look has ended or the network has turned.
    news: watch::Sender<u64>,
    /// A look is wanted now.
    wanted: Notify,
    /// One look at a time; the count of those that have begun.
    looking: tokio::sync::Mutex<u64>,
    checks: Mutex<Vec<NetworkCheck>>,
    held: Mutex<Held>,
    /// Held while the queue's times are moved along with it.
    wall: tokio::sync::Mutex<WallClock>,
}

/// The requests that wait, by number, with the moment each began to.
#[derive(Debug, Default)]
struct Held {
    next: u64,
    since: BTreeMap<u64, i64>,
}

/// A request's place among those that wait; given up on drop.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Waiting<'_> {
    /// How long it lets those before it go on first, milliseconds.
    pub(crate) fn turn_ms(&self) -> u64 {
        let held = lock(&self.shared.network.held);
        held.since.range(..self.number).count() as u64 * ONE_BY_ONE_MS
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.shared.network.held).since.remove(&self.number);
        self.shared.bus.touch();
    }
}

impl NetworkMonitor {
    /// The network went from one state to another.
    pub(crate) fn turned(&self, to: NetworkState) {
        tracing::info!(state = to.as_str(), "the network's state changed");
        self.news.send_modify(|n| *n += 1);
    }

    /// A look is wanted now.
    pub(crate) fn doubt(&self) {
        self.wanted.notify_one();
    }

    /// Tells when something about the network may be known that was not before.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    fn held(&self) -> (u64, Option<i64>) {
        let held = lock(&self.held);
        (held.since.len() as u64, held.since.values().min().copied())
    }
}

/// Takes a place among the requests that wait for the network.
pub(crate) fn wait_in_line(shared: &Shared, now: Now) -> Waiting<'_> {
    let number = {
        let mut held = lock(&shared.network.held);
        held.next += 1;
        let number = held.next;
        held.since.insert(number, now.wall_ms);
        number
    };
    shared.bus.touch();
    Waiting { shared, number }
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
pub(crate) fn now(shared: &Shared) -> NetworkView {
    let judged = shared.with_fleet(|fleet| Judged::of(fleet)).unwrap_or_default();
    view(shared, judged)
}

/// The network, for people.
pub(crate) fn view(shared: &Shared, judged: Judged) -> NetworkView {
    let desk = &shared.network;
    let (held, oldest_held_ms) = desk.held();
    let Judged { state, since_ms, sentence, portal_url } = judged;
    NetworkView {
        state,
        since_ms: if since_ms == 0 { shared.started.wall_ms } else { since_ms },
        sentence,
        portal_url,
        held,
        oldest_held_ms,
        name: None,
        dns: desk.egress.names.source(),
        proxy: desk.egress.proxy.shown(),
        checks: lock(&desk.checks).clone(),
    }
}

/// Reads what an earlier run knew and what the system says of proxies: before the first connection is made.
pub(crate) async fn prepare(shared: &Shared) {
    match shared.store.settings().get::<Kept>(NAMES).await {
        Ok(kept) => shared.network.egress.names.restore(kept.unwrap_or_default()),
        Err(error) => tracing::warn!(code = error.code(), %error, "addresses of the last run not read"),
    }
    shared.network.egress.proxy.read().await;
    shared.network.wall.lock().await.go_by(clock::now());
}

/// Looks at the network now; a look that is under way already is waited for and another one follows, so that what is
/// found is of after the call.
pub(crate) async fn look(shared: &Shared) {
    let mut looks = shared.network.looking.lock().await;
    *looks += 1;
    let Some(running) = shared.running.load_full() else { return };
    let watched = shared.with_fleet(|fleet| fleet.network().is_watched());
    if watched != Some(true) {
        return;
    }
    let begun = clock::now();
    let (findings, checks) = look::look(&running.map, &shared.network.egress).await;
    *lock(&shared.network.checks) = checks;
    let now = clock::now();
    shared.change(now, |fleet| ((), fleet.network_checked(&findings, begun.mono_ms, now)));
    shared.network.news.send_modify(|n| *n += 1);
    shared.bus.touch();
}

/// A person wants to know: the system's proxy is read as well.
pub(crate) async fn look_by_hand(shared: &Shared) {
    if shared.network.egress.proxy.read().await {
        let now = clock::now();
        shared.bus.emit(EventKind::ProxyChanged { proxy: shared.network.egress.proxy.shown() }, now);
        unsettle(shared, now);
    }
    look(shared).await;
}

/// What was known of the network is of before: connections are made anew, and it is looked at.
fn unsettle(shared: &Shared, now: Now) {
    shared.network.egress.names.renew();
    if let Some(running) = shared.running.load_full() {
        crate::walk::upstream::renew(&running.upstreams, &shared.network.egress);
    }
    shared.change(now, |fleet| ((), fleet.network_unsettled(now)));
}

/// The time, once the queue's times are on the same clock: where the wall clock was set, they move along first, so that
/// nothing is due, or expires, earlier or later for it. Deadlines and breakers live on the other clock.
pub(crate) async fn settled_now(shared: &Arc<Shared>) -> Now {
    {
        let mut wall = shared.network.wall.lock().await;
        let now = clock::now();
        if wall.set_by(now).is_none() {
            wall.go_by(now);
            return now;
        }
    }
    // A task of its own: a caller that hangs up must not leave the queue's times half moved, or moved unnoticed.
    let own = Arc::clone(shared);
    if let Err(panic) = tokio::spawn(async move { settle(&own).await }).await {
        tracing::error!(%panic, "the queue's times not moved with the clock");
    }
    clock::now()
}

/// Moves the queue's times along with the wall clock. What could not be moved is tried again with the next look.
async fn settle(shared: &Shared) {
    let mut wall = shared.network.wall.lock().await;
    let now = clock::now();
    let Some(by_ms) = wall.set_by(now) else { return };
    if let Err(error) = shared.store.queue().clock_was_set(by_ms).await {
        tracing::error!(code = error.code(), %error, "the queue's times not moved with the clock");
        return;
    }
    wall.go_by(now);
    crate::walk::cold::refresh(shared).await;
    shared.bus.emit(EventKind::ClockJumped { by_ms }, now);
    shared.cold_work.notify_one();
}

/// Runs until stopped.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut keeper = Keeper::new(&shared);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = shared.network.wanted.notified() => {}
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
    shared: &'a Arc<Shared>,
    pulse: SuspendDetector,
    link: Link,
    looked_mono_ms: u64,
    proxy_mono_ms: u64,
    names: NameSource,
    named_mono_ms: u64,
}

impl<'a> Keeper<'a> {
    fn new(shared: &'a Arc<Shared>) -> Self {
        let now = clock::now().mono_ms;
        let mut pulse = SuspendDetector::default();
        pulse.observe(Reading { boot_ms: now, awake_ms: clock::awake_ms() });
        Self {
            shared,
            pulse,
            link: Link::read(),
            looked_mono_ms: 0,
            proxy_mono_ms: now,
            names: NameSource::System,
            named_mono_ms: 0,
        }
    }

    async fn beat(&mut self) {
        let now = settled_now(self.shared).await;
        let asleep = self.pulse.observe(Reading { boot_ms: now.mono_ms, awake_ms: clock::awake_ms() });
        let woke = asleep.map(|asleep_ms| EventKind::WokeUp { asleep_ms });
        let switched = self.switched();
        let proxy = self.proxy_changed(woke.is_some() || switched.is_some()).await;
        let unsettled = woke.is_some() || switched.is_some() || proxy.is_some();
        for what in woke.into_iter().chain(switched).chain(proxy) {
            self.shared.bus.emit(what, now);
        }
        if unsettled {
            unsettle(self.shared, now);
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
        let proxy = &self.shared.network.egress.proxy;
        proxy.read().await.then(|| EventKind::ProxyChanged { proxy: proxy.shown() })
    }

    async fn look_if_wanted(&mut self) {
        let now = clock::now().mono_ms;
        let running = self.shared.running.load_full();
        let every = running.as_ref().map_or(u64::MAX, |running| running.map.network.check_every_ms);
        let by_proxy = running.is_some_and(|running| self.shared.network.egress.proxy.serves(&running.map));
        let judged = self.shared.with_fleet(|fleet| {
            fleet.network_goes_by_proxy(by_proxy);
            (fleet.network().is_down(), fleet.network().wants_check())
        });
        let (down, wanted) = judged.unwrap_or_default();
        let since = now.saturating_sub(self.looked_mono_ms);
        if (wanted && since >= APART_MS) || (down && since >= every) {
            self.looked_mono_ms = now;
            look(self.shared).await;
        } else if wanted {
            // The next beat comes after the pause between two looks.
            clock::sleep_until(self.looked_mono_ms + APART_MS).await;
            self.shared.network.doubt();
        }
    }

    fn tell_names(&mut self) {
        let source = self.shared.network.egress.names.source();
        let now = clock::now();
        let quiet = now.mono_ms.saturating_sub(self.named_mono_ms) < TELL_NAMES_MS && self.named_mono_ms != 0;
        if source != self.names && !quiet {
            self.names = source;
            self.named_mono_ms = now.mono_ms;
            self.shared.bus.emit(EventKind::NamesFrom { source }, now);
        }
    }

    async fn keep_names(&self) {
        let Some(kept) = self.shared.network.egress.names.take_new() else { return };
        if let Err(error) = self.shared.store.settings().set(NAMES, &kept, clock::now().wall_ms).await {
            tracing::warn!(code = error.code(), %error, "good addresses not kept");
        }
    }
}

#[cfg(test)]
mod tests;
