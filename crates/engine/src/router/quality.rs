//! How good a route's answers are, told from outside: a check of golden prompts, an evaluation run, a person.

use switchyard_domain::map::Fault;
use switchyard_domain::operate::{QualityScore, QualityVerdict};
use switchyard_domain::{Problem, RouteId, did_you_mean};
use switchyard_policy::quality_drop_percent;

use super::Router;
use crate::clock;

impl Router {
    /// Takes a score of a route's answers. Too far below its baseline it lowers the route's weight from the next beat
    /// on, until a later score is back near the baseline.
    ///
    /// # Errors
    /// `invalid_quality`, with each field that is out of range; `not_found_route` with the ids there are.
    pub async fn quality(&self, given: &QualityScore, actor: &str) -> Result<QualityVerdict, Problem> {
        let faults = faults(given);
        if !faults.is_empty() {
            let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let message = format!("The score is not understood: {}.", said.join("; "));
            return Err(Problem { faults, ..Problem::new("invalid_quality", message) });
        }
        let QualityScore { route, score, baseline } = given;
        let running = self.running_with(route)?;
        let provider = &running.map.find(route.as_str()).map(|ix| running.map.route(ix).provider.clone());
        let now = clock::now();
        self.shared.with_fleet(|fleet| {
            let provider = provider.as_deref().unwrap_or_default();
            fleet.watch_mut().quality(route, provider, *score, *baseline, now);
        });
        self.note(actor, "quality.score", route.as_str(), Some(format!("{score} of {baseline}"))).await;
        let limit_percent = running.map.triggers.quality_drop_percent;
        let drop_percent = quality_drop_percent(*score, *baseline);
        #[expect(clippy::cast_precision_loss, reason = "a setting of at most 100")]
        let fires = drop_percent > limit_percent as f64;
        Ok(QualityVerdict { route: route.clone(), drop_percent, limit_percent, fires })
    }

    fn running_with(&self, route: &RouteId) -> Result<std::sync::Arc<crate::shared::Running>, Problem> {
        let running = self.shared.running.load_full();
        if let Some(running) = running.as_ref().filter(|running| running.map.find(route.as_str()).is_some()) {
            return Ok(std::sync::Arc::clone(running));
        }
        let known: Vec<String> = running
            .iter()
            .flat_map(|running| &running.map.routes)
            .map(|route| route.id.to_string())
            .collect();
        let meant = did_you_mean(route.as_str(), known.iter().map(String::as_str));
        let message = format!("The running map has no route `{route}`.{meant} Routes: {}.", known.join(", "));
        Err(Problem::new("not_found_route", message))
    }
}

fn faults(given: &QualityScore) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !(0.0..=1.0).contains(&given.score) {
        faults.push(Fault::new("score", "give a number from 0 (nothing was right) to 1"));
    }
    if !(given.baseline > 0.0 && given.baseline <= 1.0) {
        faults.push(Fault::new(
            "baseline",
            "give a number above 0 and up to 1: what the answers usually score",
        ));
    }
    faults
}
