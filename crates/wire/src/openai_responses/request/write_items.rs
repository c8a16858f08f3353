//! Turns, laid out as input items.

use std::borrow::Cow;

use serde::Serialize;

use crate::Dialect;
use crate::canonical::{Block, Content, Media, Origin, Prompt, Role, Source, ToolResult, Turn};
use crate::notes::{CACHE_HINT_DROPPED, Notes};
use crate::translate::TOOL_ERROR_MARK;
use crate::translate::tool_ids::tool_id;

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum InputItem<'a> {
    Message { role: &'static str, content: Said<'a> },
    // Sent without ids: they name stored items, and nothing is stored.
    Reasoning { summary: Vec<Part<'a>>, encrypted_content: &'a str },
    FunctionCall { call_id: Cow<'a, str>, name: &'a str, arguments: &'a str },
    FunctionCallOutput { call_id: Cow<'a, str>, output: Said<'a> },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Said<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    InputText {
        text: Cow<'a, str>,
    },
    InputImage {
        image_url: Cow<'a, str>,
        detail: &'a str,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
    },
    SummaryText {
        text: &'a str,
    },
}

/// The system texts as one.
pub(super) fn instructions<'a>(prompt: &'a Prompt<'a>) -> Option<Cow<'a, str>> {
    let mut texts = prompt.system.iter().filter_map(text_of);
    let first = texts.next()?;
    let mut all = Cow::Borrowed(first);
    for text in texts {
        let all = all.to_mut();
        all.push_str("\n\n");
        all.push_str(text);
    }
    Some(all)
}

/// The conversation. One without turns (system texts alone) still has to say something.
pub(super) fn input<'a>(prompt: &'a Prompt<'a>, notes: &mut Notes) -> Vec<InputItem<'a>> {
    let mut items = Vec::with_capacity(prompt.turns.len());
    if prompt.turns.is_empty()
        && let Some(said) = instructions(prompt)
    {
        items.push(InputItem::Message { role: "developer", content: Said::Text(said) });
    }
    for block in prompt.system.iter().filter(|block| block.cache) {
        note_cache(block, notes);
    }
    for turn in &prompt.turns {
        match turn.role {
            Role::User => user(turn, &mut items, notes),
            Role::Assistant => assistant(turn, &mut items, notes),
        }
    }
    if let Some(Turn { role: Role::Assistant, at, blocks }) = prompt.turns.last()
        && blocks.iter().any(|block| matches!(block.content, Content::Text(_)))
    {
        // The API answers the conversation; it does not go on with the model's last message.
        notes.add("prefill_not_continued", at.as_str());
    }
    items
}

fn text_of<'a>(block: &'a Block<'a>) -> Option<&'a str> {
    match &block.content {
        Content::Text(text) => Some(text),
        Content::Image(_)
        | Content::Document(_)
        | Content::Thinking { .. }
        | Content::RedactedThinking(_)
        | Content::ToolUse(_)
        | Content::ToolResult(_)
        | Content::Refusal(_) => None,
    }
}

/// Cache hints are Anthropic's; OpenAI caches by itself.
fn note_cache(block: &Block<'_>, notes: &mut Notes) {
    if block.cache {
        notes.add_once(CACHE_HINT_DROPPED, format!("{}.cache_control", block.at));
    }
}

fn user<'a>(turn: &'a Turn<'a>, items: &mut Vec<InputItem<'a>>, notes: &mut Notes) {
    let mut parts = Vec::new();
    for block in &turn.blocks {
        note_cache(block, notes);
        if let Content::ToolResult(result) = &block.content {
            close_user(&mut parts, items);
            items.push(tool_result(result, &block.at, notes));
        } else if let Some(part) = part(&block.content) {
            parts.push(part);
        } else {
            notes.add("block_dropped", block.at.as_str());
        }
    }
    close_user(&mut parts, items);
}

fn close_user<'a>(parts: &mut Vec<Part<'a>>, items: &mut Vec<InputItem<'a>>) {
    if !parts.is_empty() {
        items.push(InputItem::Message { role: "user", content: said(std::mem::take(parts)) });
    }
}

