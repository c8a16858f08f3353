//! A route's circuit breaker, and the permits it gives out.
//!
//! Closed, it counts failures in a row. Open, it lets nothing through until its interval is over; then it is half
//! open and lets one test call through at a time, until enough of them succeeded (closed) or one failed (open
//! again, the interval restarts). It judges by inference calls only and knows nothing of keys or cooldowns.
//!
//! A circuit that opens anew after a test call went well has relapsed; one that relapses again and again without staying
//! closed for ten minutes flaps: from its second relapse on, the wait after each is twice the one before, unless no other
//! route could answer. An outage that goes on is no flapping: a test call that fails with none that went well before it
//! is followed by the next one after the usual wait. A person can hold a circuit open or closed; meanwhile failures are
//! counted, and move nothing.
//!
//! A provider may fail for what one app asks. The circuit opens after as many failures as ever, since with one app that is
//! what an outage looks like; but while all of them are of one app, a request of another one is a test call at once.
//!
//! Each change of state bumps the generation; an outcome that belongs to an older generation changes nothing. The
//! half-open slot is held by the permit itself: dropping the permit, even in a panic, frees it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};

use switchyard_domain::map::{BreakerSettings, RouteIx};
use switchyard_domain::view::CircuitState;
use switchyard_domain::{Now, RouteId};

use crate::fleet::KeyId;

/// A circuit that stayed closed, or stayed open, for so long does not flap any more, milliseconds.
const CALM_MS: u64 = 600_000;

/// An app that asks, told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct App(u64);

impl App {
    /// The app of this name; none when nobody is named.
    pub(crate) fn of(name: &str) -> Option<Self> {
        (!name.is_empty()).then(|| {
            let mut hasher = DefaultHasher::new();
            name.hash(&mut hasher);
            Self(hasher.finish())
        })
    }
}

/// Whose calls have failed since the last one that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Nobodys,
    One(App),
    Several,
}

/// Leave for one call on one route. Goes back through `Fleet::report` or `Fleet::release`; a permit that is only
/// dropped frees its half-open slot and counts nothing.
#[derive(Debug)]
pub struct Permit {
    pub(crate) route: RouteIx,
    pub(crate) id: RouteId,
    pub(crate) generation: u64,
    pub(crate) key: Option<KeyId>,
    pub(crate) app: Option<App>,
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
#[derive(Clone, Debug)]
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
    /// No call until a person lets go of it.
    HeldOpen,
}

/// How a person holds a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nothing passes.
    Open,
    /// Everything passes, whatever fails.
    Closed,
}

/// A circuit that has just opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    /// Failures in a row.
    pub(crate) consecutive: u32,
    /// The first opening since it was last calm, and each relapse since.
    pub(crate) times: u32,
    /// Until the test call, milliseconds.
    pub(crate) wait_ms: u64,
    /// Whether it had begun to recover.
    pub(crate) relapsed: bool,
}

impl Opening {
    /// Whether it relapses again and again: a single relapse does not make it that.
    pub(crate) const fn flaps(self) -> bool {
        self.relapsed && self.times > 2
    }
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
    failures: Whose,
    state: State,
    hold: Option<Hold>,
    /// The first opening since it was last calm for [`CALM_MS`], and each relapse since.
    openings: u32,
    /// Whether the last opening was a relapse.
    relapsed: bool,
    /// When the last of [`Self::openings`] was, on the monotonic clock.
    opened_mono_ms: u64,
    /// When it last closed by itself, on the monotonic clock.
    closed_mono_ms: Option<u64>,
    /// No other route could answer instead: flapping or not, it is tested as often as any.
    needed: bool,
}

impl Breaker {
    /// A closed breaker. `generation` is above any an older breaker of the same route gave out.
    pub(crate) const fn new(settings: BreakerSettings, generation: u64) -> Self {
        Self {
            settings,
            generation,
            consecutive: 0,
            failures: Whose::Nobodys,
            state: State::Closed,
            hold: None,
            openings: 0,
            relapsed: false,
            opened_mono_ms: 0,
            closed_mono_ms: None,
            needed: false,
        }
    }

    /// Takes other settings; the state stays.
    pub(crate) const fn set(&mut self, settings: BreakerSettings) {
        self.settings = settings;
    }

    /// Holds it, or lets go of it. Let go, it goes on where it was; one that was held closed begins closed.
    pub(crate) fn hold(&mut self, hold: Option<Hold>) {
        if self.hold == hold {
            return;
        }
        self.hold = hold;
        if hold == Some(Hold::Closed) {
            self.consecutive = 0;
            self.openings = 0;
            self.relapsed = false;
            self.closed_mono_ms = None;
            self.turn(State::Closed);
        }
    }

    /// Whether no other route could answer instead of this one.
    pub(crate) const fn need(&mut self, needed: bool) {
        self.needed = needed;
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) const fn circuit(&self) -> CircuitState {
        match (self.hold, &self.state) {
            (Some(Hold::Open), _) | (None, State::Open { .. }) => CircuitState::Open,
            (Some(Hold::Closed), _) | (None, State::Closed) => CircuitState::Closed,
            (None, State::HalfOpen { .. }) => CircuitState::HalfOpen,
        }
    }

