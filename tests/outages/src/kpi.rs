//! What a run came to, seen from outside: from the callers, and from a script that knows the truth.

mod detection;
mod journey;

use std::collections::BTreeMap;

use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::{Failure, Now, RouteId, Tier};
use switchyard_policy::{Change, Fleet, current_tier};

use crate::script::Script;
use detection::Detection;
use journey::Journey;

pub use detection::Detected;

/// A route that was ill within this time may well have its circuit opened, milliseconds.
const LATELY_MS: u64 = 60_000;
/// What failed because of the network is told within this time after it is back, milliseconds.
const AFTERMATH_MS: u64 = 15_000;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an answer.
    Answered,
    /// In the queue: nothing could answer in time.
    Queued,
    /// With a refusal that is the request's own fault.
    Refused,
    /// With a stream that broke off and could not be continued.
    Broken,
}

/// What one run came to; also the sum of several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kpis {
    /// Runs.
    pub runs: u64,
    /// Requests accepted.
    pub requests: u64,
    /// Of these, answered in time.
    pub answered: u64,
    /// Queued, since nothing could answer in time.
    pub queued: u64,
    /// Refused.
    pub refused: u64,
    /// Streams that broke off for good.
    pub broken: u64,
    /// Requests nobody ever heard of again.
    pub lost: u64,
    /// Queued requests answered later.
    pub done_later: u64,
    /// Queued requests handed to a person, their attempts used up.
    pub dead: u64,
    /// Requests still queued at a run's end.
    pub waiting: u64,
    /// Requests during which some route was well, and machine and network too.
    pub fair: u64,
    /// Of these, the ones not answered.
    pub fair_errors: u64,
    /// Outages of the route that was first, and when they were noticed.
    pub detections: Vec<Detected>,
    /// Seconds from such an outage's beginning to the first answer of another route.
    pub failovers_s: Vec<f64>,
    /// Seconds from a provider's falling ill to its first trigger.
    pub triggers_s: Vec<f64>,
    /// Triggers that fired for a provider that was well all the time, and said what was not so: of models that always
    /// take longer than the map's limit for slow answers, `slow` is the truth.
    pub false_triggers: u64,
    /// Shifts that the router began.
    pub shifts: u64,
    /// Of these, away from a provider that was ill for less than the error trigger asks for, and failed less over that time.
    pub needless_shifts: u64,
    /// Shifts and failbacks that were reversed.
    pub reversals: u64,
    /// Failbacks begun.
    pub failbacks: u64,
    /// Of these, ones that brought half the traffic or more into a provider that was still ill.
    pub early_failbacks: u64,
    /// Failbacks begun while the home had been ill for a while, however they went on.
    pub hasty_failbacks: u64,
    /// Changes of the tier that answers.
    pub tier_changes: u64,
    /// Circuits opened.
    pub openings: u64,
    /// Of these, while this machine was cut off or had just woken up.
    pub openings_cut_off: u64,
    /// Of these, of a route that was well for the last minute, and since the call began whose failure opened it.
    pub openings_well: u64,
    /// Time the home provider was out while another one was well, milliseconds.
    pub home_out_ms: u64,
    /// Of this, time in which requests still went to it first.
    pub on_ill_home_ms: u64,
    /// Time the home provider was well, milliseconds.
    pub home_well_ms: u64,
    /// Of this, time in which requests went elsewhere although everything a failback asks for was long true.
    pub late_home_ms: u64,
    /// What missed a goal, with its time: the first few.
    pub notes: Vec<String>,
}

/// Notes kept of a run.
const NOTES: usize = 12;

impl Kpis {
    fn note(&mut self, at_ms: u64, what: impl FnOnce() -> String) {
        if self.notes.len() < NOTES {
            self.notes.push(format!("{} {}", time(at_ms), what()));
        }
    }
}

/// The router at a moment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Its map.
    pub map: &'a RoutingMap,
    /// Its state.
    pub fleet: &'a Fleet,
    /// Where the next request would go first.
    pub first: Option<RouteIx>,
    /// The clock.
    pub now: Now,
    /// The clock, from the script's beginning.
    pub at_ms: u64,
}

/// Watches a run.
#[derive(Debug)]
pub struct Observer<'a> {
    script: &'a Script,
    map: RoutingMap,
    detection: Detection,
    journey: Journey,
    tier: Tier,
    /// When the last try of each route that failed had begun.
    failed_begun_ms: BTreeMap<RouteId, u64>,
    journal: Option<Vec<String>>,
    /// The sum so far.
    pub kpis: Kpis,
}

impl<'a> Observer<'a> {
    /// Watches a run of this script on this map.
    #[must_use]
    pub fn new(script: &'a Script, map: &RoutingMap) -> Self {
        Self {
            script,
            map: map.clone(),
            detection: Detection::default(),
            journey: Journey::default(),
            tier: Tier::Hot,
            failed_begun_ms: BTreeMap::new(),
            journal: None,
            kpis: Kpis { runs: 1, ..Kpis::default() },
        }
    }

    /// Keeps what the router tells, in its own words.
    pub fn keep_journal(&mut self) {
        self.journal = Some(Vec::new());
    }

