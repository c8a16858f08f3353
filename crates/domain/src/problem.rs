//! What the user is told when something is refused: one stable code, the place, the fix.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::bounded;

/// One clear error: what is wrong, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct Problem {
    /// Stable, machine-readable: `map_invalid`, `stale_base_version`, `keychain_unavailable`, ...
    pub code: String,
    /// One or two sentences: the cause, then the fix.
    pub message: String,
    /// Each fault with its path, where a document was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<crate::map::Fault>,
}

impl Problem {
    /// A problem without a document's faults.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: bounded(message.into(), LONGEST), faults: Vec::new() }
    }
}

/// The longest message, bytes: some name everything a map has, others what was asked for.
const LONGEST: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_quotes_what_was_asked_for_at_no_length() {
        let problem =
            Problem::new("not_found_route", format!("There is no route {}.", "x".repeat(2_000_000)));
        assert!(problem.message.len() <= LONGEST);
    }
}
