use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::canonical::{Origin, Signature};
use crate::{Dialect, FinishReason, FrameDecoder, Usage};

/// A stream as it is read: every delta, in words.
fn told(stream: &[u8]) -> Vec<String> {
    let mut decoder = FrameDecoder::of(Dialect::Gemini);
    let mut reader = Reader::default();
    let mut notes = Notes::default();
    let mut told = Vec::new();
    decoder.push(stream);
    decoder.finish();
    while let Some(event) = decoder.next_event().unwrap() {
        if event.data.is_empty() {
            continue;
        }
        let read = reader.read(&event, &mut notes, &mut |delta| told.push(format!("{delta:?}")));
        if let Err(fault) = read {
            told.push(format!("{fault:?}"));
        }
    }
    reader.finish(&mut |delta| told.push(format!("{delta:?}")));
    told.extend(notes.noted().iter().map(|note| format!("{} {}", note.code, note.field)));
    told
}

fn words(deltas: &[Delta<'_>]) -> Vec<String> {
    deltas.iter().map(|delta| format!("{delta:?}")).collect()
}

fn sse(chunks: &[serde_json::Value]) -> Vec<u8> {
    chunks.iter().flat_map(|chunk| format!("data: {chunk}\r\n\r\n").into_bytes()).collect()
}

fn said(parts: &serde_json::Value) -> serde_json::Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}], "responseId": "r1", "modelVersion": "gemini-3-flash"})
}

fn start<'a>() -> Delta<'a> {
    Delta::Start { id: Some("r1".into()), model: Some("gemini-3-flash".into()) }
}

fn finish<'a>(reason: FinishReason) -> [Delta<'a>; 2] {
    [Delta::Finish { reason, stop_sequence: None }, Delta::End]
}

#[test]
fn thoughts_text_its_seal_and_usage_are_told_in_order_and_the_end_at_the_close() {
    let chunks = [
        said(&json!([{"text": "Let me see.", "thought": true}])),
        said(&json!([{"text": "Hel"}])),
        json!({
            "candidates": [{"content": {"parts": [{"text": "lo"}]}}],
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 1, "thoughtsTokenCount": 4},
        }),
        json!({
            "candidates": [{"content": {"parts": [{"text": "", "thoughtSignature": "AA=="}]}, "finishReason": "STOP"}],
            "usageMetadata": {
                "promptTokenCount": 10, "cachedContentTokenCount": 8, "toolUsePromptTokenCount": 1,
                "candidatesTokenCount": 2, "thoughtsTokenCount": 4, "totalTokenCount": 17,
            },
        }),
    ];
    let usage = |input_tokens, output_tokens, cached_input_tokens| {
        Delta::Usage(Usage {
            input_tokens,
            output_tokens,
            cached_input_tokens,
            cache_write_tokens: 0,
            reasoning_tokens: 4,
        })
    };
    let mut expected = vec![
        start(),
        Delta::Thinking("Let me see.".into()),
        Delta::Text("Hel".into()),
        usage(10, 5, 0),
        Delta::Text("lo".into()),
        usage(11, 6, 8),
        Delta::RedactedThinking(Signature::new(Origin::Gemini, "AA==")),
    ];
    expected.extend(finish(FinishReason::Stop));
    assert_eq!(told(&sse(&chunks)), words(&expected));
}

#[test]
fn calls_are_counted_and_get_ids_where_they_bring_none() {
    let chunks = [
        said(&json!([
            {"functionCall": {"name": "f", "args": {"a": "b c"}}, "thoughtSignature": "AA=="},
            {"functionCall": {"id": "own", "name": "g"}},
        ])),
        json!({"candidates": [{"finishReason": "STOP"}]}),
    ];
    let mut expected = vec![
        start(),
        Delta::ToolStart {
            call: 0,
            id: "call_r1_0".into(),
            name: "f".into(),
            signature: Some(Signature::new(Origin::Gemini, "AA==")),
        },
        Delta::ToolArguments { call: 0, json: r#"{"a":"b c"}"#.into() },
        Delta::ToolStart { call: 1, id: "own".into(), name: "g".into(), signature: None },
        Delta::ToolArguments { call: 1, json: "{}".into() },
    ];
    expected.extend(finish(FinishReason::ToolCalls));
    assert_eq!(told(&sse(&chunks)), words(&expected));
}

#[test]
fn a_blocked_prompt_is_an_answer_withheld() {
    let blocked = json!({
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "Not allowed."},
        "usageMetadata": {"promptTokenCount": 9},
        "responseId": "r1", "modelVersion": "gemini-3-flash",
    });
    let usage = Usage { input_tokens: 9, ..Usage::default() };
    let mut expected = vec![start(), Delta::Usage(usage), Delta::Refusal("Not allowed.".into())];
    expected.extend(finish(FinishReason::ContentFilter));
    assert_eq!(told(&sse(&[blocked])), words(&expected));
}

