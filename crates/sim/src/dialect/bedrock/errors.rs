//! Errors as AWS writes them: a message in the body, the kind in a header.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors>

use bytes::Bytes;
use serde_json::{Value, json};

use super::frames;
use crate::ask::Refusal;
use crate::schema::{Misfit, Problem, Step};

/// AWS names the namespace after the kind; clients cut it off.
const NAMESPACE: &str = ":http://internal.amazon.com/coral/com.amazon.bedrock/";

fn kind(refusal: &Refusal) -> &'static str {
    if let Some(kind) = refusal.code.filter(|code| code.ends_with("Exception")) {
        return kind;
    }
    match refusal.status {
        401 => "UnrecognizedClientException",
        402 | 403 => "AccessDeniedException",
        404 if refusal.code == Some("unknown_url") => "UnknownOperationException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 if refusal.code == Some("insufficient_quota") => "ServiceQuotaExceededException",
        429 => "ThrottlingException",
        503 | 529 => "ServiceUnavailableException",
        400..=499 => "ValidationException",
        _ => "InternalServerException",
    }
}

pub(crate) fn error_body(refusal: &Refusal) -> Value {
    let mut body = json!({ "message": refusal.message });
    if refusal.status == 424 {
        body["originalStatusCode"] = json!(500);
        body["resourceName"] = json!("model");
    }
    body
}

pub(crate) fn error_headers(refusal: &Refusal) -> Vec<(&'static str, String)> {
    vec![("x-amzn-errortype", format!("{}{NAMESPACE}", kind(refusal)))]
}

/// An exception in the middle of a stream.
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html>
pub(crate) fn error_event(refusal: &Refusal) -> Bytes {
    let kind = match refusal.status {
        400 => "validationException",
        408 | 424 => "modelStreamErrorException",
        429 => "throttlingException",
        503 | 529 => "serviceUnavailableException",
        _ => "internalServerException",
    };
    frames::exception(kind, &error_body(refusal))
}

/// A content delta whose payload is not what its checksum says.
pub(crate) fn malformed_event() -> Bytes {
    let delta = json!({ "contentBlockIndex": 0, "delta": { "text": "damaged" } });
    frames::damaged(&frames::event("contentBlockDelta", &delta))
}

/// What the service says to a body that does not fit its model.
pub(crate) fn misfit(misfit: &Misfit) -> Refusal {
    let at = misfit.dots();
    let constraint = |reason: &str| {
        format!("1 validation error detected: Value at '{at}' failed to satisfy constraint: {reason}")
    };
    let message = match &misfit.problem {
        Problem::Unknown => {
            let (name, place) = match misfit.path.split_last() {
                Some((Step::Key(name), before)) => (name.as_str(), pointer(before)),
                Some((Step::Index(_), _)) | None => ("", pointer(&misfit.path)),
            };
            format!(
                "Malformed input request: #{place}: extraneous key [{name}] is not permitted, please reformat your \
                 input and try again."
            )
        }
        Problem::Missing => constraint("Member must not be null"),
        Problem::Type { expected, got } => {
            constraint(&format!("Member must be of type {}, found {got}", expected.join(" or ")))
        }
        Problem::Value { expected, .. } => {
            constraint(&format!("Member must satisfy enum value set: [{}]", expected.join(", ")))
        }
        Problem::Other(reason) => constraint(reason),
    };
    Refusal::field(at, message)
}

fn pointer(steps: &[Step]) -> String {
    let written = steps.iter().map(|step| match step {
        Step::Key(key) => format!("/{key}"),
        Step::Index(at) => format!("/{at}"),
    });
    written.collect()
}

/// What goes with a status, where nothing better is known.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        400 => "The request is not valid. Check its fields and try again.",
        401 => "The security token included in the request is invalid.",
        402 | 403 => "You don't have access to the model with the specified model ID.",
        404 => "Could not resolve the foundation model from the provided model identifier.",
        408 => "Model has timed out in processing the request. Try your request again.",
        413 => "Input is too long for requested model.",
        424 => "The request failed due to an error while processing the model.",
        429 => "Too many requests, please wait before trying again.",
        503 | 529 => "Bedrock is unable to process your request.",
        _ => "The system encountered an unexpected error during processing. Try your request again.",
    }
}
