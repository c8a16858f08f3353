use serde_json::json;
use switchyard_domain::map::{self, Format, ShiftMode};
use switchyard_domain::operate::TriggerKind;
use switchyard_domain::{Failure, FailureKind, RouteId};

use super::super::events::{belongs, opening_of};
use super::*;

fn the_map() -> RoutingMap {
    let document = json!({
        "hot": [{ "provider": "anthropic", "model": "a" }, { "provider": "anthropic", "model": "b" }],
        "warm": [{ "provider": "openai", "model": "c" }],
        "cold": { "mode": "graceful_degrade", "queue": "q", "notify": [] },
    });
    map::read(&document.to_string(), Format::Json, &|_: &str| None).unwrap()
}

fn event(id: i64, what: EventKind) -> Event {
    Event { id, at_ms: id * 1_000, what }
}

fn opened(route: &str) -> EventKind {
    let failure = Failure { status: Some(529), ..Failure::new(FailureKind::Overloaded, "Overloaded") };
    EventKind::CircuitOpened { route: RouteId::from(route), failure, consecutive: 5 }
}

fn fired(kind: TriggerKind) -> EventKind {
    EventKind::TriggerFired {
        kind,
        provider: "openai".into(),
        route: None,
        began_at_ms: 400,
        reason: "40 % of 50 calls failed (limit 30 %)".into(),
    }
}

fn shift(actor: &str) -> EventKind {
    EventKind::ShiftStarted {
        shift: 1,
        provider: Some("openai".into()),
        from: "openai".into(),
        to: "rest".into(),
        mode: ShiftMode::Immediate,
        actor: actor.into(),
        reason: "their status page is red".into(),
    }
}

fn case(event: &Event) -> Case {
    let map = the_map();
    let mut case = Case::open(&opening_of(event, &map).unwrap(), event, 7, &map.goals);
    case.hear(event, &map);
    case
}

fn now(second: i64) -> Now {
    Now { mono_ms: second.unsigned_abs() * 1_000, wall_ms: second * 1_000 }
}

#[test]
fn circuits_triggers_and_moves_by_hand_open_an_incident_and_other_events_do_not() {
    let map = the_map();
    for (what, expected) in [
        (opened("anthropic/a"), Some(("anthropic: 529 overloaded", Severity::Two, 1_000, true, true))),
        (
            fired(TriggerKind::ServerErrors),
            Some(("openai: 40 % of 50 calls failed (limit 30 %)", Severity::Three, 400, false, true)),
        ),
        (
            fired(TriggerKind::Errors),
            Some(("openai: 40 % of 50 calls failed (limit 30 %)", Severity::Three, 400, true, true)),
        ),
        (shift("cli"), Some(("openai: their status page is red", Severity::Three, 1_000, true, false))),
        (shift("router"), Some(("openai: their status page is red", Severity::Three, 1_000, true, true))),
        (EventKind::Resumed, None),
        (EventKind::CircuitClosed { route: RouteId::from("anthropic/a") }, None),
    ] {
        let event = event(1, what);
        let told =
            opening_of(&event, &map).map(|opening| Case::open(&opening, &event, 7, &map.goals).incident);
        let told = told.as_ref().map(|incident| {
            let (brief, marks) = (&incident.brief, incident.marks);
            let automatic = incident.kpis.automatic;
            (
                brief.title.as_str(),
                brief.severity,
                marks.condition_at_ms,
                marks.decided_at_ms.is_some(),
                automatic,
            )
        });
        assert_eq!(told, expected, "{event:?}");
    }
}

#[test]
fn the_timeline_has_the_providers_own_events_and_what_moves_traffic() {
    let map = the_map();
    let job = || "summary".to_owned();
    for (what, is_told) in [
        (opened("anthropic/b"), true),
        (opened("openai/c"), false),
        (EventKind::TierChanged { from: Tier::Hot, to: Tier::Warm, route: None, cause: None }, true),
        (EventKind::JobQueued { job_id: "job_1".into(), job: job(), client: "n8n".into() }, false),
        (EventKind::JobDead { job_id: "job_1".into(), job: job(), reason: "expired".into() }, true),
        (fired(TriggerKind::Errors), false),
    ] {
        assert_eq!(belongs(&what, "anthropic", &map), is_told, "{what:?}");
    }
}

#[test]
fn it_recovers_when_all_is_calm_and_closes_once_that_has_lasted() {
    let mut case = case(&event(1, opened("anthropic/a")));
    let settings = IncidentSettings::default();
    let ill = Condition { circuit_open: true, is_down: true, ..Condition::default() };
    assert!(!case.beat(ill, &settings, now(2)));
    assert_eq!(case.incident.brief.state, IncidentState::Open);
    for condition in [
        Condition { triggered: true, ..Condition::default() },
        Condition { shifted: true, ..Condition::default() },
        Condition { blocked: true, ..Condition::default() },
    ] {
        assert!(!case.beat(condition, &settings, now(3)));
        assert_eq!(case.incident.brief.state, IncidentState::Open, "{condition:?}");
    }
    assert!(!case.beat(Condition::default(), &settings, now(10)));
    assert_eq!(case.incident.brief.state, IncidentState::Recovering);
    assert_eq!(case.incident.marks.home_at_ms, Some(10_000));
    // It flaps: the calm begins anew.
    assert!(!case.beat(ill, &settings, now(30)));
    assert_eq!((case.incident.brief.state, case.incident.marks.home_at_ms), (IncidentState::Open, None));
    assert!(!case.beat(Condition::default(), &settings, now(40)));
    assert!(!case.beat(Condition::default(), &settings, now(99)));
    assert!(case.beat(Condition::default(), &settings, now(100)));
    case.close("router", 100_000);
    assert_eq!(
        (case.incident.brief.state, case.incident.brief.closed_at_ms),
        (IncidentState::Closed, Some(100_000))
    );
}

