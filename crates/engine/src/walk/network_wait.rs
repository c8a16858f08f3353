//! The requests that wait for this machine's network, and who tells them that it may be back.

use std::collections::BTreeMap;
use std::sync::Mutex;

use switchyard_domain::Now;
use switchyard_domain::network::NetworkState;
use tokio::sync::{Notify, watch};

use crate::core::{Core, lock};

/// Of those that waited one goes on in this time, milliseconds: a provider that is just back must not meet all at once.
const ONE_BY_ONE_MS: u64 = 10;

/// Who waits, and for what.
#[derive(Debug, Default)]
pub(crate) struct NetworkWait {
    /// Grows when a look has ended or the network has turned.
    news: watch::Sender<u64>,
    /// A look is wanted now.
    wanted: Notify,
    held: Mutex<Held>,
}

/// The requests that wait, by number, with the moment each began to.
#[derive(Debug, Default)]
struct Held {
    next: u64,
    since: BTreeMap<u64, i64>,
}

/// A request's place among those that wait; given up on drop.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    core: &'a Core,
    line: &'a NetworkWait,
    number: u64,
}

impl Waiting<'_> {
    /// How long it lets those before it go on first, milliseconds.
    pub(crate) fn turn_ms(&self) -> u64 {
        let held = lock(&self.line.held);
        held.since.range(..self.number).count() as u64 * ONE_BY_ONE_MS
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.line.held).since.remove(&self.number);
        self.core.bus.touch();
    }
}

impl NetworkWait {
    /// Takes a place among the requests that wait.
    pub(crate) fn enter<'a>(&'a self, core: &'a Core, now: Now) -> Waiting<'a> {
        let number = {
            let mut held = lock(&self.held);
            held.next += 1;
            let number = held.next;
            held.since.insert(number, now.wall_ms);
            number
        };
        core.bus.touch();
        Waiting { core, line: self, number }
    }

    /// How many wait, and since when the first.
    pub(crate) fn held(&self) -> (u64, Option<i64>) {
        let held = lock(&self.held);
        (held.since.len() as u64, held.since.values().min().copied())
    }

    /// The network went from one state to another.
    pub(crate) fn turned(&self, to: NetworkState) {
        tracing::info!(state = to.as_str(), "the network's state changed");
        self.looked();
    }

    /// A look has ended.
    pub(crate) fn looked(&self) {
        self.news.send_modify(|n| *n += 1);
    }

    /// A look is wanted now.
    pub(crate) fn doubt(&self) {
        self.wanted.notify_one();
    }

    /// Waits until a look is wanted.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Tells when something about the network may be known that was not before.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}
