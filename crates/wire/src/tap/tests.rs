use super::*;

fn event<'a>(name: Option<&'a str>, data: &'a str) -> StreamEvent<'a> {
    StreamEvent { event: name, data: data.as_bytes(), raw: data.as_bytes(), complete: true }
}

#[test]
fn chat_chunks_are_told_apart() {
    let mut tap = StreamTap::new(Dialect::OpenAiChat);
    let steps = [
        ("", Observed::Quiet),
        (r#"{"model":"gpt-4o-mini-2024-07-18","choices":[],"prompt_filter_results":[]}"#, Observed::Quiet),
        (
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}"#,
            Observed::Quiet,
        ),
        (r#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#, Observed::Content),
        (r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#, Observed::Finish),
        (
            r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}"#,
            Observed::UsageOnly,
        ),
        ("[DONE]", Observed::Done),
    ];
    for (at, (data, expected)) in steps.into_iter().enumerate() {
        assert_eq!(tap.has_started(), at > 3, "before {data}");
        assert_eq!(tap.is_finished(), at > 4, "before {data}");
        assert_eq!(tap.observe(&event(None, data)), expected, "{data}");
    }
    let usage = tap.usage().unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cached_input_tokens), (9, 2, 4));
    assert_eq!(
        (tap.model(), tap.finish_reason()),
        (Some("gpt-4o-mini-2024-07-18"), Some(FinishReason::Stop))
    );
}

#[test]
fn whatever_a_reader_would_notice_is_content() {
    let deltas = [
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}"#,
        r#"{"reasoning_content":"hm"}"#,
        r#"{"content":null,"refusal":"no"}"#,
    ];
    for delta in deltas {
        let data = format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#);
        assert_eq!(
            StreamTap::new(Dialect::OpenAiChat).observe(&event(None, &data)),
            Observed::Content,
            "{delta}"
        );
    }
}

