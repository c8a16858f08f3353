use std::path::Path;

use super::{answer, stream};
use crate::canonical::{Answer, Content, Delta, ToolUse};
use crate::event_stream::encode;
use crate::notes::Notes;
use crate::{Dialect, FinishReason, FrameDecoder, Usage};

/// A whole answer put together from its stream, which has come byte by byte.
fn reassembled(bytes: &[u8]) -> Answer<'static> {
    let mut decoder = FrameDecoder::of(Dialect::BedrockConverse);
    let mut reader = stream::Reader::default();
    let mut notes = Notes::default();
    let mut answer = Answer {
        id: None,
        model: None,
        content: Vec::new(),
        finish: FinishReason::Other,
        stop_sequence: None,
        usage: None,
    };
    let mut is_whole = false;
    for byte in bytes {
        decoder.push(std::slice::from_ref(byte));
        while let Some(event) = decoder.next_event().unwrap() {
            reader.read(&event, &mut notes, &mut |delta| is_whole |= add(&mut answer, delta)).unwrap();
        }
    }
    assert!(is_whole);
    answer
}

/// Adds a delta; whether it is the end.
fn add(answer: &mut Answer<'static>, delta: &Delta<'_>) -> bool {
    let content = &mut answer.content;
    match delta {
        Delta::Start { .. } => {}
        Delta::Text(more) => match content.last_mut() {
            Some(Content::Text(text)) => text.to_mut().push_str(more),
            _ => content.push(Content::Text(more.to_string().into())),
        },
        Delta::Thinking(more) => match content.last_mut() {
            Some(Content::Thinking { text, signature: None }) => text.to_mut().push_str(more),
            _ => content.push(Content::Thinking { text: more.to_string().into(), signature: None }),
        },
        Delta::ThinkingSignature(seal) => {
            let seal = crate::canonical::Signature::new(seal.origin, seal.value.to_string());
            match content.last_mut() {
                Some(Content::Thinking { signature, .. }) => *signature = Some(seal),
                _ => content.push(Content::Thinking { text: "".into(), signature: Some(seal) }),
            }
        }
        Delta::RedactedThinking(seal) => {
            let seal = crate::canonical::Signature::new(seal.origin, seal.value.to_string());
            content.push(Content::RedactedThinking(seal));
        }
        Delta::Refusal(text) => content.push(Content::Refusal(text.to_string().into())),
        Delta::ToolStart { id, name, .. } => content.push(Content::ToolUse(ToolUse {
            id: id.to_string().into(),
            name: name.to_string().into(),
            arguments: "".into(),
            signature: None,
        })),
        Delta::ToolArguments { call, json } => {
            let mut calls = content
                .iter_mut()
                .filter_map(|content| if let Content::ToolUse(call) = content { Some(call) } else { None });
            calls.nth(*call).unwrap().arguments.to_mut().push_str(json);
        }
        Delta::Usage(usage) => answer.usage = Some(answer.usage.unwrap_or_default().merged(*usage)),
        Delta::Finish { reason, stop_sequence } => {
            answer.finish = *reason;
            answer.stop_sequence = stop_sequence.as_ref().map(|text| text.to_string().into());
        }
        Delta::End => return true,
        Delta::Error(error) => panic!("{error:?}"),
    }
    false
}

/// What two answers have to agree in: content (inputs compared as JSON), end and usage.
fn gist(answer: &Answer<'_>) -> (Vec<String>, FinishReason, Option<String>, Option<Usage>) {
    let line = |content: &Content<'_>| match content {
        Content::ToolUse(call) => {
            let input: serde_json::Value = serde_json::from_str(&call.arguments).unwrap();
            format!("{} {} {input}", call.id, call.name)
        }
        Content::Text(_)
        | Content::Image(_)
        | Content::Document(_)
        | Content::Thinking { .. }
        | Content::RedactedThinking(_)
        | Content::ToolResult(_)
        | Content::Refusal(_) => format!("{content:?}"),
    };
    let stop = answer.stop_sequence.as_ref().map(ToString::to_string);
    (answer.content.iter().map(line).collect(), answer.finish, stop, answer.usage)
}

#[test]
fn every_recorded_stream_says_what_its_whole_answer_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut cases = 0;
    for caller in ["openai-chat", "openai-responses", "anthropic"] {
        for case in std::fs::read_dir(root.join(format!("{caller}--bedrock-converse"))).unwrap() {
            let folder = case.unwrap().path();
            let whole = std::fs::read_to_string(folder.join("response.json")).unwrap();
            let whole = answer::read(&whole, &mut Notes::default()).unwrap();
            let lines = std::fs::read_to_string(folder.join("stream.jsonl")).unwrap();
            assert_eq!(gist(&reassembled(&encode::lines(&lines))), gist(&whole), "{}", folder.display());
            cases += 1;
        }
    }
    assert_eq!(cases, 37);
}
