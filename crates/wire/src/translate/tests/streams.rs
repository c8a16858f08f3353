//! A translated stream says what the translated whole answer says, however its bytes are cut.

use proptest::prelude::*;

use super::dialects::{CALLERS, options, read_stream, translate_stream};
use super::fixtures;
use super::summary::{Gather, Summary};
use super::{Dialect, name, write_answer};
use crate::canonical::{Answer, Delta, Origin, Signature};
use crate::notes::Notes;
use crate::pipe::StreamEnd;
use crate::pipe::ends::Writer;
use crate::{FinishReason, Usage};

/// The answer a stream gives, whole.
fn gather(dialect: Dialect, stream: &[u8]) -> Option<Answer<'static>> {
    let mut answer = Gather::default();
    let end = read_stream(dialect, &[stream], &mut Notes::default(), &mut |delta, _| answer.add(delta));
    (end == StreamEnd::Complete).then(|| answer.finish())
}

fn whole(dialect: Dialect, answer: Answer<'_>) -> Vec<u8> {
    let options = options();
    let mut answer = answer;
    name(&mut answer, &options);
    write_answer(dialect, &answer, &options, &mut Notes::default()).unwrap()
}

#[test]
fn recorded_streams_reassemble_to_the_whole_answer() {
    for fixture in fixtures::all() {
        let Some(stream) = fixture.stream() else { continue };
        let Some(answer) = gather(fixture.upstream, &stream) else { continue };
        let outcome = translate_stream(fixture.upstream, fixture.caller, &[&stream]);
        assert_eq!(
            Summary::of_stream(fixture.caller, &outcome.out),
            Summary::of_body(fixture.caller, &whole(fixture.caller, answer)),
            "{}",
            fixture.name
        );
    }
}

/// Text with what needs escaping in JSON and what ends lines in SSE.
fn text() -> impl Strategy<Value = String> {
    "[a-zé\n\r\"\\\\{}\u{2028}🙂 ]{1,12}"
}

fn seal() -> impl Strategy<Value = Signature<'static>> {
    let origin = prop_oneof![Just(Origin::Anthropic), Just(Origin::Gemini), Just(Origin::OpenAi)];
    (origin, "[A-Za-z0-9+/]{4,12}").prop_map(|(origin, value)| Signature::new(origin, value))
}

/// What may be said between a start and a finish: thinking, text, calls (one after the other or in turns), a refusal.
fn said() -> impl Strategy<Value = Vec<Delta<'static>>> {
    let thinking =
        (prop::collection::vec(text(), 1..3), prop::option::of(seal())).prop_map(|(texts, seal)| {
            let mut deltas: Vec<_> = texts.into_iter().map(|text| Delta::Thinking(text.into())).collect();
            deltas.extend(seal.map(Delta::ThinkingSignature));
            deltas
        });
    // Gemini seals a last text too.
    let sealed = prop::option::of("[A-Za-z0-9+/]{4,12}");
    let text = (prop::collection::vec(text(), 1..4), sealed).prop_map(|(texts, seal)| {
        let mut deltas: Vec<_> = texts.into_iter().map(|text| Delta::Text(text.into())).collect();
        deltas.extend(seal.map(|seal| Delta::RedactedThinking(Signature::new(Origin::Gemini, seal))));
        deltas
    });
    let call =
        ("[a-z:.]{0,9}", "[a-z_]{1,8}", prop::option::of(seal()), prop::collection::vec(self::text(), 0..3));
    let calls = (prop::collection::vec(call, 0..4), any::<bool>()).prop_map(|(calls, in_turns)| {
        let mut starts = Vec::new();
        let mut pieces = Vec::new();
        for (number, (id, name, signature, values)) in calls.into_iter().enumerate() {
            // Two calls of one answer never have the same id.
            let id = if id.is_empty() { id } else { format!("{id}{number}") };
            starts.push(Delta::ToolStart { call: number, id: id.into(), name: name.into(), signature });
            let json = serde_json::json!({ "v": values, "n": 1.5 }).to_string();
            let middle = json.char_indices().nth(json.chars().count() / 2).map_or(0, |(at, _)| at);
            let piece = |json: &str| Delta::ToolArguments { call: number, json: json.to_owned().into() };
            pieces.push(vec![piece(&json[..middle]), piece(&json[middle..])]);
        }
        let mut deltas = Vec::new();
        if in_turns {
            deltas.extend(starts);
            for turn in 0..2 {
                deltas.extend(pieces.iter().map(|pieces| pieces[turn].clone()));
            }
        } else {
            for (start, pieces) in starts.into_iter().zip(pieces) {
                deltas.push(start);
                deltas.extend(pieces);
            }
        }
        deltas
    });
    (prop::option::of(thinking), prop::option::of(text), calls).prop_map(|(thinking, text, calls)| {
        [thinking.unwrap_or_default(), text.unwrap_or_default(), calls].concat()
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    (0u64..999, 0u64..999, 0u64..999, 0u64..99, 0u64..99).prop_map(|(fresh, read, written, said, thought)| {
        Usage {
            input_tokens: fresh + read + written,
            output_tokens: said + thought,
            cached_input_tokens: read,
            cache_write_tokens: written,
            reasoning_tokens: thought,
        }
    })
}

/// A stream's deltas, from its start to its end.
fn answer() -> impl Strategy<Value = Vec<Delta<'static>>> {
    (said(), usage(), any::<bool>()).prop_map(|(said, usage, is_long)| {
        let has_calls = said.iter().any(|delta| matches!(delta, Delta::ToolStart { .. }));
        let reason = match (has_calls, is_long) {
            (true, _) => FinishReason::ToolCalls,
            (false, true) => FinishReason::Length,
            (false, false) => FinishReason::Stop,
        };
        let mut deltas = vec![Delta::Start { id: Some("answer-1".into()), model: Some("model-1".into()) }];
        deltas.extend(said);
        deltas.push(Delta::Finish { reason, stop_sequence: None });
        deltas.push(Delta::Usage(usage));
        deltas.push(Delta::End);
        deltas
    })
}

