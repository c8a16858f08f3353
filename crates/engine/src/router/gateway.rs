//! What the failover-loop runbook looks at: providers' health, loop metrics, errors, causes, and Prometheus' text.

use std::collections::BTreeMap;

use switchyard_domain::api::{ErrorReport, ErrorRow};
use switchyard_domain::gateway::{
    GatewayMetrics, ProviderHealth, ProviderStatus, ProvidersHealth, RetryMetrics, RouteHealthView,
};
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::operate::{CauseView, LoopView};
use switchyard_domain::view::{CircuitState, HealthWord};
use switchyard_domain::{Failure, Now, Problem, RouteId};
use switchyard_policy::{Fleet, RouteHealth};

use super::Router;
use crate::core::clock;
use crate::core::lock;
use crate::walk::health;
use crate::watch::metrics;

/// Below this share of successes a provider is degraded, from 0 to 1.
const HEALTHY_RATE: f64 = 0.95;

impl Router {
    /// How the router is doing, in one word.
    #[must_use]
    pub fn health(&self) -> HealthWord {
        health::health(&self.state.walk).0
    }

    /// How every provider of the running map is doing, by name.
    #[must_use]
    pub fn providers_health(&self) -> ProvidersHealth {
        let Some(running) = self.state.core.running.load_full() else {
            return ProvidersHealth { providers: BTreeMap::new() };
        };
        let now = clock::now();
        let providers = running
            .map
            .providers
            .keys()
            .filter_map(|name| {
                let health = self.state.core.with_fleet(|fleet| provider(&running.map, fleet, name, now))?;
                Some((name.clone(), health?))
            })
            .collect();
        ProvidersHealth { providers }
    }

    /// How retries are doing, over the last minute.
    #[must_use]
    pub fn gateway_metrics(&self) -> GatewayMetrics {
        let retry_budget: LoopView =
            self.state.core.with_fleet(|fleet| fleet.retry_budget().view(clock::now())).unwrap_or_default();
        GatewayMetrics {
            retry_metrics: RetryMetrics {
                retries_per_minute: retry_budget.retries_per_minute,
                fallback_rate: thousandths(retry_budget.fallback_percent / 100.0),
                avg_retries_per_request: retry_budget.average_retries,
                storm: retry_budget.storm_since_ms.is_some(),
                retry_budget_left: retry_budget.budget_left,
            },
        }
    }

    /// Everything that is counted, in the OpenMetrics text format.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        metrics::text(&self.state.watch)
    }

    /// The likely causes of present trouble, worst first.
    #[must_use]
    pub fn causes(&self) -> Vec<CauseView> {
        lock(&self.state.watch.causes).clone()
    }

    /// What failed since a moment (UTC epoch milliseconds), by provider, kind and status.
    ///
    /// # Errors
    /// When the log can't be read.
    pub async fn errors(&self, since_ms: i64) -> Result<ErrorReport, Problem> {
        self.state.core.writer.flush().await;
        let counts = self.state.core.store.requests().try_counts(since_ms).await;
        let running = self.state.core.running.load_full();
        let map = running.as_ref().map(|running| &running.map);
        let mut report = ErrorReport { since_ms, ..ErrorReport::default() };
        for count in counts.map_err(|error| error.problem())? {
            let provider = RoutingMap::provider_of(map, &count.route).to_owned();
            *report.tries.entry(provider.clone()).or_default() += count.count;
            let Some(kind) = count.kind else { continue };
            let message = count.message.unwrap_or_default();
            let known = report
                .errors
                .iter_mut()
                .find(|row| row.provider == provider && row.kind == kind && row.status == count.status);
            match known {
                Some(row) => {
                    row.count += count.count;
                    if count.last_at_ms > row.last_at_ms {
                        (row.last_at_ms, row.message) = (count.last_at_ms, message);
                    }
                }
                None => report.errors.push(ErrorRow {
                    provider,
                    kind,
                    status: count.status,
                    count: count.count,
                    last_at_ms: count.last_at_ms,
                    message,
                }),
            }
        }
        report.errors.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.provider.cmp(&b.provider)));
        Ok(report)
    }
}

/// None for a provider without routes.
fn provider(map: &RoutingMap, fleet: &Fleet, name: &str, now: Now) -> Option<ProviderHealth> {
    let routes: Vec<(&RouteId, RouteHealth)> = map
        .routes
        .iter()
        .enumerate()
        .filter(|(_, route)| route.provider == name)
        .filter_map(|(at, route)| {
            let place = fleet.place(&route.id, RouteIx(at))?;
            Some((&route.id, fleet.view(place, now)))
        })
        .collect();
    if routes.is_empty() {
        return None;
    }
    let ids: Vec<&RouteId> = routes.iter().map(|(id, _)| *id).collect();
    let seen = fleet.watch().seen(&ids, map.triggers.window_ms, now);
    let last: Vec<bool> = routes.iter().flat_map(|(_, health)| health.last.iter().copied()).collect();
    let success_rate = seen.success_percent().map(|percent| percent / 100.0).or_else(|| rate(&last));
    let p95_ms = seen.p95_ms.or_else(|| routes.iter().filter_map(|(_, health)| health.p95_ms).max());
    let all = |state: CircuitState| routes.iter().all(|(_, health)| health.circuit == state);
    let serves = |health: &RouteHealth| health.serves && !health.failing;
    let serving = routes.iter().filter(|(_, health)| serves(health)).count();
    let unasked = |health: &RouteHealth| health.last.is_empty() && health.probed_at_ms.is_none();
    let status = if serving == 0 {
        ProviderStatus::Down
    } else if routes.iter().all(|(_, health)| unasked(health)) {
        ProviderStatus::Unknown
    } else if serving < routes.len() || success_rate.is_some_and(|rate| rate < HEALTHY_RATE) {
        ProviderStatus::Degraded
    } else {
        ProviderStatus::Healthy
    };
    Some(ProviderHealth {
        status,
        circuit: if all(CircuitState::Closed) {
            CircuitState::Closed
        } else if all(CircuitState::Open) {
            CircuitState::Open
        } else {
            CircuitState::HalfOpen
        },
        success_rate: success_rate.map(thousandths),
        p95_ms,
        last_failure: routes.iter().find_map(|(_, h)| h.last_failure.as_ref().map(Failure::short)),
        routes: routes
            .iter()
            .map(|(id, health)| {
                let view = RouteHealthView {
                    circuit: health.circuit,
                    serves: serves(health),
                    success_rate: rate(&health.last).map(thousandths),
                    p95_ms: health.p95_ms,
                };
                (id.to_string(), view)
            })
            .collect(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "a strip holds 20 calls")]
fn rate(last: &[bool]) -> Option<f64> {
    let good = last.iter().filter(|good| **good).count();
    (!last.is_empty()).then(|| good as f64 / last.len() as f64)
}

fn thousandths(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
