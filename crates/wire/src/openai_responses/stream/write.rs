//! A caller's stream, written delta by delta.
//!
//! The last event repeats the whole answer, so what is written is kept, up to [`KEPT_LIMIT`]; what an answer says beyond
//! is streamed but not repeated, and the answer then ends as incomplete rather than pretend that its end tells all.
//! Text and thinking are one item at a time; function calls stay open until the end, because their arguments may come
//! in turns.

use std::borrow::Cow;

use super::events::{Events, Place};
use crate::canonical::{Delta, Origin, Signature, ToolForm};
use crate::notes::Notes;
use crate::openai_responses::called::Called;
use crate::openai_responses::echo;
use crate::openai_responses::item::{self, Body, Item, Part, Status};
use crate::openai_responses::reply::{Outcome, Reply, WRITTEN};
use crate::pipe::Said;
use crate::translate::ReplyOptions;
use crate::translate::free_text::FreeText;
use crate::{FinishReason, Usage};

/// How much of an answer is kept for its last event, bytes: half the event limit of this router's own decoder, so that the
/// event can be read. The longest answers of today's models (128 000 tokens) are an eighth of it.
pub(crate) const KEPT_LIMIT: usize = crate::sse::DEFAULT_EVENT_LIMIT / 2;

/// Writes a stream for a caller.
#[derive(Debug)]
pub(crate) struct Writer {
    options: ReplyOptions,
    reply: Reply,
    events: Events,
    has_begun: bool,
    /// The number the first of `items` has; more than 0 in a resumed stream whose earlier items are not known.
    base: usize,
    items: Vec<Item<'static>>,
    /// The message or reasoning item being written, by its place in `items`.
    open: Option<usize>,
    /// Whether `open` is an item an earlier stream began.
    is_resumed: bool,
    calls: Vec<Call>,
    kept: usize,
    usage: Usage,
    finish: Option<FinishReason>,
}

/// A call being written.
#[derive(Debug)]
struct Call {
    /// Its place in `items`.
    at: usize,
    /// Reads a custom tool's text out of its arguments.
    text: Option<FreeText>,
}

impl Writer {
    /// A writer at the beginning of a stream.
    pub(crate) fn new(options: &ReplyOptions) -> Self {
        Self {
            options: options.clone(),
            reply: Reply::new(None, None, options),
            events: Events::default(),
            has_begun: false,
            base: 0,
            items: Vec::new(),
            open: None,
            is_resumed: false,
            calls: Vec::new(),
            kept: 0,
            usage: Usage::default(),
            finish: None,
        }
    }

    /// A writer that goes on where an earlier stream of this dialect stopped: what was said is known, and
    /// [`Delta::Start`] begins nothing anew. The open message goes on under its id, and its end tells all of it.
    pub(crate) fn resume(said: &Said, options: &ReplyOptions) -> Self {
        let mut writer = Self::new(options);
        writer.has_begun = true;
        writer.events.sequence = said.sequence;
        writer.reply.id.clone_from(&said.id);
        writer.reply.model.clone_from(&said.model);
        if let Some(created_unix_s) = created_at(&said.response) {
            writer.reply.created_unix_s = created_unix_s;
        }
        if let Some(echo) = echo::of_response(&said.response, &WRITTEN) {
            writer.reply.echo = echo;
        }
        writer.base = said.block;
        if !said.item_id.is_empty() {
            writer.kept = said.text.len();
            writer.items.push(Item {
                id: said.item_id.clone(),
                status: Status::InProgress,
                body: Body::Message { parts: vec![Part::Text(Cow::Owned(said.text.clone()))] },
            });
            writer.open = Some(0);
            writer.is_resumed = true;
        }
        writer
    }

