//! A message's content blocks, read.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::read::plain_text;
use crate::canonical::{Block, Content, Media, Origin, Signature, Source, ToolResult, ToolUse};
use crate::members::{Members, borrowed_text, elements};
use crate::notes::{Notes, TranslateError};
use crate::surrogates;

/// What a content is the content of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    System,
    User,
    Assistant,
    /// A tool's result, which holds no other: each level would cost stack.
    Result,
}

impl Place {
    /// Whether a block of this type has a meaning here.
    fn takes(self, kind: &str) -> bool {
        match kind {
            "text" => true,
            // In the model's own turn it answers a tool the provider ran.
            "tool_result" => self == Self::User,
            "tool_use" | "thinking" | "redacted_thinking" => matches!(self, Self::User | Self::Assistant),
            _ => self != Self::System,
        }
    }
}

/// Reads a content, a string or a list of blocks. A block that can't go along is told as text or left out, with a note.
pub(super) fn read<'a>(
    place: Place,
    raw: &'a RawValue,
    at: &str,
    notes: &mut Notes,
) -> Result<Vec<Block<'a>>, TranslateError> {
    if let Some(content) = plain_text(raw) {
        return Ok(vec![Block { at: at.to_owned(), cache: false, content }]);
    }
    let mut blocks = Vec::new();
    for (path, raw) in elements(raw, at)? {
        let mut block = Members::read(raw.get(), path.as_str())?;
        let mut cache = cache_hint(&mut block, notes)?;
        let content = one(place, &mut block, &path, &mut cache, notes)?;
        notes.dropped(block);
        blocks.extend(content.map(|content| Block { at: path, cache, content }));
    }
    Ok(blocks)
}

/// Whether a block or tool is a cache breakpoint. How long it lives is Anthropic's own matter.
pub(super) fn cache_hint(block: &mut Members<'_>, notes: &mut Notes) -> Result<bool, TranslateError> {
    let Some(mut hint) = block.object("cache_control")? else { return Ok(false) };
    hint.raw("type");
    if hint.text("ttl")?.is_some_and(|ttl| ttl != "5m") {
        notes.add_once("cache_ttl_dropped", hint.path_of("ttl"));
    }
    Ok(true)
}

fn one<'a>(
    place: Place,
    block: &mut Members<'a>,
    path: &str,
    cache: &mut bool,
    notes: &mut Notes,
) -> Result<Option<Content<'a>>, TranslateError> {
    let kind = block.need_text("type")?;
    if !place.takes(&kind) {
        return Ok(left_out(block, path, notes));
    }
    Ok(Some(match &*kind {
        "text" => {
            if block.raw("citations").is_some_and(|citations| citations.get() != "[]") {
                notes.add_once("citations_dropped", block.path_of("citations"));
            }
            Content::Text(block.text("text")?.unwrap_or_default())
        }
        "image" => Content::Image(image(block)?),
        "document" => Content::Document(document(block, notes)?),
        "search_result" => {
            notes.add("search_result_as_text", path);
            Content::Text(Cow::Owned(search_result(block, notes)?))
        }
        // The tool itself stands among `tools` ("Tool search": every one referenced has to), and is offered.
        "tool_reference" => {
            notes.add("tool_reference_as_text", path);
            let name = block.text("tool_name")?.unwrap_or_default();
            Content::Text(Cow::Owned(format!("The tool \"{name}\" is available.")))
        }
        "tool_use" => {
            block.raw("caller");
            Content::ToolUse(ToolUse {
                id: block.need_text("id")?,
                name: block.need_text("name")?,
                arguments: input(block, notes),
                signature: None,
            })
        }
        "tool_result" => tool_result(block, cache, notes)?,
        "thinking" => {
            let seal = block.text("signature")?.filter(|seal| !seal.is_empty());
            let signature = seal
                .map(|seal| Signature::read(Origin::Anthropic, seal))
                .filter(|seal| !seal.value.is_empty());
            Content::Thinking { text: block.text("thinking")?.unwrap_or_default(), signature }
        }
        "redacted_thinking" => {
            Content::RedactedThinking(Signature::read(Origin::Anthropic, block.need_text("data")?))
        }
        "container_upload" => {
            return Err(TranslateError::unsupported(path, "a file stored with another provider"));
        }
        // What the provider's own tools did: told in the text that follows, if at all.
        "server_tool_use" | "mcp_tool_use" | "mcp_tool_result" => return Ok(left_out(block, path, notes)),
        other if other.ends_with("_tool_result") => return Ok(left_out(block, path, notes)),
        _ => return unknown(block, path, notes),
    }))
}

fn left_out<'a>(block: &mut Members<'a>, path: &str, notes: &mut Notes) -> Option<Content<'a>> {
    notes.add("block_dropped", path);
    block.take_all();
    None
}

/// A block of which only its plain words have a place elsewhere, such as the summary in a `compaction`.
fn unknown<'a>(
    block: &mut Members<'a>,
    path: &str,
    notes: &mut Notes,
) -> Result<Option<Content<'a>>, TranslateError> {
    for name in ["text", "content"] {
        let at = block.path_of(name);
        let Some(raw) = block.raw(name).filter(|raw| raw.get().starts_with(['"', '['])) else { continue };
        let said = match borrowed_text(raw) {
            Some(said) => said,
            None => Cow::Owned(joined_texts(raw, &at, notes)?),
        };
        if !said.is_empty() {
            notes.add("block_as_text", path);
            block.take_all();
            return Ok(Some(Content::Text(said)));
        }
    }
    Ok(left_out(block, path, notes))
}

