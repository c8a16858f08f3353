//! An upstream's stream, read event by event.
//!
//! Everything is said in deltas first; what an event of completion repeats is only taken where no delta came (some
//! compatible servers send none). An event that can't be understood says nothing; only what is no JSON is a fault.

use std::borrow::Cow;

use super::event::{Event, arguments};
use super::fail::stream_error;
use crate::FinishReason;
use crate::canonical::{Content, Delta, Origin, Signature, ToolForm, ToolUse};
use crate::frames::StreamEvent;
use crate::lenient::is_filled;
use crate::members::{Members, Text};
use crate::notes::Notes;
use crate::openai_responses::answer;
use crate::openai_responses::request::call_form;
use crate::openai_responses::{Searches, finish_reason, reported};
use crate::pipe::StreamFault;
use crate::usage::Meter;

/// More items than any answer has open at once.
const OPEN_LIMIT: usize = 1024;

/// Reads an upstream's stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    has_started: bool,
    has_ended: bool,
    /// Whether any item was told of before the end.
    has_items: bool,
    has_refused: bool,
    has_ended_text: bool,
    calls: usize,
    open: Vec<Open>,
    meter: Meter,
    /// Searches of the provider's, by the items done so far.
    searches: Searches,
}

/// An item that has begun and is not done.
#[derive(Debug, Default)]
struct Open {
    /// Its place in the answer, where the upstream tells.
    index: Option<u64>,
    id: String,
    /// Its number among the calls, if it is one.
    call: Option<usize>,
    /// Whether a delta came for it.
    has_said: bool,
    /// Whether its thinking is told as a summary; the reasoning itself is then left out.
    is_summary: bool,
}

