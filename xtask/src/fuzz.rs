//! `cargo xtask fuzz`: whatever bytes come, wire neither panics nor hangs nor says what is not so.
//!
//! The fuzz program (tests/fuzz) is libFuzzer's, built on stable Rust: cargo-fuzz would need a nightly compiler for the
//! same flags. Inputs start from the recorded fixtures and from the inputs that once failed; what is found to reach new
//! code is kept in target/fuzz-corpus for the next run.

mod seeds;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use crate::command::Cmd;
use crate::machine::{Machine, Os};
use crate::packages;
use crate::plan::Plan;
use crate::repo::Repo;

/// How long each target runs by default, seconds.
pub(crate) const DEFAULT_SECONDS: u32 = 60;

/// One input that takes longer is a hang, seconds.
const TIMEOUT_S: u32 = 5;
/// Memory a target may use, MiB; some 150 are the fuzzer's own.
const MEMORY_MIB: u32 = 1024;
/// The longest input, bytes.
const LONGEST: u32 = 16 * 1024;

/// What cargo-fuzz gives rustc (`SanitizerCoverage`, LLVM's documentation), less the sanitizers, which need nightly.
const COVERAGE: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// What the user asked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// One target only.
    pub(crate) target: Option<String>,
    /// How long each target runs.
    pub(crate) seconds: u32,
    /// Run this one input instead, which a target failed on.
    pub(crate) input: Option<PathBuf>,
}

pub(crate) fn run(repo: &Repo, wanted: &Wanted) -> Result<()> {
    let targets = chosen(wanted)?;
    let program = build(repo)?;
    let work = Work { program, root: repo.root.clone(), folder: repo.target.join("fuzz-corpus") };
    if let Some(input) = &wanted.input {
        let input = input.canonicalize().with_context(|| format!("cannot read {}", input.display()))?;
        let again = Cmd::new(&repo.root, work.program.display().to_string(), [input.display().to_string()]);
        return again.env("FUZZ_TARGET", targets[0]).run();
    }
    seeds::write(&repo.root.join("crates/wire/fixtures"), &work.folder)?;
    work.fuzz(&targets, wanted.seconds)
}

fn chosen(wanted: &Wanted) -> Result<Vec<&'static str>> {
    let Some(name) = &wanted.target else {
        if wanted.input.is_some() {
            bail!("--input needs the target that failed on it: add --target");
        }
        return Ok(seeds::TARGETS.to_vec());
    };
    let found = seeds::TARGETS.iter().find(|target| *target == name);
    let found = found
        .with_context(|| format!("no fuzz target is called {name}; there are {}", seeds::TARGETS.join(", ")));
    Ok(vec![found?])
}

/// Builds the fuzz program into a target folder of its own, since its flags would rebuild everything in ours.
fn build(repo: &Repo) -> Result<PathBuf> {
    let machine = Machine::probe(repo);
    if machine.os == Os::MacOrWindows {
        bail!("fuzzing needs Linux (libFuzzer built with g++)");
    }
    let about = Cmd::new(&repo.root, "rustc", ["-vV"]).output()?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let folder = repo.target.join("fuzz");
    let project = repo.root.join("tests").join("fuzz");
    // Naming the host as target keeps the flags from build scripts and macros.
    let args = ["build", "--release", "--locked", "--target", host, "--target-dir"];
    let cargo = Cmd::cargo(&project, args).args([folder.display().to_string()]);
    let mut plan = Plan::default();
    packages::install(&mut plan, &machine, packages::FUZZ)?;
    plan.run("fuzz: build", cargo.env("RUSTFLAGS", COVERAGE.join(" ")));
    plan.carry_out()?;
    Ok(folder.join(host).join("release").join("switchyard-fuzz"))
}

/// Where a run finds and leaves things.
#[derive(Debug)]
struct Work {
    program: PathBuf,
    root: PathBuf,
    folder: PathBuf,
}

