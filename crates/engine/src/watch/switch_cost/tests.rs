use serde_json::json;
use switchyard_domain::map::{self, Format, RoutingMap};

use super::*;

const NOW: i64 = 100 * DAY_MS;

/// Claude, a small GPT, and a model of this machine.
fn world() -> RoutingMap {
    let document = json!({
        "hot": [{ "provider": "anthropic", "model": "claude-sonnet-4-5" }],
        "warm": [
            { "provider": "openai", "model": "gpt-4o-mini" },
            { "provider": "ollama", "model": "llama3", "features": { "tools": false }, "contextWindow": 8_192 },
            { "provider": "mine", "model": "x", "baseUrl": "https://llm.example.com/v1" }
        ],
        "cold": { "mode": "graceful_degrade", "queue": "q", "notify": [] }
    });
    map::read(&document.to_string(), Format::Json, &|_: &str| None).unwrap()
}

fn side<'a>(map: &'a RoutingMap, index: usize) -> Side<'a> {
    let route = &map.routes[index];
    Side { route, price: Price::of(map, route), window: route.context_window, lacks: route.cannot }
}

fn typical_usage(tokens: &[[u64; 3]], answered: u64, days: i64) -> TypicalUsage {
    TypicalUsage {
        answered,
        first_ms: Some(NOW - days * DAY_MS),
        tokens: tokens.to_vec(),
        dialects: vec![Dialect::AnthropicMessages],
    }
}

fn nanos(amount: Option<Usd>) -> Option<i64> {
    amount.map(Usd::nanos)
}

#[test]
fn the_price_of_a_request_counts_its_cache_now_and_the_cold_one_after() {
    let map = world();
    // Claude Sonnet 4.5: 3, 0.30 cached, 3.75 written, 15 out; GPT-4o mini: 0.15, 0.075 cached, 0.60 out; per million.
    let own = typical_usage(&[[9_000, 8_000, 10], [1_000, 0, 50], [2_000, 1_000, 100]], 300, 30);
    let there = preview("chat", &side(&map, 0), &side(&map, 1), &own, NOW);
    assert_eq!(
        (there.typical.input_tokens, there.typical.cached_tokens, there.typical.output_tokens),
        (2_000, 1_000, 50),
        "medians"
    );
    assert_eq!(nanos(there.from.request_nano_usd), Some(3_000_000 + 300_000 + 750_000));
    assert_eq!(nanos(there.to.request_nano_usd), Some(150_000 + 75_000 + 30_000));
    assert_eq!(nanos(there.more_per_request_nano_usd), Some(255_000 - 4_050_000));
    assert_eq!(
        nanos(there.cold_cache_nano_usd),
        Some(75_000),
        "a thousand tokens at full price, not at half"
    );
    let back = preview("chat", &side(&map, 1), &side(&map, 0), &own, NOW);
    assert_eq!(
        nanos(back.cold_cache_nano_usd),
        Some(3_750_000 - 300_000),
        "Claude charges for writing its cache"
    );
    assert_eq!(nanos(back.more_per_request_nano_usd), Some(4_050_000 - 255_000));
}

#[test]
fn a_month_is_counted_from_the_last_days() {
    let map = world();
    let month = |answered, days| {
        preview(
            "chat",
            &side(&map, 0),
            &side(&map, 2),
            &typical_usage(&[[1_000, 0, 100]], answered, days),
            NOW,
        )
    };
    assert_eq!(month(700, 7).monthly_requests, Some(3_000));
    assert_eq!(month(100, 2).monthly_requests, Some(1_500), "a young log is not taken for a week");
    assert_eq!(month(10, 0).monthly_requests, Some(300), "nor for a minute");
    let saved = month(700, 7).more_per_month_nano_usd;
    assert_eq!(nanos(saved), Some(-(3_000_000 + 1_500_000) * 3_000));
    let idle = preview("chat", &side(&map, 0), &side(&map, 1), &TypicalUsage::default(), NOW);
    assert_eq!((idle.monthly_requests, idle.more_per_month_nano_usd), (None, None));
}

#[test]
fn what_is_assumed_or_not_known_is_said() {
    let map = world();
    let said = |cost: &SwitchCost| cost.sentences.join(" ");
    let guess = preview("chat", &side(&map, 0), &side(&map, 3), &TypicalUsage::default(), NOW);
    assert_eq!(
        (guess.typical.input_tokens, guess.typical.output_tokens, guess.typical.measured),
        (1_000, 300, 0)
    );
    assert_eq!((guess.to.request_nano_usd, guess.more_per_request_nano_usd), (None, None));
    for part in ["are assumed", "an unknown price on mine/x", "The context window of mine/x is not known"] {
        assert!(said(&guess).contains(part), "{part}: {}", said(&guess));
    }
    let local = preview("chat", &side(&map, 0), &side(&map, 2), &TypicalUsage::default(), NOW);
    assert!(said(&local).contains("nothing on ollama/llama3 (local)"), "{}", said(&local));
    assert!(said(&local).contains("8192 tokens"), "{}", said(&local));
}

#[test]
fn lost_features_are_those_of_the_route_and_of_the_dialect_its_clients_leave() {
    let map = world();
    let anthropic = typical_usage(&[], 1, 1);
    let moved = preview("chat", &side(&map, 0), &side(&map, 2), &anthropic, NOW);
    assert!(moved.lost.contains(&Feature::Tools), "the map says so: {:?}", moved.lost);
    assert!(!moved.dialect_changes, "Ollama speaks Messages too");
    let translated = preview("chat", &side(&map, 0), &side(&map, 1), &anthropic, NOW);
    assert!(translated.dialect_changes);
    assert!(translated.lost.contains(&Feature::State), "{:?}", translated.lost);
    assert!(!translated.lost.contains(&Feature::Logprobs), "Claude had none to lose: {:?}", translated.lost);
    let chat = TypicalUsage { dialects: vec![Dialect::OpenAiChat], ..anthropic };
    let native = preview("chat", &side(&map, 0), &side(&map, 1), &chat, NOW);
    assert!(!native.dialect_changes, "chat was translated before");
    assert!(native.gained.contains(&Feature::Logprobs), "{:?}", native.gained);
}
