//! Converse streams.

use crate::canonical::Delta;
use crate::frames::StreamEvent;
use crate::notes::Notes;
use crate::pipe::StreamFault;

/// Reads an upstream's stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {}

impl Reader {
    /// Reads one event (never of empty data) and gives its deltas to `sink`.
    pub(crate) fn read(
        &mut self,
        _event: &StreamEvent<'_>,
        _notes: &mut Notes,
        _sink: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<(), StreamFault> {
        Err(StreamFault::Malformed("SKELETON".to_owned()))
    }

    /// The upstream closed: gives the end where the dialect has no mark for it and the answer is whole.
    pub(crate) fn finish(&mut self, _sink: &mut dyn FnMut(&Delta<'_>)) {}
}
