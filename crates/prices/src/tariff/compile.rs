//! The list's text of a model -> its tariff. Which prices hold is decided as `genai-prices` does: of dated and timed
//! prices the last that holds, then over them of each key the first variant that holds.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use switchyard_domain::usage::ServiceTier;

use super::{Rates, STANDARD_PPM, Tariff};
use crate::calendar::Constraint;
use crate::category::{ListedPrices, call_rate, token_rates};
use crate::unlisted::{Tools, tier_ppm};

/// A model's entry in the list.
#[derive(Debug, Deserialize)]
pub(crate) struct ListedModel<'a> {
    #[serde(borrow)]
    pub(crate) id: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    prices: Option<&'a RawValue>,
    #[serde(borrow, default)]
    price_variants: Option<&'a RawValue>,
}

/// Prices that hold at some times.
#[derive(Debug, Deserialize)]
struct Conditional {
    #[serde(default)]
    constraint: Option<Constraint>,
    prices: ListedPrices,
}

/// Prices of a tier, over the standard ones.
#[derive(Debug, Deserialize)]
struct Variant {
    when: BTreeMap<String, String>,
    prices: ListedPrices,
    #[serde(default)]
    constraint: Option<Constraint>,
}

/// What a model's entry says of prices.
struct Entry {
    standard: Vec<Conditional>,
    variants: Vec<Variant>,
}

impl ListedModel<'_> {
    /// Compiles the entry. Variants are the vendor's own: one that resells the model (`is_resold`) has its standard
    /// prices alone. `None` for an entry that can't be read or has no price for prompt tokens at some time, which is no
    /// statement that they are free, unless its name says so.
    pub(crate) fn tariff(&self, vendor: &str, is_resold: bool) -> Option<Tariff> {
        let entry = self.entry(is_resold)?;
        let is_priced = entry.standard.iter().all(|part| part.prices.contains_key("input_mtok"));
        // OpenRouter's name for models that are given away; the list has them without prices.
        (is_priced || self.id.ends_with(":free")).then(|| entry.tariff(vendor, &self.id))
    }

    fn entry(&self, is_resold: bool) -> Option<Entry> {
        let prices = self.prices?.get();
        let standard = match prices.starts_with('[') {
            true => serde_json::from_str(prices).ok()?,
            false => vec![Conditional { constraint: None, prices: serde_json::from_str(prices).ok()? }],
        };
        let variants = match self.price_variants.filter(|_| !is_resold) {
            Some(variants) => serde_json::from_str(variants.get()).ok()?,
            None => Vec::new(),
        };
        Some(Entry { standard, variants })
    }
}

impl Entry {
    fn tariff(&self, vendor: &str, model: &str) -> Tariff {
        let (dates_ms, times_ms) = self.changes();
        let tools = Tools::usual(vendor);
        let mut sets: Vec<Rates> = Vec::new();
        let mut place = |rates: Rates| {
            let known = sets.iter().position(|set| *set == rates);
            let index = known.unwrap_or_else(|| {
                sets.push(rates);
                sets.len() - 1
            });
            u16::try_from(index).unwrap_or(u16::MAX)
        };
        let (mut table, mut dearest) = (Vec::new(), Vec::new());
        for tier in ServiceTier::ALL {
            for date in &dates_ms {
                let day: Vec<Rates> =
                    times_ms.iter().map(|time| rates(&self.at(tier, *date, *time), tools)).collect();
                let dearest_of_day = day.iter().fold(Rates::default(), |most, rates| most.dearest(rates));
                table.extend(day.into_iter().map(&mut place));
                dearest.push(place(dearest_of_day));
            }
        }
        Tariff {
            source: format!("{vendor}/{model}").into(),
            dates_ms: dates_ms.into(),
            times_ms: times_ms.into(),
            table: table.into(),
            dearest: dearest.into(),
            sets: sets.into(),
            tiers_ppm: ServiceTier::ALL.map(|tier| match self.has(tier) {
                true => STANDARD_PPM,
                false => tier_ppm(vendor, model, tier),
            }),
        }
    }

    /// When prices change: the dates, and the times of each day.
    fn changes(&self) -> (Vec<i64>, Vec<i64>) {
        let constraints = || {
            let standard = self.standard.iter().filter_map(|part| part.constraint.as_ref());
            standard.chain(self.variants.iter().filter_map(|part| part.constraint.as_ref()))
        };
        let mut dates: Vec<i64> = constraints().filter_map(Constraint::since_ms).chain([i64::MIN]).collect();
        let times = constraints().filter_map(Constraint::hours).flat_map(|(start, end)| [start, end]);
        let mut times: Vec<i64> = times.chain([0]).collect();
        for changes in [&mut dates, &mut times] {
            changes.sort_unstable();
            changes.dedup();
        }
        (dates, times)
    }

    /// The prices of a tier at a date and a time of day, milliseconds.
    fn at(&self, tier: ServiceTier, date_ms: i64, time_ms: i64) -> ListedPrices {
        let holds = |constraint: &Option<Constraint>| {
            constraint.as_ref().is_none_or(|constraint| constraint.holds(date_ms, time_ms))
        };
        let standard = self.standard.iter().rev().find(|part| holds(&part.constraint));
        let mut prices =
            standard.or_else(|| self.standard.first()).map(|part| part.prices.clone()).unwrap_or_default();
        let mut over = ListedPrices::new();
        for variant in
            self.variants.iter().filter(|variant| variant.is_of(tier) && holds(&variant.constraint))
        {
            for (key, price) in &variant.prices {
                over.entry(key.clone()).or_insert_with(|| price.clone());
            }
        }
        prices.extend(over);
        prices
    }

    /// True where the list has prices of the tier's own.
    fn has(&self, tier: ServiceTier) -> bool {
        tier == ServiceTier::Standard || self.variants.iter().any(|variant| variant.is_of(tier))
    }
}

impl Variant {
    fn is_of(&self, tier: ServiceTier) -> bool {
        let (key, value) = context(tier);
        self.when.len() == 1 && self.when.get(key).is_some_and(|wanted| wanted == value)
    }
}

/// A tier in the list's words.
pub(crate) const fn context(tier: ServiceTier) -> (&'static str, &'static str) {
    match tier {
        ServiceTier::Standard => ("service_tier", "default"),
        ServiceTier::Flex => ("service_tier", "flex"),
        ServiceTier::Batch => ("processing", "batch"),
        ServiceTier::Priority => ("service_tier", "priority"),
        ServiceTier::Fast => ("service_tier", "fast"),
    }
}

/// A tariff's integers of the list's prices; calls without one cost what the vendor usually takes.
fn rates(prices: &ListedPrices, tools: Tools) -> Rates {
    let mut above: Vec<u64> = prices.values().flat_map(|price| price.steps().collect::<Vec<_>>()).collect();
    above.sort_unstable();
    above.dedup();
    let steps = above.into_iter().map(|above| (above, token_rates(prices, Some(above))));
    Rates {
        steps: std::iter::once((0, token_rates(prices, None))).chain(steps).collect(),
        request: call_rate(prices, "requests_kcount").unwrap_or(0),
        web_search: call_rate(prices, "web_searches_kcount").unwrap_or(tools.web_search),
        file_search: call_rate(prices, "storage_searches_kcount").unwrap_or(tools.file_search),
    }
}
