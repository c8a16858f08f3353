use switchyard_domain::event::StatusLevel;
use switchyard_domain::incident::{
    ClientImpact, FailureCount, IncidentBrief, IncidentId, IncidentNote, Marks, PercentKpi, Severity,
    SpanKpi, TimelineEntry, Validation,
};
use switchyard_domain::map::Goals;
use switchyard_domain::{RouteId, Usd};

use super::*;

/// 2026-11-21 14:00:00 UTC.
const T: i64 = 1_795_269_600_000;

/// An incident as it is at its end.
pub(crate) fn closed() -> Incident {
    let entry = |at_ms, lamp, title: &str, detail: Option<&str>| TimelineEntry {
        at_ms,
        lamp,
        title: title.to_owned(),
        detail: detail.map(str::to_owned),
        event: None,
    };
    let client = |client: &str, kept, queued, failed| ClientImpact {
        client: client.to_owned(),
        requests: kept + queued + failed,
        kept,
        queued,
        failed,
        slowest_ms: 4_200,
        late: 1,
    };
    Incident {
        brief: IncidentBrief {
            id: IncidentId(12),
            provider: "anthropic".to_owned(),
            title: "anthropic: 529 overloaded".to_owned(),
            severity: Severity::Two,
            state: IncidentState::Closed,
            opened_at_ms: T + 4_000,
            began_at_ms: T,
            closed_at_ms: Some(T + 250_000),
            kept: 40,
            queued: 2,
            lost: 0,
            summary: "40 requests were answered all the same, 2 requests were queued; nothing was lost."
                .to_owned(),
        },
        routes: vec![RouteId::from("anthropic/sonnet-4.6")],
        triggers: vec!["529 overloaded".to_owned(), "7 % of 41 calls answered 5xx (limit 5 %)".to_owned()],
        map_version: 4,
        failures: vec![FailureCount {
            what: "529 overloaded".to_owned(),
            code: Some("overloaded_error".to_owned()),
            attempts: 7,
            first_at_ms: T,
            last_at_ms: T + 90_000,
        }],
        returns: 1,
        reversed: 0,
        closed_by: Some("router".to_owned()),
        marks: Marks { condition_at_ms: T + 4_000, decided_at_ms: Some(T + 4_000), ..Marks::default() },
        kpis: Kpis {
            detection_ms: SpanKpi::new(Some(40), Goals::default().detection_ms),
            failover_ms: SpanKpi::new(Some(850), Goals::default().failover_ms),
            restoration_ms: SpanKpi::new(Some(130_000), Goals::default().restoration_ms),
            recovery_ms: SpanKpi::new(Some(250_000), Goals::default().recovery_ms),
            home_ms: Some(190_000),
            requests: 50,
            kept: 40,
            queued: 2,
            failed: 1,
            user_error_percent: PercentKpi::below(Some(2.0), Goals::default().user_error_percent),
            lost_percent: PercentKpi::below(Some(0.0), Goals::default().lost_percent),
            slowdown_percent: PercentKpi::below(Some(31.5), Goals::default().slowdown_percent),
            p95_ms: Some(1_052),
            baseline_p95_ms: Some(800),
            cost_difference_usd: Some(Usd::from_nanos(12_300_000)),
            clients: vec![client("n8n | prod", 38, 2, 1), client("editor", 2, 0, 0)],
            ..Kpis::default()
        },
        validation: Some(Validation {
            calls: 40,
            success_percent: PercentKpi { value: Some(97.5), goal: 95.0, met: Some(true) },
            p95_ms: Some(1_052),
            baseline_p95_ms: Some(800),
            passed: true,
        }),
        timeline: vec![
            entry(
                T + 4_000,
                StatusLevel::Stop,
                "sonnet-4.6: 529 overloaded, 5 in a row. Circuit open.",
                Some("Over|loaded\nnow"),
            ),
            entry(T + 4_001, StatusLevel::Degraded, "Warm took over: gpt-4o-mini answers.", None),
            entry(T + 190_000, StatusLevel::Clear, "sonnet-4.6 answers again. Circuit closed.", None),
        ],
        notes: vec![IncidentNote {
            at_ms: T + 60_000,
            actor: "cli".to_owned(),
            text: "their status page is red".to_owned(),
        }],
    }
}

#[test]
fn the_report_of_a_closed_incident() {
    insta::assert_snapshot!(markdown(&closed()));
}

#[test]
fn the_report_of_one_that_has_just_begun() {
    let mut incident = closed();
    incident.brief.state = IncidentState::Open;
    incident.brief.closed_at_ms = None;
    incident.brief.summary = "No request was touched so far.".to_owned();
    incident.kpis = Kpis { automatic: false, ..Kpis::default() };
    incident.validation = None;
    incident.failures.clear();
    incident.notes.clear();
    incident.timeline.truncate(1);
    insta::assert_snapshot!(markdown(&incident));
}

#[test]
fn customers_are_told_what_they_felt() {
    let message = |failed, queued, closed_at_ms| {
        let mut incident = closed();
        incident.kpis.failed = failed;
        incident.kpis.queued = queued;
        incident.brief.closed_at_ms = closed_at_ms;
        customer_message(&incident)
    };
    for (told, expected) in [
        (message(0, 0, Some(T + 250_000)), ["Between 14:00 and 14:04 UTC", "Nothing was lost"]),
        (message(0, 2, None), ["Since 14:00 UTC", "no need to send them again"]),
        (message(1, 0, None), ["Some requests failed", "try again"]),
    ] {
        for part in expected {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
