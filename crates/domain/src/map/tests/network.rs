//! What a map says of the network.

use super::{faults, good};
use crate::map::{Outbound, default_rows};

fn map_with(more: &str) -> String {
    format!(r#"{{ "hot": [ {{ "provider": "openai", "model": "m" }} ], {more} }}"#)
}

#[test]
fn without_a_word_the_usual_pages_and_resolvers_are_asked() {
    let network = good(&map_with(r#""warm": []"#)).network;
    assert!(network.enabled && network.hold);
    assert!(network.check_urls.iter().all(|check| check.url.scheme() == "http"));
    assert_eq!(network.check_urls.len(), 4);
    let resolvers: Vec<String> = network.fallback_dns.iter().map(ToString::to_string).collect();
    assert_eq!(resolvers, ["1.1.1.1:53", "9.9.9.9:53", "8.8.8.8:53"]);
    assert!(
        default_rows().iter().any(|(key, value, _)| *key == "network.lastKnownMs" && value == "604800000")
    );
}

#[test]
fn pages_and_resolvers_can_be_ones_own_or_none() {
    let network = good(&map_with(
        r#""network": { "checkUrls": ["http://a.example/204", { "url": "http://b.example/", "body": "hello" },
            "http://detectportal.firefox.com/success.txt"],
          "fallbackDns": ["192.0.2.1:5353", "[2620:fe::fe]:53", "2620:fe::9"], "hold": false }"#,
    ))
    .network;
    let bodies: Vec<Option<&str>> = network.check_urls.iter().map(|check| check.body.as_deref()).collect();
    assert_eq!(bodies, [None, Some("hello"), Some("success")], "a known page's answer need not be written");
    let resolvers: Vec<String> = network.fallback_dns.iter().map(ToString::to_string).collect();
    assert_eq!(resolvers, ["192.0.2.1:5353", "[2620:fe::fe]:53", "[2620:fe::9]:53"]);
    assert!(!network.hold);
    let none = good(&map_with(r#""network": { "checkUrls": [], "fallbackDns": [] }"#)).network;
    assert!(none.check_urls.is_empty() && none.fallback_dns.is_empty());
}

#[test]
fn a_providers_proxy_keeps_its_password_to_itself() {
    let map = good(
        r#"{ "providers": { "openai": { "proxy": "socks5://me:${PROXY_PASSWORD}@proxy.example:1080" },
                            "google": { "proxy": "direct" } },
             "hot": [ { "provider": "openai", "model": "m" }, { "provider": "google", "model": "g" } ],
             "warm": [ { "provider": "anthropic", "model": "a" } ] }"#,
    );
    let outbounds: Vec<String> = map.routes.iter().map(|route| format!("{:?}", route.outbound)).collect();
    assert_eq!(outbounds, ["Proxy(socks5://proxy.example:1080)", "Direct", "System"]);
    let Outbound::Proxy(proxy) = &map.routes[0].outbound else { panic!("a proxy was written") };
    assert_eq!(proxy.expose().password(), Some("hush-hush"));
    assert!(!format!("{map:?}").contains("hush-hush"));
}

#[test]
fn a_bad_word_about_the_network_is_told_with_its_path_and_fix() {
    let cases = [
        (
            r#""network": { "checkUrls": ["https://a.example/"] }"#,
            "network.checkUrls[0]: Must be plain http://",
        ),
        (
            r#""network": { "checkUrls": ["nonsense"] }"#,
            "network.checkUrls[0]: `nonsense` is not an address.",
        ),
        (
            r#""network": { "fallbackDns": ["dns.example"] }"#,
            "network.fallbackDns[0]: `dns.example` is not an IP",
        ),
        (r#""network": { "checkEvery": 1 }"#, "network.checkEvery: Unknown key."),
        (r#""network": { "checkTimeoutMs": 1 }"#, "network.checkTimeoutMs: 1 is too small."),
        (
            r#""providers": { "openai": { "proxy": "ftp://me:hush@h" } }"#,
            "providers.openai.proxy: This is not a proxy",
        ),
        (
            r#""providers": { "openai": { "proxy": "http://h/path" } }"#,
            "providers.openai.proxy: This is more than",
        ),
        (
            r#""providers": { "openai": { "proxy": "${NOT_SET}" } }"#,
            "providers.openai.proxy: ${NOT_SET} is not set.",
        ),
    ];
    for (more, expected) in cases {
        let told = faults(&map_with(more));
        assert!(told.len() == 1 && told[0].starts_with(expected), "{more}: {told:#?}");
        assert!(!told[0].contains("hush"), "a password is never quoted");
    }
}
