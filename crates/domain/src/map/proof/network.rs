//! The network's settings, and each provider's proxy.

use std::net::{IpAddr, SocketAddr};

use url::Url;

use super::super::defaults::Defaults;
use super::super::fault::Path;
use super::super::network::{CheckUrl, NetworkSettings, Outbound, ProxyUrl};
use super::super::raw::RawCheckUrl;
use super::super::variables::expand;
use super::Proof;
use super::place::Named;

const DNS_PORT: u16 = 53;

impl Proof<'_> {
    pub(super) fn network(&mut self) -> NetworkSettings {
        let raw = self.raw.network.clone().unwrap_or_default();
        let path = Path::root().field("network");
        let check_urls = match &raw.check_urls {
            Some(urls) => self.check_urls(urls, &path.field("checkUrls")),
            None => Defaults::CHECK_URLS.iter().filter_map(|(url, body)| known(url, *body)).collect(),
        };
        let fallback_dns = match &raw.fallback_dns {
            Some(list) => self.resolvers(list, &path.field("fallbackDns")),
            None => Defaults::FALLBACK_DNS.iter().filter_map(|text| resolver(text)).collect(),
        };
        NetworkSettings {
            enabled: raw.enabled.unwrap_or(true),
            check_urls,
            check_every_ms: raw.check_every_ms.unwrap_or(Defaults::NETWORK_CHECK_EVERY_MS),
            check_timeout_ms: raw.check_timeout_ms.unwrap_or(Defaults::NETWORK_CHECK_TIMEOUT_MS),
            suspense_ms: raw.suspense_ms.unwrap_or(Defaults::NETWORK_SUSPENSE_MS),
            hold: raw.hold.unwrap_or(true),
            hold_ms: raw.hold_ms,
            fallback_dns,
            system_dns_ms: raw.system_dns_ms.unwrap_or(Defaults::SYSTEM_DNS_MS),
            last_known_ms: raw.last_known_ms.unwrap_or(Defaults::LAST_KNOWN_MS),
        }
    }

    fn check_urls(&mut self, urls: &[RawCheckUrl], path: &Path) -> Vec<CheckUrl> {
        let mut out = Vec::new();
        for (index, raw) in urls.iter().enumerate() {
            let at = path.index(index);
            let (text, body) = match raw {
                RawCheckUrl::Url(text) => (text, None),
                RawCheckUrl::Page(page) => (&page.url, Some(page.body.clone())),
            };
            match Url::parse(text) {
                Ok(url) if url.scheme() == "http" && url.host_str().is_some_and(|host| !host.is_empty()) => {
                    let usual = Defaults::CHECK_URLS.iter().find(|(known, _)| *known == text.as_str());
                    let body = body.or_else(|| usual.and_then(|(_, body)| body.map(str::to_owned)));
                    out.push(CheckUrl { url, body });
                }
                Ok(url) if url.scheme() == "https" => {
                    let message = "Must be plain http://: over HTTPS a captive portal could not answer and \
                                   would look like an outage.";
                    self.fault(&at, message);
                }
                Ok(_) | Err(_) => {
                    self.fault(&at, format!("`{text}` is not an address. Write http://host/path."));
                }
            }
        }
        out
    }

    fn resolvers(&mut self, list: &[String], path: &Path) -> Vec<SocketAddr> {
        let mut out = Vec::new();
        for (index, text) in list.iter().enumerate() {
            match resolver(text) {
                Some(resolver) => out.push(resolver),
                None => {
                    let message = format!("`{text}` is not an IP address. Write for example \"9.9.9.9\".");
                    self.fault(&path.index(index), message);
                }
            }
        }
        out
    }

    /// The proxy of a route's provider.
    pub(super) fn outbound(&mut self, named: Named<'_>) -> Outbound {
        let Some(written) = named.declared.and_then(|p| p.proxy.as_deref()) else { return Outbound::System };
        match written.trim() {
            "system" => return Outbound::System,
            "direct" => return Outbound::Direct,
            _ => {}
        }
        let at = Path::root().field("providers").field(named.name).field("proxy");
        if self.has_fault_at(&at) {
            return Outbound::System;
        }
        let Some(text) = expand(written, self.variables, &at, &mut self.faults) else {
            return Outbound::System;
        };
        let holds_password = |url: &Url| url.password().is_some_and(|password| !password.is_empty());
        if !written.contains("${") && Url::parse(text.trim()).is_ok_and(|url| holds_password(&url)) {
            let message = "A password written into a map lies in every copy of it. Store it with `switchyard credential set \
                NAME` and write ${NAME} in its place.";
            self.note(&at, message);
        }
        match ProxyUrl::parse(text.trim()) {
            Ok(proxy) => Outbound::Proxy(proxy),
            Err(wrong) => {
                // The text may hold a password, written out or expanded.
                self.fault(&at, format!("This is {wrong} `direct` means none."));
                Outbound::System
            }
        }
    }
}

fn known(url: &str, body: Option<&str>) -> Option<CheckUrl> {
    Some(CheckUrl { url: Url::parse(url).ok()?, body: body.map(str::to_owned) })
}

/// `9.9.9.9`, `9.9.9.9:5353`, `2620:fe::fe`, `[2620:fe::fe]:53`.
fn resolver(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let plain = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT));
    plain.ok().or_else(|| text.parse().ok())
}
