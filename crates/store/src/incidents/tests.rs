use switchyard_domain::RouteId;
use switchyard_domain::event::StatusLevel;
use switchyard_domain::incident::{
    ExternalIncident, Incident, IncidentBrief, IncidentId, IncidentNote, IncidentState, Kpis, Marks,
    Severity, TimelineEntry,
};

use crate::{Options, Store};

fn incident(provider: &str, opened_at_ms: i64) -> Incident {
    Incident {
        brief: IncidentBrief {
            id: IncidentId(0),
            provider: provider.to_owned(),
            title: format!("{provider}: 529 overloaded"),
            severity: Severity::Two,
            state: IncidentState::Open,
            opened_at_ms,
            began_at_ms: opened_at_ms - 5,
            closed_at_ms: None,
            kept: 3,
            queued: 2,
            lost: 0,
            summary: "\"quoted\" é".to_owned(),
        },
        routes: vec![RouteId::from("anthropic/sonnet-4.6")],
        triggers: vec!["five in a row".to_owned()],
        map_version: 4,
        failures: Vec::new(),
        returns: 0,
        reversed: 0,
        closed_by: None,
        marks: Marks { condition_at_ms: opened_at_ms, ..Marks::default() },
        kpis: Kpis::default(),
        validation: None,
        timeline: vec![entry(opened_at_ms, Some(7))],
        notes: Vec::new(),
    }
}

fn entry(at_ms: i64, event: Option<i64>) -> TimelineEntry {
    let title = format!("It was {at_ms}.");
    TimelineEntry {
        at_ms,
        lamp: StatusLevel::Stop,
        title,
        detail: event.map(|_| "with \"words\"".to_owned()),
        event,
    }
}

async fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(dir.path(), &Options::default()).await.unwrap()
}

#[tokio::test]
async fn an_incident_comes_back_whole_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let mut first = incident("anthropic", 100);
    first.brief.id = store.incidents().open(&first).await.unwrap();
    assert_eq!(first.brief.id, IncidentId(1));
    // The order of writing is not the order of time; an event is told once.
    let later = [entry(300, Some(9)), entry(200, None), entry(300, Some(9)), entry(999, Some(7))];
    store.incidents().append(first.brief.id, &later).await.unwrap();
    let note = IncidentNote { at_ms: 250, actor: "cli".into(), text: "their region is down".into() };
    store.incidents().note(first.brief.id, &note).await.unwrap();
    first.brief.state = IncidentState::Recovering;
    first.kpis.kept = 12;
    store.incidents().save(&first).await.unwrap();
    drop(store);
    let store = open(&dir).await;
    let expected = Incident {
        timeline: vec![entry(100, Some(7)), entry(200, None), entry(300, Some(9))],
        notes: vec![note],
        ..first.clone()
    };
    assert_eq!(store.incidents().get(first.brief.id).await.unwrap(), Some(expected));
    assert_eq!(store.incidents().get(IncidentId(2)).await.unwrap(), None);
    assert_eq!(store.incidents().last_heard().await.unwrap(), Some(9));
    let unclosed = store.incidents().unclosed(i64::MAX).await.unwrap();
    assert_eq!(unclosed.iter().map(|incident| incident.brief.id.0).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_provider_has_one_incident_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let mut first = incident("anthropic", 100);
    first.brief.id = store.incidents().open(&first).await.unwrap();
    assert!(store.incidents().open(&incident("anthropic", 101)).await.is_err());
    assert_eq!(store.incidents().open(&incident("openai", 102)).await.unwrap(), IncidentId(2));
    first.brief.state = IncidentState::Closed;
    first.brief.closed_at_ms = Some(150);
    store.incidents().save(&first).await.unwrap();
    assert_eq!(store.incidents().open(&incident("anthropic", 200)).await.unwrap(), IncidentId(3));

    let ids = |incidents: Vec<Incident>| -> Vec<i64> {
        incidents.iter().map(|incident| incident.brief.id.0).collect()
    };
    assert_eq!(ids(store.incidents().unclosed(151).await.unwrap()), [2, 3]);
    assert_eq!(ids(store.incidents().unclosed(150).await.unwrap()), [1, 2, 3]);
    assert_eq!(ids(store.incidents().opened(100, 200, 50).await.unwrap()), [2, 1]);
    assert_eq!(ids(store.incidents().opened(0, i64::MAX, 2).await.unwrap()), [3, 2]);
}

#[tokio::test]
async fn external_incidents_are_listed_by_their_date() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let of = |at_ms, url: Option<&str>| ExternalIncident {
        id: 0,
        at_ms,
        provider: "openai".into(),
        text: "elevated errors".into(),
        url: url.map(str::to_owned),
    };
    for (at, url) in [(20, None), (10, Some("https://status.openai.com/1")), (30, None)] {
        store.incidents().add_external(&of(at, url)).await.unwrap();
    }
    let listed = store.incidents().external(10, 2).await.unwrap();
    assert_eq!(
        listed,
        [ExternalIncident { id: 3, ..of(30, None) }, ExternalIncident { id: 1, ..of(20, None) }]
    );
    assert_eq!(store.incidents().external(31, 9).await.unwrap(), []);
}
