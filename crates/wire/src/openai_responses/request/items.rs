//! Input items, gathered into turns.
//!
//! An item is one thing said: a message, a piece of reasoning, a call, a result. What the model said in one go are
//! several items and becomes one turn; so do the results of parallel calls.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::value::RawValue;

use super::calls;
use super::parts::{block, part};
use super::tools::Tools;
use crate::canonical::{Block, Content, Origin, Role, Signature, ToolResult, ToolUse, Turn};
use crate::members::{Members, borrowed_text, elements};
use crate::notes::{Notes, TranslateError};

/// What the provider's own tools did, in the history: nothing waits for it.
const SERVER_ITEMS: [&str; 14] = [
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "computer_call",
    "computer_call_output",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
    "tool_search_call",
    "program",
    "program_output",
    "multi_agent_call",
    "multi_agent_call_output",
];

/// The conversation so far.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    system: Vec<Block<'a>>,
    turns: Vec<Turn<'a>>,
    /// Whether the last turn holds tool results alone.
    in_results: bool,
    /// The ids of the calls so far.
    calls: HashSet<Cow<'a, str>>,
    /// Whether an item was left out that may have been a call.
    has_lost_items: bool,
}

impl<'a> Conversation<'a> {
    /// Adds a system text.
    pub(super) fn instruct(&mut self, at: String, said: Cow<'a, str>) {
        if !said.trim().is_empty() {
            self.system.push(block(at, Content::Text(said)));
        }
    }

