//! A rate card for each route of a map, compiled when the map is applied: one vendor's part of the list at a time.

mod unpriced;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use switchyard_domain::map::{Auth, Preset, PriceSetting, Route, RouteIx, RoutingMap, TokenRates};

use crate::card::{Kind, RateCard};
use crate::category::PerCategory;
use crate::geography::GeographyRule;
use crate::list::{Excerpt, vendor_at};
use crate::price::{names, vendor as vendor_of_preset};
use crate::tariff::{Rates, Tariff};
use crate::unlisted::{Tools, assumed_rates};

pub use unpriced::Unpriced;

/// The rate cards of a map.
#[derive(Clone, Debug)]
pub struct RateCards {
    cards: Box<[RateCard]>,
}

impl RateCards {
    /// Compiles a card for each route. Takes milliseconds and, while it runs, the memory of the largest vendor's part of
    /// the list: it is for when a map is applied, not for requests.
    #[must_use]
    pub fn compile(map: &RoutingMap) -> Self {
        let mut addresses = HashMap::new();
        let mut by_vendor: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
        for (index, route) in map.routes.iter().enumerate() {
            by_vendor.entry(vendor(map, route, &mut addresses)).or_default().push(index);
        }
        let mut cards: Vec<Option<RateCard>> = vec![None; map.routes.len()];
        for (vendor, routes) in by_vendor {
            let mut tariffs = Tariffs::of(vendor);
            for index in routes {
                let route = &map.routes[index];
                cards[index] = Some(tariffs.card(map, route, &names(route, tariffs.vendor())));
            }
        }
        Self { cards: cards.into_iter().flatten().collect() }
    }

    /// The card of a route.
    ///
    /// # Panics
    /// If the index is of another map.
    #[must_use]
    pub fn card(&self, ix: RouteIx) -> &RateCard {
        &self.cards[ix.0]
    }
}

impl RateCard {
    /// Compiles the card of one route. Reads its vendor's part of the list: for many routes, [`RateCards::compile`] does it
    /// once.
    #[must_use]
    pub fn compile(map: &RoutingMap, route: &Route) -> Self {
        let mut tariffs = Tariffs::of(vendor(map, route, &mut HashMap::new()));
        let names = names(route, tariffs.vendor());
        tariffs.card(map, route, &names)
    }

    /// Compiles the card of a route for the model that answered, where that is another one than was asked for: behind a
    /// deployment's name (Azure), a router of models, or a fallback of the provider's. `None` where the list doesn't know
    /// it; the route's own card stands then.
    #[must_use]
    pub fn compile_for_answer(map: &RoutingMap, route: &Route, model: &str) -> Option<Self> {
        let mut tariffs = Tariffs::of(vendor(map, route, &mut HashMap::new()));
        let names = [model.to_owned()];
        tariffs.listed(&names)?;
        Some(tariffs.card(map, route, &names))
    }
}

/// Who bills a route, by the list's name: whoever lives at its address, else the vendor its provider is named for. One
/// behind a gateway on this machine is priced as itself.
fn vendor(map: &RoutingMap, route: &Route, known: &mut HashMap<String, Option<String>>) -> Option<String> {
    let named = preset(map, route).and_then(|preset| vendor_of_preset(preset.name)).map(str::to_owned);
    if route.is_local {
        return named;
    }
    let address = route.base_url.as_str();
    let at = known.entry(address.to_owned()).or_insert_with(|| vendor_at(address));
    at.clone().or(named)
}

fn preset(map: &RoutingMap, route: &Route) -> Option<&'static Preset> {
    map.providers.get(&route.provider).and_then(|provider| provider.preset)
}

/// One vendor's tariffs, each compiled once.
struct Tariffs {
    vendor: Option<String>,
    /// Read when it is first asked for something.
    excerpt: Option<Option<Excerpt>>,
    known: HashMap<Vec<String>, Option<Arc<Tariff>>>,
    assumed: Option<Arc<Tariff>>,
}

impl Tariffs {
    fn of(vendor: Option<String>) -> Self {
        Self { vendor, excerpt: None, known: HashMap::new(), assumed: None }
    }

