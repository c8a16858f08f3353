//! What an upstream's stream says on its way to the caller: facts are noted, the seam is sewn, the rest is written.

use std::borrow::Cow;
use std::sync::Arc;

use super::ends::Writer;
use super::hear::overhear;
use super::memory::Memory;
use super::said::Unfit;
use super::seam::{Mismatch, Stitch};
use crate::canonical::{CallerTools, Delta};
use crate::error_body::{ErrorShape, UpstreamError};
use crate::notes::Notes;
use crate::tap::Observed;
use crate::translate::{ReplyOptions, SEAL_DROPPED, hides_thoughts, seals_calls};
use crate::{Dialect, FinishReason, Usage};

/// What is known of an upstream's stream.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) started: bool,
    pub(super) ended: bool,
    pub(super) usage: Option<Usage>,
    pub(super) model: Option<String>,
    pub(super) finish: Option<FinishReason>,
    pub(super) error: Option<UpstreamError>,
}

/// The way to the caller.
#[derive(Debug)]
pub(super) struct Telling {
    caller: Dialect,
    writer: Writer,
    stitch: Stitch,
    hide_thoughts: bool,
    fallback_id: Option<Arc<str>>,
    fallback_model: Option<Arc<str>>,
    tools: Option<Arc<CallerTools>>,
    /// Whether the caller is told what was used.
    tells_usage: bool,
    /// The usage of upstreams before this one, which the caller is told together with this one's.
    before: Usage,
    pub(super) facts: Facts,
    pub(super) memory: Option<Memory>,
    pub(super) notes: Notes,
    /// What the writer noted of the event at hand.
    written: Notes,
    /// Whether the caller has been told the answer's id: what is written behind it names the same, or none as well.
    is_named: bool,
}

impl Telling {
    pub(super) fn new(
        caller: Dialect,
        writer: Writer,
        stitch: Stitch,
        options: &ReplyOptions,
        memory: Option<Memory>,
    ) -> Self {
        Self {
            caller,
            writer,
            stitch,
            hide_thoughts: options.hide_thoughts && hides_thoughts(caller),
            fallback_id: options.fallback_id.clone(),
            fallback_model: options.fallback_model.clone(),
            tools: options.tools.clone(),
            tells_usage: caller != Dialect::OpenAiChat || options.include_usage,
            before: memory.as_ref().map_or_else(Usage::default, Memory::before),
            facts: Facts::default(),
            memory,
            notes: Notes::default(),
            written: Notes::default(),
            is_named: false,
        }
    }

    /// Takes a delta; what the caller gets of it is appended to `out`.
    pub(super) fn take(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) -> Observed {
        if self.facts.ended || self.facts.error.is_some() {
            return Observed::Quiet;
        }
        match delta {
            Delta::Start { id, model } => {
                self.start(id.as_deref(), model.as_deref(), out);
                Observed::Quiet
            }
            Delta::Text(text) => {
                self.facts.started = true;
                match self.stitch.text(text) {
                    Ok(new) => self.tell_text(&new, out),
                    Err(mismatch) => return self.mismatch(mismatch),
                }
                Observed::Content
            }
            Delta::Thinking(_) | Delta::ThinkingSignature(_) | Delta::RedactedThinking(_) => {
                self.facts.started = true;
                if self.hide_thoughts {
                    if !matches!(delta, Delta::Thinking(_)) {
                        self.notes.add_once(SEAL_DROPPED, "content");
                    }
                    return Observed::Content;
                }
                // Between two halves of one text there is no place for thinking.
                if self.stitch.is_done() {
                    self.spoil(Unfit::Thinking);
                    self.write(delta, out);
                } else {
                    self.notes.add_once("thinking_dropped", "content");
                }
                Observed::Content
            }
            Delta::Refusal(_) => self.tell_other(Unfit::Refusal, delta, out),
            Delta::ToolStart { call, id, name, signature } => {
                // The seal of a thought that stays hidden.
                let hides_seal = self.hide_thoughts && !seals_calls(self.caller) && signature.is_some();
                if hides_seal {
                    self.notes.add_once(SEAL_DROPPED, "content");
                }
                let signature = signature.clone().filter(|_| !hides_seal);
                let tools = self.tools.clone();
                let own = tools.as_deref().and_then(|tools| tools.own_name(name));
                let (id, name) = (Cow::Borrowed(&**id), Cow::Borrowed(own.unwrap_or(name)));
                self.tell_other(Unfit::ToolCall, &Delta::ToolStart { call: *call, id, name, signature }, out)
            }
            Delta::ToolArguments { .. } => self.tell_other(Unfit::ToolCall, delta, out),
            Delta::Usage(usage) => {
                let so_far = self.facts.usage.map_or(*usage, |so_far| so_far.merged(*usage));
                self.facts.usage = Some(so_far);
                if let Some(memory) = &mut self.memory {
                    memory.usage(*usage);
                }
                self.write(&Delta::Usage(self.before.plus(so_far)), out);
                Observed::Quiet
            }
            Delta::Finish { reason, .. } => {
                if let Err(mismatch) = self.end_text(out) {
                    return self.mismatch(mismatch);
                }
                self.facts.finish = Some(*reason);
                self.write(delta, out);
                Observed::Finish
            }
            Delta::End => {
                if let Err(mismatch) = self.end_text(out) {
                    return self.mismatch(mismatch);
                }
                self.facts.ended = true;
                if self.tells_usage && self.facts.usage.is_none() {
                    // The caller is told zeros, which are nobody's count.
                    self.notes.add_once("usage_missing", "usage");
                }
                self.write(delta, out);
                Observed::Done
            }
            // What comes behind a whole answer changes nothing of it.
            Delta::Error(_) if self.facts.finish.is_some() => Observed::Quiet,
            Delta::Error(error) => {
                self.facts.error = Some((**error).clone());
                Observed::Error
            }
        }
    }

