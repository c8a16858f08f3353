//! The names of headers that are not the HTTP library's own, made once: a name that is given as text is read, lowered and
//! hashed anew at each look.

use http::HeaderName;

/// Declares them.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        $($(#[$doc])* pub(crate) static $name: HeaderName = HeaderName::from_static($text);)+
    };
}

names! {
    // What callers say to Switchyard.
    /// A local key, where `Authorization` carries the caller's own upstream key.
    KEY = "x-switchyard-key";
    JOB = "x-switchyard-job";
    /// A conversation's name, for callers whose dialect has none.
    CONVERSATION = "x-switchyard-conversation";
    INTERACTIVE = "x-switchyard-interactive";
    PRIORITY = "x-switchyard-priority";
    IDEMPOTENCY_KEY = "idempotency-key";
    // Where keys are presented.
    X_API_KEY = "x-api-key";
    API_KEY = "api-key";
    /// Google's clients'.
    GOOG_API_KEY = "x-goog-api-key";
    // What browsers and SDKs say of themselves.
    SEC_FETCH_SITE = "sec-fetch-site";
    STAINLESS_RETRY_COUNT = "x-stainless-retry-count";
    ANTHROPIC_VERSION = "anthropic-version";
    // What callers are told. The official SDKs show a request's id from one of the first two.
    REQUEST_ID = "request-id";
    X_REQUEST_ID = "x-request-id";
    SHOULD_RETRY = "x-should-retry";
    SWITCHYARD_REQUEST_ID = "x-switchyard-request-id";
    ROUTE = "x-switchyard-route";
    TIER = "x-switchyard-tier";
    ATTEMPTS = "x-switchyard-attempts";
    DEGRADED = "x-switchyard-degraded";
    DEGRADATIONS = "x-switchyard-degradations";
    /// US dollars, as a decimal number.
    COST = "x-switchyard-cost";
    MODEL_ASKED = "x-switchyard-model-asked";
}
