//! Everything a measurement needs standing: providers, nginx, the router, each on a port of its own.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Effort;
use super::process::{Core, Process, pinned};
use crate::command::Cmd;
use crate::repo::Repo;

const PATIENCE: Duration = Duration::from_secs(20);

/// Between client and provider stands:
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing.
    Direct,
    Nginx,
    Switchyard,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Direct, Self::Nginx, Self::Switchyard];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Switchyard => "Switchyard",
        }
    }
}

/// Someone who answers chat completions.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    /// What a caller presents.
    pub(super) key: String,
    pub(super) process: Process,
}

/// Where programs are and where their files go.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) effort: Effort,
    /// Clock ticks a second, the unit of processor time.
    pub(super) ticks_per_second: f64,
    router: PathBuf,
    programs: PathBuf,
    folder: PathBuf,
    /// Numbers folders and logs.
    count: Cell<u32>,
}

impl Stage {
    pub(super) fn set(repo: &Repo, router: PathBuf, programs: PathBuf, effort: Effort) -> Result<Self> {
        let folder = repo.target.join("bench").join("work");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).context("cannot clear target/bench/work")?;
        }
        std::fs::create_dir_all(&folder).context("cannot make target/bench/work")?;
        let ticks = Cmd::new(&repo.root, "getconf", ["CLK_TCK"]).output()?;
        Ok(Self {
            effort,
            ticks_per_second: ticks.trim().parse().context("getconf CLK_TCK is no number")?,
            router,
            programs,
            folder,
            count: Cell::new(0),
        })
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A folder of its own for one server.
    pub(super) fn folder(&self, what: &str) -> Result<PathBuf> {
        let number = self.count.replace(self.count.get() + 1);
        let folder = self.folder.join(format!("{number:02}-{what}"));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// A fast provider. `args` as in `switchyard-sim --help`.
    pub(super) fn provider(&self, args: &[&str]) -> Result<Server> {
        let mut command = pinned(Core::Load, &self.program("switchyard-sim"));
        command.arg("--fast").args(args);
        let (process, line) = Process::start_and_listen(command)?;
        let said: Value = serde_json::from_str(&line).context("the provider's first line is no JSON")?;
        let addr = said["url"].as_str().and_then(|url| url.strip_prefix("http://")?.parse().ok());
        Ok(Server { addr: addr.context("the provider names no URL")?, key: "none".to_owned(), process })
    }

    /// nginx before a provider: one worker, upstream connections kept, nothing logged, nothing buffered.
    pub(super) fn nginx(&self, provider: SocketAddr) -> Result<Server> {
        let folder = self.folder("nginx")?;
        let addr = free_port()?;
        let config = folder.join("nginx.conf");
        std::fs::write(&config, nginx_config(&folder, addr, provider))?;
        let mut command = pinned(Core::Router, &nginx_program());
        command.arg("-e").arg(folder.join("error.log")).arg("-c").arg(&config);
        let process = Process::start(command, &folder.join("output.log"))?;
        let server = Server { addr, key: "none".to_owned(), process };
        server.wait_for("/v1/models", PATIENCE)?;
        Ok(server)
    }

    /// A router with a fresh data directory and this map.
    pub(super) fn switchyard(&self, map: &Value) -> Result<Server> {
        let folder = self.folder("switchyard")?;
        let file = folder.join("map.json");
        std::fs::write(&file, map.to_string())?;
        self.switchyard_in(&folder, Core::Router, Some(&file))
    }

    /// A router on a data directory, with its map applied.
    pub(super) fn switchyard_in(&self, folder: &Path, core: Core, map: Option<&Path>) -> Result<Server> {
        let addr = free_port()?;
        let process = self.start_router(folder, core, addr, map)?;
        let mut server = Server { addr, key: String::new(), process };
        server.wait_for("/health", PATIENCE)?;
        server.key = self.key(folder)?;
        // The map given on the command line may be applied only once the router listens.
        server.wait_for("/v1/models", PATIENCE)?;
        Ok(server)
    }

    /// A router with a fresh data directory under callgrind, and its process id. Its dumps are `callgrind.N-THREAD` in the
    /// folder.
    pub(super) fn switchyard_under_callgrind(
        &self,
        folder: &Path,
        map: &Path,
        patience: Duration,
    ) -> Result<(Server, u32)> {
        let addr = free_port()?;
        let mut valgrind = Command::new("valgrind");
        let dumps = format!("--callgrind-out-file={}", folder.join("callgrind").display());
        valgrind.args(["--tool=callgrind", "--separate-threads=yes", &dumps]).arg(&self.router);
        let process = self.serve(valgrind, folder, addr, Some(map))?;
        let pid = process.id();
        let mut server = Server { addr, key: String::new(), process };
        server.wait_for("/health", patience)?;
        server.key = self.key(folder)?;
        server.wait_for("/v1/models", patience)?;
        Ok((server, pid))
    }

    pub(super) fn start_router(
        &self,
        folder: &Path,
        core: Core,
        addr: SocketAddr,
        map: Option<&Path>,
    ) -> Result<Process> {
        self.serve(pinned(core, &self.router), folder, addr, map)
    }

    fn serve(
        &self,
        mut command: Command,
        folder: &Path,
        addr: SocketAddr,
        map: Option<&Path>,
    ) -> Result<Process> {
        command.arg("serve").arg("--data-dir").arg(folder.join("data"));
        command.args([
            "--port",
            &addr.port().to_string(),
            "--control-port",
            &free_port()?.port().to_string(),
        ]);
        command.args(["--no-keychain", "--print-json"]);
        // The keys a user has in the environment; the simulated provider takes any.
        command.env("OPENAI_API_KEY", "sk-bench").env("GEMINI_API_KEY", "bench");
        if let Some(map) = map {
            command.arg("--map").arg(map);
        }
        Process::start(command, &folder.join("output.log"))
    }

    /// The local key a router left in its data directory.
    pub(super) fn key(&self, folder: &Path) -> Result<String> {
        let path = folder.join("data").join("client.key");
        let key =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(key.trim().to_owned())
    }
}

