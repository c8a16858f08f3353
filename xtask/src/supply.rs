//! `cargo xtask supply`: what the tree depends on is what deny.toml allows, and came from whom it says.
//!
//! With cargo-deny at hand it does the work. Without, licences, sources and banned crates are judged here from what
//! cargo says of the tree; known vulnerabilities then stay unjudged, and that is said. npm checks the signatures of the
//! pages' and the tests' modules where its registry can be reached.

mod license;

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::Cmd;
use crate::machine::Machine;
use crate::node::Npm;
use crate::plan::Plan;
use crate::repo::Repo;

/// What npm says when the registry, not a signature, is the trouble.
const UNREACHED: &[&str] = &[
    "ENOTFOUND",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "EAI_AGAIN",
    "ENETUNREACH",
    "network",
    "E404",
    "E403",
    "supported registry",
];

/// What deny.toml says, as far as it is judged here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rules {
    targets: Vec<String>,
    licenses: Vec<String>,
    banned: Vec<String>,
    registries: Vec<String>,
}

pub(crate) fn check(repo: &Repo, machine: &Machine) -> Result<()> {
    if Cmd::cargo(&repo.root, ["deny", "--version"]).succeeds() {
        Cmd::cargo(&repo.root, ["deny", "check", "bans", "licenses", "sources"]).run()?;
        advisories(repo)?;
    } else {
        println!(
            "cargo-deny is not installed: licences, sources and bans are checked here, advisories are NOT. \
             `cargo install cargo-deny --locked` brings it."
        );
        judge(repo)?;
    }
    signatures(repo, machine)
}