    /// Tells what [`Writer::resume`] needs besides the text and the usage.
    pub(crate) fn describe(&self, said: &mut Said) {
        said.id.clone_from(&self.reply.id);
        said.model.clone_from(&self.reply.model);
        said.sequence = self.events.sequence;
        let open = self.open.filter(|at| matches!(self.items[*at].body, Body::Message { .. }));
        said.block = self.base + open.unwrap_or(self.items.len());
        said.item_id = open.map(|at| self.items[at].id.clone()).unwrap_or_default();
        let mut response = Vec::with_capacity(1024);
        self.reply.write(Outcome::InProgress, &[], Usage::default(), &mut response);
        said.response = String::from_utf8_lossy(&response).into_owned();
    }

    /// Writes what a delta is in this dialect. [`Delta::Error`] never comes here.
    pub(crate) fn write(&mut self, delta: &Delta<'_>, notes: &mut Notes, out: &mut Vec<u8>) {
        match delta {
            Delta::Start { id, model } => self.start(id.as_deref(), model.as_deref(), out),
            Delta::Text(text) => self.say(Part::Text, text, notes, out),
            Delta::Refusal(text) => self.say(Part::Refusal, text, notes, out),
            Delta::Thinking(text) => self.think(text, notes, out),
            Delta::ThinkingSignature(seal) => self.seal(seal, notes, out),
            Delta::RedactedThinking(seal) => self.whole(item::sealed(seal), notes, out),
            Delta::ToolStart { call, id, name, signature } => {
                self.close(Status::Completed, out);
                if let Some(seal) = signature {
                    self.whole(item::sealed(seal), notes, out);
                }
                let call_id = Cow::Owned(item::call_id(id, self.reply.stem(), *call).into_owned());
                let tool = Called::of(name, self.options.tools.as_deref()).into_owned();
                let text = (tool.form == ToolForm::Custom).then(FreeText::default);
                let at = self.add(Body::Call { call_id, tool, said: Cow::Borrowed("") }, out);
                self.calls.push(Call { at, text });
            }
            Delta::ToolArguments { call, json } => self.arguments(*call, json, notes, out),
            Delta::Usage(usage) => self.usage = self.usage.merged(*usage),
            Delta::Finish { reason, stop_sequence } => {
                if stop_sequence.is_some() {
                    notes.add_once("stop_sequence_not_told", "stop_sequence");
                }
                self.finish(*reason, notes, out);
            }
            Delta::End => self.end(notes, out),
            Delta::Error(_) => {}
        }
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        self.reply = Reply::new(id, model, &self.options);
        for name in ["response.created", "response.in_progress"] {
            self.events.event(name, out, |out| {
                out.extend_from_slice(b",\"response\":");
                self.reply.write(Outcome::InProgress, &[], Usage::default(), out);
            });
        }
    }

