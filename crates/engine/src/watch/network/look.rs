//! One look at the network: the check pages over plain HTTP, the providers' names and hosts, and, if nothing of that
//! answers, whether any address can be reached at all. No key and no request of anybody's goes along.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use http::{StatusCode, header};
use switchyard_domain::FailureKind;
use switchyard_domain::map::{CheckUrl, NetworkSettings, Outbound, ProxyUrl, Route, RoutingMap};
use switchyard_domain::network::NetworkCheck;
use switchyard_policy::{DeadProxy, Findings, HostFound, PageFound, Reach};
use url::Url;

use crate::core::clock;
use crate::walk::upstream::{Egress, client, from_reqwest};

/// Hosts asked in one look.
const MOST_HOSTS: usize = 8;
/// What a proxy that answers 407 is found to do.
const WANTS_PASSWORD: &str = "the proxy wants another user or password (407)";
/// Enough of a check page's body to know it by.
const PAGE_BYTES: usize = 4_096;

/// A look at the network of a map's routes.
pub(super) async fn look(map: &RoutingMap, egress: &Egress) -> (Findings, Vec<NetworkCheck>) {
    let settings = &map.network;
    let pages = join_all(settings.check_urls.iter().map(|check| page(check, settings, egress)));
    let hosts = join_all(hosts(map).into_iter().map(|route| host(route, settings, egress)));
    let (pages, hosts) = tokio::join!(pages, hosts);
    let (pages, mut checks): (Vec<PageFound>, Vec<NetworkCheck>) = pages.into_iter().unzip();
    let mut reached = pages.iter().any(|page| matches!(page, PageFound::Expected | PageFound::Another(_)));
    let mut found = Vec::new();
    for asked in hosts {
        reached |= asked.address_reached;
        found.push(asked.found);
        checks.extend(asked.checks);
    }
    let mut findings = Findings { pages, hosts: found, address_reached: reached };
    if !reached {
        let (answers, check) = any_address(settings).await;
        findings.address_reached = answers;
        checks.extend(check);
    }
    (findings, checks)
}

/// One route of each host beyond this machine's own network.
fn hosts(map: &RoutingMap) -> Vec<&Route> {
    let mut hosts: Vec<&Route> = Vec::new();
    for route in map.routes.iter().filter(|route| route.enabled && !route.is_local) {
        let known =
            hosts.iter().any(|known| known.host() == route.host() && known.outbound == route.outbound);
        if !known && hosts.len() < MOST_HOSTS {
            hosts.push(route);
        }
    }
    hosts
}

/// A check being written down.
struct Note {
    begun: switchyard_domain::Now,
    what: String,
    expected: String,
}

impl Note {
    fn begin(what: String, expected: &str) -> Self {
        Self { begun: clock::now(), what, expected: expected.to_owned() }
    }

    fn end(self, found: String, ok: bool) -> NetworkCheck {
        let Self { begun, what, expected } = self;
        let duration_ms = clock::span_ms(begun, clock::now());
        NetworkCheck { at_ms: begun.wall_ms, what, expected, found, ok, duration_ms }
    }
}

async fn page(check: &CheckUrl, settings: &NetworkSettings, egress: &Egress) -> (PageFound, NetworkCheck) {
    let expected = if check.body.is_some() { "200 and its page" } else { "204" };
    let note = Note::begin(format!("GET {}", shown(&check.url)), expected);
    let limit = Duration::from_millis(settings.check_timeout_ms);
    // The name first: that nothing came in time would not tell a dead resolver from a dead network.
    if let Some(name) = check.url.domain().filter(|_| egress.proxy.for_url(&check.url).is_none())
        && !matches!(tokio::time::timeout(limit, egress.names.find(name)).await, Ok(Ok(_)))
    {
        return (PageFound::NoName, note.end("its name does not resolve".to_owned(), false));
    }
    let asked = tokio::time::timeout(limit, ask_page(check, settings, egress)).await;
    let (found, words) = asked
        .unwrap_or_else(|_| (PageFound::Unreached, format!("nothing in {} ms", settings.check_timeout_ms)));
    let ok = found == PageFound::Expected;
    (found, note.end(words, ok))
}

