//! generateContent answers.

use std::borrow::Cow;

use super::reading::Reading;
use super::stream::chunks;
use super::written::{Part, Response};
use crate::canonical::{Answer, Content, Delta, Origin, Signature, ToolUse};
use crate::notes::{Notes, TranslateError};
use crate::{FinishReason, Usage};

/// Reads a whole answer; a stream's chunks in a list count as one.
pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Answer<'a>, TranslateError> {
    let chunks = chunks(body.as_bytes()).map_err(|error| TranslateError::invalid("", error.to_string()))?;
    let mut whole = Whole::default();
    let mut reading = Reading::default();
    for chunk in chunks {
        reading.chunk(chunk, notes, &mut |delta| whole.take(delta));
    }
    reading.close(&mut |delta| whole.take(delta));
    if let Some(error) = whole.error {
        return Err(TranslateError::invalid("error", error));
    }
    if !whole.is_finished && whole.answer.content.is_empty() {
        return Err(TranslateError::invalid("candidates", "is missing"));
    }
    Ok(whole.answer)
}

/// Writes an answer for a Gemini caller.
pub(crate) fn write(answer: &Answer<'_>, notes: &mut Notes) -> Result<Vec<u8>, TranslateError> {
    let id = answer.id.as_deref().unwrap_or_default();
    let mut parts: Vec<Part<'_>> = Vec::with_capacity(answer.content.len());
    let mut calls = 0;
    for (at, said) in answer.content.iter().enumerate() {
        match said {
            // A refusal is told by the finish reason; what is said of it is text.
            Content::Text(text) | Content::Refusal(text) => parts.push(Part::text(&**text)),
            Content::Thinking { text, signature } => parts.push(Part::thought(&**text, signature.as_ref())),
            Content::RedactedThinking(seal) => seal_text(&mut parts, seal),
            Content::ToolUse(call) => {
                parts.push(Part::call(call, id, calls, notes)?);
                calls += 1;
            }
            Content::Image(_) | Content::Document(_) | Content::ToolResult(_) => {
                notes.add("block_dropped", format!("content[{at}]"));
            }
        }
    }
    if answer.stop_sequence.is_some() {
        notes.add("stop_sequence_not_told", "stop_sequence");
    }
    let written = Response::of(parts, id, answer.model.as_deref().unwrap_or_default())
        .ended(answer.finish, answer.usage.unwrap_or_default());
    serde_json::to_vec(&written).map_err(|error| TranslateError::invalid("", error.to_string()))
}

/// Gemini's seal on a text goes back on that text; what another vendor sealed is a thought of its own.
fn seal_text<'a>(parts: &mut Vec<Part<'a>>, seal: &'a Signature<'_>) {
    match parts.last_mut() {
        Some(last) if seal.origin == Origin::Gemini && last.takes_seal() => last.seal(seal),
        Some(_) | None => parts.push(Part::thought("", Some(seal))),
    }
}

/// An answer put together again.
struct Whole<'a> {
    answer: Answer<'a>,
    is_finished: bool,
    error: Option<String>,
}

impl Default for Whole<'_> {
    fn default() -> Self {
        let answer = Answer {
            id: None,
            model: None,
            content: Vec::new(),
            finish: FinishReason::Other,
            stop_sequence: None,
            usage: None,
        };
        Self { answer, is_finished: false, error: None }
    }
}

impl<'a> Whole<'a> {
    fn take(&mut self, delta: Delta<'a>) {
        let content = &mut self.answer.content;
        match delta {
            Delta::Start { id, model } => (self.answer.id, self.answer.model) = (id, model),
            Delta::Text(more) => {
                if let Some(Content::Text(text)) = content.last_mut() {
                    join(text, more);
                } else {
                    content.push(Content::Text(more));
                }
            }
            Delta::Thinking(more) => {
                if let Some(Content::Thinking { text, signature: None }) = content.last_mut() {
                    join(text, more);
                } else {
                    content.push(Content::Thinking { text: more, signature: None });
                }
            }
            Delta::ThinkingSignature(seal) => {
                if let Some(Content::Thinking { signature: signature @ None, .. }) = content.last_mut() {
                    *signature = Some(seal);
                } else {
                    content.push(Content::Thinking { text: Cow::Borrowed(""), signature: Some(seal) });
                }
            }
            Delta::RedactedThinking(seal) => content.push(Content::RedactedThinking(seal)),
            Delta::Refusal(text) => content.push(Content::Refusal(text)),
            Delta::ToolStart { id, name, signature, .. } => {
                content.push(Content::ToolUse(ToolUse { id, name, arguments: Cow::Borrowed(""), signature }));
            }
            Delta::ToolArguments { json, .. } => {
                if let Some(Content::ToolUse(call)) = content.last_mut() {
                    join(&mut call.arguments, json);
                }
            }
            Delta::Usage(usage) => {
                let before = self.answer.usage;
                self.answer.usage = Some(before.map_or(usage, |before: Usage| before.merged(usage)));
            }
            Delta::Finish { reason, stop_sequence } => {
                self.is_finished = true;
                (self.answer.finish, self.answer.stop_sequence) = (reason, stop_sequence);
            }
            Delta::End => {}
            Delta::Error(error) => self.error = Some(error.message),
        }
    }
}

fn join<'a>(text: &mut Cow<'a, str>, more: Cow<'a, str>) {
    if text.is_empty() {
        *text = more;
    } else {
        text.to_mut().push_str(&more);
    }
}

#[cfg(test)]
mod tests;
