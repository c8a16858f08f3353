//! Calls counted one by one, for what begins at a moment of its own: the windows keep time in steps, and would count
//! what ended up to one step before.

use serde::{Deserialize, Serialize};

use super::windows::{Counts, Histogram};
use super::{Call, Seen};
use crate::fleet::Outcome;

/// What some calls said together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    counts: Counts,
    answers: Histogram,
}

impl Tally {
    /// Counts a call, if it says something of its target.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        if let Some(call) = Call::of(outcome, false) {
            self.counts.add(&Counts::one(&call, false));
            self.answers.take(&call);
        }
    }

    /// What they said.
    pub(crate) fn seen(&self) -> Seen {
        Seen::of(&self.counts, &self.answers)
    }
}
