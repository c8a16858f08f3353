//! The life of one shift: leaving in steps, away, returning in steps, home.
//!
//! These are its steps; when they are taken is decided in [`super::beat`]. The clock it lives on is the monotonic one;
//! time in which nothing could be seen (the machine slept, its network was down, the router did not run) is taken out
//! of it, so that it counts for neither side.

use switchyard_domain::event::EventKind;
use switchyard_domain::map::{MoveSteps, RoutingMap, ShiftMode};
use switchyard_domain::operate::{ShiftPhase, Target, WatchView};
use switchyard_domain::{Now, RouteId};

use super::evidence::ids;
use super::judge::Rules;
use super::steps;
use super::target::{provider_of, sides};
use crate::fleet::Outcome;
use crate::trigger_monitor::{Seen, Tally};

/// A pause between two tries to come home is doubled at most so often.
const DOUBLINGS: u32 = 6;

/// Who the router is in its own reports.
pub(super) const ROUTER: &str = "router";

/// A move of traffic. Times are readings of the monotonic clock unless they say otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shift {
    pub(crate) id: u64,
    pub(crate) from: Target,
    pub(crate) to: Target,
    pub(crate) mode: ShiftMode,
    pub(crate) phase: ShiftPhase,
    /// Share of the traffic that goes elsewhere, percent.
    pub(crate) share: u32,
    /// The share it had when it turned home.
    pub(super) away_share: u32,
    pub(crate) steps: Vec<u32>,
    pub(crate) step: usize,
    /// When the step began.
    pub(super) began: u64,
    /// What the side that receives its traffic answered of the calls begun in it.
    pub(super) calls: Tally,
    pub(super) doubt: Option<Doubt>,
    pub(super) held: Option<Held>,
    pub(crate) reason: String,
    pub(super) actor: String,
    pub(super) started_at_ms: i64,
    /// 95th percentiles of both sides before it began, milliseconds.
    pub(super) home_p95_ms: Option<u32>,
    pub(super) other_p95_ms: Option<u32>,
    /// Since when the home is watched with its traffic away.
    pub(super) watched: u64,
    /// Returns that were reversed.
    pub(super) failed_returns: u32,
    /// No return by itself before this.
    pub(super) not_before: u64,
    /// When the home was last called, by route.
    pub(super) calls_home: Vec<(RouteId, Option<u64>)>,
    /// The routes traffic is moved to.
    pub(super) others: Vec<RouteId>,
    /// A person brings it home: the error trigger alone does not turn it back.
    pub(super) insisted: bool,
    /// The provider traffic leaves, where it is one.
    pub(super) provider: Option<String>,
    /// Circuits of the side traffic comes to that are known not to be closed; none where that side has just become
    /// another.
    pub(super) shut: Option<Vec<RouteId>>,
    pub(super) seen: Option<WatchView>,
    pub(super) waits_for: Option<String>,
}

/// The router holds a step that is unclear.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Doubt {
    pub(super) reason: String,
    pub(super) since: u64,
    pub(super) since_ms: i64,
    /// Failed calls of the step when it was held.
    pub(super) failed: u64,
    /// The same as the step's, of calls begun since.
    pub(super) calls: Tally,
}

impl Doubt {
    /// Its time begins anew.
    pub(super) fn begin_again(&mut self, now: Now) {
        self.since = now.mono_ms;
        self.calls = Tally::default();
    }
}

/// A person holds the shift.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Held {
    pub(super) by: String,
    pub(super) reason: String,
    pub(super) since: u64,
    pub(super) since_ms: i64,
}

impl Shift {
    pub(super) fn new(
        id: u64,
        (from, to): (Target, Target),
        mode: ShiftMode,
        (home_p95_ms, other_p95_ms): (Option<u32>, Option<u32>),
        actor: &str,
        reason: &str,
        now: Now,
    ) -> Self {
        Self {
            id,
            from,
            to,
            mode,
            phase: ShiftPhase::Leaving,
            share: 0,
            away_share: 0,
            steps: Vec::new(),
            step: 0,
            began: now.mono_ms,
            calls: Tally::default(),
            doubt: None,
            held: None,
            reason: reason.to_owned(),
            actor: actor.to_owned(),
            started_at_ms: now.wall_ms,
            home_p95_ms,
            other_p95_ms,
            watched: now.mono_ms,
            failed_returns: 0,
            not_before: 0,
            calls_home: Vec::new(),
            others: Vec::new(),
            insisted: false,
            provider: None,
            shut: None,
            seen: None,
            waits_for: None,
        }
    }

    /// Finds its home in a map.
    pub(super) fn resolve(&mut self, map: &RoutingMap) {
        let (home, others) = sides(map, &self.from, &self.to);
        self.others = ids(map, &others).into_iter().cloned().collect();
        self.provider = provider_of(map, &home);
        let before = std::mem::take(&mut self.calls_home);
        let last = |id: &RouteId| before.iter().find(|(known, _)| known == id).and_then(|(_, at)| *at);
        self.calls_home = ids(map, &home).into_iter().map(|id| (id.clone(), last(id))).collect();
    }

