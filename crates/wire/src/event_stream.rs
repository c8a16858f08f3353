//! AWS event-stream messages (`application/vnd.amazon.eventstream`), decoded from any split of bytes.
//!
//! A message is a prelude (length, length of the headers, CRC of both), headers, a payload and a CRC over all of it. The
//! lengths are believed only once the prelude's CRC agrees, so that noise ends the stream at once instead of being waited
//! for. Payloads are views into the buffer the bytes were collected in.

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use aws_smithy_types::str_bytes::StrBytes;
use bytes::{Buf, Bytes, BytesMut};

use crate::frames::StreamEvent;
use crate::sse::DEFAULT_EVENT_LIMIT;

/// Two lengths and their CRC.
const PRELUDE: usize = 12;
/// A message without headers and payload: the prelude and the message's CRC.
const SMALLEST: usize = PRELUDE + 4;

/// Why a stream cannot be decoded further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventStreamError {
    /// One message is larger than the limit.
    #[error("a message of the stream is {length} bytes long, more than {limit}")]
    TooLarge {
        /// The message's length in bytes, as it says itself.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The bytes are no message, or were damaged on the way.
    #[error("the stream is not an event stream: {0}")]
    Malformed(String),
}

/// Incremental decoder: `push` bytes, then take events with `next_event` until there is none.
#[derive(Debug)]
pub struct EventStreamDecoder {
    buf: BytesMut,
    limit: usize,
    ended: bool,
    fault: Option<EventStreamError>,
    /// The event given last: its bytes, its name and its data.
    raw: Bytes,
    event: Option<StrBytes>,
    data: Bytes,
}

impl Default for EventStreamDecoder {
    fn default() -> Self {
        Self::new(DEFAULT_EVENT_LIMIT)
    }
}

impl EventStreamDecoder {
    /// A decoder that refuses messages larger than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            buf: BytesMut::new(),
            limit,
            ended: false,
            fault: None,
            raw: Bytes::new(),
            event: None,
            data: Bytes::new(),
        }
    }

    /// Adds bytes from the upstream. After a fault they are of no use and not kept.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.fault.is_none() {
            self.release();
            self.buf.extend_from_slice(bytes);
        }
    }

    /// Says that no more bytes will come; what is left is then given as an incomplete event.
    pub fn finish(&mut self) {
        self.ended = true;
    }

    /// The next event, if the bytes so far hold one.
    ///
    /// # Errors
    /// [`EventStreamError`], again on every later call: the stream cannot be resumed.
    pub fn next_event(&mut self) -> Result<Option<StreamEvent<'_>>, EventStreamError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        match self.take() {
            Ok(None) => Ok(None),
            Ok(Some(complete)) => Ok(Some(StreamEvent {
                event: self.event.as_ref().map(StrBytes::as_str),
                data: &self.data,
                raw: &self.raw,
                complete,
            })),
            Err(fault) => {
                self.buf = BytesMut::new();
                self.fault = Some(fault.clone());
                Err(fault)
            }
        }
    }

    /// Lets go of the last event, so that its part of the buffer can be used again.
    fn release(&mut self) {
        self.raw = Bytes::new();
        self.data = Bytes::new();
        self.event = None;
    }

    /// Takes the next event in; whether it is complete.
    fn take(&mut self) -> Result<Option<bool>, EventStreamError> {
        self.release();
        let Some(length) = self.length()?.filter(|length| *length <= self.buf.len()) else {
            if !self.ended || self.buf.is_empty() {
                return Ok(None);
            }
            self.raw = self.buf.split().freeze();
            return Ok(Some(false));
        };
        self.raw = self.buf.split_to(length).freeze();
        let message = read_message_from(&mut self.raw.clone())
            .map_err(|error| EventStreamError::Malformed(error.to_string()))?;
        self.read(&message);
        Ok(Some(true))
    }

    /// The next message's length, once its prelude is there and proven.
    fn length(&self) -> Result<Option<usize>, EventStreamError> {
        let Some(prelude) = self.buf.first_chunk::<PRELUDE>() else { return Ok(None) };
        let mut lengths = &prelude[..];
        let length = lengths.get_u32() as usize;
        lengths.advance(4);
        if crc32fast::hash(&prelude[..8]) != lengths.get_u32() {
            return Err(EventStreamError::Malformed("a prelude's checksum does not match".to_owned()));
        }
        if length < SMALLEST {
            return Err(EventStreamError::Malformed(format!("a message of {length} bytes")));
        }
        if length > self.limit {
            return Err(EventStreamError::TooLarge { length, limit: self.limit });
        }
        Ok(Some(length))
    }

    fn read(&mut self, message: &Message) {
        let header = |name: &str| {
            let found = message.headers().iter().find(|header| header.name().as_str() == name)?;
            found.value().as_string().ok()
        };
        let kind = header(":message-type").map(StrBytes::as_str);
        let name = match kind {
            Some("exception") => header(":exception-type"),
            Some("error") => header(":error-code"),
            Some(_) | None => header(":event-type"),
        };
        self.event = name.cloned();
        self.data = message.payload().clone();
        let is_silent = self.data.iter().all(u8::is_ascii_whitespace);
        if kind == Some("error") || (kind == Some("exception") && is_silent) {
            let name = name.map_or("error", StrBytes::as_str);
            let told = header(":error-message").map_or("the upstream gave no reason", StrBytes::as_str);
            self.data = Bytes::from(serde_json::json!({ "__type": name, "message": told }).to_string());
        }
    }
}

#[cfg(test)]
pub(crate) mod encode;
#[cfg(test)]
mod tests;
