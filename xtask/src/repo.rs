//! Where things are: the repository's folders and cargo's own view of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::Cmd;

/// The repository and cargo's description of it.
#[derive(Debug)]
pub(crate) struct Repo {
    pub(crate) root: PathBuf,
    /// Cargo's target folder (`CARGO_TARGET_DIR` and configuration included).
    pub(crate) target: PathBuf,
    /// `cargo metadata --no-deps`: the workspace's packages as written, without resolving anything.
    pub(crate) metadata: Value,
}

impl Repo {
    /// The repository this xtask was built from.
    pub(crate) fn find() -> Result<Self> {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest_dir.parent().context("xtask lies in the repository's root")?.to_owned();
        let json = Cmd::cargo(&root, ["metadata", "--no-deps", "--format-version", "1"]).output()?;
        let metadata: Value = serde_json::from_str(&json).context("cargo metadata printed no JSON")?;
        let target =
            metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
        Ok(Self { root, target: target.into(), metadata })
    }

    pub(crate) fn ui(&self) -> PathBuf {
        self.root.join("ui")
    }

    pub(crate) fn sdk_tests(&self) -> PathBuf {
        self.root.join("tests").join("sdk")
    }

    pub(crate) fn clients(&self) -> PathBuf {
        self.root.join("tests").join("clients")
    }

    /// Tools only this repository uses; they live and die with the target folder.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The profile of what is packaged and measured.
    pub(crate) const DIST: &str = "dist";

    /// A built program, such as `("release", "switchyard")`.
    pub(crate) fn binary(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}
