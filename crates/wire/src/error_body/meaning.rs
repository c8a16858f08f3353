//! What an upstream's error means, whoever wrote it.
//!
//! Sources: OpenAI "Error codes", Anthropic "Errors", Google "Gemini API troubleshooting", Amazon Bedrock "API
//! error codes" and "Common errors", Azure OpenAI "Content filtering", OpenRouter "Errors and debugging", DeepSeek
//! "Error codes", and the messages these APIs are known to send.

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
    /// The conversation carries a seal on thinking that this provider did not make or no longer knows. Without its
    /// thinking the same conversation is taken.
    ForeignSeal,
    /// The provider found fault with the request itself.
    BadRequest,
    /// The provider failed.
    Server,
    /// A web page instead of an API's answer: a captive portal, or a wrong address.
    NotAnApi,
    /// None of these.
    Unknown,
}

const FOREIGN_SEAL: [&str; 8] = [
    "`signature` in `thinking`",
    "invalid signature in thinking",
    "in `redacted_thinking` block",
    "thinking_signature_invalid",
    "invalid_encrypted_content",
    "thought signature is not valid",
    "invalid thought signature",
    "corrupted thought signature",
];

const CONTEXT_LENGTH: [&str; 14] = [
    "context_length_exceeded",
    "exceed_context_size",
    "prompt is too long",
    "maximum context length",
    "context window",
    "context length of",
    "available context size",
    "exceeds the maximum number of tokens",
    "input token count",
    "input is too long",
    "exceed context limit",
    "too many input tokens",
    "too many tokens in",
    "reduce the length of the messages",
];

const CONTENT_FILTER: [&str; 10] = [
    "content_filter",
    "content_policy_violation",
    "content management policy",
    "responsibleaipolicyviolation",
    "content filtering policy",
    "prohibited_content",
    "prompt was flagged",
    "input was flagged",
    "requires moderation",
    "violating our usage policy",
];

const BILLING: [&str; 11] = [
    "insufficient_quota",
    "credit balance is too low",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "billing_disabled",
    "insufficient balance",
    "insufficient_balance",
    "insufficient credits",
    "requires more credits",
    "specified api usage limits",
];

const INVALID_KEY: [&str; 18] = [
    "invalid_api_key",
    "api_key_invalid",
    "api key not valid",
    "api key expired",
    "incorrect api key",
    "invalid x-api-key",
    "invalid subscription key",
    "authentication_error",
    "account_deactivated",
    "access_token_expired",
    "unrecognizedclient",
    "expiredtoken",
    "invalidsignatureexception",
    "incompletesignature",
    "missingauthenticationtoken",
    "invalidclienttokenid",
    "security token included in the request",
    "request signature we calculated",
];

const MODEL_NOT_FOUND: [&str; 12] = [
    "model_not_found",
    "model not found",
    "no such model",
    "unknown model",
    "unknown_model",
    "invalid_model",
    "is not a valid model id",
    "model not exist",
    "deploymentnotfound",
    "don't have access to the model",
    "provided model identifier is invalid",
    "throughput isn’t supported",
];

/// Where a provider serves nobody, no key helps.
const NOT_HERE: [&str; 2] = ["location is not supported", "unsupported_country"];

/// Reads the cause from the status and the error body. For an error inside a stream or a 200 the body alone
/// decides, with the status it may hold as its code (OpenRouter, Google).
#[must_use]
pub fn meaning(status: u16, error: &UpstreamError) -> Meaning {
    // 511 asks to sign in to the network (RFC 6585); the other 5xx pages are a gateway's.
    if error.is_html() && (!(500..=599).contains(&status) || status == 511) {
        return Meaning::NotAnApi;
    }
    let own = error.code.as_deref().and_then(|code| code.parse().ok()).filter(|own| (400..600).contains(own));
    let status = if (200..300).contains(&status) { own.unwrap_or(status) } else { status };
    let said = [error.code.as_deref(), error.kind.as_deref(), Some(&error.message)];
    let said = said.into_iter().flatten().map(str::to_ascii_lowercase).collect::<Vec<_>>().join("\n");
    let says = |any: &[&str]| any.iter().any(|needle| said.contains(needle));
    if status != 429 && (says(&FOREIGN_SEAL) || names_broken_seal(&said) || names_unread_thought(&said)) {
        return Meaning::ForeignSeal;
    }
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
    if says(&NOT_HERE) {
        return Meaning::Permission;
    }
    if status == 529 || says(&["overloaded"]) {
        return Meaning::Overloaded;
    }
    if !(500..600).contains(&status) && names_missing_model(status, &said) {
        return Meaning::ModelNotFound;
    }
    let words = [error.kind.as_deref(), error.code.as_deref()];
    let by_exception = words.into_iter().flatten().find_map(of_aws);
    by_exception.unwrap_or_else(|| by_status(status, words))
}

