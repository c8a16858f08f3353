//! A `GenerateContentResponse`, whole or in chunks.
//!
//! <https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::{Events, SSE};
use super::{is_third_generation, signature};
use crate::answer::{Answer, Choice, Finish, Usage};
use crate::ask::Ask;

/// What the user writes to have the prompt itself blocked.
const BLOCKED_PHRASE: &str = "block this prompt";
/// What the user writes, where there are functions, to see one called with nonsense.
const MALFORMED_PHRASE: &str = "malformed call";

/// How an answer ends without having been given.
enum Mishap {
    PromptBlocked,
    MalformedCall,
}

fn mishap(ask: &Ask) -> Option<Mishap> {
    let said = ask.last_user().to_lowercase();
    if said.contains(BLOCKED_PHRASE) {
        return Some(Mishap::PromptBlocked);
    }
    (said.contains(MALFORMED_PHRASE) && !ask.tools.is_empty()).then_some(Mishap::MalformedCall)
}

pub(crate) fn whole(ask: &Ask, answer: &Answer) -> Value {
    if let Some(mishap) = mishap(ask) {
        return mishapped(&mishap, answer);
    }
    let candidates = answer.choices().enumerate().map(|(n, choice)| {
        let mut parts = Vec::new();
        if !answer.thoughts.is_empty() && n == 0 {
            parts.push(json!({ "text": answer.thought(), "thought": true }));
        }
        if !choice.pieces.is_empty() {
            parts.push(signed_text(answer, &choice.text()));
        }
        parts.extend((0..choice.calls.len()).map(|at| call(answer, choice, at)));
        candidate(n, &parts, Some(choice.finish))
    });
    let candidates: Vec<Value> = candidates.collect();
    response(answer, &candidates, Some(&answer.usage))
}

pub(crate) fn events(ask: &Ask, answer: &Answer) -> Events {
    let framing = Framing { json_array: ask.json_array };
    let content_type = if ask.json_array { "application/json; charset=UTF-8" } else { SSE };
    let opening = if ask.json_array { Bytes::from_static(b"[") } else { Bytes::new() };
    let empty =
        Events { content_type, opening, content: Vec::new(), closing: Bytes::new(), done: Bytes::new() };
    if let Some(mishap) = mishap(ask) {
        return Events { done: framing.last(&mishapped(&mishap, answer)), ..empty };
    }
    // Until the end, chunks count what was read and not what was written.
    let reading = Usage { prompt: answer.usage.prompt, cached: answer.usage.cached, ..Usage::default() };
    let chunk = |n: usize, part: Value| {
        framing.chunk(&response(answer, &[candidate(n, &[part], None)], Some(&reading)))
    };
    let thoughts =
        answer.thoughts.iter().map(|thought| chunk(0, json!({ "text": thought, "thought": true })));
    let mut content: Vec<Bytes> = thoughts.collect();
    for (n, choice) in answer.choices().enumerate() {
        content.extend(choice.pieces.iter().map(|piece| chunk(n, json!({ "text": piece }))));
        content.extend((0..choice.calls.len()).map(|at| chunk(n, call(answer, choice, at))));
    }
    let ends = answer.choices().enumerate().map(|(n, choice)| {
        let part = if choice.calls.is_empty() { signed_text(answer, "") } else { json!({ "text": "" }) };
        let parts = if choice.finish == Finish::Filtered { Vec::new() } else { vec![part] };
        candidate(n, &parts, Some(choice.finish))
    });
    let ends: Vec<Value> = ends.collect();
    // The stream has no mark of its end but the finish reason: a stream without it is incomplete.
    Events { content, done: framing.last(&response(answer, &ends, Some(&answer.usage))), ..empty }
}

/// How a stream's chunks are told apart: events, or the entries of one array.
#[derive(Clone, Copy)]
struct Framing {
    json_array: bool,
}

impl Framing {
    fn chunk(self, response: &Value) -> Bytes {
        if self.json_array {
            format!("{response}\n,\r\n").into()
        } else {
            format!("data: {response}\r\n\r\n").into()
        }
    }

    fn last(self, response: &Value) -> Bytes {
        if self.json_array { format!("{response}\n]").into() } else { self.chunk(response) }
    }
}

fn response(answer: &Answer, candidates: &[Value], usage: Option<&Usage>) -> Value {
    let mut response = json!({ "candidates": candidates });
    if let Some(usage) = usage {
        response["usageMetadata"] = usage_metadata(usage);
    }
    response["modelVersion"] = json!(answer.model);
    response["responseId"] = json!(response_id(answer));
    response
}

fn response_id(answer: &Answer) -> String {
    format!("sim{:08}", answer.seq)
}

fn mishapped(mishap: &Mishap, answer: &Answer) -> Value {
    let read = Usage { completion: 0, reasoning: 0, ..answer.usage };
    match mishap {
        Mishap::PromptBlocked => json!({
            "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" },
            "usageMetadata": usage_metadata(&read),
            "modelVersion": answer.model,
            "responseId": response_id(answer),
        }),
        Mishap::MalformedCall => {
            let ended = json!({
                "content": {},
                "finishReason": "MALFORMED_FUNCTION_CALL",
                "finishMessage": "Malformed function call: print(default_api.",
                "index": 0,
            });
            response(answer, &[ended], Some(&read))
        }
    }
}

fn candidate(n: usize, parts: &[Value], finish: Option<Finish>) -> Value {
    let mut candidate = json!({});
    if finish != Some(Finish::Filtered) {
        candidate["content"] = json!({ "parts": parts, "role": "model" });
    }
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish_reason(finish));
        if finish == Finish::Filtered {
            let rating = json!({
                "category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": true,
            });
            candidate["safetyRatings"] = json!([rating]);
        }
    }
    candidate["index"] = json!(n);
    candidate
}

/// A call ends like any other answer, and a model that declines does so in words.
fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Sequence(_) | Finish::ToolCalls | Finish::Refused => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Filtered => "SAFETY",
    }
}

/// What thought of itself signs its words; whether it is sent back makes no difference.
fn signed_text(answer: &Answer, text: &str) -> Value {
    let mut part = json!({ "text": text });
    if answer.usage.reasoning > 0 {
        part["thoughtSignature"] = json!(signature::of_text());
    }
    part
}

/// Of parallel calls only the first is signed.
fn call(answer: &Answer, choice: &Choice, at: usize) -> Value {
    let call = &choice.calls[at];
    let args: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
    let third = is_third_generation(&answer.model);
    let mut part = json!({ "functionCall": { "name": call.name, "args": args } });
    if third {
        part["functionCall"]["id"] = json!(format!("sim{:08}{at}", answer.seq));
    }
    if at == 0 && (third || answer.usage.reasoning > 0) {
        part["thoughtSignature"] = json!(signature::of_call(&call.name));
    }
    part
}

/// Counts that are zero are left out, as protobuf does.
fn usage_metadata(usage: &Usage) -> Value {
    let written = usage.completion.saturating_sub(usage.reasoning);
    let mut metadata = json!({ "promptTokenCount": usage.prompt });
    for (name, count) in [
        ("candidatesTokenCount", written),
        ("thoughtsTokenCount", usage.reasoning),
        ("cachedContentTokenCount", usage.cached),
    ] {
        if count > 0 {
            metadata[name] = json!(count);
        }
    }
    metadata["totalTokenCount"] = json!(usage.prompt + usage.completion);
    metadata["promptTokensDetails"] = json!([{ "modality": "TEXT", "tokenCount": usage.prompt }]);
    metadata
}
