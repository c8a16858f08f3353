//! What a translation has to say besides its result.

use std::sync::Arc;

use serde::Serialize;
use switchyard_domain::limits::bounded;

use crate::canonical::CallerTools;
use crate::members::{Members, path_of};

/// A body in the other dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    /// The body to send.
    pub body: Vec<u8>,
    /// What it does not carry as the original did: meaning is lost.
    pub degraded: Vec<Degradation>,
    /// Wishes it leaves out that touch speed, caches or storage alone: the answer is as good without them.
    pub hints: Vec<Degradation>,
    /// The tools of a request that its upstream knows otherwise than its caller, for [`ReplyOptions::tools`]; none where
    /// there are none.
    ///
    /// [`ReplyOptions::tools`]: crate::ReplyOptions::tools
    pub tools: Option<Arc<CallerTools>>,
}

impl Translated {
    /// A body that carries all the original did.
    #[must_use]
    pub fn whole(body: Vec<u8>) -> Self {
        Self { body, degraded: Vec::new(), hints: Vec::new(), tools: None }
    }
}

/// Something the other dialect cannot carry as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Degradation {
    /// What happened, as a stable word (`field_dropped`, `temperature_clamped`).
    pub code: &'static str,
    /// Where in the original; `messages[*].name` stands for the same place in several elements of a list. Beyond
    /// [`NOTE_LIMIT`] the last one reads `and 12 more`.
    pub field: String,
}

/// The most that is noted of one body or stream: enough to see what is lost, and few enough that no body, however it is
/// made, costs more than its own length to look through.
pub const NOTE_LIMIT: usize = 64;

/// The longest path kept of a note or an error, bytes. Paths hold names the caller made up.
pub(crate) const FIELD_LIMIT: usize = 256;

/// The longest explanation kept of an error, bytes. serde quotes the value it did not expect, which may be a whole image.
pub(crate) const MESSAGE_LIMIT: usize = 512;

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
        let (field, message) = Self::told(field.into(), message.into());
        Self::Invalid { field, message }
    }

    pub(crate) fn unsupported(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = Self::told(field.into(), message.into());
        Self::Unsupported { field, message }
    }

    fn told(field: String, message: String) -> (String, String) {
        let field = if field.is_empty() { "body".to_owned() } else { bounded(field, FIELD_LIMIT) };
        (field, bounded(message, MESSAGE_LIMIT))
    }
}

/// What is noted where a request's cache marks don't reach the provider.
pub(crate) const CACHE_HINT_DROPPED: &str = "cache_hint_dropped";

/// What is noted where tools that wait to be searched for are offered at once: only the prompt's length changes.
pub(crate) const DEFER_LOADING_DROPPED: &str = "defer_loading_dropped";

/// Requests' members that ask for speed, caches, storage or length, and for nothing an answer could miss. A `service_tier`
/// is none of these: without it the answer may cost twice as much, or half.
const HINTS: &[&str] = &[
    "anthropic_beta",
    "betas",
    "cache_control",
    "client_metadata",
    "context_management",
    "diagnostics",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "speed",
    "store",
    "text.verbosity",
    "verbosity",
];

/// Collects degradations while a body is walked: each thing once, and [`NOTE_LIMIT`] of them at most.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    noted: Vec<Degradation>,
    /// The digest of each one's place, by which it is found.
    places: Vec<u64>,
    /// How many more there were.
    more: usize,
}

impl Degradation {
    fn is_hint(&self) -> bool {
        match self.code {
            CACHE_HINT_DROPPED | "cache_ttl_dropped" | DEFER_LOADING_DROPPED => true,
            "field_dropped" => HINTS.contains(&&*self.field),
            _ => false,
        }
    }
}

impl Notes {
    pub(crate) fn add(&mut self, code: &'static str, field: impl Into<String>) {
        let field = bounded(field.into(), FIELD_LIMIT);
        let place = digest(&field);
        let is_alike = |(noted, known): &(&mut Degradation, &u64)| {
            **known == place && noted.code == code && is_same_place(&noted.field, &field)
        };
        if let Some((noted, _)) = self.noted.iter_mut().zip(&self.places).find(is_alike) {
            if noted.field != field && has_index(&noted.field) {
                noted.field = without_indices(&field);
            }
        } else if self.noted.len() < NOTE_LIMIT {
            self.noted.push(Degradation { code, field });
            self.places.push(place);
        } else {
            self.more += 1;
        }
    }

    /// Notes a thing that occurs all over a body only where it occurs first.
    pub(crate) fn add_once(&mut self, code: &'static str, field: impl Into<String>) {
        if self.noted.iter().all(|noted| noted.code != code) {
            self.add(code, field);
        }
    }

    /// Takes over what was noted elsewhere.
    pub(crate) fn take_from(&mut self, other: &mut Self) {
        self.more += std::mem::take(&mut other.more);
        other.places.clear();
        for noted in other.noted.drain(..) {
            self.add(noted.code, noted.field);
        }
    }

