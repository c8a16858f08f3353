//! A stream as one JSON list, which is how a caller gets it that did not ask for server-sent events.

use crate::sse::SseDecoder;

/// Writes a stream's events as the elements of a list.
#[derive(Debug, Default)]
pub struct JsonList {
    decoder: SseDecoder,
    has_begun: bool,
    is_closed: bool,
}

impl JsonList {
    /// Takes what is written of a stream; gives what of the list it makes, which may be nothing.
    pub fn push(&mut self, events: &[u8]) -> Vec<u8> {
        self.decoder.push(events);
        let mut out = Vec::with_capacity(events.len());
        // Events of our own writing are below the decoder's limit, or were let through by one like it.
        while let Ok(Some(event)) = self.decoder.next_event() {
            if event.data.is_empty() {
                continue;
            }
            out.extend_from_slice(if std::mem::replace(&mut self.has_begun, true) { b",\r\n" } else { b"[" });
            out.extend_from_slice(event.data);
        }
        out
    }

    /// The list's end, once.
    pub fn close(&mut self) -> Option<&'static [u8]> {
        let end: &[u8] = if self.has_begun { b"]" } else { b"[]" };
        (!std::mem::replace(&mut self.is_closed, true)).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_becomes_a_list() {
        let mut list = JsonList::default();
        let mut out = Vec::new();
        for piece in ["data: {\"a\":1}\n\nda", "ta: {\"b\":2}\n\n", ": still here\n\n"] {
            out.extend(list.push(piece.as_bytes()));
        }
        out.extend(list.close().unwrap());
        assert_eq!(list.close(), None);
        assert_eq!(std::str::from_utf8(&out).unwrap(), "[{\"a\":1},\r\n{\"b\":2}]");
        let mut empty = JsonList::default();
        assert_eq!((empty.push(b""), empty.close()), (Vec::new(), Some(&b"[]"[..])));
    }
}
