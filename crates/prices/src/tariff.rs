//! A model's prices as integers: what a token of each category costs, by tier, date, time of day and length of prompt.
//!
//! Everything that text and dates decide is decided when it is compiled; finding the rates of a call is two short
//! searches and an index.

mod compile;

use std::sync::Arc;

use switchyard_domain::usage::ServiceTier;

use crate::calendar::DAY_MS;
use crate::category::{CATEGORIES, PerCategory};

pub(crate) use compile::ListedModel;
#[cfg(test)]
pub(crate) use compile::context;

/// A price that changes within so long after a call began may be the one it is billed at, milliseconds.
const MAY_CHANGE_WITHIN_MS: i64 = DAY_MS;

/// A tier's part of the standard price where the list has none of its own: the standard price itself, millionths.
const STANDARD_PPM: u32 = 1_000_000;

/// The prices of one model.
#[derive(Debug)]
pub(crate) struct Tariff {
    /// The list's names of vendor and model, `openai/gpt-4o`, or where the rates come from.
    pub(crate) source: Arc<str>,
    /// When prices change, UTC epoch milliseconds, ascending; the first holds from the beginning of time.
    dates_ms: Box<[i64]>,
    /// When prices change within each day, milliseconds since midnight UTC, ascending from 0.
    times_ms: Box<[i64]>,
    /// The rates in [`Tariff::sets`] by tier, date and time of day.
    table: Box<[u16]>,
    /// The dearest of a day by tier and date.
    dearest: Box<[u16]>,
    sets: Box<[Rates]>,
    /// What a tier's tokens are multiplied with, millionths: the standard's rates stand in where the list has none.
    tiers_ppm: [u32; ServiceTier::ALL.len()],
}

/// Atto-dollars for each thing that is charged for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    /// For a token of each category, by the length of the prompt: from more tokens than this on, ascending; the first is
    /// for a prompt of any length. The whole request is billed at one of them.
    pub(crate) steps: Box<[(u64, PerCategory)]>,
    /// For a request, whatever is in it.
    pub(crate) request: u64,
    /// For a web search.
    pub(crate) web_search: u64,
    /// For a search of stored files.
    pub(crate) file_search: u64,
}

impl Rates {
    /// The same for a prompt of any length.
    pub(crate) fn flat(tokens: PerCategory) -> Self {
        Self { steps: Box::new([(0, tokens)]), ..Self::default() }
    }

    /// The rates for a prompt of so many tokens.
    pub(crate) fn tokens(&self, prompt: u64) -> &PerCategory {
        const NOTHING: &PerCategory = &[0; CATEGORIES];
        let reached = self.steps.iter().rev().find(|(above, _)| prompt > *above);
        reached.or_else(|| self.steps.first()).map_or(NOTHING, |(_, rates)| rates)
    }

    /// The larger of each rate; a step of a longer prompt is never below that of a shorter one.
    fn dearest(&self, other: &Self) -> Self {
        let mut above: Vec<u64> = self.steps.iter().chain(&other.steps).map(|(above, _)| *above).collect();
        above.sort_unstable();
        above.dedup();
        let mut so_far = [0; CATEGORIES];
        let steps = above.into_iter().map(|above| {
            let (one, two) = (self.tokens(above + 1), other.tokens(above + 1));
            for (most, (one, two)) in so_far.iter_mut().zip(one.iter().zip(two)) {
                *most = (*most).max(*one).max(*two);
            }
            (above, so_far)
        });
        Self {
            steps: steps.collect(),
            request: self.request.max(other.request),
            web_search: self.web_search.max(other.web_search),
            file_search: self.file_search.max(other.file_search),
        }
    }
}

impl Tariff {
    /// The same rates at any time and in any tier.
    pub(crate) fn flat(source: &str, rates: Rates) -> Self {
        let tiers = ServiceTier::ALL.len();
        Self {
            source: source.into(),
            dates_ms: Box::new([i64::MIN]),
            times_ms: Box::new([0]),
            table: vec![0; tiers].into(),
            dearest: vec![0; tiers].into(),
            sets: Box::new([rates]),
            tiers_ppm: [STANDARD_PPM; ServiceTier::ALL.len()],
        }
    }

    /// The rates of a tier at a point in time (UTC epoch milliseconds), and what its tokens are multiplied with,
    /// millionths.
    pub(crate) fn rates(&self, tier: ServiceTier, at_utc_ms: i64) -> (&Rates, u32) {
        let time = at_utc_ms.rem_euclid(DAY_MS);
        let hour = self.times_ms.iter().rposition(|start| time >= *start).unwrap_or(0);
        let row = tier.index() * self.dates_ms.len() + self.period(at_utc_ms);
        (self.set(self.table[row * self.times_ms.len() + hour]), self.tiers_ppm[tier.index()])
    }

    /// The dearest rates a call that begins at a point in time may be billed at, in both periods where the price
    /// changes soon, and what its tokens are multiplied with, millionths.
    pub(crate) fn worst_rates(&self, tier: ServiceTier, at_utc_ms: i64) -> (&Rates, Option<&Rates>, u32) {
        let period = self.period(at_utc_ms);
        let row = tier.index() * self.dates_ms.len() + period;
        let next = self.dates_ms.get(period + 1);
        let changes = next.is_some_and(|next| next.saturating_sub(at_utc_ms) <= MAY_CHANGE_WITHIN_MS);
        let then = changes.then(|| self.set(self.dearest[row + 1]));
        (self.set(self.dearest[row]), then, self.tiers_ppm[tier.index()])
    }

    fn period(&self, at_utc_ms: i64) -> usize {
        self.dates_ms.iter().rposition(|start| at_utc_ms >= *start).unwrap_or(0)
    }

    fn set(&self, index: u16) -> &Rates {
        &self.sets[usize::from(index)]
    }

    /// The dearest standard rate of each category at any time for a short prompt.
    pub(crate) fn dearest_of_short_prompts(&self) -> PerCategory {
        let standard = ServiceTier::Standard.index() * self.dates_ms.len();
        let mut dearest = [0; CATEGORIES];
        for index in &self.dearest[standard..standard + self.dates_ms.len()] {
            for (most, rate) in dearest.iter_mut().zip(self.set(*index).tokens(0)) {
                *most = (*most).max(*rate);
            }
        }
        dearest
    }

    /// True where the list's own prices hold for a tier, or the standard ones do.
    #[cfg(test)]
    pub(crate) fn takes_listed_prices(&self, tier: ServiceTier) -> bool {
        self.tiers_ppm[tier.index()] == STANDARD_PPM
    }

    /// Where steps of long prompts begin at any time in any tier, tokens.
    #[cfg(test)]
    pub(crate) fn starts_of_steps(&self) -> Vec<u64> {
        self.sets
            .iter()
            .flat_map(|set| set.steps.iter().map(|(above, _)| *above))
            .filter(|above| *above > 0)
            .collect()
    }
}
