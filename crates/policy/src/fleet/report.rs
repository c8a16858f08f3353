//! What an outcome changes: the breaker, the strip, cooldowns and keys.

use switchyard_domain::event::EventKind;
use switchyard_domain::map::RouteIx;
use switchyard_domain::{Failure, Now, RouteId};

use super::keys::KeyNeed;
use super::{Fleet, KeyChoice, KeyId, SHORT_COOLDOWN_MS};
use crate::breaker::{App, Permit};
use crate::classify::{Condemns, Verdict, classify};
use crate::network::{NetworkChange, is_an_answer};

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
    /// This machine's network went from one state to another.
    NetworkTurned(NetworkChange),
    /// Anything else worth an entry of the event log.
    Told(EventKind),
}

/// A call, as far as its failure may have to be counted later than it ended.
#[derive(Clone, Debug)]
pub(super) struct Called {
    pub(super) generation: u64,
    begun_mono_ms: u64,
    app: Option<App>,
    key: Option<KeyId>,
}

impl Called {
    pub(super) fn of(permit: &Permit) -> Self {
        let Permit { generation, begun_mono_ms, app, .. } = *permit;
        Self { generation, begun_mono_ms, app, key: permit.key.clone() }
    }
}

impl Fleet {
    /// Takes back a permit with its outcome, and says what that changed.
    pub fn report(&mut self, permit: Permit, outcome: Outcome, now: Now) -> Vec<Change> {
        let Some(place) = self.place(&permit.id, permit.route) else { return Vec::new() };
        let changes = match outcome {
            Outcome::Succeeded { duration_ms, first_token_ms } => {
                let mut changes = self.network_answered(place, now);
                self.seen(
                    place,
                    &Outcome::Succeeded { duration_ms, first_token_ms },
                    permit.begun_mono_ms,
                    now,
                );
                changes.extend(self.succeeded(place, &permit, duration_ms, first_token_ms, now));
                changes
            }
            Outcome::Failed(failure) => match self.doubted(place, &permit, &failure, now) {
                Some(changes) => changes,
                None => self.failed(place, &permit, failure, now),
            },
            Outcome::Nothing => Vec::new(),
        };
        // The half-open slot is freed only now that the breaker knows how its call ended.
        self.release(permit);
        changes
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
        let was_failing = slot.strip.is_failing();
        slot.strip.answered(duration_ms, first_token_ms, now);
        self.turned |= was_failing;
        if slot.cooling(now).is_none() {
            slot.doubted = None;
        }
        let closed = slot.breaker.succeeded(permit.generation, now);
        let changes = if closed { vec![Change::Closed { route: slot.id.clone() }] } else { Vec::new() };
        if let Some(key) = &permit.key {
            self.key_works(key);
        }
        changes
    }

    fn failed(&mut self, place: RouteIx, permit: &Permit, failure: Failure, now: Now) -> Vec<Change> {
        let mut changes = if is_an_answer(&failure) { self.network_answered(place, now) } else { Vec::new() };
        changes.extend(self.count(place, &Called::of(permit), failure, now));
        changes
    }

    /// The windows and the steps of shifts see every outcome that is its route's own.
    fn seen(&mut self, place: RouteIx, outcome: &Outcome, begun_mono_ms: u64, now: Now) {
        let slot = &self.slots[place.0];
        self.watch.attempt(&slot.id, &slot.provider, outcome, slot.breaker.is_shut(), now);
        self.shifts.ended(&slot.id, outcome, begun_mono_ms);
    }

    /// Lays a failure to its route, key or account.
    pub(super) fn count(&mut self, place: RouteIx, call: &Called, failure: Failure, now: Now) -> Vec<Change> {
        let verdict = classify(&failure);
        self.seen(place, &Outcome::Failed(failure.clone()), call.begun_mono_ms, now);
        let slot = &mut self.slots[place.0];
        let mut changes = Vec::new();
        if verdict.tells_of_target() {
            let was_failing = slot.strip.is_failing();
            slot.strip.failed(failure.clone(), verdict.counts_for_breaker, now);
            self.turned |= slot.strip.is_failing() != was_failing;
        }
        if verdict.counts_for_breaker
            && let Some(opening) = slot.breaker.failed(call.generation, call.app, now)
        {
            let (route, failure) = (slot.id.clone(), failure.clone());
            changes.push(Change::Opened { route, failure, consecutive: opening.consecutive });
            if opening.flaps() {
                let (route, times, wait_ms) = (slot.id.clone(), opening.times, opening.wait_ms);
                changes.push(Change::Told(EventKind::CircuitFlaps { route, times, wait_ms }));
            }
        }
        self.condemn(place, call.key.as_ref(), verdict, failure, now, &mut changes);
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
            (Condemns::Model | Condemns::Route, Some(until), _) => {
                self.cool(place, None, until, failure, now, changes);
            }
            (Condemns::Key, Some(until), Some(key)) => {
                self.cool(place, Some(key), until, failure, now, changes);
            }
            // A route without keys of ours is limited itself, unless the limit is the calling person's own.
            (Condemns::Key, Some(until), None) if need != KeyNeed::ClientRetries => {
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
        changes.push(Change::CooledDown {
            route,
            key: key.cloned(),
            until_mono_ms,
            failure: failure.clone(),
        });
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
