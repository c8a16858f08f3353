//! `cargo xtask run`: from a fresh checkout to a running Switchyard.

use anyhow::{Result, bail};

use crate::command::Cmd;
use crate::machine::{Machine, Os};
use crate::node::{self, Node, Npm};
use crate::packages;
use crate::plan::Plan;
use crate::repo::Repo;

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
    plan.run("build", Cmd::cargo(&repo.root, ["build", "--release", "--package", package]));
    let program = repo.binary("release", package).display().to_string();
    let start =
        Cmd::new(&std::env::current_dir()?, program, args.iter().copied()).args(wanted.args.iter().cloned());
    plan.become_it("start", start);
    Ok(plan)
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
