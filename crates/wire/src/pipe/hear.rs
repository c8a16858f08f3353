//! What a caller hears: the text, ids and numbers in events of the caller's own dialect.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::memory::Memory;
use super::said::Unfit;
use crate::Dialect;
use crate::frames::StreamEvent;
use crate::json;
use crate::members::{Text, borrowed_text, text_of};
use crate::openai_chat::ChatChunk;
use crate::sse::SseDecoder;
use crate::tap::gemini::Chunk;

/// Keeps in mind what an event of a stream relayed as it came tells the caller.
/// `chunk` is a chat event's, read already.
pub(super) fn hear(
    memory: &mut Memory,
    caller: Dialect,
    event: &StreamEvent<'_>,
    chunk: Option<&ChatChunk<'_>>,
) {
    if memory.is_fit() {
        hear_event(memory, caller, event, chunk, true);
    }
}

/// Keeps in mind the ids in what was written to any caller but one of Responses; its text is known already.
pub(super) fn overhear(memory: &mut Memory, caller: Dialect, written: &[u8]) {
    let knows_enough = !memory.as_is().id.is_empty();
    if knows_enough || !memory.is_fit() || written.is_empty() || caller == Dialect::OpenAiResponses {
        return;
    }
    let mut decoder = SseDecoder::default();
    decoder.push(written);
    while let Ok(Some(event)) = decoder.next_event() {
        hear_event(memory, caller, &event, ChatChunk::read(event.data).as_ref(), false);
    }
}

fn hear_event(
    memory: &mut Memory,
    caller: Dialect,
    event: &StreamEvent<'_>,
    chunk: Option<&ChatChunk<'_>>,
    with_text: bool,
) {
    match caller {
        Dialect::OpenAiChat | Dialect::BedrockConverse => hear_chat(memory, event.data, chunk, with_text),
        Dialect::Gemini => hear_gemini(memory, event.data, with_text),
        Dialect::AnthropicMessages => hear_messages(memory, event.data, with_text),
        Dialect::OpenAiResponses => hear_responses(memory, event.data),
    }
}

fn hear_chat(memory: &mut Memory, data: &[u8], chunk: Option<&ChatChunk<'_>>, with_text: bool) {
    let Some(chunk) = chunk else {
        // What can't be read may have been text, and a text with a hole must not be continued.
        if with_text && data != b"[DONE]" {
            memory.spoil(Unfit::NotKept);
        }
        return;
    };
    memory
        .begins(chunk.id.and_then(borrowed_text).as_deref(), chunk.model.and_then(borrowed_text).as_deref());
    if !with_text {
        return;
    }
    for choice in chunk.choices.iter().flatten() {
        if choice.index.is_some_and(|index| index > 0) {
            return memory.spoil(Unfit::Choices);
        }
        let Some(delta) = &choice.delta else { continue };
        if delta.thinks() {
            memory.spoil(Unfit::Thinking);
        }
        if delta.refuses() {
            memory.spoil(Unfit::Refusal);
        }
        if delta.calls() {
            memory.spoil(Unfit::ToolCall);
        }
        let Some(content) = delta.content.filter(|content| content.get() != "null") else { continue };
        match borrowed_text(content) {
            Some(text) => memory.text(&text),
            None => memory.spoil(Unfit::NotKept),
        }
    }
}

#[derive(Deserialize)]
struct MessagesEvent<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    index: Option<usize>,
    #[serde(borrow)]
    message: Option<Named<'a>>,
    #[serde(borrow)]
    content_block: Option<MessagesPart<'a>>,
    #[serde(borrow)]
    delta: Option<MessagesPart<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
}

/// A content block or a delta of one.
#[derive(Deserialize)]
struct MessagesPart<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