type Sink<'s> = &'s mut dyn FnMut(&Delta<'_>);
type Step = Result<(), StreamFault>;

impl Reader {
    /// Reads one event (never of empty data) and gives its deltas to `sink`.
    pub(crate) fn read(&mut self, event: &StreamEvent<'_>, notes: &mut Notes, sink: Sink<'_>) -> Step {
        if self.has_ended {
            return Ok(());
        }
        // Some compatible servers end their streams as chat does, a few of them in no other way.
        if event.data == b"[DONE]" {
            if self.has_items {
                self.finish_with("completed", None, sink);
            }
            return Ok(());
        }
        let said = match Event::read(event.data) {
            Ok(Some(said)) => said,
            Ok(None) => return Ok(()),
            // The stream broke off inside this event: that is a cut.
            Err(_) if !event.complete => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(kind) = said.r#type.as_ref().map(|kind| &*kind.0).or(event.event) else {
            match said.error {
                Some(error) if is_filled(error) => self.fail(event.data, sink),
                Some(_) | None => notes.add_once("event_ignored", "type"),
            }
            return Ok(());
        };
        self.take(kind, &said, event.data, notes, sink)
    }

    fn take(&mut self, kind: &str, said: &Event<'_>, data: &[u8], notes: &mut Notes, sink: Sink<'_>) -> Step {
        match kind {
            "response.output_text.delta" => {
                self.has_ended_text = false;
                self.say(said, sink, Delta::Text)?;
            }
            "response.refusal.delta" => {
                self.has_refused = true;
                self.say(said, sink, Delta::Refusal)?;
            }
            "response.reasoning_summary_text.delta" => {
                self.item(said)?.is_summary = true;
                self.say(said, sink, Delta::Thinking)?;
            }
            "response.reasoning_text.delta" => {
                if !self.item(said)?.is_summary {
                    self.say(said, sink, Delta::Thinking)?;
                }
            }
            "response.function_call_arguments.delta" => {
                self.arguments(said, said.delta.map(arguments), sink);
            }
            "response.function_call_arguments.done" => {
                if self.find(said).is_some_and(|at| !self.open[at].has_said) {
                    self.arguments(said, said.arguments.map(arguments), sink);
                }
            }
            // A summary of several parts is one text in paragraphs.
            "response.reasoning_summary_part.added" => {
                if said.summary_index > Some(0) && self.item(said)?.has_said {
                    sink(&Delta::Thinking(Cow::Borrowed("\n\n")));
                }
            }
            "response.created" | "response.queued" | "response.in_progress" => self.start(said, sink),
            "response.output_item.added" => self.item_added(said, notes, sink)?,
            "response.output_item.done" => {
                self.has_ended_text = true;
                self.item_done(said, notes, sink)?;
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                self.end(said, kind, data, notes, sink);
            }
            "response.failed" | "error" => self.fail(data, sink),
            "response.output_text.annotation.added" => notes.add_once("citations_dropped", kind),
            "response.output_text.done" => {
                self.has_ended_text = true;
                self.late(said, said.text.as_ref(), Delta::Text, sink)?;
            }
            "response.refusal.done" => {
                self.has_refused = true;
                self.late(said, said.refusal.as_ref(), Delta::Refusal, sink)?;
            }
            "response.content_part.done" => self.has_ended_text = true,
            "response.content_part.added"
            | "response.custom_tool_call_input.delta"
            | "response.custom_tool_call_input.done"
            | "response.reasoning_text.done"
            | "response.reasoning_summary_text.done"
            | "response.reasoning_summary_part.done"
            | "keepalive"
            | "ping" => {}
            _ => notes.add_once("event_ignored", kind),
        }
        Ok(())
    }

    /// What the upstream has reported.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Whether the text so far is over.
    pub(crate) fn has_ended_text(&self) -> bool {
        self.has_ended_text
    }

    /// The upstream closed: without its last event the answer is not whole.
    #[expect(clippy::unused_self, reason = "dialects without an end mark end here")]
    pub(crate) fn finish(&mut self, _sink: Sink<'_>) {}

    fn start(&mut self, said: &Event<'_>, sink: Sink<'_>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        let mut response = said.response();
        let mut text = |name: &str| response.as_mut().and_then(|response| response.maybe_text(name));
        let (id, model) = (text("id"), text("model"));
        self.meter.names(model.as_deref());
        sink(&Delta::Start { id, model });
    }

    /// Gives a start where the upstream left it out.
    fn begin(&mut self, sink: Sink<'_>) {
        if !std::mem::replace(&mut self.has_started, true) {
            sink(&Delta::Start { id: None, model: None });
        }
    }

    /// The open item an event speaks of: by its place, else by its id, else the last.
    fn find(&self, said: &Event<'_>) -> Option<usize> {
        let id = said.item_id.as_ref().map(Text::as_str);
        match (said.output_index, id) {
            (Some(index), _) => self.open.iter().rposition(|open| open.index == Some(index)),
            (None, Some(id)) => self.open.iter().rposition(|open| open.id == id),
            (None, None) => self.open.len().checked_sub(1),
        }
    }

    /// The item an event speaks of, opened if it never was (some servers leave out its beginning).
    fn item(&mut self, said: &Event<'_>) -> Result<&mut Open, StreamFault> {
        let at = match self.find(said) {
            Some(at) => at,
            None => self.open(said.output_index, said.item_id.as_ref().map_or("", Text::as_str))?,
        };
        Ok(&mut self.open[at])
    }

    fn open(&mut self, index: Option<u64>, id: &str) -> Result<usize, StreamFault> {
        if self.open.len() == OPEN_LIMIT {
            return Err(StreamFault::Malformed(format!("more than {OPEN_LIMIT} items open at once")));
        }
        self.has_items = true;
        self.open.push(Open { index, id: id.to_owned(), ..Open::default() });
        Ok(self.open.len() - 1)
    }

    fn say<'a>(
        &mut self,
        said: &Event<'a>,
        sink: Sink<'_>,
        of: impl FnOnce(Cow<'a, str>) -> Delta<'a>,
    ) -> Step {
        if let Some(piece) = said.piece() {
            self.begin(sink);
            self.item(said)?.has_said = true;
            sink(&of(piece));
        }
        Ok(())
    }

    /// A whole text, taken where no delta told it.
    fn late<'a>(
        &mut self,
        said: &Event<'a>,
        whole: Option<&Text<'a>>,
        of: impl FnOnce(Cow<'a, str>) -> Delta<'a>,
        sink: Sink<'_>,
    ) -> Step {
        self.begin(sink);
        let item = self.item(said)?;
        if let Some(whole) = whole.filter(|whole| !item.has_said && !whole.0.is_empty()) {
            item.has_said = true;
            sink(&of(whole.0.clone()));
        }
        Ok(())
    }

    /// Of a call that has not begun its end tells everything.
    fn arguments(&mut self, said: &Event<'_>, json: Option<Cow<'_, str>>, sink: Sink<'_>) {
        let Some(item) = self.find(said).map(|at| &mut self.open[at]) else { return };
        if let (Some(call), Some(json)) = (item.call, json.filter(|json| !json.is_empty())) {
            item.has_said = true;
            sink(&Delta::ToolArguments { call, json });
        }
    }

    fn item_added(&mut self, said: &Event<'_>, notes: &mut Notes, sink: Sink<'_>) -> Step {
        self.begin(sink);
        let Some(mut item) = said.item() else { return Ok(()) };
        let kind = answer::kind_of(&mut item);
        let id = item.maybe_text("id").unwrap_or_default();
        // What came for it before it was announced has opened it.
        let known = self.find(said).filter(|at| {
            let open = &self.open[*at];
            said.output_index.is_some() && (open.id.is_empty() || open.id == id)
        });
        match &*kind {
            "message" | "reasoning" if known.is_some() => {}
            "message" | "reasoning" => {
                self.open(said.output_index, &id)?;
            }
            "function_call" if known.is_some_and(|at| self.open[at].call.is_some()) => {}
            "function_call" => {
                let at = known.map_or_else(|| self.open(said.output_index, &id), Ok)?;
                self.call(at, ToolForm::Function, &mut item, &id, sink);
            }
            kind => {
                self.has_items = true;
                // A call of any other tool of the caller's is told whole when it is done.
                if call_form(kind, &item).is_none() {
                    notes.add_once("block_dropped", kind);
                }
            }
        }
        Ok(())
    }

    /// Tells the call that the open item at `at` is.
    fn call(&mut self, at: usize, form: ToolForm, item: &mut Members<'_>, own: &str, sink: Sink<'_>) {
        let call = self.calls;
        self.calls += 1;
        self.open[at].call = Some(call);
        let ToolUse { id, name, arguments, signature } = answer::read_call(form, item);
        let id = if id.is_empty() { Cow::Borrowed(own) } else { id };
        sink(&Delta::ToolStart { call, id, name, signature });
        if !arguments.is_empty() {
            self.open[at].has_said = true;
            sink(&Delta::ToolArguments { call, json: arguments });
        }
    }

    fn item_done(&mut self, said: &Event<'_>, notes: &mut Notes, sink: Sink<'_>) -> Step {
        self.begin(sink);
        let Some(mut item) = said.item() else { return Ok(()) };
        let kind = answer::kind_of(&mut item);
        let id = item.maybe_text("id").unwrap_or_default();
        let by_id = self.open.iter().rposition(|open| !id.is_empty() && open.id == id);
        let known = by_id.or_else(|| self.find(said)).map(|at| self.open.swap_remove(at));
        let has_said = known.as_ref().is_some_and(|open| open.has_said);
        self.has_items = true;
        self.searches.note(Some(&*kind), item.peek("action"));
        match (&*kind, known.and_then(|open| open.call)) {
            ("function_call", Some(call)) => {
                let json = answer::arguments(ToolForm::Function, &mut item);
                if !has_said && !json.is_empty() {
                    sink(&Delta::ToolArguments { call, json });
                }
            }
            ("reasoning", _) => give_thinking(answer::read_reasoning(&mut item), has_said, sink),
            ("message", _) if has_said => {}
            (kind, _) => {
                let mut content = Vec::new();
                let form = call_form(kind, &item);
                if kind == "message" {
                    answer::read_message("output", &mut item, &mut content, notes);
                } else if let Some(form) = form {
                    let mut call = answer::read_call(form, &mut item);
                    if call.id.is_empty() {
                        call.id = id;
                    }
                    content.push(Content::ToolUse(call));
                }
                self.give(content, sink);
            }
        }
        Ok(())
    }

    fn end(&mut self, said: &Event<'_>, kind: &str, data: &[u8], notes: &mut Notes, sink: Sink<'_>) {
        self.start(said, sink);
        let Some(mut response) = said.response() else { return self.finish_with(kind, None, sink) };
        if response.peek("error").is_some_and(is_filled) {
            return self.fail(data, sink);
        }
        if !self.has_items {
            self.give(answer::read_output(&mut response, notes).unwrap_or_default(), sink);
        }
        self.meter.names_raw(response.peek("model"));
        let searches = self.searches.or(Searches::in_output(response.peek("output")));
        let tier = response.peek("service_tier");
        let report = response.raw("usage").and_then(|usage| reported(usage, tier, searches));
        if let Some(usage) = report.and_then(|report| self.meter.hears(report)) {
            sink(&Delta::Usage(usage));
        }
        let reason = answer::incomplete_reason(&mut response);
        let status = response.maybe_text("status");
        let status = status.filter(|status| status == "incomplete").unwrap_or(Cow::Borrowed(kind));
        self.finish_with(&status, reason.as_deref(), sink);
    }

    fn finish_with(&mut self, kind: &str, incomplete: Option<&str>, sink: Sink<'_>) {
        let status = match kind.trim_start_matches("response.") {
            "incomplete" => "incomplete",
            _ => "completed",
        };
        let reason: FinishReason = finish_reason(status, incomplete, self.calls > 0, self.has_refused);
        sink(&Delta::Finish { reason, stop_sequence: None });
        sink(&Delta::End);
        self.has_ended = true;
    }

    /// Gives whole contents as deltas.
    fn give(&mut self, contents: Vec<Content<'_>>, sink: Sink<'_>) {
        for content in contents {
            match content {
                Content::Text(text) if !text.is_empty() => sink(&Delta::Text(text)),
                Content::Refusal(text) if !text.is_empty() => {
                    self.has_refused = true;
                    sink(&Delta::Refusal(text));
                }
                content @ (Content::Thinking { .. } | Content::RedactedThinking(_)) => {
                    give_thinking(Some(content), false, sink);
                }
                Content::ToolUse(tool) => {
                    let call = self.calls;
                    self.calls += 1;
                    sink(&Delta::ToolStart { call, id: tool.id, name: tool.name, signature: None });
                    if !tool.arguments.is_empty() {
                        sink(&Delta::ToolArguments { call, json: tool.arguments });
                    }
                }
                Content::Text(_)
                | Content::Refusal(_)
                | Content::Image(_)
                | Content::Document(_)
                | Content::ToolResult(_) => {}
            }
        }
    }

    fn fail(&mut self, data: &[u8], sink: Sink<'_>) {
        self.has_ended = true;
        sink(&Delta::Error(Box::new(stream_error(data))));
    }
}

/// What a reasoning item says at its end beyond its deltas: its seal, and its text where no delta told it.
fn give_thinking(content: Option<Content<'_>>, has_said: bool, sink: Sink<'_>) {
    match content {
        Some(Content::Thinking { text, signature }) => {
            if !has_said && !text.is_empty() {
                sink(&Delta::Thinking(text));
            }
            give_seal(signature, sink);
        }
        Some(Content::RedactedThinking(seal)) if has_said => give_seal(Some(seal), sink),
        Some(Content::RedactedThinking(seal)) => sink(&Delta::RedactedThinking(seal)),
        Some(
            Content::Text(_)
            | Content::Image(_)
            | Content::Document(_)
            | Content::ToolUse(_)
            | Content::ToolResult(_)
            | Content::Refusal(_),
        )
        | None => {}
    }
}

fn give_seal(seal: Option<Signature<'_>>, sink: Sink<'_>) {
    if let Some(seal) = seal {
        debug_assert_eq!(seal.origin, Origin::OpenAi, "the only one an upstream of this dialect gives");
        sink(&Delta::ThinkingSignature(seal));
    }
}
