//! Seals, as a Gemini caller keeps them.
//!
//! A `thoughtSignature` is bytes, so clients decode it as base64, and some write it anew in the URL-safe alphabet. A seal
//! of another vendor is therefore given to them with its mark in base64 (see [`Signature`]).

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::canonical::{Origin, Signature, UNSEALED};

/// How a marked seal begins in a Gemini caller's body: `sy1.` in base64, as far as the byte behind it does not matter.
pub(crate) const MARKED: &str = "\"c3kxL";

/// Stands for the seal of a call this provider did not make ("Thought signatures", FAQ: calls transferred from
/// another model). Without one the first call of a step is refused.
pub(crate) const FOREIGN_CALL: &str = "skip_thought_signature_validator";

/// The other text the FAQ has for the same.
const FOREIGN_CALL_TOO: &str = "context_engineering_is_the_way_to_go";

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// A seal, as a Gemini caller keeps it.
pub(crate) fn for_caller<'a>(seal: &'a Signature<'_>) -> Cow<'a, str> {
    match seal.origin {
        Origin::Gemini => Cow::Borrowed(&seal.value),
        Origin::Anthropic | Origin::OpenAi => Cow::Owned(STANDARD.encode(seal.marked())),
    }
}

/// What a caller keeps of a call that has no seal, so that a model of Google's which demands one can be given
/// [`FOREIGN_CALL`] in its place.
pub(crate) fn of_none() -> String {
    STANDARD.encode(UNSEALED)
}

/// Reads a seal from a Gemini caller's conversation; none where it stands for none.
pub(crate) fn read(text: Cow<'_, str>) -> Option<Signature<'_>> {
    if text.is_empty() || text == FOREIGN_CALL || text == FOREIGN_CALL_TOO {
        return None;
    }
    if !text.starts_with(MARKED.trim_start_matches('"')) {
        return Some(Signature::new(Origin::Gemini, text));
    }
    let standard = text.replace('-', "+").replace('_', "/");
    let marked = STANDARD.decode(standard).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match marked {
        Some(marked) => {
            let seal = Signature::read(Origin::Gemini, Cow::Owned(marked));
            (!seal.value.is_empty()).then_some(seal)
        }
        None => Some(Signature::new(Origin::Gemini, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_survives_a_client_that_writes_bytes_its_own_way() {
        for origin in [Origin::Anthropic, Origin::Gemini, Origin::OpenAi] {
            for value in ["EqQB.x==", "a", "??>>~~", "ÿÿ"] {
                let seal = Signature::new(origin, value);
                let kept = for_caller(&seal).into_owned();
                assert_eq!(origin != Origin::Gemini, kept.starts_with("c3kxL"), "{kept}");
                let url_safe = kept.replace('+', "-").replace('/', "_").replace('=', "");
                for kept in [kept.clone(), if origin == Origin::Gemini { kept } else { url_safe }] {
                    assert_eq!(read(Cow::Owned(kept)), Some(seal.clone()));
                }
            }
        }
        for none in [of_none().as_str(), "", FOREIGN_CALL] {
            assert_eq!(read(Cow::Borrowed(none)), None);
        }
        assert!(of_none().starts_with("c3kxL"));
    }
}
