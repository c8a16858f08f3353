//! Cards against `genai-prices` itself, against bills worked out by hand, and what a map says over both.

mod equal;
mod golden;
mod settings;
mod worst;

use serde_json::{Value, json};
use switchyard_domain::map::{self, Format, RoutingMap};

use crate::RateCard;
use crate::calendar::epoch_ms;

/// A map of one route, at a base URL, in a region, or (empty) where its preset lives.
fn one_route(provider: &str, model: &str, place: &str) -> Value {
    let mut route = json!({ "provider": provider, "model": model });
    let mut account = json!({ "project": "p" });
    if place.starts_with("http") {
        route["baseUrl"] = json!(place);
    } else if !place.is_empty() {
        account["region"] = json!(place);
    }
    json!({ "providers": { provider: account }, "hot": [route] })
}

fn proven(document: &Value) -> RoutingMap {
    map::read(&document.to_string(), Format::Json, &|_: &str| None)
        .unwrap_or_else(|faults| panic!("{document}: {faults:#?}"))
}

/// The card of a map's first route.
fn compiled(document: &Value) -> RateCard {
    let map = proven(document);
    RateCard::compile(&map, &map.routes[0])
}

/// `2026-12-01`, or `2026-12-01 13` for an hour of it, as UTC epoch milliseconds.
fn at_ms(text: &str) -> i64 {
    let (date, hour) = text.split_once(' ').unwrap_or((text, "0"));
    epoch_ms(date).unwrap() + hour.parse::<i64>().unwrap() * 3_600_000
}
