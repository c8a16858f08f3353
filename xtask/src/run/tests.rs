use std::path::PathBuf;

use serde_json::Value;

use super::*;

fn repo() -> Repo {
    Repo { root: PathBuf::from("/src"), target: PathBuf::from("/src/target"), metadata: Value::Null }
}

fn headless() -> Wanted {
    Wanted { headless: true, ..Wanted::default() }
}

/// The titles of the steps, and the whole plan as printed.
fn planned(machine: &Machine, wanted: &Wanted) -> (Vec<String>, String) {
    let plan = plan(&repo(), machine, wanted).unwrap();
    (plan.steps.iter().map(|step| step.title.clone()).collect(), plan.to_string())
}

#[test]
fn a_bare_debian_gets_everything_before_the_window_opens() {
    let (titles, printed) = planned(&Machine::bare(Os::Debian), &Wanted::default());
    assert_eq!(
        titles,
        [
            "system packages: refresh the lists",
            "system packages: install what is missing",
            "node: a folder for one of our own",
            "node: install a current one for this repository",
            "ui: install its modules",
            "ui: build",
            "build",
            "start",
        ]
    );
    for package in packages::DESKTOP.iter().chain(packages::NODE) {
        assert!(printed.contains(package), "{package} in\n{printed}");
    }
    assert!(!printed.contains("xvfb"), "what only tests need is not installed to run:\n{printed}");
}

#[test]
fn a_complete_machine_only_builds_and_starts() {
    let (titles, printed) = planned(&Machine::complete(Os::Debian), &Wanted::default());
    assert_eq!(titles, ["build", "start"]);
    assert!(printed.contains("build --profile quick --package switchyard-desktop"), "{printed}");
    assert!(printed.contains("/src/target/quick/switchyard-desktop"), "{printed}");
}

#[test]
fn a_first_build_says_how_long_it_takes_on_this_machine() {
    let expected = |wanted: &Wanted, cores: usize| {
        let machine = Machine { cores, ..Machine::complete(Os::Debian) };
        let plan = plan(&repo(), &machine, wanted).unwrap();
        let steps: Vec<_> = plan.steps.iter().filter_map(|step| step.expected.map(|e| e.as_secs())).collect();
        assert_eq!(steps.len(), 1, "the build alone takes long: {plan}");
        steps[0]
    };
    let (alone, two) = (expected(&headless(), 1), expected(&headless(), 2));
    assert!(two * 2 >= alone && two < alone && two % 30 == 0, "{alone} {two}");
    assert!(expected(&Wanted::default(), 2) > two, "the window is built too");
    assert!(expected(&headless(), 64) >= 30);
}

/// A start must not wait for what only a package needs: any optimisation, few units.
#[test]
fn the_profile_that_is_run_leaves_out_what_takes_long() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let section = |name: &str| {
        let from = manifest.find(&format!("[profile.{name}]\n")).unwrap();
        let rest = &manifest[from + 1..];
        rest[..rest.find("\n[").unwrap_or(rest.len())].to_owned()
    };
    let quick = section(PROFILE);
    for line in ["inherits = \"dev\"", "lto = \"off\"", "debug-assertions = false", "codegen-units = 16"] {
        assert!(quick.contains(line), "{line} in\n{quick}");
    }
    assert!(!quick.contains("opt-level"), "dev's own is none:\n{quick}");
    assert!(section("release").contains("lto = \"thin\""), "what is packaged keeps its own");
}

#[test]
fn headless_installs_no_system_package_and_goes_on_without_npm() {
    let machine = Machine { display: false, ..Machine::bare(Os::Debian) };
    let (titles, printed) = planned(&machine, &headless());
    assert_eq!(titles, ["ui: a folder to embed", "build", "start"]);
    assert!(printed.contains("without its browser pages"), "{printed}");
}

#[test]
fn headless_builds_its_pages_where_npm_is() {
    let machine = Machine { node: Node::Ready { own: None }, ..Machine::bare(Os::OtherLinux) };
    let (titles, printed) = planned(&machine, &headless());
    assert_eq!(titles, ["ui: install its modules", "ui: build", "build", "start"]);
    assert!(!printed.contains("note:"), "{printed}");
}

#[test]
fn a_current_bundle_is_not_built_again_and_new_modules_build_it_again() {
    for (modules_stale, bundle_stale, expected) in [
        (false, false, vec!["build", "start"]),
        (false, true, vec!["ui: build", "build", "start"]),
        (true, false, vec!["ui: install its modules", "ui: build", "build", "start"]),
    ] {
        let mut machine = Machine::complete(Os::MacOrWindows);
        machine.ui = crate::machine::Freshness { modules_stale, bundle_stale };
        assert_eq!(planned(&machine, &Wanted::default()).0, expected);
    }
}

#[test]
fn an_old_node_is_replaced_for_this_repository_only() {
    let machine = Machine {
        node: Node::TooOld { version: "v18.19.0".into() },
        ui: Machine::bare(Os::Debian).ui,
        ..Machine::complete(Os::Debian)
    };
    let (_, printed) = planned(&machine, &Wanted::default());
    assert!(printed.contains("--prefix /src/target/tools/node"), "{printed}");
    assert!(printed.contains("PATH=/src/target/tools/node/node_modules/.bin:$PATH npm ci"), "{printed}");
    assert!(!printed.contains("apt-get"), "{printed}");
}

#[test]
fn without_a_display_the_two_ways_on_are_named() {
    let machine = Machine { display: false, ..Machine::complete(Os::Debian) };
    let error = plan(&repo(), &machine, &Wanted::default()).unwrap_err().to_string();
    assert!(
        error.contains("no display") && error.contains("--headless") && error.contains("xvfb-run"),
        "{error}"
    );
}

#[test]
fn a_mac_without_node_is_told_where_to_get_it() {
    let error = plan(&repo(), &Machine::bare(Os::MacOrWindows), &Wanted::default()).unwrap_err().to_string();
    assert!(error.contains("https://nodejs.org"), "{error}");
}

#[test]
fn the_programs_own_arguments_come_last() {
    let wanted = Wanted { headless: true, args: vec!["--port".into(), "4400".into()] };
    let (_, printed) = planned(&Machine::complete(Os::Debian), &wanted);
    assert!(printed.trim_end().ends_with("switchyard serve --demo-if-empty --port 4400"), "{printed}");
}
