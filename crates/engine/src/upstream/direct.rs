//! The short way to a model server on this machine: plain HTTP, no proxy between, no redirect to follow.
//!
//! Such a server (Ollama, LM Studio, vLLM) is never behind the system's proxy, so the layers that look for one,
//! and for TLS, are left out: they are a fifth of what a call costs this process.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::{Host, Url};

use super::pool::{POOL_IDLE, TCP_KEEPALIVE};

/// Connections to this machine's servers. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Direct {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_keepalive(Some(TCP_KEEPALIVE));
        connector.set_connect_timeout(Some(connect_timeout));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .build(connector);
        Self { client }
    }

    pub(super) async fn post(
        &self,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<reqwest::Body>, Error> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(self.client.request(request).await?.map(reqwest::Body::wrap))
    }
}

/// The address to ask directly, where the endpoint is one of this machine's.
pub(super) fn uri_of(endpoint: &Url) -> Option<Uri> {
    let is_here = match endpoint.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    // A name and password in the address are for the other client to turn into a header.
    let is_plain =
        endpoint.scheme() == "http" && endpoint.username().is_empty() && endpoint.password().is_none();
    (is_here && is_plain).then(|| endpoint.as_str().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_on_this_machine_is_asked_directly() {
        let cases = [
            ("http://127.0.0.1:11434/v1/chat/completions", true),
            ("http://localhost:1234/v1/chat/completions", true),
            ("http://[::1]:8000/v1/messages", true),
            ("https://localhost:1234/v1/chat/completions", false),
            ("http://192.168.1.20:11434/v1/chat/completions", false),
            ("http://localhost.example/v1/chat/completions", false),
            ("http://me:secret@localhost:1234/v1/chat/completions", false),
        ];
        for (url, expected) in cases {
            assert_eq!(uri_of(&url.parse().unwrap()).is_some(), expected, "{url}");
        }
    }
}
