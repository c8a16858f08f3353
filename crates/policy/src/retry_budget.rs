//! Retries: how many there are, how many there may be, and when there are too many (a storm).
//!
//! A retry on the same route takes from a budget; going on to the next route never does. While a storm lasts there are
//! no retries on the same route at all, so that a provider in trouble is not called more than once per request.

use switchyard_domain::Now;
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{RoutingMap, StormSettings};
use switchyard_domain::operate::LoopView;

use crate::fleet::Change;

/// The window the measures are of: a minute, in seconds, since they are "a minute".
const SECONDS: usize = 60;
/// How long it must be calm before retries are given again, milliseconds.
const CALM_MS: u64 = 30_000;
/// What one retry takes from the budget, in parts a millisecond can refill at one retry a minute.
const RETRY: u64 = 60_000;

/// What one second saw.
#[derive(Clone, Copy, Debug, Default)]
struct Second {
    at: u64,
    requests: u64,
    retries: u64,
    fallbacks: u64,
}

/// The last minute's sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Minute {
    requests: u64,
    retries: u64,
    fallbacks: u64,
}

impl Minute {
    fn fallback_percent(self) -> f64 {
        self.per_request(self.fallbacks) * 100.0
    }

    fn average(self) -> f64 {
        self.per_request(self.retries)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a minute are far below 2^52")]
    fn per_request(self, count: u64) -> f64 {
        if self.requests == 0 { 0.0 } else { count as f64 / self.requests as f64 }
    }
}

/// A storm that lasts.
#[derive(Clone, Debug)]
struct Storm {
    since_ms: i64,
    reason: String,
    /// Since when it is calm, on the monotonic clock.
    calm_since: Option<u64>,
}

/// How retries are doing.
#[derive(Debug)]
pub struct RetryBudget {
    settings: StormSettings,
    seconds: [Second; SECONDS],
    /// In parts of a retry, and when it was last refilled.
    budget: u64,
    filled_at: Option<u64>,
    storm: Option<Storm>,
}

impl Default for RetryBudget {
    fn default() -> Self {
        let settings = StormSettings::default();
        Self {
            settings,
            seconds: [Second::default(); SECONDS],
            budget: settings.retry_budget_per_minute.saturating_mul(RETRY),
            filled_at: None,
            storm: None,
        }
    }
}

impl RetryBudget {
    pub(crate) fn remap(&mut self, map: &RoutingMap) {
        let before = std::mem::replace(&mut self.settings, map.storm);
        // A changed budget is full at once; otherwise a lowered one would only be felt once it was used up.
        if before.retry_budget_per_minute != map.storm.retry_budget_per_minute {
            self.budget = self.full();
        }
    }

    /// A request ended after `attempts` tries; `fell_back` when another route than its plan's first answered.
    pub fn ended(&mut self, attempts: u32, fell_back: bool, now: Now) {
        // What was never tried says nothing about retries.
        if attempts == 0 {
            return;
        }
        let second = self.second(now);
        second.requests += 1;
        second.retries += u64::from(attempts - 1);
        second.fallbacks += u64::from(fell_back);
    }

    /// Whether a try after a request's first on the same route may be given, which is then counted.
    pub(crate) fn may_retry(&mut self, now: Now) -> bool {
        self.refill(now);
        let may = self.has_room(now);
        if may {
            self.budget -= RETRY;
        }
        may
    }

    /// The same, without taking it: whether it is worth waiting for.
    pub(crate) fn has_room(&self, now: Now) -> bool {
        self.storm.is_none() && self.budget_at(now) >= RETRY
    }

    /// Whether retries are cut because there were too many.
    #[must_use]
    pub const fn is_storm(&self) -> bool {
        self.storm.is_some()
    }

