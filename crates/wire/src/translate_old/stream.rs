//! Streams, translated event by event. Nothing is held back but the end, which waits for its usage.

mod to_chat;
mod to_messages;

use crate::error_body::{ErrorReply, error_event, read_error};
use crate::{Dialect, StreamEvent};

use to_chat::ToChat;
use to_messages::ToMessages;

/// The error types both dialects use.
const SHARED_KINDS: [&str; 8] = [
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "rate_limit_error",
    "api_error",
    "overloaded_error",
    "billing_error",
];

/// What a translated stream needs besides the upstream's events.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamOptions {
    /// Whether a chat caller asked for the usage chunk.
    pub include_usage: bool,
    /// The time chat chunks are stamped with, in seconds.
    pub created_unix_s: u64,
}

/// How an upstream's stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The answer is whole, and the caller has its end marker.
    Complete,
    /// The upstream reported an error; the caller has it as its last event.
    Failed,
    /// It broke off: no finish reason and no end marker came. The caller has no end marker either.
    Cut,
}

/// Why an event cannot be translated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// It is not what the upstream's dialect speaks.
    #[error("the upstream sent an event that cannot be read: {0}")]
    Malformed(String),
}

/// Translates one stream for one caller.
#[derive(Debug)]
pub struct StreamTranslator {
    to: Dialect,
    writer: Writer,
    end: Option<StreamEnd>,
}

#[derive(Debug)]
enum Writer {
    /// Both speak the same dialect: bytes as they came.
    Same,
    Chat(ToChat),
    Messages(ToMessages),
}

impl StreamTranslator {
    /// A translator from the upstream's dialect to the caller's.
    #[must_use]
    pub fn new(from: Dialect, to: Dialect, options: StreamOptions) -> Self {
        let writer = match (from, to) {
            (Dialect::AnthropicMessages, Dialect::OpenAiChat) => Writer::Chat(ToChat::new(options)),
            (Dialect::OpenAiChat, Dialect::AnthropicMessages) => Writer::Messages(ToMessages::default()),
            (Dialect::OpenAiChat, Dialect::OpenAiChat)
            | (Dialect::AnthropicMessages, Dialect::AnthropicMessages)
            | (Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse, _)
            | (_, Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse) => Writer::Same,
        };
        Self { to, writer, end: None }
    }

    /// Translates one event, appending what the caller gets to `out`. Events after the end are ignored.
    ///
    /// # Errors
    /// [`StreamFault::Malformed`] with nothing appended.
    pub fn push(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        if let Writer::Same = self.writer {
            out.extend_from_slice(event.raw);
            return Ok(());
        }
        if self.end.is_some() || event.data.is_empty() || event.event == Some("ping") {
            return Ok(());
        }
        if event.event == Some("error") {
            self.fail(event.data, out);
            return Ok(());
        }
        let pushed = match &mut self.writer {
            Writer::Same => Ok(Pushed::More),
            Writer::Chat(writer) => writer.push(event.data, out),
            Writer::Messages(writer) => writer.push(event.data, out),
        };
        match pushed {
            Ok(Pushed::More) => Ok(()),
            Ok(Pushed::End) => {
                self.end = Some(StreamEnd::Complete);
                Ok(())
            }
            Ok(Pushed::Error) => {
                self.fail(event.data, out);
                Ok(())
            }
            // The stream broke off inside this event; `finish` will tell.
            Err(_) if !event.complete => Ok(()),
            Err(error) => Err(StreamFault::Malformed(error.to_string())),
        }
    }

    /// Says that the upstream's stream is over, and writes what its end still owes the caller. For a pair of
    /// the same dialect the tap knows the end better; here it counts as complete.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> StreamEnd {
        if let Some(end) = self.end {
            return end;
        }
        let is_whole = match &mut self.writer {
            Writer::Same => true,
            Writer::Chat(writer) => writer.finish(out),
            Writer::Messages(writer) => writer.finish(out),
        };
        let end = if is_whole { StreamEnd::Complete } else { StreamEnd::Cut };
        self.end = Some(end);
        end
    }

    fn fail(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let error = read_error(None, data);
        // A type the caller's SDK does not know says less than the general one.
        let kind = error.kind.filter(|kind| SHARED_KINDS.contains(&kind.as_str()));
        let kind = kind.unwrap_or_else(|| "api_error".to_owned());
        let reply = ErrorReply {
            status: 200,
            kind,
            code: error.code,
            message: error.message,
            param: error.param,
            request_id: None,
        };
        out.extend_from_slice(&error_event(self.to, &reply));
        self.end = Some(StreamEnd::Failed);
    }
}

/// What an event did to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pushed {
    More,
    End,
    Error,
}
