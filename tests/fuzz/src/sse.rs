//! Server-sent events: any bytes, in any pieces.

use switchyard_wire::SseDecoder;
use switchyard_wire::sse::encode_event;

use crate::choices::Choices;

/// An event, owned.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    name: Option<String>,
    data: Vec<u8>,
    raw: Vec<u8>,
    complete: bool,
}

fn decode(pieces: &[&[u8]]) -> Vec<Event> {
    let mut decoder = SseDecoder::default();
    let mut events = Vec::new();
    let mut take = |decoder: &mut SseDecoder| {
        while let Some(event) = decoder.next_event().expect("inputs are smaller than the limit") {
            events.push(Event {
                name: event.event.map(str::to_owned),
                data: event.data.to_vec(),
                raw: event.raw.to_vec(),
                complete: event.complete,
            });
        }
    };
    for piece in pieces {
        decoder.push(piece);
        take(&mut decoder);
    }
    decoder.finish();
    take(&mut decoder);
    events
}

/// However a stream is cut, the same events come, which together are the stream; what is written reads the same.
pub fn run(choices: &Choices, data: &[u8]) {
    let events = decode(&choices.cut(data));
    assert_eq!(events, decode(&[data]), "cutting changes nothing");
    let raw: Vec<u8> = events.iter().flat_map(|event| event.raw.iter().copied()).collect();
    assert_eq!(raw, data, "every byte is part of an event");
    let broken = events.iter().rev().skip(1).find(|event| !event.complete);
    assert!(broken.is_none(), "only the last event can be broken off");
    for event in &events {
        let mut written = Vec::new();
        encode_event(&mut written, event.name.as_deref(), &event.data);
        let again = decode(&[&written]);
        let [again] = again.as_slice() else { panic!("one event was written, {} are read", again.len()) };
        assert!(again.complete);
        assert_eq!((&again.name, &again.data), (&event.name, &event.data));
    }
}