fn written(dialect: Dialect, deltas: &[Delta<'_>]) -> Vec<u8> {
    let mut writer = Writer::of(dialect, &options());
    let mut out = Vec::new();
    for delta in deltas {
        writer.write(delta, &mut Notes::default(), &mut out);
    }
    out
}

#[test]
fn a_messages_answer_ends_in_what_was_said_and_not_in_a_seal() {
    let seal = || Delta::RedactedThinking(Signature::new(Origin::Gemini, "AA=="));
    let ends = |said: &[Delta<'static>]| {
        let mut writer = Writer::of(Dialect::AnthropicMessages, &options());
        let (mut notes, mut out, mut gathered) = (Notes::default(), Vec::new(), Gather::default());
        let start = Delta::Start { id: Some("a".into()), model: Some("m".into()) };
        let finish = Delta::Finish { reason: FinishReason::Stop, stop_sequence: None };
        for delta in std::iter::once(&start).chain(said).chain([&finish, &Delta::End]) {
            writer.write(delta, &mut notes, &mut out);
            gathered.add(delta);
        }
        let noted: Vec<_> =
            notes.noted().iter().map(|note| format!("{} {}", note.code, note.field)).collect();
        let stream = String::from_utf8(out).unwrap();
        let starts = stream.split("\"content_block\":{\"type\":\"").skip(1);
        let blocks: Vec<_> = starts.map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
        let body: serde_json::Value =
            serde_json::from_slice(&whole(Dialect::AnthropicMessages, gathered.finish())).unwrap();
        let same: Vec<_> =
            body["content"].as_array().unwrap().iter().map(|block| block["type"].clone()).collect();
        assert_eq!(same, blocks, "whole and stream");
        (blocks.join(" "), noted)
    };
    let text = || Delta::Text("Lisbon.".into());
    let call = || Delta::ToolStart { call: 0, id: "c".into(), name: "f".into(), signature: None };
    // `claude -p` prints the last block, so a seal behind the text would be all that it prints.
    assert_eq!(
        ends(&[text(), seal()]),
        ("text".into(), vec!["thinking_signature_dropped content[1]".into()])
    );
    assert_eq!(ends(&[text(), seal(), call()]), ("text redacted_thinking tool_use".into(), vec![]));
    assert_eq!(ends(&[seal(), text()]), ("redacted_thinking text".into(), vec![]));
    assert_eq!(ends(&[seal()]), ("redacted_thinking".into(), vec![]));
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_translation(at in any::<prop::sample::Index>(), cuts in prop::collection::vec(0usize..8192, 0..12)) {
        let fixture = at.get(&fixtures::all()).name.clone();
        let fixture = fixtures::all().into_iter().find(|one| one.name == fixture).unwrap();
        let Some(stream) = fixture.stream() else { return Ok(()) };
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let (from, to) = (fixture.upstream, fixture.caller);
        prop_assert_eq!(translate_stream(from, to, &chunks), translate_stream(from, to, &[&stream]), "{}", fixture.name);
    }

    #[test]
    fn a_stream_says_what_the_whole_answer_says(deltas in answer()) {
        let mut gathered = Gather::default();
        deltas.iter().for_each(|delta| gathered.add(delta));
        let answer = gathered.finish();
        for &upstream in CALLERS {
            let stream = written(upstream, &deltas);
            let body = whole(upstream, answer.clone());
            prop_assert_eq!(Summary::of_stream(upstream, &stream), Summary::of_body(upstream, &body));
            // And on to every other dialect: nothing may get lost on the way that the whole answer keeps.
            for &caller in CALLERS.iter().filter(|caller| **caller != upstream) {
                let outcome = translate_stream(upstream, caller, &[&stream]);
                let told = super::translate_response(upstream, caller, &body, &options()).unwrap();
                prop_assert_eq!(Summary::of_stream(caller, &outcome.out), Summary::of_body(caller, &told.body));
            }
        }
    }
}
