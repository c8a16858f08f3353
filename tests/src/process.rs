//! The real binary as a child: found, started, waited for by its own word, ended by its handle.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::OnceCell;

use crate::within;

/// How a router is started.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Further arguments after `serve`.
    pub args: Vec<OsString>,
    /// Further environment variables. The harness's own environment is not passed on.
    pub env: Vec<(String, String)>,
    /// Whether the operating system's keychain may be used.
    pub keychain: bool,
    /// The proxy's port; 0 takes any free one.
    pub port: u16,
    /// The network namespace it runs in, with the name's own `/etc/resolv.conf`; the harness's own when absent.
    pub inside: Option<String>,
    /// What the shell's `ulimit` is told before the start.
    pub ulimit: Option<String>,
    /// Looked for programs before the harness's own path.
    pub path: Option<PathBuf>,
}

/// A router that said it is ready.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Where clients connect.
    pub proxy_url: String,
    /// Where the control API listens.
    pub control_url: String,
    /// Its process id.
    pub pid: u32,
}

/// A router that ended.
#[derive(Debug)]
pub struct Exit {
    /// How.
    pub status: ExitStatus,
    /// What it said on its way.
    pub stderr: String,
}

impl Start {
    /// With credentials in a file, of which these are there already. The file is made in `root`.
    #[cfg(unix)]
    #[must_use]
    pub fn with_credentials(root: &Path, keys: &Value) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let path = root.join("credentials.json");
        std::fs::write(&path, keys.to_string()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self { args: vec!["--credentials-file".into(), path.into()], ..Self::default() }
    }

    fn command(&self, binary: &Path, data_dir: &Path) -> Command {
        let mut command = match &self.inside {
            // It becomes the router itself: the process is the same.
            Some(space) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", space]).arg(binary);
                command
            }
            None => match &self.ulimit {
                // The shell becomes the router: the process is the same.
                Some(limits) => {
                    let mut command = Command::new("sh");
                    command.args(["-c", &format!("ulimit {limits} && exec \"$0\" \"$@\"")]).arg(binary);
                    command
                }
                None => Command::new(binary),
            },
        };
        command.arg("serve").arg("--data-dir").arg(data_dir).arg("--port").arg(self.port.to_string());
        command.args(["--control-port", "0", "--print-json"]);
        if !self.keychain {
            command.arg("--no-keychain");
        }
        command.args(&self.args);
        command.env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        // A home of its own: nothing of the developer's is read or written.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = self.path.iter().cloned().chain(std::env::split_paths(&path));
        command.env("HOME", data_dir).env("PATH", std::env::join_paths(path).unwrap());
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Starts a router and waits for its ready line.
    ///
    /// # Errors
    /// How it ended, when it did not get ready.
    pub async fn ready(&self, data_dir: &Path, log: &Path) -> Result<Process, Exit> {
        let binary = binary().await;
        let stderr = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = self.command(binary, data_dir);
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        within("the router's ready line", stdout.read_line(&mut line)).await.unwrap();
        if line.trim().is_empty() {
            let status = within("the router's end", child.wait()).await.unwrap();
            return Err(Exit { status, stderr: std::fs::read_to_string(log).unwrap_or_default() });
        }
        let said: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("not a ready line ({error}): {line}"));
        let text =
            |name: &str| said[name].as_str().unwrap_or_else(|| panic!("no {name} in {said}")).to_owned();
        let pid = child.id().unwrap();
        assert_eq!(said["pid"], pid, "the ready line names its process");
        Ok(Process { child, stdout, proxy_url: text("proxyUrl"), control_url: text("controlUrl"), pid })
    }

    /// Runs a router that is expected to refuse to start.
    pub async fn refused(&self, data_dir: &Path) -> Exit {
        let output = self.command(binary().await, data_dir).output();
        let output = within("the router to refuse", output).await.unwrap();
        Exit { status: output.status, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
    }
}

impl Process {
    /// Ends it as a crash or a power cut would.
    pub async fn kill9(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Stops it like a virtual machine that is put away, and lets it go on after a while.
    #[cfg(unix)]
    pub async fn stand_still(&self, time: std::time::Duration) {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        tokio::time::sleep(time).await;
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    }

    /// Asks it to stop (SIGTERM); it goes on until [`Process::ended`].
    #[cfg(unix)]
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Tells it that its terminal is gone (SIGHUP).
    #[cfg(unix)]
    pub fn hang_up(&self) {
        self.signal(rustix::process::Signal::HUP);
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end; says what it wrote to its output after the ready line.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let status = within("the router's end", self.child.wait()).await.unwrap();
        let mut rest = String::new();
        within("the end of its output", tokio::io::AsyncReadExt::read_to_string(&mut self.stdout, &mut rest))
            .await
            .unwrap();
        (status, rest)
    }
}

/// What a command told.
#[derive(Clone, Debug)]
pub struct Told {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs a command of the binary.
pub(crate) async fn cli(data_dir: &Path, args: &[&str], input: &str) -> Told {
    let mut command = Command::new(binary().await);
    command.args(args).arg("--data-dir").arg(data_dir).env_clear().env("HOME", data_dir).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that wants no input may be gone already.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await;
    drop(stdin);
    let output = within(&format!("{args:?}"), child.wait_with_output()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Told { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The binary under test: `SWITCHYARD_BIN`, else the one beside this test's, built once if it is not there.
pub async fn binary() -> &'static Path {
    static FOUND: OnceCell<PathBuf> = OnceCell::const_new();
    FOUND.get_or_init(find).await
}

async fn find() -> PathBuf {
    if let Some(given) = std::env::var_os("SWITCHYARD_BIN") {
        return PathBuf::from(given);
    }
    let profile = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
    let beside = profile.join(format!("switchyard{}", std::env::consts::EXE_SUFFIX));
    if !beside.exists() {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "-p", "switchyard"]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        assert!(cargo.status().await.unwrap().success(), "`cargo build -p switchyard` failed");
    }
    beside
}
