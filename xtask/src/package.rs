//! `cargo xtask package`: an installable package of the desktop app, in the system's own format.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::machine::Machine;
use crate::node::{self, Npm};
use crate::packages;
use crate::plan::Plan;
use crate::repo::Repo;

/// The kind of package made here, as Tauri names it, and its folder under `dist/bundle`.
const BUNDLE: &str = if cfg!(target_os = "macos") {
    "dmg"
} else if cfg!(windows) {
    "nsis"
} else {
    "deb"
};

pub(crate) fn plan(repo: &Repo, machine: &Machine) -> Result<Plan> {
    let mut plan = Plan::default();
    packages::install(&mut plan, machine, &[packages::DESKTOP, node::wanted_packages(machine)].concat())?;
    let npm = Npm::ensure(&mut plan, repo, machine)?;
    node::build_ui(&mut plan, repo, machine, &npm);
    let tauri = ["--prefix", "../ui", "tauri", "build", "--bundles", BUNDLE, "--", "--profile", Repo::DIST];
    plan.run("package", npm.npx(&repo.root.join("src-tauri"), tauri));
    Ok(plan)
}

/// Says where the packages are.
pub(crate) fn print_artifacts(repo: &Repo) -> Result<()> {
    let found = artifacts(repo)?;
    if found.is_empty() {
        bail!("the build ended well and left no {BUNDLE} package");
    }
    for artifact in found {
        println!("package: {}", artifact.display());
    }
    Ok(())
}

fn artifacts(repo: &Repo) -> Result<Vec<PathBuf>> {
    let folder = repo.target.join(Repo::DIST).join("bundle").join(BUNDLE);
    let extension = if BUNDLE == "nsis" { "exe" } else { BUNDLE };
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    found.sort();
    Ok(found)
}
