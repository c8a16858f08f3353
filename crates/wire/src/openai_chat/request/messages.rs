//! A chat message, read into a turn.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::parts::part_of;
use super::tools::Tools;
use crate::canonical::{
    Block, Content, Origin, Prompt, Role, Signature, ToolForm, ToolResult, ToolUse, Turn,
};
use crate::lenient::is_filled;
use crate::members::{Members, borrowed_text, elements, text_of};
use crate::notes::{Notes, TranslateError};
use crate::openai_chat::said::{reasoning_in, thinking_in};
use crate::translate::{TOOL_ERROR_MARK, free_text};

pub(super) fn read<'a>(
    prompt: &mut Prompt<'a>,
    tools: &Tools<'a>,
    path: &str,
    raw: &'a RawValue,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let mut message = Members::read(raw.get(), path)?;
    let role = message.need_text("role")?;
    let content = message.raw("content");
    let at = message.path_of("content");
    let (role, blocks) = match &*role {
        "system" | "developer" => {
            if !prompt.turns.is_empty() {
                notes.add("system_message_moved", path);
            }
            prompt.system.extend(texts(content, &at, notes)?.into_iter().filter(|block| !is_blank(block)));
            message.raw("name");
            notes.dropped(message);
            return Ok(());
        }
        "user" => {
            let content = content.ok_or_else(|| TranslateError::invalid(at.as_str(), "is missing"))?;
            (Role::User, parts(content, &at, notes)?)
        }
        "assistant" => {
            let mut blocks = assistant(&mut message, tools, content, &at, notes)?;
            // A turn that was broken off before its first word.
            if blocks.is_empty() {
                blocks.push(block(&at, Content::Text(Cow::Borrowed(""))));
            }
            (Role::Assistant, blocks)
        }
        "tool" => {
            let id = message.need_text("tool_call_id")?;
            (Role::User, vec![tool_result(id, &mut message, content, &at, notes)?])
        }
        // From before there were tools: the result of the call in the turn before.
        "function" => {
            let id = legacy_id(prompt, &message.peek("name").and_then(text_of).unwrap_or_default());
            let id = id.ok_or_else(|| {
                TranslateError::invalid(message.path_of("name"), "is not the function called before it")
            })?;
            (Role::User, vec![tool_result(id, &mut message, content, &at, notes)?])
        }
        _ => {
            let field = message.path_of("role");
            return Err(TranslateError::invalid(field, format!("\"{role}\" is not a role")));
        }
    };
    notes.dropped(message);
    prompt.turns.push(Turn { at: path.to_owned(), role, blocks });
    Ok(())
}

fn is_blank(block: &Block<'_>) -> bool {
    matches!(&block.content, Content::Text(text) if text.trim().is_empty())
}

/// The texts of a system message; anything else has no place in one.
fn texts<'a>(
    content: Option<&'a RawValue>,
    path: &str,
    notes: &mut Notes,
) -> Result<Vec<Block<'a>>, TranslateError> {
    let Some(content) = content else { return Ok(Vec::new()) };
    if let Some(text) = borrowed_text(content) {
        return Ok(vec![block(path, Content::Text(text))]);
    }
    let mut blocks = Vec::new();
    for (path, raw) in elements(content, path)? {
        let mut part = Members::read(raw.get(), path.clone())?;
        if part.need_text("type")? != "text" {
            notes.add("block_dropped", path);
            continue;
        }
        let content = Content::Text(part.need_text("text")?);
        blocks.push(Block { cache: part.raw("cache_control").is_some(), content, at: path });
        notes.dropped(part);
    }
    Ok(blocks)
}

fn block<'a>(at: &str, content: Content<'a>) -> Block<'a> {
    Block { at: at.to_owned(), cache: false, content }
}

/// What a user says.
fn parts<'a>(content: &'a RawValue, path: &str, notes: &mut Notes) -> Result<Vec<Block<'a>>, TranslateError> {
    if let Some(text) = borrowed_text(content) {
        return Ok(vec![block(path, Content::Text(text))]);
    }
    let mut blocks = Vec::new();
    for (path, raw) in elements(content, path)? {
        let mut part = Members::read(raw.get(), path.clone())?;
        let kind = part.need_text("type")?;
        let Some(content) = part_of(&kind, &mut part, notes)? else {
            return Err(TranslateError::unsupported(path, format!("a part of type \"{kind}\"")));
        };
        blocks.push(Block { cache: part.raw("cache_control").is_some(), content, at: path });
        notes.dropped(part);
    }
    Ok(blocks)
}

