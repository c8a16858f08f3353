//! The log's own lines about where traffic goes: failovers and returns, circuits, shifts and the queue, each naming
//! provider and model (product.md 3.5 F3). They are written at the default level, under a target of their own.
//!
//! Few, whatever the traffic: what may come with every request is written once a minute, with a count. They hold names of
//! the map only: no word of a provider's, no address, no key.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use switchyard_domain::event::EventKind;
use switchyard_domain::map::RoutingMap;
use switchyard_domain::view::{Outcome, RequestView};
use switchyard_domain::{Now, RouteId, Tier};

use crate::core::lock;

/// The target of these lines: `SWITCHYARD_LOG=switchyard::routing=info` shows them alone.
const TARGET: &str = "switchyard::routing";
/// What may come with every request is written once in this time, milliseconds.
const EVERY_MS: u64 = 60_000;

/// Writes the lines.
#[derive(Debug, Default)]
pub(crate) struct RoutingLog {
    /// Provider and model of each route of the running map.
    names: Mutex<HashMap<RouteId, [String; 2]>>,
    fallbacks: Mutex<HashMap<RouteId, Counted>>,
    queued: Mutex<Counted>,
    /// The routes whose open circuit was written: an outage is one line, however many test calls fail in it.
    open: Mutex<HashSet<RouteId>>,
    /// A fallback was written since a first choice was last said to answer.
    is_away: AtomicBool,
}

/// A line that is written once in a while.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    written_mono_ms: Option<u64>,
    since: u64,
}

impl Counted {
    /// How many there were since the last line, this one included, where a line is due.
    fn count(&mut self, now: Now) -> Option<u64> {
        self.since += 1;
        let is_due = self.written_mono_ms.is_none_or(|at| now.mono_ms.saturating_sub(at) >= EVERY_MS);
        is_due.then(|| {
            self.written_mono_ms = Some(now.mono_ms);
            std::mem::take(&mut self.since)
        })
    }
}

impl RoutingLog {
    /// Goes by this map from now on.
    pub(crate) fn remap(&self, map: &RoutingMap) {
        let name = |text: &str| text.escape_debug().to_string();
        let names =
            map.routes.iter().map(|route| (route.id.clone(), [name(&route.provider), name(&route.model)]));
        *lock(&self.names) = names.collect();
        lock(&self.fallbacks).clear();
    }

    fn names(&self, route: &RouteId) -> [String; 2] {
        let known = lock(&self.names).get(route).cloned();
        known.unwrap_or_else(|| ["-".to_owned(), route.as_str().escape_debug().to_string()])
    }

    /// Writes the line of an event; false for one that is not of these.
    pub(crate) fn tell(&self, event: i64, what: &EventKind, now: Now) -> bool {
        #[expect(clippy::wildcard_enum_match_arm, reason = "every other event moves no traffic")]
        match what {
            EventKind::TierChanged { from, to, route, .. } => {
                let what = if to > from { "failover" } else { "failback" };
                let (from, tier) = (from.as_str(), to.as_str());
                match route {
                    Some(route) => {
                        let [provider, model] = self.names(route);
                        tracing::info!(target: TARGET, %provider, %model, %tier, %from, event, "{what}");
                    }
                    None => {
                        tracing::info!(target: TARGET, %tier, %from, event, "{what}: no route answers, requests are queued");
                    }
                }
            }
            EventKind::CircuitOpened { route, failure, consecutive } => {
                if !lock(&self.open).insert(route.clone()) {
                    return true;
                }
                let ([provider, model], reason) = (self.names(route), failure.short());
                let failures = *consecutive;
                tracing::info!(target: TARGET, %provider, %model, reason, failures, event, "circuit open");
            }
            EventKind::CircuitClosed { route } => {
                lock(&self.open).remove(route);
                let [provider, model] = self.names(route);
                tracing::info!(target: TARGET, %provider, %model, event, "circuit closed");
            }
            EventKind::ShiftStarted { shift, from, to, .. } => {
                tracing::info!(target: TARGET, from, to, shift, event, "traffic moves");
            }
            EventKind::ShiftReversed { shift, from, to, .. } => {
                tracing::info!(target: TARGET, from, to, shift, event, "the move is reversed");
            }
            EventKind::FailbackStarted { shift, home, .. } => {
                tracing::info!(target: TARGET, home, shift, event, "traffic comes home");
            }
            EventKind::ShiftEnded { shift, home, .. } => {
                tracing::info!(target: TARGET, home, shift, event, "traffic is home");
            }
            EventKind::JobQueued { job_id, job, client } => {
                if let Some(requests) = lock(&self.queued).count(now) {
                    tracing::info!(target: TARGET, job_id, job, client, requests, event, "queued");
                }
            }
            _ => return false,
        }
        true
    }

    /// Writes that another route than the first choice answered a request, or that a first choice answers again.
    pub(crate) fn answered(&self, view: &RequestView, first_choice: Option<&RouteId>, now: Now) {
        let (Outcome::Answered, Some(route), Some(tier)) = (view.outcome, &view.route, view.tier) else {
            return;
        };
        if view.client == crate::core::ids::OWN_CLIENT {
            return;
        }
        if first_choice == Some(route) {
            let is_back = tier == Tier::Hot && self.is_away.load(Ordering::Relaxed);
            if is_back && self.is_away.swap(false, Ordering::Relaxed) {
                let [provider, model] = self.names(route);
                tracing::info!(target: TARGET, %provider, %model, tier = %tier.as_str(), "the first choice answers again");
            }
            return;
        }
        let Some(requests) = lock(&self.fallbacks).entry(route.clone()).or_default().count(now) else {
            return;
        };
        self.is_away.store(true, Ordering::Relaxed);
        let [provider, model] = self.names(route);
        let failed =
            view.attempts.iter().find_map(|attempt| Some((&attempt.route, attempt.failure.as_ref()?)));
        match failed {
            Some((left, failure)) => {
                let ([from, from_model], reason) = (self.names(left), failure.short());
                tracing::info!(
                    target: TARGET, %provider, %model, tier = %tier.as_str(), %from, %from_model, reason, requests,
                    "answered by a fallback"
                );
            }
            None => {
                tracing::info!(target: TARGET, %provider, %model, tier = %tier.as_str(), requests, "answered by a fallback");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_may_come_with_every_request_is_written_once_a_minute_with_a_count() {
        let mut counted = Counted::default();
        let mut written = Vec::new();
        for second in 0..150 {
            let at = Now::default().plus_ms(second * 1_000);
            written.extend((0..10).filter_map(|_| counted.count(at)).map(|count| (second, count)));
        }
        assert_eq!(written, [(0, 1), (60, 600), (120, 600)]);
    }
}
