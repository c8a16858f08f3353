//! `cargo xtask tidy`: the rules of the house that neither the compiler nor clippy can keep.
//!
//! Each rule is a pure function from what it reads to the faults it finds. Tidy never changes a file.

mod arrows;
mod circles;
mod floors;
mod modules;
mod sources;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::modules::Modules;
use crate::repo::Repo;

/// Folders with sources of our own.
const ROOMS: &[&str] = &["crates", "src-tauri", "tests", "xtask", "ui"];

/// Folders with things others wrote, or that a build left.
const FOREIGN: &[&str] = &["target", "node_modules", "dist", "gen", "test-results"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Warning,
    Error,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    severity: Severity,
    /// A file with its line where there is one, or a package.
    place: String,
    text: String,
}

impl Fault {
    fn error(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Error, place: place.into(), text: text.into() }
    }

    fn warning(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, place: place.into(), text: text.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}: {}", self.place, self.text)
    }
}

/// Checks everything and prints each fault; errors fail, warnings don't.
pub(crate) fn run(repo: &Repo) -> Result<()> {
    let mut faults = arrows::check(&arrows::read_packages(&repo.metadata)?);
    let files = source_files(&repo.root)?;
    for (package, src) in crates(repo)? {
        let modules = Modules::read_crate(&repo.root, &src, &files)?;
        faults.extend(circles::check(&package, &modules));
        if package == floors::CRATE {
            faults.extend(floors::check(&modules));
        }
    }
    for file in &files {
        let text = std::fs::read_to_string(repo.root.join(file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        faults.extend(sources::check(file, &text));
    }
    for fault in &faults {
        println!("{fault}");
    }
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error).count();
    let counted = format!("{} files, {errors} errors, {} warnings", files.len(), faults.len() - errors);
    if errors > 0 {
        bail!("tidy: {counted}");
    }
    println!("tidy: {counted}");
    Ok(())
}

/// The workspace's packages and their folders of sources, as paths from the root.
fn crates(repo: &Repo) -> Result<Vec<(String, PathBuf)>> {
    let packages = repo.metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let found = packages.iter().map(|package| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let folder = manifest.parent()?.strip_prefix(&repo.root).ok()?;
        Some((package["name"].as_str()?.to_owned(), folder.join("src")))
    });
    found.map(|found| found.context("a package without a name or a folder")).collect()
}

/// Our own sources, as paths from the root.
fn source_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for room in ROOMS {
        collect(&root.join(room), &mut files)?;
    }
    let mut files: Vec<PathBuf> =
        files.iter().filter_map(|file| Some(file.strip_prefix(root).ok()?.to_owned())).collect();
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let foreign = path.file_name().is_some_and(|name| FOREIGN.iter().any(|foreign| name == *foreign));
        if path.is_dir() && !foreign {
            collect(&path, files)?;
        } else if sources::is_source(&path) {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_sources_are_found_and_what_others_wrote_is_not() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "crates/a/src/lib.rs",
            "ui/src/App.svelte",
            "ui/node_modules/x/index.ts",
            "ui/dist/a.js",
            "src-tauri/src/main.rs",
            "tests/src/lib.rs",
            "xtask/src/main.rs",
            "crates/a/README.md",
        ] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = source_files(root.path()).unwrap();
        let expected = [
            "crates/a/src/lib.rs",
            "src-tauri/src/main.rs",
            "tests/src/lib.rs",
            "ui/src/App.svelte",
            "xtask/src/main.rs",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
    }
}
