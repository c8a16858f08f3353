//! Single rules of the translation between chat and Messages.

use serde_json::{Value, json};

use super::dialects::translate_stream;
use super::summary::Summary;
use super::{Dialect, translate_request};
use crate::FinishReason;
use crate::pipe::StreamEnd;

const CHAT: Dialect = Dialect::OpenAiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;

/// A request written for another dialect, and the codes of what was noted.
fn translated(from: Dialect, to: Dialect, body: &Value, model: &str) -> (Value, Vec<&'static str>) {
    let translated = translate_request(from, to, body.to_string().as_bytes(), model).unwrap();
    let codes = translated.degraded.iter().map(|degraded| degraded.code).collect();
    (serde_json::from_slice(&translated.body).unwrap(), codes)
}

#[test]
fn a_conversation_keeps_its_tool_ids_over_a_failover_and_back() {
    let chat = br#"{"model":"auto","messages":[{"role":"user","content":"hi"},
        {"role":"assistant","tool_calls":[{"id":"call_x","type":"function","function":{"name":"f","arguments":"{\"a\":1.50}"}}]},
        {"role":"tool","tool_call_id":"call_x","content":"[tool error] boom"}],
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"max_tokens":9}"#;
    let there = translate_request(CHAT, MESSAGES, chat, "claude").unwrap();
    let back = translate_request(MESSAGES, CHAT, &there.body, "gpt").unwrap();
    let messages = serde_json::from_slice::<Value>(&back.body).unwrap()["messages"].clone();
    assert_eq!(messages[1]["tool_calls"][0]["id"], "call_x");
    assert_eq!(messages[1]["tool_calls"][0]["function"]["arguments"], "{\"a\":1.50}", "numbers as written");
    assert_eq!(messages[2]["tool_call_id"], "call_x");
    assert_eq!(messages[2]["content"], "[tool error] boom");
}

