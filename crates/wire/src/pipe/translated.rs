//! A stream that changes dialect, or its upstream: read into deltas and written anew.

use switchyard_domain::Operation;
use switchyard_domain::usage::BilledUsage;

use super::ends::Reader;
use super::telling::Telling;
use super::{StreamEnd, StreamFault};
use crate::Dialect;
use crate::canonical::Delta;
use crate::error_body::{ErrorShape, UpstreamError};
use crate::frames::StreamEvent;
use crate::gather::{chunks_in_a_list, take_apart};
use crate::inspect::inspect_ok_body;
use crate::notes::{Notes, TranslateError, utf8};
use crate::surrogates;
use crate::tap::Observed;
use crate::translate::read_answer;
use crate::under_way::UnderWay;

/// A stream that is read and written anew.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) from: Dialect,
    pub(super) reader: Reader,
    /// What the reader noted of the event at hand.
    pub(super) read: Notes,
    pub(super) telling: Telling,
    pub(super) under_way: UnderWay,
    /// Whether an event with data has come.
    pub(super) is_opened: bool,
    /// What is billed of an answer that came in one piece.
    pub(super) whole: Option<BilledUsage>,
}

impl Translated {
    pub(super) fn push(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Observed {
        if event.data.is_empty() || event.is_heartbeat() || self.telling.facts.error.is_some() {
            self.under_way.quiet(self.from, event, false);
            return Observed::Quiet;
        }
        let was_whole = self.is_finished();
        let is_first = !std::mem::replace(&mut self.is_opened, true);
        let Self { from, reader, read, telling, under_way, .. } = self;
        let mut observed = Observed::Quiet;
        let mended = surrogates::mended(event.data);
        let readable = StreamEvent { data: mended.as_deref().unwrap_or(event.data), ..*event };
        let fault = reader.read(&readable, read, &mut |delta| {
            under_way.hears(delta);
            let one = telling.take(delta, out);
            if weight(one) > weight(observed) {
                observed = one;
            }
        });
        telling.notes.take_from(read);
        if observed == Observed::Quiet {
            under_way.quiet(*from, event, is_first);
        }
        if reader.has_ended_text() {
            telling.ends_text();
        }
        match fault {
            Ok(()) => observed,
            // The stream broke off inside this event: that is a cut, not a provider speaking nonsense. What comes behind a
            // whole answer changes nothing of it.
            Err(_) if was_whole || !event.complete => observed,
            Err(fault @ StreamFault::Malformed(_)) => {
                telling.facts.error = Some(UpstreamError::plain(ErrorShape::Text, &fault.to_string()));
                Observed::Malformed
            }
        }
    }

    pub(super) fn take_whole(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), TranslateError> {
        if let Some(chunks) = chunks_in_a_list(self.from, body) {
            for chunk in chunks {
                if self.push(&StreamEvent::of_data(chunk.get().as_bytes()), out) == Observed::Malformed {
                    return Err(TranslateError::invalid("", "a chunk of the list can't be read"));
                }
            }
            return Ok(());
        }
        let Self { from, read, telling, whole, .. } = self;
        let answer = read_answer(*from, utf8(body)?, read)?;
        let facts = inspect_ok_body(*from, Operation::Complete, None, body);
        *whole = facts.ok().and_then(|facts| facts.billed);
        telling.notes.take_from(read);
        take_apart(answer, &mut |delta| {
            telling.take(delta, out);
        });
        Ok(())
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> StreamEnd {
        let Self { reader, telling, .. } = self;
        if telling.facts.error.is_none() {
            reader.finish(&mut |delta| {
                telling.take(delta, out);
            });
            // With an error behind it the reader gave no end.
            if telling.facts.finish.is_some() {
                telling.take(&Delta::End, out);
            }
        }
        if telling.facts.error.is_some() {
            StreamEnd::Failed
        } else if telling.facts.ended {
            StreamEnd::Complete
        } else {
            StreamEnd::Cut
        }
    }

    pub(super) fn billed(&self) -> Option<BilledUsage> {
        self.whole.clone().or_else(|| self.reader.meter().billed())
    }

    /// Whether the end came, or its reason: an answer can do without the mark behind that.
    pub(super) fn is_finished(&self) -> bool {
        let facts = &self.telling.facts;
        facts.ended || facts.finish.is_some() || self.reader.has_reason()
    }
}

/// Which of an event's deltas names it.
fn weight(observed: Observed) -> u8 {
    match observed {
        Observed::Quiet => 0,
        Observed::UsageOnly => 1,
        Observed::Finish => 2,
        Observed::Done => 3,
        // An event that says something and ends the answer is news first.
        Observed::Content => 4,
        Observed::Error => 5,
        Observed::Malformed => 6,
    }
}
