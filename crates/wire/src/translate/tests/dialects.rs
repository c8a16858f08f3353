//! Streams of all dialects, read and translated.

use crate::Dialect;
use crate::canonical::Delta;
use crate::frames::FrameDecoder;
use crate::notes::{Degradation, Notes};
use crate::pipe::ends::Reader;
use crate::pipe::{Pipe, StreamEnd};
use crate::translate::ReplyOptions;

pub(super) const CREATED: u64 = 1_741_569_952;

/// Every dialect, by the name it has in fixture folders.
pub(super) const ALL: [(&str, Dialect); 5] = [
    ("openai-chat", Dialect::OpenAiChat),
    ("openai-responses", Dialect::OpenAiResponses),
    ("anthropic", Dialect::AnthropicMessages),
    ("gemini", Dialect::Gemini),
    ("bedrock-converse", Dialect::BedrockConverse),
];

/// The dialects callers speak, which are also those that are both read and written whole.
pub(super) const CALLERS: &[Dialect] =
    &[Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages, Dialect::Gemini];

pub(super) fn options() -> ReplyOptions {
    ReplyOptions {
        include_usage: true,
        created_unix_s: CREATED,
        echo: None,
        fallback_id: Some("of-the-request".into()),
        fallback_model: Some("of-the-route".into()),
        estimated_prompt_tokens: 0,
        hide_thoughts: false,
        tools: None,
    }
}

/// What came of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) out: Vec<u8>,
    pub(super) end: StreamEnd,
    pub(super) degraded: Vec<Degradation>,
}

/// Gives every delta of a stream, cut into the given chunks, to `sink`.
pub(super) fn read_stream(
    from: Dialect,
    chunks: &[&[u8]],
    notes: &mut Notes,
    sink: &mut dyn FnMut(&Delta<'_>, &mut Notes),
) -> StreamEnd {
    let mut decoder = FrameDecoder::of(from);
    let mut reader = Reader::of(from);
    let mut end = StreamEnd::Cut;
    let mut all = chunks.iter();
    let mut is_open = true;
    while is_open {
        match all.next() {
            Some(chunk) => decoder.push(chunk),
            None => {
                decoder.finish();
                is_open = false;
            }
        }
        while let Some(event) = decoder.next_event().unwrap() {
            if event.data.is_empty() {
                continue;
            }
            // Notes of reading and of writing come in the order they are made.
            let mut deltas = Vec::new();
            reader.read(&event, notes, &mut |delta| deltas.push(owned(delta))).unwrap();
            for delta in &deltas {
                watch(delta, &mut end);
                sink(delta, notes);
            }
        }
    }
    let mut deltas = Vec::new();
    reader.finish(&mut |delta| deltas.push(owned(delta)));
    for delta in &deltas {
        watch(delta, &mut end);
        sink(delta, notes);
    }
    end
}

fn watch(delta: &Delta<'_>, end: &mut StreamEnd) {
    assert_eq!(*end, StreamEnd::Cut, "nothing comes after the end, but {delta:?} did");
    match delta {
        Delta::End => *end = StreamEnd::Complete,
        Delta::Error(_) => *end = StreamEnd::Failed,
        Delta::Start { .. }
        | Delta::Text(_)
        | Delta::Thinking(_)
        | Delta::ThinkingSignature(_)
        | Delta::RedactedThinking(_)
        | Delta::Refusal(_)
        | Delta::ToolStart { .. }
        | Delta::ToolArguments { .. }
        | Delta::Usage(_)
        | Delta::Finish { .. } => {}
    }
}

/// Sends a stream, cut into the given chunks, through a pipe.
pub(super) fn translate_stream(from: Dialect, to: Dialect, chunks: &[&[u8]]) -> Outcome {
    translate_stream_with(from, to, options(), chunks)
}

pub(super) fn translate_stream_with(
    from: Dialect,
    to: Dialect,
    options: ReplyOptions,
    chunks: &[&[u8]],
) -> Outcome {
    let mut pipe = Pipe::translating(from, to, options, true, false);
    let mut decoder = FrameDecoder::of(from);
    let mut out = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        while let Some(event) = decoder.next_event().unwrap() {
            pipe.push(&event, &mut out);
        }
    }
    decoder.finish();
    while let Some(event) = decoder.next_event().unwrap() {
        pipe.push(&event, &mut out);
    }
    let end = pipe.finish(&mut out);
    Outcome { out, end, degraded: pipe.lost().to_vec() }
}

pub(super) fn owned(delta: &Delta<'_>) -> Delta<'static> {
    use crate::canonical::Signature;
    use std::borrow::Cow;
    let text = |text: &Cow<'_, str>| Cow::Owned(text.clone().into_owned());
    let seal = |seal: &Signature<'_>| Signature { origin: seal.origin, value: text(&seal.value) };
    match delta {
        Delta::Start { id, model } => {
            Delta::Start { id: id.as_ref().map(text), model: model.as_ref().map(text) }
        }
        Delta::Text(said) => Delta::Text(text(said)),
        Delta::Thinking(said) => Delta::Thinking(text(said)),
        Delta::ThinkingSignature(mark) => Delta::ThinkingSignature(seal(mark)),
        Delta::RedactedThinking(mark) => Delta::RedactedThinking(seal(mark)),
        Delta::Refusal(said) => Delta::Refusal(text(said)),
        Delta::ToolStart { call, id, name, signature } => Delta::ToolStart {
            call: *call,
            id: text(id),
            name: text(name),
            signature: signature.as_ref().map(seal),
        },
        Delta::ToolArguments { call, json } => Delta::ToolArguments { call: *call, json: text(json) },
        Delta::Usage(usage) => Delta::Usage(*usage),
        Delta::Finish { reason, stop_sequence } => {
            Delta::Finish { reason: *reason, stop_sequence: stop_sequence.as_ref().map(text) }
        }
        Delta::End => Delta::End,
        Delta::Error(error) => Delta::Error(error.clone()),
    }
}