async fn ask_page(check: &CheckUrl, settings: &NetworkSettings, egress: &Egress) -> (PageFound, String) {
    let Ok(client) = client(settings.check_timeout_ms, &Outbound::System, egress) else {
        return (PageFound::Unreached, "no HTTP client could be made".to_owned());
    };
    let mut response =
        match client.get(check.url.clone()).header(header::CACHE_CONTROL, "no-cache").send().await {
            Ok(response) => response,
            Err(error) => return unanswered(&error),
        };
    let status = response.status();
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return (PageFound::Unreached, WANTS_PASSWORD.to_owned());
    }
    if status.is_redirection() {
        let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
        let to = to.and_then(|to| linked(&check.url, to));
        let words = to.as_ref().map_or_else(|| "a redirect".to_owned(), |to| format!("a redirect to {to}"));
        return (PageFound::Another(to), words);
    }
    let mut body = Vec::new();
    while body.len() < PAGE_BYTES {
        match response.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => break,
            Err(error) => return unanswered(&error),
        }
    }
    let well = match &check.body {
        Some(expected) => {
            status == StatusCode::OK && body.trim_ascii_start().starts_with(expected.as_bytes())
        }
        None => status == StatusCode::NO_CONTENT,
    };
    if well {
        return (PageFound::Expected, status.as_u16().to_string());
    }
    // A server that is broken has no page of its own to show; a portal answers with one.
    if status.is_server_error() && status != StatusCode::NETWORK_AUTHENTICATION_REQUIRED {
        return (PageFound::Unreached, status.to_string());
    }
    (PageFound::Another(portal_in(&body, &check.url)), format!("{} and another page", status.as_u16()))
}

fn unanswered(error: &reqwest::Error) -> (PageFound, String) {
    let text = format!("{error:?}").to_ascii_lowercase();
    if text.contains("dns error") {
        (PageFound::NoName, "its name does not resolve".to_owned())
    } else {
        (
            PageFound::Unreached,
            if error.is_timeout() { "nothing in time" } else { "no connection" }.to_owned(),
        )
    }
}

/// Where a portal's page sends a browser on by itself (`<meta http-equiv="refresh" content="0; url=...">`).
fn portal_in(body: &[u8], base: &Url) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let lower = text.to_ascii_lowercase();
    let refresh = lower.find("http-equiv")?;
    let begin = refresh + lower[refresh..].find("url=")? + 4;
    let rest = text.get(begin..)?.trim_start_matches(['"', '\'']);
    let end = rest.find(['"', '\'', '>', ' '])?;
    linked(base, &rest[..end])
}

/// A page a portal sends to, if it is one: what else an address may be (`javascript:`, `file:`) is nothing to open.
fn linked(base: &Url, to: &str) -> Option<String> {
    base.join(to).ok().filter(|url| matches!(url.scheme(), "http" | "https")).map(|url| shown(&url))
}

/// Scheme, host, port and path: a query may hold a person's session.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

struct Asked {
    found: HostFound,
    checks: Vec<NetworkCheck>,
    address_reached: bool,
}

