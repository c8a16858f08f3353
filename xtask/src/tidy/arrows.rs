//! Which room may know which: the arrows of ARCHITECTURE.md, kept on what each Cargo.toml lists.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Fault;

/// Each package of ours and those it may list. A package that isn't here may not exist.
const ARROWS: &[(&str, &[&str])] = &[
    ("switchyard-domain", &[]),
    ("switchyard-policy", &["switchyard-domain"]),
    ("switchyard-prices", &["switchyard-domain"]),
    ("switchyard-wire", &["switchyard-domain"]),
    ("switchyard-store", &["switchyard-domain"]),
    ("switchyard-notify", &["switchyard-domain"]),
    ("switchyard-sim", &["switchyard-domain", "switchyard-wire"]),
    (
        "switchyard-engine",
        &[
            "switchyard-domain",
            "switchyard-policy",
            "switchyard-prices",
            "switchyard-wire",
            "switchyard-store",
            "switchyard-notify",
        ],
    ),
    ("switchyard-control", &["switchyard-domain", "switchyard-engine"]),
    ("switchyard", &["switchyard-domain", "switchyard-engine", "switchyard-control", "switchyard-sim"]),
    (
        "switchyard-desktop",
        &["switchyard-domain", "switchyard-engine", "switchyard-control", "switchyard-sim"],
    ),
    (
        "switchyard-tests",
        &["switchyard-domain", "switchyard-control", "switchyard-sim", "switchyard-outages"],
    ),
    ("switchyard-outages", &["switchyard-domain", "switchyard-policy"]),
    ("xtask", &[]),
];

/// The rooms that decide and translate, and never do: nothing that reads, writes or waits.
const WITHOUT_IO: &[&str] =
    &["switchyard-domain", "switchyard-policy", "switchyard-prices", "switchyard-wire", "switchyard-outages"];
const IO: &[&str] = &["tokio", "reqwest", "sqlx", "axum", "hyper", "hyper-util"];

/// Crates that belong to one room alone. The scenarios may look into the database file from outside: that a job ended
/// exactly once is proven by what is on the disk, not by what the router says of it.
const HOMES: &[(&str, &[&str])] =
    &[("sqlx", &["switchyard-store", "switchyard-tests"]), ("tauri", &["switchyard-desktop"])];

/// A package as its Cargo.toml has it: every dependency it lists, for building and for testing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    name: String,
    dependencies: Vec<String>,
}

/// The workspace's packages out of `cargo metadata --no-deps`.
pub(super) fn read_packages(metadata: &Value) -> Result<Vec<Package>> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    packages.iter().map(|package| read_package(package).context("a package without a name")).collect()
}

fn read_package(package: &Value) -> Option<Package> {
    let name_of = |value: &Value| value["name"].as_str().map(str::to_owned);
    let dependencies = package["dependencies"].as_array()?.iter().filter_map(name_of).collect();
    Some(Package { name: name_of(package)?, dependencies })
}

pub(super) fn check(packages: &[Package]) -> Vec<Fault> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Fault> {
    let Some((name, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
        return vec![Fault::error(&package.name, "has no arrows; add it to ARROWS and to ARCHITECTURE.md")];
    };
    let ours = |dependency: &str| ARROWS.iter().any(|(name, _)| *name == dependency);
    let mut faults = Vec::new();
    for dependency in package.dependencies.iter().map(String::as_str) {
        // A package may list itself to turn its own features on in tests.
        if ours(dependency) && !allowed.contains(&dependency) && dependency != *name {
            faults
                .push(Fault::error(*name, format!("may not know {dependency} (the arrows point down only)")));
        }
        if WITHOUT_IO.contains(name) && IO.contains(&dependency) {
            faults.push(Fault::error(*name, format!("does no IO and may not list {dependency}")));
        }
        let homes = HOMES.iter().find(|(what, homes)| *what == dependency && !homes.contains(name));
        if let Some((_, homes)) = homes {
            let home = homes[0];
            faults.push(Fault::error(*name, format!("may not list {dependency}, which is {home}'s alone")));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(name: &str, dependencies: &[&str]) -> Vec<String> {
        let dependencies = dependencies.iter().map(|&name| name.to_owned()).collect();
        let package = Package { name: name.to_owned(), dependencies };
        check(&[package]).iter().map(Fault::to_string).collect()
    }

    #[test]
    fn arrows_point_down_only() {
        for (package, dependency, allowed) in [
            ("switchyard-policy", "switchyard-domain", true),
            ("switchyard-domain", "switchyard-policy", false),
            ("switchyard-policy", "switchyard-wire", false),
            ("switchyard-engine", "switchyard-sim", false),
            ("switchyard-engine", "switchyard-prices", true),
            ("switchyard-prices", "switchyard-wire", false),
            ("switchyard-engine", "switchyard-store", true),
            ("switchyard-control", "switchyard-store", false),
            ("switchyard", "switchyard-control", true),
            ("switchyard-desktop", "switchyard-store", false),
            ("switchyard-tests", "switchyard-engine", false),
            ("switchyard-tests", "switchyard-policy", false),
            ("switchyard-outages", "switchyard-policy", true),
            ("switchyard-outages", "switchyard-engine", false),
            ("switchyard-sim", "switchyard-wire", true),
            ("xtask", "switchyard-domain", false),
        ] {
            let found = faults(package, &[dependency, "serde"]);
            assert_eq!(found.is_empty(), allowed, "{package} -> {dependency}: {found:?}");
        }
    }

    #[test]
    fn rooms_without_io_list_nothing_that_does_it() {
        for room in WITHOUT_IO {
            assert_eq!(
                faults(room, &["tokio"]),
                [format!("error: {room}: does no IO and may not list tokio")]
            );
        }
        assert_eq!(faults("switchyard-engine", &["tokio", "hyper"]), Vec::<String>::new());
    }

    #[test]
    fn sql_and_the_window_have_one_home_each() {
        assert_eq!(faults("switchyard-engine", &["sqlx"]).len(), 1);
        assert_eq!(faults("switchyard-control", &["tauri"]).len(), 1);
        assert_eq!(faults("switchyard-store", &["sqlx"]), Vec::<String>::new());
    }

    #[test]
    fn a_new_package_has_to_be_given_its_arrows() {
        assert!(faults("switchyard-extra", &[])[0].contains("has no arrows"));
    }

    #[test]
    fn packages_are_read_as_cargo_prints_them() {
        let metadata = json!({ "packages": [{ "name": "a", "dependencies": [
            { "name": "b", "kind": null }, { "name": "c", "kind": "dev" },
        ] }] });
        let expected = Package { name: "a".into(), dependencies: vec!["b".into(), "c".into()] };
        assert_eq!(read_packages(&metadata).unwrap(), [expected]);
        assert!(read_packages(&json!({})).is_err());
    }
}
