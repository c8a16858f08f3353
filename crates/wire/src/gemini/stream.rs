//! generateContent streams: events that each hold a piece of the answer in the form of a whole one.
//!
//! There is no end marker: the answer is whole when the upstream closes after a finish reason.

mod writer;

use super::reading::Reading;
use super::shapes::Chunk;
use crate::canonical::Delta;
use crate::frames::StreamEvent;
use crate::json;
use crate::notes::Notes;
use crate::pipe::StreamFault;
use crate::usage::Meter;
pub(crate) use writer::Writer;

/// Reads an upstream's stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    reading: Reading,
}

impl Reader {
    /// Reads one event (never of empty data) and gives its deltas to `sink`.
    pub(crate) fn read(
        &mut self,
        event: &StreamEvent<'_>,
        notes: &mut Notes,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<(), StreamFault> {
        if event.data == b"[DONE]" {
            return Ok(());
        }
        match chunks(event.data) {
            Ok(chunks) => {
                for chunk in chunks {
                    self.reading.chunk(chunk, notes, &mut |delta| sink(&delta));
                }
                Ok(())
            }
            // The stream ended inside it.
            Err(_) if !event.complete => Ok(()),
            Err(error) => Err(StreamFault::Malformed(error.to_string())),
        }
    }

    /// What the upstream has reported.
    pub(crate) fn meter(&self) -> &Meter {
        self.reading.meter()
    }

    /// Whether the reason of the end came, so that the answer is whole if the upstream closes.
    pub(crate) fn has_reason(&self) -> bool {
        self.reading.has_reason()
    }

    /// The upstream closed: gives the end where the dialect has no mark for it and the answer is whole.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&Delta<'_>)) {
        self.reading.close(&mut |delta| sink(&delta));
    }
}

/// One chunk, or all of them in a list (what the API sends where `alt=sse` was not asked for).
pub(super) fn chunks(data: &[u8]) -> Result<Vec<Chunk<'_>>, serde_json::Error> {
    if data.trim_ascii_start().first() == Some(&b'[') {
        return json::read(data);
    }
    json::read(data).map(|chunk| vec![chunk])
}

#[cfg(test)]
mod tests;
