//! What a move to another route would change, asked before it is made.

use std::sync::Arc;

use switchyard_domain::map::{Job, RouteIx};
use switchyard_domain::switch_cost::SwitchCost;
use switchyard_domain::{Dialect, Problem};
use switchyard_policy::{Needs, plan};

use super::Router;
use super::compat::find;
use crate::core::Running;
use crate::core::clock;
use crate::core::ids::OWN_CLIENT;
use crate::walk::request::no_such_job;
use crate::watch::compat;
use crate::watch::switch_cost::{LOOK_BACK_DAYS, Side, preview};
use switchyard_prices::Price;

impl Router {
    /// What a move of a job (the default one when absent) to a route would change, against the route that answers now
    /// or a named one.
    ///
    /// # Errors
    /// `no_map`; `not_found_job`; `not_found_route`; `invalid_query` when both routes are the same; when the log can't
    /// be read.
    pub async fn switch_cost(
        &self,
        job: Option<&str>,
        to: &str,
        from: Option<&str>,
    ) -> Result<SwitchCost, Problem> {
        let running = self.running_map()?;
        let (job, to) = (named_job(&running, job)?, find(&running, to)?);
        let from = match from {
            Some(from) => find(&running, from)?,
            None => self.answers_now(&running, &job)?,
        };
        if from == to {
            let route = &running.map.route(to).id;
            let message = format!("{route} answers already. Name another route in `to`, or in `from`.");
            return Err(Problem::new("invalid_query", message));
        }
        compat::learn_windows(Arc::clone(&self.state.watch.checks)).await;
        // What was just answered counts too.
        self.state.core.writer.flush().await;
        let now_ms = clock::now().wall_ms;
        let since_ms = now_ms - LOOK_BACK_DAYS * 24 * 60 * 60 * 1_000;
        let typical_usage =
            self.state.core.store.requests().typical_usage(&job.name, since_ms, OWN_CLIENT).await;
        let typical_usage = typical_usage.map_err(|error| error.problem())?;
        let priced = Arc::clone(&running);
        let sides = [from, to].map(|ix| {
            let route = running.map.route(ix);
            let known = compat::known(&self.state.watch.checks, &running, route);
            (ix, compat::window(route, &known), compat::lacks(route, &known))
        });
        // Reading the price list takes a moment.
        let work = move || {
            let [from, to] = sides.map(|(ix, window, lacks)| {
                let route = priced.map.route(ix);
                Side { route, price: Price::of(&priced.map, route), window, lacks }
            });
            preview(&job.name, &from, &to, &typical_usage, now_ms)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Problem::new("internal", "The prices could not be read. See the log."))
    }

    /// The route the job's next request would try first; else the first of its order.
    fn answers_now(&self, running: &Running, job: &Job) -> Result<RouteIx, Problem> {
        let needs = Needs::plain("auto", Dialect::OpenAiChat);
        let planned =
            self.state.core.with_fleet(|fleet| plan(&running.map, job, fleet, &needs, 0, clock::now()));
        let first = planned.and_then(|plan| plan.candidates.first().map(|candidate| candidate.route));
        let line = self.state.core.with_fleet(|fleet| fleet.line(&running.map, job).into_owned());
        let line = line.unwrap_or_default();
        first.or_else(|| line.hot.iter().chain(&line.warm).next().copied()).ok_or_else(|| {
            Problem::new("not_found_route", format!("The job {} has no route. Name one in `from`.", job.name))
        })
    }
}

fn named_job(running: &Running, job: Option<&str>) -> Result<Arc<Job>, Problem> {
    let map = &running.map;
    let Some(name) = job.filter(|name| *name != map.default_job.name) else {
        return Ok(Arc::clone(&map.default_job));
    };
    map.jobs.get(name).cloned().ok_or_else(|| Problem::new("not_found_job", no_such_job(map, name)))
}
