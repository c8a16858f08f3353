//! A plan: what will be done, in order, written down before anything is done.

use std::fmt;
use std::io::{BufRead, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::Cmd;

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run a command and wait for it.
    Run(Cmd),
    /// Make a folder that has to exist, even empty.
    MakeFolder(PathBuf),
    /// Become the command: it gets our terminal and our signals. Always the last step.
    Become(Cmd),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) title: String,
    pub(crate) action: Action,
    /// How long it takes about, where that is long enough to wonder.
    pub(crate) expected: Option<Duration>,
}

/// How often a long step says that it still runs.
const PROGRESS_EVERY: Duration = Duration::from_secs(30);

/// Steps in order, and what a reader should know before they start.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) notes: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

impl Plan {
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub(crate) fn run(&mut self, title: impl Into<String>, cmd: Cmd) {
        self.push(title.into(), Action::Run(cmd));
    }

    /// A step that takes long: it says how long about, and from time to time how far it is.
    pub(crate) fn run_long(&mut self, title: impl Into<String>, cmd: Cmd, expected: Duration) {
        let expected = Some(expected);
        self.steps.push(Step { title: title.into(), action: Action::Run(cmd), expected });
    }

    pub(crate) fn make_folder(&mut self, title: impl Into<String>, folder: PathBuf) {
        self.push(title.into(), Action::MakeFolder(folder));
    }

    pub(crate) fn become_it(&mut self, title: impl Into<String>, cmd: Cmd) {
        self.push(title.into(), Action::Become(cmd));
    }

    fn push(&mut self, title: String, action: Action) {
        self.steps.push(Step { title, action, expected: None });
    }

    /// Does the steps in order and stops at the first that fails; then says how long each took.
    pub(crate) fn carry_out(&self) -> Result<()> {
        for note in &self.notes {
            println!("note: {note}");
        }
        self.ask_for_rights(&mut std::io::stdin().lock(), std::io::stdin().is_terminal())?;
        let mut done: Vec<(&str, Duration)> = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            println!("\n==> [{}/{}] {}\n    {}", index + 1, self.steps.len(), step.title, step.action);
            let started = now();
            let progress = step.expected.map(|expected| {
                println!("    This takes about {}. Cargo shows its own progress below.", minutes(expected));
                Progress::of(step.title.clone(), expected, PROGRESS_EVERY)
            });
            let performed = step.action.perform();
            drop(progress);
            if let Err(error) = performed {
                println!("\n==> FAILED: {} (after {})", step.title, seconds(started.elapsed()));
                println!("{}", self.summary(&done, Some(index)));
                return Err(error.context(format!("step {} failed", step.title)));
            }
            done.push((&step.title, started.elapsed()));
        }
        println!("\n==> Done\n{}", self.summary(&done, None));
        Ok(())
    }

    /// Nothing is done with more rights than ours without a yes. Where nobody can be asked, sudo itself asks nothing
    /// either: it does it, or refuses (`sudo -n`).
    fn ask_for_rights(&self, answers: &mut impl BufRead, somebody_is_there: bool) -> Result<()> {
        let privileged: Vec<&Step> = self.steps.iter().filter(|step| step.action.is_privileged()).collect();
        if privileged.is_empty() || !somebody_is_there {
            return Ok(());
        }
        println!("\nThese steps are done as root:");
        for step in privileged {
            println!("    {}", step.action);
        }
        print!("Do them? [y/N] ");
        std::io::stdout().flush().ok();
        let mut answer = String::new();
        answers.read_line(&mut answer).context("cannot read the answer")?;
        if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            return Ok(());
        }
        bail!("nothing was done; run these commands yourself, then start again")
    }

    fn summary(&self, done: &[(&str, Duration)], failed: Option<usize>) -> String {
        let mut lines: Vec<String> =
            done.iter().map(|(title, took)| format!("    {:>8}  {title}", seconds(*took))).collect();
        if let Some(index) = failed {
            lines.push(format!("    {:>8}  {}", "FAILED", self.steps[index].title));
            lines
                .extend(self.steps[index + 1..].iter().map(|s| format!("    {:>8}  {}", "not run", s.title)));
        }
        let total: Duration = done.iter().map(|(_, took)| *took).sum();
        lines.push(format!("    {:>8}  in all", seconds(total)));
        lines.join("\n")
    }
}

/// Says from time to time that a step still runs, until it is dropped.
struct Progress {
    end: Option<mpsc::Sender<()>>,
    teller: Option<JoinHandle<()>>,
}

