//! Bills worked out by hand: usage as documented, rates as listed, and what that comes to.

mod clouds;
mod makers;

use serde_json::json;
use switchyard_domain::Usd;
use switchyard_domain::map::{RouteIx, RoutingMap, preset};
use switchyard_domain::usage::BilledUsage;

use super::{at_ms, one_route, proven};
use crate::{CostBasis, RateCards};

const NONE: BilledUsage = BilledUsage {
    input: 0,
    input_audio: 0,
    input_image: 0,
    input_video: 0,
    cache_read: 0,
    cache_read_audio: 0,
    cache_read_image: 0,
    cache_write_5m: 0,
    cache_write_1h: 0,
    output: 0,
    reasoning: 0,
    output_audio: 0,
    output_image: 0,
    web_searches: 0,
    file_searches: 0,
    tier: switchyard_domain::usage::ServiceTier::Standard,
    geography: switchyard_domain::usage::Geography::Unsaid,
    stated_cost: None,
    model: None,
    is_estimate: false,
    odd_usage: false,
};

const NOW: &str = "2026-11-15";

struct Bill {
    provider: &'static str,
    model: &'static str,
    /// A base URL, a region, or empty for the preset's own.
    place: &'static str,
    /// A date (UTC), with the hour behind it where it matters.
    at: &'static str,
    usage: BilledUsage,
    usd: &'static str,
}

fn bill(
    provider: &'static str,
    model: &'static str,
    place: &'static str,
    at: &'static str,
    usage: BilledUsage,
    usd: &'static str,
) -> Bill {
    Bill { provider, model, place, at, usage, usd }
}

/// All bills' routes in one map, so that each vendor's part of the list is read once.
fn cards(bills: &[Bill]) -> (RoutingMap, RateCards) {
    let (mut providers, mut hot) = (serde_json::Map::new(), Vec::new());
    for (index, bill) in bills.iter().enumerate() {
        let one = one_route(bill.provider, bill.model, bill.place);
        let (mut account, mut route) = (one["providers"][bill.provider].clone(), one["hot"][0].clone());
        let name = format!("account-{index}");
        if preset(bill.provider).is_some() {
            account["kind"] = json!(bill.provider);
        }
        route["provider"] = json!(name);
        providers.insert(name, account);
        hot.push(route);
    }
    let map = proven(&json!({ "providers": providers, "hot": hot }));
    let cards = RateCards::compile(&map);
    (map, cards)
}

#[test]
fn bills_come_out_as_worked_out_by_hand() {
    let bills: Vec<Bill> = makers::bills().into_iter().chain(clouds::bills()).collect();
    assert!(bills.len() >= 60, "only {}", bills.len());
    let (map, cards) = cards(&bills);
    let mut wrong = Vec::new();
    for (index, bill) in bills.iter().enumerate() {
        let Bill { provider, model, place, at, .. } = bill;
        assert_eq!(map.routes[index].model, *model);
        let card = cards.card(RouteIx(index));
        let cost = card.cost(&bill.usage, at_ms(at));
        let expected = Usd::from_dollars(bill.usd.parse().unwrap()).unwrap();
        let basis = if bill.usage.stated_cost.is_some() { CostBasis::Provider } else { CostBasis::Usage };
        if (cost.usd, cost.basis) != (expected, basis) {
            let source = card.source();
            wrong.push(format!(
                "{provider}/{model} {place} {at}: {cost:?}, by hand {expected:?}, of {source}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