fn hear_messages(memory: &mut Memory, data: &[u8], with_text: bool) {
    let Ok(event) = json::read::<MessagesEvent<'_>>(data) else {
        if with_text {
            memory.spoil(Unfit::NotKept);
        }
        return;
    };
    if let Some(message) = event.message {
        memory.begins(message.id.as_ref().map(|id| &*id.0), message.model.as_ref().map(|model| &*model.0));
    }
    if !with_text {
        return;
    }
    match &*event.r#type.0 {
        "content_block_start" | "content_block_delta" => {
            let Some(part) = event.content_block.or(event.delta) else { return };
            match part.r#type.as_ref().map(|word| &*word.0) {
                Some("text" | "text_delta") => {
                    memory.opens(event.index.unwrap_or_default());
                    memory.text(part.text.as_ref().map_or("", |text| &text.0));
                }
                // Where a text comes from is no part of it.
                Some("citations_delta") | None => {}
                Some("thinking" | "redacted_thinking" | "thinking_delta" | "signature_delta") => {
                    memory.spoil(Unfit::Thinking);
                }
                Some(_) => memory.spoil(Unfit::ToolCall),
            }
        }
        "content_block_stop" => memory.closes(),
        _ => {}
    }
}

fn hear_gemini(memory: &mut Memory, data: &[u8], with_text: bool) {
    let Some(chunk) = Chunk::read(data) else {
        if with_text {
            memory.spoil(Unfit::NotKept);
        }
        return;
    };
    let named = |raw: Option<&RawValue>| raw.and_then(text_of);
    memory.begins(named(chunk.response_id).as_deref(), named(chunk.model_version).as_deref());
    if !with_text {
        return;
    }
    for candidate in chunk.candidates() {
        if candidate.index.is_some_and(|index| index > 0) {
            return memory.spoil(Unfit::Choices);
        }
        for part in candidate.parts() {
            match part.text.and_then(borrowed_text) {
                _ if part.function_call.is_some() => memory.spoil(Unfit::ToolCall),
                Some(text) if part.is_thought() && !text.is_empty() => memory.spoil(Unfit::Thinking),
                Some(text) => memory.text(&text),
                // An image, code the provider ran, or what is not known yet.
                None => memory.spoil(Unfit::NotKept),
            }
        }
    }
}

#[derive(Deserialize)]
struct ResponsesEvent<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    sequence_number: Option<u64>,
    output_index: Option<usize>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<Item<'a>>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
}

fn hear_responses(memory: &mut Memory, data: &[u8]) {
    let Ok(event) = json::read::<ResponsesEvent<'_>>(data) else {
        memory.spoil(Unfit::NotKept);
        return;
    };
    match event.sequence_number {
        Some(number) => memory.sequence(number),
        None => memory.next_sequence(),
    }
    match &*event.r#type.0 {
        "response.created" => {
            let Some(response) = event.response else { return };
            if let Ok(named) = serde_json::from_str::<Named<'_>>(response.get()) {
                memory
                    .begins(named.id.as_ref().map(|id| &*id.0), named.model.as_ref().map(|model| &*model.0));
            }
            memory.response(response.get());
        }
        "response.output_item.added" => {
            let Some(item) = event.item else { return };
            match item.r#type.as_ref().map(|word| &*word.0) {
                Some("message") => {
                    memory.opens(event.output_index.unwrap_or_default());
                    memory.item(item.id.as_ref().map_or("", |id| &id.0));
                }
                // An item alone shows no thinking; only its summary does.
                Some("reasoning") | None => {}
                Some(_) => memory.spoil(Unfit::ToolCall),
            }
        }
        "response.output_text.delta" => {
            let text = event.delta.and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok());
            memory.text(text.as_ref().map_or("", |text| &text.0));
        }
        "response.output_text.done" | "response.content_part.done" | "response.output_item.done" => {
            memory.closes();
        }
        "response.refusal.delta" => memory.spoil(Unfit::Refusal),
        "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
            memory.spoil(Unfit::Thinking);
        }
        _ => {}
    }
}