    fn vendor(&self) -> Option<&str> {
        self.vendor.as_deref()
    }

    fn card(&mut self, map: &RoutingMap, route: &Route, names: &[String]) -> RateCard {
        let setting = map.price_setting(route);
        let multiplier_ppm = match setting {
            Some(PriceSetting::Multiplier(ppm)) => ppm,
            Some(PriceSetting::Free | PriceSetting::Rates(_)) | None => 1_000_000,
        };
        if let Some(PriceSetting::Rates(rates)) = setting {
            let tariff = Arc::new(self.flat("the map", per_category(rates)));
            return plain(Kind::Known, tariff);
        }
        let free = Arc::new(Tariff::flat("free", Rates::default()));
        if setting == Some(PriceSetting::Free) {
            return plain(Kind::Free, free);
        }
        if preset(map, route).is_some_and(|preset| preset.runs_models) {
            return plain(Kind::Free, free);
        }
        let listed = self.listed(names);
        let (kind, tariff) = match listed {
            _ if route.auth == Auth::Passthrough => {
                (Kind::Subscription, listed.unwrap_or_else(|| self.assumed()))
            }
            Some(listed) => (Kind::Known, listed),
            None => (Kind::Assumed, self.assumed()),
        };
        let geography = match self.vendor() {
            Some(vendor) => GeographyRule::of(vendor, &tariff.source, route),
            None => GeographyRule::NONE,
        };
        RateCard { kind, tariff, geography, multiplier_ppm, takes_stated_costs: true }
    }

    /// The tariff of the first of a model's names that the list knows.
    fn listed(&mut self, names: &[String]) -> Option<Arc<Tariff>> {
        if let Some(known) = self.known.get(names) {
            return known.clone();
        }
        let tariff = self.excerpt().and_then(|excerpt| excerpt.tariff(names)).map(Arc::new);
        let same = tariff.as_ref().and_then(|tariff| {
            self.known.values().flatten().find(|known| known.source == tariff.source).cloned()
        });
        let tariff = same.or(tariff);
        self.known.insert(names.to_vec(), tariff.clone());
        tariff
    }

    /// What a model that nobody knows is taken for: in each category the vendor's dearest model that chats.
    fn assumed(&mut self) -> Arc<Tariff> {
        if let Some(assumed) = &self.assumed {
            return assumed.clone();
        }
        let dearest = self.excerpt().and_then(Excerpt::dearest);
        let source = match (&self.vendor, dearest) {
            (Some(vendor), Some(_)) => format!("the dearest of {vendor}"),
            (Some(_) | None, _) => "no list".to_owned(),
        };
        let assumed = Arc::new(self.flat(&source, dearest.unwrap_or_else(assumed_rates)));
        self.assumed = Some(assumed.clone());
        assumed
    }

    fn flat(&self, source: &str, tokens: PerCategory) -> Tariff {
        let Tools { web_search, file_search } = Tools::usual(self.vendor().unwrap_or_default());
        Tariff::flat(source, Rates { web_search, file_search, ..Rates::flat(tokens) })
    }

    fn excerpt(&mut self) -> Option<&Excerpt> {
        let vendor = self.vendor.as_deref();
        self.excerpt.get_or_insert_with(|| Excerpt::of_vendor(vendor?)).as_ref()
    }
}

/// A card that the list and the provider's own figures have no say in.
fn plain(kind: Kind, tariff: Arc<Tariff>) -> RateCard {
    let geography = GeographyRule::NONE;
    RateCard { kind, tariff, geography, multiplier_ppm: 1_000_000, takes_stated_costs: false }
}

fn per_category(rates: TokenRates) -> PerCategory {
    let TokenRates { input, output, cache_read, cache_write, cache_write_1h } = rates;
    let [input, output, cache_read, cache_write, cache_write_1h] =
        [input, output, cache_read, cache_write, cache_write_1h].map(switchyard_domain::money::Rate::attos);
    [
        input,
        input,
        input,
        input,
        cache_read,
        cache_read,
        cache_read,
        cache_write,
        cache_write_1h,
        output,
        output,
        output,
        output,
    ]
}
