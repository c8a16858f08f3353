//! Chat chunks, written as Messages events.

use super::Pushed;
use crate::Usage;
use crate::anthropic::{Answer, BlockDelta, BlockStart, Empty, StopDelta, StreamEvent};
use crate::openai_chat::{ReadChunk, ReadToolCall};
use crate::translate::answer::{caller_tool_id, messages_reason};

#[derive(Debug, Default)]
pub(super) struct ToMessages {
    has_begun: bool,
    open: Open,
    blocks_begun: usize,
    tools: Vec<ToolBlock>,
    finish: Option<String>,
    has_refusal: bool,
    usage: Usage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Open {
    #[default]
    None,
    Text(usize),
    /// A tool, by its place in `tools`.
    Tool(usize),
}

/// One tool call of the stream.
#[derive(Debug)]
struct ToolBlock {
    /// The index the upstream gives it.
    index: usize,
    /// The id the upstream gives it.
    id: String,
    name: String,
    /// Its content block, once its name is known.
    block: Option<usize>,
    /// Arguments that came before the name.
    early: String,
}

impl ToMessages {
    pub(super) fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> serde_json::Result<Pushed> {
        if data == b"[DONE]" {
            // An end without a beginning is no answer: `finish` calls it cut.
            if !self.has_begun {
                return Ok(Pushed::More);
            }
            self.end(out);
            return Ok(Pushed::End);
        }
        let chunk: ReadChunk = serde_json::from_slice(data)?;
        if chunk.error.is_some() {
            return Ok(Pushed::Error);
        }
        self.begin(&chunk, out);
        if let Some(usage) = chunk.usage {
            self.usage = self.usage.merged(usage.into());
        }
        // Messages has one answer: other choices were never asked for.
        let first = chunk.choices.unwrap_or_default().into_iter().find(|choice| choice.index == 0);
        let Some(choice) = first else { return Ok(Pushed::More) };
        let delta = choice.delta.unwrap_or_default();
        if let Some(text) = delta.content.filter(|text| !text.is_empty()) {
            self.text(&text, out);
        }
        if let Some(refusal) = delta.refusal.filter(|text| !text.is_empty()) {
            self.has_refusal = true;
            self.text(&refusal, out);
        }
        for call in delta.tool_calls.unwrap_or_default() {
            self.tool_call(call, out);
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish = Some(reason);
        }
        Ok(Pushed::More)
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        if self.finish.is_some() {
            self.end(out);
        }
        self.finish.is_some()
    }

    fn begin(&mut self, chunk: &ReadChunk, out: &mut Vec<u8>) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        let message = Answer {
            id: chunk.id.as_deref().unwrap_or_default(),
            r#type: "message",
            role: "assistant",
            model: chunk.model.as_deref().unwrap_or_default(),
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: Usage::default().into(),
        };
        emit(out, &StreamEvent::MessageStart { message });
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        let index = match self.open {
            Open::Text(index) => index,
            Open::None | Open::Tool(_) => {
                let index = self.next_block(out);
                self.open = Open::Text(index);
                emit(
                    out,
                    &StreamEvent::ContentBlockStart { index, content_block: BlockStart::Text { text: "" } },
                );
                index
            }
        };
        emit(out, &StreamEvent::ContentBlockDelta { index, delta: BlockDelta::TextDelta { text } });
    }

    fn tool_call(&mut self, call: ReadToolCall, out: &mut Vec<u8>) {
        let id = call.id.filter(|id| !id.is_empty());
        let function = call.function.unwrap_or_default();
        let at = self.tool_for(call.index, id.as_deref());
        if let Some(name) = function.name.filter(|_| self.tools[at].block.is_none()) {
            self.tools[at].name.push_str(&name);
        }
        let arguments = function.arguments.unwrap_or_default();
        if self.tools[at].block.is_none() {
            self.tools[at].early.push_str(&arguments);
            if !self.tools[at].name.is_empty() {
                self.open_tool(at, out);
            }
            return;
        }
        self.arguments(at, &arguments, out);
    }

    /// Finds the call a delta belongs to. The index says so; providers that give every call the same index
    /// (or none) tell new calls by a new id.
    fn tool_for(&mut self, index: Option<usize>, id: Option<&str>) -> usize {
        let known = match (index, id) {
            (Some(index), Some(id)) => self
                .tools
                .iter()
                .rposition(|tool| tool.index == index && (tool.id == id || tool.id.is_empty())),
            (Some(index), None) => self.tools.iter().rposition(|tool| tool.index == index),
            (None, Some(id)) => self.tools.iter().rposition(|tool| tool.id == id),
            (None, None) => self.tools.len().checked_sub(1),
        };
        known.unwrap_or_else(|| {
            let at = self.tools.len();
            self.tools.push(ToolBlock {
                index: index.unwrap_or(at),
                id: id.unwrap_or_default().to_owned(),
                name: String::new(),
                block: None,
                early: String::new(),
            });
            at
        })
    }

    fn open_tool(&mut self, at: usize, out: &mut Vec<u8>) {
        let index = self.next_block(out);
        self.open = Open::Tool(at);
        let tool = &mut self.tools[at];
        tool.block = Some(index);
        let early = std::mem::take(&mut tool.early);
        let id = caller_tool_id(Some(tool.id.clone()), at);
        let content_block = BlockStart::ToolUse { id: &id, name: &tool.name, input: Empty {} };
        emit(out, &StreamEvent::ContentBlockStart { index, content_block });
        self.arguments(at, &early, out);
    }

    /// Late arguments of a call that is no longer the open one still go to its own block.
    fn arguments(&mut self, at: usize, partial_json: &str, out: &mut Vec<u8>) {
        if let Some(index) = self.tools[at].block
            && !partial_json.is_empty()
        {
            emit(
                out,
                &StreamEvent::ContentBlockDelta { index, delta: BlockDelta::InputJsonDelta { partial_json } },
            );
        }
    }

    /// Closes the open block and takes the next index.
    fn next_block(&mut self, out: &mut Vec<u8>) -> usize {
        self.close(out);
        let index = self.blocks_begun;
        self.blocks_begun += 1;
        index
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let index = match std::mem::take(&mut self.open) {
            Open::None => None,
            Open::Text(index) => Some(index),
            Open::Tool(at) => self.tools[at].block,
        };
        if let Some(index) = index {
            emit(out, &StreamEvent::ContentBlockStop { index });
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        let has_calls = self.tools.iter().any(|tool| tool.block.is_some());
        let reason = messages_reason(self.finish.as_deref(), has_calls, self.has_refusal);
        let delta = StopDelta { stop_reason: reason.as_messages(), stop_sequence: None };
        emit(out, &StreamEvent::MessageDelta { delta, usage: self.usage.into() });
        emit(out, &StreamEvent::MessageStop);
    }
}

fn emit(out: &mut Vec<u8>, event: &StreamEvent<'_>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.name().as_bytes());
    // Compact JSON holds no line break, so the event's frame can be written around it.
    out.extend_from_slice(b"\ndata: ");
    let written = serde_json::to_writer(&mut *out, event);
    debug_assert!(written.is_ok(), "strings and numbers always serialize");
    out.extend_from_slice(b"\n\n");
}
