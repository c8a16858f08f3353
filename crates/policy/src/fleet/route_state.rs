//! One route's present state.

use switchyard_domain::map::Route;
use switchyard_domain::operate::{KillScope, Overrides};
use switchyard_domain::{Failure, Now, RouteId};

use super::keys::{KeyId, KeyNeed};
use super::passive_health::PassiveHealth;
use super::{Closed, Known, Reason};
use crate::breaker::{App, Breaker, Gate, Hold};
use crate::overrides::kill_among;
use crate::patience::Learned;

/// One route's present state.
#[derive(Debug)]
pub(super) struct RouteState {
    pub(super) id: RouteId,
    pub(super) provider: String,
    /// The vendor behind the provider: accounts in several regions are several providers of a map.
    pub(super) family: String,
    pub(super) region: Option<String>,
    /// Whether its host is this machine or on its own network.
    pub(super) is_local: bool,
    /// What it is asked for by, as [`Route::serves`] has it.
    names: Vec<String>,
    /// Endpoint and model: what the breaker's judgement is about.
    target: (String, String),
    enabled: bool,
    pub(super) need: KeyNeed,
    /// The kill switch that keeps it out of service.
    pub(super) killed: Option<Killed>,
    pub(super) breaker: Breaker,
    cooldown: Option<Cooldown>,
    pub(super) keys: Vec<SlotKey>,
    /// Set by a long cooldown, cleared by an answer: until then the route does not count as back.
    pub(super) doubted: Option<Failure>,
    pub(super) strip: PassiveHealth,
    /// How long its answers are silent.
    pub(super) learned: Learned,
    pub(super) probe: Option<Probe>,
    pub(super) known: Known,
}

/// Which kill switch keeps a route out of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Killed {
    /// Its own.
    Itself,
    /// Its model's or its provider's.
    WithOthers,
}

/// A key on one route.
#[derive(Debug)]
pub(super) struct SlotKey {
    pub(super) id: KeyId,
    pub(super) cooling: Option<Cooldown>,
}

/// Until when a target is left alone, and why.
#[derive(Debug)]
pub(super) struct Cooldown {
    pub(super) until_mono_ms: u64,
    pub(super) failure: Failure,
}

/// The last free probe.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) at_ms: i64,
    pub(super) failure: Option<Failure>,
}

impl RouteState {
    /// The slot of a route in a new map, with what was known of it.
    pub(super) fn next(route: &Route, family: &str, known: Option<Self>, generation: u64) -> Self {
        let target = (route.endpoint.to_string(), route.upstream_model.clone());
        let names = asked_for_by(route);
        let keys = match known {
            Some(mut slot) if slot.target == target => {
                slot.provider.clone_from(&route.provider);
                family.clone_into(&mut slot.family);
                slot.region.clone_from(&route.region);
                slot.is_local = route.is_local;
                slot.names = names;
                slot.enabled = route.enabled;
                slot.need = route.auth.into();
                slot.breaker.set(route.breaker);
                return slot;
            }
            Some(slot) => slot.keys,
            None => Vec::new(),
        };
        Self {
            id: route.id.clone(),
            provider: route.provider.clone(),
            family: family.to_owned(),
            region: route.region.clone(),
            is_local: route.is_local,
            names,
            target,
            enabled: route.enabled,
            need: route.auth.into(),
            killed: None,
            breaker: Breaker::new(route.breaker, generation),
            cooldown: None,
            keys,
            doubted: None,
            strip: PassiveHealth::default(),
            learned: Learned::default(),
            probe: None,
            known: Known::default(),
        }
    }

    pub(super) fn gate(&self, app: Option<App>, now: Now) -> Result<(), Closed> {
        if !self.enabled {
            return Err(Closed { reason: Reason::OffInMap, until_mono_ms: None });
        }
        match self.killed {
            Some(Killed::Itself) => return Err(Closed { reason: Reason::SwitchedOff, until_mono_ms: None }),
            Some(Killed::WithOthers) => return Err(Closed { reason: Reason::Killed, until_mono_ms: None }),
            None => {}
        }
        match self.breaker.gate(app, now) {
            Gate::Flows | Gate::TestDue => {}
            shut @ (Gate::OpenUntil(_) | Gate::TestUnderWay | Gate::HeldOpen) => return Err(closed_by(shut)),
        }
        match self.cooling(now) {
            Some(until) => Err(Closed { reason: Reason::CoolingDown, until_mono_ms: Some(until) }),
            None => Ok(()),
        }
    }

    /// Takes what people say of it: kill switches and a breaker held by hand.
    pub(super) fn apply(&mut self, overrides: &Overrides) {
        let serves = |name: &String| self.names.contains(name);
        let kill = kill_among(&overrides.kills, &self.id, &self.provider, serves);
        self.killed = kill.map(|kill| match kill.scope {
            KillScope::Route(_) => Killed::Itself,
            KillScope::Model(_) | KillScope::Provider(_) => Killed::WithOthers,
        });
        let forced = overrides.forced.iter().find(|forced| forced.route == self.id);
        self.breaker.hold(forced.map(|forced| if forced.open { Hold::Open } else { Hold::Closed }));
    }

    pub(super) const fn in_map(&self) -> bool {
        self.enabled
    }

    /// The end of the route's own cooldown, while it lasts.
    pub(super) fn cooling(&self, now: Now) -> Option<u64> {
        self.cooldown.as_ref().map(|cooldown| cooldown.until_mono_ms).filter(|until| *until > now.mono_ms)
    }

    pub(super) fn cooling_failure(&self, now: Now) -> Option<&Failure> {
        self.cooldown.as_ref().filter(|cooldown| cooldown.until_mono_ms > now.mono_ms).map(|c| &c.failure)
    }

    /// Cools the route, or one of its keys. A cooldown is never shortened; false when nothing changed.
    pub(super) fn cool(&mut self, key: Option<&KeyId>, until_mono_ms: u64, failure: &Failure) -> bool {
        let place = match key {
            None => &mut self.cooldown,
            Some(key) => match self.keys.iter_mut().find(|own| own.id == *key) {
                Some(own) => &mut own.cooling,
                None => return false,
            },
        };
        if place.as_ref().is_some_and(|cooling| cooling.until_mono_ms >= until_mono_ms) {
            return false;
        }
        *place = Some(Cooldown { until_mono_ms, failure: failure.clone() });
        true
    }
}

impl SlotKey {
    pub(super) fn cooling_until(&self, now: Now) -> Option<u64> {
        self.cooling.as_ref().map(|cooling| cooling.until_mono_ms).filter(|until| *until > now.mono_ms)
    }
}

fn asked_for_by(route: &Route) -> Vec<String> {
    let names = [route.id.as_str(), &route.model, &route.upstream_model];
    names.into_iter().map(str::to_owned).chain(route.aliases.iter().cloned()).collect()
}

/// A breaker's refusal, in the fleet's words.
pub(super) const fn closed_by(gate: Gate) -> Closed {
    match gate {
        Gate::OpenUntil(until) => Closed { reason: Reason::CircuitOpen, until_mono_ms: Some(until) },
        Gate::HeldOpen => Closed { reason: Reason::HeldOpen, until_mono_ms: None },
        Gate::Flows | Gate::TestDue | Gate::TestUnderWay => {
            Closed { reason: Reason::TestUnderWay, until_mono_ms: None }
        }
    }
}
