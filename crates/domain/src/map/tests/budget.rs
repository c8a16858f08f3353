//! What a map says of money.

use super::{faults, good};
use crate::map::{BudgetSettings, Format, NoVariables, WebhookScope, default_rows, read, warnings};
use crate::{Usd, budget::Scope};

fn map_with(budget: &str) -> String {
    format!(
        r#"{{ "hot": [ {{ "provider": "anthropic", "model": "m" }} ], "warm": [ {{ "provider": "gemini", "model": "g" }} ],
             "clients": {{ "crawler": {{}} }}, "jobs": {{ "mail": {{}} }}, "budget": {budget} }}"#
    )
}

#[test]
fn without_a_word_nothing_is_capped() {
    let budget = good(r#"{ "hot": [ { "provider": "openai", "model": "m" } ] }"#).budget;
    assert_eq!(budget, BudgetSettings::default());
    assert!(!budget.caps_anything());
    assert_eq!((budget.zone.name(), budget.wait_ms, budget.assume_output_tokens), ("UTC", 2_000, 16_384));
    assert!(default_rows().iter().any(|(key, value, _)| *key == "budget.pauseAtPercent" && value == "80"));
}

#[test]
fn the_pause_mark_is_the_maps_then_the_environments_then_the_default() {
    let unwritten = good(&map_with("{}")).budget;
    let written = good(&map_with(r#"{ "pauseAtPercent": 55 }"#)).budget;
    for (from_environment, expected) in [(None, 80), (Some(70), 70), (Some(0), 80), (Some(101), 80)] {
        assert_eq!(unwritten.mark_percent(from_environment), expected);
        assert_eq!(written.mark_percent(from_environment), 55);
    }
}

#[test]
fn every_scope_has_its_caps() {
    let budget = good(&map_with(
        r#"{ "monthUsd": 100, "dayUsd": 0.1, "timeZone": "europe/lisbon", "waitMs": 0, "assumeOutputTokens": 4096,
             "webhookScope": "provider", "providers": { "gemini": { "monthUsd": 60 } },
             "clients": { "crawler": { "dayUsd": 0, "dayTokens": 5.0 } },
             "jobs": { "mail": { "monthTokens": 1000000 }, "default": { "dayUsd": 1 } } }"#,
    ))
    .budget;
    assert_eq!(budget.total.month_usd, Usd::from_dollars(100.0));
    assert_eq!(budget.total.day_usd, Some(Usd::from_nanos(100_000_000)), "a tenth is a tenth");
    assert_eq!((budget.zone.name(), budget.wait_ms), ("Europe/Lisbon", 0));
    assert_eq!((budget.assume_output_tokens, budget.webhook_scope), (4096, WebhookScope::Provider));
    let scopes: Vec<String> = budget.scopes().map(|(scope, _)| scope.to_string()).collect();
    assert_eq!(scopes, ["total", "provider/google", "client/crawler", "job/default", "job/mail"]);
    let crawler = budget.scopes().find(|(scope, _)| *scope == Scope::Client("crawler".to_owned())).unwrap().1;
    assert_eq!((crawler.day_usd, crawler.day_tokens), (Some(Usd::ZERO), Some(5)), "0 allows nothing");
}

#[test]
fn a_bad_word_about_money_is_told_with_its_path_and_fix() {
    let cases = [
        (r#"{ "monthUsd": -5 }"#, "budget.monthUsd: -5 is too small. The least is 0."),
        (r#"{ "monthUsd": 1e300 }"#, "budget.monthUsd: 1e+300 is too large. The most is 1000000000."),
        (
            r#"{ "monthUsd": "$100" }"#,
            "budget.monthUsd: \"$100\" is not a number from 0 to 1000000000. Write 100 ",
        ),
        (
            r#"{ "dayUsd": "1,000.50 USD" }"#,
            "budget.dayUsd: \"1,000.50 USD\" is not a number from 0 to 1000000000. Write 1000.50 ",
        ),
        (r#"{ "dayUsd": "lots" }"#, "budget.dayUsd: \"lots\" is not a number from 0 to 1000000000."),
        (r#"{ "dayUsd": null }"#, "budget.dayUsd: null is not a number from 0 to 1000000000."),
        (r#"{ "dayTokens": 1.5 }"#, "budget.dayTokens: 1.5 is not a whole number, 0 or more."),
        (r#"{ "dayTokens": -1 }"#, "budget.dayTokens: -1 is too small. The least is 0."),
        (r#"{ "monthUds": 5 }"#, "budget.monthUds: Unknown key. Did you mean `monthUsd`?"),
        (
            r#"{ "pauseAtPercent": 0 }"#,
            "budget.pauseAtPercent: 0 is too small. The least is 1. The most is 100.",
        ),
        (r#"{ "webhookScope": "some" }"#, "budget.webhookScope: \"some\" is not one of"),
        (
            r#"{ "timeZone": "Europe/Lisbonn" }"#,
            "budget.timeZone: `Europe/Lisbonn` is not a time zone of the IANA database. Did you mean `Europe/Lisbon`?",
        ),
        (r#"{ "timeZone": 5 }"#, "budget.timeZone: 5 is not a text in quotes."),
        (
            r#"{ "providers": { "antropic": { "dayUsd": 1 } } }"#,
            "budget.providers.antropic: No route of the map is of `antropic`. Providers: anthropic, google.",
        ),
        (
            r#"{ "providers": { "anthropic": { "dayUsd": -1 } } }"#,
            "budget.providers.anthropic.dayUsd: -1 is too small.",
        ),
        (
            r#"{ "providers": { "google": {}, "gemini": {} } }"#,
            "budget.providers.google: The same provider as `google`.",
        ),
        (
            r#"{ "clients": { "crawlr": { "dayUsd": 1 } } }"#,
            "budget.clients.crawlr: No app `crawlr` is written under `clients`. Did you mean `crawler`? Add",
        ),
        (
            r#"{ "jobs": { "mial": { "dayUsd": 1 } } }"#,
            "budget.jobs.mial: No job is called `mial`. Did you mean `mail`? Jobs: mail, default.",
        ),
    ];
    for (budget, expected) in cases {
        let told = faults(&map_with(budget));
        assert!(told.len() == 1 && told[0].starts_with(expected), "{budget}: {told:#?}");
    }
}

#[test]
fn what_is_no_number_in_yaml_is_no_cap() {
    for number in [".nan", ".inf", "-.inf", "-1"] {
        let map = format!("hot:\n  - {{ provider: openai, model: m }}\nbudget:\n  monthUsd: {number}\n");
        let told = read(&map, Format::Yaml, &NoVariables).unwrap_err();
        let said = told[0].to_string();
        assert!(told.len() == 1 && said.contains("monthUsd"), "{number}: {told:?}");
        assert!(number == "-1" || said.ends_with("Write a number there."), "{number}: {told:?}");
    }
}

#[test]
fn a_day_that_may_cost_more_than_its_month_is_worth_a_word() {
    let map = good(&map_with(r#"{ "clients": { "crawler": { "dayUsd": 5, "monthUsd": 1 } } }"#));
    let told: Vec<String> = warnings(&map).iter().map(|fault| fault.path.clone()).collect();
    assert_eq!(told, ["budget.clients.crawler.dayUsd"]);
}
