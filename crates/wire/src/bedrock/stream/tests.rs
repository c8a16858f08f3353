use proptest::prelude::*;

use super::*;
use crate::event_stream::encode;
use crate::{Dialect, FrameDecoder};

/// What a reader makes of a stream, one line per delta, and what it noted.
fn told(bytes: &[u8]) -> (Vec<String>, Vec<String>, Option<StreamFault>) {
    let mut decoder = FrameDecoder::of(Dialect::BedrockConverse);
    let mut reader = Reader::default();
    let mut notes = Notes::default();
    let mut lines = Vec::new();
    decoder.push(bytes);
    decoder.finish();
    let mut fault = None;
    while let (Ok(Some(event)), None) = (decoder.next_event(), &fault) {
        fault = reader.read(&event, &mut notes, &mut |delta| lines.push(line(delta))).err();
    }
    reader.finish(&mut |delta| lines.push(line(delta)));
    let noted = notes.noted().iter().map(|noted| format!("{} {}", noted.code, noted.field)).collect();
    (lines, noted, fault)
}

fn line(delta: &Delta<'_>) -> String {
    match delta {
        Delta::Start { .. } => "start".to_owned(),
        Delta::Text(text) => format!("text {text}"),
        Delta::Thinking(text) => format!("thinking {text}"),
        Delta::ThinkingSignature(seal) => format!("seal {}", seal.value),
        Delta::RedactedThinking(seal) => format!("redacted {}", seal.value),
        Delta::Refusal(text) => format!("refusal {text}"),
        Delta::ToolStart { call, id, name, .. } => format!("tool {call} {id} {name}"),
        Delta::ToolArguments { call, json } => format!("input {call} {json}"),
        Delta::Usage(usage) => {
            format!("usage {} {} {}", usage.input_tokens, usage.cached_input_tokens, usage.output_tokens)
        }
        Delta::Finish { reason, stop_sequence } => format!("finish {reason:?} {stop_sequence:?}"),
        Delta::End => "end".to_owned(),
        Delta::Error(error) => format!("error {:?} {}", error.kind, error.message),
    }
}

const METADATA: &str = r#"{"event":"metadata","data":{"metrics":{"latencyMs":9},"usage":{"inputTokens":5,"outputTokens":7,"totalTokens":22,"cacheReadInputTokens":10},"p":"abc"}}"#;

fn stream(lines: &[&str]) -> Vec<u8> {
    encode::lines(&lines.join("\n"))
}

#[test]
fn thinking_text_and_parallel_calls_are_read_in_their_order() {
    let first = aws_smithy_types::base64::encode("Emw");
    let second = aws_smithy_types::base64::encode("KAhgB");
    let bytes = stream(&[
        r#"{"event":"messageStart","data":{"role":"assistant","p":"abcdef"}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"Two cities."}}}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"EqQB"}}}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"CkYI"}}}}"#,
        r#"{"event":"contentBlockStop","data":{"contentBlockIndex":0}}"#,
        &format!(
            r#"{{"event":"contentBlockDelta","data":{{"contentBlockIndex":1,"delta":{{"reasoningContent":{{"redactedContent":"{first}"}}}}}}}}"#
        ),
        &format!(
            r#"{{"event":"contentBlockDelta","data":{{"contentBlockIndex":1,"delta":{{"reasoningContent":{{"redactedContent":"{second}"}}}}}}}}"#
        ),
        r#"{"event":"contentBlockStop","data":{"contentBlockIndex":1}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":2,"delta":{"text":"I\nlook."}}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":2,"delta":{"text":""}}}"#,
        r#"{"event":"contentBlockStop","data":{"contentBlockIndex":2}}"#,
        r#"{"event":"contentBlockStart","data":{"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"tooluse_A","name":"weather"}}}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":3,"delta":{"toolUse":{"input":""}}}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":3,"delta":{"toolUse":{"input":"{\"city\": \"Paris\"}"}}}}"#,
        r#"{"event":"contentBlockStop","data":{"contentBlockIndex":3}}"#,
        r#"{"event":"contentBlockStart","data":{"contentBlockIndex":4,"start":{"toolUse":{"toolUseId":"tooluse_B","name":"now"}}}}"#,
        r#"{"event":"contentBlockStop","data":{"contentBlockIndex":4}}"#,
        r#"{"event":"messageStop","data":{"stopReason":"tool_use"}}"#,
        METADATA,
    ]);
    let (lines, noted, fault) = told(&bytes);
    assert_eq!((noted.len(), fault), (0, None));
    assert_eq!(
        lines,
        [
            "start",
            "thinking Two cities.",
            "seal EqQBCkYI",
            "redacted EmwKAhgB",
            "text I\nlook.",
            "tool 0 tooluse_A weather",
            "input 0 {\"city\": \"Paris\"}",
            "tool 1 tooluse_B now",
            "input 1 {}",
            "finish ToolCalls None",
            "usage 15 10 7",
            "end",
        ]
    );
}

