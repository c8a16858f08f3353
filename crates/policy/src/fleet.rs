//! What is known of every route right now: breakers, cooldowns, keys, the kill switch and the last answers.
//!
//! One struct, held by the engine under one lock. It gives out permits and takes back outcomes; it decides nothing
//! about order (that is [`crate::plan()`]) and nothing about what to do next (that is [`crate::Drive`]). It knows
//! keys by name only.

mod keys;
mod slot;
mod strip;
mod view;

use std::collections::HashMap;

use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::view::CircuitState;
use switchyard_domain::{Failure, Now, RouteId};

use crate::breaker::{Gate, Permit};
use crate::classify::{Condemns, Verdict, classify};
use keys::{Condemned, KeyNeed};
use slot::{Probe, Slot};

pub use keys::{KeyChoice, KeyId};
pub use view::RouteHealth;

/// A cooldown longer than this, milliseconds, moves new work elsewhere; a shorter one may be waited out.
pub const SHORT_COOLDOWN_MS: u64 = 5_000;

/// Each restart of a route's breaker begins this many generations higher, so that no permit outlives it.
const GENERATIONS_PER_BREAKER: u64 = 1 << 32;

/// How a permitted call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered to the end.
    Succeeded {
        /// The whole answer, milliseconds.
        duration_ms: u32,
        /// To the first meaningful byte, milliseconds, for streams.
        first_token_ms: Option<u32>,
    },
    /// It failed, before or after the commit.
    Failed(Failure),
    /// It ended without saying anything about the route.
    Nothing,
}

/// What a report changed, for the event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The circuit opened.
    Opened {
        /// The route.
        route: RouteId,
        /// The failure that opened it.
        failure: Failure,
        /// Failures in a row.
        consecutive: u32,
    },
    /// The circuit lets a test call through.
    HalfOpen {
        /// The route.
        route: RouteId,
    },
    /// The circuit closed again.
    Closed {
        /// The route.
        route: RouteId,
    },
    /// A key is not used for now.
    KeyCondemned {
        /// The route on which it showed.
        route: RouteId,
        /// The provider's name in the map.
        provider: String,
        /// The key's name.
        key: KeyId,
        /// Why.
        failure: Failure,
    },
    /// A route, or one of its keys on this route, is left alone for a while.
    CooledDown {
        /// The route.
        route: RouteId,
        /// The key, when only the key cools.
        key: Option<KeyId>,
        /// Until this reading of the monotonic clock.
        until_mono_ms: u64,
        /// Why.
        failure: Failure,
    },
    /// A free probe failed on a route that seemed well.
    ProbeFailed {
        /// The route.
        route: RouteId,
        /// Why.
        failure: Failure,
    },
}

/// Why a route gives no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Why.
    pub reason: Reason,
    /// When to ask again, on the monotonic clock; absent when time alone won't help.
    pub until_mono_ms: Option<u64>,
}

/// Why a route gives no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The running map no longer has it.
    Gone,
    /// The map switches it off.
    OffInMap,
    /// The kill switch is thrown.
    SwitchedOff,
    /// Its target asked to be left alone.
    CoolingDown,
    /// Its circuit is open.
    CircuitOpen,
    /// Its circuit is half open and the one test call is under way.
    TestUnderWay,
}

/// Every route's present state.
#[derive(Debug)]
pub struct Fleet {
    slots: Vec<Slot>,
    condemned: HashMap<KeyId, Condemned>,
    born: u64,
}

impl Fleet {
    /// A fleet in which every circuit is closed, nothing cools and no key is known yet.
    #[must_use]
    pub fn new(map: &RoutingMap) -> Self {
        let mut fleet = Self { slots: Vec::new(), condemned: HashMap::new(), born: 0 };
        fleet.remap(map);
        fleet
    }

