//! The failover machine: what to do next for one request, told what happened so far.
//!
//! Sans-IO: the engine sends, waits and answers; the drive only says which, and ends where an answer begins. It keeps the promises a caller relies on:
//!
//! - at most `retry.attempts` tries on a route and `retry.max_attempts_per_request` in all; a retry is given up
//!   where it would take the last try away from a route that has not been asked yet;
//! - no retry on a route once the minute's retry budget is spent, or while there is a retry storm ([`crate::RetryBudget`]);
//!   going on to the next route is never refused;
//! - a route is visited at most once: all its tries follow each other;
//! - once its breaker is open a route is not tried again, and silence or a failed connection is not retried there;
//! - after a silence, which has cost much of the request's time, other providers come before the silent one's routes;
//! - Retry-After is a cooldown of the target. It is waited out (up to five seconds) only when nothing else can serve;
//! - an answer that can't be read is paid for: one other route is asked, and whatever becomes of that the request is
//!   over; it is never parked;
//! - no wait and no try goes past the request's deadline, and none comes after the answer is committed; each try is
//!   given its [`Patience`], so that the routes behind it have time left;
//! - the same seed and inputs give the same steps.

mod next_try;

use switchyard_domain::map::{Job, RouteIx, RoutingMap};
use switchyard_domain::{Failure, FailureKind, Now, Tier};

use crate::attempt::Attempt;
use crate::backoff::SplitMix64;
use crate::classify::{Condemns, Next, Source, Verdict, classify};
use crate::fleet::{Change, Fleet, KeyId};
use crate::plan::Plan;

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The request begins.
    Begin,
    /// The try failed before anything of its answer had reached the caller.
    Failed {
        /// The try.
        attempt: Box<Attempt>,
        /// Why.
        failure: Failure,
    },
    /// The try was not made, and its route is passed over: what it may cost does not fit into a budget. It counts for nothing
    /// and nobody.
    PassedOver {
        /// The try.
        attempt: Box<Attempt>,
        /// Why.
        failure: Failure,
    },
    /// The wait is over.
    Woke,
}

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Send the request to this route. An answer that begins ends the drive: only a failure before it comes back here.
    Try(Box<Attempt>),
    /// Wait until this reading of the monotonic clock, then [`Input::Woke`].
    Wait {
        /// When to wake.
        until_mono_ms: u64,
    },
    /// Nothing can answer in time: the cold tier, or the job's reply.
    Park,
    /// Give this failure to the caller.
    Answer(Failure),
}

/// The route that is being visited.
#[derive(Debug)]
struct Visit {
    route: RouteIx,
    tier: Tier,
    tries: u32,
    keys: Vec<KeyId>,
    /// The breaker's generation at the last try: once it moves on, the visit is over.
    generation: u64,
    /// Its target asked for a pause: it may be tried again after it, if nothing else can serve.
    asked_to_wait: bool,
}

/// What the wait is for.
#[derive(Clone, Copy, Debug)]
enum Awaited {
    /// Another try of the route being visited.
    Again,
    /// A route that has not been visited.
    Other { route: RouteIx, tier: Tier },
}

/// Where the drive stands.
#[derive(Debug)]
enum State {
    Fresh,
    Trying,
    Waiting { until_mono_ms: u64, awaited: Awaited },
    Over,
}

/// An answer that came and can't be read.
#[derive(Debug)]
struct Unread {
    failure: Failure,
    /// How many routes had been visited by then: one more may be.
    visited: usize,
}

/// One request's way through its plan.
#[derive(Debug)]
pub struct FailoverMachine {
    plan: Plan,
    next: usize,
    state: State,
    visit: Option<Visit>,
    visited: Vec<RouteIx>,
    attempts: u32,
    deadline_mono_ms: u64,
    slo_is_written: bool,
    rng: SplitMix64,
    callers_fault: bool,
    unread: Option<Unread>,
    last_failure: Option<Failure>,
}

impl FailoverMachine {
    /// A drive over `plan`. `started` is the request's arrival: its deadline is the job's SLO from there.
    #[must_use]
    pub fn new(map: &RoutingMap, job: &Job, plan: Plan, seed: u64, started: Now) -> Self {
        Self {
            visited: Vec::with_capacity(
                plan.candidates.len().min(map.retry.max_attempts_per_request as usize),
            ),
            plan,
            next: 0,
            state: State::Fresh,
            visit: None,
            attempts: 0,
            deadline_mono_ms: started.mono_ms.saturating_add(job.slo_ms),
            slo_is_written: job.slo_is_written,
            rng: SplitMix64::new(seed),
            callers_fault: true,
            unread: None,
            last_failure: None,
        }
    }