#[test]
fn text_without_escapes_is_borrowed_from_the_event() {
    let frame = encode::event("contentBlockDelta", br#"{"contentBlockIndex":0,"delta":{"text":"plain"}}"#);
    let mut decoder = FrameDecoder::of(Dialect::BedrockConverse);
    decoder.push(&frame);
    let event = decoder.next_event().unwrap().unwrap();
    let mut borrowed = false;
    Reader::default()
        .read(&event, &mut Notes::default(), &mut |delta| {
            borrowed |= matches!(delta, Delta::Text(Cow::Borrowed("plain")));
        })
        .unwrap();
    assert!(borrowed);
}

#[test]
fn an_answer_is_whole_at_its_usage_or_when_the_upstream_closes_after_its_reason() {
    let text = r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":0,"delta":{"text":"Hi"}}}"#;
    let stop = r#"{"event":"messageStop","data":{"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":"END"}}}"#;
    let finish = "finish StopSequence Some(\"END\")";
    for (events, lines) in [
        (&[text, stop, METADATA][..], &["start", "text Hi", finish, "usage 15 10 7", "end"][..]),
        (&[text, METADATA, stop], &["start", "text Hi", "usage 15 10 7", finish, "end"]),
        (&[text, stop], &["start", "text Hi", finish, "end"]),
        (&[text], &["start", "text Hi"]),
        (&[text, stop, METADATA, stop, text], &["start", "text Hi", finish, "usage 15 10 7", "end"]),
    ] {
        assert_eq!(
            told(&stream(events)),
            (lines.iter().map(|line| (*line).to_owned()).collect(), vec![], None)
        );
    }
}

#[test]
fn an_exception_is_an_error_of_its_kind_and_nothing_comes_after_it() {
    let lines = [
        r#"{"event":"messageStart","data":{"role":"assistant"}}"#,
        r#"{"exception":"modelStreamErrorException","data":{"message":"The model broke off.","originalStatusCode":500,"originalMessage":"x"}}"#,
        METADATA,
    ];
    let (lines, ..) = told(&stream(&lines));
    assert_eq!(lines, ["start", "error Some(\"modelStreamErrorException\") The model broke off."]);
    let headers =
        [(":message-type", "error"), (":error-code", "InternalFailure"), (":error-message", "Sorry.")];
    let (lines, ..) = told(&encode::message(&headers, b""));
    assert_eq!(lines, ["error Some(\"internalServerException\") Sorry."]);
    let (lines, ..) =
        told(&stream(&[r#"{"event":"messageStop","data":{"stopReason":"malformed_tool_use"}}"#]));
    assert_eq!(
        lines,
        [
            "start",
            "error Some(\"modelStreamErrorException\") the model wrote something Bedrock cannot read (malformed_tool_use)"
        ]
    );
}

#[test]
fn what_is_not_known_is_noted_and_what_cannot_be_read_is_a_fault() {
    let (lines, noted, fault) = told(&stream(&[
        r#"{"event":"brandNew","data":{"x":1}}"#,
        r#"{"event":"contentBlockStart","data":{"contentBlockIndex":0,"start":{"image":{"format":"png"}}}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":0,"delta":{"image":{}}}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":1,"delta":{"citation":{"title":"x"}}}}"#,
        r#"{"event":"contentBlockStart","data":{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"a","name":"nova_grounding","type":"server_tool_use"}}}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{}"}}}}"#,
    ]));
    assert_eq!((lines, fault), (vec!["start".to_owned()], None));
    assert_eq!(
        noted,
        [
            "stream_event_dropped brandNew",
            "stream_part_dropped contentBlockStart.start",
            "citations_dropped contentBlockDelta.delta.citation",
            "server_tool_dropped contentBlockStart.start.toolUse",
        ]
    );
    // A member that is not what the API says is none, and takes nothing with it.
    for odd in [
        r#"{"event":"contentBlockDelta","data":{"delta":{"text":"x"}}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":0,"delta":{"text":1}}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{"}}}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"*"}}}}"#,
        r#"{"event":"messageStop","data":{}}"#,
    ] {
        assert_eq!(told(&stream(&[odd])).2, None, "{odd}");
    }
    let broken = encode::event("contentBlockDelta", br#"{"delta":{"text":"#);
    assert!(matches!(told(&broken).2, Some(StreamFault::Malformed(_))));
    let late = [
        r#"{"event":"messageStop","data":{"stopReason":"end_turn"}}"#,
        r#"{"event":"contentBlockDelta","data":{"contentBlockIndex":0,"delta":{"text":"late"}}}"#,
    ];
    assert!(told(&stream(&late)).2.is_some());
}

proptest! {
    #[test]
    fn any_events_are_survived_in_the_order_promised(
        events in prop::collection::vec((0_usize..8, prop_oneof![
            Just(r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"a","name":"b"}}}"#),
            Just(r#"{"contentBlockIndex":0,"delta":{"text":"x"}}"#),
            Just(r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}"#),
            Just(r#"{"contentBlockIndex":0,"stopReason":"end_turn","usage":{"inputTokens":1}}"#),
            Just("[1"), Just("null"), Just("{}"),
        ]), 0..20),
    ) {
        const NAMES: [&str; 8] = ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop",
            "messageStop", "metadata", "throttlingException", "other"];
        let bytes: Vec<u8> = events.iter().flat_map(|(at, data)| encode::event(NAMES[*at], data.as_bytes())).collect();
        let (lines, ..) = told(&bytes);
        let count = |word: &str| lines.iter().filter(|line| line.starts_with(word)).count();
        prop_assert!(count("finish") <= 1 && count("end") <= 1 && count("start") <= 1 && count("error") <= 1);
        let last = lines.iter().position(|line| line == "end" || line.starts_with("error"));
        prop_assert!(last.is_none_or(|at| at + 1 == lines.len()), "{lines:?}");
        prop_assert!(lines.first().is_none_or(|line| line == "start" || line.starts_with("error")), "{lines:?}");
    }
}
