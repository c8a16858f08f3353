//! One classification for every failed attempt, used alike by the breaker, retries, probes and the ledger.
//!
//! | kind | source | condemns | next | breaker | cooldown |
//! | --- | --- | --- | --- | --- | --- |
//! | `dns` | local network | route | next route | counts | |
//! | `connect`, `connect_timeout`, `tls` | route | route | next route | counts | |
//! | `first_byte_timeout`, `first_token_timeout`, `idle_timeout` | route | route | next route | counts | |
//! | `reset`, `cut`, `empty_body`, `in_band_error` | route | route | retry here | counts | |
//! | `overloaded`, `server_error`, `upstream_timeout` | route | route | retry here | counts | |
//! | the three above, with Retry-After | route | route | next route | counts | Retry-After |
//! | `malformed`, `endpoint_not_found` | route | route | next route | counts | |
//! | `unreadable` | router | attempt | one other route | | |
//! | `html`, `redirect` | local network | route | next route | counts | |
//! | `rate_limited` | credential | key | next key | | Retry-After, else 5 s |
//! | `key_rejected` | credential | key | next key | | |
//! | `forbidden` | credential | key | next key | | 5 min, on this route |
//! | `unpaid` | account | account | next route | | |
//! | `credential_missing` | credential | nothing | next route | | |
//! | `model_not_found` | route | model | next route | | 60 s |
//! | `context_length`, `too_large` | client | nothing | next route | | |
//! | `not_translatable` | client | attempt | next route | | |
//! | `bad_request`, `content_filter` | client | nothing | answer | | |
//! | `client_aborted` | client | nothing | answer | | |
//! | `deadline_exceeded` (the time was up while the answer came) | route | attempt | next route | | |
//! | `no_route`, `paused`, `shed`, `all_off`, `internal` | router | attempt | next route | | |
//! | `offline` | local network | nothing | next route | | |
//!
//! Silence that ends a try counts for its route, whoever's limit it was: the route's own, its share of the request's
//! time, or the request's deadline.
//!
//! An answer that came and can't be read or translated says nothing of its route, and was paid for: one other route is
//! asked, since it may answer in other words, and then the caller hears of it. The same request would meet the same
//! answer again, so it never goes to the queue. What is no answer of the API's at all (noise, half an answer, a page,
//! another service's JSON) is not that: those count.
//!
//! A 429 never counts towards the breaker: its cooldown already keeps calls away, exactly as long as the target
//! asked. A name that does not resolve and a web page instead of an answer are laid to the local network (a blocked
//! domain, a captive portal), yet they count: until connectivity itself is judged, requests have to move away.

use switchyard_domain::{Failure, FailureKind};

/// A 429 without Retry-After cools its key this long, milliseconds.
pub const RATE_LIMIT_COOLDOWN_MS: u64 = 5_000;
/// No Retry-After is honoured longer, milliseconds.
pub const LONGEST_COOLDOWN_MS: u64 = 300_000;
/// A route whose model was not found is left alone this long, milliseconds.
pub const MODEL_COOLDOWN_MS: u64 = 60_000;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The caller's request.
    Client,
    /// The route's endpoint or model.
    Route,
    /// The key that was used.
    Credential,
    /// The account behind the key.
    Account,
    /// The network this machine is in.
    LocalNetwork,
    /// This router.
    Router,
}

/// What a failure condemns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condemns {
    /// Nothing: the target did as it should.
    Nothing,
    /// This attempt only.
    Attempt,
    /// The key that was used.
    Key,
    /// Every key of the provider.
    Account,
    /// The model on this route.
    Model,
    /// The route.
    Route,
}

/// What may still help the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Another try on the same route, after a jittered wait.
    RetryHere,
    /// Another key of the same route, else the next route.
    NextKey,
    /// The next route.
    NextRoute,
    /// One other route, and no more.
    OneOtherRoute,
    /// Nothing: the caller gets this failure now.
    Answer,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whose fault it is.
    pub source: Source,
    /// What it condemns.
    pub condemns: Condemns,
    /// What may still help the request.
    pub next: Next,
    /// Whether it counts towards the route's consecutive failures.
    pub counts_for_breaker: bool,
    /// How long the condemned target is not called, milliseconds.
    pub cooldown_ms: Option<u64>,
    /// Whether the provider itself may have seen the request. A cold attempt counts only then.
    pub reached_upstream: bool,
}

