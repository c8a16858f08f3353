//! What is asked of JSON that comes out.

use serde::de::IgnoredAny;
use serde_json::Value;

/// Whether it is JSON, whatever it says and however deep it goes.
pub fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok() && std::str::from_utf8(bytes).is_ok()
}

/// Panics unless it is JSON.
pub fn assert_json(bytes: &[u8], what: &str) {
    assert!(is_json(bytes), "{what} is no JSON: {}", String::from_utf8_lossy(bytes));
}

/// The value, where it can be built at all: a body may be deeper than that, or hold half a surrogate pair.
pub fn value(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

/// Whether `short` is `long` with some bytes left out.
pub fn is_part_of(short: &[u8], long: &[u8]) -> bool {
    let mut left = long.iter();
    short.iter().all(|byte| left.any(|other| other == byte))
}
