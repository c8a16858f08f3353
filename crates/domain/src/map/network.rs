//! What a map says of the network: how it is looked at, who resolves names when the system can't, and which proxy a
//! provider's requests go through.

use std::fmt;
use std::net::SocketAddr;

use url::Url;

/// How this machine's network is judged, and what happens while it is down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSettings {
    /// False: nothing is judged or checked, and every failure is a route's.
    pub enabled: bool,
    /// What is asked over plain HTTP to see through captive portals. Empty: the providers' own hosts decide.
    pub check_urls: Vec<CheckUrl>,
    /// Pause between two checks while the network is down, milliseconds.
    pub check_every_ms: u64,
    /// One check's time, milliseconds.
    pub check_timeout_ms: u64,
    /// A network-like failure counts for its route after this, if nothing was found out by then, milliseconds.
    pub suspense_ms: u64,
    /// Whether requests wait for the network, up to their SLO.
    pub hold: bool,
    /// How long they wait at most, milliseconds, where it is written.
    pub hold_ms: Option<u64>,
    /// Who resolves names when the system's resolver fails. Empty: nobody.
    pub fallback_dns: Vec<SocketAddr>,
    /// The system's resolver has this long, milliseconds.
    pub system_dns_ms: u64,
    /// Addresses that worked are used this long when no resolver answers, milliseconds; 0 = never.
    pub last_known_ms: u64,
}

/// One address that is asked to see how the network stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckUrl {
    /// The address; plain HTTP, since a portal can't answer for HTTPS.
    pub url: Url,
    /// What the body starts with where it answers 200; without it, it has to answer 204.
    pub body: Option<String>,
}

/// Which proxy a provider's requests go through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outbound {
    /// The system's, where it has one.
    #[default]
    System,
    /// None, whatever the system says.
    Direct,
    /// This one.
    Proxy(ProxyUrl),
}

/// A proxy's address. User and password never show.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

impl ProxyUrl {
    /// Takes an address of one of the schemes `http`, `https`, `socks5` and `socks5h`.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let Ok(url) = Url::parse(text) else {
            return Err("not an address. Write http://host:port, https://host:port or socks5://host:port.");
        };
        if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
            return Err("not a proxy's address. Start it with http://, https:// or socks5://.");
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("without a host. Write http://host:port.");
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("more than a proxy's address. Leave out everything after the port.");
        }
        Ok(Self(url))
    }

    /// The address with user and password. Call it only where the proxy is spoken to.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// Scheme, host and port, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", self.0.scheme())
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}
