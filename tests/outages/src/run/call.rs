//! A request's life: planned, driven, tried, and answered, parked or refused. What the engine's pipeline does.

use switchyard_domain::map::{Defaults, Route, RouteIx, RoutingMap};
use switchyard_domain::{Dialect, Failure, Now};
use switchyard_policy::{Attempt, FailoverMachine, Inclusion, Input, Needs, Step, classify, plan};

use super::agenda::Event;
use super::queue::Job;
use super::wire::{self, Asked, End};
use super::{Run, START};
use crate::kpi::Ending;

/// A stream is rescued this often at most: `engine::walk::stream_failover`, for `midstream: continue`.
const RESCUES: usize = 2;

/// A request under way.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) client: usize,
    pub(super) stream: bool,
    /// When its deadline began to run.
    pub(super) arrived: Now,
    /// The queued job it is an attempt of.
    pub(super) job: Option<Job>,
    machine: Option<FailoverMachine>,
    /// The try under way.
    attempt: Option<Box<Attempt>>,
    /// The route that was tried last.
    route: Option<RouteIx>,
    /// The route that was tried first of all.
    first: Option<RouteIx>,
    committed: bool,
    pub(super) reached_upstream: bool,
    broken: Vec<RouteIx>,
    /// When its drive is to be woken.
    wait_until: Option<u64>,
    tries: u32,
    begun: Now,
}

impl Call {
    pub(super) fn new(client: usize, stream: bool, now: Now) -> Self {
        Self {
            client,
            stream,
            arrived: now,
            job: None,
            machine: None,
            attempt: None,
            route: None,
            first: None,
            committed: false,
            reached_upstream: false,
            broken: Vec::new(),
            wait_until: None,
            tries: 0,
            begun: now,
        }
    }

    /// An attempt of a queued job. It has a whole SLO of its own, and asks for no stream.
    pub(super) fn again(job: Job, now: Now) -> Self {
        Self { job: Some(job), ..Self::new(0, false, now) }
    }

    /// Until when it waits for the network. Nobody wrote an SLO.
    pub(super) fn held_until_mono_ms(&self, map: &RoutingMap) -> u64 {
        self.arrived.mono_ms + map.network.hold_ms.unwrap_or(Defaults::NETWORK_HOLD_MS)
    }

    /// Whether any route was tried.
    pub(super) const fn was_tried(&self) -> bool {
        self.tries > 0
    }
}

