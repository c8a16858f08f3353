use super::*;

const CHAT: Dialect = Dialect::OpenAiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;
const RESPONSES: Dialect = Dialect::OpenAiResponses;

#[test]
fn what_was_said_is_put_at_the_end_and_nothing_else_changes() {
    let cases = [
        // Chat: a new message, with what JSON must escape.
        (
            CHAT,
            r#"{ "messages" : [ {"role":"user","content":"Hi \u0041"} ] , "x":1e3 }"#,
            "Say \"hi\",\n",
            r#"{ "messages" : [ {"role":"user","content":"Hi \u0041"},{"role":"assistant","content":"Say \"hi\","} ] , "x":1e3 }"#,
        ),
        // The caller's own beginning, as a text and as parts.
        (
            MESSAGES,
            r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Well, \"I"}]}"#,
            " am\" here ",
            r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Well, \"I am\" here"}]}"#,
        ),
        (
            MESSAGES,
            r#"{"messages":[{"role":"assistant","content":[{"type":"text","text":"We","cache_control":null}]}]}"#,
            "ll",
            r#"{"messages":[{"role":"assistant","content":[{"type":"text","text":"Well","cache_control":null}]}]}"#,
        ),
        // A tool call is no beginning of a text.
        (
            CHAT,
            r#"{"messages":[{"role":"assistant","content":"Let me see","tool_calls":[{"id":"a"}]}]}"#,
            "ll",
            r#"{"messages":[{"role":"assistant","content":"Let me see","tool_calls":[{"id":"a"}]},{"role":"assistant","content":"ll"}]}"#,
        ),
        // Responses: a text becomes a list; a list grows.
        (
            RESPONSES,
            r#"{"input":"Hi","model":"m"}"#,
            "Hello",
            r#"{"input":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}],"model":"m"}"#,
        ),
        (
            RESPONSES,
            r#"{"input":[{"type":"function_call_output","call_id":"a","output":"1"}]}"#,
            "Hello",
            r#"{"input":[{"type":"function_call_output","call_id":"a","output":"1"},{"role":"assistant","content":"Hello"}]}"#,
        ),
        // Nothing to go on from.
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":"Hi"}]}"#,
            " \n",
            r#"{"messages":[{"role":"user","content":"Hi"}]}"#,
        ),
    ];
    for (dialect, body, said, expected) in cases {
        let out = continue_request(dialect, body.as_bytes(), said, How::Prefill).unwrap();
        assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
    }
}

#[test]
fn where_no_prefill_is_taken_the_rest_is_asked_for() {
    let cases = [
        (CHAT, r#"{"messages":[{"role":"user","content":"Hi"}]}"#, "messages", 3),
        (
            MESSAGES,
            r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"I"}]}"#,
            "messages",
            3,
        ),
        (RESPONSES, r#"{"input":"Hi"}"#, "input", 3),
    ];
    for (dialect, body, name, count) in cases {
        let out = continue_request(dialect, body.as_bytes(), " am ", How::Instruction).unwrap();
        let out: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let messages = out[name].as_array().unwrap();
        assert_eq!(messages.len(), count, "{out}");
        assert_eq!(
            (&messages[count - 2]["role"], &messages[count - 1]["role"]),
            (&"assistant".into(), &"user".into())
        );
        assert!(messages[count - 2]["content"].as_str().unwrap().ends_with(" am "), "{out}");
        assert!(messages[count - 1]["content"].as_str().unwrap().contains("exactly where it stops"));
    }
}

#[test]
fn a_body_without_a_conversation_is_refused_by_name() {
    let cases = [
        (CHAT, "{}", "messages: is missing"),
        (CHAT, r#"{"messages":[]}"#, "messages: must hold at least one message"),
        (RESPONSES, r#"{"input":null}"#, "input: is missing"),
        (RESPONSES, r#"{"input":[7]}"#, "input[0]: invalid type: integer `7`, expected an object"),
    ];
    for (dialect, body, said) in cases {
        let error = continue_request(dialect, body.as_bytes(), "x", How::Prefill).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn only_claudes_up_to_4_5_are_known_to_go_on_from_a_half_answer() {
    const CONVERSE: Dialect = Dialect::BedrockConverse;
    let cases = [
        (MESSAGES, "claude-2.1", true),
        (MESSAGES, "claude-instant-1.2", true),
        (MESSAGES, "claude-3-5-sonnet-20241022", true),
        (MESSAGES, "claude-sonnet-4-20250514", true),
        (MESSAGES, "claude-opus-4-1-20250805", true),
        (MESSAGES, "anthropic/claude-sonnet-4.5", true),
        (MESSAGES, "claude-haiku-4-5", true),
        (MESSAGES, "claude-opus-4-6", false),
        (MESSAGES, "claude-sonnet-5", false),
        (MESSAGES, "claude-mythos-preview", false),
        // Nothing tells what these are.
        (MESSAGES, "glm-4.5", false),
        (MESSAGES, "claude-next", false),
        (MESSAGES, "sonnet", false),
        (CONVERSE, "anthropic.claude-instant-v1", true),
        (CONVERSE, "us.anthropic.claude-haiku-4-5-20251001-v1:0", true),
        (CONVERSE, "global.anthropic.claude-opus-4-6-v1", false),
        (CONVERSE, "eu.amazon.nova-pro-v1:0", false),
        (CONVERSE, "zai.glm-4-5", false),
        (CONVERSE, "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2", false),
        (CHAT, "anthropic/claude-sonnet-4.5", false),
        (RESPONSES, "claude-sonnet-4-5", false),
        (Dialect::Gemini, "claude-sonnet-4-5", false),
    ];
    for (dialect, model, known) in cases {
        assert_eq!(is_prefill_known(dialect, model), known, "{dialect:?} {model}");
    }
}
