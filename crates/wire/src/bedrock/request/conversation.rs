//! Turns, gathered into Converse's messages: the user speaks first, then they alternate.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::model::Model;
use super::super::redacted;
use super::super::request_shapes::{Block, CachePoint, Message, ReasoningContent};
use super::media::{DocumentNames, image};
use super::{CachePoints, tools};
use crate::Dialect;
use crate::canonical::{Content, Origin, Prompt, Role, ToolResult, ToolUse};
use crate::notes::{Notes, TranslateError};
use crate::translate::TOOL_ERROR_MARK;
use crate::translate::tool_ids::tool_id;

const USER: &str = "user";
const ASSISTANT: &str = "assistant";

/// Stands where the user has to speak first and did not.
const FIRST_WORD: &str = "(The conversation begins with the assistant.)";
/// Converse refuses a document without a word beside it.
const DOCUMENT_WORD: &str = "(See the attached document.)";

pub(super) fn write<'p>(
    prompt: &'p Prompt<'_>,
    model: Model,
    cache: &mut CachePoints,
    notes: &mut Notes,
) -> Result<Vec<Message<'p>>, TranslateError> {
    let mut conversation = Conversation { model, names: DocumentNames::default(), notes };
    let mut messages: Vec<Message<'p>> = Vec::with_capacity(prompt.turns.len());
    for turn in &prompt.turns {
        let mut content = Vec::with_capacity(turn.blocks.len());
        for block in &turn.blocks {
            let before = content.len();
            conversation.block(turn.role, &block.at, &block.content, &mut content)?;
            if block.cache && content.len() > before && cache.take(&block.at, conversation.notes) {
                content.push(Block::CachePoint(CachePoint::DEFAULT));
            }
        }
        let role = match turn.role {
            Role::User => USER,
            Role::Assistant => ASSISTANT,
        };
        match messages.last_mut().filter(|last| last.role == role) {
            Some(last) => last.content.append(&mut content),
            None if content.is_empty() => {}
            None => messages.push(Message { role, content }),
        }
    }
    let Some(first) = messages.first() else { return Ok(messages) };
    let at =
        |role: Role| prompt.turns.iter().rfind(|turn| turn.role == role).map_or("messages", |turn| &turn.at);
    if first.role == ASSISTANT {
        notes.add("user_message_added", "messages");
        messages.insert(0, Message { role: USER, content: vec![Block::Text(Cow::Borrowed(FIRST_WORD))] });
    }
    for message in messages.iter_mut().filter(|message| message.role == USER) {
        user_order(&mut message.content, notes);
    }
    if let Some(last) = messages.last_mut().filter(|last| last.role == ASSISTANT) {
        prefill(&mut last.content, at(Role::Assistant), model, notes)?;
    }
    Ok(messages)
}

struct Conversation<'n> {
    model: Model,
    names: DocumentNames,
    notes: &'n mut Notes,
}

