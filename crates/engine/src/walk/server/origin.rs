//! The Host and Origin checks. Programs on this machine come in, by one of its names; browsers are kept out: a page must not spend the user's
//! money (DNS rebinding, cross-site requests).

use http::request::Parts;
use http::{HeaderMap, header};
use switchyard_domain::Dialect;
use switchyard_domain::limits::{NAME_BYTES, quoted};

use url::Host;

use super::Refusal;
use crate::core::lock;
use crate::walk::Walk;
use crate::walk::header_names;

/// Refuses what a web page sent, and what is meant for another host.
pub(super) fn check_host_and_origin(walk: &Walk, parts: &Parts, dialect: Dialect) -> Result<(), Refusal> {
    if from_a_page(&parts.headers) {
        let message =
            "Requests from web pages are not taken. Call the router from a server or a command line.";
        return Err(Refusal::new(dialect, 403, "browser_origin", message));
    }
    let running = walk.core.running.load();
    let listed = running.as_ref().map_or(&[][..], |running| running.map.hosts.as_slice());
    let (foreign, fix) = match named_host(parts, listed) {
        Ok(host) if is_ours(host, listed) => return Ok(()),
        Ok(host) => {
            let shown = host.escape_debug().to_string();
            let foreign = format!("The Host `{}` is not this router's.", quoted(&shown, NAME_BYTES));
            let name = without_port(host);
            let could_be = name.len() <= NAME_BYTES && Host::parse(name).is_ok();
            let fix = could_be.then(|| {
                format!(" If it is a name of this machine, add it to the map: \"listen\": {{ \"hosts\": [\"{name}\"] }}.")
            });
            (foreign, fix.unwrap_or_default())
        }
        Err(why) => (why.to_owned(), String::new()),
    };
    let message = format!("{foreign} Use {}.{fix}", lock(&walk.core.proxy_url));
    Err(Refusal::new(dialect, 421, "wrong_host", message))
}

/// Whether a browser sent this for a page. It says so by Origin, or by Sec-Fetch-Site, which a page can't set: only
/// what a person typed comes without a site (`none`), and other programs send neither.
fn from_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        || headers
            .get_all(&header_names::SEC_FETCH_SITE)
            .iter()
            .any(|site| !site.as_bytes().eq_ignore_ascii_case(b"none"))
}

/// The one host a request is for. Two Host headers, or a target that names another host (RFC 9112, 3.2.2), are two
/// opinions, and whoever stands before us may hold the other one.
fn named_host<'p>(parts: &'p Parts, listed: &[String]) -> Result<&'p str, &'static str> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    if hosts.next().is_some() {
        return Err("A request names one Host.");
    }
    match parts.uri.authority() {
        Some(target) if !is_ours(target.as_str(), listed) => Ok(target.as_str()),
        Some(_) | None => Ok(host),
    }
}

/// Whether a Host header names this machine's loopback, or a name that the map lists.
fn is_ours(host: &str, listed: &[String]) -> bool {
    let name = without_port(host);
    matches!(name, "127.0.0.1" | "[::1]")
        || name.eq_ignore_ascii_case("localhost")
        || listed.iter().any(|own| name.eq_ignore_ascii_case(own))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::{from_a_page, is_ours, named_host};
    use http::Request;

    #[test]
    fn a_request_names_one_host_and_it_is_ours() {
        // Target, Host headers, and whether it is let in.
        let cases: &[(&str, &[&str], bool)] = &[
            ("/v1/models", &["127.0.0.1:4310"], true),
            ("/v1/models", &["127.0.0.1:4310", "evil.example"], false),
            ("/v1/models", &["127.0.0.1:4310", "127.0.0.1:4310"], false),
            ("/v1/models", &["evil.example", "127.0.0.1:4310"], false),
            ("/v1/models", &[], false),
            ("http://127.0.0.1:4310/v1/models", &["127.0.0.1:4310"], true),
            ("http://evil.example/v1/models", &["127.0.0.1:4310"], false),
            ("http://x@127.0.0.1:4310/v1/models", &["127.0.0.1:4310"], false),
            ("http://127.0.0.1:4310/v1/models", &["evil.example"], false),
        ];
        for (target, hosts, fine) in cases {
            let request =
                hosts.iter().fold(Request::get(*target), |request, host| request.header("host", *host));
            let parts = request.body(()).unwrap().into_parts().0;
            let is_let_in = named_host(&parts, &[]).is_ok_and(|host| is_ours(host, &[]));
            assert_eq!(is_let_in, *fine, "{target} {hosts:?}");
        }
    }

    #[test]
    fn what_a_page_sends_is_told_by_its_origin_or_its_site() {
        let cases = [
            (None, None, false),
            (None, Some("none"), false),
            (None, Some("cross-site"), true),
            (None, Some("same-site"), true),
            (None, Some("same-origin"), true),
            (None, Some(""), true),
            (Some("null"), None, true),
        ];
        for (origin, site, page) in cases {
            let mut headers = http::HeaderMap::new();
            let mut put = |name, value: Option<&'static str>| {
                value.and_then(|value| headers.insert(name, http::HeaderValue::from_static(value)))
            };
            put("origin", origin);
            put("sec-fetch-site", site);
            assert_eq!(from_a_page(&headers), page, "{origin:?} {site:?}");
        }
    }

    #[test]
    fn only_loopback_names_are_hosts_of_ours() {
        for own in ["127.0.0.1:4310", "127.0.0.1", "localhost:4310", "LOCALHOST", "[::1]:4310", "[::1]"] {
            assert!(is_ours(own, &[]), "{own}");
        }
        for foreign in
            ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", "::1"]
        {
            assert!(!is_ours(foreign, &[]), "{foreign}");
        }
        let listed = ["host.docker.internal".to_owned(), "10.0.0.1".to_owned()];
        for own in ["host.docker.internal:4310", "Host.Docker.Internal", "10.0.0.1:4310", "localhost"] {
            assert!(is_ours(own, &listed), "{own}");
        }
        for foreign in
            ["docker.internal", "x.host.docker.internal", "host.docker.internal.evil.example", "10.0.0.2"]
        {
            assert!(!is_ours(foreign, &listed), "{foreign}");
        }
    }
}
