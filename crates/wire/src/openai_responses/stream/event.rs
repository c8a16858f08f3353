//! An upstream's event, read as far as any event is.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::json;
use crate::lenient::maybe;
use crate::members::{Members, Text, borrowed_text};
use crate::pipe::StreamFault;

/// Any event; its type says which members count.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) r#type: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) item_id: Option<Text<'a>>,
    #[serde(deserialize_with = "maybe")]
    pub(super) output_index: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    pub(super) summary_index: Option<u64>,
    #[serde(borrow)]
    pub(super) delta: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(super) refusal: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) part: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) item: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    /// Reads an event; none when it says nothing: JSON, but no object.
    pub(super) fn read(data: &'a [u8]) -> Result<Option<Self>, StreamFault> {
        match json::read(data) {
            Ok(said) => Ok(Some(said)),
            Err(_) if serde_json::from_slice::<IgnoredAny>(data).is_ok() => Ok(None),
            Err(error) => Err(StreamFault::Malformed(error.to_string())),
        }
    }

    /// The text a delta event carries.
    pub(super) fn piece(&self) -> Option<Cow<'a, str>> {
        self.delta.and_then(borrowed_text).filter(|text| !text.is_empty())
    }

    /// What its item says.
    pub(super) fn item(&self) -> Option<Members<'a>> {
        object(self.item)
    }

    /// What its response says.
    pub(super) fn response(&self) -> Option<Members<'a>> {
        object(self.response)
    }
}

/// An object's members; none when it is not there, or none.
fn object(raw: Option<&RawValue>) -> Option<Members<'_>> {
    Members::read(raw?.get(), "").ok()
}

/// Arguments as the text they mostly are, or as they are written.
pub(super) fn arguments(raw: &RawValue) -> Cow<'_, str> {
    match raw.get() {
        "null" => Cow::Borrowed(""),
        json => borrowed_text(raw).unwrap_or(Cow::Borrowed(json)),
    }
}
