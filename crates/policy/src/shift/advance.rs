//! When a shift takes its steps.
//!
//! Each step is judged by the side that receives its traffic, by calls begun in it. One that fails is reversed, one
//! that is unclear is held for as long again, a way home is held while anything stands against home, and nothing is ever
//! reversed into a side that is out. While this machine is cut off nothing is judged and nothing moves.

use switchyard_domain::event::{EventKind, route_label};
use switchyard_domain::map::ShiftMode;
use switchyard_domain::operate::{ShiftPhase, WatchView};
use switchyard_domain::{Now, RouteId};

use super::course::{ROUTER, Shift};
use super::judge::{Bounds, Evidence, Home, Rules, Verdict, lacks, span};
use crate::trigger_monitor::Seen;

impl Shift {
    pub(super) const fn step_ms(&self, rules: &Rules) -> u64 {
        match (self.phase, self.mode) {
            (ShiftPhase::Returning, _) => rules.failback.step_ms,
            (ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home, ShiftMode::Canary) => {
                rules.shift.canary_step_ms
            }
            (
                ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home,
                ShiftMode::Gradual | ShiftMode::Immediate,
            ) => rules.shift.gradual_step_ms,
        }
    }

    fn bounds(&self, rules: &Rules) -> Bounds {
        match self.phase {
            ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home => {
                Bounds::new(rules.shift.success_percent, self.other_p95_ms.or(self.home_p95_ms), rules)
            }
            ShiftPhase::Returning => {
                Bounds::new(rules.failback.success_percent, self.home_p95_ms.or(self.other_p95_ms), rules)
            }
        }
    }

    /// One beat.
    pub(super) fn advance(&mut self, evidence: &Evidence, rules: &Rules, now: Now) -> Vec<EventKind> {
        if evidence.blind.is_some() {
            self.describe(evidence, rules, now);
            return Vec::new();
        }
        let news = match (self.phase, &self.held) {
            (ShiftPhase::Home, _) | (_, Some(_)) => Vec::new(),
            (ShiftPhase::Leaving | ShiftPhase::Returning, None) => self.watch_step(evidence, rules, now),
            (ShiftPhase::Away, None) => self.wait_for_home(evidence, rules, now),
        };
        self.describe(evidence, rules, now);
        news
    }

    fn watch_step(&mut self, evidence: &Evidence, rules: &Rules, now: Now) -> Vec<EventKind> {
        let way_back = evidence.no_way_back.is_none();
        let alone = self.phase == ShiftPhase::Returning && !self.insisted;
        if let Some(leave) = evidence.home.to_leave.clone().filter(|_| alone) {
            return self.reverse(&leave, rules, now);
        }
        // What was shut when traffic began to come is not news.
        let known = self.shut.replace(evidence.shut.clone()).unwrap_or_else(|| evidence.shut.clone());
        let is_news = |route: &&RouteId| !known.contains(route) && !evidence.off.contains(route);
        if let Some(route) = evidence.shut.iter().find(is_news).filter(|_| way_back) {
            return self.reverse(&format!("the circuit of {} opened", route_label(route)), rules, now);
        }
        let (bounds, step_ms) = (self.bounds(rules), self.step_ms(rules));
        let verdict = bounds.judge(&evidence.step);
        if let (Verdict::Failed(why), true) = (&verdict, way_back) {
            return self.reverse(why, rules, now);
        }
        if !way_back {
            // Whatever the numbers are, the side it left is worse.
            return if self.elapsed(now) >= step_ms { self.next(now) } else { Vec::new() };
        }
        let against = self.against_home(evidence);
        let Some(doubt) = &mut self.doubt else {
            if self.elapsed(now) < step_ms {
                return Vec::new();
            }
            return match (against, verdict) {
                (Some(why), _) | (None, Verdict::Unclear(why) | Verdict::Slow(why)) => {
                    self.doubt(why, &evidence.step, now)
                }
                (None, Verdict::Clean | Verdict::Failed(_)) => self.next(now),
            };
        };
        if let Some(why) = against {
            doubt.reason = why;
            doubt.begin_again(now);
            return Vec::new();
        }
        let waited = now.mono_ms.saturating_sub(doubt.since) >= step_ms;
        let of_late =
            (evidence.since_hold.calls >= bounds.min_calls).then(|| bounds.judge(&evidence.since_hold));
        match of_late.unwrap_or(verdict) {
            Verdict::Clean => self.next(now),
            Verdict::Unclear(_) if evidence.step.failed > doubt.failed => {
                doubt.failed = evidence.step.failed;
                doubt.begin_again(now);
                Vec::new()
            }
            Verdict::Unclear(_) if waited => self.next(now),
            Verdict::Slow(why) | Verdict::Failed(why) if waited => self.reverse(&why, rules, now),
            Verdict::Unclear(_) | Verdict::Slow(_) | Verdict::Failed(_) => Vec::new(),
        }
    }

