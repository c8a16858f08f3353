//! Resident memory: idle, after load, and after more of it, where it should stand still.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::load::Load;
use super::report::Section;
use super::stage::{Stage, one_route};

/// Loads one after the other.
const LOADS: [&str; 3] = ["after a load at full speed", "after a second one", "after a third one"];
/// What a load leaves behind is settled by then.
const SETTLED: Duration = Duration::from_secs(1);

pub(super) fn measure(stage: &Stage) -> Result<Section> {
    let mut section = Section::new(
        "memory",
        "Resident memory",
        "The headless router, VmRSS. Each load is plain completions over 64 connections as fast as they are answered.",
        &["moment", "MiB"],
    );
    let provider = stage.provider(&[])?;
    let router = stage.switchyard(&one_route(provider.addr))?;
    let mut note = |name: &str| -> Result<()> {
        sleep(SETTLED);
        let mib = router.process.resident_mib()?;
        section.row(name, vec![format!("{mib:.1}")], json!({ "moment": name, "mib": mib }));
        Ok(())
    };
    note("idle")?;
    for name in LOADS {
        Load::steady(stage, None, false).send(stage, &router)?;
        note(name)?;
    }
    Ok(section)
}
