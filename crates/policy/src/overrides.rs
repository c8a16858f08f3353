//! What people override at run time, as far as it decides anything: what is left out, which models a job uses, where
//! an app's requests may go.
//!
//! The document itself ([`Overrides`]) is part of the fleet. Nothing here knows who may order what, or keeps it: that is
//! the engine's. An app's bounds hold whatever else is ordered.

mod change;
mod patch;

use std::borrow::Cow;

use switchyard_domain::event::EventKind;
use switchyard_domain::map::{Job, Line, Route, RouteIx, RoutingMap};
use switchyard_domain::operate::{JobOverride, Kill, KillScope, Order};
use switchyard_domain::{Now, RouteId};

use crate::fleet::{Change, Fleet};
use crate::plan::{Candidate, Exclusion, Inclusion, Needs, Plan, line_of};

pub use change::{Changed, Command, change, roll_back};
pub use patch::Patch;

/// Why the all-off switch is thrown where the map throws it.
const OFF_IN_MAP: &str = "flags.ai_enabled is false in the map";

/// Whether an order is over.
#[must_use]
pub fn has_lapsed(order: &Order, now: Now) -> bool {
    order.expires_at_ms.is_some_and(|at| at <= now.wall_ms)
}

/// The routes a list of route ids and models means, in its order; a model means all its routes in the map's order.
/// What the map does not have is left out.
#[must_use]
pub fn routes_named(map: &RoutingMap, names: &[String]) -> Vec<RouteIx> {
    let mut routes = Vec::new();
    for name in names {
        let meant = map.find(name).map_or_else(
            || (0..map.routes.len()).map(RouteIx).filter(|ix| map.route(*ix).serves(name)).collect(),
            |own| vec![own],
        );
        for ix in meant {
            if !routes.contains(&ix) {
                routes.push(ix);
            }
        }
    }
    routes
}

/// The kill switch that keeps a route out of service; its own before its model's and provider's. `serves`: whether the
/// route is asked for by a name.
pub(crate) fn kill_among<'a>(
    kills: &'a [Kill],
    route: &RouteId,
    provider: &str,
    serves: impl Fn(&String) -> bool,
) -> Option<&'a Kill> {
    let own = |kill: &&Kill| matches!(&kill.scope, KillScope::Route(id) if id == route);
    let shared = |kill: &&Kill| match &kill.scope {
        KillScope::Route(_) => false,
        KillScope::Model(name) => serves(name),
        KillScope::Provider(name) => name == provider,
    };
    kills.iter().find(own).or_else(|| kills.iter().find(shared))
}

/// The order of tries a job's override makes: the first route's provider is Hot, the others are Warm. None when the
/// map has nothing of what it names.
fn overriding(map: &RoutingMap, order: &JobOverride) -> Option<Line> {
    let routes = routes_named(map, &order.models);
    let first = &map.route(*routes.first()?).provider;
    let (hot, warm) = routes.iter().copied().partition(|ix| map.route(*ix).provider == *first);
    Some(Line { hot, warm })
}

impl Fleet {
    /// The order of tries of a job: the override's, else the map's. A job without an order of its own goes by the
    /// `default` job's.
    #[must_use]
    pub fn line<'a>(&self, map: &'a RoutingMap, job: &'a Job) -> Cow<'a, Line> {
        self.overridden(map, job).map_or_else(|| Cow::Borrowed(line_of(map, job)), Cow::Owned)
    }

    /// The order of tries an override gives a job, if one does.
    #[must_use]
    pub fn overridden(&self, map: &RoutingMap, job: &Job) -> Option<Line> {
        let jobs = &self.overrides.jobs;
        if jobs.is_empty() {
            return None;
        }
        let own = jobs.get(&job.name).and_then(|order| overriding(map, order));
        own.or_else(|| {
            let shared = jobs.get(&map.default_job.name).filter(|_| !job.own_line)?;
            overriding(map, shared)
        })
    }

    /// The only providers an app's requests may reach; none = all.
    #[must_use]
    pub fn bounds<'a>(&'a self, map: &'a RoutingMap, client: &str) -> Option<&'a [String]> {
        let ordered = self.overrides.clients.get(client).and_then(|rule| rule.providers.as_deref());
        ordered.or_else(|| map.clients.get(client)?.providers.as_deref())
    }

    /// The provider an app's requests go to first.
    #[must_use]
    pub fn preferred<'a>(&'a self, map: &'a RoutingMap, client: &str) -> Option<&'a str> {
        let ordered = self.overrides.clients.get(client).and_then(|rule| rule.prefer.as_deref());
        ordered.or_else(|| map.clients.get(client)?.prefer.as_deref())
    }

