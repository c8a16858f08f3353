//! One look at a shift's two sides, from what the fleet knows.

use switchyard_domain::event::route_label;
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::operate::{ShiftPhase, TriggerKind};
use switchyard_domain::view::CircuitState;
use switchyard_domain::{Now, RouteId};

use super::Shifts;
use super::course::Shift;
use super::judge::{Evidence, Home, Rules};
use super::target::sides;
use crate::fleet::{Fleet, Reason};

/// A provider whose circuits are closed and whose last calls, this many in a row, succeeded is answering again.
const ANSWERS_AGAIN: u64 = 3;

impl Fleet {
    pub(super) fn evidence(&self, map: &RoutingMap, shift: &Shift, rules: &Rules, now: Now) -> Evidence {
        let (home, others) = sides(map, &shift.from, &shift.to);
        let (receiving, giving) = match shift.phase {
            ShiftPhase::Returning => (&home, &others),
            ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home => (&others, &home),
        };
        let at_home = ids(map, &home);
        let leave = self.left_because(map, &home);
        let out = self.all_out(map, giving, now);
        Evidence {
            blind: self
                .network()
                .is_down()
                .then(|| format!("this machine {}", self.network().state().words())),
            step: shift.step_seen(),
            since_hold: shift.seen_since_hold(),
            shut: self.shut(map, receiving),
            off: self.off(map, receiving, now),
            no_way_back: match shift.phase {
                ShiftPhase::Returning => out,
                ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home => leave.clone().or(out),
            },
            home: Home {
                healthy: self.watch.seen(&at_home, rules.failback.healthy_ms, now),
                errors: self.watch.seen(&at_home, rules.failback.error_ms, now),
                good_in_a_row: self.watch.good_in_a_row_of(&at_home),
                trouble: self.trouble(map, &home, now),
                fired: self.fired_for(map, &home, now),
                to_leave: leave,
            },
        }
    }

    /// Notes for shifts that have just turned which circuits of the side traffic comes to are open already.
    pub(super) fn note_shut(&self, shifts: &mut Shifts, map: &RoutingMap) {
        for shift in shifts.all.iter_mut().filter(|shift| shift.shut.is_none()) {
            let (home, others) = sides(map, &shift.from, &shift.to);
            let receiving = if shift.phase == ShiftPhase::Returning { home } else { others };
            shift.shut = Some(self.shut(map, &receiving));
        }
    }

    /// Routes whose circuit is not closed; one that is held open by hand is not.
    fn shut(&self, map: &RoutingMap, routes: &[RouteIx]) -> Vec<RouteId> {
        let is_shut = |ix: &&RouteIx| {
            let place = self.place(&map.route(**ix).id, **ix);
            place.is_some_and(|place| self.circuit(place) != CircuitState::Closed)
        };
        routes.iter().filter(is_shut).map(|ix| map.route(*ix).id.clone()).collect()
    }

    /// Why none of these routes is expected to answer; none when one is.
    pub(super) fn all_out(&self, map: &RoutingMap, routes: &[RouteIx], now: Now) -> Option<String> {
        let mut first = None;
        for ix in routes {
            let id = &map.route(*ix).id;
            match self.place(id, *ix).map(|place| self.out_of_use(place, now)) {
                Some(None) => return None,
                Some(Some(why)) => first = first.or_else(|| Some(format!("{}: {why}", route_label(id)))),
                None => {}
            }
        }
        Some(first.unwrap_or_else(|| "no route of it is in the map".to_owned()))
    }

    /// Those of these routes that the map or a person has switched off.
    fn off(&self, map: &RoutingMap, routes: &[RouteIx], now: Now) -> Vec<RouteId> {
        let serving = self.serving(map, routes, now);
        let off: Vec<RouteIx> = routes.iter().copied().filter(|ix| !serving.contains(ix)).collect();
        ids(map, &off).into_iter().cloned().collect()
    }

    /// The others: those that are in service.
    fn serving(&self, map: &RoutingMap, home: &[RouteIx], now: Now) -> Vec<RouteIx> {
        let off = |place: RouteIx| match self.gate(place, now) {
            Ok(()) => false,
            Err(closed) => match closed.reason {
                Reason::Gone | Reason::OffInMap | Reason::SwitchedOff | Reason::Killed | Reason::HeldOpen => {
                    true
                }
                Reason::CoolingDown | Reason::CircuitOpen | Reason::TestUnderWay => false,
            },
        };
        let serves = |ix: &RouteIx| self.place(&map.route(*ix).id, *ix).is_some_and(|place| !off(place));
        home.iter().copied().filter(serves).collect()
    }

