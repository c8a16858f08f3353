//! What a translation has to say besides its result.

use serde::Serialize;

use crate::members::Members;

/// A body in the other dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    /// The body to send.
    pub body: Vec<u8>,
    /// What it does not carry as the original did: meaning is lost.
    pub degraded: Vec<Degradation>,
    /// Wishes it leaves out that touch speed, price or storage alone: the answer is as good without them.
    pub hints: Vec<Degradation>,
}

impl Translated {
    /// A body that carries all the original did.
    #[must_use]
    pub fn whole(body: Vec<u8>) -> Self {
        Self { body, degraded: Vec::new(), hints: Vec::new() }
    }
}

/// Something the other dialect cannot carry as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Degradation {
    /// What happened, as a stable word (`field_dropped`, `temperature_clamped`).
    pub code: &'static str,
    /// Where in the original.
    pub field: String,
}

/// Why a body cannot be translated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TranslateError {
    /// The body is not what its dialect says.
    #[error("{field}: {message}")]
    Invalid {
        /// The field at fault, `body` for the whole.
        field: String,
        /// What is wrong.
        message: String,
    },
    /// The other dialect has no way to carry this, and without it the answer would be worthless.
    #[error("{field}: {message}")]
    Unsupported {
        /// The field that cannot be carried.
        field: String,
        /// What it is.
        message: String,
    },
}

impl TranslateError {
    /// The request's field at fault; none when it is the body as a whole.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        let (Self::Invalid { field, .. } | Self::Unsupported { field, .. }) = self;
        Some(field.as_str()).filter(|field| *field != "body")
    }

    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let field = field.into();
        let field = if field.is_empty() { "body".to_owned() } else { field };
        Self::Invalid { field, message: message.into() }
    }

    pub(crate) fn unsupported(field: impl Into<String>, message: impl Into<String>) -> Self {
        let field = field.into();
        let field = if field.is_empty() { "body".to_owned() } else { field };
        Self::Unsupported { field, message: message.into() }
    }
}

/// The most that is noted of one stream.
const STREAM_LIMIT: usize = 64;

/// What is noted where a request's cache marks don't reach the provider.
pub(crate) const CACHE_HINT_DROPPED: &str = "cache_hint_dropped";

/// Requests' members that ask for speed, price, storage or length, and for nothing an answer could miss.
const HINTS: &[&str] = &[
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "service_tier",
    "store",
    "text.verbosity",
    "verbosity",
];

/// Collects degradations while a body is walked.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<Degradation>);

impl Degradation {
    fn is_hint(&self) -> bool {
        match self.code {
            CACHE_HINT_DROPPED | "cache_ttl_dropped" => true,
            "field_dropped" => HINTS.contains(&&*self.field),
            _ => false,
        }
    }
}

impl Notes {
    pub(crate) fn add(&mut self, code: &'static str, field: impl Into<String>) {
        self.0.push(Degradation { code, field: field.into() });
    }

    /// Notes a thing that occurs all over a body only where it occurs first.
    pub(crate) fn add_once(&mut self, code: &'static str, field: impl Into<String>) {
        if self.0.iter().all(|noted| noted.code != code) {
            self.add(code, field);
        }
    }

    /// Takes over what was noted elsewhere, each thing once. A stream may say the same thing again and again.
    pub(crate) fn take_from(&mut self, other: &mut Self) {
        for noted in other.0.drain(..) {
            if self.0.len() < STREAM_LIMIT && !self.0.contains(&noted) {
                self.0.push(noted);
            }
        }
    }

    /// Notes every member nobody took.
    pub(crate) fn dropped(&mut self, members: Members<'_>) {
        for field in members.rest() {
            self.add("field_dropped", field);
        }
    }

    /// A body to be written with what was noted.
    pub(crate) fn finish<T: serde::Serialize>(self, body: &T) -> Result<Translated, TranslateError> {
        let body =
            serde_json::to_vec(body).map_err(|error| TranslateError::invalid("", error.to_string()))?;
        Ok(self.with(body))
    }

    /// A body with what was noted.
    pub(crate) fn with(self, body: Vec<u8>) -> Translated {
        let (hints, degraded) = self.0.into_iter().partition(Degradation::is_hint);
        Translated { body, degraded, hints }
    }

    /// Gives each note from the one numbered `from` on to `rename`, which says what becomes of it.
    pub(crate) fn rename(&mut self, from: usize, rename: impl FnMut(Degradation) -> Option<Degradation>) {
        let later = self.0.split_off(from.min(self.0.len()));
        self.0.extend(later.into_iter().filter_map(rename));
    }

    /// What was noted so far.
    pub(crate) fn noted(&self) -> &[Degradation] {
        &self.0
    }
}

pub(crate) fn utf8(body: &[u8]) -> Result<&str, TranslateError> {
    std::str::from_utf8(body)
        .map_err(|error| TranslateError::invalid("", format!("is not UTF-8 (byte {})", error.valid_up_to())))
}
