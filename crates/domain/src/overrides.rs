//! What is asked for when something is overridden at run time, and what comes back. The overrides themselves are in
//! [`crate::operate`].

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::RouteId;
use crate::operate::{KillScope, Overrides};

/// How an override is made: why, for how long, and against which state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Why.
    pub reason: Option<String>,
    /// How long it holds, milliseconds; until it is taken back when absent.
    pub for_ms: Option<u64>,
    /// The version of the overrides it was decided by; refused when they have changed since.
    pub base_version: Option<u64>,
}

/// A kill switch to throw or reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetKill {
    /// What goes out of service, or comes back.
    pub scope: KillScope,
    /// True takes it out of service.
    pub on: bool,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// How long it holds, milliseconds; until it is taken back when absent.
    #[serde(default)]
    #[schema(minimum = 1_000, maximum = 31_536_000_000_i64)]
    pub for_ms: Option<u64>,
    /// The version of the overrides this was decided by; refused when they have changed since.
    #[serde(default)]
    pub base_version: Option<u64>,
}

/// What a breaker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BreakerOrder {
    /// Nothing passes.
    Open,
    /// Everything passes, whatever fails; failures are still counted and shown.
    Closed,
    /// It judges by itself again.
    Auto,
}

impl BreakerOrder {
    /// Whether it is held open; none when it is not held.
    #[must_use]
    pub const fn open(self) -> Option<bool> {
        match self {
            Self::Open => Some(true),
            Self::Closed => Some(false),
            Self::Auto => None,
        }
    }
}

/// A breaker to hold, or to let go of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetBreaker {
    /// The route.
    pub route: RouteId,
    /// What it is to do.
    pub state: BreakerOrder,
    /// Why; needed to hold it.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// How long it is held, milliseconds; one hour when absent.
    #[serde(default)]
    #[schema(minimum = 1_000, maximum = 31_536_000_000_i64)]
    pub for_ms: Option<u64>,
    /// The version of the overrides this was decided by; refused when they have changed since.
    #[serde(default)]
    pub base_version: Option<u64>,
}

/// A provider to leave out everywhere, or to use again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetExcept {
    /// The provider.
    #[schema(max_length = 256)]
    pub provider: String,
    /// True leaves it out.
    pub on: bool,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// How long it holds, milliseconds; until it is taken back when absent.
    #[serde(default)]
    #[schema(minimum = 1_000, maximum = 31_536_000_000_i64)]
    pub for_ms: Option<u64>,
    /// The version of the overrides this was decided by; refused when they have changed since.
    #[serde(default)]
    pub base_version: Option<u64>,
}

/// The providers an app's requests may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetBounds {
    /// The app, by the name of its local key.
    #[schema(max_length = 256)]
    pub client: String,
    /// The only providers; null or absent = as the map says.
    #[serde(default)]
    pub only: Option<Vec<String>>,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// The version of the overrides this was decided by; refused when they have changed since.
    #[serde(default)]
    pub base_version: Option<u64>,
}

/// The provider an app's requests go to first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetPrefer {
    /// The app, by the name of its local key.
    #[schema(max_length = 256)]
    pub client: String,
    /// The provider; null or absent = as the map says.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub provider: Option<String>,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// The version of the overrides this was decided by; refused when they have changed since.
    #[serde(default)]
    pub base_version: Option<u64>,
}

/// The all-off switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetAllOff {
    /// True refuses every request at once.
    pub on: bool,
    /// Why; callers see it.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// How long it holds, milliseconds; until it is taken back when absent.
    #[serde(default)]
    #[schema(minimum = 1_000, maximum = 31_536_000_000_i64)]
    pub for_ms: Option<u64>,
    /// The version of the overrides this was decided by; refused when they have changed since.
    #[serde(default)]
    pub base_version: Option<u64>,
}

/// What a change of the overrides came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrdersAnswer {
    /// False when everything was so already.
    pub changed: bool,
    /// What a person should know before going on: jobs with nothing but Cold left, an app nobody has a key for.
    pub warnings: Vec<String>,
    /// Everything overridden now.
    pub overrides: Overrides,
}
