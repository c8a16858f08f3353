//! Moves of traffic between parts of the map, and their way home.
//!
//! A shift has a share: the percentage of its origin's traffic that goes elsewhere. The share changes in steps, each
//! watched; a plan compares it with the request's (or its conversation's) place in the hundred.

mod advance;
mod command;
mod course;
mod distribution;
mod evidence;
mod judge;
mod persisted;
mod steps;
mod target;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use switchyard_domain::event::EventKind;
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::operate::{
    DistributionView, HoldView, SetDistribution, ShiftPhase, ShiftView, StartShift, Target,
};
use switchyard_domain::{Now, RouteId};

use crate::fleet::{Change, Outcome};
use command::{Move, Word};
use course::Shift;
use distribution::Distribution;
use judge::Rules;

pub(crate) use target::covers;

pub use persisted::{SavedDistribution, SavedShift, SavedShifts};

/// Two beats further apart than this, milliseconds, had a sleep between them.
const ASLEEP_MS: u64 = 60_000;

/// A person's word on a shift.
#[derive(Clone, Debug, PartialEq)]
pub enum ShiftCommand {
    /// Begin one, or let one that is under way go further.
    Start(StartShift),
    /// Bring it home in steps, now.
    Failback {
        /// The shift; the only one when absent.
        shift: Option<u64>,
        /// In one step.
        at_once: bool,
    },
    /// Let it stand still, or go on.
    Hold {
        /// The shift; the only one when absent.
        shift: Option<u64>,
        /// False lets it go on.
        held: bool,
    },
    /// Split traffic by weights.
    Distribute(SetDistribution),
}

/// The shifts under way.
#[derive(Debug, Default)]
pub struct Shifts {
    next_id: u64,
    all: Vec<Shift>,
    distribution: Option<Distribution>,
    /// Providers whose error trigger was answered already, by a shift or by a person who took it back.
    answered: BTreeSet<String>,
    rules: Rules,
    /// The last beat, on the monotonic clock.
    ticked: Option<u64>,
    /// Nothing can be seen at present: this machine's network is down.
    blind: bool,
    revision: u64,
}

impl Shifts {
    /// Takes a new map. Shifts of what is gone end at the next beat, which tells of it.
    pub(crate) fn remap(&mut self, map: &RoutingMap) {
        self.rules = Rules::of(map);
        for shift in &mut self.all {
            shift.resolve(map);
        }
    }

    /// The shifts under way, in the order they began.
    pub(crate) fn under_way(&self) -> &[Shift] {
        &self.all
    }

    /// The split of traffic, where it is not the map's.
    pub(crate) const fn split(&self) -> Option<&Distribution> {
        self.distribution.as_ref()
    }

    /// How often a route that traffic was moved from gets a real request, milliseconds.
    pub(crate) const fn trial_every_ms(&self) -> u64 {
        self.rules.shift.trial_every_ms
    }

    /// A route is being called: the trial of a home it belongs to is not due for a while.
    pub(crate) fn called(&mut self, route: &RouteId, now: Now) {
        for shift in &mut self.all {
            shift.called(route, now);
        }
    }

    /// A call on a route ended: the step it was begun in is judged by it.
    pub(crate) fn ended(&mut self, route: &RouteId, outcome: &Outcome, begun_mono_ms: u64) {
        for shift in &mut self.all {
            shift.ended(route, outcome, begun_mono_ms);
        }
    }

    /// Grows with every change that is worth keeping.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether anything is under way that a restart would lose.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.all.is_empty() && self.distribution.is_none()
    }

    /// Share of a route's traffic that goes elsewhere, percent.
    #[must_use]
    pub fn shifted_percent(&self, map: &RoutingMap, route: RouteIx) -> Option<u32> {
        let tier = target::tier_of(map, route);
        let covering = self.all.iter().filter(|shift| covers(&shift.from, map.route(route), tier));
        covering.map(|shift| shift.share).filter(|share| *share > 0).max()
    }

    /// What is shown.
    #[must_use]
    pub fn view(&self, now: Now) -> Vec<ShiftView> {
        self.all.iter().map(|shift| shift.view(&self.rules, self.blind, now)).collect()
    }

    /// What is shown of weights.
    #[must_use]
    pub fn distribution(&self, now: Now) -> Option<DistributionView> {
        self.distribution.as_ref().map(|split| split.view(now))
    }

    /// Takes the time out of every clock in which nothing could be seen.
    fn pass(&mut self, blind: bool, now: Now) {
        self.blind = blind;
        let passed = self.ticked.replace(now.mono_ms).map_or(0, |before| now.mono_ms.saturating_sub(before));
        if !blind && passed < ASLEEP_MS {
            return;
        }
        self.all.iter_mut().for_each(|shift| shift.skip(passed, now));
        self.distribution.iter_mut().for_each(|split| split.skip(passed, now));
    }

    /// Ends what a new map no longer has.
    fn let_go(&mut self, map: &RoutingMap) -> Vec<EventKind> {
        let mut news = Vec::new();
        for shift in &mut self.all {
            let (home, others) = target::sides(map, &shift.from, &shift.to);
            if home.is_empty() {
                news.push(shift.end("it is no longer in the map"));
            } else if others.is_empty() && shift.to != Target::Rest {
                let gone = format!("{} is no longer in the map", shift.to);
                shift.to = Target::Rest;
                shift.resolve(map);
                shift.shut = None;
                news.push(shift.moved(&gone));
            }
        }
        if self.distribution.as_mut().is_some_and(|split| !split.keep(map)) {
            self.distribution = None;
            let reason = "its targets are no longer in the map".to_owned();
            news.push(EventKind::Distributed { weights: None, actor: course::ROUTER.to_owned(), reason });
        }
        news
    }
}