    /// One of its routes is being called.
    pub(super) fn called(&mut self, route: &RouteId, now: Now) {
        for (_, at) in self.calls_home.iter_mut().filter(|(id, _)| id == route) {
            *at = Some(now.mono_ms);
        }
    }

    /// Whether its home is due for a real request, with all its traffic away.
    pub(crate) fn trial_is_due(&self, every_ms: u64, now: Now) -> bool {
        let last = self.calls_home.iter().filter_map(|(_, at)| *at).max().unwrap_or_default();
        self.phase == ShiftPhase::Away
            && self.share >= 100
            && now.mono_ms.saturating_sub(last.max(self.began)) >= every_ms
    }

    /// A call begun at `begun_mono_ms` on a route ended.
    pub(super) fn ended(&mut self, route: &RouteId, outcome: &Outcome, begun_mono_ms: u64) {
        let receives = match self.phase {
            ShiftPhase::Returning => self.calls_home.iter().any(|(home, _)| home == route),
            ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home => self.others.contains(route),
        };
        if !receives || begun_mono_ms < self.began {
            return;
        }
        self.calls.add(outcome);
        if let Some(doubt) = self.doubt.as_mut().filter(|doubt| begun_mono_ms >= doubt.since) {
            doubt.calls.add(outcome);
        }
    }

    /// When a route of its home was last called; never comes first.
    pub(crate) fn last_call(&self, route: &RouteId) -> Option<u64> {
        self.calls_home.iter().find(|(id, _)| id == route).and_then(|(_, at)| *at)
    }

    /// What the side that receives the step's traffic has answered since it began.
    pub(super) fn step_seen(&self) -> Seen {
        self.calls.seen()
    }

    /// The same since the router held the step, while it does.
    pub(super) fn seen_since_hold(&self) -> Seen {
        self.doubt.as_ref().map(|doubt| doubt.calls.seen()).unwrap_or_default()
    }

    pub(super) fn started(&self) -> EventKind {
        EventKind::ShiftStarted {
            shift: self.id,
            provider: self.provider.clone(),
            from: self.from.to_string(),
            to: self.to.to_string(),
            mode: self.mode,
            actor: self.actor.clone(),
            reason: self.reason.clone(),
        }
    }

    /// Goes on up to a share of `last` percent, whatever it did before.
    pub(super) fn go_further(
        &mut self,
        last: u32,
        steps: &MoveSteps,
        reason: &str,
        now: Now,
    ) -> Vec<EventKind> {
        self.held = None;
        self.leave(last, steps, now);
        vec![self.moved(reason)]
    }

    /// Takes all of the traffic, unless it does so already or a person holds it.
    pub(super) fn go_all_the_way(&mut self, rules: &Rules, reason: &str, now: Now) -> Vec<EventKind> {
        let last = if self.phase == ShiftPhase::Leaving { self.steps.last().copied() } else { None };
        if self.held.is_some() || last.unwrap_or(self.share) >= 100 {
            return Vec::new();
        }
        self.mode = rules.mode;
        self.go_further(100, &rules.steps, reason, now)
    }

