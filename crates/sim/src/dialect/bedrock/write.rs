//! A Converse answer, whole or as the events of `ConverseStream`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::{Events, halves, joined};
use super::{frames, thinking};
use crate::answer::{Answer, Finish};
use crate::ask::{Ask, members};

/// Any fixed time will do; a clock would make two runs differ.
const LATENCY_MS: u64 = 100;
/// Bedrock pads the payload of small events so that their sizes tell nothing.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Sequence(_) => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::Filtered | Finish::Refused => "content_filtered",
    }
}

fn call_id(answer: &Answer, n: usize) -> String {
    format!("tooluse_sim{:08}{n}", answer.seq)
}

/// Tokens read from the cache and written to it are not among the input tokens.
fn usage(answer: &Answer) -> Value {
    let usage = &answer.usage;
    json!({
        "inputTokens": usage.prompt.saturating_sub(usage.cached + usage.cache_written),
        "outputTokens": usage.completion,
        "totalTokens": usage.prompt + usage.completion,
        "cacheReadInputTokens": usage.cached,
        "cacheWriteInputTokens": usage.cache_written,
    })
}

/// What the caller wants to see of the model's own answer: the stop sequence is all there is.
fn additional_fields(ask: &Ask, answer: &Answer) -> Option<Value> {
    let wanted = members(&ask.echo["paths"]).iter().any(|path| path == "/stop_sequence");
    let stop = match answer.choice.finish {
        Finish::Sequence(number) => ask.stop.get(number),
        Finish::Stop | Finish::Length | Finish::ToolCalls | Finish::Filtered | Finish::Refused => None,
    };
    wanted.then(|| json!({ "stop_sequence": stop }))
}

pub(crate) fn whole(ask: &Ask, answer: &Answer) -> Value {
    let mut content = Vec::new();
    if !answer.thoughts.is_empty() {
        let text = answer.thought();
        let signature = thinking::signature(&text);
        content.push(
            json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": signature } } }),
        );
    }
    if !answer.choice.pieces.is_empty() {
        content.push(json!({ "text": answer.choice.text() }));
    }
    content.extend(answer.choice.calls.iter().enumerate().map(|(n, call)| {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        json!({ "toolUse": { "toolUseId": call_id(answer, n), "name": call.name, "input": input } })
    }));
    let mut whole = json!({
        "output": { "message": { "role": "assistant", "content": content } },
        "stopReason": stop_reason(answer.choice.finish),
        "usage": usage(answer),
        "metrics": { "latencyMs": LATENCY_MS },
    });
    if let Some(fields) = additional_fields(ask, answer) {
        whole["additionalModelResponseFields"] = fields;
    }
    whole
}

pub(crate) fn events(ask: &Ask, answer: &Answer) -> Events {
    let mut block = 0;
    let mut content: Vec<Bytes> = Vec::new();
    if !answer.thoughts.is_empty() {
        let thought = |part: Value| delta(block, &json!({ "reasoningContent": part }));
        content.extend(answer.thoughts.iter().map(|text| thought(json!({ "text": text }))));
        let signature = thinking::signature(&answer.thought());
        content.push(joined(&[thought(json!({ "signature": signature })), stop(block)]));
        block += 1;
    }
    // A text block is begun by its first delta.
    let last = answer.choice.pieces.len().saturating_sub(1);
    content.extend(answer.choice.pieces.iter().enumerate().map(|(n, piece)| {
        let text = delta(block, &json!({ "text": piece }));
        if n == last { joined(&[text, stop(block)]) } else { text }
    }));
    block += usize::from(!answer.choice.pieces.is_empty());
    for (n, call) in answer.choice.calls.iter().enumerate() {
        let at = block + n;
        let start = json!({ "toolUse": { "toolUseId": call_id(answer, n), "name": call.name } });
        let start = event("contentBlockStart", json!({ "start": start, "contentBlockIndex": at }));
        let (first, second) = halves(&call.arguments);
        let part = |input: &str| delta(at, &json!({ "toolUse": { "input": input } }));
        content.push(joined(&[start, part(first)]));
        content.push(joined(&[part(second), stop(at)]));
    }
    let mut stopped = json!({ "stopReason": stop_reason(answer.choice.finish) });
    if let Some(fields) = additional_fields(ask, answer) {
        stopped["additionalModelResponseFields"] = fields;
    }
    let metadata = json!({ "usage": usage(answer), "metrics": { "latencyMs": LATENCY_MS } });
    Events {
        content_type: "application/vnd.amazon.eventstream",
        opening: event("messageStart", json!({ "role": "assistant" })),
        content,
        closing: Bytes::new(),
        // A stream without its stop is incomplete; the usage comes after it.
        done: joined(&[event("messageStop", stopped), event("metadata", metadata)]),
    }
}

fn delta(block: usize, delta: &Value) -> Bytes {
    event("contentBlockDelta", json!({ "contentBlockIndex": block, "delta": delta }))
}

fn stop(block: usize) -> Bytes {
    event("contentBlockStop", json!({ "contentBlockIndex": block }))
}

fn event(kind: &str, mut payload: Value) -> Bytes {
    let size = payload.to_string().len();
    payload["p"] = json!(PADDING[..1 + size % (PADDING.len() - 1)]);
    frames::event(kind, &payload)
}