#[test]
fn every_finish_reason_ends_as_it_should() {
    let cases = [
        ("STOP", "Stop"),
        ("MAX_TOKENS", "Length"),
        ("SAFETY", "ContentFilter"),
        ("RECITATION", "ContentFilter"),
        ("LANGUAGE", "ContentFilter"),
        ("SPII", "ContentFilter"),
        ("OTHER", "Other"),
        ("SOMETHING_NEW", "Other"),
    ];
    for (reason, expected) in cases {
        let last = json!({"candidates": [{"finishReason": reason}]});
        let told = told(&sse(&[said(&json!([{"text": "x"}])), last]));
        let expected = format!("Finish {{ reason: {expected}, stop_sequence: None }}");
        assert_eq!(told[told.len() - 2..], [expected, "End".to_owned()], "{reason}");
    }
}

#[test]
fn a_model_gone_astray_is_an_error_and_not_a_short_answer() {
    for (reason, message) in
        [("MALFORMED_FUNCTION_CALL", "print(f("), ("OTHER", ""), ("TOO_MANY_TOOL_CALLS", "")]
    {
        let last = json!({"candidates": [{"finishReason": reason, "finishMessage": message}]});
        let told = told(&sse(&[last]));
        assert!(told[1].starts_with("Error(") && told[1].contains(reason), "{told:?}");
        assert_eq!(told.len(), 2, "{told:?}");
    }
}

#[test]
fn an_error_inside_the_stream_is_told_and_nothing_after_it() {
    let error =
        json!({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}});
    let told = told(&sse(&[said(&json!([{"text": "x"}])), error, said(&json!([{"text": "y"}]))]));
    assert_eq!(told.len(), 3);
    assert!(told[2].contains("UNAVAILABLE") && told[2].contains("The model is overloaded."), "{told:?}");
}

#[test]
fn a_stream_without_a_finish_reason_was_cut() {
    let told = told(&sse(&[said(&json!([{"text": "x"}]))]));
    assert_eq!(told, words(&[start(), Delta::Text("x".into())]));
}

#[test]
fn parts_of_other_kinds_are_noted_and_not_told() {
    let chunks = [said(&json!([{"inlineData": {"mimeType": "image/png", "data": "AA=="}}, {"text": "x"}]))];
    let told = told(&sse(&chunks));
    assert_eq!(told.last().unwrap(), "block_dropped candidates[0].content.parts[0]");
}

#[test]
fn an_event_that_cannot_be_read_is_a_fault_unless_the_stream_ended_in_it() {
    assert!(told(b"data: {\"candidates\": }\n\n")[0].starts_with("Malformed("));
    assert!(told(b"data: {\"candidates\": [").is_empty());
}

#[test]
fn texts_without_escapes_are_not_copied() {
    let data = br#"{"candidates":[{"content":{"parts":[{"text":"plain"}]}}]}"#;
    let event = StreamEvent { event: None, data, raw: data, complete: true };
    let mut borrowed = false;
    let mut sink =
        |delta: &Delta<'_>| borrowed |= matches!(delta, Delta::Text(std::borrow::Cow::Borrowed(_)));
    Reader::default().read(&event, &mut Notes::default(), &mut sink).unwrap();
    assert!(borrowed);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        told(&[b"data: ".as_slice(), &bytes].concat());
    }
}