/// A call's input, which is an object. What a model wrote in place of one is carried in an object, so that an old slip
/// does not end the conversation.
fn input<'a>(block: &mut Members<'a>, notes: &mut Notes) -> Cow<'a, str> {
    let Some(raw) = block.raw("input") else { return Cow::Borrowed("{}") };
    if raw.get().starts_with('{') {
        return surrogates::mended_text(raw.get());
    }
    let written = borrowed_text(raw).unwrap_or(Cow::Borrowed(raw.get()));
    let is_object =
        written.trim_start().starts_with('{') && serde_json::from_str::<&RawValue>(&written).is_ok();
    if is_object {
        return written;
    }
    if written.trim().is_empty() {
        return Cow::Borrowed("{}");
    }
    notes.add("tool_arguments_wrapped", block.path_of("input"));
    Cow::Owned(serde_json::json!({ "arguments": written }).to_string())
}

fn source<'a>(block: &mut Members<'a>) -> Result<(Cow<'a, str>, Members<'a>), TranslateError> {
    let mut source = block.need_object("source")?;
    Ok((source.need_text("type")?, source))
}

fn image<'a>(block: &mut Members<'a>) -> Result<Media<'a>, TranslateError> {
    let (kind, mut source) = source(block)?;
    let (source, media_type) = match &*kind {
        "url" => (Source::Url(source.need_text("url")?), None),
        "base64" => (Source::Base64(source.need_text("data")?), Some(source.need_text("media_type")?)),
        "file" => {
            let path = source.path_of("type");
            return Err(TranslateError::unsupported(path, "an image stored with another provider"));
        }
        _ => return Err(TranslateError::invalid(source.path_of("type"), "must be base64, url or file")),
    };
    Ok(Media { source, media_type, name: None, detail: None })
}

fn document<'a>(block: &mut Members<'a>, notes: &mut Notes) -> Result<Media<'a>, TranslateError> {
    let (kind, mut source) = source(block)?;
    let name = block.text("title")?;
    if let Some(mut citations) = block.object("citations")?
        && citations.get::<bool>("enabled")?.unwrap_or(false)
    {
        notes.add_once("citations_dropped", block.path_of("citations"));
    }
    let (source, media_type) = match &*kind {
        "base64" => (Source::Base64(source.need_text("data")?), Some(source.need_text("media_type")?)),
        "url" => (Source::Url(source.need_text("url")?), None),
        "text" => (Source::Text(source.need_text("data")?), Some(Cow::Borrowed("text/plain"))),
        "content" => {
            let path = source.path_of("content");
            let raw =
                source.raw("content").ok_or_else(|| TranslateError::invalid(path.as_str(), "is missing"))?;
            (Source::Text(Cow::Owned(joined_texts(raw, &path, notes)?)), Some(Cow::Borrowed("text/plain")))
        }
        _ => {
            let what = format!("a document with a source of type \"{kind}\"");
            return Err(TranslateError::unsupported(source.path_of("type"), what));
        }
    };
    Ok(Media { source, media_type, name, detail: None })
}

/// The texts of a list of blocks; whatever else is among them is left out.
fn joined_texts(raw: &RawValue, at: &str, notes: &mut Notes) -> Result<String, TranslateError> {
    if let Some(text) = borrowed_text(raw) {
        return Ok(text.into_owned());
    }
    let mut joined = String::new();
    for (path, raw) in elements(raw, at)? {
        let mut block = Members::read(raw.get(), path.as_str())?;
        let kind = block.need_text("type")?;
        if kind != "text" {
            notes.add("block_dropped", path);
            continue;
        }
        if !joined.is_empty() {
            joined.push('\n');
        }
        joined.push_str(&block.text("text")?.unwrap_or_default());
        cache_hint(&mut block, notes)?;
        notes.dropped(block);
    }
    Ok(joined)
}

fn search_result(block: &mut Members<'_>, notes: &mut Notes) -> Result<String, TranslateError> {
    let (title, origin) = (block.text("title")?, block.text("source")?);
    let path = block.path_of("content");
    let said = match block.raw("content") {
        Some(raw) => joined_texts(raw, &path, notes)?,
        None => String::new(),
    };
    block.raw("citations");
    let head = [title.as_deref(), origin.as_deref()];
    let lines: Vec<&str> =
        head.into_iter().flatten().chain([said.as_str()]).filter(|line| !line.is_empty()).collect();
    Ok(lines.join("\n"))
}

fn tool_result<'a>(
    block: &mut Members<'a>,
    cache: &mut bool,
    notes: &mut Notes,
) -> Result<Content<'a>, TranslateError> {
    let id = block.need_text("tool_use_id")?;
    let is_error = block.get::<bool>("is_error")?.unwrap_or(false);
    let path = block.path_of("content");
    let mut content = Vec::new();
    if let Some(raw) = block.raw("content") {
        for inner in read(Place::Result, raw, &path, notes)? {
            *cache |= inner.cache;
            content.push(inner.content);
        }
    }
    Ok(Content::ToolResult(ToolResult { id, name: None, is_error, content }))
}

/// Gemini's seal directly before a tool call is the one on the thought behind the call: that is where the writers for
/// Messages callers put it. Another's is on a thought of its own.
pub(super) fn attach_seals(blocks: &mut Vec<Block<'_>>) {
    let mut seal: Option<Block<'_>> = None;
    let mut kept = Vec::with_capacity(blocks.len());
    for mut block in blocks.drain(..) {
        let is_of_call =
            matches!(&block.content, Content::RedactedThinking(seal) if seal.origin == Origin::Gemini);
        match (seal.take(), &mut block.content) {
            (Some(Block { content: Content::RedactedThinking(seal), .. }), Content::ToolUse(call)) => {
                call.signature = Some(seal);
            }
            (before, _) => kept.extend(before),
        }
        if is_of_call {
            seal = Some(block);
        } else {
            kept.push(block);
        }
    }
    kept.extend(seal);
    *blocks = kept;
}
