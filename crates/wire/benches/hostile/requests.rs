//! Requests: the pass over the body, and the translation for every upstream.

use switchyard_domain::Operation;
use switchyard_wire::{Dialect, Envelope, strip_all_seals, strip_foreign_seals, translate_request};

use crate::{CALLERS, Shape, listed};

type Make = fn(Dialect, usize) -> String;

/// By what there is much of.
const KINDS: [(&str, Make); 14] = [
    ("unknown members of the body", |caller, n| body(caller, &user("hi"), &format!(",{}", members(n)))),
    ("unknown members of a message", |caller, n| {
        body(caller, &format!(r#"{{"role":"user","content":"hi",{}}}"#, members(n)), "")
    }),
    ("messages", |caller, n| body(caller, &listed(n, |_| user("hi")), "")),
    ("messages with a name each", |caller, n| {
        body(
            caller,
            &listed(n, |at| format!(r#"{{"role":"user","content":"hi","name":"n{at}","x{at}":1}}"#)),
            "",
        )
    }),
    ("system messages", |caller, n| {
        body(
            caller,
            &format!("{},{}", user("hi"), listed(n, |_| r#"{"role":"system","content":"s"}"#.to_owned())),
            "",
        )
    }),
    ("content parts", |caller, n| {
        let part = if caller == Dialect::OpenAiResponses { "input_text" } else { "text" };
        let parts = listed(n, |_| format!(r#"{{"type":"{part}","text":"a"}}"#));
        body(caller, &format!(r#"{{"role":"user","content":[{parts}]}}"#), "")
    }),
    ("documents without a name", |caller, n| {
        let part = match caller {
            Dialect::OpenAiChat => {
                r#"{"type":"file","file":{"file_data":"data:application/pdf;base64,JVBERi0="}}"#
            }
            Dialect::OpenAiResponses => {
                r#"{"type":"input_file","file_data":"data:application/pdf;base64,JVBERi0="}"#
            }
            Dialect::AnthropicMessages | Dialect::Gemini | Dialect::BedrockConverse => {
                r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"}}"#
            }
        };
        body(caller, &format!(r#"{{"role":"user","content":[{}]}}"#, listed(n, |_| part.to_owned())), "")
    }),
    ("calls and results", calls),
    ("calls of one id", |caller, n| calls(caller, n).replace(|c: char| c.is_ascii_digit(), "7")),
    ("tools", |caller, n| {
        let tools = listed(n, |at| tool(caller, &format!("t{at}"), r#"{"type":"object","properties":{}}"#));
        body(caller, &user("hi"), &format!(r#","tools":[{tools}]"#))
    }),
    ("properties of a strict schema", |caller, n| {
        let properties = listed(n, |at| format!(r#""p{at}":{{"type":"string"}}"#));
        let required = listed(n, |at| format!(r#""p{at}""#));
        let schema = format!(
            r#"{{"type":"object","properties":{{{properties}}},"required":[{required}],"additionalProperties":false}}"#
        );
        body(caller, &user("hi"), &format!(r#","tools":[{}]"#, tool(caller, "t", &schema)))
    }),
    ("properties under a long name", |caller, n| {
        let properties = listed(n, |at| format!(r#""p{at}":{{"const":1,"x":2}}"#));
        let name = "n".repeat(n * 10);
        let schema = format!(
            r#"{{"type":"object","properties":{{"{name}":{{"type":"object","properties":{{{properties}}}}}}}}}"#
        );
        body(caller, &user("hi"), &format!(r#","tools":[{}]"#, tool(caller, "t", &schema)))
    }),
    ("contents in contents", |caller, n| {
        let nested = format!(
            "{}\"x\"{}",
            r#"[{"type":"tool_result","tool_use_id":"a","content":"#.repeat(n),
            "}]".repeat(n)
        );
        body(caller, &format!(r#"{{"role":"user","content":{nested}}}"#), "")
    }),
    ("seals before calls", |caller, n| {
        let seal = |at| {
            format!(
                r#"{{"type":"redacted_thinking","data":"sy1.gemini.x"}},{{"type":"tool_use","id":"c{at}","name":"t","input":{{}}}}"#
            )
        };
        body(caller, &format!(r#"{{"role":"assistant","content":[{}]}}"#, listed(n, seal)), "")
    }),
];

pub(crate) fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for (kind, make) in KINDS {
        for caller in CALLERS {
            let made = move |n| make(caller, n).into_bytes();
            shapes.push(Shape::new(format!("{kind}: {caller}, read"), made, move |body| {
                let _ = Envelope::read(caller, Operation::Complete, body);
            }));
            for upstream in Dialect::ALL.into_iter().filter(|upstream| *upstream != caller) {
                shapes.push(Shape::new(format!("{kind}: {caller} for {upstream}"), made, move |body| {
                    let _ = translate_request(caller, upstream, body, "claude-sonnet-4-5");
                }));
            }
            if kind.starts_with("seals") || kind.starts_with("calls") {
                shapes.push(Shape::new(format!("{kind}: {caller}, unsealed"), made, move |body| {
                    let _ = strip_foreign_seals(caller, body, "m");
                    let _ = strip_all_seals(caller, body, "m");
                }));
            }
        }
    }
    shapes
}

fn members(n: usize) -> String {
    listed(n, |at| format!(r#""f{at}":1"#))
}

fn user(text: &str) -> String {
    format!(r#"{{"role":"user","content":"{text}"}}"#)
}

fn body(caller: Dialect, messages: &str, more: &str) -> String {
    let list = if caller == Dialect::OpenAiResponses { "input" } else { "messages" };
    let limit = if caller == Dialect::OpenAiResponses { "" } else { r#""max_tokens":9,"# };
    format!(r#"{{"model":"m",{limit}"{list}":[{messages}]{more}}}"#)
}

fn tool(caller: Dialect, name: &str, schema: &str) -> String {
    match caller {
        Dialect::OpenAiChat => {
            format!(
                r#"{{"type":"function","function":{{"name":"{name}","strict":true,"parameters":{schema}}}}}"#
            )
        }
        Dialect::OpenAiResponses => {
            format!(r#"{{"type":"function","name":"{name}","strict":true,"parameters":{schema}}}"#)
        }
        Dialect::AnthropicMessages | Dialect::Gemini | Dialect::BedrockConverse => {
            format!(r#"{{"name":"{name}","strict":true,"input_schema":{schema}}}"#)
        }
    }
}

fn calls(caller: Dialect, n: usize) -> String {
    let turns = match caller {
        Dialect::OpenAiResponses => listed(n, |at| {
            format!(
                r#"{{"type":"function_call","call_id":"c{at}","name":"t{at}","arguments":"{{}}"}},{{"type":"function_call_output","call_id":"c{at}","output":"o"}}"#
            )
        }),
        Dialect::OpenAiChat => listed(n, |at| {
            format!(
                r#"{{"role":"assistant","tool_calls":[{{"id":"c{at}","type":"function","function":{{"name":"t{at}","arguments":"{{}}"}}}}]}},{{"role":"tool","tool_call_id":"c{at}","content":"o"}}"#
            )
        }),
        Dialect::AnthropicMessages | Dialect::Gemini | Dialect::BedrockConverse => listed(n, |at| {
            format!(
                r#"{{"role":"assistant","content":[{{"type":"tool_use","id":"c{at}","name":"t{at}","input":{{}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c{at}","content":"o"}}]}}"#
            )
        }),
    };
    body(caller, &format!("{turns},{}", user("go on")), "")
}
