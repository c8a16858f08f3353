//! The conversation, as Gemini's contents.
//!
//! Turns are `user` and `model`, in turns; all results of parallel calls stand in the one turn after them, before
//! what else the user says. A seal goes back on the part it came with: callers keep it on the call, or as a thinking
//! block beside the part where their dialect has no place on it.

use std::borrow::Cow;
use std::collections::HashMap;

use super::media::{self, Data, Kind};
use super::parts::{
    Content, FunctionCall, FunctionResponse, Instruction, Outcome, Part, ResponsePart, arguments,
};
use crate::canonical::{
    Block, Content as Piece, Media, Origin, Prompt, Role, Signature, ToolResult, ToolUse,
};
use crate::gemini::model::Model;
use crate::gemini::seal::FOREIGN_CALL;
use crate::notes::{CACHE_HINT_DROPPED, Notes, TranslateError};

/// A seal that waits for the part it belongs to; with a text, it may be a thought of its own.
#[derive(Debug)]
struct Waiting<'a> {
    seal: &'a str,
    thought: &'a str,
}

type Written<'a> = (Option<Instruction<'a>>, Vec<Content<'a>>);

pub(super) fn write<'a>(
    prompt: &'a Prompt<'_>,
    model: Model,
    notes: &mut Notes,
) -> Result<Written<'a>, TranslateError> {
    let system: Vec<Part<'a>> = prompt.system.iter().filter_map(|block| system_part(block, notes)).collect();
    let tools = prompt.tools_by_call();
    let mut conversation = Conversation { tools, model, contents: Vec::new(), waiting: None };
    for turn in &prompt.turns {
        for block in &turn.blocks {
            conversation.add(turn.role, block, notes)?;
        }
    }
    let mut contents = conversation.finish();
    if contents.last().is_some_and(|last| last.role == MODEL) {
        let at = prompt.turns.last().map_or("", |turn| turn.at.as_str());
        return Err(TranslateError::unsupported(at, "an answer the caller has begun"));
    }
    if contents.is_empty() {
        if system.is_empty() {
            return Err(TranslateError::invalid("messages", "must say something"));
        }
        // The API demands a turn of the user's.
        notes.add("system_message_moved", "messages");
        return Ok((None, vec![Content { role: USER, parts: system }]));
    }
    if contents.first().is_some_and(|first| first.role == MODEL) {
        notes.add("user_turn_added", prompt.turns.first().map_or("", |turn| turn.at.as_str()));
        contents.insert(0, Content { role: USER, parts: vec![Part::text("(The conversation so far.)")] });
    }
    let instruction = (!system.is_empty()).then_some(Instruction { parts: system });
    Ok((instruction, contents))
}

const USER: &str = "user";
const MODEL: &str = "model";

fn system_part<'a>(block: &'a Block<'_>, notes: &mut Notes) -> Option<Part<'a>> {
    note_cache(block, notes);
    let (Piece::Text(text) | Piece::Refusal(text)) = &block.content else {
        notes.add("block_dropped", block.at.as_str());
        return None;
    };
    (!text.trim().is_empty()).then(|| Part::text(text))
}

/// Gemini caches by itself; a hint has no place.
fn note_cache(block: &Block<'_>, notes: &mut Notes) {
    if block.cache {
        notes.add_once(CACHE_HINT_DROPPED, format!("{}.cache_control", block.at));
    }
}

struct Conversation<'a> {
    /// The tools by the ids of their calls.
    tools: HashMap<&'a str, &'a str>,
    model: Model,
    contents: Vec<Content<'a>>,
    waiting: Option<Waiting<'a>>,
}

impl<'a> Conversation<'a> {
    fn add(&mut self, role: Role, block: &'a Block<'_>, notes: &mut Notes) -> Result<(), TranslateError> {
        note_cache(block, notes);
        let role = match role {
            Role::User => USER,
            Role::Assistant => MODEL,
        };
        if !matches!(&block.content, Piece::ToolUse(_)) {
            self.settle();
        }
        match &block.content {
            // Empty texts are refused.
            Piece::Text(text) | Piece::Refusal(text) if text.is_empty() => {}
            Piece::Text(text) | Piece::Refusal(text) => self.push(role, Part::text(text)),
            Piece::Image(media) => self.media(role, media, Kind::Image, &block.at, notes)?,
            Piece::Document(media) => self.media(role, media, Kind::Document, &block.at, notes)?,
            Piece::Thinking { text, signature } => self.keep(text, signature.as_ref(), &block.at, notes),
            Piece::RedactedThinking(seal) => self.keep("", Some(seal), &block.at, notes),
            Piece::ToolUse(call) => self.call(call, &block.at, notes)?,
            Piece::ToolResult(result) => self.result(result, &block.at, notes)?,
        }
        Ok(())
    }

