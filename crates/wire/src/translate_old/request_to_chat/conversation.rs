//! Messages turns, laid out as chat messages.

use serde_json::value::RawValue;

use crate::Dialect;
use crate::members::{Members, elements, text_of};
use crate::openai_chat::{Content, File, Function, ImageUrl, Message, Part, ToolCall};
use crate::translate::TOOL_ERROR_MARK;
use crate::notes::{Notes, TranslateError};
use crate::translate::tool_ids::tool_id;

pub(super) fn add(
    out: &mut Vec<Message>,
    path: &str,
    raw: &RawValue,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let mut message = Members::read(raw.get(), path)?;
    let role: String = message.need("role")?;
    let content_path = message.path_of("content");
    let content =
        message.raw("content").ok_or_else(|| TranslateError::invalid(content_path.as_str(), "is missing"))?;
    match role.as_str() {
        "user" => add_user(out, content, &content_path, notes)?,
        "assistant" => out.push(assistant(content, &content_path, notes)?),
        _ => return Err(TranslateError::invalid(message.path_of("role"), "must be user or assistant")),
    }
    notes.dropped(message);
    Ok(())
}

/// Cache hints are Anthropic's; chat providers cache by themselves.
pub(super) fn cache_hint(block: &mut Members<'_>, notes: &mut Notes) {
    if block.raw("cache_control").is_some() {
        notes.add_once("cache_control_dropped", block.path_of("cache_control"));
    }
}

/// Tool results become messages of their own, before what else the user says in the turn.
fn add_user(
    out: &mut Vec<Message>,
    content: &RawValue,
    path: &str,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    if let Some(text) = text_of(content) {
        out.push(Message::User { content: Content::Text(text) });
        return Ok(());
    }
    let mut parts = Vec::new();
    for (path, raw) in elements(content, path)? {
        let mut block = Members::read(raw.get(), path)?;
        cache_hint(&mut block, notes);
        let kind: String = block.need("type")?;
        if kind == "tool_result" {
            out.push(tool_message(&mut block, &mut parts, notes)?);
        } else {
            parts.push(user_part(&kind, &mut block)?);
        }
        block.raw("citations");
        notes.dropped(block);
    }
    if let [Part::Text { text }] = parts.as_mut_slice() {
        out.push(Message::User { content: Content::Text(std::mem::take(text)) });
    } else if !parts.is_empty() {
        out.push(Message::User { content: Content::Parts(parts) });
    }
    Ok(())
}

fn user_part(kind: &str, block: &mut Members<'_>) -> Result<Part, TranslateError> {
    match kind {
        "text" => Ok(Part::Text { text: block.need("text")? }),
        "image" => Ok(Part::ImageUrl { image_url: ImageUrl { url: image_url(block)? } }),
        "document" => document(block),
        _ => Err(TranslateError::unsupported(block.path_of("type"), format!("a block of type \"{kind}\""))),
    }
}

fn source<'a>(block: &mut Members<'a>) -> Result<(String, Members<'a>), TranslateError> {
    let path = block.path_of("source");
    let mut source = block.object("source")?.ok_or_else(|| TranslateError::invalid(path, "is missing"))?;
    Ok((source.need("type")?, source))
}

fn image_url(block: &mut Members<'_>) -> Result<String, TranslateError> {
    let (kind, mut source) = source(block)?;
    match kind.as_str() {
        "url" => source.need("url"),
        "base64" => data_url(&mut source),
        _ => {
            Err(TranslateError::unsupported(source.path_of("type"), "an image stored with another provider"))
        }
    }
}

fn data_url(source: &mut Members<'_>) -> Result<String, TranslateError> {
    let media_type: String = source.need("media_type")?;
    let data: String = source.need("data")?;
    Ok(format!("data:{media_type};base64,{data}"))
}

fn document(block: &mut Members<'_>) -> Result<Part, TranslateError> {
    let (kind, mut source) = source(block)?;
    let title: Option<String> = block.get("title")?;
    match kind.as_str() {
        "base64" => {
            let filename = title.unwrap_or_else(|| "document.pdf".to_owned());
            Ok(Part::File { file: File { filename, file_data: data_url(&mut source)? } })
        }
        "text" => {
            let text: String = source.need("data")?;
            let text = title.map_or(text.clone(), |title| format!("{title}\n\n{text}"));
            Ok(Part::Text { text })
        }
        _ => Err(TranslateError::unsupported(
            source.path_of("type"),
            format!("a document with a source of type \"{kind}\""),
        )),
    }
}

/// A chat tool message holds only text: images move to the user message that follows.
fn tool_message(
    block: &mut Members<'_>,
    parts: &mut Vec<Part>,
    notes: &mut Notes,
) -> Result<Message, TranslateError> {
    let tool_call_id = tool_id(Dialect::OpenAiChat, block.need("tool_use_id")?);
    let is_error = block.get::<bool>("is_error")?.unwrap_or(false);
    let path = block.path_of("content");
    let mut texts = Vec::new();
    if let Some(raw) = block.raw("content") {
        if let Some(text) = text_of(raw) {
            texts.push(text);
        } else {
            for (path, raw) in elements(raw, &path)? {
                let mut inner = Members::read(raw.get(), path.clone())?;
                cache_hint(&mut inner, notes);
                let kind: String = inner.need("type")?;
                if kind == "text" {
                    texts.push(inner.need("text")?);
                } else {
                    parts.push(user_part(&kind, &mut inner)?);
                    notes.add("tool_result_part_moved", path);
                }
            }
        }
    }
    let mut content = texts.join("\n");
    if is_error {
        notes.add("tool_error_as_text", block.path_of("is_error"));
        content.insert_str(0, TOOL_ERROR_MARK);
    }
    Ok(Message::Tool { tool_call_id, content })
}

fn assistant(content: &RawValue, path: &str, notes: &mut Notes) -> Result<Message, TranslateError> {
    if let Some(text) = text_of(content) {
        return Ok(Message::Assistant { content: Some(text), tool_calls: Vec::new() });
    }
    let mut said = String::new();
    let mut tool_calls = Vec::new();
    for (path, raw) in elements(content, path)? {
        let mut block = Members::read(raw.get(), path.clone())?;
        cache_hint(&mut block, notes);
        match block.need::<String>("type")?.as_str() {
            "text" => said.push_str(&block.need::<String>("text")?),
            "tool_use" => tool_calls.push(ToolCall {
                id: tool_id(Dialect::OpenAiChat, block.need("id")?),
                r#type: "function",
                function: Function {
                    name: block.need("name")?,
                    arguments: block.raw("input").map_or("{}", RawValue::get).to_owned(),
                },
            }),
            // Signed by and meant for Anthropic alone; no other provider may see it.
            "thinking" | "redacted_thinking" => notes.add_once("thinking_dropped", path),
            _ => notes.add("block_dropped", path),
        }
    }
    // A turn of which nothing is left still has to be there: roles must alternate.
    let content = (!said.is_empty() || tool_calls.is_empty()).then_some(said);
    Ok(Message::Assistant { content, tool_calls })
}
