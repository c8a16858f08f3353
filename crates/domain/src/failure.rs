//! Why an attempt did not end in an answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One failed attempt, as it was seen on the wire. `policy::classify` says whose fault it is and what it condemns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What was seen.
    pub kind: FailureKind,
    /// The upstream's HTTP status, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The upstream's own error code (`context_length_exceeded`), where it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The request's field the upstream blames (`messages[0].content`), where it named one. Told to the caller, not
    /// logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// The reason in the upstream's words, bounded and without keys; else ours.
    pub message: String,
    /// How long the target asked not to be called, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The upstream's error with all its members, JSON without keys. Told to callers of its dialect, neither logged nor
    /// kept.
    #[serde(skip)]
    pub verbatim: Option<String>,
}

/// What was seen of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The host name did not resolve.
    Dns,
    /// No TCP connection: refused, unreachable.
    Connect,
    /// No TCP connection within the connect timeout.
    ConnectTimeout,
    /// The TLS handshake failed.
    Tls,
    /// Connected, but no response head within the first-byte timeout.
    FirstByteTimeout,
    /// A response head, but no meaningful byte within the first-token timeout.
    FirstTokenTimeout,
    /// The stream stopped for longer than the idle timeout.
    IdleTimeout,
    /// The request's own deadline (SLO) ended the attempt.
    DeadlineExceeded,
    /// The connection was reset or closed before a response head.
    Reset,
    /// The body or stream ended before it was complete.
    Cut,
    /// Something else than an answer: not JSON, or JSON of another kind than the API's.
    Malformed,
    /// An answer of the API's that this router can't read or translate. The provider did its part.
    Unreadable,
    /// A success status without a body.
    EmptyBody,
    /// A web page instead of an answer: a captive portal, a proxy, a wrong base URL.
    Html,
    /// A redirect instead of an answer.
    Redirect,
    /// An error inside a success status or inside a stream.
    InBandError,
    /// 429: this key asked too often.
    RateLimited,
    /// 503 or 529: the provider says it is overloaded.
    Overloaded,
    /// Any other 5xx.
    ServerError,
    /// 408: the upstream gave up waiting.
    UpstreamTimeout,
    /// 401: the key is not accepted.
    KeyRejected,
    /// 403: the key may not do this.
    Forbidden,
    /// 402 or a quota error: the account is not paid.
    Unpaid,
    /// No usable credential for the route.
    CredentialMissing,
    /// 404 for the model, or a model the account can't use.
    ModelNotFound,
    /// 404 or 405 for the endpoint: the base URL or dialect is wrong.
    EndpointNotFound,
    /// 400 or 422: the request itself is refused.
    BadRequest,
    /// The prompt is longer than this model's context window.
    ContextLength,
    /// 413: the request is larger than the upstream takes.
    TooLarge,
    /// The provider's content filter refused the request.
    ContentFilter,
    /// The request can't be carried over to this route's dialect.
    NotTranslatable,
    /// The caller hung up.
    ClientAborted,
    /// Nothing was tried: every route is out of use, stopped, cooling down or without a key.
    NoRoute,
    /// Nothing was tried: new work is paused.
    Paused,
    /// Nothing was sent: what it may cost does not fit into a budget.
    BudgetExhausted,
    /// Nothing was tried: work of its priority gives way for now.
    Shed,
    /// Nothing was tried: the all-off switch is thrown.
    AllOff,
    /// Nothing was tried: this machine's network is down.
    Offline,
    /// A fault of this router.
    Internal,
}

impl FailureKind {
    /// The stable code, as in logs and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::FirstTokenTimeout => "first_token_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Reset => "reset",
            Self::Cut => "cut",
            Self::Malformed => "malformed",
            Self::Unreadable => "unreadable",
            Self::EmptyBody => "empty_body",
            Self::Html => "html",
            Self::Redirect => "redirect",
            Self::InBandError => "in_band_error",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server_error",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::KeyRejected => "key_rejected",
            Self::Forbidden => "forbidden",
            Self::Unpaid => "unpaid",
            Self::CredentialMissing => "credential_missing",
            Self::ModelNotFound => "model_not_found",
            Self::EndpointNotFound => "endpoint_not_found",
            Self::BadRequest => "bad_request",
            Self::ContextLength => "context_length",
            Self::TooLarge => "too_large",
            Self::ContentFilter => "content_filter",
            Self::NotTranslatable => "not_translatable",
            Self::ClientAborted => "client_aborted",
            Self::NoRoute => "no_route",
            Self::Paused => "paused",
            Self::BudgetExhausted => "budget_exhausted",
            Self::Shed => "shed",
            Self::AllOff => "all_off",
            Self::Offline => "offline",
            Self::Internal => "internal",
        }
    }

    /// What happened, in a few plain words ("timed out before the first byte"), for sentences and lamps.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Dns => "name not found",
            Self::Connect => "connection refused",
            Self::ConnectTimeout => "no connection",
            Self::Tls => "TLS failed",
            Self::FirstByteTimeout => "silent",
            Self::FirstTokenTimeout => "no first token",
            Self::IdleTimeout => "stream stalled",
            Self::DeadlineExceeded => "too slow",
            Self::Reset => "connection reset",
            Self::Cut => "answer cut off",
            Self::Malformed => "not an answer",
            Self::Unreadable => "unreadable answer",
            Self::EmptyBody => "empty answer",
            Self::Html => "web page instead of an answer",
            Self::Redirect => "redirected",
            Self::InBandError => "error in the answer",
            Self::RateLimited => "rate limited",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server error",
            Self::UpstreamTimeout => "gave up waiting",
            Self::KeyRejected => "key not accepted",
            Self::Forbidden => "not allowed",
            Self::Unpaid => "account unpaid",
            Self::CredentialMissing => "no key",
            Self::ModelNotFound => "model not found",
            Self::EndpointNotFound => "endpoint not found",
            Self::BadRequest => "request refused",
            Self::ContextLength => "prompt too long",
            Self::TooLarge => "request too large",
            Self::ContentFilter => "content filter",
            Self::NotTranslatable => "not translatable",
            Self::ClientAborted => "caller hung up",
            Self::NoRoute => "no route available",
            Self::Paused => "paused",
            Self::BudgetExhausted => "no budget left",
            Self::Shed => "gave way",
            Self::AllOff => "switched off",
            Self::Offline => "network down",
            Self::Internal => "router fault",
        }
    }
}

impl Failure {
    /// A failure without an upstream status.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            code: None,
            param: None,
            message: message.into(),
            retry_after_ms: None,
            verbatim: None,
        }
    }

    /// A few words with the status: `529 overloaded`, `silent`.
    #[must_use]
    pub fn short(&self) -> String {
        match self.status {
            Some(status) if status >= 400 => format!("{status} {}", self.kind.words()),
            Some(_) | None => self.kind.words().to_owned(),
        }
    }
}
