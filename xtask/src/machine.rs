//! What this machine has, looked at once, before planning. Looking changes nothing.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use crate::command::Cmd;
use crate::freshness::is_stale;
use crate::node::{self, Node};
use crate::packages;
use crate::python::{self, Python};
use crate::repo::Repo;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Os {
    /// Debian, Ubuntu and others with apt: we can install packages.
    Debian,
    /// Linux with another package manager: we can only name what is needed.
    OtherLinux,
    /// macOS and Windows: the system brings what a build needs.
    MacOrWindows,
}

/// How we may install system packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privilege {
    Root,
    Sudo,
    /// There is a sudo, but nobody to type a password into it.
    SudoWithoutTerminal,
    None,
}

/// The facts a plan is made from.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) os: Os,
    pub(crate) privilege: Privilege,
    /// Those of [`packages::KNOWN`] that are installed.
    pub(crate) installed: BTreeSet<String>,
    pub(crate) node: Node,
    /// A display a window can open on.
    pub(crate) display: bool,
    /// Network namespaces can be made, to cut a real network.
    pub(crate) namespaces: bool,
    pub(crate) ui: Freshness,
    pub(crate) sdk_modules_stale: bool,
    pub(crate) python: Python,
    pub(crate) cargo: CargoTools,
    /// How many of its cores a build may use.
    pub(crate) cores: usize,
}

/// The state of `ui/`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freshness {
    pub(crate) modules_stale: bool,
    pub(crate) bundle_stale: bool,
}

#[derive(Debug)]
pub(crate) struct CargoTools {
    pub(crate) nextest: bool,
    /// Both rustfmt and clippy.
    pub(crate) linters: bool,
    pub(crate) tauri_driver: Option<PathBuf>,
}

impl Machine {
    pub(crate) fn probe(repo: &Repo) -> Self {
        let os = probe_os(&repo.root);
        let ui = repo.ui();
        Self {
            os,
            privilege: if os == Os::Debian { probe_privilege(&repo.root) } else { Privilege::None },
            installed: if os == Os::Debian { packages::installed(&repo.root) } else { BTreeSet::new() },
            node: node::probe(repo),
            namespaces: os != Os::MacOrWindows
                && Cmd::new(&repo.root, "unshare", ["--net", "true"]).succeeds(),
            display: os == Os::MacOrWindows || ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(is_set),
            ui: Freshness { modules_stale: node::modules_stale(&ui), bundle_stale: bundle_stale(&ui) },
            sdk_modules_stale: node::modules_stale(&repo.sdk_tests()),
            python: python::probe(repo),
            cargo: CargoTools {
                nextest: Cmd::cargo(&repo.root, ["nextest", "--version"]).succeeds(),
                linters: ["fmt", "clippy"]
                    .iter()
                    .all(|tool| Cmd::cargo(&repo.root, [*tool, "--version"]).succeeds()),
                tauri_driver: probe_tauri_driver(repo),
            },
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

fn probe_os(root: &Path) -> Os {
    if !cfg!(target_os = "linux") {
        Os::MacOrWindows
    } else if ["dpkg-query", "apt-get"].iter().all(|tool| Cmd::new(root, *tool, ["--version"]).succeeds()) {
        Os::Debian
    } else {
        Os::OtherLinux
    }
}

fn probe_privilege(root: &Path) -> Privilege {
    let root_user = Cmd::new(root, "id", ["-u"]).answer().is_some_and(|id| id.trim() == "0");
    if root_user {
        Privilege::Root
    } else if !Cmd::new(root, "sudo", ["--version"]).succeeds() {
        Privilege::None
    } else if std::io::stdin().is_terminal() {
        Privilege::Sudo
    } else {
        Privilege::SudoWithoutTerminal
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn probe_tauri_driver(repo: &Repo) -> Option<PathBuf> {
    let named = std::env::var_os("TAURI_DRIVER").map(PathBuf::from);
    let own = repo.tools().join("bin").join(format!("tauri-driver{}", std::env::consts::EXE_SUFFIX));
    named.into_iter().chain([own]).find(|path| path.is_file())
}

/// Whether `ui/dist` is older than anything the UI is built from.
fn bundle_stale(ui: &Path) -> bool {
    let sources = [
        "src",
        "public",
        "index.html",
        "package-lock.json",
        "package.json",
        "vite.config.ts",
        "svelte.config.js",
        "tsconfig.json",
    ]
    .map(|name| ui.join(name));
    is_stale(&ui.join("dist").join("index.html"), sources.iter().map(PathBuf::as_path))
}

/// A bare machine for the tests of plans: nothing installed, nothing built.
#[cfg(test)]
impl Machine {
    pub(crate) fn bare(os: Os) -> Self {
        Self {
            os,
            privilege: Privilege::Root,
            installed: BTreeSet::new(),
            node: Node::Missing,
            display: true,
            namespaces: os != Os::MacOrWindows,
            ui: Freshness { modules_stale: true, bundle_stale: true },
            sdk_modules_stale: true,
            python: Python { usable: false, packages_stale: true },
            cargo: CargoTools { nextest: false, linters: true, tauri_driver: None },
            cores: 2,
        }
    }

    /// Everything there and current.
    pub(crate) fn complete(os: Os) -> Self {
        Self {
            installed: packages::KNOWN.iter().map(|&name| name.to_owned()).collect(),
            node: Node::Ready { own: None },
            ui: Freshness { modules_stale: false, bundle_stale: false },
            sdk_modules_stale: false,
            python: Python { usable: true, packages_stale: false },
            cargo: CargoTools {
                nextest: true,
                linters: true,
                tauri_driver: Some("/tools/tauri-driver".into()),
            },
            ..Self::bare(os)
        }
    }
}
