//! Responses answers.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::item::{self, Status};
use super::reply::{Outcome, Reply};
use super::request::{call_form, joined};
use super::{Searches, finish_reason, reported};
use crate::Usage;
use crate::canonical::{Answer, Content, Origin, Signature, ToolForm, ToolUse};
use crate::error_body::read_error;
use crate::lenient::is_filled;
use crate::members::{Members, borrowed_text, elements};
use crate::notes::{Notes, TranslateError};
use crate::translate::offer::Offer;
use crate::translate::{ReplyOptions, free_text};

/// Reads an upstream's answer, each member by itself: one that nobody needs never spoils it.
pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Answer<'a>, TranslateError> {
    let mut source = Members::read(body, "")?;
    if let Some(error) = source.raw("error").filter(|error| is_filled(error)) {
        let error = read_error(None, format!(r#"{{"error":{}}}"#, error.get()).as_bytes());
        return Err(TranslateError::invalid("error", error.message));
    }
    let status = source.maybe_text("status").unwrap_or(Cow::Borrowed("completed"));
    let incomplete = incomplete_reason(&mut source);
    let (id, model) = (source.maybe_text("id"), source.maybe_text("model"));
    let Some(content) = read_output(&mut source, notes) else {
        return Err(TranslateError::invalid("output", "is missing"));
    };
    if content.is_empty() && matches!(&*status, "queued" | "in_progress" | "failed" | "cancelled") {
        return Err(TranslateError::invalid("status", format!("is \"{status}\": there is no answer")));
    }
    let has_calls = content.iter().any(|content| matches!(content, Content::ToolUse(_)));
    let has_refused = content.iter().any(|content| matches!(content, Content::Refusal(_)));
    let reported = source.raw("usage").and_then(|usage| reported(usage, None, Searches::default()));
    Ok(Answer {
        id,
        model,
        finish: finish_reason(&status, incomplete.as_deref(), has_calls, has_refused),
        content,
        stop_sequence: None,
        usage: reported.map(|reported| Usage::from(&reported)),
    })
}

/// Why an answer is incomplete, where it says so.
pub(super) fn incomplete_reason<'a>(response: &mut Members<'a>) -> Option<Cow<'a, str>> {
    let details = response.raw("incomplete_details")?;
    Members::read(details.get(), "").ok()?.maybe_text("reason")
}

/// What a response says: its `output`, or the text some servers put beside or instead of it.
pub(super) fn read_output<'a>(response: &mut Members<'a>, notes: &mut Notes) -> Option<Vec<Content<'a>>> {
    let mut content = Vec::new();
    let text = response.maybe_text("output_text");
    match response.raw("output") {
        Some(output) => {
            for (at, raw) in listed(output, "output") {
                read_item(&at, raw, &mut content, notes);
            }
        }
        None => content.push(Content::Text(text?)),
    }
    Some(content)
}

/// The elements of a list, or the one that stands where a list should.
fn listed<'a>(raw: &'a RawValue, path: &str) -> Vec<(String, &'a RawValue)> {
    elements(raw, path).unwrap_or_else(|_| vec![(path.to_owned(), raw)])
}

/// An item's or a part's type; where that is missing, what its members say it is.
pub(super) fn kind_of<'a>(item: &mut Members<'a>) -> Cow<'a, str> {
    item.maybe_text("type").unwrap_or_else(|| {
        let has = |name| item.peek(name).is_some();
        Cow::Borrowed(if has("arguments") && has("name") {
            "function_call"
        } else if has("content") {
            "message"
        } else if has("text") {
            "output_text"
        } else {
            ""
        })
    })
}

/// Reads one item of the output; what has no place (the provider's own tools) is noted.
fn read_item<'a>(at: &str, raw: &'a RawValue, content: &mut Vec<Content<'a>>, notes: &mut Notes) {
    let Ok(mut item) = Members::read(raw.get(), at) else {
        notes.add("block_dropped", at);
        return;
    };
    match &*kind_of(&mut item) {
        "message" => read_message(at, &mut item, content, notes),
        "reasoning" => content.extend(read_reasoning(&mut item)),
        kind => match call_form(kind, &item) {
            Some(form) => {
                let mut call = read_call(form, &mut item);
                if call.id.is_empty() {
                    call.id = item.maybe_text("id").unwrap_or_default();
                }
                content.push(Content::ToolUse(call));
            }
            None => notes.add("block_dropped", at),
        },
    }
}

