//! How things stand, in codes and numbers: one judgement for the status sentence, the lamps, the tier, the health
//! endpoints, the tray and the notices.
//!
//! It goes by what happened, never by what was configured: a closed circuit is no answer. "All clear" needs requests
//! that were all answered as the map says, and no route in service that fails; where nothing was asked lately, that is
//! what it says. Evidence older than [`LATELY_MS`](crate::lately::LATELY_MS) is not told as the present. Words are made
//! elsewhere.

use switchyard_domain::event::StatusLevel;
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::operate::ShiftPhase;
use switchyard_domain::view::{CircuitState, HealthWord};
use switchyard_domain::{Failure, Now, RouteId, Tier};

use crate::breaker::Gate;
use crate::current_tier::{Cause, CurrentTier, current_tier_of};
use crate::fleet::{Fleet, Recent, Unfit};
use crate::lately::Figures;

/// What it is judged from.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Whether there is a map to go by.
    pub setup: Setup,
    /// Whether every request is refused at once.
    pub off: bool,
    /// Whether new work is paused.
    pub paused: bool,
    /// Whether this machine's network is down.
    pub network_down: bool,
    /// Where the next default request goes.
    pub current_tier: CurrentTier,
    /// How the last requests ended.
    pub lately: Figures,
    /// Routes in service that don't do as they should.
    pub troubles: Vec<Trouble>,
    /// Jobs that don't stand where they are meant to.
    pub jobs: Vec<JobOff>,
    /// What a shift or weights make of the traffic.
    pub shared: Option<Shared>,
    /// The stopped route that is tested next.
    pub test: Option<NextTest>,
}

/// Whether there is a map to go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// None was applied yet.
    Missing,
    /// The applied one can't run.
    Broken,
    /// One runs.
    Runs,
}

/// A route in service that does not do as it should.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// The route.
    pub route: RouteId,
    /// What is wrong.
    pub what: Wrong,
    /// Its last failure.
    pub failure: Option<Failure>,
}

/// What is wrong with a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Its circuit is open.
    Open,
    /// Its circuit is half open.
    Tested,
    /// Its last calls say that the next one fails, too.
    Failing(Recent),
    /// More than a few of its calls of late failed.
    Errs(Recent),
}

/// A job that does not stand where it is meant to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOff {
    /// Its name.
    pub name: String,
    /// Where its next request goes.
    pub tier: Tier,
    /// Why.
    pub cause: Option<Cause>,
}

/// What a shift or weights make of the traffic.
#[derive(Clone, Debug, PartialEq)]
pub enum Shared {
    /// A part of the traffic is moved.
    Moved {
        /// Where the shift stands.
        phase: ShiftPhase,
        /// The share that is moved, percent.
        percent: u32,
        /// From where, as people say it.
        from: String,
        /// To where.
        to: String,
    },
    /// Traffic is split by weights over the whole line; the parts and their shares, percent.
    Split(Vec<(String, f64)>),
}

/// A stopped route's next test call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextTest {
    /// The route.
    pub route: RouteId,
    /// From when on a request tests it, milliseconds from now; 0: the next one does.
    pub in_ms: u64,
}

/// How things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Situation {
    /// No map was applied yet.
    NotSetUp,
    /// The applied map can't run.
    MapBroken,
    /// Every request is refused at once.
    Off,
    /// New work is paused.
    Paused,
    /// This machine's network is down.
    NetworkDown,
    /// Nothing speaks against it, and nothing was asked lately.
    Ready,
    /// Every request of late was answered as the map says, and no route fails.
    Clear,
    /// Hot answers, and something is not as it should be.
    OnHot,
    /// A shift takes a part of the traffic elsewhere.
    Moving,
    /// Requests go to Warm.
    OnWarm,
    /// No route is expected to answer.
    NoRoute,
}

/// The judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How things stand.
    pub situation: Situation,
    /// The lamp.
    pub lamp: StatusLevel,
    /// The tier the next request goes to.
    pub tier: Tier,
    /// The same for programs.
    pub health: HealthWord,
}

