//! The control API as the CLI and an attached window use it: found through the data directory, typed, with
//! errors a person can act on.

mod calls;
mod incidents;
mod snapshots;

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{Method, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use switchyard_domain::Problem;

use crate::body::ACTOR;
use crate::discovery::{ControlToken, Proven, not_running, prove};

pub use snapshots::Snapshots;

const CONNECT: Duration = Duration::from_secs(3);
/// A test request may use its whole deadline, and more in a map with a generous one.
const ANSWER: Duration = Duration::from_secs(180);
/// A compatibility check may use a minute for each of its cases.
const CHECK: Duration = Duration::from_secs(660);

/// Talks to one running router's control API.
#[derive(Clone, Debug)]
pub struct ControlClient {
    http: reqwest::Client,
    url: String,
    token: ControlToken,
    actor: &'static str,
    /// The data directory by which the router is proven before each request; absent where its address was given.
    data_dir: Option<PathBuf>,
    /// What to say when nobody answers.
    silent: String,
}

impl ControlClient {
    /// The router of a data directory. Before each request it is proven anew that this router runs and holds its
    /// socket, so that neither the token nor a key goes to anybody else.
    ///
    /// # Errors
    /// `router_not_running`: none runs there; `data_dir_unsafe`, `router_file_unsafe`, `router_not_proven`: what says
    /// that one does can't be trusted.
    pub fn of(data_dir: &Path, actor: &'static str) -> Result<Self, Problem> {
        let Proven { control_url, token } = prove(data_dir)?;
        let mut client = Self::at(&control_url, token, actor)?;
        client.data_dir = Some(data_dir.to_owned());
        client.silent = not_running(data_dir);
        Ok(client)
    }

    /// A router at an address: `http://127.0.0.1:4311`. `actor` (`cli` or `window`) names us in its audit log.
    ///
    /// # Errors
    /// `internal`: no HTTP client can be made.
    pub fn at(url: &str, token: ControlToken, actor: &'static str) -> Result<Self, Problem> {
        // A proxy from the environment would be handed the token.
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Problem::new("internal", format!("No HTTP client can be made: {error}.")))?;
        let url = url.trim_end_matches('/').to_owned();
        let silent = format!("No router answers at {url}. Check the address, and that it runs.");
        Ok(Self { http, url, token, actor, data_dir: None, silent })
    }

    /// Where the control API listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Passes a request on as it is, like [`crate::Control::handle`]: the status and the body.
    ///
    /// # Errors
    /// `invalid_request`: a path that does not begin with `/`; `router_not_running`: nobody answers;
    /// `router_silent`: the answer broke off or took too long; and those of [`ControlClient::of`].
    pub async fn handle(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), Problem> {
        self.handle_within(ANSWER, method, path, body).await
    }

    async fn handle_within(
        &self,
        patience: Duration,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), Problem> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Problem::new("invalid_request", format!("`{method}` is not an HTTP method.")))?;
        let mut request = self.request(method, path)?.timeout(patience);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.lost(&error))?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(|error| self.lost(&error))?;
        if bytes.is_empty() {
            return Ok((status, Value::Null));
        }
        let body = serde_json::from_slice(&bytes).map_err(|_| {
            let message =
                format!("{} does not answer like a Switchyard router. Check the address.", self.url);
            Problem::new("not_a_router", message)
        })?;
        Ok((status, body))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, Problem> {
        self.call_within(ANSWER, method, path, body).await
    }

    async fn call_within<T: DeserializeOwned>(
        &self,
        patience: Duration,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, Problem> {
        let (status, answer) = self.handle_within(patience, method, path, body).await?;
        if status >= 400 {
            return Err(serde_json::from_value(answer).unwrap_or_else(|_| {
                Problem::new("not_a_router", format!("{} answered {status} without a reason.", self.url))
            }));
        }
        serde_json::from_value(answer).map_err(|error| {
            let message = format!(
                "The router is of another version: its answer to {method} {path} is not understood ({error})."
            );
            Problem::new("version_mismatch", message)
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.call("GET", path, None).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Problem> {
        let body = serde_json::to_value(body).map_err(|error| Problem::new("internal", error.to_string()))?;
        self.call(method, path, Some(body)).await
    }

    /// A request with the token in it: only to a router that is proven, and only below its address.
    fn request(&self, method: Method, path: &str) -> Result<reqwest::RequestBuilder, Problem> {
        // `@elsewhere/` would make a user name of our address, and `.elsewhere/` a part of another host's name.
        if !path.starts_with('/') {
            let message = format!("`{}` is not a path: it begins with `/`.", path.escape_debug());
            return Err(Problem::new("invalid_request", message));
        }
        if let Some(data_dir) = &self.data_dir {
            let now = prove(data_dir)?;
            if now.control_url != self.url || now.token != self.token {
                let message = "The router was started anew meanwhile. Ask again.";
                return Err(Problem::new("router_not_running", message));
            }
        }
        Ok(self
            .http
            .request(method, format!("{}{path}", self.url))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(ACTOR, self.actor))
    }

    fn lost(&self, error: &reqwest::Error) -> Problem {
        if error.is_connect() {
            return Problem::new("router_not_running", self.silent.clone());
        }
        let message = format!("The router at {} stopped answering. See its log, then try again.", self.url);
        Problem::new("router_silent", message)
    }
}
