//! Failures that may be this machine's network as well as a route's: held until it shows which, then counted or
//! dropped. While the network is down none counts, and no call is expected of a route beyond it.

use switchyard_domain::event::EventKind;
use switchyard_domain::map::RouteIx;
use switchyard_domain::{Failure, Now, RouteId};

use super::report::Called;
use super::{Change, Fleet};
use crate::breaker::{Permit, TestSlot};
use crate::network::{
    Attribution, Findings, Network, NetworkChange, RegionOutage, RouteSeen, is_an_answer, outages,
};

/// More are not held: the oldest then counts as if nothing had been found out.
const MOST_HELD: usize = 512;

/// A failure of which it is not known yet what it says.
#[derive(Clone, Debug)]
pub(super) struct PendingVerdict {
    route: RouteId,
    of: PendingCall,
    failure: Failure,
    at_mono_ms: u64,
}

/// What failed.
#[derive(Clone, Debug)]
enum PendingCall {
    /// A call.
    Call {
        call: Called,
        /// A test call is not over before it is known what it says: no other one is let through meanwhile.
        #[expect(dead_code, reason = "only its being alive matters")]
        slot: Option<TestSlot>,
    },
    /// A free probe.
    Probe,
}

impl Fleet {
    /// The judge of this machine's network.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Takes what a look at the network, begun at `begun_mono_ms`, found.
    pub fn network_checked(&mut self, findings: &Findings, begun_mono_ms: u64, now: Now) -> Vec<Change> {
        let turned = self.network.checked(findings, begun_mono_ms, now);
        self.after(turned, now)
    }

    /// The machine woke up, or its network is another one: calls that are still under way say nothing of their
    /// routes, and a look at the network is wanted.
    pub fn network_unsettled(&mut self, now: Now) -> Vec<Change> {
        self.network.unsettle(now);
        self.settle(now)
    }

    /// Says whether calls leave this machine by the system's proxy.
    pub const fn network_goes_by_proxy(&mut self, by_proxy: bool) {
        self.network.goes_by_proxy(by_proxy);
    }

    /// Failures that are held until it shows whether the network was to blame.
    #[must_use]
    pub fn suspended(&self) -> usize {
        self.suspended.len()
    }

    /// Whether its circuit opens as soon as it shows that this machine's network is not to blame for what failed. Whoever
    /// asks another route finds that out; asking this one again does not.
    pub(crate) fn is_about_to_open(&self, route: RouteIx) -> bool {
        let Some(slot) = self.slots.get(route.0) else { return false };
        let counts = |held: &&PendingVerdict| {
            let now = slot.breaker.generation();
            held.route == slot.id
                && matches!(&held.of, PendingCall::Call { call, .. } if call.generation == now)
        };
        let held = self.suspended.iter().filter(counts).count();
        held > 0 && slot.breaker.would_open(held)
    }

    /// Whether the route can't be reached because this machine's network is down.
    #[must_use]
    pub fn is_cut_off(&self, route: RouteIx) -> bool {
        self.network.is_down() && self.slots.get(route.0).is_some_and(|slot| !slot.is_local)
    }

    /// Regions that are out while another one of the same provider answers.
    #[must_use]
    pub fn region_outages(&self) -> Vec<RegionOutage> {
        if self.network.is_down() {
            return Vec::new();
        }
        outages(self.slots.iter().filter(|slot| slot.in_map()).map(|slot| RouteSeen {
            id: &slot.id,
            provider: &slot.family,
            region: slot.region.as_deref(),
            is_out: slot.breaker.circuit() != switchyard_domain::view::CircuitState::Closed,
            answers: slot.strip.calls().last() == Some(&true),
        }))
    }

    /// What time alone changes: failures held long enough count, a judgement nobody looks after is given up, and
    /// outages of single regions begin and end.
    pub(super) fn network_tick(&mut self, now: Now) -> Vec<Change> {
        let turned = self.network.tick(now);
        let mut changes = self.after(turned, now);
        changes.extend(self.compare_regions());
        changes
    }

    /// A route beyond this network was answered by its provider.
    pub(super) fn network_answered(&mut self, place: RouteIx, now: Now) -> Vec<Change> {
        let slot = &self.slots[place.0];
        if slot.is_local {
            return Vec::new();
        }
        let turned = self.network.answered(&slot.provider, now);
        self.after(turned, now)
    }