/// Judges.
#[must_use]
pub fn judge(facts: &Facts) -> Status {
    let situation = situation(facts);
    let (lamp, health) = match situation {
        Situation::NotSetUp => (StatusLevel::Unknown, HealthWord::Unconfigured),
        Situation::MapBroken => (StatusLevel::Stop, HealthWord::Unconfigured),
        Situation::Off => (StatusLevel::Out, HealthWord::Off),
        Situation::Paused => (StatusLevel::Paused, HealthWord::Paused),
        Situation::NetworkDown => (StatusLevel::Caution, HealthWord::Offline),
        Situation::Ready => (StatusLevel::Unknown, HealthWord::Ok),
        Situation::Clear => (StatusLevel::Clear, HealthWord::Ok),
        Situation::OnHot | Situation::Moving => (StatusLevel::Caution, HealthWord::Degraded),
        Situation::OnWarm => (StatusLevel::Degraded, HealthWord::Degraded),
        Situation::NoRoute => (StatusLevel::Stop, HealthWord::Cold),
    };
    Status { situation, lamp, tier: facts.current_tier.tier, health }
}

fn situation(facts: &Facts) -> Situation {
    match facts.setup {
        Setup::Missing => return Situation::NotSetUp,
        Setup::Broken => return Situation::MapBroken,
        Setup::Runs => {}
    }
    if facts.off {
        return Situation::Off;
    }
    if facts.paused {
        return Situation::Paused;
    }
    if facts.network_down {
        return Situation::NetworkDown;
    }
    let Figures { asked, queued, unanswered, given_up, .. } = facts.lately;
    // What weighs more than a move stays what it says: a circuit that opened, callers without an answer.
    let weighs = facts.troubles.iter().any(|own| !matches!(own.what, Wrong::Errs(_)));
    let moved = matches!(facts.shared, Some(Shared::Moved { .. }));
    match facts.current_tier.tier {
        Tier::Cold => Situation::NoRoute,
        Tier::Hot | Tier::Warm if moved && !weighs && queued + unanswered == 0 => Situation::Moving,
        Tier::Warm
            if !matches!(facts.shared, Some(Shared::Split(_))) || facts.current_tier.cause.is_some() =>
        {
            Situation::OnWarm
        }
        Tier::Hot | Tier::Warm => {
            let in_order =
                facts.current_tier.cause.is_none() && facts.troubles.is_empty() && facts.jobs.is_empty();
            match asked + given_up {
                0 if in_order => Situation::Ready,
                _ if in_order && facts.lately.all_well() => Situation::Clear,
                _ => Situation::OnHot,
            }
        }
    }
}

/// What holds of a running map. `off`, `paused`: as they are beside the fleet.
#[must_use]
pub fn facts(
    map: &RoutingMap,
    fleet: &Fleet,
    current_tier: CurrentTier,
    (off, paused): (bool, bool),
    now: Now,
) -> Facts {
    Facts {
        setup: Setup::Runs,
        off,
        paused,
        network_down: fleet.network().sentence().is_some(),
        current_tier,
        lately: fleet.lately().figures(now),
        troubles: troubles(map, fleet, now),
        jobs: jobs_off(map, fleet, now),
        shared: shared(fleet, now),
        test: next_test(map, fleet, now),
    }
}

impl Facts {
    /// Those of a router without a map that runs.
    #[must_use]
    pub fn without_map(setup: Setup) -> Self {
        Self {
            setup,
            off: false,
            paused: false,
            network_down: false,
            current_tier: CurrentTier { tier: Tier::Hot, route: None, cause: None },
            lately: Figures::default(),
            troubles: Vec::new(),
            jobs: Vec::new(),
            shared: None,
            test: None,
        }
    }
}