    /// Takes what happened, tells the fleet, and says what to do next. `map` is the one the drive began with, even
    /// when the fleet has taken another since. An input that fits no step given parks the request.
    pub fn step(
        &mut self,
        fleet: &mut Fleet,
        map: &RoutingMap,
        input: Input,
        now: Now,
    ) -> (Step, Vec<Change>) {
        let mut changes = Vec::new();
        let step = match input {
            Input::Begin => match self.state {
                State::Fresh => self.advance(fleet, map, now, &mut changes),
                State::Trying | State::Waiting { .. } | State::Over => self.end(Step::Park),
            },
            Input::Woke => self.woke(fleet, map, now, &mut changes),
            Input::PassedOver { attempt, failure } => {
                // Dropped, it releases its permit.
                drop(attempt);
                self.attempts = self.attempts.saturating_sub(1);
                self.last_failure = Some(failure);
                match self.state {
                    State::Trying => {
                        self.callers_fault = false;
                        self.visit = None;
                        self.advance(fleet, map, now, &mut changes)
                    }
                    State::Fresh | State::Waiting { .. } | State::Over => self.end(Step::Park),
                }
            }
            Input::Failed { attempt, failure } => {
                changes = attempt.fail(fleet, failure.clone(), now);
                match self.state {
                    State::Trying => self.failed(fleet, map, failure, now, &mut changes),
                    State::Fresh | State::Waiting { .. } | State::Over => {
                        self.last_failure = Some(failure);
                        self.end(Step::Park)
                    }
                }
            }
        };
        (step, changes)
    }

    /// Says, before it begins, that an answer to this request came already and can't be read: it asks one route alone.
    pub fn came_unreadable(&mut self, failure: Failure) {
        self.unread.get_or_insert(Unread { failure, visited: self.visited.len() });
    }

    /// Tries given so far.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The routes tried, in order, each once.
    #[must_use]
    pub fn visited(&self) -> &[RouteIx] {
        &self.visited
    }

    /// Why the last failed try failed.
    #[must_use]
    pub const fn last_failure(&self) -> Option<&Failure> {
        self.last_failure.as_ref()
    }

    /// The request's deadline (SLO) on the monotonic clock.
    #[must_use]
    pub const fn deadline_mono_ms(&self) -> u64 {
        self.deadline_mono_ms
    }

    /// The plan it follows.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    fn failed(
        &mut self,
        fleet: &mut Fleet,
        map: &RoutingMap,
        failure: Failure,
        now: Now,
        changes: &mut Vec<Change>,
    ) -> Step {
        let verdict = classify(&failure);
        self.callers_fault &= verdict.source == Source::Client;
        if let Some(visit) = &mut self.visit {
            visit.asked_to_wait = asks_to_wait(verdict);
        }
        self.last_failure = Some(failure.clone());
        if is_silence(failure.kind) {
            self.ask_other_providers_first(map);
        }
        match verdict.next {
            Next::Answer => self.end(Step::Answer(failure)),
            Next::NextRoute => self.advance(fleet, map, now, changes),
            Next::OneOtherRoute => {
                self.came_unreadable(failure);
                self.advance(fleet, map, now, changes)
            }
            Next::NextKey => match self.next_key(fleet, map, now) {
                Some(key) => self.try_again(fleet, map, Some(key), now, changes),
                None => self.advance(fleet, map, now, changes),
            },
            Next::RetryHere => match self.retry_delay_ms(fleet, map, now) {
                Some(0) => self.try_again(fleet, map, None, now, changes),
                Some(delay_ms) => self.wait(now.mono_ms.saturating_add(delay_ms), Awaited::Again),
                None => self.advance(fleet, map, now, changes),
            },
        }
    }

    fn woke(&mut self, fleet: &mut Fleet, map: &RoutingMap, now: Now, changes: &mut Vec<Change>) -> Step {
        let State::Waiting { until_mono_ms, awaited } = self.state else {
            return self.end(Step::Park);
        };
        if now.mono_ms < until_mono_ms {
            return Step::Wait { until_mono_ms };
        }
        match self.take(fleet, map, awaited, now, changes) {
            Some(step) => step,
            None => self.advance(fleet, map, now, changes),
        }
    }

    fn wait(&mut self, until_mono_ms: u64, awaited: Awaited) -> Step {
        self.state = State::Waiting { until_mono_ms, awaited };
        Step::Wait { until_mono_ms }
    }

    fn end(&mut self, step: Step) -> Step {
        self.state = State::Over;
        step
    }
}

/// Whether a failure was waiting in vain.
const fn is_silence(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::ConnectTimeout
            | FailureKind::FirstByteTimeout
            | FailureKind::FirstTokenTimeout
            | FailureKind::IdleTimeout
    )
}

/// Whether the failed target may be tried again in this request once its cooldown is over.
const fn asks_to_wait(verdict: Verdict) -> bool {
    match verdict.condemns {
        Condemns::Key | Condemns::Route => verdict.cooldown_ms.is_some(),
        Condemns::Nothing | Condemns::Attempt | Condemns::Account | Condemns::Model => false,
    }
}
