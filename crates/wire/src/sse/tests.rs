use proptest::prelude::*;

use super::*;

type Expected = (Option<&'static str>, &'static str, bool);
type Owned = (Option<String>, Vec<u8>, Vec<u8>, bool);

fn decode(chunks: &[&[u8]], limit: usize) -> Result<Vec<Owned>, SseError> {
    let mut decoder = SseDecoder::new(limit);
    let mut events = Vec::new();
    let mut drain = |decoder: &mut SseDecoder| -> Result<(), SseError> {
        while let Some(event) = decoder.next_event()? {
            events.push((
                event.event.map(str::to_owned),
                event.data.to_vec(),
                event.raw.to_vec(),
                event.complete,
            ));
        }
        Ok(())
    };
    for chunk in chunks {
        decoder.push(chunk);
        drain(&mut decoder)?;
    }
    decoder.finish();
    drain(&mut decoder)?;
    Ok(events)
}

#[test]
fn the_grammar_is_read() {
    let cases: [(&str, &[Expected]); 9] = [
        ("data: a\n\ndata:b\n\n", &[(None, "a", true), (None, "b", true)]),
        ("event: ping\r\ndata: {}\r\n\r\n", &[(Some("ping"), "{}", true)]),
        ("data: a\r\rdata: b\r\r", &[(None, "a", true), (None, "b", true)]),
        ("data: a\ndata:  b\ndata\ndata: c\n\n", &[(None, "a\n b\n\nc", true)]),
        (": keep-alive\n\ndata: a\n\n", &[(None, "", true), (None, "a", true)]),
        ("\u{feff}data: a\n\n", &[(None, "a", true)]),
        ("id: 1\nretry: 5\nevent:\ndata: a\n\n", &[(None, "a", true)]),
        ("data: a\n\ndata: [DONE]", &[(None, "a", true), (None, "[DONE]", false)]),
        ("", &[]),
    ];
    for (stream, expected) in cases {
        let events = decode(&[stream.as_bytes()], 1000).unwrap();
        let seen: Vec<_> = events
            .iter()
            .map(|(event, data, _, complete)| {
                (event.as_deref(), std::str::from_utf8(data).unwrap(), *complete)
            })
            .collect();
        assert_eq!(seen, expected, "{stream:?}");
    }
}

#[test]
fn an_endless_event_is_refused_however_it_comes() {
    let event = format!("data: {}\n\n", "x".repeat(100));
    for size in [1, 7, 1000] {
        let chunks: Vec<&[u8]> = event.as_bytes().chunks(size).collect();
        assert_eq!(decode(&chunks, 50), Err(SseError::EventTooLarge { limit: 50 }));
        assert_eq!(decode(&chunks, 200).unwrap().len(), 1);
    }
}

#[test]
fn what_is_encoded_is_decoded() {
    for data in ["", "a", "a\nb", "a\n", "\n", "a\n\nb"] {
        let mut out = Vec::new();
        encode_event(&mut out, Some("name"), data.as_bytes());
        let events = decode(&[&out], 1000).unwrap();
        assert_eq!(events.len(), 1, "{data:?}");
        assert_eq!((events[0].0.as_deref(), events[0].1.as_slice()), (Some("name"), data.as_bytes()));
    }
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(
        stream in prop::collection::vec(prop::sample::select(vec![
            "\n", "\r", "\r\n", "data: ", "data:", "event: x", ": c", "{\"a\":1}", "é", " ", "\u{feff}", "id: 3",
        ]), 0..40),
        cuts in prop::collection::vec(0usize..400, 0..10),
    ) {
        let stream = stream.concat().into_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let events = decode(&chunks, 1000).unwrap();
        prop_assert_eq!(&events, &decode(&[&stream], 1000).unwrap());
        let raw: Vec<u8> = events.into_iter().flat_map(|event| event.2).collect();
        prop_assert_eq!(raw, stream, "a relay passes on every byte");
    }
}
