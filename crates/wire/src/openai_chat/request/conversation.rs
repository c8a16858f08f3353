//! Turns, laid out as chat messages.

use std::borrow::Cow;

use super::shapes::{ExtraContent, File, Function, ImageUrl, Message, Part, Said, ToolCall};
use crate::Dialect;
use crate::arguments::as_object;
use crate::canonical::{Block, Content, Media, Origin, Prompt, Role, Source, ToolResult, ToolUse, Turn};
use crate::notes::{CACHE_HINT_DROPPED, Notes, TranslateError};
use crate::openai_chat::models::{ChatModel, Thoughts};
use crate::translate::TOOL_ERROR_MARK;
use crate::translate::tool_ids::tool_id;

pub(super) fn write<'a>(
    prompt: &'a Prompt<'_>,
    model: ChatModel,
    notes: &mut Notes,
) -> Result<Vec<Message<'a>>, TranslateError> {
    let mut out = Vec::with_capacity(prompt.turns.len() + 1);
    out.extend(system(prompt, notes).map(|content| Message::System { content }));
    let mut parts = Vec::new();
    let mut turns = prompt.turns.iter().peekable();
    while let Some(turn) = turns.next() {
        match turn.role {
            Role::User => {
                user(turn, &mut out, &mut parts, notes)?;
                // The results of one turn's calls have to come together: what else is said waits for the last.
                if !turns.peek().is_some_and(|next| has_results(next)) {
                    flush(&mut out, &mut parts);
                }
            }
            Role::Assistant => out.push(assistant(turn, model, notes)),
        }
    }
    if let Some(last) = prompt.turns.last().filter(|last| last.role == Role::Assistant) {
        // Chat models answer anew instead of going on with a message begun for them.
        notes.add("prefill_not_continued", last.at.as_str());
    }
    Ok(out)
}

fn has_results(turn: &Turn<'_>) -> bool {
    turn.blocks.iter().any(|block| matches!(block.content, Content::ToolResult(_)))
}

fn system<'a>(prompt: &'a Prompt<'_>, notes: &mut Notes) -> Option<Cow<'a, str>> {
    let mut texts = Vec::with_capacity(prompt.system.len());
    for block in &prompt.system {
        cache_hint(block, notes);
        match &block.content {
            Content::Text(text) => texts.push(&**text),
            Content::Image(_)
            | Content::Document(_)
            | Content::Thinking { .. }
            | Content::RedactedThinking(_)
            | Content::ToolUse(_)
            | Content::ToolResult(_)
            | Content::Refusal(_) => notes.add("block_dropped", block.at.as_str()),
        }
    }
    match texts.as_slice() {
        [] | [""] => None,
        [one] => Some(Cow::Borrowed(one)),
        [_, _, ..] => Some(Cow::Owned(texts.join("\n\n"))),
    }
}

/// Cache hints are Anthropic's; chat providers cache by themselves.
fn cache_hint(block: &Block<'_>, notes: &mut Notes) {
    if block.cache {
        notes.add_once(CACHE_HINT_DROPPED, format!("{}.cache_control", block.at));
    }
}

/// Tool results become messages of their own, before what else the user says.
fn user<'a>(
    turn: &'a Turn<'_>,
    out: &mut Vec<Message<'a>>,
    parts: &mut Vec<Part<'a>>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    for block in &turn.blocks {
        cache_hint(block, notes);
        match &block.content {
            Content::ToolResult(result) => out.push(tool_message(&block.at, result, parts, notes)?),
            Content::Text(_)
            | Content::Image(_)
            | Content::Document(_)
            | Content::Thinking { .. }
            | Content::RedactedThinking(_)
            | Content::ToolUse(_)
            | Content::Refusal(_) => match part(&block.at, &block.content)? {
                Some(part) => parts.push(part),
                None => notes.add("block_dropped", block.at.as_str()),
            },
        }
    }
    Ok(())
}

fn flush<'a>(out: &mut Vec<Message<'a>>, parts: &mut Vec<Part<'a>>) {
    let said = match std::mem::take(parts) {
        parts if parts.is_empty() => return,
        mut parts => match parts.as_mut_slice() {
            [Part::Text { text }] => Said::Text(std::mem::take(text)),
            [..] => Said::Parts(parts),
        },
    };
    out.push(Message::User { content: said });
}

/// A piece of what a user says; none for what no user says.
fn part<'a>(at: &str, content: &'a Content<'_>) -> Result<Option<Part<'a>>, TranslateError> {
    Ok(Some(match content {
        Content::Text(text) => Part::Text { text: Cow::Borrowed(text) },
        Content::Image(image) => image_part(at, image)?,
        Content::Document(document) => document_part(at, document)?,
        Content::Thinking { .. }
        | Content::RedactedThinking(_)
        | Content::ToolUse(_)
        | Content::ToolResult(_)
        | Content::Refusal(_) => return Ok(None),
    }))
}

fn image_part<'a>(at: &str, image: &'a Media<'_>) -> Result<Part<'a>, TranslateError> {
    let url = match &image.source {
        Source::Url(url) => Cow::Borrowed(&**url),
        Source::Base64(data) => {
            Cow::Owned(data_url(image.media_type.as_deref().unwrap_or("image/png"), data))
        }
        Source::Text(_) => return Err(TranslateError::unsupported(at, "an image given as text")),
    };
    Ok(Part::ImageUrl { image_url: ImageUrl { url, detail: image.detail.as_deref() } })
}

