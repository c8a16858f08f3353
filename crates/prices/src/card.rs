//! A route's rate card: what each of its calls costs, as integers, without a lock, an allocation or a look into the list.

use std::sync::Arc;

pub use switchyard_domain::CostBasis;
use switchyard_domain::Usd;
use switchyard_domain::money::Rate;
use switchyard_domain::switch_cost::Rates as ListedRates;
use switchyard_domain::usage::{BilledUsage, ServiceTier};

use crate::category::{PROMPT, PerCategory, at, counts};
use crate::geography::GeographyRule;
use crate::tariff::{Rates, Tariff};

/// Millionths of one.
const ONE_PPM: u64 = 1_000_000;

/// What a route's calls cost.
#[derive(Clone, Debug)]
pub struct RateCard {
    pub(crate) kind: Kind,
    pub(crate) tariff: Arc<Tariff>,
    pub(crate) geography: GeographyRule,
    /// What the map multiplies prices with, millionths.
    pub(crate) multiplier_ppm: u32,
    /// False where the map's own rates stand over what the provider says a call cost.
    pub(crate) takes_stated_costs: bool,
}

/// Who pays, and how sure the price is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Known,
    Assumed,
    Free,
    Subscription,
}

/// What a call cost, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// What is owed for it. Zero for [`CostBasis::Free`] and [`CostBasis::Subscription`].
    pub usd: Usd,
    /// How it is known.
    pub basis: CostBasis,
}

/// The most a call can use, for a reservation ahead of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Prompt tokens at most. A request has no more of them than bytes.
    pub input_tokens: u64,
    /// Answer tokens at most, reasoning included.
    pub output_tokens: u64,
    /// The tier that is asked for.
    pub tier: ServiceTier,
    /// True where prompt or answer may have audio, images or video.
    pub has_media: bool,
    /// True where the prompt may be cached for an hour.
    pub caches_an_hour: bool,
    /// Web searches at most.
    pub web_searches: u64,
    /// Searches of stored files at most.
    pub file_searches: u64,
}

impl Bounds {
    /// A request of text in the usual tier.
    #[must_use]
    pub const fn text(input_tokens: u64, output_tokens: u64) -> Self {
        Self {
            input_tokens,
            output_tokens,
            tier: ServiceTier::Standard,
            has_media: false,
            caches_an_hour: false,
            web_searches: 0,
            file_searches: 0,
        }
    }
}

impl RateCard {
    /// What a call cost that began at a point in time, UTC epoch milliseconds. The provider's own figure comes first, unless
    /// the map has rates of its own. Rounded once, to the nano-dollar.
    #[must_use]
    pub fn cost(&self, usage: &BilledUsage, at_utc_ms: i64) -> Cost {
        let known = match self.kind {
            Kind::Free => return Cost { usd: Usd::ZERO, basis: CostBasis::Free },
            Kind::Subscription => return Cost { usd: Usd::ZERO, basis: CostBasis::Subscription },
            Kind::Known if usage.is_estimate => CostBasis::Estimate,
            Kind::Known => CostBasis::Usage,
            Kind::Assumed => CostBasis::Assumed,
        };
        match usage.stated_cost.filter(|_| self.takes_stated_costs) {
            Some(stated) => {
                let nanos = i128::from(stated.nanos()) * i128::from(self.multiplier_ppm) / 1_000_000;
                let usd = Usd::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
                Cost { usd, basis: CostBasis::Provider }
            }
            None => Cost { usd: self.listed_value(usage, at_utc_ms), basis: known },
        }
    }

    /// What the rates make of a usage, whoever pays: for a subscription, what the same tokens would have cost by the list.
    #[must_use]
    pub fn listed_value(&self, usage: &BilledUsage, at_utc_ms: i64) -> Usd {
        let (rates, tier_ppm) = self.tariff.rates(usage.tier, at_utc_ms);
        let tokens = product(&counts(usage), rates.tokens(usage.input_tokens()));
        let calls = calls(rates, usage.web_searches, usage.file_searches);
        self.rounded(tokens, tier_ppm, self.geography.ppm(usage.geography), calls)
    }

    /// The most a call can cost that begins at a point in time, UTC epoch milliseconds: every prompt token at the dearest
    /// of the categories it may fall into, at the dearest time of day and of what holds within a day, at the longest
    /// prompt's step. Zero where nothing is owed.
    #[must_use]
    pub fn worst_case(&self, bounds: &Bounds, at_utc_ms: i64) -> Usd {
        match self.kind {
            Kind::Free | Kind::Subscription => return Usd::ZERO,
            Kind::Known | Kind::Assumed => {}
        }
        let (now, then, tier_ppm) = self.tariff.worst_rates(bounds.tier, at_utc_ms);
        let worst = |rates: &Rates| {
            let (prompt, answer) = dearest(rates.tokens(bounds.input_tokens), bounds);
            let tokens =
                times(bounds.input_tokens, prompt).saturating_add(times(bounds.output_tokens, answer));
            let calls = calls(rates, bounds.web_searches, bounds.file_searches);
            self.rounded(tokens, tier_ppm, self.geography.worst_ppm(), calls)
        };
        worst(now).max(then.map_or(Usd::ZERO, worst))
    }

