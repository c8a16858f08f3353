//! A map, a fleet and a clock to play a request through.

use serde_json::{Value, json};
use switchyard_domain::map::{Format, NoVariables, RouteIx, RoutingMap, read};
use switchyard_domain::operate::{KillScope, Order};
use switchyard_domain::{Dialect, Failure, FailureKind, Now};

use crate::{Attempt, Change, FailoverMachine, Fleet, Input, KeyId, Needs, Patch, Permit, Plan, Step, plan};

pub(super) const A: &str = "anthropic/sonnet-4.6";
pub(super) const B: &str = "anthropic/haiku-4.5";
pub(super) const C: &str = "openai/gpt-4o-mini";
pub(super) const D: &str = "google/gemini-3-flash";

/// Two Hot routes of one provider, two Warm routes of others.
pub(super) fn four() -> Value {
    json!({
        "hot": [{ "provider": "anthropic", "model": "sonnet-4.6" }, { "provider": "anthropic", "model": "haiku-4.5" }],
        "warm": [{ "provider": "openai", "model": "gpt-4o-mini" }, { "provider": "google", "model": "gemini-3-flash" }],
        "cold": { "mode": "graceful_degrade", "queue": "ai-tasks", "notify": [] }
    })
}

/// One Hot route and nothing else.
pub(super) fn one() -> Value {
    json!({
        "hot": [{ "provider": "anthropic", "model": "sonnet-4.6" }],
        "warm": [],
        "cold": { "mode": "graceful_degrade", "queue": "ai-tasks", "notify": [] }
    })
}

/// `document` with `patch` laid over its top level.
pub(super) fn with(mut document: Value, patch: Value) -> Value {
    let (Value::Object(into), Value::Object(patch)) = (&mut document, patch) else { panic!("two objects") };
    into.extend(patch);
    document
}

pub(super) fn map(document: &Value) -> RoutingMap {
    read(&document.to_string(), Format::Json, &NoVariables).expect("a map without faults")
}

pub(super) fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, "from the test")
}

pub(super) fn after(kind: FailureKind, retry_after_ms: u64) -> Failure {
    Failure { retry_after_ms: Some(retry_after_ms), ..failure(kind) }
}

pub(super) fn needs(model: &str) -> Needs {
    Needs::plain(model, Dialect::OpenAiChat)
}

impl Fleet {
    /// Throws or resets a route's kill switch.
    pub(super) fn set_in_service(&mut self, route: RouteIx, on: bool) {
        let (map, mut overrides) = (map(&four()), self.overrides().clone());
        let Some(route) = map.routes.get(route.0) else { return };
        let scope = KillScope::Route(route.id.clone());
        Patch::Kill { scope, set: (!on).then(Order::default) }.put(&mut overrides);
        self.set_overrides(overrides);
    }
}

/// How a request went.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// `route` or `route key`, in order of tries.
    pub(super) tries: Vec<String>,
    pub(super) waits_ms: Vec<u64>,
    pub(super) changes: Vec<Change>,
    pub(super) end: String,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) map: RoutingMap,
    pub(super) fleet: Fleet,
    pub(super) now: Now,
    /// The random bits of the next plan.
    pub(super) roll: u64,
}

impl World {
    /// The map's routes, each with one key named after its provider.
    pub(super) fn new(document: &Value) -> Self {
        let map = map(document);
        let mut fleet = Fleet::new(&map);
        for (at, route) in map.routes.iter().enumerate() {
            fleet.set_keys(RouteIx(at), vec![KeyId::from(route.provider.as_str())]);
        }
        Self { map, fleet, now: Now { mono_ms: 1_000_000, wall_ms: 1_700_000_000_000 }, roll: 1 }
    }

    pub(super) fn ix(&self, id: &str) -> RouteIx {
        self.map.find(id).expect("a route of the map")
    }

    pub(super) fn keys(&mut self, id: &str, names: &[&str]) {
        self.fleet.set_keys(self.ix(id), names.iter().map(|name| KeyId::from(*name)).collect());
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    pub(super) fn plan(&self, model: &str) -> Plan {
        plan(&self.map, &self.map.default_job, &self.fleet, &needs(model), self.roll, self.now)
    }

    pub(super) fn permit(&mut self, id: &str) -> Permit {
        let ix = self.ix(id);
        self.fleet.acquire(ix, self.now).expect("a permit")
    }

    pub(super) fn machine(&self) -> FailoverMachine {
        FailoverMachine::new(&self.map, &self.map.default_job, self.plan("auto"), 7, self.now)
    }

    /// The first try of a drive.
    pub(super) fn tried(&mut self, machine: &mut FailoverMachine) -> Box<Attempt> {
        let step = self.step(machine, Input::Begin).0;
        let Step::Try(attempt) = step else { panic!("a try, not {step:?}") };
        attempt
    }

    pub(super) fn step(&mut self, machine: &mut FailoverMachine, input: Input) -> (Step, Vec<Change>) {
        machine.step(&mut self.fleet, &self.map, input, self.now)
    }

    /// Plays a request: `answer` says how a try of a route (its id, the request's attempt) ends. Each try takes 10 ms.
    pub(super) fn request(&mut self, mut answer: impl FnMut(&str, u32) -> Result<(), Failure>) -> Run {
        let mut machine = self.machine();
        let mut run = Run::default();
        let mut input = Input::Begin;
        loop {
            let (step, changes) = self.step(&mut machine, input);
            run.changes.extend(changes);
            input = match step {
                Step::Try(attempt) => {
                    let id = self.map.route(attempt.route).id.clone();
                    let own = self.map.route(attempt.route).provider.clone();
                    run.tries.push(match &attempt.key {
                        Some(key) if key.as_str() != own => format!("{id} {key}"),
                        Some(_) | None => id.to_string(),
                    });
                    self.pass(10);
                    match answer(id.as_str(), attempt.number) {
                        Ok(()) => {
                            run.changes.extend(attempt.succeed(&mut self.fleet, self.now));
                            "answered".clone_into(&mut run.end);
                            return run;
                        }
                        Err(failure) => Input::Failed { attempt, failure },
                    }
                }
                Step::Wait { until_mono_ms } => {
                    let wait_ms = until_mono_ms - self.now.mono_ms;
                    run.waits_ms.push(wait_ms);
                    self.pass(wait_ms);
                    Input::Woke
                }
                Step::Park => {
                    run.end = "park".to_owned();
                    return run;
                }
                Step::Answer(failure) => {
                    run.end = format!("answer {}", failure.kind.as_str());
                    return run;
                }
            };
        }
    }
}
