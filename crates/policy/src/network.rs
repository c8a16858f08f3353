//! Whether this machine's network is well, judged from what requests meet and from what a look at it finds.
//!
//! One provider that can't be reached is that provider; all of them at once are this machine. Until that is known, a
//! failure that may be either is held in suspense by the fleet; while the network is down nothing is laid to a route.
//! Pure: it asks nobody anything. The engine looks when [`Network::wants_check`] says so.

mod blame;
mod findings;
mod region;

use std::collections::BTreeMap;

use switchyard_domain::map::{Outbound, RoutingMap};
use switchyard_domain::network::NetworkState;
use switchyard_domain::{Failure, FailureKind, Now};

use blame::FailureOrigin;
pub(crate) use blame::is_an_answer;
pub use blame::may_be_the_networks;
pub use findings::{DeadProxy, Findings, HostFound, Judgement, PageFound, Reach};
pub use region::RegionOutage;
pub(crate) use region::{RouteSeen, outages};

/// Providers that failed longer ago than this say nothing about the network now, milliseconds.
const FRESH_MS: u64 = 30_000;
/// A network that was judged down and is not looked at again for this long is tried again, milliseconds.
const UNWATCHED_MS: u64 = 60_000;

/// What a failed call of a route beyond this machine's network is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attribution {
    /// It tells of its route.
    Counts,
    /// It may be the route or this machine's network: that shows later.
    PendingVerdict,
    /// It tells of this machine's network alone.
    Nothing,
}

/// The network went from one state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkChange {
    /// Before.
    pub from: NetworkState,
    /// Now.
    pub to: NetworkState,
    /// What is wrong and what to do; when it is well again, that.
    pub sentence: String,
    /// Where to sign in, behind a captive portal.
    pub portal_url: Option<String>,
    /// How long the state before lasted, milliseconds.
    pub lasted_ms: u64,
}

/// What was last seen of a provider.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    failed: Option<(u64, FailureKind)>,
}

/// The judge.
#[derive(Debug)]
pub struct Network {
    enabled: bool,
    suspense_ms: u64,
    /// The providers beyond this machine's own network, and what was last seen of them.
    remote: BTreeMap<String, Seen>,
    state: NetworkState,
    since: Now,
    portal_url: Option<String>,
    /// The proxy that does not answer.
    proxy: Option<String>,
    /// Whether calls go by a proxy: then that none arrives may be the proxy's doing.
    by_proxy: bool,
    /// Whether some provider has a proxy of its own in the map.
    own_proxies: bool,
    /// Calls begun before this moment went over a network that is no more.
    settled_mono_ms: u64,
    /// When the network was last seen to be well.
    proof_mono_ms: Option<u64>,
    /// The last failure that calls for a look.
    doubt_mono_ms: Option<u64>,
    looked_mono_ms: u64,
}

impl Network {
    /// A network nothing is known of.
    pub(crate) fn new() -> Self {
        Self {
            enabled: true,
            suspense_ms: 0,
            remote: BTreeMap::new(),
            state: NetworkState::Unknown,
            since: Now::default(),
            portal_url: None,
            proxy: None,
            by_proxy: false,
            own_proxies: false,
            settled_mono_ms: 0,
            proof_mono_ms: None,
            doubt_mono_ms: None,
            looked_mono_ms: 0,
        }
    }

    /// Takes a new map's providers and settings.
    pub(crate) fn remap(&mut self, map: &RoutingMap) {
        self.enabled = map.network.enabled;
        self.suspense_ms = map.network.suspense_ms;
        self.own_proxies =
            map.routes.iter().any(|route| route.enabled && matches!(route.outbound, Outbound::Proxy(_)));
        let mut before = std::mem::take(&mut self.remote);
        for route in map.routes.iter().filter(|route| route.enabled && !route.is_local) {
            let seen = before.remove(&route.provider).unwrap_or_default();
            self.remote.entry(route.provider.clone()).or_insert(seen);
        }
        if !self.is_watched() {
            self.state = NetworkState::Unknown;
            (self.portal_url, self.proxy) = (None, None);
            self.doubt_mono_ms = None;
        }
    }

