//! Money, exact: sums of many small prices must not drift.

use std::iter::Sum;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount of US dollars, in whole nano-dollars (10⁻⁹ USD). A token's price is a few hundred of them; the most it
/// holds is about nine billion dollars, and sums beyond that stay there.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = i64, example = 12_300_000)]
pub struct Usd(i64);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Nano-dollars of one dollar.
    pub const NANOS_PER_USD: i64 = 1_000_000_000;

    /// An amount in nano-dollars.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// An amount in dollars, rounded to the nano-dollar; `None` for what is no number.
    #[must_use]
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        if !dollars.is_finite() {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a cast from f64 to i64 saturates, as sums do here"
        )]
        let nanos = (dollars * 1e9).round() as i64;
        Some(Self(nanos))
    }

    /// In nano-dollars.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// So many times the amount.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    /// As a decimal number of dollars, without a sign of currency: `0.001234`.
    #[must_use]
    pub fn decimal(self) -> String {
        let (sign, nanos) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let whole = nanos / Self::NANOS_PER_USD.unsigned_abs();
        let text = format!("{sign}{whole}.{:09}", nanos % Self::NANOS_PER_USD.unsigned_abs());
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Its size, without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Usd {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// `$12.34` from a dollar up; below that the first three digits that say something: `$0.0123`, `$0.0000025`.
impl std::fmt::Display for Usd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nanos = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let per_usd = Self::NANOS_PER_USD.unsigned_abs();
        // The last digit that is shown, in nano-dollars.
        let step = if nanos >= per_usd { per_usd / 100 } else { nanos.checked_ilog10().map_or(1, step) };
        let rounded = nanos.saturating_add(step / 2) / step * step;
        let (whole, rest) = (rounded / per_usd, rounded % per_usd);
        let digits = format!("{rest:09}");
        let shown = digits.trim_end_matches('0');
        write!(f, "{sign}${whole}.{}", if shown.len() < 2 { &digits[..2] } else { shown })
    }
}

/// What the last of three digits is worth, for a number with so many digits behind its first.
fn step(digits: u32) -> u64 {
    10_u64.pow(digits.saturating_sub(2))
}

/// What one unit costs (a token, a call), in whole atto-dollars (10⁻¹⁸ USD): a listed price of up to twelve decimals per
/// million tokens is held exactly. The most it holds is 18 dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rate(u64);

impl Rate {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Atto-dollars of one nano-dollar.
    pub const ATTOS_PER_NANO: u64 = 1_000_000_000;

    /// A rate from dollars for a million units, as vendors list tokens. `None` for what is no price: not a number,
    /// below zero, or above what a rate holds.
    #[must_use]
    pub fn per_million(dollars: f64) -> Option<Self> {
        Self::of(dollars, 1e12)
    }

    /// A rate from dollars for a thousand units, as vendors list calls. `None` as in [`Rate::per_million`].
    #[must_use]
    pub fn per_thousand(dollars: f64) -> Option<Self> {
        Self::of(dollars, 1e15)
    }

    fn of(dollars: f64, attos: f64) -> Option<Self> {
        let attos = (dollars * attos).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "only numbers that fit come here"
        )]
        (dollars >= 0.0 && attos < 1.8e19).then_some(Self(attos as u64))
    }

    /// In atto-dollars.
    #[must_use]
    pub const fn attos(self) -> u64 {
        self.0
    }

    /// What a million units cost.
    #[must_use]
    pub fn of_a_million(self) -> Usd {
        let nanos = (u128::from(self.0) * 1_000_000 + 500_000_000) / u128::from(Self::ATTOS_PER_NANO);
        Usd(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::{Rate, Usd};

    #[test]
    fn rates_hold_listed_prices_exactly_and_take_nothing_else() {
        assert_eq!(Rate::per_million(0.1).unwrap().attos(), 100_000_000_000);
        assert_eq!(Rate::per_million(0.075).unwrap().of_a_million(), Usd::from_nanos(75_000_000));
        assert_eq!(Rate::per_thousand(10.0).unwrap().attos(), 10_000_000_000_000_000);
        assert_eq!(Rate::per_million(600.0).unwrap().of_a_million().to_string(), "$600.00");
        for nonsense in [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e9] {
            assert_eq!(Rate::per_million(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn amounts_read_as_people_write_them() {
        let cases: &[(i64, &str)] = &[
            (0, "$0.00"),
            (12_300_000, "$0.0123"),
            (12_345_678, "$0.0123"),
            (100_000_000, "$0.10"),
            (123_456_789, "$0.123"),
            (999_999_999, "$1.00"),
            (1_000_000_000, "$1.00"),
            (12_345_000_000, "$12.35"),
            (2_500, "$0.0000025"),
            (7, "$0.000000007"),
            (-1_500_000_000, "-$1.50"),
            (i64::MAX, "$9223372036.85"),
            (i64::MIN, "-$9223372036.85"),
        ];
        for (nanos, text) in cases {
            assert_eq!(Usd::from_nanos(*nanos).to_string(), *text, "{nanos}");
        }
    }

    #[test]
    fn dollars_are_rounded_and_sums_never_wrap() {
        assert_eq!(Usd::from_dollars(0.000_000_15), Some(Usd::from_nanos(150)));
        assert_eq!(Usd::from_dollars(f64::NAN), None);
        assert_eq!(Usd::from_nanos(i64::MAX) + Usd::from_nanos(1), Usd::from_nanos(i64::MAX));
        assert_eq!(Usd::from_nanos(i64::MIN) - Usd::from_nanos(1), Usd::from_nanos(i64::MIN));
        assert_eq!(Usd::from_nanos(3).times(u64::MAX), Usd::from_nanos(i64::MAX));
        assert_eq!([1, 2, 3].map(Usd::from_nanos).into_iter().sum::<Usd>(), Usd::from_nanos(6));
    }
}