#[test]
fn what_cannot_be_carried_and_matters_is_refused_with_its_place() {
    let cases = [
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]}"#,
            "messages[0].content[0]: a part of type \"input_audio\"",
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#,
            "messages[0].content[0].file: a file stored with another provider",
        ),
        (
            CHAT,
            r#"{"messages":[],"functions":[{"name":"f"}]}"#,
            "functions: legacy functions; send `tools` instead",
        ),
        (CHAT, r#"{"messages":[],"n":2}"#, "n: several answers at once"),
        (CHAT, r#"{"messages":[],"logprobs":true}"#, "logprobs: log probabilities"),
        (
            CHAT,
            r#"{"messages":[],"modalities":["text","audio"]}"#,
            "modalities: answers in anything but text",
        ),
        (
            CHAT,
            r#"{"messages":[],"web_search_options":{}}"#,
            "web_search_options: a search the provider runs",
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"alien","content":"x"}]}"#,
            "messages[0].role: \"alien\" is not a role",
        ),
        (
            CHAT,
            r#"{"messages":[],"reasoning_effort":"huge"}"#,
            "reasoning_effort: must be none, minimal, low, medium, high or xhigh",
        ),
        (
            MESSAGES,
            r#"{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}"#,
            "messages[0].content[0].source.type: an image stored with another provider",
        ),
        (
            MESSAGES,
            r#"{"max_tokens":1,"messages":[],"tool_choice":{"type":"any"},"tools":[{"type":"web_search_20250305","name":"web_search"}]}"#,
            "tool_choice: only tools the provider runs",
        ),
        (MESSAGES, r#"{"messages":[]}"#, "max_tokens: is missing"),
    ];
    for (from, body, said) in cases {
        let to = if from == CHAT { MESSAGES } else { CHAT };
        let error = translate_request(from, to, body.as_bytes(), "m").unwrap_err();
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn openai_reasoning_models_get_the_members_they_accept() {
    let body = json!({"max_tokens": 9, "temperature": 0.2, "stop_sequences": ["x"],
        "thinking": {"type": "enabled", "budget_tokens": 2048}, "messages": [{"role": "user", "content": "hi"}]});
    let of = |model: &str| {
        let (body, codes) = translated(MESSAGES, CHAT, &body, model);
        let members = ["max_tokens", "max_completion_tokens", "temperature", "stop", "reasoning_effort"];
        (json!(members.map(|name| body[name].clone())), codes)
    };
    assert_eq!(of("gpt-4o-mini"), (json!([9, null, 0.2, ["x"], null]), vec!["reasoning_not_carried"]));
    assert_eq!(
        of("openai/gpt-5-mini"),
        (json!([null, 9, null, null, "medium"]), vec!["sampling_dropped", "stop_dropped"])
    );
}

#[test]
fn claude_thinks_in_the_way_its_model_takes() {
    let asked = |extra: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1000,
            "temperature": 0.5, "tools": [{"type": "function", "function": {"name": "f"}}]});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let high = asked(json!({"reasoning_effort": "high"}));
    let cases = [
        // A budget has to fit below max_tokens, and leaves no say in sampling.
        (
            "claude-sonnet-4-5",
            high.clone(),
            json!([{"type": "enabled", "budget_tokens": 24576}, null, 25576, null]),
            vec!["max_tokens_raised", "sampling_dropped"],
        ),
        (
            "sonnet-4.6",
            high.clone(),
            json!([{"type": "adaptive"}, {"effort": "high"}, 1000, null]),
            vec!["sampling_dropped"],
        ),
        (
            "claude-opus-4-6",
            asked(json!({"reasoning": {"max_tokens": 2000}})),
            json!([{"type": "enabled", "budget_tokens": 2000}, null, 3000, null]),
            vec!["max_tokens_raised", "sampling_dropped"],
        ),
        (
            "claude-opus-5",
            asked(json!({"reasoning": {"max_tokens": 2000, "exclude": false}})),
            json!([{"type": "adaptive", "display": "summarized"}, {"effort": "medium"}, 1000, null]),
            vec!["thinking_budget_as_effort", "sampling_dropped"],
        ),
        (
            "claude-3-5-haiku-latest",
            high.clone(),
            json!([null, null, 1000, 0.5]),
            vec!["reasoning_not_carried"],
        ),
        // What is forced shapes the answer more than thinking does.
        (
            "claude-sonnet-4-5",
            asked(json!({"reasoning_effort": "high", "tool_choice": "required"})),
            json!([null, null, 1000, 0.5]),
            vec!["reasoning_not_carried"],
        ),
        (
            "claude-sonnet-4-5",
            asked(json!({"reasoning_effort": "none"})),
            json!([null, null, 1000, 0.5]),
            vec![],
        ),
        (
            "claude-opus-5",
            asked(json!({"reasoning_effort": "none"})),
            json!([{"type": "disabled"}, null, 1000, null]),
            vec!["sampling_dropped"],
        ),
    ];
    for (model, body, expected, codes) in cases {
        let (got, noted) = translated(CHAT, MESSAGES, &body, model);
        let members = ["thinking", "output_config", "max_tokens", "temperature"];
        assert_eq!(
            (json!(members.map(|name| got[name].clone())), noted),
            (expected, codes),
            "{model} {body}"
        );
    }
}