    /// What a failed call is worth. `None`: it counts now. Else it is held or dropped, and these are its changes.
    pub(super) fn doubted(
        &mut self,
        place: RouteIx,
        permit: &Permit,
        failure: &Failure,
        now: Now,
    ) -> Option<Vec<Change>> {
        let slot = &self.slots[place.0];
        if slot.is_local {
            return None;
        }
        if is_an_answer(failure) {
            // An answer proves the network; what it says of its route is told by the caller of this.
            return None;
        }
        let begun = permit.begun_mono_ms;
        let (weight, turned) = self.network.failed(&slot.provider, failure, begun, now);
        match weight {
            Attribution::Counts => return None,
            Attribution::Nothing => {}
            Attribution::PendingVerdict => {
                let of = PendingCall::Call { call: Called::of(permit), slot: permit.slot.clone() };
                let (route, failure) = (permit.id.clone(), failure.clone());
                self.suspended.push(PendingVerdict { route, of, failure, at_mono_ms: now.mono_ms });
            }
        }
        Some(self.after(turned, now))
    }

    /// The same of a free probe begun at `begun_mono_ms`: an idle machine learns from it that its network is gone.
    pub(super) fn doubted_probe(
        &mut self,
        place: RouteIx,
        failure: &Failure,
        begun_mono_ms: u64,
        now: Now,
    ) -> Option<Vec<Change>> {
        let slot = &self.slots[place.0];
        if slot.is_local {
            return None;
        }
        let (weight, turned) = self.network.failed(&slot.provider, failure, begun_mono_ms, now);
        match weight {
            Attribution::Counts => return None,
            Attribution::Nothing => {}
            Attribution::PendingVerdict => {
                let (route, failure) = (slot.id.clone(), failure.clone());
                self.suspended.push(PendingVerdict {
                    route,
                    of: PendingCall::Probe,
                    failure,
                    at_mono_ms: now.mono_ms,
                });
            }
        }
        Some(self.after(turned, now))
    }

    /// A later probe of a route succeeded: what earlier ones met on the way is out of date.
    pub(super) fn forget_doubted_probes(&mut self, place: RouteIx) {
        let id = &self.slots[place.0].id;
        self.suspended.retain(|held| held.route != *id || !matches!(held.of, PendingCall::Probe));
    }

    /// Tells a turn of the network, and settles what it decides.
    fn after(&mut self, turned: Option<NetworkChange>, now: Now) -> Vec<Change> {
        let mut changes = self.settle(now);
        if turned.as_ref().is_some_and(|turned| turned.from.is_down() != turned.to.is_down()) {
            // What became of requests without a network says nothing of what becomes of them with one.
            self.lately.clear();
        }
        changes.extend(turned.map(Change::NetworkTurned));
        changes
    }

    /// Counts or drops what is held, where that is known by now.
    fn settle(&mut self, now: Now) -> Vec<Change> {
        if self.suspended.is_empty() {
            return Vec::new();
        }
        let mut changes = Vec::new();
        let mut surplus = self.suspended.len().saturating_sub(MOST_HELD);
        for held in std::mem::take(&mut self.suspended) {
            let forced = (surplus > 0).then_some(Attribution::Counts);
            surplus = surplus.saturating_sub(1);
            match forced.or_else(|| self.network.verdict(held.at_mono_ms, now)) {
                None | Some(Attribution::PendingVerdict) => self.suspended.push(held),
                Some(Attribution::Nothing) => {}
                Some(Attribution::Counts) => {
                    if let Some(place) = self.place(&held.route, RouteIx(usize::MAX)) {
                        let PendingVerdict { of, failure, .. } = held;
                        changes.extend(match of {
                            PendingCall::Call { call, .. } => self.count(place, &call, failure, now),
                            PendingCall::Probe => self.note_probe(place, Some(failure), now),
                        });
                    }
                }
            }
        }
        changes
    }

    fn compare_regions(&mut self) -> Vec<Change> {
        let fresh = self.region_outages();
        if fresh == self.regions_out {
            return Vec::new();
        }
        let same = |a: &RegionOutage, b: &RegionOutage| (&a.provider, &a.region) == (&b.provider, &b.region);
        let began = fresh.iter().filter(|new| !self.regions_out.iter().any(|old| same(old, new)));
        let ended = self.regions_out.iter().filter(|old| !fresh.iter().any(|new| same(old, new)));
        let changes = began
            .map(|outage| EventKind::RegionOut {
                provider: outage.provider.clone(),
                region: outage.region.clone(),
                answers: outage.answers.clone(),
            })
            .chain(ended.map(|outage| EventKind::RegionBack {
                provider: outage.provider.clone(),
                region: outage.region.clone(),
            }))
            .map(Change::Told)
            .collect();
        self.regions_out = fresh;
        changes
    }
}