    /// Notes every member nobody took.
    pub(crate) fn dropped(&mut self, members: Members<'_>) {
        let (path, names) = members.left();
        for name in names {
            if self.noted.len() < NOTE_LIMIT {
                self.add("field_dropped", path_of(&path, &name));
            } else {
                self.more += 1;
            }
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
        let (hints, mut degraded): (Vec<_>, Vec<_>) = self.noted.into_iter().partition(Degradation::is_hint);
        if self.more > 0 {
            degraded.push(Degradation { code: "and", field: format!("{} more", self.more) });
        }
        Translated { body, degraded, hints, tools: None }
    }

    /// Gives each note from the one numbered `from` on to `rename`, which says what becomes of it.
    pub(crate) fn rename(&mut self, from: usize, rename: impl FnMut(Degradation) -> Option<Degradation>) {
        let later = self.noted.split_off(from.min(self.noted.len()));
        self.noted.extend(later.into_iter().filter_map(rename));
        self.places = self.noted.iter().map(|noted| digest(&noted.field)).collect();
    }

    /// What was noted so far.
    pub(crate) fn noted(&self) -> &[Degradation] {
        &self.noted
    }
}

/// Whether two paths name the same place but for their indices.
fn is_same_place(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        match (a, b) {
            ([], []) => return true,
            ([b'[', in_a @ ..], [b'[', in_b @ ..]) => (a, b) = (after_index(in_a), after_index(in_b)),
            ([x, in_a @ ..], [y, in_b @ ..]) if x == y => (a, b) = (in_a, in_b),
            _ => return false,
        }
    }
}

/// A digest of a path that is the same for the same place (FNV-1a).
fn digest(path: &str) -> u64 {
    let mut digest: u64 = 0xcbf2_9ce4_8422_2325;
    let mut rest = path.as_bytes();
    while let [byte, after @ ..] = rest {
        digest = (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        rest = if *byte == b'[' { after_index(after) } else { after };
    }
    digest
}

/// What follows the digits of an index, or the `*` that stands for any.
fn after_index(path: &[u8]) -> &[u8] {
    let digits = path.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'*').count();
    &path[digits..]
}

/// Whether a path names an element by its index.
fn has_index(path: &str) -> bool {
    path.as_bytes().windows(2).any(|pair| pair[0] == b'[' && pair[1].is_ascii_digit())
}

/// A path with `*` for each index in it.
fn without_indices(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('[') {
        let (before, inside) = rest.split_at(at + 1);
        out.push_str(before);
        rest = inside.trim_start_matches(|c: char| c.is_ascii_digit() || c == '*');
        if rest.len() < inside.len() {
            out.push('*');
        }
    }
    out.push_str(rest);
    out
}

pub(crate) fn utf8(body: &[u8]) -> Result<&str, TranslateError> {
    std::str::from_utf8(body)
        .map_err(|error| TranslateError::invalid("", format!("is not UTF-8 (byte {})", error.valid_up_to())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(notes: Notes) -> Vec<String> {
        let degraded = notes.with(Vec::new()).degraded;
        degraded.iter().map(|noted| format!("{} {}", noted.code, noted.field)).collect()
    }

    #[test]
    fn the_same_loss_in_many_elements_is_one_note() {
        let mut notes = Notes::default();
        notes.add("field_dropped", "messages[0].name");
        assert_eq!(notes.noted()[0].field, "messages[0].name", "one place is told exactly");
        for at in 1..500 {
            notes.add("field_dropped", format!("messages[{at}].name"));
            notes.add("field_dropped", format!("messages[{at}].content[{at}].x"));
        }
        notes.add("block_dropped", "messages[3].name");
        let expected = [
            "field_dropped messages[*].name",
            "field_dropped messages[*].content[*].x",
            "block_dropped messages[3].name",
        ];
        assert_eq!(told(notes), expected);
    }

    #[test]
    fn notes_have_a_bound_and_say_how_many_there_are_beyond() {
        let mut notes = Notes::default();
        for at in 0..100_000 {
            notes.add("field_dropped", format!("f{at}"));
        }
        let told = told(notes);
        assert_eq!((told.len(), told[NOTE_LIMIT].as_str()), (NOTE_LIMIT + 1, "and 99936 more"));
    }

    #[test]
    fn what_a_caller_wrote_is_not_quoted_at_any_length() {
        let mut notes = Notes::default();
        notes.add("field_dropped", "é".repeat(1_000_000));
        assert!(notes.noted()[0].field.len() <= FIELD_LIMIT);
        let error = TranslateError::invalid("n".repeat(1_000_000), "v".repeat(1_000_000));
        assert!(error.to_string().len() <= FIELD_LIMIT + MESSAGE_LIMIT + 2, "{}", error.to_string().len());
    }
}
