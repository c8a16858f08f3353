use serde_json::json;
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{Priority, ShedSettings};

use super::world::{World, four, map, with};
use crate::shed::{Load, Pressure, Shedding, judge, priority};

const LOAD: Load = Load { in_flight: 0, max_in_flight: 100, storm: false, routes_left: None };

#[test]
fn who_gives_way_follows_the_load() {
    use Priority::{High, Low, Normal};
    let cases = [
        (LOAD, None),
        (Load { in_flight: 69, ..LOAD }, None),
        (Load { in_flight: 70, ..LOAD }, Some((Low, Pressure::Full(70)))),
        (Load { in_flight: 94, ..LOAD }, Some((Low, Pressure::Full(94)))),
        (Load { in_flight: 95, ..LOAD }, Some((Normal, Pressure::Full(95)))),
        (Load { storm: true, ..LOAD }, Some((Low, Pressure::Storm))),
        (Load { routes_left: Some(1), ..LOAD }, Some((Low, Pressure::LastRoute))),
        (Load { routes_left: Some(2), ..LOAD }, None),
        // With none left nothing is gained by giving way.
        (Load { routes_left: Some(0), ..LOAD }, None),
        // The only request there may be is not too much.
        (Load { max_in_flight: 1, ..LOAD }, None),
    ];
    for (load, expected) in cases {
        let verdict = judge(load, ShedSettings::default());
        assert_eq!(verdict.map(|v| (v.up_to, v.why)), expected, "{load:?}");
        for priority in [Low, Normal, High] {
            let sheds = verdict.is_some_and(|v| v.sheds(priority));
            assert_eq!(sheds, expected.is_some_and(|(up_to, _)| priority <= up_to), "{load:?} {priority:?}");
        }
    }
    let at_one = ShedSettings { normal_at_percent: 1, low_at_percent: 1 };
    let full = judge(Load { in_flight: 100, ..LOAD }, at_one).unwrap();
    assert!(!full.sheds(High), "high never gives way");
    assert!(full.why.words().contains("refused with a 429"), "and is refused where nobody fits any more");
}

#[test]
fn what_a_request_says_of_itself_can_lower_its_job_never_raise_it() {
    use Priority::{High, Low, Normal};
    let map = map(&with(
        four(),
        json!({
            "jobs": { "chat": { "priority": "high" }, "batch": { "priority": "low" }, "other": {} },
            "clients": { "cron": { "priority": "low" } }
        }),
    ));
    let cases = [
        ("chat", None, "app", High),
        ("chat", Some(Low), "app", Low),
        ("batch", Some(High), "app", Low),
        ("batch", None, "app", Low),
        ("chat", None, "cron", High),
        ("other", None, "cron", Low),
        ("other", Some(High), "cron", High),
        ("other", None, "app", Normal),
    ];
    for (job, said, client, expected) in cases {
        let got = priority(&map.jobs[job], said, map.clients.get(client));
        assert_eq!(got, expected, "{job} {said:?} {client}");
    }
}

#[test]
fn shedding_is_told_once_in_a_while_and_every_request_is_counted() {
    let now = World::new(&four()).now;
    let mut shedding = Shedding::default();
    let verdict = judge(Load { storm: true, ..LOAD }, ShedSettings::default()).unwrap();
    let first = shedding.shed(verdict, Priority::Low, now);
    assert!(
        matches!(&first, Some(EventKind::WorkShed { priority, reason }) if priority == "low" && reason.contains("storm"))
    );
    assert_eq!(shedding.shed(verdict, Priority::Low, now.plus_ms(1_000)), None);
    assert_eq!(shedding.view().unwrap().shed, 2);
    shedding.tick(Some(verdict));
    assert_eq!(shedding.view().unwrap().shed, 2, "it goes on");
    shedding.tick(None);
    assert_eq!(shedding.view(), None);
    shedding.shed(verdict, Priority::Low, now.plus_ms(2_000));
    assert_eq!(shedding.view().unwrap().shed, 1, "another time it counts anew");
    assert!(shedding.shed(verdict, Priority::Low, now.plus_ms(301_000)).is_some());
}
