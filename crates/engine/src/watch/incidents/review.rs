//! How incidents of a time were handled, taken together (product.md 3.2 R9): against the goals, and what came back.

use std::collections::BTreeMap;

use switchyard_domain::incident::{
    ExternalIncident, Incident, IncidentState, Kpis, PercentKpi, RepeatedCause, Review, ReviewedKpi,
    Severity, SpanKpi,
};
use switchyard_domain::map::Goals;

use super::kpis::percent;
use super::words::count;

/// The review of incidents opened from `since_ms` to `until_ms` (UTC epoch milliseconds).
pub(crate) fn review(
    since_ms: i64,
    until_ms: i64,
    incidents: &[Incident],
    external: Vec<ExternalIncident>,
    goals: &Goals,
) -> Review {
    let number = |list: Vec<&Incident>| u32::try_from(list.len()).unwrap_or(u32::MAX);
    let with = |keep: &dyn Fn(&&Incident) -> bool| number(incidents.iter().filter(keep).collect());
    let severity = |severity: Severity| with(&|incident| incident.brief.severity == severity);
    let closed: Vec<&Kpis> = incidents
        .iter()
        .filter(|incident| incident.brief.state == IncidentState::Closed)
        .map(|incident| &incident.kpis)
        .collect();
    let repeated = repeated(incidents);
    let [automatic_percent, manual_percent, failback_percent] = shares(incidents, goals);
    let mut review = Review {
        since_ms,
        until_ms,
        incidents: u32::try_from(incidents.len()).unwrap_or(u32::MAX),
        open: with(&|incident| incident.brief.state != IncidentState::Closed),
        by_severity: [Severity::One, Severity::Two, Severity::Three].map(severity),
        automatic_percent,
        manual_percent,
        failback_percent,
        kpis: reviewed(&closed, goals),
        repeated,
        external,
        suggestions: Vec::new(),
    };
    review.suggestions = suggestions(&review, incidents);
    review
}

/// Automatic failovers among all, failovers by hand that worked, returns that held.
fn shares(incidents: &[Incident], goals: &Goals) -> [PercentKpi; 3] {
    // A failover is one when a request went elsewhere; otherwise nobody called.
    let moved: Vec<&Incident> =
        incidents.iter().filter(|incident| incident.kpis.failover_ms.value.is_some()).collect();
    let automatic = moved.iter().filter(|incident| incident.kpis.automatic).count() as u64;
    let by_hand: Vec<&&Incident> = moved.iter().filter(|incident| !incident.kpis.automatic).collect();
    let worked = by_hand
        .iter()
        .filter(|incident| {
            incident.kpis.restoration_ms.value.is_some()
                && incident.kpis.user_error_percent.met != Some(false)
        })
        .count() as u64;
    let returns: u64 = incidents.iter().map(|incident| u64::from(incident.returns)).sum();
    let reversed: u64 = incidents.iter().map(|incident| u64::from(incident.reversed)).sum();
    [
        PercentKpi::above(percent(automatic, moved.len() as u64), goals.automatic_percent),
        PercentKpi::above(percent(worked, by_hand.len() as u64), goals.manual_percent),
        PercentKpi::above(percent(returns.saturating_sub(reversed), returns), goals.failback_percent),
    ]
}

/// A KPI's value, goal and whether it was met.
type Reading = (Option<f64>, f64, Option<bool>);

