//! One request's way through the router: the try it is at, and its entry in the log. Both are told of once, however it
//! ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use switchyard_domain::event::EventKind;
use switchyard_domain::limits::{NAME_BYTES, SENTENCE_BYTES, bounded};
use switchyard_domain::usage::BilledUsage;
use switchyard_domain::view::{AttemptView, Outcome, RequestView};
use switchyard_domain::{Failure, Now, RouteId, Tier, Usd};
use switchyard_policy::{Attempt, Waits};
use switchyard_wire::{NOTE_LIMIT, Usage};

use crate::core::clock;
use crate::core::lock;
use crate::core::purse::{Paid, Payment};
use crate::walk::Walk;

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
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// With a route's answer, whole or broken off.
    Served { outcome: Outcome, status: u16, degraded: bool, usage: Option<Usage> },
    /// Without one.
    Unserved { outcome: Outcome, status: u16, degraded: bool },
}

impl Ending {
    /// An end without an answer of a route.
    pub(crate) const fn unserved(outcome: Outcome, status: u16) -> Self {
        Self::Unserved { outcome, status, degraded: false }
    }
}

/// A request under way. Dropping it without an end means that its caller hung up: that blames no route, and its entry says
/// so.
#[derive(Debug)]
pub(crate) struct Exchange {
    walk: Arc<Walk>,
    view: Option<Box<RequestView>>,
    arrived: Now,
    /// The first choice of its plan.
    first_choice: Option<RouteId>,
    /// What stands for its app and what it asks, where a repetition is of interest.
    mark: Option<u64>,
    /// The try under way.
    attempt: Option<Box<Attempt>>,
    /// Its money; none where the try costs nothing by its nature.
    payment: Option<Box<Payment>>,
    /// Whether the try under way stands in the entry.
    is_noted: bool,
    /// The route whose answer the caller gets.
    served_by: Option<(RouteId, Tier)>,
    /// From its arrival to the first meaningful byte of a stream, milliseconds: what the caller waited for.
    first_token_ms: Option<u32>,
}

impl Exchange {
    /// Counts the request as under way.
    pub(crate) fn open(walk: &Arc<Walk>, mut view: RequestView, arrived: Now) -> Self {
        for name in [&mut view.client, &mut view.job, &mut view.model] {
            *name = bounded(std::mem::take(name), NAME_BYTES);
        }
        walk.in_flight.fetch_add(1, Ordering::Relaxed);
        Self {
            walk: Arc::clone(walk),
            view: Some(Box::new(view)),
            arrived,
            first_choice: None,
            mark: None,
            attempt: None,
            payment: None,
            is_noted: false,
            served_by: None,
            first_token_ms: None,
        }
    }

