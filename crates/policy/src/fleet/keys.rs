//! Which key a route uses. Keys are names here; their values never come into this room.
//!
//! A revoked or unpaid key is condemned everywhere until its credential changes or a call with it succeeds. Since
//! providers' own outages have answered 401 to good keys, a condemned key gets a trial call every five minutes, and a
//! rejected one is taken back as soon as its provider accepts it with a free probe. Where calls then are rejected all the
//! same (models lists that anyone may read, keys that may do no more than that) probes say nothing of the key any more
//! until a call with it succeeds. Probes never spend a trial: that is for calls.
//! A rate limit cools a key on one route only: providers count per model.

use std::sync::Arc;

use switchyard_domain::map::{Auth, RouteIx};
use switchyard_domain::{Failure, FailureKind, Now};

use super::Fleet;
use super::route_state::SlotKey;
use crate::classify::LONGEST_COOLDOWN_MS;

/// A condemned key gets one trial call this often, milliseconds.
const TRIAL_EVERY_MS: u64 = LONGEST_COOLDOWN_MS;

/// A key's name, as it is stored. Never its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub Arc<str>);

impl KeyId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for KeyId {
    fn from(name: &str) -> Self {
        Self(Arc::from(name))
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChoice {
    /// This one.
    Key(KeyId),
    /// The route takes none of ours.
    NotNeeded,
    /// Every usable key is rate limited; the first is free at this reading of the monotonic clock.
    AllCoolingUntil(u64),
    /// There is none, or none that is accepted.
    None,
}

/// Which key a route wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyNeed {
    /// One of ours.
    Ours,
    /// The caller's own.
    ClientRetries,
    /// None.
    Nobodys,
}

impl From<Auth> for KeyNeed {
    fn from(auth: Auth) -> Self {
        match auth {
            Auth::Bearer
            | Auth::XApiKey
            | Auth::ApiKey
            | Auth::GoogApiKey
            | Auth::AwsSigv4
            | Auth::GoogleOauth => Self::Ours,
            Auth::Passthrough => Self::ClientRetries,
            Auth::None => Self::Nobodys,
        }
    }
}

/// A key that is not used for now.
#[derive(Debug)]
pub(super) struct DisabledKey {
    pub(super) failure: Failure,
    pub(super) trial_mono_ms: u64,
}

impl Fleet {
    /// The keys a route may use, in order. Cooldowns of keys that stay are kept.
    pub fn set_keys(&mut self, route: RouteIx, key_ids: Vec<KeyId>) {
        let Some(slot) = self.slots.get_mut(route.0) else { return };
        let mut old = std::mem::take(&mut slot.keys);
        slot.keys = key_ids
            .into_iter()
            .map(|id| match old.iter().position(|key| key.id == id) {
                Some(at) => old.swap_remove(at),
                None => SlotKey { id, cooling: None },
            })
            .collect();
    }

    /// Whether a route has keys at all, good or condemned. One that never had any is not out, but not set up.
    #[must_use]
    pub fn has_keys(&self, route: RouteIx) -> bool {
        self.slots.get(route.0).is_some_and(|slot| !slot.keys.is_empty())
    }

    /// Takes a key out of use on every route. True when it was in use until now.
    pub fn condemn_key(&mut self, key: &KeyId, failure: Failure, now: Now) -> bool {
        let trial_mono_ms = now.mono_ms.saturating_add(TRIAL_EVERY_MS);
        self.condemned.insert(key.clone(), DisabledKey { failure, trial_mono_ms }).is_none()
    }

    /// Takes a key into use again, its cooldowns ended: its credential changed.
    pub fn enable_key(&mut self, key: &KeyId) {
        self.key_works(key);
        for slot in &mut self.slots {
            for own in slot.keys.iter_mut().filter(|own| own.id == *key) {
                own.cooling = None;
                slot.doubted = None;
            }
        }
    }

    /// Why a key is not used for now: condemned, or cooling on some route.
    #[must_use]
    pub fn key_trouble(&self, key: &KeyId, now: Now) -> Option<&Failure> {
        if let Some(condemned) = self.condemned.get(key) {
            return Some(&condemned.failure);
        }
        self.slots
            .iter()
            .flat_map(|slot| &slot.keys)
            .filter(|own| own.id == *key)
            .filter_map(|own| own.cooling.as_ref())
            .find(|cooling| cooling.until_mono_ms > now.mono_ms)
            .map(|cooling| &cooling.failure)
    }

    /// The key for a call, leaving out those `visited`. Good keys come first, in order; else a condemned key whose
    /// trial is due. [`Fleet::begin_trial`] uses the trial up once the call goes.
    #[must_use]
    pub fn key_for(&self, route: RouteIx, visited: &[KeyId], now: Now) -> KeyChoice {
        self.choose(route, visited, now)
    }

