//! Chat chunks.

use super::{Observed, StreamTap};
use crate::lenient;
use crate::members::text_of;
use crate::openai_chat::{ChatChunk, ChatUsage, Delta};
use crate::under_way::UnderWay;
use crate::{FinishReason, StreamEvent};

fn part_of(delta: &Delta<'_>) -> UnderWay {
    if delta.calls() {
        UnderWay::ToolCall
    } else if delta.thinks() && !delta.tells() {
        UnderWay::Reasoning
    } else {
        UnderWay::Text
    }
}

impl StreamTap {
    /// `chunk` is the event's, none where it can't be read as one.
    pub(super) fn observe_chat(
        &mut self,
        event: &StreamEvent<'_>,
        chunk: Option<&ChatChunk<'_>>,
    ) -> Observed {
        if event.data == b"[DONE]" {
            return Observed::Done;
        }
        let Some(chunk) = chunk else { return Observed::Malformed };
        if chunk.fails() || event.event == Some("error") {
            return Observed::Error;
        }
        self.meter.names_raw(chunk.model);
        let usage = chunk.usage.and_then(|raw| lenient::read::<ChatUsage>(raw).ok().flatten());
        self.meter.serves(chunk.service_tier, usage.is_some());
        if let Some(usage) = usage {
            self.meter.hears(usage);
        }
        let choices = chunk.choices.as_deref().unwrap_or_default();
        if choices.is_empty() {
            return if chunk.usage.is_some() { Observed::UsageOnly } else { Observed::Quiet };
        }
        let mut observed = Observed::Quiet;
        for choice in choices {
            let bit = 1 << choice.index.unwrap_or_default().min(63);
            self.choices_seen |= bit;
            if let Some(reason) = choice.finish_reason.and_then(text_of).filter(|reason| !reason.is_empty()) {
                self.choices_finished |= bit;
                self.notes.finish = Some(FinishReason::from_chat(&reason));
                if observed == Observed::Quiet {
                    observed = Observed::Finish;
                }
            }
            if let Some(delta) = choice.delta.as_ref().filter(|delta| delta.says_something()) {
                observed = Observed::Content;
                self.under_way = part_of(delta);
            }
        }
        observed
    }
}
