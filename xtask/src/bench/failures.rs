//! What callers pay while the primary fails: before its breaker opens, and after.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::{Value, json};

use super::load::{Kind, Load};
use super::report::{Section, ms};
use super::stage::{Server, Stage, free_port, route};

const RATE: u32 = 200;
/// Shorter than the default of 15 s, so that the run fits: a hanging primary costs this much until its breaker opens.
const FIRST_BYTE_MS: u64 = 1_000;
/// By then the breaker is open in each case, milliseconds.
const OPEN_AFTER_MS: u64 = 2_000;

pub(super) fn measure(stage: &Stage) -> Result<Section> {
    let mut section = Section::new(
        "failures",
        "While the primary fails",
        "Two routes, the second healthy; 200 requests a second from the moment the primary fails, each answered with \
         200 by the second route. `firstByteMs` is 1000. Added to the same run with a healthy primary, milliseconds.",
        &["the primary", "first second +p50", "+p99", "breaker open +p50", "+p99"],
    );
    let healthy = stage.provider(&[])?;
    let second = stage.provider(&[])?;
    let base = windows(stage, healthy.addr, &second)?;
    let (failing, hanging) = (stage.provider(&["--mode", "500"])?, stage.provider(&["--mode", "hang"])?);
    let primaries = [("answers 500", failing.addr), ("refuses", free_port()?), ("hangs", hanging.addr)];
    for (name, primary) in primaries {
        let seen = windows(stage, primary, &second)?;
        let added: Vec<f64> = seen.iter().zip(&base).map(|(seen, base)| seen - base).collect();
        section.row(name, added.iter().map(|us| ms(*us)).collect(), row(name, &added));
    }
    Ok(section)
}

fn row(name: &str, added: &[f64]) -> Value {
    json!({
        "primary": name,
        "first_second": { "p50_us": added[0], "p99_us": added[1] },
        "breaker_open": { "p50_us": added[2], "p99_us": added[3] },
    })
}

/// p50 and p99 of the first second, then of the time after the breaker opened; microseconds.
fn windows(stage: &Stage, primary: SocketAddr, second: &Server) -> Result<[f64; 4]> {
    let map = json!({
        "hot": [route("openai", primary)],
        "warm": [route("google", second.addr)],
        "timeouts": { "firstByteMs": FIRST_BYTE_MS },
        // The probe would find out first, and before any caller.
        "probe": { "everyMs": 0 },
    });
    let router = stage.switchyard(&map)?;
    let length_ms = stage.effort.failing_ms;
    let load = Load {
        rate: Some(RATE),
        connections: 512,
        stream: false,
        length_ms,
        windows: vec![(0, 1_000), (OPEN_AFTER_MS, length_ms)],
    };
    let found = load.send(stage, &router)?;
    let (first, open) = (found.latency_us(0, Kind::Whole)?, found.latency_us(1, Kind::Whole)?);
    Ok([first.0, first.1, open.0, open.1])
}