    /// Prices of a million tokens of a usual prompt at a point in time, UTC epoch milliseconds, whoever pays.
    #[must_use]
    pub fn rates(&self, at_utc_ms: i64) -> ListedRates {
        // Long prompts may have other prices, so a thousand tokens are asked for.
        let a_million = |usage: BilledUsage| self.listed_value(&usage, at_utc_ms).times(1_000);
        let none = BilledUsage::default;
        ListedRates {
            input_nano_usd: a_million(BilledUsage { input: 1_000, ..none() }),
            output_nano_usd: a_million(BilledUsage { output: 1_000, ..none() }),
            cached_input_nano_usd: a_million(BilledUsage { cache_read: 1_000, ..none() }),
            cache_write_nano_usd: a_million(BilledUsage { cache_write_5m: 1_000, ..none() }),
        }
    }

    /// How a cost of reported usage is known: [`CostBasis::Usage`] or one of the kinds of prices.
    #[must_use]
    pub const fn basis(&self) -> CostBasis {
        match self.kind {
            Kind::Known => CostBasis::Usage,
            Kind::Assumed => CostBasis::Assumed,
            Kind::Free => CostBasis::Free,
            Kind::Subscription => CostBasis::Subscription,
        }
    }

    /// Where the rates come from: the list's `vendor/model`, or in words.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.tariff.source
    }

    /// Atto-dollars of tokens and calls with their factors, as dollars.
    fn rounded(&self, tokens: u128, tier_ppm: u32, geography_ppm: u32, calls: u128) -> Usd {
        let multiplier = u64::from(self.multiplier_ppm);
        // Exact for the factors there are: each has three decimals at most.
        let factor = u64::from(tier_ppm) * u64::from(geography_ppm) / ONE_PPM * multiplier / ONE_PPM;
        let total = tokens
            .saturating_mul(u128::from(factor))
            .saturating_add(calls.saturating_mul(u128::from(multiplier)))
            .saturating_add(u128::from(PER_NANO / 2));
        Usd::from_nanos(i64::try_from(nanos(total)).unwrap_or(i64::MAX))
    }
}

/// Atto-dollars in millionths, of one nano-dollar: 10¹⁵, which is 2¹⁵ times 5¹⁵.
const PER_NANO: u64 = Rate::ATTOS_PER_NANO * ONE_PPM;

/// Whole nano-dollars. Up to about half a dollar, which most calls are below, one word is divided and not two.
fn nanos(total: u128) -> u128 {
    let (halved, divisor) = (total >> 15, PER_NANO >> 15);
    match u64::try_from(halved) {
        Ok(small) => u128::from(small / divisor),
        Err(_) => halved / u128::from(divisor),
    }
}

/// No count is larger, so that a sum over all categories fits.
const MOST_COUNTED: u64 = 1 << 59;

fn product(counts: &PerCategory, rates: &PerCategory) -> u128 {
    counts.iter().zip(rates).map(|(count, rate)| times((*count).min(MOST_COUNTED), *rate)).sum()
}

fn calls(rates: &Rates, web_searches: u64, file_searches: u64) -> u128 {
    u128::from(rates.request)
        .saturating_add(times(web_searches, rates.web_search))
        .saturating_add(times(file_searches, rates.file_search))
}

fn times(count: u64, rate: u64) -> u128 {
    u128::from(count) * u128::from(rate)
}

/// The dearest rate of a prompt's token and of an answer's, of the categories that are possible.
fn dearest(rates: &PerCategory, bounds: &Bounds) -> (u64, u64) {
    let most = |rates: &[u64]| rates.iter().copied().max().unwrap_or(0);
    let (prompt, answer) = if bounds.has_media {
        (most(&rates[PROMPT.start..at::CACHE_WRITE_1H]), most(&rates[PROMPT.end..]))
    } else {
        let text = [rates[at::INPUT], rates[at::CACHE_READ], rates[at::CACHE_WRITE_5M]];
        (most(&text), rates[at::OUTPUT].max(rates[at::REASONING]))
    };
    let hour = if bounds.caches_an_hour { rates[at::CACHE_WRITE_1H] } else { 0 };
    (prompt.max(hour), answer)
}
