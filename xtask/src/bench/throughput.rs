//! The most one core can do, and what a request costs it.

use anyhow::Result;
use serde_json::json;

use super::latency::Ways;
use super::load::{Load, seconds};
use super::report::{Section, median};
use super::stage::{Stage, Way};

pub(super) fn measure(stage: &Stage) -> Result<Section> {
    let mut section = Section::new(
        "throughput",
        "One core",
        "64 connections, each asking again as soon as it is answered; the way between is pinned to one core, load and \
         provider share the other. Processor time is the process's own (user and system) over all requests of the \
         run. Below 95 % of the core the load was the limit. Medians of the rounds.",
        &["way", "requests/s", "CPU per request, µs", "core used"],
    );
    let ways = Ways::stand(stage, &[])?;
    let mut seen: [Vec<(f64, f64, f64)>; 3] = Default::default();
    for _ in 0..stage.effort.few_rounds {
        for way in Way::ALL {
            let load = Load::steady(stage, None, false);
            let server = ways.server(way);
            let before = server.process.cpu_ticks()?;
            let found = load.send(stage, server)?;
            #[expect(clippy::cast_precision_loss, reason = "hundredths of seconds of one run")]
            let cpu_s = (server.process.cpu_ticks()? - before) as f64 / stage.ticks_per_second;
            let per_request_us = cpu_s * 1e6 / found.answered()?;
            seen[way as usize].push((found.per_second()?, per_request_us, cpu_s / seconds(load.length_ms)));
        }
    }
    for way in Way::ALL {
        let figures = &seen[way as usize];
        let per_second = median(figures.iter().map(|f| f.0));
        let cpu_us = median(figures.iter().map(|f| f.1));
        let used = median(figures.iter().map(|f| f.2)) * 100.0;
        // The provider's own time is not a cost of the direct way.
        let is_between = way != Way::Direct;
        let cell = |text: String| if is_between { text } else { "–".to_owned() };
        section.row(
            way.name(),
            vec![format!("{per_second:.0}"), cell(format!("{cpu_us:.1}")), cell(format!("{used:.0} %"))],
            json!({
                "way": way.name(),
                "per_second": per_second,
                "cpu_us_per_request": is_between.then_some(cpu_us),
                "core_percent": is_between.then_some(used),
            }),
        );
    }
    Ok(section)
}