    /// What a person's word keeps an app's request from reaching, whatever the route's state.
    #[must_use]
    pub fn out_by_order(&self, map: &RoutingMap, route: &Route, client: &str) -> Option<Exclusion> {
        if self.bounds(map, client).is_some_and(|only| !only.contains(&route.provider)) {
            return Some(Exclusion::OutOfBounds);
        }
        self.is_excepted(&route.provider).then_some(Exclusion::Excepted)
    }

    /// The kill switch that keeps a route out of service; its own before its model's and provider's.
    #[must_use]
    pub fn kill_of(&self, route: &Route) -> Option<&Kill> {
        kill_among(&self.overrides.kills, &route.id, &route.provider, |name| route.serves(name))
    }

    /// Whether a provider is left out everywhere.
    #[must_use]
    pub fn is_excepted(&self, provider: &str) -> bool {
        self.overrides.except.iter().any(|except| except.provider == provider)
    }

    /// Why every request is refused at once, where the all-off switch is thrown here or in the map.
    #[must_use]
    pub fn all_off(&self, map: &RoutingMap) -> Option<String> {
        if let Some(order) = &self.overrides.all_off {
            return Some(order.reason.clone().unwrap_or_else(|| "by hand".to_owned()));
        }
        (!map.flags.ai_enabled).then(|| OFF_IN_MAP.to_owned())
    }

    /// Overrides of jobs that this map can't follow: the job or every model of it is gone.
    #[must_use]
    pub fn overrides_without_effect(&self, map: &RoutingMap) -> Vec<String> {
        let jobs = self.overrides.jobs.iter().filter(|(job, order)| {
            let known = **job == map.default_job.name || map.jobs.contains_key(*job);
            !known || routes_named(map, &order.models).is_empty()
        });
        jobs.map(|(job, _)| job.clone()).collect()
    }

    /// Ends what was ordered for a time that is over.
    pub(crate) fn tick_overrides(&mut self, now: Now) -> Vec<Change> {
        let lapsed: Vec<Patch> = Patch::all(&self.overrides)
            .into_iter()
            .filter(|patch| patch.order().is_some_and(|order| has_lapsed(order, now)))
            .collect();
        if lapsed.is_empty() {
            return Vec::new();
        }
        let mut overrides = self.overrides.clone();
        overrides.version += 1;
        let mut changes = Vec::new();
        for patch in lapsed {
            changes.push(Change::Told(EventKind::OrderChanged {
                action: patch.off_action().to_owned(),
                target: patch.target(),
                on: false,
                actor: "router".to_owned(),
                reason: Some("its time is over".to_owned()),
            }));
            patch.cleared().put(&mut overrides);
        }
        self.set_overrides(overrides);
        changes
    }

    /// Jobs (`default` among them) that no route is expected to answer now.
    #[must_use]
    pub fn cold_jobs(&self, map: &RoutingMap, now: Now) -> Vec<String> {
        let jobs = std::iter::once(&map.default_job).chain(map.jobs.values());
        let is_cold = |job: &Job| {
            let line = self.line(map, job);
            let warm = if map.flags.enable_warm_fallback { &line.warm[..] } else { &[] };
            !line.hot.iter().chain(warm).any(|ix| {
                let route = map.route(*ix);
                self.out_by_order(map, route, "").is_none()
                    && self.place(&route.id, *ix).is_some_and(|place| self.serves(place, now))
            })
        };
        jobs.filter(|job| is_cold(job)).map(|job| job.name.clone()).collect()
    }
}

/// Puts a plan in the order people gave: an override's own, and an app's preferred provider first.
pub(crate) fn arrange(
    map: &RoutingMap,
    fleet: &Fleet,
    needs: &Needs,
    overriding: Option<&Line>,
    plan: &mut Plan,
) {
    if let Some(line) = overriding {
        let place = |route: RouteIx| line.hot.iter().chain(&line.warm).position(|ix| *ix == route);
        plan.candidates.sort_by_key(|candidate| place(candidate.route));
        for candidate in plan.candidates.iter_mut().filter(|candidate| candidate.why != Inclusion::TestCall) {
            candidate.why = Inclusion::Ordered;
        }
    }
    if let Some(preferred) = fleet.preferred(map, &needs.client) {
        let is_preferred = |candidate: &Candidate| map.route(candidate.route).provider == preferred;
        plan.candidates.sort_by_key(|candidate| !is_preferred(candidate));
        for candidate in plan.candidates.iter_mut().filter(|candidate| candidate.why != Inclusion::TestCall) {
            if is_preferred(candidate) {
                candidate.why = Inclusion::Ordered;
            }
        }
    }
}
