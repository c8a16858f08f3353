//! `cargo xtask run`: from a fresh checkout to a running Switchyard.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::command::Cmd;
use crate::machine::{Machine, Os};
use crate::node::{self, Node, Npm};
use crate::packages;
use crate::plan::Plan;
use crate::repo::Repo;

/// The profile that is built for a soon start; what is measured and packaged is built with `dist`.
const PROFILE: &str = "quick";
/// What a first build takes, seconds of one core: the router alone, and the window with it. Measured on a slow two-core
/// server, where they took 374 s and 454 s (the router alone 915 s with the profile `release`); a laptop's cores are faster.
const HEADLESS_CORE_SECONDS: u64 = 750;
const DESKTOP_CORE_SECONDS: u64 = 900;

/// What the user asked for.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) headless: bool,
    /// Passed to the program after our own arguments.
    pub(crate) args: Vec<String>,
}

pub(crate) fn plan(repo: &Repo, machine: &Machine, wanted: &Wanted) -> Result<Plan> {
    let mut plan = Plan::default();
    if wanted.headless {
        plan_headless_ui(&mut plan, repo, machine)?;
    } else {
        plan_desktop_needs(&mut plan, repo, machine)?;
    }
    let (package, args): (_, &[&str]) = if wanted.headless {
        ("switchyard", &["serve", "--demo-if-empty"])
    } else {
        ("switchyard-desktop", &[])
    };
    let build = Cmd::cargo(&repo.root, ["build", "--profile", PROFILE, "--package", package]);
    let program = repo.binary(PROFILE, package);
    if program.is_file() {
        plan.run("build", build);
    } else {
        let work = if wanted.headless { HEADLESS_CORE_SECONDS } else { DESKTOP_CORE_SECONDS };
        plan.run_long("build", build, first_build(work, machine.cores));
    }
    let program = program.display().to_string();
    let start =
        Cmd::new(&std::env::current_dir()?, program, args.iter().copied()).args(wanted.args.iter().cloned());
    plan.become_it("start", start);
    Ok(plan)
}

/// How long a first build takes about, in half minutes. More than eight cores wait for one another.
fn first_build(core_seconds: u64, cores: usize) -> Duration {
    let cores = u64::try_from(cores.clamp(1, 8)).unwrap_or(1);
    Duration::from_secs((core_seconds / cores).div_ceil(30) * 30)
}

fn plan_desktop_needs(plan: &mut Plan, repo: &Repo, machine: &Machine) -> Result<()> {
    if !machine.display {
        bail!(
            "there is no display here (DISPLAY and WAYLAND_DISPLAY are not set), so no window can open.\n  \
             Without a window:           cargo xtask run --headless\n  \
             On a display in memory:     xvfb-run -a cargo xtask run"
        );
    }
    packages::install(plan, machine, &[packages::DESKTOP, node::wanted_packages(machine)].concat())?;
    let npm = Npm::ensure(plan, repo, machine)?;
    node::build_ui(plan, repo, machine, &npm);
    Ok(())
}

/// The headless router needs a C compiler and nothing else; its pages are built if npm is at hand.
fn plan_headless_ui(plan: &mut Plan, repo: &Repo, machine: &Machine) -> Result<()> {
    let can_build = match (&machine.node, machine.os) {
        (Node::Ready { .. }, _) | (Node::TooOld { .. }, Os::Debian | Os::OtherLinux) => true,
        (Node::Missing, _) | (Node::TooOld { .. }, Os::MacOrWindows) => false,
    };
    if can_build {
        let npm = Npm::ensure(plan, repo, machine)?;
        node::build_ui(plan, repo, machine, &npm);
    } else {
        if machine.ui.bundle_stale {
            plan.note("no npm here, so the router is built without its browser pages (or with older ones)");
        }
        // The router embeds the folder at build time: it has to exist, even empty.
        plan.make_folder("ui: a folder to embed", repo.ui().join("dist"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
