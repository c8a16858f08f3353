//! What a load found: counts, and one histogram per window and kind.

use std::io;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Beyond this a latency is counted as this, nanoseconds.
const LONGEST_NS: u64 = 120_000_000_000;

/// A span of the load, by when a request was due; milliseconds from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The first moment in it.
    pub from_ms: u64,
    /// The first moment behind it.
    pub to_ms: u64,
}

/// Everything a load found.
#[derive(Debug, Default)]
pub struct Findings {
    /// How long requests were sent.
    pub seconds: f64,
    sent: u64,
    answered: u64,
    failed: u64,
    windows: Vec<Seen>,
}

#[derive(Debug)]
struct Seen {
    window: Window,
    answered: u64,
    not_ok: u64,
    latency: Histogram<u64>,
    first_chunk: Histogram<u64>,
    chunk: Histogram<u64>,
}

/// A window's findings, as they are printed.
#[derive(Clone, Debug, Serialize)]
pub struct WindowFindings {
    /// The window itself.
    #[serde(flatten)]
    pub window: Window,
    /// Answers to requests that were due in it.
    pub answered: u64,
    /// Those of them whose status was not 200.
    pub not_ok: u64,
    /// Answers per second.
    pub per_second: f64,
    /// From the due moment to the answer's last byte.
    pub latency: Option<Spread>,
    /// From the due moment to a stream's first content chunk.
    pub first_chunk: Option<Spread>,
    /// From a chunk's sending to its arrival.
    pub chunk: Option<Spread>,
}

/// How something is spread, microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// How many were measured.
    pub count: u64,
    /// The median.
    pub p50_us: f64,
    /// One in ten is slower.
    pub p90_us: f64,
    /// One in a hundred is slower.
    pub p99_us: f64,
    /// The slowest.
    pub max_us: f64,
    /// The mean.
    pub mean_us: f64,
}

impl Findings {
    pub(super) fn new(windows: &[Window]) -> io::Result<Self> {
        let windows = windows.iter().map(|window| Seen::new(*window)).collect::<io::Result<_>>()?;
        Ok(Self { windows, ..Self::default() })
    }

    pub(super) fn sent(&mut self) {
        self.sent += 1;
    }

    pub(super) fn failed(&mut self) {
        self.failed += 1;
    }

    pub(super) fn answered(&mut self, due_after_ns: u64, latency_ns: u64, status: u16) {
        self.answered += 1;
        for seen in self.windows_at(due_after_ns) {
            seen.answered += 1;
            seen.not_ok += u64::from(status != 200);
            seen.latency.saturating_record(latency_ns);
        }
    }

    pub(super) fn first_chunk(&mut self, due_after_ns: u64, latency_ns: u64) {
        self.windows_at(due_after_ns).for_each(|seen| seen.first_chunk.saturating_record(latency_ns));
    }

    pub(super) fn chunk(&mut self, due_after_ns: u64, latency_ns: u64) {
        self.windows_at(due_after_ns).for_each(|seen| seen.chunk.saturating_record(latency_ns));
    }

    fn windows_at(&mut self, due_after_ns: u64) -> impl Iterator<Item = &mut Seen> {
        let ms = due_after_ns / 1_000_000;
        self.windows.iter_mut().filter(move |seen| (seen.window.from_ms..seen.window.to_ms).contains(&ms))
    }

    /// Requests that are neither answered nor failed.
    pub(super) fn outstanding(&self) -> u64 {
        self.sent - self.answered - self.failed
    }

    /// Requests answered in all, the warm-up's included.
    #[must_use]
    pub fn answered_in_all(&self) -> u64 {
        self.answered
    }

    /// Requests without an answer: the connection broke, or it never came.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.sent - self.answered
    }

    /// Each window's findings.
    #[must_use]
    pub fn windows(&self) -> Vec<WindowFindings> {
        self.windows
            .iter()
            .map(|seen| WindowFindings {
                window: seen.window,
                answered: seen.answered,
                not_ok: seen.not_ok,
                #[expect(clippy::cast_precision_loss, reason = "a count of requests and a span of seconds")]
                per_second: seen.answered as f64 * 1_000.0
                    / (seen.window.to_ms.saturating_sub(seen.window.from_ms)).max(1) as f64,
                latency: spread(&seen.latency),
                first_chunk: spread(&seen.first_chunk),
                chunk: spread(&seen.chunk),
            })
            .collect()
    }
}

impl Seen {
    fn new(window: Window) -> io::Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_NS, 3).map_err(io::Error::other);
        Ok(Self {
            window,
            answered: 0,
            not_ok: 0,
            latency: histogram()?,
            first_chunk: histogram()?,
            chunk: histogram()?,
        })
    }
}

fn spread(of: &Histogram<u64>) -> Option<Spread> {
    #[expect(clippy::cast_precision_loss, reason = "at most two minutes in nanoseconds")]
    let at = |quantile| of.value_at_quantile(quantile) as f64 / 1_000.0;
    #[expect(clippy::cast_precision_loss, reason = "at most two minutes in nanoseconds")]
    let max_us = of.max() as f64 / 1_000.0;
    (!of.is_empty()).then(|| Spread {
        count: of.len(),
        p50_us: at(0.5),
        p90_us: at(0.9),
        p99_us: at(0.99),
        max_us,
        mean_us: of.mean() / 1_000.0,
    })
}
