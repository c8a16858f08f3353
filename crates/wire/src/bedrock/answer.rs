//! Converse answers.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{ConverseUsage, Text, redacted};
use crate::canonical::{Answer, Content, Origin, Signature, ToolUse};
use crate::members::Members;
use crate::notes::{Notes, TranslateError};
use crate::{FinishReason, Usage};

pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Answer<'a>, TranslateError> {
    let mut answer = Members::read(body, "")?;
    let missing = |path: &str| TranslateError::invalid(path, "is missing");
    let mut output = answer.object("output")?.ok_or_else(|| missing("output"))?;
    let mut message = output.object("message")?.ok_or_else(|| missing("output.message"))?;
    message.raw("role");
    let mut content = Vec::new();
    for (path, raw) in message.list("content")? {
        block(&path, raw, &mut content, notes)?;
    }
    let Text(reason) = answer.need("stopReason")?;
    let finish = finish_of(&reason, notes).map_err(|told| TranslateError::invalid("stopReason", told))?;
    let usage = answer.get::<ConverseUsage>("usage")?.map(Usage::from);
    let mut stop_sequence = None;
    if let Some(mut asked_for) = answer.object("additionalModelResponseFields")? {
        stop_sequence = asked_for.get::<Text<'a>>("stop_sequence")?.map(|text| text.0);
        notes.dropped(asked_for);
    }
    // How long it took and on what terms: nothing of the answer.
    for measure in ["metrics", "performanceConfig", "serviceTier"] {
        answer.raw(measure);
    }
    for rest in [message, output, answer] {
        notes.dropped(rest);
    }
    Ok(Answer { id: None, model: None, content, finish, stop_sequence, usage })
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
    let mut block = Members::read(raw.get(), path)?;
    if let Some(Text(text)) = block.get("text")? {
        content.extend(some_text(text));
    }
    if let Some(call) = block.object("toolUse")? {
        content.extend(tool_use(call, notes)?);
    }
    if let Some(thought) = block.object("reasoningContent")? {
        reasoning(thought, content, notes)?;
    }
    if let Some(mut cited) = block.object("citationsContent")? {
        for (path, raw) in cited.list("content")? {
            let mut piece = Members::read(raw.get(), path)?;
            if let Some(Text(text)) = piece.get("text")? {
                content.extend(some_text(text));
            }
            notes.dropped(piece);
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
    if call.get::<Text<'a>>("type")?.is_some_and(|kind| kind.0 == "server_tool_use") {
        notes.add("server_tool_dropped", call.path_of("name"));
        return Ok(None);
    }
    let Text(id) = call.need("toolUseId")?;
    let Text(name) = call.need("name")?;
    let arguments = call.raw("input").map_or("{}", RawValue::get);
    notes.dropped(call);
    Ok(Some(Content::ToolUse(ToolUse { id, name, arguments: Cow::Borrowed(arguments), signature: None })))
}

fn reasoning<'a>(
    mut thought: Members<'a>,
    content: &mut Vec<Content<'a>>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    if let Some(mut told) = thought.object("reasoningText")? {
        let text = told.get::<Text<'a>>("text")?.map_or(Cow::Borrowed(""), |text| text.0);
        let seal = told.get::<Text<'a>>("signature")?.map(|text| text.0).filter(|seal| !seal.is_empty());
        let signature = seal.map(|seal| Signature::new(Origin::Anthropic, seal));
        if !text.is_empty() || signature.is_some() {
            content.push(Content::Thinking { text, signature });
        }
        notes.dropped(told);
    }
    if let Some(Text(blob)) = thought.get("redactedContent")? {
        let bytes = aws_smithy_types::base64::decode(blob).map_err(|error| {
            TranslateError::invalid(thought.path_of("redactedContent"), error.to_string())
        })?;
        let seal = Signature::new(Origin::Anthropic, redacted::from_blob(bytes));
        content.push(Content::RedactedThinking(seal));
    }
    notes.dropped(thought);
    Ok(())
}

#[cfg(test)]
mod tests;
