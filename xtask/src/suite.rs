//! `cargo xtask test`: every test there is, on a machine that may have nothing yet.
//!
//! All cargo steps use one profile and one set of features, so that the linter, the binaries, the tests
//! and the window's tests share what they compile. A part that is missing from the tree is an error,
//! never skipped.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::command::Cmd;
use crate::machine::{Machine, Os};
use crate::node::{self, Npm};
use crate::packages;
use crate::plan::Plan;
use crate::python;
use crate::repo::Repo;

/// Turns on the target that drives the real window, wherever features are chosen.
const FEATURES: &str = "switchyard-tests/e2e";

/// The test target that drives the real window; it runs by itself, under a display.
const WINDOW_TARGET: &str = "e2e";

/// A display in memory for the window.
const DISPLAY: &[&str] = &["xvfb-run", "-a", "-s", "-screen 0 1280x900x24"];

/// How long each fuzz target runs as part of the suite.
const FUZZ_SECONDS: &str = "6";

/// A part of the suite, run alone with `--only`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Formatting, tidy, clippy, unit tests, scenarios, doc tests
    Rust,
    /// A few seconds of every fuzz target
    Fuzz,
    /// Types and tests of the pages
    Ui,
    /// The official OpenAI and Anthropic SDKs (Node and Python) and the AI SDK as clients of the real router
    Sdk,
    /// The real window, driven through WebDriver
    E2e,
    /// The tests that need a real keychain (they are part of `rust` too)
    Keychain,
}

/// The whole suite, or one part of it.
pub(crate) fn plan(repo: &Repo, machine: &Machine, only: Option<Part>) -> Result<Plan> {
    let suite = Suite { repo, machine, only };
    suite.require_parts()?;
    let mut plan = Plan::default();
    packages::install(&mut plan, machine, &suite.packages())?;
    if suite.wants(Part::Fuzz) {
        suite.fetch_fuzz(&mut plan);
    }
    if only == Some(Part::Fuzz) {
        suite.fuzz(&mut plan)?;
        return Ok(plan);
    }
    let npm = Npm::ensure(&mut plan, repo, machine)?;
    suite.ui(&mut plan, &npm);
    if suite.wants(Part::Rust) {
        suite.lint(&mut plan)?;
    }
    suite.build(&mut plan);
    if suite.wants(Part::Rust) {
        suite.rust_tests(&mut plan)?;
    }
    if suite.wants(Part::Fuzz) {
        suite.fuzz(&mut plan)?;
    }
    if only == Some(Part::Keychain) {
        let args = suite.runner_args(&suite.rust_targets()?).into_iter().chain(["keychain".to_owned()]);
        plan.run("rust: tests that need a keychain", suite.in_session(suite.cargo(args)));
    }
    if suite.wants(Part::Sdk) {
        suite.sdk(&mut plan, &npm)?;
    }
    if suite.wants(Part::E2e) {
        suite.window(&mut plan)?;
    }
    Ok(plan)
}

struct Suite<'a> {
    repo: &'a Repo,
    machine: &'a Machine,
    only: Option<Part>,
}

