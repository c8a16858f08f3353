//! Server-sent events: any bytes, in any pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchyard_wire::SseDecoder;

fuzz_target!(|data: &[u8]| {
    let Some((&cut, data)) = data.split_first() else { return };
    let mut decoder = SseDecoder::default();
    let at = data.len() * usize::from(cut) / 256;
    for piece in [&data[..at], &data[at..]] {
        decoder.push(piece);
        while let Ok(Some(event)) = decoder.next_event() {
            assert!(event.raw.len() <= data.len());
        }
    }
});
