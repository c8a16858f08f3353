//! What a request's end tells: counters, traffic, the log, and how things stand.

use std::sync::Arc;

use switchyard_domain::map::RoutingMap;
use switchyard_domain::view::{AttemptView, Outcome, RequestView};
use switchyard_domain::{Now, Tier};
use switchyard_policy::lately::Ended;
use switchyard_policy::{CurrentTier, classify};

use crate::core::lock;
use crate::walk::Walk;

impl Walk {
    /// Counts the tries of a request that is over, or of a queued one's attempt.
    pub(crate) fn tried(&self, view: &RequestView, fell_back: bool, now: Now) {
        let tries = u32::try_from(view.attempts.len()).unwrap_or(u32::MAX);
        self.core.with_fleet(|fleet| fleet.retry_budget_mut().ended(tries, fell_back, now));
        self.counters.tried(view, fell_back, self.core.running.load().as_ref().map(|running| &running.map));
    }

    /// Takes an ended request into the log and the counters.
    pub(crate) fn ended(&self, view: Arc<RequestView>, now: Now) {
        self.counters.ended(&view);
        if let Some(how) = self.how_it_ended(&view) {
            self.core.with_fleet(|fleet| fleet.lately_mut().ended(how, now));
        }
        lock(&self.traffic).ended(&view, now.wall_ms);
        self.core.writer.request(view);
        self.core.bus.touch();
    }

    /// What a request's end says of how things stand; none when it says nothing: it was refused for its own fault, its
    /// caller left after the first word, or somebody paused new work or switched everything off.
    fn how_it_ended(&self, view: &RequestView) -> Option<Ended> {
        let failed = |attempt: &AttemptView| {
            attempt.failure.as_ref().is_some_and(|failure| classify(failure).tells_of_target())
        };
        let running = self.core.running.load();
        if running.as_ref().is_some_and(|running| self.core.all_off(running).is_some()) {
            return None;
        }
        let retried = view.attempts.iter().any(failed) || view.rescues > 0;
        let unanswered = retried.then_some(Ended::Unanswered);
        match view.outcome {
            Outcome::Answered => match (&view.route, view.tier) {
                (Some(route), Some(tier)) => {
                    let map = running.as_ref().map(|running| &running.map);
                    let provider = RoutingMap::provider_of(map, route).to_owned();
                    // Answered past a Hot that is out; where somebody wants it on Warm, Warm is where it should be.
                    let past_hot = |current_tier: &CurrentTier| {
                        current_tier.tier != Tier::Hot
                            && current_tier.cause.as_ref().is_some_and(|cause| !cause.is_ordered())
                    };
                    let moved = tier != Tier::Hot && past_hot(&lock(&self.tier_since).current_tier);
                    Some(Ended::Answered { provider, tier, retried, moved })
                }
                // An old answer given again, or an estimate.
                (_, _) => unanswered,
            },
            Outcome::Queued if self.core.is_paused() => None,
            Outcome::Queued => Some(Ended::Queued),
            Outcome::Refused if view.status >= 500 && !self.core.is_paused() => Some(Ended::Unanswered),
            Outcome::Refused => unanswered,
            Outcome::Failed | Outcome::Broken => Some(Ended::Unanswered),
            Outcome::Aborted => {
                view.attempts.iter().all(|attempt| attempt.failure.is_some()).then_some(Ended::GivenUp)
            }
        }
    }
}
