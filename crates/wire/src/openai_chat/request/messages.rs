//! A chat message, read into a turn.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::tools::Tools;
use crate::canonical::{
    Block, Content, Media, Origin, Prompt, Role, Signature, Source, ToolForm, ToolResult, ToolUse, Turn,
};
use crate::members::{Members, borrowed_text, elements};
use crate::notes::{Notes, TranslateError};
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
            let blocks = assistant(&mut message, tools, content, &at, notes)?;
            if blocks.is_empty() && content.is_none() {
                return Err(TranslateError::invalid(at, "is missing, and there are no `tool_calls` either"));
            }
            (Role::Assistant, blocks)
        }
        "tool" => (Role::User, vec![tool_result(&mut message, content, &at, notes)?]),
        "function" => {
            return Err(TranslateError::unsupported(path, "a legacy function message; send `tool` instead"));
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

/// The texts of a content that may hold nothing else.
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
        let kind = part.need_text("type")?;
        if kind != "text" {
            return Err(TranslateError::unsupported(path, format!("a part of type \"{kind}\" here")));
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
        let content = match &*kind {
            "text" => Content::Text(part.need_text("text")?),
            "image_url" => Content::Image(image(&mut part, notes)?),
            "file" => Content::Document(file(&mut part, notes)?),
            _ => return Err(TranslateError::unsupported(path, format!("a part of type \"{kind}\""))),
        };
        blocks.push(Block { cache: part.raw("cache_control").is_some(), content, at: path });
        notes.dropped(part);
    }
    Ok(blocks)
}

fn image<'a>(part: &mut Members<'a>, notes: &mut Notes) -> Result<Media<'a>, TranslateError> {
    let mut image = part.need_object("image_url")?;
    let url = image.need_text("url")?;
    let detail = image.text("detail")?.filter(|detail| detail != "auto");
    let path = image.path_of("url");
    notes.dropped(image);
    if url.starts_with("data:") {
        let (media_type, data) =
            data_url(url).ok_or_else(|| TranslateError::invalid(path, "is not a base64 data URL"))?;
        return Ok(Media { source: Source::Base64(data), media_type: Some(media_type), name: None, detail });
    }
    Ok(Media { source: Source::Url(url), media_type: None, name: None, detail })
}

/// A file sent along: base64 in a data URL, or (OpenRouter) a URL. One stored with OpenAI is out of others' reach.
fn file<'a>(part: &mut Members<'a>, notes: &mut Notes) -> Result<Media<'a>, TranslateError> {
    let mut file = part.need_object("file")?;
    let path = part.path_of("file");
    let Some(data) = file.text("file_data")? else {
        return Err(match file.text("file_id")? {
            Some(_) => TranslateError::unsupported(path, "a file stored with another provider"),
            None => TranslateError::invalid(file.path_of("file_data"), "is missing"),
        });
    };
    let name = file.text("filename")?;
    let path = file.path_of("file_data");
    notes.dropped(file);
    if data.starts_with("https://") || data.starts_with("http://") {
        return Ok(Media { source: Source::Url(data), media_type: None, name, detail: None });
    }
    let (media_type, data) =
        data_url(data).ok_or_else(|| TranslateError::invalid(path, "is not a base64 data URL"))?;
    Ok(Media { source: Source::Base64(data), media_type: Some(media_type), name, detail: None })
}

/// Reads `data:<media type>;base64,<data>` (RFC 2397).
fn data_url(url: Cow<'_, str>) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let comma = url.find(',')?;
    let head = url.get(5..comma)?;
    let mut attributes = head.split(';');
    let media_type = attributes.next()?.len();
    if !attributes.any(|attribute| attribute.eq_ignore_ascii_case("base64")) {
        return None;
    }
    match url {
        Cow::Borrowed(url) => {
            Some((Cow::Borrowed(&url[5..5 + media_type]), Cow::Borrowed(&url[comma + 1..])))
        }
        Cow::Owned(url) => {
            Some((Cow::Owned(url[5..5 + media_type].to_owned()), Cow::Owned(url[comma + 1..].to_owned())))
        }
    }
}

fn assistant<'a>(
    message: &mut Members<'a>,
    tools: &Tools<'a>,
    content: Option<&'a RawValue>,
    path: &str,
    notes: &mut Notes,
) -> Result<Vec<Block<'a>>, TranslateError> {
    let mut blocks = Vec::new();
    thinking(message, &mut blocks)?;
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
    if message.raw("function_call").is_some() {
        let path = message.path_of("function_call");
        return Err(TranslateError::unsupported(path, "a legacy function call; send `tool_calls` instead"));
    }
    if message.raw("audio").is_some() {
        return Err(TranslateError::unsupported(message.path_of("audio"), "an answer in audio"));
    }
    message.raw("annotations");
    Ok(blocks)
}

/// `reasoning_content` (DeepSeek and most others) or `reasoning` (OpenRouter, Groq).
fn thinking<'a>(message: &mut Members<'a>, blocks: &mut Vec<Block<'a>>) -> Result<(), TranslateError> {
    let mut found = None;
    for name in ["reasoning_content", "reasoning"] {
        if let Some(text) = message.text(name)? {
            found.get_or_insert((message.path_of(name), text));
        }
    }
    if let Some((at, text)) = found.filter(|(_, text)| !text.is_empty()) {
        blocks.push(block(&at, Content::Thinking { text, signature: None }));
    }
    Ok(())
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
            _ => return Err(TranslateError::unsupported(path, format!("a part of type \"{kind}\""))),
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

fn tool_result<'a>(
    message: &mut Members<'a>,
    content: Option<&'a RawValue>,
    path: &str,
    notes: &mut Notes,
) -> Result<Block<'a>, TranslateError> {
    let id = message.need_text("tool_call_id")?;
    let name = message.text("name")?;
    let blocks = texts(content, path, notes)?;
    let cache = message.raw("cache_control").is_some() || blocks.iter().any(|block| block.cache);
    let mut content: Vec<Content<'a>> = blocks.into_iter().map(|block| block.content).collect();
    let is_error = match content.first_mut() {
        Some(Content::Text(text)) => unmark(text),
        Some(_) | None => false,
    };
    let content = Content::ToolResult(ToolResult { id, name, is_error, content });
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