    pub(super) fn read_input(
        &mut self,
        source: &mut Members<'a>,
        tools: &mut Tools<'a>,
        notes: &mut Notes,
    ) -> Result<(), TranslateError> {
        let input = source.raw("input").ok_or_else(|| TranslateError::invalid("input", "is missing"))?;
        if let Some(said) = borrowed_text(input) {
            self.push(Role::User, "input", vec![block("input".to_owned(), Content::Text(said))]);
            return Ok(());
        }
        for (at, raw) in elements(input, "input")? {
            self.add(&at, raw, tools, notes)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> (Vec<Block<'a>>, Vec<Turn<'a>>) {
        (self.system, self.turns)
    }

    fn add(
        &mut self,
        at: &str,
        raw: &'a RawValue,
        tools: &mut Tools<'a>,
        notes: &mut Notes,
    ) -> Result<(), TranslateError> {
        let mut item = Members::read(raw.get(), at)?;
        let kind = item.text("type")?;
        let kind = match kind.as_deref() {
            Some(kind) => kind,
            None if item.peek("role").is_some() => "message",
            None => "item_reference",
        };
        match kind {
            "message" => self.message(&mut item, at, notes)?,
            // What one agent of the caller's says to another.
            "agent_message" => {
                item.raw("author");
                item.raw("recipient");
                let blocks = said(&mut item, notes)?;
                self.push(Role::User, at, blocks);
            }
            "reasoning" => {
                let said = reasoning(&mut item)?;
                self.push(Role::Assistant, at, vec![block(at.to_owned(), said)]);
            }
            "additional_tools" => {
                item.raw("role");
                tools.add(item.list("tools")?, notes)?;
            }
            "mcp_call" => self.server_call(&mut item, at, notes)?,
            // The provider's search found what is on offer here from the start.
            "tool_search_output" if !calls::is_result(kind, &item) => {
                tools.add(item.list("tools")?, notes)?;
            }
            kind if calls::is_result(kind, &item) => {
                let result = calls::result(kind, &mut item, tools, notes)?;
                self.result(at, result, notes);
            }
            kind => match calls::form(kind, &item) {
                Some(form) => {
                    let call = calls::call(form, &mut item, tools)?;
                    self.call(at, call);
                }
                None => {
                    let is_server = SERVER_ITEMS.contains(&kind);
                    self.has_lost_items |= !is_server;
                    notes.add(if is_server { "server_tool_dropped" } else { "item_dropped" }, at);
                    return Ok(());
                }
            },
        }
        // The provider's own bookkeeping, and what its models make of a message's place.
        for known in ["id", "status", "phase"] {
            item.raw(known);
        }
        notes.dropped(item);
        Ok(())
    }

    fn message(&mut self, item: &mut Members<'a>, at: &str, notes: &mut Notes) -> Result<(), TranslateError> {
        let role = item.need_text("role")?;
        let blocks = said(item, notes)?;
        match &*role {
            "user" => self.push(Role::User, at, blocks),
            "assistant" => self.push(Role::Assistant, at, blocks),
            "system" | "developer" => {
                if !self.turns.is_empty() {
                    notes.add("system_message_moved", at);
                }
                for block in blocks {
                    let Content::Text(said) = block.content else {
                        return Err(TranslateError::unsupported(
                            block.at,
                            "anything but text in a system message",
                        ));
                    };
                    self.instruct(block.at, said);
                }
            }
            _ => {
                let message = format!("\"{role}\" is not user, assistant, system or developer");
                return Err(TranslateError::invalid(item.path_of("role"), message));
            }
        }
        Ok(())
    }

    /// A call the provider ran itself and what came of it, as the call and the result they are.
    fn server_call(
        &mut self,
        item: &mut Members<'a>,
        at: &str,
        notes: &mut Notes,
    ) -> Result<(), TranslateError> {
        let (output, error) = (item.text("output")?, item.raw("error"));
        if output.is_none() && error.is_none() {
            item.take_all();
            notes.add("server_tool_dropped", at);
            return Ok(());
        }
        for known in ["server_label", "approval_request_id"] {
            item.raw(known);
        }
        let id = item.need_text("id")?;
        let name = item.need_text("name")?;
        let arguments = item.text("arguments")?.unwrap_or_default();
        self.call(at, ToolUse { id: id.clone(), name, arguments, signature: None });
        let said = output.unwrap_or_else(|| Cow::Borrowed(error.map_or("", RawValue::get)));
        let content = vec![Content::Text(said)];
        self.result(at, ToolResult { id, name: None, is_error: error.is_some(), content }, notes);
        Ok(())
    }

    /// Gemini's seal on a call is kept by Responses callers as sealed reasoning before it (see `item`).
    fn call(&mut self, at: &str, mut call: ToolUse<'a>) {
        if let Some(Turn { role: Role::Assistant, blocks, .. }) = self.turns.last_mut()
            && let Some(Content::RedactedThinking(Signature { origin: Origin::Gemini, .. })) =
                blocks.last().map(|block| &block.content)
            && let Some(Block { content: Content::RedactedThinking(seal), .. }) = blocks.pop()
        {
            call.signature = Some(seal);
        }
        self.calls.insert(call.id.clone());
        self.push(Role::Assistant, at, vec![block(at.to_owned(), Content::ToolUse(call))]);
    }

    /// A result belongs to its call. Where that may be among the items left out, what the tool said is told all the same.
    fn result(&mut self, at: &str, result: ToolResult<'a>, notes: &mut Notes) {
        if self.has_lost_items && !self.calls.contains(&result.id) {
            notes.add("tool_result_as_text", at);
            let blocks = result.content.into_iter().map(|content| block(at.to_owned(), content));
            self.push(Role::User, at, blocks.collect());
            return;
        }
        let result = block(at.to_owned(), Content::ToolResult(result));
        match self.turns.last_mut() {
            Some(turn) if self.in_results => turn.blocks.push(result),
            Some(_) | None => {
                self.push(Role::User, at, vec![result]);
                self.in_results = true;
            }
        }
    }

    fn push(&mut self, role: Role, at: &str, blocks: Vec<Block<'a>>) {
        // Of what was said nothing may be left, or nothing was said.
        if blocks.is_empty() {
            return;
        }
        match self.turns.last_mut() {
            Some(turn) if role == Role::Assistant && turn.role == role => turn.blocks.extend(blocks),
            Some(_) | None => self.turns.push(Turn { at: at.to_owned(), role, blocks }),
        }
        self.in_results = false;
    }
}

/// A summary is what may be read, else the reasoning itself (open models). A seal without either, not even an empty
/// summary text, is thinking only its provider can read.
fn reasoning<'a>(item: &mut Members<'a>) -> Result<Content<'a>, TranslateError> {
    let mut summary = texts(item, "summary")?;
    let open = texts(item, "content")?;
    if summary.is_empty() {
        summary = open;
    }
    let seal = item.text("encrypted_content")?.filter(|seal| !seal.is_empty());
    let signature = seal.map(|seal| Signature::read(Origin::OpenAi, seal));
    match signature {
        Some(signature) if summary.is_empty() => Ok(Content::RedactedThinking(signature)),
        signature => Ok(Content::Thinking { text: joined(summary), signature }),
    }
}

fn texts<'a>(item: &mut Members<'a>, name: &str) -> Result<Vec<Cow<'a, str>>, TranslateError> {
    item.list(name)?.into_iter().map(|(at, raw)| Members::read(raw.get(), at)?.need_text("text")).collect()
}

/// One text where it was (so that a seal on it holds), several as paragraphs.
pub(in crate::openai_responses) fn joined(mut texts: Vec<Cow<'_, str>>) -> Cow<'_, str> {
    if texts.len() > 1 { Cow::Owned(texts.join("\n\n")) } else { texts.pop().unwrap_or_default() }
}

/// What a message says.
fn said<'a>(item: &mut Members<'a>, notes: &mut Notes) -> Result<Vec<Block<'a>>, TranslateError> {
    let path = item.path_of("content");
    let content: &'a RawValue =
        item.raw("content").ok_or_else(|| TranslateError::invalid(path.as_str(), "is missing"))?;
    if let Some(said) = borrowed_text(content) {
        return Ok(vec![block(path, Content::Text(said))]);
    }
    let mut blocks = Vec::new();
    for (at, raw) in elements(content, &path)? {
        blocks.extend(part(at, raw, notes)?);
    }
    Ok(blocks)
}
