//! A chunk of a chat stream as those read it who watch it flow by. Values are kept raw: most are only compared with
//! "empty".

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json;
use crate::lenient::{self, lenient_object, maybe};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChatChunk<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) model: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(crate) choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice<'a> {
    #[serde(deserialize_with = "maybe")]
    pub(crate) index: Option<u32>,
    #[serde(borrow, deserialize_with = "maybe")]
    pub(crate) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) finish_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
    #[serde(borrow)]
    images: Option<&'a RawValue>,
}
lenient_object!(Choice<'de>, Delta<'de>);

impl<'a> ChatChunk<'a> {
    /// Reads an event's data; none for what is no chunk, the end marker too.
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        json::read(data).ok()
    }

    /// Whether it tells an error; OpenRouter tells one of the model's provider in the choice.
    pub(crate) fn fails(&self) -> bool {
        let choices = self.choices.iter().flatten();
        choices.filter_map(|choice| choice.error).chain(self.error).any(lenient::is_filled)
    }
}

impl Delta<'_> {
    pub(crate) fn thinks(&self) -> bool {
        [self.reasoning_content, self.reasoning, self.reasoning_details].into_iter().any(is_filled)
    }

    pub(crate) fn refuses(&self) -> bool {
        is_filled(self.refusal)
    }

    /// Whether it calls a tool, or holds what can't be cut like text.
    pub(crate) fn calls(&self) -> bool {
        is_filled(self.tool_calls)
            || [self.function_call, self.audio, self.images].into_iter().flatten().any(lenient::is_filled)
    }

    /// Whether it holds text.
    pub(crate) fn tells(&self) -> bool {
        is_filled(self.content)
    }

    pub(crate) fn says_something(&self) -> bool {
        self.tells() || self.thinks() || self.refuses() || self.calls()
    }
}

/// Most members come with every chunk and are looked at no closer than this.
fn is_filled(part: Option<&RawValue>) -> bool {
    part.is_some_and(|raw| !matches!(raw.get(), "\"\"" | "[]" | "{}" | "null"))
}
