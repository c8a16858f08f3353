//! AWS event streams: noise, and messages whose checksums are right whatever else they hold.

use switchyard_wire::{Dialect, EventStreamDecoder, FrameDecoder};

use crate::choices::Choices;

/// A message with right lengths and checksums.
pub fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = (16 + headers.len() + payload.len()) as u32;
    let mut out = Vec::with_capacity(length as usize);
    out.extend(length.to_be_bytes());
    out.extend((headers.len() as u32).to_be_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend(headers);
    out.extend(payload);
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}

/// A header that holds a string.
fn header(name: &str, value: &[u8]) -> Vec<u8> {
    const STRING: u8 = 7;
    let value = &value[..value.len().min(255)];
    [&[name.len() as u8], name.as_bytes(), &[STRING, 0, value.len() as u8], value].concat()
}

/// A Bedrock stream from a form that mutations leave readable: an event a line, its name and its payload. Names that
/// end in `Exception` are exceptions; `!` is followed by bytes that come as they are.
pub fn from_lines(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let (name, payload) = match memchr::memchr(b' ', line) {
            Some(space) => (&line[..space], &line[space + 1..]),
            None => (line, &[][..]),
        };
        if name == b"!" {
            out.extend(payload);
            continue;
        }
        let (field, kind) = match name.ends_with(b"Exception") {
            true => (":exception-type", &b"exception"[..]),
            false => (":event-type", &b"event"[..]),
        };
        let headers = [header(field, name), header(":message-type", kind)].concat();
        out.extend(message(&headers, payload));
    }
    out
}

/// Events, and the fault that ended them.
type Decoded = (Vec<(Option<String>, Vec<u8>, Vec<u8>, bool)>, Option<String>);

fn decode(pieces: &[&[u8]]) -> Decoded {
    let mut decoder = FrameDecoder::of(Dialect::BedrockConverse);
    let mut events = Vec::new();
    for piece in pieces.iter().map(Some).chain([None]) {
        match piece {
            Some(piece) => decoder.push(piece),
            None => decoder.finish(),
        }
        loop {
            match decoder.next_event() {
                Ok(Some(event)) => {
                    let name = event.event.map(str::to_owned);
                    events.push((name, event.data.to_vec(), event.raw.to_vec(), event.complete));
                }
                Ok(None) => break,
                Err(fault) => {
                    assert!(decoder.next_event().is_err(), "a fault stays");
                    return (events, Some(fault.to_string()));
                }
            }
        }
    }
    (events, None)
}

/// However a stream is cut, the same events and the same fault come; without a fault every byte is part of an event.
pub fn run(choices: &Choices, data: &[u8]) {
    let bytes = if choices.flag(0) {
        data.to_vec()
    } else {
        // Pairs of headers and payload, each told by a length of one byte.
        let mut bytes = Vec::new();
        let mut rest = data;
        while let [length, after @ ..] = rest {
            let (headers, after) = after.split_at(after.len().min(usize::from(*length)));
            let (length, after) = after.split_first().unwrap_or((&0, &[]));
            let (payload, after) = after.split_at(after.len().min(usize::from(*length)));
            bytes.extend(message(headers, payload));
            rest = after;
        }
        bytes
    };
    let decoded = decode(&[&bytes]);
    assert_eq!(decode(&choices.cut(&bytes)), decoded, "cutting changes nothing");
    let (events, fault) = decoded;
    let raw: Vec<u8> = events.iter().flat_map(|event| event.2.iter().copied()).collect();
    assert!(bytes.starts_with(&raw), "events are what came, in order");
    assert!(fault.is_some() || raw == bytes, "every byte is part of an event");
    let limit = 64;
    let mut small = EventStreamDecoder::new(limit);
    small.push(&bytes);
    while let Ok(Some(event)) = small.next_event() {
        assert!(event.raw.len() <= limit, "the limit holds");
    }
}
