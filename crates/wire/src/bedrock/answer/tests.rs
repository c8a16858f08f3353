use serde_json::json;

use super::*;

fn read_whole(body: &serde_json::Value) -> Result<(String, Vec<String>), TranslateError> {
    let mut notes = Notes::default();
    let body = body.to_string();
    let answer = read(&body, &mut notes)?;
    let noted = notes.noted().iter().map(|noted| format!("{} {}", noted.code, noted.field)).collect();
    Ok((format!("{answer:#?}"), noted))
}

#[test]
fn a_whole_answer_is_read() {
    let blob = aws_smithy_types::base64::encode("EmwKAhgB");
    let body = json!({
        "metrics": {"latencyMs": 1551},
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Paris, then.", "signature": "EqQBCkYI"}}},
            {"reasoningContent": {"redactedContent": blob}},
            {"text": "Let me look."},
            {"citationsContent": {"content": [{"text": "It rains."}], "citations": [{"title": "Weather"}]}},
            {"toolUse": {"toolUseId": "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", "name": "weather", "input": {"city": "Paris", "days": 1.0}}},
            {"image": {"format": "png"}}
        ]}},
        "stopReason": "stop_sequence",
        "additionalModelResponseFields": {"stop_sequence": "END"},
        "trace": {"guardrail": {}},
        "usage": {"inputTokens": 30, "outputTokens": 628, "totalTokens": 1758, "cacheReadInputTokens": 1000, "cacheWriteInputTokens": 100, "cacheDetails": []}
    });
    let body = body.to_string();
    let mut notes = Notes::default();
    let answer = read(&body, &mut notes).unwrap();
    assert_eq!(
        answer.content,
        [
            Content::Thinking {
                text: "Paris, then.".into(),
                signature: Some(Signature::new(Origin::Anthropic, "EqQBCkYI"))
            },
            Content::RedactedThinking(Signature::new(Origin::Anthropic, "EmwKAhgB")),
            Content::Text("Let me look.".into()),
            Content::Text("It rains.".into()),
            Content::ToolUse(ToolUse {
                id: "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q".into(),
                name: "weather".into(),
                arguments: r#"{"city":"Paris","days":1.0}"#.into(),
                signature: None
            }),
        ]
    );
    assert_eq!((answer.finish, answer.stop_sequence.as_deref()), (FinishReason::StopSequence, Some("END")));
    let usage = answer.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens), (1130, 1000, 100));
    let noted: Vec<&str> = notes.noted().iter().map(|noted| &*noted.field).collect();
    assert_eq!(
        noted,
        ["output.message.content[3].citationsContent.citations", "output.message.content[5].image", "trace"]
    );
}

#[test]
fn every_reason_of_an_end_has_its_meaning() {
    for (reason, finish) in [
        ("end_turn", Some(FinishReason::Stop)),
        ("tool_use", Some(FinishReason::ToolCalls)),
        ("max_tokens", Some(FinishReason::Length)),
        ("model_context_window_exceeded", Some(FinishReason::Length)),
        ("guardrail_intervened", Some(FinishReason::ContentFilter)),
        ("content_filtered", Some(FinishReason::ContentFilter)),
        ("malformed_tool_use", None),
        ("malformed_model_output", None),
        ("brand_new", Some(FinishReason::Other)),
    ] {
        assert_eq!(finish_of(reason, &mut Notes::default()).ok(), finish, "{reason}");
    }
}

#[test]
fn what_is_no_answer_is_named() {
    for (body, field) in [
        (json!({}), "output"),
        (json!({"output": {}}), "output.message"),
        (json!({"output": {"message": {"content": []}}, "stopReason": "malformed_tool_use"}), "stopReason"),
    ] {
        assert_eq!(read_whole(&body).unwrap_err().field(), Some(field), "{body}");
    }
}
