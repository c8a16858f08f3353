//! Compatibility checks of routes: run one, see what they showed, and what one would cost.

use std::sync::Arc;

use switchyard_domain::compat::{
    CompatCase, CompatPreview, CompatReport, CompatRow, CompatRun, RunCompat, target_of,
};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{Auth, RouteIx};
use switchyard_domain::{Problem, RouteId, Tier, did_you_mean};
use switchyard_policy::Check;

use super::Router;
use super::state::RouterState;
use crate::core::clock;
use crate::core::{Running, lock};
use crate::walk::LiveMap;
use crate::watch::compat::{self, Bench, Turn};
use crate::watch::one_route::NotAsked;

impl Router {
    /// Checks a route: sends it real requests, which cost what they cost, and keeps what they show. When the caller of
    /// this goes away, so does the check, and nothing is kept.
    ///
    /// # Errors
    /// `not_found_route`; `conflict_check_running`; `conflict_paused` while new work is paused; `conflict_not_asked` where
    /// the route could not be asked, so that what was known of it stands; `invalid_route` for one that needs its caller's
    /// own key; when the run can't be kept.
    pub async fn check_compat(
        &self,
        route: &str,
        command: RunCompat,
        actor: &str,
    ) -> Result<CompatRun, Problem> {
        let (running, ix) = self.find_route(route)?;
        let found = running.map.route(ix);
        if found.auth == Auth::Passthrough {
            let message = format!(
                "{route} takes each caller's own key, so the router can't check it by itself. Give it a key of its own."
            );
            return Err(Problem::new("invalid_route", message));
        }
        if self.state.core.is_paused() {
            let message = "New work is paused, checks too. Run `switchyard resume` first.";
            return Err(Problem::new("conflict_paused", message));
        }
        if let Some(why) = self.state.core.all_off(&running) {
            let message =
                format!("AI is switched off here ({why}), checks too. Run `switchyard ai on` first.");
            return Err(Problem::new("conflict_ai_disabled", message));
        }
        let Some(_turn) = Turn::take(&self.state.watch.checks, &found.id) else {
            let message = format!("A check of {route} is under way already. Wait for its end.");
            return Err(Problem::new("conflict_check_running", message));
        };
        compat::learn_windows(Arc::clone(&self.state.watch.checks)).await;
        let (begun, known) = (clock::now(), compat::known(&self.state.watch.checks, &running, found));
        let RouterState { walk, watch, .. } = &*self.state;
        let bench = Bench { walk, network: &watch.network, running: &running, ix };
        let tried = Box::pin(compat::check(&bench, &known, &chosen(command))).await;
        let tried = tried.map_err(|why| not_asked(&found.id, &why))?;
        let before = lock(&self.state.watch.checks.memory).latest(found).cloned();
        let duration_ms = clock::span_ms(begun, clock::now());
        let run = CompatRun::new(
            found.id.clone(),
            target_of(found),
            begun.wall_ms,
            duration_ms,
            &tried,
            before.as_ref(),
        );
        self.state.core.store.compat().append(&run).await.map_err(|error| error.problem())?;
        lock(&self.state.watch.checks.memory).take(run.clone());
        // Another map may run by now.
        if let Some(running) = self.state.core.running.load_full() {
            compat::tell_fleet(&self.state.watch.checks, &running);
        }
        let now = clock::now();
        let what = EventKind::CompatChecked {
            route: run.route.clone(),
            passed: run.passed,
            drift: run.drift.clone(),
        };
        self.state.core.bus.emit(what, now);
        self.note(actor, "compat.run", route, None).await;
        self.state.walk.look_around(now);
        self.state.walk.queue.ways_changed();
        Ok(run)
    }

