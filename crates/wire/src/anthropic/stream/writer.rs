//! Events, written.

use super::events::{BlockStart, Empty, Event, Piece, Stop};
use super::tools::{Later, Tools, Waiting};
use crate::anthropic::answer::Written;
use crate::canonical::{Delta, Origin, Signature, UNSEALED};
use crate::notes::Notes;
use crate::pipe::Said;
use crate::translate::tool_ids::answer_tool_id;
use crate::translate::{ReplyOptions, SEAL_DROPPED};
use crate::{Dialect, FinishReason, Usage};

/// Writes a stream for a caller.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// Whether an earlier stream began this answer.
    goes_on: bool,
    id: String,
    open: Option<(Kind, usize)>,
    blocks_begun: usize,
    /// A seal that came behind a text. It is told before the next block: an answer never ends in one, since clients take
    /// the last block for the answer (`claude -p` prints nothing else).
    behind_text: Option<Signature<'static>>,
    tools: Tools,
    finish: Option<(FinishReason, Option<String>)>,
    /// The usage of the earlier stream, and of this one.
    before: Usage,
    usage: Usage,
    /// What is told of the input before the upstream tells its own count.
    estimated_input_tokens: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    /// Thinking that has its seal.
    Sealed,
    Tool,
}

impl Writer {
    pub(crate) fn new(options: &ReplyOptions) -> Self {
        Self { estimated_input_tokens: options.estimated_prompt_tokens, ..Self::default() }
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
    pub(crate) fn write(&mut self, delta: &Delta<'_>, notes: &mut Notes, out: &mut Vec<u8>) {
        match delta {
            Delta::Start { id, model } => self.start(id.as_deref(), model.as_deref(), out),
            // A refusal is told by the stop reason; what is said of it is text.
            Delta::Text(text) | Delta::Refusal(text) => {
                if self.has_to_wait(out) {
                    self.tools.wait(Later::Text(text.clone().into_owned()));
                } else {
                    self.text(text, out);
                }
            }
            Delta::Thinking(text) => {
                if self.has_to_wait(out) {
                    self.tools.wait(Later::Thinking(text.clone().into_owned()));
                } else {
                    self.thinking(text, out);
                }
            }
            Delta::ThinkingSignature(seal) => {
                if self.has_to_wait(out) {
                    self.tools.wait(Later::Seal(seal.clone().into_owned()));
                } else {
                    self.seal(seal, out);
                }
            }
            Delta::RedactedThinking(seal) => {
                if self.has_to_wait(out) {
                    self.tools.wait(Later::Redacted(seal.clone().into_owned()));
                } else {
                    self.redacted(seal, out);
                }
            }
            Delta::ToolStart { call, id, name, signature } => {
                let id = answer_tool_id(Dialect::AnthropicMessages, id, &self.id, *call).into_owned();
                let signature = signature.clone().map(Signature::into_owned);
                let tool = Waiting {
                    call: *call,
                    id,
                    name: name.clone().into_owned(),
                    signature,
                    input: String::new(),
                };
                if self.has_to_wait(out) {
                    self.tools.wait(Later::Call(tool));
                } else {
                    self.tool(&tool, out);
                }
            }
            Delta::ToolArguments { call, json } => {
                if let Some(index) = self.tools.input(*call, json) {
                    input(index, json, out);
                }
                if self.tools.is_full() {
                    self.drain(out);
                }
                while self.tools.is_next_due() {
                    self.next(out);
                }
            }
            Delta::Usage(usage) => self.usage = self.usage.merged(*usage),
            Delta::Finish { reason, stop_sequence } => {
                self.finish = Some((*reason, stop_sequence.as_deref().map(str::to_owned)));
            }
            Delta::End => self.end(notes, out),
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
            usage: Usage { input_tokens: self.estimated_input_tokens, ..Usage::default() }.into(),
        };
        Event::MessageStart { message }.write(out);
    }

    /// The block for text or thinking: the open one if it is of that kind, else a new one.
    fn block(&mut self, kind: Kind, out: &mut Vec<u8>) -> usize {
        if let Some((_, index)) = self.open.filter(|(open, _)| *open == kind) {
            return index;
        }
        let index = self.next_block(out);
        self.open = Some((kind, index));
        let content_block = match kind {
            Kind::Text | Kind::Sealed | Kind::Tool => BlockStart::Text { text: "" },
            Kind::Thinking => BlockStart::Thinking { thinking: "", signature: "" },
        };
        Event::ContentBlockStart { index, content_block }.write(out);
        index
    }

    /// Whether what comes now has to wait for the open call's input.
    fn has_to_wait(&mut self, out: &mut Vec<u8>) -> bool {
        if self.tools.is_full() {
            self.drain(out);
            return false;
        }
        self.tools.must_wait()
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        let index = self.block(Kind::Text, out);
        Event::ContentBlockDelta { index, delta: Piece::Text { text } }.write(out);
    }

    fn thinking(&mut self, thinking: &str, out: &mut Vec<u8>) {
        let index = self.block(Kind::Thinking, out);
        Event::ContentBlockDelta { index, delta: Piece::Thinking { thinking } }.write(out);
    }

    fn seal(&mut self, seal: &Signature<'_>, out: &mut Vec<u8>) {
        let index = self.block(Kind::Thinking, out);
        let signature = &seal.for_caller(Origin::Anthropic);
        Event::ContentBlockDelta { index, delta: Piece::Signature { signature } }.write(out);
        self.open = Some((Kind::Sealed, index));
        self.close(out);
    }

    fn redacted(&mut self, seal: &Signature<'_>, out: &mut Vec<u8>) {
        let is_behind_text = self.open.is_some_and(|(kind, _)| kind == Kind::Text);
        if is_behind_text && self.behind_text.is_none() {
            self.behind_text = Some(seal.clone().into_owned());
            return;
        }
        let index = self.next_block(out);
        Self::redacted_block(index, seal, out);
    }

    fn redacted_block(index: usize, seal: &Signature<'_>, out: &mut Vec<u8>) {
        let data = &seal.for_caller(Origin::Anthropic);
        Event::ContentBlockStart { index, content_block: BlockStart::RedactedThinking { data } }.write(out);
        Event::ContentBlockStop { index }.write(out);
    }

    fn tool(&mut self, tool: &Waiting, out: &mut Vec<u8>) {
        // The seal on the thought behind a call travels as a thought of its own, before the call.
        if let Some(seal) = &tool.signature {
            self.redacted(seal, out);
        }
        let index = self.next_block(out);
        self.open = Some((Kind::Tool, index));
        self.tools.open(tool.call, index);
        let content_block = BlockStart::ToolUse { id: &tool.id, name: &tool.name, input: Empty {} };
        Event::ContentBlockStart { index, content_block }.write(out);
        if !tool.input.is_empty()
            && let Some(index) = self.tools.input(tool.call, &tool.input)
        {
            input(index, &tool.input, out);
        }
    }

    /// Gives the next thing that waits its turn.
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        match self.tools.next() {
            Some(Later::Text(text)) => self.text(&text, out),
            Some(Later::Thinking(text)) => self.thinking(&text, out),
            Some(Later::Seal(seal)) => self.seal(&seal, out),
            Some(Later::Redacted(seal)) => self.redacted(&seal, out),
            Some(Later::Call(tool)) => self.tool(&tool, out),
            None => return false,
        }
        true
    }

