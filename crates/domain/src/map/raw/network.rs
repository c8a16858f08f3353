//! The network as people write it.

use schemars::JsonSchema;
use serde::Deserialize;

/// How this machine's network is judged, and what happens while it is down.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawNetwork {
    /// False: nothing is judged or checked, and every failure is a route's.
    pub enabled: Option<bool>,
    /// What is asked over plain HTTP to see through captive portals; an empty list leaves that to the providers' hosts.
    pub check_urls: Option<Vec<RawCheckUrl>>,
    /// Pause between two checks while the network is down, milliseconds.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub check_every_ms: Option<u64>,
    /// One check's time, milliseconds.
    #[schemars(range(min = 50, max = 60_000))]
    pub check_timeout_ms: Option<u64>,
    /// A network-like failure counts for its route after this, if nothing was found out by then, milliseconds.
    #[schemars(range(min = 0, max = 600_000))]
    pub suspense_ms: Option<u64>,
    /// Whether requests wait for the network, up to their SLO.
    pub hold: Option<bool>,
    /// How long requests wait for the network, milliseconds; never beyond their SLO.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub hold_ms: Option<u64>,
    /// Who resolves names when the system's resolver fails: IP addresses, with or without a port. An empty list means
    /// nobody.
    pub fallback_dns: Option<Vec<String>>,
    /// The system's resolver has this long, milliseconds.
    #[schemars(range(min = 50, max = 60_000))]
    pub system_dns_ms: Option<u64>,
    /// Addresses that worked are used this long when no resolver answers, milliseconds; 0 = never.
    #[schemars(range(min = 0, max = 2_592_000_000_u64))]
    pub last_known_ms: Option<u64>,
}

/// An address that is asked to see how the network stands.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawCheckUrl {
    /// Plain HTTP; it has to answer 204.
    Url(String),
    /// Plain HTTP; it has to answer with a known page.
    Page(RawCheckPage),
}

/// An address and the page it answers with.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCheckPage {
    /// The address.
    pub url: String,
    /// What its body starts with.
    pub body: String,
}