#[test]
fn an_answer_begun_by_the_caller_goes_only_to_a_claude_that_goes_on_with_it() {
    let body = json!({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Well, \n"}]});
    let (got, _) = translated(CHAT, MESSAGES, &body, "claude-sonnet-4-5");
    assert_eq!(got["messages"][1]["content"], json!([{"type": "text", "text": "Well,"}]));
    let error =
        translate_request(CHAT, MESSAGES, body.to_string().as_bytes(), "claude-opus-4-6").unwrap_err();
    assert!(error.to_string().starts_with("messages[1]: an answer begun by the caller"), "{error}");
}

#[test]
fn a_schema_is_enforced_where_the_upstream_can() {
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let loose =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    let bounded = json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"], "additionalProperties": false});
    let chat = |schema: &Value, strict: bool| {
        let body = json!({"messages": [{"role": "user", "content": "hi"}], "response_format": {"type": "json_schema",
            "json_schema": {"name": "out", "schema": schema, "strict": strict}}});
        let (got, codes) = translated(CHAT, MESSAGES, &body, "claude-sonnet-4-5");
        (got["output_config"]["format"]["type"] == "json_schema", codes)
    };
    assert_eq!(chat(&closed, true), (true, vec![]));
    assert_eq!(chat(&closed, false), (false, vec!["json_schema_as_instruction"]));
    assert_eq!(chat(&bounded, true), (false, vec!["json_schema_as_instruction"]));
    let messages = |schema: &Value| {
        let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}],
            "output_config": {"format": {"type": "json_schema", "schema": schema}}});
        let (got, codes) = translated(MESSAGES, CHAT, &body, "gpt-4o");
        (got["response_format"]["json_schema"]["strict"].clone(), codes)
    };
    assert_eq!(messages(&closed), (json!(true), vec![]));
    assert_eq!(messages(&loose), (Value::Null, vec!["schema_not_enforced"]));
}

#[test]
fn images_of_parallel_results_wait_until_all_results_are_told() {
    let result = |id: &str| {
        json!({"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": id},
        {"type": "image", "source": {"type": "url", "url": "https://x/i.png"}}]})
    };
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    // A caller that sends each result as a message of its own.
    let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "go"},
        {"role": "assistant", "content": [call("a"), call("b")]},
        {"role": "user", "content": [result("a")]}, {"role": "user", "content": [result("b")]}]});
    let (got, codes) = translated(MESSAGES, CHAT, &body, "gpt-4o");
    let roles: Vec<&str> =
        got["messages"].as_array().unwrap().iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "user"]);
    assert_eq!(got["messages"][4]["content"].as_array().unwrap().len(), 2);
    assert_eq!(codes, ["tool_result_part_moved"]);
}