    /// What the router told so far, where that is kept.
    pub fn take_journal(&mut self) -> Vec<String> {
        self.journal.take().unwrap_or_default()
    }

    /// A request was planned; `first` is the route that will be tried first, tests aside.
    pub fn planned(&mut self, first: Option<RouteIx>, at_ms: u64) {
        self.detection.planned(self.script, &self.map, first, at_ms, &mut self.kpis);
    }

    /// A try of a route that began at `begun_ms` failed.
    pub fn failed(&mut self, route: RouteIx, begun_ms: u64, at_ms: u64) {
        self.failed_begun_ms.insert(self.map.route(route).id.clone(), begun_ms);
        self.detection.failed(self.script, route, begun_ms, at_ms);
    }

    /// Whether an outage is under way that was not noticed yet.
    #[must_use]
    pub const fn is_detecting(&self) -> bool {
        self.detection.is_under_way()
    }

    /// After a failed try: where the next request would go first.
    pub fn noticed(&mut self, first: Option<RouteIx>, at_ms: u64) {
        self.detection.noticed(first, at_ms, &mut self.kpis);
    }

    /// A request ended. `fair` says that it could have been answered.
    pub fn ended(
        &mut self,
        ending: Ending,
        by: Option<RouteIx>,
        fair: bool,
        at_ms: u64,
        why: impl FnOnce() -> String,
    ) {
        let kpis = &mut self.kpis;
        let count = match ending {
            Ending::Answered => &mut kpis.answered,
            Ending::Queued => &mut kpis.queued,
            Ending::Refused => &mut kpis.refused,
            Ending::Broken => &mut kpis.broken,
        };
        *count += 1;
        kpis.fair += u64::from(fair);
        if fair && ending != Ending::Answered {
            kpis.fair_errors += 1;
            kpis.note(at_ms, || format!("a user error although a route was well ({ending:?}): {}", why()));
        }
        self.detection.answered(by, at_ms, kpis);
    }

    /// The policy changed something.
    pub fn change(&mut self, change: &Change, at_ms: u64) {
        if let Some(journal) = &mut self.journal {
            journal.push(format!("{} {}", time(at_ms), sentence(change)));
        }
        if let Change::Opened { route, failure, .. } = change {
            self.opened(route, failure, at_ms);
        } else if let Change::Told(what) = change {
            self.journey.told(self.script, &self.map, what, at_ms, &mut self.kpis);
        }
    }

    fn opened(&mut self, route: &RouteId, failure: &Failure, at_ms: u64) {
        self.kpis.openings += 1;
        let provider = route.as_str().split('/').next().unwrap_or_default();
        let ill = |at_ms: u64| self.script.condition(provider, route.as_str(), at_ms).is_ill();
        // A silent route is waited for longer than that: a call that met the outage may fail minutes after its end.
        let lately_ms = at_ms.saturating_sub(LATELY_MS);
        let since_ms = self.failed_begun_ms.get(route).map_or(lately_ms, |begun_ms| lately_ms.min(*begun_ms));
        if (since_ms..=at_ms).step_by(1_000).any(ill) {
            return;
        }
        // What failed before the network came back may be told a moment later.
        if self.script.is_disturbed(at_ms.saturating_sub(AFTERMATH_MS), at_ms) {
            self.kpis.openings_cut_off += 1;
            self.kpis.note(at_ms, || format!("{route} opened while cut off: {}", failure.short()));
        } else {
            self.kpis.openings_well += 1;
            self.kpis.note(at_ms, || format!("{route} opened although well: {}", failure.short()));
        }
    }

    /// A look at where traffic is, `every_ms` apart.
    pub fn look(&mut self, view: &View<'_>, every_ms: u64) {
        // While the network is down no tier takes over.
        if !view.fleet.network().is_down() {
            let tier = current_tier(view.map, view.fleet, view.now).tier;
            self.kpis.tier_changes += u64::from(tier != self.tier);
            self.tier = tier;
        }
        self.journey.look(self.script, view, every_ms, &mut self.kpis);
    }

    /// The run is over.
    #[must_use]
    pub fn finish(mut self) -> Kpis {
        self.detection.finish(&mut self.kpis);
        self.kpis
    }
}

/// Minutes and seconds of a script.
fn time(at_ms: u64) -> String {
    format!("{}:{:06.3}", at_ms / 60_000, (at_ms % 60_000) as f64 / 1_000.0)
}

fn sentence(change: &Change) -> String {
    match change {
        Change::Opened { route, failure, consecutive } => {
            format!("{route}: {}, {consecutive} in a row; its circuit opens.", failure.short())
        }
        Change::HalfOpen { route } => format!("{route} gets a test call."),
        Change::Closed { route } => format!("{route} answers again; its circuit closes."),
        Change::KeyCondemned { provider, failure, .. } => {
            format!("{provider}: a key is not used ({}).", failure.short())
        }
        Change::CooledDown { route, failure, .. } => {
            format!("{route} is left alone for a while: {}.", failure.short())
        }
        Change::ProbeFailed { route, failure } => {
            format!("{route} does not answer its probe: {}.", failure.short())
        }
        Change::NetworkTurned(turned) => turned.sentence.clone(),
        Change::Told(what) => what.sentence(),
    }
}