    /// Whether there is anything to judge: some route lies beyond this machine's own network.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.enabled && !self.remote.is_empty()
    }

    /// How it stands.
    #[must_use]
    pub const fn state(&self) -> NetworkState {
        self.state
    }

    /// Since when it stands so.
    #[must_use]
    pub const fn since(&self) -> Now {
        self.since
    }

    /// Where a captive portal sends people.
    #[must_use]
    pub fn portal_url(&self) -> Option<&str> {
        self.portal_url.as_deref()
    }

    /// Whether hosts beyond this machine's own network can't be reached.
    #[must_use]
    pub const fn is_down(&self) -> bool {
        self.state.is_down()
    }

    /// Whether something happened that only a look at the network can explain.
    #[must_use]
    pub const fn wants_check(&self) -> bool {
        self.doubt_mono_ms.is_some()
    }

    /// What is wrong and what to do; nothing while all is well.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        self.is_down().then(|| sentence(self.state, self.portal_url.as_deref(), self.proxy.as_deref()))
    }

    /// Says whether calls leave this machine by the system's proxy.
    pub(crate) const fn goes_by_proxy(&mut self, by_proxy: bool) {
        self.by_proxy = by_proxy;
    }

    /// A call of a provider beyond this network got an HTTP answer of the provider's own.
    pub(crate) fn answered(&mut self, provider: &str, now: Now) -> Option<NetworkChange> {
        if !self.is_watched() {
            return None;
        }
        if let Some(seen) = self.remote.get_mut(provider) {
            seen.failed = None;
        }
        self.proof_mono_ms = Some(now.mono_ms);
        self.doubt_mono_ms = None;
        self.turn(Judgement::of(NetworkState::Online), now)
    }

    /// A call begun at `begun_mono_ms` failed: what that is worth, and what it says of the network.
    pub(crate) fn failed(
        &mut self,
        provider: &str,
        failure: &Failure,
        begun_mono_ms: u64,
        now: Now,
    ) -> (Attribution, Option<NetworkChange>) {
        if !self.is_watched() {
            return (Attribution::Counts, None);
        }
        let of = FailureOrigin::failure(failure);
        if of == FailureOrigin::Provider {
            return (Attribution::Counts, None);
        }
        if self.is_down() || begun_mono_ms < self.settled_mono_ms {
            return (Attribution::Nothing, None);
        }
        match of {
            FailureOrigin::Provider => (Attribution::Counts, None),
            // A connection that died while others answered is the provider's; else the network may have gone.
            FailureOrigin::Connection if self.proof_mono_ms.is_some_and(|proof| proof >= begun_mono_ms) => {
                (Attribution::Counts, None)
            }
            FailureOrigin::Connection => {
                self.doubt_mono_ms = Some(now.mono_ms);
                (Attribution::PendingVerdict, None)
            }
            FailureOrigin::Way => {
                self.doubt_mono_ms = Some(now.mono_ms);
                if let Some(seen) = self.remote.get_mut(provider) {
                    seen.failed = Some((now.mono_ms, failure.kind));
                }
                match self.all_fail(now) {
                    Some(state) => (Attribution::Nothing, self.turn(Judgement::of(state), now)),
                    None => (Attribution::PendingVerdict, None),
                }
            }
        }
    }

    /// A look that began at `begun_mono_ms` has ended.
    pub(crate) fn checked(
        &mut self,
        findings: &Findings,
        begun_mono_ms: u64,
        now: Now,
    ) -> Option<NetworkChange> {
        if !self.is_watched() || begun_mono_ms < self.settled_mono_ms {
            return None;
        }
        let judgement = findings.judge()?;
        self.looked_mono_ms = now.mono_ms;
        // What failed while the look was under way may need another one.
        self.doubt_mono_ms = self.doubt_mono_ms.filter(|at| *at > begun_mono_ms);
        if !judgement.state.is_down() {
            self.proof_mono_ms = Some(begun_mono_ms.max(self.proof_mono_ms.unwrap_or(0)));
        }
        self.turn(judgement, now)
    }

    /// The machine woke up, or its network is another: what is known of it is of before.
    pub(crate) fn unsettle(&mut self, now: Now) {
        self.settled_mono_ms = now.mono_ms;
        self.doubt_mono_ms = self.is_watched().then_some(now.mono_ms);
        for seen in self.remote.values_mut() {
            seen.failed = None;
        }
    }

    /// What became of a failure held since `at_mono_ms`: `None` while that is not known.
    pub(crate) fn verdict(&self, at_mono_ms: u64, now: Now) -> Option<Attribution> {
        if self.is_down() || at_mono_ms < self.settled_mono_ms {
            return Some(Attribution::Nothing);
        }
        let proven = self.proof_mono_ms.is_some_and(|proof| proof >= at_mono_ms);
        let waited = now.mono_ms.saturating_sub(at_mono_ms) >= self.suspense_ms;
        (proven || waited || !self.is_watched()).then_some(Attribution::Counts)
    }

    /// Gives up a judgement that nobody has looked after.
    pub(crate) fn tick(&mut self, now: Now) -> Option<NetworkChange> {
        let last = self.looked_mono_ms.max(self.since.mono_ms);
        if self.is_down() && now.mono_ms.saturating_sub(last) >= UNWATCHED_MS {
            return self.turn(Judgement::of(NetworkState::Unknown), now);
        }
        None
    }

    /// What it comes to when each of several providers failed on the way, lately and since its last answer.
    fn all_fail(&self, now: Now) -> Option<NetworkState> {
        // Behind a proxy it may be the proxy: a look tells.
        if self.remote.len() < 2 || self.by_proxy || self.own_proxies {
            return None;
        }
        let kinds: Option<Vec<FailureKind>> = self
            .remote
            .values()
            .map(|seen| {
                seen.failed.filter(|(at, _)| now.mono_ms.saturating_sub(*at) < FRESH_MS).map(|(_, kind)| kind)
            })
            .collect();
        let kinds = kinds?;
        let page = |kind: &FailureKind| matches!(kind, FailureKind::Html | FailureKind::Redirect);
        Some(if kinds.iter().any(page) {
            NetworkState::CaptivePortal
        } else if kinds.iter().all(|kind| *kind == FailureKind::Tls) {
            NetworkState::Intercepted
        } else {
            NetworkState::Offline
        })
    }

    fn turn(&mut self, judgement: Judgement, now: Now) -> Option<NetworkChange> {
        let Judgement { state: to, portal_url, proxy } = judgement;
        let from = self.state;
        if from == to {
            // The portal's address may show only at the second look.
            self.portal_url = portal_url.or(self.portal_url.take());
            self.proxy = proxy.or(self.proxy.take());
            return None;
        }
        let lasted_ms = now.mono_ms.saturating_sub(self.since.mono_ms);
        if from.is_down() && !to.is_down() {
            // What is still under way was begun on a dead network.
            self.settled_mono_ms = now.mono_ms;
            for seen in self.remote.values_mut() {
                seen.failed = None;
            }
        }
        self.state = to;
        self.since = now;
        self.portal_url.clone_from(&portal_url);
        self.proxy = proxy;
        if from == NetworkState::Unknown && to == NetworkState::Online {
            // That all is well is no news.
            return None;
        }
        let sentence = sentence(to, portal_url.as_deref(), self.proxy.as_deref());
        Some(NetworkChange { from, to, sentence, portal_url, lasted_ms })
    }
}

fn sentence(state: NetworkState, portal_url: Option<&str>, proxy: Option<&str>) -> String {
    match state {
        NetworkState::Unknown => "The network was not looked at for a while; requests are tried again.".to_owned(),
        NetworkState::Online => "The network is back: what waited goes on.".to_owned(),
        NetworkState::Offline => {
            "This machine is offline. Requests wait; nothing is laid to a provider.".to_owned()
        }
        NetworkState::DnsBroken => {
            "Names can't be looked up: the network's DNS is broken. Requests wait; try another resolver or network."
                .to_owned()
        }
        NetworkState::CaptivePortal => match portal_url {
            Some(url) => format!("This network wants you to sign in: open {url}. Requests wait."),
            None => "This network wants you to sign in: open a browser. Requests wait.".to_owned(),
        },
        NetworkState::Intercepted => {
            "This network lets no provider through. Requests wait; use another network or a VPN.".to_owned()
        }
        NetworkState::ProxyDown => {
            let proxy = proxy.map_or_else(|| "The proxy".to_owned(), |proxy| format!("The proxy {proxy}"));
            format!("{proxy} does not answer, or refuses this machine. Requests wait; check the proxy that is set.")
        }
    }
}
