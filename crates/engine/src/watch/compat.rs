//! The compatibility check: what a route can do is found out by asking it, through the router's own pipeline, and kept.
//!
//! This room knows the last run of each route and tells the fleet what follows from it. It asks nobody by itself: a
//! check costs money, so a person starts it.

mod asks;
mod judge;
mod run;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use switchyard_domain::compat::{CompatCase, CompatPreview, CompatRun};
use switchyard_domain::map::{Route, RouteIx, RoutingMap};
use switchyard_domain::{FeatureSet, RouteId, Usd};
use switchyard_policy::{Check, Known};

use crate::core::{Core, Running, lock};
use switchyard_prices::{Listed, Price, Tokens};

pub(crate) use run::{Bench, check};

/// What is known of routes besides the map.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The last run of each route on each of its targets.
    latest: HashMap<(RouteId, String), CompatRun>,
    /// Context windows from the price list; `None` where it knows none.
    windows: HashMap<Listed, Option<u64>>,
    /// Routes that are being checked.
    under_way: HashSet<RouteId>,
}

impl Memory {
    /// Takes a run in, as the last one of its target.
    pub(crate) fn take(&mut self, run: CompatRun) {
        self.latest.insert((run.route.clone(), run.target.clone()), run);
    }

    /// The last run of a route as the map has it now.
    pub(crate) fn latest(&self, route: &Route) -> Option<&CompatRun> {
        let target = switchyard_domain::compat::target_of(route);
        self.latest.get(&(route.id.clone(), target))
    }

    fn known(&self, map: &RoutingMap, route: &Route) -> Known {
        let latest = self.latest(route);
        Known {
            lacks: latest.map_or(FeatureSet::NONE, CompatRun::lacks),
            context_window: match Price::of(map, route) {
                Price::Free => None,
                Price::Listed(listed) => self.windows.get(&listed).copied().flatten(),
            },
            check: match latest {
                None => Check::Never,
                Some(run) if run.passed => Check::Passed,
                Some(_) => Check::Failed,
            },
        }
    }
}

/// Checks of routes.
#[derive(Debug)]
pub(crate) struct Checks {
    core: Arc<Core>,
    /// What they and the price list have said.
    pub(crate) memory: Mutex<Memory>,
}

impl Checks {
    /// Before anything is known.
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, memory: Mutex::default() }
    }
}

/// Tells the fleet what is known of every route of the running map.
pub(crate) fn tell_fleet(checks: &Checks, running: &Running) {
    let known: Vec<Known> = {
        let memory = lock(&checks.memory);
        running.map.routes.iter().map(|route| memory.known(&running.map, route)).collect()
    };
    checks.core.with_fleet(|fleet| {
        for ((index, route), known) in running.map.routes.iter().enumerate().zip(known) {
            if let Some(place) = fleet.place(&route.id, RouteIx(index)) {
                fleet.set_known(place, known);
            }
        }
    });
}

/// Looks up the context windows that the map does not write, and tells the fleet. Reading the price list takes a
/// moment, so this runs beside everything else; local routes are not in it.
pub(crate) async fn learn_windows(checks: Arc<Checks>) {
    let Some(running) = checks.core.running.load_full() else { return };
    let wanted: Vec<Listed> = {
        let memory = lock(&checks.memory);
        let unwritten = running.map.routes.iter().filter(|route| route.context_window.is_none());
        let listed = unwritten.filter_map(|route| match Price::of(&running.map, route) {
            Price::Free => None,
            Price::Listed(listed) => Some(listed),
        });
        listed.filter(|listed| !memory.windows.contains_key(listed)).collect()
    };
    if wanted.is_empty() {
        return;
    }
    let look_up = move || wanted.into_iter().map(|listed| (listed.window(), listed)).collect::<Vec<_>>();
    let Ok(found) = tokio::task::spawn_blocking(look_up).await else { return };
    lock(&checks.memory).windows.extend(found.into_iter().map(|(window, listed)| (listed, window)));
    // Another map may run by now.
    if let Some(running) = checks.core.running.load_full() {
        tell_fleet(&checks, &running);
        checks.core.bus.touch();
    }
}

/// What a route can't do, by the map, its preset and its last check.
pub(crate) fn lacks(route: &Route, known: &Known) -> FeatureSet {
    known.lacks.without(route.can).or(route.cannot)
}

/// What is known of a route of the running map.
pub(crate) fn known(checks: &Checks, running: &Running, route: &Route) -> Known {
    lock(&checks.memory).known(&running.map, route)
}

/// The tokens a prompt and its answer may have together: the map's word, else the price list's.
pub(crate) fn window(route: &Route, known: &Known) -> Option<u64> {
    route.context_window.or(known.context_window)
}

/// The right to check a route, until dropped: two checks at once would spoil each other's findings.
#[derive(Debug)]
pub(crate) struct Turn {
    checks: Arc<Checks>,
    route: RouteId,
}

