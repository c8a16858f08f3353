//! A caller's generateContent request, read.
//!
//! Members are taken in either of protobuf's spellings, and a single object where a list is meant: the vendor's own
//! samples send both. The model and whether a stream is wanted stand in the member [`url::MEMBER`].

mod config;
mod contents;
mod schema;
mod tools;

use serde_json::value::RawValue;

use super::url::{self, Told};
use crate::canonical::{Block, Content, Prompt};
use crate::members::{Members, borrowed_text, elements};
use crate::notes::{Notes, TranslateError};

pub(crate) use contents::is_stored;
pub(crate) use schema::with_json_schemas;

pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Prompt<'a>, TranslateError> {
    let mut source = message(body, "")?;
    source.raw("model");
    source.raw("idempotencyKey");
    let stream = source.get::<Told>(url::MEMBER)?.is_some_and(|told| told.stream);
    let mut prompt = Prompt { stream, ..Prompt::default() };
    if let Some(raw) = source.raw("systemInstruction") {
        prompt.system = instruction(raw, "systemInstruction", notes)?;
    }
    prompt.turns = contents::read(&mut source, notes)?;
    prompt.tools = tools::declarations(&mut source, notes)?;
    tools::config(&mut source, &mut prompt, notes)?;
    config::read(&mut source, &mut prompt, notes)?;
    if source.raw("cachedContent").is_some() {
        return Err(TranslateError::unsupported("cachedContent", "a prompt kept by the provider"));
    }
    notes.dropped(source);
    Ok(prompt)
}

/// The request whose tokens are counted: it stands by itself, or in a member.
pub(crate) fn counted(body: &str) -> Result<&str, TranslateError> {
    let mut source = message(body, "")?;
    Ok(source.raw("generateContentRequest").map_or(body, RawValue::get))
}

/// An object of the API, its members in `lowerCamelCase`.
pub(super) fn message<'a>(json: &'a str, path: impl Into<String>) -> Result<Members<'a>, TranslateError> {
    Members::read(json, path).map(Members::in_camel_case)
}

/// The elements of a list, with their paths; a single object counts as a list of one.
pub(super) fn listed<'a>(
    source: &mut Members<'a>,
    name: &str,
) -> Result<Vec<(String, &'a RawValue)>, TranslateError> {
    let path = source.path_of(name);
    match source.raw(name) {
        None => Ok(Vec::new()),
        Some(one) if one.get().starts_with('{') => Ok(vec![(path, one)]),
        Some(list) => elements(list, &path),
    }
}

/// System texts: a content, whose role says nothing, or a text.
fn instruction<'a>(raw: &'a RawValue, at: &str, notes: &mut Notes) -> Result<Vec<Block<'a>>, TranslateError> {
    let block = |at: String, text| Block { at, cache: false, content: Content::Text(text) };
    if let Some(text) = borrowed_text(raw) {
        return Ok(vec![block(at.to_owned(), text)]);
    }
    let mut content = message(raw.get(), at)?;
    content.raw("role");
    let mut texts = Vec::new();
    for (path, raw) in listed(&mut content, "parts")? {
        let mut part = message(raw.get(), path.as_str())?;
        match part.text("text")? {
            Some(text) if text.is_empty() => {}
            Some(text) => texts.push(block(path, text)),
            None => {
                notes.add("block_dropped", path);
                part.take_all();
            }
        }
        notes.dropped(part);
    }
    notes.dropped(content);
    Ok(texts)
}

#[cfg(test)]
mod tests;
