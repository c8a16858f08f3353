//! This machine's network, as the engine looks after it: looks at it, held requests, and what follows from a sleep.

use switchyard_policy::{Findings, HostFound, PageFound, Reach};

use super::agenda::Event;
use super::call::Call;
use super::{Run, START};
use crate::script::Cut;

/// A beat this late means that the machine slept (`engine::watch::network::wake`), milliseconds.
const GAP_MS: u64 = 10_000;
/// How long a look takes where everything answers, milliseconds.
const LOOK_MS: u64 = 300;

/// The looks at the network.
#[derive(Debug, Default)]
pub(super) struct Looks {
    under_way: bool,
    last_ms: u64,
    was_down: bool,
    /// Calls that wait for the network.
    held: Vec<u64>,
}

impl Run<'_> {
    /// Whether the policy takes the network for down.
    pub(super) const fn network_is_down(&self) -> bool {
        self.fleet.network().is_down()
    }

    /// The time since the last beat says whether the machine slept.
    pub(super) fn notice_gap(&mut self, gap_ms: u64) {
        if gap_ms > GAP_MS {
            let changes = self.fleet.network_unsettled(self.now);
            self.told(&changes);
        }
    }

    /// Looks at the network where that is wanted, and wakes who waits for it.
    pub(super) fn look_after_network(&mut self) {
        let at_ms = self.at_ms();
        let down = self.network_is_down();
        let due = down && at_ms.saturating_sub(self.looks.last_ms) >= self.map.network.check_every_ms;
        if (due || self.fleet.network().wants_check()) && !self.looks.under_way {
            self.looks.under_way = true;
            self.looks.last_ms = at_ms;
            let takes_ms =
                if self.script.cut(at_ms).is_some() { self.map.network.check_timeout_ms } else { LOOK_MS };
            self.agenda.at(at_ms + takes_ms, Event::Looked { begun_ms: at_ms });
        }
        if std::mem::replace(&mut self.looks.was_down, down) && !down {
            self.ask_all_at_once();
        }
        self.wake_held();
    }

    /// A look has ended.
    pub(super) fn looked(&mut self, begun_ms: u64) {
        self.looks.under_way = false;
        let findings = self.findings(begun_ms);
        let changes = self.fleet.network_checked(&findings, START.mono_ms + begun_ms, self.now);
        self.told(&changes);
        self.wake_held();
    }

    /// What a look finds: the truth of the moment it began, or of its end where it slept in between.
    fn findings(&self, begun_ms: u64) -> Findings {
        let reach = |cut: Option<Cut>| match cut {
            None => Reach::Genuine,
            Some(Cut::Offline) => Reach::Unreached,
            Some(Cut::NoNames) => Reach::NoName,
            Some(Cut::Portal) => Reach::WrongCertificate,
        };
        let page = |cut: Option<Cut>| match cut {
            None => PageFound::Expected,
            Some(Cut::Offline) => PageFound::Unreached,
            Some(Cut::NoNames) => PageFound::NoName,
            Some(Cut::Portal) => PageFound::Another(Some("http://portal.example.com/".to_owned())),
        };
        let cut = self.script.cut(begun_ms).map(|(_, cut)| cut);
        let mut hosts: Vec<HostFound> = Vec::new();
        for route in self.map.routes.iter().filter(|route| !route.is_local) {
            if hosts.iter().all(|host| host.provider != route.provider) {
                let unreachable = cut.is_none() && self.refuses_connections(&route.provider, begun_ms);
                let reach = if unreachable { Reach::Unreached } else { reach(cut) };
                hosts.push(HostFound { provider: route.provider.clone(), reach, dead_proxy: None });
            }
        }
        Findings { pages: vec![page(cut)], hosts, address_reached: cut != Some(Cut::Offline) }
    }

    /// Whether no connection to the provider is made.
    fn refuses_connections(&self, provider: &str, at_ms: u64) -> bool {
        let condition = self.script.condition(provider, "", at_ms);
        condition.failing.is_some_and(|(percent, kind)| {
            percent >= 100.0 && kind == switchyard_domain::FailureKind::ConnectTimeout
        })
    }

    /// The network is back: every route is probed at once, and the queue goes on.
    fn ask_all_at_once(&mut self) {
        for route in 0..self.map.routes.len() {
            self.probe_now(switchyard_domain::map::RouteIx(route));
        }
    }

    /// Whether the call waits for the network, instead of being parked (`engine::walk::serve::wait_for_network`).
    pub(super) fn hold(&mut self, id: u64, call: &Call) -> bool {
        let doubted = self.fleet.network().wants_check() && self.fleet.suspended() > 0;
        let waits = self.network_is_down() || doubted;
        let held_until = call.held_until_mono_ms(&self.map);
        let left = held_until > self.now.mono_ms;
        if !self.map.network.hold || call.reached_upstream || !waits || !left {
            return false;
        }
        self.looks.held.push(id);
        self.agenda.at(held_until - START.mono_ms, Event::Wakes { call: id });
        true
    }

    /// Whether the call waits for the network.
    pub(super) fn is_held(&self, id: u64) -> bool {
        self.looks.held.contains(&id)
    }

    /// The call waits no longer: its time is up.
    pub(super) fn give_up(&mut self, id: u64) {
        self.looks.held.retain(|held| *held != id);
    }

    /// Calls that waited go on once the network is back, or not in doubt any more.
    fn wake_held(&mut self) {
        let doubted = self.fleet.network().wants_check() && self.fleet.suspended() > 0;
        if self.network_is_down() || doubted {
            return;
        }
        for id in std::mem::take(&mut self.looks.held) {
            if let Some(call) = self.calls.remove(&id) {
                self.plan_anew(id, call);
            }
        }
    }
}
