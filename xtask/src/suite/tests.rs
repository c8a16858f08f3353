use std::path::Path;

use serde_json::json;

use super::*;
use crate::machine::Privilege;
use crate::python::Python;

/// A tree with every part in it, and the metadata cargo would print for it.
fn repo(root: &Path) -> Repo {
    for project in ["ui", "tests/sdk"] {
        std::fs::create_dir_all(root.join(project)).unwrap();
        std::fs::write(root.join(project).join("package-lock.json"), "{}").unwrap();
    }
    std::fs::create_dir_all(root.join("tests/sdk/python")).unwrap();
    std::fs::write(root.join("tests/sdk/python/requirements.txt"), "").unwrap();
    let metadata = json!({ "packages": [
        { "name": "switchyard-engine", "features": {}, "targets": [{ "kind": ["lib"], "name": "switchyard_engine" }] },
        { "name": "switchyard-tests", "features": { "e2e": [] }, "targets": [
            { "kind": ["test"], "name": "scenarios" }, { "kind": ["test"], "name": "e2e" },
        ] },
    ] });
    Repo { root: root.to_owned(), target: root.join("target"), metadata }
}

fn printed(machine: &Machine, only: Option<Part>) -> String {
    let root = tempfile::tempdir().unwrap();
    plan(&repo(root.path()), machine, only).unwrap().to_string()
}

/// The number of the first step whose title starts with `title`.
fn position(machine: &Machine, title: &str) -> usize {
    let root = tempfile::tempdir().unwrap();
    let plan = plan(&repo(root.path()), machine, None).unwrap();
    plan.steps
        .iter()
        .position(|step| step.title.starts_with(title))
        .unwrap_or_else(|| panic!("no step {title}"))
}

#[test]
fn the_whole_suite_runs_in_an_order_where_each_step_finds_what_it_needs() {
    let machine = Machine::bare(Os::Debian);
    let order = [
        "system packages: refresh",
        "system packages: install",
        "fuzz: fetch",
        "node:",
        "ui: install",
        "ui: build",
        "ui: types",
        "ui: tests",
        "rust: formatting",
        "rust: tidy",
        "rust: clippy",
        "build: programs",
        "rust: generated documents",
        "rust: unit tests",
        "rust: doc tests",
        "fuzz: every",
        "sdk: install",
        "sdk: official clients",
        "sdk: make a place for Python",
        "sdk: install Python",
        "sdk: note",
        "sdk: official Python clients",
        "e2e: install",
        "e2e: the real window",
    ];
    for pair in order.windows(2) {
        assert!(position(&machine, pair[0]) < position(&machine, pair[1]), "{pair:?}");
    }
}

#[test]
fn every_package_the_tests_need_is_installed() {
    let printed = printed(&Machine::bare(Os::Debian), None);
    for package in packages::KNOWN.iter().filter(|package| !packages::BENCH.contains(package)) {
        assert!(printed.contains(package), "{package} in\n{printed}");
    }
}

#[test]
fn all_cargo_steps_choose_the_same_features() {
    let printed = printed(&Machine::complete(Os::Debian), None);
    for command in ["clippy", "build", "nextest run", "test --workspace --doc", "--test e2e"] {
        let line = printed.lines().find(|line| line.contains(command) && line.contains("--workspace"));
        let line = line.unwrap_or_else(|| panic!("{command} in\n{printed}"));
        assert!(line.contains("--features switchyard-tests/e2e"), "{line}");
    }
}

#[test]
fn rust_tests_run_without_the_window_and_inside_a_session() {
    for (nextest, runner) in [(true, "nextest run"), (false, "test")] {
        let mut machine = Machine::complete(Os::Debian);
        machine.cargo.nextest = nextest;
        let printed = printed(&machine, Some(Part::Rust));
        let line = printed.lines().find(|line| line.contains("--test scenarios")).unwrap();
        assert!(line.contains("dbus-run-session -- bash ") && line.contains("session.sh"), "{line}");
        assert!(line.contains(&format!("{runner} --workspace")), "{line}");
        assert!(!line.contains("--test e2e"), "{line}");
    }
}

#[test]
fn a_real_network_is_cut_where_that_can_be_done_and_else_it_is_said() {
    for (namespaces, os) in [(true, Os::Debian), (false, Os::Debian), (false, Os::MacOrWindows)] {
        let printed = printed(&Machine { namespaces, ..Machine::complete(os) }, Some(Part::Rust));
        assert_eq!(printed.contains("SWITCHYARD_NEEDS_NETNS=1"), namespaces, "{printed}");
        assert_eq!(printed.contains("NOT part of this run"), !namespaces, "{printed}");
    }
}

