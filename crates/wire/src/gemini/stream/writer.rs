//! Chunks, written.
//!
//! A chunk holds whole parts, so a call is told when all of it has come. That is known at the answer's end, and what is
//! said behind a call waits with it: little, as models call tools last.

use std::borrow::Cow;

use crate::canonical::{Delta, Origin, Signature, ToolUse};
use crate::gemini::written::{Part, Response};
use crate::notes::Notes;
use crate::pipe::Said;
use crate::sse::USUAL_EVENT;
use crate::translate::ReplyOptions;
use crate::{FinishReason, Usage};

/// What may wait; beyond it calls are told as far as they have come. Bytes.
const WAITING_LIMIT: usize = 8 * 1024 * 1024;
/// What each thing that waits costs besides its text, bytes.
const EACH: usize = size_of::<Waiting>();

/// Writes a stream for a caller.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    id: String,
    model: String,
    /// Whether an earlier stream began this answer.
    goes_on: bool,
    /// The first call and all that was said from there on.
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    /// Where each call waits, by its number; none once it is told.
    calls: Vec<Option<usize>>,
    finish: Option<FinishReason>,
    /// The usage of the earlier stream, and of this one.
    before: Usage,
    usage: Usage,
}

/// A piece of the answer that is not told yet.
#[derive(Debug)]
enum Waiting {
    Call { number: usize, call: ToolUse<'static> },
    Part(Part<'static>),
}

impl Writer {
    pub(crate) fn new(_options: &ReplyOptions) -> Self {
        Self::default()
    }

    /// A writer that goes on where an earlier stream of this dialect stopped.
    pub(crate) fn resume(said: &Said, _options: &ReplyOptions) -> Self {
        let (id, model) = (said.id.clone(), said.model.clone());
        Self { id, model, goes_on: true, before: said.usage, ..Self::default() }
    }

    /// Writes what a delta is in this dialect. [`Delta::Error`] never comes here.
    pub(crate) fn write(&mut self, delta: &Delta<'_>, notes: &mut Notes, out: &mut Vec<u8>) {
        match delta {
            Delta::Start { id, model } => {
                if let Some(model) = model {
                    model.as_ref().clone_into(&mut self.model);
                }
                if !self.goes_on {
                    id.as_deref().unwrap_or_default().clone_into(&mut self.id);
                }
            }
            // A refusal is told by the finish reason; what is said of it is text.
            Delta::Text(text) | Delta::Refusal(text) => self.say(Part::text(&**text), notes, out),
            Delta::Thinking(text) => self.say(Part::thought(&**text, None), notes, out),
            Delta::ThinkingSignature(seal) => self.say(Part::thought("", Some(seal)), notes, out),
            // "The signature may arrive in a part with an empty text": Gemini's own on a text is no thought.
            Delta::RedactedThinking(seal) => {
                let thought = seal.origin != Origin::Gemini;
                self.say(Part { thought, ..Part::thought("", Some(seal)) }, notes, out);
            }
            Delta::ToolStart { call, id, name, signature } => {
                let tool = ToolUse {
                    id: Cow::Owned(id.clone().into_owned()),
                    name: Cow::Owned(name.clone().into_owned()),
                    arguments: Cow::Borrowed(""),
                    signature: signature.clone().map(Signature::into_owned),
                };
                if self.calls.len() <= *call {
                    self.calls.resize(*call + 1, None);
                }
                self.calls[*call] = Some(self.waiting.len());
                let bytes = tool.id.len() + tool.name.len();
                self.wait(Waiting::Call { number: *call, call: tool }, bytes, notes, out);
            }
            Delta::ToolArguments { call, json } => self.arguments(*call, json, notes, out),
            Delta::Usage(usage) => self.usage = self.usage.merged(*usage),
            Delta::Finish { reason, stop_sequence } => {
                self.tell(notes, out);
                if stop_sequence.is_some() {
                    notes.add_once("stop_sequence_not_told", "stop_sequence");
                }
                self.finish = Some(*reason);
            }
            Delta::End => {
                let reason = self.finish.take().unwrap_or(FinishReason::Other);
                let usage = self.before.plus(self.usage);
                event(&Response::of(Vec::new(), &self.id, &self.model).ended(reason, usage), out);
            }
            Delta::Error(_) => {}
        }
    }

    fn say(&mut self, part: Part<'_>, notes: &mut Notes, out: &mut Vec<u8>) {
        if self.waiting.is_empty() {
            event(&Response::of(vec![part], &self.id, &self.model), out);
        } else {
            let bytes = part.text.as_ref().map_or(0, |text| text.len());
            self.wait(Waiting::Part(part.into_owned()), bytes, notes, out);
        }
    }

    fn arguments(&mut self, call: usize, json: &str, notes: &mut Notes, out: &mut Vec<u8>) {
        let place = self.calls.get(call).copied().flatten();
        let Some(Waiting::Call { call, .. }) = place.and_then(|at| self.waiting.get_mut(at)) else {
            return notes.add_once("tool_arguments_dropped", "content");
        };
        call.arguments.to_mut().push_str(json);
        self.grow(json.len(), notes, out);
    }

    fn wait(&mut self, waiting: Waiting, bytes: usize, notes: &mut Notes, out: &mut Vec<u8>) {
        self.waiting.push(waiting);
        self.grow(bytes + EACH, notes, out);
    }

    fn grow(&mut self, bytes: usize, notes: &mut Notes, out: &mut Vec<u8>) {
        self.waiting_bytes += bytes;
        if self.waiting_bytes > WAITING_LIMIT {
            self.tell(notes, out);
        }
    }

    /// Tells all that waits, in its order.
    fn tell(&mut self, notes: &mut Notes, out: &mut Vec<u8>) {
        self.waiting_bytes = 0;
        self.calls.fill(None);
        let waiting = std::mem::take(&mut self.waiting);
        let mut parts = Vec::with_capacity(waiting.len());
        for piece in &waiting {
            match piece {
                Waiting::Part(part) => parts.push(part.borrowed()),
                Waiting::Call { number, call } => match Part::call(call, &self.id, *number, notes) {
                    Ok(part) => parts.push(part),
                    Err(_) => notes.add_once("block_dropped", "content"),
                },
            }
        }
        if !parts.is_empty() {
            event(&Response::of(parts, &self.id, &self.model), out);
        }
    }
}

fn event(response: &Response<'_>, out: &mut Vec<u8>) {
    out.reserve(USUAL_EVENT);
    // Compact JSON holds no line break, so the event's frame can be written around it.
    out.extend_from_slice(b"data: ");
    let written = serde_json::to_writer(&mut *out, response);
    debug_assert!(written.is_ok(), "strings and numbers always serialize");
    out.extend_from_slice(b"\n\n");
}
