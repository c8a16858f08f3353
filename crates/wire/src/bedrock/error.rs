//! What Bedrock's error types mean.
//!
//! The type stands in the header `x-amzn-errortype` of a refused request, or in `__type` of its body, and in the name of an
//! exception inside a stream. Sources: "Amazon Bedrock API Reference" (errors of Converse, ConverseStreamOutput, common
//! errors) and "Troubleshooting Amazon Bedrock API error codes".

use crate::Meaning;

/// The type alone: AWS may put a namespace before it (`com.amazon.coral.service#`) and an address after it
/// (`:http://internal.amazon.com/..`).
pub(crate) fn type_of(header: &str) -> &str {
    let name = header.rsplit_once('#').map_or(header, |(_, name)| name);
    name.split(':').next().unwrap_or_default().trim()
}

/// What an error type means, whatever the case of its first letter; none for one this version does not know.
pub(crate) fn meaning_of(kind: &str, message: &str) -> Option<Meaning> {
    let kind = type_of(kind);
    let known = MEANINGS.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind));
    let meaning = known.map(|(_, meaning)| *meaning)?;
    Some(if meaning == Meaning::BadRequest { of_validation(message) } else { meaning })
}

const MEANINGS: [(&str, Meaning); 27] = [
    ("AccessDeniedException", Meaning::Permission),
    ("AccessDenied", Meaning::Permission),
    ("NotAuthorized", Meaning::Permission),
    ("OptInRequired", Meaning::Permission),
    ("UnrecognizedClientException", Meaning::InvalidKey),
    ("InvalidClientTokenId", Meaning::InvalidKey),
    ("InvalidSignatureException", Meaning::InvalidKey),
    ("SignatureDoesNotMatch", Meaning::InvalidKey),
    ("IncompleteSignature", Meaning::InvalidKey),
    ("MissingAuthenticationToken", Meaning::InvalidKey),
    ("MissingAuthenticationTokenException", Meaning::InvalidKey),
    ("ExpiredTokenException", Meaning::InvalidKey),
    ("ExpiredToken", Meaning::InvalidKey),
    ("RequestExpired", Meaning::InvalidKey),
    ("ThrottlingException", Meaning::RateLimited),
    ("TooManyRequestsException", Meaning::RateLimited),
    ("ServiceQuotaExceededException", Meaning::RateLimited),
    ("ModelNotReadyException", Meaning::Overloaded),
    ("ServiceUnavailableException", Meaning::Overloaded),
    ("ServiceUnavailable", Meaning::Overloaded),
    ("ModelTimeoutException", Meaning::Timeout),
    ("ModelErrorException", Meaning::Server),
    ("ModelStreamErrorException", Meaning::Server),
    ("InternalServerException", Meaning::Server),
    ("InternalFailure", Meaning::Server),
    ("ResourceNotFoundException", Meaning::ModelNotFound),
    ("ValidationException", Meaning::BadRequest),
];

/// A refused body, told apart by its message: Bedrock has one type for all of them.
fn of_validation(message: &str) -> Meaning {
    let message = message.to_ascii_lowercase();
    let says = |needles: &[&str]| needles.iter().any(|needle| message.contains(needle));
    if says(&["too long", "context window", "maximum number of tokens", "exceed context limit"]) {
        return Meaning::ContextLength;
    }
    // The id is none, is none of this region, or is to be called through an inference profile.
    if says(&["model identifier is invalid", "on-demand throughput", "end of its life"]) {
        return Meaning::ModelNotFound;
    }
    if says(&["operation not allowed"]) {
        return Meaning::Permission;
    }
    Meaning::BadRequest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_types_are_read_in_headers_and_streams() {
        let cases = [
            (
                "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/",
                "",
                Some(Meaning::RateLimited),
            ),
            ("throttlingException", "", Some(Meaning::RateLimited)),
            ("com.amazon.coral.service#UnrecognizedClientException", "", Some(Meaning::InvalidKey)),
            ("ValidationException", "Input is too long for requested model.", Some(Meaning::ContextLength)),
            (
                "ValidationException",
                "The provided model identifier is invalid.",
                Some(Meaning::ModelNotFound),
            ),
            ("validationException", "The text field is blank.", Some(Meaning::BadRequest)),
            ("BrandNewException", "", None),
        ];
        for (kind, message, meaning) in cases {
            assert_eq!(meaning_of(kind, message), meaning, "{kind}: {message}");
        }
    }
}
