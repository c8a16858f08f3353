//! The envelope of a request: who asks, in which dialect, for what. The body stays as it came.

mod conversation;
pub(crate) mod forwarded;
mod resume;
mod sdk;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use switchyard_domain::limits::{NAME_BYTES, quoted};
use switchyard_domain::map::{Job, Priority, RouteIx, RoutingMap};
use switchyard_domain::nearest::did_you_mean;
use switchyard_domain::view::RequestView;
use switchyard_domain::{Dialect, Now, Operation, RequestId};
use switchyard_policy::shed;
use switchyard_store::SpendKind;
use switchyard_wire::{Envelope, ErrorReply};
use xxhash_rust::xxh3::Xxh3;

use crate::core::blocking;
use crate::core::clock;
use crate::core::ids::{self, OWN_CLIENT};
use crate::walk::admission::Place;
use crate::walk::header_names;

pub(crate) use resume::Resume;

/// An error names so many of a map's jobs at most.
const MOST_NAMED: usize = 20;

/// Says that the map has no such job, and which it has.
pub(crate) fn no_such_job(map: &RoutingMap, name: &str) -> String {
    let known: Vec<&str> = map.jobs.keys().map(String::as_str).take(MOST_NAMED).collect();
    if known.is_empty() {
        return format!(
            "The map has no job `{name}`, nor any other. Leave the job out, or add it to the map's `jobs`."
        );
    }
    format!("The map has no job `{name}`. Jobs: {}.", known.join(", "))
}

/// Says that no route serves a model, and which one may be meant.
fn no_such_model(map: &RoutingMap, model: &str) -> String {
    let names = map.model_names();
    let meant = did_you_mean(model, names.iter().map(String::as_str));
    format!(
        "No route serves a model `{model}`.{meant} GET /v1/models lists them; `auto` takes the map's order."
    )
}

/// The caller's own upstream key.
#[derive(Clone, Debug)]
pub(crate) struct OwnKey {
    /// `Authorization`, `x-api-key` or `x-goog-api-key`, as it came; marked sensitive.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct ProxyRequest {
    pub(crate) id: RequestId,
    pub(crate) client: Arc<str>,
    /// Whose jobs and answers are its own: the name may be given to another app.
    pub(crate) client_id: Arc<str>,
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
    /// What its cost counts as.
    pub(crate) spend: SpendKind,
    /// Routes to be asked last.
    pub(crate) avoid: Vec<RouteIx>,
    /// The stream that broke off and is to be continued.
    pub(crate) resume: Option<Arc<Resume>>,
    /// Its place among the requests under way, given back when nothing needs the request any more.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) place: Option<Arc<Place>>,
}

/// What a request brings besides its body.
#[derive(Debug)]
pub(crate) struct RequestParts {
    pub(crate) id: RequestId,
    pub(crate) client: Arc<str>,
    pub(crate) client_id: Arc<str>,
    pub(crate) own_upstream_key: bool,
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    /// What its cost counts as.
    pub(crate) spend: SpendKind,
    pub(crate) headers: HeaderMap,
    pub(crate) arrived: Now,
    /// None of a request that is made here.
    pub(crate) place: Option<Arc<Place>>,
}

impl RequestParts {
    /// A chat completion that the router itself asks for, to look at a route.
    pub(crate) fn own(headers: HeaderMap) -> Self {
        Self {
            id: ids::request(),
            client: Arc::from(OWN_CLIENT),
            client_id: Arc::from(OWN_CLIENT),
            own_upstream_key: false,
            dialect: Dialect::OpenAiChat,
            operation: Operation::Complete,
            spend: SpendKind::Check,
            headers,
            arrived: clock::now(),
            place: None,
        }
    }
}