#[test]
fn the_seal_on_a_call_finds_its_way_through_a_messages_conversation() {
    let answer = br#"{"id":"c","model":"gemini-3-flash","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant",
        "tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"SIG"}}}]}}]}"#;
    let told = super::translate_response(CHAT, MESSAGES, answer, &super::dialects::options()).unwrap();
    let told: Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(told["content"][0], json!({"type": "redacted_thinking", "data": "sy1.gemini.SIG"}));
    let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "go"},
        {"role": "assistant", "content": told["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]}]});
    let (home, codes) = translated(MESSAGES, CHAT, &body, "gemini-3-flash");
    assert_eq!(home["messages"][1]["tool_calls"][0]["extra_content"]["google"]["thought_signature"], "SIG");
    assert_eq!(codes, [""; 0]);
    let (elsewhere, codes) = translated(MESSAGES, CHAT, &body, "gpt-4o");
    assert!(!elsewhere.to_string().contains("SIG"), "{elsewhere}");
    assert_eq!(codes, ["thinking_dropped"]);
}

#[test]
fn calls_that_share_an_index_are_told_apart_by_their_ids() {
    let stream = br#"data: {"id":"1","model":"gemini","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}

"#;
    let outcome = translate_stream(CHAT, MESSAGES, &[stream]);
    assert_eq!(outcome.end, StreamEnd::Complete, "a finish reason without [DONE] is an end");
    let seen = Summary::of_stream(MESSAGES, &outcome.out);
    let call = |id: &str, name: &str, input| (id.to_owned(), name.to_owned(), input);
    assert_eq!(seen.calls, [call("a", "f", json!({"x": 1})), call("b", "g", json!({}))]);
    assert_eq!(seen.finish, Some(FinishReason::ToolCalls), "a Messages caller must run its tools");
}

#[test]
fn an_end_without_a_beginning_is_a_cut() {
    let outcome = translate_stream(CHAT, MESSAGES, &[b"data: [DONE]\n\n"]);
    assert_eq!((outcome.end, outcome.out), (StreamEnd::Cut, Vec::new()));
}

#[test]
fn an_error_inside_a_stream_ends_it() {
    let chat = br#"data: {"error":{"message":"overloaded","type":"server_error"}}

"#;
    let messages = b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    assert_eq!(translate_stream(CHAT, MESSAGES, &[chat]).end, StreamEnd::Failed);
    assert_eq!(translate_stream(MESSAGES, CHAT, &[messages]).end, StreamEnd::Failed);
}

#[test]
fn a_model_that_refuses_in_words_ends_as_openais_own_does() {
    let refused = br#"{"id":"m","model":"claude","content":[],"stop_reason":"refusal","usage":{"input_tokens":1,"output_tokens":1},
        "stop_details":{"type":"refusal","category":null,"explanation":"Not that."}}"#;
    let withheld = br#"{"output":{"message":{"role":"assistant","content":[{"text":"Blocked."}]}},"stopReason":"guardrail_intervened","usage":{"inputTokens":1,"outputTokens":1}}"#;
    let told = |from, body: &[u8]| {
        let told = super::translate_response(from, CHAT, body, &super::dialects::options()).unwrap();
        let choice = serde_json::from_slice::<Value>(&told.body).unwrap()["choices"][0].clone();
        (choice["message"]["refusal"].clone(), choice["finish_reason"].clone())
    };
    assert_eq!(told(MESSAGES, refused), (json!("Not that."), json!("stop")));
    assert_eq!(told(Dialect::BedrockConverse, withheld), (Value::Null, json!("content_filter")));
}

#[test]
fn geminis_seal_on_a_text_finds_its_way_through_a_chat_conversation() {
    let answer = br#"{"responseId":"g","modelVersion":"gemini-3-flash","candidates":[{"content":{"parts":[{"text":"Hi","thoughtSignature":"SIG"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1}}"#;
    let whole =
        super::translate_response(Dialect::Gemini, CHAT, answer, &super::dialects::options()).unwrap();
    assert_eq!(whole.degraded, []);
    let message = serde_json::from_slice::<Value>(&whole.body).unwrap()["choices"][0]["message"].clone();
    let stream = [b"data: ".as_slice(), answer, b"\n\n"].concat();
    let streamed = translate_stream(Dialect::Gemini, CHAT, &[&stream]);
    assert_eq!(streamed.degraded, []);
    let chunks = String::from_utf8(streamed.out).unwrap();
    let deltas = chunks.lines().filter_map(|line| {
        let chunk: Value = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
        Some(chunk["choices"][0]["delta"]["extra_content"].clone()).filter(Value::is_object)
    });
    assert_eq!(deltas.collect::<Vec<_>>(), [message["extra_content"].clone()], "one delta has it");
    let body =
        json!({"messages": [{"role": "user", "content": "go"}, message, {"role": "user", "content": "on"}]});
    let (home, codes) = translated(CHAT, Dialect::Gemini, &body, "gemini-3-flash");
    assert_eq!(home["contents"][1]["parts"], json!([{"text": "Hi", "thoughtSignature": "SIG"}]));
    assert_eq!(codes, [""; 0]);
    let (elsewhere, codes) = translated(CHAT, MESSAGES, &body, "claude-sonnet-4-5");
    assert!(!elsewhere.to_string().contains("SIG"), "{elsewhere}");
    assert_eq!(codes, ["thinking_dropped"]);
}