/// The list of advisories is fetched; without a network there is none, which is no fault of the tree's.
fn advisories(repo: &Repo) -> Result<()> {
    match Cmd::cargo(&repo.root, ["deny", "check", "advisories"]).output() {
        Ok(_) => println!("no crate has a known advisory against it"),
        Err(error) if format!("{error}").contains("fetch") => {
            println!("the list of advisories can't be fetched here, so advisories are NOT checked");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

fn judge(repo: &Repo) -> Result<()> {
    let file = repo.root.join("deny.toml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let rules = read(&text);
    if rules.targets.is_empty() || rules.licenses.is_empty() || rules.registries.is_empty() {
        bail!("{} names no targets, licences or registries that can be read here", file.display());
    }
    let (mut faults, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for target in &rules.targets {
        let asked = ["metadata", "--format-version", "1", "--locked", "--filter-platform", target];
        let told = match Cmd::cargo(&repo.root, asked).output() {
            Ok(told) => told,
            // Other systems' crates are fetched to be looked at.
            Err(error) if format!("{error}").contains("download") => {
                println!("{target}: its crates can't be fetched here, so they are NOT checked");
                continue;
            }
            Err(error) => return Err(error),
        };
        let metadata: Value = serde_json::from_str(&told)?;
        for package in metadata["packages"].as_array().into_iter().flatten() {
            seen.insert(package["id"].to_string());
            faults.extend(faults_of(package, &rules));
        }
    }
    if !faults.is_empty() {
        bail!("{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
    }
    if seen.is_empty() {
        bail!("no target's crates could be checked");
    }
    println!("{} crates: licences, sources and bans are as deny.toml says", seen.len());
    Ok(())
}

/// What is wrong with a package of `cargo metadata`. Ours, which have no source, are not judged.
fn faults_of(package: &Value, rules: &Rules) -> Vec<String> {
    let Some(source) = package["source"].as_str() else { return Vec::new() };
    let text = |name: &str| package[name].as_str().unwrap_or_default();
    let called = format!("{} {}", text("name"), text("version"));
    let mut faults = Vec::new();
    if !rules.registries.iter().any(|registry| source == format!("registry+{registry}")) {
        faults.push(format!("{called} comes from {source}, which deny.toml does not allow"));
    }
    if rules.banned.iter().any(|name| name == text("name")) {
        faults.push(format!("{called} is banned by deny.toml"));
    }
    let fine =
        license::satisfied(text("license"), |name| rules.licenses.iter().any(|allowed| allowed == name));
    // A licence in a file of its own is for a person, or cargo-deny, to read.
    if !fine {
        faults.push(format!("{called} is under `{}`, which deny.toml does not allow", text("license")));
    }
    faults
}

/// The lists of deny.toml. Not a reader of TOML: each list is `name = [`, its strings, `]`, as the file is written.
fn read(text: &str) -> Rules {
    let mut rules = Rules::default();
    let (mut section, mut list) = (String::new(), String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if line.starts_with('[') && line.ends_with(']') && list.is_empty() {
            section = line.trim_matches(['[', ']']).to_owned();
            continue;
        }
        if let Some((name, rest)) = line.split_once('=')
            && list.is_empty()
            && rest.trim().starts_with('[')
        {
            list = name.trim().to_owned();
        }
        let into = match (section.as_str(), list.as_str()) {
            ("graph", "targets") => Some(&mut rules.targets),
            ("licenses", "allow") => Some(&mut rules.licenses),
            ("bans", "deny") => Some(&mut rules.banned),
            ("sources", "allow-registry") => Some(&mut rules.registries),
            _ => None,
        };
        if let Some(into) = into {
            // `{ name = "x", reason = "y" }`: the name is first.
            let table = line.contains("name =");
            let strings = line.split('"').skip(1).step_by(2).map(str::to_owned);
            into.extend(strings.take(if table { 1 } else { usize::MAX }));
        }
        if line.ends_with(']') {
            list.clear();
        }
    }
    rules
}

fn signatures(repo: &Repo, machine: &Machine) -> Result<()> {
    let npm = Npm::ensure(&mut Plan::default(), repo, machine)?;
    for project in [repo.ui(), repo.sdk_tests()] {
        if !project.join("node_modules").is_dir() {
            println!("{}: not installed, so no signatures to check", project.display());
            continue;
        }
        match npm
            .npm(&project, ["audit", "signatures", "--fetch-retries=0", "--fetch-timeout=15000"])
            .output()
        {
            Ok(told) => println!("{}: {}", project.display(), told.trim().replace('\n', " ")),
            Err(error) if UNREACHED.iter().any(|sign| format!("{error}").contains(sign)) => {
                println!(
                    "{}: the registry can't be asked here, so signatures are NOT checked",
                    project.display()
                );
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_read_as_they_are_written() {
        let rules = read(include_str!("../../deny.toml"));
        assert!(rules.targets.iter().any(|target| target == "aarch64-apple-darwin"), "{rules:?}");
        assert!(rules.licenses.iter().any(|name| name == "Apache-2.0 WITH LLVM-exception"), "{rules:?}");
        assert_eq!(rules.banned, ["openssl", "native-tls"]);
        assert_eq!(rules.registries, ["https://github.com/rust-lang/crates.io-index"]);
    }

    #[test]
    fn a_stranger_a_banned_crate_and_a_licence_nobody_allowed_are_named() {
        let rules = read(include_str!("../../deny.toml"));
        let package = |name: &str, source: Option<&str>, license: &str| serde_json::json!({ "name": name, "version": "1.0.0", "source": source, "license": license });
        let own = Some("registry+https://github.com/rust-lang/crates.io-index");
        let cases = [
            (package("serde", own, "MIT OR Apache-2.0"), 0, ""),
            (package("ours", None, "Proprietary"), 0, ""),
            (package("serde", Some("git+https://evil.example/serde"), "MIT"), 1, "comes from"),
            (package("openssl", own, "Apache-2.0"), 1, "banned"),
            (package("gpl", own, "GPL-3.0-only"), 1, "GPL-3.0-only"),
            (package("none", own, ""), 1, "under ``"),
        ];
        for (package, count, naming) in cases {
            let faults = faults_of(&package, &rules);
            assert_eq!(faults.len(), count, "{faults:?}");
            assert!(faults.concat().contains(naming), "{faults:?}");
        }
    }
}
