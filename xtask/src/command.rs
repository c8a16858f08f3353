//! One command line: what is run, where, with which variables. It can be printed as it would be typed.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// A command line, not yet run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cmd {
    program: String,
    args: Vec<String>,
    dir: PathBuf,
    env: Vec<(String, String)>,
    front_of_path: Option<PathBuf>,
}

impl Cmd {
    pub(crate) fn new<A: Into<String>>(
        dir: &Path,
        program: impl Into<String>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program: program.into(), args, dir: dir.to_owned(), env: Vec::new(), front_of_path: None }
    }

    /// The cargo that started us; outside cargo, the one on the path.
    pub(crate) fn cargo<A: Into<String>>(dir: &Path, args: impl IntoIterator<Item = A>) -> Self {
        Self::new(dir, std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), args)
    }

    pub(crate) fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Programs in this folder win over those elsewhere on the path.
    pub(crate) fn front_of_path(mut self, folder: Option<&Path>) -> Self {
        self.front_of_path = folder.map(Path::to_owned);
        self
    }

    /// The same command started through another program, such as `xvfb-run -a`.
    pub(crate) fn under(self, wrapper: &[&str]) -> Self {
        let Some((&outer, rest)) = wrapper.split_first() else { return self };
        let mut words: Vec<String> = rest.iter().map(|&word| word.to_owned()).collect();
        words.push(self.program);
        words.extend(self.args);
        Self {
            program: outer.to_owned(),
            args: words,
            dir: self.dir,
            env: self.env,
            front_of_path: self.front_of_path,
        }
    }

    /// Whether it asks for more rights than we have.
    pub(crate) fn is_privileged(&self) -> bool {
        self.program == "sudo"
    }

    /// Runs it with our terminal for output and nothing to read.
    pub(crate) fn run(&self) -> Result<()> {
        // What we printed ourselves belongs before what the child prints.
        std::io::stdout().flush().ok();
        let status = self.start_with(Stdio::null())?;
        if status.success() { Ok(()) } else { bail!("`{self}` ended with {status}") }
    }

    fn start_with(&self, stdin: Stdio) -> Result<ExitStatus> {
        self.to_std().stdin(stdin).status().with_context(|| format!("cannot start `{}`", self.program))
    }

    /// Runs it and returns what it printed; its complaints are part of the error.
    pub(crate) fn output(&self) -> Result<String> {
        let output = self
            .to_std()
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start `{}`", self.program))?;
        if !output.status.success() {
            bail!("`{self}` ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{self}` printed something not UTF-8"))
    }

    /// What it printed, and whether it ended well; its complaints go to our terminal.
    pub(crate) fn told(&self) -> Result<(String, bool)> {
        let output = self.to_std().stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.with_context(|| format!("cannot start `{}`", self.program))?;
        let text = String::from_utf8(output.stdout);
        let text = text.with_context(|| format!("`{self}` printed something not UTF-8"))?;
        Ok((text, output.status.success()))
    }

    /// What it printed, whatever its exit code; nothing if it cannot be started.
    pub(crate) fn answer(&self) -> Option<String> {
        let output = self.to_std().stdin(Stdio::null()).output().ok()?;
        String::from_utf8(output.stdout).ok()
    }

    /// Whether it starts and ends well; prints nothing.
    pub(crate) fn succeeds(&self) -> bool {
        self.output().is_ok()
    }

    /// Hands the process, its terminal and its signals over to the command. Returns only on failure
    /// (on Unix) or when the command has ended (elsewhere).
    pub(crate) fn become_it(&self) -> Result<()> {
        std::io::stdout().flush().ok();
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt as _;
            let error = self.to_std().exec();
            Err(error).with_context(|| format!("cannot start `{}`", self.program))
        }
        #[cfg(not(unix))]
        {
            let status = self.start_with(Stdio::inherit())?;
            std::process::exit(status.code().unwrap_or(1));
        }
    }

    fn to_std(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.dir).envs(self.env.iter().map(|(n, v)| (n, v)));
        if let Some(folder) = &self.front_of_path {
            let rest = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(folder.clone()).chain(std::env::split_paths(&rest));
            if let Ok(path) = std::env::join_paths(folders) {
                command.env("PATH", path);
            }
        }
        for (name, _) in std::env::vars_os() {
            if is_about_xtask(&name) {
                command.env_remove(name);
            }
        }
        command
    }
}

/// Variables `cargo run` sets to describe xtask itself. Some build scripts watch them, so passing them
/// on would rebuild those crates each time the same tree is built with and without xtask.
fn is_about_xtask(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let here = std::env::current_dir().is_ok_and(|here| here == self.dir);
        if !here && self.dir != Path::new(".") {
            write!(f, "cd {} && ", quoted(&self.dir.display().to_string()))?;
        }
        if let Some(folder) = &self.front_of_path {
            write!(f, "PATH={}:$PATH ", folder.display())?;
        }
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        let program = Path::new(&self.program);
        match (program.file_stem().and_then(OsStr::to_str), std::env::var("CARGO")) {
            (Some(stem), Ok(cargo)) if cargo == self.program => write!(f, "{stem}")?,
            _ => write!(f, "{}", quoted(&self.program))?,
        }
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        Ok(())
    }
}

/// A word as a shell would need it typed.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%^~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_prints_as_it_would_be_typed() {
        let cmd =
            Cmd::new(Path::new("."), "xvfb-run", ["-s", "-screen 0 10x10x24", "it's", ""]).env("A", "b c");
        assert_eq!(cmd.to_string(), r"A='b c' xvfb-run -s '-screen 0 10x10x24' 'it'\''s' ''");
    }

    #[test]
    fn a_wrapped_command_keeps_its_words_and_variables() {
        let cmd = Cmd::new(Path::new("."), "app", ["--x"]).env("A", "1").under(&["outer", "-a", "--"]);
        assert_eq!(cmd.to_string(), "A=1 outer -a -- app --x");
    }

    #[test]
    fn a_failing_command_says_which_it_was_and_what_it_complained_about() {
        let cmd = Cmd::cargo(Path::new("."), ["no-such-subcommand"]);
        let error = format!("{:#}", cmd.output().unwrap_err());
        assert!(error.contains("cargo no-such-subcommand") && error.contains("no such command"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = format!("{:#}", Cmd::new(Path::new("."), "not-a-program-here", ["x"]).run().unwrap_err());
        assert!(error.contains("cannot start `not-a-program-here`"), "{error}");
    }
}
