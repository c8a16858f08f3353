//! The router as a person at this machine steers and watches it: the control API.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use switchyard_domain::view::{Outcome, RequestView, RouteView, Snapshot};

use super::{Yard, read};
use crate::within;

/// How often a snapshot is looked at while something is waited for.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Yard {
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
        within(what, self.until(ready)).await
    }

    /// The first snapshot that is so, however long it takes: the caller sets the limit.
    pub async fn until(&self, ready: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            look.tick().await;
            let snapshot = self.snapshot().await;
            if ready(&snapshot) {
                return snapshot;
            }
        }
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
}
