//! A world: one router, its data directory, its simulated providers, and an app that calls it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use switchyard_domain::view::{Outcome, RequestView, RouteView, Snapshot};
use switchyard_sim::{Dialect, Profile, Provider, SimFleet};
use tempfile::TempDir;

use crate::ask::{Ask, path};
use crate::process::{Exit, Process, Start, Told};
use crate::reply::Reply;
use crate::within;

/// Long enough for a busy machine; only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often a snapshot is looked at while something is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

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

    /// A router over a map of these providers, Hot and Warm.
    pub async fn over(hot: &[Dialect], warm: &[Dialect], more: Value) -> Self {
        let yard = Self::start().await;
        let (mut hots, mut warms) = (Vec::new(), Vec::new());
        for (tier, dialects, routes) in [("hot", hot, &mut hots), ("warm", warm, &mut warms)] {
            for (n, dialect) in dialects.iter().enumerate() {
                let name = if n == 0 { tier.to_owned() } else { format!("{tier}{}", n + 1) };
                routes.push(crate::route(&yard.add(Profile::new(name).dialect(*dialect)).await));
            }
        }
        yard.apply(&crate::merge(crate::fast_map(&hots, &warms), more)).await;
        yard
    }

    /// The same world, started differently from its next start on.
    #[must_use]
    pub fn with_start(self, start: Start) -> Self {
        Self { start, ..self }
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

    // -- the router's life --

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

    // -- the control API --

    fn control(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.control_url())).bearer_auth(&self.token)
    }

    async fn control_reply(&self, request: RequestBuilder) -> (u16, Value) {
        let reply = read(request.send().await.unwrap()).await;
        let json = if reply.body.is_empty() { Value::Null } else { reply.json() };
        (reply.status, json)
    }

    /// `GET` on the control API.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.control_reply(self.control(Method::GET, path)).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// `GET` that may be refused.
    pub async fn try_get(&self, path: &str) -> (u16, Value) {
        self.control_reply(self.control(Method::GET, path)).await
    }

    /// `PUT` on the control API.
    pub async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.control_reply(self.control(Method::PUT, path).json(body)).await
    }

    /// `POST` on the control API.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.control_reply(self.control(Method::POST, path).json(body)).await
    }

    /// `DELETE` on the control API.
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        self.control_reply(self.control(Method::DELETE, path)).await
    }

    /// Applies a map; returns its version.
    pub async fn apply(&self, map: &Value) -> i64 {
        self.apply_text(&map.to_string()).await
    }

    /// Applies a map as it is written.
    pub async fn apply_text(&self, document: &str) -> i64 {
        let (status, body) = self.put("/v1/map", &json!({ "document": document })).await;
        assert_eq!(status, 200, "{body}");
        body["version"].as_i64().unwrap()
    }

    /// How things stand.
    pub async fn snapshot(&self) -> Snapshot {
        serde_json::from_value(self.get("/v1/snapshot").await).unwrap()
    }

    /// A route as the window shows it.
    pub async fn route(&self, id: &str) -> RouteView {
        let tiers = self.snapshot().await.tiers;
        let found = tiers.into_iter().flat_map(|tier| tier.routes).find(|route| route.id.as_str() == id);
        found.unwrap_or_else(|| panic!("no route {id}"))
    }

    /// Waits until things stand so.
    pub async fn wait_for(&self, what: &str, ready: impl Fn(&Snapshot) -> bool) -> Snapshot {
        within(what, async {
            let mut look = tokio::time::interval(LOOK_EVERY);
            loop {
                look.tick().await;
                let snapshot = self.snapshot().await;
                if ready(&snapshot) {
                    return snapshot;
                }
            }
        })
        .await
    }

    /// Waits until a route is shown so.
    pub async fn wait_for_route(
        &self,
        what: &str,
        id: &str,
        ready: impl Fn(&RouteView) -> bool,
    ) -> RouteView {
        let is = |route: &&RouteView| route.id.as_str() == id && ready(route);
        let snapshot = self
            .wait_for(what, |snapshot| {
                snapshot.tiers.iter().flat_map(|tier| &tier.routes).any(|route| is(&route))
            })
            .await;
        snapshot.tiers.into_iter().flat_map(|tier| tier.routes).find(|route| is(&route)).unwrap()
    }

    /// The newest request of the log once it ended so.
    pub async fn wait_for_outcome(&self, outcome: Outcome) -> RequestView {
        let what = format!("a request logged as {}", outcome.as_str());
        let newest = |snapshot: &Snapshot| snapshot.requests.first().map(|request| request.outcome);
        let snapshot = self.wait_for(&what, |snapshot| newest(snapshot) == Some(outcome)).await;
        snapshot.requests.into_iter().next().unwrap()
    }

    /// The types of the events so far, oldest first.
    pub async fn event_types(&self) -> Vec<String> {
        let snapshot = self.get("/v1/snapshot").await;
        let events = snapshot["events"].as_array().unwrap().iter().rev();
        events.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    // -- an app --

    /// A request to the proxy with the local key, yet to be sent.
    pub fn request(&self, ask: &Ask) -> RequestBuilder {
        let mut request = self.http.post(format!("{}{}", self.proxy_url(), path(ask.dialect)));
        let named = |name: &str| ask.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        if ask.dialect == Dialect::Anthropic {
            if !named("anthropic-version") {
                request = request.header("anthropic-version", "2023-06-01");
            }
            if !named("x-api-key") && !named("x-switchyard-key") {
                request = request.header("x-api-key", &self.key);
            }
        } else if !named("authorization") && !named("x-switchyard-key") {
            request = request.bearer_auth(&self.key);
        }
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        request.json(&ask.body)
    }

    /// Sends a request and reads its answer to the end.
    pub async fn send(&self, ask: &Ask) -> Reply {
        within("an answer", async { read(self.request(ask).send().await.unwrap()).await }).await
    }

    /// Asks in the chat dialect.
    pub async fn chat(&self, prompt: &str) -> Reply {
        self.send(&Ask::chat(prompt)).await
    }

    /// Asks in the messages dialect.
    pub async fn messages(&self, prompt: &str) -> Reply {
        self.send(&Ask::messages(prompt)).await
    }

    /// Sends a body as it is to a path of the proxy.
    pub async fn raw(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        let mut request = self.http.post(format!("{}{path}", self.proxy_url())).body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        within("an answer", async { read(request.send().await.unwrap()).await }).await
    }

    /// `GET` on the proxy with these headers.
    pub async fn fetch(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.http.get(format!("{}{path}", self.proxy_url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        within("an answer", async { read(request.send().await.unwrap()).await }).await
    }

    /// Asks where a queued request stands, as the first app.
    pub async fn poll(&self, job: &str) -> Value {
        let bearer = format!("Bearer {}", self.key);
        let reply = self.fetch(&format!("/v1/switchyard/jobs/{job}"), &[("authorization", &bearer)]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// Polls until a queued request has reached this status.
    pub async fn wait_for_job(&self, job: &str, status: &str) -> Value {
        within(&format!("{job} to be {status}"), async {
            let mut look = tokio::time::interval(LOOK_EVERY);
            loop {
                look.tick().await;
                let polled = self.poll(job).await;
                if polled["status"] == status {
                    return polled;
                }
            }
        })
        .await
    }
}

/// Reads a response to its end, however that comes.
async fn read(response: Response) -> Reply {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let (mut body, mut whole) = (BytesMut::new(), true);
    let mut parts = response.bytes_stream();
    while let Some(part) = parts.next().await {
        match part {
            Ok(part) => body.extend_from_slice(&part),
            Err(_) => whole = false,
        }
    }
    Reply { status, headers, body: body.freeze(), whole }
}