    /// Whether traffic of its origin is on its way or gone.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.phase, ShiftPhase::Home)
    }

    /// Begins the way home, in steps.
    pub(super) fn turn_home(
        &mut self,
        steps: &MoveSteps,
        actor: &str,
        reason: &str,
        now: Now,
    ) -> Vec<EventKind> {
        self.held = None;
        self.insisted = actor != ROUTER;
        let started = EventKind::FailbackStarted {
            shift: self.id,
            provider: self.provider.clone(),
            home: self.from.to_string(),
            actor: actor.to_owned(),
            reason: reason.to_owned(),
        };
        self.away_share = self.share;
        let steps = steps::home(steps, self.share);
        self.begin(ShiftPhase::Returning, steps, now);
        vec![started, self.moved("the first step home")]
    }

    /// Begins, or goes further, up to a share of `last` percent.
    pub(super) fn leave(&mut self, last: u32, steps: &MoveSteps, now: Now) {
        let steps = steps::away(self.mode, steps, self.share, last);
        self.begin(ShiftPhase::Leaving, steps, now);
        if self.mode == ShiftMode::Immediate {
            self.arrive(now);
        }
    }

    fn begin(&mut self, phase: ShiftPhase, steps: Vec<u32>, now: Now) {
        if self.phase != phase {
            self.shut = None;
        }
        self.phase = phase;
        self.share = steps.first().copied().unwrap_or_default();
        self.steps = steps;
        self.step = 0;
        self.begin_step(now);
    }

    fn begin_step(&mut self, now: Now) {
        self.began = now.mono_ms;
        self.calls = Tally::default();
        self.doubt = None;
    }

    pub(super) fn next(&mut self, now: Now) -> Vec<EventKind> {
        let was_held = self.doubt.take().is_some();
        let mut news = Vec::new();
        if was_held {
            news.push(self.hold_told(false, ROUTER, "the step did well after all"));
        }
        if let Some(share) = self.steps.get(self.step + 1) {
            self.share = *share;
            self.step += 1;
            self.begin_step(now);
            news.push(self.moved("the step before did well"));
        } else if self.phase == ShiftPhase::Returning {
            news.push(self.end("every step home did well"));
        } else {
            self.arrive(now);
        }
        news
    }

    /// How long the step has lasted, without the time a person held it.
    pub(super) fn elapsed(&self, now: Now) -> u64 {
        self.held.as_ref().map_or(now.mono_ms, |held| held.since).saturating_sub(self.began)
    }

    /// How long its home has been watched with its traffic away.
    pub(super) const fn watched_ms(&self, now: Now) -> u64 {
        now.mono_ms.saturating_sub(self.watched)
    }

    /// Takes time out of its clock in which nothing could be seen.
    pub(super) fn skip(&mut self, ms: u64, now: Now) {
        // What began within that time begins at its end.
        let later = |at: &mut u64| *at = at.saturating_add(ms).min(now.mono_ms);
        later(&mut self.began);
        later(&mut self.watched);
        self.doubt.iter_mut().for_each(|doubt| later(&mut doubt.since));
        self.held.iter_mut().for_each(|held| later(&mut held.since));
        self.not_before = self.not_before.saturating_add(ms);
    }

    /// Lets it stand still.
    pub(super) fn hold(&mut self, actor: &str, reason: &str, now: Now) -> EventKind {
        let (since, since_ms) = (now.mono_ms, now.wall_ms);
        self.held = Some(Held { by: actor.to_owned(), reason: reason.to_owned(), since, since_ms });
        self.hold_told(true, actor, reason)
    }

    /// Lets it go on: after a person's hold where it stood, after the router's with the next step.
    pub(super) fn release(&mut self, actor: &str, reason: &str, now: Now) -> Vec<EventKind> {
        if let Some(held) = self.held.take() {
            let stood = now.mono_ms.saturating_sub(held.since);
            self.began = self.began.saturating_add(stood);
            self.doubt.iter_mut().for_each(|doubt| doubt.since = doubt.since.saturating_add(stood));
            return vec![self.hold_told(false, actor, reason)];
        }
        self.go_on(now)
    }

    /// The step is taken as it is, by a person's word.
    fn go_on(&mut self, now: Now) -> Vec<EventKind> {
        if self.doubt.is_some() { self.next(now) } else { Vec::new() }
    }

    fn arrive(&mut self, now: Now) {
        self.phase = ShiftPhase::Away;
        self.watched = now.mono_ms;
        self.begin_step(now);
    }

    pub(super) fn doubt(&mut self, reason: String, step: &Seen, now: Now) -> Vec<EventKind> {
        let told = self.hold_told(true, ROUTER, &reason);
        self.doubt = Some(Doubt {
            reason,
            since: now.mono_ms,
            since_ms: now.wall_ms,
            failed: step.failed,
            calls: Tally::default(),
        });
        vec![told]
    }

    /// Back to where traffic was before: home, or away again with a longer pause before the next try.
    pub(super) fn reverse(&mut self, why: &str, rules: &Rules, now: Now) -> Vec<EventKind> {
        self.doubt = None;
        let reversed = EventKind::ShiftReversed {
            shift: self.id,
            provider: self.provider.clone(),
            from: self.from.to_string(),
            to: self.to.to_string(),
            reason: why.to_owned(),
        };
        match self.phase {
            ShiftPhase::Returning => {
                self.begin(ShiftPhase::Away, vec![self.away_share], now);
                self.arrive(now);
                let base = rules.failback.healthy_ms.max(rules.failback.step_ms);
                let pause = base.saturating_mul(1 << self.failed_returns.min(DOUBLINGS));
                self.not_before = now.mono_ms.saturating_add(pause);
                self.failed_returns = self.failed_returns.saturating_add(1);
                vec![reversed]
            }
            ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home => {
                vec![reversed, self.end(why)]
            }
        }
    }

    /// It is over: traffic is home.
    pub(super) fn end(&mut self, reason: &str) -> EventKind {
        self.phase = ShiftPhase::Home;
        self.share = 0;
        EventKind::ShiftEnded {
            shift: self.id,
            provider: self.provider.clone(),
            home: self.from.to_string(),
            reason: reason.to_owned(),
        }
    }

    pub(super) fn moved(&self, reason: &str) -> EventKind {
        EventKind::ShiftMoved {
            shift: self.id,
            provider: self.provider.clone(),
            from: self.from.to_string(),
            to: self.to.to_string(),
            share_percent: self.share,
            reason: reason.to_owned(),
        }
    }

    pub(super) fn hold_told(&self, held: bool, actor: &str, reason: &str) -> EventKind {
        EventKind::ShiftHeld {
            shift: self.id,
            provider: self.provider.clone(),
            from: self.from.to_string(),
            held,
            actor: actor.to_owned(),
            reason: reason.to_owned(),
        }
    }
}
