//! Server-sent events, decoded from any split of bytes and encoded again.
//!
//! Follows the event stream grammar of the HTML standard, with two liberties providers need: a last event
//! without its blank line is still given (marked incomplete), and a block without data (a comment kept as
//! a heartbeat) is given too, so that a relay can pass on every byte it got.

use memchr::memchr2;

use crate::frames::StreamEvent;

/// The usual bound for one event: tool arguments and images come in pieces far below it.
pub const DEFAULT_EVENT_LIMIT: usize = 8 * 1024 * 1024;

/// Room for an event of a word or two with its frame, made at once: an empty buffer would grow to it in several steps.
pub(crate) const USUAL_EVENT: usize = 384;

/// Why a stream cannot be decoded further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// One event grew beyond the limit.
    #[error("an event of the stream is larger than {limit} bytes")]
    EventTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

/// Incremental decoder: `push` bytes, then take events with `next_event` until there is none.
#[derive(Debug)]
pub struct SseDecoder {
    buf: Vec<u8>,
    /// Start of the block being collected.
    block: usize,
    /// Start of its current line.
    line: usize,
    /// How far the current line has been searched for its end.
    searched: usize,
    limit: usize,
    ended: bool,
    at_stream_start: bool,
    data: Vec<u8>,
}

impl Default for SseDecoder {
    fn default() -> Self {
        Self::new(DEFAULT_EVENT_LIMIT)
    }
}

impl SseDecoder {
    /// A decoder that refuses events larger than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            buf: Vec::new(),
            block: 0,
            line: 0,
            searched: 0,
            limit,
            ended: false,
            at_stream_start: true,
            data: Vec::new(),
        }
    }

    /// Adds bytes from the upstream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.block == self.buf.len() {
            self.buf.clear();
            (self.block, self.line, self.searched) = (0, 0, 0);
        } else if self.block > 0 {
            self.buf.drain(..self.block);
            self.line -= self.block;
            self.searched -= self.block;
            self.block = 0;
        }
        self.buf.extend_from_slice(bytes);
    }

    /// Says that no more bytes will come; what is left is then given as an incomplete event.
    pub fn finish(&mut self) {
        self.ended = true;
    }

    /// The next event, if the bytes so far hold one.
    ///
    /// # Errors
    /// [`SseError::EventTooLarge`], again on every later call: the stream cannot be resumed.
    pub fn next_event(&mut self) -> Result<Option<StreamEvent<'_>>, SseError> {
        loop {
            let Some((line_end, next)) = self.line_end() else {
                if self.buf.len() - self.block > self.limit {
                    return Err(SseError::EventTooLarge { limit: self.limit });
                }
                if self.ended && self.block < self.buf.len() {
                    let range = self.block..self.buf.len();
                    (self.block, self.line, self.searched) = (range.end, range.end, range.end);
                    return Ok(Some(self.event(range, false)));
                }
                return Ok(None);
            };
            let is_blank = line_end == self.line;
            (self.line, self.searched) = (next, next);
            if is_blank {
                if next - self.block > self.limit {
                    self.line = self.block;
                    self.searched = self.block;
                    return Err(SseError::EventTooLarge { limit: self.limit });
                }
                let range = self.block..next;
                self.block = next;
                return Ok(Some(self.event(range, true)));
            }
        }
    }

    /// The end of the current line and the start of the next one. A carriage return that is the last byte
    /// so far stays undecided: its line feed may still be on the way and belongs to the same event.
    fn line_end(&mut self) -> Option<(usize, usize)> {
        let Some(found) = memchr2(b'\n', b'\r', &self.buf[self.searched..]) else {
            self.searched = self.buf.len();
            return None;
        };
        let end = self.searched + found;
        if self.buf[end] == b'\n' {
            return Some((end, end + 1));
        }
        match self.buf.get(end + 1) {
            Some(b'\n') => Some((end, end + 2)),
            Some(_) => Some((end, end + 1)),
            None if self.ended => Some((end, end + 1)),
            None => {
                self.searched = end;
                None
            }
        }
    }

    fn event(&mut self, range: std::ops::Range<usize>, complete: bool) -> StreamEvent<'_> {
        let raw = &self.buf[range];
        let mut rest = raw;
        if std::mem::take(&mut self.at_stream_start) {
            rest = rest.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(rest);
        }
        let mut event = None;
        let mut single: Option<&[u8]> = None;
        let mut lines = 0;
        while !rest.is_empty() {
            let (line, next) = split_line(rest);
            rest = next;
            let (name, value) = split_field(line);
            match name {
                b"event" => event = std::str::from_utf8(value).ok(),
                b"data" => {
                    match (lines, single) {
                        (0, _) => single = Some(value),
                        (1, Some(first)) => {
                            self.data.clear();
                            self.data.extend_from_slice(first);
                            self.data.push(b'\n');
                            self.data.extend_from_slice(value);
                        }
                        _ => {
                            self.data.push(b'\n');
                            self.data.extend_from_slice(value);
                        }
                    }
                    lines += 1;
                }
                _ => {}
            }
        }
        let data = if lines > 1 { self.data.as_slice() } else { single.unwrap_or_default() };
        StreamEvent { event: event.filter(|name| !name.is_empty()), data, raw, complete }
    }
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = memchr2(b'\n', b'\r', bytes) else { return (bytes, &[]) };
    let width = if bytes[end..].starts_with(b"\r\n") { 2 } else { 1 };
    (&bytes[..end], &bytes[end + width..])
}

/// A line's field name and value; a comment has an empty name.
fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        None => (line, &[]),
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
    }
}

/// Writes one event to `out`; data with line breaks becomes several `data:` lines.
pub fn encode_event(out: &mut Vec<u8>, event: Option<&str>, data: &[u8]) {
    if let Some(event) = event {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.as_bytes());
        out.push(b'\n');
    }
    let mut rest = data;
    loop {
        let (line, next) = split_line(rest);
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
        // A line break at the very end stands for one more, empty line.
        let ends_in_break = next.is_empty() && line.len() < rest.len();
        if ends_in_break {
            out.extend_from_slice(b"data: \n");
        }
        if next.is_empty() {
            break;
        }
        rest = next;
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests;
