//! Which of a caller's headers go upstream, and into the queue.
//!
//! A list of what may pass, not of what may not: callers send keys under many names, of many vendors, and no provider is
//! to see another's, nor the local one.

use http::{HeaderMap, HeaderName, header};
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

/// Takes out what no provider gets.
pub(super) fn keep(headers: &mut HeaderMap, map: &RoutingMap) {
    // Whatever `Connection` names belongs to the connection (RFC 9110, 7.6.1).
    let named = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> =
        named.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    for name in named {
        headers.remove(name);
    }
    let unwanted = |name: &&HeaderName| {
        !is_usual(name)
            && !map.routes.iter().any(|route| route.forward_headers.iter().any(|own| own == name.as_str()))
    };
    let gone: Vec<HeaderName> = headers.keys().filter(unwanted).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
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
        keep(&mut headers, &map);
        let mut kept: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, passed);
        let tenant = HeaderName::from_static("x-tenant");
        assert!(is_for(&map.routes[0], &tenant) && !is_for(&map.routes[1], &tenant));
    }
}
