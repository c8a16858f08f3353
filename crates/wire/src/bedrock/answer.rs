//! Converse answers.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{ConverseUsage, redacted};
use crate::canonical::{Answer, Content, Origin, Signature, ToolUse};
use crate::lenient::{self, is_filled};
use crate::members::{Members, Text, borrowed_text, elements};
use crate::notes::{Notes, TranslateError};
use crate::{FinishReason, Usage};

pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Answer<'a>, TranslateError> {
    let mut answer = Members::read(body, "")?;
    let mut output =
        answer.object("output")?.ok_or_else(|| TranslateError::invalid("output", "is missing"))?;
    let mut content = Vec::new();
    if let Some(mut message) = object(&mut output, "message") {
        message.raw("role");
        for (path, raw) in list(&mut message, "content") {
            block(&path, raw, &mut content, notes)?;
        }
        notes.dropped(message);
    } else if answer.peek("stopReason").is_none() {
        return Err(TranslateError::invalid("output.message", "is missing"));
    }
    let has_calls = content.iter().any(|piece| matches!(piece, Content::ToolUse(_)));
    let reason = text(&mut answer, "stopReason")?.unwrap_or_default();
    let finish = finish_of(&reason, notes).map_err(|told| TranslateError::invalid("stopReason", told))?;
    let usage = answer.raw("usage").and_then(|raw| lenient::read::<ConverseUsage>(raw).ok().flatten());
    let mut stop_sequence = None;
    if let Some(mut asked_for) = object(&mut answer, "additionalModelResponseFields") {
        stop_sequence = text(&mut asked_for, "stop_sequence")?;
        notes.dropped(asked_for);
    }
    // How long it took and on what terms: nothing of the answer.
    for measure in ["metrics", "performanceConfig", "serviceTier"] {
        answer.raw(measure);
    }
    for rest in [output, answer] {
        notes.dropped(rest);
    }
    let (finish, usage) = (finish.given(has_calls), usage.map(|usage| Usage::from(&usage.reported(None))));
    Ok(Answer { id: None, model: None, content, finish, stop_sequence, usage })
}

// Each member is read by itself: one that is not what the API says is none, and takes nothing with it.

fn text<'a>(from: &mut Members<'a>, name: &str) -> Result<Option<Cow<'a, str>>, TranslateError> {
    let Some(raw) = from.raw(name) else { return Ok(None) };
    let read = lenient::read::<Text<'a>>(raw);
    let read = read.map_err(|error| TranslateError::invalid(from.path_of(name), error.to_string()))?;
    Ok(read.map(|text| text.0))
}

fn object<'a>(from: &mut Members<'a>, name: &str) -> Option<Members<'a>> {
    from.raw(name).and_then(|raw| Members::read(raw.get(), from.path_of(name)).ok())
}

fn list<'a>(from: &mut Members<'a>, name: &str) -> Vec<(String, &'a RawValue)> {
    from.raw(name).and_then(|raw| elements(raw, &from.path_of(name)).ok()).unwrap_or_default()
}

/// Why an answer ended, from its `stopReason`.
pub(crate) fn finish_reason(reason: &str) -> FinishReason {
    finish_of(reason, &mut Notes::default()).unwrap_or(FinishReason::Other)
}

/// Reads a `stopReason`; an error for an answer the model did not get to write.
pub(super) fn finish_of(reason: &str, notes: &mut Notes) -> Result<FinishReason, String> {
    match reason {
        "end_turn" => Ok(FinishReason::Stop),
        "stop_sequence" => Ok(FinishReason::StopSequence),
        "max_tokens" | "model_context_window_exceeded" => Ok(FinishReason::Length),
        "tool_use" => Ok(FinishReason::ToolCalls),
        "guardrail_intervened" | "content_filtered" | "refusal" => Ok(FinishReason::ContentFilter),
        "malformed_model_output" | "malformed_tool_use" => {
            Err(format!("the model wrote something Bedrock cannot read ({reason})"))
        }
        _ => {
            notes.add_once("finish_reason_unknown", "stopReason");
            Ok(FinishReason::Other)
        }
    }
}

fn block<'a>(
    path: &str,
    raw: &'a RawValue,
    content: &mut Vec<Content<'a>>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let Ok(mut block) = Members::read(raw.get(), path) else {
        notes.add("block_dropped", path);
        return Ok(());
    };
    content.extend(text(&mut block, "text")?.and_then(some_text));
    if let Some(call) = object(&mut block, "toolUse") {
        content.extend(tool_use(call, notes)?);
    }
    if let Some(thought) = object(&mut block, "reasoningContent") {
        reasoning(thought, content, notes)?;
    }
    if let Some(mut cited) = object(&mut block, "citationsContent") {
        for (path, raw) in list(&mut cited, "content") {
            let Ok(mut piece) = Members::read(raw.get(), path.as_str()) else { continue };
            content.extend(text(&mut piece, "text")?.and_then(some_text));
            notes.dropped(piece);
        }
        if cited.raw("citations").is_some_and(is_filled) {
            notes.add_once("citations_dropped", cited.path_of("citations"));
        }
        notes.dropped(cited);
    }
    notes.dropped(block);
    Ok(())
}

fn some_text(text: Cow<'_, str>) -> Option<Content<'_>> {
    (!text.is_empty()).then_some(Content::Text(text))
}

fn tool_use<'a>(mut call: Members<'a>, notes: &mut Notes) -> Result<Option<Content<'a>>, TranslateError> {
    // A tool Bedrock runs by itself is none of the caller's.
    if text(&mut call, "type")?.is_some_and(|kind| kind == "server_tool_use") {
        notes.add("server_tool_dropped", call.path_of("name"));
        return Ok(None);
    }
    let id = text(&mut call, "toolUseId")?.unwrap_or_default();
    let name = text(&mut call, "name")?.unwrap_or_default();
    // Some gateways write the input as text.
    let input = call.raw("input");
    let arguments = input.map(|raw| borrowed_text(raw).unwrap_or(Cow::Borrowed(raw.get())));
    let arguments = arguments.filter(|arguments| !arguments.is_empty()).unwrap_or(Cow::Borrowed("{}"));
    notes.dropped(call);
    Ok(Some(Content::ToolUse(ToolUse { id, name, arguments, signature: None })))
}

fn reasoning<'a>(
    mut thought: Members<'a>,
    content: &mut Vec<Content<'a>>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    if let Some(mut told) = object(&mut thought, "reasoningText") {
        let said = text(&mut told, "text")?.unwrap_or_default();
        let seal = text(&mut told, "signature")?.filter(|seal| !seal.is_empty());
        let signature = seal.map(|seal| Signature::new(Origin::Anthropic, seal));
        if !said.is_empty() || signature.is_some() {
            content.push(Content::Thinking { text: said, signature });
        }
        notes.dropped(told);
    }
    if let Some(blob) = text(&mut thought, "redactedContent")? {
        match aws_smithy_types::base64::decode(&*blob) {
            Ok(bytes) => {
                let seal = Signature::new(Origin::Anthropic, redacted::from_blob(bytes));
                content.push(Content::RedactedThinking(seal));
            }
            // It could not go home.
            Err(_) => notes.add_once("thinking_dropped", thought.path_of("redactedContent")),
        }
    }
    notes.dropped(thought);
    Ok(())
}

#[cfg(test)]
mod tests;
