//! The cause finder: what is likely behind present trouble, with its evidence and a fix that is one call away.
//!
//! Pure: facts in, causes out, worst first. Where the facts come from is the engine's business.

mod fixes;

use switchyard_domain::network::NetworkState;
use switchyard_domain::operate::{CauseView, FixView, LoopView};
use switchyard_domain::{Failure, FailureKind, RouteId};

/// Several providers down for longer than this is severity 1, milliseconds.
const SEVERE_MS: i64 = 15 * 60_000;
/// A circuit that opened and closed again this often within [`Facts::WINDOW_MS`] flaps.
const FLAPS: u32 = 3;
/// A route of whose last calls more failed than this, percent, is ill, whatever its threshold.
const MOSTLY_FAILING: f64 = 75.0;
/// Retries of one app within five minutes from which on they are worth a word.
const CLIENT_RETRIES: u64 = 10;
/// No threshold is proposed above this: an outage is to be seen within a few calls.
const HIGHEST_THRESHOLD: u32 = 20;

/// What is known at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// UTC epoch milliseconds.
    pub now_ms: i64,
    /// This machine's network.
    pub network: NetworkState,
    /// The map's providers that have routes in service.
    pub providers: Vec<ProviderFacts>,
    /// How retries are doing.
    pub retry_budget: LoopView,
    /// Retries apps made themselves over the last five minutes, by app.
    pub client_retries: Vec<(String, u64)>,
    /// Tries per route (`retry.attempts`).
    pub tries_per_route: u32,
}

impl Facts {
    /// Openings and closings of circuits are counted over this time, milliseconds.
    pub const WINDOW_MS: i64 = 15 * 60_000;
}

/// One provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProviderFacts {
    /// Its name in the map.
    pub name: String,
    /// Whether its hosts are of this machine or its own network.
    pub is_local: bool,
    /// Its routes that are in service.
    pub routes: Vec<RouteFacts>,
    /// Since when none of them serves, UTC epoch milliseconds.
    pub down_since_ms: Option<i64>,
    /// What its status page says, where it was asked.
    pub page: Option<PageFacts>,
    /// Its keys that are not used for now, and why.
    pub keys: Vec<(String, Failure)>,
}

/// One route.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteFacts {
    /// Its id.
    pub id: RouteId,
    /// Where its account lives.
    pub region: Option<String>,
    /// Whether its circuit is not closed.
    pub is_down: bool,
    /// Why its last failed call failed.
    pub last_failure: Option<Failure>,
    /// Whether its last free probe succeeded; none when it was not probed.
    pub probe_ok: Option<bool>,
    /// How often its circuit opened within [`Facts::WINDOW_MS`].
    pub opened: u32,
    /// How often it closed again.
    pub closed: u32,
    /// Share of failed calls among the last 20, percent.
    pub error_percent: Option<f64>,
    /// Failures in a row that open its circuit.
    pub threshold: u32,
    /// Where that is written in the map.
    pub threshold_key: String,
}

/// What a provider's status page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageFacts {
    /// Whether it admits to trouble.
    pub trouble: bool,
    /// In its own words.
    pub says: String,
    /// Where.
    pub url: String,
}

/// The likely causes, worst first. Nothing is said of providers while this machine's own network is down.
#[must_use]
pub fn find(facts: &Facts) -> Vec<CauseView> {
    let mut causes = Vec::new();
    if facts.network.is_down() {
        causes.push(network(facts));
    } else {
        outages(facts, &mut causes);
        causes.extend(facts.providers.iter().flat_map(region));
        causes.extend(facts.providers.iter().flat_map(sensitive));
    }
    causes.extend(facts.providers.iter().flat_map(keys));
    causes.extend(storm(facts));
    causes.extend(client_retries(facts));
    causes.sort_by_key(|cause| cause.severity);
    causes
}

fn cause(code: &str, severity: u8, title: String, sentence: String) -> CauseView {
    CauseView { code: code.to_owned(), severity, title, sentence, evidence: Vec::new(), fix: None }
}

impl ProviderFacts {
    fn is_down(&self) -> bool {
        !self.routes.is_empty() && self.routes.iter().all(|route| route.is_down)
    }

