//! A JSON object taken apart one level deep, each value still as its raw text.
//!
//! Translation must notice what it cannot carry, so it takes the members it knows and reports the rest;
//! schemas and tool inputs pass through as written, numbers included.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::notes::TranslateError;
use crate::surrogates;

/// The members of one object that nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    path: String,
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Members<'a> {
    /// Reads an object; `path` names it in errors (empty for the body itself).
    pub(crate) fn read(json: &'a str, path: impl Into<String>) -> Result<Self, TranslateError> {
        let path = path.into();
        match serde_json::from_str::<Entries<'a>>(json) {
            Ok(Entries(entries)) => Ok(Self { path, entries }),
            Err(error) => Err(TranslateError::invalid(path, said(&error))),
        }
    }

    /// The path of a member of this object, such as `messages[2].content`.
    pub(crate) fn path_of(&self, name: &str) -> String {
        path_of(&self.path, name)
    }

    /// Takes a member's raw value; `null` counts as absent.
    pub(crate) fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.entries.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.entries.remove(at);
        (value.get() != "null").then_some(value)
    }

    /// Takes a member as `T`, if present.
    pub(crate) fn get<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, TranslateError> {
        self.raw(name).map(|value| self.parsed(name, value)).transpose()
    }

    fn parsed<T: Deserialize<'a>>(&self, name: &str, value: &'a RawValue) -> Result<T, TranslateError> {
        serde_json::from_str(value.get())
            .map_err(|error| TranslateError::invalid(self.path_of(name), said(&error)))
    }

    /// Takes a member that has to be there.
    pub(crate) fn need<T: Deserialize<'a>>(&mut self, name: &str) -> Result<T, TranslateError> {
        self.get(name)?.ok_or_else(|| TranslateError::invalid(self.path_of(name), "is missing"))
    }

    /// Takes a string, if present, borrowed where it holds no escapes.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, TranslateError> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        match unescaped(value) {
            Some(text) => Ok(Some(Cow::Borrowed(text))),
            None => self.parsed::<Text<'a>>(name, value).map(|text| Some(text.0)),
        }
    }

    /// Takes a string that has to be there.
    pub(crate) fn need_text(&mut self, name: &str) -> Result<Cow<'a, str>, TranslateError> {
        self.text(name)?.ok_or_else(|| TranslateError::invalid(self.path_of(name), "is missing"))
    }

    /// Takes a string of an answer, if there is one; what is none says nothing.
    pub(crate) fn maybe_text(&mut self, name: &str) -> Option<Cow<'a, str>> {
        self.raw(name).and_then(borrowed_text)
    }

    /// Takes a nested object that has to be there.
    pub(crate) fn need_object(&mut self, name: &str) -> Result<Self, TranslateError> {
        self.object(name)?.ok_or_else(|| TranslateError::invalid(self.path_of(name), "is missing"))
    }

    /// Takes a nested object, if present.
    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Self>, TranslateError> {
        self.raw(name).map(|value| Members::read(value.get(), self.path_of(name))).transpose()
    }

    /// Takes an object that is carried as it was written, such as a schema or a tool's input, if present.
    pub(crate) fn written_object(&mut self, name: &str) -> Result<Option<&'a RawValue>, TranslateError> {
        self.check(&[(name, Kind::Object)])?;
        let object = self.raw(name);
        // Nothing else looks into it, and many providers refuse it.
        if object.is_some_and(|object| surrogates::mended(object.get().as_bytes()).is_some()) {
            return Err(TranslateError::invalid(self.path_of(name), "holds half of a surrogate pair"));
        }
        Ok(object)
    }

    /// Takes an object that is carried as it was written and has to be there.
    pub(crate) fn need_written_object(&mut self, name: &str) -> Result<&'a RawValue, TranslateError> {
        self.written_object(name)?.ok_or_else(|| TranslateError::invalid(self.path_of(name), "is missing"))
    }

    /// Whether members no other dialect has a word for are at least what their API says, without taking them. They
    /// are left out of a translation, but a body no route of its own dialect would take is wrong everywhere.
    pub(crate) fn check(&self, kinds: &[(&str, Kind)]) -> Result<(), TranslateError> {
        for (name, kind) in kinds {
            if let Some(value) = self.peek(name).map(RawValue::get)
                && value != "null"
                && !kind.is_of(value)
            {
                return Err(TranslateError::invalid(self.path_of(name), kind.wanted()));
            }
        }
        Ok(())
    }

    /// Whether `metadata` is what OpenAI documents: an object of texts.
    pub(crate) fn check_metadata(&self) -> Result<(), TranslateError> {
        self.check(&[("metadata", Kind::Object)])?;
        let Some(raw) = self.peek("metadata").filter(|raw| raw.get() != "null") else { return Ok(()) };
        let metadata = Members::read(raw.get(), self.path_of("metadata"))?;
        let odd = metadata.entries.iter().find(|(_, value)| !Kind::Text.is_of(value.get()));
        odd.map_or(Ok(()), |(name, _)| {
            Err(TranslateError::invalid(metadata.path_of(name), Kind::Text.wanted()))
        })
    }

    /// Takes a list, each element with its path.
    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<(String, &'a RawValue)>, TranslateError> {
        self.raw(name).map_or_else(|| Ok(Vec::new()), |value| elements(value, &self.path_of(name)))
    }

    /// Takes all that is left, where the object as a whole has been noted.
    pub(crate) fn take_all(&mut self) {
        self.entries.clear();
    }

    /// This object's path, and the names of members nobody took, `null`s left out.
    pub(crate) fn left(self) -> (String, impl Iterator<Item = Cow<'a, str>>) {
        let left = self.entries.into_iter().filter(|(_, value)| value.get() != "null");
        (self.path, left.map(|(name, _)| name))
    }

    /// Where in `json` the value of `name` lies, without taking it.
    pub(crate) fn peek(&self, name: &str) -> Option<&'a RawValue> {
        self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// The same members under their `lowerCamelCase` names: protobuf's JSON takes `snake_case` as well.
    pub(crate) fn in_camel_case(mut self) -> Self {
        for (name, _) in
            self.entries.iter_mut().filter(|(name, _)| name.trim_start_matches('_').contains('_'))
        {
            *name = Cow::Owned(camel_case(name));
        }
        self
    }

    /// A name that stands in the object twice.
    pub(crate) fn given_twice(&self) -> Option<String> {
        let mut seen = std::collections::HashSet::with_capacity(self.entries.len());
        self.entries.iter().find(|(name, _)| !seen.insert(name)).map(|(name, _)| name.clone().into_owned())
    }

    /// The members nobody took, as they were written.
    pub(crate) fn into_entries(self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        self.entries
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A name in `lowerCamelCase`; an underscore it begins with stays.
fn camel_case(name: &str) -> String {
    let mut written = String::with_capacity(name.len());
    let mut is_next_upper = false;
    for letter in name.chars() {
        if letter == '_' && !written.is_empty() {
            is_next_upper = true;
        } else if std::mem::take(&mut is_next_upper) {
            written.push(letter.to_ascii_uppercase());
        } else {
            written.push(letter);
        }
    }
    written
}

/// The path of a member of the object at `path`, which is empty for the body itself.
pub(crate) fn path_of(path: &str, name: &str) -> String {
    if path.is_empty() {
        return name.to_owned();
    }
    let mut member = String::with_capacity(path.len() + 1 + name.len());
    for piece in [path, ".", name] {
        member.push_str(piece);
    }
    member
}

/// The path of an element of the list at `path`. Every element of a body has one, so none is put together by `format!`.
fn path_at(path: &str, at: usize) -> String {
    fn push_number(to: &mut String, number: usize) {
        if number >= 10 {
            push_number(to, number / 10);
        }
        to.push(char::from(b"0123456789"[number % 10]));
    }
    let mut element = String::with_capacity(path.len() + "[12345]".len());
    element.push_str(path);
    element.push('[');
    push_number(&mut element, at);
    element.push(']');
    element
}

/// The elements of a JSON list with their paths (`tools[0]`).
pub(crate) fn elements<'a>(
    value: &'a RawValue,
    path: &str,
) -> Result<Vec<(String, &'a RawValue)>, TranslateError> {
    let list: Vec<&'a RawValue> = serde_json::from_str(value.get())
        .map_err(|error| TranslateError::invalid(path.to_owned(), said(&error)))?;
    Ok(list.into_iter().enumerate().map(|(at, value)| (path_at(path, at), value)).collect())
}

