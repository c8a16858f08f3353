//! Turns, laid out as Messages turns: system texts apart, neighbours of one role as one turn (Anthropic wants all
//! results of parallel calls in the one user turn after them, before anything else said in it).

use std::borrow::Cow;

use base64::Engine as _;

use super::shapes::{Message, Role};
use crate::Dialect;
use crate::anthropic::blocks::{Block, CacheControl, Kind, Source, tool_input};
use crate::canonical::{self, Content, Media, Origin, Prompt, ToolResult, ToolUse};
use crate::notes::{CACHE_HINT_DROPPED, Notes, TranslateError};
use crate::translate::tool_ids::tool_id;

/// Anthropic takes at most so many cache breakpoints.
const CACHE_LIMIT: usize = 4;
/// The images Claude sees ("Vision").
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// Cache breakpoints, the last ones of a request that has too many: they cover the longest prompts.
#[derive(Debug)]
pub(super) struct CacheMarks {
    left_out: usize,
}

impl CacheMarks {
    pub(super) fn of(prompt: &Prompt<'_>, notes: &mut Notes) -> Self {
        let tools = prompt.tools.iter().filter(|tool| tool.cache).count();
        let blocks = prompt.system.iter().chain(prompt.turns.iter().flat_map(|turn| &turn.blocks));
        let asked = tools + blocks.filter(|block| block.cache).count();
        let left_out = asked.saturating_sub(CACHE_LIMIT);
        if left_out > 0 {
            notes.add_once(CACHE_HINT_DROPPED, "cache_control");
        }
        Self { left_out }
    }

    /// The breakpoint for a piece that asks for one or not.
    pub(super) fn take(&mut self, is_asked: bool) -> Option<CacheControl> {
        if is_asked && self.left_out > 0 {
            self.left_out -= 1;
            return None;
        }
        is_asked.then_some(CacheControl::EPHEMERAL)
    }
}

#[derive(Debug)]
pub(super) struct Conversation<'a> {
    system: Vec<Block<'a>>,
    turns: Vec<Message<'a>>,
}

impl<'a> Conversation<'a> {
    pub(super) fn of(
        prompt: &'a Prompt<'_>,
        marks: &mut CacheMarks,
        notes: &mut Notes,
    ) -> Result<Self, TranslateError> {
        let mut conversation = Self { system: Vec::new(), turns: Vec::new() };
        for block in &prompt.system {
            conversation.system.extend(written(block, marks, notes)?);
        }
        for turn in &prompt.turns {
            let role = match turn.role {
                canonical::Role::User => Role::User,
                canonical::Role::Assistant => Role::Assistant,
            };
            for block in &turn.blocks {
                if let Some(block) = written(block, marks, notes)? {
                    conversation.push(role, block);
                }
            }
        }
        if conversation.turns.is_empty() && !conversation.system.is_empty() {
            // "at least one message is required" (Anthropic).
            notes.add("system_as_user", "messages");
            let content = std::mem::take(&mut conversation.system);
            conversation.turns.push(Message { role: Role::User, content });
        }
        Ok(conversation)
    }

    /// Adds a system text.
    pub(super) fn instruct(&mut self, text: String) {
        self.system.push(Kind::Text { text: Cow::Owned(text) }.into());
    }

    pub(super) fn finish(mut self) -> (Vec<Block<'a>>, Vec<Message<'a>>) {
        for turn in &mut self.turns {
            // A stable sort: the results first, all in their order.
            turn.content.sort_by_key(|block| !matches!(block.kind, Kind::ToolResult { .. }));
        }
        // "final assistant content cannot end with trailing whitespace" (Anthropic).
        if let Some(Message { role: Role::Assistant, content }) = self.turns.last_mut()
            && let Some(Block { kind: Kind::Text { text }, .. }) = content.last_mut()
        {
            let end = text.trim_end().len();
            match text {
                Cow::Borrowed(text) => *text = &text[..end],
                Cow::Owned(text) => text.truncate(end),
            }
            if end == 0 {
                content.pop();
            }
        }
        self.turns.retain(|turn| !turn.content.is_empty());
        (self.system, self.turns)
    }

    fn push(&mut self, role: Role, block: Block<'a>) {
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.push(block),
            Some(_) | None => self.turns.push(Message { role, content: vec![block] }),
        }
    }
}

fn written<'a>(
    block: &'a canonical::Block<'_>,
    marks: &mut CacheMarks,
    notes: &mut Notes,
) -> Result<Option<Block<'a>>, TranslateError> {
    let kind = kind(&block.at, &block.content, notes)?;
    let cache_control = marks.take(block.cache);
    // Thoughts can't carry a breakpoint.
    let takes_mark = !matches!(kind, Some(Kind::Thinking { .. } | Kind::RedactedThinking { .. }));
    Ok(kind.map(|kind| Block { kind, cache_control: cache_control.filter(|_| takes_mark) }))
}

