//! Bodies made to cost time: many of one thing, or one thing in another many times over. Twice as many must cost about
//! twice as much. A debug build's minute is what a quadratic loop needs for these; a linear one needs a second.

use std::fmt::Write as _;

use crate::{Dialect, NOTE_LIMIT, ReplyOptions, TranslateError, translate_request, translate_response};

const UPSTREAMS: [Dialect; 5] = Dialect::ALL;

fn listed(count: usize, one: impl Fn(usize) -> String) -> String {
    let mut list = String::new();
    for at in 0..count {
        if at > 0 {
            list.push(',');
        }
        let _ = write!(list, "{}", one(at));
    }
    list
}

fn body(dialect: Dialect, messages: &str, more: &str) -> String {
    match dialect {
        Dialect::OpenAiResponses => format!(r#"{{"model":"m","input":[{messages}]{more}}}"#),
        Dialect::Gemini => format!(r#"{{"_url":{{"model":"m"}},"contents":[{messages}]{more}}}"#),
        Dialect::OpenAiChat | Dialect::AnthropicMessages | Dialect::BedrockConverse => {
            format!(r#"{{"model":"m","max_tokens":9,"messages":[{messages}]{more}}}"#)
        }
    }
}

/// A conversation of calls and results, each dialect's own way.
fn calls(dialect: Dialect, count: usize) -> String {
    let turns = match dialect {
        Dialect::OpenAiResponses => listed(count, |at| {
            format!(
                r#"{{"type":"function_call","call_id":"c{at}","name":"t{at}","arguments":"{{}}"}},{{"type":"function_call_output","call_id":"c{at}","output":"o"}}"#
            )
        }),
        Dialect::AnthropicMessages => listed(count, |at| {
            format!(
                r#"{{"role":"assistant","content":[{{"type":"tool_use","id":"c{at}","name":"t{at}","input":{{}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c{at}","content":"o"}}]}}"#
            )
        }),
        Dialect::Gemini => listed(count, |at| {
            format!(
                r#"{{"role":"model","parts":[{{"functionCall":{{"name":"t{at}","args":{{}}}}}}]}},{{"parts":[{{"functionResponse":{{"name":"t{at}","response":{{"output":"o"}}}}}}]}}"#
            )
        }),
        Dialect::OpenAiChat | Dialect::BedrockConverse => listed(count, |at| {
            format!(
                r#"{{"role":"assistant","tool_calls":[{{"id":"c{at}","type":"function","function":{{"name":"t{at}","arguments":"{{}}"}}}}]}},{{"role":"tool","tool_call_id":"c{at}","content":"o"}}"#
            )
        }),
    };
    let user = match dialect {
        Dialect::Gemini => r#"{"parts":[{"text":"go on"}]}"#,
        Dialect::OpenAiChat
        | Dialect::OpenAiResponses
        | Dialect::AnthropicMessages
        | Dialect::BedrockConverse => r#"{"role":"user","content":"go on"}"#,
    };
    body(dialect, &format!("{turns},{user}"), "")
}

#[test]
fn no_wide_request_costs_more_than_its_length() {
    let (chat, messages, responses) =
        (Dialect::OpenAiChat, Dialect::AnthropicMessages, Dialect::OpenAiResponses);
    let members = listed(40_000, |at| format!(r#""f{at}":1"#));
    let file =
        |_| r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"}}"#.to_owned();
    let seal = |at| {
        format!(
            r#"{{"type":"redacted_thinking","data":"sy1.gemini.x"}},{{"type":"tool_use","id":"c{at}","name":"t","input":{{}}}}"#
        )
    };
    let results =
        listed(15_000, |at| format!(r#"{{"type":"tool_result","tool_use_id":"c{at}","content":"o"}}"#));
    let gemini = Dialect::Gemini;
    // Many calls at once, answered from the last to the first.
    let parallel = format!(
        r#"{{"role":"model","parts":[{}]}},{{"parts":[{}]}}"#,
        listed(15_000, |at| format!(r#"{{"functionCall":{{"id":"c{at}","name":"t"}}}}"#)),
        listed(15_000, |at| format!(
            r#"{{"functionResponse":{{"id":"c{}","name":"t","response":{{}}}}}}"#,
            14_999 - at
        )),
    );
    let properties = listed(15_000, |at| format!(r#""p{at}":{{"type":"string"}}"#));
    let required = listed(15_000, |at| format!(r#""p{at}""#));
    let schema = format!(
        r#"{{"type":"object","properties":{{{properties}}},"required":[{required}],"additionalProperties":false}}"#
    );
    let long_name = format!(
        r#"{{"type":"object","properties":{{"{}":{{"type":"object","properties":{{{}}}}}}}}}"#,
        "n".repeat(200_000),
        listed(5_000, |at| format!(r#""p{at}":{{"const":1,"x":2}}"#))
    );
    let tool = |schema: &str, strict: bool| {
        format!(
            r#","tools":[{{"type":"function","function":{{"name":"t","strict":{strict},"parameters":{schema}}}}}]"#
        )
    };
    let hi = r#"{"role":"user","content":"hi"}"#;
    let bodies = [
        (chat, body(chat, &format!(r#"{{"role":"user","content":"hi",{members}}}"#), "")),
        (chat, body(chat, hi, &format!(",{members}"))),
        (
            chat,
            body(chat, &listed(20_000, |at| format!(r#"{{"role":"user","content":"hi","x{at}":1}}"#)), ""),
        ),
        (chat, calls(chat, 10_000)),
        (messages, calls(messages, 10_000)),
        (responses, calls(responses, 10_000)),
        (gemini, calls(gemini, 10_000)),
        (gemini, body(gemini, &parallel, "")),
        (
            gemini,
            body(gemini, &format!(r#"{{"parts":[{{"text":"hi"}}],{members}}}"#), &format!(",{members}")),
        ),
        (
            gemini,
            body(
                gemini,
                r#"{"parts":{"text":"hi"}}"#,
                &format!(r#","tools":{{"functionDeclarations":{{"name":"t","parameters":{schema}}}}}"#),
            ),
        ),
        (messages, body(messages, &format!(r#"{{"role":"user","content":[{}]}}"#, listed(4_000, file)), "")),
        (
            messages,
            body(
                messages,
                &format!(
                    r#"{{"role":"assistant","content":[{}]}},{{"role":"user","content":[{results}]}}"#,
                    listed(15_000, seal)
                ),
                "",
            ),
        ),
        (chat, body(chat, hi, &tool(&schema, true))),
        (chat, body(chat, hi, &tool(&long_name, true))),
    ];
    for (from, body) in &bodies {
        for to in UPSTREAMS {
            match translate_request(*from, to, body.as_bytes(), "claude-sonnet-4-5") {
                Ok(translated) => assert!(translated.degraded.len() <= NOTE_LIMIT + 1, "{from} to {to}"),
                Err(
                    TranslateError::Invalid { field, message }
                    | TranslateError::Unsupported { field, message },
                ) => {
                    assert!(field.len() + message.len() < 1_000, "{from} to {to}: {} bytes", message.len());
                }
            }
        }
    }
}

#[test]
fn results_within_results_cost_no_stack() {
    let deep = 50_000;
    let opened = r#"[{"type":"tool_result","tool_use_id":"a","content":"#.repeat(deep);
    let nested = format!("{opened}\"x\"{}", "}]".repeat(deep));
    let message = format!(r#"{{"role":"user","content":{nested}}}"#);
    let body = body(Dialect::AnthropicMessages, &message, "");
    // The inner ones are left out unread; the outer one answers no call.
    let error = translate_request(Dialect::AnthropicMessages, Dialect::OpenAiChat, body.as_bytes(), "m");
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "messages[0].content[0].tool_use_id: \"a\" is the id of no call before it");
}

#[test]
fn no_wide_answer_costs_more_than_its_length() {
    let calls =
        listed(20_000, |at| format!(r#"{{"id":"c{at}","function":{{"name":"f","arguments":"{{}}"}}}}"#));
    let blocks = listed(20_000, |_| r#"{"type":"server_tool_use"}"#.to_owned());
    let items = listed(20_000, |at| format!(r#"{{"type":"web_search_call","id":"i{at}"}}"#));
    let parts = listed(20_000, |_| r#"{"inlineData":{}}"#.to_owned());
    let answers = [
        (
            Dialect::OpenAiChat,
            format!(
                r#"{{"choices":[{{"message":{{"tool_calls":[{calls}]}},"finish_reason":"tool_calls"}}]}}"#
            ),
        ),
        (Dialect::AnthropicMessages, format!(r#"{{"content":[{blocks}],"stop_reason":"end_turn"}}"#)),
        (Dialect::OpenAiResponses, format!(r#"{{"status":"completed","output":[{items}]}}"#)),
        (
            Dialect::Gemini,
            format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}},"finishReason":"STOP"}}]}}"#),
        ),
    ];
    for (from, body) in &answers {
        for to in [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages, Dialect::Gemini]
        {
            let translated =
                translate_response(*from, to, body.as_bytes(), &ReplyOptions::default()).unwrap();
            assert!(translated.degraded.len() <= NOTE_LIMIT + 1, "{from} to {to}");
        }
    }
}
