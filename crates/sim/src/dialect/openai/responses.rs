//! OpenAI responses, after <https://platform.openai.com/docs/api-reference/responses>.

mod items;
mod read;
mod stream;

use serde_json::{Value, json};

pub(crate) use read::read;
pub(crate) use stream::{error_event, events};

use super::CREATED;
use crate::answer::{Answer, Finish};
use crate::ask::Ask;
use crate::provider::Provider;
use crate::thought;

/// Ids no other provider makes: what one has stored, another does not know.
struct Ids {
    stem: String,
}

impl Ids {
    fn new(provider: &str, seq: u64) -> Self {
        let owner = thought::sign(provider, "");
        Self { stem: format!("sim{}{seq:08}", owner.get(3..11).unwrap_or_default()) }
    }

    fn response(&self) -> String {
        format!("resp_{}", self.stem)
    }

    fn reasoning(&self) -> String {
        format!("rs_{}", self.stem)
    }

    fn message(&self) -> String {
        format!("msg_{}", self.stem)
    }

    fn function(&self, n: usize) -> String {
        format!("fc_{}{n}", self.stem)
    }

    fn call(&self, n: usize) -> String {
        format!("call_{}{n}", self.stem)
    }
}

/// Where thoughts can be read again: OpenAI binds them to the account, and so to the provider.
fn realm(provider: &str) -> String {
    format!("openai/{provider}")
}

fn status(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Sequence(_) | Finish::ToolCalls | Finish::Refused => "completed",
        Finish::Length | Finish::Filtered => "incomplete",
    }
}

/// The response around its output.
fn response(ids: &Ids, ask: &Ask, answer: &Answer, status: &str, output: &[Value]) -> Value {
    let echo = |name: &str, default: Value| {
        let given = &ask.echo[name];
        if given.is_null() { default } else { given.clone() }
    };
    let incomplete = match (status, answer.choice.finish) {
        ("incomplete", Finish::Filtered) => json!({ "reason": "content_filter" }),
        ("incomplete", _) => json!({ "reason": "max_output_tokens" }),
        _ => Value::Null,
    };
    json!({
        "id": ids.response(),
        "object": "response",
        "created_at": CREATED + answer.seq,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": incomplete,
        "instructions": echo("instructions", Value::Null),
        "max_output_tokens": echo("max_output_tokens", Value::Null),
        "max_tool_calls": echo("max_tool_calls", Value::Null),
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": echo("parallel_tool_calls", json!(true)),
        "previous_response_id": echo("previous_response_id", Value::Null),
        "prompt_cache_key": echo("prompt_cache_key", Value::Null),
        "reasoning": {
            "effort": ask.echo["reasoning"]["effort"], "summary": ask.echo["reasoning"]["summary"],
        },
        "safety_identifier": echo("safety_identifier", Value::Null),
        "service_tier": "default",
        "store": echo("store", json!(true)),
        "temperature": echo("temperature", json!(1.0)),
        "text": echo("text", json!({ "format": { "type": "text" } })),
        "tool_choice": echo("tool_choice", json!("auto")),
        "tools": echo("tools", json!([])),
        "top_logprobs": echo("top_logprobs", json!(0)),
        "top_p": echo("top_p", json!(1.0)),
        "truncation": echo("truncation", json!("disabled")),
        "usage": if status == "in_progress" { Value::Null } else { usage(answer) },
        "user": echo("user", Value::Null),
        "metadata": echo("metadata", json!({})),
    })
}

fn usage(answer: &Answer) -> Value {
    let usage = &answer.usage;
    json!({
        "input_tokens": usage.prompt,
        "input_tokens_details": { "cached_tokens": usage.cached },
        "output_tokens": usage.completion,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning },
        "total_tokens": usage.prompt + usage.completion,
    })
}

/// The reasoning item, as far as it has come.
fn reasoning_item(provider: &str, ids: &Ids, ask: &Ask, answer: &Answer, finished: bool) -> Value {
    let shown = answer.thought();
    let summary = if shown.is_empty() || !finished {
        json!([])
    } else {
        json!([{ "type": "summary_text", "text": shown }])
    };
    let mut item = json!({ "id": ids.reasoning(), "type": "reasoning", "summary": summary });
    if ask.reasoning.is_some_and(|reasoning| reasoning.encrypted) {
        item["encrypted_content"] = json!(thought::seal(&realm(provider), &ids.reasoning()));
    }
    item
}

fn message_item(ids: &Ids, status: &str, content: &[Value]) -> Value {
    json!({ "id": ids.message(), "type": "message", "status": status, "role": "assistant", "content": content })
}

/// The text, or the refusal.
fn content_part(ask: &Ask, answer: &Answer, pieces: &[String]) -> Value {
    let text = pieces.concat();
    if answer.choice.finish == Finish::Refused {
        return json!({ "type": "refusal", "refusal": text });
    }
    json!({ "type": "output_text", "annotations": [], "logprobs": logprobs(ask, pieces), "text": text })
}

/// A piece counts as one token.
fn logprobs(ask: &Ask, pieces: &[String]) -> Value {
    let Some(alternatives) = ask.logprobs else { return json!([]) };
    let entries = pieces.iter().map(|piece| {
        let top = (0..alternatives.min(1))
            .map(|_| json!({ "token": piece, "logprob": -0.125, "bytes": piece.as_bytes() }));
        let top: Vec<Value> = top.collect();
        json!({ "token": piece, "logprob": -0.125, "bytes": piece.as_bytes(), "top_logprobs": top })
    });
    entries.collect()
}

fn call_item(ids: &Ids, answer: &Answer, n: usize, finished: bool) -> Value {
    let call = &answer.choice.calls[n];
    json!({
        "id": ids.function(n),
        "type": "function_call",
        "status": if finished { "completed" } else { "in_progress" },
        "arguments": if finished { call.arguments.as_str() } else { "" },
        "call_id": ids.call(n),
        "name": call.name,
    })
}

/// Everything the response holds in the end.
fn output(provider: &str, ids: &Ids, ask: &Ask, answer: &Answer) -> Vec<Value> {
    let mut output = Vec::new();
    if answer.usage.reasoning > 0 {
        output.push(reasoning_item(provider, ids, ask, answer, true));
    }
    if !answer.choice.pieces.is_empty() {
        let part = content_part(ask, answer, &answer.choice.pieces);
        output.push(message_item(ids, status(answer.choice.finish), &[part]));
    }
    output.extend((0..answer.choice.calls.len()).map(|n| call_item(ids, answer, n, true)));
    output
}

pub(crate) fn whole(provider: &str, ask: &Ask, answer: &Answer) -> Value {
    let ids = Ids::new(provider, answer.seq);
    let output = output(provider, &ids, ask, answer);
    response(&ids, ask, answer, status(answer.choice.finish), &output)
}

/// Stores the conversation for `previous_response_id`, and each item for a reference to it.
pub(crate) fn remember(provider: &Provider, ask: &Ask, answer: &Answer) {
    if ask.echo["store"] == false {
        return;
    }
    let ids = Ids::new(provider.name(), answer.seq);
    let output = output(provider.name(), &ids, ask, answer);
    provider.memory(|memory| {
        for item in &output {
            if let Some(id) = item["id"].as_str() {
                memory.store(id.to_owned(), vec![item.clone()]);
            }
        }
        memory.store(ids.response(), ask.transcript.iter().cloned().chain(output).collect());
    });
}
