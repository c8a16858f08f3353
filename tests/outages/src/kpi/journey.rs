//! Where traffic went and whether it should have: triggers, shifts, the way home, and time on the wrong side.

use std::collections::BTreeMap;

use switchyard_domain::event::EventKind;
use switchyard_domain::map::RoutingMap;
use switchyard_domain::operate::TriggerKind;

use super::{Kpis, View};
use crate::script::{Condition, Script};

/// What was found out this recently can't be known yet, milliseconds: the goal for detection.
const UNKNOWABLE_MS: u64 = 30_000;
/// Beyond what a failback's conditions and steps take, milliseconds.
const SLACK_MS: u64 = 10 * 60_000;
/// Steps of a failback after its first.
const STEPS: u64 = 4;

/// What is remembered of the run.
#[derive(Debug, Default)]
pub(super) struct Journey {
    /// Failbacks under way, by shift, and whether each came too early.
    returning: BTreeMap<u64, bool>,
    /// Since when each provider is ill, until its first trigger.
    ill_since: BTreeMap<String, Option<u64>>,
    home_ill_ms: u64,
}

impl Journey {
    pub(super) fn told(
        &mut self,
        script: &Script,
        map: &RoutingMap,
        what: &EventKind,
        at_ms: u64,
        kpis: &mut Kpis,
    ) {
        if let EventKind::TriggerFired { provider, .. } = what {
            self.fired(script, map, provider, what, at_ms, kpis);
        } else if let EventKind::ShiftStarted { provider, actor, .. } = what {
            if actor == "router" {
                kpis.shifts += 1;
                if provider.as_ref().is_none_or(|provider| is_needless(script, map, provider, at_ms)) {
                    kpis.needless_shifts += 1;
                    kpis.note(at_ms, || format!("a needless shift: {}", what.sentence()));
                }
            }
        } else if let EventKind::ShiftReversed { shift, .. } = what {
            kpis.reversals += 1;
            self.returning.remove(shift);
        } else if let EventKind::FailbackStarted { shift, provider, .. } = what {
            kpis.failbacks += 1;
            let home = provider.as_deref().unwrap_or(script.world.home());
            if is_known_ill(script, map, home, at_ms) {
                kpis.hasty_failbacks += 1;
                kpis.note(at_ms, || format!("traffic begins to come home to {home}, which is ill"));
            }
            self.returning.insert(*shift, false);
        } else if let EventKind::ShiftMoved { shift, provider, share_percent, .. } = what {
            if *share_percent <= 50 {
                self.came_home(script, map, *shift, provider.as_deref(), at_ms, kpis);
            }
        } else if let EventKind::ShiftEnded { shift, provider, .. } = what {
            self.came_home(script, map, *shift, provider.as_deref(), at_ms, kpis);
            self.returning.remove(shift);
        }
    }

    fn fired(
        &mut self,
        script: &Script,
        map: &RoutingMap,
        provider: &str,
        what: &EventKind,
        at_ms: u64,
        kpis: &mut Kpis,
    ) {
        if let Some(since) = self.ill_since.get_mut(provider) {
            if let Some(since_ms) = since.take() {
                kpis.triggers_s.push(at_ms.saturating_sub(since_ms) as f64 / 1_000.0);
            }
        } else if !is_slow_as_ever(script, map, what)
            && !was_ill(script, map, provider, map.triggers.window_ms, at_ms)
        {
            kpis.false_triggers += 1;
            kpis.note(at_ms, || format!("a trigger for {provider}, which is well: {}", what.sentence()));
        }
    }

    /// Half of the traffic or more has come home.
    fn came_home(
        &mut self,
        script: &Script,
        map: &RoutingMap,
        shift: u64,
        provider: Option<&str>,
        at_ms: u64,
        kpis: &mut Kpis,
    ) {
        let Some(early) = self.returning.get_mut(&shift).filter(|early| !**early) else { return };
        let home = provider.unwrap_or(script.world.home());
        if is_known_ill(script, map, home, at_ms) {
            *early = true;
            kpis.early_failbacks += 1;
            kpis.note(at_ms, || format!("half the traffic or more came home to {home}, which is ill"));
        }
    }