    /// What a check would cost. Nothing is sent.
    ///
    /// # Errors
    /// `not_found_route`.
    pub async fn preview_compat(&self, route: &str, command: RunCompat) -> Result<CompatPreview, Problem> {
        let (running, ix) = self.find_route(route)?;
        compat::learn_windows(Arc::clone(&self.state.watch.checks)).await;
        let found = running.map.route(ix);
        let known = compat::known(&self.state.watch.checks, &running, found);
        Ok(compat::preview(&running.map, found, &known, &chosen(command)))
    }

    /// A route's last check and those before it.
    ///
    /// # Errors
    /// `not_found_route`; when the database can't be read.
    pub async fn compat_report(&self, route: &str) -> Result<CompatReport, Problem> {
        let (running, ix) = self.find_route(route)?;
        let found = running.map.route(ix);
        let history =
            self.state.core.store.compat().history(&found.id).await.map_err(|error| error.problem())?;
        Ok(CompatReport { latest: lock(&self.state.watch.checks.memory).latest(found).cloned(), history })
    }

    /// The last check of every route of the running map, in the map's order.
    ///
    /// # Errors
    /// `no_map`.
    pub fn compat_matrix(&self) -> Result<Vec<CompatRow>, Problem> {
        let running = self.running_map()?;
        let map = &running.map;
        let lines = || std::iter::once(&map.line).chain(map.jobs.values().map(|job| &job.line));
        let row = |(index, route): (usize, &switchyard_domain::map::Route)| {
            let known = compat::known(&self.state.watch.checks, &running, route);
            let is_warm = lines().any(|line| line.tier(Tier::Warm).contains(&RouteIx(index)));
            CompatRow {
                route: route.id.clone(),
                gated: is_warm && map.flags.gate_warm_routes && known.check != Check::Passed,
                lacks: compat::lacks(route, &known).iter().collect(),
                context_window: compat::window(route, &known),
                latest: lock(&self.state.watch.checks.memory).latest(route).cloned(),
            }
        };
        Ok(map.routes.iter().enumerate().map(row).collect())
    }

    /// Reads the last checks at the start.
    pub(super) async fn restore_compat(&self) -> Result<(), Problem> {
        let latest = self.state.core.store.compat().latest().await.map_err(|error| error.problem())?;
        let mut memory = lock(&self.state.watch.checks.memory);
        latest.into_iter().for_each(|run| memory.take(run));
        Ok(())
    }

    /// The running map.
    pub(super) fn running_map(&self) -> Result<Arc<LiveMap>, Problem> {
        self.state.walk.live.load_full().ok_or_else(|| {
            Problem::new(
                "no_map",
                "No routing map is applied yet. Apply one, or try the simulated providers.",
            )
        })
    }

    /// A route of the running map.
    pub(super) fn find_route(&self, route: &str) -> Result<(Arc<LiveMap>, RouteIx), Problem> {
        let running = self.running_map()?;
        let ix = find(&running, route)?;
        Ok((running, ix))
    }
}

/// A route of a map.
pub(super) fn find(running: &Running, route: &str) -> Result<RouteIx, Problem> {
    running.map.find(route).ok_or_else(|| {
        let known: Vec<&str> = running.map.routes.iter().map(|route| route.id.as_str()).collect();
        let meant = did_you_mean(route, known.iter().copied());
        let message = format!("The running map has no route `{route}`.{meant} Routes: {}.", known.join(", "));
        Problem::new("not_found_route", message)
    })
}

/// A route could not be asked, so nothing is known of it that was not before.
pub(super) fn not_asked(route: &RouteId, NotAsked(why): &NotAsked) -> Problem {
    let said = why.message.trim_end_matches('.');
    let status = why.status.map(|_| format!("{}: ", why.short())).unwrap_or_default();
    let message = format!("{route} could not be asked, so nothing new is known of it. {status}{said}.");
    Problem::new("conflict_not_asked", message)
}

fn chosen(command: RunCompat) -> Vec<CompatCase> {
    if command.cases.is_empty() { CompatCase::ALL.to_vec() } else { command.cases }
}
