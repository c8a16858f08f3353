//! Streams on their way to callers, and what follows where one breaks off.

use switchyard_wire::{Dialect, ErrorReply, FrameDecoder, Observed, Pipe, Seam, StreamEnd};

use crate::choices::Choices;
use crate::event_stream::from_lines;
use crate::told::{self, Told};

/// What came of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Flowed {
    out: Vec<u8>,
    end: StreamEnd,
}

/// Any upstream to any caller, in any pieces; then another upstream goes on.
pub fn run(choices: &Choices, data: &[u8]) {
    let (first, second) = choices.split(data);
    let first = framed(choices.upstream(), first);
    let mut pipe = begin(choices);
    let flowed = flow(&mut pipe, choices.upstream(), &choices.cut(&first));
    let whole = flow(&mut begin(choices), choices.upstream(), &[&first]);
    assert_eq!(flowed, whole, "cutting changes nothing");

    let is_translated = choices.upstream() != choices.caller();
    if is_translated {
        let told = told::read(choices.caller(), &flowed.out);
        check_end(&flowed, &told);
        if let Ok(said) = pipe.said() {
            assert_eq!(said.text, told.text, "what was told is kept in mind");
        }
    } else {
        told::each(&flowed.out, |_, _| {});
    }
    check_error_event(&pipe);
    if flowed.end == StreamEnd::Complete {
        return;
    }
    let Ok(said) = pipe.said() else { return };
    let before = said.text.clone();
    let mut resumed = pipe.resume(choices.second(), seam(choices), None);
    let second = framed(choices.second(), second);
    let flowed = flow(&mut resumed, choices.second(), &choices.cut(&second));
    let told = told::read(choices.caller(), &flowed.out);
    check_end(&flowed, &told);
    if let Ok(said) = resumed.said() {
        assert_eq!(said.text, before + &told.text, "both halves are kept in mind");
    }
    check_error_event(&resumed);
}

fn begin(choices: &Choices) -> Pipe {
    let (from, to) = (choices.upstream(), choices.caller());
    let json = choices.flag(2);
    if from == to {
        Pipe::passthrough(to, choices.flag(3), choices.options(), true, json)
    } else {
        Pipe::translating(from, to, choices.options(), true, json)
    }
}

fn seam(choices: &Choices) -> Seam {
    match (choices.flag(4), choices.flag(5)) {
        (true, _) => Seam::Restart,
        (false, prefilled) => Seam::Continue { prefilled },
    }
}

/// The bytes as the dialect frames them.
fn framed(dialect: Dialect, data: &[u8]) -> Vec<u8> {
    match dialect {
        Dialect::BedrockConverse => from_lines(data),
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::Gemini => {
            data.to_vec()
        }
    }
}

/// Sends the pieces through, as the router does: a fault is the end.
fn flow(pipe: &mut Pipe, from: Dialect, pieces: &[&[u8]]) -> Flowed {
    let mut decoder = FrameDecoder::of(from);
    let mut out = Vec::new();
    for piece in pieces.iter().map(Some).chain([None]) {
        match piece {
            Some(piece) => decoder.push(piece),
            None => decoder.finish(),
        }
        loop {
            let event = match decoder.next_event() {
                Ok(event) => event,
                // What comes behind a whole answer changes nothing of it.
                Err(_) if pipe.is_finished() => return Flowed { end: pipe.finish(&mut out), out },
                Err(_) => return Flowed { out, end: StreamEnd::Failed },
            };
            let Some(event) = event else { break };
            match pipe.push(&event, &mut out) {
                Observed::Malformed | Observed::Error => {
                    assert!(pipe.error().is_some(), "a fault has a reason");
                    return Flowed { out, end: StreamEnd::Failed };
                }
                Observed::Quiet
                | Observed::Content
                | Observed::Finish
                | Observed::UsageOnly
                | Observed::Done => {}
            }
        }
    }
    let end = pipe.finish(&mut out);
    Flowed { out, end }
}

/// A whole answer ends with its one end marker; a broken one has none, so that no caller takes it for whole.
fn check_end(flowed: &Flowed, told: &Told) {
    let shown = || String::from_utf8_lossy(&flowed.out);
    match flowed.end {
        StreamEnd::Complete => {
            assert_eq!(told.ends.as_slice(), [told.events - 1], "one end, at the end: {}", shown());
        }
        StreamEnd::Failed | StreamEnd::Cut => {
            assert!(
                told.ends.is_empty(),
                "{:?}, but the caller was told it is whole: {}",
                flowed.end,
                shown()
            );
        }
    }
}

fn check_error_event(pipe: &Pipe) {
    let message = pipe.error().map_or("It broke off.", |error| error.message.as_str()).to_owned();
    let reply =
        ErrorReply { status: 502, kind: String::new(), code: None, message, param: None, request_id: None };
    let mut events = 0;
    told::each(&pipe.error_event(&reply), |_, data| {
        crate::json::assert_json(data, "an error event");
        events += 1;
    });
    assert_eq!(events, 1);
}
