use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::canonical::{Origin, Signature};

fn answered(body: &Value) -> String {
    let body = serde_json::to_string_pretty(body).unwrap();
    let answer = read(&body, &mut Notes::default());
    format!("{:?}", answer.map(|answer| (answer.content, answer.finish)))
}

#[test]
fn an_answer_is_read_whole() {
    let body = json!({
        "candidates": [{
            "content": {"role": "model", "parts": [
                {"text": "Hm. ", "thought": true},
                {"text": "Yes.", "thought": true},
                {"text": "It is "},
                {"text": "sunny.", "thoughtSignature": "AA=="},
                {"functionCall": {"id": "x1", "name": "f", "args": {"a": [1, 2.50]}}, "thoughtSignature": "BB=="},
            ]},
            "finishReason": "STOP",
            "safetyRatings": [],
        }],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12},
        "modelVersion": "gemini-3-flash",
        "responseId": "r1",
    });
    let body = serde_json::to_string_pretty(&body).unwrap();
    let answer = read(&body, &mut Notes::default()).unwrap();
    let expected = [
        Content::Thinking { text: "Hm. Yes.".into(), signature: None },
        Content::Text("It is sunny.".into()),
        Content::RedactedThinking(Signature::new(Origin::Gemini, "AA==")),
        Content::ToolUse(ToolUse {
            id: "x1".into(),
            name: "f".into(),
            arguments: r#"{"a":[1,2.5]}"#.into(),
            signature: Some(Signature::new(Origin::Gemini, "BB==")),
        }),
    ];
    assert_eq!(answer.content, expected);
    assert_eq!(answer.finish, FinishReason::ToolCalls);
    assert_eq!(answer.id.as_deref(), Some("r1"));
    assert_eq!(answer.model.as_deref(), Some("gemini-3-flash"));
    let usage = Usage { input_tokens: 5, output_tokens: 7, ..Usage::default() };
    assert_eq!(answer.usage, Some(usage));
}

#[test]
fn ids_made_up_differ_within_an_answer_and_between_answers() {
    let of = |response_id: &str, args: &str| {
        let call = json!({"functionCall": {"name": "f", "args": {"a": args}}});
        let mut body = json!({"candidates": [{"content": {"parts": [call, call]}, "finishReason": "STOP"}]});
        if !response_id.is_empty() {
            body["responseId"] = json!(response_id);
        }
        let body = body.to_string();
        let answer = read(&body, &mut Notes::default()).unwrap();
        let ids = answer.content.iter().map(|content| {
            let Content::ToolUse(call) = content else { panic!("{content:?}") };
            call.id.to_string()
        });
        ids.collect::<Vec<_>>()
    };
    let all = [of("r1", "x"), of("r2", "x"), of("", "x"), of("", "y")].concat();
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), 8, "{all:?}");
    assert_eq!(of("r1", "x"), of("r1", "x"));
}

#[test]
fn an_answer_withheld_is_an_answer() {
    let withheld = json!({"candidates": [{"finishReason": "SAFETY", "finishMessage": "Not safe."}]});
    assert_eq!(answered(&withheld), r#"Ok(([Refusal("Not safe.")], ContentFilter))"#);
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}});
    let told = r#"Ok(([Refusal("The provider blocked the prompt: SAFETY.")], ContentFilter))"#;
    assert_eq!(answered(&blocked), told, "without a message its word is told");
    let nameless = json!({"candidates": [{"finishReason": "SPII"}]});
    let told = r#"Ok(([Refusal("The provider withheld the answer: SPII.")], ContentFilter))"#;
    assert_eq!(answered(&nameless), told);
    let begun = json!({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "SAFETY"}]});
    assert_eq!(answered(&begun), r#"Ok(([Text("a")], ContentFilter))"#);
}

#[test]
fn what_is_no_answer_is_refused() {
    let cases = [
        (json!({}), "candidates: is missing"),
        (json!({"candidates": []}), "candidates: is missing"),
        (json!({"error": {"code": 500, "message": "Oh.", "status": "INTERNAL"}}), "error: Oh."),
        (
            json!({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "print("}]}),
            "error: MALFORMED_FUNCTION_CALL: print(",
        ),
    ];
    for (body, expected) in cases {
        let error = read(&body.to_string(), &mut Notes::default()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    assert!(read("<html>", &mut Notes::default()).is_err());
}

#[test]
fn sources_are_lost_only_where_there_are_any() {
    for (sources, lost) in [
        (json!({"groundingMetadata": {}}), 0),
        (json!({"groundingMetadata": {"groundingChunks": [], "webSearchQueries": null}}), 0),
        (json!({"citationMetadata": {"citationSources": []}}), 0),
        (json!({"groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://example.org"}}]}}), 1),
        (json!({"citationMetadata": {"citationSources": [{"startIndex": 0, "endIndex": 9}]}}), 1),
    ] {
        let mut candidate = json!({"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"});
        candidate.as_object_mut().unwrap().extend(sources.as_object().unwrap().clone());
        let mut notes = Notes::default();
        read(&json!({"candidates": [candidate]}).to_string(), &mut notes).unwrap();
        assert_eq!(notes.noted().len(), lost, "{sources}");
    }
}

#[test]
fn no_more_of_a_prompt_is_cached_than_there_is() {
    let body = json!({
        "candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 7, "cachedContentTokenCount": 163, "candidatesTokenCount": 1},
    });
    let usage = read(&body.to_string(), &mut Notes::default()).unwrap().usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cached_input_tokens), (7, 7));
}

#[test]
fn a_list_of_chunks_is_one_answer() {
    let chunk = |text: &str| json!({"candidates": [{"content": {"parts": [{"text": text}]}}]});
    let end = json!({"candidates": [{"finishReason": "MAX_TOKENS"}]});
    assert_eq!(answered(&json!([chunk("a"), chunk("b"), end])), r#"Ok(([Text("ab")], Length))"#);
}

/// What is said in one go or piece by piece: texts, thoughts, and calls with or without a seal.
fn pieces() -> impl Strategy<Value = Vec<Vec<Value>>> {
    let texts = proptest::collection::vec("[a-z\"\\\\é\n ]{1,6}", 1..4);
    let piece = (texts, 0..4_u8).prop_map(|(texts, kind)| match kind {
        0 => texts.iter().map(|text| json!({"text": text, "thought": true})).collect(),
        1 => vec![json!({"functionCall": {"name": "f", "args": {"a": texts.concat()}}})],
        2 => vec![json!({"functionCall": {"name": "f"}, "thoughtSignature": "AA=="})],
        _ => texts.iter().map(|text| json!({"text": text})).collect::<Vec<_>>(),
    });
    proptest::collection::vec(piece, 0..6)
}

proptest! {
    #[test]
    fn an_answer_says_the_same_whole_and_in_chunks(pieces in pieces(), seal in any::<bool>()) {
        let mut parts = pieces.concat();
        if seal {
            parts.push(json!({"text": "", "thoughtSignature": "BB=="}));
        }
        let of = |parts: &[Value], finish: Option<&str>| {
            json!({
                "candidates": [{"content": {"parts": parts}, "finishReason": finish, "index": 0}],
                "responseId": "r1",
            })
        };
        let whole = of(&parts, Some("STOP"));
        let mut chunks: Vec<Value> = parts.iter().map(|part| of(std::slice::from_ref(part), None)).collect();
        chunks.push(of(&[], Some("STOP")));
        prop_assert_eq!(answered(&whole), answered(&Value::Array(chunks)));
    }
}