fn assistant<'a>(
    message: &mut Members<'a>,
    tools: &Tools<'a>,
    content: Option<&'a RawValue>,
    path: &str,
    notes: &mut Notes,
) -> Result<Vec<Block<'a>>, TranslateError> {
    let mut blocks = Vec::new();
    thinking(message, &mut blocks, notes)?;
    if let Some(content) = content {
        said(content, path, &mut blocks, notes)?;
    }
    if let Some(seal) = seal(message)? {
        blocks.push(block(&message.path_of("extra_content"), Content::RedactedThinking(seal)));
    }
    if let Some(refusal) = message.text("refusal")? {
        blocks.push(block(&message.path_of("refusal"), Content::Refusal(refusal)));
    }
    for (path, raw) in message.list("tool_calls")? {
        blocks.push(tool_call(path, tools, raw, notes)?);
    }
    if let Some(call) = message.raw("function_call").filter(|call| is_filled(call)) {
        let path = message.path_of("function_call");
        blocks.push(legacy_call(call, path, notes)?);
    }
    if message.raw("audio").is_some_and(is_filled) {
        return Err(TranslateError::unsupported(message.path_of("audio"), "an answer in audio"));
    }
    message.raw("annotations");
    Ok(blocks)
}

/// `reasoning_content` (DeepSeek and most others), `reasoning` (OpenRouter, Groq) or `reasoning_details` (OpenRouter).
fn thinking<'a>(
    message: &mut Members<'a>,
    blocks: &mut Vec<Block<'a>>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let mut found = None;
    for name in ["reasoning_content", "reasoning"] {
        if let Some(text) = message.text(name)?.filter(|text| !text.is_empty()) {
            found.get_or_insert((message.path_of(name), text));
        }
    }
    if let Some(details) = message.raw("reasoning_details") {
        let at = message.path_of("reasoning_details");
        let (text, is_sealed) = reasoning_in(details).map_err(|error| unreadable(&at, &error))?;
        if is_sealed {
            notes.add_once("thinking_signature_dropped", at.as_str());
        }
        found = found.or(text.map(|text| (at, text)));
    }
    blocks.extend(found.map(|(at, text)| block(&at, Content::Thinking { text, signature: None })));
    Ok(())
}

fn unreadable(at: &str, error: &serde_json::Error) -> TranslateError {
    TranslateError::invalid(at, error.to_string())
}

fn said<'a>(
    content: &'a RawValue,
    path: &str,
    blocks: &mut Vec<Block<'a>>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    if let Some(text) = borrowed_text(content) {
        blocks.push(block(path, Content::Text(text)));
        return Ok(());
    }
    for (path, raw) in elements(content, path)? {
        let mut part = Members::read(raw.get(), path.clone())?;
        let kind = part.need_text("type")?;
        let content = match &*kind {
            "text" => Content::Text(part.need_text("text")?),
            "refusal" => Content::Refusal(part.need_text("refusal")?),
            // Mistral's thinking.
            "thinking" => {
                part.raw("closed");
                let thought = part.raw("thinking").map(thinking_in).transpose();
                let text = thought.map_err(|error| unreadable(&path, &error))?.flatten().unwrap_or_default();
                Content::Thinking { text, signature: None }
            }
            // What a provider said in its own form, which its caller only sends back.
            _ => {
                notes.add("block_dropped", path);
                continue;
            }
        };
        blocks.push(Block { cache: part.raw("cache_control").is_some(), content, at: path });
        notes.dropped(part);
    }
    Ok(())
}

