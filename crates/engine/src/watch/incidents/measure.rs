//! Reading the request log for an incident: its beginning, its sums, its baseline.

use std::collections::HashMap;
use std::sync::Arc;

use switchyard_domain::event::StatusLevel;
use switchyard_domain::incident::{FailureCount, IncidentState};
use switchyard_domain::map::{Goals, Job, RoutingMap};
use switchyard_domain::{Failure, RouteId, Tier};
use switchyard_policy::classify;
use switchyard_store::{StoreError, Try};

use super::case::Case;
use super::kpis::{Measured, cost_difference, kpis, validation};
use super::tally::{Frame, Tally, p95};
use crate::core::clock;
use crate::core::{Core, Running};

/// An open incident is measured at most this often, milliseconds.
const EVERY_MS: u64 = 2_000;
/// How far before its opening an incident's first bad attempt is looked for, milliseconds.
const RUN_UP_MS: i64 = 900_000;
/// The request that opened a circuit may be under way for a while before the log knows it, milliseconds.
const SETTLED_MS: i64 = 60_000;
/// Ways of failing that are kept, the most frequent.
const FAILURES: usize = 10;

/// Measures a case where that is due, or at once.
pub(super) async fn measure(core: &Core, running: &Arc<Running>, case: &mut Case, at_once: bool) {
    let now = clock::now();
    if !at_once && case.measured_mono_ms.is_some_and(|at| now.mono_ms.saturating_sub(at) < EVERY_MS) {
        return;
    }
    case.measured_mono_ms = Some(now.mono_ms);
    core.writer.flush().await;
    if let Err(error) = read(core, running, case).await {
        tracing::error!(code = error.code(), %error, "an incident could not be measured");
    }
}

async fn read(core: &Core, running: &Arc<Running>, case: &mut Case) -> Result<(), StoreError> {
    let routes = routes_of(running, case);
    let log = core.store.requests();
    begin(core, case, &routes).await?;
    let brief = &case.incident.brief;
    let began_at_ms = brief.began_at_ms;
    let mut behind = match case.behind {
        Some(behind) => behind,
        None => log.place_at(began_at_ms).await?,
    };
    let marks = case.incident.marks;
    let jobs = jobs_of(&running.map, &brief.provider);
    let frame = Frame {
        routes: &routes,
        jobs: &jobs,
        began_at_ms,
        opened_at_ms: brief.opened_at_ms,
        decided_at_ms: marks.decided_at_ms,
        validated: validated(&running.map.goals),
    };
    let slo_of = |job: &str| running.map.jobs.get(job).unwrap_or(&running.map.default_job).slo_ms;
    let before = case.tally.requests;
    loop {
        let rows = log.course(behind, &routes).await?;
        for row in &rows {
            behind = row.seq;
            case.tally.add(row, frame, slo_of(&row.job));
        }
        if rows.is_empty() {
            break;
        }
    }
    case.behind = Some(behind);
    let baseline_p95_ms = match case.incident.kpis.baseline_p95_ms {
        Some(known) => Some(known),
        None => {
            let back_ms = i64::try_from(running.map.incidents.baseline_ms).unwrap_or(i64::MAX);
            p95(log.usual_times(began_at_ms.saturating_sub(back_ms), began_at_ms).await?)
        }
    };
    let cost_difference_usd = if case.tally.requests == before {
        case.incident.kpis.cost_difference_usd
    } else {
        cost(running, case).await
    };
    let measured = Measured {
        began_at_ms,
        closed_at_ms: case.incident.brief.closed_at_ms,
        marks,
        baseline_p95_ms,
        cost_difference_usd,
        automatic: case.incident.kpis.automatic,
    };
    let fresh = kpis(&case.tally, measured, &running.map.goals);
    if fresh != case.incident.kpis {
        let until_ms = case.incident.brief.closed_at_ms.unwrap_or_else(|| clock::now().wall_ms);
        let tries = log.tries(&routes, until_ms, until_ms.saturating_sub(began_at_ms)).await?;
        case.incident.failures = failures(&tries);
        let brief = &mut case.incident.brief;
        (brief.kept, brief.queued, brief.lost) = (fresh.kept, fresh.queued, fresh.lost);
        case.incident.kpis = fresh;
        case.dirty = true;
    }
    validate(case, &running.map.goals);
    Ok(())
}

/// The provider's routes, of the running map and those it was known by.
fn routes_of(running: &Running, case: &Case) -> Vec<RouteId> {
    let incident = &case.incident;
    let own = running.map.routes.iter().filter(|route| route.provider == incident.brief.provider);
    let mut routes: Vec<RouteId> = own.map(|route| route.id.clone()).collect();
    for route in &incident.routes {
        if !routes.contains(route) {
            routes.push(route.clone());
        }
    }
    routes
}

