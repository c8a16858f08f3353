//! generateContent answers.

use std::borrow::Cow;

use super::reading::Reading;
use super::stream::chunks;
use crate::canonical::{Answer, Content, Delta, ToolUse};
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