#[test]
fn a_clock_that_is_set_back_lengthens_the_calm_and_closes_nothing_early() {
    let mut case = case(&event(1, opened("anthropic/a")));
    let settings = IncidentSettings::default();
    assert!(!case.beat(Condition::default(), &settings, now(1_000)));
    assert!(!case.beat(Condition::default(), &settings, now(500)));
    assert!(!case.beat(Condition::default(), &settings, now(559)));
    assert!(case.beat(Condition::default(), &settings, now(560)));
}

#[test]
fn a_return_that_does_not_hold_counts_as_reversed() {
    let map = the_map();
    let mut case = case(&event(1, opened("anthropic/a")));
    let closed = event(2, EventKind::CircuitClosed { route: RouteId::from("anthropic/a") });
    case.hear(&closed, &map);
    case.beat(Condition::default(), &IncidentSettings::default(), now(3));
    let again = event(4, opened("anthropic/a"));
    case.again(&opening_of(&again, &map).unwrap(), &again);
    let incident = &case.incident;
    assert_eq!((incident.returns, incident.reversed, incident.brief.state), (1, 1, IncidentState::Open));
    assert_eq!(incident.marks.decided_at_ms, Some(1_000), "the first decision is the one that is measured");
}

const OWN: &str = "https://hooks.example.com/own";
const APPS: &str = "https://hooks.example.com/app";

#[test]
fn each_app_is_told_when_its_own_first_request_is_touched_and_of_the_return_only_if_it_was_told() {
    use Announced::{Failback, Failover};
    let mut case = case(&event(1, opened("anthropic/a")));
    let settings = IncidentSettings::default();
    let ill = Condition { circuit_open: true, ..Condition::default() };
    case.beat(ill, &settings, now(2));
    let news = |case: &mut Case, target: &str, touched_ms, second: u64| {
        let news = case.news(target, touched_ms, second * 1_000, settings.alert_every_ms);
        if let Some(news) = news {
            case.told(target.to_owned(), news, second * 1_000);
        }
        news
    };
    assert_eq!(news(&mut case, OWN, None, 2), Some(Failover));
    assert_eq!(news(&mut case, OWN, None, 3), None, "once");
    // An app that calls half a minute later, and once more.
    assert_eq!(news(&mut case, APPS, Some(30_000), 30), Some(Failover));
    assert_eq!(news(&mut case, APPS, Some(30_000), 31), None);
    case.beat(Condition::default(), &settings, now(60));
    assert_eq!(
        (news(&mut case, OWN, None, 60), news(&mut case, APPS, Some(30_000), 60)),
        (Some(Failback), Some(Failback))
    );
    assert_eq!(news(&mut case, "https://hooks.example.com/late", Some(61_000), 61), None, "it missed it all");
}

#[test]
fn after_a_restart_nobody_is_told_twice_and_whoever_is_new_to_it_is_told() {
    let incident = case(&event(1, opened("anthropic/a"))).incident;
    let case = Case::resumed(incident, 100_000);
    let news = |target, touched_ms| case.news(target, touched_ms, 1_000, 600_000);
    assert_eq!((news(OWN, None), news(APPS, Some(99_000))), (None, None));
    assert_eq!(news(APPS, Some(101_000)), Some(Announced::Failover));
}

#[test]
fn a_flapping_provider_is_not_announced_each_time() {
    let map = the_map();
    let mut case = case(&event(1, opened("anthropic/a")));
    let settings = IncidentSettings::default();
    let mut said = Vec::new();
    for second in 2..1_300 {
        // Ten seconds open, ten seconds closed.
        let condition = Condition { circuit_open: second % 20 < 10, ..Condition::default() };
        if condition.circuit_open && second % 20 == 0 {
            let again = event(second, opened("anthropic/a"));
            case.again(&opening_of(&again, &map).unwrap(), &again);
        }
        case.beat(condition, &settings, now(second));
        let mono_ms = second.unsigned_abs() * 1_000;
        if let Some(news) = case.news(OWN, None, mono_ms, settings.alert_every_ms) {
            case.told(OWN.to_owned(), news, mono_ms);
            said.push((second, news));
        }
    }
    use Announced::{Failback, Failover};
    let expected = [
        (2, Failover),
        (10, Failback),
        (620, Failover),
        (630, Failback),
        (1_240, Failover),
        (1_250, Failback),
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_provider_is_down_for_as_long_as_none_of_its_circuits_is_closed() {
    let mut case = case(&event(1, opened("anthropic/a")));
    let settings = IncidentSettings::default();
    let down = Condition { circuit_open: true, is_down: true, ..Condition::default() };
    case.beat(down, &settings, now(10));
    case.beat(down, &settings, now(900));
    assert!(case.is_down_for(889_000, 900_000) && !case.is_down_for(890_000, 900_000));
    case.beat(Condition { is_down: false, ..down }, &settings, now(901));
    assert!(!case.is_down_for(0, 902_000));
}

#[test]
fn an_incident_is_held_against_the_goals_of_its_map_from_the_start() {
    let mut map = the_map();
    map.goals.detection_ms = 7;
    let event = event(1, opened("anthropic/a"));
    let case = Case::open(&opening_of(&event, &map).unwrap(), &event, 7, &map.goals);
    assert_eq!(case.incident.kpis.detection_ms.goal, 7);
}
