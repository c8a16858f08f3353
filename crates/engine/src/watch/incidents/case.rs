//! One incident under way: what an event and the passing of time do to it. Pure; the keeper reads the log and writes
//! it down.

use std::collections::BTreeMap;

use switchyard_domain::event::{Event, EventKind, StatusLevel};
use switchyard_domain::incident::{
    Incident, IncidentBrief, IncidentId, IncidentState, Kpis, Marks, Severity, TimelineEntry,
};
use switchyard_domain::map::{Goals, IncidentSettings, RoutingMap};
use switchyard_domain::{Now, Tier};

use super::events::{Opening, detail_of};
use super::tally::Tally;

/// How a provider stands at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    /// A circuit of its is not closed.
    pub(super) circuit_open: bool,
    /// No circuit of its is closed.
    pub(super) is_down: bool,
    /// A trigger of its has fired and not recovered.
    pub(super) triggered: bool,
    /// Traffic is moved away from it.
    pub(super) shifted: bool,
    /// Its provider is blocked in another way: keys, cooldowns.
    pub(super) blocked: bool,
}

impl Condition {
    const fn is_calm(self) -> bool {
        !self.circuit_open && !self.triggered && !self.shifted && !self.blocked
    }
}

/// One incident that is not closed, with what is measured of it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) incident: Incident,
    pub(super) tally: Tally,
    /// The place in the log behind which rows are yet to be added.
    pub(super) behind: Option<i64>,
    /// Entries that are not written down yet.
    pub(super) unwritten: Vec<TimelineEntry>,
    /// Whether anything else is not written down yet.
    pub(super) dirty: bool,
    /// When it was measured last, on the monotonic clock.
    pub(super) measured_mono_ms: Option<u64>,
    /// When an alert was raised last, on the monotonic clock.
    pub(super) alerted_mono_ms: Option<u64>,
    /// Since when its provider is down, on the monotonic clock.
    pub(super) down_since_mono_ms: Option<u64>,
    /// What each target heard last.
    words: BTreeMap<String, Word>,
    before: Option<Before>,
    coming_home: bool,
}

/// What a target heard last.
#[derive(Clone, Copy, Debug)]
struct Word {
    said: Announced,
    at_mono_ms: u64,
}

/// What those who were concerned before a restart heard last, and when that restart was, UTC epoch milliseconds.
#[derive(Clone, Copy, Debug)]
struct Before {
    said: Announced,
    at_ms: i64,
}

/// What somebody who is to be told has heard last of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    Nothing,
    Failover,
    Failback,
}

impl Case {
    /// An incident that begins with an event.
    pub(super) fn open(opening: &Opening, event: &Event, map_version: i64, goals: &Goals) -> Self {
        let at_ms = event.at_ms;
        let incident = Incident {
            brief: IncidentBrief {
                id: IncidentId(0),
                provider: opening.provider.clone(),
                title: format!("{}: {}", opening.provider, opening.what),
                severity: opening.severity,
                state: IncidentState::Open,
                opened_at_ms: at_ms,
                began_at_ms: opening.condition_at_ms.min(at_ms),
                closed_at_ms: None,
                kept: 0,
                queued: 0,
                lost: 0,
                summary: String::new(),
            },
            routes: Vec::new(),
            triggers: Vec::new(),
            map_version,
            failures: Vec::new(),
            returns: 0,
            reversed: 0,
            closed_by: None,
            marks: Marks { condition_at_ms: opening.condition_at_ms, ..Marks::default() },
            kpis: Kpis { automatic: !opening.by_hand, ..Kpis::unmeasured(goals) },
            validation: None,
            timeline: Vec::new(),
            notes: Vec::new(),
        };
        let mut case = Self::of(incident, None);
        case.again(opening, event);
        case.incident.brief.summary = summary(&case.incident);
        case
    }

