//! What is shown of a route's state.

use switchyard_domain::map::RouteIx;
use switchyard_domain::view::CircuitState;
use switchyard_domain::{Failure, Now};

use super::{Fleet, KeyChoice, SHORT_COOLDOWN_MS};
use crate::breaker::Gate;

/// A route's health at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteHealth {
    /// The breaker.
    pub circuit: CircuitState,
    /// Milliseconds until the next test call may go, while open.
    pub next_probe_in_ms: Option<u64>,
    /// Milliseconds the route, or every usable key of it, is still left alone.
    pub cooldown_ms: Option<u64>,
    /// Whether the kill switch leaves it in service.
    pub in_service: bool,
    /// Whether it has a key that is in use, or needs none of ours.
    pub has_key: bool,
    /// Whether new work is expected to be answered by it: the test [`crate::standing()`] uses.
    pub serves: bool,
    /// The last 20 calls, oldest first: true = success.
    pub last: Vec<bool>,
    /// Median time of the last 256 answers, milliseconds; for a stream, to its end.
    pub p50_ms: Option<u32>,
    /// 95th percentile of the same, milliseconds.
    pub p95_ms: Option<u32>,
    /// Time to the first meaningful byte of the last stream, milliseconds.
    pub first_token_ms: Option<u32>,
    /// Share of failed calls among the last 20, percent.
    pub error_percent: Option<f64>,
    /// Why the last failed call failed.
    pub last_failure: Option<Failure>,
    /// When the last free probe ended, UTC epoch milliseconds.
    pub probed_at_ms: Option<i64>,
    /// Why the last free probe failed, if it did.
    pub probe_failure: Option<Failure>,
}

impl Fleet {
    /// A route's health, for people.
    ///
    /// # Panics
    /// If the route is of another map.
    #[must_use]
    pub fn view(&self, route: RouteIx, now: Now) -> RouteHealth {
        let slot = &self.slots[route.0];
        let keys = self.key_state(route, now);
        let keys_cool = match keys {
            KeyChoice::AllCoolingUntil(until) => Some(until),
            KeyChoice::Key(_) | KeyChoice::NotNeeded | KeyChoice::None => None,
        };
        let [p50_ms, p95_ms] = slot.strip.percentiles([50, 95]);
        RouteHealth {
            circuit: slot.breaker.circuit(),
            next_probe_in_ms: match (slot.breaker.circuit(), slot.breaker.gate(now)) {
                (CircuitState::Closed, _) | (_, Gate::Flows | Gate::TestUnderWay | Gate::HeldOpen) => None,
                (CircuitState::HalfOpen | CircuitState::Open, Gate::TestDue) => Some(0),
                (CircuitState::HalfOpen | CircuitState::Open, Gate::OpenUntil(until)) => {
                    Some(until - now.mono_ms)
                }
            },
            cooldown_ms: slot.cooling(now).max(keys_cool).map(|until| until - now.mono_ms),
            in_service: slot.killed.is_none(),
            has_key: self.has_key(&keys),
            serves: self.serves(route, now),
            last: slot.strip.calls(),
            p50_ms,
            p95_ms,
            first_token_ms: slot.strip.first_token_ms(),
            error_percent: slot.strip.error_percent(),
            last_failure: slot.strip.last_failure().cloned(),
            probed_at_ms: slot.probe.as_ref().map(|probe| probe.at_ms),
            probe_failure: slot.probe.as_ref().and_then(|probe| probe.failure.clone()),
        }
    }

    /// Whether new work is expected to be answered by the route: in service, keyed, its circuit closed, not cooling
    /// for longer than a caller may wait, and nothing that put it out of use still waiting for an answer.
    #[must_use]
    pub fn serves(&self, route: RouteIx, now: Now) -> bool {
        self.out_of_use(route, now).is_none()
    }

    /// Why new work is not expected to be answered by the route, in a few words (`529 overloaded`, `no key`).
    #[must_use]
    pub fn out_of_use(&self, route: RouteIx, now: Now) -> Option<String> {
        let Some(slot) = self.slots.get(route.0) else { return Some("not in the map".to_owned()) };
        if !slot.in_map() {
            return Some("switched off in the map".to_owned());
        }
        if slot.killed.is_some() {
            return Some("switched off".to_owned());
        }
        if self.is_cut_off(route) {
            return Some(format!("this machine {}", self.network.state().words()));
        }
        let short =
            |failure: Option<&Failure>, or: &str| failure.map_or_else(|| or.to_owned(), Failure::short);
        if slot.breaker.gate(now) == Gate::HeldOpen {
            return Some("breaker held open".to_owned());
        }
        match slot.breaker.circuit() {
            CircuitState::Closed => {}
            CircuitState::HalfOpen | CircuitState::Open => {
                return Some(short(slot.strip.last_failure(), "circuit open"));
            }
        }
        let patience = now.mono_ms.saturating_add(SHORT_COOLDOWN_MS);
        if slot.cooling(now).is_some_and(|until| until > patience) {
            return Some(short(slot.cooling_failure(now), "cooling down"));
        }
        let keys = self.key_state(route, now);
        if !self.has_key(&keys) {
            let trouble = slot.keys.iter().find_map(|key| self.key_trouble(&key.id, now));
            return Some(short(trouble, "no key"));
        }
        if matches!(keys, KeyChoice::AllCoolingUntil(until) if until > patience) {
            return Some(short(
                slot.keys.iter().find_map(|key| self.key_trouble(&key.id, now)),
                "rate limited",
            ));
        }
        slot.doubted.as_ref().map(Failure::short)
    }

    /// Why a route's last free probe failed; none when it did not, or there was none.
    pub(crate) fn probe_failure(&self, route: RouteIx) -> Option<&Failure> {
        self.slots.get(route.0)?.probe.as_ref()?.failure.as_ref()
    }

    fn has_key(&self, choice: &KeyChoice) -> bool {
        match choice {
            // A condemned key whose trial is due is no key yet.
            KeyChoice::Key(key) => !self.is_condemned(key),
            KeyChoice::NotNeeded | KeyChoice::AllCoolingUntil(_) => true,
            KeyChoice::None => false,
        }
    }
}
