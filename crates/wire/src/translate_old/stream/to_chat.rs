//! Messages events, written as chat chunks.

use serde_json::value::RawValue;

use super::{Pushed, StreamOptions};
use crate::anthropic::{ReadBlock, ReadDelta, ReadEvent};
use crate::openai_chat::{Chunk, ChunkChoice, Delta, DeltaFunction, DeltaToolCall};
use crate::sse::encode_event;
use crate::translate::tool_ids::tool_id;
use crate::{Dialect, FinishReason, Usage};

#[derive(Debug)]
pub(super) struct ToChat {
    options: StreamOptions,
    id: String,
    model: String,
    usage: Usage,
    /// The tool call being written, if the open block is one.
    tool: Option<OpenTool>,
    tools_begun: usize,
    finish: Option<FinishReason>,
}

#[derive(Debug)]
struct OpenTool {
    block: Option<usize>,
    call: usize,
    has_arguments: bool,
}

impl ToChat {
    pub(super) fn new(options: StreamOptions) -> Self {
        Self {
            options,
            id: String::new(),
            model: String::new(),
            usage: Usage::default(),
            tool: None,
            tools_begun: 0,
            finish: None,
        }
    }

    pub(super) fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> serde_json::Result<Pushed> {
        let event: ReadEvent = serde_json::from_slice(data)?;
        if let Some(usage) = event.usage {
            self.usage = self.usage.merged(usage.into());
        }
        match event.r#type.as_str() {
            "message_start" => {
                if let Some(message) = event.message {
                    self.id = message.id.unwrap_or_default();
                    self.model = message.model.unwrap_or_default();
                    self.usage = message.usage.map(Usage::from).unwrap_or_default();
                }
                self.delta(Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, out);
            }
            "content_block_start" => self.block_start(event.index, event.content_block, out),
            "content_block_delta" => self.block_delta(event.delta, out),
            "content_block_stop" => self.close_tool(event.index, out),
            "message_delta" => {
                if let Some(reason) = event.delta.and_then(|delta| delta.stop_reason) {
                    self.close_tool(None, out);
                    let reason = FinishReason::from_messages(&reason);
                    self.finish = Some(reason);
                    self.choice(Delta::default(), Some(reason.as_chat()), out);
                }
            }
            "message_stop" => {
                self.end(out);
                return Ok(Pushed::End);
            }
            "error" => return Ok(Pushed::Error),
            // New event types are to be ignored (Anthropic, "Streaming messages").
            _ => {}
        }
        Ok(Pushed::More)
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        if self.finish.is_some() {
            self.end(out);
        }
        self.finish.is_some()
    }

    fn block_start(&mut self, index: Option<usize>, block: Option<ReadBlock>, out: &mut Vec<u8>) {
        let Some(block) = block else { return };
        match block.r#type.as_str() {
            "text" => {
                if let Some(text) = block.text.filter(|text| !text.is_empty()) {
                    self.delta(Delta { content: Some(&text), ..Delta::default() }, out);
                }
            }
            "tool_use" => {
                let input = block.input.as_deref().map_or("", RawValue::get);
                let arguments = if is_empty_object(input) { "" } else { input };
                let tool =
                    OpenTool { block: index, call: self.tools_begun, has_arguments: !arguments.is_empty() };
                self.tools_begun += 1;
                let id = tool_id(Dialect::OpenAiChat, block.id.unwrap_or_default());
                let name = block.name.unwrap_or_default();
                let call = DeltaToolCall {
                    index: tool.call,
                    id: Some(&id),
                    r#type: Some("function"),
                    function: DeltaFunction { name: Some(&name), arguments },
                };
                self.delta(Delta { tool_calls: Some([call]), ..Delta::default() }, out);
                self.tool = Some(tool);
            }
            // Thinking, and results of the provider's own tools, have no chunk in chat.
            _ => {}
        }
    }

    fn block_delta(&mut self, delta: Option<ReadDelta>, out: &mut Vec<u8>) {
        let Some(delta) = delta else { return };
        match delta.r#type.as_deref() {
            Some("text_delta") => {
                if let Some(text) = delta.text.filter(|text| !text.is_empty()) {
                    self.delta(Delta { content: Some(&text), ..Delta::default() }, out);
                }
            }
            Some("input_json_delta") => {
                if let Some(json) = delta.partial_json.filter(|json| !json.is_empty()) {
                    self.arguments(&json, out);
                }
            }
            Some(_) | None => {}
        }
    }

    fn arguments(&mut self, arguments: &str, out: &mut Vec<u8>) {
        let Some(tool) = &mut self.tool else { return };
        tool.has_arguments = true;
        let function = DeltaFunction { name: None, arguments };
        let call = DeltaToolCall { index: tool.call, id: None, r#type: None, function };
        self.delta(Delta { tool_calls: Some([call]), ..Delta::default() }, out);
    }

    /// A tool without input sends no delta; a chat caller parses the arguments all the same.
    fn close_tool(&mut self, index: Option<usize>, out: &mut Vec<u8>) {
        let Some(tool) = &self.tool else { return };
        if index.is_some() && tool.block != index {
            return;
        }
        if !tool.has_arguments {
            self.arguments("{}", out);
        }
        self.tool = None;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.options.include_usage {
            self.chunk(&[], Some(self.usage), out);
        }
        encode_event(out, None, b"[DONE]");
    }

    fn delta(&self, delta: Delta<'_>, out: &mut Vec<u8>) {
        self.choice(delta, None, out);
    }

    fn choice(&self, delta: Delta<'_>, finish_reason: Option<&'static str>, out: &mut Vec<u8>) {
        self.chunk(&[ChunkChoice { index: 0, delta, finish_reason }], None, out);
    }

    fn chunk(&self, choices: &[ChunkChoice<'_>], usage: Option<Usage>, out: &mut Vec<u8>) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.options.created_unix_s,
            model: &self.model,
            choices,
            usage: usage.map(Into::into),
        };
        // Compact JSON holds no line break, so the event's frame can be written around it.
        out.extend_from_slice(b"data: ");
        let written = serde_json::to_writer(&mut *out, &chunk);
        debug_assert!(written.is_ok(), "strings and numbers always serialize");
        out.extend_from_slice(b"\n\n");
    }
}

fn is_empty_object(json: &str) -> bool {
    json.bytes().all(|byte| byte.is_ascii_whitespace() || byte == b'{' || byte == b'}')
}
