use serde_json::{Value, json};

use crate::Dialect::{AnthropicMessages, BedrockConverse, Gemini, OpenAiChat, OpenAiResponses};
use crate::{Dialect, TranslateError, translate_request};

const CALLERS: [Dialect; 3] = [OpenAiChat, OpenAiResponses, AnthropicMessages];
const UPSTREAMS: [Dialect; 5] = [OpenAiChat, OpenAiResponses, AnthropicMessages, Gemini, BedrockConverse];

/// A step of a conversation.
#[derive(Clone, Copy)]
enum Step {
    Says,
    /// A turn of the model with these calls.
    Calls(&'static [&'static str]),
    Answers(&'static str),
}
use Step::{Answers, Calls, Says};

/// The conversation as a caller of the dialect writes it.
fn request(caller: Dialect, steps: &[Step]) -> Value {
    let mut said = Vec::new();
    for step in steps {
        match (caller, step) {
            (_, Says) => said.push(json!({"role": "user", "content": "go"})),
            (_, Calls(ids)) => calls(caller, ids, &mut said),
            (OpenAiResponses, Answers(id)) => {
                said.push(json!({"type": "function_call_output", "call_id": id, "output": "ok"}));
            }
            (AnthropicMessages, Answers(id)) => {
                let result = json!({"type": "tool_result", "tool_use_id": id, "content": "ok"});
                said.push(json!({"role": "user", "content": [result]}));
            }
            (OpenAiChat | Gemini | BedrockConverse, Answers(id)) => {
                said.push(json!({"role": "tool", "tool_call_id": id, "content": "ok"}));
            }
        }
    }
    match caller {
        OpenAiResponses => json!({"input": said, "tools": [{"type": "function", "name": "f"}]}),
        AnthropicMessages => {
            let tool = json!({"name": "f", "input_schema": {"type": "object"}});
            json!({"max_tokens": 9, "messages": said, "tools": [tool]})
        }
        OpenAiChat | Gemini | BedrockConverse => {
            json!({"messages": said, "tools": [{"type": "function", "function": {"name": "f"}}]})
        }
    }
}

/// A turn of the model.
fn calls(caller: Dialect, ids: &[&str], said: &mut Vec<Value>) {
    let call = |id: &&str| match caller {
        OpenAiResponses => json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"}),
        AnthropicMessages => json!({"type": "tool_use", "id": id, "name": "f", "input": {}}),
        OpenAiChat | Gemini | BedrockConverse => {
            json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}})
        }
    };
    let calls: Vec<Value> = ids.iter().map(call).collect();
    match caller {
        OpenAiResponses => said.extend(calls),
        AnthropicMessages => said.push(json!({"role": "assistant", "content": calls})),
        OpenAiChat | Gemini | BedrockConverse => {
            said.push(json!({"role": "assistant", "tool_calls": calls}));
        }
    }
}

fn translated(from: Dialect, to: Dialect, body: &Value) -> Result<Value, TranslateError> {
    let translated = translate_request(from, to, body.to_string().as_bytes(), "m")?;
    Ok(serde_json::from_slice(&translated.body).unwrap())
}

fn assert_refused(from: Dialect, body: &Value, field: &str) {
    for to in UPSTREAMS.into_iter().filter(|to| *to != from) {
        match translated(from, to, body) {
            Err(TranslateError::Invalid { field: named, .. }) => {
                assert_eq!(named, field, "{from} to {to}: {body}");
            }
            other => panic!("{from} to {to}: {body} is {other:?}"),
        }
    }
}

#[test]
fn a_result_answers_one_call_before_it_and_a_call_has_one_result() {
    let cases: [(&[Step], [&str; 3]); 7] = [
        (
            &[Says, Calls(&["a"]), Answers("b")],
            ["messages[2].tool_call_id", "input[2].call_id", "messages[2].content[0].tool_use_id"],
        ),
        (
            &[Says, Answers("a"), Calls(&["a"])],
            ["messages[1].tool_call_id", "input[1].call_id", "messages[1].content[0].tool_use_id"],
        ),
        (
            &[Says, Calls(&["a"]), Answers("a"), Answers("a")],
            ["messages[3].tool_call_id", "input[3].call_id", "messages[3].content[0].tool_use_id"],
        ),
        (
            &[Says, Calls(&["a"])],
            ["messages[1].tool_calls[0].id", "input[1].call_id", "messages[1].content[0].id"],
        ),
        (
            &[Says, Calls(&["a", "b"]), Answers("a"), Says],
            ["messages[1].tool_calls[1].id", "input[2].call_id", "messages[1].content[1].id"],
        ),
        (
            &[Says, Calls(&["a", "a"]), Answers("a"), Answers("a")],
            ["messages[1].tool_calls[1].id", "input[2].call_id", "messages[1].content[1].id"],
        ),
        (
            &[Says, Calls(&["a"]), Says, Calls(&["a"]), Answers("a")],
            ["messages[3].tool_calls[0].id", "input[3].call_id", "messages[3].content[0].id"],
        ),
    ];
    for (steps, fields) in cases {
        for (caller, field) in CALLERS.into_iter().zip(fields) {
            assert_refused(caller, &request(caller, steps), field);
        }
    }
}

#[test]
fn answered_calls_pass_in_any_order() {
    let steps = [Says, Calls(&["a", "b"]), Answers("b"), Answers("a"), Says];
    for from in CALLERS {
        for to in UPSTREAMS.into_iter().filter(|to| *to != from) {
            translated(from, to, &request(from, &steps)).unwrap();
        }
    }
}

#[test]
fn an_id_used_again_in_a_later_turn_is_told_apart_for_upstreams_that_want_it_unique() {
    let turn = [Says, Calls(&["call_0"]), Answers("call_0")];
    let counted: Vec<Step> =
        [&turn[..], &[Says, Calls(&["call_0-2"]), Answers("call_0-2")], &turn, &turn].concat();
    let ids_of = |from| {
        let written = translated(from, AnthropicMessages, &request(from, &counted)).unwrap();
        let mut ids = Vec::new();
        for message in written["messages"].as_array().unwrap() {
            for block in message["content"].as_array().unwrap() {
                ids.extend(block["id"].as_str().map(str::to_owned));
                ids.extend(block["tool_use_id"].as_str().map(|id| format!("to {id}")));
            }
        }
        ids
    };
    let wanted = [
        "call_0",
        "to call_0",
        "call_0-2",
        "to call_0-2",
        "call_0-3",
        "to call_0-3",
        "call_0-4",
        "to call_0-4",
    ];
    assert_eq!(ids_of(OpenAiChat), wanted);
    assert_eq!(ids_of(OpenAiResponses), wanted);
    let field = "messages[7].content[0].id";
    assert_refused(AnthropicMessages, &request(AnthropicMessages, &counted), field);
}

#[test]
fn a_tool_that_is_to_be_called_is_offered() {
    let cases = [
        (OpenAiChat, json!({"type": "function", "function": {"name": "g"}}), "tool_choice.function.name"),
        (OpenAiResponses, json!({"type": "function", "name": "g"}), "tool_choice.name"),
    ];
    for (caller, choice, field) in cases {
        let mut body = request(caller, &[Says]);
        body["tool_choice"] = choice;
        assert_refused(caller, &body, field);
    }
}
