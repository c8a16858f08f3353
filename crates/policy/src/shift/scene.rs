//! One look at a shift's two sides, from what the fleet knows.

use switchyard_domain::event::route_label;
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::operate::{ShiftPhase, TriggerKind};
use switchyard_domain::view::CircuitState;
use switchyard_domain::{Now, RouteId};

use super::course::Shift;
use super::judge::{Home, Rules, Scene};
use super::target::sides;
use crate::fleet::{Fleet, Reason};
use crate::watch::Seen;

impl Fleet {
    pub(super) fn scene(&self, map: &RoutingMap, shift: &Shift, rules: &Rules, now: Now) -> Scene {
        let (home, others) = sides(map, &shift.from, &shift.to);
        let (receiving, giving) = match shift.phase {
            ShiftPhase::Returning => (&home, &others),
            ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home => (&others, &home),
        };
        let receivers = ids(map, receiving);
        let seen_since = |since: u64| match now.mono_ms.saturating_sub(since) {
            0 => Seen::default(),
            span => self.watch.seen(&receivers, span, now),
        };
        let at_home = ids(map, &home);
        let leave = self.left_because(map, &home);
        let out = self.all_out(map, giving, now);
        Scene {
            step: seen_since(shift.began()),
            since_hold: shift.doubted_since().map(seen_since).unwrap_or_default(),
            shut: self.shut(map, receiving),
            no_way_back: match shift.phase {
                ShiftPhase::Returning => out,
                ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home => leave.clone().or(out),
            },
            home: Home {
                healthy: self.watch.seen(&at_home, rules.failback.healthy_ms, now),
                errors: self.watch.seen(&at_home, rules.failback.error_ms, now),
                trouble: self.trouble(map, &home, now),
                to_leave: leave,
            },
        }
    }

    /// Routes whose circuit is not closed, of those that are in service.
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

    /// What stands against a home besides its numbers.
    fn trouble(&self, map: &RoutingMap, home: &[RouteIx], now: Now) -> Option<String> {
        let off = |place: RouteIx| match self.gate(place, now) {
            Ok(()) => false,
            Err(closed) => match closed.reason {
                Reason::Gone | Reason::OffInMap | Reason::SwitchedOff | Reason::Killed | Reason::HeldOpen => {
                    true
                }
                Reason::CoolingDown | Reason::CircuitOpen | Reason::TestUnderWay => false,
            },
        };
        let serving = home
            .iter()
            .copied()
            .filter(|ix| self.place(&map.route(*ix).id, *ix).is_some_and(|place| !off(place)));
        let serving: Vec<RouteIx> = serving.collect();
        if serving.is_empty() {
            return Some("none of its routes is in service".to_owned());
        }
        if let Some(id) = self.shut(map, &serving).first() {
            return Some(format!("the circuit of {} must close", route_label(id)));
        }
        let fired = self.watch.fired().into_iter().find(|trigger| {
            trigger.kind != TriggerKind::Manual
                && serving.iter().map(|ix| map.route(*ix)).any(|route| match &trigger.route {
                    Some(id) => route.id == *id,
                    None => route.provider == trigger.provider,
                })
        });
        if let Some(trigger) = fired {
            return Some(format!("{} ({})", trigger.reason, trigger.recovers));
        }
        self.all_out(map, &serving, now)
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
