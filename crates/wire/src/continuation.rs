//! A caller's request, asked again so that another upstream goes on where the first one broke off.
//!
//! The answer so far is put at the conversation's end; every other byte stays the caller's.

use serde_json::value::RawValue;

use crate::Dialect;
use crate::anthropic::claude::Claude;
use crate::bedrock::model::Model;
use crate::members::{Members, elements};
use crate::notes::{TranslateError, utf8};
use crate::splice::{Splices, escaped, span_of};

/// Asks a model that can't be given its answer's beginning to go on by itself.
const INSTRUCTION: &str = "Your answer was cut off by a network failure. Continue it exactly where it stops, starting \
    with the very next character. Repeat nothing of it, and write no preamble and no comment.";

/// How an upstream is told what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The conversation ends with the answer's beginning, which the model goes on writing (Anthropic, "Prefill").
    Prefill,
    /// A user's message asks for the rest.
    Instruction,
}

/// Whether an upstream's model is known, by its name, to go on from a half answer at the conversation's end
/// ([`How::Prefill`]). Claude did up to its 4.5 models; later ones refuse it (Anthropic, "Prefill Claude's response"). Of
/// other models, and behind the other dialects, a name tells nothing.
#[must_use]
pub fn is_prefill_known(dialect: Dialect, model: &str) -> bool {
    match dialect {
        Dialect::AnthropicMessages => Claude::of(model).is_known_to_take_prefill(),
        Dialect::BedrockConverse => Model::read(model).is_known_to_take_prefill(),
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini => false,
    }
}

/// The body with the answer so far (`said`) at the conversation's end. A conversation that ends with the caller's own
/// beginning of the answer is carried on in that message.
///
/// Said whitespace alone changes nothing: there is no text to go on from, and providers refuse an empty one.
///
/// # Errors
/// [`TranslateError::Invalid`] when the body holds no conversation, naming the field.
pub fn continue_request(
    dialect: Dialect,
    body: &[u8],
    said: &str,
    how: How,
) -> Result<Vec<u8>, TranslateError> {
    let text = utf8(body)?;
    // Anthropic refuses a prefill that ends in whitespace.
    let said = match how {
        How::Prefill => said.trim_end(),
        How::Instruction => said,
    };
    if said.trim().is_empty() {
        return Ok(body.to_vec());
    }
    let name = match dialect {
        Dialect::OpenAiResponses => "input",
        Dialect::Gemini => "contents",
        Dialect::OpenAiChat | Dialect::AnthropicMessages | Dialect::BedrockConverse => "messages",
    };
    let list = Members::read(text, "")?.peek(name).filter(|raw| raw.get() != "null");
    let list = list.ok_or_else(|| TranslateError::invalid(name, "is missing"))?;
    let mut splices = Splices::default();
    let span = span_of(text, list);
    let added = match how {
        How::Prefill => String::new(),
        How::Instruction => format!(",{}", turn(dialect, "user", INSTRUCTION)),
    };
    if dialect == Dialect::OpenAiResponses && list.get().starts_with('"') {
        splices.insert(span.start, r#"[{"role":"user","content":"#);
        splices.insert(span.end, format!("}},{}{added}]", answer(dialect, said)));
        return Ok(splices.apply(body));
    }
    if list.get().starts_with('{') {
        // One content may stand without its list.
        splices.insert(span.start, "[");
        splices.insert(span.end, format!(",{}{added}]", answer(dialect, said)));
        return Ok(splices.apply(body));
    }
    let messages = elements(list, name)?;
    let Some((at, last)) = messages.last() else {
        return Err(TranslateError::invalid(name, "must hold at least one message"));
    };
    let end = span_of(text, last).end;
    if let Some(place) = open_text(text, last, at)? {
        splices.insert(place, escaped(said));
    } else {
        splices.insert(end, format!(",{}", answer(dialect, said)));
    }
    splices.insert(end, added);
    Ok(splices.apply(body))
}

fn answer(dialect: Dialect, said: &str) -> String {
    turn(dialect, if dialect == Dialect::Gemini { "model" } else { "assistant" }, said)
}

fn turn(dialect: Dialect, role: &str, said: &str) -> String {
    let said = escaped(said);
    if dialect == Dialect::Gemini {
        return format!(r#"{{"role":"{role}","parts":[{{"text":"{said}"}}]}}"#);
    }
    format!(r#"{{"role":"{role}","content":"{said}"}}"#)
}

/// Where the text of a last message ends that is the answer's beginning, written by the caller; none when the last
/// message is another.
fn open_text(body: &str, last: &RawValue, at: &str) -> Result<Option<usize>, TranslateError> {
    let message = Members::read(last.get(), at)?;
    let is = |name: &str, value: &str| message.peek(name).is_some_and(|raw| raw.get() == value);
    let calls = message.peek("tool_calls").is_some_and(|raw| !matches!(raw.get(), "null" | "[]"));
    if !is("role", "\"assistant\"") || calls {
        return Ok(None);
    }
    let Some(content) = message.peek("content") else { return Ok(None) };
    let ends = |raw: &RawValue| Some(span_of(body, raw).end - 1);
    match content.get().as_bytes().first() {
        Some(b'"') => Ok(ends(content)),
        Some(b'[') => {
            let parts = elements(content, &message.path_of("content"))?;
            let Some((at, part)) = parts.last() else { return Ok(None) };
            let part = Members::read(part.get(), at.as_str())?;
            Ok(part.peek("text").filter(|raw| raw.get().starts_with('"')).and_then(ends))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests;
