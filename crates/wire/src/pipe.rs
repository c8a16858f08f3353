//! One upstream stream on its way to one caller.
//!
//! A stream that stays in its dialect flows through untouched, watched by a [`StreamTap`]; one that changes dialect
//! is read into [`Delta`]s and written anew, event by event, with nothing held back but an end that waits for its
//! usage. Both keep in mind, where asked to, what the caller has been told, so that another upstream can continue it.

mod said;
mod seam;

use crate::canonical::Delta;
use crate::error_body::UpstreamError;
use crate::frames::StreamEvent;
use crate::notes::{Degradation, Notes};
use crate::tap::{Observed, StreamTap};
use crate::translate::ReplyOptions;
use crate::{Dialect, FinishReason, Usage};

pub use said::{Said, Unfit};
pub use seam::Seam;

/// How an upstream's stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The answer is whole, and the caller has its end marker.
    Complete,
    /// The upstream reported an error.
    Failed,
    /// It broke off: no finish reason and no end marker came. The caller has no end marker either.
    Cut,
}

/// Why an event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// It is not what the upstream's dialect speaks.
    #[error("the upstream sent an event that cannot be read: {0}")]
    Malformed(String),
}

/// One stream for one caller.
#[derive(Debug)]
pub struct Pipe {
    caller: Dialect,
    options: ReplyOptions,
    notes: Notes,
}

impl Pipe {
    /// A stream that stays in its dialect. `withhold_usage`: the usage chunk was the router's wish (chat). `keep`: whether
    /// to keep in mind what is said, for [`Pipe::resume`].
    #[must_use]
    pub fn passthrough(dialect: Dialect, withhold_usage: bool, options: ReplyOptions, keep: bool) -> Self {
        let _ = (withhold_usage, keep, StreamTap::new(dialect));
        Self { caller: dialect, options, notes: Notes::default() }
    }

    /// A stream of an upstream that speaks `from` for a caller that speaks `to`.
    #[must_use]
    pub fn translating(from: Dialect, to: Dialect, options: ReplyOptions, keep: bool) -> Self {
        let _ = (from, keep);
        Self { caller: to, options, notes: Notes::default() }
    }

    /// Takes the next event and appends what the caller gets of it to `out`. Nothing is appended for
    /// [`Observed::Malformed`] and [`Observed::Error`].
    pub fn push(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Observed {
        let _ = (event, out, &self.options);
        Observed::Quiet
    }

    /// Says that the upstream's stream is over, and writes what its end still owes the caller.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> StreamEnd {
        let _ = out;
        StreamEnd::Cut
    }

    /// The caller's dialect.
    #[must_use]
    pub fn caller(&self) -> Dialect {
        self.caller
    }

    /// Whether a meaningful byte has come.
    #[must_use]
    pub fn has_started(&self) -> bool {
        false
    }

    /// Whether the answer is whole; a stream that ends before this is cut.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        false
    }

    /// The usage this upstream reported so far (of a resumed stream: this upstream's part alone).
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        None
    }

    /// The model that answers, as the upstream names it.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        None
    }

    /// Why the model stopped, once told.
    #[must_use]
    pub fn finish_reason(&self) -> Option<FinishReason> {
        None
    }

    /// The error reported inside the stream, or why an event could not be read.
    #[must_use]
    pub fn error(&self) -> Option<&UpstreamError> {
        None
    }

    /// What of the stream so far has no word in the caller's dialect.
    #[must_use]
    pub fn lost(&self) -> &[Degradation] {
        self.notes.noted()
    }

    /// What the caller has been told so far, for another upstream to continue.
    ///
    /// # Errors
    /// Why it can't be continued: a tool call, thinking or JSON has begun, or it was not kept in mind.
    pub fn said(&self) -> Result<&Said, Unfit> {
        Err(Unfit::NotKept)
    }

    /// The same caller's stream, fed by another upstream from now on. Its usage so far is added to what the caller is told
    /// in the end; what the new upstream repeats at the seam is left out.
    #[must_use]
    pub fn resume(&self, from: Dialect, seam: Seam) -> Self {
        let _ = (from, seam);
        Self { caller: self.caller, options: self.options.clone(), notes: Notes::default() }
    }
}

/// For the readers' deltas while a pipe takes them in.
#[expect(dead_code, reason = "SKELETON")]
type Sink<'s> = dyn FnMut(&Delta<'_>) + 's;
