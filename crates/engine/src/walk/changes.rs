//! Changes of the fleet: told under its lock, so that no picture shows one without its event, and followed up after.

use switchyard_domain::event::{Event, EventKind};
use switchyard_domain::network::NetworkState;
use switchyard_domain::{Now, Tier};
use switchyard_policy::{Change, Fleet, NetworkChange, current_tier};

use crate::core::lock;
use crate::walk::Walk;
use crate::walk::upstream;

/// What follows from a change, once the fleet is let go.
#[derive(Clone, Copy, Debug)]
enum Follow {
    Nothing,
    /// A route answers again.
    WaysOpened,
    KeysDoubted,
    Network {
        from: NetworkState,
        to: NetworkState,
    },
}

impl Walk {
    /// Changes the fleet and tells of it under one lock, so that no picture shows the change without its event; what
    /// follows from it is done after. None without a fleet.
    pub(crate) fn change<T>(&self, now: Now, act: impl FnOnce(&mut Fleet) -> (T, Vec<Change>)) -> Option<T> {
        let (done, told, turned) = self.core.with_fleet(|fleet| {
            let (done, changes) = act(fleet);
            (done, self.tell(changes, now), fleet.take_turned())
        })?;
        let changed = !told.is_empty();
        for (event, follow) in told {
            if let Some(event) = event {
                self.core.bus.log(&event, now);
            }
            match follow {
                Follow::Nothing => {}
                // What waits in the queue may go now.
                Follow::WaysOpened => self.queue.ways_changed(),
                Follow::KeysDoubted => self.keys_doubted.notify_one(),
                Follow::Network { from, to } => self.turned(from, to),
            }
        }
        if changed || turned {
            self.look_around(now);
        }
        Some(done)
    }

    /// Tells what changed in the fleet, which is locked meanwhile: the events, and what is to follow.
    fn tell(&self, changes: Vec<Change>, now: Now) -> Vec<(Option<Event>, Follow)> {
        let one = |change| {
            let (what, follow) = match change {
                Change::Opened { route, failure, consecutive } => {
                    (EventKind::CircuitOpened { route, failure, consecutive }, Follow::Nothing)
                }
                Change::HalfOpen { route } => (EventKind::CircuitHalfOpen { route }, Follow::Nothing),
                Change::Closed { route } => (EventKind::CircuitClosed { route }, Follow::WaysOpened),
                Change::KeyCondemned { provider, key, failure, .. } => {
                    let credential = key.as_str().to_owned();
                    (EventKind::KeyCondemned { provider, credential, failure }, Follow::KeysDoubted)
                }
                Change::CooledDown { .. } => return (None, Follow::Nothing),
                Change::ProbeFailed { route, failure } => {
                    (EventKind::ProbeFailed { route, failure }, Follow::Nothing)
                }
                Change::NetworkTurned(turned) => {
                    let NetworkChange { from, to, sentence, portal_url, lasted_ms } = turned;
                    let what = EventKind::NetworkTurned { from, to, reason: sentence, portal_url, lasted_ms };
                    (what, Follow::Network { from, to })
                }
                Change::Told(what) => (what, Follow::Nothing),
            };
            (Some(self.core.bus.post(what, now)), follow)
        };
        changes.into_iter().map(one).collect()
    }

    /// This machine's network went from one state to another: who waited for it goes on.
    fn turned(&self, from: NetworkState, to: NetworkState) {
        let is_back = from.is_down() && !to.is_down();
        if is_back && let Some(live) = self.live.load_full() {
            // Connections of before are likely dead, whatever they look like; who goes on now must not wait for one.
            upstream::renew(&live.upstreams, &self.egress);
        }
        self.network_wait.turned(to);
        if is_back {
            self.queue.ways_changed();
        }
    }

    /// Sees where the next request would be answered, as circuits and the last calls say; a change of tier is a failover
    /// or a recovery.
    pub(crate) fn look_around(&self, now: Now) {
        // Before the keychain was read every route seems to lack its key.
        if !*self.keys_ready.borrow() {
            return;
        }
        let Some(running) = self.core.running.load_full() else { return };
        // Held until it is told: who looked earlier never says the last word.
        let mut tier_since = lock(&self.tier_since);
        // While this machine's network is down no tier takes over: nothing is called an outage.
        let seen = self
            .core
            .with_fleet(|fleet| (!fleet.network().is_down()).then(|| current_tier(&running.map, fleet, now)));
        let Some(Some(fresh)) = seen else { return };
        if tier_since.current_tier == fresh {
            return;
        }
        let before = std::mem::replace(&mut tier_since.current_tier, fresh.clone());
        if before.tier != fresh.tier {
            tier_since.since_ms = now.wall_ms;
        }
        self.core.bus.touch();
        if before.tier != fresh.tier {
            lock(&self.traffic).tier_changed();
            // In Cold no route answers, though one may be called.
            let route = fresh.route.filter(|_| fresh.tier != Tier::Cold);
            let route = route.map(|ix| running.map.route(ix).id.clone());
            let cause = fresh.cause.as_ref().map(ToString::to_string);
            let what = EventKind::TierChanged { from: before.tier, to: fresh.tier, route, cause };
            let event = self.core.bus.post(what, now);
            drop(tier_since);
            self.core.bus.log(&event, now);
            if fresh.tier != Tier::Cold {
                self.queue.ways_changed();
            }
        }
    }
}
