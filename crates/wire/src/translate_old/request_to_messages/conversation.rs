//! Chat messages, gathered into Messages turns.

use serde_json::value::RawValue;

use crate::Dialect;
use crate::anthropic::{Block, Message, Role, Source};
use crate::members::{Members, elements, text_of};
use crate::translate::TOOL_ERROR_MARK;
use crate::translate::answer::tool_input;
use crate::notes::{Notes, TranslateError};
use crate::translate::tool_ids::tool_id;

/// The conversation so far: system texts apart, neighbouring messages of one role as one turn (Anthropic
/// wants all results of parallel calls in the one user turn after them).
#[derive(Debug, Default)]
pub(super) struct Conversation {
    system: Vec<String>,
    turns: Vec<Message>,
}

impl Conversation {
    pub(super) fn add(
        &mut self,
        path: &str,
        raw: &RawValue,
        notes: &mut Notes,
    ) -> Result<(), TranslateError> {
        let mut message = Members::read(raw.get(), path)?;
        let role: String = message.need("role")?;
        let content = message.raw("content");
        let content_path = message.path_of("content");
        match role.as_str() {
            "system" | "developer" => {
                if !self.turns.is_empty() {
                    notes.add("system_message_moved", path);
                }
                for text in texts(content, &content_path)? {
                    self.instruct(&text);
                }
            }
            "user" => {
                let blocks = user_blocks(content, &content_path, notes)?;
                self.push(Role::User, blocks);
            }
            "assistant" => {
                let blocks = assistant_blocks(&mut message, content, &content_path, notes)?;
                self.push(Role::Assistant, blocks);
            }
            "tool" => {
                let id = tool_id(Dialect::AnthropicMessages, message.need("tool_call_id")?);
                self.push(Role::User, vec![tool_result(id, &texts(content, &content_path)?)]);
            }
            "function" => {
                return Err(TranslateError::unsupported(
                    path,
                    "a legacy function message; send `tool` instead",
                ));
            }
            _ => {
                let field = message.path_of("role");
                return Err(TranslateError::invalid(field, format!("\"{role}\" is not a role")));
            }
        }
        notes.dropped(message);
        Ok(())
    }

    /// Adds a system text.
    pub(super) fn instruct(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.system.push(text.to_owned());
        }
    }

    pub(super) fn finish(mut self) -> (Vec<String>, Vec<Message>) {
        // "final assistant content cannot end with trailing whitespace" (Anthropic).
        if let Some(Message { role: Role::Assistant, content }) = self.turns.last_mut()
            && let Some(Block::Text { text }) = content.last_mut()
        {
            text.truncate(text.trim_end().len());
        }
        (self.system, self.turns)
    }

    fn push(&mut self, role: Role, blocks: Vec<Block>) {
        if blocks.is_empty() {
            return;
        }
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.extend(blocks),
            Some(_) | None => self.turns.push(Message { role, content: blocks }),
        }
    }
}

fn tool_result(tool_use_id: String, texts: &[String]) -> Block {
    let is_error = texts.first().is_some_and(|text| text.starts_with(TOOL_ERROR_MARK));
    let text_block = |text: &String| {
        let text = if is_error { text.strip_prefix(TOOL_ERROR_MARK).unwrap_or(text) } else { text };
        (!text.is_empty()).then(|| Block::Text { text: text.to_owned() })
    };
    Block::ToolResult { tool_use_id, content: texts.iter().filter_map(text_block).collect(), is_error }
}

/// The texts of a content that may hold nothing else.
fn texts(content: Option<&RawValue>, path: &str) -> Result<Vec<String>, TranslateError> {
    let Some(content) = content else { return Ok(Vec::new()) };
    if let Some(text) = text_of(content) {
        return Ok(vec![text]);
    }
    elements(content, path)?
        .into_iter()
        .map(|(path, raw)| {
            let mut part = Members::read(raw.get(), path.clone())?;
            match part.need::<String>("type")?.as_str() {
                "text" => part.need("text"),
                kind => Err(TranslateError::unsupported(path, format!("a part of type \"{kind}\" here"))),
            }
        })
        .collect()
}

