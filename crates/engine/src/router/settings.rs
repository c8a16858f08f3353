//! Single values of the running map: each number can be changed without writing a document.

use switchyard_domain::Problem;
use switchyard_domain::api::{ApplyMap, SetMap};
use switchyard_domain::gateway::GatewaySettings;
use switchyard_domain::map::{self, CacheMode, CacheSettings, Defaults, Fault};

use super::Router;
use super::audit::said;

const THRESHOLD: &str = "breaker.consecutiveFailures";
const RECOVERY: &str = "breaker.halfOpenEveryMs";
const SUCCESSES: &str = "breaker.successesToClose";
const TRIES: &str = "retry.attempts";
const CACHE_MODE: &str = "cache.mode";
const CACHE_TTL: &str = "cache.ttlMs";

impl Router {
    /// Changes single values of the running map and applies it as a new version; the rest of the document stays as it
    /// was written.
    ///
    /// # Errors
    /// As [`Router::apply_map`], `invalid_changes`, and `not_found_map` before the first map.
    pub async fn set_in_map(&self, set: SetMap, source: String) -> Result<i64, Problem> {
        if set.changes.is_empty() {
            let message =
                "`changes` is empty. Name at least one value: {\"breaker.consecutiveFailures\": 8}.";
            return Err(Problem::new("invalid_changes", message));
        }
        let running = self.map_document(None).await?;
        let changes: Vec<_> = set.changes.into_iter().collect();
        let document = map::edit(&running.document, running.format, &changes).map_err(not_set)?;
        let names: Vec<&str> = changes.iter().map(|(name, _)| name.as_str()).collect();
        let reason = said(set.reason).or_else(|| Some(format!("set {}", names.join(", "))));
        let base_version = Some(set.base_version.unwrap_or(running.version));
        self.apply_map(ApplyMap { document, base_version, reason, source }).await
    }

    /// The runbook's settings, as the running map has them.
    ///
    /// # Errors
    /// `not_found_map` before the first map.
    pub async fn gateway_settings(&self) -> Result<GatewaySettings, Problem> {
        let running = self.map_document(None).await?;
        let written = |path: &str, or: u64| {
            map::value_at(&running.document, running.format, path)
                .and_then(|value| value.as_u64())
                .unwrap_or(or)
        };
        let threshold = written(THRESHOLD, u64::from(Defaults::CONSECUTIVE_FAILURES));
        Ok(GatewaySettings {
            circuit_breaker_failure_threshold: Some(threshold),
            circuit_breaker_recovery_timeout_seconds: Some(
                written(RECOVERY, Defaults::HALF_OPEN_EVERY_MS).div_ceil(1_000),
            ),
            circuit_breaker_half_open_max_calls: Some(written(
                SUCCESSES,
                u64::from(Defaults::SUCCESSES_TO_CLOSE),
            )),
            max_provider_retries: Some(written(TRIES, u64::from(Defaults::TRIES_PER_ROUTE))),
            cache_mode: Some(
                map::value_at(&running.document, running.format, CACHE_MODE)
                    .and_then(|mode| mode.as_str().map(str::to_owned))
                    .unwrap_or_else(|| CacheMode::default().as_str().to_owned()),
            ),
            cache_ttl_seconds: Some(written(CACHE_TTL, CacheSettings::default().ttl_ms).div_ceil(1_000)),
        })
    }

    /// Changes the runbook's settings in the running map. What is absent stays.
    ///
    /// # Errors
    /// `invalid_settings` with each bad value by its name, and those of [`Router::set_in_map`].
    pub async fn set_gateway_settings(
        &self,
        command: GatewaySettings,
        source: String,
    ) -> Result<GatewaySettings, Problem> {
        let changes = changes(&command)?;
        if changes.is_empty() {
            let message = "No setting is named. Send one, like {\"max_provider_retries\": 1}.";
            return Err(Problem::new("invalid_settings", message));
        }
        let names: Vec<&str> = changes.keys().map(String::as_str).collect();
        let reason = Some(format!("gateway settings: {}", names.join(", ")));
        self.set_in_map(SetMap { changes, reason, base_version: None }, source).await?;
        self.gateway_settings().await
    }
}

fn not_set(faults: Vec<Fault>) -> Problem {
    let first = faults.first().map(ToString::to_string).unwrap_or_default();
    Problem { faults, ..Problem::new("map_invalid", format!("Nothing was changed. {first}")) }
}

/// The map's changes a wish stands for. The ranges are the map's own, said in the runbook's names.
fn changes(command: &GatewaySettings) -> Result<serde_json::Map<String, serde_json::Value>, Problem> {
    let mut changes = serde_json::Map::new();
    let mut faults = Vec::new();
    let numbers = [
        ("circuit_breaker_failure_threshold", command.circuit_breaker_failure_threshold, THRESHOLD, 1_000, 1),
        (
            "circuit_breaker_recovery_timeout_seconds",
            command.circuit_breaker_recovery_timeout_seconds,
            RECOVERY,
            3_600,
            1_000,
        ),
        (
            "circuit_breaker_half_open_max_calls",
            command.circuit_breaker_half_open_max_calls,
            SUCCESSES,
            100,
            1,
        ),
        ("max_provider_retries", command.max_provider_retries, TRIES, 3, 1),
        ("cache_ttl_seconds", command.cache_ttl_seconds, CACHE_TTL, 604_800, 1_000),
    ];
    for (name, value, key, most, unit) in numbers {
        match value {
            Some(value @ 1..) if value <= most => {
                changes.insert(key.to_owned(), (value * unit).into());
            }
            Some(value) => faults.push(Fault::new(name, format!("{value} is not from 1 to {most}."))),
            None => {}
        }
    }
    if let Some(mode) = command.cache_mode.as_deref() {
        let known = [CacheMode::Off, CacheMode::StaleIfError].map(CacheMode::as_str);
        if known.contains(&mode) {
            changes.insert(CACHE_MODE.to_owned(), mode.into());
        } else {
            faults.push(Fault::new("cache_mode", format!("`{mode}` is not one of {}.", known.join(", "))));
        }
    }
    if faults.is_empty() {
        return Ok(changes);
    }
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let message = format!("Nothing was changed. {}", all.join(" "));
    Err(Problem { faults, ..Problem::new("invalid_settings", message) })
}