    /// An incident of before a restart.
    pub(super) fn resumed(incident: Incident, at_ms: i64) -> Self {
        let said = match (incident.marks.decided_at_ms, incident.marks.home_at_ms) {
            (Some(_), None) => Announced::Failover,
            (Some(_), Some(_)) => Announced::Failback,
            (None, _) => Announced::Nothing,
        };
        Self::of(incident, Some(Before { said, at_ms }))
    }

    fn of(incident: Incident, before: Option<Before>) -> Self {
        Self {
            incident,
            tally: Tally::default(),
            behind: None,
            unwritten: Vec::new(),
            dirty: true,
            measured_mono_ms: None,
            alerted_mono_ms: None,
            down_since_mono_ms: None,
            words: BTreeMap::new(),
            before,
            coming_home: false,
        }
    }

    /// A further reason for the same incident.
    pub(super) fn again(&mut self, opening: &Opening, event: &Event) {
        let incident = &mut self.incident;
        if !incident.triggers.contains(&opening.what) {
            incident.triggers.push(opening.what.clone());
        }
        if opening.decides && incident.marks.decided_at_ms.is_none() {
            incident.marks.decided_at_ms = Some(event.at_ms);
            // What was added up before goes by the decision too.
            self.tally = Tally::default();
            self.behind = None;
        }
        incident.brief.severity = incident.brief.severity.min(opening.severity);
        if incident.marks.calm_since_ms.take().is_some() {
            // Traffic was home already: that return did not hold.
            incident.reversed = (incident.reversed + 1).min(incident.returns);
            incident.marks.home_at_ms = None;
            incident.brief.state = IncidentState::Open;
        }
        self.dirty = true;
    }

