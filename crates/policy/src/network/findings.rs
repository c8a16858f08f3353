//! What a look at the network found, and what it means.

use switchyard_domain::network::NetworkState;

/// What one look at the network found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The check pages that were asked over plain HTTP.
    pub pages: Vec<PageFound>,
    /// The providers' hosts.
    pub hosts: Vec<HostFound>,
    /// Whether any address beyond this machine's own network took a packet: it answered, or refused a connection.
    pub address_reached: bool,
}

/// What a check page answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageFound {
    /// What it always answers.
    Expected,
    /// Another page, or a redirect: where to, without query.
    Another(Option<String>),
    /// Its name did not resolve.
    NoName,
    /// Nothing.
    Unreached,
}

/// What a provider's host answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFound {
    /// The provider's name in the map.
    pub provider: String,
    /// What came.
    pub reach: Reach,
    /// The proxy it was asked by, where that is what does not answer; without user and password.
    pub dead_proxy: Option<DeadProxy>,
}

/// A proxy that takes no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadProxy {
    /// Scheme, host and port.
    pub shown: String,
    /// It refused: whoever is there runs no proxy. Else nothing came back, as on a dead network.
    pub refused: bool,
}

/// How far a call to a provider's host got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// A TLS handshake with the host's own certificate.
    Genuine,
    /// A connection, on a host without TLS: who took it can't be known.
    Connected,
    /// A certificate that is not the host's.
    WrongCertificate,
    /// A connection, and then nothing.
    Silent,
    /// Its name did not resolve.
    NoName,
    /// No connection.
    Unreached,
}

/// What the findings say of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// How it stands.
    pub state: NetworkState,
    /// Where a captive portal sends people.
    pub portal_url: Option<String>,
    /// The proxy that does not answer.
    pub proxy: Option<String>,
}

impl Judgement {
    /// This, and nothing more.
    pub(super) const fn of(state: NetworkState) -> Self {
        Self { state, portal_url: None, proxy: None }
    }
}

impl Findings {
    /// What they say; nothing when nothing was asked.
    #[must_use]
    pub fn judge(&self) -> Option<Judgement> {
        if self.pages.is_empty() && self.hosts.is_empty() {
            return None;
        }
        let portal = self.pages.iter().find_map(|page| match page {
            PageFound::Another(url) => Some(url.clone()),
            PageFound::Expected | PageFound::NoName | PageFound::Unreached => None,
        });
        let expected = self.pages.contains(&PageFound::Expected);
        let dead_proxy = self.dead_proxy();
        let state = if self.any(Reach::Genuine) {
            // A provider itself answers: whatever the check pages met, requests pass.
            NetworkState::Online
        } else if dead_proxy.is_some() && (!expected || self.several()) {
            NetworkState::ProxyDown
        } else if expected && self.every_provider_is_barred() {
            NetworkState::Intercepted
        } else if expected {
            NetworkState::Online
        } else if portal.is_some() {
            NetworkState::CaptivePortal
        } else if self.any(Reach::Connected) {
            NetworkState::Online
        } else if self.any(Reach::WrongCertificate) || self.any(Reach::Silent) {
            NetworkState::Intercepted
        } else if self.nothing_resolves() && self.address_reached {
            NetworkState::DnsBroken
        } else {
            NetworkState::Offline
        };
        let portal_url = portal.flatten().filter(|_| state == NetworkState::CaptivePortal);
        let proxy = dead_proxy.filter(|_| state == NetworkState::ProxyDown);
        Some(Judgement { state, portal_url, proxy })
    }

    /// The proxy to blame: every host is asked by one that does not answer, and that is not for want of a network.
    fn dead_proxy(&self) -> Option<String> {
        let dead: Option<Vec<&DeadProxy>> = self.hosts.iter().map(|host| host.dead_proxy.as_ref()).collect();
        let dead = dead?;
        let told = self.address_reached || dead.iter().any(|proxy| proxy.refused);
        dead.first().filter(|_| told).map(|proxy| proxy.shown.clone())
    }

    fn several(&self) -> bool {
        self.hosts.first().is_some_and(|first| self.hosts.iter().any(|host| host.provider != first.provider))
    }

    fn any(&self, reach: Reach) -> bool {
        self.hosts.iter().any(|host| host.reach == reach)
    }

    /// The rest of the world answers, but of two or more providers none, or each with a false certificate: something
    /// on this network keeps them out. A single provider may well be down by itself.
    fn every_provider_is_barred(&self) -> bool {
        if self.hosts.is_empty() {
            return false;
        }
        let false_certificates = self.hosts.iter().all(|host| host.reach == Reach::WrongCertificate);
        let barred = self.hosts.iter().all(|host| match host.reach {
            Reach::WrongCertificate | Reach::Silent | Reach::NoName | Reach::Unreached => true,
            Reach::Genuine | Reach::Connected => false,
        });
        false_certificates || (self.several() && barred)
    }

    fn nothing_resolves(&self) -> bool {
        let nameless = self.hosts.iter().filter(|host| host.reach == Reach::NoName).count()
            + self.pages.iter().filter(|page| **page == PageFound::NoName).count();
        nameless > 0 && nameless == self.hosts.len() + self.pages.len()
    }
}
