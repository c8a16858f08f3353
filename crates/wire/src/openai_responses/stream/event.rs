//! An upstream's event, read as far as any event is.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::members::{Members, Text};
use crate::pipe::StreamFault;

/// Any event; its type says which members count.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) r#type: Option<Text<'a>>,
    #[serde(default)]
    pub(super) output_index: u64,
    #[serde(default)]
    pub(super) summary_index: u64,
    #[serde(borrow)]
    pub(super) delta: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) arguments: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) refusal: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) item: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

/// The piece a delta event carries.
pub(super) fn delta_of<'a>(said: &Event<'a>) -> Result<Cow<'a, str>, StreamFault> {
    let raw = said.delta.ok_or_else(|| StreamFault::Malformed("a delta event without `delta`".to_owned()))?;
    serde_json::from_str::<Text<'a>>(raw.get()).map(|text| text.0).map_err(malformed)
}

/// The members of an event's item or response.
pub(super) fn object(raw: Option<&RawValue>) -> Result<Members<'_>, StreamFault> {
    let raw = raw.ok_or_else(|| StreamFault::Malformed("an event without its object".to_owned()))?;
    Members::read(raw.get(), "").map_err(malformed)
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
/// An upstream that says this does not speak the dialect.
pub(super) fn malformed(error: impl ToString) -> StreamFault {
    StreamFault::Malformed(error.to_string())
}