    /// Notes that the upstream's text is over, unless some of it is still held back.
    pub(super) fn ends_text(&mut self) {
        if let Some(memory) = self.memory.as_mut().filter(|_| self.stitch.is_done()) {
            memory.closes();
        }
    }

    /// What is known of the caller's stream for another upstream to take over.
    pub(super) fn carried_on(&self) -> Memory {
        let mut memory = self.memory.clone().unwrap_or_default().carried_on();
        self.writer.describe(memory.as_is_mut());
        memory
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>, out: &mut Vec<u8>) {
        let id = id.filter(|id| !id.is_empty()).map(str::to_owned);
        let id = id.or_else(|| self.fallback_id.as_deref().map(str::to_owned));
        let named = model.filter(|model| !model.is_empty()).map(str::to_owned);
        self.facts.model.clone_from(&named);
        let model = named.or_else(|| self.fallback_model.as_deref().map(str::to_owned));
        self.write(&Delta::Start { id: id.map(Cow::Owned), model: model.map(Cow::Owned) }, out);
        if self.before != Usage::default() {
            self.write(&Delta::Usage(self.before), out);
        }
    }

    fn tell_text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if let Some(memory) = &mut self.memory {
            memory.text(text);
        }
        self.write(&Delta::Text(Cow::Borrowed(text)), out);
    }

    /// Tells what ends a text, and makes an answer unfit to be continued.
    fn tell_other(&mut self, unfit: Unfit, delta: &Delta<'_>, out: &mut Vec<u8>) -> Observed {
        self.facts.started = true;
        if let Err(mismatch) = self.end_text(out) {
            return self.mismatch(mismatch);
        }
        self.spoil(unfit);
        self.write(delta, out);
        Observed::Content
    }

    fn end_text(&mut self, out: &mut Vec<u8>) -> Result<(), Mismatch> {
        let held = self.stitch.end()?;
        self.tell_text(&held, out);
        Ok(())
    }

    fn spoil(&mut self, unfit: Unfit) {
        if let Some(memory) = &mut self.memory {
            memory.spoil(unfit);
        }
    }

    fn mismatch(&mut self, mismatch: Mismatch) -> Observed {
        let message = match mismatch {
            Mismatch::Differs => "the new answer differs from what was already sent",
            Mismatch::Shorter => "the new answer ends before what was already sent",
            Mismatch::Unclear => "the new answer does not plainly go on from what was already sent",
        };
        let code = Some("restart_mismatch".to_owned());
        self.facts.error = Some(UpstreamError { code, ..UpstreamError::plain(ErrorShape::Text, message) });
        Observed::Error
    }

    fn write(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        let before = out.len();
        self.writer.write(delta, &mut self.written, out);
        self.notes.take_from(&mut self.written);
        self.is_named &= !matches!(delta, Delta::Start { .. });
        let written = &out[before..];
        if let Some(memory) = self.memory.as_mut().filter(|_| !self.is_named && !written.is_empty()) {
            overhear(memory, self.caller, written);
            self.is_named = true;
        }
    }
}