#[test]
fn with_several_choices_all_have_to_finish() {
    let mut tap = StreamTap::new(Dialect::OpenAiChat);
    tap.observe(&event(
        None,
        r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#,
    ));
    tap.observe(&event(None, r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#));
    assert!(!tap.is_finished());
    tap.observe(&event(None, r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#));
    assert!(tap.is_finished());
}

#[test]
fn messages_events_are_told_apart() {
    let mut tap = StreamTap::new(Dialect::AnthropicMessages);
    let steps = [
        (
            "message_start",
            r#"{"type":"message_start","message":{"model":"claude-sonnet-4-6","usage":{"input_tokens":5,"cache_read_input_tokens":20,"cache_creation_input_tokens":3,"output_tokens":1}}}"#,
            Observed::Quiet,
        ),
        ("ping", r#"{"type":"ping"}"#, Observed::Quiet),
        (
            "content_block_start",
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            Observed::Quiet,
        ),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
            Observed::Quiet,
        ),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
            Observed::Content,
        ),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"!"}"#,
            Observed::Malformed,
        ),
        ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#, Observed::Quiet),
        ("brand_new_event", r#"{"type":"brand_new_event"}"#, Observed::Quiet),
        (
            "message_delta",
            r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":7}}"#,
            Observed::Finish,
        ),
        ("message_stop", r#"{"type":"message_stop"}"#, Observed::Done),
    ];
    for (name, data, expected) in steps {
        assert_eq!(tap.observe(&event(Some(name), data)), expected, "{data}");
        let is_ended = matches!(expected, Observed::Finish | Observed::Done);
        assert_eq!(tap.is_finished(), is_ended, "the reason of the end makes it whole: {data}");
    }
    let usage = tap.usage().unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (28, 7), "cache reads and writes are input too");
    assert!(tap.is_finished() && tap.is_malformed());
    assert_eq!(tap.finish_reason(), Some(FinishReason::Length));
    let tool = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#;
    let observed =
        StreamTap::new(Dialect::AnthropicMessages).observe(&event(Some("content_block_start"), tool));
    assert_eq!(observed, Observed::Content, "a tool call is an answer's beginning");
}

#[test]
fn errors_inside_a_stream_are_kept() {
    let cases = [
        (Dialect::OpenAiChat, None, r#"{"error":{"message":"boom","type":"server_error"}}"#),
        (Dialect::OpenAiChat, Some("error"), r#"{"message":"boom"}"#),
        (
            Dialect::AnthropicMessages,
            Some("error"),
            r#"{"type":"error","error":{"type":"api_error","message":"boom"}}"#,
        ),
        (
            Dialect::AnthropicMessages,
            None,
            r#"{"type":"error","error":{"type":"api_error","message":"boom"}}"#,
        ),
    ];
    for (dialect, name, data) in cases {
        let mut tap = StreamTap::new(dialect);
        assert_eq!(tap.observe(&event(name, data)), Observed::Error);
        assert_eq!(tap.error().unwrap().message, "boom");
        assert!(!tap.is_finished());
    }
}

#[test]
fn a_stream_that_breaks_off_inside_an_event_is_cut_not_malformed() {
    let mut tap = StreamTap::new(Dialect::OpenAiChat);
    let half = StreamEvent { complete: false, ..event(None, r#"{"choices":[{"ind"#) };
    assert_eq!(tap.observe(&half), Observed::Quiet);
    assert!(!tap.is_malformed() && !tap.is_finished());
}

#[test]
fn responses_events_are_told_apart() {
    let mut tap = StreamTap::new(Dialect::OpenAiResponses);
    let steps = [
        (
            r#"{"type":"response.created","response":{"id":"resp_1","model":"gpt-5-2025-08-07","output":[],"usage":null}}"#,
            Observed::Quiet,
        ),
        (r#"{"type":"response.in_progress","response":{"id":"resp_1"}}"#, Observed::Quiet),
        (
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","summary":[]}}"#,
            Observed::Quiet,
        ),
        (
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","summary":[]}}"#,
            Observed::Quiet,
        ),
        (
            r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"message","content":[]}}"#,
            Observed::Quiet,
        ),
        (r#"{"type":"response.output_text.delta","output_index":1,"delta":""}"#, Observed::Quiet),
        (r#"{"type":"response.output_text.delta","output_index":1,"delta":"Hi"}"#, Observed::Content),
        (r#"{"type":"response.output_text.delta","output_index":1,"delta":"!""#, Observed::Malformed),
        (r#"{"type":"response.output_text.done","output_index":1,"text":"Hi!"}"#, Observed::Quiet),
        (r#"{"type":"response.brand_new"}"#, Observed::Quiet),
        (
            r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"message"}],"usage":{"input_tokens":9,"output_tokens":2,"input_tokens_details":{"cached_tokens":4},"output_tokens_details":{"reasoning_tokens":1}}}}"#,
            Observed::Done,
        ),
    ];
    for (data, expected) in steps {
        assert!(!tap.is_finished(), "before {data}");
        let name = data.split('"').nth(3);
        assert_eq!(tap.observe(&event(name, data)), expected, "{data}");
    }
    assert!(tap.is_finished());
    let usage = tap.usage().unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (9, 2));
    assert_eq!((usage.cached_input_tokens, usage.reasoning_tokens), (4, 1));
    assert_eq!((tap.model(), tap.finish_reason()), (Some("gpt-5-2025-08-07"), Some(FinishReason::Length)));
}

#[test]
fn responses_calls_and_failures_are_seen_without_event_names() {
    let mut tap = StreamTap::new(Dialect::OpenAiResponses);
    let call = r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}"#;
    assert_eq!(tap.observe(&event(None, call)), Observed::Content);
    let failed = r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"boom"}}}"#;
    assert_eq!(tap.observe(&event(None, failed)), Observed::Error);
    let error = tap.error().unwrap();
    assert_eq!((error.message.as_str(), error.code.as_deref()), ("boom", Some("server_error")));
    assert!(!tap.is_finished());
}

#[test]
fn gemini_chunks_are_told_apart() {
    let chunk = |parts: &str, more: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"role":"model","parts":[{parts}]}}{more}}}],"modelVersion":"g"}}"#
        )
    };
    let steps = [
        (chunk(r#"{"text":""}"#, ""), Observed::Quiet),
        (chunk(r#"{"text":"Hm","thought":true}"#, ""), Observed::Content),
        (chunk(r#"{"text":"Hi"}"#, r#","finishReason":"FINISH_REASON_UNSPECIFIED""#), Observed::Content),
        (chunk(r#"{"functionCall":{"name":"f"}}"#, ""), Observed::Content),
        (chunk(r#"{"text":""}"#, r#","finishReason":"MAX_TOKENS""#), Observed::Finish),
    ];
    let mut tap = StreamTap::new(Dialect::Gemini);
    for (data, expected) in steps {
        assert!(!tap.is_finished(), "before {data}");
        assert_eq!(tap.observe(&event(None, &data)), expected, "{data}");
    }
    assert!(tap.is_finished(), "there is no end marker");
    let usage = r#"{"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"thoughtsTokenCount":1}}"#;
    assert_eq!(tap.observe(&event(None, usage)), Observed::Quiet);
    let told = (tap.usage().map(|usage| usage.output_tokens), tap.model(), tap.finish_reason());
    assert_eq!(told, (Some(3), Some("g"), Some(FinishReason::Length)));
    for (data, expected) in [
        (r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#, Observed::Error),
        ("{oops", Observed::Malformed),
        (r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, Observed::Finish),
    ] {
        assert_eq!(StreamTap::new(Dialect::Gemini).observe(&event(None, data)), expected, "{data}");
    }
}
