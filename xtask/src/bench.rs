//! `cargo xtask bench`: what the router adds to a call, measured beside nginx and beside no router at all, in one
//! run on one machine.
//!
//! Two cores: whatever stands between client and provider is pinned to the first, load and provider share the
//! second, and the three ways are measured in turns, so that a slow minute of the machine falls on all of them.
//! It judges nothing: the figures go to the terminal, to `target/bench/latest.json` and, when asked, into
//! docs/performance.md.

mod failures;
mod gate;
mod hostile;
mod latency;
mod load;
mod memory;
mod process;
mod report;
mod stage;
mod start;
mod streams;
mod throughput;
mod translation;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::command::Cmd;
use crate::machine::{Machine, Os};
use crate::packages;
use crate::plan::Plan;
use crate::repo::Repo;
use report::{Report, Section};
use stage::Stage;

/// What the user asked for.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Under a minute, with fewer and shorter rounds.
    pub(crate) quick: bool,
    /// Rewrites the tables in docs/performance.md.
    pub(crate) write_docs: bool,
    /// An already built `switchyard`.
    pub(crate) bin: Option<PathBuf>,
    /// One part only.
    pub(crate) only: Option<Part>,
    /// Counts instructions, and fails where they grew.
    pub(crate) gate: bool,
}

/// A part of the benchmark, run alone with `--only`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Added latency at fixed rates
    Latency,
    /// Most requests per second on one core, and CPU per request
    Throughput,
    /// Added time to a stream's first token, and added delay of each chunk
    Streams,
    /// Resident memory idle and after load
    Memory,
    /// Start to first answer
    Start,
    /// Added time while the primary fails
    Failures,
    /// Time to translate a stream's chunk and a request, for every caller and upstream
    Translation,
    /// Time per megabyte of bodies and streams that are made to cost time
    Hostile,
}

type Measure = fn(&Stage) -> Result<Section>;

/// How long and how often; the only difference between a quick and a full run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Turns through the three ways; the median counts.
    pub(crate) rounds: usize,
    /// Turns where a run is long or the figure steady.
    pub(crate) few_rounds: usize,
    /// Dropped at the start of each run, milliseconds.
    pub(crate) warm_up_ms: u64,
    /// Measured in each run, milliseconds.
    pub(crate) measured_ms: u64,
    /// Starts of the router.
    pub(crate) starts: usize,
    /// Length of each run against a failing primary, milliseconds.
    pub(crate) failing_ms: u64,
}

const FULL: Effort =
    Effort { rounds: 5, few_rounds: 3, warm_up_ms: 500, measured_ms: 3_000, starts: 20, failing_ms: 8_000 };
const QUICK: Effort =
    Effort { rounds: 1, few_rounds: 1, warm_up_ms: 400, measured_ms: 1_400, starts: 5, failing_ms: 4_000 };

pub(crate) fn run(repo: &Repo, wanted: &Wanted) -> Result<()> {
    if wanted.gate {
        return run_gate(repo, wanted);
    }
    if wanted.write_docs && wanted.only.is_some() {
        bail!("--write-docs needs the whole run: leave out --only");
    }
    prepare(repo, wanted)?;
    let mut report = Report::new(repo, wanted.quick);
    if !matches!(wanted.only, Some(Part::Translation | Part::Hostile)) {
        with_servers(repo, wanted, &mut report)?;
    }
    if wanted.only.is_none_or(|only| only == Part::Translation) {
        show(&mut report, translation::measure(repo, wanted.quick)?);
    }
    // Its table is for whoever looks for a loop within a loop; it says nothing of ordinary calls.
    if wanted.only == Some(Part::Hostile) {
        show(&mut report, hostile::measure(repo, wanted.quick)?);
    }
    report.finish();
    let file = report.write_json(repo)?;
    println!("\n{}\nwritten: {}", report.circumstances(), file.display());
    if wanted.write_docs {
        report.write_docs(repo)?;
        println!("written: {}", report::DOCS);
    }
    Ok(())
}

/// Instructions per request, against those that are kept.
fn run_gate(repo: &Repo, wanted: &Wanted) -> Result<()> {
    let machine = Machine::probe(repo);
    if machine.os == Os::MacOrWindows {
        bail!("instructions are counted by callgrind, which needs Linux");
    }
    let mut plan = Plan::default();
    packages::install(&mut plan, &machine, packages::GATE)?;
    if wanted.bin.is_none() {
        let build =
            ["build", "--profile", Repo::DIST, "--package", "switchyard", "--package", "switchyard-sim"];
        plan.run("build", Cmd::cargo(&repo.root, build));
    }
    plan.carry_out()?;
    let router = wanted.bin.clone().unwrap_or_else(|| repo.binary(Repo::DIST, "switchyard"));
    let build = gate::Build::of(&router);
    let programs = router.parent().map(Path::to_path_buf).unwrap_or_default();
    let section = gate::measure(&Stage::set(repo, router, programs, QUICK)?, build)?;
    println!("\n{section}");
    let (kept, counts) = (gate::Kept::read(repo)?, gate::counts(&section));
    if wanted.write_docs {
        kept.write(build, &counts)?;
        println!("written: {}", report::DOCS);
        return Ok(());
    }
    let faults = kept.faults(build, &counts);
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("\n")) }
}

/// The parts that need a router, a provider and nginx.
fn with_servers(repo: &Repo, wanted: &Wanted, report: &mut Report) -> Result<()> {
    let effort = if wanted.quick { QUICK } else { FULL };
    let router = wanted.bin.clone().unwrap_or_else(|| repo.binary(Repo::DIST, "switchyard"));
    let stage = Stage::set(repo, router, repo.target.join(Repo::DIST), effort)?;
    let parts: [(Part, Measure); 6] = [
        (Part::Latency, latency::measure),
        (Part::Throughput, throughput::measure),
        (Part::Streams, streams::measure),
        (Part::Memory, memory::measure),
        (Part::Start, start::measure),
        (Part::Failures, failures::measure),
    ];
    for (part, measure) in parts {
        if wanted.only.is_none_or(|only| only == part) {
            show(report, measure(&stage)?);
        }
    }
    Ok(())
}

fn show(report: &mut Report, section: Section) {
    println!("\n{section}");
    report.sections.push(section);
}

fn prepare(repo: &Repo, wanted: &Wanted) -> Result<()> {
    let machine = Machine::probe(repo);
    if machine.os == Os::MacOrWindows {
        bail!("benchmarks pin processes to cores and read /proc, so they need Linux");
    }
    let mut plan = Plan::default();
    packages::install(&mut plan, &machine, packages::BENCH)?;
    if !matches!(wanted.only, Some(Part::Translation | Part::Hostile)) {
        let build = ["build", "--profile", Repo::DIST, "--package", "switchyard-sim"];
        let router: &[&str] = if wanted.bin.is_some() { &[] } else { &["--package", "switchyard"] };
        plan.run("build", Cmd::cargo(&repo.root, build).args(router.iter().copied()));
    }
    if wanted.only.is_none_or(|only| only == Part::Translation) {
        plan.run("build: translation", Cmd::cargo(&repo.root, translation::BENCH).args(["--no-run"]));
    }
    if wanted.only == Some(Part::Hostile) {
        plan.run("build: hostile", Cmd::cargo(&repo.root, hostile::BENCH).args(["--no-run"]));
    }
    plan.carry_out()
}