    /// What stands against a home besides its numbers and its triggers.
    fn trouble(&self, map: &RoutingMap, home: &[RouteIx], now: Now) -> Option<String> {
        let serving = self.serving(map, home, now);
        if serving.is_empty() {
            return Some("none of its routes is in service".to_owned());
        }
        if let Some(id) = self.shut(map, &serving).first() {
            return Some(format!("the circuit of {} must close", route_label(id)));
        }
        self.failed_probe(map, &serving).or_else(|| self.all_out(map, &serving, now))
    }

    /// The first of these routes whose last probe failed.
    fn failed_probe(&self, map: &RoutingMap, routes: &[RouteIx]) -> Option<String> {
        // What a map that no longer asks for probes found once is out of date.
        let probed = if map.probe_every_ms > 0 { routes } else { &[] };
        probed.iter().find_map(|ix| {
            let id = &map.route(*ix).id;
            let failure = self.probe_failure(self.place(id, *ix)?)?;
            Some(format!("the last probe of {} failed: {}", route_label(id), failure.short()))
        })
    }

    /// Whether the last probe of each of these routes failed.
    fn all_fail_probes(&self, map: &RoutingMap, routes: &[RouteIx]) -> bool {
        let fails = |ix: &RouteIx| self.failed_probe(map, &[*ix]).is_some();
        !routes.is_empty() && routes.iter().all(fails)
    }

    /// A trigger that has fired for one of a home's routes that are in service.
    fn fired_for(&self, map: &RoutingMap, home: &[RouteIx], now: Now) -> Option<String> {
        let serving = self.serving(map, home, now);
        let fired = self.watch.fired().into_iter().find(|trigger| {
            trigger.kind != TriggerKind::Manual
                && serving.iter().map(|ix| map.route(*ix)).any(|route| match &trigger.route {
                    Some(id) => route.id == *id,
                    None => route.provider == trigger.provider,
                })
        });
        fired.map(|trigger| format!("{} ({})", trigger.reason, trigger.recovers))
    }

    /// Whether a provider whose error trigger has fired is ill now: it has not begun to answer again, and what failed
    /// of late is more than the trigger allows. A trigger stays fired for long after all is well.
    pub(super) fn is_still_ill(&self, map: &RoutingMap, provider: &str, home: &[RouteIx], now: Now) -> bool {
        let serving = self.serving(map, home, now);
        let answers_again =
            self.shut(map, &serving).is_empty() && self.watch.good_in_a_row(provider) >= ANSWERS_AGAIN;
        // Where nobody called, only free probes tell that the outage goes on: silence alone says nothing.
        let uncalled = || self.watch.seen(&ids(map, home), map.triggers.error_sustained_ms, now).calls == 0;
        let fails =
            || self.fails_of_late(map, home, now) || (uncalled() && self.all_fail_probes(map, &serving));
        !answers_again && fails()
    }

    /// Those of these routes whose provider is not as ill: after an outage of everyone the first one that is back is no
    /// better than the next.
    pub(super) fn that_do_better(&self, map: &RoutingMap, routes: &[RouteIx], now: Now) -> Vec<RouteIx> {
        let does_better = |ix: &&RouteIx| {
            let of_provider = |other: &&RouteIx| map.route(**other).provider == map.route(**ix).provider;
            let provider: Vec<RouteIx> = routes.iter().filter(of_provider).copied().collect();
            self.left_because(map, &provider).is_none() && !self.fails_of_late(map, &provider, now)
        };
        routes.iter().filter(does_better).copied().collect()
    }

    /// Whether more of their calls failed of late than the error trigger allows.
    fn fails_of_late(&self, map: &RoutingMap, routes: &[RouteIx], now: Now) -> bool {
        let seen = self.watch.seen(&ids(map, routes), map.triggers.error_sustained_ms, now);
        seen.failed * 100 > seen.calls * map.triggers.error_percent
    }

    /// The error trigger that says traffic is to leave one of these routes' providers.
    fn left_because(&self, map: &RoutingMap, routes: &[RouteIx]) -> Option<String> {
        let to_leave = self.watch.to_leave();
        let of_routes = |provider: &str| routes.iter().any(|ix| map.route(*ix).provider == provider);
        to_leave.into_iter().find(|(provider, _)| of_routes(provider)).map(|(_, why)| why)
    }
}

pub(super) fn ids<'m>(map: &'m RoutingMap, routes: &[RouteIx]) -> Vec<&'m RouteId> {
    routes.iter().map(|ix| &map.route(*ix).id).collect()
}