    /// Milliseconds since the request arrived.
    fn age_ms(&self, now: Now) -> u32 {
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

    /// Begins a try with the money that is held for it. One that is still under way is given up without a verdict.
    pub(crate) fn begin(&mut self, attempt: Box<Attempt>, payment: Option<Payment>) {
        self.attempt = Some(attempt);
        self.payment = payment.map(Box::new);
        self.is_noted = false;
    }

    /// Notes what the answer under way has said so far: the usage it reported, and how much text.
    /// `None` is no new report.
    pub(crate) fn heard(&mut self, usage: Option<BilledUsage>, said_bytes: u64) {
        if let Some(payment) = &mut self.payment {
            payment.heard(usage, said_bytes);
        }
    }

    /// The try under way.
    pub(crate) fn attempt(&self) -> Option<&Attempt> {
        self.attempt.as_deref()
    }

    /// Gives up the try under way without a verdict. What it has said so far is paid for.
    pub(crate) fn abort(&mut self) {
        self.attempt = None;
        let paid = self.payment.take().and_then(|payment| payment.given_up());
        self.note_paid(paid);
    }

    /// Notes how long the route that is answering was silent.
    pub(crate) fn waits(&mut self) -> Option<&mut Waits> {
        self.attempt.as_mut().map(|attempt| &mut attempt.waits)
    }

    /// The try failed before anything of its answer had reached the caller; it goes back to who gave it.
    pub(crate) fn failed(&mut self, route: &RouteId, failure: &Failure) -> Option<Box<Attempt>> {
        let attempt = self.attempt.take()?;
        self.note(&attempt, route, Some(failure.clone()));
        let paid = self.payment.take().and_then(|payment| payment.failed(failure));
        self.note_paid(paid);
        Some(attempt)
    }

    /// The try has brought an answer, which is the caller's from here on; of a stream its first meaningful byte.
    pub(crate) fn commit(&mut self, route: &RouteId, first_token: Option<Now>, waits: Waits) {
        let Some(mut attempt) = self.attempt.take() else { return };
        attempt.first_token = first_token;
        attempt.waits = waits;
        self.note(&attempt, route, None);
        self.served_by = Some((route.clone(), attempt.tier));
        if first_token.is_some() {
            let waited_ms = self.age_ms(clock::now());
            self.first_token_ms.get_or_insert(waited_ms);
        }
        self.attempt = Some(attempt);
    }

    /// The caller gets an answer that the queue has got from this route.
    pub(crate) fn serve_by(&mut self, route: Option<(RouteId, Tier)>) {
        self.served_by = route;
    }

    /// The route whose answer the caller gets, and its tier.
    pub(crate) fn served_by(&self) -> Option<&(RouteId, Tier)> {
        self.served_by.as_ref()
    }

    /// The answer came to its end: it is paid for, and the fleet is told how long it took.
    pub(crate) fn succeed(&mut self, usage: Option<BilledUsage>) {
        let paid = self.payment.take().and_then(|payment| payment.answered(usage));
        self.note_paid(paid);
        let Some(attempt) = self.attempt.take() else { return };
        let now = clock::now();
        self.walk.change(now, |fleet| ((), attempt.succeed(fleet, now)));
    }

    /// The answer broke off after it had begun to reach the caller.
    pub(crate) fn broke_off(&mut self, failure: &Failure) {
        if let Some(last) = self.view.as_mut().and_then(|view| view.attempts.last_mut()) {
            last.failure = Some(bounded_failure(failure.clone()));
        }
        let paid = self.payment.take().and_then(|payment| payment.failed(failure));
        self.note_paid(paid);
        let Some(attempt) = self.attempt.take() else { return };
        let now = clock::now();
        self.walk.change(now, |fleet| ((), attempt.fail(fleet, failure.clone(), now)));
    }

    fn note(&mut self, attempt: &Attempt, route: &RouteId, failure: Option<Failure>) {
        let start_ms = self.age_ms(attempt.begun);
        self.is_noted = true;
        let Some(view) = &mut self.view else { return };
        view.attempts.push(AttemptView {
            route: route.clone(),
            tier: attempt.tier,
            start_ms,
            duration_ms: clock::span_ms(attempt.begun, clock::now()),
            failure: failure.map(bounded_failure),
            cost_nano_usd: None,
            cost_basis: None,
        });
    }

    /// Notes what the last try has cost.
    fn note_paid(&mut self, paid: Option<Paid>) {
        let (Some(paid), Some(view)) = (paid.filter(Paid::is_billed), &mut self.view) else { return };
        view.cost_nano_usd = Some(view.cost_nano_usd.unwrap_or(Usd::ZERO) + paid.usd);
        if let Some(last) = view.attempts.last_mut().filter(|_| self.is_noted) {
            (last.cost_nano_usd, last.cost_basis) = (Some(paid.usd), Some(paid.basis));
        }
    }

    /// What its tries have cost so far; none where nothing was billed.
    pub(crate) fn cost(&self) -> Option<Usd> {
        self.view.as_ref()?.cost_nano_usd
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

    /// Notes what a change of dialect lost in the answer, and tells those who watch.
    pub(crate) fn tell_losses(&mut self, lost: &[String]) {
        if lost.is_empty() {
            return;
        }
        self.lost(lost.iter().cloned());
        let (Some(view), Some((route, _))) = (&self.view, &self.served_by) else { return };
        let now = clock::now();
        if lock(&self.walk.losses).is_news(route, lost, now) {
            let (request_id, route, lost) = (view.id.clone(), route.clone(), lost.to_vec());
            self.walk.core.bus.emit(EventKind::AnswerDegraded { request_id, route, lost }, now);
        }
    }

    /// Notes that the stream broke off and goes on elsewhere.
    pub(crate) fn rescued(&mut self) {
        if let Some(view) = &mut self.view {
            view.rescues += 1;
        }
    }

    /// Ends it without an entry: the attempt of a queued job that changes nothing for its caller.
    pub(crate) fn end_unlogged(mut self) {
        self.abort();
        if let Some(view) = self.view.take() {
            self.walk.tried(&view, false, clock::now());
            self.walk.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The end.
    pub(crate) fn end(mut self, ending: Ending) {
        self.settle(ending);
    }

    fn settle(&mut self, ending: Ending) {
        self.abort();
        let Some(mut view) = self.view.take() else { return };
        let now = clock::now();
        view.duration_ms = clock::span_ms(self.arrived, now);
        let usage = match ending {
            Ending::Served { outcome, status, degraded, usage } => {
                (view.outcome, view.status, view.degraded) = (outcome, status, degraded);
                (view.route, view.tier) = self.served_by.take().unzip();
                view.first_token_ms = self.first_token_ms;
                usage
            }
            Ending::Unserved { outcome, status, degraded } => {
                (view.outcome, view.status, view.degraded) = (outcome, status, degraded);
                view.tier = (outcome == Outcome::Queued).then_some(Tier::Cold);
                None
            }
        };
        view.input_tokens = usage.map(|usage| usage.input_tokens);
        view.output_tokens = usage.map(|usage| usage.output_tokens);
        view.cached_tokens = usage.map(|usage| usage.cached_input_tokens);
        self.walk.in_flight.fetch_sub(1, Ordering::Relaxed);
        let fell_back = view.route.as_ref().is_some_and(|route| self.first_choice.as_ref() != Some(route));
        self.walk.tried(&view, fell_back, now);
        self.walk.core.bus.routing.answered(&view, self.first_choice.as_ref(), now);
        if let Some(mark) = self.mark.filter(|_| is_worth_repeating(view.status)) {
            lock(&self.walk.client_retries).failed(mark, now);
        }
        self.walk.ended(Arc::from(view), now);
    }
}

/// Whether a caller that got this may ask the same again: a limit, a failure, or an answer it did not wait for.
const fn is_worth_repeating(status: u16) -> bool {
    status == 429 || status >= 499
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A fault of ours ended it: the one way an accepted request can be lost.
            self.walk.lost.fetch_add(u64::from(self.view.is_some()), Ordering::Relaxed);
            self.settle(Ending::unserved(Outcome::Failed, 500));
        } else {
            self.settle(Ending::unserved(Outcome::Aborted, 499));
        }
    }
}
