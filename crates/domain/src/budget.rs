//! Money that may be spent: whose, in which span of time, measured how; what is kept of it, and what is shown.
//!
//! A *scope* is whose spending is meant: everything, one provider, one app, one job. A *budget* is a scope with a
//! [`Measure`]: dollars or tokens, in a day or a calendar month. Deciding is policy's (`switchyard_policy::spend`).

mod pause;
mod zone;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Usd;

pub use pause::{Pause, PauseCause};
pub use zone::{Window, Zone};

/// Whose spending is meant. As text: `total`, `provider/anthropic`, `client/crawler`, `job/summaries`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everything together.
    Total,
    /// One provider, by its canonical name.
    Provider(String),
    /// One app, by its local key's name.
    Client(String),
    /// One job.
    Job(String),
}

impl Scope {
    /// That its new work waits, in words that an explanation or a full stop may follow.
    #[must_use]
    pub fn waits(&self) -> String {
        match self {
            Self::Total => "New work is paused".to_owned(),
            Self::Provider(provider) => format!("No new work goes to {provider}"),
            Self::Client(client) => format!("New work of {client} is paused"),
            Self::Job(job) => format!("New work of the job {job} is paused"),
        }
    }

    /// The section of `budget` in a map, and the name in it; none for everything together.
    #[must_use]
    pub fn section(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Total => None,
            Self::Provider(name) => Some(("providers", name)),
            Self::Client(name) => Some(("clients", name)),
            Self::Job(name) => Some(("jobs", name)),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total => f.write_str("total"),
            Self::Provider(name) => write!(f, "provider/{name}"),
            Self::Client(name) => write!(f, "client/{name}"),
            Self::Job(name) => write!(f, "job/{name}"),
        }
    }
}

/// A text that names no scope, budget or cause of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the name of a scope or budget. Write for example total, client/crawler or client/crawler/dayUsd."
)]
pub struct UnknownName;

impl FromStr for Scope {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text.split_once('/') {
            None if text == "total" => Ok(Self::Total),
            Some(("provider", name)) => Ok(Self::Provider(name.to_owned())),
            Some(("client", name)) => Ok(Self::Client(name.to_owned())),
            Some(("job", name)) => Ok(Self::Job(name.to_owned())),
            Some(_) | None => Err(UnknownName),
        }
    }
}

/// A span of time budgets begin anew in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// A calendar month.
    Month,
    /// A calendar day.
    Day,
}

/// What a budget counts, and over which span. Amounts are whole nano-dollars (10⁻⁹ USD) or tokens accordingly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// US dollars of a calendar month.
    MonthUsd,
    /// US dollars of a day.
    DayUsd,
    /// Tokens of a calendar month, prompts and answers together.
    MonthTokens,
    /// Tokens of a day.
    DayTokens,
}

impl Measure {
    /// All of them, in the order they are kept in.
    pub const ALL: [Self; 4] = [Self::MonthUsd, Self::DayUsd, Self::MonthTokens, Self::DayTokens];

    /// The key in a map.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MonthUsd => "monthUsd",
            Self::DayUsd => "dayUsd",
            Self::MonthTokens => "monthTokens",
            Self::DayTokens => "dayTokens",
        }
    }

    /// The span of time.
    #[must_use]
    pub const fn period(self) -> Period {
        match self {
            Self::MonthUsd | Self::MonthTokens => Period::Month,
            Self::DayUsd | Self::DayTokens => Period::Day,
        }
    }

    /// Whether dollars are counted; else tokens are.
    #[must_use]
    pub const fn is_usd(self) -> bool {
        matches!(self, Self::MonthUsd | Self::DayUsd)
    }
}

/// One budget: a scope and what is counted of it. As text `total/monthUsd`, `client/crawler/dayTokens`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BudgetId {
    /// Whose.
    pub scope: Scope,
    /// What is counted.
    pub measure: Measure,
}

impl fmt::Display for BudgetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scope, self.measure.as_str())
    }
}

