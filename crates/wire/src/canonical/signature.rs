//! Seals providers put on a model's thinking, and how they cross dialects.
//!
//! A seal is of use only to the vendor that made it: another one refuses the request that carries it. Callers keep
//! a seal in the place their dialect has for it and send it back with the conversation. So a seal of another vendor is
//! given to them marked with its origin, `sy1.<origin>.<seal>`, and a writer sends it on only where it came from.

use std::borrow::Cow;

/// Whose seal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Claude's, wherever it runs: Anthropic's API, Bedrock and Vertex take each other's ("Extended thinking",
    /// signatures are compatible across platforms).
    Anthropic,
    /// Gemini's, from the Gemini API or Vertex AI.
    Gemini,
    /// OpenAI's `encrypted_content`.
    OpenAi,
}

/// A provider's seal on a model's thinking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// Whose.
    pub origin: Origin,
    /// As the provider wrote it.
    pub value: Cow<'a, str>,
}

const MARK: &str = "sy1.";

/// What a caller whose dialect wants a seal on every thought keeps of a thought that has none: another vendor's mark
/// with nothing behind it. A provider that refuses thoughts without its seal is never sent it.
pub(crate) const UNSEALED: &str = "sy1.openai.";

impl Origin {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
        }
    }
}

impl<'a> Signature<'a> {
    /// A seal as its provider wrote it.
    #[must_use]
    pub fn new(origin: Origin, value: impl Into<Cow<'a, str>>) -> Self {
        Self { origin, value: value.into() }
    }

    /// The seal apart from the body it was read from.
    #[must_use]
    pub fn into_owned(self) -> Signature<'static> {
        Signature { origin: self.origin, value: Cow::Owned(self.value.into_owned()) }
    }

    /// Reads a seal from a caller's conversation; without a mark it is of the caller's own dialect (`native`).
    #[must_use]
    pub fn read(native: Origin, text: Cow<'a, str>) -> Self {
        let marked = text.strip_prefix(MARK).and_then(|rest| rest.split_once('.'));
        let origin = match marked.map(|(origin, _)| origin) {
            Some("anthropic") => Origin::Anthropic,
            Some("gemini") => Origin::Gemini,
            Some("openai") => Origin::OpenAi,
            Some(_) | None => return Self { origin: native, value: text },
        };
        let start = MARK.len() + origin.as_str().len() + 1;
        let value = match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[start..]),
            Cow::Owned(text) => Cow::Owned(text[start..].to_owned()),
        };
        Self { origin, value }
    }

    /// The seal as a caller whose dialect's own seals are `native` keeps it.
    #[must_use]
    pub fn for_caller(&self, native: Origin) -> Cow<'_, str> {
        if self.origin == native { Cow::Borrowed(&self.value) } else { Cow::Owned(self.marked()) }
    }

    /// The seal as a caller keeps it whose dialect many vendors speak, most of them without seals (chat): what comes back
    /// says by itself where it may go.
    #[must_use]
    pub fn marked(&self) -> String {
        format!("{MARK}{}.{}", self.origin.as_str(), self.value)
    }

    /// The seal for a provider that makes `own` seals; none when it is another's.
    #[must_use]
    pub fn for_provider(&self, own: Origin) -> Option<&str> {
        (self.origin == own).then_some(&*self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_finds_home_through_a_caller_of_any_dialect_and_goes_nowhere_else() {
        let origins = [Origin::Anthropic, Origin::Gemini, Origin::OpenAi];
        for origin in origins {
            for native in origins {
                let seal = Signature::new(origin, "EqQB.x==");
                let kept = seal.for_caller(native).into_owned();
                let back = Signature::read(native, Cow::Owned(kept));
                assert_eq!(back, seal);
                for own in origins {
                    assert_eq!(back.for_provider(own).is_some(), own == origin);
                }
            }
        }
    }
}
