//! The events of a streamed response, in the order of
//! <https://platform.openai.com/docs/api-reference/responses-streaming>.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::super::{Events, SSE, halves, joined, sse};
use super::{Ids, call_item, content_part, logprobs, message_item, output, reasoning_item, response, status};
use crate::answer::{Answer, Finish};
use crate::ask::{Ask, Refusal};

/// Numbers the events as it writes them.
struct Writer {
    next: u64,
}

impl Writer {
    /// `body` without its type and number.
    fn event(&mut self, kind: &str, body: Value) -> Bytes {
        let mut event = json!({ "type": kind, "sequence_number": self.next });
        self.next += 1;
        if let (Value::Object(event), Value::Object(body)) = (&mut event, body) {
            event.extend(body);
        }
        sse(Some(kind), &event)
    }
}

pub(crate) fn events(provider: &str, ask: &Ask, answer: &Answer) -> Events {
    let ids = Ids::new(provider, answer.seq);
    let mut writer = Writer { next: 0 };
    let begun = response(&ids, ask, answer, "in_progress", &[]);
    let mut opening = vec![
        writer.event("response.created", json!({ "response": begun })),
        writer.event("response.in_progress", json!({ "response": begun })),
    ];
    let mut content = Vec::new();
    let mut index = 0;
    if answer.usage.reasoning > 0 {
        let item = |finished| reasoning_item(provider, &ids, ask, answer, finished);
        let added = json!({ "output_index": index, "item": item(false) });
        let added = writer.event("response.output_item.added", added);
        if answer.thoughts.is_empty() {
            opening.push(added);
        } else {
            content.extend(summary(&mut writer, &ids, answer, added));
        }
        let done = json!({ "output_index": index, "item": item(true) });
        let done = writer.event("response.output_item.done", done);
        append(if content.is_empty() { &mut opening } else { &mut content }, &done);
        index += 1;
    }
    if !answer.choice.pieces.is_empty() {
        content.extend(message(&mut writer, &ids, ask, answer, index));
        index += 1;
    }
    for n in 0..answer.choice.calls.len() {
        content.extend(call(&mut writer, &ids, answer, n, index + n));
    }
    let status = status(answer.choice.finish);
    let output = output(provider, &ids, ask, answer);
    let finished = response(&ids, ask, answer, status, &output);
    Events {
        content_type: SSE,
        opening: joined(&opening),
        content,
        closing: Bytes::new(),
        done: writer.event(&format!("response.{status}"), json!({ "response": finished })),
    }
}

/// Adds an event to the last chunk there is.
fn append(chunks: &mut Vec<Bytes>, event: &Bytes) {
    let last = chunks.pop().unwrap_or_default();
    chunks.push(joined(&[last, event.clone()]));
}

fn summary(writer: &mut Writer, ids: &Ids, answer: &Answer, added: Bytes) -> Vec<Bytes> {
    let place = |more: Value| {
        let mut body = json!({ "item_id": ids.reasoning(), "output_index": 0, "summary_index": 0 });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        body
    };
    let part = |text: &str| place(json!({ "part": { "type": "summary_text", "text": text } }));
    let mut frame = vec![added, writer.event("response.reasoning_summary_part.added", part(""))];
    let mut chunks = Vec::new();
    for piece in &answer.thoughts {
        let delta = place(json!({ "delta": piece }));
        frame.push(writer.event("response.reasoning_summary_text.delta", delta));
        chunks.push(joined(&frame));
        frame.clear();
    }
    let text = answer.thought();
    let done = writer.event("response.reasoning_summary_text.done", place(json!({ "text": text })));
    append(&mut chunks, &done);
    let done = writer.event("response.reasoning_summary_part.done", part(&text));
    append(&mut chunks, &done);
    chunks
}

fn message(writer: &mut Writer, ids: &Ids, ask: &Ask, answer: &Answer, index: usize) -> Vec<Bytes> {
    let refused = answer.choice.finish == Finish::Refused;
    let place = |more: Value| {
        let mut body = json!({ "item_id": ids.message(), "output_index": index, "content_index": 0 });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        body
    };
    let name = if refused { "response.refusal" } else { "response.output_text" };
    let item = json!({ "output_index": index, "item": message_item(ids, "in_progress", &[]) });
    let empty = content_part(ask, answer, &[]);
    let mut frame = vec![
        writer.event("response.output_item.added", item),
        writer.event("response.content_part.added", place(json!({ "part": empty }))),
    ];
    let mut chunks = Vec::new();
    for piece in &answer.choice.pieces {
        let mut delta = place(json!({ "delta": piece }));
        if !refused {
            delta["logprobs"] = logprobs(ask, std::slice::from_ref(piece));
        }
        frame.push(writer.event(&format!("{name}.delta"), delta));
        chunks.push(joined(&frame));
        frame.clear();
    }
    let text = answer.choice.text();
    let done = if refused {
        place(json!({ "refusal": text }))
    } else {
        place(json!({ "text": text, "logprobs": logprobs(ask, &answer.choice.pieces) }))
    };
    let part = content_part(ask, answer, &answer.choice.pieces);
    let item = message_item(ids, status(answer.choice.finish), std::slice::from_ref(&part));
    let ends = [
        writer.event(&format!("{name}.done"), done),
        writer.event("response.content_part.done", place(json!({ "part": part }))),
        writer.event("response.output_item.done", json!({ "output_index": index, "item": item })),
    ];
    append(&mut chunks, &joined(&ends));
    chunks
}

fn call(writer: &mut Writer, ids: &Ids, answer: &Answer, n: usize, index: usize) -> Vec<Bytes> {
    let arguments = &answer.choice.calls[n].arguments;
    let (first, second) = halves(arguments);
    let place = |member: &str, value: &str| json!({ "item_id": ids.function(n), "output_index": index, member: value });
    let item = |finished| json!({ "output_index": index, "item": call_item(ids, answer, n, finished) });
    let delta = "response.function_call_arguments.delta";
    let opening =
        [writer.event("response.output_item.added", item(false)), writer.event(delta, place("delta", first))];
    let ending = [
        writer.event(delta, place("delta", second)),
        writer.event("response.function_call_arguments.done", place("arguments", arguments)),
        writer.event("response.output_item.done", item(true)),
    ];
    vec![joined(&opening), joined(&ending)]
}

/// The error in the middle of a stream, after `sent` events: `error`, and the response that failed.
pub(crate) fn error_event(provider: &str, refusal: &Refusal, seq: u64, sent: u64) -> Bytes {
    let body = super::super::error_body(refusal);
    let code = &body["error"]["code"];
    let mut writer = Writer { next: sent };
    let error = json!({ "code": code, "message": refusal.message, "param": refusal.param });
    let error = writer.event("error", error);
    if sent == 0 {
        return error;
    }
    let answer = Answer::none(seq);
    let ids = Ids::new(provider, seq);
    let mut failed = response(&ids, &Ask::default(), &answer, "failed", &[]);
    failed["error"] = json!({ "code": "server_error", "message": refusal.message });
    failed["usage"] = Value::Null;
    joined(&[error, writer.event("response.failed", json!({ "response": failed }))])
}
