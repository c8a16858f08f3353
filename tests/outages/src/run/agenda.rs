//! What happens next. Of two events at the same moment the one noted first comes first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use switchyard_domain::map::RouteIx;

use super::wire::End;

/// Something that happens.
#[derive(Debug)]
pub(super) enum Event {
    /// A client calls, unless it slept when it wanted to.
    Arrives { client: usize, wanted_ms: u64 },
    /// A stream's first word comes.
    FirstWords { call: u64, attempt: u32 },
    /// A try ends.
    Ends { call: u64, attempt: u32, end: End },
    /// A call's wait is over.
    Wakes { call: u64 },
    /// A second is over.
    Beat,
    /// A route's free probe.
    Probe(RouteIx),
    /// A look at the network has ended.
    Looked { begun_ms: u64 },
}

#[derive(Debug)]
struct Entry {
    at_ms: u64,
    noted: u64,
    event: Event,
}

/// The agenda.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Entry>,
    noted: u64,
}

impl Agenda {
    pub(super) fn at(&mut self, at_ms: u64, event: Event) {
        self.noted += 1;
        self.heap.push(Entry { at_ms, noted: self.noted, event });
    }

    pub(super) fn next(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|entry| (entry.at_ms, entry.event))
    }
}

impl Ord for Entry {
    /// The heap gives the greatest: the earliest is.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ms, other.noted).cmp(&(self.at_ms, self.noted))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}
