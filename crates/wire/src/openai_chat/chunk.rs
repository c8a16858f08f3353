//! A chunk of a chat stream as those read it who watch it flow by. Values are kept raw: most are only compared with
//! "empty".

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(crate) struct ChatChunk<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) model: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(crate) struct Choice<'a> {
    #[serde(default)]
    pub(crate) index: u32,
    #[serde(borrow)]
    pub(crate) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
}

impl<'a> ChatChunk<'a> {
    /// Reads an event's data; none for what is no chunk, the end marker too.
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }
}

impl Delta<'_> {
    pub(crate) fn thinks(&self) -> bool {
        is_filled(self.reasoning_content) || is_filled(self.reasoning)
    }

    pub(crate) fn refuses(&self) -> bool {
        is_filled(self.refusal)
    }

    /// Whether it calls a tool, or holds what can't be cut like text.
    pub(crate) fn calls(&self) -> bool {
        is_filled(self.tool_calls) || is_filled(self.function_call) || is_filled(self.audio)
    }

    /// Whether it holds text.
    pub(crate) fn tells(&self) -> bool {
        is_filled(self.content)
    }

    pub(crate) fn says_something(&self) -> bool {
        self.tells() || self.thinks() || self.refuses() || self.calls()
    }
}

fn is_filled(part: Option<&RawValue>) -> bool {
    part.is_some_and(|raw| !matches!(raw.get(), "\"\"" | "[]" | "{}" | "null"))
}
