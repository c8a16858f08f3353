//! Input items, gathered into turns.
//!
//! An item is one thing said: a message, a piece of reasoning, a call, a result. What the model said in one go are
//! several items and becomes one turn; so do the results of parallel calls.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::parts::{block, part, tail};
use crate::canonical::{Block, Content, Origin, Role, Signature, ToolResult, ToolUse, Turn};
use crate::members::{Members, borrowed_text, elements};
use crate::notes::{Notes, TranslateError};
use crate::translate::TOOL_ERROR_MARK;

/// Calls of tools the provider ran itself, in the history: nothing waits for them.
const SERVER_ITEMS: [&str; 8] = [
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_list_tools",
    "mcp_call",
    "tool_search_call",
    "tool_search_output",
];

/// The conversation so far.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    system: Vec<Block<'a>>,
    turns: Vec<Turn<'a>>,
    /// Whether the last turn holds tool results alone.
    in_results: bool,
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
        notes: &mut Notes,
    ) -> Result<(), TranslateError> {
        let input = source.raw("input").ok_or_else(|| TranslateError::invalid("input", "is missing"))?;
        if let Some(said) = borrowed_text(input) {
            self.push(Role::User, "input", vec![block("input".to_owned(), Content::Text(said))]);
            return Ok(());
        }
        for (at, raw) in elements(input, "input")? {
            self.add(&at, raw, notes)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> (Vec<Block<'a>>, Vec<Turn<'a>>) {
        (self.system, self.turns)
    }

    fn add(&mut self, at: &str, raw: &'a RawValue, notes: &mut Notes) -> Result<(), TranslateError> {
        let mut item = Members::read(raw.get(), at)?;
        // The provider's own bookkeeping.
        item.raw("status");
        let kind = item.text("type")?;
        let kind = match kind.as_deref() {
            Some(kind) => kind,
            None if item.peek("role").is_some() => "message",
            None => "item_reference",
        };
        match kind {
            "message" => {
                item.raw("id");
                self.message(&mut item, at, notes)?;
            }
            "reasoning" => {
                item.raw("id");
                let said = reasoning(&mut item)?;
                self.push(Role::Assistant, at, vec![block(at.to_owned(), said)]);
            }
            "function_call" => {
                let call = call(&mut item)?;
                self.call(at, call);
            }
            "function_call_output" => {
                item.raw("id");
                let result = result(&mut item, notes)?;
                self.result(at, block(at.to_owned(), Content::ToolResult(result)));
            }
            "item_reference" => {
                let what = "an item stored with the provider; send the item itself";
                return Err(TranslateError::unsupported(at, what));
            }
            kind if SERVER_ITEMS.contains(&kind) => {
                notes.add("server_tool_dropped", at);
                return Ok(());
            }
            kind => return Err(TranslateError::unsupported(at, format!("an item of type \"{kind}\""))),
        }
        notes.dropped(item);
        Ok(())
    }

    fn message(&mut self, item: &mut Members<'a>, at: &str, notes: &mut Notes) -> Result<(), TranslateError> {
        let role = item.need_text("role")?;
        let content = item.raw("content");
        let path = item.path_of("content");
        let content = content.ok_or_else(|| TranslateError::invalid(path.as_str(), "is missing"))?;
        let blocks = match borrowed_text(content) {
            Some(said) => vec![block(path, Content::Text(said))],
            None => elements(content, &path)?
                .into_iter()
                .map(|(at, raw)| part(at, raw, notes))
                .collect::<Result<_, _>>()?,
        };
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

    /// Gemini's seal on a call is kept by Responses callers as sealed reasoning before it (see `item`).
    fn call(&mut self, at: &str, mut call: ToolUse<'a>) {
        if let Some(Turn { role: Role::Assistant, blocks, .. }) = self.turns.last_mut()
            && let Some(Content::RedactedThinking(Signature { origin: Origin::Gemini, .. })) =
                blocks.last().map(|block| &block.content)
            && let Some(Block { content: Content::RedactedThinking(seal), .. }) = blocks.pop()
        {
            call.signature = Some(seal);
        }
        self.push(Role::Assistant, at, vec![block(at.to_owned(), Content::ToolUse(call))]);
    }

    fn result(&mut self, at: &str, result: Block<'a>) {
        match self.turns.last_mut() {
            Some(turn) if self.in_results => turn.blocks.push(result),
            Some(_) | None => {
                self.push(Role::User, at, vec![result]);
                self.in_results = true;
            }
        }
    }

    fn push(&mut self, role: Role, at: &str, blocks: Vec<Block<'a>>) {
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

fn call<'a>(item: &mut Members<'a>) -> Result<ToolUse<'a>, TranslateError> {
    item.raw("id");
    Ok(ToolUse {
        id: item.need_text("call_id")?,
        name: item.need_text("name")?,
        arguments: item.need_text("arguments")?,
        signature: None,
    })
}

fn result<'a>(item: &mut Members<'a>, notes: &mut Notes) -> Result<ToolResult<'a>, TranslateError> {
    let id = item.need_text("call_id")?;
    let path = item.path_of("output");
    let output = item.raw("output").ok_or_else(|| TranslateError::invalid(path.as_str(), "is missing"))?;
    let content = match borrowed_text(output) {
        Some(said) => vec![Content::Text(said)],
        None => elements(output, &path)?
            .into_iter()
            .map(|(at, raw)| part(at, raw, notes).map(|block| block.content))
            .collect::<Result<_, _>>()?,
    };
    let mut content: Vec<Content<'a>> = content;
    let is_error = take_error_mark(&mut content);
    Ok(ToolResult { id, name: None, is_error, content })
}

/// Takes the mark of a failed tool off the first text, and the text if it was nothing else.
fn take_error_mark(content: &mut Vec<Content<'_>>) -> bool {
    let Some(Content::Text(first)) = content.first_mut() else { return false };
    if !first.starts_with(TOOL_ERROR_MARK) {
        return false;
    }
    *first = tail(std::mem::take(first), TOOL_ERROR_MARK.len());
    if first.is_empty() && content.len() > 1 {
        content.remove(0);
    }
    true
}
