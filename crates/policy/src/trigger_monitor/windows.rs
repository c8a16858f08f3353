//! Sliding windows of one route: rings of cells, each a short span of time with its counts and answer times.
//!
//! Memory is bounded whatever the traffic, a call costs the same however many there were, and a route that was never
//! called has no windows at all. A cell that was not written in its time is of an older round of the ring, so slept
//! and quiet time needs no sweeping.

use serde::{Deserialize, Serialize};
use switchyard_domain::Now;
use switchyard_domain::map::RoutingMap;

use super::Call;

/// A trigger's window is kept in this many cells.
const CELLS: u64 = 30;
/// Longer spans are kept in this many cells.
const LONG_CELLS: u64 = 60;
/// No cell is shorter, milliseconds.
const SHORTEST_CELL_MS: u64 = 100;

/// Bins of an octave: a bin is an eighth of the power of two below it wide.
const BINS_PER_OCTAVE: usize = 8;
/// Answer times up to 2^22 ms (70 minutes) are told apart.
const BINS: usize = 20 * BINS_PER_OCTAVE;

/// How long the windows reach back, and how finely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans {
    window_ms: u64,
    cell_ms: u64,
    longest_ms: u64,
    long_cell_ms: u64,
}

impl Spans {
    pub(super) fn of(map: &RoutingMap) -> Self {
        let window_ms = map.triggers.window_ms;
        let longest_ms = [
            window_ms,
            map.triggers.error_sustained_ms,
            map.triggers.p95_sustained_ms,
            map.failback.healthy_ms,
            map.failback.error_ms,
        ]
        .into_iter()
        .fold(0, u64::max);
        let cell_ms = (window_ms / CELLS).max(SHORTEST_CELL_MS);
        Self { window_ms, cell_ms, longest_ms, long_cell_ms: (longest_ms / LONG_CELLS).max(cell_ms) }
    }
}

/// What was seen, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Counts {
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) server_errors: u64,
    pub(super) rate_limited: u64,
    /// Answers that took longer than the trigger allows.
    pub(super) slow: u64,
}

impl Counts {
    pub(super) fn one(call: &Call, slow: bool) -> Self {
        Self {
            calls: 1,
            failed: u64::from(call.failed),
            server_errors: u64::from(call.server_error),
            rate_limited: u64::from(call.rate_limited),
            slow: u64::from(slow),
        }
    }

    pub(super) const fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.server_errors += other.server_errors;
        self.rate_limited += other.rate_limited;
        self.slow += other.slow;
    }
}

/// Answer times in logarithmic bins; histograms of several spans or routes add up exactly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<(usize, u32)>", from = "Vec<(usize, u32)>")]
pub(super) struct Histogram([u32; BINS]);

/// As it is kept: the bins that hold something.
impl From<Histogram> for Vec<(usize, u32)> {
    fn from(full: Histogram) -> Self {
        full.0.into_iter().enumerate().filter(|(_, count)| *count > 0).collect()
    }
}

impl From<Vec<(usize, u32)>> for Histogram {
    fn from(kept: Vec<(usize, u32)>) -> Self {
        let mut full = Self::default();
        for (bin, count) in kept {
            if let Some(own) = full.0.get_mut(bin) {
                *own = count;
            }
        }
        full
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self([0; BINS])
    }
}

impl Histogram {
    pub(super) fn take(&mut self, call: &Call) {
        if let Some(ms) = call.took_ms {
            self.record(ms);
        }
    }

    fn record(&mut self, ms: u32) {
        let bin = &mut self.0[bin_of(ms)];
        *bin = bin.saturating_add(1);
    }

    fn add(&mut self, other: &Self) {
        for (own, more) in self.0.iter_mut().zip(&other.0) {
            *own = own.saturating_add(*more);
        }
    }

    /// The nearest-rank 95th percentile, milliseconds; inside its bin by rank.
    pub(super) fn p95(&self) -> Option<u32> {
        let all: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let mut rank = (all * 95).div_ceil(100).max(1);
        for (at, count) in self.0.iter().enumerate() {
            let count = u64::from(*count);
            if rank <= count {
                let (low, width) = range_of(at);
                return u32::try_from(low + (width - 1) * rank / count).ok();
            }
            rank -= count;
        }
        None
    }
}