#[test]
fn the_window_gets_a_display_a_bus_a_language_and_its_driver() {
    let printed = printed(&Machine::complete(Os::Debian), Some(Part::E2e));
    let line = printed.lines().find(|line| line.contains("--test e2e")).unwrap();
    for part in [
        "xvfb-run -a -s '-screen 0 1280x900x24' dbus-run-session -- bash",
        "LANG=en_US.UTF-8",
        "TAURI_DRIVER=/tools/tauri-driver",
        "SWITCHYARD_DESKTOP_BIN=",
        "--test-threads=1",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[test]
fn one_part_leaves_the_others_out() {
    let machine = Machine::complete(Os::Debian);
    for (part, has, has_not) in [
        (Part::Ui, "run check", "--workspace"),
        (Part::Rust, "clippy", "--test e2e"),
        (Part::Fuzz, "fuzz --seconds 6", "npm"),
        (Part::Sdk, "node --test", "clippy"),
        (Part::E2e, "--test e2e", "clippy"),
        (Part::Keychain, "--test scenarios keychain", "node --test"),
    ] {
        let printed = printed(&machine, Some(part));
        assert!(printed.contains(has), "{part:?} has {has}:\n{printed}");
        assert!(!printed.contains(has_not), "{part:?} has no {has_not}:\n{printed}");
    }
}

#[test]
fn a_part_missing_from_the_tree_is_an_error_and_not_a_shorter_run() {
    let machine = Machine::complete(Os::Debian);
    let root = tempfile::tempdir().unwrap();
    let mut repo = repo(root.path());
    repo.metadata["packages"][1]["features"] = json!({});
    let error = plan(&repo, &machine, None).unwrap_err().to_string();
    assert!(error.contains("switchyard-tests has no feature e2e"), "{error}");

    let mut repo = self::repo(root.path());
    repo.metadata["packages"][1]["features"]["e2e"] = json!([]);
    std::fs::remove_file(root.path().join("tests/sdk/package-lock.json")).unwrap();
    let error = plan(&repo, &machine, None).unwrap_err().to_string();
    assert!(error.contains("sdk") && error.contains("missing"), "{error}");
}

#[test]
fn python_packages_are_installed_once_and_into_no_system() {
    let machine = Machine::complete(Os::Debian);
    let printed = printed(&machine, Some(Part::Sdk));
    assert!(printed.contains("-m pytest") && printed.contains("SWITCHYARD_SIM_BIN="), "{printed}");
    assert!(!printed.contains("pip install") && !printed.contains("apt-get"), "{printed}");

    let stale = Machine { python: Python { usable: true, packages_stale: true }, ..machine };
    let printed = self::printed(&stale, Some(Part::Sdk));
    let install = printed.lines().find(|line| line.contains("pip install")).unwrap();
    assert!(install.contains("target/tools/python-sdk/bin/python"), "{install}");
    assert!(!printed.contains("apt-get"), "the system's Python will do: {printed}");
}

#[test]
fn a_system_without_python_gets_it_or_says_so() {
    let python = Python { usable: false, packages_stale: true };
    let printed = printed(&Machine { python, ..Machine::bare(Os::Debian) }, Some(Part::Sdk));
    assert!(printed.contains("python3-venv"), "{printed}");

    let root = tempfile::tempdir().unwrap();
    let mac = Machine { python, ..Machine::complete(Os::MacOrWindows) };
    let error = plan(&repo(root.path()), &mac, Some(Part::Sdk)).unwrap_err().to_string();
    assert!(error.contains("Python 3.11"), "{error}");
}

#[test]
fn a_mac_says_which_tests_it_leaves_out_and_refuses_them_by_name() {
    let root = tempfile::tempdir().unwrap();
    let machine = Machine { privilege: Privilege::None, ..Machine::complete(Os::MacOrWindows) };
    assert!(printed(&machine, None).contains("note: the tests of the window need Linux"));
    assert!(!printed(&machine, None).contains("dbus-run-session"));
    assert!(printed(&machine, None).contains("note: fuzzing needs Linux"));
    for part in [Part::E2e, Part::Fuzz] {
        assert!(plan(&repo(root.path()), &machine, Some(part)).is_err());
    }
}
