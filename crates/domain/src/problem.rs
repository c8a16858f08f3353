//! What the user is told when something is refused: one stable code, the place, the fix.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
        Self { code: code.to_owned(), message: message.into(), faults: Vec::new() }
    }
}