/// What a value is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Object,
    List,
    Text,
    Flag,
    Number,
}

impl Kind {
    /// Told by the first byte of a value that is known to be JSON.
    fn is_of(self, value: &str) -> bool {
        let first = value.as_bytes().first();
        match self {
            Self::Object => first == Some(&b'{'),
            Self::List => first == Some(&b'['),
            Self::Text => first == Some(&b'"'),
            Self::Flag => matches!(first, Some(b't' | b'f')),
            Self::Number => matches!(first, Some(b'-' | b'0'..=b'9')),
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::Object => "must be an object",
            Self::List => "must be a list",
            Self::Text => "must be a string",
            Self::Flag => "must be true or false",
            Self::Number => "must be a number",
        }
    }
}

/// What serde complains of. The line and column it adds are those of the one value, which the path names already.
fn said(error: &serde_json::Error) -> String {
    let mut said = error.to_string();
    if let Some(at) = said.rfind(" at line ") {
        said.truncate(at);
    }
    said
}

/// A JSON string's text, if the raw value is a string, borrowed where it holds no escapes. Half of a surrogate pair in it is
/// U+FFFD.
pub(crate) fn borrowed_text(value: &RawValue) -> Option<Cow<'_, str>> {
    if let Some(text) = unescaped(value) {
        return Some(Cow::Borrowed(text));
    }
    let json = value.get();
    if !json.starts_with('"') {
        return None;
    }
    serde_json::from_str::<Text<'_>>(json).map(|text| text.0).ok().or_else(|| {
        let mended = surrogates::mended(json.as_bytes())?;
        serde_json::from_slice(&mended).ok().map(Cow::Owned)
    })
}

/// A JSON string's text as it was written, if there is no escape in it: a raw value is JSON, so nothing else can end it.
fn unescaped(value: &RawValue) -> Option<&str> {
    let text = value.get().strip_prefix('"')?.strip_suffix('"')?;
    memchr::memchr(b'\\', text.as_bytes()).is_none().then_some(text)
}

/// A JSON string's text, if the raw value is a string.
pub(crate) fn text_of(value: &RawValue) -> Option<String> {
    borrowed_text(value).map(Cow::into_owned)
}

struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(16);
                while let Some(entry) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    entries.push((entry.0.0, entry.1));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Walk)
    }
}

/// A JSON string, borrowed from its body where it holds no escapes (a plain `Cow` would always be copied).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
