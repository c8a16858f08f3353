//! An upstream's stream, read event by event.
//!
//! Everything is said in deltas first; what an event of completion repeats is only taken where no delta came (some
//! compatible servers send none).

use std::borrow::Cow;

use super::event::{Event, delta_of, malformed, object};
use super::fail::stream_error;
use crate::canonical::{Content, Delta, Origin, Signature, ToolForm, ToolUse};
use crate::frames::StreamEvent;
use crate::members::{Members, Text};
use crate::notes::Notes;
use crate::openai_responses::answer;
use crate::openai_responses::request::call_form;
use crate::openai_responses::{ResponsesUsage, finish_reason};
use crate::pipe::StreamFault;
use crate::{FinishReason, Usage};

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
}

/// An item that has begun and is not done.
#[derive(Debug)]
struct Open {
    index: u64,
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
        // Some compatible servers end their streams as chat does.
        if self.has_ended || event.data == b"[DONE]" {
            return Ok(());
        }
        let said: Event<'_> = match serde_json::from_slice(event.data) {
            Ok(said) => said,
            // The stream broke off inside this event: that is a cut.
            Err(_) if !event.complete => return Ok(()),
            Err(error) => return Err(malformed(error)),
        };
        let Some(kind) = said.r#type.as_ref().map(|kind| &*kind.0).or(event.event) else {
            if said.error.is_some() {
                return self.fail(event.data, sink);
            }
            return Err(StreamFault::Malformed("an event without a type".to_owned()));
        };
        match kind {
            "response.output_text.delta" => {
                self.has_ended_text = false;
                self.say(&said, sink, Delta::Text)
            }
            "response.refusal.delta" => {
                self.has_refused = true;
                self.say(&said, sink, Delta::Refusal)
            }
            "response.reasoning_summary_text.delta" => {
                self.item(said.output_index)?.is_summary = true;
                self.say(&said, sink, Delta::Thinking)
            }
            "response.reasoning_text.delta" if !self.item(said.output_index)?.is_summary => {
                self.say(&said, sink, Delta::Thinking)
            }
            "response.function_call_arguments.delta" => self.arguments(&said, delta_of(&said)?, sink),
            "response.function_call_arguments.done" => self.late_arguments(&said, sink),
            // A summary of several parts is one text in paragraphs.
            "response.reasoning_summary_part.added" => {
                if said.summary_index > 0 && self.item(said.output_index)?.has_said {
                    sink(&Delta::Thinking(Cow::Borrowed("\n\n")));
                }
                Ok(())
            }
            "response.created" | "response.queued" | "response.in_progress" => self.start(&said, sink),
            "response.output_item.added" => self.item_added(&said, notes, sink),
            "response.output_item.done" => {
                self.has_ended_text = true;
                self.item_done(&said, notes, sink)
            }
            "response.completed" | "response.incomplete" => self.end(&said, kind, notes, sink),
            "response.failed" | "error" => self.fail(event.data, sink),
            "response.output_text.annotation.added" => {
                notes.add_once("citations_dropped", kind);
                Ok(())
            }
            "response.output_text.done" => {
                self.has_ended_text = true;
                self.late(&said, said.text.as_ref(), Delta::Text, sink)
            }
            "response.refusal.done" => {
                self.has_refused = true;
                self.late(&said, said.refusal.as_ref(), Delta::Refusal, sink)
            }
            "response.content_part.done" => {
                self.has_ended_text = true;
                Ok(())
            }
            "response.content_part.added"
            | "response.custom_tool_call_input.delta"
            | "response.custom_tool_call_input.done"
            | "response.reasoning_text.delta"
            | "response.reasoning_text.done"
            | "response.reasoning_summary_text.done"
            | "response.reasoning_summary_part.done"
            | "keepalive" => Ok(()),
            _ => {
                notes.add_once("event_ignored", kind);
                Ok(())
            }
        }
    }

    /// Whether the text so far is over.
    pub(crate) fn has_ended_text(&self) -> bool {
        self.has_ended_text
    }

    /// The upstream closed: without its last event the answer is not whole.
    #[expect(clippy::unused_self, reason = "dialects without an end mark end here")]
    pub(crate) fn finish(&mut self, _sink: Sink<'_>) {}

    fn start(&mut self, said: &Event<'_>, sink: Sink<'_>) -> Step {
        if std::mem::replace(&mut self.has_started, true) {
            return Ok(());
        }
        let mut response = object(said.response)?;
        let id = response.text("id").map_err(malformed)?;
        let model = response.text("model").map_err(malformed)?;
        sink(&Delta::Start { id, model });
        Ok(())
    }

    /// The item of an index, opened if it never was (some servers leave out its beginning).
    fn item(&mut self, index: u64) -> Result<&mut Open, StreamFault> {
        self.has_items = true;
        let at = match self.open.iter().rposition(|open| open.index == index) {
            Some(at) => at,
            None if self.open.len() == OPEN_LIMIT => {
                return Err(StreamFault::Malformed(format!("more than {OPEN_LIMIT} items open at once")));
            }
            None => {
                self.open.push(Open { index, call: None, has_said: false, is_summary: false });
                self.open.len() - 1
            }
        };
        Ok(&mut self.open[at])
    }

    fn say<'a>(
        &mut self,
        said: &Event<'a>,
        sink: Sink<'_>,
        of: impl FnOnce(Cow<'a, str>) -> Delta<'a>,
    ) -> Step {
        let delta = delta_of(said)?;
        if delta.is_empty() {
            return Ok(());
        }
        self.begin(sink);
        self.item(said.output_index)?.has_said = true;
        sink(&of(delta));
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
        let item = self.item(said.output_index)?;
        if let Some(whole) = whole.filter(|whole| !item.has_said && !whole.0.is_empty()) {
            item.has_said = true;
            sink(&of(whole.0.clone()));
        }
        Ok(())
    }

    /// Gives a start where the upstream left it out.
    fn begin(&mut self, sink: Sink<'_>) {
        if !std::mem::replace(&mut self.has_started, true) {
            sink(&Delta::Start { id: None, model: None });
        }
    }

    fn arguments(&mut self, said: &Event<'_>, json: Cow<'_, str>, sink: Sink<'_>) -> Step {
        let item = self.item(said.output_index)?;
        let Some(call) = item.call else {
            return Err(StreamFault::Malformed("arguments of a call that has not begun".to_owned()));
        };
        if !json.is_empty() {
            item.has_said = true;
            sink(&Delta::ToolArguments { call, json });
        }
        Ok(())
    }

    fn late_arguments(&mut self, said: &Event<'_>, sink: Sink<'_>) -> Step {
        let item = self.item(said.output_index)?;
        match &said.arguments {
            Some(arguments) if !item.has_said && item.call.is_some() => {
                self.arguments(said, arguments.0.clone(), sink)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn item_added(&mut self, said: &Event<'_>, notes: &mut Notes, sink: Sink<'_>) -> Step {
        self.begin(sink);
        let mut item = object(said.item)?;
        let kind = item.text("type").map_err(malformed)?.unwrap_or_default();
        match &*kind {
            "message" | "reasoning" => {
                self.item(said.output_index)?;
                Ok(())
            }
            "function_call" => self.call(said.output_index, ToolForm::Function, &mut item, sink),
            kind => {
                self.has_items = true;
                // A call of any other tool of the caller's is told whole when it is done.
                if call_form(kind, &item).is_none() {
                    notes.add_once("block_dropped", kind);
                }
                Ok(())
            }
        }
    }

    fn call(&mut self, index: u64, form: ToolForm, item: &mut Members<'_>, sink: Sink<'_>) -> Step {
        let call = self.calls;
        self.item(index)?.call = Some(call);
        self.calls += 1;
        let ToolUse { id, name, arguments, signature } = answer::read_call(form, item).map_err(malformed)?;
        sink(&Delta::ToolStart { call, id, name, signature });
        if !arguments.is_empty() {
            self.item(index)?.has_said = true;
            sink(&Delta::ToolArguments { call, json: arguments });
        }
        Ok(())
    }

    fn item_done(&mut self, said: &Event<'_>, notes: &mut Notes, sink: Sink<'_>) -> Step {
        self.begin(sink);
        let known = self.open.iter().rposition(|open| open.index == said.output_index);
        let known = known.map(|at| self.open.swap_remove(at));
        let has_said = known.as_ref().is_some_and(|open| open.has_said);
        let mut item = object(said.item)?;
        let kind = item.text("type").map_err(malformed)?.unwrap_or_default();
        match (&*kind, known.and_then(|open| open.call)) {
            ("function_call", Some(call)) => {
                let json = answer::arguments(ToolForm::Function, &mut item);
                if !has_said && !json.is_empty() {
                    sink(&Delta::ToolArguments { call, json });
                }
            }
            ("reasoning", _) => {
                let content = answer::read_reasoning(&mut item).map_err(malformed)?;
                give_thinking(content, has_said, sink);
            }
            ("message", _) => {
                if let Some(raw) = said.item.filter(|_| !has_said) {
                    self.give(&format!(r#"{{"output":[{}]}}"#, raw.get()), notes, sink)?;
                }
            }
            (kind, None) => {
                if let Some(form) = call_form(kind, &item) {
                    self.call(said.output_index, form, &mut item, sink)?;
                    self.open.retain(|open| open.index != said.output_index);
                }
            }
            (_, Some(_)) => {}
        }
        Ok(())
    }

    fn end(&mut self, said: &Event<'_>, kind: &str, notes: &mut Notes, sink: Sink<'_>) -> Step {
        self.start(said, sink)?;
        let mut response = object(said.response)?;
        if !self.has_items
            && let Some(raw) = said.response
        {
            self.give(raw.get(), notes, sink)?;
        }
        if let Some(usage) = response.get::<ResponsesUsage>("usage").map_err(malformed)? {
            sink(&Delta::Usage(Usage::from(usage)));
        }
        let reason = match response.object("incomplete_details").map_err(malformed)? {
            Some(mut details) => details.text("reason").map_err(malformed)?,
            None => None,
        };
        let status = kind.trim_start_matches("response.");
        let reason: FinishReason = finish_reason(status, reason.as_deref(), self.calls > 0, self.has_refused);
        sink(&Delta::Finish { reason, stop_sequence: None });
        sink(&Delta::End);
        self.has_ended = true;
        Ok(())
    }

    /// Gives a whole answer's contents as deltas.
    fn give(&mut self, body: &str, notes: &mut Notes, sink: Sink<'_>) -> Step {
        for content in answer::read(body, notes).map_err(malformed)?.content {
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
        Ok(())
    }

    fn fail(&mut self, data: &[u8], sink: Sink<'_>) -> Step {
        self.has_ended = true;
        sink(&Delta::Error(Box::new(stream_error(data))));
        Ok(())
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