/// A text alone is written as a string.
fn said(mut parts: Vec<Part<'_>>) -> Said<'_> {
    if let [Part::InputText { text }] = parts.as_mut_slice() {
        return Said::Text(std::mem::take(text));
    }
    Said::Parts(parts)
}

fn part<'a>(content: &'a Content<'a>) -> Option<Part<'a>> {
    match content {
        Content::Text(text) | Content::Refusal(text) => Some(Part::InputText { text: Cow::Borrowed(text) }),
        Content::Image(image) => Some(Part::InputImage {
            image_url: match &image.source {
                Source::Url(url) => Cow::Borrowed(url),
                Source::Base64(data) | Source::Text(data) => Cow::Owned(data_url(image, data, "image/png")),
            },
            detail: image.detail.as_deref().unwrap_or("auto"),
        }),
        Content::Document(document) => Some(file(document)),
        Content::Thinking { .. }
        | Content::RedactedThinking(_)
        | Content::ToolUse(_)
        | Content::ToolResult(_) => None,
    }
}

fn file<'a>(document: &'a Media<'a>) -> Part<'a> {
    let name = document.name.as_deref();
    match &document.source {
        Source::Url(url) => Part::InputFile { filename: None, file_data: None, file_url: Some(url) },
        Source::Base64(data) => Part::InputFile {
            filename: Some(name.unwrap_or("document.pdf")),
            file_data: Some(data_url(document, data, "application/pdf")),
            file_url: None,
        },
        Source::Text(text) => Part::InputText {
            text: match name {
                Some(name) => Cow::Owned(format!("{name}\n\n{text}")),
                None => Cow::Borrowed(text),
            },
        },
    }
}

fn data_url(media: &Media<'_>, data: &str, usual: &str) -> String {
    let media_type = media.media_type.as_deref().unwrap_or(usual);
    format!("data:{media_type};base64,{data}")
}

fn tool_result<'a>(result: &'a ToolResult<'a>, at: &str, notes: &mut Notes) -> InputItem<'a> {
    let mut parts: Vec<Part<'a>> = result.content.iter().filter_map(part).collect();
    let mut texts: Vec<&str> = Vec::with_capacity(result.content.len());
    for content in &result.content {
        if let Content::Text(text) = content {
            texts.push(text);
        }
    }
    let mark = if result.is_error { TOOL_ERROR_MARK } else { "" };
    if result.is_error {
        notes.add("tool_error_as_text", format!("{at}.is_error"));
    }
    let output = if texts.len() == parts.len() {
        Said::Text(match texts.as_slice() {
            [text] if mark.is_empty() => Cow::Borrowed(text),
            texts => Cow::Owned(format!("{mark}{}", texts.join("\n"))),
        })
    } else {
        match parts.first_mut() {
            Some(Part::InputText { text }) if result.is_error => text.to_mut().insert_str(0, mark),
            Some(_) if result.is_error => parts.insert(0, Part::InputText { text: Cow::Borrowed(mark) }),
            Some(_) | None => {}
        }
        Said::Parts(parts)
    };
    InputItem::FunctionCallOutput { call_id: tool_id(Dialect::OpenAiResponses, &result.id), output }
}

fn assistant<'a>(turn: &'a Turn<'a>, items: &mut Vec<InputItem<'a>>, notes: &mut Notes) {
    let mut text: Option<Cow<'a, str>> = None;
    for block in &turn.blocks {
        note_cache(block, notes);
        if let Content::Text(said) | Content::Refusal(said) = &block.content {
            match &mut text {
                Some(text) => text.to_mut().push_str(said),
                None => text = Some(Cow::Borrowed(said)),
            }
            continue;
        }
        close_assistant(&mut text, items);
        match &block.content {
            Content::Thinking { text, signature } => {
                match signature.as_ref().and_then(|seal| seal.for_provider(Origin::OpenAi)) {
                    Some(seal) => items.push(InputItem::Reasoning {
                        summary: vec![Part::SummaryText { text }],
                        encrypted_content: seal,
                    }),
                    None => notes.add_once("thinking_dropped", block.at.as_str()),
                }
            }
            Content::RedactedThinking(seal) => match seal.for_provider(Origin::OpenAi) {
                Some(seal) => {
                    items.push(InputItem::Reasoning { summary: Vec::new(), encrypted_content: seal });
                }
                None => notes.add_once("thinking_dropped", block.at.as_str()),
            },
            Content::ToolUse(call) => {
                if call.signature.is_some() {
                    notes.add_once("thinking_dropped", block.at.as_str());
                }
                items.push(InputItem::FunctionCall {
                    call_id: tool_id(Dialect::OpenAiResponses, &call.id),
                    name: &call.name,
                    arguments: if call.arguments.trim().is_empty() { "{}" } else { &call.arguments },
                });
            }
            Content::Image(_) | Content::Document(_) | Content::ToolResult(_) => {
                notes.add("block_dropped", block.at.as_str());
            }
            Content::Text(_) | Content::Refusal(_) => {}
        }
    }
    close_assistant(&mut text, items);
}

fn close_assistant<'a>(text: &mut Option<Cow<'a, str>>, items: &mut Vec<InputItem<'a>>) {
    if let Some(text) = text.take().filter(|text| !text.is_empty()) {
        items.push(InputItem::Message { role: "assistant", content: Said::Text(text) });
    }
}