fn bin_of(ms: u32) -> usize {
    let ms = ms as usize;
    if ms < BINS_PER_OCTAVE {
        return ms;
    }
    let octave = ms.ilog2() - BINS_PER_OCTAVE.ilog2();
    let bin = octave as usize * BINS_PER_OCTAVE + (ms >> octave);
    bin.min(BINS - 1)
}

/// The smallest value of a bin and how many values it holds.
fn range_of(bin: usize) -> (u64, u64) {
    let octave = (bin / BINS_PER_OCTAVE).saturating_sub(1);
    let offset = bin - octave * BINS_PER_OCTAVE;
    ((offset as u64) << octave, 1 << octave)
}

#[derive(Clone, Debug, Default)]
struct Cell {
    /// Which cell of all time this is; 0 = never written.
    number: u64,
    counts: Counts,
    answers: Histogram,
}

#[derive(Debug)]
struct Ring {
    cell_ms: u64,
    cells: Box<[Cell]>,
}

impl Ring {
    fn new(span_ms: u64, cell_ms: u64) -> Self {
        let cells = usize::try_from(span_ms.div_ceil(cell_ms)).unwrap_or(usize::MAX - 1) + 1;
        Self { cell_ms, cells: vec![Cell::default(); cells].into() }
    }

    const fn number(&self, mono_ms: u64) -> u64 {
        mono_ms / self.cell_ms + 1
    }

    /// The cell of a moment; none when its place holds a later one.
    fn cell(&mut self, mono_ms: u64) -> Option<&mut Cell> {
        let number = self.number(mono_ms);
        let places = self.cells.len() as u64;
        let cell = self.cells.get_mut(usize::try_from(number % places).ok()?)?;
        if cell.number > number {
            return None;
        }
        if cell.number < number {
            cell.number = number;
            cell.counts = Counts::default();
            cell.answers.0.fill(0);
        }
        Some(cell)
    }

    /// The cells of the last `span_ms`, the one it begins in included.
    fn within(&self, span_ms: u64, now: Now) -> impl Iterator<Item = &Cell> {
        let last = self.number(now.mono_ms);
        let kept = (last + 1).saturating_sub(self.cells.len() as u64);
        let first = self.number(now.mono_ms.saturating_sub(span_ms)).max(kept);
        self.cells.iter().filter(move |cell| (first..=last).contains(&cell.number))
    }
}

/// The windows of one route.
#[derive(Debug)]
pub(super) struct Windows {
    spans: Spans,
    fine: Ring,
    /// Present where longer spans than the trigger's window are asked for.
    long: Option<Ring>,
}

impl Windows {
    pub(super) fn new(spans: Spans) -> Self {
        let long = spans.longest_ms > spans.window_ms;
        Self {
            spans,
            fine: Ring::new(spans.window_ms, spans.cell_ms),
            long: long.then(|| Ring::new(spans.longest_ms, spans.long_cell_ms)),
        }
    }

    pub(super) fn record(&mut self, call: &Call, slow: bool, now: Now) {
        let one = Counts::one(call, slow);
        for ring in std::iter::once(&mut self.fine).chain(self.long.as_mut()) {
            if let Some(cell) = ring.cell(now.mono_ms) {
                cell.counts.add(&one);
                cell.answers.take(call);
            }
        }
    }

    fn ring(&self, span_ms: u64) -> &Ring {
        match &self.long {
            Some(long) if span_ms > self.spans.window_ms => long,
            Some(_) | None => &self.fine,
        }
    }

    pub(super) fn counts(&self, span_ms: u64, now: Now) -> Counts {
        let mut all = Counts::default();
        self.ring(span_ms).within(span_ms, now).for_each(|cell| all.add(&cell.counts));
        all
    }

    pub(super) fn histogram(&self, span_ms: u64, now: Now, into: &mut Histogram) {
        self.ring(span_ms).within(span_ms, now).for_each(|cell| into.add(&cell.answers));
    }

    pub(super) fn p95(&self, span_ms: u64, now: Now) -> Option<u32> {
        let mut all = Histogram::default();
        self.histogram(span_ms, now, &mut all);
        all.p95()
    }
}

#[cfg(test)]
mod tests;
