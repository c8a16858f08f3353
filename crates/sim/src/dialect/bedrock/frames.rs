//! Frames of `application/vnd.amazon.eventstream`: prelude, headers, payload, two checksums, all big-endian.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html> describes the layout.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;

/// Total length, headers length, and their checksum.
const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;
/// The header value type of a string.
const STRING: u8 = 7;

/// A message of the stream.
pub(super) fn event(kind: &str, payload: &Value) -> Bytes {
    let headers = [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
    frame(&headers, payload.to_string().as_bytes())
}

/// The message that ends a failed stream.
pub(super) fn exception(kind: &str, payload: &Value) -> Bytes {
    let headers =
        [(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")];
    frame(&headers, payload.to_string().as_bytes())
}

/// The same frame with a bit of its payload flipped after the checksums were taken.
pub(super) fn damaged(frame: &Bytes) -> Bytes {
    let mut bytes = BytesMut::from(frame.as_ref());
    if let Some(at) = bytes.len().checked_sub(CHECKSUM + 1) {
        bytes[at] ^= 1;
    }
    bytes.freeze()
}

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut head = BytesMut::new();
    for (name, value) in headers {
        head.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        head.put_slice(name.as_bytes());
        head.put_u8(STRING);
        head.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        head.put_slice(value.as_bytes());
    }
    let total = PRELUDE + head.len() + payload.len() + CHECKSUM;
    let mut frame = BytesMut::with_capacity(total);
    frame.put_u32(u32::try_from(total).unwrap_or(u32::MAX));
    frame.put_u32(u32::try_from(head.len()).unwrap_or(u32::MAX));
    frame.put_u32(crc32fast::hash(&frame));
    frame.put_slice(&head);
    frame.put_slice(payload);
    frame.put_u32(crc32fast::hash(&frame));
    frame.freeze()
}
