//! Prices a map sets itself, over what the price list says.

use globset::GlobMatcher;

use super::proven::{Route, RoutingMap};
use crate::money::Rate;

/// What a map says a model costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceSetting {
    /// Nothing is charged.
    Free,
    /// These rates, whatever the list says: in every tier, at any time, for a prompt of any length.
    Rates(TokenRates),
    /// So many times what it would cost without this setting, in millionths: 1,100,000 is ten percent more.
    Multiplier(u32),
}

/// Rates for one token each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRates {
    /// Prompt tokens.
    pub input: Rate,
    /// Answer tokens.
    pub output: Rate,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: Rate,
    /// Prompt tokens written to the provider's cache.
    pub cache_write: Rate,
    /// Prompt tokens written to the provider's cache for an hour.
    pub cache_write_1h: Rate,
}

/// One entry of `prices`.
#[derive(Clone, Debug)]
pub struct PriceRule {
    /// The glob as written.
    pub pattern: String,
    pub(super) glob: GlobMatcher,
    /// What the models it matches cost.
    pub setting: PriceSetting,
}

impl PriceRule {
    /// True where the glob matches `provider/model` or the model's name, as the map has it or as it is sent upstream.
    #[must_use]
    pub fn matches(&self, route: &Route) -> bool {
        [&route.model, &route.upstream_model].into_iter().any(|model| {
            self.glob.is_match(model) || self.glob.is_match(format!("{}/{model}", route.provider))
        })
    }
}

impl RoutingMap {
    /// What the map says a route costs: the route's own price, else that of the first rule that matches it.
    #[must_use]
    pub fn price_setting(&self, route: &Route) -> Option<PriceSetting> {
        let by_rule = || self.prices.iter().find(|rule| rule.matches(route)).map(|rule| rule.setting);
        route.price.or_else(by_rule)
    }
}
