//! What a map says of money: caps per day and month, where those begin, and what happens near a cap.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::defaults::Defaults;
use crate::Usd;
use crate::budget::{Measure, Scope, Zone};

/// What may be spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetSettings {
    /// Caps of everything together.
    pub total: Caps,
    /// Caps of single providers, by canonical name.
    pub providers: BTreeMap<String, Caps>,
    /// Caps of single apps, by name.
    pub clients: BTreeMap<String, Caps>,
    /// Caps of single jobs, by name.
    pub jobs: BTreeMap<String, Caps>,
    /// Where days and months begin.
    pub zone: Zone,
    /// Part of a budget at which new work pauses, percent, where it is written; see [`Self::mark_percent`].
    pub pause_at_percent: Option<u8>,
    /// Most time a try waits for money that others hold, milliseconds.
    pub wait_ms: u64,
    /// Output tokens a request that names no maximum is taken to want.
    pub assume_output_tokens: u64,
    /// What a provider's budget webhook pauses.
    pub webhook_scope: WebhookScope,
    /// Hosts besides this machine under which budget alerts may come, in small letters.
    pub webhook_hosts: Vec<String>,
}

impl Default for BudgetSettings {
    /// No cap at all.
    fn default() -> Self {
        Self {
            total: Caps::default(),
            providers: BTreeMap::new(),
            clients: BTreeMap::new(),
            jobs: BTreeMap::new(),
            zone: Zone::utc(),
            pause_at_percent: None,
            wait_ms: Defaults::BUDGET_WAIT_MS,
            assume_output_tokens: Defaults::ASSUME_OUTPUT_TOKENS,
            webhook_scope: WebhookScope::default(),
            webhook_hosts: Vec::new(),
        }
    }
}

impl BudgetSettings {
    /// The pause mark, percent of a cap, 1 to 100: as written, else as the environment says (`BUDGET_PAUSE_AT_PERCENT`,
    /// read by who calls; out of range it says nothing), else the default.
    #[must_use]
    pub fn mark_percent(&self, from_environment: Option<u8>) -> u8 {
        let usable = |percent: &u8| (1..=100).contains(percent);
        self.pause_at_percent.or(from_environment.filter(usable)).unwrap_or(Defaults::PAUSE_AT_PERCENT)
    }

    /// Every scope the map names, with its caps; everything together comes first.
    pub fn scopes(&self) -> impl Iterator<Item = (Scope, Caps)> {
        let named = |make: fn(String) -> Scope, caps: &BTreeMap<String, Caps>| -> Vec<(Scope, Caps)> {
            caps.iter().map(|(name, caps)| (make(name.clone()), *caps)).collect()
        };
        std::iter::once((Scope::Total, self.total))
            .chain(named(Scope::Provider, &self.providers))
            .chain(named(Scope::Client, &self.clients))
            .chain(named(Scope::Job, &self.jobs))
    }

    /// Whether anything is capped at all.
    #[must_use]
    pub fn caps_anything(&self) -> bool {
        self.scopes().any(|(_, caps)| caps != Caps::default())
    }
}

/// The caps of one scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Of a calendar month.
    pub month_usd: Option<Usd>,
    /// Of a day.
    pub day_usd: Option<Usd>,
    /// Of a calendar month, tokens.
    pub month_tokens: Option<u64>,
    /// Of a day, tokens.
    pub day_tokens: Option<u64>,
}

impl Caps {
    /// The cap of one measure, in its own unit: nano-dollars or tokens.
    #[must_use]
    pub fn of(&self, measure: Measure) -> Option<u64> {
        let nanos = |usd: Option<Usd>| usd.map(|usd| u64::try_from(usd.nanos()).unwrap_or(0));
        match measure {
            Measure::MonthUsd => nanos(self.month_usd),
            Measure::DayUsd => nanos(self.day_usd),
            Measure::MonthTokens => self.month_tokens,
            Measure::DayTokens => self.day_tokens,
        }
    }
}

/// What a provider's budget webhook pauses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WebhookScope {
    /// All new work.
    #[default]
    All,
    /// Work that would go to that provider.
    Provider,
}

impl WebhookScope {
    /// The name used in maps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Provider => "provider",
        }
    }
}