#[test]
fn wishes_for_speed_or_storage_are_told_apart_from_what_is_lost() {
    let chat = json!({"messages": [{"role": "user", "content": "hi"}], "prediction": {"type": "content", "content": "x"},
        "service_tier": "flex", "verbosity": "low", "store": true, "prompt_cache_key": "k", "logit_bias": {"1": 2}});
    let cached = json!({"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}});
    let messages = json!({"max_tokens": 99, "messages": [{"role": "user", "content": [cached]}]});
    let fields = |noted: &[crate::Degradation]| -> Vec<String> {
        let mut fields: Vec<_> = noted.iter().map(|noted| noted.field.clone()).collect();
        fields.sort();
        fields
    };
    for to in [Dialect::Gemini, Dialect::BedrockConverse, MESSAGES, Dialect::OpenAiResponses] {
        let got = translate_request(CHAT, to, chat.to_string().as_bytes(), "m").unwrap();
        if to == Dialect::OpenAiResponses {
            assert_eq!(fields(&got.degraded), ["logit_bias"], "{to}");
            // OpenAI's two dialects have the same words for these.
            assert_eq!(fields(&got.hints), ["prediction", "store", "verbosity"]);
            let body: Value = serde_json::from_slice(&got.body).unwrap();
            assert_eq!((&body["service_tier"], &body["prompt_cache_key"]), (&json!("flex"), &json!("k")));
            continue;
        }
        assert_eq!(fields(&got.degraded), ["logit_bias", "service_tier"], "{to}");
        let wishes = ["prediction", "prompt_cache_key", "store", "verbosity"];
        assert_eq!(fields(&got.hints), wishes, "{to}");
    }
    for to in [Dialect::Gemini, CHAT, Dialect::OpenAiResponses] {
        let got = translate_request(MESSAGES, to, messages.to_string().as_bytes(), "m").unwrap();
        assert_eq!(got.degraded, [], "{to}");
        let codes: Vec<_> = got.hints.iter().map(|noted| noted.code).collect();
        assert_eq!(codes, ["cache_ttl_dropped", "cache_hint_dropped"], "{to}");
    }
}

#[test]
fn a_service_tier_that_is_left_out_is_told() {
    let messages = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let chat = json!({"messages": [{"role": "user", "content": "hi"}]});
    for (from, to, body, member, told) in [
        (MESSAGES, CHAT, &messages, json!({"service_tier": "standard_only"}), &["service_tier"][..]),
        (MESSAGES, Dialect::Gemini, &messages, json!({"service_tier": "standard_only"}), &["service_tier"]),
        (MESSAGES, CHAT, &messages, json!({"service_tier": "auto"}), &[]),
        (CHAT, MESSAGES, &chat, json!({"service_tier": "flex"}), &["service_tier"]),
        (CHAT, MESSAGES, &chat, json!({"service_tier": "auto"}), &[]),
        (CHAT, MESSAGES, &chat, json!({"service_tier": "default"}), &[]),
        (CHAT, Dialect::OpenAiResponses, &chat, json!({"service_tier": "flex"}), &[]),
    ] {
        let mut body = body.clone();
        body.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        let got = translate_request(from, to, body.to_string().as_bytes(), "m").unwrap();
        let fields: Vec<_> = got.degraded.iter().map(|noted| &*noted.field).collect();
        assert_eq!(fields, told, "{member} from {from} to {to}");
    }
}

#[test]
fn a_refusal_names_the_callers_own_field() {
    let body =
        json!({"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "stop_sequences": [" "]});
    let got =
        translate_request(MESSAGES, Dialect::BedrockConverse, body.to_string().as_bytes(), "m").unwrap();
    assert_eq!(got.degraded[0].field, "stop_sequences");
    let body = json!({"input": [{"role": "assistant", "content": " "}]});
    let error = translate_request(
        Dialect::OpenAiResponses,
        Dialect::BedrockConverse,
        body.to_string().as_bytes(),
        "m",
    );
    assert_eq!(error.unwrap_err().field(), Some("input"));
}