    /// Gives everything that waits its turn.
    fn drain(&mut self, out: &mut Vec<u8>) {
        while self.next(out) {}
    }

    /// Closes the open block and takes the next index.
    fn next_block(&mut self, out: &mut Vec<u8>) -> usize {
        self.close(out);
        if let Some(seal) = self.behind_text.take() {
            let index = self.next_index();
            Self::redacted_block(index, &seal, out);
        }
        self.next_index()
    }

    const fn next_index(&mut self) -> usize {
        let index = self.blocks_begun;
        self.blocks_begun += 1;
        index
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some((kind, index)) = self.open.take() {
            if kind == Kind::Thinking {
                Event::ContentBlockDelta { index, delta: Piece::Signature { signature: UNSEALED } }
                    .write(out);
            }
            Event::ContentBlockStop { index }.write(out);
            self.tools.close();
        }
    }

    fn end(&mut self, notes: &mut Notes, out: &mut Vec<u8>) {
        self.drain(out);
        self.close(out);
        if self.behind_text.take().is_some() {
            notes.add(SEAL_DROPPED, format!("content[{}]", self.blocks_begun));
        }
        let (reason, stop_sequence) = self.finish.take().unwrap_or((FinishReason::Other, None));
        let delta = Stop { stop_reason: reason.as_messages(), stop_sequence: stop_sequence.as_deref() };
        Event::MessageDelta { delta, usage: self.before.plus(self.usage).into() }.write(out);
        Event::MessageStop.write(out);
    }
}

fn input(index: usize, partial_json: &str, out: &mut Vec<u8>) {
    Event::ContentBlockDelta { index, delta: Piece::InputJson { partial_json } }.write(out);
}
