//! Tool calls and their results, held against each other before a prompt is written anew.
//!
//! Every provider refuses a result of a call nobody made and a call nobody answered, but names the place in the request
//! it was sent, which its caller has never seen. The caller's own API would have refused the same; so do we, in its paths.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::Dialect;
use crate::canonical::{Block, Content, Prompt, ToolChoice};
use crate::notes::TranslateError;

/// How a dialect's callers spell the places of ids and names.
#[derive(Clone, Copy)]
struct Places {
    call: &'static str,
    result: &'static str,
    choice: &'static str,
}

impl Places {
    const fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiChat => {
                Self { call: "id", result: "tool_call_id", choice: "tool_choice.function.name" }
            }
            Dialect::OpenAiResponses => {
                Self { call: "call_id", result: "call_id", choice: "tool_choice.name" }
            }
            Dialect::AnthropicMessages | Dialect::BedrockConverse => {
                Self { call: "id", result: "tool_use_id", choice: "tool_choice.name" }
            }
            Dialect::Gemini => Self {
                call: "functionCall.id",
                result: "functionResponse.id",
                choice: "toolConfig.functionCallingConfig.allowedFunctionNames",
            },
        }
    }
}

/// A call and whether its result has come.
struct Call<'p> {
    block: &'p Block<'p>,
    is_answered: bool,
}

/// Sees to it that every call has one result after it and every result one call before it, and that the tool to be
/// called is offered.
///
/// Anthropic wants the ids of a conversation to be unique. OpenAI only looks at the calls still open, so that clients
/// which count anew in each turn get through: such calls are told apart here, for upstreams that are stricter.
///
/// # Errors
/// [`TranslateError::Invalid`], naming the place as callers of `from` do.
pub(super) fn settle(from: Dialect, prompt: &mut Prompt<'_>) -> Result<(), TranslateError> {
    let places = Places::of(from);
    if let Some(ToolChoice::Named(name)) = &prompt.tool_choice
        && prompt.tools.iter().all(|tool| tool.name != *name)
    {
        let message = format!("\"{name}\" is none of the tools in `tools`");
        return Err(TranslateError::invalid(places.choice, message));
    }
    if check(from, places, prompt)? {
        tell_apart(prompt);
    }
    Ok(())
}

/// Whether an id is used again after its call was answered.
fn check(from: Dialect, places: Places, prompt: &Prompt<'_>) -> Result<bool, TranslateError> {
    let mut calls: Vec<Call<'_>> = Vec::new();
    let mut latest: HashMap<&str, usize> = HashMap::new();
    let mut is_reused = false;
    for block in prompt.turns.iter().flat_map(|turn| &turn.blocks) {
        match &block.content {
            Content::ToolUse(call) => {
                match latest.entry(&call.id) {
                    Entry::Vacant(free) => drop(free.insert(calls.len())),
                    Entry::Occupied(mut taken) => {
                        let is_free = from != Dialect::AnthropicMessages && calls[*taken.get()].is_answered;
                        if !is_free {
                            let message = format!("\"{}\" is the id of another call", call.id);
                            return Err(wrong(block, places.call, message));
                        }
                        is_reused = true;
                        taken.insert(calls.len());
                    }
                }
                calls.push(Call { block, is_answered: false });
            }
            Content::ToolResult(result) => {
                let Some(at) = latest.get(&*result.id) else {
                    let message = format!("\"{}\" is the id of no call before it", result.id);
                    return Err(wrong(block, places.result, message));
                };
                let call = &mut calls[*at];
                if call.is_answered {
                    let message = format!("the call \"{}\" has a result already", result.id);
                    return Err(wrong(block, places.result, message));
                }
                call.is_answered = true;
            }
            Content::Text(_)
            | Content::Image(_)
            | Content::Document(_)
            | Content::Thinking { .. }
            | Content::RedactedThinking(_)
            | Content::Refusal(_) => {}
        }
    }
    match calls.iter().find(|call| !call.is_answered) {
        Some(open) => Err(wrong(open.block, places.call, "the call has no result after it".to_owned())),
        None => Ok(is_reused),
    }
}

fn wrong(block: &Block<'_>, name: &str, message: String) -> TranslateError {
    TranslateError::invalid(format!("{}.{name}", block.at), message)
}

/// What the calls of one caller's id are called.
struct Renamed {
    now: String,
    count: usize,
}

/// Gives calls whose id was used before another one, and their results. An id depends only on what stands before it,
/// so that a conversation's beginning stays what it was as it grows (prompt caches live on that).
fn tell_apart(prompt: &mut Prompt<'_>) {
    let mut taken: HashSet<String> = HashSet::new();
    let mut names: HashMap<String, Renamed> = HashMap::new();
    for block in prompt.turns.iter_mut().flat_map(|turn| &mut turn.blocks) {
        match &mut block.content {
            Content::ToolUse(call) => {
                let count = names.get(&*call.id).map_or(1, |renamed| renamed.count);
                let mut renamed = Renamed { now: call.id.clone().into_owned(), count };
                while !taken.insert(renamed.now.clone()) {
                    renamed.count += 1;
                    renamed.now = format!("{}-{}", call.id, renamed.count);
                }
                let new = Cow::Owned(renamed.now.clone());
                names.insert(std::mem::replace(&mut call.id, new).into_owned(), renamed);
            }
            Content::ToolResult(result) => {
                if let Some(renamed) = names.get(&*result.id) {
                    result.id = Cow::Owned(renamed.now.clone());
                }
            }
            Content::Text(_)
            | Content::Image(_)
            | Content::Document(_)
            | Content::Thinking { .. }
            | Content::RedactedThinking(_)
            | Content::Refusal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