fn data_url(media_type: &str, data: &str) -> String {
    let mut url = String::with_capacity(media_type.len() + data.len() + 13);
    for piece in ["data:", media_type, ";base64,", data] {
        url.push_str(piece);
    }
    url
}

fn document_part<'a>(at: &str, document: &'a Media<'_>) -> Result<Part<'a>, TranslateError> {
    match &document.source {
        Source::Base64(data) => {
            let file_data = data_url(document.media_type.as_deref().unwrap_or("application/pdf"), data);
            let filename = document.name.as_deref().unwrap_or("document.pdf");
            Ok(Part::File { file: File { filename, file_data } })
        }
        Source::Text(text) => {
            let text = match document.name.as_deref() {
                Some(name) => Cow::Owned(format!("{name}\n\n{text}")),
                None => Cow::Borrowed(&**text),
            };
            Ok(Part::Text { text })
        }
        Source::Url(_) => {
            Err(TranslateError::unsupported(at, "a document behind a URL, which chat providers do not fetch"))
        }
    }
}

/// A chat tool message holds only text: images and documents move to the user message that follows.
fn tool_message<'a>(
    at: &str,
    result: &'a ToolResult<'_>,
    parts: &mut Vec<Part<'a>>,
    notes: &mut Notes,
) -> Result<Message<'a>, TranslateError> {
    let mut texts = Vec::with_capacity(result.content.len());
    for (number, content) in result.content.iter().enumerate() {
        if let Content::Text(text) = content {
            texts.push(&**text);
            continue;
        }
        let path = format!("{at}.content[{number}]");
        match part(&path, content)? {
            Some(part) => {
                parts.push(part);
                notes.add("tool_result_part_moved", path);
            }
            None => notes.add("block_dropped", path),
        }
    }
    let mut content = match texts.as_slice() {
        [one] => Cow::Borrowed(*one),
        [..] => Cow::Owned(texts.join("\n")),
    };
    if result.is_error {
        notes.add("tool_error_as_text", format!("{at}.is_error"));
        content.to_mut().insert_str(0, TOOL_ERROR_MARK);
    }
    Ok(Message::Tool { tool_call_id: tool_id(Dialect::OpenAiChat, &result.id), content })
}

/// The least that Kimi takes for thinking; DeepSeek takes nothing at all as well.
const NO_THOUGHT: &str = " ";

fn assistant<'a>(turn: &'a Turn<'_>, model: ChatModel, notes: &mut Notes) -> Message<'a> {
    let mut said: Option<Cow<'a, str>> = None;
    let mut refusal: Option<Cow<'a, str>> = None;
    let mut tool_calls = Vec::new();
    let mut extra_content = None;
    let append = |to: &mut Option<Cow<'a, str>>, text: &'a str| match to {
        Some(so_far) => so_far.to_mut().push_str(text),
        None => *to = Some(Cow::Borrowed(text)),
    };
    let has_calls = turn.blocks.iter().any(|block| matches!(block.content, Content::ToolUse(_)));
    let mut reasoning_content = None;
    for block in &turn.blocks {
        cache_hint(block, notes);
        match &block.content {
            Content::Text(text) => append(&mut said, text),
            Content::Refusal(text) => append(&mut refusal, text),
            Content::ToolUse(call) => tool_calls.push(tool_call(call, model, &block.at, notes)),
            Content::RedactedThinking(seal) if model.is_gemini && seal.origin == Origin::Gemini => {
                if extra_content.replace(ExtraContent::sealed(&*seal.value)).is_some() {
                    notes.add_once("thinking_dropped", block.at.as_str());
                }
            }
            // A thought without a seal came from a chat provider. Behind an answer it is of no more use to any.
            Content::Thinking { text, signature: None } if has_calls && model.thoughts != Thoughts::Stay => {
                append(&mut reasoning_content, text);
            }
            // Meant for the provider that thought it alone; chat providers refuse it or take it for an answer.
            Content::Thinking { .. } | Content::RedactedThinking(_) => {
                notes.add_once("thinking_dropped", block.at.as_str());
            }
            Content::Image(_) | Content::Document(_) | Content::ToolResult(_) => {
                notes.add("block_dropped", block.at.as_str());
            }
        }
    }
    if has_calls && model.thoughts == Thoughts::AreDemanded {
        reasoning_content.get_or_insert(Cow::Borrowed(NO_THOUGHT));
    }
    // A turn of which nothing is left still has to be there: roles must alternate.
    if tool_calls.is_empty() && refusal.is_none() {
        said.get_or_insert_default();
    }
    Message::Assistant {
        content: said.filter(|said| !said.is_empty() || tool_calls.is_empty()),
        reasoning_content,
        refusal,
        tool_calls,
        extra_content,
    }
}

fn tool_call<'a>(call: &'a ToolUse<'_>, model: ChatModel, at: &str, notes: &mut Notes) -> ToolCall<'a> {
    let seal = call
        .signature
        .as_ref()
        .and_then(|seal| seal.for_provider(Origin::Gemini).filter(|_| model.is_gemini));
    if call.signature.is_some() && seal.is_none() {
        notes.add_once("thinking_dropped", at);
    }
    let (arguments, is_wrapped) = as_object(&call.arguments);
    if is_wrapped {
        notes.add("tool_arguments_wrapped", format!("{at}.arguments"));
    }
    ToolCall {
        id: tool_id(Dialect::OpenAiChat, &call.id),
        r#type: "function",
        function: Some(Function { name: &call.name, arguments }),
        custom: None,
        extra_content: seal.map(ExtraContent::sealed),
    }
}
