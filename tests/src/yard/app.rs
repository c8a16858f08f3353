//! The router as an app meets it: the proxy, with a local key.

use bytes::Bytes;
use reqwest::RequestBuilder;
use serde_json::Value;
use switchyard_sim::Dialect;
use tokio::sync::watch;

use super::steer::LOOK_EVERY;
use super::{Yard, read, read_telling};
use crate::ask::{Ask, path};
use crate::reply::Reply;
use crate::within;

impl Yard {
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

    /// The same; does something beside it once as much of the body has come as `ready` wants.
    ///
    /// # Panics
    /// When so much never comes, or the answer does not end.
    pub async fn send_and_once(
        &self,
        ask: &Ask,
        ready: impl Fn(&[u8]) -> bool,
        then: impl Future<Output = ()>,
    ) -> Reply {
        let (said, mut heard) = watch::channel(false);
        let read = async move {
            let response = self.request(ask).send().await.unwrap();
            read_telling(response, |so_far| _ = said.send_replace(ready(so_far))).await
        };
        let then = async move {
            heard.wait_for(|is_ready| *is_ready).await.unwrap();
            then.await;
        };
        within("an answer", async { tokio::join!(read, then).0 }).await
    }

    /// Asks in the chat dialect.
    pub async fn chat(&self, prompt: &str) -> Reply {
        self.send(&Ask::chat(prompt)).await
    }

    /// Asks in the messages dialect.
    pub async fn messages(&self, prompt: &str) -> Reply {
        self.send(&Ask::messages(prompt)).await
    }

    /// Sends JSON to a path of the proxy, with the local key.
    pub async fn call(&self, path: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {}", self.key);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.raw(path, &headers, body.to_string()).await
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
