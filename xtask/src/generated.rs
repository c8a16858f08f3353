//! `cargo xtask gen`: the documents the code itself writes, so that none is kept up by hand.
//!
//! The router prints its API, its map's schema and its defaults; the UI's types come from the API
//! document, and the price list from the data of the crate that reads it. With `--check` nothing is changed and a
//! stale document is an error.

mod prices;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::Cmd;
use crate::machine::Machine;
use crate::node::Npm;
use crate::plan::Plan;
use crate::repo::Repo;

/// What the router is asked for, and where its answer is kept.
const DOCUMENTS: &[(&[&str], &str)] = &[
    (&["openapi"], "docs/openapi.json"),
    (&["map", "schema"], "docs/routing-map.schema.json"),
    (&["map", "defaults"], "docs/defaults.md"),
];

/// Written by `npm run gen` from the API document.
const TYPES: &str = "ui/src/api/generated.ts";

pub(crate) fn run(repo: &Repo, check: bool, bin: Option<PathBuf>) -> Result<()> {
    let mut stale = Vec::new();
    // First: the router is built with it.
    for (path, fresh) in prices::documents(&repo.root)? {
        stale.extend(settle(&repo.root, path, &fresh, check)?);
    }
    let router = match bin {
        Some(bin) => bin,
        None => {
            Cmd::cargo(&repo.root, ["build", "--package", "switchyard"]).run()?;
            repo.binary("debug", "switchyard")
        }
    };
    let npm = prepare_npm(repo)?;
    for (args, path) in DOCUMENTS {
        let fresh = Cmd::new(&repo.root, router.display().to_string(), args.iter().copied()).output()?;
        stale.extend(settle(&repo.root, path, &fresh, check)?);
    }
    stale.extend(settle_types(repo, &npm, check)?);
    if stale.is_empty() {
        println!("generated documents: {}", if check { "current" } else { "written" });
        return Ok(());
    }
    bail!(
        "generated documents are stale; run `cargo xtask gen` and commit the result:\n  {}",
        stale.join("\n  ")
    )
}

/// The generator of types is one of the UI's modules.
fn prepare_npm(repo: &Repo) -> Result<Npm> {
    let machine = Machine::probe(repo);
    let mut plan = Plan::default();
    let npm = Npm::ensure(&mut plan, repo, &machine)?;
    if machine.ui.modules_stale {
        plan.run("ui: install its modules", npm.clean_install(&repo.ui()));
    }
    if !plan.steps.is_empty() {
        plan.carry_out()?;
    }
    Ok(npm)
}

/// Writes the document; when only checking, returns where it differs instead.
fn settle(root: &Path, path: &str, fresh: &str, check: bool) -> Result<Option<String>> {
    let file = root.join(path);
    let fresh = format!("{}\n", fresh.trim_end());
    let kept = read_if_there(&file)?;
    if kept.as_deref() == Some(fresh.as_str()) {
        return Ok(None);
    }
    if check {
        return Ok(Some(difference(path, kept.as_deref(), &fresh)));
    }
    write(&file, &fresh)?;
    Ok(None)
}

/// `npm run gen` writes in place, so checking means running it and putting the kept file back.
fn settle_types(repo: &Repo, npm: &Npm, check: bool) -> Result<Option<String>> {
    let file = repo.root.join(TYPES);
    let kept = read_if_there(&file)?;
    let generated = npm.npm(&repo.ui(), ["run", "gen"]).output();
    let fresh = read_if_there(&file)?;
    if check && fresh != kept {
        match &kept {
            Some(kept) => write(&file, kept)?,
            None => {
                std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            }
        }
    }
    generated?;
    let fresh = fresh.with_context(|| format!("`npm run gen` left no {TYPES}"))?;
    Ok((check && kept.as_deref() != Some(fresh.as_str())).then(|| difference(TYPES, kept.as_deref(), &fresh)))
}

fn difference(path: &str, kept: Option<&str>, fresh: &str) -> String {
    let Some(kept) = kept else { return format!("{path}: is not there") };
    let same = kept.lines().zip(fresh.lines()).take_while(|(a, b)| a == b).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(end of file)").trim().to_owned();
    format!("{path}:{}: `{}` should be `{}`", same + 1, line(kept), line(fresh))
}

fn read_if_there(file: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_makes_a_document_current_and_checking_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let check = |fresh| settle(root.path(), "docs/x.json", fresh, true).unwrap();
        assert_eq!(check("{}"), Some("docs/x.json: is not there".to_owned()));
        assert!(!root.path().join("docs").exists(), "checking writes nothing");

        assert_eq!(settle(root.path(), "docs/x.json", "{\n  \"a\": 1\n}", false).unwrap(), None);
        assert_eq!(check("{\n  \"a\": 1\n}\n\n"), None, "the number of final newlines is ours");
        let stale = check("{\n  \"a\": 2\n}").unwrap();
        assert_eq!(stale, "docs/x.json:2: `\"a\": 1` should be `\"a\": 2`");
        assert_eq!(std::fs::read_to_string(root.path().join("docs/x.json")).unwrap(), "{\n  \"a\": 1\n}\n");
    }

    #[test]
    fn a_document_that_only_lost_its_end_is_stale_too() {
        assert_eq!(difference("f", Some("a\nb\n"), "a\n"), "f:2: `b` should be `(end of file)`");
    }
}
