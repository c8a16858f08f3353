//! Where the next try goes: another key, another try of the same route, the next route, or a wait for one.

use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::{Now, Tier};

use super::{Awaited, FailoverMachine, State, Step, Visit};
use crate::attempt::Attempt;
use crate::backoff::full_jitter;
use crate::breaker::Permit;
use crate::fleet::{Change, Fleet, KeyChoice, KeyId, SHORT_COOLDOWN_MS};
use crate::patience::Time;

impl FailoverMachine {
    /// Whether the clock and the caps leave room for one more try.
    fn may_try(&self, map: &RoutingMap, now: Now) -> bool {
        now.mono_ms < self.deadline_mono_ms && self.attempts < map.retry.max_attempts_per_request
    }

    /// Puts what is left of the plan in the order that has the provider being visited last.
    pub(super) fn ask_other_providers_first(&mut self, map: &RoutingMap) {
        let Some(visit) = &self.visit else { return };
        let silent = &map.route(visit.route).provider;
        if let Some(left) = self.plan.candidates.get_mut(self.next..) {
            left.sort_by_key(|candidate| map.route(candidate.route).provider == *silent);
        }
    }

    /// The next candidate that gives a permit; else a short wait; else the end.
    pub(super) fn advance(
        &mut self,
        fleet: &mut Fleet,
        map: &RoutingMap,
        now: Now,
        changes: &mut Vec<Change>,
    ) -> Step {
        if self.may_try(map, now) && self.may_go_on() {
            while let Some(candidate) = self.plan.candidates.get(self.next).copied() {
                self.next += 1;
                if let Some(step) = self.try_route(fleet, map, candidate.route, candidate.tier, now, changes)
                {
                    return step;
                }
            }
            match self.soonest(fleet, map, now) {
                Some((at, awaited)) if at > now.mono_ms => return self.wait(at, awaited),
                Some((_, awaited)) => {
                    if let Some(step) = self.take(fleet, map, awaited, now, changes) {
                        return step;
                    }
                }
                None => {}
            }
        }
        if let Some(unread) = &self.unread {
            let failure = unread.failure.clone();
            return self.end(Step::Answer(failure));
        }
        match &self.last_failure {
            // Every route that was asked said that the request is the problem.
            Some(failure) if self.callers_fault && now.mono_ms < self.deadline_mono_ms => {
                let failure = failure.clone();
                self.end(Step::Answer(failure))
            }
            Some(_) | None => self.end(Step::Park),
        }
    }

    /// Whether another route may be asked, as far as answers that can't be read go.
    fn may_go_on(&self) -> bool {
        self.unread.as_ref().is_none_or(|unread| self.visited.len() == unread.visited)
    }

    /// A try of what was waited for, if it can serve.
    pub(super) fn take(
        &mut self,
        fleet: &mut Fleet,
        map: &RoutingMap,
        awaited: Awaited,
        now: Now,
        changes: &mut Vec<Change>,
    ) -> Option<Step> {
        match awaited {
            Awaited::Again => self.same_route(fleet, map, None, now, changes),
            Awaited::Other { route, tier } => self.try_route(fleet, map, route, tier, now, changes),
        }
    }

    /// A first try of a route, if it was not visited and gives a permit and a key.
    fn try_route(
        &mut self,
        fleet: &mut Fleet,
        map: &RoutingMap,
        route: RouteIx,
        tier: Tier,
        now: Now,
        changes: &mut Vec<Change>,
    ) -> Option<Step> {
        if self.visited.contains(&route) || !self.may_try(map, now) || !self.may_go_on() {
            return None;
        }
        let place = fleet.place(&map.route(route).id, route)?;
        fleet.gate_for(place, self.plan.app, now).ok()?;
        let key = usable(fleet.key_state(place, now))?;
        let permit = fleet.acquire_for(place, self.plan.app, now).ok()?;
        self.visited.push(route);
        self.visit =
            Some(Visit { route, tier, tries: 0, keys: Vec::new(), generation: 0, asked_to_wait: false });
        self.give(fleet, map, permit, key, now, changes)
    }

    /// Another try of the route being visited, with `key` or whichever is good now; else the next candidate.
    pub(super) fn try_again(
        &mut self,
        fleet: &mut Fleet,
        map: &RoutingMap,
        key: Option<KeyId>,
        now: Now,
        changes: &mut Vec<Change>,
    ) -> Step {
        match self.same_route(fleet, map, key, now, changes) {
            Some(step) => step,
            None => self.advance(fleet, map, now, changes),
        }
    }

    pub(super) fn same_route(
        &mut self,
        fleet: &mut Fleet,
        map: &RoutingMap,
        key: Option<KeyId>,
        now: Now,
        changes: &mut Vec<Change>,
    ) -> Option<Step> {
        let place = self.may_visit_again(fleet, map, now)?;
        fleet.gate_for(place, self.plan.app, now).ok()?;
        let key = match key {
            Some(key) => Some(key),
            None => usable(fleet.key_state(place, now))?,
        };
        if !fleet.retry_budget.may_retry(now) {
            return None;
        }
        let permit = fleet.acquire_for(place, self.plan.app, now).ok()?;
        self.give(fleet, map, permit, key, now, changes)
    }

