//! Why new work waits: a set of causes, each with who brought it and why.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BudgetId, Scope, UnknownName, serde_as_text};

/// Why new work waits. As text `manual`, `budget/client/crawler/dayUsd`, `webhook/google`, `runaway/crawler`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PauseCause {
    /// A person said so.
    Manual,
    /// This budget is at its pause mark or its cap.
    Budget(BudgetId),
    /// This provider's own budget alert came.
    Webhook(String),
    /// This app spends as it never does.
    Runaway(String),
}

impl PauseCause {
    /// Whose work it holds; of an alert's that provider's, or everybody's where the map says so.
    #[must_use]
    pub fn whose(&self, alerts_hold_all: bool) -> Scope {
        match self {
            Self::Manual => Scope::Total,
            Self::Budget(id) => id.scope.clone(),
            Self::Webhook(_) if alerts_hold_all => Scope::Total,
            Self::Webhook(provider) => Scope::Provider(provider.clone()),
            Self::Runaway(client) => Scope::Client(client.clone()),
        }
    }
}

impl fmt::Display for PauseCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manual => f.write_str("manual"),
            Self::Budget(id) => write!(f, "budget/{id}"),
            Self::Webhook(provider) => write!(f, "webhook/{provider}"),
            Self::Runaway(client) => write!(f, "runaway/{client}"),
        }
    }
}

impl FromStr for PauseCause {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text.split_once('/') {
            None if text == "manual" => Ok(Self::Manual),
            Some(("budget", id)) => Ok(Self::Budget(id.parse()?)),
            Some(("webhook", provider)) => Ok(Self::Webhook(provider.to_owned())),
            Some(("runaway", client)) => Ok(Self::Runaway(client.to_owned())),
            Some(_) | None => Err(UnknownName),
        }
    }
}

serde_as_text!(PauseCause);

/// One cause, as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// The cause: `manual`, `budget/total/monthUsd`, `webhook/google`, `runaway/crawler`.
    #[schema(value_type = String, example = "budget/total/monthUsd")]
    pub cause: PauseCause,
    /// Since when, UTC epoch milliseconds.
    pub since_ms: i64,
    /// Who brought it: a person's name, or `switchyard`.
    pub by: String,
    /// Why, in words.
    pub reason: String,
}
