//! What the window and `switchyard events` see: one stream of snapshots that shows a change within moments.

use futures_util::StreamExt;
use serde_json::json;
use switchyard_domain::Tier;
use switchyard_domain::view::Snapshot;
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Yard, events_of, within};

#[tokio::test]
async fn the_event_stream_shows_a_failover_and_the_way_back() {
    let breaker =
        json!({ "breaker": { "consecutiveFailures": 1, "halfOpenEveryMs": 200, "successesToClose": 1 } });
    let yard = Yard::over(&[Dialect::OpenaiChat], &[Dialect::OpenaiChat], breaker).await;
    let token = std::fs::read_to_string(yard.data_dir().join("control.token")).unwrap();
    let events = yard.http().get(format!("{}/v1/events", yard.control_url())).bearer_auth(token.trim());
    let mut body = events.send().await.unwrap().bytes_stream();
    let mut read = Vec::new();
    let mut until = async |what: &str, ready: &dyn Fn(&Snapshot) -> bool| {
        within(what, async {
            loop {
                let part = body.next().await.unwrap().unwrap();
                read.extend_from_slice(&part);
                let end = read.windows(2).rposition(|window| window == b"\n\n").map_or(0, |at| at + 2);
                for event in events_of(&read.drain(..end).collect::<Vec<u8>>()) {
                    assert_eq!(event.name.as_deref(), Some("snapshot"));
                    let snapshot: Snapshot = serde_json::from_value(event.json()).unwrap();
                    if ready(&snapshot) {
                        return snapshot;
                    }
                }
            }
        })
        .await
    };
    let first = until("the first snapshot, at once", &|_| true).await;
    assert_eq!((first.status.tier, first.status.state.as_str()), (Tier::Hot, "Ready."));

    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    assert_eq!(yard.chat("hello").await.route(), "warm");
    let warm = until("the failover", &|snapshot| snapshot.status.tier == Tier::Warm).await;
    assert!(warm.seq > first.seq);
    assert_eq!(warm.status.state, "Running on Warm.");
    assert!(warm.tiers[1].in_use && warm.tiers[1].routes[0].next, "the lit path moves to Warm");
    let told: Vec<&str> = warm.events.iter().map(|event| event.sentence.as_str()).collect();
    assert!(told.iter().any(|sentence| sentence.starts_with("Warm took over")), "{told:?}");
    assert!(told[0].starts_with("Incident 1 opened"), "{told:?}");

    yard.provider("hot").heal().await.unwrap();
    yard.wait_for_route("the test call to be due", "hot", |hot| {
        hot.next_probe_in_ms.is_none_or(|ms| ms == 0)
    })
    .await;
    assert_eq!(yard.chat("hello").await.route(), "hot");
    let back = until("the way back", &|snapshot| snapshot.status.tier == Tier::Hot).await;
    assert!(back.events.iter().any(|event| event.sentence.starts_with("Back on Hot")), "{:?}", back.events);
    assert_eq!(back.status.lost, 0);
}
