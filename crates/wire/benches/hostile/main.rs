//! What bodies and streams cost that are made to cost time: many of one thing, or one thing in another many times over.
//!
//! Prints one JSON document; `cargo xtask bench --only hostile` makes a table of it. Each shape is timed at one size and
//! at twice that size: time per megabyte says what it costs, and the ratio whether it costs more the more there is.

#![expect(clippy::expect_used, reason = "a benchmark that goes wrong stops instead of printing figures")]

mod answers;
mod requests;
mod streams;

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use switchyard_wire::Dialect;

/// The dialects callers speak.
const CALLERS: [Dialect; 3] = [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages];
/// A shape is made about this large, and then twice as large, bytes.
const SIZE: usize = 400_000;
/// Each is done until so much time of the processor was spent on it: the clock that tells it moves in steps.
const SPENT: Duration = Duration::from_millis(150);
const QUICK_SPENT: Duration = Duration::from_millis(40);

fn main() {
    let spent = if std::env::args().any(|arg| arg == "--quick") { QUICK_SPENT } else { SPENT };
    let rows: Vec<Value> = [requests::shapes(), answers::shapes(), streams::shapes()]
        .into_iter()
        .flatten()
        .map(|shape| shape.measure(spent))
        .collect();
    writeln!(std::io::stdout(), "{:#}", json!({ "rows": rows })).expect("the terminal takes the report");
}

type Make = Box<dyn Fn(usize) -> Vec<u8>>;
type Work = Box<dyn Fn(&[u8])>;

/// Something to be made in any width, and what the router does with it.
struct Shape {
    name: String,
    make: Make,
    work: Work,
}

impl Shape {
    fn new(
        name: impl Into<String>,
        make: impl Fn(usize) -> Vec<u8> + 'static,
        work: impl Fn(&[u8]) + 'static,
    ) -> Self {
        Self { name: name.into(), make: Box::new(make), work: Box::new(work) }
    }

    #[expect(clippy::cast_precision_loss, reason = "sizes and times of one body")]
    fn measure(&self, least: Duration) -> Value {
        // As wide as makes the size.
        let probe = (self.make)(1_000).len().max(1);
        let width = (SIZE * 1_000 / probe).max(2);
        let per_mb = |width: usize| {
            let body = (self.make)(width);
            let (begun, mut times) = (processor_time(), 0_u32);
            let mut spent = Duration::ZERO;
            while spent < least {
                (self.work)(&body);
                times += 1;
                spent = processor_time().saturating_sub(begun);
            }
            (spent.as_secs_f64() * 1_000.0 / f64::from(times), body.len() as f64 / 1_000_000.0)
        };
        let ((once_ms, once_mb), (twice_ms, twice_mb)) = (per_mb(width), per_mb(2 * width));
        // A small time says nothing of its growth.
        let ratio = (twice_ms > 2.0).then(|| (twice_ms / twice_mb) / (once_ms / once_mb));
        json!({ "name": self.name, "ms_per_mb": twice_ms / twice_mb, "growth": ratio })
    }
}

/// What this thread has had of the processor. Other programs on the machine add nothing to it, as they do to a clock on the
/// wall.
fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells a thread's time");
    let ns = told.split(' ').next().and_then(|ns| ns.parse().ok()).expect("the first figure is nanoseconds");
    Duration::from_nanos(ns)
}

/// So many of something, with commas between.
fn listed(count: usize, one: impl Fn(usize) -> String) -> String {
    let mut list = String::new();
    for at in 0..count {
        if at > 0 {
            list.push(',');
        }
        let _ = write!(list, "{}", one(at));
    }
    list
}
