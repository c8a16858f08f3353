//! The models of a map whose price nobody knows, each with the text that settles it.

use switchyard_domain::RouteId;
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::money::Rate;

use super::RateCards;
use crate::card::CostBasis;
use crate::category::at;

/// A model of a map whose price nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpriced {
    /// The first route that asks for it.
    pub route: RouteId,
    /// The provider and the model, `google/gemini-3-flash`.
    pub model: String,
    /// Where its assumed price comes from.
    pub assumed_from: String,
    /// The line of the map that settles it, with the assumed rates to be put right: the whole of `prices` where the map has
    /// none, else an entry of it. JSON, which YAML reads too.
    pub line: String,
}

impl RateCards {
    /// The models whose calls are priced by assumption, each once, in the order of the map's routes.
    #[must_use]
    pub fn unpriced(&self, map: &RoutingMap) -> Vec<Unpriced> {
        let mut found: Vec<Unpriced> = Vec::new();
        for (index, route) in map.routes.iter().enumerate() {
            let card = self.card(RouteIx(index));
            if card.basis() != CostBasis::Assumed {
                continue;
            }
            let model = format!("{}/{}", route.provider, route.model);
            if found.iter().any(|known| known.model == model) {
                continue;
            }
            let rates = card.tariff.dearest_of_short_prompts();
            let price = match route.is_local {
                true => "\"free\"".to_owned(),
                false => {
                    let (input, output) = (dollars(rates[at::INPUT]), dollars(rates[at::OUTPUT]));
                    format!("{{ \"input\": {input}, \"output\": {output} }}")
                }
            };
            // A character that means something in a glob is matched by "any one".
            let glob = model.replace(['*', '?', '[', ']', '{', '}', '\\'], "?");
            let entry = format!("{}: {price}", serde_json::Value::from(glob));
            let line = if map.prices.is_empty() { format!("\"prices\": {{ {entry} }}") } else { entry };
            found.push(Unpriced {
                route: route.id.clone(),
                model,
                assumed_from: card.source().to_owned(),
                line,
            });
        }
        found
    }
}

/// Atto-dollars for a token as dollars for a million.
fn dollars(attos: u64) -> String {
    let per_million = Rate::ATTOS_PER_NANO * 1_000;
    let (whole, rest) = (attos / per_million, attos % per_million);
    let digits = format!("{rest:012}");
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() { whole.to_string() } else { format!("{whole}.{digits}") }
}
