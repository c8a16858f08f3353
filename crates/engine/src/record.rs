//! One request's entry in the log, written when it ends, however it ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use switchyard_domain::limits::{NAME_BYTES, SENTENCE_BYTES, bounded};
use switchyard_domain::view::{AttemptView, Outcome, RequestView};
use switchyard_domain::{Failure, Now, RouteId, Tier};
use switchyard_wire::{NOTE_LIMIT, Usage};

use crate::clock;
use crate::shared::{Shared, lock};

/// The most losses kept of one request: those of its body, of its answer, and the line that counts the rest.
const MOST_LOST: usize = 2 * NOTE_LIMIT;

/// A failure as it is logged.
fn bounded_failure(failure: Failure) -> Failure {
    Failure {
        message: bounded(failure.message, SENTENCE_BYTES),
        code: failure.code.map(|code| bounded(code, NAME_BYTES)),
        ..failure
    }
}

/// How a request ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) status: u16,
    pub(crate) route: Option<(RouteId, Tier)>,
    pub(crate) degraded: bool,
    pub(crate) first_token_ms: Option<u32>,
    pub(crate) usage: Option<Usage>,
}

impl Ending {
    /// An end without an answer of a route.
    pub(crate) fn without_route(outcome: Outcome, status: u16) -> Self {
        Self { outcome, status, route: None, degraded: false, first_token_ms: None, usage: None }
    }
}

/// A request under way. Dropping it without an end means that the caller hung up.
#[derive(Debug)]
pub(crate) struct Record {
    shared: Arc<Shared>,
    view: Option<Box<RequestView>>,
    arrived: Now,
    /// The first choice of its plan.
    first_choice: Option<RouteId>,
    /// What stands for its app and what it asks, where a repetition is of interest.
    mark: Option<u64>,
}

impl Record {
    /// Counts the request as under way.
    pub(crate) fn open(shared: &Arc<Shared>, mut view: RequestView, arrived: Now) -> Self {
        for name in [&mut view.client, &mut view.job, &mut view.model] {
            *name = bounded(std::mem::take(name), NAME_BYTES);
        }
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        Self {
            shared: Arc::clone(shared),
            view: Some(Box::new(view)),
            arrived,
            first_choice: None,
            mark: None,
        }
    }

    /// Milliseconds since the request arrived.
    pub(crate) fn age_ms(&self, now: Now) -> u32 {
        clock::span_ms(self.arrived, now)
    }

    /// Notes the first choice of its plan: another one's answer is a fallback.
    pub(crate) fn planned(&mut self, first_choice: &RouteId) {
        self.first_choice.get_or_insert_with(|| first_choice.clone());
    }

    /// Notes what a repetition of it would be known by.
    pub(crate) fn marked(&mut self, mark: u64) {
        self.mark = Some(mark);
    }

    /// Notes a try. `failure` is absent for the one that answers.
    pub(crate) fn attempt(
        &mut self,
        route: &RouteId,
        tier: Tier,
        begun: Now,
        ended: Now,
        failure: Option<Failure>,
    ) {
        let start_ms = self.age_ms(begun);
        if let Some(view) = &mut self.view {
            view.attempts.push(AttemptView {
                route: route.clone(),
                tier,
                start_ms,
                duration_ms: clock::span_ms(begun, ended),
                failure: failure.map(bounded_failure),
            });
        }
    }

    /// Corrects the last try, whose stream broke after it had begun.
    pub(crate) fn last_attempt_failed(&mut self, failure: Failure) {
        if let Some(last) = self.view.as_mut().and_then(|view| view.attempts.last_mut()) {
            last.failure = Some(bounded_failure(failure));
        }
    }

    /// Notes what a change of dialect could not carry over.
    pub(crate) fn lost(&mut self, lost: impl IntoIterator<Item = String>) {
        let Some(view) = &mut self.view else { return };
        for lost in lost {
            let lost = bounded(lost, SENTENCE_BYTES);
            if view.degradations.len() < MOST_LOST && !view.degradations.contains(&lost) {
                view.degradations.push(lost);
            }
        }
    }

    /// Notes that the stream broke off and goes on elsewhere.
    pub(crate) fn rescued(&mut self) {
        if let Some(view) = &mut self.view {
            view.rescues += 1;
        }
    }

    /// Leaves no entry: an attempt of a queued job that changes nothing for its caller.
    pub(crate) fn discard(mut self) {
        if let Some(view) = self.view.take() {
            self.shared.tried(&view, false, clock::now());
            self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The end.
    pub(crate) fn end(mut self, ending: Ending) {
        self.settle(ending);
    }

    fn settle(&mut self, ending: Ending) {
        let Some(mut view) = self.view.take() else { return };
        let now = clock::now();
        view.outcome = ending.outcome;
        view.status = ending.status;
        view.degraded = ending.degraded;
        view.first_token_ms = ending.first_token_ms;
        view.duration_ms = clock::span_ms(self.arrived, now);
        (view.route, view.tier) =
            ending.route.map_or((None, None), |(route, tier)| (Some(route), Some(tier)));
        if ending.outcome == Outcome::Queued {
            view.tier = Some(Tier::Cold);
        }
        (view.input_tokens, view.output_tokens) =
            ending.usage.map_or((None, None), |usage| (Some(usage.input_tokens), Some(usage.output_tokens)));
        view.cached_tokens = ending.usage.map(|usage| usage.cached_input_tokens);
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        let fell_back = view.route.as_ref().is_some_and(|route| self.first_choice.as_ref() != Some(route));
        self.shared.tried(&view, fell_back, now);
        self.shared.bus.routing.answered(&view, self.first_choice.as_ref(), now);
        if let Some(mark) = self.mark.filter(|_| is_worth_repeating(view.status)) {
            lock(&self.shared.callers).failed(mark, now);
        }
        self.shared.ended(Arc::from(view), now);
    }
}

/// Whether a caller that got this may ask the same again: a limit, a failure, or an answer it did not wait for.
const fn is_worth_repeating(status: u16) -> bool {
    status == 429 || status >= 499
}

impl Drop for Record {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A fault of ours ended it: the one way an accepted request can be lost.
            self.shared.lost.fetch_add(u64::from(self.view.is_some()), Ordering::Relaxed);
            self.settle(Ending::without_route(Outcome::Failed, 500));
        } else {
            self.settle(Ending::without_route(Outcome::Aborted, 499));
        }
    }
}
