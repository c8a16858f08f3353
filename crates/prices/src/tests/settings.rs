//! What a map says of prices, over the list.

use serde_json::{Value, json};
use switchyard_domain::Usd;
use switchyard_domain::map::RouteIx;
use switchyard_domain::usage::BilledUsage;

use super::{at_ms, compiled, one_route, proven};
use crate::{Bounds, Cost, CostBasis, RateCard, RateCards};

const A_MILLION: u64 = 1_000_000;

fn now() -> i64 {
    at_ms("2026-11-15")
}

fn usage() -> BilledUsage {
    BilledUsage { input: A_MILLION, output: A_MILLION, ..BilledUsage::default() }
}

fn cost(document: &Value) -> Cost {
    compiled(document).cost(&usage(), now())
}

fn dollars(amount: &str, basis: CostBasis) -> Cost {
    Cost { usd: Usd::from_dollars(amount.parse().unwrap()).unwrap(), basis }
}

fn with(mut document: Value, key: &str, value: Value) -> Value {
    document[key] = value;
    document
}

fn priced(mut document: Value, price: Value) -> Value {
    document["hot"][0]["price"] = price;
    document
}

#[test]
fn a_rule_beats_the_list_and_a_routes_own_price_the_rule() {
    let gpt = || one_route("openai", "gpt-4o", "");
    assert_eq!(cost(&gpt()), dollars("12.5", CostBasis::Usage));
    let ruled = with(gpt(), "prices", json!({ "openai/*": { "input": 1, "output": 2 } }));
    assert_eq!(cost(&ruled), dollars("3", CostBasis::Usage));
    assert_eq!(
        cost(&priced(ruled.clone(), json!({ "multiplier": 1.1 }))),
        dollars("13.75", CostBasis::Usage)
    );
    assert_eq!(cost(&priced(ruled, json!("free"))), dollars("0", CostBasis::Free));
}

#[test]
fn rates_of_the_map_hold_for_every_category_and_beat_the_providers_figure() {
    let rates = json!({ "input": 1, "output": 2, "cacheRead": 0.1, "cacheWrite": 1.25, "cacheWrite1h": 2.5 });
    let card = compiled(&priced(one_route("openrouter", "openai/gpt-4o", ""), rates));
    let usage = BilledUsage {
        input: 10,
        input_audio: 10,
        cache_read: 100,
        cache_read_image: 100,
        cache_write_5m: 8,
        cache_write_1h: 4,
        output: 5,
        reasoning: 5,
        stated_cost: Some(Usd::from_nanos(1)),
        ..BilledUsage::default()
    };
    // 20 x 1 + 200 x 0.1 + 8 x 1.25 + 4 x 2.5 + 10 x 2 = 80 USD per million.
    assert_eq!(card.cost(&usage, now()), dollars("0.00008", CostBasis::Usage));
}

#[test]
fn a_multiplier_works_on_whatever_the_price_is() {
    let by = |document: Value| priced(document, json!({ "multiplier": 1.0825 }));
    // 10 and 45 beyond its step, 1.1 for its host, and the map's on top.
    let residency = by(one_route("openai", "gpt-5.5", "https://eu.api.openai.com/v1"));
    assert_eq!(cost(&residency), dollars("65.49125", CostBasis::Usage));
    let stated = BilledUsage { stated_cost: Some(Usd::from_nanos(2_000_000)), ..usage() };
    let router = compiled(&by(one_route("openrouter", "openai/gpt-4o", "")));
    assert_eq!(router.cost(&stated, now()), dollars("0.002165", CostBasis::Provider));
    assert_eq!(cost(&by(one_route("ollama", "llama3", ""))), dollars("0", CostBasis::Free));
    let searches = BilledUsage { web_searches: 1_000, ..BilledUsage::default() };
    let anthropic = compiled(&by(one_route("anthropic", "claude-opus-4-6", "")));
    assert_eq!(anthropic.cost(&searches, now()), dollars("10.825", CostBasis::Usage));
}

#[test]
fn free_by_themselves_are_only_those_that_run_models() {
    for (provider, model, place, basis) in [
        ("ollama", "llama3", "", CostBasis::Free),
        ("lm-studio", "qwen", "http://192.168.1.5:1234/v1", CostBasis::Free),
        ("openai", "gpt-4o", "http://127.0.0.1:8080/v1", CostBasis::Usage),
        ("anthropic", "sonnet-4.6", "http://localhost:4000", CostBasis::Usage),
        ("mine", "llama3", "http://127.0.0.1:8080/v1", CostBasis::Assumed),
        ("mine", "gpt-4o", "https://llm.example.com/v1", CostBasis::Assumed),
        ("mine", "gpt-4o", "https://api.openai.com/v1", CostBasis::Usage),
    ] {
        assert_eq!(cost(&one_route(provider, model, place)).basis, basis, "{provider} {place}");
    }
}

#[test]
fn whoever_lives_at_the_address_bills() {
    let card = compiled(&one_route("anthropic", "deepseek-v4-pro", "https://api.deepseek.com/anthropic"));
    assert_eq!(card.source(), "deepseek/deepseek-v4-pro");
}

