//! Why requests go where they go, and how good a route's answers are.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use switchyard_domain::operate::{QualityScore, WhyView};
use switchyard_domain::view::{RouteView, Snapshot, StatusView};
use switchyard_domain::{Problem, RouteId};

use crate::command::{Place, Shown};
use crate::output::{json, line, moment};

#[derive(Debug, Args)]
pub(crate) struct Score {
    /// The route, as `switchyard status` names it.
    route: String,
    /// How good its answers are, from 0 to 1.
    #[arg(long, value_name = "0..1", value_parser = crate::typed::score, allow_hyphen_values = true)]
    score: f64,
    /// How good they usually are, above 0 and up to 1.
    #[arg(long, value_name = "0..1", value_parser = crate::typed::score, allow_hyphen_values = true)]
    baseline: f64,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) async fn quality(place: &Place, given: Score) -> Result<ExitCode, Problem> {
    let score =
        QualityScore { route: RouteId::from(given.route), score: given.score, baseline: given.baseline };
    let verdict = place.router()?.score_quality(&score).await?;
    if given.shown.json {
        json(&verdict);
        return Ok(ExitCode::SUCCESS);
    }
    let (route, drop, limit) = (&verdict.route, verdict.drop_percent, verdict.limit_percent);
    line(if verdict.fires {
        format!("{route}: {drop:.1} % below its baseline (limit {limit} %): its weight is lowered.")
    } else {
        format!("{route}: {drop:.1} % below its baseline (limit {limit} %).")
    });
    Ok(ExitCode::SUCCESS)
}

/// What `switchyard why --json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reasons<'a> {
    state: &'a str,
    sentence: &'a str,
    why: &'a [WhyView],
    routes: Vec<RouteReason<'a>>,
}

#[derive(Debug, Serialize)]
struct RouteReason<'a> {
    id: &'a RouteId,
    why: &'a str,
}

pub(crate) async fn why(place: &Place, shown: Shown) -> Result<ExitCode, Problem> {
    let snapshot = place.router()?.snapshot().await?;
    let reasons = reasons(&snapshot);
    if shown.json {
        json(&reasons);
        return Ok(ExitCode::SUCCESS);
    }
    line(format!("{} {}", reasons.state, reasons.sentence));
    if reasons.why.is_empty() && reasons.routes.is_empty() {
        line("Everything is as the map says.");
    }
    for reason in reasons.why {
        let since = reason.since_ms.map_or_else(|| " ".repeat(19), moment);
        line(format!("{since}  {}", reason.sentence));
    }
    for route in &reasons.routes {
        line(format!("{}: {}", route.id, route.why));
    }
    Ok(ExitCode::SUCCESS)
}

fn reasons(snapshot: &Snapshot) -> Reasons<'_> {
    let StatusView { state, sentence, why, .. } = &snapshot.status;
    let told = |route: &'_ RouteView| route.why.is_some();
    let routes = snapshot.tiers.iter().flat_map(|tier| &tier.routes).filter(|route| told(route));
    Reasons {
        state,
        sentence,
        why,
        routes: routes
            .map(|route| RouteReason { id: &route.id, why: route.why.as_deref().unwrap_or_default() })
            .collect(),
    }
}