impl Work {
    /// Runs the targets, as many at a time as there are cores; fails when one of them found something.
    fn fuzz(&self, targets: &[&str], seconds: u32) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(targets.len());
        println!("\n==> {} targets, {seconds} s each, {cores} at a time", targets.len());
        let next = AtomicUsize::new(0);
        let faults = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match self.run_one(target, seconds) {
                            Ok(said) => println!("    {target:<14} {said}"),
                            Err(fault) => {
                                println!("    {target:<14} FAILED");
                                faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
                            }
                        }
                    }
                });
            }
        });
        let faults = faults.into_inner().unwrap_or_else(PoisonError::into_inner);
        if faults.is_empty() {
            return Ok(());
        }
        let told: Vec<String> = faults.iter().map(|fault| format!("{fault:#}")).collect();
        bail!("{}", told.join("\n\n"))
    }

    /// Runs a target and says in a line how far it came.
    fn run_one(&self, target: &str, seconds: u32) -> Result<String> {
        let folder = self.folder.join(target);
        let (found, failed) = (folder.join("found"), folder.join("failed"));
        for folder in [&found, &failed] {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        let log = folder.join("log.txt");
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(&self.program);
        command.env("FUZZ_TARGET", target).env("RUST_BACKTRACE", "1");
        command.args([
            format!("-max_total_time={seconds}"),
            format!("-timeout={TIMEOUT_S}"),
            format!("-rss_limit_mb={MEMORY_MIB}"),
            format!("-max_len={LONGEST}"),
            format!("-dict={}", self.folder.join(seeds::WORDS).display()),
            format!("-artifact_prefix={}/", failed.display()),
            "-print_final_stats=1".to_owned(),
        ]);
        // What is found goes to the first folder.
        command.arg(&found).arg(folder.join("seeds"));
        let kept = self.root.join("tests/fuzz/corpus").join(target);
        if kept.is_dir() {
            command.arg(kept);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let status = command.status().with_context(|| format!("cannot start {}", self.program.display()))?;
        let text = std::fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
        let text = String::from_utf8_lossy(&text);
        if status.success() { Ok(progress(&text)) } else { Err(fault(target, &text, &log)) }
    }
}

/// What libFuzzer says of its last round: `#4096 DONE cov: 811 ft: 2042 corp: ...`.
fn progress(log: &str) -> String {
    let done = log.lines().rev().find(|line| line.contains("DONE "));
    let words: Vec<&str> = done.unwrap_or_default().split_whitespace().collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1).copied()
    };
    let runs = words.first().map_or("?", |word| word.trim_start_matches('#'));
    format!("{runs:>9} inputs, {:>6} edges", after("cov:").unwrap_or("?"))
}

/// What a target failed on: its panic (or hang), where the input is, and what to do with it.
fn fault(target: &str, log: &str, path: &Path) -> anyhow::Error {
    let what = log.lines().position(|line| line.contains("panicked at") || line.contains("ERROR: libFuzzer"));
    let what: Vec<&str> = log.lines().skip(what.unwrap_or(0)).take(12).collect();
    let input = log.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path);
    let mut told = format!("fuzz target {target} failed (all of it: {}):\n", path.display());
    told.push_str(&what.join("\n"));
    if let Some(input) = input {
        told.push_str(&format!(
            "\nonce more:    cargo xtask fuzz --target {target} --input {input}\nwhen mended:  cp {input} \
             tests/fuzz/corpus/{target}/"
        ));
    }
    anyhow::Error::msg(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_of_the_program_is_run() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let program = std::fs::read_to_string(root.join("tests/fuzz/src/main.rs")).unwrap();
        let names = program.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split('"').next());
        assert_eq!(names.collect::<Vec<_>>(), seeds::TARGETS);
    }

    #[test]
    fn an_unknown_target_is_refused_with_the_names_there_are() {
        let wanted = |target: Option<&str>, input: Option<&str>| Wanted {
            target: target.map(str::to_owned),
            seconds: 1,
            input: input.map(PathBuf::from),
        };
        assert_eq!(chosen(&wanted(Some("sse"), None)).unwrap(), ["sse"]);
        assert_eq!(chosen(&wanted(None, None)).unwrap(), seeds::TARGETS);
        let error = chosen(&wanted(Some("ssee"), None)).unwrap_err().to_string();
        assert!(error.contains("ssee") && error.contains("event_stream"), "{error}");
        assert!(chosen(&wanted(None, Some("crash-1"))).unwrap_err().to_string().contains("--target"));
    }

    #[test]
    fn a_fault_tells_the_panic_and_what_to_type() {
        let log = "#2 INITED cov: 5\nthread '<unnamed>' panicked at src/sse.rs:3:5:\nevery byte\nartifact_prefix='x/'; \
                   Test unit written to x/crash-1\nBase64: AA==\n";
        let told = fault("sse", log, Path::new("log.txt")).to_string();
        for part in
            ["target sse", "panicked at src/sse.rs:3:5:\nevery byte", "--target sse --input x/crash-1"]
        {
            assert!(told.contains(part), "{part} in\n{told}");
        }
        assert!(!told.contains("INITED"), "{told}");
    }

    #[test]
    fn progress_is_read_from_the_last_line() {
        let log = "#2\tINITED cov: 5 ft: 6\n#4096\tDONE   cov: 811 ft: 2042 corp: 7/8b\nstat::x: 1\n";
        assert_eq!(progress(log).split_whitespace().collect::<Vec<_>>(), ["4096", "inputs,", "811", "edges"]);
    }
}