#[test]
fn an_unknown_price_is_assumed_dear_and_said_to_be() {
    // GPT-4.5 and o1-pro are the dearest there: 150 and 600 USD.
    assert_eq!(cost(&one_route("openai", "gpt-of-next-year", "")), dollars("750", CostBasis::Assumed));
    assert_eq!(
        cost(&one_route("mine", "m", "https://llm.example.com/v1")),
        dollars("60", CostBasis::Assumed)
    );
    // The list has it without a price, which doesn't say that it is free.
    let unpriced = cost(&one_route("google", "gemma-3", ""));
    assert!(unpriced.basis == CostBasis::Assumed && unpriced.usd > Usd::ZERO, "{unpriced:?}");
    let free = cost(&one_route("openrouter", "agentica-org/deepcoder-14b-preview:free", ""));
    assert_eq!(free, dollars("0", CostBasis::Usage));
    let estimate = BilledUsage { is_estimate: true, ..usage() };
    let known = compiled(&one_route("openai", "gpt-4o", ""));
    assert_eq!(known.cost(&estimate, now()).basis, CostBasis::Estimate);
}

#[test]
fn a_subscription_is_metered_apart() {
    let mut own = one_route("anthropic", "claude-opus-4-6", "");
    own["hot"][0]["auth"] = json!("passthrough");
    let card = compiled(&own);
    assert_eq!(card.cost(&usage(), now()), dollars("0", CostBasis::Subscription));
    assert_eq!(card.listed_value(&usage(), now()), Usd::from_dollars(30.0).unwrap());
    assert_eq!(card.worst_case(&Bounds::text(A_MILLION, A_MILLION), now()), Usd::ZERO);
    // Whoever writes a price for it pays by the token.
    let paid = compiled(&priced(own, json!({ "input": 1, "output": 2 })));
    assert_eq!(paid.cost(&usage(), now()), dollars("3", CostBasis::Usage));
}

#[test]
fn the_model_that_answered_is_priced_where_a_deployment_hides_it() {
    let map = proven(&one_route("azure", "my-deployment", "https://me.openai.azure.com"));
    let route = &map.routes[0];
    assert_eq!(RateCard::compile(&map, route).basis(), CostBasis::Assumed);
    let card = RateCard::compile_for_answer(&map, route, "gpt-4o-2024-08-06").unwrap();
    assert_eq!(card.cost(&usage(), now()), dollars("12.5", CostBasis::Usage));
    assert!(RateCard::compile_for_answer(&map, route, "nobody-knows-it").is_none());
}

/// The smallest map there is, whose last model the list doesn't know.
fn seed() -> Value {
    json!({
        "hot": [
            { "provider": "anthropic", "model": "sonnet-4.6" },
            { "provider": "anthropic", "model": "haiku-4.5" }
        ],
        "warm": [
            { "provider": "openai", "model": "gpt-4o-mini" },
            { "provider": "google", "model": "gemini-3-flash",
              "baseUrl": "https://generativelanguage.googleapis.com/v1beta/openai/" }
        ],
        "cold": { "mode": "graceful_degrade", "queue": "ai-tasks", "notify": [] }
    })
}

#[test]
fn the_line_that_is_proposed_for_an_unknown_model_settles_it() {
    let map = proven(&seed());
    let found = RateCards::compile(&map).unpriced(&map);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].model, "google/gemini-3-flash");
    assert_eq!(found[0].assumed_from, "the dearest of google");
    assert_eq!(found[0].line, r#""prices": { "google/gemini-3-flash": { "input": 15, "output": 75 } }"#);

    let settled = format!("{{ {}, {}", found[0].line, &seed().to_string()[1..]);
    let map = proven(&serde_json::from_str(&settled).unwrap());
    let cards = RateCards::compile(&map);
    assert_eq!(cards.unpriced(&map), []);
    assert_eq!(cards.card(RouteIx(3)).cost(&usage(), now()), dollars("90", CostBasis::Usage));
}

#[test]
fn a_map_with_prices_gets_an_entry_and_a_model_here_is_proposed_free() {
    let here = json!({ "provider": "mine", "model": "odd[name]*", "baseUrl": "http://127.0.0.1:9/v1" });
    let document = json!({
        "hot": [here.clone(), { "provider": "mine", "model": "odd[name]*", "baseUrl": "http://127.0.0.1:8/v1" }],
        "prices": { "gpt-4o": "free" }
    });
    let map = proven(&document);
    let found = RateCards::compile(&map).unpriced(&map);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].line, r#""mine/odd?name??": "free""#);
    let (key, price) = found[0].line.split_once(": ").unwrap();
    let mut settled = document;
    settled["prices"][serde_json::from_str::<String>(key).unwrap()] = serde_json::from_str(price).unwrap();
    let map = proven(&settled);
    assert_eq!(RateCards::compile(&map).unpriced(&map), []);
}

#[test]
fn the_cards_of_a_map_are_those_of_its_routes_and_share_tariffs() {
    let map = proven(&seed());
    let cards = RateCards::compile(&map);
    for (index, route) in map.routes.iter().enumerate() {
        let (shared, alone) = (cards.card(RouteIx(index)), RateCard::compile(&map, route));
        assert_eq!(shared.source(), alone.source());
        assert_eq!(shared.cost(&usage(), now()), alone.cost(&usage(), now()));
    }
    let twice = json!({ "hot": [
        { "provider": "anthropic", "model": "sonnet-4.6", "id": "a" },
        { "provider": "anthropic", "model": "claude-sonnet-4-6", "id": "b" }
    ] });
    let map = proven(&twice);
    let cards = RateCards::compile(&map);
    let [first, second] = [0, 1].map(|index| &cards.card(RouteIx(index)).tariff);
    assert!(std::sync::Arc::ptr_eq(first, second));
}
