//! A route's circuit breaker, and the permits it gives out.
//!
//! Closed, it counts failures in a row. Open, it lets nothing through until its interval is over; then it is half
//! open and lets one test call through at a time, until enough of them succeeded (closed) or one failed (open
//! again, the interval restarts). It judges by inference calls only and knows nothing of keys or cooldowns.
//!
//! Each change of state bumps the generation; an outcome that belongs to an older generation changes nothing. The
//! half-open slot is held by the permit itself: dropping the permit, even in a panic, frees it.

use std::sync::{Arc, Weak};

use switchyard_domain::map::{BreakerSettings, RouteIx};
use switchyard_domain::view::CircuitState;
use switchyard_domain::{Now, RouteId};

use crate::fleet::KeyId;

/// Leave for one call on one route. Goes back through `Fleet::report` or `Fleet::release`; a permit that is only
/// dropped frees its half-open slot and counts nothing.
#[derive(Debug)]
pub struct Permit {
    pub(crate) route: RouteIx,
    pub(crate) id: RouteId,
    pub(crate) generation: u64,
    pub(crate) key: Option<KeyId>,
    pub(crate) begins_test: bool,
    /// When it was given, on the monotonic clock.
    pub(crate) begun_mono_ms: u64,
    pub(crate) slot: Option<TestSlot>,
}

impl Permit {
    /// The route, by its place in the map the fleet held when the permit was given.
    #[must_use]
    pub const fn route(&self) -> RouteIx {
        self.route
    }

    /// The route's id, which outlives a change of map.
    #[must_use]
    pub const fn route_id(&self) -> &RouteId {
        &self.id
    }

    /// The breaker's generation the call belongs to.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether this is the half-open test call.
    #[must_use]
    pub const fn probe(&self) -> bool {
        self.slot.is_some()
    }

    /// Whether this call turned the open circuit half open.
    #[must_use]
    pub const fn begins_test(&self) -> bool {
        self.begins_test
    }

    /// The key the call uses: what a failure of the key condemns.
    #[must_use]
    pub const fn key(&self) -> Option<&KeyId> {
        self.key.as_ref()
    }

    /// The same permit, for a call with this key.
    #[must_use]
    pub fn with_key(self, key: Option<KeyId>) -> Self {
        Self { key, ..self }
    }
}

/// The half-open slot while it is taken.
#[derive(Debug)]
pub(crate) struct TestSlot(#[expect(dead_code, reason = "only its being alive matters")] Arc<()>);

/// What a breaker says to the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Calls flow.
    Flows,
    /// The next call would be a test call.
    TestDue,
    /// A test call is under way.
    TestUnderWay,
    /// No call before this reading of the monotonic clock.
    OpenUntil(u64),
}

/// A call let through.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) generation: u64,
    pub(crate) slot: Option<TestSlot>,
    pub(crate) begins_test: bool,
}

#[derive(Debug)]
enum State {
    Closed,
    Open { since_mono_ms: u64 },
    HalfOpen { successes: u32, slot: Weak<()> },
}

/// One route's breaker.
#[derive(Debug)]
pub(crate) struct Breaker {
    settings: BreakerSettings,
    generation: u64,
    consecutive: u32,
    state: State,
}

impl Breaker {
    /// A closed breaker. `generation` is above any an older breaker of the same route gave out.
    pub(crate) const fn new(settings: BreakerSettings, generation: u64) -> Self {
        Self { settings, generation, consecutive: 0, state: State::Closed }
    }

    /// Takes other settings; the state stays.
    pub(crate) const fn set(&mut self, settings: BreakerSettings) {
        self.settings = settings;
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) const fn circuit(&self) -> CircuitState {
        match self.state {
            State::Closed => CircuitState::Closed,
            State::Open { .. } => CircuitState::Open,
            State::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// What the next call would meet.
    pub(crate) fn gate(&self, now: Now) -> Gate {
        match &self.state {
            State::Closed => Gate::Flows,
            State::Open { since_mono_ms } => {
                let until = since_mono_ms.saturating_add(self.settings.half_open_every_ms);
                if now.mono_ms >= until { Gate::TestDue } else { Gate::OpenUntil(until) }
            }
            State::HalfOpen { slot, .. } if slot.strong_count() > 0 => Gate::TestUnderWay,
            State::HalfOpen { .. } => Gate::TestDue,
        }
    }

    /// Lets a call through, or says why not.
    pub(crate) fn admit(&mut self, now: Now) -> Result<Admission, Gate> {
        match self.gate(now) {
            Gate::Flows => Ok(Admission { generation: self.generation, slot: None, begins_test: false }),
            Gate::TestDue => {
                let taken = Arc::new(());
                let weak = Arc::downgrade(&taken);
                let begins_test = match &mut self.state {
                    State::HalfOpen { slot, .. } => {
                        *slot = weak;
                        false
                    }
                    State::Open { .. } | State::Closed => {
                        self.turn(State::HalfOpen { successes: 0, slot: weak });
                        true
                    }
                };
                Ok(Admission { generation: self.generation, slot: Some(TestSlot(taken)), begins_test })
            }
            shut @ (Gate::TestUnderWay | Gate::OpenUntil(_)) => Err(shut),
        }
    }

    /// A call of `generation` succeeded. True when that closed the circuit.
    pub(crate) fn succeeded(&mut self, generation: u64) -> bool {
        if generation != self.generation {
            return false;
        }
        self.consecutive = 0;
        match &mut self.state {
            State::HalfOpen { successes, .. } => {
                *successes += 1;
                let enough = *successes >= self.settings.successes_to_close;
                if enough {
                    self.turn(State::Closed);
                }
                enough
            }
            State::Closed | State::Open { .. } => false,
        }
    }

    /// A call of `generation` failed in a way that counts. The failures in a row when that opened the circuit.
    pub(crate) fn failed(&mut self, generation: u64, now: Now) -> Option<u32> {
        if generation != self.generation {
            return None;
        }
        self.consecutive = self.consecutive.saturating_add(1);
        let opens = match self.state {
            State::Closed => self.consecutive >= self.settings.consecutive_failures,
            State::HalfOpen { .. } => true,
            State::Open { .. } => false,
        };
        opens.then(|| {
            self.turn(State::Open { since_mono_ms: now.mono_ms });
            self.consecutive
        })
    }

    fn turn(&mut self, state: State) {
        self.generation += 1;
        self.state = state;
    }
}