fn user_blocks(
    content: Option<&RawValue>,
    path: &str,
    notes: &mut Notes,
) -> Result<Vec<Block>, TranslateError> {
    let content = content.ok_or_else(|| TranslateError::invalid(path, "is missing"))?;
    if let Some(text) = text_of(content) {
        return Ok(text_block(text).into_iter().collect());
    }
    let mut blocks = Vec::new();
    for (path, raw) in elements(content, path)? {
        let mut part = Members::read(raw.get(), path.clone())?;
        let kind: String = part.need("type")?;
        match kind.as_str() {
            "text" => blocks.extend(text_block(part.need("text")?)),
            "image_url" => blocks.push(image_block(&mut part, notes)?),
            "file" => blocks.push(file_block(&mut part)?),
            _ => return Err(TranslateError::unsupported(path, format!("a part of type \"{kind}\""))),
        }
        notes.dropped(part);
    }
    Ok(blocks)
}

/// Anthropic refuses empty text blocks.
fn text_block(text: String) -> Option<Block> {
    (!text.is_empty()).then_some(Block::Text { text })
}

fn image_block(part: &mut Members<'_>, notes: &mut Notes) -> Result<Block, TranslateError> {
    let path = part.path_of("image_url");
    let mut image = part.object("image_url")?.ok_or_else(|| TranslateError::invalid(path, "is missing"))?;
    let url: String = image.need("url")?;
    let source = if url.starts_with("data:") {
        base64_source(&url)
            .ok_or_else(|| TranslateError::invalid(image.path_of("url"), "is not a base64 data URL"))?
    } else {
        Source::Url { url }
    };
    if image.get::<String>("detail")?.is_some_and(|detail| detail != "auto") {
        notes.add_once("image_detail_dropped", image.path_of("detail"));
    }
    notes.dropped(image);
    Ok(Block::Image { source })
}

fn file_block(part: &mut Members<'_>) -> Result<Block, TranslateError> {
    let path = part.path_of("file");
    let mut file =
        part.object("file")?.ok_or_else(|| TranslateError::invalid(path.as_str(), "is missing"))?;
    let Some(data) = file.get::<String>("file_data")? else {
        return Err(TranslateError::unsupported(path, "a file stored with another provider"));
    };
    match base64_source(&data) {
        Some(source @ Source::Base64 { .. }) => Ok(Block::Document { source, title: file.get("filename")? }),
        Some(Source::Url { .. }) | None => {
            Err(TranslateError::invalid(file.path_of("file_data"), "is not a base64 data URL"))
        }
    }
}

/// Reads `data:<media type>;base64,<data>` (RFC 2397).
fn base64_source(url: &str) -> Option<Source> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mut attributes = head.split(';');
    let media_type = attributes.next()?;
    attributes
        .any(|attribute| attribute.eq_ignore_ascii_case("base64"))
        .then(|| Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned() })
}

fn assistant_blocks(
    message: &mut Members<'_>,
    content: Option<&RawValue>,
    content_path: &str,
    notes: &mut Notes,
) -> Result<Vec<Block>, TranslateError> {
    let mut blocks = Vec::new();
    if let Some(content) = content {
        if let Some(text) = text_of(content) {
            blocks.extend(text_block(text));
        } else {
            for (path, raw) in elements(content, content_path)? {
                let mut part = Members::read(raw.get(), path.clone())?;
                match part.need::<String>("type")?.as_str() {
                    "text" => blocks.extend(text_block(part.need("text")?)),
                    "refusal" => blocks.extend(text_block(part.need("refusal")?)),
                    kind => {
                        return Err(TranslateError::unsupported(path, format!("a part of type \"{kind}\"")));
                    }
                }
            }
        }
    }
    blocks.extend(message.get::<String>("refusal")?.and_then(text_block));
    for (path, raw) in message.list("tool_calls")? {
        let mut call = Members::read(raw.get(), path.clone())?;
        let id = tool_id(Dialect::AnthropicMessages, call.need("id")?);
        let mut function = call.object("function")?.ok_or_else(|| {
            TranslateError::unsupported(path.as_str(), "a tool call that is not a function")
        })?;
        let (input, is_wrapped) = tool_input(&function.get::<String>("arguments")?.unwrap_or_default())?;
        if is_wrapped {
            notes.add("tool_arguments_wrapped", function.path_of("arguments"));
        }
        blocks.push(Block::ToolUse { id, name: function.need("name")?, input });
    }
    for thought in ["reasoning_content", "reasoning"] {
        if message.raw(thought).is_some() {
            notes.add_once("thinking_dropped", message.path_of(thought));
        }
    }
    Ok(blocks)
}
