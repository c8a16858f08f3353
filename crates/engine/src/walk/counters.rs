//! What is counted for Prometheus, over the life of the process. No label holds a secret, and none holds what a caller may
//! invent without end.

use std::collections::HashMap;
use std::sync::Mutex;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use switchyard_domain::Tier;
use switchyard_domain::map::{Priority, RoutingMap};
use switchyard_domain::view::{Outcome, RequestView};

use crate::core::lock;

/// Different values of one label at most; further ones are counted as `other`.
const MOST_NAMES: usize = 200;
const OTHER: &str = "other";
/// Upper bounds of times, seconds: from a cached answer to a long stream.
const SECONDS: [f64; 13] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    provider: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    client: String,
    job: String,
    tier: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    route: String,
    provider: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    route: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TierLabel {
    tier: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClientLabel {
    client: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PriorityLabel {
    priority: &'static str,
}

type Times<L> = Family<L, Histogram, fn() -> Histogram>;

/// What is counted.
#[derive(Debug)]
pub(crate) struct Counters {
    /// For whoever writes them out.
    pub(crate) registry: Registry,
    errors: Family<ErrorLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    request_seconds: Times<TierLabel>,
    attempt_seconds: Times<RouteLabel>,
    retries: Counter,
    fallbacks: Counter,
    client_retries: Family<ClientLabel, Counter>,
    shed: Family<PriorityLabel, Counter>,
    known: Mutex<Known>,
}

/// The label values in use, with what is counted under them: labels are made once, and not for each request.
#[derive(Debug, Default)]
struct Known {
    /// By client, then job.
    clients: HashMap<String, HashMap<String, Ended>>,
    jobs: HashMap<String, ()>,
    routes: HashMap<String, RouteMetrics>,
}

/// Requests that ended, by tier and outcome.
type Ended = Vec<((&'static str, &'static str), Counter)>;

/// What is counted of a route; each from its first time on.
#[derive(Debug, Default)]
struct RouteMetrics {
    /// The provider it was counted for.
    provider: String,
    answered: Option<Counter>,
    failed: Option<Counter>,
    seconds: Option<Histogram>,
    /// Input, cached and output tokens.
    tokens: [Option<Counter>; 3],
}

const TOKENS: [&str; 3] = ["input", "cached", "output"];

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

/// What is kept of a name, and what it is called: `other` beyond [`MOST_NAMES`].
fn known<'k, V: Default>(names: &'k mut HashMap<String, V>, name: &'k str) -> (&'k str, Option<&'k mut V>) {
    let name = if names.contains_key(name) || names.len() < MOST_NAMES { name } else { OTHER };
    if !names.contains_key(name) {
        names.insert(name.to_owned(), V::default());
    }
    (name, names.get_mut(name))
}

impl Default for Counters {
    fn default() -> Self {
        let mut counters = Self {
            registry: Registry::default(),
            errors: Family::default(),
            requests: Family::default(),
            attempts: Family::default(),
            tokens: Family::default(),
            request_seconds: Family::new_with_constructor(histogram),
            attempt_seconds: Family::new_with_constructor(histogram),
            retries: Counter::default(),
            fallbacks: Counter::default(),
            client_retries: Family::default(),
            shed: Family::default(),
            known: Mutex::default(),
        };
        let Self { registry, errors, requests, attempts, tokens, .. } = &mut counters;
        registry.register("llm_provider_errors", "Failed tries, by provider and kind", errors.clone());
        registry.register("switchyard_requests", "Requests that ended, by how", requests.clone());
        registry.register("switchyard_attempts", "Tries on routes", attempts.clone());
        registry.register("switchyard_tokens", "Tokens providers reported", tokens.clone());
        let Self { registry, request_seconds, attempt_seconds, retries, fallbacks, .. } = &mut counters;
        let help = "Time from a request's arrival to its end, in seconds";
        registry.register("switchyard_request_duration_seconds", help, request_seconds.clone());
        registry.register(
            "switchyard_attempt_duration_seconds",
            "Time of one try on a route, in seconds",
            attempt_seconds.clone(),
        );
        registry.register("switchyard_retries", "Tries after a request's first", retries.clone());
        let help = "Requests answered by another route than their first choice";
        registry.register("switchyard_fallbacks", help, fallbacks.clone());
        let Self { registry, client_retries, shed, .. } = &mut counters;
        let help = "Requests an app repeated by itself after a failure";
        registry.register("switchyard_client_retries", help, client_retries.clone());
        registry.register("switchyard_shed", "Requests that gave way, by priority", shed.clone());
        counters
    }
}

impl Counters {
    /// Counts the tries of a request.
    pub(crate) fn tried(&self, view: &RequestView, fell_back: bool, map: Option<&RoutingMap>) {
        self.retries.inc_by(view.attempts.len().saturating_sub(1) as u64);
        self.fallbacks.inc_by(u64::from(fell_back));
        let mut guard = lock(&self.known);
        for attempt in &view.attempts {
            let provider = called(RoutingMap::provider_of(map, &attempt.route));
            let (route, Some(route_metrics)) = known(&mut guard.routes, attempt.route.as_str()) else {
                continue;
            };
            if let Some(failure) = &attempt.failure {
                let provider = if route == OTHER { OTHER } else { provider }.to_owned();
                self.errors.get_or_create(&ErrorLabels { provider, kind: failure.kind.as_str() }).inc();
            }
            if route_metrics.provider != provider {
                *route_metrics = RouteMetrics { provider: provider.to_owned(), ..RouteMetrics::default() };
            }
            let (counter, outcome) = match attempt.failure {
                Some(_) => (&mut route_metrics.failed, "failed"),
                None => (&mut route_metrics.answered, "answered"),
            };
            let make = || {
                let (route, provider) = (route.to_owned(), provider.to_owned());
                self.attempts.get_or_create_owned(&AttemptLabels { route, provider, outcome })
            };
            counter.get_or_insert_with(make).inc();
            let make = || self.attempt_seconds.get_or_create_owned(&RouteLabel { route: route.to_owned() });
            route_metrics.seconds.get_or_insert_with(make).observe(f64::from(attempt.duration_ms) / 1_000.0);
        }
    }

    /// Counts a request that ended.
    pub(crate) fn ended(&self, view: &RequestView) {
        let (tier, outcome) = (view.tier.map_or("none", Tier::as_str), view.outcome.as_str());
        let mut guard = lock(&self.known);
        let Known { clients, jobs, routes } = &mut *guard;
        let (client, by_job) = known(clients, &view.client);
        let (job, _) = known(jobs, &view.job);
        if let Some(counted) = by_job {
            if !counted.contains_key(job) {
                counted.insert(job.to_owned(), Vec::new());
            }
            let counters = counted.get_mut(job).into_iter().flatten();
            match counters.into_iter().find(|(labels, _)| *labels == (tier, outcome)) {
                Some((_, counter)) => drop(counter.inc()),
                None => {
                    let labels =
                        RequestLabels { client: client.to_owned(), job: job.to_owned(), tier, outcome };
                    let counter = self.requests.get_or_create_owned(&labels);
                    counter.inc();
                    counted.entry(job.to_owned()).or_default().push(((tier, outcome), counter));
                }
            }
        }
        if view.outcome == Outcome::Answered {
            self.request_seconds
                .get_or_create(&TierLabel { tier })
                .observe(f64::from(view.duration_ms) / 1_000.0);
        }
        let Some(route) = &view.route else { return };
        let (route, Some(route_metrics)) = known(routes, route.as_str()) else { return };
        let counts = [view.input_tokens, view.cached_tokens, view.output_tokens];
        for ((kind, count), counter) in TOKENS.into_iter().zip(counts).zip(&mut route_metrics.tokens) {
            if let Some(count) = count.filter(|count| *count > 0) {
                let make = || self.tokens.get_or_create_owned(&TokenLabels { route: route.to_owned(), kind });
                counter.get_or_insert_with(make).inc_by(count);
            }
        }
    }

    /// Counts a request an app repeated by itself.
    pub(crate) fn asked_again(&self, client: &str) {
        let client = known(&mut lock(&self.known).clients, client).0.to_owned();
        self.client_retries.get_or_create(&ClientLabel { client }).inc();
    }

    /// Counts a request that gave way.
    pub(crate) fn shed(&self, priority: Priority) {
        self.shed.get_or_create(&PriorityLabel { priority: priority.as_str() }).inc();
    }
}

/// What a provider is called in Prometheus' text: its name, and `gemini` for Google, as the operators' procedures and
/// their dashboards have it.
pub(crate) fn called(provider: &str) -> &str {
    if provider == "google" { "gemini" } else { provider }
}
