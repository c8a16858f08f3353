//! What a simulated provider saw: counters and the last requests, for tests to assert on and for the UI to
//! show. It holds no clock reading, so that two runs can be compared, and no whole key.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

/// Requests kept for each provider.
pub const LOG_LENGTH: usize = 1000;
/// Bytes kept of each request's body.
pub const BODY_KEPT: usize = 64 * 1024;

/// One request as the provider received it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SimReceived)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// Its number on this provider, from 1.
    pub seq: u64,
    /// The HTTP method.
    pub method: String,
    /// The path as sent.
    pub path: String,
    /// The model asked for.
    pub model: Option<String>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// `idempotency-key`, `user-agent`, `content-type`, `accept`, and every `x-` or `anthropic-` header;
    /// `authorization`, keys and tokens with all but the last four characters hidden. Names are lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, at most [`BODY_KEPT`] bytes of it, as text.
    #[schema(value_type = String)]
    #[serde(serialize_with = "as_text")]
    pub body: Bytes,
    /// The body's whole length in bytes.
    pub body_bytes: usize,
    /// The `type` of the fault it met.
    pub fault: Option<String>,
    /// The status it was answered with; absent while unanswered, reset or silent.
    pub status: Option<u16>,
    /// The answer was sent to its end, or broken off by the provider itself.
    pub ended: bool,
    /// The client went away before the answer's end.
    pub aborted: bool,
}

impl Received {
    /// The body as JSON; `null` if it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

fn as_text<S: serde::Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}

/// Counters of one provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SimTraffic)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Completions asked for, on any outcome.
    pub calls: u64,
    /// Everything else: models listings and unknown paths.
    pub probes: u64,
    /// Requests whose answer was sent to its end or broken off by the provider itself.
    pub ended: u64,
    /// Requests whose client went away first.
    pub aborted: u64,
    /// Requests being answered now.
    pub in_flight: u64,
    /// Connections accepted so far (own port only).
    pub connections: u64,
    /// Connections open now (own port only).
    pub open_connections: u64,
}

/// The last requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Log {
    seq: u64,
    entries: VecDeque<Received>,
}

impl Log {
    /// Writes a request down and gives it its number.
    pub(crate) fn add(&mut self, mut received: Received) -> u64 {
        self.seq += 1;
        received.seq = self.seq;
        if self.entries.len() == LOG_LENGTH {
            self.entries.pop_front();
        }
        self.entries.push_back(received);
        self.seq
    }

    /// Changes an entry, unless it has fallen out of the log.
    pub(crate) fn amend(&mut self, seq: u64, change: impl FnOnce(&mut Received)) {
        if let Ok(at) = self.entries.binary_search_by_key(&seq, |entry| entry.seq)
            && let Some(entry) = self.entries.get_mut(at)
        {
            change(entry);
        }
    }

    pub(crate) fn entries(&self) -> Vec<Received> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn forget(&mut self) {
        self.entries.clear();
    }
}

/// The headers worth keeping, keys hidden.
pub(crate) fn kept_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    for (name, value) in headers {
        let name = name.as_str();
        let value = String::from_utf8_lossy(value.as_bytes());
        let plain = ["idempotency-key", "user-agent", "content-type", "accept"].contains(&name)
            || name.starts_with("x-")
            || name.starts_with("anthropic-");
        if name == "authorization" || name.contains("api-key") || name.contains("token") {
            kept.insert(name.to_owned(), last_four(&value));
        } else if plain {
            kept.insert(name.to_owned(), value.into_owned());
        }
    }
    kept
}

fn last_four(secret: &str) -> String {
    let count = secret.chars().count();
    // A key of a few characters would be shown nearly whole.
    if count < 8 {
        return "***".to_owned();
    }
    let tail: String = secret.chars().skip(count - 4).collect();
    format!("***{tail}")
}
