//! What a map says models cost.

use super::{faults, good, set};
use crate::map::{Format, PriceSetting, RoutingMap, TokenRates, read};
use crate::money::Rate;

fn map_with(more: &str) -> String {
    format!(
        r#"{{ "hot": [ {{ "provider": "openai", "model": "gpt-4o" }}, {{ "provider": "mine", "model": "llama",
            "baseUrl": "http://127.0.0.1:9009/v1", "upstreamModel": "llama-70b" }} ], {more} }}"#
    )
}

fn settings(map: &RoutingMap) -> Vec<Option<PriceSetting>> {
    map.routes.iter().map(|route| map.price_setting(route)).collect()
}

fn rate(dollars: f64) -> Rate {
    Rate::per_million(dollars).unwrap()
}

#[test]
fn prices_are_free_or_rates_or_a_multiple() {
    let map = good(&map_with(
        r#""prices": { "mine/*": "free", "gpt-4o": { "input": 2.5, "output": 10, "cacheRead": 1.25 } }"#,
    ));
    let gpt = TokenRates {
        input: rate(2.5),
        output: rate(10.0),
        cache_read: rate(1.25),
        cache_write: rate(2.5),
        cache_write_1h: rate(2.5),
    };
    assert_eq!(settings(&map), [Some(PriceSetting::Rates(gpt)), Some(PriceSetting::Free)]);

    let map = good(&map_with(r#""prices": { "*": { "multiplier": 1.1 } }"#));
    assert_eq!(settings(&map), [Some(PriceSetting::Multiplier(1_100_000)); 2]);
    assert_eq!(settings(&good(&map_with(r#""prices": {}"#))), [None, None]);
}

#[test]
fn the_more_particular_rule_wins_and_a_routes_own_price_beats_them_all() {
    let document = r#"{
        "hot": [
            { "provider": "openai", "model": "gpt-4o" },
            { "provider": "openai", "model": "gpt-4o-mini" },
            { "provider": "openai", "model": "o3", "price": "free" }
        ],
        "prices": {
            "*": { "multiplier": 2 },
            "openai/*": { "multiplier": 3 },
            "openai/gpt-4o-*": { "multiplier": 4 },
            "gpt-4o": { "multiplier": 5 }
        }
    }"#;
    assert_eq!(
        settings(&good(document)),
        [
            Some(PriceSetting::Multiplier(5_000_000)),
            Some(PriceSetting::Multiplier(4_000_000)),
            Some(PriceSetting::Free)
        ]
    );
}

#[test]
fn a_rule_matches_the_name_in_the_map_and_the_one_sent_upstream() {
    for pattern in ["llama", "llama-70b", "mine/llama", "mine/llama-70b", "mine/llama-*", "*70b"] {
        let map = good(&map_with(&format!(r#""prices": {{ "{pattern}": "free" }}"#)));
        assert_eq!(settings(&map)[1], Some(PriceSetting::Free), "{pattern}");
        assert_eq!(settings(&map)[0], None, "{pattern}");
    }
}

#[test]
fn a_bad_price_is_told_with_its_place_and_the_fix() {
    let forms = "Write \"free\", US dollars for a million tokens as { \"input\": 3, \"output\": 15 }, \
                 or a multiple of the listed price as { \"multiplier\": 1.1 }.";
    let cases: &[(&str, &str)] = &[
        (r#"{ "input": -1, "output": 2 }"#, ".input: -1 is too small. The least is 0. The most is 1000000."),
        (
            r#"{ "input": 1e9, "output": 2 }"#,
            ".input: 1000000000 is too large. The most is 1000000. The least is 0.",
        ),
        (r#"{ "input": "3USD", "output": 2 }"#, ".input: \"3USD\" is not a number from 0 to 1000000."),
        (r#"{ "input": null, "output": 2 }"#, ".input: null is not a number from 0 to 1000000."),
        (r#"{ "inptu": 1, "output": 2 }"#, ".inptu: Unknown key. Did you mean `input`?"),
        (r#"{ "input": 1, "outputMtok": 2 }"#, ".outputMtok: Unknown key."),
        (r#"{ "input": 1 }"#, ".output: Missing. Write US dollars for a million tokens, 0 where none"),
        (r#"{ "cacheRead": 1 }"#, ".input: Missing. Write US dollars for a million tokens, 0 where none"),
        (r#"{ "multiplier": 0 }"#, ".multiplier: 0 is too small. The least is 0.001. The most is 1000."),
        (r#"{ "multiplier": "double" }"#, ".multiplier: \"double\" is not a number from 0.001 to 1000."),
        (r#"{ "multiplier": 2, "input": 1 }"#, ".multiplier: Write either rates or `multiplier`, not both."),
        ("{}", &format!(": Empty. {forms}")),
        ("\"cheap\"", &format!(": \"cheap\" is not a price. {forms}")),
        ("3", &format!(": 3 is not a price. {forms}")),
        ("[3, 15]", &format!(": [3,15] is not a price. {forms}")),
    ];
    for (price, told) in cases {
        let by_glob = faults(&map_with(&format!(r#""prices": {{ "openai/*": {price} }}"#)));
        assert!(by_glob[0].starts_with(&format!("prices[\"openai/*\"]{told}")), "{price}: {by_glob:?}");
        let route = format!(r#"{{ "provider": "openai", "model": "m", "price": {price} }}"#);
        let own = faults(&format!(r#"{{ "hot": [ {route} ] }}"#));
        assert!(own[0].starts_with(&format!("hot[0].price{told}")), "{price}: {own:?}");
        let hot = r#""hot": [ { "provider": "openai", "model": "x" } ]"#;
        let in_a_job = faults(&format!(r#"{{ {hot}, "jobs": {{ "chat": {{ "hot": [ {route} ] }} }} }}"#));
        assert!(in_a_job[0].starts_with(&format!("jobs.chat.hot[0].price{told}")), "{price}: {in_a_job:?}");
        assert!(!by_glob.iter().chain(&own).any(|fault| fault.contains("can't be read")), "{price}");
    }
}

#[test]
fn a_bad_glob_is_told_with_its_place() {
    let long = "a".repeat(300);
    for (pattern, told) in [
        ("openai/[", "is not a glob: unclosed character class"),
        ("{a,", "is not a glob: unclosed alternate group"),
        (" ", "Empty. Write a model's name or a glob, for example \"openai/*\"."),
        (&long, "This glob is 300 bytes long"),
    ] {
        let found = faults(&map_with(&format!(r#""prices": {{ "{pattern}": "free" }}"#)));
        assert!(found[0].starts_with("prices") && found[0].contains(told), "{pattern}: {found:?}");
    }
}

#[test]
fn yaml_has_numbers_json_does_not_and_they_are_no_prices() {
    for number in [".nan", ".inf", "-.inf"] {
        let document =
            format!("hot:\n- provider: openai\n  model: m\nprices:\n  m: {{ input: {number}, output: 1 }}\n");
        let found = read(&document, Format::Yaml, &set).unwrap_err();
        assert!(!found.is_empty(), "{number}");
    }
    let document = "hot:\n- provider: openai\n  model: m\nprices:\n  openai/m: { input: 0.1, output: 1 }\n";
    let map = read(document, Format::Yaml, &set).unwrap();
    assert!(matches!(settings(&map)[..], [Some(PriceSetting::Rates(_))]));
}