    fn finish(mut self) -> Vec<Content<'a>> {
        self.settle();
        for content in &mut self.contents {
            content.parts.sort_by_key(|part| part.function_response.is_none() && content.role == USER);
            if self.model.demands_seals()
                && let Some(first) = content.parts.iter_mut().find(|part| part.function_call.is_some())
            {
                first.thought_signature.get_or_insert(FOREIGN_CALL);
            }
        }
        self.contents
    }

    fn push(&mut self, role: &'static str, part: Part<'a>) {
        match self.contents.last_mut() {
            Some(last) if last.role == role => last.parts.push(part),
            Some(_) | None => self.contents.push(Content { role, parts: vec![part] }),
        }
    }

    /// Keeps a seal of Gemini's own until the next part tells where it belongs. Thinking that carries none is not sent:
    /// it is a summary for reading, or another vendor's.
    fn keep(&mut self, text: &'a str, seal: Option<&'a Signature<'_>>, at: &str, notes: &mut Notes) {
        match seal.and_then(|seal| seal.for_provider(Origin::Gemini)) {
            Some(seal) => self.waiting = Some(Waiting { seal, thought: text }),
            None => notes.add_once("thinking_dropped", at),
        }
    }

    /// A seal no call claimed belongs to its own thought, or else to the text before it.
    fn settle(&mut self) {
        let Some(Waiting { seal, thought }) = self.waiting.take() else { return };
        if !thought.is_empty() {
            let part = Part { thought: true, thought_signature: Some(seal), ..Part::text(thought) };
            self.push(MODEL, part);
        } else if let Some(last) = self.contents.last_mut().filter(|last| last.role == MODEL)
            && let Some(part) = last.parts.last_mut()
            && part.thought_signature.is_none()
        {
            part.thought_signature = Some(seal);
        } else {
            // "The signature may arrive in a part with an empty text": it may go back in one.
            self.push(MODEL, Part { thought_signature: Some(seal), ..Part::text("") });
        }
    }

    fn call(&mut self, call: &'a ToolUse<'_>, at: &str, notes: &mut Notes) -> Result<(), TranslateError> {
        let own = call.signature.as_ref().map(|seal| seal.for_provider(Origin::Gemini));
        if own == Some(None) {
            notes.add_once("thinking_dropped", at);
        }
        let thought_signature = match own.flatten() {
            Some(seal) => {
                self.settle();
                Some(seal)
            }
            None => self.waiting.take().map(|waiting| waiting.seal),
        };
        let args = arguments(&call.arguments, at, notes)?;
        let function_call = Some(FunctionCall { id: &call.id, name: &call.name, args });
        self.push(MODEL, Part { function_call, thought_signature, ..Part::default() });
        Ok(())
    }

    fn media(
        &mut self,
        role: &'static str,
        media: &'a Media<'_>,
        kind: Kind,
        at: &str,
        notes: &mut Notes,
    ) -> Result<(), TranslateError> {
        let part = Part::media(media::write(media, kind, self.model, at, notes)?);
        self.push(role, part);
        Ok(())
    }

    fn result(
        &mut self,
        result: &'a ToolResult<'_>,
        at: &str,
        notes: &mut Notes,
    ) -> Result<(), TranslateError> {
        let name = result.name.as_deref().or_else(|| self.tools.get(&*result.id).copied());
        let Some(name) = name else {
            return Err(TranslateError::invalid(
                at,
                format!("answers the call \"{}\", which was not made", result.id),
            ));
        };
        let mut texts: Vec<Cow<'a, str>> = Vec::new();
        let mut parts = Vec::new();
        let mut moved = Vec::new();
        for (number, piece) in result.content.iter().enumerate() {
            let at = format!("{at}.content[{number}]");
            let (media, kind) = match piece {
                Piece::Text(text) | Piece::Refusal(text) => {
                    texts.push(Cow::Borrowed(text));
                    continue;
                }
                Piece::Image(media) => (media, Kind::Image),
                Piece::Document(media) => (media, Kind::Document),
                Piece::Thinking { .. }
                | Piece::RedactedThinking(_)
                | Piece::ToolUse(_)
                | Piece::ToolResult(_) => {
                    notes.add("block_dropped", at);
                    continue;
                }
            };
            match media::write(media, kind, self.model, &at, notes)? {
                Data::Text(text) => texts.push(text),
                Data::Inline(inline_data) if self.model.takes_media_in_results() => {
                    parts.push(ResponsePart { inline_data });
                }
                data @ (Data::Inline(_) | Data::File(_)) => {
                    notes.add("tool_result_part_moved", at);
                    moved.push(Part::media(data));
                }
            }
        }
        let text = texts.join("\n");
        let response = if result.is_error { Outcome::Error(text) } else { Outcome::Output(text) };
        let function_response = Some(FunctionResponse { id: &result.id, name, response, parts });
        self.push(USER, Part { function_response, ..Part::default() });
        for part in moved {
            self.push(USER, part);
        }
        Ok(())
    }
}
