//! A program under measurement: pinned to a core, watched through /proc, ended with its handle.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Which processor a program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Core {
    /// What is measured.
    Router,
    /// Load and provider.
    Load,
    /// Wherever the system puts it, as for a user.
    Any,
}

/// A running program; dropping it ends it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
}

/// The command that runs `program` on a core.
pub(super) fn pinned(core: Core, program: &Path) -> Command {
    let number = match core {
        Core::Router => "0",
        Core::Load => "1",
        Core::Any => return Command::new(program),
    };
    let mut command = Command::new("taskset");
    command.args(["-c", number]).arg(program);
    command
}

impl Process {
    /// Starts it; what it says goes to `log`.
    pub(super) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let output = file.try_clone().context("cannot share the log")?;
        command.stdin(Stdio::null()).stdout(output).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { child })
    }

    /// Starts it and returns the first line it prints.
    pub(super) fn start_and_listen(mut command: Command) -> Result<(Self, String)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let output = child.stdout.take().context("it has no output")?;
        let process = Self { child };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("it said nothing")?;
        Ok((process, line))
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time used so far, its threads' included, in the system's clock ticks.
    pub(super) fn cpu_ticks(&self) -> Result<u64> {
        let stat = self.proc_file("stat")?;
        // The name in parentheses may hold spaces; utime and stime are the 12th and 13th word behind it.
        let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
        Some(ticks(11).context("no utime")? + ticks(12).context("no stime")?).context("no times")
    }

    /// Resident memory, MiB.
    #[expect(clippy::cast_precision_loss, reason = "kibibytes of a process")]
    pub(super) fn resident_mib(&self) -> Result<f64> {
        let status = self.proc_file("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")?;
        Ok(kib as f64 / 1024.0)
    }

    fn proc_file(&self, name: &str) -> Result<String> {
        let path = format!("/proc/{}/{name}", self.child.id());
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}: has it ended?"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