impl FromStr for BudgetId {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        // A scope's name may hold a slash; a measure's never does.
        let (scope, measure) = text.rsplit_once('/').ok_or(UnknownName)?;
        let measure = Measure::ALL.into_iter().find(|known| known.as_str() == measure).ok_or(UnknownName)?;
        Ok(Self { scope: scope.parse()?, measure })
    }
}

/// Reads and writes a type as its text form.
macro_rules! serde_as_text {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;

serde_as_text!(BudgetId);
serde_as_text!(Scope);

/// What a call costs, or may cost at most: dollars, and tokens of prompt and answer together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Nano-dollars (10⁻⁹ USD).
    pub nano_usd: u64,
    /// Tokens.
    pub tokens: u64,
}

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self { nano_usd: 0, tokens: 0 };

    /// An amount of dollars and tokens; a negative amount of dollars counts as none.
    #[must_use]
    pub fn new(usd: Usd, tokens: u64) -> Self {
        Self { nano_usd: u64::try_from(usd.nanos()).unwrap_or(0), tokens }
    }

    /// The dollars.
    #[must_use]
    pub fn usd(self) -> Usd {
        Usd::from_nanos(i64::try_from(self.nano_usd).unwrap_or(i64::MAX))
    }

    /// The part a measure counts, in its unit.
    #[must_use]
    pub const fn of(self, measure: Measure) -> u64 {
        if measure.is_usd() { self.nano_usd } else { self.tokens }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            nano_usd: self.nano_usd.saturating_add(more.nano_usd),
            tokens: self.tokens.saturating_add(more.tokens),
        }
    }

    /// What is left of it without `less`; of each part at least nothing.
    #[must_use]
    pub const fn minus(self, less: Self) -> Self {
        Self {
            nano_usd: self.nano_usd.saturating_sub(less.nano_usd),
            tokens: self.tokens.saturating_sub(less.tokens),
        }
    }

    /// Of each part the smaller one.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        Self { nano_usd: self.nano_usd.min(other.nano_usd), tokens: self.tokens.min(other.tokens) }
    }

    /// Of each part the larger one.
    #[must_use]
    pub fn most(self, other: Self) -> Self {
        Self { nano_usd: self.nano_usd.max(other.nano_usd), tokens: self.tokens.max(other.tokens) }
    }
}

/// What the database keeps of one budget in one window. Amounts in the measure's unit: nano-dollars or tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetState {
    /// Which budget.
    pub id: BudgetId,
    /// The window it belongs to, UTC epoch milliseconds: from then, until before then.
    pub window: Window,
    /// The lease: no more than this may be spent or reserved in this window until a larger one is on the disk.
    pub leased: u64,
    /// What ended calls have cost.
    pub settled: u64,
    /// Added to the cap for this window by a person who let work go on.
    pub allowance: u64,
    /// Whether a person let work go on past the pause mark in this window.
    pub mark_passed: bool,
}

/// Where a budget stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// Below the pause mark, or let past it by a person.
    Open,
    /// At the pause mark: new work of its scope pauses.
    Marked,
    /// Nothing is left of it.
    Reached,
}

/// A budget as it is shown. Amounts in the measure's unit: nano-dollars (10⁻⁹ USD) or tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetView {
    /// Which budget: `client/crawler/dayUsd`.
    #[schema(value_type = String, example = "client/crawler/dayUsd")]
    pub id: BudgetId,
    /// What is counted.
    pub measure: Measure,
    /// The cap, a person's allowance for this window included.
    pub cap: u64,
    /// What a person added to the cap for this window.
    pub allowance: u64,
    /// What ended calls have cost.
    pub spent: u64,
    /// What calls under way may still cost.
    pub reserved: u64,
    /// What calls before a crash may have cost: known to be no more than this.
    pub unsettled: u64,
    /// Spent and unsettled, percent of the cap, rounded down; 100 where the cap is 0.
    pub percent: u32,
    /// Where new work pauses, percent of the cap.
    pub mark_percent: u8,
    /// When the window began, UTC epoch milliseconds.
    pub since_ms: i64,
    /// When it begins anew, UTC epoch milliseconds.
    pub resets_at_ms: i64,
    /// Where it stands.
    pub standing: Standing,
}
