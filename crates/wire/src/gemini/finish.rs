//! Why Gemini stopped.

use crate::FinishReason;

/// What a `finishReason` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The answer ended.
    Answer(FinishReason),
    /// The model went astray: what it said is no answer, and another try may give one.
    Failure,
    /// The provider does not tell; an answer only if something was said.
    Unclear,
    /// It goes on.
    NotYet,
}

/// Reads `Candidate.finishReason` (Gemini API and Vertex AI, "FinishReason"). Stop sequences end with `STOP` too, and
/// which one came up is not told.
pub(super) fn ending(reason: &str) -> Ending {
    match reason {
        "STOP" => Ending::Answer(FinishReason::Stop),
        "MAX_TOKENS" => Ending::Answer(FinishReason::Length),
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Ending::Answer(FinishReason::ContentFilter),
        "MALFORMED_FUNCTION_CALL"
        | "MALFORMED_RESPONSE"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE" => Ending::Failure,
        "" | "FINISH_REASON_UNSPECIFIED" => Ending::NotYet,
        _ => Ending::Unclear,
    }
}
