//! A try on a route, from its permit to its end.

use switchyard_domain::map::RouteIx;
use switchyard_domain::{Failure, Now, Tier};

use crate::breaker::Permit;
use crate::fleet::{Change, Fleet, KeyId, Outcome};
use crate::patience::{Patience, Waits};

/// A try on a route. It ends once: it succeeds, it fails, or it is dropped. One that is dropped counts for nothing: its
/// caller hung up, or the router stopped.
#[derive(Debug)]
pub struct Attempt {
    /// The route, by its place in the map that the request began with.
    pub route: RouteIx,
    /// The route's tier.
    pub tier: Tier,
    /// The key to use; none where the route takes none of ours.
    pub key: Option<KeyId>,
    /// 1 = the request's first.
    pub number: u32,
    /// When it began.
    pub begun: Now,
    /// How long it may be silent, and the request's deadline.
    pub patience: Patience,
    /// The first meaningful byte of a stream.
    pub first_token: Option<Now>,
    /// How long it has been silent so far.
    pub waits: Waits,
    /// None where the fleet did not permit it and hears nothing of it.
    permit: Option<Permit>,
}

impl Attempt {
    pub(crate) fn permitted(self, permit: Permit, number: u32) -> Self {
        let permit = permit.with_key(self.key.clone());
        Self { permit: Some(permit), number, ..self }
    }

    /// Leave for the call; none of one that is not judged.
    #[must_use]
    pub const fn permit(&self) -> Option<&Permit> {
        self.permit.as_ref()
    }

    /// A try that the fleet did not permit and hears nothing of.
    #[must_use]
    pub fn unjudged(route: RouteIx, tier: Tier, key: Option<KeyId>, begun: Now, patience: Patience) -> Self {
        let waits = Waits::default();
        Self { route, tier, key, number: 1, begun, patience, first_token: None, waits, permit: None }
    }

    /// Takes an answer that came to its end, and says what that changed.
    pub fn succeed(self, fleet: &mut Fleet, now: Now) -> Vec<Change> {
        let Some(permit) = self.permit else { return Vec::new() };
        fleet.learn(&permit, &self.waits);
        let length_ms =
            |to: Now| u32::try_from(to.mono_ms.saturating_sub(self.begun.mono_ms)).unwrap_or(u32::MAX);
        let (duration_ms, first_token_ms) = (length_ms(now), self.first_token.map(length_ms));
        fleet.report(permit, Outcome::Succeeded { duration_ms, first_token_ms }, now)
    }

    /// Takes why it failed, and says what that changed.
    pub fn fail(self, fleet: &mut Fleet, failure: Failure, now: Now) -> Vec<Change> {
        self.permit.map(|permit| fleet.report(permit, Outcome::Failed(failure), now)).unwrap_or_default()
    }
}
