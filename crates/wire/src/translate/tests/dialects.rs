//! Readers and writers of all dialects behind one face.

use crate::canonical::Delta;
use crate::frames::{FrameDecoder, StreamEvent};
use crate::notes::{Degradation, Notes};
use crate::pipe::{StreamEnd, StreamFault};
use crate::translate::ReplyOptions;
use crate::{Dialect, anthropic, bedrock, gemini, openai_chat, openai_responses};

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
    &[Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages];

pub(super) fn options() -> ReplyOptions {
    ReplyOptions { include_usage: true, created_unix_s: CREATED, ..ReplyOptions::default() }
}

#[derive(Debug)]
pub(super) enum Reader {
    Chat(openai_chat::stream::Reader),
    Responses(openai_responses::stream::Reader),
    Messages(anthropic::stream::Reader),
    Gemini(gemini::stream::Reader),
    Bedrock(bedrock::stream::Reader),
}

impl Reader {
    pub(super) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiChat => Self::Chat(openai_chat::stream::Reader::default()),
            Dialect::OpenAiResponses => Self::Responses(openai_responses::stream::Reader::default()),
            Dialect::AnthropicMessages => Self::Messages(anthropic::stream::Reader::default()),
            Dialect::Gemini => Self::Gemini(gemini::stream::Reader::default()),
            Dialect::BedrockConverse => Self::Bedrock(bedrock::stream::Reader::default()),
        }
    }

    pub(super) fn read(
        &mut self,
        event: &StreamEvent<'_>,
        notes: &mut Notes,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<(), StreamFault> {
        match self {
            Self::Chat(reader) => reader.read(event, notes, sink),
            Self::Responses(reader) => reader.read(event, notes, sink),
            Self::Messages(reader) => reader.read(event, notes, sink),
            Self::Gemini(reader) => reader.read(event, notes, sink),
            Self::Bedrock(reader) => reader.read(event, notes, sink),
        }
    }

    pub(super) fn finish(&mut self, sink: &mut dyn FnMut(&Delta<'_>)) {
        match self {
            Self::Chat(reader) => reader.finish(sink),
            Self::Responses(reader) => reader.finish(sink),
            Self::Messages(reader) => reader.finish(sink),
            Self::Gemini(reader) => reader.finish(sink),
            Self::Bedrock(reader) => reader.finish(sink),
        }
    }
}

#[derive(Debug)]
pub(super) enum Writer {
    Chat(openai_chat::stream::Writer),
    Responses(openai_responses::stream::Writer),
    Messages(anthropic::stream::Writer),
}

impl Writer {
    pub(super) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiChat => Self::Chat(openai_chat::stream::Writer::new(&options())),
            Dialect::OpenAiResponses => Self::Responses(openai_responses::stream::Writer::new(&options())),
            Dialect::AnthropicMessages => Self::Messages(anthropic::stream::Writer::new(&options())),
            Dialect::Gemini | Dialect::BedrockConverse => panic!("no caller speaks {dialect}"),
        }
    }

    pub(super) fn write(&mut self, delta: &Delta<'_>, notes: &mut Notes, out: &mut Vec<u8>) {
        match self {
            Self::Chat(writer) => writer.write(delta, notes, out),
            Self::Responses(writer) => writer.write(delta, notes, out),
            Self::Messages(writer) => writer.write(delta, notes, out),
        }
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

/// Reads and writes a stream, event by event.
pub(super) fn translate_stream(from: Dialect, to: Dialect, chunks: &[&[u8]]) -> Outcome {
    let mut writer = Writer::of(to);
    let mut out = Vec::new();
    let mut notes = Notes::default();
    let end = read_stream(from, chunks, &mut notes, &mut |delta, notes| {
        if !matches!(delta, Delta::Error(_)) {
            writer.write(delta, notes, &mut out);
        }
    });
    Outcome { out, end, degraded: notes.noted().to_vec() }
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
