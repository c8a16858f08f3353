//! How the cost of a call is known.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a cost is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostBasis {
    /// The provider said so in its answer.
    Provider,
    /// The reported usage at known rates.
    Usage,
    /// An estimated usage at known rates: the answer ended without its usage.
    Estimate,
    /// At rates nobody knows, assumed at the dearest there are.
    Assumed,
    /// Nothing is charged for it.
    Free,
    /// The caller's own subscription pays, by the month and not by the token.
    Subscription,
}

impl CostBasis {
    /// As it is kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Usage => "usage",
            Self::Estimate => "estimate",
            Self::Assumed => "assumed",
            Self::Free => "free",
            Self::Subscription => "subscription",
        }
    }
}
