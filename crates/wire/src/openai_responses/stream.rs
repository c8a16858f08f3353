//! Responses streams.

use crate::canonical::Delta;
use crate::frames::StreamEvent;
use crate::notes::Notes;
use crate::pipe::{Said, StreamFault};
use crate::translate::ReplyOptions;

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

/// Writes a stream for a caller.
#[derive(Debug)]
pub(crate) struct Writer {}

impl Writer {
    pub(crate) fn new(_options: &ReplyOptions) -> Self {
        Self {}
    }

    /// A writer that goes on where an earlier stream of this dialect stopped: what was said is known, and
    /// [`Delta::Start`] begins nothing anew.
    pub(crate) fn resume(_said: &Said, _options: &ReplyOptions) -> Self {
        Self {}
    }

    /// Writes what a delta is in this dialect. [`Delta::Error`] never comes here.
    pub(crate) fn write(&mut self, _delta: &Delta<'_>, _notes: &mut Notes, _out: &mut Vec<u8>) {}
}
