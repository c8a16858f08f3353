//! Chat answers: read from any compatible provider, written for a chat caller.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::request::shapes::{Custom, ExtraContent, Function, ToolCall};
use super::usage::{ChatUsage, WrittenUsage};
use crate::canonical::{Answer, Content, Origin, Signature, ToolForm, ToolUse};
use crate::members::{Text, borrowed_text};
use crate::notes::{Notes, TranslateError};
use crate::translate::tool_ids::answer_tool_id;
use crate::translate::{ReplyOptions, free_text};
use crate::{Dialect, FinishReason, Usage};

#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    choices: Vec<ReadChoice<'a>>,
    usage: Option<ChatUsage>,
}

#[derive(Deserialize)]
struct ReadChoice<'a> {
    #[serde(borrow)]
    message: Said<'a>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
}

/// A message of an answer, or a delta of it: both have the same members.
#[derive(Default, Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<Vec<ReadCall<'a>>>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    extra_content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct ReadCall<'a> {
    pub(super) index: Option<usize>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) function: Option<ReadFunction<'a>>,
    #[serde(borrow)]
    extra_content: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
pub(super) struct ReadFunction<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Extra<'a> {
    #[serde(borrow)]
    google: Option<Google<'a>>,
}

#[derive(Deserialize)]
struct Google<'a> {
    #[serde(borrow)]
    thought_signature: Option<Text<'a>>,
}

impl<'a> Said<'a> {
    /// What may be read of the thinking: `reasoning_content` (DeepSeek and most others) or `reasoning` (OpenRouter, Groq).
    pub(super) fn take_thinking(&mut self) -> Option<Cow<'a, str>> {
        let filled = |text: Text<'a>| Some(text.0).filter(|text| !text.is_empty());
        let plain = self.reasoning_content.take().and_then(filled);
        plain.or_else(|| self.reasoning.take().and_then(filled))
    }

    /// The refusal, if there is one.
    pub(super) fn take_refusal(&mut self) -> Option<Cow<'a, str>> {
        self.refusal.take().map(|text| text.0).filter(|text| !text.is_empty())
    }

    /// Gemini's seal on the text, from Google's endpoint.
    pub(super) fn take_seal(&mut self) -> Option<Signature<'a>> {
        self.extra_content.take().and_then(seal_in)
    }

    /// Notes what no other dialect has a place for.
    pub(super) fn note_lost(&self, notes: &mut Notes) {
        for (member, code) in [(self.audio, "audio_dropped"), (self.annotations, "citations_dropped")] {
            if member.is_some_and(|member| !matches!(member.get(), "null" | "[]")) {
                notes.add_once(code, "choices[0]");
            }
        }
    }
}

impl<'a> ReadCall<'a> {
    /// Gemini's seal on the thought behind the call, from Google's endpoint.
    pub(super) fn take_seal(&mut self) -> Option<Signature<'a>> {
        self.extra_content.take().and_then(seal_in)
    }
}

/// The seal in an `extra_content`, which is anyone's to fill: what is no seal of Google's is nothing.
fn seal_in(extra: &RawValue) -> Option<Signature<'_>> {
    let seal = serde_json::from_str::<Extra<'_>>(extra.get()).ok()?.google?.thought_signature?;
    Some(Signature::read(Origin::Gemini, seal.0)).filter(|seal| !seal.value.is_empty())
}

/// The text of a content; some providers (Mistral) send a list of parts where chat has a string.
pub(super) fn text_or_parts<'a>(content: &'a RawValue) -> serde_json::Result<Option<Cow<'a, str>>> {
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(borrow)]
        text: Option<Text<'a>>,
    }
    if let Some(text) = borrowed_text(content) {
        return Ok(Some(text));
    }
    let parts = serde_json::from_str::<Option<Vec<Part<'a>>>>(content.get())?;
    Ok(parts.map(|parts| {
        Cow::Owned(parts.iter().filter_map(|part| Some(part.text.as_ref()?.as_str())).collect())
    }))
}

/// A chat `finish_reason` with what else is known. Some providers finish with `stop` though they call tools; callers
/// of other dialects would then never run them.
pub(super) fn finish_reason(reason: Option<&str>, has_calls: bool, has_refusal: bool) -> FinishReason {
    let reason = reason.map_or(FinishReason::Other, FinishReason::from_chat);
    let is_vague = matches!(reason, FinishReason::Stop | FinishReason::Other);
    if is_vague && has_calls {
        FinishReason::ToolCalls
    } else if is_vague && has_refusal {
        FinishReason::ContentFilter
    } else {
        reason
    }
}

/// vLLM and its kin tell the stop sequence that matched as the choice's `stop_reason`.
pub(super) fn stop_sequence<'a>(stop_reason: Option<&'a RawValue>) -> Option<Cow<'a, str>> {
    stop_reason.and_then(borrowed_text)
}

pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Answer<'a>, TranslateError> {
    let answer: Read<'a> =
        serde_json::from_str(body).map_err(|error| TranslateError::invalid("", error.to_string()))?;
    let mut choices = answer.choices.into_iter();
    let Some(choice) = choices.next() else {
        return Err(TranslateError::invalid("choices", "is empty"));
    };
    if choices.next().is_some() {
        notes.add("choice_dropped", "choices[1]");
    }
    let mut message = choice.message;
    message.note_lost(notes);
    let mut content = Vec::new();
    content.extend(message.take_thinking().map(|text| Content::Thinking { text, signature: None }));
    let at = "choices[0].message.content";
    if let Some(raw) = message.content {
        let text = text_or_parts(raw).map_err(|error| TranslateError::invalid(at, error.to_string()))?;
        content.extend(text.filter(|text| !text.is_empty()).map(Content::Text));
    }
    content.extend(message.take_seal().map(Content::RedactedThinking));
    let refusal = message.take_refusal();
    let has_refusal = refusal.is_some();
    content.extend(refusal.map(Content::Refusal));
    let calls = message.tool_calls.take().unwrap_or_default();
    let has_calls = !calls.is_empty();
    for mut call in calls {
        let signature = call.take_seal();
        let function = call.function.unwrap_or_default();
        content.push(Content::ToolUse(ToolUse {
            id: call.id.unwrap_or_default().0,
            name: function.name.unwrap_or_default().0,
            arguments: function.arguments.unwrap_or_default().0,
            signature,
        }));
    }
    let reason = choice.finish_reason.as_ref().map(Text::as_str);
    let mut finish = finish_reason(reason, has_calls, has_refusal);
    let stop_sequence = stop_sequence(choice.stop_reason).filter(|_| finish == FinishReason::Stop);
    if stop_sequence.is_some() {
        finish = FinishReason::StopSequence;
    }
    Ok(Answer {
        id: answer.id.map(|id| id.0),
        model: answer.model.map(|model| model.0),
        content,
        finish,
        stop_sequence,
        usage: answer.usage.map(Usage::from),
    })
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
        function: custom.is_none().then_some(Function { name: &call.name, arguments }),
        custom: custom.map(|tool| Custom { name: &tool.name, input: free_text::unwrapped(&call.arguments) }),
        extra_content: call.signature.as_ref().map(|seal| ExtraContent::sealed(seal.marked())),
    }
}