fn reviewed(closed: &[&Kpis], goals: &Goals) -> Vec<ReviewedKpi> {
    let unmeasured = Kpis::unmeasured(goals);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of an incident are far below 2^52")]
    let span = |kpi: SpanKpi| (kpi.value.map(|ms| ms as f64), kpi.goal as f64, kpi.met);
    let share = |kpi: PercentKpi| (kpi.value, kpi.goal, kpi.met);
    let list = |name: &str, unit: &str, of: &dyn Fn(&Kpis) -> Reading| {
        // Each was held against the goal of its time; the one that is shown is today's.
        let goal = of(&unmeasured).1;
        let measured: Vec<(f64, bool)> = closed
            .iter()
            .filter_map(|kpis| {
                let (value, _, met) = of(kpis);
                Some((value?, met?))
            })
            .collect();
        let count = u32::try_from(measured.len()).unwrap_or(u32::MAX);
        let sum: f64 = measured.iter().map(|(value, _)| value).sum();
        ReviewedKpi {
            name: name.to_owned(),
            unit: unit.to_owned(),
            goal,
            measured: count,
            met: u32::try_from(measured.iter().filter(|(_, met)| *met).count()).unwrap_or(u32::MAX),
            mean: (count > 0).then(|| (sum / f64::from(count) * 10.0).round() / 10.0),
            worst: measured.iter().map(|(value, _)| *value).max_by(f64::total_cmp),
        }
    };
    vec![
        list("detection", "ms", &|kpis| span(kpis.detection_ms)),
        list("failover", "ms", &|kpis| span(kpis.failover_ms)),
        list("restoration", "ms", &|kpis| span(kpis.restoration_ms)),
        list("recovery", "ms", &|kpis| span(kpis.recovery_ms)),
        list("user errors", "percent", &|kpis| share(kpis.user_error_percent)),
        list("lost", "percent", &|kpis| share(kpis.lost_percent)),
        list("slowdown", "percent", &|kpis| share(kpis.slowdown_percent)),
    ]
}

fn repeated(incidents: &[Incident]) -> Vec<RepeatedCause> {
    let mut times: BTreeMap<(String, String), u32> = BTreeMap::new();
    for incident in incidents {
        let provider = &incident.brief.provider;
        let cause =
            incident.brief.title.strip_prefix(&format!("{provider}: ")).unwrap_or(&incident.brief.title);
        *times.entry((provider.clone(), nameless(cause))).or_default() += 1;
    }
    let mut causes: Vec<RepeatedCause> = times
        .into_iter()
        .filter(|(_, times)| *times > 1)
        .map(|((provider, cause), times)| RepeatedCause { provider, cause, times })
        .collect();
    causes.sort_by(|a, b| b.times.cmp(&a.times).then_with(|| a.provider.cmp(&b.provider)));
    causes
}

/// `12.5 % of 41 calls answered 5xx` and `13 % of 60 calls ...` are the same cause; `529 overloaded` and `500 ...` are not.
fn nameless(cause: &str) -> String {
    let is_share = cause.contains('%');
    let word = |word: &str| {
        let is_number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.');
        if is_share && is_number { "N".to_owned() } else { word.to_owned() }
    };
    cause.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn suggestions(review: &Review, incidents: &[Incident]) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for cause in &review.repeated {
        said.push(format!(
            "{} had {} with the same cause ({}): consider another first choice.",
            cause.provider,
            count(u64::from(cause.times), "incident"),
            cause.cause
        ));
    }
    if review.automatic_percent.met == Some(false) {
        said.push("Many failovers were made by hand: let the triggers do it earlier.".to_owned());
    }
    if review.failback_percent.met == Some(false) {
        said.push(
            "Traffic came home too early: raise `failback.healthyMs` or `breaker.successesToClose`."
                .to_owned(),
        );
    }
    // What the reports of single incidents advise, where it was advised more than once.
    let mut advised: BTreeMap<String, u32> = BTreeMap::new();
    for incident in incidents.iter().filter(|incident| incident.brief.state == IncidentState::Closed) {
        for advice in super::report::advice(incident) {
            *advised.entry(advice).or_default() += 1;
        }
    }
    let nothing = "Nothing: ";
    let mut advised: Vec<(String, u32)> =
        advised.into_iter().filter(|(advice, times)| *times > 1 && !advice.starts_with(nothing)).collect();
    advised.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    for (advice, _) in advised {
        if !said.contains(&advice) {
            said.push(advice);
        }
    }
    if said.is_empty() {
        said.push(match review.incidents {
            0 => "No incident: a drill would show whether the failover still works.".to_owned(),
            _ => "Nothing stands out.".to_owned(),
        });
    }
    said
}

#[cfg(test)]
mod tests;