    /// What its routes and its status page say.
    fn evidence(&self) -> Vec<String> {
        let mut evidence: Vec<String> = self
            .routes
            .iter()
            .filter(|route| route.is_down)
            .map(|route| match &route.last_failure {
                Some(failure) => format!("{}: circuit open ({})", route.id, failure.short()),
                None => format!("{}: circuit open", route.id),
            })
            .collect();
        if let Some(page) = &self.page {
            evidence.push(format!("{} says: {}", page.url, page.says));
        }
        evidence
    }
}

fn network(facts: &Facts) -> CauseView {
    let words = facts.network.words();
    let (code, title, what) = match facts.network {
        NetworkState::DnsBroken => {
            ("dns_failure", "DNS fails on this machine", "No host name can be looked up from here")
        }
        NetworkState::CaptivePortal => {
            ("captive_portal", "A sign-in page is in the way", "Sign in to this network in a browser")
        }
        NetworkState::ProxyDown => {
            ("proxy_down", "No way through the proxy", "Requests leave by a proxy that lets nothing through")
        }
        NetworkState::Unknown | NetworkState::Online | NetworkState::Offline | NetworkState::Intercepted => {
            ("network_down", "This machine's network is down", "Providers can't be reached from here")
        }
    };
    let sentence = format!("{what}: this is not an outage of a provider. No circuit moves while it lasts.");
    CauseView {
        evidence: vec![format!("This machine {words}")],
        fix: Some(fixes::check_network()),
        ..cause(code, 1, title.to_owned(), sentence)
    }
}

fn outages(facts: &Facts, causes: &mut Vec<CauseView>) {
    let down: Vec<&ProviderFacts> = facts.providers.iter().filter(|provider| provider.is_down()).collect();
    let names: Vec<&str> = down.iter().map(|provider| provider.name.as_str()).collect();
    let lasting = |since: i64| match (facts.now_ms - since) / 60_000 {
        ..1 => String::new(),
        minutes => format!(" for {minutes} min"),
    };
    match down.as_slice() {
        [] => {}
        [one] => {
            let spare = facts.providers.iter().any(|provider| !provider.is_down());
            let admits = match &one.page {
                Some(page) if page.trouble => " Its status page says so too.",
                Some(_) => " Its status page does not say so (yet).",
                None => "",
            };
            let since = one.down_since_ms.map(lasting);
            let sentence = format!(
                "{} does not answer{}; {}.{admits}",
                one.name,
                since.unwrap_or_default(),
                if spare { "the other providers do" } else { "no other provider is left" }
            );
            causes.push(CauseView {
                evidence: one.evidence(),
                fix: spare.then(|| fixes::except(&one.name)),
                ..cause(
                    "provider_outage",
                    if spare { 2 } else { 1 },
                    format!("{} is down", one.name),
                    sentence,
                )
            });
        }
        several => {
            // They are down together since the last of them went.
            let since = several.iter().filter_map(|provider| provider.down_since_ms).max();
            let lasts = since.is_some_and(|since| facts.now_ms - since > SEVERE_MS);
            let sentence = format!(
                "{} don't answer{}. That is rare: see whether it is this machine's network, a shared cloud, or the map.",
                names.join(", "),
                since.map(lasting).unwrap_or_default()
            );
            let all = down.len() == facts.providers.len();
            causes.push(CauseView {
                evidence: several.iter().flat_map(|provider| provider.evidence()).collect(),
                fix: Some(fixes::check_network()),
                ..cause(
                    "several_providers_down",
                    if lasts || all { 1 } else { 2 },
                    format!("{} providers are down at once", several.len()),
                    sentence,
                )
            });
        }
    }
}

/// One region of a provider fails while another answers.
fn region(provider: &ProviderFacts) -> Vec<CauseView> {
    let mut regions: Vec<&str> = provider.routes.iter().filter_map(|r| r.region.as_deref()).collect();
    regions.sort_unstable();
    regions.dedup();
    let of = |region: &str, down: bool| {
        let routes = provider.routes.iter().filter(move |r| r.region.as_deref() == Some(region));
        routes.filter(|r| r.is_down == down).collect::<Vec<_>>()
    };
    let (out, well): (Vec<&str>, Vec<&str>) =
        regions.iter().partition(|region| of(region, false).is_empty() && !of(region, true).is_empty());
    if well.is_empty() {
        return Vec::new();
    }
    out.into_iter()
        .map(|name| {
            let routes = of(name, true);
            let evidence = routes
                .iter()
                .map(|route| match &route.last_failure {
                    Some(failure) => format!("{}: {}", route.id, failure.short()),
                    None => format!("{}: circuit open", route.id),
                })
                .chain([format!("{} answers in {}", provider.name, well.join(", "))])
                .collect();
            CauseView {
                evidence,
                fix: routes.first().map(|route| fixes::switch_off(&route.id)),
                ..cause(
                    "region_outage",
                    2,
                    format!("{} fails in {name}", provider.name),
                    format!(
                        "{}'s region {name} does not answer, its other regions do. Take the region's routes out until it is back.",
                        provider.name
                    ),
                )
            }
        })
        .collect()
}

