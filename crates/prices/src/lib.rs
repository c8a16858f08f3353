//! What a call costs. The price list is the data of `genai-prices`; a [`RateCard`] is what it says of one route, compiled
//! to integers when a map is applied, with what the map itself says over it.
//!
//! This room does no IO and reads no clock. It prices what the wire counted; it keeps no total and stops nobody. A price
//! nobody knows is assumed dear and said to be assumed, never zero.

mod calendar;
mod card;
mod cards;
mod category;
mod geography;
mod list;
mod price;
mod tariff;
mod unlisted;

#[cfg(test)]
mod tests;

pub use card::{Bounds, Cost, CostBasis, RateCard};
pub use cards::{RateCards, Unpriced};
pub use price::{Listed, Price, Tokens};
