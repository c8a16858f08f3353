//! What translation costs: of each chunk of a stream, and of a request, for every caller and upstream.
//!
//! Prints one JSON document; `cargo xtask bench --only translation` runs it pinned to a core and makes a table of it.
//! `--quick` measures a fifth as long. It times what the router does with each chunk (decode, read, write, keep in mind
//! for a rescue), and nothing of the network.

#![expect(clippy::expect_used, reason = "a benchmark that goes wrong stops instead of printing figures")]

mod requests;
mod streams;

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;
use switchyard_wire::Dialect;

/// The dialects callers speak.
const CALLERS: [Dialect; 3] = [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages];

/// How long each figure is measured.
const FULL: Duration = Duration::from_millis(1_000);
const QUICK: Duration = Duration::from_millis(200);

fn main() {
    let length = if std::env::args().any(|arg| arg == "--quick") { QUICK } else { FULL };
    let pairs = || CALLERS.into_iter().flat_map(|caller| Dialect::ALL.map(|upstream| (caller, upstream)));
    let streams: Vec<_> =
        pairs().map(|(caller, upstream)| streams::measure(caller, upstream, length)).collect();
    let requests: Vec<_> =
        pairs().flat_map(|(caller, upstream)| requests::translation(caller, upstream, length)).collect();
    let envelopes: Vec<_> =
        CALLERS.into_iter().flat_map(|caller| requests::envelope(caller, length)).collect();
    let report = json!({ "streams": streams, "requests": requests, "envelopes": envelopes });
    writeln!(std::io::stdout(), "{report:#}").expect("the terminal takes the report");
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is timed by the machine's own clock")]
fn now() -> Instant {
    Instant::now()
}

/// Times of one thing, each in nanoseconds. Reading the clock is part of each, some 30 ns.
#[derive(Debug, Default)]
struct Times(Vec<u64>);

impl Times {
    fn add(&mut self, time: Duration) {
        self.0.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The time that so many percent are no longer than, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one call")]
    fn percentile_us(&mut self, percent: usize) -> f64 {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * percent / 100).map_or(f64::NAN, |ns| *ns as f64 / 1_000.0)
    }
}
