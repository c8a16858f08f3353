//! What Prometheus is told. Counters grow over the life of the process; what only holds now is read when it is asked
//! for. No label holds a secret, and none holds what a caller may invent without end.

mod now;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Mutex;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use switchyard_domain::Tier;
use switchyard_domain::map::{Priority, RoutingMap};
use switchyard_domain::view::{Outcome, RequestView};

use crate::shared::{Running, Shared, lock};

/// Different values of one label at most; further ones are counted as `other`.
const MOST_NAMES: usize = 200;
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
pub(crate) struct Metrics {
    registry: Registry,
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
    names: Mutex<Names>,
}

/// The label values in use.
#[derive(Debug, Default)]
struct Names {
    clients: HashSet<String>,
    jobs: HashSet<String>,
    routes: HashSet<String>,
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

fn bounded(known: &mut HashSet<String>, name: &str) -> String {
    if known.contains(name) {
        return name.to_owned();
    }
    if known.len() >= MOST_NAMES {
        return "other".to_owned();
    }
    known.insert(name.to_owned());
    name.to_owned()
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
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
            names: Mutex::default(),
        };
        let Self { registry, errors, requests, attempts, tokens, .. } = &mut metrics;
        registry.register("llm_provider_errors", "Failed tries, by provider and kind", errors.clone());
        registry.register("switchyard_requests", "Requests that ended, by how", requests.clone());
        registry.register("switchyard_attempts", "Tries on routes", attempts.clone());
        registry.register("switchyard_tokens", "Tokens providers reported", tokens.clone());
        let Self { registry, request_seconds, attempt_seconds, retries, fallbacks, .. } = &mut metrics;
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
        let Self { registry, client_retries, shed, .. } = &mut metrics;
        let help = "Requests an app repeated by itself after a failure";
        registry.register("switchyard_client_retries", help, client_retries.clone());
        registry.register("switchyard_shed", "Requests that gave way, by priority", shed.clone());
        metrics
    }
}

impl Metrics {
    /// Counts the tries of a request.
    pub(crate) fn tried(&self, view: &RequestView, fell_back: bool, running: Option<&Running>) {
        self.retries.inc_by(view.attempts.len().saturating_sub(1) as u64);
        self.fallbacks.inc_by(u64::from(fell_back));
        for attempt in &view.attempts {
            let map = running.map(|running| &running.map);
            let provider = called(RoutingMap::provider_of(map, &attempt.route)).to_owned();
            let route = bounded(&mut lock(&self.names).routes, attempt.route.as_str());
            let outcome = if attempt.failure.is_some() { "failed" } else { "answered" };
            if let Some(failure) = &attempt.failure {
                let provider = if route == "other" { route.clone() } else { provider.clone() };
                self.errors.get_or_create(&ErrorLabels { provider, kind: failure.kind.as_str() }).inc();
            }
            self.attempt_seconds
                .get_or_create(&RouteLabel { route: route.clone() })
                .observe(f64::from(attempt.duration_ms) / 1_000.0);
            self.attempts.get_or_create(&AttemptLabels { route, provider, outcome }).inc();
        }
    }

    /// Counts a request that ended.
    pub(crate) fn ended(&self, view: &RequestView) {
        let tier = view.tier.map_or("none", Tier::as_str);
        let (client, job) = {
            let mut names = lock(&self.names);
            (bounded(&mut names.clients, &view.client), bounded(&mut names.jobs, &view.job))
        };
        let labels = RequestLabels { client, job, tier, outcome: view.outcome.as_str() };
        self.requests.get_or_create(&labels).inc();
        if view.outcome == Outcome::Answered {
            self.request_seconds
                .get_or_create(&TierLabel { tier })
                .observe(f64::from(view.duration_ms) / 1_000.0);
        }
        let Some(route) = &view.route else { return };
        let route = bounded(&mut lock(&self.names).routes, route.as_str());
        let kinds =
            [("input", view.input_tokens), ("cached", view.cached_tokens), ("output", view.output_tokens)];
        for (kind, count) in kinds {
            if let Some(count) = count.filter(|count| *count > 0) {
                self.tokens.get_or_create(&TokenLabels { route: route.clone(), kind }).inc_by(count);
            }
        }
    }

    /// Counts a request an app repeated by itself.
    pub(crate) fn asked_again(&self, client: &str) {
        let client = bounded(&mut lock(&self.names).clients, client);
        self.client_retries.get_or_create(&ClientLabel { client }).inc();
    }

    /// Counts a request that gave way.
    pub(crate) fn shed(&self, priority: Priority) {
        self.shed.get_or_create(&PriorityLabel { priority: priority.as_str() }).inc();
    }

    /// Everything, in the OpenMetrics text format, version 1.0.0.
    pub(crate) fn text(&self, shared: &Shared) -> String {
        let mut out = String::new();
        let written = encode_registry(&mut out, &self.registry)
            .and_then(|()| encode_registry(&mut out, &now::registry(shared)))
            .and_then(|()| encode_eof(&mut out));
        if written.is_err() {
            // A string takes whatever it is given; if it ever did not, half an answer would be misread.
            out.clear();
            let _ = out.write_str("# EOF\n");
        }
        out
    }
}

/// What a provider is called in Prometheus' text: its name, and `gemini` for Google, as the operators' procedures and
/// their dashboards have it.
fn called(provider: &str) -> &str {
    if provider == "google" { "gemini" } else { provider }
}