async fn host(route: &Route, settings: &NetworkSettings, egress: &Egress) -> Asked {
    let limit = Duration::from_millis(settings.check_timeout_ms);
    let mut checks = Vec::new();
    let has_name = route.base_url.domain().is_some();
    let proxy = by(route, egress);
    if let Some(name) = route.base_url.domain().filter(|_| proxy.is_none()) {
        let note = Note::begin(format!("DNS {name}"), "an address");
        let found = tokio::time::timeout(limit, egress.names.find(name)).await;
        let (words, ok) = match found {
            Ok(Ok(found)) => (format!("{} ({})", found.addresses.len(), found.source.as_str()), true),
            Ok(Err(why)) => (why, false),
            Err(_) => (format!("nothing in {} ms", settings.check_timeout_ms), false),
        };
        checks.push(note.end(words, ok));
        if !ok {
            let found = found_at(route, Reach::NoName);
            return Asked { found, checks, address_reached: false };
        }
    }
    let is_plain = route.base_url.scheme() == "http";
    let note = Note::begin(
        format!("{} {}", if is_plain { "TCP" } else { "TLS" }, route.host()),
        if is_plain { "a connection" } else { "its own certificate" },
    );
    let asked = tokio::time::timeout(limit, knock(route, settings, egress)).await;
    let Knocked { reach, words, mut address_reached, wants_password } = asked.unwrap_or_else(|_| {
        let words = format!("nothing in {} ms", settings.check_timeout_ms);
        Knocked { reach: Reach::Unreached, words, address_reached: false, wants_password: false }
    });
    let ok = matches!(reach, Reach::Genuine | Reach::Connected);
    checks.push(note.end(words, ok));
    let mut found = found_at(route, reach);
    if let Some(proxy) = proxy.filter(|_| reach == Reach::Unreached) {
        found.dead_proxy = if wants_password {
            Some(DeadProxy { shown: proxy.shown(), refused: true })
        } else {
            let (dead, check) = dead(&proxy, settings, egress).await;
            checks.push(check);
            address_reached |= dead.is_none() && !is_here(&proxy);
            dead
        };
    }
    if reach == Reach::Genuine && has_name {
        egress.names.good(route.base_url.domain().unwrap_or_default());
    }
    Asked { found, checks, address_reached }
}

fn found_at(route: &Route, reach: Reach) -> HostFound {
    HostFound { provider: route.provider.clone(), reach, dead_proxy: None }
}

/// The proxy a route's requests leave by.
fn by(route: &Route, egress: &Egress) -> Option<ProxyUrl> {
    match &route.outbound {
        Outbound::Direct => None,
        Outbound::Proxy(proxy) => Some(proxy.clone()),
        Outbound::System => egress.proxy.for_url(&route.base_url),
    }
}

fn is_here(proxy: &ProxyUrl) -> bool {
    match proxy.expose().host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether a proxy takes no connection.
async fn dead(
    proxy: &ProxyUrl,
    settings: &NetworkSettings,
    egress: &Egress,
) -> (Option<DeadProxy>, NetworkCheck) {
    const SOCKS_PORT: u16 = 1_080;
    let note = Note::begin(format!("TCP {}", proxy.shown()), "a connection");
    let url = proxy.expose();
    let port = url.port_or_known_default().unwrap_or(SOCKS_PORT);
    let connected = async {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let addresses = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => egress.names.find(host).await.map_err(|_| false)?.addresses,
        };
        let addresses: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        let connected = tokio::net::TcpStream::connect(&addresses[..]).await;
        connected.map(drop).map_err(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    };
    let limit = Duration::from_millis(settings.check_timeout_ms);
    match tokio::time::timeout(limit, connected).await.unwrap_or(Err(false)) {
        Ok(()) => (None, note.end("a connection".to_owned(), true)),
        Err(refused) => {
            let words = if refused { "it refuses connections" } else { "no connection" };
            (Some(DeadProxy { shown: proxy.shown(), refused }), note.end(words.to_owned(), false))
        }
    }
}

/// What came of a knock at a host's door.
struct Knocked {
    reach: Reach,
    words: String,
    address_reached: bool,
    /// The proxy in between wants another user or password.
    wants_password: bool,
}

/// Knocks at a host's door: a `HEAD` of its root over the route's own way out, without key or body.
async fn knock(route: &Route, settings: &NetworkSettings, egress: &Egress) -> Knocked {
    let mut door = route.base_url.clone();
    door.set_path("/");
    let is_plain = door.scheme() == "http";
    let Ok(client) = client(settings.check_timeout_ms, &route.outbound, egress) else {
        return knocked(Reach::Unreached, "no HTTP client could be made".to_owned(), false);
    };
    let error = match client.head(door).send().await {
        Ok(response) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            return Knocked {
                wants_password: true,
                ..knocked(Reach::Unreached, WANTS_PASSWORD.to_owned(), false)
            };
        }
        Ok(response) if is_plain => {
            return knocked(Reach::Connected, format!("a connection, {}", response.status().as_u16()), true);
        }
        Ok(response) => {
            return knocked(Reach::Genuine, format!("its own, {}", response.status().as_u16()), true);
        }
        Err(error) => error,
    };
    let causes = format!("{error:?}");
    let refused = causes.contains("ConnectionRefused") && by(route, egress).is_none();
    let wants_password = causes.to_ascii_lowercase().contains("proxy auth");
    let failure = from_reqwest(&error, route);
    let reach = if failure.kind == FailureKind::Dns {
        Reach::NoName
    } else if failure.kind == FailureKind::Tls {
        Reach::WrongCertificate
    } else if matches!(failure.kind, FailureKind::Connect | FailureKind::ConnectTimeout) {
        Reach::Unreached
    } else if is_plain {
        Reach::Connected
    } else {
        // Connected, then cut off or silent.
        Reach::Silent
    };
    let reached = refused || !matches!(reach, Reach::NoName | Reach::Unreached);
    Knocked { wants_password, ..knocked(reach, failure.message, reached) }
}

