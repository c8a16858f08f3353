//! What the routes of a map charge.

use std::sync::Arc;

use switchyard_domain::api::RoutePrice;
use switchyard_domain::map::{Route, RouteIx, RoutingMap};
use switchyard_prices::{RateCard, RateCards};

/// The prices of a map's routes, and their names as the ledger has them.
#[derive(Debug)]
pub(crate) struct Priced {
    cards: RateCards,
    /// Provider and model, by [`RouteIx`].
    pub(super) names: Vec<(Arc<str>, Arc<str>)>,
}

impl Priced {
    /// Compiles the rate cards of a map: milliseconds, and the memory of the largest vendor's price list meanwhile.
    pub(crate) fn of(map: &RoutingMap) -> Self {
        let names = |route: &Route| (Arc::from(route.provider.as_str()), Arc::from(route.model.as_str()));
        Self { cards: RateCards::compile(map), names: map.routes.iter().map(names).collect() }
    }

    /// What each route of the map charges, for people.
    pub(crate) fn list(&self, map: &RoutingMap, at_ms: i64) -> Vec<RoutePrice> {
        let unpriced = self.cards.unpriced(map);
        let price = |(index, route): (usize, &Route)| {
            let card = self.card(RouteIx(index));
            RoutePrice {
                route: route.id.clone(),
                basis: card.basis(),
                source: card.source().to_owned(),
                rates: card.rates(at_ms),
                fix: unpriced.iter().find(|one| one.route == route.id).map(|one| one.line.clone()),
            }
        };
        map.routes.iter().enumerate().map(price).collect()
    }

    /// The rate card of a route.
    pub(crate) fn card(&self, route: RouteIx) -> &RateCard {
        self.cards.card(route)
    }
}