/// Reads a call under the name such a tool has in other dialects, with arguments as a function's. Without an id of its
/// own it has the item's, which the caller of this may have taken.
pub(super) fn read_call<'a>(form: ToolForm, item: &mut Members<'a>) -> ToolUse<'a> {
    let name = match form {
        ToolForm::Function | ToolForm::Custom => item.maybe_text("name").unwrap_or_default(),
        ToolForm::LocalShell | ToolForm::Shell | ToolForm::ApplyPatch | ToolForm::ToolSearch => {
            Cow::Borrowed(form.as_str())
        }
    };
    let namespace = item.maybe_text("namespace");
    let name = Offer::default().name_of(namespace.as_deref(), &name, form);
    let id = item.maybe_text("call_id").unwrap_or_default();
    ToolUse { id, name, arguments: arguments(form, item), signature: None }
}

/// What a call says, as a function's arguments.
pub(super) fn arguments<'a>(form: ToolForm, item: &mut Members<'a>) -> Cow<'a, str> {
    let mut said = |name: &str| {
        item.raw(name).map(|raw| borrowed_text(raw).unwrap_or(Cow::Borrowed(raw.get()))).unwrap_or_default()
    };
    match form {
        ToolForm::Function | ToolForm::ToolSearch => said("arguments"),
        ToolForm::Custom => Cow::Owned(free_text::wrapped(&said("input"))),
        ToolForm::LocalShell | ToolForm::Shell => said("action"),
        ToolForm::ApplyPatch => Cow::Owned(format!(r#"{{"operation":{}}}"#, said("operation"))),
    }
}

/// Reads a message, whose content may be a text alone.
pub(super) fn read_message<'a>(
    at: &str,
    item: &mut Members<'a>,
    content: &mut Vec<Content<'a>>,
    notes: &mut Notes,
) {
    let Some(said) = item.raw("content") else { return };
    match borrowed_text(said) {
        Some(text) => content.push(Content::Text(text)),
        None => {
            for (at, raw) in listed(said, &format!("{at}.content")) {
                read_part(&at, raw, content, notes);
            }
        }
    }
}

fn read_part<'a>(at: &str, raw: &'a RawValue, content: &mut Vec<Content<'a>>, notes: &mut Notes) {
    let Ok(mut part) = Members::read(raw.get(), at) else {
        match borrowed_text(raw) {
            Some(text) => content.push(Content::Text(text)),
            None => notes.add("block_dropped", at),
        }
        return;
    };
    match &*kind_of(&mut part) {
        "output_text" | "text" => {
            if part.raw("annotations").is_some_and(is_filled) {
                notes.add_once("citations_dropped", part.path_of("annotations"));
            }
            content.extend(part.maybe_text("text").map(Content::Text));
        }
        "refusal" => content.extend(part.maybe_text("refusal").map(Content::Refusal)),
        _ => notes.add("block_dropped", at),
    }
}

/// What may be read of a reasoning item, and its seal; nothing when it is neither readable nor sealed.
pub(super) fn read_reasoning<'a>(item: &mut Members<'a>) -> Option<Content<'a>> {
    let mut readable = Vec::new();
    for name in ["summary", "content"] {
        for (_, raw) in item.raw(name).map(|raw| listed(raw, name)).unwrap_or_default() {
            let text = match Members::read(raw.get(), "") {
                Ok(mut part) => part.maybe_text("text"),
                Err(_) => borrowed_text(raw),
            };
            readable.extend(text.map(|text| (name, text)));
        }
    }
    let from = readable.first().map(|(name, _)| *name);
    let texts = readable.into_iter().filter(|(name, _)| Some(*name) == from).map(|(_, text)| text);
    let said = joined(texts.collect());
    let seal = item.maybe_text("encrypted_content").filter(|seal| !seal.is_empty());
    let signature = seal.map(|seal| Signature::new(Origin::OpenAi, seal));
    match signature {
        Some(signature) if from.is_none() => Some(Content::RedactedThinking(signature)),
        None if said.is_empty() => None,
        signature => Some(Content::Thinking { text: said, signature }),
    }
}

/// Writes an answer for a caller.
pub(crate) fn write(
    answer: &Answer<'_>,
    options: &ReplyOptions,
    notes: &mut Notes,
) -> Result<Vec<u8>, TranslateError> {
    let reply = Reply::new(answer.id.as_deref(), answer.model.as_deref(), options);
    let has_refused = answer.content.iter().any(|content| matches!(content, Content::Refusal(_)));
    let outcome = Outcome::of(answer.finish, has_refused);
    let status = match outcome {
        Outcome::Incomplete(_) => Status::Incomplete,
        Outcome::InProgress | Outcome::Completed => Status::Completed,
    };
    let items = item::of_contents(&answer.content, reply.stem(), status, options.tools.as_deref(), notes);
    if answer.stop_sequence.is_some() {
        notes.add_once("stop_sequence_not_told", "stop_sequence");
    }
    let mut out = Vec::with_capacity(2048);
    reply.write(outcome, &items, answer.usage.unwrap_or_default(), &mut out);
    Ok(out)
}

#[cfg(test)]
mod tests;
