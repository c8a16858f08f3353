//! What is known of every route right now: breakers, cooldowns, keys, kill switches and the last answers.
//!
//! One struct, held by the engine under one lock. It gives out permits and takes back outcomes; it decides nothing
//! about order (that is [`crate::plan()`]) and nothing about what to do next (that is [`crate::FailoverMachine`]). It knows
//! keys by name only.

mod keys;
mod known;
mod passive_health;
mod pending_verdicts;
mod report;
mod route_state;
mod view;

use std::collections::{HashMap, HashSet};

use switchyard_domain::map::{RouteIx, RoutingMap, Timeouts};
use switchyard_domain::operate::Overrides;
use switchyard_domain::view::CircuitState;
use switchyard_domain::{Failure, Now, RouteId};

use crate::breaker::{App, Gate, Permit};
use crate::lately::Lately;
use crate::network::{Network, RegionOutage};
use crate::patience::{Learned, Patience, Time, Waits};
use crate::retry_budget::RetryBudget;
use crate::shift::Shifts;
use crate::trigger_monitor::TriggerMonitor;
use keys::DisabledKey;
use pending_verdicts::PendingVerdict;
use route_state::{Probe, RouteState};

pub use keys::{KeyChoice, KeyId};
pub use known::{Check, Known};
pub use passive_health::Recent;
pub use report::{Change, Outcome};
pub use view::{RouteHealth, Unfit};

/// A cooldown longer than this, milliseconds, moves new work elsewhere; a shorter one may be waited out.
pub const SHORT_COOLDOWN_MS: u64 = 5_000;

/// Each restart of a route's breaker begins this many generations higher, so that no permit outlives it.
const GENERATIONS_PER_BREAKER: u64 = 1 << 32;

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
    /// The kill switch of its model or provider is thrown.
    Killed,
    /// Its breaker is held open by hand.
    HeldOpen,
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
    slots: Vec<RouteState>,
    condemned: HashMap<KeyId, DisabledKey>,
    /// Rejected keys that a probe took back, and no call has succeeded with since.
    accepted_by_probe: HashSet<KeyId>,
    born: u64,
    network: Network,
    suspended: Vec<PendingVerdict>,
    regions_out: Vec<RegionOutage>,
    lately: Lately,
    /// Whether the last calls of a route came to say something else than before.
    turned: bool,
    pub(crate) watch: TriggerMonitor,
    pub(crate) shifts: Shifts,
    pub(crate) retry_budget: RetryBudget,
    pub(crate) overrides: Overrides,
}

impl Fleet {
    /// A fleet in which every circuit is closed, nothing cools and no key is known yet.
    #[must_use]
    pub fn new(map: &RoutingMap) -> Self {
        let mut fleet = Self {
            slots: Vec::new(),
            condemned: HashMap::new(),
            accepted_by_probe: HashSet::new(),
            born: 0,
            network: Network::new(),
            suspended: Vec::new(),
            regions_out: Vec::new(),
            lately: Lately::default(),
            turned: false,
            watch: TriggerMonitor::default(),
            shifts: Shifts::default(),
            retry_budget: RetryBudget::default(),
            overrides: Overrides::default(),
        };
        fleet.remap(map);
        fleet
    }

    /// Takes a new map. A route with the same id keeps its breaker, cooldowns, keys and statistics;
    /// if its endpoint or model changed it is another target, and only its keys stay. What people ordered holds on.
    pub fn remap(&mut self, map: &RoutingMap) {
        let mut old = std::mem::take(&mut self.slots);
        for route in &map.routes {
            let known = old.iter().position(|slot| slot.id == route.id).map(|at| old.swap_remove(at));
            self.born += 1;
            let generation = self.born * GENERATIONS_PER_BREAKER;
            let family = map.providers.get(&route.provider).and_then(|provider| provider.preset);
            let family = family.map_or(route.provider.as_str(), |preset| preset.name);
            self.slots.push(RouteState::next(route, family, known, generation));
        }
        // Requests met another map: what became of them says nothing of this one.
        self.lately.clear();
        self.network.remap(map);
        self.watch.remap(map);
        self.shifts.remap(map);
        self.retry_budget.remap(map);
        self.apply();
    }

    /// The beat, about once a second: triggers fire and recover, shifts take their steps, storms end. `map` is the one
    /// the fleet holds.
    pub fn tick(&mut self, map: &RoutingMap, now: Now) -> Vec<Change> {
        let mut changes = self.network_tick(now);
        if !self.network.is_down() {
            changes.extend(self.watch.tick(now));
        }
        changes.extend(self.tick_shifts(map, now));
        changes.extend(self.retry_budget.tick(now));
        changes.extend(self.tick_overrides(now));
        self.note_needed(now);
        changes
    }

    /// Tells each breaker whether no other route could answer instead of its own.
    fn note_needed(&mut self, now: Now) {
        let answers = |(at, slot): (usize, &RouteState)| {
            self.serves(RouteIx(at), now) && !self.is_excepted(&slot.provider)
        };
        let answers: Vec<bool> = self.slots.iter().enumerate().map(answers).collect();
        let all = answers.iter().filter(|answers| **answers).count();
        for (slot, own) in self.slots.iter_mut().zip(answers) {
            slot.breaker.need(all == usize::from(own));
        }
    }

    /// The windows and triggers.
    #[must_use]
    pub const fn watch(&self) -> &TriggerMonitor {
        &self.watch
    }

    /// The windows and triggers, to tell them a quality score.
    pub const fn watch_mut(&mut self) -> &mut TriggerMonitor {
        &mut self.watch
    }

    /// How the last requests ended.
    #[must_use]
    pub const fn lately(&self) -> &Lately {
        &self.lately
    }