    /// Takes an event that [`belongs`] to it.
    pub(super) fn hear(&mut self, event: &Event, map: &RoutingMap) {
        self.tell(
            event.at_ms,
            event.what.lamp(),
            event.what.sentence(),
            detail_of(&event.what),
            Some(event.id),
        );
        let incident = &mut self.incident;
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "every other event is told and changes nothing else"
        )]
        match &event.what {
            EventKind::CircuitOpened { route, .. } | EventKind::TriggerFired { route: Some(route), .. }
                if !incident.routes.contains(route) =>
            {
                incident.routes.push(route.clone());
            }
            EventKind::CircuitClosed { route }
                if RoutingMap::provider_of(Some(map), route) == incident.brief.provider =>
            {
                incident.returns += 1;
            }
            EventKind::TierChanged { to: Tier::Cold, .. } => {
                incident.brief.severity = incident.brief.severity.min(Severity::Two);
            }
            // A person was quicker than the triggers.
            EventKind::ShiftStarted { actor, .. }
                if actor != "router" && self.tally.rerouted_at_ms.is_none() =>
            {
                incident.kpis.automatic = false;
            }
            EventKind::FailbackStarted { .. } => {
                incident.returns += 1;
                self.coming_home = true;
            }
            EventKind::ShiftReversed { .. } if self.coming_home => {
                incident.reversed = (incident.reversed + 1).min(incident.returns);
                self.coming_home = false;
            }
            EventKind::ShiftEnded { .. } => self.coming_home = false,
            _ => {}
        }
    }

    /// Adds to the timeline.
    pub(super) fn tell(
        &mut self,
        at_ms: i64,
        lamp: StatusLevel,
        title: String,
        detail: Option<String>,
        event: Option<i64>,
    ) {
        self.unwritten.push(TimelineEntry { at_ms, lamp, title, detail, event });
        self.dirty = true;
    }

    /// A second has passed; whether it has been calm for long enough to be over.
    pub(super) fn beat(&mut self, condition: Condition, settings: &IncidentSettings, now: Now) -> bool {
        if condition.is_down {
            self.down_since_mono_ms.get_or_insert(now.mono_ms);
        } else {
            self.down_since_mono_ms = None;
        }
        let incident = &mut self.incident;
        if !condition.is_calm() {
            if incident.marks.calm_since_ms.take().is_some() {
                incident.marks.home_at_ms = None;
                incident.brief.state = IncidentState::Open;
                self.dirty = true;
            }
            return false;
        }
        let since = *incident.marks.calm_since_ms.get_or_insert_with(|| {
            self.dirty = true;
            now.wall_ms
        });
        if incident.brief.state == IncidentState::Open {
            incident.brief.state = IncidentState::Recovering;
            incident.marks.home_at_ms = Some(since);
            self.dirty = true;
        }
        // The wall clock may be set meanwhile; a calm that seems to begin in the future lasts its whole time anew.
        if since > now.wall_ms {
            incident.marks.calm_since_ms = Some(now.wall_ms);
        }
        super::tally::span(since, now.wall_ms) >= settings.calm_ms
    }

    /// What a target is to hear now: of the failover once traffic has left; of the return if it heard of the failover; of
    /// a further failover of the same incident only so long after the last word. `touched_ms` is when the first request of
    /// the target's app was touched, UTC epoch milliseconds; absent for the map's own.
    pub(super) fn news(
        &self,
        target: &str,
        touched_ms: Option<i64>,
        mono_ms: u64,
        again_ms: u64,
    ) -> Option<Announced> {
        let word = self.words.get(target);
        let said = match (word, self.before) {
            (Some(word), _) => word.said,
            (None, Some(before)) if touched_ms.is_none_or(|at| at < before.at_ms) => before.said,
            (None, _) => Announced::Nothing,
        };
        let is_quiet = word.is_none_or(|word| mono_ms.saturating_sub(word.at_mono_ms) >= again_ms);
        let Marks { decided_at_ms, home_at_ms, .. } = self.incident.marks;
        match (said, decided_at_ms, home_at_ms) {
            (Announced::Nothing, Some(_), None) => Some(Announced::Failover),
            (Announced::Failback, Some(_), None) if is_quiet => Some(Announced::Failover),
            (Announced::Failover, _, Some(_)) => Some(Announced::Failback),
            (Announced::Nothing | Announced::Failback | Announced::Failover, _, _) => None,
        }
    }

    /// Notes what a target is told now.
    pub(super) fn told(&mut self, target: String, said: Announced, mono_ms: u64) {
        self.words.insert(target, Word { said, at_mono_ms: mono_ms });
    }

    /// Whether its provider has been down for so long.
    pub(super) fn is_down_for(&self, ms: u64, mono_ms: u64) -> bool {
        self.down_since_mono_ms.is_some_and(|since| mono_ms.saturating_sub(since) > ms)
    }

    /// Closes it.
    pub(super) fn close(&mut self, by: &str, at_ms: i64) {
        let incident = &mut self.incident;
        incident.brief.state = IncidentState::Closed;
        incident.brief.closed_at_ms = Some(at_ms.max(incident.brief.opened_at_ms));
        incident.closed_by = Some(by.to_owned());
        self.dirty = true;
    }
}

/// An incident in one or two sentences.
pub(super) fn summary(incident: &Incident) -> String {
    let kpis = &incident.kpis;
    let requests = |count: u64, verb: (&str, &str)| match count {
        1 => format!("1 request {}", verb.0),
        count => format!("{count} requests {}", verb.1),
    };
    let mut parts = Vec::new();
    if kpis.kept > 0 {
        parts.push(requests(kpis.kept, ("was answered all the same", "were answered all the same")));
    }
    if kpis.queued > 0 {
        parts.push(requests(kpis.queued, ("was queued", "were queued")));
    }
    if kpis.failed > 0 {
        parts.push(requests(kpis.failed, ("ended in an error", "ended in an error")));
    }
    let lost = if kpis.lost == 0 {
        "nothing was lost".to_owned()
    } else {
        requests(kpis.lost, ("was lost", "were lost"))
    };
    if parts.is_empty() {
        return "No request was touched so far.".to_owned();
    }
    parts.push(lost);
    let last = parts.pop().unwrap_or_default();
    format!("{}; {last}.", parts.join(", "))
}

#[cfg(test)]
mod tests;
