//! `cargo xtask clients`: coding agents, as they come from the registry, over every kind of simulated provider.
//!
//! The questions are asked by `tests/clients/run.js`, which also keeps what came of them in docs/clients.md.

use anyhow::Result;

use crate::command::Cmd;
use crate::machine::Machine;
use crate::node::{self, Npm};
use crate::packages;
use crate::plan::Plan;
use crate::repo::Repo;

/// The steps. `only`: the programs to ask; none for all of them.
pub(crate) fn plan(repo: &Repo, machine: &Machine, only: Vec<String>) -> Result<Plan> {
    let mut plan = Plan::default();
    packages::install(&mut plan, machine, node::wanted_packages(machine))?;
    let npm = Npm::ensure(&mut plan, repo, machine)?;
    for tests in [repo.sdk_tests(), repo.clients()] {
        if node::modules_stale(&tests) {
            let title = format!("{}: install its modules", tests.display());
            plan.run(title, npm.clean_install(&tests));
        }
    }
    // The router embeds the folder at build time: it has to exist, even empty.
    plan.make_folder("ui: a folder to embed", repo.ui().join("dist"));
    let build = ["build", "--package", "switchyard", "--package", "switchyard-sim"];
    plan.run("build: the router and the simulated providers", Cmd::cargo(&repo.root, build));
    let built = |name: &str| repo.binary("debug", name).display().to_string();
    let ask = npm.node(&repo.clients(), std::iter::once("run.js".to_owned()).chain(only));
    let ask =
        ask.env("SWITCHYARD_BIN", built("switchyard")).env("SWITCHYARD_SIM_BIN", built("switchyard-sim"));
    plan.run("ask the agents", ask);
    Ok(plan)
}
