//! Work that gives way when not everything can be served. It is queued, and answered once there is room.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use switchyard_domain::map::{Job, Priority};
use switchyard_domain::{Failure, FailureKind, Now};
use switchyard_policy::Fleet;
use switchyard_policy::shed::{Load, Pressure, Verdict, judge};

use crate::core::clock;
use crate::core::{Running, lock};
use crate::walk::Walk;
use crate::walk::exchange::Exchange;
use crate::walk::request::ProxyRequest;
use crate::walk::serve::Unserved;

/// A queued job that gives way is looked at again after this, milliseconds.
const HOLD_MS: u64 = 5_000;

/// Sees whether an app asks again what has just failed, and what its next repetition is known by.
pub(crate) fn came(walk: &Walk, request: &ProxyRequest, exchange: &mut Exchange) {
    let mark = request.mark();
    exchange.marked(mark);
    if lock(&walk.client_retries).came(&request.client, mark, request.asks_again, request.arrived) {
        walk.counters.asked_again(&request.client);
    }
}

/// Why a new request has to give way, if it has to.
pub(crate) fn gives_way(walk: &Walk, running: &Running, request: &ProxyRequest) -> Option<Unserved> {
    let now = clock::now();
    // Its own exchange counts as under way already.
    let others = walk.in_flight.load(Ordering::Relaxed).saturating_sub(1);
    let verdict = judged(walk, running, &request.job, request.priority, others, now)?;
    let told = lock(&walk.shedding).shed(verdict, request.priority, now);
    walk.counters.shed(request.priority);
    walk.core.bus.touch();
    if let Some(what) = told {
        walk.core.bus.emit(what, now);
    }
    let message =
        format!("Work of {} priority gives way: {}.", request.priority.as_str(), verdict.why.words());
    Some(Unserved {
        attempts: 0,
        reached_upstream: false,
        why: Failure {
            retry_after_ms: Some(verdict.why.again_in_ms()),
            ..Failure::new(FailureKind::Shed, message)
        },
        again_in_ms: verdict.why.again_in_ms(),
    })
}

/// How long a queued request gives way, milliseconds. Where only one route is left the queue goes on: it is slow, and
/// its tries are what finds the other routes well again.
pub(crate) fn holds(walk: &Walk, running: &Running, request: &Arc<ProxyRequest>) -> Option<u64> {
    let in_flight = walk.in_flight.load(Ordering::Relaxed);
    let verdict = judged(walk, running, &request.job, request.priority, in_flight, clock::now())?;
    match verdict.why {
        Pressure::Full(_) | Pressure::Storm => Some(HOLD_MS),
        Pressure::LastRoute => None,
    }
}

/// The beat: what gives way now is shown until it no longer does.
pub(crate) fn beat(walk: &Walk, running: &Running, now: Now) {
    let in_flight = walk.in_flight.load(Ordering::Relaxed);
    let job = &running.map.default_job;
    let verdict = judged(walk, running, job, Priority::Low, in_flight, now);
    lock(&walk.shedding).tick(verdict);
}

fn judged(
    walk: &Walk,
    running: &Running,
    job: &Job,
    priority: Priority,
    in_flight: u64,
    now: Now,
) -> Option<Verdict> {
    if priority == Priority::High {
        return None;
    }
    let mut load = Load { in_flight, max_in_flight: running.map.limits.max_in_flight, ..Load::default() };
    // Only low-priority work gives way for what the fleet knows.
    if priority == Priority::Low {
        walk.core.with_fleet(|fleet| {
            load.storm = fleet.retry_budget().is_storm();
            load.routes_left = routes_left(running, fleet, job, now);
        });
    }
    judge(load, running.map.shed).filter(|verdict| verdict.sheds(priority))
}

/// The routes of a job that serve, where some don't.
fn routes_left(running: &Running, fleet: &Fleet, job: &Job, now: Now) -> Option<usize> {
    let map = &running.map;
    let line = fleet.line(map, job);
    let warm = if map.flags.enable_warm_fallback { line.warm.as_slice() } else { &[] };
    let mut routes: Vec<_> = line.hot.iter().chain(warm).filter(|ix| map.route(**ix).enabled).collect();
    routes.sort_unstable();
    routes.dedup();
    let serves = |ix: &&&switchyard_domain::map::RouteIx| {
        fleet.place(&map.route(***ix).id, ***ix).is_some_and(|place| fleet.serves(place, now))
    };
    let left = routes.iter().filter(serves).count();
    (left < routes.len()).then_some(left)
}
