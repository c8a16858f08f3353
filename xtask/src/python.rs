//! Python: whether the one here will do, and the official Python SDKs installed for this repository alone.
//!
//! Nothing is installed into the system's Python: the packages live in a virtual environment in the target folder.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::command::Cmd;
use crate::freshness::is_stale;
use crate::machine::{Machine, Os};
use crate::packages;
use crate::plan::Plan;
use crate::repo::Repo;

/// What the SDKs ask for, and what makes virtual environments (Debian packs it apart).
const NEEDED: &str = "3.11 or later with venv";
const CHECK: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

/// The state of Python on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Python {
    /// Good enough to make a virtual environment with.
    pub(crate) usable: bool,
    /// The tests' packages are not installed, or not those the list names now.
    pub(crate) packages_stale: bool,
}

pub(crate) fn probe(repo: &Repo) -> Python {
    Python {
        usable: Cmd::new(&repo.root, program(), ["-c", CHECK]).succeeds(),
        packages_stale: is_stale(&stamp(repo), [requirements(repo).as_path()]),
    }
}

const fn program() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

/// The tests' own list of packages, each with the sums of its files.
pub(crate) fn requirements(repo: &Repo) -> PathBuf {
    tests(repo).join("requirements.txt")
}

fn tests(repo: &Repo) -> PathBuf {
    repo.sdk_tests().join("python")
}

fn environment(repo: &Repo) -> PathBuf {
    repo.tools().join("python-sdk")
}

/// Written last: its date is the date of a finished install.
fn stamp(repo: &Repo) -> PathBuf {
    environment(repo).join("installed")
}

fn own_program(repo: &Repo) -> String {
    let path = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    environment(repo).join(path).display().to_string()
}

/// The system packages wanted where there is no usable Python.
pub(crate) fn wanted_packages(machine: &Machine) -> &'static [&'static str] {
    match machine.os {
        Os::Debian if !machine.python.usable => packages::PYTHON,
        Os::Debian | Os::OtherLinux | Os::MacOrWindows => &[],
    }
}

/// Adds the steps after which the tests' packages are there, and returns the command that runs the tests.
pub(crate) fn tests_ready(plan: &mut Plan, repo: &Repo, machine: &Machine) -> Result<Cmd> {
    if !machine.python.usable && machine.os != Os::Debian {
        bail!("Python {NEEDED} is needed to test the official Python SDKs and is not here");
    }
    let own = own_program(repo);
    let run = |dir: &Path, args: &[&str]| Cmd::new(dir, own.clone(), args.iter().copied());
    if machine.python.packages_stale {
        let folder = environment(repo).display().to_string();
        let make = Cmd::new(&repo.root, program(), ["-m", "venv", "--clear", folder.as_str()]);
        plan.run("sdk: make a place for Python packages", make);
        let list = requirements(repo).display().to_string();
        let pip = ["-m", "pip", "install", "--disable-pip-version-check", "--quiet"];
        let pip = [&pip[..], &["--require-hashes", "--requirement", &list]].concat();
        plan.run("sdk: install Python packages", run(&repo.root, &pip));
        let note = format!("import pathlib; pathlib.Path({:?}).touch()", stamp(repo).display().to_string());
        plan.run("sdk: note that they are installed", run(&repo.root, &["-c", &note]));
    }
    // `-B`: no compiled files in the tree.
    Ok(run(&tests(repo), &["-B", "-m", "pytest"]))
}
