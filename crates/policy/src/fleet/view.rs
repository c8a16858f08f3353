//! What is shown of a route's state.

use switchyard_domain::map::RouteIx;
use switchyard_domain::network::NetworkState;
use switchyard_domain::view::CircuitState;
use switchyard_domain::{Failure, Now};

use super::passive_health::Recent;
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
    /// Whether new work may go there: in service, keyed, its circuit closed, not cooling for long.
    pub serves: bool,
    /// Whether its last calls say that the next one fails, too, whatever its circuit is.
    pub failing: bool,
    /// Its calls of the last five minutes, at most 20.
    pub recent: Recent,
    /// The last 20 calls, oldest first: true = success.
    pub last: Vec<bool>,
    /// Median time of the last 256 answers, milliseconds; for a stream, to its end.
    pub p50_ms: Option<u32>,
    /// 95th percentile of the same, milliseconds.
    pub p95_ms: Option<u32>,
    /// Time to the first meaningful byte of the last stream, milliseconds.
    pub first_token_ms: Option<u32>,
    /// Share of failed calls among the last 20 of the last five minutes, percent; none when there were none.
    pub error_percent: Option<f64>,
    /// Why the last failed call failed.
    pub last_failure: Option<Failure>,
    /// When the last free probe ended, UTC epoch milliseconds.
    pub probed_at_ms: Option<i64>,
    /// Why the last free probe failed, if it did.
    pub probe_failure: Option<Failure>,
}

impl RouteHealth {
    /// Whether more of its calls of late failed than is passed over.
    #[must_use]
    pub fn errs(&self) -> bool {
        self.recent.errs()
    }
}

/// Why new work is not expected to be answered by a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The running map no longer has it.
    NotInMap,
    /// The map switches it off.
    OffInMap,
    /// A kill switch is thrown.
    SwitchedOff,
    /// Its provider is left out everywhere.
    LeftOut,
    /// It has not passed its compatibility check, and the map wants that.
    Gated,
    /// This machine's network keeps it from being reached.
    CutOff(NetworkState),
    /// Its breaker is held open by hand.
    HeldOpen,
    /// Its circuit is open, or half open; the last failure.
    CircuitOpen(Option<Failure>),
    /// Its target asked to be left alone for long.
    CoolingDown(Option<Failure>),
    /// It has no key, or none that is accepted: why not.
    NoKey(Option<Failure>),
    /// Every key of it is rate limited for long.
    KeysCool(Option<Failure>),
    /// What put it out of use is over by the clock, and nothing has shown yet that it answers.
    Doubted(Failure),
    /// It may be called, and its last calls failed.
    Failing(Failure),
}

impl std::fmt::Display for Unfit {
    /// A few words: `529 overloaded`, `no key`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = |failure: &Option<Failure>, or: &str| {
            failure.as_ref().map_or_else(|| or.to_owned(), Failure::short)
        };
        match self {
            Self::NotInMap => f.write_str("not in the map"),
            Self::OffInMap => f.write_str("switched off in the map"),
            Self::SwitchedOff => f.write_str("switched off"),
            Self::LeftOut => f.write_str("left out for now"),
            Self::Gated => f.write_str("waits for its compatibility check"),
            Self::CutOff(state) => write!(f, "this machine {}", state.words()),
            Self::HeldOpen => f.write_str("breaker held open"),
            Self::CircuitOpen(failure) => f.write_str(&short(failure, "circuit open")),
            Self::CoolingDown(failure) => f.write_str(&short(failure, "cooling down")),
            Self::NoKey(failure) => f.write_str(&short(failure, "no key")),
            Self::KeysCool(failure) => f.write_str(&short(failure, "rate limited")),
            Self::Doubted(failure) | Self::Failing(failure) => f.write_str(&failure.short()),
        }
    }
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
        let recent = slot.strip.recent(now);
        RouteHealth {
            circuit: slot.breaker.circuit(),
            next_probe_in_ms: self.next_test_in_ms(route, now),
            cooldown_ms: slot.cooling(now).max(keys_cool).map(|until| until - now.mono_ms),
            in_service: slot.killed.is_none(),
            has_key: self.has_key(&keys),
            serves: self.serves(route, now),
            failing: slot.strip.is_failing(),
            recent,
            last: slot.strip.calls(),
            p50_ms,
            p95_ms,
            first_token_ms: slot.strip.first_token_ms(),
            error_percent: recent.failed_percent(),
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

    /// Why new work is not expected to be answered by the route. Its last calls are another matter ([`Fleet::failing`]).
    #[must_use]
    pub fn out_of_use(&self, route: RouteIx, now: Now) -> Option<Unfit> {
        let Some(slot) = self.slots.get(route.0) else { return Some(Unfit::NotInMap) };
        if !slot.in_map() {
            return Some(Unfit::OffInMap);
        }
        if slot.killed.is_some() {
            return Some(Unfit::SwitchedOff);
        }
        if self.is_cut_off(route) {
            return Some(Unfit::CutOff(self.network.state()));
        }
        if slot.breaker.gate(None, now) == Gate::HeldOpen {
            return Some(Unfit::HeldOpen);
        }
        match slot.breaker.circuit() {
            CircuitState::Closed => {}
            CircuitState::HalfOpen | CircuitState::Open => {
                return Some(Unfit::CircuitOpen(slot.strip.last_failure().cloned()));
            }
        }
        let patience = now.mono_ms.saturating_add(SHORT_COOLDOWN_MS);
        if slot.cooling(now).is_some_and(|until| until > patience) {
            return Some(Unfit::CoolingDown(slot.cooling_failure(now).cloned()));
        }
        let trouble = || slot.keys.iter().find_map(|key| self.key_trouble(&key.id, now)).cloned();
        let keys = self.key_state(route, now);
        if !self.has_key(&keys) {
            return Some(Unfit::NoKey(trouble()));
        }
        if matches!(keys, KeyChoice::AllCoolingUntil(until) if until > patience) {
            return Some(Unfit::KeysCool(trouble()));
        }
        slot.doubted.clone().map(Unfit::Doubted)
    }

    /// A route's calls of the last five minutes, at most 20.
    ///
    /// # Panics
    /// If the route is of another map.
    #[must_use]
    pub fn recent(&self, route: RouteIx, now: Now) -> Recent {
        self.slots[route.0].strip.recent(now)
    }

    /// Why a route's last failed call failed.
    #[must_use]
    pub fn last_failure(&self, route: RouteIx) -> Option<&Failure> {
        self.slots.get(route.0)?.strip.last_failure()
    }

    pub(crate) fn breaker_gate(&self, route: RouteIx, now: Now) -> Gate {
        self.slots[route.0].breaker.gate(None, now)
    }

    /// The last failure of a route whose last calls say that the next one fails, too.
    #[must_use]
    pub fn failing(&self, route: RouteIx) -> Option<Failure> {
        let strip = &self.slots.get(route.0)?.strip;
        strip.last_failure().filter(|_| strip.is_failing()).cloned()
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