    /// Takes a new map. A route with the same id keeps its breaker, cooldowns, keys, statistics and kill switch;
    /// if its endpoint or model changed it is another target, and only keys and kill switch stay.
    pub fn remap(&mut self, map: &RoutingMap) {
        let mut old = std::mem::take(&mut self.slots);
        for route in &map.routes {
            let known = old.iter().position(|slot| slot.id == route.id).map(|at| old.swap_remove(at));
            self.born += 1;
            let generation = self.born * GENERATIONS_PER_BREAKER;
            self.slots.push(Slot::next(route, known, generation));
        }
    }

    /// The place in this fleet of a route of any map, older ones too. `hint` is its place in that map.
    #[must_use]
    pub fn place(&self, id: &RouteId, hint: RouteIx) -> Option<RouteIx> {
        if self.slots.get(hint.0).is_some_and(|slot| slot.id == *id) {
            return Some(hint);
        }
        self.slots.iter().position(|slot| slot.id == *id).map(RouteIx)
    }

    /// Throws or resets a route's kill switch. A route that is gone stays gone.
    pub fn set_in_service(&mut self, route: RouteIx, on: bool) {
        if let Some(slot) = self.slots.get_mut(route.0) {
            slot.in_service = on;
        }
    }

    /// Whether a permit would be given, without taking it.
    ///
    /// # Errors
    /// Why not, and until when.
    pub fn gate(&self, route: RouteIx, now: Now) -> Result<(), Closed> {
        let Some(slot) = self.slots.get(route.0) else {
            return Err(Closed { reason: Reason::Gone, until_mono_ms: None });
        };
        slot.gate(now)
    }

    /// A route's circuit.
    ///
    /// # Panics
    /// If the route is of another map.
    #[must_use]
    pub fn circuit(&self, route: RouteIx) -> CircuitState {
        self.slots[route.0].breaker.circuit()
    }

    /// Leave for one call, without a key ([`Permit::with_key`] adds it).
    ///
    /// # Errors
    /// Why not, and until when.
    pub fn acquire(&mut self, route: RouteIx, now: Now) -> Result<Permit, Closed> {
        self.gate(route, now)?;
        let slot = &mut self.slots[route.0];
        let admission = slot.breaker.admit(now).map_err(slot::closed_by)?;
        Ok(Permit {
            route,
            id: slot.id.clone(),
            generation: admission.generation,
            key: None,
            begins_test: admission.begins_test,
            slot: admission.slot,
        })
    }

    /// Takes back a permit that led to nothing: the half-open slot is free again, nothing counts.
    pub fn release(&mut self, permit: Permit) {
        drop(permit);
    }

    /// Takes back a permit with its outcome, and says what that changed.
    pub fn report(&mut self, permit: Permit, outcome: Outcome, now: Now) -> Vec<Change> {
        let Some(place) = self.place(&permit.id, permit.route) else { return Vec::new() };
        match outcome {
            Outcome::Succeeded { duration_ms, first_token_ms } => {
                self.succeeded(place, &permit, duration_ms, first_token_ms, now)
            }
            Outcome::Failed(failure) => self.failed(place, &permit, failure, now),
            Outcome::Nothing => Vec::new(),
        }
    }

    /// Notes a free probe's result. It lowers trust at most: it is shown, and opens or closes no circuit, since a
    /// models list says nothing certain about inference.
    pub fn probe_result(&mut self, route: RouteIx, ok: Result<(), Failure>, now: Now) -> Vec<Change> {
        let Some(slot) = self.slots.get_mut(route.0) else { return Vec::new() };
        let failure = ok.err();
        let was_well = slot.probe.as_ref().is_none_or(|probe| probe.failure.is_none());
        slot.probe = Some(Probe { at_ms: now.wall_ms, failure: failure.clone() });
        match failure {
            Some(failure) if was_well && slot.breaker.gate(now) == Gate::Flows => {
                vec![Change::ProbeFailed { route: slot.id.clone(), failure }]
            }
            Some(_) | None => Vec::new(),
        }
    }

