//! Responses answers.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::item::{self, Status};
use super::reply::{Outcome, Reply};
use super::request::{call_form, joined};
use super::{ResponsesUsage, finish_reason};
use crate::Usage;
use crate::canonical::{Answer, Content, Origin, Signature, ToolForm, ToolUse};
use crate::error_body::read_error;
use crate::members::{Members, borrowed_text};
use crate::notes::{Notes, TranslateError};
use crate::translate::offer::Offer;
use crate::translate::{ReplyOptions, free_text};

/// Reads an upstream's answer.
pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Answer<'a>, TranslateError> {
    let mut source = Members::read(body, "")?;
    if let Some(error) = source.raw("error") {
        let error = read_error(None, format!(r#"{{"error":{}}}"#, error.get()).as_bytes());
        return Err(TranslateError::invalid("error", error.message));
    }
    let status = source.text("status")?.unwrap_or(Cow::Borrowed("completed"));
    if !matches!(&*status, "completed" | "incomplete") {
        return Err(TranslateError::invalid("status", format!("is \"{status}\": there is no answer")));
    }
    let incomplete = match source.object("incomplete_details")? {
        Some(mut details) => details.text("reason")?,
        None => None,
    };
    let id = source.text("id")?;
    let model = source.text("model")?;
    if source.peek("output").is_none() {
        return Err(TranslateError::invalid("output", "is missing"));
    }
    let mut content = Vec::new();
    for (at, raw) in source.list("output")? {
        read_item(&at, raw, &mut content, notes)?;
    }
    let has_calls = content.iter().any(|content| matches!(content, Content::ToolUse(_)));
    let has_refused = content.iter().any(|content| matches!(content, Content::Refusal(_)));
    Ok(Answer {
        id,
        model,
        finish: finish_reason(&status, incomplete.as_deref(), has_calls, has_refused),
        content,
        stop_sequence: None,
        usage: source.get::<ResponsesUsage>("usage")?.map(Usage::from),
    })
}

/// Reads one item of the output; what has no place (the provider's own tools) is noted.
fn read_item<'a>(
    at: &str,
    raw: &'a RawValue,
    content: &mut Vec<Content<'a>>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let mut item = Members::read(raw.get(), at)?;
    match &*item.need_text("type")? {
        "message" => {
            for (at, raw) in item.list("content")? {
                read_part(&at, raw, content, notes)?;
            }
        }
        "reasoning" => content.extend(read_reasoning(&mut item)?),
        kind => match call_form(kind, &item) {
            Some(form) => content.push(Content::ToolUse(read_call(form, &mut item)?)),
            None => notes.add("block_dropped", at),
        },
    }
    Ok(())
}

/// Reads a call under the name such a tool has in other dialects, with arguments as a function's.
pub(super) fn read_call<'a>(form: ToolForm, item: &mut Members<'a>) -> Result<ToolUse<'a>, TranslateError> {
    let id = match item.text("call_id")? {
        Some(id) => id,
        None => item.text("id")?.unwrap_or_default(),
    };
    let name = match form {
        ToolForm::Function | ToolForm::Custom => item.need_text("name")?,
        ToolForm::LocalShell | ToolForm::Shell | ToolForm::ApplyPatch | ToolForm::ToolSearch => {
            Cow::Borrowed(form.as_str())
        }
    };
    let namespace = item.text("namespace")?;
    let name = Offer::default().name_of(namespace.as_deref(), &name, form);
    Ok(ToolUse { id, name, arguments: arguments(form, item), signature: None })
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

fn read_part<'a>(
    at: &str,
    raw: &'a RawValue,
    content: &mut Vec<Content<'a>>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let mut part = Members::read(raw.get(), at)?;
    match &*part.need_text("type")? {
        "output_text" => {
            if part.raw("annotations").is_some_and(|annotations| annotations.get() != "[]") {
                notes.add_once("citations_dropped", part.path_of("annotations"));
            }
            content.push(Content::Text(part.need_text("text")?));
        }
        "refusal" => content.push(Content::Refusal(part.need_text("refusal")?)),
        _ => notes.add("block_dropped", at),
    }
    Ok(())
}

/// What may be read of a reasoning item, and its seal; nothing when it is neither readable nor sealed.
pub(super) fn read_reasoning<'a>(item: &mut Members<'a>) -> Result<Option<Content<'a>>, TranslateError> {
    let mut readable = Vec::new();
    for name in ["summary", "content"] {
        for (at, raw) in item.list(name)? {
            let mut part = Members::read(raw.get(), at)?;
            readable.extend(part.text("text")?.map(|text| (name, text)));
        }
    }
    let from = readable.first().map(|(name, _)| *name);
    let texts = readable.into_iter().filter(|(name, _)| Some(*name) == from).map(|(_, text)| text);
    let said = joined(texts.collect());
    let seal = item.text("encrypted_content")?.filter(|seal| !seal.is_empty());
    let signature = seal.map(|seal| Signature::new(Origin::OpenAi, seal));
    Ok(match signature {
        Some(signature) if from.is_none() => Some(Content::RedactedThinking(signature)),
        None if said.is_empty() => None,
        signature => Some(Content::Thinking { text: said, signature }),
    })
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
