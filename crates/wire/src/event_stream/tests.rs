use proptest::prelude::*;

use super::encode::{event, exception, message};
use super::*;

/// Name, data, raw bytes and completeness of every event, or the fault that ended it.
type Seen = (Vec<(Option<String>, Vec<u8>, Vec<u8>, bool)>, Option<EventStreamError>);

fn decode(chunks: &[&[u8]], limit: usize) -> Seen {
    let mut decoder = EventStreamDecoder::new(limit);
    let mut seen = Vec::new();
    for at in 0..=chunks.len() {
        match chunks.get(at) {
            Some(chunk) => decoder.push(chunk),
            None => decoder.finish(),
        }
        loop {
            match decoder.next_event() {
                Ok(Some(event)) => seen.push((
                    event.event.map(str::to_owned),
                    event.data.to_vec(),
                    event.raw.to_vec(),
                    event.complete,
                )),
                Ok(None) => break,
                Err(fault) => {
                    assert_eq!(decoder.next_event().unwrap_err(), fault, "a fault stays");
                    return (seen, Some(fault));
                }
            }
        }
    }
    (seen, None)
}

fn stream() -> Vec<u8> {
    [
        event("messageStart", br#"{"role":"assistant"}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"é"}}"#.as_bytes()),
        exception("throttlingException", br#"{"message":"Too many requests"}"#),
    ]
    .concat()
}

#[test]
fn events_and_exceptions_are_named_and_keep_their_payload() {
    let bytes = stream();
    let (seen, fault) = decode(&[&bytes], DEFAULT_EVENT_LIMIT);
    assert_eq!(fault, None);
    let names: Vec<_> = seen.iter().map(|(name, ..)| name.as_deref().unwrap()).collect();
    assert_eq!(names, ["messageStart", "contentBlockDelta", "throttlingException"]);
    assert_eq!(seen[2].1, br#"{"message":"Too many requests"}"#);
    assert_eq!(seen.iter().flat_map(|(_, _, raw, _)| raw.clone()).collect::<Vec<_>>(), bytes);
}

#[test]
fn an_error_without_a_payload_still_says_what_it_is() {
    let headers =
        [(":message-type", "error"), (":error-code", "InternalFailure"), (":error-message", "sorry \"x\"")];
    for (bytes, name, data) in [
        (
            message(&headers, b""),
            "InternalFailure",
            r#"{"__type":"InternalFailure","message":"sorry \"x\""}"#,
        ),
        (
            exception("modelStreamErrorException", b""),
            "modelStreamErrorException",
            r#"{"__type":"modelStreamErrorException","message":"the upstream gave no reason"}"#,
        ),
    ] {
        let (seen, _) = decode(&[&bytes], DEFAULT_EVENT_LIMIT);
        assert_eq!(seen[0].0.as_deref(), Some(name));
        assert_eq!(String::from_utf8_lossy(&seen[0].1), data);
    }
}

#[test]
fn a_message_cut_off_at_the_end_is_given_as_incomplete() {
    let bytes = stream();
    let (seen, fault) = decode(&[&bytes[..bytes.len() - 1]], DEFAULT_EVENT_LIMIT);
    assert_eq!(fault, None);
    assert_eq!(seen.iter().map(|(_, _, _, complete)| *complete).collect::<Vec<_>>(), [true, true, false]);
    assert!(seen[2].1.is_empty() && !seen[2].2.is_empty());
}

#[test]
fn damage_ends_the_stream_at_once_and_for_good() {
    let good = event("messageStart", b"{}");
    let damaged = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        bytes
    };
    // A length that was changed, a header, the payload, the last checksum; a web page; a message of no bytes.
    let header = 20;
    let mut empty = vec![0; 8];
    empty.extend(crc32fast::hash(&empty).to_be_bytes());
    for bytes in [
        damaged(3),
        damaged(header),
        damaged(good.len() - 5),
        damaged(good.len() - 1),
        b"<!doctype html><html>".to_vec(),
        empty,
    ] {
        let (seen, fault) = decode(&[&good, &bytes], DEFAULT_EVENT_LIMIT);
        assert_eq!(seen.len(), 1);
        assert!(matches!(fault, Some(EventStreamError::Malformed(_))), "{fault:?}");
    }
    // Only the prelude has come of a message that is too long.
    let long = event("contentBlockDelta", &[b' '; 500]);
    let (_, fault) = decode(&[&long[..PRELUDE]], 400);
    assert_eq!(fault, Some(EventStreamError::TooLarge { length: long.len(), limit: 400 }));
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(cuts in prop::collection::vec(0_usize..400, 0..12), lost in 0_usize..60) {
        let bytes = stream();
        let bytes = &bytes[..bytes.len() - lost];
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % bytes.len()).collect();
        cuts.sort_unstable();
        cuts.push(bytes.len());
        let mut start = 0;
        let chunks: Vec<&[u8]> = cuts.iter().map(|cut| { let chunk = &bytes[start..*cut]; start = *cut; chunk }).collect();
        prop_assert_eq!(decode(&chunks, DEFAULT_EVENT_LIMIT), decode(&[bytes], DEFAULT_EVENT_LIMIT));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..200, flip in any::<u8>()) {
        decode(&[&bytes], DEFAULT_EVENT_LIMIT);
        // A message whose checksums agree, with anything for headers.
        let headers = bytes.len().min(at);
        let mut framed = Vec::new();
        framed.extend(u32::try_from(bytes.len() + SMALLEST).unwrap().to_be_bytes());
        framed.extend(u32::try_from(headers).unwrap().to_be_bytes());
        framed.extend(crc32fast::hash(&framed).to_be_bytes());
        framed.extend(&bytes);
        framed.extend(crc32fast::hash(&framed).to_be_bytes());
        decode(&[&framed], DEFAULT_EVENT_LIMIT);
        let mut bent = stream();
        let at = at % bent.len();
        bent[at] ^= flip;
        decode(&[&bent], DEFAULT_EVENT_LIMIT);
    }
}
