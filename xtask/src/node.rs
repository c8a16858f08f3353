//! Node and npm: whether the ones here will do, how they come otherwise, and the UI built with them.
//!
//! Never installs Node system-wide over another one: where the system's is too old (Debian 12 ships 18),
//! a current one is installed into the target folder, for this repository alone.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::command::Cmd;
use crate::freshness::is_stale;
use crate::machine::{Machine, Os};
use crate::packages;
use crate::plan::Plan;
use crate::repo::Repo;

/// What the UI's build tool (Vite) asks for: 20.19 or 22.12 and later.
const NEEDED: &str = "20.19+ or 22.12+";

/// The Node and npm installed for this repository where the system's won't do.
const OWN_NODE: &str = "22";
const OWN_NPM: &str = "npm@10";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// Good enough; `own` is the folder of programs if it is this repository's own.
    Ready {
        own: Option<PathBuf>,
    },
    TooOld {
        version: String,
    },
    /// No node, or no npm beside it.
    Missing,
}

pub(crate) fn probe(repo: &Repo) -> Node {
    let own = own_programs(repo);
    if own.join("npm").exists() && own.join("node").exists() {
        return Node::Ready { own: Some(own) };
    }
    let Some(version) = Cmd::new(&repo.root, "node", ["--version"]).answer() else { return Node::Missing };
    if !Cmd::new(&repo.root, npm_program("npm"), ["--version"]).succeeds() {
        return Node::Missing;
    }
    if is_new_enough(&version) {
        Node::Ready { own: None }
    } else {
        Node::TooOld { version: version.trim().to_owned() }
    }
}

fn own_programs(repo: &Repo) -> PathBuf {
    repo.tools().join("node").join("node_modules").join(".bin")
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers =
        version.trim().trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else { return false };
    matches!((major, minor), (20, 19..) | (22, 12..) | (23.., _))
}

/// `npm` and `npx` are scripts with another ending on Windows.
fn npm_program(name: &str) -> String {
    if cfg!(windows) { format!("{name}.cmd") } else { name.to_owned() }
}

/// Whether `node_modules` is missing or older than the lock file.
pub(crate) fn modules_stale(project: &Path) -> bool {
    // npm writes this file last, so its date is the date of a finished install.
    let installed = project.join("node_modules").join(".package-lock.json");
    is_stale(&installed, [project.join("package-lock.json").as_path()])
}

/// The system packages wanted when there is no npm at all.
pub(crate) fn wanted_packages(machine: &Machine) -> &'static [&'static str] {
    match (&machine.node, machine.os) {
        (Node::Missing, Os::Debian) => packages::NODE,
        (Node::Missing | Node::TooOld { .. } | Node::Ready { .. }, _) => &[],
    }
}

/// The programs of a Node that will do.
#[derive(Debug, Clone)]
pub(crate) struct Npm {
    own: Option<PathBuf>,
}

impl Npm {
    /// Adds the steps after which a good Node is there (system packages first: [`wanted_packages`]).
    pub(crate) fn ensure(plan: &mut Plan, repo: &Repo, machine: &Machine) -> Result<Self> {
        match (&machine.node, machine.os) {
            (Node::Ready { own }, _) => return Ok(Self { own: own.clone() }),
            (Node::Missing, Os::OtherLinux | Os::MacOrWindows) => bail!(
                "Node {NEEDED} with npm is needed to build the pages and is not here; \
                 get it from https://nodejs.org or your package manager"
            ),
            (Node::TooOld { version }, Os::MacOrWindows) => {
                bail!("Node {version} is too old, {NEEDED} is needed; get it from https://nodejs.org")
            }
            (Node::TooOld { .. }, Os::Debian | Os::OtherLinux) | (Node::Missing, Os::Debian) => {}
        }
        let platform = match std::env::consts::ARCH {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            other => {
                bail!("Node {NEEDED} is needed and there is no ready-made one for {other}; install it first")
            }
        };
        // The registry carries Node's own binaries, so npm's check of sums covers them too.
        let folder = repo.tools().join("node").display().to_string();
        let node = format!("node-linux-{platform}@{OWN_NODE}");
        plan.make_folder("node: a folder for one of our own", repo.tools().join("node"));
        plan.run(
            "node: install a current one for this repository",
            Cmd::new(
                &repo.root,
                npm_program("npm"),
                ["install", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--prefix"],
            )
            .args([folder.as_str(), node.as_str(), OWN_NPM]),
        );
        Ok(Self { own: Some(own_programs(repo)) })
    }

    pub(crate) fn npm<A: Into<String>>(&self, dir: &Path, args: impl IntoIterator<Item = A>) -> Cmd {
        self.command(dir, &npm_program("npm"), args)
    }

    pub(crate) fn npx<A: Into<String>>(&self, dir: &Path, args: impl IntoIterator<Item = A>) -> Cmd {
        self.command(dir, &npm_program("npx"), args)
    }

    pub(crate) fn node<A: Into<String>>(&self, dir: &Path, args: impl IntoIterator<Item = A>) -> Cmd {
        self.command(dir, "node", args)
    }

    /// Installs exactly what the project's lock file says, and runs nothing of what it installs.
    pub(crate) fn clean_install(&self, project: &Path) -> Cmd {
        self.npm(project, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
    }

    fn command<A: Into<String>>(&self, dir: &Path, program: &str, args: impl IntoIterator<Item = A>) -> Cmd {
        Cmd::new(dir, program, args).front_of_path(self.own.as_deref())
    }
}

/// Adds the steps after which `ui/dist` is current: none if it already is.
pub(crate) fn build_ui(plan: &mut Plan, repo: &Repo, machine: &Machine, npm: &Npm) {
    if machine.ui.modules_stale {
        plan.run("ui: install its modules", npm.clean_install(&repo.ui()));
    }
    if machine.ui.modules_stale || machine.ui.bundle_stale {
        plan.run("ui: build", npm.npm(&repo.ui(), ["run", "build"]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_the_build_tool_refuses_are_refused_here() {
        for (version, expected) in [
            ("v18.20.4\n", false),
            ("v20.18.3", false),
            ("v20.19.0\n", true),
            ("v21.7.0", false),
            ("v22.11.0", false),
            ("v22.12.0", true),
            ("v24.1.0", true),
            ("", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_new_enough(version), expected, "{version:?}");
        }
    }

    #[test]
    fn modules_are_stale_until_an_install_finished_after_the_lock_file_changed() {
        let project = tempfile::tempdir().unwrap();
        std::fs::write(project.path().join("package-lock.json"), "{}").unwrap();
        std::fs::create_dir(project.path().join("node_modules")).unwrap();
        assert!(modules_stale(project.path()), "an interrupted install leaves a folder and no record");
        std::fs::write(project.path().join("node_modules/.package-lock.json"), "{}").unwrap();
        assert!(!modules_stale(project.path()));
    }
}
