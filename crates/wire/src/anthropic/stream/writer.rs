//! Events, written.

use super::events::{BlockStart, Empty, Event, Piece, Stop};
use super::tools::{Tools, Waiting};
use crate::anthropic::answer::Written;
use crate::canonical::{Delta, Origin, Signature};
use crate::notes::Notes;
use crate::pipe::Said;
use crate::translate::ReplyOptions;
use crate::translate::tool_ids::answer_tool_id;
use crate::{Dialect, FinishReason, Usage};

/// Writes a stream for a caller.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// Whether an earlier stream began this answer.
    goes_on: bool,
    id: String,
    open: Option<(Kind, usize)>,
    blocks_begun: usize,
    tools: Tools,
    finish: Option<(FinishReason, Option<String>)>,
    /// The usage of the earlier stream, and of this one.
    before: Usage,
    usage: Usage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Tool,
}

impl Writer {
    pub(crate) fn new(_options: &ReplyOptions) -> Self {
        Self::default()
    }

    /// A writer that goes on where an earlier stream of this dialect stopped: what was said is known, and
    /// [`Delta::Start`] begins nothing anew.
    pub(crate) fn resume(said: &Said, _options: &ReplyOptions) -> Self {
        Self {
            goes_on: true,
            id: said.id.clone(),
            open: Some((Kind::Text, said.block)),
            blocks_begun: said.block + 1,
            before: said.usage,
            ..Self::default()
        }
    }

    /// Writes what a delta is in this dialect. [`Delta::Error`] never comes here.
    pub(crate) fn write(&mut self, delta: &Delta<'_>, _notes: &mut Notes, out: &mut Vec<u8>) {
        match delta {
            Delta::Start { id, model } => self.start(id.as_deref(), model.as_deref(), out),
            // A refusal is told by the stop reason; what is said of it is text.
            Delta::Text(text) | Delta::Refusal(text) => {
                let index = self.block(Kind::Text, out);
                Event::ContentBlockDelta { index, delta: Piece::TextDelta { text } }.write(out);
            }
            Delta::Thinking(thinking) => {
                let index = self.block(Kind::Thinking, out);
                Event::ContentBlockDelta { index, delta: Piece::ThinkingDelta { thinking } }.write(out);
            }
            Delta::ThinkingSignature(seal) => {
                let index = self.block(Kind::Thinking, out);
                let signature = &seal.for_caller(Origin::Anthropic);
                Event::ContentBlockDelta { index, delta: Piece::SignatureDelta { signature } }.write(out);
                self.close(out);
            }
            Delta::RedactedThinking(seal) => {
                self.drain(out);
                self.sealed(seal, out);
            }
            Delta::ToolStart { call, id, name, signature } => {
                self.tool(*call, id, name, signature.as_ref(), out)
            }
            Delta::ToolArguments { call, json } => {
                if let Some(index) = self.tools.input(*call, json) {
                    input(index, json, out);
                }
                while self.tools.is_next_due() {
                    self.next_tool(out);
                }
            }
            Delta::Usage(usage) => self.usage = self.usage.merged(*usage),
            Delta::Finish { reason, stop_sequence } => {
                self.finish = Some((*reason, stop_sequence.as_deref().map(str::to_owned)));
            }
            Delta::End => self.end(out),
            Delta::Error(_) => {}
        }
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>, out: &mut Vec<u8>) {
        if self.goes_on {
            return;
        }
        id.unwrap_or_default().clone_into(&mut self.id);
        let message = Written {
            id: &self.id,
            r#type: "message",
            role: "assistant",
            model: model.unwrap_or_default(),
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: Usage::default().into(),
        };
        Event::MessageStart { message }.write(out);
    }

    /// The block for text or thinking: the open one if it is of that kind, else a new one.
    fn block(&mut self, kind: Kind, out: &mut Vec<u8>) -> usize {
        if let Some((_, index)) = self.open.filter(|(open, _)| *open == kind) {
            return index;
        }
        self.drain(out);
        let index = self.next_block(out);
        self.open = Some((kind, index));
        let content_block = match kind {
            Kind::Text | Kind::Tool => BlockStart::Text { text: "" },
            Kind::Thinking => BlockStart::Thinking { thinking: "", signature: "" },
        };
        Event::ContentBlockStart { index, content_block }.write(out);
        index
    }

    fn tool(&mut self, call: usize, id: &str, name: &str, seal: Option<&Signature<'_>>, out: &mut Vec<u8>) {
        let id = answer_tool_id(Dialect::AnthropicMessages, id, &self.id, call).into_owned();
        if self.tools.must_wait() {
            let own = |seal: &Signature<'_>| Signature::new(seal.origin, seal.value.clone().into_owned());
            let (name, signature) = (name.to_owned(), seal.map(own));
            self.tools.wait(Waiting { call, id, name, signature, input: String::new() });
        } else {
            self.open_tool(call, &id, name, seal, out);
        }
    }

    fn open_tool(
        &mut self,
        call: usize,
        id: &str,
        name: &str,
        seal: Option<&Signature<'_>>,
        out: &mut Vec<u8>,
    ) {
        // The seal on the thought behind a call travels as a thought of its own, before the call.
        if let Some(seal) = seal {
            self.sealed(seal, out);
        }
        let index = self.next_block(out);
        self.open = Some((Kind::Tool, index));
        self.tools.open(call, index);
        let content_block = BlockStart::ToolUse { id, name, input: Empty {} };
        Event::ContentBlockStart { index, content_block }.write(out);
    }

    fn next_tool(&mut self, out: &mut Vec<u8>) {
        let Some(next) = self.tools.next() else { return };
        self.open_tool(next.call, &next.id, &next.name, next.signature.as_ref(), out);
        if !next.input.is_empty()
            && let Some(index) = self.tools.input(next.call, &next.input)
        {
            input(index, &next.input, out);
        }
    }

    /// Gives every waiting call its turn: something else comes.
    fn drain(&mut self, out: &mut Vec<u8>) {
        while self.tools.is_waiting() {
            self.next_tool(out);
        }
    }

    fn sealed(&mut self, seal: &Signature<'_>, out: &mut Vec<u8>) {
        let index = self.next_block(out);
        let data = &seal.for_caller(Origin::Anthropic);
        Event::ContentBlockStart { index, content_block: BlockStart::RedactedThinking { data } }.write(out);
        Event::ContentBlockStop { index }.write(out);
    }

    /// Closes the open block and takes the next index.
    fn next_block(&mut self, out: &mut Vec<u8>) -> usize {
        self.close(out);
        let index = self.blocks_begun;
        self.blocks_begun += 1;
        index
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some((_, index)) = self.open.take() {
            Event::ContentBlockStop { index }.write(out);
            self.tools.close();
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.drain(out);
        self.close(out);
        let (reason, stop_sequence) = self.finish.take().unwrap_or((FinishReason::Other, None));
        let delta = Stop { stop_reason: reason.as_messages(), stop_sequence: stop_sequence.as_deref() };
        Event::MessageDelta { delta, usage: self.before.plus(self.usage).into() }.write(out);
        Event::MessageStop.write(out);
    }
}

fn input(index: usize, partial_json: &str, out: &mut Vec<u8>) {
    Event::ContentBlockDelta { index, delta: Piece::InputJsonDelta { partial_json } }.write(out);
}