    /// What the next call of an app would meet.
    pub(crate) fn gate(&self, app: Option<App>, now: Now) -> Gate {
        match self.hold {
            Some(Hold::Open) => return Gate::HeldOpen,
            Some(Hold::Closed) => return Gate::Flows,
            None => {}
        }
        match &self.state {
            State::Closed => Gate::Flows,
            State::Open { since_mono_ms } => {
                let until = since_mono_ms.saturating_add(self.wait_ms());
                if now.mono_ms >= until || self.fails_for_another(app) {
                    Gate::TestDue
                } else {
                    Gate::OpenUntil(until)
                }
            }
            State::HalfOpen { slot, .. } if slot.strong_count() > 0 => Gate::TestUnderWay,
            State::HalfOpen { .. } => Gate::TestDue,
        }
    }

    /// Whether everything that failed was of one app, and this is another one.
    fn fails_for_another(&self, app: Option<App>) -> bool {
        match (self.failures, app) {
            (Whose::One(of), Some(app)) => of != app,
            (Whose::Nobodys | Whose::Several, _) | (Whose::One(_), None) => false,
        }
    }

    /// Lets a call of an app through, or says why not.
    pub(crate) fn admit(&mut self, app: Option<App>, now: Now) -> Result<Admission, Gate> {
        match self.gate(app, now) {
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
            shut @ (Gate::TestUnderWay | Gate::OpenUntil(_) | Gate::HeldOpen) => Err(shut),
        }
    }

    /// How long it stays open, milliseconds: after a relapse twice as long for each one beyond the first, up to a limit.
    /// While nobody else could answer, a longer wait would spare nobody: it would only keep requests waiting.
    fn wait_ms(&self) -> u64 {
        let settings = &self.settings;
        if self.needed || !self.relapsed {
            return settings.half_open_every_ms;
        }
        let most = settings.half_open_most_ms.max(settings.half_open_every_ms);
        let doublings = self.openings.saturating_sub(2).min(32);
        settings.half_open_every_ms.saturating_mul(1 << doublings).min(most)
    }

    /// A call of `generation` succeeded. True when that closed the circuit.
    pub(crate) fn succeeded(&mut self, generation: u64, now: Now) -> bool {
        if generation != self.generation {
            return false;
        }
        self.consecutive = 0;
        self.failures = Whose::Nobodys;
        if self.hold.is_some() {
            return false;
        }
        match &mut self.state {
            State::HalfOpen { successes, .. } => {
                *successes += 1;
                let enough = *successes >= self.settings.successes_to_close;
                if enough {
                    self.closed_mono_ms = Some(now.mono_ms);
                    self.turn(State::Closed);
                }
                enough
            }
            State::Closed | State::Open { .. } => false,
        }
    }

    /// A call of `generation` failed in a way that counts. Says so when that opened the circuit.
    pub(crate) fn failed(&mut self, generation: u64, app: Option<App>, now: Now) -> Option<Opening> {
        if generation != self.generation {
            return None;
        }
        self.consecutive = self.consecutive.saturating_add(1);
        self.failures = match (self.failures, app) {
            (Whose::Nobodys, Some(app)) => Whose::One(app),
            (Whose::One(of), Some(app)) if of == app => Whose::One(app),
            (Whose::Nobodys | Whose::One(_) | Whose::Several, _) => Whose::Several,
        };
        if self.hold.is_some() {
            return None;
        }
        let opens = match self.state {
            State::Closed => self.consecutive >= self.settings.consecutive_failures,
            State::HalfOpen { .. } => true,
            State::Open { .. } => false,
        };
        opens.then(|| {
            self.count_opening(now);
            self.turn(State::Open { since_mono_ms: now.mono_ms });
            Opening {
                consecutive: self.consecutive,
                times: self.openings,
                wait_ms: self.wait_ms(),
                relapsed: self.relapsed,
            }
        })
    }

    /// Tells a first opening, a relapse, and an outage that merely goes on apart.
    fn count_opening(&mut self, now: Now) {
        let calm_since = |at: u64| now.mono_ms.saturating_sub(at) >= CALM_MS;
        let goes_on = match self.state {
            State::Closed => false,
            State::HalfOpen { successes, .. } => successes == 0,
            State::Open { .. } => true,
        };
        if goes_on {
            self.relapsed = false;
            if calm_since(self.opened_mono_ms) {
                self.openings = 1;
            }
            return;
        }
        let stayed_closed = matches!(self.state, State::Closed) && self.closed_mono_ms.is_none_or(calm_since);
        self.relapsed = !stayed_closed;
        self.openings = if stayed_closed { 1 } else { self.openings.saturating_add(1) };
        self.opened_mono_ms = now.mono_ms;
    }

    /// Whether it is open or half open because of what its route did, not by a person's hand.
    pub(crate) const fn is_shut(&self) -> bool {
        self.hold.is_none() && !matches!(self.state, State::Closed)
    }

    /// Whether so many further failures would open it.
    pub(crate) fn would_open(&self, failures: usize) -> bool {
        let failures = self.consecutive.saturating_add(u32::try_from(failures).unwrap_or(u32::MAX));
        match self.state {
            State::Closed => self.hold.is_none() && failures >= self.settings.consecutive_failures,
            State::HalfOpen { .. } | State::Open { .. } => false,
        }
    }

    fn turn(&mut self, state: State) {
        self.generation += 1;
        self.state = state;
    }
}