    /// Adds text to the open message, or a refusal; begins a message or a part where none is open.
    fn say(
        &mut self,
        of: fn(Cow<'static, str>) -> Part<'static>,
        text: &str,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) {
        let is_message = |item: &Item<'_>| matches!(item.body, Body::Message { .. });
        let at = match self.open.filter(|at| is_message(&self.items[*at])) {
            Some(at) => at,
            None => {
                self.close(Status::Completed, out);
                let at = self.add(Body::Message { parts: Vec::new() }, out);
                self.open = Some(at);
                at
            }
        };
        let has_room = self.keep(text.len(), notes);
        let Item { id, body, .. } = &mut self.items[at];
        let Body::Message { parts } = body else { return };
        let place = Place { item_id: id, output_index: self.base + at };
        let fresh = of(Cow::Borrowed(""));
        let goes_on =
            parts.last().is_some_and(|part| std::mem::discriminant(part) == std::mem::discriminant(&fresh));
        if !goes_on {
            close_part(&mut self.events, place, parts, out);
            self.events.part("response.content_part.added", place, parts.len(), &fresh, out);
            parts.push(fresh);
        }
        let index = parts.len() - 1;
        let (name, kept) = match &mut parts[index] {
            Part::Text(kept) => ("response.output_text.delta", kept),
            Part::Refusal(kept) => ("response.refusal.delta", kept),
        };
        if has_room {
            kept.to_mut().push_str(text);
        }
        self.events.text(name, place, index, ("delta", text), out);
    }

    fn think(&mut self, text: &str, notes: &mut Notes, out: &mut Vec<u8>) {
        if self.is_resumed {
            // The message goes on; there is no place for thinking in the middle of it.
            notes.add_once("thinking_dropped", "output");
            return;
        }
        let at = self.open_reasoning(out);
        let has_room = self.keep(text.len(), notes);
        let Item { id, body, .. } = &mut self.items[at];
        let Body::Reasoning { summary: Some(summary), .. } = body else { return };
        if has_room {
            summary.to_mut().push_str(text);
        }
        let place = Place { item_id: id, output_index: self.base + at };
        self.events.summary_text("response.reasoning_summary_text.delta", place, ("delta", text), out);
    }

    /// The open reasoning item, begun where none is.
    fn open_reasoning(&mut self, out: &mut Vec<u8>) -> usize {
        let is_reasoning = |item: &Item<'_>| matches!(item.body, Body::Reasoning { .. });
        if let Some(at) = self.open.filter(|at| is_reasoning(&self.items[*at])) {
            return at;
        }
        self.close(Status::Completed, out);
        let at = self.add(Body::Reasoning { summary: None, seal: None }, out);
        let Item { id, body, .. } = &mut self.items[at];
        *body = Body::Reasoning { summary: Some(Cow::Borrowed("")), seal: None };
        let place = Place { item_id: id, output_index: self.base + at };
        self.events.summary_part("response.reasoning_summary_part.added", place, "", out);
        self.open = Some(at);
        at
    }

    fn seal(&mut self, given: &Signature<'_>, notes: &mut Notes, out: &mut Vec<u8>) {
        if self.is_resumed {
            notes.add_once("thinking_dropped", "output");
            return;
        }
        let at = self.open_reasoning(out);
        if let Body::Reasoning { seal, .. } = &mut self.items[at].body {
            *seal = Some(Cow::Owned(given.for_caller(Origin::OpenAi).into_owned()));
        }
        self.close(Status::Completed, out);
    }

    /// Writes an item that is known whole and has no deltas.
    fn whole(&mut self, body: Body<'static>, notes: &mut Notes, out: &mut Vec<u8>) {
        if self.is_resumed {
            notes.add_once("thinking_dropped", "output");
            return;
        }
        self.close(Status::Completed, out);
        let at = self.add(body, out);
        self.open = Some(at);
        self.close(Status::Completed, out);
    }

    fn arguments(&mut self, call: usize, json: &str, notes: &mut Notes, out: &mut Vec<u8>) {
        let Some(Call { at, text }) = self.calls.get_mut(call) else { return };
        let at = *at;
        match text {
            Some(text) => {
                let more = text.push(json);
                self.call_says(at, &more, notes, out);
            }
            None => self.call_says(at, json, notes, out),
        }
    }

    /// Adds to what a call says: its arguments, or a custom tool's text.
    fn call_says(&mut self, at: usize, more: &str, notes: &mut Notes, out: &mut Vec<u8>) {
        if more.is_empty() {
            return;
        }
        let has_room = self.keep(more.len(), notes);
        let Item { id, body: Body::Call { tool, said, .. }, .. } = &mut self.items[at] else { return };
        if has_room {
            said.to_mut().push_str(more);
        }
        self.events.call_delta(tool.form, Place { item_id: id, output_index: self.base + at }, more, out);
    }

    /// Whether so much more is kept.
    fn keep(&mut self, more: usize, notes: &mut Notes) -> bool {
        self.kept = self.kept.saturating_add(more);
        if self.kept > KEPT_LIMIT {
            notes.add_once("output_not_repeated", "output");
        }
        self.kept <= KEPT_LIMIT
    }

    fn add(&mut self, body: Body<'static>, out: &mut Vec<u8>) -> usize {
        let at = self.items.len();
        let id = format!("{}_{}_{}", body.prefix(), self.reply.stem(), self.base + at);
        let item = Item { id, status: Status::InProgress, body };
        self.events.item("response.output_item.added", self.base + at, &item, out);
        self.items.push(item);
        at
    }

    /// Ends the open message or reasoning item.
    fn close(&mut self, status: Status, out: &mut Vec<u8>) {
        self.is_resumed = false;
        let Some(at) = self.open.take() else { return };
        self.done(at, status, out);
    }

    fn done(&mut self, at: usize, status: Status, out: &mut Vec<u8>) {
        let output_index = self.base + at;
        let item = &mut self.items[at];
        item.status = status;
        let place = Place { item_id: &item.id, output_index };
        match &mut item.body {
            Body::Message { parts } => close_part(&mut self.events, place, parts, out),
            Body::Reasoning { summary: Some(text), .. } => {
                self.events.summary_text("response.reasoning_summary_text.done", place, ("text", text), out);
                self.events.summary_part("response.reasoning_summary_part.done", place, text, out);
            }
            Body::Reasoning { summary: None, .. } => {}
            Body::Call { tool, said, .. } => {
                // A call without input sends no delta; a caller parses the arguments all the same.
                if said.is_empty() && tool.form != ToolForm::Custom {
                    *said = Cow::Borrowed("{}");
                    self.events.call_delta(tool.form, place, "{}", out);
                }
                self.events.call_done(tool, place, said, out);
            }
        }
        self.events.item("response.output_item.done", output_index, &self.items[at], out);
    }

    fn finish(&mut self, reason: FinishReason, notes: &mut Notes, out: &mut Vec<u8>) {
        self.finish = Some(reason);
        for call in 0..self.calls.len() {
            let Call { at, text: Some(text) } = &mut self.calls[call] else { continue };
            let (at, owed) = (*at, text.finish());
            self.call_says(at, &owed, notes, out);
        }
        let status = match self.outcome() {
            Outcome::Incomplete(_) => Status::Incomplete,
            Outcome::InProgress | Outcome::Completed => Status::Completed,
        };
        for Call { at, .. } in std::mem::take(&mut self.calls) {
            // Calls before the last thing said are whole.
            let is_last = self.open.is_none() && at + 1 == self.items.len();
            self.done(at, if is_last { status } else { Status::Completed }, out);
        }
        self.close(status, out);
    }

    fn outcome(&self) -> Outcome {
        if self.kept > KEPT_LIMIT {
            return Outcome::Incomplete("max_output_tokens");
        }
        let is_refusal = |part: &Part<'_>| matches!(part, Part::Refusal(_));
        let has_refused = self.items.iter().any(|item| match &item.body {
            Body::Message { parts } => parts.iter().any(is_refusal),
            Body::Reasoning { .. } | Body::Call { .. } => false,
        });
        Outcome::of(self.finish.unwrap_or(FinishReason::Stop), has_refused)
    }

    fn end(&mut self, notes: &mut Notes, out: &mut Vec<u8>) {
        if self.finish.is_none() {
            self.finish(FinishReason::Stop, notes, out);
        }
        let outcome = self.outcome();
        let name = match outcome {
            Outcome::Incomplete(_) => "response.incomplete",
            Outcome::InProgress | Outcome::Completed => "response.completed",
        };
        self.events.event(name, out, |out| {
            out.extend_from_slice(b",\"response\":");
            self.reply.write(outcome, &self.items, self.usage, out);
        });
    }
}

/// Ends the last part of a message.
fn close_part(events: &mut Events, place: Place<'_>, parts: &[Part<'_>], out: &mut Vec<u8>) {
    let Some((at, part)) = parts.iter().enumerate().next_back() else { return };
    match part {
        Part::Text(text) => events.text("response.output_text.done", place, at, ("text", text), out),
        Part::Refusal(text) => events.text("response.refusal.done", place, at, ("refusal", text), out),
    }
    events.part("response.content_part.done", place, at, part, out);
}

fn created_at(response: &str) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Created {
        created_at: Option<u64>,
    }
    serde_json::from_str::<Created>(response).ok()?.created_at
}
