//! The two ends of a translated stream: the reader of the upstream's dialect, the writer of the caller's.

use super::StreamFault;
use super::said::Said;
use crate::canonical::Delta;
use crate::frames::StreamEvent;
use crate::notes::Notes;
use crate::translate::ReplyOptions;
use crate::usage::Meter;
use crate::{Dialect, anthropic, bedrock, gemini, openai_chat, openai_responses};

/// Reads an upstream's stream.
#[derive(Debug)]
pub(crate) enum Reader {
    Chat(openai_chat::stream::Reader),
    Responses(openai_responses::stream::Reader),
    Messages(anthropic::stream::Reader),
    Gemini(gemini::stream::Reader),
    Bedrock(bedrock::stream::Reader),
}

impl Reader {
    pub(crate) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiChat => Self::Chat(openai_chat::stream::Reader::default()),
            Dialect::OpenAiResponses => Self::Responses(openai_responses::stream::Reader::default()),
            Dialect::AnthropicMessages => Self::Messages(anthropic::stream::Reader::default()),
            Dialect::Gemini => Self::Gemini(gemini::stream::Reader::default()),
            Dialect::BedrockConverse => Self::Bedrock(bedrock::stream::Reader::default()),
        }
    }

    pub(crate) fn read(
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

    /// What the upstream has reported of what its answer costs.
    pub(crate) fn meter(&self) -> &Meter {
        match self {
            Self::Chat(reader) => reader.meter(),
            Self::Responses(reader) => reader.meter(),
            Self::Messages(reader) => reader.meter(),
            Self::Gemini(reader) => reader.meter(),
            Self::Bedrock(reader) => reader.meter(),
        }
    }

    /// Whether the text so far is over, so that nothing may go on with it.
    pub(crate) fn has_ended_text(&self) -> bool {
        match self {
            Self::Responses(reader) => reader.has_ended_text(),
            Self::Messages(reader) => reader.has_ended_text(),
            Self::Bedrock(reader) => reader.has_ended_text(),
            // Their texts have no brackets.
            Self::Chat(_) | Self::Gemini(_) => false,
        }
    }

    /// Whether the reason of the end came that is told with the end alone.
    pub(crate) fn has_reason(&self) -> bool {
        match self {
            Self::Chat(reader) => reader.has_reason(),
            Self::Messages(reader) => reader.has_reason(),
            Self::Gemini(reader) => reader.has_reason(),
            Self::Responses(_) | Self::Bedrock(_) => false,
        }
    }

    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&Delta<'_>)) {
        match self {
            Self::Chat(reader) => reader.finish(sink),
            Self::Responses(reader) => reader.finish(sink),
            Self::Messages(reader) => reader.finish(sink),
            Self::Gemini(reader) => reader.finish(sink),
            Self::Bedrock(reader) => reader.finish(sink),
        }
    }
}

/// Writes a stream for a caller.
#[derive(Debug)]
pub(crate) enum Writer {
    Chat(openai_chat::stream::Writer),
    Responses(openai_responses::stream::Writer),
    Messages(anthropic::stream::Writer),
    Gemini(gemini::stream::Writer),
}

impl Writer {
    /// The writer for a caller; one who speaks a dialect no client speaks gets chat.
    pub(crate) fn of(caller: Dialect, options: &ReplyOptions) -> Self {
        match caller {
            Dialect::OpenAiResponses => Self::Responses(openai_responses::stream::Writer::new(options)),
            Dialect::AnthropicMessages => Self::Messages(anthropic::stream::Writer::new(options)),
            Dialect::Gemini => Self::Gemini(gemini::stream::Writer::new(options)),
            Dialect::OpenAiChat | Dialect::BedrockConverse => {
                Self::Chat(openai_chat::stream::Writer::new(options))
            }
        }
    }

    /// The writer that goes on where an earlier stream stopped.
    pub(crate) fn resume(caller: Dialect, said: &Said, options: &ReplyOptions) -> Self {
        match caller {
            Dialect::OpenAiResponses => {
                Self::Responses(openai_responses::stream::Writer::resume(said, options))
            }
            Dialect::AnthropicMessages => Self::Messages(anthropic::stream::Writer::resume(said, options)),
            Dialect::Gemini => Self::Gemini(gemini::stream::Writer::resume(said, options)),
            Dialect::OpenAiChat | Dialect::BedrockConverse => {
                Self::Chat(openai_chat::stream::Writer::resume(said, options))
            }
        }
    }

    /// Tells of the ids and numbers the caller was given what [`Writer::resume`] needs.
    pub(crate) fn describe(&self, said: &mut Said) {
        match self {
            Self::Responses(writer) => writer.describe(said),
            Self::Chat(_) | Self::Messages(_) | Self::Gemini(_) => {}
        }
    }

    pub(crate) fn write(&mut self, delta: &Delta<'_>, notes: &mut Notes, out: &mut Vec<u8>) {
        match self {
            Self::Chat(writer) => writer.write(delta, notes, out),
            Self::Responses(writer) => writer.write(delta, notes, out),
            Self::Messages(writer) => writer.write(delta, notes, out),
            Self::Gemini(writer) => writer.write(delta, notes, out),
        }
    }
}
