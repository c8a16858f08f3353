//! What an upstream's error means, whoever wrote it.
//!
//! Sources: OpenAI "Error codes", Anthropic "Errors", Google "Gemini API troubleshooting", DeepSeek "Error
//! codes", and the messages these APIs are known to send.

use super::UpstreamError;

/// The cause behind an error reply. What to do about it is policy's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// The conversation is longer than this model takes.
    ContextLength,
    /// The provider's safety system refused the prompt or the answer.
    ContentFilter,
    /// The account is out of credit or quota that only money restores.
    Billing,
    /// The provider has no capacity right now.
    Overloaded,
    /// Too many requests or tokens per minute.
    RateLimited,
    /// The key is missing, wrong or revoked.
    InvalidKey,
    /// The key is good, but not for this.
    Permission,
    /// The route's model does not exist here, or not for this account.
    ModelNotFound,
    /// There is nothing at this address: most likely a wrong base URL.
    NotFound,
    /// The request is larger than the provider takes.
    TooLarge,
    /// The provider gave up waiting.
    Timeout,
    /// The provider found fault with the request itself.
    BadRequest,
    /// The provider failed.
    Server,
    /// A web page instead of an API's answer: a captive portal, or a wrong address.
    NotAnApi,
    /// None of these.
    Unknown,
}

const CONTEXT_LENGTH: [&str; 9] = [
    "context_length_exceeded",
    "prompt is too long",
    "maximum context length",
    "context window",
    "exceeds the maximum number of tokens",
    "input token count",
    "input is too long",
    "exceed context limit",
    "too many input tokens",
];

const CONTENT_FILTER: [&str; 6] = [
    "content_filter",
    "content_policy_violation",
    "content management policy",
    "responsibleaipolicyviolation",
    "content filtering policy",
    "prohibited_content",
];

const BILLING: [&str; 7] = [
    "insufficient_quota",
    "credit balance is too low",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "insufficient balance",
    "insufficient credits",
];

const INVALID_KEY: [&str; 6] = [
    "invalid_api_key",
    "api_key_invalid",
    "api key not valid",
    "incorrect api key",
    "invalid x-api-key",
    "authentication_error",
];

const MODEL_NOT_FOUND: [&str; 6] = [
    "model_not_found",
    "model not found",
    "no such model",
    "unknown model",
    "is not a valid model id",
    "model not exist",
];

/// Reads the cause from the status and the error body. For an error inside a stream, whose status is 200,
/// the body alone decides.
#[must_use]
pub fn meaning(status: u16, error: &UpstreamError) -> Meaning {
    if error.is_html() && !(500..=510).contains(&status) {
        return Meaning::NotAnApi;
    }
    let said = [error.code.as_deref(), error.kind.as_deref(), Some(&error.message)];
    let said = said.into_iter().flatten().map(str::to_ascii_lowercase).collect::<Vec<_>>().join("\n");
    let says = |any: &[&str]| any.iter().any(|needle| said.contains(needle));
    // A rate limit may be put in words of context ("input token count per minute"): its status is plain.
    if status != 429 && says(&CONTEXT_LENGTH) {
        return Meaning::ContextLength;
    }
    if says(&CONTENT_FILTER) {
        return Meaning::ContentFilter;
    }
    if status == 402 || says(&BILLING) {
        return Meaning::Billing;
    }
    if says(&INVALID_KEY) {
        return Meaning::InvalidKey;
    }
    if status == 529 || says(&["overloaded"]) {
        return Meaning::Overloaded;
    }
    if (400..500).contains(&status) && names_missing_model(status, &said) {
        return Meaning::ModelNotFound;
    }
    by_status(status, error.kind.as_deref().unwrap_or_default())
}

fn names_missing_model(status: u16, said: &str) -> bool {
    MODEL_NOT_FOUND.iter().any(|needle| said.contains(needle))
        || (said.contains("model") && said.contains("does not exist"))
        || (status == 404 && said.contains("model"))
}

fn by_status(status: u16, kind: &str) -> Meaning {
    match status {
        401 => Meaning::InvalidKey,
        403 => Meaning::Permission,
        404 | 405 => Meaning::NotFound,
        408 | 504 => Meaning::Timeout,
        413 => Meaning::TooLarge,
        429 => Meaning::RateLimited,
        503 if kind == "UNAVAILABLE" => Meaning::Overloaded,
        500..=599 => Meaning::Server,
        400..=499 => Meaning::BadRequest,
        _ => match kind {
            "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" => Meaning::RateLimited,
            "permission_error" | "PERMISSION_DENIED" => Meaning::Permission,
            "invalid_request_error" | "INVALID_ARGUMENT" => Meaning::BadRequest,
            "not_found_error" | "NOT_FOUND" => Meaning::NotFound,
            "request_too_large" => Meaning::TooLarge,
            "timeout_error" | "DEADLINE_EXCEEDED" => Meaning::Timeout,
            "UNAVAILABLE" => Meaning::Overloaded,
            "api_error" | "server_error" | "internal_server_error" | "INTERNAL" => Meaning::Server,
            _ => Meaning::Unknown,
        },
    }
}