/// A provider of chat that never writes `reasoning_content` refuses a conversation that another one wrote it in.
fn names_unread_thought(said: &str) -> bool {
    let unknown =
        ["unknown", "unrecognized", "additional properties", "unexpected", "not permitted", "unsupported"];
    said.contains("reasoning_content") && unknown.iter().any(|word| said.contains(word))
}

fn names_broken_seal(said: &str) -> bool {
    (said.contains("encrypted content") && said.contains("could not be"))
        // A turn another vendor answered begins without a thought of this one's.
        || (said.contains("expected `thinking`") && said.contains("found"))
}

fn names_missing_model(status: u16, said: &str) -> bool {
    MODEL_NOT_FOUND.iter().any(|needle| said.contains(needle))
        || said.contains("throughput isn't supported")
        || ((said.contains("model") || said.contains("deployment")) && said.contains("does not exist"))
        || (status == 404 && said.contains("model"))
}

/// What an exception of Amazon Bedrock means, in a reply or in an event stream, where its name begins small.
fn of_aws(name: &str) -> Option<Meaning> {
    let name = name.strip_suffix("Exception")?.to_ascii_lowercase();
    Some(match name.as_str() {
        "throttling" | "servicequotaexceeded" => Meaning::RateLimited,
        "modelnotready" | "serviceunavailable" => Meaning::Overloaded,
        "modeltimeout" => Meaning::Timeout,
        "modelerror" | "modelstreamerror" | "internalserver" | "internalfailure" => Meaning::Server,
        "accessdenied" => Meaning::Permission,
        "resourcenotfound" => Meaning::ModelNotFound,
        "validation" => Meaning::BadRequest,
        _ => return None,
    })
}

fn by_status(status: u16, words: [Option<&str>; 2]) -> Meaning {
    let says = |word: &str| words.contains(&Some(word));
    match status {
        401 => Meaning::InvalidKey,
        403 => Meaning::Permission,
        404 | 405 => Meaning::NotFound,
        // 524: Cloudflare waited in vain for the provider.
        408 | 504 | 524 => Meaning::Timeout,
        413 => Meaning::TooLarge,
        429 => Meaning::RateLimited,
        503 if says("UNAVAILABLE") => Meaning::Overloaded,
        500..=599 => Meaning::Server,
        400..=499 => Meaning::BadRequest,
        _ => words.into_iter().flatten().find_map(by_word).unwrap_or(Meaning::Unknown),
    }
}

fn by_word(word: &str) -> Option<Meaning> {
    Some(match word {
        "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" => Meaning::RateLimited,
        "permission_error" | "PERMISSION_DENIED" => Meaning::Permission,
        "UNAUTHENTICATED" => Meaning::InvalidKey,
        "invalid_request_error" | "INVALID_ARGUMENT" | "FAILED_PRECONDITION" => Meaning::BadRequest,
        "not_found_error" | "NOT_FOUND" => Meaning::NotFound,
        "request_too_large" => Meaning::TooLarge,
        "timeout_error" | "DEADLINE_EXCEEDED" => Meaning::Timeout,
        "UNAVAILABLE" => Meaning::Overloaded,
        "api_error" | "server_error" | "internal_server_error" | "INTERNAL" => Meaning::Server,
        "invalid_prompt" => Meaning::ContentFilter,
        _ => return None,
    })
}
