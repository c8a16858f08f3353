//! Streams: cut into events, read, and written for every caller.

use std::fmt::Write as _;

use switchyard_wire::{Dialect, FrameDecoder, Pipe, ReplyOptions};

use crate::{CALLERS, Shape};

type Make = fn(usize) -> String;

/// Bytes come in pieces of this size.
const PIECE: usize = 8 * 1024;

const KINDS: [(&str, Dialect, Make); 9] = [
    ("comments", Dialect::OpenAiChat, |n| ": x\n\n".repeat(n)),
    ("lines of one event", Dialect::OpenAiChat, |n| format!("{}\n", "data:\n".repeat(n))),
    ("deltas", Dialect::OpenAiChat, |n| {
        events(n, |_| r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#.to_owned())
    }),
    ("call indexes", Dialect::OpenAiChat, |n| {
        events(n, |at| {
            format!(
                r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{at},"id":"c{at}","function":{{"name":"f","arguments":"{{"}}}}]}}}}]}}"#,
                at = at % 1_000
            )
        })
    }),
    ("calls that wait", Dialect::OpenAiChat, |n| {
        events(n, |at| {
            let text = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#.to_owned();
            let first = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]}}]}"#;
            let more = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":" "}}]}}]}"#;
            match at {
                0 => first.to_owned(),
                _ if at % 2 == 0 => more.to_owned(),
                _ => text,
            }
        })
    }),
    ("blocks", Dialect::AnthropicMessages, |n| {
        let mut all =
            r#"data: {"type":"message_start","message":{"id":"m","model":"m"}}"#.to_owned() + "\n\n";
        all += &events(n, |at| {
            format!(
                r#"{{"type":"content_block_start","index":{at},"content_block":{{"type":"tool_use","id":"c{at}","name":"f","input":{{}}}}}}"#
            )
        });
        all
    }),
    ("unknown events", Dialect::AnthropicMessages, |n| events(n, |at| format!(r#"{{"type":"x{at}"}}"#))),
    ("items", Dialect::OpenAiResponses, |n| {
        events(n, |at| {
            format!(
                r#"{{"type":"response.output_item.done","output_index":{at},"item":{{"type":"function_call","call_id":"c{at}","name":"f","arguments":"{{}}"}}}}"#
            )
        })
    }),
    ("parts", Dialect::Gemini, |n| {
        events(n, |_| {
            r#"{"candidates":[{"content":{"parts":[{"text":"a"},{"functionCall":{"name":"f","args":{}}}]}}]}"#
                .to_owned()
        })
    }),
];

pub(crate) fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for (kind, upstream, make) in KINDS {
        for caller in CALLERS {
            let name = format!("{kind} of a stream: {caller} ← {upstream}");
            shapes.push(Shape::new(
                name,
                move |n| make(n).into_bytes(),
                move |bytes| run(upstream, caller, bytes),
            ));
        }
    }
    shapes
}

fn run(upstream: Dialect, caller: Dialect, bytes: &[u8]) {
    let options = ReplyOptions::default();
    let mut pipe = if upstream == caller {
        Pipe::passthrough(caller, false, options, true, false)
    } else {
        Pipe::translating(upstream, caller, options, true, false)
    };
    let mut decoder = FrameDecoder::of(upstream);
    let mut out = Vec::new();
    for piece in bytes.chunks(PIECE) {
        decoder.push(piece);
        while let Ok(Some(event)) = decoder.next_event() {
            pipe.push(&event, &mut out);
        }
        out.clear();
    }
    pipe.finish(&mut out);
}

fn events(count: usize, one: impl Fn(usize) -> String) -> String {
    let mut all = String::new();
    for at in 0..count {
        let _ = write!(all, "data: {}\n\n", one(at));
    }
    all
}
