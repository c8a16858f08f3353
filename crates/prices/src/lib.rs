//! What a call costs. The price list is the data of `genai-prices`.
//!
//! This room does no IO and reads no clock. It keeps no total and stops nobody.

mod list;
mod price;

pub use price::{Listed, Price, Tokens};