    fn succeeded(
        &mut self,
        place: RouteIx,
        permit: &Permit,
        duration_ms: u32,
        first_token_ms: Option<u32>,
        now: Now,
    ) -> Vec<Change> {
        let slot = &mut self.slots[place.0];
        slot.strip.answered(duration_ms, first_token_ms);
        if slot.cooling(now).is_none() {
            slot.doubted = None;
        }
        if let Some(key) = &permit.key {
            self.condemned.remove(key);
        }
        if slot.breaker.succeeded(permit.generation) {
            vec![Change::Closed { route: slot.id.clone() }]
        } else {
            Vec::new()
        }
    }

    fn failed(&mut self, place: RouteIx, permit: &Permit, failure: Failure, now: Now) -> Vec<Change> {
        let verdict = classify(&failure);
        let slot = &mut self.slots[place.0];
        let mut changes = Vec::new();
        if verdict.tells_of_target() {
            slot.strip.failed(failure.clone());
        }
        if verdict.counts_for_breaker
            && let Some(consecutive) = slot.breaker.failed(permit.generation, now)
        {
            changes.push(Change::Opened { route: slot.id.clone(), failure: failure.clone(), consecutive });
        }
        self.condemn(place, permit.key.as_ref(), verdict, failure, now, &mut changes);
        changes
    }

    fn condemn(
        &mut self,
        place: RouteIx,
        key: Option<&KeyId>,
        verdict: Verdict,
        failure: Failure,
        now: Now,
        changes: &mut Vec<Change>,
    ) {
        let until = verdict.cooldown_ms.map(|ms| now.mono_ms.saturating_add(ms));
        let need = self.slots[place.0].need;
        match (verdict.condemns, until, key) {
            (Condemns::Model | Condemns::Route, Some(until), _) => self.cool(place, None, until, failure, now, changes),
            (Condemns::Key, Some(until), Some(key)) => self.cool(place, Some(key), until, failure, now, changes),
            // A route without keys of ours is limited itself, unless the limit is the calling person's own.
            (Condemns::Key, Some(until), None) if need != KeyNeed::Callers => {
                self.cool(place, None, until, failure, now, changes);
            }
            (Condemns::Key, None, Some(key)) => self.condemn_on(place, &key.clone(), &failure, now, changes),
            (Condemns::Account, _, Some(_)) => {
                for key in self.keys_of_provider(place) {
                    self.condemn_on(place, &key, &failure, now, changes);
                }
            }
            (Condemns::Model | Condemns::Route, None, _)
            | (Condemns::Key | Condemns::Account, _, None)
            | (Condemns::Nothing | Condemns::Attempt, _, _) => {}
        }
    }

    fn cool(
        &mut self,
        place: RouteIx,
        key: Option<&KeyId>,
        until_mono_ms: u64,
        failure: Failure,
        now: Now,
        changes: &mut Vec<Change>,
    ) {
        let slot = &mut self.slots[place.0];
        if !slot.cool(key, until_mono_ms, &failure) {
            return;
        }
        let route = slot.id.clone();
        changes.push(Change::CooledDown { route, key: key.cloned(), until_mono_ms, failure: failure.clone() });
        if self.cools_long(place, now) {
            self.slots[place.0].doubted = Some(failure);
        }
    }

    fn cools_long(&self, place: RouteIx, now: Now) -> bool {
        let patience = now.mono_ms.saturating_add(SHORT_COOLDOWN_MS);
        let slot = &self.slots[place.0];
        if slot.cooling(now).is_some_and(|until| until > patience) {
            return true;
        }
        match self.key_state(place, now) {
            KeyChoice::AllCoolingUntil(until) => until > patience,
            KeyChoice::Key(_) | KeyChoice::NotNeeded | KeyChoice::None => false,
        }
    }

    fn condemn_on(
        &mut self,
        place: RouteIx,
        key: &KeyId,
        failure: &Failure,
        now: Now,
        changes: &mut Vec<Change>,
    ) {
        if self.condemn_key(key, failure.clone(), now) {
            let slot = &self.slots[place.0];
            changes.push(Change::KeyCondemned {
                route: slot.id.clone(),
                provider: slot.provider.clone(),
                key: key.clone(),
                failure: failure.clone(),
            });
        }
    }
}
