//! How this machine's network stands, as people see it. Whether a provider is down is another matter: that is said of
//! routes, and only while the network is well.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How this machine's network stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkState {
    /// Nothing was seen of it yet.
    #[default]
    Unknown,
    /// Hosts beyond this machine's own network answer.
    Online,
    /// No host beyond it can be reached.
    Offline,
    /// Addresses can be reached, but no name resolves.
    DnsBroken,
    /// Something in between answers with its own page: a sign-in page, mostly.
    CaptivePortal,
    /// Something in between presents its own certificate, or takes connections and lets none through.
    Intercepted,
    /// The proxy that everything goes through does not answer, or refuses this machine.
    ProxyDown,
}

impl NetworkState {
    /// Whether requests to hosts beyond this machine's own network can't be answered.
    #[must_use]
    pub const fn is_down(self) -> bool {
        match self {
            Self::Unknown | Self::Online => false,
            Self::Offline | Self::DnsBroken | Self::CaptivePortal | Self::Intercepted | Self::ProxyDown => {
                true
            }
        }
    }

    /// The code, as in logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Online => "online",
            Self::Offline => "offline",
            Self::DnsBroken => "dns_broken",
            Self::CaptivePortal => "captive_portal",
            Self::Intercepted => "intercepted",
            Self::ProxyDown => "proxy_down",
        }
    }

    /// What it means, in a few plain words that finish "this machine ...".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unknown => "has not looked at its network yet",
            Self::Online => "is online",
            Self::Offline => "is offline",
            Self::DnsBroken => "can't look up names (DNS)",
            Self::CaptivePortal => "is behind a sign-in page",
            Self::Intercepted => "is on a network that intercepts connections",
            Self::ProxyDown => "goes out by a proxy that lets nothing through",
        }
    }
}

/// Where the addresses of hosts come from at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NameSource {
    /// The system's resolver.
    #[default]
    System,
    /// The map's fallback resolvers, since the system's fails.
    Fallback,
    /// Addresses that worked before, since no resolver answers.
    LastKnown,
}

impl NameSource {
    /// The code, as in logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Fallback => "fallback",
            Self::LastKnown => "last_known",
        }
    }
}

/// The network of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkView {
    /// How it stands.
    pub state: NetworkState,
    /// Since when, UTC epoch milliseconds.
    pub since_ms: i64,
    /// What is wrong and what to do, in one or two sentences; absent while all is well.
    pub sentence: Option<String>,
    /// Where to sign in, behind a captive portal: scheme, host and path, without a query.
    pub portal_url: Option<String>,
    /// Requests that wait for the network now.
    pub held: u64,
    /// Since when the first of them waits, UTC epoch milliseconds.
    pub oldest_held_ms: Option<i64>,
    /// The network's own name (its SSID), where it is known.
    pub name: Option<String>,
    /// Where addresses come from.
    pub dns: NameSource,
    /// The system's proxy, without its user and password.
    pub proxy: Option<String>,
    /// The last look at it, one line per thing asked.
    pub checks: Vec<NetworkCheck>,
}

/// One thing that was asked to see how the network stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkCheck {
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// What was asked: `GET http://host/path`, `DNS host`, `TLS host`.
    pub what: String,
    /// What a well network answers.
    pub expected: String,
    /// What came.
    pub found: String,
    /// Whether that is what a well network answers.
    pub ok: bool,
    /// How long it took, milliseconds.
    pub duration_ms: u32,
}
