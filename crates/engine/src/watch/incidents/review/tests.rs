use switchyard_domain::incident::{IncidentId, SpanKpi};

use super::super::report::tests::closed;
use super::*;

fn incident(id: i64, change: impl FnOnce(&mut Incident)) -> Incident {
    let mut incident = closed();
    incident.brief.id = IncidentId(id);
    change(&mut incident);
    incident
}

#[test]
fn incidents_are_held_against_the_goals_together() {
    let incidents = [
        incident(1, |_| {}),
        incident(2, |i| {
            i.kpis.automatic = false;
            i.kpis.recovery_ms = SpanKpi::new(Some(350_000), Goals::default().recovery_ms);
            i.reversed = 1;
        }),
        incident(3, |i| {
            i.brief.title = "openai: 12.5 % of 41 calls answered 5xx (limit 5 %)".to_owned();
            i.brief.provider = "openai".to_owned();
            i.brief.severity = Severity::One;
        }),
        incident(4, |i| {
            i.brief.title = "openai: 13 % of 60 calls answered 5xx (limit 5 %)".to_owned();
            i.brief.provider = "openai".to_owned();
            i.brief.state = IncidentState::Open;
            // Nobody called: that is no failover.
            i.kpis = Kpis::default();
        }),
    ];
    let review = review(0, 9, &incidents, Vec::new(), &Goals::default());
    assert_eq!((review.incidents, review.open, review.by_severity), (4, 1, [1, 3, 0]));
    assert_eq!(review.automatic_percent.value, Some(66.7));
    assert_eq!((review.manual_percent.value, review.manual_percent.met), (Some(100.0), Some(true)));
    assert_eq!((review.failback_percent.value, review.failback_percent.met), (Some(75.0), Some(false)));
    let recovery = review.kpis.iter().find(|kpi| kpi.name == "recovery").unwrap();
    assert_eq!((recovery.measured, recovery.met), (3, 2));
    assert_eq!((recovery.mean, recovery.worst), (Some(283_333.3), Some(350_000.0)));
    let causes: Vec<_> = review.repeated.iter().map(|c| (c.provider.as_str(), c.times)).collect();
    assert_eq!(causes, [("anthropic", 2), ("openai", 2)]);
    let said = review.suggestions.join("\n");
    for part in ["anthropic had 2 incidents", "by hand", "came home too early", "much slower"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn without_incidents_nothing_is_claimed() {
    let review = review(0, 9, &[], Vec::new(), &Goals::default());
    assert_eq!(review.automatic_percent.met, None);
    assert!(review.kpis.iter().all(|kpi| kpi.measured == 0 && kpi.mean.is_none() && kpi.goal > 0.0));
    assert!(review.suggestions[0].contains("drill"), "{:?}", review.suggestions);
}