/// Routes that are in service for the line of some job, with their places.
fn in_service<'a>(
    map: &'a RoutingMap,
    fleet: &'a Fleet,
    now: Now,
) -> impl Iterator<Item = (&'a RouteId, RouteIx)> {
    map.routes.iter().enumerate().filter_map(move |(at, route)| {
        let place = fleet.place(&route.id, RouteIx(at))?;
        let out = match fleet.out_of_use(place, now) {
            None => false,
            Some(unfit) => match unfit {
                Unfit::NotInMap
                | Unfit::OffInMap
                | Unfit::SwitchedOff
                | Unfit::LeftOut
                | Unfit::Gated
                | Unfit::CutOff(_)
                | Unfit::HeldOpen
                | Unfit::NoKey(None) => true,
                Unfit::CircuitOpen(_)
                | Unfit::CoolingDown(_)
                | Unfit::NoKey(Some(_))
                | Unfit::KeysCool(_)
                | Unfit::Doubted(_)
                | Unfit::Failing(_) => false,
            },
        };
        (!out && !fleet.is_excepted(&route.provider)).then_some((&route.id, place))
    })
}

fn troubles(map: &RoutingMap, fleet: &Fleet, now: Now) -> Vec<Trouble> {
    let wrong = |place: RouteIx| match fleet.circuit(place) {
        CircuitState::Open => Some(Wrong::Open),
        CircuitState::HalfOpen => Some(Wrong::Tested),
        CircuitState::Closed => {
            let recent = fleet.recent(place, now);
            match fleet.failing(place) {
                Some(_) => Some(Wrong::Failing(recent)),
                None => recent.errs().then_some(Wrong::Errs(recent)),
            }
        }
    };
    in_service(map, fleet, now)
        .filter_map(|(id, place)| {
            Some(Trouble {
                route: id.clone(),
                what: wrong(place)?,
                failure: fleet.last_failure(place).cloned(),
            })
        })
        .collect()
}

/// A job without a line of its own stands where the default does.
fn jobs_off(map: &RoutingMap, fleet: &Fleet, now: Now) -> Vec<JobOff> {
    let own = map.jobs.iter().filter(|(_, job)| job.own_line || fleet.overridden(map, job).is_some());
    own.filter_map(|(name, job)| {
        let CurrentTier { tier, cause, .. } = current_tier_of(map, job, fleet, now);
        // A job may be meant for Warm; then only having no route is news.
        let off = match tier {
            Tier::Hot => false,
            Tier::Warm => cause.is_some() && !fleet.line(map, job).hot.is_empty(),
            Tier::Cold => true,
        };
        off.then(|| JobOff { name: name.clone(), tier, cause })
    })
    .collect()
}

fn shared(fleet: &Fleet, now: Now) -> Option<Shared> {
    let moved = fleet.shifts().view(now).into_iter().rev().find(|shift| {
        (1..100).contains(&shift.share_percent)
            && match shift.phase {
                ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Returning => true,
                ShiftPhase::Home => false,
            }
    });
    let moved = moved.map(|shift| Shared::Moved {
        phase: shift.phase,
        percent: shift.share_percent,
        from: shift.from_words,
        to: shift.to_words,
    });
    moved.or_else(|| {
        let split = fleet.shifts().distribution(now)?;
        let weights = split.weights.iter().map(|own| (own.target.to_string(), own.percent));
        Some(Shared::Split(weights.collect()))
    })
}

/// The route whose test call may go first; one whose test is under way waits for nobody.
fn next_test(map: &RoutingMap, fleet: &Fleet, now: Now) -> Option<NextTest> {
    let due = in_service(map, fleet, now).filter_map(|(id, place)| {
        let in_ms = fleet.next_test_in_ms(place, now)?;
        Some(NextTest { route: id.clone(), in_ms })
    });
    due.min_by_key(|test| test.in_ms)
}

impl Fleet {
    /// From when on a request tests a route whose circuit is not closed, milliseconds from now; none while it is closed,
    /// held by hand, or a test is under way.
    #[must_use]
    pub fn next_test_in_ms(&self, route: RouteIx, now: Now) -> Option<u64> {
        match (self.circuit(route), self.breaker_gate(route, now)) {
            (CircuitState::Closed, _) | (_, Gate::Flows | Gate::TestUnderWay | Gate::HeldOpen) => None,
            (CircuitState::HalfOpen | CircuitState::Open, Gate::TestDue) => Some(0),
            (CircuitState::HalfOpen | CircuitState::Open, Gate::OpenUntil(until)) => {
                Some(until.saturating_sub(now.mono_ms))
            }
        }
    }
}