impl Turn {
    /// `None` while another check of the route is under way.
    pub(crate) fn take(checks: &Arc<Checks>, route: &RouteId) -> Option<Self> {
        let free = lock(&checks.memory).under_way.insert(route.clone());
        free.then(|| Self { checks: Arc::clone(checks), route: route.clone() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.checks.memory).under_way.remove(&self.route);
    }
}

/// What a check of these cases would cost. Nothing is sent to find out.
pub(crate) fn preview(map: &RoutingMap, route: &Route, known: &Known, cases: &[CompatCase]) -> CompatPreview {
    let tried: Vec<CompatCase> =
        cases.iter().copied().filter(|case| run::impossible(route, known, *case).is_none()).collect();
    let requests = tried.iter().map(|case| case.requests()).sum();
    let mut tokens = Tokens::default();
    for (input, output) in tried.iter().map(|case| expected(*case, window(route, known))) {
        tokens.input += input;
        tokens.output += output;
    }
    let cost_nano_usd: Option<Usd> = Price::of(map, route).cost(tokens);
    let cost = match cost_nano_usd {
        Some(Usd::ZERO) if route.is_local => "It costs nothing: the route is local.".to_owned(),
        Some(cost) => format!("It costs about {cost}."),
        None => "What it costs is not known: no price is known for this model.".to_owned(),
    };
    let sentence = format!(
        "A check of {} makes up to {requests} {} with about {} prompt and {} answer tokens. {cost}",
        route.id,
        if requests == 1 { "request" } else { "requests" },
        tokens.input,
        tokens.output
    );
    let (input_tokens, output_tokens) = (tokens.input, tokens.output);
    CompatPreview {
        route: route.id.clone(),
        cases: tried,
        requests,
        input_tokens,
        output_tokens,
        cost_nano_usd,
        sentence,
    }
}

/// Prompt and answer tokens of a case, about.
fn expected(case: CompatCase, window: Option<u64>) -> (u64, u64) {
    match case {
        CompatCase::Plain => (20, 10),
        CompatCase::Stream => (30, 40),
        CompatCase::Tools => (400, 100),
        CompatCase::ParallelTools => (200, 80),
        CompatCase::JsonSchema => (120, 30),
        CompatCase::Vision => (300, 20),
        CompatCase::LongContext => (window.and_then(asks::long_tokens).unwrap_or(0), 20),
        CompatCase::Error => (40, 0),
        // Providers charge what they had written when the reader left.
        CompatCase::Cancel => (60, 100),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use switchyard_domain::Feature;
    use switchyard_domain::compat::{CompatOutcome, CompatResult};
    use switchyard_domain::map::{self, Format};

    use super::*;

    fn map(route: &serde_json::Value) -> RoutingMap {
        let document = json!({
            "hot": [route], "warm": [],
            "cold": { "mode": "graceful_degrade", "queue": "q", "notify": [] }
        });
        map::read(&document.to_string(), Format::Json, &|_: &str| None).unwrap()
    }

    fn run_of(route: &Route, case: CompatCase, outcome: CompatOutcome) -> CompatRun {
        let result = CompatResult {
            case,
            outcome,
            sentence: String::new(),
            at_ms: 1,
            duration_ms: 1,
            input_tokens: 0,
            output_tokens: 0,
        };
        let target = switchyard_domain::compat::target_of(route);
        CompatRun::new(route.id.clone(), target, 1, 1, &[result], None)
    }

    #[test]
    fn a_run_counts_for_the_target_it_was_made_on_and_no_other() {
        let was = map(&json!({ "id": "r", "provider": "openai", "model": "gpt-4o-mini" }));
        let is = map(&json!({ "id": "r", "provider": "openai", "model": "gpt-4o" }));
        let mut memory = Memory::default();
        memory.take(run_of(&was.routes[0], CompatCase::Vision, CompatOutcome::Unsupported));
        let before = memory.known(&was, &was.routes[0]);
        assert_eq!(before.lacks, FeatureSet::of(&[Feature::Vision]));
        assert_eq!(before.check, Check::Failed, "one case is no pass");
        let after = memory.known(&is, &is.routes[0]);
        assert_eq!((after.lacks, after.check), (FeatureSet::NONE, Check::Never));
        memory.take(run_of(&is.routes[0], CompatCase::Tools, CompatOutcome::Unsupported));
        assert_eq!(memory.known(&was, &was.routes[0]), before, "a map that goes back finds its run again");
    }

    #[test]
    fn a_preview_counts_what_would_be_sent_and_what_that_costs() {
        let map = map(&json!({
            "provider": "openai", "model": "gpt-4o-mini", "features": { "vision": false }, "contextWindow": 40_000
        }));
        let known = Known::default();
        let all = preview(&map, &map.routes[0], &known, &CompatCase::ALL);
        assert!(!all.cases.contains(&CompatCase::Vision), "the map says that it has no eyes");
        assert_eq!(all.requests, 11);
        assert!(all.input_tokens > 30_000 && all.cost_nano_usd.is_some_and(|cost| cost > Usd::ZERO));
        assert!(all.sentence.contains("11 requests") && all.sentence.contains('$'), "{}", all.sentence);
        let one = preview(&map, &map.routes[0], &known, &[CompatCase::Plain]);
        assert_eq!((one.requests, one.input_tokens), (1, 20));
    }

    #[test]
    fn what_costs_nothing_or_has_no_price_says_so() {
        let local = map(&json!({ "provider": "ollama", "model": "llama3" }));
        let local = preview(&local, &local.routes[0], &Known::default(), &CompatCase::ALL);
        assert_eq!(local.cost_nano_usd, Some(Usd::ZERO));
        assert!(local.sentence.contains("costs nothing"), "{}", local.sentence);
        assert!(!local.cases.contains(&CompatCase::LongContext), "of an unknown window nothing can be asked");
        let stranger =
            map(&json!({ "provider": "mine", "model": "x", "baseUrl": "https://llm.example.com/v1" }));
        let stranger = preview(&stranger, &stranger.routes[0], &Known::default(), &CompatCase::ALL);
        assert_eq!(stranger.cost_nano_usd, None);
        assert!(stranger.sentence.contains("not known"), "{}", stranger.sentence);
    }
}
