//! The envelope of a request: who asks, in which dialect, for what. The body stays as it came.

mod conversation;
mod sdk;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use switchyard_domain::map::{Job, Priority, RouteIx, RoutingMap};
use switchyard_domain::view::{Outcome, RequestView};
use switchyard_domain::{Dialect, Now, Operation, RequestId};
use switchyard_policy::shed;
use switchyard_wire::{Envelope, ErrorReply};
use xxhash_rust::xxh3::Xxh3;

use crate::local_keys::KEY_HEADER;
use crate::rescue::Resume;

/// The caller's own upstream key.
#[derive(Clone, Debug)]
pub(crate) struct OwnKey {
    /// `Authorization` or `x-api-key`, as it came; marked sensitive.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) id: RequestId,
    pub(crate) client: Arc<str>,
    pub(crate) job: Arc<Job>,
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    pub(crate) envelope: Envelope,
    pub(crate) body: Bytes,
    /// The caller's headers that may go upstream.
    pub(crate) headers: HeaderMap,
    pub(crate) own_key: Option<OwnKey>,
    /// Whether a person waits for the answer, where the request says so itself.
    pub(crate) interactive: Option<bool>,
    /// Its caller is an SDK, which reads any 2xx as a completion.
    pub(crate) is_sdk: bool,
    /// The caller's own key against asking twice.
    pub(crate) idempotency_key: Option<String>,
    /// What the upstream is told: the caller's, else a hash of client, user, job and input.
    pub(crate) upstream_idempotency_key: HeaderValue,
    /// What its conversation is dealt by where traffic is split.
    pub(crate) conversation: Option<u64>,
    pub(crate) arrived: Now,
    /// How much it matters when not everything can be served.
    pub(crate) priority: Priority,
    /// Its SDK says that it asks again.
    pub(crate) asks_again: bool,
    /// Routes to be asked last.
    pub(crate) avoid: Vec<RouteIx>,
    /// The stream that broke off and is to be continued.
    pub(crate) resume: Option<Arc<Resume>>,
}

/// What a request brings besides its body.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) id: RequestId,
    pub(crate) client: Arc<str>,
    pub(crate) own_upstream_key: bool,
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    pub(crate) headers: HeaderMap,
    pub(crate) arrived: Now,
}