    /// The same, to tell it of a request that ended.
    pub const fn lately_mut(&mut self) -> &mut Lately {
        &mut self.lately
    }

    /// Whether the last calls of a route came to say something else than when this was asked before.
    pub const fn take_turned(&mut self) -> bool {
        std::mem::replace(&mut self.turned, false)
    }

    /// The shifts under way.
    #[must_use]
    pub const fn shifts(&self) -> &Shifts {
        &self.shifts
    }

    /// How retries are doing.
    #[must_use]
    pub const fn retry_budget(&self) -> &RetryBudget {
        &self.retry_budget
    }

    /// The same, to tell it of a request that ended.
    pub const fn retry_budget_mut(&mut self) -> &mut RetryBudget {
        &mut self.retry_budget
    }

    /// What people have overridden.
    #[must_use]
    pub const fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// Takes what people have overridden, from the next plan on.
    pub fn set_overrides(&mut self, overrides: Overrides) {
        self.overrides = overrides;
        self.apply();
    }

    fn apply(&mut self) {
        for slot in &mut self.slots {
            slot.apply(&self.overrides);
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

    /// Takes what is known of a route's abilities.
    pub fn set_known(&mut self, route: RouteIx, known: Known) {
        if let Some(slot) = self.slots.get_mut(route.0) {
            slot.known = known;
        }
    }

    /// What is known of a route's abilities.
    ///
    /// # Panics
    /// If the route is of another map.
    #[must_use]
    pub fn known(&self, route: RouteIx) -> &Known {
        &self.slots[route.0].known
    }

    /// Whether a permit would be given, without taking it.
    ///
    /// # Errors
    /// Why not, and until when.
    pub fn gate(&self, route: RouteIx, now: Now) -> Result<(), Closed> {
        self.gate_for(route, None, now)
    }

    /// The same for a call of an app.
    pub(crate) fn gate_for(&self, route: RouteIx, app: Option<App>, now: Now) -> Result<(), Closed> {
        let Some(slot) = self.slots.get(route.0) else {
            return Err(Closed { reason: Reason::Gone, until_mono_ms: None });
        };
        slot.gate(app, now)
    }

    /// A route's circuit.
    ///
    /// # Panics
    /// If the route is of another map.
    #[must_use]
    pub fn circuit(&self, route: RouteIx) -> CircuitState {
        self.slots[route.0].breaker.circuit()
    }

    pub(crate) fn generation(&self, route: RouteIx) -> u64 {
        self.slots[route.0].breaker.generation()
    }

    /// Leave for one call, without a key ([`Permit::with_key`] adds it).
    ///
    /// # Errors
    /// Why not, and until when.
    pub fn acquire(&mut self, route: RouteIx, now: Now) -> Result<Permit, Closed> {
        self.acquire_for(route, None, now)
    }

    /// The same for a call of an app.
    pub(crate) fn acquire_for(
        &mut self,
        route: RouteIx,
        app: Option<App>,
        now: Now,
    ) -> Result<Permit, Closed> {
        self.gate_for(route, app, now)?;
        let slot = &mut self.slots[route.0];
        let admission = slot.breaker.admit(app, now).map_err(route_state::closed_by)?;
        self.shifts.called(&slot.id, now);
        Ok(Permit {
            route,
            id: slot.id.clone(),
            generation: admission.generation,
            key: None,
            app,
            begins_test: admission.begins_test,
            begun_mono_ms: now.mono_ms,
            slot: admission.slot,
        })
    }

    /// How long a try of a route may be silent.
    pub(crate) fn patience(&self, route: RouteIx, timeouts: &Timeouts, time: Time) -> Patience {
        match self.slots.get(route.0) {
            Some(slot) => Patience::new(timeouts, &slot.learned, time),
            None => Patience::new(timeouts, &Learned::default(), time),
        }
    }

    /// Takes how long an answer that came to its end was silent on its way.
    pub fn learn(&mut self, permit: &Permit, waits: &Waits) {
        if let Some(place) = self.place(&permit.id, permit.route) {
            self.slots[place.0].learned.take(waits);
        }
    }

    /// Takes back a permit that led to nothing: the half-open slot is free again, nothing counts.
    pub fn release(&mut self, permit: Permit) {
        drop(permit);
    }

    /// Notes a free probe's result. It lowers trust at most: it is shown, and opens or closes no circuit, since a
    /// models list says nothing certain about inference. One that failed on the way, begun at `begun_mono_ms`, counts
    /// only once it shows that this machine's network is well.
    pub fn probe_result(
        &mut self,
        route: RouteIx,
        ok: Result<(), Failure>,
        begun_mono_ms: u64,
        now: Now,
    ) -> Vec<Change> {
        if route.0 >= self.slots.len() {
            return Vec::new();
        }
        let Err(failure) = ok else {
            self.forget_doubted_probes(route);
            return self.note_probe(route, None, now);
        };
        match self.doubted_probe(route, &failure, begun_mono_ms, now) {
            Some(changes) => changes,
            None => self.note_probe(route, Some(failure), now),
        }
    }

    fn note_probe(&mut self, route: RouteIx, failure: Option<Failure>, now: Now) -> Vec<Change> {
        let slot = &mut self.slots[route.0];
        self.watch.probe(&slot.id, failure.is_none(), slot.breaker.is_shut(), now);
        let was_well = slot.probe.as_ref().is_none_or(|probe| probe.failure.is_none());
        slot.probe = Some(Probe { at_ms: now.wall_ms, failure: failure.clone() });
        match failure {
            Some(failure) if was_well && slot.breaker.gate(None, now) == Gate::Flows => {
                vec![Change::ProbeFailed { route: slot.id.clone(), failure }]
            }
            Some(_) | None => Vec::new(),
        }
    }
}