impl Run<'_> {
    pub(super) fn begin(&mut self, call: Call) {
        self.next_call += 1;
        let id = self.next_call;
        if call.job.is_none() {
            self.observer.kpis.requests += 1;
        }
        self.plan_anew(id, call);
    }

    /// Plans a call, for the first time or for what is left of it.
    pub(super) fn plan_anew(&mut self, id: u64, mut call: Call) {
        let client = self.script.clients.get(call.client).map_or("", |client| client.name);
        let mut needs = Needs::plain("auto", Dialect::OpenAiChat);
        client.clone_into(&mut needs.client);
        needs.avoid.clone_from(&call.broken);
        let job = std::sync::Arc::clone(&self.map.default_job);
        let plan = plan(&self.map, &job, &self.fleet, &needs, self.chance.bits(), self.now);
        if call.job.is_none() {
            let is_test = |why: Inclusion| matches!(why, Inclusion::TestCall | Inclusion::Trial);
            let first = plan.candidates.iter().find(|candidate| !is_test(candidate.why));
            let at_ms = self.at_ms();
            self.observer.planned(first.map(|candidate| candidate.route), at_ms);
        }
        call.machine = Some(FailoverMachine::new(&self.map, &job, plan, self.chance.bits(), call.arrived));
        self.step(id, call, Input::Begin);
    }

    /// Gives a call's drive what happened, and does what it says.
    fn step(&mut self, id: u64, mut call: Call, input: Input) {
        let Some(machine) = &mut call.machine else { return };
        let (step, changes) = machine.step(&mut self.fleet, &self.map, input, self.now);
        self.told(&changes);
        match step {
            Step::Try(attempt) => {
                call.route = Some(attempt.route);
                call.first = call.first.or(call.route);
                call.tries += 1;
                self.send(id, &call, &attempt);
                call.attempt = Some(attempt);
                self.calls.insert(id, call);
            }
            Step::Wait { until_mono_ms } => {
                call.wait_until = Some(until_mono_ms);
                self.agenda.at(until_mono_ms - START.mono_ms, Event::Wakes { call: id });
                self.calls.insert(id, call);
            }
            Step::Park => self.park(id, call),
            Step::Answer(_) => self.end(call, Ending::Refused),
        }
    }

    fn send(&mut self, id: u64, call: &Call, attempt: &Attempt) {
        let at_ms = self.at_ms();
        let (connect_ms, patience) = (self.map.route(attempt.route).timeouts.connect_ms, attempt.patience);
        let asked = Asked { stream: call.stream, reasons: self.script.pace.reasons, patience, connect_ms };
        let condition = self.condition(attempt.route);
        let fate = wire::fate(self.script, condition, asked, at_ms, &mut self.chance);
        let attempt = attempt.number;
        if let Some(first_words_at) = fate.first_words_at {
            self.agenda.at(first_words_at, Event::FirstWords { call: id, attempt });
        }
        self.agenda.at(fate.ends_at, Event::Ends { call: id, attempt, end: fate.end });
    }

    pub(super) fn first_words(&mut self, id: u64, attempt: u32) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(under_way) = call.attempt.as_mut().filter(|under_way| under_way.number == attempt) {
            under_way.first_token = Some(self.now);
            call.committed = true;
        }
    }

    pub(super) fn ends(&mut self, id: u64, attempt: u32, end: End) {
        let Some(mut call) = self.calls.remove(&id) else { return };
        let Some(mut tried) = call.attempt.take() else { return };
        debug_assert_eq!(tried.number, attempt, "a call has one try at a time");
        let at_ms = self.at_ms();
        match end {
            End::Answered { duration_ms, first_words_ms } => {
                call.reached_upstream = true;
                let silence = wire::first_silence(call.stream, self.script.pace.reasons);
                let waited_ms = first_words_ms.unwrap_or(duration_ms);
                tried.waits.note(silence, u32::try_from(waited_ms).unwrap_or(u32::MAX));
                let changes = tried.succeed(&mut self.fleet, self.now);
                self.told(&changes);
                self.end(call, Ending::Answered);
            }
            End::Failed(failure) => {
                call.reached_upstream |= classify(&failure).reached_upstream;
                self.observer.failed(tried.route, tried.begun.mono_ms - START.mono_ms, at_ms);
                if tried.first_token.is_some() {
                    let changes = tried.fail(&mut self.fleet, failure, self.now);
                    self.told(&changes);
                    self.rescue(id, call);
                } else {
                    self.step(id, call, Input::Failed { attempt: tried, failure });
                }
            }
        }
        // An answer tells as well: what failed before it was no matter of the network.
        if self.observer.is_detecting() {
            let first = self.first();
            self.observer.noticed(first, at_ms);
        }
    }

    pub(super) fn wakes(&mut self, id: u64) {
        let Some(call) = self.calls.remove(&id) else { return };
        if self.is_held(id) {
            self.give_up(id);
            self.park(id, call);
        } else if call.wait_until == Some(self.now.mono_ms) {
            self.step(id, call, Input::Woke);
        } else {
            // It waited for the network, which came back first.
            self.calls.insert(id, call);
        }
    }

    /// A committed stream broke off: another route goes on, with the time a new request has.
    fn rescue(&mut self, id: u64, mut call: Call) {
        let Some(route) = call.route.filter(|_| call.broken.len() < RESCUES) else {
            return self.end(call, Ending::Broken);
        };
        call.broken.push(route);
        call.arrived = self.now;
        call.machine = None;
        self.plan_anew(id, call);
    }

    fn park(&mut self, id: u64, call: Call) {
        if self.hold(id, &call) {
            self.calls.insert(id, call);
        } else if call.committed {
            self.end(call, Ending::Broken);
        } else {
            self.end(call, Ending::Queued);
        }
    }

    fn end(&mut self, mut call: Call, ending: Ending) {
        let at_ms = self.at_ms();
        let fell_back = ending == Ending::Answered && call.route != call.first;
        self.fleet.retry_budget_mut().ended(call.tries, fell_back, self.now);
        if let Some(job) = call.job.take() {
            return self.settle(job, &call, ending);
        }
        let fair = self.was_fair(call.begun.mono_ms - START.mono_ms, at_ms);
        let by = call.route.filter(|_| ending == Ending::Answered);
        let last = call.machine.as_ref().and_then(FailoverMachine::last_failure).map(Failure::short);
        let why =
            || format!("{} tries in {} ms, last {last:?}", call.tries, self.now.mono_ms - call.begun.mono_ms);
        self.observer.ended(ending, by, fair, at_ms, why);
        if ending == Ending::Queued {
            self.enqueue();
        }
    }

    /// Whether one route, the machine and its network were well all the time.
    fn was_fair(&self, from_ms: u64, to_ms: u64) -> bool {
        let well = |route: &Route| {
            let ill = |at_ms| self.script.condition(&route.provider, route.id.as_str(), at_ms).is_ill();
            !(from_ms..to_ms).step_by(1_000).chain([to_ms]).any(ill)
        };
        !self.script.is_disturbed(from_ms, to_ms) && self.map.routes.iter().any(well)
    }
}