impl Progress {
    fn of(title: String, expected: Duration, every: Duration) -> Self {
        let (end, ended) = mpsc::channel();
        let started = now();
        let teller = thread::spawn(move || {
            while ended.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
                println!("{}", progress_line(&title, started.elapsed(), expected));
            }
        });
        Self { end: Some(end), teller: Some(teller) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end.take();
        if let Some(teller) = self.teller.take() {
            // It only prints: there is nothing to learn from how it ended.
            teller.join().ok();
        }
    }
}

fn progress_line(title: &str, so_far: Duration, expected: Duration) -> String {
    format!("    {title}: {} of about {}", minutes(so_far), minutes(expected))
}

impl Action {
    fn is_privileged(&self) -> bool {
        match self {
            Self::Run(cmd) | Self::Become(cmd) => cmd.is_privileged(),
            Self::MakeFolder(_) => false,
        }
    }

    fn perform(&self) -> Result<()> {
        match self {
            Self::Run(cmd) => cmd.run(),
            Self::MakeFolder(folder) => std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display())),
            Self::Become(cmd) => cmd.become_it(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(cmd) | Self::Become(cmd) => write!(f, "{cmd}"),
            Self::MakeFolder(folder) => write!(f, "mkdir -p {}", folder.display()),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "{:>2}. {}\n    {}", index + 1, step.title, step.action)?;
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the product's clock is not xtask's to use; this only times steps"
)]
fn now() -> Instant {
    Instant::now()
}

/// A span as people say it: `45 s`, `3 min`, `3 min 30 s`.
fn minutes(duration: Duration) -> String {
    match (duration.as_secs() / 60, duration.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_failing_step_stops_the_plan() {
        let here = tempfile::tempdir().unwrap();
        let mut plan = Plan::default();
        plan.make_folder("first", here.path().join("first"));
        plan.run("second", Cmd::new(Path::new("."), "not-a-program-here", ["x"]));
        plan.make_folder("third", here.path().join("third"));
        let error = format!("{:#}", plan.carry_out().unwrap_err());
        assert!(error.contains("step second failed"), "{error}");
        assert!(here.path().join("first").is_dir());
        assert!(!here.path().join("third").exists(), "steps after a failure must not run");
    }

    #[test]
    fn what_is_done_as_root_is_asked_for_first() {
        let here = Path::new(".");
        let mut plan = Plan::default();
        plan.run("plain", Cmd::new(here, "cargo", ["build"]));
        assert!(plan.ask_for_rights(&mut "".as_bytes(), true).is_ok(), "nothing to ask");
        plan.run("packages", Cmd::new(here, "apt-get", ["install", "x"]).under(&["sudo"]));
        for (answer, goes_on) in [("y\n", true), ("Yes\n", true), ("\n", false), ("n\n", false), ("", false)]
        {
            assert_eq!(plan.ask_for_rights(&mut answer.as_bytes(), true).is_ok(), goes_on, "{answer:?}");
        }
        assert!(plan.ask_for_rights(&mut "".as_bytes(), false).is_ok(), "nobody is there");
    }

    #[test]
    fn a_long_step_says_how_far_it_is() {
        for (so_far, expected, line) in [
            (30, 240, "    build: 30 s of about 4 min"),
            (210, 240, "    build: 3 min 30 s of about 4 min"),
            (300, 270, "    build: 5 min of about 4 min 30 s"),
        ] {
            let said = progress_line("build", Duration::from_secs(so_far), Duration::from_secs(expected));
            assert_eq!(said, line);
        }
        // It ends with the step, and the step does not wait for its next line.
        drop(Progress::of("build".to_owned(), Duration::from_secs(60), Duration::from_secs(3_600)));
    }

    #[test]
    fn the_summary_of_a_failure_lists_what_was_not_run() {
        let mut plan = Plan::default();
        for title in ["lint", "build", "sdk"] {
            plan.make_folder(title, PathBuf::from(title));
        }
        let summary = plan.summary(&[("lint", Duration::from_millis(1500))], Some(1));
        let expected = ["   1.5 s  lint", "  FAILED  build", " not run  sdk", "   1.5 s  in all"];
        for (line, end) in summary.lines().zip(expected) {
            assert!(line.ends_with(end), "{line:?} should end with {end:?}");
        }
        assert_eq!(summary.lines().count(), expected.len());
    }
}