impl ProxyRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// The reply for a body or a header that names nothing we can route.
    pub(crate) fn read(
        arrival: RequestParts,
        body: Bytes,
        map: &RoutingMap,
    ) -> Result<Self, Box<ErrorReply>> {
        let RequestParts {
            id,
            client,
            client_id,
            own_upstream_key,
            dialect,
            operation,
            spend,
            headers,
            arrived,
            place,
        } = arrival;
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
        for name in [&header_names::JOB, &header_names::IDEMPOTENCY_KEY, &header_names::CONVERSATION] {
            let length = headers.get(name).map_or(0, HeaderValue::len);
            if length > NAME_BYTES {
                let message = format!("{name}: is {length} bytes long; at most {NAME_BYTES} are taken");
                return Err(refuse("name_too_long", Some(name.to_string()), message));
            }
        }
        let envelope = blocking::run(body.len(), || Envelope::read(dialect, operation, &body))
            .map_err(|error| refuse("invalid_body", error.field.clone(), error.to_string()))?;
        let named = text(&headers, &header_names::JOB);
        let job = map.job_for(named.as_deref(), &client, &envelope.model).map_err(|name| {
            refuse("unknown_job", Some("x-switchyard-job".to_owned()), no_such_job(map, &name))
        })?;
        let job = Arc::clone(job);
        if map.flags.strict_models && !map.knows_model(&client, &envelope.model) {
            return Err(Box::new(ErrorReply {
                status: 404,
                kind: String::new(),
                code: Some("model_not_found".to_owned()),
                message: no_such_model(map, &envelope.model),
                param: Some("model".to_owned()),
                request_id: Some(id.as_str().to_owned()),
            }));
        }
        let idempotency_key =
            text(&headers, &header_names::IDEMPOTENCY_KEY).or_else(|| envelope.idempotency_key.clone());
        let interactive =
            text(&headers, &header_names::INTERACTIVE).map(|said| !said.eq_ignore_ascii_case("false"));
        let is_sdk = sdk::is_sdk(&headers);
        let said = text(&headers, &header_names::PRIORITY).map(|said| {
            Priority::parse(&said.to_lowercase()).ok_or_else(|| {
                let said = quoted(&said, NAME_BYTES);
                let message = format!("`{said}` is no priority. Send low, normal or high.");
                refuse("invalid_priority", Some("x-switchyard-priority".to_owned()), message)
            })
        });
        let priority = shed::priority(&job, said.transpose()?, map.clients.get(&*client));
        let asks_again = text(&headers, &header_names::STAINLESS_RETRY_COUNT).is_some_and(|n| n != "0");
        let own_key = own_upstream_key.then(|| OwnKey { headers: own_key_headers(&headers) });
        let upstream_idempotency_key =
            upstream_key(idempotency_key.as_deref(), &client, &job, &envelope, &body);
        let named = text(&headers, &header_names::CONVERSATION);
        let conversation = conversation::key(job.sticky, &client, named.as_deref(), &envelope);
        let headers = forwarded::kept(headers, map);
        Ok(Self {
            id,
            client,
            client_id,
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
            spend,
            avoid: Vec::new(),
            resume: None,
            place,
        })
    }

    /// What stands for its app and what it asks: the same request again has the same.
    pub(crate) fn mark(&self) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(self.client_id.as_bytes());
        hash.update(&[0]);
        hash.update(self.upstream_idempotency_key.as_bytes());
        hash.digest()
    }

    /// Stands for what is asked, whoever asks: an idempotency key that comes again must come with the same.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hash = Xxh3::new();
        for part in [self.dialect.as_str(), self.operation.as_str()] {
            hash.update(part.as_bytes());
            hash.update(&[0]);
        }
        hash.update(&self.body);
        format!("{:032x}", hash.digest128())
    }

    /// The log entry, to be filled in at its end.
    pub(crate) fn view(&self) -> RequestView {
        RequestView {
            job: self.job.name.clone(),
            model: self.envelope.model.clone(),
            stream: self.envelope.stream,
            attempts: Vec::with_capacity(1),
            ..RequestView::unread(self.id.clone(), self.arrived, &self.client, self.dialect)
        }
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|v| !v.is_empty())
        .map(str::to_owned)
}

fn own_key_headers(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    [&header::AUTHORIZATION, &header_names::X_API_KEY, &header_names::GOOG_API_KEY]
        .into_iter()
        .filter_map(|name| {
            let mut value = headers.get(name)?.clone();
            value.set_sensitive(true);
            Some((name.clone(), value))
        })
        .collect()
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
