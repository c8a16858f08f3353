//! When a budget will be at its pause mark and at its cap, if spending goes on as it did.
//!
//! The pace is the mean of the last fourteen spans of 24 hours that are known; the band around it holds four cases of five:
//! it follows from how much one day differs from another, and is the wider the fewer days are known and the sooner the date
//! is. Days of the week are not told apart. With less than 24 hours known there is no forecast: what the first hours cost
//! says nothing of a day.

use switchyard_domain::budget::BudgetView;

const DAY_MS: f64 = 86_400_000.0;
const HOURS: usize = 24;
/// The most days a pace is taken from.
const MOST_DAYS: usize = 14;
/// Four of five cases lie within so many standard deviations.
const BAND: f64 = 1.28;
/// Days differ by this part of their mean at least, whatever few of them say.
const LEAST_SPREAD: f64 = 0.1;
/// One day alone is taken to differ from others by this part.
const SPREAD_OF_ONE: f64 = 0.5;

/// When an amount is reached, UTC epoch milliseconds. `None`: not before the budget begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// At a fast pace.
    pub soonest_ms: i64,
    /// At the usual pace.
    pub likely_ms: Option<i64>,
    /// At a slow pace.
    pub latest_ms: Option<i64>,
}

/// What a budget comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// When it is at its pause mark; `None` where not even a fast pace brings it there.
    pub mark: Option<Expected>,
    /// When it is at its cap.
    pub cap: Option<Expected>,
    /// What will have been spent when it begins anew: at a slow, the usual and a fast pace, in the measure's unit.
    pub at_reset: [u64; 3],
    /// Days the pace was taken from.
    pub days: u32,
}

/// The forecast of one budget. `hours` is what its scope spent in each hour since it is known, in the budget's unit, oldest
/// first; the last hour ends now. `None` under a day's data.
#[must_use]
pub fn forecast(budget: &BudgetView, hours: &[u64], now_ms: i64) -> Option<Forecast> {
    let pace = Pace::of(hours)?;
    let spent = budget.spent.saturating_add(budget.unsettled);
    let left_ms = (budget.resets_at_ms - now_ms).max(0);
    let mark = u128::from(budget.cap) * u128::from(budget.mark_percent);
    let mark = u64::try_from(mark.div_ceil(100)).unwrap_or(u64::MAX);
    let reach = |amount: u64| pace.reach(amount.saturating_sub(spent), now_ms, left_ms);
    let days_left = float(left_ms.unsigned_abs()) / DAY_MS;
    let spread = pace.spread(days_left);
    let at_reset = [-spread, 0.0, spread].map(|spread| {
        let more = (pace.mean + spread).max(0.0) * days_left;
        spent.saturating_add(whole(more))
    });
    Some(Forecast { mark: reach(mark), cap: reach(budget.cap), at_reset, days: pace.days })
}

/// What a day costs.
struct Pace {
    mean: f64,
    deviation: f64,
    days: u32,
}

impl Pace {
    fn of(hours: &[u64]) -> Option<Self> {
        let days = hours.rchunks_exact(HOURS).take(MOST_DAYS);
        let days: Vec<f64> =
            days.map(|day| float(day.iter().copied().fold(0, u64::saturating_add))).collect();
        let count = u32::try_from(days.len()).ok().filter(|count| *count > 0)?;
        let n = f64::from(count);
        let mean = days.iter().sum::<f64>() / n;
        let squares: f64 = days.iter().map(|day| (day - mean).powi(2)).sum();
        let seen = if count == 1 { mean * SPREAD_OF_ONE } else { (squares / (n - 1.0)).sqrt() };
        Some(Self { mean, deviation: seen.max(mean * LEAST_SPREAD), days: count })
    }

    /// How far the mean of the coming days may lie from that of the days seen.
    fn spread(&self, days_ahead: f64) -> f64 {
        BAND * self.deviation * (1.0 / f64::from(self.days) + 1.0 / days_ahead.max(1.0)).sqrt()
    }

    fn reach(&self, more: u64, now_ms: i64, left_ms: i64) -> Option<Expected> {
        let more = float(more);
        let days_left = float(left_ms.unsigned_abs()) / DAY_MS;
        let likely_days = if self.mean > 0.0 { (more / self.mean).min(days_left) } else { days_left };
        let spread = self.spread(likely_days);
        let at = |pace: f64| {
            let in_ms = if more <= 0.0 { 0.0 } else { more / pace.max(0.0) * DAY_MS };
            // Not a number only where nothing is spent at all.
            let before_reset = in_ms <= float(left_ms.unsigned_abs());
            before_reset.then(|| now_ms.saturating_add_unsigned(whole(in_ms)))
        };
        let soonest_ms = at(self.mean + spread)?;
        Some(Expected { soonest_ms, likely_ms: at(self.mean), latest_ms: at(self.mean - spread) })
    }
}

/// Exact up to 2⁵³, which a forecast needs no more of.
#[expect(clippy::cast_precision_loss, reason = "a forecast is no sum")]
const fn float(amount: u64) -> f64 {
    amount as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from f64 saturates")]
const fn whole(amount: f64) -> u64 {
    amount as u64
}
