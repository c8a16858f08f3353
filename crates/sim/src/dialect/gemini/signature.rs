//! Thought signatures: what a model of Google's signs, and what it accepts in place of its own signature.
//!
//! <https://ai.google.dev/gemini-api/docs/thought-signatures>

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::thought;

/// Both APIs run the same models.
const REALM: &str = "google";
/// Stands for the signature of a conversation another model began; both APIs take it.
const SKIP: &str = "skip_thought_signature_validator";
/// The Gemini API takes this one too, Vertex AI does not.
const CONTEXT: &str = "context_engineering_is_the_way_to_go";

/// Of a function call. Arguments may be written anew by the caller, so the name stands for the call.
pub(super) fn of_call(name: &str) -> String {
    thought::sign(REALM, &format!("call {name}"))
}

/// Of an answer in words, on its last part.
pub(super) fn of_text() -> String {
    thought::sign(REALM, "text")
}

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    NotBase64,
    Foreign,
}

/// Checks the signature of a function call, or of another part.
pub(super) fn check(signature: &str, call: Option<&str>, vertex: bool) -> Result<(), Bad> {
    let bytes = decoded(signature).ok_or(Bad::NotBase64)?;
    // An SDK may have encoded the words as the bytes they are.
    let says = |words: &str| signature == words || bytes == words.as_bytes();
    if says(SKIP) || (says(CONTEXT) && !vertex) {
        return Ok(());
    }
    let own = match call {
        Some(name) => signature == of_call(name),
        None => signature == of_text(),
    };
    if own { Ok(()) } else { Err(Bad::Foreign) }
}

/// Protobuf's JSON reads either alphabet, padded or not.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [STANDARD, URL_SAFE].iter().find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
}
