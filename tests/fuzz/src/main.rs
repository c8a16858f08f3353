//! All fuzz targets in one program; `FUZZ_TARGET` names the one to run.
//!
//! A target that only looks for panics finds little in safe Rust, so each also says what has to be true of whatever
//! comes out. The first eight bytes of an input choose dialects and cuts ([`choices::Choices`]); the rest is the data.
#![no_main]

mod answer;
mod bodies;
mod choices;
mod embed;
mod envelope;
mod error_body;
mod event_stream;
mod json;
mod models;
mod request;
mod sse;
mod stream;
mod told;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;

use crate::choices::Choices;

type Target = fn(&Choices, &[u8]);

/// Every target by name. `cargo xtask fuzz` has the same list, with the seeds of each.
const TARGETS: &[(&str, Target)] = &[
    ("sse", sse::run),
    ("event_stream", event_stream::run),
    ("envelope", envelope::run),
    ("request", request::run),
    ("answer", answer::run),
    ("stream", stream::run),
    ("error_body", error_body::run),
    ("seals", bodies::seals),
    ("continuation", bodies::continuation),
    ("models", models::run),
    ("embed", embed::run),
];

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn chosen() -> Target {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    found.unwrap_or_else(|| panic!("FUZZ_TARGET is {wanted:?}, not one of {names:?}")).1
}

/// What an input may take: so much whatever its length, and so much more per byte. With the fuzzer's own counting in it a
/// byte costs some 100 ns; what a loop within a loop costs is beyond this at 16 kB.
const ANY: Duration = Duration::from_millis(100);
const PER_BYTE: Duration = Duration::from_micros(5);
/// A machine that is busy elsewhere makes one run slow, not each of these.
const TRIES: usize = 3;

fuzz_target!(|input: &[u8]| {
    let Some((choices, data)) = Choices::of(input) else { return };
    let target = CHOSEN.get_or_init(chosen);
    let most = ANY + PER_BYTE * u32::try_from(input.len()).unwrap_or(u32::MAX);
    let took = |_| {
        let begun = Instant::now();
        target(&choices, data);
        begun.elapsed()
    };
    let is_slow = (0..TRIES).map(took).all(|took| took > most);
    assert!(!is_slow, "{} bytes took more than {most:?} each of {TRIES} times", input.len());
});
