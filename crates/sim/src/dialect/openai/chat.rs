//! OpenAI chat completions, after <https://platform.openai.com/docs/api-reference/chat>.

mod messages;
mod read;

use bytes::Bytes;
use serde_json::{Value, json};

pub(super) use messages::check_image_url;
pub(crate) use read::read;

use super::super::{Events, SSE, halves, joined, sse};
use super::CREATED;
use crate::answer::{Answer, Choice, Finish};
use crate::ask::Ask;

fn id(answer: &Answer) -> String {
    format!("chatcmpl-sim{:08}", answer.seq)
}

fn call_id(answer: &Answer, choice: usize, n: usize) -> String {
    match choice {
        0 => format!("call_sim{:08}{n}", answer.seq),
        _ => format!("call_sim{:08}{n}c{choice}", answer.seq),
    }
}

fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Sequence(_) | Finish::Refused => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Filtered => "content_filter",
    }
}

fn usage(answer: &Answer) -> Value {
    let usage = &answer.usage;
    json!({
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": { "cached_tokens": usage.cached, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

pub(crate) fn whole(ask: &Ask, answer: &Answer) -> Value {
    let choices = answer.choices().enumerate().map(|(index, choice)| {
        json!({
            "index": index,
            "message": message(answer, index, choice),
            "logprobs": logprobs(ask, &choice.pieces),
            "finish_reason": finish_reason(choice.finish),
        })
    });
    json!({
        "id": id(answer),
        "object": "chat.completion",
        "created": CREATED + answer.seq,
        "model": answer.model,
        "choices": choices.collect::<Vec<_>>(),
        "usage": usage(answer),
    })
}

fn message(answer: &Answer, index: usize, choice: &Choice) -> Value {
    let mut message = json!({ "role": "assistant", "content": choice.text(), "refusal": null });
    if choice.finish == Finish::Refused {
        message["refusal"] = message["content"].take();
    }
    if !choice.calls.is_empty() {
        let calls = choice.calls.iter().enumerate().map(|(n, call)| {
            json!({
                "id": call_id(answer, index, n),
                "type": "function",
                "function": { "name": call.name, "arguments": call.arguments },
            })
        });
        message["tool_calls"] = calls.collect();
        message["content"] = Value::Null;
    }
    message
}

/// A piece counts as one token: what matters is that every part of the text has its probability.
fn logprobs(ask: &Ask, pieces: &[String]) -> Value {
    let Some(alternatives) = ask.logprobs else { return Value::Null };
    let token =
        |text: &str, logprob: f64| json!({ "token": text, "logprob": logprob, "bytes": text.as_bytes() });
    let entries = pieces.iter().map(|piece| {
        let mut entry = token(piece, -0.125);
        let others = (0..alternatives).map(|n| match n {
            0 => token(piece, -0.125),
            n => token(&format!("alternative {n}"), -2.5 - f64::from(u32::try_from(n).unwrap_or(u32::MAX))),
        });
        entry["top_logprobs"] = others.collect();
        entry
    });
    json!({ "content": entries.collect::<Vec<_>>(), "refusal": null })
}

/// Writes one chunk after the other.
struct Chunks<'a> {
    ask: &'a Ask,
    answer: &'a Answer,
}

impl Chunks<'_> {
    fn chunk(&self, choices: &Value, usage: &Value) -> Bytes {
        let mut chunk = json!({
            "id": id(self.answer),
            "object": "chat.completion.chunk",
            "created": CREATED + self.answer.seq,
            "model": self.answer.model,
            "choices": choices,
        });
        // The real one writes `usage: null` on every chunk but the last when usage is asked for.
        if self.ask.include_usage {
            chunk["usage"] = usage.clone();
        }
        sse(None, &chunk)
    }

    fn delta(&self, index: usize, delta: &Value, logprobs: &Value, finish: Option<&str>) -> Bytes {
        let choice = json!({ "index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish });
        self.chunk(&json!([choice]), &Value::Null)
    }

    fn role(&self, index: usize, choice: &Choice) -> Bytes {
        let silent = !choice.calls.is_empty() || choice.finish == Finish::Refused;
        let content = if silent { Value::Null } else { json!("") };
        let delta = json!({ "role": "assistant", "content": content, "refusal": null });
        self.delta(index, &delta, &Value::Null, None)
    }

    fn content(&self, index: usize, choice: &Choice) -> Vec<Bytes> {
        let member = if choice.finish == Finish::Refused { "refusal" } else { "content" };
        let piece = |piece: &String| {
            let logprobs = logprobs(self.ask, std::slice::from_ref(piece));
            self.delta(index, &json!({ member: piece }), &logprobs, None)
        };
        let mut content: Vec<Bytes> = choice.pieces.iter().map(piece).collect();
        for (n, call) in choice.calls.iter().enumerate() {
            let (first, second) = halves(&call.arguments);
            let opening = json!({
                "index": n,
                "id": call_id(self.answer, index, n),
                "type": "function",
                "function": { "name": call.name, "arguments": "" },
            });
            let calls = |call: Value| self.delta(index, &json!({ "tool_calls": [call] }), &Value::Null, None);
            let part = |arguments: &str| calls(json!({ "index": n, "function": { "arguments": arguments } }));
            content.push(joined(&[calls(opening), part(first)]));
            content.push(part(second));
        }
        content
    }
}

pub(crate) fn events(ask: &Ask, answer: &Answer) -> Events {
    let chunks = Chunks { ask, answer };
    let all: Vec<(usize, &Choice)> = answer.choices().enumerate().collect();
    let opening: Vec<Bytes> = all.iter().map(|(index, choice)| chunks.role(*index, choice)).collect();
    // Several answers take turns.
    let contents: Vec<Vec<Bytes>> =
        all.iter().map(|(index, choice)| chunks.content(*index, choice)).collect();
    let longest = contents.iter().map(Vec::len).max().unwrap_or(0);
    let content =
        (0..longest).flat_map(|n| contents.iter().filter_map(move |content| content.get(n).cloned()));
    let ends = all.iter().map(|(index, choice)| {
        chunks.delta(*index, &json!({}), &Value::Null, Some(finish_reason(choice.finish)))
    });
    let mut closing: Vec<Bytes> = ends.collect();
    if ask.include_usage {
        closing.push(chunks.chunk(&json!([]), &usage(answer)));
    }
    Events {
        content_type: SSE,
        opening: joined(&opening),
        content: content.collect(),
        closing: joined(&closing),
        done: Bytes::from_static(b"data: [DONE]\n\n"),
    }
}