    /// Gives the try. Only now is a condemned key's trial used up.
    fn give(
        &mut self,
        fleet: &mut Fleet,
        map: &RoutingMap,
        permit: Permit,
        key: Option<KeyId>,
        now: Now,
        changes: &mut Vec<Change>,
    ) -> Option<Step> {
        let route = self.visit.as_ref()?.route;
        let time = Time {
            now,
            deadline_mono_ms: self.deadline_mono_ms,
            is_written: self.slo_is_written,
            untried: self.untried(fleet, map, now),
            has_others: self.plan.candidates.iter().any(|candidate| candidate.route != route),
        };
        let patience = fleet.patience(permit.route(), &map.route(route).timeouts, time);
        let visit = self.visit.as_mut()?;
        if let Some(key) = &key {
            fleet.begin_trial(key, now);
        }
        visit.tries += 1;
        visit.keys.extend(key.clone());
        visit.generation = permit.generation();
        self.attempts += 1;
        self.state = State::Trying;
        if permit.begins_test() {
            changes.push(Change::HalfOpen { route: permit.route_id().clone() });
        }
        let attempt = Attempt::unjudged(visit.route, visit.tier, key, now, patience);
        Some(Step::Try(Box::new(attempt.permitted(permit, self.attempts))))
    }

    /// Routes that could be asked after the try that is about to be given, if it fails.
    fn untried(&self, fleet: &Fleet, map: &RoutingMap, now: Now) -> u64 {
        let tries_left = map.retry.max_attempts_per_request.saturating_sub(self.attempts + 1);
        let left = self.plan.candidates.get(self.next..).unwrap_or_default().iter();
        let serves = |route: RouteIx| {
            let place = fleet.place(&map.route(route).id, route);
            !self.visited.contains(&route)
                && place.is_some_and(|place| fleet.gate_for(place, self.plan.app, now).is_ok())
        };
        let routes = left.filter(|candidate| serves(candidate.route)).count() as u64;
        routes.min(u64::from(tries_left))
    }

    /// The place in the fleet of the route being visited, if the caps, the clock, its breaker and the
    /// retry budget leave it another try.
    fn may_visit_again(&self, fleet: &Fleet, map: &RoutingMap, now: Now) -> Option<RouteIx> {
        let visit = self.visit.as_ref()?;
        let place = fleet.place(&map.route(visit.route).id, visit.route)?;
        let same = fleet.generation(place) == visit.generation
            && fleet.retry_budget.has_room(now)
            && !fleet.is_about_to_open(place);
        (same && visit.tries < map.retry.attempts && self.may_try(map, now)).then_some(place)
    }

    /// Another good key of the route being visited.
    pub(super) fn next_key(&self, fleet: &Fleet, map: &RoutingMap, now: Now) -> Option<KeyId> {
        let place = self.may_visit_again(fleet, map, now)?;
        fleet.gate_for(place, self.plan.app, now).ok()?;
        let used = self.visit.as_ref().map_or(&[][..], |visit| &visit.keys);
        match fleet.key_for(place, used, now) {
            KeyChoice::Key(key) => Some(key),
            KeyChoice::NotNeeded | KeyChoice::AllCoolingUntil(_) | KeyChoice::None => None,
        }
    }

    /// How long to wait before a retry on the same route; none when it gets no retry.
    pub(super) fn retry_delay_ms(&mut self, fleet: &Fleet, map: &RoutingMap, now: Now) -> Option<u64> {
        let place = self.may_visit_again(fleet, map, now)?;
        fleet.gate_for(place, self.plan.app, now).ok()?;
        let tries_left = (map.retry.max_attempts_per_request - self.attempts) as usize;
        if tries_left <= self.plan.candidates.len() - self.next {
            return None;
        }
        let retry = self.visit.as_ref().map_or(1, |visit| visit.tries);
        let delay_ms = full_jitter(retry, map.retry.initial_ms, map.retry.max_ms, &mut self.rng);
        (now.mono_ms.saturating_add(delay_ms) < self.deadline_mono_ms).then_some(delay_ms)
    }

    /// The target that can serve soonest, now or after a wait worth its while.
    fn soonest(&self, fleet: &Fleet, map: &RoutingMap, now: Now) -> Option<(u64, Awaited)> {
        let again = self
            .may_visit_again(fleet, map, now)
            .filter(|_| self.visit.as_ref().is_some_and(|visit| visit.asked_to_wait))
            .and_then(|place| Some((ready_at(fleet, place, now)?, Awaited::Again)));
        let planned = self.plan.candidates.iter().map(|c| (c.route, c.tier));
        let returning = self.plan.excluded.iter().filter(|e| e.why.may_return()).map(|e| (e.route, e.tier));
        let others = planned.chain(returning).filter(|(route, _)| !self.visited.contains(route)).filter_map(
            |(route, tier)| {
                let place = fleet.place(&map.route(route).id, route)?;
                Some((ready_at(fleet, place, now)?, Awaited::Other { route, tier }))
            },
        );
        let latest =
            now.mono_ms.saturating_add(SHORT_COOLDOWN_MS).min(self.deadline_mono_ms.saturating_sub(1));
        again.into_iter().chain(others).filter(|(at, _)| *at <= latest).min_by_key(|(at, _)| *at)
    }
}

/// When a route gives a permit and a key, on the monotonic clock; none when time alone won't tell.
fn ready_at(fleet: &Fleet, place: RouteIx, now: Now) -> Option<u64> {
    match fleet.gate(place, now) {
        Err(closed) => closed.until_mono_ms,
        Ok(()) => match fleet.key_state(place, now) {
            KeyChoice::AllCoolingUntil(until) => Some(until),
            KeyChoice::Key(_) | KeyChoice::NotNeeded => Some(now.mono_ms),
            KeyChoice::None => None,
        },
    }
}

/// The key of a choice: `Some(None)` where none is needed, `None` where there is none to use.
fn usable(choice: KeyChoice) -> Option<Option<KeyId>> {
    match choice {
        KeyChoice::Key(key) => Some(Some(key)),
        KeyChoice::NotNeeded => Some(None),
        KeyChoice::AllCoolingUntil(_) | KeyChoice::None => None,
    }
}