impl Verdict {
    const fn new(source: Source, condemns: Condemns, next: Next) -> Self {
        Self { source, condemns, next, counts_for_breaker: false, cooldown_ms: None, reached_upstream: true }
    }

    const fn counted(self) -> Self {
        Self { counts_for_breaker: true, ..self }
    }

    const fn unreached(self) -> Self {
        Self { reached_upstream: false, ..self }
    }

    const fn cooling(self, ms: u64) -> Self {
        Self { cooldown_ms: Some(ms), ..self }
    }

    /// Whether it says something about the target, and so belongs into its strip and error rate.
    #[must_use]
    pub const fn tells_of_target(&self) -> bool {
        match self.condemns {
            Condemns::Key | Condemns::Account | Condemns::Model | Condemns::Route => true,
            Condemns::Nothing | Condemns::Attempt => false,
        }
    }
}

/// What a failure means: whose fault it is, what it condemns, what may still help.
#[must_use]
pub fn classify(failure: &Failure) -> Verdict {
    use FailureKind as K;
    let retry_after = failure.retry_after_ms.filter(|ms| *ms > 0).map(|ms| ms.min(LONGEST_COOLDOWN_MS));
    match failure.kind {
        K::Dns | K::Html | K::Redirect => {
            Verdict::new(Source::LocalNetwork, Condemns::Route, Next::NextRoute).counted().unreached()
        }
        K::Connect | K::ConnectTimeout | K::Tls => {
            Verdict::new(Source::Route, Condemns::Route, Next::NextRoute).counted().unreached()
        }
        K::FirstByteTimeout | K::FirstTokenTimeout | K::IdleTimeout | K::Malformed | K::EndpointNotFound => {
            Verdict::new(Source::Route, Condemns::Route, Next::NextRoute).counted()
        }
        K::Unreadable => Verdict::new(Source::Router, Condemns::Attempt, Next::OneOtherRoute),
        K::Reset | K::Cut | K::EmptyBody | K::InBandError => {
            Verdict::new(Source::Route, Condemns::Route, Next::RetryHere).counted()
        }
        K::Overloaded | K::ServerError | K::UpstreamTimeout => match retry_after {
            Some(ms) => Verdict::new(Source::Route, Condemns::Route, Next::NextRoute).counted().cooling(ms),
            None => Verdict::new(Source::Route, Condemns::Route, Next::RetryHere).counted(),
        },
        K::RateLimited => Verdict::new(Source::Credential, Condemns::Key, Next::NextKey)
            .cooling(retry_after.unwrap_or(RATE_LIMIT_COOLDOWN_MS)),
        K::KeyRejected => Verdict::new(Source::Credential, Condemns::Key, Next::NextKey),
        K::Forbidden => {
            Verdict::new(Source::Credential, Condemns::Key, Next::NextKey).cooling(LONGEST_COOLDOWN_MS)
        }
        K::Unpaid => Verdict::new(Source::Account, Condemns::Account, Next::NextRoute),
        K::CredentialMissing => {
            Verdict::new(Source::Credential, Condemns::Nothing, Next::NextRoute).unreached()
        }
        K::ModelNotFound => {
            Verdict::new(Source::Route, Condemns::Model, Next::NextRoute).cooling(MODEL_COOLDOWN_MS)
        }
        K::ContextLength | K::TooLarge => Verdict::new(Source::Client, Condemns::Nothing, Next::NextRoute),
        K::NotTranslatable => Verdict::new(Source::Client, Condemns::Attempt, Next::NextRoute).unreached(),
        K::BadRequest | K::ContentFilter => Verdict::new(Source::Client, Condemns::Nothing, Next::Answer),
        K::ClientAborted => Verdict::new(Source::Client, Condemns::Nothing, Next::Answer).unreached(),
        K::DeadlineExceeded => Verdict::new(Source::Route, Condemns::Attempt, Next::NextRoute),
        K::Offline => Verdict::new(Source::LocalNetwork, Condemns::Nothing, Next::NextRoute).unreached(),
        K::NoRoute | K::Paused | K::BudgetExhausted | K::Shed | K::AllOff | K::Internal => {
            Verdict::new(Source::Router, Condemns::Attempt, Next::NextRoute).unreached()
        }
    }
}