    pub(super) fn look(&mut self, script: &Script, view: &View<'_>, every_ms: u64, kpis: &mut Kpis) {
        let (map, at_ms) = (view.map, view.at_ms);
        for provider in script.world.providers() {
            let ill = worst(script, map, provider, at_ms).is_ill();
            if !ill {
                self.ill_since.remove(*provider);
            } else if !self.ill_since.contains_key(*provider) {
                self.ill_since.insert((*provider).to_owned(), Some(at_ms));
            }
        }
        let home = script.world.home();
        let condition = worst(script, map, home, at_ms);
        if condition.is_ill() || script.cut(at_ms).is_some() {
            self.home_ill_ms = at_ms;
        }
        let is_home = view.first.is_some_and(|first| map.route(first).provider == home);
        let others_well = script
            .world
            .providers()
            .iter()
            .any(|provider| *provider != home && !worst(script, map, provider, at_ms).is_ill());
        if condition.is_out() && others_well && script.cut(at_ms).is_none() {
            kpis.home_out_ms += every_ms;
            let knowable = worst(script, map, home, at_ms.saturating_sub(UNKNOWABLE_MS)).is_out();
            kpis.on_ill_home_ms += if is_home && knowable { every_ms } else { 0 };
        }
        if !condition.is_ill() {
            kpis.home_well_ms += every_ms;
            let failback = map.failback;
            let due_ms = failback.healthy_ms.max(failback.error_ms) + STEPS * failback.step_ms + SLACK_MS;
            let overdue = at_ms.saturating_sub(self.home_ill_ms) > due_ms && self.home_ill_ms > 0;
            // Where home only has a share of the traffic, a look elsewhere says nothing.
            let shares = view.first.is_some_and(|first| map.route(first).weight.is_some());
            kpis.late_home_ms += if overdue && !is_home && !shares { every_ms } else { 0 };
        }
    }
}

/// Whether a provider is ill, and has been for as long as it takes to find out.
fn is_known_ill(script: &Script, map: &RoutingMap, provider: &str, at_ms: u64) -> bool {
    let knowable_ms = at_ms.saturating_sub(UNKNOWABLE_MS);
    (knowable_ms..=at_ms).step_by(1_000).all(|at| worst(script, map, provider, at).is_ill())
}

/// The worst condition of a provider's routes.
fn worst(script: &Script, map: &RoutingMap, provider: &str, at_ms: u64) -> Condition {
    let routes = map.routes.iter().filter(|route| route.provider == provider);
    let conditions = routes.map(|route| script.condition(provider, route.id.as_str(), at_ms));
    let worse = |a: Condition, b: Condition| {
        if b.failing_percent() + b.slow > a.failing_percent() + a.slow { b } else { a }
    };
    conditions.reduce(worse).unwrap_or_else(|| script.condition(provider, "", at_ms))
}

/// Whether a trigger says of slow models that they are slow. `triggers.p95Ms` is three seconds by default, and a model
/// that reasons takes longer on its best day: the trigger is right, and what is to be shown is that no outage comes of it.
fn is_slow_as_ever(script: &Script, map: &RoutingMap, what: &EventKind) -> bool {
    let is_of_time = matches!(what, EventKind::TriggerFired { kind: TriggerKind::Slow, .. });
    is_of_time && script.pace.is_above(map.triggers.p95_ms)
}

fn was_ill(script: &Script, map: &RoutingMap, provider: &str, within_ms: u64, at_ms: u64) -> bool {
    let from_ms = at_ms.saturating_sub(within_ms);
    (from_ms..=at_ms).step_by(5_000).any(|at| worst(script, map, provider, at).is_ill())
}

/// Whether a provider was ill for less than the error trigger asks for, and its calls failed less over that time.
fn is_needless(script: &Script, map: &RoutingMap, provider: &str, at_ms: u64) -> bool {
    let triggers = map.triggers;
    let from_ms = at_ms.saturating_sub(triggers.error_sustained_ms);
    let looks: Vec<Condition> =
        (from_ms..=at_ms).step_by(1_000).map(|at| worst(script, map, provider, at)).collect();
    let mean = looks.iter().map(|look| look.failing_percent()).sum::<f64>() / looks.len().max(1) as f64;
    mean < triggers.error_percent as f64 && !looks.iter().all(|look| look.is_ill())
}
