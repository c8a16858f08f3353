//! Retries that apps make themselves, on top of the router's: an app that asks again what has just failed.

use std::collections::{HashMap, VecDeque};

use switchyard_domain::Now;

/// The same request within this time of its failure is a retry, milliseconds.
const AGAIN_MS: u64 = 30_000;
/// Retries are counted over this time, milliseconds.
const WINDOW_MS: u64 = 300_000;
/// Failures that are remembered at most, the newest.
const FAILURES: usize = 4_096;
/// Retries that are remembered at most per app, the newest.
const RETRIES: usize = 1_024;
/// Apps that are remembered at most.
const APPS: usize = 256;

/// What apps ask again.
#[derive(Debug, Default)]
pub struct ClientRetries {
    failed: VecDeque<(u64, u64)>,
    retries: HashMap<String, VecDeque<u64>>,
}

impl ClientRetries {
    /// A request came. `mark` stands for its app and body; `says_so` when its SDK counts it as a retry itself. True
    /// when it is one.
    pub fn came(&mut self, app: &str, mark: u64, says_so: bool, now: Now) -> bool {
        let again =
            |(at, failed): &(u64, u64)| now.mono_ms.saturating_sub(*at) <= AGAIN_MS && *failed == mark;
        let is_retry = says_so || self.failed.iter().any(again);
        if is_retry && (self.retries.contains_key(app) || self.retries.len() < APPS) {
            let own = self.retries.entry(app.to_owned()).or_default();
            own.push_back(now.mono_ms);
            if own.len() > RETRIES {
                own.pop_front();
            }
        }
        is_retry
    }

    /// A request failed for its caller.
    pub fn failed(&mut self, mark: u64, now: Now) {
        while self.failed.len() >= FAILURES
            || self.failed.front().is_some_and(|(at, _)| now.mono_ms.saturating_sub(*at) > AGAIN_MS)
        {
            self.failed.pop_front();
        }
        self.failed.push_back((now.mono_ms, mark));
    }

    /// Retries of each app over the last five minutes, most first.
    #[must_use]
    pub fn counts(&self, now: Now) -> Vec<(String, u64)> {
        let within = |at: &&u64| now.mono_ms.saturating_sub(**at) <= WINDOW_MS;
        let mut counts: Vec<(String, u64)> = self
            .retries
            .iter()
            .map(|(app, at)| (app.clone(), at.iter().filter(within).count() as u64))
            .filter(|(_, count)| *count > 0)
            .collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts
    }
}