    /// The key of a route's next call.
    #[must_use]
    pub fn key_state(&self, route: RouteIx, now: Now) -> KeyChoice {
        self.choose(route, &[], now)
    }

    /// The key for a check of a route, leaving out those `visited`: a good one, else one that cools or was refused. Uses
    /// nothing up.
    #[must_use]
    pub fn key_for_check(&self, route: RouteIx, visited: &[KeyId], now: Now) -> KeyChoice {
        match self.choose(route, visited, now) {
            KeyChoice::AllCoolingUntil(_) | KeyChoice::None => {
                let keys = self.slots.get(route.0).map_or(&[][..], |slot| &slot.keys);
                let left = keys.iter().find(|key| !visited.contains(&key.id));
                left.map_or(KeyChoice::None, |key| KeyChoice::Key(key.id.clone()))
            }
            choice @ (KeyChoice::Key(_) | KeyChoice::NotNeeded) => choice,
        }
    }

    /// A call with this key goes: if the key is condemned, this is its trial.
    pub(crate) fn begin_trial(&mut self, key: &KeyId, now: Now) {
        if let Some(condemned) = self.condemned.get_mut(key) {
            condemned.trial_mono_ms = now.mono_ms.saturating_add(TRIAL_EVERY_MS);
        }
    }

    /// The key for a free probe of a route: never a condemned one, of which the probe would say nothing new.
    #[must_use]
    pub fn key_to_probe(&self, route: RouteIx, now: Now) -> KeyChoice {
        let choice = self.choose(route, &[], now);
        let condemned = matches!(&choice, KeyChoice::Key(key) if self.is_condemned(key));
        if condemned { KeyChoice::None } else { choice }
    }

    /// The keys of a route that a provider rejected, and may accept again with a probe ([`Fleet::key_accepted`]).
    #[must_use]
    pub fn rejected_keys(&self, route: RouteIx) -> Vec<KeyId> {
        let Some(slot) = self.slots.get(route.0).filter(|slot| slot.need == KeyNeed::Ours) else {
            return Vec::new();
        };
        let rejected = |key: &&SlotKey| {
            let condemned = self.condemned.get(&key.id);
            condemned.is_some_and(|it| it.failure.kind == FailureKind::KeyRejected)
                && !self.accepted_by_probe.contains(&key.id)
        };
        slot.keys.iter().filter(rejected).map(|key| key.id.clone()).collect()
    }

    /// A provider accepted a rejected key with a free probe: it is in use again.
    pub fn key_accepted(&mut self, key: &KeyId) {
        if self.condemned.remove(key).is_some() {
            self.accepted_by_probe.insert(key.clone());
        }
    }

    /// A call with a key succeeded, or its credential changed.
    pub(super) fn key_works(&mut self, key: &KeyId) {
        self.condemned.remove(key);
        self.accepted_by_probe.remove(key);
    }

    pub(super) fn is_condemned(&self, key: &KeyId) -> bool {
        self.condemned.contains_key(key)
    }

    pub(super) fn keys_of_provider(&self, place: RouteIx) -> Vec<KeyId> {
        let provider = &self.slots[place.0].provider;
        let mut keys: Vec<KeyId> = Vec::new();
        for key in self.slots.iter().filter(|slot| slot.provider == *provider).flat_map(|slot| &slot.keys) {
            if !keys.contains(&key.id) {
                keys.push(key.id.clone());
            }
        }
        keys
    }

    fn choose(&self, route: RouteIx, visited: &[KeyId], now: Now) -> KeyChoice {
        let Some(slot) = self.slots.get(route.0) else { return KeyChoice::None };
        if slot.need != KeyNeed::Ours {
            return KeyChoice::NotNeeded;
        }
        let mut trial = None;
        let mut cooling: Option<u64> = None;
        for key in slot.keys.iter().filter(|key| !visited.contains(&key.id)) {
            let condemned = self.condemned.get(&key.id);
            match (condemned, key.cooling_until(now)) {
                (None, None) => return KeyChoice::Key(key.id.clone()),
                (None, Some(until)) => cooling = Some(cooling.map_or(until, |first| first.min(until))),
                (Some(condemned), None) if condemned.trial_mono_ms <= now.mono_ms => {
                    trial = trial.or(Some(&key.id));
                }
                (Some(_), _) => {}
            }
        }
        match (trial, cooling) {
            (Some(key), _) => KeyChoice::Key(key.clone()),
            (None, Some(until)) => KeyChoice::AllCoolingUntil(until),
            (None, None) => KeyChoice::None,
        }
    }
}
