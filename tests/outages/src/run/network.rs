//! This machine's network, as the engine looks after it: held requests, looks at it, and what follows from a sleep.

use super::Run;
use super::call::Call;

impl Run<'_> {
    /// Whether the policy takes the network for down.
    pub(super) fn network_is_down(&self) -> bool {
        false
    }

    /// The time since the last beat says whether the machine slept.
    pub(super) fn notice_gap(&mut self, _gap_ms: u64) {}

    /// Looks at the network where that is wanted.
    pub(super) fn look_after_network(&mut self) {}

    /// A look has ended.
    pub(super) fn looked(&mut self, _begun_ms: u64) {}

    /// Whether the call waits for the network, instead of being parked.
    pub(super) fn hold(&mut self, _id: u64, _call: &Call) -> bool {
        false
    }

    /// Whether the call has waited for the network.
    pub(super) fn is_held(&self, _call: &Call) -> bool {
        false
    }
}
