//! Strings that stay where they were read, unless JSON escaped something in them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::members::Members;
use crate::notes::TranslateError;

/// A JSON string, borrowed where it holds no escape. (A plain `Cow` is always copied by serde.)
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Takes a string member, if present.
pub(super) fn text<'a>(
    members: &mut Members<'a>,
    name: &str,
) -> Result<Option<Cow<'a, str>>, TranslateError> {
    Ok(members.get::<Text<'a>>(name)?.map(|text| text.0))
}

/// Takes a string member that has to be there.
pub(super) fn need_text<'a>(members: &mut Members<'a>, name: &str) -> Result<Cow<'a, str>, TranslateError> {
    Ok(members.need::<Text<'a>>(name)?.0)
}

/// The text of a raw value that is a string.
pub(super) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}

/// The rest of a text from a byte on, borrowed where the text is.
pub(super) fn tail(text: Cow<'_, str>, from: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..]),
        Cow::Owned(mut text) => {
            text.drain(..from);
            Cow::Owned(text)
        }
    }
}
