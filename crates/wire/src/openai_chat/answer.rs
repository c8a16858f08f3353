//! Chat answers: read from any compatible provider, written for a chat caller.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::request::shapes::{Custom, ExtraContent, Function, ToolCall};
use super::said::Said;
use super::usage::{ChatUsage, WrittenUsage};
use crate::canonical::{Answer, Content, Origin, ToolForm, ToolUse};
use crate::lenient::{is_filled, lenient_object, maybe};
use crate::members::{Text, borrowed_text};
use crate::notes::{Notes, TranslateError};
use crate::translate::tool_ids::answer_tool_id;
use crate::translate::{ReplyOptions, free_text};
use crate::{Dialect, FinishReason, Usage};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Read<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    model: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    choices: Option<Vec<ReadChoice<'a>>>,
    #[serde(deserialize_with = "maybe")]
    usage: Option<ChatUsage>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
    #[serde(borrow)]
    search_results: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReadChoice<'a> {
    /// Left out where a filter took the answer (Azure).
    #[serde(borrow, deserialize_with = "maybe")]
    message: Option<Said<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
}
lenient_object!(ReadChoice<'de>);

/// Why an answer ended, by what its provider said of it and what else is known. Some finish with `stop` though they call
/// tools; callers of other dialects would then never run them.
pub(super) fn finish(
    told: Option<FinishReason>,
    stop_sequence: Option<Cow<'_, str>>,
    has_calls: bool,
    has_refusal: bool,
) -> (FinishReason, Option<Cow<'_, str>>) {
    let reason = told.unwrap_or(FinishReason::Other);
    if !matches!(reason, FinishReason::Stop | FinishReason::Other) {
        (reason, None)
    } else if has_calls {
        (FinishReason::ToolCalls, None)
    } else if has_refusal {
        (FinishReason::ContentFilter, None)
    } else if reason == FinishReason::Stop && stop_sequence.is_some() {
        (FinishReason::StopSequence, stop_sequence)
    } else {
        (reason, None)
    }
}

/// vLLM and its kin tell the stop sequence that matched as the choice's `stop_reason`.
pub(super) fn stop_sequence<'a>(stop_reason: Option<&'a RawValue>) -> Option<Cow<'a, str>> {
    stop_reason.and_then(borrowed_text)
}

pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Answer<'a>, TranslateError> {
    let answer: Read<'a> =
        serde_json::from_str(body).map_err(|error| TranslateError::invalid("", error.to_string()))?;
    let choices = answer.choices.unwrap_or_default();
    if choices.is_empty() {
        return Err(TranslateError::invalid("choices", "is empty"));
    }
    if [answer.citations, answer.search_results].into_iter().flatten().any(is_filled) {
        notes.add_once("citations_dropped", "citations");
    }
    let mut content = Vec::new();
    let mut told = None;
    let mut stop_reason = None;
    // Only one answer is ever asked for here: what comes in several choices are pieces of it (GitHub Copilot's Claude).
    for (at, choice) in choices.into_iter().enumerate() {
        said(choice.message.unwrap_or_default(), at, &mut content, notes);
        let reason = choice.finish_reason.filter(|reason| !reason.as_str().is_empty());
        told = told.or(reason.map(|reason| FinishReason::from_chat(reason.as_str())));
        stop_reason = stop_reason.or(choice.stop_reason);
    }
    let has_calls = content.iter().any(|content| matches!(content, Content::ToolUse(_)));
    let has_refusal = content.iter().any(|content| matches!(content, Content::Refusal(_)));
    let (finish, stop_sequence) = finish(told, stop_sequence(stop_reason), has_calls, has_refusal);
    Ok(Answer {
        id: answer.id.map(|id| id.0),
        model: answer.model.map(|model| model.0),
        content,
        finish,
        stop_sequence,
        usage: answer.usage.map(|usage| Usage::from(&usage.into())),
    })
}