fn tool_call<'a>(
    at: String,
    tools: &Tools<'a>,
    raw: &'a RawValue,
    notes: &mut Notes,
) -> Result<Block<'a>, TranslateError> {
    let mut call = Members::read(raw.get(), at.clone())?;
    let id = call.need_text("id")?;
    call.raw("index");
    let kind = call.text("type")?;
    let (name, arguments) = match kind.as_deref() {
        None | Some("function") => {
            let mut function = call.need_object("function")?;
            let name = function.need_text("name")?;
            let arguments = function.text("arguments")?.unwrap_or_default();
            notes.dropped(function);
            (tools.name_of(&name, ToolForm::Function), arguments)
        }
        Some("custom") => {
            let mut custom = call.need_object("custom")?;
            let name = custom.need_text("name")?;
            let text = custom.text("input")?.unwrap_or_default();
            notes.dropped(custom);
            (tools.name_of(&name, ToolForm::Custom), Cow::Owned(free_text::wrapped(&text)))
        }
        Some(_) => {
            return Err(TranslateError::unsupported(at, "a tool call that is neither function nor custom"));
        }
    };
    let signature = seal(&mut call)?;
    notes.dropped(call);
    Ok(Block { content: Content::ToolUse(ToolUse { id, name, arguments, signature }), at, cache: false })
}

/// Google's OpenAI-compatible endpoint hands out Gemini's seals as `extra_content.google.thought_signature`, of a call or of a
/// message.
fn seal<'a>(sealed: &mut Members<'a>) -> Result<Option<Signature<'a>>, TranslateError> {
    let Some(mut extra) = sealed.object("extra_content")? else { return Ok(None) };
    let Some(mut google) = extra.object("google")? else { return Ok(None) };
    Ok(google.text("thought_signature")?.map(|text| Signature::read(Origin::Gemini, text)))
}

/// A call of the function API that came before tools. It has no id, so its place stands for one.
fn legacy_call<'a>(raw: &'a RawValue, at: String, notes: &mut Notes) -> Result<Block<'a>, TranslateError> {
    let mut function = Members::read(raw.get(), at.as_str())?;
    let name = function.need_text("name")?;
    let arguments = function.text("arguments")?.unwrap_or_default();
    notes.dropped(function);
    let id = Cow::Owned(at.clone());
    Ok(Block {
        content: Content::ToolUse(ToolUse { id, name, arguments, signature: None }),
        at,
        cache: false,
    })
}

/// The id of such a call of a function in the turn before.
fn legacy_id<'a>(prompt: &Prompt<'a>, name: &str) -> Option<Cow<'a, str>> {
    prompt.turns.last()?.blocks.iter().find_map(|block| match &block.content {
        Content::ToolUse(call) if call.name == name && call.id == block.at => Some(call.id.clone()),
        Content::Text(_)
        | Content::Image(_)
        | Content::Document(_)
        | Content::Thinking { .. }
        | Content::RedactedThinking(_)
        | Content::ToolUse(_)
        | Content::ToolResult(_)
        | Content::Refusal(_) => None,
    })
}

/// OpenAI's tools answer in text; others' clients send images along, and most dialects have a place for them.
fn tool_result<'a>(
    id: Cow<'a, str>,
    message: &mut Members<'a>,
    content: Option<&'a RawValue>,
    path: &str,
    notes: &mut Notes,
) -> Result<Block<'a>, TranslateError> {
    let name = message.text("name")?;
    let mut cache = message.raw("cache_control").is_some();
    let mut said = Vec::new();
    if let Some(text) = content.and_then(borrowed_text) {
        said.push(Content::Text(text));
    } else if let Some(content) = content {
        for (path, raw) in elements(content, path)? {
            let mut part = Members::read(raw.get(), path.clone())?;
            let kind = part.need_text("type")?;
            match part_of(&kind, &mut part, notes)? {
                Some(content) => said.push(content),
                None => {
                    notes.add("block_dropped", path);
                    continue;
                }
            }
            cache |= part.raw("cache_control").is_some();
            notes.dropped(part);
        }
    }
    let is_error = match said.first_mut() {
        Some(Content::Text(text)) => unmark(text),
        Some(_) | None => false,
    };
    let content = Content::ToolResult(ToolResult { id, name, is_error, content: said });
    Ok(Block { at: path.trim_end_matches(".content").to_owned(), cache, content })
}

/// Takes the mark of a tool's error off its text.
fn unmark(text: &mut Cow<'_, str>) -> bool {
    let Some(rest) = text.strip_prefix(TOOL_ERROR_MARK).map(str::len) else { return false };
    *text = match std::mem::take(text) {
        Cow::Borrowed(text) => Cow::Borrowed(&text[text.len() - rest..]),
        Cow::Owned(text) => Cow::Owned(text[text.len() - rest..].to_owned()),
    };
    true
}
