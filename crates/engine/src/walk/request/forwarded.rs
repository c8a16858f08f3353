//! Which of a caller's headers go upstream, and into the queue.
//!
//! A list of what may pass, not of what may not: callers send keys under many names, of many vendors, and no provider is
//! to see another's, nor the local one.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use switchyard_domain::map::{Route, RoutingMap};

/// Passed on to every provider: what the answer is to be like, who asks with what, and how the call is traced.
const NAMES: [&str; 6] =
    ["accept", "accept-language", "idempotency-key", "traceparent", "tracestate", "user-agent"];
/// Passed on by their beginnings: the vendors' own settings (betas, organisations, versions) and what their SDKs tell of
/// themselves.
const BEGINNINGS: [&str; 3] = ["anthropic-", "openai-", "x-stainless-"];

/// Whether a header goes to every provider.
fn is_usual(name: &HeaderName) -> bool {
    let name = name.as_str();
    NAMES.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether a route gets a header of the caller's.
pub(crate) fn is_for(route: &Route, name: &HeaderName) -> bool {
    is_usual(name) || route.forward_headers.iter().any(|listed| listed == name.as_str())
}

/// What some provider gets.
pub(super) fn kept(headers: HeaderMap, map: &RoutingMap) -> HeaderMap {
    filtered(headers, |name, _| {
        let is_listed =
            || map.routes.iter().any(|route| route.forward_headers.iter().any(|own| own == name.as_str()));
        is_usual(name) || is_listed()
    })
}

/// The headers that are wanted, without those that belong to the connection they came by: `Connection` names them (RFC
/// 9110, 7.6.1).
pub(crate) fn filtered(
    headers: HeaderMap,
    is_wanted: impl Fn(&HeaderName, &HeaderValue) -> bool,
) -> HeaderMap {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    // Most say `keep-alive` or `close`, which are no headers.
    let of_connection: Vec<HeaderName> =
        lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    let mut wanted = HeaderMap::with_capacity(headers.len());
    let mut last = None;
    for (name, value) in headers {
        // Further lines of a header come without its name.
        last = name.or(last);
        let Some(name) = &last else { continue };
        if is_wanted(name, &value) && !of_connection.contains(name) {
            wanted.append(name, value);
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use switchyard_domain::map::{Format, NoVariables, read};

    use super::*;

    #[test]
    fn no_key_of_a_caller_goes_on_under_any_name() {
        let document = json!({
            "hot": [{ "provider": "openai", "model": "m", "forwardHeaders": ["X-Tenant"] }],
            "warm": [{ "provider": "anthropic", "model": "n" }],
            "cold": { "mode": "graceful_degrade", "queue": "q", "notify": [] },
        });
        let map = read(&document.to_string(), Format::Json, &NoVariables).unwrap();
        let mut headers: HeaderMap = [
            "authorization",
            "x-api-key",
            "api-key",
            "x-goog-api-key",
            "x-amz-security-token",
            "x-vault-token",
            "x-custom-auth",
            "x-switchyard-key",
            "x-switchyard-job",
            "cookie",
            "proxy-authorization",
            "host",
            "content-length",
            "accept-encoding",
            "connection",
            "x-forwarded-for",
            "x-hop",
        ]
        .into_iter()
        .map(|name| (name.parse().unwrap(), HeaderValue::from_static("secret, x-stainless-hop")))
        .collect();
        let passed = [
            "accept",
            "anthropic-beta",
            "openai-organization",
            "traceparent",
            "user-agent",
            "x-stainless-lang",
            "x-tenant",
        ];
        headers.extend(passed.iter().map(|name| (name.parse().ok(), HeaderValue::from_static("v"))));
        headers.insert("x-stainless-hop", HeaderValue::from_static("named by Connection"));
        let headers = kept(headers, &map);
        let mut kept: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, passed);
        let tenant = HeaderName::from_static("x-tenant");
        assert!(is_for(&map.routes[0], &tenant) && !is_for(&map.routes[1], &tenant));
    }
}