/// Adds what the choice numbered `at` says.
fn said<'a>(mut message: Said<'a>, at: usize, content: &mut Vec<Content<'a>>, notes: &mut Notes) {
    message.note_lost(notes);
    let thinking = message.take_thinking(notes);
    let text = message.take_text();
    // Two texts are two answers, of which nobody asked for the second.
    if text.is_some() && content.iter().any(|content| matches!(content, Content::Text(_))) {
        notes.add_once("choice_dropped", format!("choices[{at}]"));
        return;
    }
    content.extend(thinking.map(|text| Content::Thinking { text, signature: None }));
    content.extend(text.map(Content::Text));
    content.extend(message.take_seal().map(Content::RedactedThinking));
    content.extend(message.take_refusal().map(Content::Refusal));
    for mut call in message.take_calls() {
        let signature = call.take_seal();
        let [id, name, arguments] = call.into_parts();
        // Nobody could run it.
        if name.is_empty() {
            if !id.is_empty() || !arguments.is_empty() {
                notes.add_once("tool_call_dropped", "choices[0].message.tool_calls");
            }
            continue;
        }
        content.push(Content::ToolUse(ToolUse { id, name, arguments, signature }));
    }
}

#[derive(Serialize)]
struct Written<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    usage: WrittenUsage,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Default, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraContent<'a>>,
}

/// The `finish_reason` a chat caller gets. A model that refuses in words has had its say and ends with `stop` (OpenAI,
/// "Structured outputs", refusals); its SDKs take `content_filter` for an error and would not show the words.
pub(super) fn told_finish(finish: FinishReason, has_refused: bool) -> &'static str {
    if finish == FinishReason::ContentFilter && has_refused { "stop" } else { finish.as_chat() }
}

pub(crate) fn write(
    answer: &Answer<'_>,
    options: &ReplyOptions,
    notes: &mut Notes,
) -> Result<Vec<u8>, TranslateError> {
    let id = answer.id.as_deref().unwrap_or_default();
    let mut message = Message { role: "assistant", ..Message::default() };
    let append = |to: &mut Option<String>, text: &str| to.get_or_insert_default().push_str(text);
    for (at, content) in answer.content.iter().enumerate() {
        let at = || format!("content[{at}]");
        match content {
            Content::Text(text) => append(&mut message.content, text),
            Content::Refusal(text) => append(&mut message.refusal, text),
            Content::Thinking { text, signature } => {
                if !text.is_empty() {
                    append(&mut message.reasoning_content, text);
                }
                if signature.is_some() {
                    notes.add_once("thinking_signature_dropped", at());
                }
            }
            // A text has one seal; the last is the one on all of it.
            Content::RedactedThinking(seal) if seal.origin == Origin::Gemini => {
                if message.extra_content.replace(ExtraContent::sealed(seal.marked())).is_some() {
                    notes.add_once("thinking_dropped", at());
                }
            }
            Content::RedactedThinking(_) => notes.add_once("thinking_dropped", at()),
            Content::ToolUse(call) => {
                let number = message.tool_calls.len();
                message.tool_calls.push(tool_call(call, id, number, options));
            }
            Content::Image(_) | Content::Document(_) | Content::ToolResult(_) => {
                notes.add("block_dropped", at());
            }
        }
    }
    if message.content.is_none() && message.refusal.is_none() && message.tool_calls.is_empty() {
        message.content = Some(String::new());
    }
    if answer.stop_sequence.is_some() {
        notes.add_once("stop_sequence_not_told", "stop_sequence");
    }
    let finish_reason = told_finish(answer.finish, message.refusal.is_some());
    let written = Written {
        id,
        object: "chat.completion",
        created: options.created_unix_s,
        model: answer.model.as_deref().unwrap_or_default(),
        choices: [Choice { index: 0, message, logprobs: None, finish_reason }],
        usage: answer.usage.unwrap_or_default().into(),
    };
    serde_json::to_vec(&written).map_err(|error| TranslateError::invalid("", error.to_string()))
}

fn tool_call<'a>(
    call: &'a ToolUse<'_>,
    answer: &str,
    number: usize,
    options: &'a ReplyOptions,
) -> ToolCall<'a> {
    let of_caller = options.tools.as_deref().and_then(|tools| tools.get(&call.name));
    let custom = of_caller.filter(|tool| tool.form == ToolForm::Custom);
    let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    ToolCall {
        id: answer_tool_id(Dialect::OpenAiChat, &call.id, answer, number),
        r#type: if custom.is_some() { "custom" } else { "function" },
        function: custom.is_none().then_some(Function { name: &call.name, arguments: arguments.into() }),
        custom: custom.map(|tool| Custom { name: &tool.name, input: free_text::unwrapped(&call.arguments) }),
        extra_content: call.signature.as_ref().map(|seal| ExtraContent::sealed(seal.marked())),
    }
}

#[cfg(test)]
mod tests;
