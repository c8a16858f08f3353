//! From starting the process to its first answers, on a data directory that exists.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::json;

use super::process::Core;
use super::report::{Section, median};
use super::stage::{Server, Stage, free_port, now, one_route};

const LOOK_EVERY: Duration = Duration::from_micros(500);
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn measure(stage: &Stage) -> Result<Section> {
    let mut section = Section::new(
        "start",
        "Start",
        "From starting the process, on a data directory with an applied map, to its first 200. Not pinned.",
        &["first 200 of", "median, ms", "slowest, ms"],
    );
    let provider = stage.provider(&[])?;
    let folder = stage.folder("start")?;
    let map = folder.join("map.json");
    std::fs::write(&map, one_route(provider.addr).to_string())?;
    drop(stage.switchyard_in(&folder, Core::Any, Some(&map))?);
    let key = stage.key(&folder)?;
    let (mut health, mut completion) = (Vec::new(), Vec::new());
    for _ in 0..stage.effort.starts {
        let addr = free_port()?;
        let begun = now();
        let process = stage.start_router(&folder, Core::Any, addr, None)?;
        let server = Server { addr, key: key.clone(), process };
        health.push(until_200(begun, || server.get("/health"))?);
        completion.push(until_200(begun, || server.completion())?);
    }
    for (name, times) in [("`GET /health`", health), ("`POST /v1/chat/completions`", completion)] {
        let slowest = times.iter().copied().fold(0.0, f64::max);
        let median = median(times.into_iter());
        let cells = vec![format!("{median:.1}"), format!("{slowest:.1}")];
        section.row(name, cells, json!({ "what": name, "median_ms": median, "slowest_ms": slowest }));
    }
    Ok(section)
}

/// Milliseconds from `begun` to the first 200.
fn until_200(begun: Instant, ask: impl Fn() -> Result<u16>) -> Result<f64> {
    while ask().ok() != Some(200) {
        if begun.elapsed() > PATIENCE {
            bail!("the router did not answer with 200 within {} s", PATIENCE.as_secs());
        }
        sleep(LOOK_EVERY);
    }
    Ok(begun.elapsed().as_secs_f64() * 1_000.0)
}
