//! generateContent chunks. The answer is whole when the upstream closes behind a finish reason; there is no end marker.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Observed, StreamTap};
use crate::gemini::{GeminiUsage, finish_reason};
use crate::json;
use crate::lenient;
use crate::members::text_of;
use crate::under_way::UnderWay;
use crate::{FinishReason, StreamEvent};

/// A chunk, each member by itself.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Chunk<'a> {
    #[serde(borrow)]
    candidates: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_feedback: Option<&'a RawValue>,
    #[serde(borrow)]
    usage_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) model_version: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) response_id: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Candidate<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    pub(crate) index: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

/// A part: a text, a thought, or something else.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Part<'a> {
    #[serde(borrow)]
    pub(crate) text: Option<&'a RawValue>,
    #[serde(borrow)]
    thought: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) function_call: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow)]
    block_reason: Option<&'a RawValue>,
}

/// What can't be read is not there: it is for whoever needs it to miss it.
fn read<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

impl<'a> Chunk<'a> {
    /// The chunk in an event's data; none where it is no JSON object.
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        json::read(data).ok()
    }

    pub(crate) fn candidates(&self) -> Vec<Candidate<'a>> {
        read(self.candidates)
    }
}

impl<'a> Candidate<'a> {
    pub(crate) fn parts(&self) -> Vec<Part<'a>> {
        read(read::<Content<'a>>(self.content).parts)
    }
}

impl Part<'_> {
    pub(crate) fn is_thought(&self) -> bool {
        self.thought.is_some_and(|raw| raw.get() == "true")
    }

    pub(crate) fn says_something(&self) -> bool {
        // What is no text is something of its own: a call, an image, code.
        self.text.is_none_or(|text| !matches!(text.get(), "\"\"" | "null")) || self.function_call.is_some()
    }

    fn is_at(&self) -> UnderWay {
        match self.text {
            _ if self.is_thought() => UnderWay::Reasoning,
            Some(_) if self.function_call.is_none() => UnderWay::Text,
            Some(_) | None => UnderWay::ToolCall,
        }
    }
}

impl StreamTap {
    pub(super) fn observe_gemini(&mut self, event: &StreamEvent<'_>) -> Observed {
        let Some(chunk) = Chunk::read(event.data) else { return Observed::Malformed };
        if chunk.error.is_some() {
            return Observed::Error;
        }
        self.meter.names_raw(chunk.model_version);
        let usage = chunk.usage_metadata.and_then(|raw| lenient::read::<GeminiUsage>(raw).ok().flatten());
        if let Some(usage) = usage {
            self.meter.hears(usage);
        }
        let mut observed = Observed::Quiet;
        if read::<Feedback<'_>>(chunk.prompt_feedback).block_reason.is_some() {
            self.notes.finish = Some(FinishReason::ContentFilter);
            observed = Observed::Finish;
        }
        for candidate in chunk.candidates() {
            let reason = candidate.finish_reason.and_then(text_of);
            if let Some(reason) = reason.as_deref().and_then(finish_reason) {
                self.notes.finish = Some(reason);
                if observed == Observed::Quiet {
                    observed = Observed::Finish;
                }
            }
            if let Some(part) = candidate.parts().iter().rfind(|part| part.says_something()) {
                observed = Observed::Content;
                self.under_way = part.is_at();
            }
        }
        observed
    }
}
