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
        let state = if self.any(Reach::Genuine) {
            // A provider itself answers: whatever the check pages met, requests pass.
            NetworkState::Online
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
        Some(Judgement { state, portal_url })
    }

    fn any(&self, reach: Reach) -> bool {
        self.hosts.iter().any(|host| host.reach == reach)
    }

    /// The rest of the world answers, but of two or more providers none, or each with a false certificate: something
    /// on this network keeps them out. A single provider may well be down by itself.
    fn every_provider_is_barred(&self) -> bool {
        let Some(first) = self.hosts.first() else { return false };
        let several = self.hosts.iter().any(|host| host.provider != first.provider);
        let false_certificates = self.hosts.iter().all(|host| host.reach == Reach::WrongCertificate);
        let barred = self.hosts.iter().all(|host| match host.reach {
            Reach::WrongCertificate | Reach::Silent | Reach::NoName | Reach::Unreached => true,
            Reach::Genuine | Reach::Connected => false,
        });
        false_certificates || (several && barred)
    }

    fn nothing_resolves(&self) -> bool {
        let nameless = self.hosts.iter().filter(|host| host.reach == Reach::NoName).count()
            + self.pages.iter().filter(|page| **page == PageFound::NoName).count();
        nameless > 0 && nameless == self.hosts.len() + self.pages.len()
    }
}
