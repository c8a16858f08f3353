//! How good a route's answers are, told from outside: a check of golden prompts, an evaluation run, a person.

use switchyard_domain::Problem;
use switchyard_domain::map::Fault;
use switchyard_domain::operate::{QualityScore, QualityVerdict};
use switchyard_policy::quality_drop_percent;

use super::Router;

impl Router {
    /// Takes a score of a route's answers. Too far below its baseline it lowers the route's weight from the next beat
    /// on, until a later score is back near the baseline.
    ///
    /// # Errors
    /// `invalid_quality`, with each field that is out of range; `not_found_route` with the ids there are; `no_map`.
    pub async fn quality(&self, given: &QualityScore, actor: &str) -> Result<QualityVerdict, Problem> {
        let faults = faults(given);
        if !faults.is_empty() {
            let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let message = format!("The score is not understood: {}.", said.join("; "));
            return Err(Problem { faults, ..Problem::new("invalid_quality", message) });
        }
        let QualityScore { route, score, baseline } = given;
        let (running, _) = self.find_route(route.as_str())?;
        self.state.core.with_fleet(|fleet| fleet.watch_mut().quality(route, *score, *baseline));
        self.note(actor, "quality.score", route.as_str(), Some(format!("{score} of {baseline}"))).await;
        let limit_percent = running.map.triggers.quality_drop_percent;
        let drop_percent = quality_drop_percent(*score, *baseline);
        #[expect(clippy::cast_precision_loss, reason = "a setting of at most 100")]
        let fires = drop_percent > limit_percent as f64;
        Ok(QualityVerdict { route: route.clone(), drop_percent, limit_percent, fires })
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