/// The smallest map: one route, everything else by default.
pub(super) fn one_route(provider: SocketAddr) -> Value {
    json!({ "hot": [route("openai", provider)] })
}

/// A route to a simulated provider under a real one's name.
pub(super) fn route(name: &str, provider: SocketAddr) -> Value {
    json!({ "provider": name, "model": "sim-fast", "baseUrl": format!("http://{provider}/v1") })
}

impl Server {
    fn wait_for(&self, path: &str, patience: Duration) -> Result<()> {
        let by = now() + patience;
        while self.get(path).ok() != Some(200) {
            if now() > by {
                bail!("{} does not answer {path}", self.addr);
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub(super) fn get(&self, path: &str) -> Result<u16> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
            self.addr, self.key
        );
        status(self.addr, &request)
    }

    /// Asks for one completion on a connection of its own.
    pub(super) fn completion(&self) -> Result<u16> {
        let body = r#"{"model":"sim-fast","messages":[{"role":"user","content":"hi"}]}"#;
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: \
             application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            self.addr,
            self.key,
            body.len()
        );
        status(self.addr, &(head + body))
    }
}

/// The status of one exchange on a fresh connection.
fn status(addr: SocketAddr, request: &str) -> Result<u16> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let code = std::str::from_utf8(line)?.split(' ').nth(1).context("not an HTTP answer")?;
    Ok(code.parse()?)
}

/// A port that was free a moment ago; each is handed out by the system, so two in a row differ.
pub(super) fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the product's clock is not xtask's to use; this times starts and patience"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Debian keeps it where a user's path does not look.
fn nginx_program() -> PathBuf {
    let debian = PathBuf::from("/usr/sbin/nginx");
    if debian.is_file() { debian } else { "nginx".into() }
}

fn nginx_config(folder: &Path, addr: SocketAddr, provider: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nworker_processes 1;\nerror_log {folder}/error.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  tcp_nodelay on;\n  keepalive_requests 1000000000;\n  keepalive_timeout 600s;\n\
         \x20 client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n\
         \x20 fastcgi_temp_path {folder}/fastcgi;\n  uwsgi_temp_path {folder}/uwsgi;\n  scgi_temp_path {folder}/scgi;\n\
         \x20 upstream provider {{ server {provider}; keepalive 64; keepalive_requests 1000000000; }}\n\
         \x20 server {{\n    listen {addr} backlog=1024;\n    location / {{\n      proxy_pass http://provider;\n\
         \x20     proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_buffering off;\n\
         \x20   }}\n  }}\n}}\n"
    )
}