/// A piece as Anthropic has it; none for an empty text, which it refuses, and for thoughts of others.
fn kind<'a>(
    at: &str,
    content: &'a Content<'_>,
    notes: &mut Notes,
) -> Result<Option<Kind<'a>>, TranslateError> {
    Ok(match content {
        Content::Text(text) | Content::Refusal(text) => {
            (!text.is_empty()).then(|| Kind::Text { text: Cow::Borrowed(text) })
        }
        Content::Image(media) => Some(image(at, media, notes)?),
        Content::Document(media) => Some(document(at, media)?),
        Content::Thinking { text, signature } => {
            let seal = signature.as_ref().and_then(|seal| seal.for_provider(Origin::Anthropic));
            if seal.is_none() {
                notes.add_once("thinking_dropped", at);
            }
            seal.map(|seal| Kind::Thinking { thinking: text, signature: Cow::Borrowed(seal) })
        }
        Content::RedactedThinking(seal) => {
            let seal = seal.for_provider(Origin::Anthropic);
            if seal.is_none() {
                notes.add_once("thinking_dropped", at);
            }
            seal.map(|seal| Kind::RedactedThinking { data: Cow::Borrowed(seal) })
        }
        Content::ToolUse(call) => Some(tool_use(at, call, notes)?),
        Content::ToolResult(result) => Some(tool_result(at, result, notes)?),
    })
}

fn image<'a>(at: &str, media: &'a Media<'_>, notes: &mut Notes) -> Result<Kind<'a>, TranslateError> {
    if media.detail.is_some() {
        notes.add_once("image_detail_dropped", format!("{at}.image_url.detail"));
    }
    let source = match &media.source {
        canonical::Source::Url(url) => Source::Url { url },
        canonical::Source::Base64(data) => {
            let media_type = match media.media_type.as_deref() {
                Some("image/jpg") => "image/jpeg",
                Some(media_type) if IMAGES.contains(&media_type) => media_type,
                other => {
                    let what = format!("an image of type \"{}\"", other.unwrap_or_default());
                    return Err(TranslateError::unsupported(at, what));
                }
            };
            Source::Base64 { media_type, data }
        }
        canonical::Source::Text(_) => return Err(TranslateError::unsupported(at, "an image given as text")),
    };
    Ok(Kind::Image { source })
}

fn document<'a>(at: &str, media: &'a Media<'_>) -> Result<Kind<'a>, TranslateError> {
    let source = match (&media.source, media.media_type.as_deref()) {
        (canonical::Source::Url(url), _) => Source::Url { url },
        (canonical::Source::Text(text), _) => {
            Source::Text { media_type: "text/plain", data: Cow::Borrowed(text) }
        }
        (canonical::Source::Base64(data), None | Some("application/pdf")) => {
            Source::Base64 { media_type: "application/pdf", data }
        }
        // Anthropic takes PDFs in base64, plain text as text.
        (canonical::Source::Base64(data), Some(media_type)) if media_type.starts_with("text/") => {
            let text = base64::engine::general_purpose::STANDARD
                .decode(data.as_bytes())
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| TranslateError::invalid(at, "is not UTF-8 text in base64"))?;
            Source::Text { media_type: "text/plain", data: Cow::Owned(text) }
        }
        (canonical::Source::Base64(_), Some(media_type)) => {
            return Err(TranslateError::unsupported(at, format!("a document of type \"{media_type}\"")));
        }
    };
    Ok(Kind::Document { source, title: media.name.as_deref() })
}

fn tool_use<'a>(at: &str, call: &'a ToolUse<'_>, notes: &mut Notes) -> Result<Kind<'a>, TranslateError> {
    if call.signature.is_some() {
        // Another vendor's: Anthropic seals thoughts, not calls.
        notes.add_once("thinking_dropped", at);
    }
    let (input, is_wrapped) = tool_input(&call.arguments)?;
    if is_wrapped {
        notes.add("tool_arguments_wrapped", format!("{at}.function.arguments"));
    }
    Ok(Kind::ToolUse { id: tool_id(Dialect::AnthropicMessages, &call.id), name: &call.name, input })
}

fn tool_result<'a>(
    at: &str,
    result: &'a ToolResult<'_>,
    notes: &mut Notes,
) -> Result<Kind<'a>, TranslateError> {
    let mut content = Vec::with_capacity(result.content.len());
    for (number, piece) in result.content.iter().enumerate() {
        content.extend(kind(&format!("{at}.content[{number}]"), piece, notes)?.map(Block::from));
    }
    let tool_use_id = tool_id(Dialect::AnthropicMessages, &result.id);
    Ok(Kind::ToolResult { tool_use_id, content, is_error: result.is_error })
}
