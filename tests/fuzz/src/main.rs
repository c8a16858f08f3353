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

fuzz_target!(|input: &[u8]| {
    if let Some((choices, data)) = Choices::of(input) {
        CHOSEN.get_or_init(chosen)(&choices, data);
    }
});
