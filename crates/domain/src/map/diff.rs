//! Two versions of a document, side by side.

use similar::TextDiff;

/// A unified diff with three lines of context; empty when both are equal.
#[must_use]
pub fn unified(from: &str, from_name: &str, to: &str, to_name: &str) -> String {
    if from == to {
        return String::new();
    }
    TextDiff::from_lines(from, to).unified_diff().context_radius(3).header(from_name, to_name).to_string()
}
