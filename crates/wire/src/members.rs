//! A JSON object taken apart one level deep, each value still as its raw text.
//!
//! Translation must notice what it cannot carry, so it takes the members it knows and reports the rest;
//! schemas and tool inputs pass through as written, numbers included.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::notes::TranslateError;

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
            Err(error) => Err(TranslateError::invalid(path, error.to_string())),
        }
    }

    /// The path of a member of this object, such as `messages[2].content`.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Takes a member's raw value; `null` counts as absent.
    pub(crate) fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.entries.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.entries.remove(at);
        (value.get() != "null").then_some(value)
    }

    /// Takes a member as `T`, if present.
    pub(crate) fn get<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, TranslateError> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        match serde_json::from_str(value.get()) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(TranslateError::invalid(self.path_of(name), error.to_string())),
        }
    }

    /// Takes a member that has to be there.
    pub(crate) fn need<T: Deserialize<'a>>(&mut self, name: &str) -> Result<T, TranslateError> {
        self.get(name)?.ok_or_else(|| TranslateError::invalid(self.path_of(name), "is missing"))
    }

    /// Takes a string, if present, borrowed where it holds no escapes.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, TranslateError> {
        Ok(self.get::<Text<'a>>(name)?.map(|text| text.0))
    }

    /// Takes a string that has to be there.
    pub(crate) fn need_text(&mut self, name: &str) -> Result<Cow<'a, str>, TranslateError> {
        Ok(self.need::<Text<'a>>(name)?.0)
    }

    /// Takes a nested object that has to be there.
    pub(crate) fn need_object(&mut self, name: &str) -> Result<Self, TranslateError> {
        let path = self.path_of(name);
        self.object(name)?.ok_or_else(|| TranslateError::invalid(path, "is missing"))
    }

    /// Takes a nested object, if present.
    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Self>, TranslateError> {
        let path = self.path_of(name);
        self.raw(name).map(|value| Members::read(value.get(), path)).transpose()
    }

    /// Takes a list, each element with its path.
    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<(String, &'a RawValue)>, TranslateError> {
        let path = self.path_of(name);
        self.raw(name).map_or_else(|| Ok(Vec::new()), |value| elements(value, &path))
    }

    /// Takes all that is left, where the object as a whole has been noted.
    pub(crate) fn take_all(&mut self) {
        self.entries.clear();
    }

    /// The paths of members nobody took, `null`s left out.
    pub(crate) fn rest(self) -> Vec<String> {
        let left = self.entries.iter().filter(|(_, value)| value.get() != "null");
        left.map(|(name, _)| self.path_of(name)).collect()
    }

    /// Where in `json` the value of `name` lies, without taking it.
    pub(crate) fn peek(&self, name: &str) -> Option<&'a RawValue> {
        self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// The members nobody took, as they were written.
    pub(crate) fn into_entries(self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        self.entries
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The elements of a JSON list with their paths (`tools[0]`).
pub(crate) fn elements<'a>(
    value: &'a RawValue,
    path: &str,
) -> Result<Vec<(String, &'a RawValue)>, TranslateError> {
    let list: Vec<&'a RawValue> = serde_json::from_str(value.get())
        .map_err(|error| TranslateError::invalid(path.to_owned(), error.to_string()))?;
    Ok(list.into_iter().enumerate().map(|(at, value)| (format!("{path}[{at}]"), value)).collect())
}

/// A JSON string's text, if the raw value is a string, borrowed where it holds no escapes.
pub(crate) fn borrowed_text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}

/// A JSON string's text, if the raw value is a string.
pub(crate) fn text_of(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
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