impl Suite<'_> {
    /// A part that belongs to the whole suite. (The keychain's tests do by being Rust tests.)
    fn wants(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }

    /// Something the suite would run is not in the tree: say so now, not after half an hour.
    fn require_parts(&self) -> Result<()> {
        let root = &self.repo.root;
        let mut needed = vec![root.join("ui").join("package-lock.json")];
        if self.wants(Part::Sdk) {
            needed.push(self.repo.sdk_tests().join("package-lock.json"));
            needed.push(python::requirements(self.repo));
        }
        if let Some(absent) = needed.iter().find(|path| !path.is_file()) {
            bail!("{} is missing: the suite is incomplete", absent.display());
        }
        let (package, feature) = FEATURES.split_once('/').context("a feature is named package/feature")?;
        let found = self
            .packages_in_workspace()?
            .iter()
            .any(|p| p["name"] == package && p["features"][feature].is_array());
        if !found {
            bail!("the package {package} has no feature {feature}: the tests of the window are missing");
        }
        Ok(())
    }

    fn packages(&self) -> Vec<&'static str> {
        if self.only == Some(Part::Fuzz) {
            return packages::FUZZ.to_vec();
        }
        let builds_desktop = self.only.is_none_or(|only| !matches!(only, Part::Ui | Part::Sdk));
        let mut wanted = node::wanted_packages(self.machine).to_vec();
        if builds_desktop {
            wanted.extend(packages::DESKTOP);
        }
        if self.only != Some(Part::Ui) {
            wanted.extend(packages::SESSION);
        }
        if self.wants(Part::Rust) {
            wanted.extend(packages::NETWORK);
            wanted.extend(packages::GATE);
        }
        if self.wants(Part::Sdk) {
            wanted.extend(python::wanted_packages(self.machine));
        }
        if self.wants(Part::E2e) {
            wanted.extend(packages::WINDOW_TESTS);
        }
        if self.wants(Part::Fuzz) {
            wanted.extend(packages::FUZZ);
        }
        wanted
    }

    /// The pages come first: the router and the window embed them when they are compiled.
    fn ui(&self, plan: &mut Plan, npm: &Npm) {
        let ui = self.repo.ui();
        if !self.wants(Part::Ui) {
            node::build_ui(plan, self.repo, self.machine, npm);
            return;
        }
        if self.machine.ui.modules_stale {
            plan.run("ui: install its modules", npm.clean_install(&ui));
        }
        plan.run("ui: build", npm.npm(&ui, ["run", "build"]));
        plan.run("ui: types", npm.npm(&ui, ["run", "check"]));
        plan.run("ui: tests", npm.npm(&ui, ["run", "test"]));
    }

    fn lint(&self, plan: &mut Plan) -> Result<()> {
        if !self.machine.cargo.linters {
            let add = Cmd::new(&self.repo.root, "rustup", ["component", "add", "rustfmt", "clippy"]);
            plan.run("rust: install its linters", add);
        }
        plan.run("rust: formatting", self.cargo(["fmt", "--all", "--check"]));
        plan.run("rust: tidy", self.ourselves(&["tidy"])?);
        plan.run("what the tree depends on", self.ourselves(&["supply"])?);
        let clippy =
            ["clippy", "--workspace", "--all-targets", "--features", FEATURES, "--", "-D", "warnings"];
        plan.run("rust: clippy", self.cargo(clippy));
        Ok(())
    }

    /// Everything but xtask, whose running binary can't be replaced everywhere.
    fn build(&self, plan: &mut Plan) {
        let all: &[&str] =
            &["build", "--workspace", "--exclude", "xtask", "--features", FEATURES, "--bins", "--tests"];
        let programs: &[&str] = &["build", "--package", "switchyard", "--package", "switchyard-sim"];
        match self.only {
            None | Some(Part::Rust | Part::E2e) => {
                plan.run("build: programs and tests", self.cargo(all.iter().copied()));
            }
            Some(Part::Sdk) => {
                plan.run("build: the router and simulated providers", self.cargo(programs.iter().copied()));
            }
            Some(Part::Ui | Part::Keychain | Part::Fuzz) => {}
        }
    }

    fn rust_tests(&self, plan: &mut Plan) -> Result<()> {
        let router = self.repo.binary("debug", "switchyard").display().to_string();
        plan.run(
            "rust: generated documents are current",
            self.ourselves(&["gen", "--check", "--bin", &router])?,
        );
        let args = self.runner_args(&self.rust_targets()?);
        let tests = self.cargo(args);
        // Where they can be made, a scenario that makes none has not passed.
        let tests = if self.machine.namespaces { tests.env("SWITCHYARD_NEEDS_NETNS", "1") } else { tests };
        if !self.machine.namespaces {
            plan.note(
                "network namespaces can't be made here (Linux and root, please): the scenarios that cut a real network \
                 are NOT part of this run",
            );
        }
        plan.run("rust: unit tests and scenarios", self.in_session(tests));
        if self.machine.os == Os::MacOrWindows {
            plan.note("instructions are counted by callgrind, which needs Linux: what a request costs is not looked at");
        } else {
            let gate = self.ourselves(&["bench", "--gate", "--bin", &router])?;
            plan.run("rust: what a request costs", gate);
        }
        plan.run("rust: doc tests", self.cargo(["test", "--workspace", "--doc", "--features", FEATURES]));
        Ok(())
    }

    /// Its lock file is its own, and out of date whenever a dependency joins `domain` or `wire`: say so now, not after
    /// half an hour.
    fn fetch_fuzz(&self, plan: &mut Plan) {
        if self.machine.os != Os::MacOrWindows {
            let project = self.repo.root.join("tests").join("fuzz");
            plan.run("fuzz: fetch its crates", Cmd::cargo(&project, ["fetch", "--locked"]));
        }
    }

    /// Its program is built apart, with flags of its own.
    fn fuzz(&self, plan: &mut Plan) -> Result<()> {
        if self.machine.os == Os::MacOrWindows {
            if self.only == Some(Part::Fuzz) {
                bail!("fuzzing needs Linux (libFuzzer built with g++)");
            }
            plan.note("fuzzing needs Linux (libFuzzer built with g++) and is not part of this run");
            return Ok(());
        }
        let run = self.ourselves(&["fuzz", "--seconds", FUZZ_SECONDS])?;
        plan.run("fuzz: every target for a few seconds", run);
        Ok(())
    }

    fn sdk(&self, plan: &mut Plan, npm: &Npm) -> Result<()> {
        let tests = self.repo.sdk_tests();
        if self.machine.sdk_modules_stale {
            plan.run("sdk: install its modules", npm.clean_install(&tests));
        }
        let built = |name: &str| self.repo.binary("debug", name).display().to_string();
        let with_programs = |cmd: Cmd| {
            let cmd = cmd.env("SWITCHYARD_BIN", built("switchyard"));
            self.in_session(cmd.env("SWITCHYARD_SIM_BIN", built("switchyard-sim")))
        };
        plan.run("sdk: official clients against the router", with_programs(npm.node(&tests, ["--test"])));
        let python = python::tests_ready(plan, self.repo, self.machine)?;
        plan.run("sdk: official Python clients against the router", with_programs(python));
        Ok(())
    }

    fn window(&self, plan: &mut Plan) -> Result<()> {
        if self.machine.os == Os::MacOrWindows {
            if self.only == Some(Part::E2e) {
                bail!("the window is driven through WebKitGTK's driver, so these tests need Linux");
            }
            plan.note("the tests of the window need Linux (WebKitGTK's driver) and are not part of this run");
            return Ok(());
        }
        let driver = match &self.machine.cargo.tauri_driver {
            Some(driver) => driver.clone(),
            None => {
                let tools = self.repo.tools();
                // It only passes messages on: an optimised build would cost a minute and win nothing.
                let install = ["install", "tauri-driver", "--version", "^2", "--locked", "--debug", "--root"];
                let install = self.cargo(install).args([tools.display().to_string()]);
                plan.run("e2e: install the window's driver", install);
                tools.join("bin").join("tauri-driver")
            }
        };
        // One window at a time: they share a display, and the driver serves one session.
        let test = [
            "test",
            "--workspace",
            "--features",
            FEATURES,
            "--test",
            WINDOW_TARGET,
            "--",
            "--test-threads=1",
        ];
        let desktop = self.repo.binary("debug", "switchyard-desktop").display().to_string();
        let run = self
            .in_session(self.cargo(test))
            .under(DISPLAY)
            .env("SWITCHYARD_DESKTOP_BIN", desktop)
            .env("SWITCHYARD_BIN", self.repo.binary("debug", "switchyard").display().to_string())
            .env("TAURI_DRIVER", driver.display().to_string())
            // WebKit reports the language of LANG=C as "C", which is none to its own Intl.
            .env("LANG", "en_US.UTF-8");
        plan.run("e2e: the real window", run);
        Ok(())
    }

    /// The session bus, home and keychain the tests get; on other systems there is nothing to prepare.
    fn in_session(&self, cmd: Cmd) -> Cmd {
        let script = self.repo.root.join("xtask").join("src").join("session.sh").display().to_string();
        match self.machine.os {
            Os::Debian | Os::OtherLinux => cmd.under(&["dbus-run-session", "--", "bash", &script]),
            Os::MacOrWindows => cmd,
        }
    }

    fn cargo<A: Into<String>>(&self, args: impl IntoIterator<Item = A>) -> Cmd {
        Cmd::cargo(&self.repo.root, args)
    }

    /// Another xtask command, as a step of its own.
    fn ourselves(&self, args: &[&str]) -> Result<Cmd> {
        let program = std::env::current_exe().context("cannot find xtask's own program")?;
        Ok(Cmd::new(&self.repo.root, program.display().to_string(), args.iter().copied()))
    }

    /// nextest if it is here, cargo's own runner if not; the same targets either way.
    fn runner_args(&self, targets: &[String]) -> Vec<String> {
        let runner: &[&str] = if self.machine.cargo.nextest { &["nextest", "run"] } else { &["test"] };
        let common = ["--workspace", "--features", FEATURES, "--lib", "--bins"];
        let named = targets.iter().flat_map(|target| ["--test", target]);
        runner.iter().copied().chain(common).chain(named).map(str::to_owned).collect()
    }

    /// Every integration test target but the window's. Named one by one, since cargo can't leave one out.
    fn rust_targets(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = self
            .packages_in_workspace()?
            .iter()
            .filter_map(|package| package["targets"].as_array())
            .flatten()
            .filter(|target| target["kind"][0] == "test")
            .filter_map(|target| target["name"].as_str())
            .filter(|name| *name != WINDOW_TARGET)
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn packages_in_workspace(&self) -> Result<&[serde_json::Value]> {
        let packages =
            self.repo.metadata["packages"].as_array().context("cargo metadata lists no packages")?;
        Ok(packages)
    }
}

#[cfg(test)]
mod tests;