impl Ask {
    /// Reads a request.
    ///
    /// # Errors
    /// The reply for a body or a header that names nothing we can route.
    pub(crate) fn read(arrival: Arrival, body: Bytes, map: &RoutingMap) -> Result<Self, Box<ErrorReply>> {
        let Arrival { id, client, own_upstream_key, dialect, operation, mut headers, arrived } = arrival;
        let refuse = |code: &str, param: Option<String>, message: String| {
            Box::new(ErrorReply {
                status: 400,
                kind: "invalid_request_error".to_owned(),
                code: Some(code.to_owned()),
                message,
                param,
                request_id: Some(id.as_str().to_owned()),
            })
        };
        let envelope = Envelope::read(dialect, operation, &body)
            .map_err(|error| refuse("invalid_body", error.field.clone(), error.to_string()))?;
        let named = text(&headers, "x-switchyard-job");
        let job = map.job_for(named.as_deref(), &client, &envelope.model).map_err(|name| {
            let known: Vec<&str> = map.jobs.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "The map has none".to_owned() } else { known.join(", ") };
            let message = format!("The map has no job `{name}`. Jobs: {known}.");
            refuse("unknown_job", Some("x-switchyard-job".to_owned()), message)
        })?;
        let job = Arc::clone(job);
        let idempotency_key = text(&headers, "idempotency-key").or_else(|| envelope.idempotency_key.clone());
        let interactive =
            text(&headers, "x-switchyard-interactive").map(|said| !said.eq_ignore_ascii_case("false"));
        let is_sdk = sdk::is_sdk(&headers);
        let said = text(&headers, "x-switchyard-priority").map(|said| {
            Priority::parse(&said.to_lowercase()).ok_or_else(|| {
                let message = format!("`{said}` is no priority. Send low, normal or high.");
                refuse("invalid_priority", Some("x-switchyard-priority".to_owned()), message)
            })
        });
        let priority = shed::priority(&job, said.transpose()?, map.clients.get(&*client));
        let asks_again = text(&headers, "x-stainless-retry-count").is_some_and(|n| n != "0");
        let own_key = own_upstream_key.then(|| OwnKey { headers: own_key_headers(&headers) });
        let upstream_idempotency_key =
            upstream_key(idempotency_key.as_deref(), &client, &job, &envelope, &body);
        let named = text(&headers, conversation::HEADER);
        let conversation = conversation::key(job.sticky, &client, named.as_deref(), &envelope);
        keep_forwardable(&mut headers);
        Ok(Self {
            id,
            client,
            job,
            dialect,
            operation,
            envelope,
            body,
            headers,
            own_key,
            interactive,
            is_sdk,
            idempotency_key,
            upstream_idempotency_key,
            conversation,
            arrived,
            priority,
            asks_again,
            avoid: Vec::new(),
            resume: None,
        })
    }

    /// What stands for its app and what it asks: the same request again has the same.
    pub(crate) fn mark(&self) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(self.client.as_bytes());
        hash.update(&[0]);
        hash.update(self.upstream_idempotency_key.as_bytes());
        hash.digest()
    }

    /// The log entry, to be filled in at its end.
    pub(crate) fn view(&self) -> RequestView {
        RequestView {
            id: self.id.clone(),
            at_ms: self.arrived.wall_ms,
            client: self.client.to_string(),
            job: self.job.name.clone(),
            dialect: self.dialect,
            model: self.envelope.model.clone(),
            stream: self.envelope.stream,
            outcome: Outcome::Failed,
            status: 0,
            route: None,
            tier: None,
            degraded: false,
            duration_ms: 0,
            first_token_ms: None,
            input_tokens: None,
            cached_tokens: None,
            output_tokens: None,
            degradations: Vec::new(),
            rescues: 0,
            attempts: Vec::with_capacity(1),
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|v| !v.is_empty())
        .map(str::to_owned)
}

fn own_key_headers(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    [header::AUTHORIZATION, HeaderName::from_static("x-api-key")]
        .into_iter()
        .filter_map(|name| {
            let mut value = headers.get(&name)?.clone();
            value.set_sensitive(true);
            Some((name, value))
        })
        .collect()
}

/// Takes out what belongs to the caller's connection, to its local key, or to this router.
pub(crate) fn keep_forwardable(headers: &mut HeaderMap) {
    // Whatever `Connection` names belongs to the connection too (RFC 9110, 7.6.1).
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        header::AUTHORIZATION,
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::ACCEPT_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::EXPECT,
        header::COOKIE,
        header::ORIGIN,
        header::REFERER,
        header::PROXY_AUTHORIZATION,
        header::FORWARDED,
    ] {
        headers.remove(name);
    }
    for name in [
        "x-api-key",
        KEY_HEADER,
        "keep-alive",
        "proxy-connection",
        "x-switchyard-job",
        "x-switchyard-interactive",
    ] {
        headers.remove(name);
    }
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            name.as_str().starts_with("x-switchyard-") || name.as_str().starts_with("x-forwarded-")
        })
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

fn upstream_key(own: Option<&str>, client: &str, job: &Job, envelope: &Envelope, body: &[u8]) -> HeaderValue {
    if let Some(value) = own.and_then(|own| HeaderValue::from_str(own).ok()) {
        return value;
    }
    let mut hash = Xxh3::new();
    for part in [client, &job.name, envelope.user.as_deref().unwrap_or_default()] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    hash.update(body);
    // Hexadecimal digits are always a header value.
    HeaderValue::from_str(&format!("sy-{:032x}", hash.digest128())).unwrap_or(HeaderValue::from_static("sy"))
}