    /// What stands against a step home besides its numbers. A person who brings it home has weighed the triggers.
    fn against_home(&self, evidence: &Evidence) -> Option<String> {
        let Home { trouble, fired, .. } = &evidence.home;
        match self.phase {
            ShiftPhase::Returning if self.insisted => trouble.clone(),
            ShiftPhase::Returning => trouble.clone().or_else(|| fired.clone()),
            ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home => None,
        }
    }

    fn wait_for_home(&mut self, evidence: &Evidence, rules: &Rules, now: Now) -> Vec<EventKind> {
        let waits = now.mono_ms < self.not_before || !rules.automatic;
        if waits || lacks(&evidence.home, &rules.failback, self.watched_ms(now)).is_some() {
            return Vec::new();
        }
        let Seen { calls, failed, .. } = evidence.home.healthy;
        let reason = format!("{} of the last {calls} calls succeeded", calls - failed);
        self.turn_home(&rules.steps, ROUTER, &reason, now)
    }

    /// Notes what is shown of it.
    pub(super) fn describe(&mut self, evidence: &Evidence, rules: &Rules, now: Now) {
        let bounds = self.bounds(rules);
        let (seen, words) = match self.phase {
            ShiftPhase::Leaving | ShiftPhase::Returning => (evidence.step, bounds.words()),
            ShiftPhase::Away | ShiftPhase::Home => {
                let (percent, long) = (rules.failback.healthy_percent, span(rules.failback.healthy_ms));
                (evidence.home.healthy, format!("at least {percent} % of home's calls succeed for {long}"))
            }
        };
        self.seen = Some(WatchView {
            calls: seen.calls,
            success_percent: seen.success_percent(),
            p95_ms: seen.p95_ms,
            bounds: words,
        });
        self.waits_for = match &evidence.blind {
            Some(why) => Some(format!("Stands still: {why}.")),
            None => self.held.is_none().then(|| self.waits(evidence, &bounds, rules, now)).flatten(),
        };
    }

    fn waits(&self, evidence: &Evidence, bounds: &Bounds, rules: &Rules, now: Now) -> Option<String> {
        match self.phase {
            ShiftPhase::Home => None,
            ShiftPhase::Away if !rules.automatic => {
                Some(format!("A person brings it home: `switchyard failback {}`.", self.id))
            }
            ShiftPhase::Away if now.mono_ms < self.not_before => {
                let pause = span(self.not_before - now.mono_ms);
                Some(format!("The way home was reversed; the next try comes in {pause} at the earliest."))
            }
            ShiftPhase::Away => lacks(&evidence.home, &rules.failback, self.watched_ms(now)),
            ShiftPhase::Leaving | ShiftPhase::Returning => Some(match &self.doubt {
                Some(doubt) => format!("Held by the router: {}.", doubt.reason),
                None => {
                    let left = span(self.step_ms(rules).saturating_sub(self.elapsed(now)));
                    let next = match (self.steps.get(self.step + 1), self.phase) {
                        (Some(share), _) => format!("{share} % go elsewhere"),
                        (None, ShiftPhase::Returning) => "it is home".to_owned(),
                        (None, ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home) => {
                            "it has left".to_owned()
                        }
                    };
                    format!("In {left} {next}, if {}.", bounds.words())
                }
            }),
        }
    }
}
