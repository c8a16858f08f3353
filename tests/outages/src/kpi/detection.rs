//! How soon an outage of the route that is first was noticed: until the next request would go elsewhere.

use switchyard_domain::map::{RouteIx, RoutingMap};

use super::Kpis;
use crate::script::Script;

/// An outage that was noticed, or never was. Its clock begins when this machine can see it: while it is cut off or
/// asleep, nobody is out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detected {
    /// Failed calls on the route until then.
    pub calls: u64,
    /// Seconds from the first call that failed.
    pub seconds: f64,
    /// Seconds from the outage's beginning. With little traffic nobody could notice sooner.
    pub from_begin_s: f64,
    /// False: the outage ended first.
    pub noticed: bool,
}

/// An outage of the route that was first.
#[derive(Clone, Copy, Debug)]
struct Outage {
    route: RouteIx,
    began_ms: u64,
    first_failure_ms: Option<u64>,
    calls: u64,
    last_ms: u64,
    noticed: bool,
    failed_over: bool,
}

/// Watches one outage at a time.
#[derive(Debug, Default)]
pub(super) struct Detection {
    outage: Option<Outage>,
}

impl Detection {
    pub(super) const fn is_under_way(&self) -> bool {
        matches!(self.outage, Some(Outage { noticed: false, .. }))
    }

    pub(super) fn planned(
        &mut self,
        script: &Script,
        map: &RoutingMap,
        first: Option<RouteIx>,
        at_ms: u64,
        kpis: &mut Kpis,
    ) {
        if script.cut(at_ms).is_some() {
            self.outage = None;
            return;
        }
        let out_since = |route: RouteIx| {
            let route = map.route(route);
            let condition = script.condition(&route.provider, route.id.as_str(), at_ms);
            condition.is_out().then(|| began_ms(script, &route.provider, route.id.as_str(), at_ms))
        };
        if let Some(outage) = self.outage
            && out_since(outage.route).is_none()
        {
            self.finish(kpis);
        }
        if self.outage.is_none()
            && let Some(route) = first
            && let Some(began_ms) = out_since(route)
        {
            self.outage = Some(Outage {
                route,
                began_ms,
                first_failure_ms: None,
                calls: 0,
                last_ms: at_ms,
                noticed: false,
                failed_over: false,
            });
        }
        self.noticed(first, at_ms, kpis);
    }

    /// Counts a failed call for the outage it began in. One that an earlier outage left hanging says nothing of this one:
    /// its circuit has opened and closed since, and hears no more of it. The beginning is known to the second.
    pub(super) fn failed(&mut self, script: &Script, route: RouteIx, begun_ms: u64, at_ms: u64) {
        if script.cut(at_ms).is_some() {
            self.outage = None;
        }
        let told_by = |outage: &&mut Outage| {
            outage.route == route && !outage.noticed && begun_ms >= outage.began_ms.saturating_sub(1_000)
        };
        let Some(outage) = self.outage.as_mut().filter(told_by) else { return };
        outage.calls += 1;
        outage.last_ms = at_ms;
        outage.first_failure_ms = outage.first_failure_ms.or(Some(at_ms));
    }

    pub(super) fn noticed(&mut self, first: Option<RouteIx>, at_ms: u64, kpis: &mut Kpis) {
        let Some(outage) = self.outage.as_mut().filter(|outage| !outage.noticed) else { return };
        outage.last_ms = at_ms;
        if first != Some(outage.route) {
            outage.noticed = true;
            let detected = outage.detected();
            kpis.detections.push(detected);
            if !detected.in_time() {
                kpis.note(at_ms, || format!("an outage noticed only after {} calls", detected.calls));
            }
        }
    }

    pub(super) fn answered(&mut self, by: Option<RouteIx>, at_ms: u64, kpis: &mut Kpis) {
        let Some(outage) = self.outage.as_mut().filter(|outage| !outage.failed_over) else { return };
        if by.is_some_and(|by| by != outage.route) {
            outage.failed_over = true;
            kpis.failovers_s.push(seconds(outage.began_ms, at_ms));
        }
    }

    /// The outage is over. Where it was never noticed and nobody's call failed, there was none for anybody.
    pub(super) fn finish(&mut self, kpis: &mut Kpis) {
        let Some(outage) = self.outage.take() else { return };
        if !outage.noticed && outage.calls > 0 {
            let detected = outage.detected();
            kpis.detections.push(detected);
            if !detected.in_time() {
                kpis.note(outage.last_ms, || format!("an outage not noticed in {} calls", detected.calls));
            }
        }
    }
}

impl Outage {
    fn detected(&self) -> Detected {
        let first_failure_ms = self.first_failure_ms.unwrap_or(self.last_ms);
        Detected {
            calls: self.calls,
            seconds: seconds(first_failure_ms, self.last_ms),
            from_begin_s: seconds(self.began_ms, self.last_ms),
            noticed: self.noticed,
        }
    }
}

/// When the ailment that has a route out began.
fn began_ms(script: &Script, provider: &str, route: &str, at_ms: u64) -> u64 {
    let mut began_ms = at_ms;
    // Ills overlap and follow each other; the first moment of this one is looked for second by second.
    let goes_on = |at_ms: u64| {
        script.condition(provider, route, at_ms).is_out() && !script.is_disturbed(at_ms, at_ms + 1_000)
    };
    while began_ms >= 1_000 && goes_on(began_ms - 1_000) {
        began_ms -= 1_000;
    }
    began_ms
}

fn seconds(from_ms: u64, to_ms: u64) -> f64 {
    to_ms.saturating_sub(from_ms) as f64 / 1_000.0
}
