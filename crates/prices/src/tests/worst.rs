//! A reservation is never less than what the call it is for comes to.

use serde_json::json;
use switchyard_domain::Usd;
use switchyard_domain::usage::{BilledUsage, Geography, ServiceTier};

use super::{at_ms, compiled, one_route};
use crate::{Bounds, RateCard};

fn usd(dollars: f64) -> Usd {
    Usd::from_dollars(dollars).unwrap()
}

fn card(provider: &str, model: &str) -> RateCard {
    compiled(&one_route(provider, model, ""))
}

#[test]
fn the_dearer_side_of_dates_hours_steps_and_places_is_reserved() {
    let now = at_ms("2026-11-15");
    let text = Bounds::text(1_000_000, 1_000_000);
    let short = Bounds::text(10_000, 1_000_000);
    for (name, card, bounds, at, expected) in [
        // Its price doubles on 2026-12-01; a call that begins the day before may be billed then.
        ("a price far off", card("google", "gemini-4-argon"), text, now, 2.0 + 10.0),
        ("a price near", card("google", "gemini-4-argon"), text, at_ms("2026-11-30 01"), 4.0 + 20.0),
        ("an hour", card("deepseek", "deepseek-v4-pro"), text, at_ms("2026-11-15 20"), 1.32 + 3.96),
        ("below a step", card("openai", "gpt-5.4"), short, now, 0.025 + 15.0),
        ("above a step", card("openai", "gpt-5.4"), text, now, 5.0 + 22.5),
        ("a write of the cache", card("openai", "gpt-6.1-sol"), short, now, 0.025 + 10.0),
        // 6.25 for a write, and 1.1 for the US.
        ("a place", card("anthropic", "claude-opus-4-6"), text, now, (6.25 + 25.0) * 1.1),
        (
            "an hour's write",
            card("anthropic", "claude-opus-4-6"),
            Bounds { caches_an_hour: true, ..text },
            now,
            (10.0 + 25.0) * 1.1,
        ),
        ("text", card("openai", "gpt-realtime"), text, now, 4.0 + 16.0),
        ("media", card("openai", "gpt-realtime"), Bounds { has_media: true, ..text }, now, 32.0 + 64.0),
        ("a tier", card("openai", "gpt-5"), Bounds { tier: ServiceTier::Priority, ..text }, now, 22.5),
        ("searches", card("openai", "gpt-4o"), Bounds { web_searches: 10, ..Bounds::default() }, now, 0.1),
    ] {
        assert_eq!(card.worst_case(&bounds, at), usd(expected), "{name}");
    }
    let free = compiled(&one_route("ollama", "llama3", ""));
    assert_eq!(free.worst_case(&text, now), Usd::ZERO);
}

#[test]
fn no_bill_within_the_bounds_is_above_the_reservation() {
    let now = at_ms("2026-11-30 12");
    for (provider, model) in [
        ("anthropic", "claude-haiku-5-5"),
        ("openai", "gpt-6.1-sol"),
        ("openai", "gpt-realtime"),
        ("google", "gemini-4-argon"),
        ("deepseek", "deepseek-v4-pro"),
        ("openai", "gpt-of-next-year"),
    ] {
        let card = card(provider, model);
        for prompt in [1, 99_999, 100_001, 272_001] {
            let bounds = Bounds { has_media: true, caches_an_hour: true, ..Bounds::text(prompt, 500) };
            let reserved = card.worst_case(&bounds, now);
            let some = BilledUsage { output: 500, geography: Geography::Regional, ..BilledUsage::default() };
            for usage in [
                BilledUsage { input: prompt, ..some.clone() },
                BilledUsage { input_audio: prompt, ..some.clone() },
                BilledUsage { cache_write_1h: prompt, ..some.clone() },
                BilledUsage { cache_write_5m: prompt, ..some.clone() },
                BilledUsage { input: prompt, output: 0, output_audio: 500, ..some.clone() },
            ] {
                for hours in [0, 1, 6, 13, 23] {
                    let cost = card.cost(&usage, now + hours * 3_600_000).usd;
                    assert!(cost <= reserved, "{provider}/{model}: {cost} > {reserved} for {usage:?}");
                }
            }
        }
    }
}

#[test]
fn a_maps_own_rates_are_reserved_at_the_dearest_of_them() {
    let mut document = one_route("openai", "gpt-4o", "");
    document["hot"][0]["price"] = json!({ "input": 1, "output": 2, "cacheWrite": 3 });
    let reserved = compiled(&document).worst_case(&Bounds::text(1_000_000, 1_000_000), 0);
    assert_eq!(reserved, usd(5.0));
}

#[test]
fn sums_that_no_amount_holds_saturate() {
    let card = card("openai", "o1-pro");
    let most = BilledUsage {
        input: u64::MAX,
        input_audio: u64::MAX,
        output: u64::MAX,
        output_audio: u64::MAX,
        web_searches: u64::MAX,
        ..BilledUsage::default()
    };
    assert_eq!(card.cost(&most, 0).usd, Usd::from_nanos(i64::MAX));
    assert_eq!(card.worst_case(&Bounds::text(u64::MAX, u64::MAX), i64::MAX), Usd::from_nanos(i64::MAX));
    assert_eq!(card.cost(&BilledUsage::default(), i64::MIN).usd, Usd::ZERO);
}