const fn knocked(reach: Reach, words: String, address_reached: bool) -> Knocked {
    Knocked { reach, words, address_reached, wants_password: false }
}

/// Whether the fallback resolvers' addresses take a connection, or refuse one: an address that does is there.
async fn any_address(settings: &NetworkSettings) -> (bool, Option<NetworkCheck>) {
    let Some(first) = settings.fallback_dns.first() else { return (false, None) };
    let note = Note::begin(format!("TCP {first}"), "a connection");
    let knocks = settings.fallback_dns.iter().map(|address| takes(*address, settings.check_timeout_ms));
    let taken = join_all(knocks).await.contains(&true);
    let words = if taken { "an address beyond this network is there" } else { "no connection" };
    (taken, Some(note.end(words.to_owned(), taken)))
}

async fn takes(address: SocketAddr, limit_ms: u64) -> bool {
    let limit = Duration::from_millis(limit_ms.min(1_500));
    match tokio::time::timeout(limit, tokio::net::TcpStream::connect(address)).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portals_address_is_read_from_its_page_and_shown_without_its_query() {
        let base: Url = "http://check.example/204".parse().unwrap();
        let page = r#"<html><head><META http-equiv="refresh" content="0; URL='https://login.example/start?mac=aa'">"#;
        assert_eq!(portal_in(page.as_bytes(), &base).as_deref(), Some("https://login.example/start"));
        for other in
            ["<html>Welcome</html>", r#"<meta http-equiv="refresh" content="5">"#, "http-equiv url=\u{e9}"]
        {
            assert_eq!(portal_in(other.as_bytes(), &base), None, "{other}");
        }
        for other in ["javascript:alert(1)", "file:///etc/hostname", "data:text/html,x", "vbscript:x"] {
            assert_eq!(linked(&base, other), None, "{other}");
            let refresh = format!("<meta http-equiv='refresh' content='0; url={other}'>");
            assert_eq!(portal_in(refresh.as_bytes(), &base), None, "{other}");
        }
        assert_eq!(linked(&base, "/sign-in?mac=aa").as_deref(), Some("http://check.example/sign-in"));
        assert_eq!(shown(&"http://u:p@h.example:81/a?b#c".parse().unwrap()), "http://h.example:81/a");
    }
}