impl Conversation<'_> {
    fn block<'p>(
        &mut self,
        role: Role,
        at: &str,
        content: &'p Content<'_>,
        into: &mut Vec<Block<'p>>,
    ) -> Result<(), TranslateError> {
        match content {
            Content::Text(text) | Content::Refusal(text) => into.extend(self.text(text, at)),
            // The model's own turn holds neither.
            Content::Image(_) | Content::Document(_) if role == Role::Assistant => {
                self.notes.add("block_dropped", at);
            }
            Content::Image(media) => into.push(image(media, at, self.notes)?),
            Content::Document(media) => into.push(self.names.document(media, at, self.notes)?),
            Content::Thinking { text, signature } => {
                let seal = signature.as_ref().and_then(|seal| seal.for_provider(Origin::Anthropic));
                match seal.filter(|_| self.model.is_claude()) {
                    Some(signature) => into
                        .push(Block::ReasoningContent(ReasoningContent::ReasoningText { text, signature })),
                    None => self.notes.add_once("thinking_dropped", at),
                }
            }
            Content::RedactedThinking(seal) => {
                match seal.for_provider(Origin::Anthropic).filter(|_| self.model.is_claude()) {
                    Some(seal) => into.push(Block::ReasoningContent(ReasoningContent::RedactedContent(
                        redacted::to_blob(seal),
                    ))),
                    None => self.notes.add_once("thinking_dropped", at),
                }
            }
            Content::ToolUse(call) => into.push(self.tool_use(call, at)?),
            Content::ToolResult(result) => into.push(self.tool_result(result, at)?),
        }
        Ok(())
    }

    /// Converse refuses texts of nothing but whitespace.
    fn text<'p>(&mut self, text: &'p str, at: &str) -> Option<Block<'p>> {
        if text.trim().is_empty() {
            if !text.is_empty() {
                self.notes.add("blank_text_dropped", at);
            }
            return None;
        }
        Some(Block::Text(Cow::Borrowed(text)))
    }

    fn tool_use<'p>(&mut self, call: &'p ToolUse<'_>, at: &str) -> Result<Block<'p>, TranslateError> {
        let name = tools::checked_name(&call.name, at)?;
        if call.signature.is_some() {
            self.notes.add_once("thinking_dropped", at);
        }
        let (input, is_wrapped) = object(&call.arguments)
            .map_err(|error| TranslateError::invalid(format!("{at}.arguments"), error.to_string()))?;
        if is_wrapped {
            self.notes.add("tool_arguments_wrapped", format!("{at}.arguments"));
        }
        let tool_use_id = tool_id(Dialect::BedrockConverse, &call.id);
        Ok(Block::ToolUse { tool_use_id, name, input })
    }

    fn tool_result<'p>(&mut self, result: &'p ToolResult<'_>, at: &str) -> Result<Block<'p>, TranslateError> {
        let mut content = Vec::with_capacity(result.content.len());
        for piece in &result.content {
            match piece {
                Content::Text(_) | Content::Refusal(_) | Content::Image(_) | Content::Document(_) => {
                    self.block(Role::User, at, piece, &mut content)?;
                }
                Content::Thinking { .. }
                | Content::RedactedThinking(_)
                | Content::ToolUse(_)
                | Content::ToolResult(_) => self.notes.add_once("block_dropped", at),
            }
        }
        let has_status = self.model.has_tool_status();
        if result.is_error && !has_status {
            self.notes.add_once("tool_error_as_text", at);
            match content
                .iter_mut()
                .find_map(|block| if let Block::Text(text) = block { Some(text) } else { None })
            {
                Some(text) => *text = Cow::Owned(format!("{TOOL_ERROR_MARK}{text}")),
                None => content.push(Block::Text(Cow::Borrowed(TOOL_ERROR_MARK.trim_end()))),
            }
        }
        let tool_use_id = tool_id(Dialect::BedrockConverse, &result.id);
        let status = (result.is_error && has_status).then_some("error");
        Ok(Block::ToolResult { tool_use_id, content, status })
    }
}

/// A call's input as the object Converse demands; whether it had to be wrapped in one.
fn object(arguments: &str) -> serde_json::Result<(Cow<'_, RawValue>, bool)> {
    let trimmed = arguments.trim();
    if trimmed.is_empty() {
        return Ok((Cow::Owned(RawValue::from_string("{}".to_owned())?), false));
    }
    if trimmed.starts_with('{')
        && let Ok(input) = serde_json::from_str::<&RawValue>(trimmed)
    {
        return Ok((Cow::Borrowed(input), false));
    }
    let wrapped = serde_json::json!({ "arguments": arguments });
    Ok((Cow::Owned(RawValue::from_string(wrapped.to_string())?), true))
}

/// Puts the results of tools first, each with the cache point after it, and a word beside documents.
fn user_order(content: &mut Vec<Block<'_>>, notes: &mut Notes) {
    let has = |wanted: fn(&Block<'_>) -> bool| content.iter().any(wanted);
    let needs_text =
        has(|block| matches!(block, Block::Document { .. })) && !has(|block| matches!(block, Block::Text(_)));
    let (mut results, mut others) = (Vec::new(), Vec::new());
    let mut is_result = false;
    for block in content.drain(..) {
        if !matches!(block, Block::CachePoint(_)) {
            is_result = matches!(block, Block::ToolResult { .. });
        }
        if is_result { results.push(block) } else { others.push(block) }
    }
    content.append(&mut results);
    content.append(&mut others);
    if needs_text {
        notes.add_once("text_added", "messages");
        content.push(Block::Text(Cow::Borrowed(DOCUMENT_WORD)));
    }
}

/// An answer the caller began. Claude refuses whitespace at its end.
fn prefill(
    content: &mut [Block<'_>],
    at: &str,
    model: Model,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    if !model.takes_prefill() {
        return Err(TranslateError::unsupported(
            at,
            "an answer already begun, which this model does not continue",
        ));
    }
    let last = content.iter_mut().rfind(|block| !matches!(block, Block::CachePoint(_)));
    if let Some(Block::Text(text)) = last
        && text.trim_end().len() < text.len()
    {
        notes.add("prefill_trimmed", at);
        *text = Cow::Owned(text.trim_end().to_owned());
    }
    Ok(())
}
