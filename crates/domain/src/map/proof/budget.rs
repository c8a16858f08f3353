//! Budgets: caps of scopes that exist, in a time zone that exists.

use std::collections::BTreeMap;

use super::super::budget::{BudgetSettings, Caps};
use super::super::defaults::Defaults;
use super::super::fault::Path;
use super::super::raw::RawCaps;
use super::Proof;
use crate::budget::Zone;
use crate::{Usd, did_you_mean};

impl Proof<'_> {
    /// Call it when routes are proven: a provider's budget must be of one that has a route.
    pub(super) fn budget(&mut self) -> BudgetSettings {
        let raw = self.raw.budget.clone().unwrap_or_default();
        let path = Path::root().field("budget");
        let total = RawCaps {
            month_usd: raw.month_usd,
            day_usd: raw.day_usd,
            month_tokens: raw.month_tokens,
            day_tokens: raw.day_tokens,
        };
        let zone = raw.time_zone.as_deref().map(|name| Zone::of(name).map_err(|why| (name, why)));
        let zone = match zone {
            Some(Ok(zone)) => zone,
            Some(Err(_)) if self.has_fault_at(&path.field("timeZone")) => Zone::utc(),
            Some(Err((name, why))) => {
                self.fault(&path.field("timeZone"), format!("`{name}` {why}"));
                Zone::utc()
            }
            None => Zone::utc(),
        };
        let settings = BudgetSettings {
            total: caps(&total),
            providers: self.provider_caps(raw.providers.as_ref(), &path.field("providers")),
            clients: self.client_caps(raw.clients.as_ref(), &path.field("clients")),
            jobs: self.job_caps(raw.jobs.as_ref(), &path.field("jobs")),
            zone,
            pause_at_percent: raw.pause_at_percent,
            wait_ms: raw.wait_ms.unwrap_or(Defaults::BUDGET_WAIT_MS),
            assume_output_tokens: raw.assume_output_tokens.unwrap_or(Defaults::ASSUME_OUTPUT_TOKENS),
            webhook_scope: raw.webhook_scope.unwrap_or_default(),
            webhook_hosts: self.hosts_at(raw.webhook_hosts.as_deref(), &path.field("webhookHosts")),
        };
        self.note_days_above_months(&settings, &path);
        settings
    }

    fn provider_caps(
        &mut self,
        raw: Option<&BTreeMap<String, RawCaps>>,
        path: &Path,
    ) -> BTreeMap<String, Caps> {
        let mut out = BTreeMap::new();
        for (name, written) in raw.into_iter().flatten() {
            let at = path.field(name);
            let canonical = self.known(name, &at);
            if out.insert(canonical.clone(), caps(written)).is_some() {
                let message = format!("The same provider as `{canonical}`. Write its caps once.");
                self.fault(&at, message);
            }
        }
        out
    }

    fn client_caps(
        &mut self,
        raw: Option<&BTreeMap<String, RawCaps>>,
        path: &Path,
    ) -> BTreeMap<String, Caps> {
        let map = self.raw;
        let mut out = BTreeMap::new();
        for (name, written) in raw.into_iter().flatten() {
            let known = map.clients.iter().flatten().map(|(known, _)| known.as_str());
            if !known.clone().any(|known| known == name) {
                // Keys are made while the router runs; a name written twice is how a slip shows.
                let meant = did_you_mean(name, known);
                let message = format!(
                    "No app `{name}` is written under `clients`.{meant} Add `\"{name}\": {{}}` there if that is its key's name."
                );
                self.fault(&path.field(name), message);
            }
            out.insert(name.clone(), caps(written));
        }
        out
    }

    fn job_caps(&mut self, raw: Option<&BTreeMap<String, RawCaps>>, path: &Path) -> BTreeMap<String, Caps> {
        let map = self.raw;
        let mut out = BTreeMap::new();
        for (name, written) in raw.into_iter().flatten() {
            let known = map.jobs.iter().flatten().map(|(known, _)| known.as_str());
            let known = known.chain(["default"]);
            if !known.clone().any(|known| known == name) {
                let meant = did_you_mean(name, known.clone());
                let all: Vec<&str> = known.take(20).collect();
                let message = format!("No job is called `{name}`.{meant} Jobs: {}.", all.join(", "));
                self.fault(&path.field(name), message);
            }
            out.insert(name.clone(), caps(written));
        }
        out
    }

    /// A day's cap above its month's never binds: worth a word, since the two may have been swapped.
    fn note_days_above_months(&mut self, settings: &BudgetSettings, path: &Path) {
        for (scope, caps) in settings.scopes() {
            let usd = caps.day_usd.zip(caps.month_usd).is_some_and(|(day, month)| day > month);
            let tokens = caps.day_tokens.zip(caps.month_tokens).is_some_and(|(day, month)| day > month);
            for (above, key) in [(usd, "dayUsd"), (tokens, "dayTokens")] {
                if above {
                    let at = match scope.section() {
                        Some((section, name)) => path.field(section).field(name).field(key),
                        None => path.field(key),
                    };
                    self.note(&at, "A day may cost more than its whole month, so this cap never binds.");
                }
            }
        }
    }
}

fn caps(raw: &RawCaps) -> Caps {
    Caps {
        month_usd: raw.month_usd.and_then(Usd::from_dollars),
        day_usd: raw.day_usd.and_then(Usd::from_dollars),
        month_tokens: raw.month_tokens,
        day_tokens: raw.day_tokens,
    }
}