    /// Sees a storm begin and end.
    pub(crate) fn tick(&mut self, now: Now) -> Vec<Change> {
        let minute = self.minute(now);
        match &mut self.storm {
            None if is_stormy(minute, self.settings) => {
                let reason = self.words(minute);
                self.storm = Some(Storm { since_ms: now.wall_ms, reason: reason.clone(), calm_since: None });
                vec![Change::Told(EventKind::StormBegan { reason })]
            }
            Some(storm) if is_calm(minute, self.settings) => {
                let since = *storm.calm_since.get_or_insert(now.mono_ms);
                if now.mono_ms.saturating_sub(since) < CALM_MS {
                    return Vec::new();
                }
                self.storm = None;
                // What the storm kept back is not to come all at once.
                self.budget = self.budget.min(RETRY);
                let reason = format!("{} for {} s", self.words(minute), CALM_MS / 1_000);
                vec![Change::Told(EventKind::StormEnded { reason })]
            }
            Some(storm) => {
                storm.calm_since = None;
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// What is shown.
    #[must_use]
    pub fn view(&self, now: Now) -> LoopView {
        let minute = self.minute(now);
        LoopView {
            retries_per_minute: minute.retries,
            fallback_percent: rounded(minute.fallback_percent(), 10.0),
            average_retries: rounded(minute.average(), 100.0),
            storm_since_ms: self.storm.as_ref().map(|storm| storm.since_ms),
            reason: self.storm.as_ref().map(|storm| storm.reason.clone()),
            budget_left: if self.is_storm() { 0 } else { self.budget_at(now) / RETRY },
        }
    }

    fn words(&self, minute: Minute) -> String {
        format!(
            "{} retries a minute, {:.1} per request, {:.0} % of the requests answered by another than the first choice",
            minute.retries,
            minute.average(),
            minute.fallback_percent()
        )
    }

    fn full(&self) -> u64 {
        self.settings.retry_budget_per_minute.saturating_mul(RETRY)
    }

    fn budget_at(&self, now: Now) -> u64 {
        let passed = now.mono_ms.saturating_sub(self.filled_at.unwrap_or(now.mono_ms));
        let fresh = passed.saturating_mul(self.settings.retry_budget_per_minute);
        self.budget.saturating_add(fresh).min(self.full())
    }

    fn refill(&mut self, now: Now) {
        self.budget = self.budget_at(now);
        self.filled_at = Some(self.filled_at.unwrap_or(0).max(now.mono_ms));
    }

    fn second(&mut self, now: Now) -> &mut Second {
        let at = now.mono_ms / 1_000;
        let second = &mut self.seconds[(at % SECONDS as u64) as usize];
        if second.at != at {
            *second = Second { at, ..Second::default() };
        }
        second
    }

    fn minute(&self, now: Now) -> Minute {
        let this = now.mono_ms / 1_000;
        let within = |second: &&Second| second.at <= this && this - second.at < SECONDS as u64;
        self.seconds.iter().filter(within).fold(Minute::default(), |sum, second| Minute {
            requests: sum.requests + second.requests,
            retries: sum.retries + second.retries,
            fallbacks: sum.fallbacks + second.fallbacks,
        })
    }
}

/// Many retries, and they don't help the requests they are made for.
fn is_stormy(minute: Minute, settings: StormSettings) -> bool {
    minute.retries > settings.retries_per_minute
        && (minute.fallback_percent() > percent(settings.fallback_percent)
            || minute.average() * 100.0 > percent(settings.average_retries_percent))
}

fn is_calm(minute: Minute, settings: StormSettings) -> bool {
    let below = |value: f64, limit: u64| value < percent(limit) || value == 0.0;
    (minute.retries < settings.calm_retries_per_minute || minute.retries == 0)
        && below(minute.fallback_percent(), settings.calm_fallback_percent)
        && below(minute.average() * 100.0, settings.calm_average_retries_percent)
}

#[expect(clippy::cast_precision_loss, reason = "a map's settings are far below 2^52")]
const fn percent(value: u64) -> f64 {
    value as f64
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
