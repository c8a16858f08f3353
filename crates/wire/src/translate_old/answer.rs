//! Whole answers, written for a caller of the other dialect.

use serde_json::value::RawValue;

use crate::notes::{Notes, TranslateError, Translated};
use super::tool_ids::tool_id;
use crate::anthropic::{self, Block};
use crate::openai_chat::{self, AnswerMessage, Choice, Function, ToolCall};
use crate::{Dialect, FinishReason, Usage};

pub(super) fn messages_to_chat(body: &[u8], created_unix_s: u64) -> Result<Translated, TranslateError> {
    let mut notes = Notes::default();
    let answer: anthropic::ReadAnswer = parse(body)?;
    let mut said = String::new();
    let mut tool_calls = Vec::new();
    for (at, block) in answer.content.into_iter().enumerate() {
        match block.r#type.as_str() {
            "text" => said.push_str(&block.text.unwrap_or_default()),
            "tool_use" => tool_calls.push(ToolCall {
                id: tool_id(Dialect::OpenAiChat, block.id.unwrap_or_default()),
                r#type: "function",
                function: Function {
                    name: block.name.unwrap_or_default(),
                    arguments: block.input.map_or_else(|| "{}".to_owned(), |input| input.get().to_owned()),
                },
            }),
            "thinking" | "redacted_thinking" => {
                notes.add_once("thinking_dropped", format!("content[{at}]"));
            }
            _ => notes.add("block_dropped", format!("content[{at}]")),
        }
    }
    let reason = answer.stop_reason.as_deref().map_or(FinishReason::Other, FinishReason::from_messages);
    let message = AnswerMessage {
        role: "assistant",
        content: (!said.is_empty() || tool_calls.is_empty()).then_some(said),
        refusal: None,
        tool_calls,
    };
    notes.finish(&openai_chat::Answer {
        id: &answer.id.unwrap_or_default(),
        object: "chat.completion",
        created: created_unix_s,
        model: &answer.model.unwrap_or_default(),
        choices: [Choice { index: 0, message, logprobs: None, finish_reason: reason.as_chat() }],
        usage: answer.usage.map(Usage::from).unwrap_or_default().into(),
    })
}

pub(super) fn chat_to_messages(body: &[u8]) -> Result<Translated, TranslateError> {
    let mut notes = Notes::default();
    let answer: openai_chat::ReadAnswer = parse(body)?;
    let mut choices = answer.choices.into_iter();
    let Some(choice) = choices.next() else {
        return Err(TranslateError::invalid("choices", "is empty"));
    };
    if choices.next().is_some() {
        notes.add("choice_dropped", "choices[1]");
    }
    let message = choice.message;
    if message.reasoning_content.is_some() {
        notes.add("thinking_dropped", "choices[0].message.reasoning_content");
    }
    let mut content = Vec::new();
    let has_refusal = message.refusal.as_deref().is_some_and(|refusal| !refusal.is_empty());
    for text in [message.content, message.refusal].into_iter().flatten().filter(|text| !text.is_empty()) {
        content.push(Block::Text { text });
    }
    let calls = message.tool_calls.unwrap_or_default();
    let has_calls = !calls.is_empty();
    for (at, call) in calls.into_iter().enumerate() {
        let function = call.function.unwrap_or_default();
        let (input, is_wrapped) = tool_input(&function.arguments.unwrap_or_default())?;
        if is_wrapped {
            let field = format!("choices[0].message.tool_calls[{at}].function.arguments");
            notes.add("tool_arguments_wrapped", field);
        }
        content.push(Block::ToolUse {
            id: caller_tool_id(call.id, at),
            name: function.name.unwrap_or_default(),
            input,
        });
    }
    let reason = messages_reason(choice.finish_reason.as_deref(), has_calls, has_refusal);
    notes.finish(&anthropic::Answer {
        id: &answer.id.unwrap_or_default(),
        r#type: "message",
        role: "assistant",
        model: &answer.model.unwrap_or_default(),
        content,
        stop_reason: Some(reason.as_messages()),
        stop_sequence: None,
        usage: answer.usage.map(Usage::from).unwrap_or_default().into(),
    })
}

/// Some providers finish with `stop` though they call tools; a Messages caller would then never run them.
pub(super) fn messages_reason(reason: Option<&str>, has_calls: bool, has_refusal: bool) -> FinishReason {
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

/// The id a Messages caller gets; a provider that sends none (or the same for all) still gets distinct ones.
pub(super) fn caller_tool_id(id: Option<String>, at: usize) -> String {
    match id {
        Some(id) if !id.is_empty() => tool_id(Dialect::AnthropicMessages, id),
        Some(_) | None => format!("call_{at}"),
    }
}

/// Arguments as the object Anthropic demands, and whether they had to be wrapped in one because they are not.
pub(super) fn tool_input(arguments: &str) -> Result<(Box<RawValue>, bool), TranslateError> {
    let trimmed = arguments.trim();
    let fault = |error: serde_json::Error| TranslateError::invalid("arguments", error.to_string());
    if trimmed.is_empty() {
        return Ok((RawValue::from_string("{}".to_owned()).map_err(fault)?, false));
    }
    if trimmed.starts_with('{')
        && let Ok(input) = RawValue::from_string(trimmed.to_owned())
    {
        return Ok((input, false));
    }
    let wrapped = serde_json::json!({ "arguments": arguments });
    Ok((RawValue::from_string(wrapped.to_string()).map_err(fault)?, true))
}

fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, TranslateError> {
    serde_json::from_slice(body).map_err(|error| TranslateError::invalid("", error.to_string()))
}