impl crate::Fleet {
    /// Takes back what outlived a restart.
    pub fn restore_shifts(&mut self, map: &RoutingMap, saved: SavedShifts, now: Now) {
        let mut shifts = std::mem::take(&mut self.shifts);
        shifts.take_back(saved, now);
        shifts.remap(map);
        self.describe_shifts(&mut shifts, map, now);
        self.shifts = shifts;
    }

    /// Notes what is shown of every shift.
    fn describe_shifts(&self, shifts: &mut Shifts, map: &RoutingMap, now: Now) {
        let rules = shifts.rules;
        for shift in &mut shifts.all {
            let evidence = self.evidence(map, shift, &rules, now);
            shift.describe(&evidence, &rules, now);
        }
    }

    pub(crate) fn tick_shifts(&mut self, map: &RoutingMap, now: Now) -> Vec<Change> {
        let mut shifts = std::mem::take(&mut self.shifts);
        let rules = shifts.rules;
        shifts.pass(self.network().is_down(), now);
        let mut news = shifts.let_go(map);
        for shift in &mut shifts.all {
            let evidence = self.evidence(map, shift, &rules, now);
            news.extend(shift.advance(&evidence, &rules, now));
        }
        if !shifts.blind {
            news.extend(self.leave_ill_providers(&mut shifts, map, now));
        }
        shifts.all.retain(|shift| !shift.is_over());
        self.note_shut(&mut shifts, map);
        shifts.revision += u64::from(!news.is_empty());
        self.shifts = shifts;
        news.into_iter().map(Change::Told).collect()
    }

    /// Moves traffic away from providers whose error trigger fired, once per firing; not from one that answers again,
    /// which would only keep its traffic away for half an hour more.
    fn leave_ill_providers(&self, shifts: &mut Shifts, map: &RoutingMap, now: Now) -> Vec<EventKind> {
        let to_leave = self.watch.to_leave();
        shifts.answered.retain(|provider| to_leave.iter().any(|(ill, _)| ill == provider));
        let mut news = Vec::new();
        for (provider, why) in to_leave {
            if shifts.answered.contains(&provider) {
                continue;
            }
            let from = Target::Provider(provider.clone());
            let (home, others) = target::sides(map, &from, &Target::Rest);
            let better = self.that_do_better(map, &others, now);
            if !self.can_move(map, &home, &better, now) || !self.is_still_ill(map, &provider, &home, now) {
                continue;
            }
            match shifts.all.iter_mut().find(|shift| shift.from == from && !shift.is_over()) {
                // It turns round by itself.
                Some(shift) if shift.phase == ShiftPhase::Returning => continue,
                Some(shift) => news.extend(shift.go_all_the_way(&shifts.rules, &why, now)),
                None => {
                    let away = Move { from, to: Target::Rest, mode: shifts.rules.mode, last: 100 };
                    let word = Word { actor: course::ROUTER, reason: Some(&why), now };
                    let begun = self.begin_shift(shifts, map, away, word);
                    news.extend(begun.1);
                }
            }
            shifts.answered.insert(provider);
        }
        news
    }
}

impl Shift {
    fn view(&self, rules: &Rules, blind: bool, now: Now) -> ShiftView {
        let moving = matches!(self.phase, ShiftPhase::Leaving | ShiftPhase::Returning);
        let stands = blind || self.held.is_some() || self.doubt.is_some();
        let left = self.step_ms(rules).saturating_sub(self.elapsed(now));
        let by_router = self.doubt.as_ref().map(|doubt| HoldView {
            by: course::ROUTER.to_owned(),
            reason: doubt.reason.clone(),
            since_ms: doubt.since_ms,
        });
        let by_hand = self.held.as_ref().map(|held| HoldView {
            by: held.by.clone(),
            reason: held.reason.clone(),
            since_ms: held.since_ms,
        });
        ShiftView {
            id: self.id,
            from: self.from.clone(),
            from_words: self.from.to_string(),
            to: self.to.clone(),
            to_words: self.to.to_string(),
            mode: self.mode,
            phase: self.phase,
            share_percent: self.share,
            steps: self.steps.clone(),
            step: self.step,
            next_at_ms: (moving && !stands).then(|| now.wall_ms.saturating_add_unsigned(left)),
            held: by_hand.or(by_router),
            reason: self.reason.clone(),
            actor: self.actor.clone(),
            started_at_ms: self.started_at_ms,
            watch: self.seen.clone(),
            waits_for: self.waits_for.clone(),
        }
    }
}
