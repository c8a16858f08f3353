//! A world: one router, its data directory, its simulated providers, and an app that calls it.

mod app;
mod steer;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use switchyard_sim::{Profile, Provider, SimFleet};
use tempfile::TempDir;

use crate::Kind;
use crate::process::{Exit, Process, Start, Told};
use crate::reply::Reply;

/// Long enough for a busy machine; only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of the router's log that a failed scenario shows.
const LOG_SHOWN: usize = 8_000;

/// The world. Dropping it kills the router and stops the providers.
#[derive(Debug)]
pub struct Yard {
    process: Option<Process>,
    start: Start,
    fleet: SimFleet,
    http: Client,
    key: String,
    token: String,
    root: TempDir,
}

impl Yard {
    /// A router without a map.
    pub async fn start() -> Self {
        Self::start_with(Start::default()).await
    }

    /// A router started this way.
    pub async fn start_with(start: Start) -> Self {
        Self::start_in(TempDir::new().unwrap(), start).await
    }

    /// A router in a directory that may hold files for it.
    pub async fn start_in(root: TempDir, start: Start) -> Self {
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut yard = Self {
            process: None,
            start,
            fleet: SimFleet::new(),
            http,
            key: String::new(),
            token: String::new(),
            root,
        };
        yard.begin().await;
        yard
    }

    /// A router over a map of these providers, Hot and Warm, with their keys stored.
    pub async fn over<K: Into<Kind> + Copy>(hot: &[K], warm: &[K], more: Value) -> Self {
        let yard = Self::with_credentials(&json!({})).await;
        let (mut hots, mut warms) = (Vec::new(), Vec::new());
        for (tier, kinds, routes) in [("hot", hot, &mut hots), ("warm", warm, &mut warms)] {
            for (n, kind) in kinds.iter().enumerate() {
                let name = if n == 0 { tier.to_owned() } else { format!("{tier}{}", n + 1) };
                routes.push(yard.added((*kind).into(), &name).await);
            }
        }
        yard.apply(&crate::merge(crate::fast_map(&hots, &warms), more)).await;
        yard
    }

    /// A router over a provider of every kind: all of them are Hot, each under its kind's name; a job for every two
    /// of them ([`Kind::then`]) has one as its Hot and the other as its Warm. Circuits stay closed.
    pub async fn of_every_kind(more: Value) -> Self {
        let yard = Self::with_credentials(&json!({})).await;
        let (mut hot, mut jobs) = (Vec::new(), json!({}));
        for kind in Kind::ALL {
            hot.push(yard.added(kind, kind.name()).await);
            for warm in Kind::ALL.into_iter().filter(|warm| *warm != kind) {
                jobs[kind.then(warm)] = json!({ "hot": [kind.name()], "warm": [warm.name()] });
            }
        }
        // Provoked failures move no traffic: neither a circuit nor a trigger has ever seen enough.
        let patient = json!({
            "jobs": jobs,
            "breaker": { "consecutiveFailures": 1_000 },
            "triggers": { "minCalls": 1_000 },
        });
        yard.apply(&crate::merge(crate::merge(crate::fast_map(&hot, &[]), patient), more)).await;
        yard
    }

    /// A provider of this kind with its key stored; the route to it.
    pub async fn added(&self, kind: Kind, name: &str) -> Value {
        self.added_as(kind, kind.profile(name)).await
    }

    /// The same, of a profile of its own.
    pub async fn added_as(&self, kind: Kind, profile: Profile) -> Value {
        let provider = self.add(profile).await;
        let name = provider.name();
        if let Some(value) = kind.credential(&provider) {
            let (status, body) =
                self.put(&format!("/v1/credentials/{name}"), &json!({ "value": value })).await;
            assert_eq!(status, 204, "{body}");
            return crate::merge(kind.route(&provider), json!({ "credential": name }));
        }
        kind.route(&provider)
    }

    /// A router that keeps credentials in a file that holds these already.
    pub async fn with_credentials(keys: &Value) -> Self {
        let root = TempDir::new().unwrap();
        let start = Start::with_credentials(root.path(), keys);
        Self::start_in(root, start).await
    }

    /// Starts the router differently from its next start on.
    pub fn start_next(&mut self, start: Start) {
        self.start = start;
    }

    async fn begin(&mut self) {
        let ready = self.start.ready(&self.data_dir(), &self.log_path()).await;
        let process = ready.unwrap_or_else(|exit| panic!("the router did not start: {exit:?}"));
        let read =
            |name: &str| std::fs::read_to_string(self.data_dir().join(name)).unwrap().trim().to_owned();
        (self.key, self.token) = (read("client.key"), read("control.token"));
        self.process = Some(process);
    }

    /// The router's data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// The world's directory, of which the data directory is a part.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    fn log_path(&self) -> PathBuf {
        self.root.path().join("router.log")
    }

    /// What the router logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The running process.
    #[must_use]
    pub fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }

    /// Where clients connect.
    #[must_use]
    pub fn proxy_url(&self) -> &str {
        &self.process().proxy_url
    }

    /// Where the control API listens.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.process().control_url
    }

    /// The first app's local key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The HTTP client apps use here.
    #[must_use]
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// Adds a simulated provider.
    pub async fn add(&self, profile: Profile) -> Provider {
        self.fleet.add(profile).await.unwrap()
    }

    /// A simulated provider by name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Provider {
        self.fleet.provider(name).unwrap_or_else(|| panic!("no provider {name}"))
    }

    /// Ends the router as a crash would.
    pub async fn kill9(&mut self) {
        self.process.take().unwrap().kill9().await;
    }

    /// Starts the router again on the same data.
    pub async fn restart(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill9().await;
        }
        self.begin().await;
    }

    /// Hands the process over, to be ended by the test.
    pub fn take_process(&mut self) -> Process {
        self.process.take().unwrap()
    }

    /// Another router on the same data directory.
    pub async fn second(&self, start: Start) -> Exit {
        start.refused(&self.data_dir()).await
    }

    /// Runs a command of the binary against this router, with this on its standard input.
    pub async fn cli(&self, args: &[&str], input: &str) -> Told {
        crate::process::cli(&self.data_dir(), args, input).await
    }
}

impl Drop for Yard {
    /// A failed scenario shows what its router had to say.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(LOG_SHOWN);
            let shown = log.get(from..).unwrap_or(&log);
            // There is nobody to tell when standard error is closed.
            let _ = writeln!(std::io::stderr(), "--- the router's log ---\n{shown}");
        }
    }
}

/// Reads a response to its end, however that comes.
async fn read(response: Response) -> Reply {
    read_telling(response, |_| ()).await
}

/// The same; `tell` gets what came of the body so far, each time more has come.
async fn read_telling(response: Response, tell: impl Fn(&[u8])) -> Reply {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let (mut body, mut whole) = (BytesMut::new(), true);
    let mut parts = response.bytes_stream();
    while let Some(part) = parts.next().await {
        match part {
            Ok(part) => body.extend_from_slice(&part),
            Err(_) => whole = false,
        }
        tell(&body);
    }
    Reply { status, headers, body: body.freeze(), whole }
}
