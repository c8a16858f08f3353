//! Which names may leave the network, and which addresses are trusted.

use super::*;

#[test]
fn only_names_of_the_open_internet_go_to_fallback_resolvers() {
    let cases = [
        ("api.openai.com", true),
        ("API.Openai.com.", true),
        ("localhost", false),
        ("ollama", false),
        ("studio.local", false),
        ("gpu.lan", false),
        ("llm.corp", false),
        ("box.home.arpa", false),
        ("app.localhost", false),
    ];
    for (host, expected) in cases {
        assert_eq!(is_public(host), expected, "{host}");
    }
}

#[test]
fn an_address_is_good_once_its_host_has_answered_there_and_for_as_long_as_the_map_says() {
    let ip = |text: &str| vec![text.parse::<IpAddr>().unwrap()];
    let mut known = Known::default();
    known.resolved("a.example", &ip("203.0.113.1"));
    assert_eq!(known.last("a.example", 1_000, 0), None, "resolved is not proven");
    known.good("a.example", 0);
    known.resolved("a.example", &ip("10.0.0.1"));
    assert_eq!(
        known.last("a.example", 1_000, 500),
        Some(ip("203.0.113.1")),
        "a portal's answer changes nothing"
    );
    assert_eq!(known.last("a.example", 1_000, 1_001), None, "too old");
    assert_eq!(known.last("a.example", 0, 0), None, "0 means never");
    assert_eq!(
        known.last("a.example", 1_000, -60_000),
        Some(ip("203.0.113.1")),
        "a clock set back ages nothing"
    );
    let kept = known.take_new().expect("something new");
    assert_eq!(known.take_new(), None, "told once");
    let mut next = Known::default();
    next.restore(kept);
    assert_eq!(next.last("a.example", 1_000, 500), Some(ip("203.0.113.1")));
}