/// The jobs that have a route of the provider in the tier they go to first.
fn jobs_of(map: &RoutingMap, provider: &str) -> Vec<String> {
    let of = |job: &Job| {
        let line = if job.own_line { &job.line } else { &map.line };
        let enabled = |tier| line.tier(tier).iter().map(|ix| map.route(*ix)).filter(|route| route.enabled);
        let first = [Tier::Hot, Tier::Warm].into_iter().find(|tier| enabled(*tier).next().is_some());
        first.is_some_and(|tier| enabled(tier).any(|route| route.provider == provider))
    };
    let jobs = std::iter::once(&map.default_job).chain(map.jobs.values());
    jobs.filter(|job| of(job)).map(|job| job.name.clone()).collect()
}

/// Finds the first bad attempt: the first failure after the last success before the opening.
async fn begin(core: &Core, case: &mut Case, routes: &[RouteId]) -> Result<(), StoreError> {
    let now_ms = clock::now().wall_ms;
    let opened_at_ms = case.incident.brief.opened_at_ms;
    // A long stream that began on the provider and went on elsewhere is in the log only at its end: the last look counts.
    let is_closed = case.incident.brief.state == IncidentState::Closed;
    if now_ms.saturating_sub(opened_at_ms) > SETTLED_MS && !is_closed {
        return Ok(());
    }
    let from = if case.incident.routes.is_empty() { routes } else { &case.incident.routes };
    let tries = core.store.requests().tries(from, opened_at_ms, RUN_UP_MS).await?;
    let condition_at_ms = case.incident.marks.condition_at_ms;
    let began_at_ms = first_bad(&tries).unwrap_or(condition_at_ms).min(condition_at_ms).min(opened_at_ms);
    if began_at_ms != case.incident.brief.began_at_ms || case.behind.is_none() {
        case.incident.brief.began_at_ms = began_at_ms;
        case.tally = Tally::default();
        case.behind = None;
        case.dirty = true;
    }
    Ok(())
}

/// The start of the failures that the newest tries are, on any route. Tries that say nothing of the target don't end them.
fn first_bad(newest_first: &[Try]) -> Option<i64> {
    let mut began = None;
    for attempt in newest_first {
        match &attempt.failure {
            Some(failure) if classify(failure).tells_of_target() => began = Some(attempt.at_ms),
            None if began.is_some() => return began,
            // It says nothing of the target, or it is a success among the calls that were under way together with the
            // last failures.
            Some(_) | None => {}
        }
    }
    began
}

fn failures(tries: &[Try]) -> Vec<FailureCount> {
    let mut counts: HashMap<(String, Option<String>), FailureCount> = HashMap::new();
    for (attempt, failure) in tries.iter().filter_map(|attempt| Some((attempt, attempt.failure.as_ref()?))) {
        let Failure { code, .. } = failure;
        let count = counts.entry((failure.short(), code.clone())).or_insert_with(|| FailureCount {
            what: failure.short(),
            code: code.clone(),
            attempts: 0,
            first_at_ms: attempt.at_ms,
            last_at_ms: attempt.at_ms,
        });
        count.attempts += 1;
        count.first_at_ms = count.first_at_ms.min(attempt.at_ms);
        count.last_at_ms = count.last_at_ms.max(attempt.at_ms);
    }
    let mut counts: Vec<FailureCount> = counts.into_values().collect();
    counts.sort_by(|a, b| b.attempts.cmp(&a.attempts).then_with(|| a.what.cmp(&b.what)));
    counts.truncate(FAILURES);
    counts
}

async fn cost(running: &Arc<Running>, case: &Case) -> Option<switchyard_domain::Usd> {
    let running = Arc::clone(running);
    let provider = case.incident.brief.provider.clone();
    let elsewhere = case.tally.elsewhere.clone();
    let asked = tokio::task::spawn_blocking(move || cost_difference(&running.map, &provider, &elsewhere));
    asked.await.ok().flatten()
}

/// How many calls after a failover are held against the baseline.
fn validated(goals: &Goals) -> usize {
    usize::try_from(goals.validation_calls).unwrap_or(usize::MAX)
}

/// Holds the calls after a failover against the baseline: once, when there are enough of them or at the close.
fn validate(case: &mut Case, goals: &Goals) {
    let is_closed = case.incident.brief.state == IncidentState::Closed;
    if case.incident.validation.is_some() || (case.tally.after.len() < validated(goals) && !is_closed) {
        return;
    }
    let Some(found) = validation(&case.tally, case.incident.kpis.baseline_p95_ms, goals) else { return };
    let verdict = if found.passed {
        "validated".to_owned()
    } else {
        format!("not validated, {} % is the goal", found.success_percent.goal)
    };
    let title = format!(
        "The {} calls after the failover: {} % succeeded ({verdict}).",
        found.calls,
        found.success_percent.value.unwrap_or_default(),
    );
    let detail = found.p95_ms.map(|p95| {
        let usual = found.baseline_p95_ms.map_or_else(|| "unknown".to_owned(), |ms| format!("{ms} ms"));
        format!("95th percentile {p95} ms, before the incident {usual}.")
    });
    let lamp = if found.passed { StatusLevel::Clear } else { StatusLevel::Caution };
    let at_ms = clock::now().wall_ms;
    case.incident.validation = Some(found);
    case.tell(at_ms, lamp, title, detail, None);
}
