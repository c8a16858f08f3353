//! The parts of a message's content: what kinds there are, and how much of it is text.

use std::fmt;

use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use switchyard_domain::{Feature, FeatureSet};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Contents lie in parts (a tool's result, a document) and hold parts again; the APIs know two levels. What lies deeper
/// is taken for text, unread: each level costs a pass over what is in it, and stack.
const DEEPEST: u32 = 4;

/// What the contents of a conversation hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    pub(super) features: FeatureSet,
    pub(super) text_bytes: u64,
    /// Images, documents and sounds.
    pub(super) media: u64,
    /// Tool calls in the list at hand.
    pub(super) calls: u32,
    pub(super) opening: Opening,
    /// How many contents the one at hand lies in.
    depth: u32,
}

/// How a conversation begins: what stays the same from turn to turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Opening {
    pub(super) hash: u64,
    /// The first user message has been read.
    pub(super) is_over: bool,
}

impl Opening {
    pub(super) fn add(&mut self, text: &str) {
        if !self.is_over {
            self.hash = xxh3_64_with_seed(text.as_bytes(), self.hash);
        }
    }
}

impl Parts {
    /// Counts a value as text: a string without its quotes, anything else as it is written.
    pub(super) fn count(&mut self, raw: &RawValue) {
        let raw = raw.get();
        self.opening.add(raw);
        let quotes = if raw.starts_with('"') { 2 } else { 0 };
        self.text_bytes += raw.len().saturating_sub(quotes) as u64;
    }

    /// Reads a content: a string, a list of parts, or nothing.
    pub(super) fn content(&mut self, raw: &RawValue) -> Result<(), serde_json::Error> {
        match raw.get().as_bytes().first() {
            Some(b'"') => self.count(raw),
            Some(b'n') => {}
            Some(b'[') if self.depth >= DEEPEST => self.count(raw),
            Some(b'[') => {
                self.depth += 1;
                let read = serde_json::Deserializer::from_str(raw.get()).deserialize_seq(List(self));
                self.depth -= 1;
                read?;
            }
            _ => return Err(serde_json::Error::custom("must be a string or a list of parts")),
        }
        Ok(())
    }
}

struct List<'p>(&'p mut Parts);

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of parts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(part) = seq.next_element::<Part<'de>>()? {
            // A part that is no object is the provider's to judge.
            if let Part::Object(part) = part {
                self.0.part(&part).map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Members<'a> {
    kind: Option<&'a RawValue>,
    texts: [Option<&'a RawValue>; 3],
    content: Option<&'a RawValue>,
    /// `source`, `file`, `input_audio`: where a file's id may be.
    source: Option<&'a RawValue>,
    has_file_id: bool,
}

enum Part<'a> {
    Object(Members<'a>),
    Other,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    Type,
    Text,
    Thinking,
    Input,
    Content,
    Source,
    File,
    FileId,
    #[serde(other)]
    Other,
}

impl<'de> serde::Deserialize<'de> for Part<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Ok(Self::Other);
        }
        let members = serde_json::Deserializer::from_str(raw.get()).deserialize_map(Object);
        members.map(Self::Object).map_err(D::Error::custom)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key()? {
            match name {
                Name::Type => members.kind = Some(map.next_value()?),
                Name::Text => members.texts[0] = Some(map.next_value()?),
                Name::Thinking => members.texts[1] = Some(map.next_value()?),
                Name::Input => members.texts[2] = Some(map.next_value()?),
                Name::Content => members.content = Some(map.next_value()?),
                Name::Source | Name::File => members.source = Some(map.next_value()?),
                Name::FileId => {
                    members.has_file_id = map.next_value::<&RawValue>()?.get() != "null";
                }
                Name::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(members)
    }
}

/// A file as its part names it.
#[derive(serde::Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    file_id: Option<&'a RawValue>,
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl Parts {
    fn part(&mut self, part: &Members<'_>) -> Result<(), serde_json::Error> {
        for text in part.texts.into_iter().flatten() {
            self.count(text);
        }
        let file = part.source.and_then(|raw| serde_json::from_str::<File<'_>>(raw.get()).ok());
        let stored = file.as_ref().is_some_and(|file| file.file_id.is_some_and(|id| id.get() != "null"));
        if part.has_file_id || stored {
            self.features.insert(Feature::State);
        }
        match part.kind.map(RawValue::get) {
            Some("\"image\"" | "\"image_url\"" | "\"input_image\"") => self.medium(Feature::Vision),
            Some("\"input_audio\"") => self.medium(Feature::Audio),
            Some("\"document\"" | "\"file\"" | "\"input_file\"") => {
                let plain = file.filter(|file| file.r#type.is_some_and(|kind| kind.get() == "\"text\""));
                match plain.and_then(|file| file.data) {
                    Some(text) => {
                        self.features.insert(Feature::Documents);
                        self.count(text);
                    }
                    None => self.medium(Feature::Documents),
                }
            }
            Some("\"container_upload\"") => self.features.insert(Feature::State),
            Some("\"tool_use\"") => self.calls += 1,
            Some(_) | None => {}
        }
        if let Some(content) =
            part.content.filter(|raw| matches!(raw.get().as_bytes().first(), Some(b'"' | b'[')))
        {
            self.content(content)?;
        }
        Ok(())
    }

    pub(super) fn medium(&mut self, feature: Feature) {
        self.features.insert(feature);
        self.media += 1;
    }
}
