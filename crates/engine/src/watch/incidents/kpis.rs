//! An incident's numbers against their goals.

use std::collections::HashMap;

use switchyard_domain::incident::{Kpis, Marks, PercentKpi, SpanKpi, Validation};
use switchyard_domain::map::{Goals, RoutingMap};
use switchyard_domain::switch_cost::Rates;
use switchyard_domain::{RouteId, Usd};

use super::tally::{Elsewhere, Tally, p95, span};
use switchyard_prices::Price;

/// What is measured besides the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) began_at_ms: i64,
    pub(super) closed_at_ms: Option<i64>,
    pub(super) marks: Marks,
    pub(super) baseline_p95_ms: Option<u32>,
    pub(super) cost_difference_usd: Option<Usd>,
    pub(super) automatic: bool,
}

/// The numbers.
pub(super) fn kpis(tally: &Tally, measured: Measured, goals: &Goals) -> Kpis {
    let Measured { began_at_ms, closed_at_ms, marks, baseline_p95_ms, cost_difference_usd, automatic } =
        measured;
    // What a person decides is not detected, and nobody waits while nobody calls.
    let detection = tally.rerouted_at_ms.filter(|_| automatic).map(|at| span(began_at_ms, at));
    let failover = marks.decided_at_ms.and_then(|decided| {
        let asked = tally.asked_at_ms.map_or(decided, |asked| asked.max(decided));
        tally.answered_elsewhere_at_ms.map(|answered| span(asked, answered))
    });
    let p95_ms = tally.p95_ms();
    let slowdown = p95_ms
        .zip(baseline_p95_ms)
        .filter(|(_, usual)| *usual > 0)
        .map(|(now, usual)| (f64::from(now) - f64::from(usual)) * 100.0 / f64::from(usual));
    Kpis {
        detection_ms: SpanKpi::new(detection, goals.detection_ms),
        failover_ms: SpanKpi::new(failover, goals.failover_ms),
        restoration_ms: SpanKpi::new(tally.restoration_ms(), goals.restoration_ms),
        recovery_ms: SpanKpi::new(closed_at_ms.map(|at| span(began_at_ms, at)), goals.recovery_ms),
        home_ms: marks.home_at_ms.map(|at| span(began_at_ms, at)),
        requests: tally.requests,
        kept: tally.kept,
        queued: tally.queued,
        failed: tally.failed,
        lost: tally.lost,
        lost_percent: PercentKpi::below(percent(tally.lost, tally.requests), goals.lost_percent),
        user_error_percent: PercentKpi::below(
            percent(tally.failed, tally.requests),
            goals.user_error_percent,
        ),
        slowdown_percent: PercentKpi::below(slowdown.map(tenths), goals.slowdown_percent),
        p95_ms,
        baseline_p95_ms,
        cost_difference_usd,
        clients: tally.clients(),
        automatic,
    }
}

/// The calls after a failover; none when there were none.
pub(super) fn validation(tally: &Tally, baseline_p95_ms: Option<u32>, goals: &Goals) -> Option<Validation> {
    let calls = u32::try_from(tally.after.len()).ok().filter(|calls| *calls > 0)?;
    let answered: Vec<u32> = tally.after.iter().filter(|(ok, _)| *ok).map(|(_, ms)| *ms).collect();
    let share = percent(answered.len() as u64, u64::from(calls)).unwrap_or_default();
    let success_percent = PercentKpi::at_least(Some(share), goals.validation_percent);
    let passed = success_percent.met == Some(true);
    Some(Validation { calls, success_percent, p95_ms: p95(answered), baseline_p95_ms, passed })
}

/// A share in percent, to a tenth; none of nothing.
pub(super) fn percent(part: u64, whole: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "no incident has 2^53 requests")]
    (whole > 0).then(|| tenths(part as f64 * 100.0 / whole as f64))
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// What the requests that another provider answered cost more than they would have at home: their tokens at the
/// prices of both routes. None where no request has prices on both sides. Reads the price list, which takes a moment.
pub(super) fn cost_difference(map: &RoutingMap, provider: &str, elsewhere: &Elsewhere) -> Option<Usd> {
    let mut known: HashMap<RouteId, Option<Rates>> = HashMap::new();
    let mut rates = |id: &RouteId| {
        *known
            .entry(id.clone())
            .or_insert_with(|| map.find(id.as_str()).and_then(|ix| Price::of(map, map.route(ix)).rates()))
    };
    let mut difference = None;
    for ((route, job), tokens) in elsewhere {
        let Some(home) = home_of(map, provider, job) else { continue };
        let (Some(there), Some(here)) = (rates(route), rates(&home)) else { continue };
        let more = cost(&there, *tokens) - cost(&here, *tokens);
        difference = Some(difference.unwrap_or(Usd::ZERO) + more);
    }
    difference
}

/// The provider's first route in a job's line: where its requests would have gone.
fn home_of(map: &RoutingMap, provider: &str, job: &str) -> Option<RouteId> {
    let line = map.jobs.get(job).filter(|job| job.own_line).map_or(&map.line, |job| &job.line);
    let mut routes = line.hot.iter().chain(&line.warm).map(|ix| map.route(*ix));
    routes.find(|route| route.provider == provider).map(|route| route.id.clone())
}

fn cost(rates: &Rates, [input, cached, output]: [u64; 3]) -> Usd {
    let part = |rate: Usd, tokens: u64| {
        let nanos = i128::from(rate.nanos()) * i128::from(tokens) / 1_000_000;
        Usd::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    };
    part(rates.input_nano_usd, input.saturating_sub(cached))
        + part(rates.cached_input_nano_usd, cached)
        + part(rates.output_nano_usd, output)
}
