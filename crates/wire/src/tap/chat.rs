//! Chat chunks. Values are kept raw: most are only compared with "empty".

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Observed, StreamTap};
use crate::members::text_of;
use crate::openai_chat::ChatUsage;
use crate::{FinishReason, StreamEvent, Usage};

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
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

impl Delta<'_> {
    fn says_something(&self) -> bool {
        let parts = [
            self.content,
            self.reasoning_content,
            self.reasoning,
            self.refusal,
            self.tool_calls,
            self.function_call,
            self.audio,
        ];
        parts.into_iter().flatten().any(|raw| !matches!(raw.get(), "\"\"" | "[]" | "{}" | "null"))
    }
}

impl StreamTap {
    pub(super) fn observe_chat(&mut self, event: &StreamEvent<'_>) -> Observed {
        if event.data == b"[DONE]" {
            return Observed::Done;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(event.data) else { return Observed::Malformed };
        if chunk.error.is_some() || event.event == Some("error") {
            return Observed::Error;
        }
        if self.notes.model.is_none() {
            self.notes.model = chunk.model.and_then(text_of).filter(|model| !model.is_empty());
        }
        let usage = chunk.usage.and_then(|raw| serde_json::from_str::<ChatUsage>(raw.get()).ok());
        if let Some(usage) = usage {
            self.notes.add_usage(Usage::from(usage));
        }
        let choices = chunk.choices.unwrap_or_default();
        if choices.is_empty() {
            return if chunk.usage.is_some() { Observed::UsageOnly } else { Observed::Quiet };
        }
        let mut observed = Observed::Quiet;
        for choice in choices {
            let bit = 1 << choice.index.min(63);
            self.choices_seen |= bit;
            if let Some(reason) = choice.finish_reason.and_then(text_of).filter(|reason| !reason.is_empty()) {
                self.choices_finished |= bit;
                self.notes.finish = Some(FinishReason::from_chat(&reason));
                if observed == Observed::Quiet {
                    observed = Observed::Finish;
                }
            }
            if choice.delta.is_some_and(|delta| delta.says_something()) {
                observed = Observed::Content;
            }
        }
        observed
    }
}