/// A circuit that opens and closes again and again while the free probes succeed. One that opens again because its test
/// calls fail, or whose calls fail nearly all, has an outage: a higher threshold would only let more calls run into it.
fn sensitive(provider: &ProviderFacts) -> Vec<CauseView> {
    let flaps = |route: &&RouteFacts| {
        let test_calls_succeed = route.opened <= route.closed + 1;
        let answers = route.error_percent.is_none_or(|percent| percent <= MOSTLY_FAILING);
        let often = route.opened >= FLAPS && route.closed + 1 >= FLAPS;
        often && test_calls_succeed && answers && route.probe_ok == Some(true)
    };
    let to_raise = |route: &RouteFacts| {
        let higher = route.threshold.saturating_mul(2).clamp(2, HIGHEST_THRESHOLD);
        (higher > route.threshold).then(|| fixes::raise(&route.threshold_key, higher))
    };
    provider
        .routes
        .iter()
        .filter(flaps)
        .map(|route| CauseView {
            evidence: vec![
                format!(
                    "{}: its circuit opened {} times and closed {} times in 15 min",
                    route.id, route.opened, route.closed
                ),
                format!("{}: its probes succeed", route.id),
                format!("{} failures in a row open it ({})", route.threshold, route.threshold_key),
            ],
            fix: to_raise(route),
            ..cause(
                "thresholds_too_sensitive",
                3,
                format!("{} flaps", route.id),
                format!(
                    "{}'s circuit opens and closes again and again while its probes succeed. Its threshold may be too low.",
                    route.id
                ),
            )
        })
        .collect()
}

fn keys(provider: &ProviderFacts) -> Vec<CauseView> {
    provider
        .keys
        .iter()
        .filter_map(|(key, failure)| {
            let (code, title, todo) = if failure.kind == FailureKind::Unpaid {
                (
                    "account_unpaid",
                    format!("{}'s account is not paid", provider.name),
                    "Add credit or a payment method there, then test the key",
                )
            } else if failure.kind == FailureKind::KeyRejected {
                (
                    "key_rejected",
                    format!("{} does not accept the key {key}", provider.name),
                    "Store a new one, then test it",
                )
            } else {
                return None;
            };
            let sentence = format!("{title}. {todo}.");
            Some(CauseView {
                evidence: vec![format!("{key}: {}", failure.short())],
                fix: Some(fixes::test_key(key)),
                ..cause(code, 2, title, sentence)
            })
        })
        .collect()
}

fn storm(facts: &Facts) -> Option<CauseView> {
    let reason =
        facts.retry_budget.reason.as_ref().filter(|_| facts.retry_budget.storm_since_ms.is_some())?;
    let sentence =
        "Retries add to the trouble they are to get around. They are cut by themselves until it is calm."
            .to_owned();
    Some(CauseView {
        evidence: vec![reason.clone()],
        fix: one_try(facts),
        ..cause("retry_storm", 2, "A retry storm".to_owned(), sentence)
    })
}

fn client_retries(facts: &Facts) -> Option<CauseView> {
    let busy: Vec<&(String, u64)> =
        facts.client_retries.iter().filter(|(_, retries)| *retries >= CLIENT_RETRIES).collect();
    let (app, _) = busy.first()?;
    Some(CauseView {
        evidence: busy
            .iter()
            .map(|(app, retries)| format!("{app} asked again {retries} times in 5 min"))
            .collect(),
        fix: one_try(facts),
        ..cause(
            "client_retries",
            3,
            format!("{app} retries by itself"),
            format!(
                "{app} retries on top of the router's retries, so that they multiply. Set its SDK's retries to 0, or give one try per route here."
            ),
        )
    })
}

fn one_try(facts: &Facts) -> Option<FixView> {
    (facts.tries_per_route > 1).then(fixes::one_try)
}
