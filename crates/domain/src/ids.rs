//! Names that travel between rooms.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A route's name, unique in a map: `provider/model`, with `#2`, `#3` for further endpoints of the same model.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, example = "anthropic/sonnet-4.6")]
pub struct RouteId(pub Arc<str>);

/// A request's id, as returned in `x-switchyard-request-id`: `req_` and 20 lower-case letters and digits.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, example = "req_3f8a9c2d1e0b7a6f5c4d")]
pub struct RequestId(pub Arc<str>);

macro_rules! text_id {
    ($name:ident) => {
        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
text_id!(RouteId);
text_id!(RequestId);

impl RequestId {
    /// The id under which the queue's own n-th attempt at this request is logged: `req_3f8a.2`. Only such ids hold a dot.
    #[must_use]
    pub fn asked_again(&self, attempt: u32) -> Self {
        Self::from(format!("{self}.{attempt}"))
    }
}

/// Where a route stands in the order of tries.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Another model or endpoint of the same provider.
    Hot,
    /// Other providers.
    Warm,
    /// The durable queue and a human.
    Cold,
}

impl Tier {
    /// The name used in headers and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Warm => "warm",
            Self::Cold => "cold",
        }
    }

    /// The name as the window writes it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Hot => "Hot",
            Self::Warm => "Warm",
            Self::Cold => "Cold",
        }
    }
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
