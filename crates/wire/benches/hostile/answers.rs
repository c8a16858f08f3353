//! Whole answers: looked into, and translated for every caller.

use switchyard_domain::Operation;
use switchyard_wire::{Dialect, ReplyOptions, inspect_ok_body, translate_response};

use crate::{CALLERS, Shape, listed};

type Make = fn(usize) -> String;

const KINDS: [(&str, Dialect, Make); 7] = [
    ("calls", Dialect::OpenAiChat, |n| {
        let calls =
            listed(n, |at| format!(r#"{{"id":"c{at}","function":{{"name":"f","arguments":"{{}}"}}}}"#));
        format!(r#"{{"choices":[{{"message":{{"tool_calls":[{calls}]}},"finish_reason":"tool_calls"}}]}}"#)
    }),
    ("choices", Dialect::OpenAiChat, |n| {
        let choices =
            listed(n, |at| format!(r#"{{"index":{at},"message":{{"content":"x"}},"finish_reason":"stop"}}"#));
        format!(r#"{{"choices":[{choices}]}}"#)
    }),
    ("blocks", Dialect::AnthropicMessages, |n| {
        let blocks = listed(n, |at| {
            format!(r#"{{"type":"server_tool_use","id":"{at}"}},{{"type":"text","text":"x"}}"#)
        });
        format!(r#"{{"content":[{blocks}],"stop_reason":"end_turn"}}"#)
    }),
    ("thoughts", Dialect::AnthropicMessages, |n| {
        let blocks = listed(n, |_| r#"{"type":"thinking","thinking":"x","signature":"s"}"#.to_owned());
        format!(r#"{{"content":[{blocks}],"stop_reason":"end_turn"}}"#)
    }),
    ("items", Dialect::OpenAiResponses, |n| {
        let items = listed(n, |at| {
            format!(
                r#"{{"type":"web_search_call","id":"i{at}"}},{{"type":"message","content":[{{"type":"output_text","text":"x"}}]}}"#
            )
        });
        format!(r#"{{"status":"completed","output":[{items}]}}"#)
    }),
    ("parts", Dialect::Gemini, |n| {
        let parts =
            listed(n, |_| r#"{"inlineData":{}},{"functionCall":{"name":"f","args":{"a": 1}}}"#.to_owned());
        format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}},"finishReason":"STOP"}}]}}"#)
    }),
    ("blocks", Dialect::BedrockConverse, |n| {
        let blocks = listed(n, |at| format!(r#"{{"image":{{"x{at}":1}}}},{{"text":"x"}}"#));
        format!(
            r#"{{"output":{{"message":{{"role":"assistant","content":[{blocks}]}}}},"stopReason":"end_turn","usage":{{"inputTokens":1,"outputTokens":1,"totalTokens":2}}}}"#
        )
    }),
];

pub(crate) fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for (kind, upstream, make) in KINDS {
        let made = move |n| make(n).into_bytes();
        shapes.push(Shape::new(format!("{kind} of an answer: {upstream}, read"), made, move |body| {
            let _ = inspect_ok_body(upstream, Operation::Complete, None, body);
        }));
        for caller in CALLERS.into_iter().filter(|caller| *caller != upstream) {
            shapes.push(Shape::new(
                format!("{kind} of an answer: {caller} ← {upstream}"),
                made,
                move |body| {
                    let _ = translate_response(upstream, caller, body, &ReplyOptions::default());
                },
            ));
        }
    }
    shapes
}
