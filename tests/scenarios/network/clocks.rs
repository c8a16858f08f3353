//! The machine stands still, its clock is set, its way out changes.

use std::time::Duration;

use serde_json::json;
use switchyard_domain::network::NetworkState;
use switchyard_domain::view::{CircuitState, Snapshot};
use switchyard_sim::Fault;
use switchyard_tests::net::{on_a_network, world_route};
use switchyard_tests::{Kind, Start, Stopwatch, WallClock, Yard, fast_map, merge};

use super::{HOT, nothing_is_laid_to_a_provider};

#[test]
fn on_another_network_dead_connections_are_dropped() {
    on_a_network(|net| async move {
        let (hot, door) = net.provider("hot", 11).await;
        net.apply(&[world_route("hot", HOT)], &[], json!({})).await;
        assert_eq!(net.yard.chat("one").await.way(), ("hot", 1, false));
        let before = door.came();
        assert_eq!(net.yard.chat("two").await.way(), ("hot", 1, false));
        assert_eq!(door.came(), before, "a connection is used again");
        door.forget();
        net.begin_vpn();
        let looked = |s: &Snapshot| {
            s.events.iter().any(|event| event.sentence.contains("tun0")) && !s.network.checks.is_empty()
        };
        net.yard.wait_for("the change to be told and looked at", looked).await;
        let began = Stopwatch::start();
        assert_eq!(net.yard.chat("three").await.way(), ("hot", 1, false));
        assert!(began.elapsed() < Duration::from_secs(2), "nobody waits for a dead connection");
        assert_eq!(hot.calls(), 3);
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn after_standing_still_dead_connections_are_dropped_and_the_network_is_looked_at() {
    on_a_network(|net| async move {
        let (hot, door) = net.provider("hot", 11).await;
        let (warm, _) = net.provider("warm", 12).await;
        net.apply(&[world_route("hot", HOT)], &[world_route("warm", super::WARM)], json!({})).await;
        assert_eq!(net.yard.chat("before").await.way(), ("hot", 1, false));
        warm.set_fault(Fault::status(500)).await.unwrap();
        net.yard.process().stand_still(Duration::from_millis(10_500)).await;
        door.forget();
        let woke = |s: &Snapshot| {
            s.events.iter().any(|event| event.sentence.contains("sleep"))
                && s.network.checks.iter().any(|check| check.ok)
        };
        net.yard.wait_for("the resume to be told and the network looked at", woke).await;
        assert_eq!(net.yard.chat("after").await.way(), ("hot", 1, false), "at once, by a new connection");
        assert_eq!(hot.calls(), 2);
        assert_eq!(net.yard.snapshot().await.network.state, NetworkState::Online);
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

/// A router whose wall clock can be set, over one provider.
async fn on_a_clock(more: serde_json::Value) -> (Yard, WallClock) {
    let root = tempfile::TempDir::new().unwrap();
    let clock = WallClock::new(root.path());
    let yard = Yard::start_in(root, Start { env: clock.env(), ..Start::default() }).await;
    let hot = yard.added(Kind::Chat, "hot").await;
    yard.apply(&merge(fast_map(&[hot], &[]), more)).await;
    (yard, clock)
}

#[tokio::test]
async fn a_clock_set_by_hours_or_days_changes_no_circuit_and_no_queue() {
    for hours in [5, -5, 72] {
        let more = json!({ "cold": { "initialMs": 6_000, "maxMs": 6_000, "concurrency": 1 },
                           "breaker": { "halfOpenEveryMs": 6_000 } });
        let (yard, clock) = on_a_clock(more).await;
        let provider = yard.provider("hot");
        provider.set_fault(Fault::status(500)).await.unwrap();
        let mut jobs = Vec::new();
        for n in 0..5 {
            jobs.push(yard.chat(&format!("job {n}")).await.json()["id"].as_str().unwrap().to_owned());
        }
        let circuit = |s: &Snapshot| s.tiers[0].routes[0].circuit;
        let before = yard.wait_for("the circuit to open", |s| circuit(s) == CircuitState::Open).await;

        clock.set_by(hours * 3_600);
        let jumped = |s: &Snapshot| s.events.iter().any(|event| event.sentence.contains("clock"));
        let after = yard.wait_for("the set clock to be told", jumped).await;
        let off = after.at_ms - before.at_ms - hours * 3_600_000;
        assert!((0..5_000).contains(&off), "{hours} h: it is another hour now: {off}");
        let probe = |s: &Snapshot| i64::try_from(s.tiers[0].routes[0].next_probe_in_ms.unwrap()).unwrap();
        assert_eq!(circuit(&after), CircuitState::Open, "{hours} h");
        assert!(
            (0..6_000).contains(&(probe(&before) - probe(&after))),
            "{hours} h: the cooldown goes on as it was"
        );
        let due = after.cold.next_attempt_at_ms.unwrap() - after.at_ms;
        assert!((0..=7_500).contains(&due), "{hours} h: due when it was due: {due}");
        assert_eq!((after.cold.waiting, after.cold.dead), (5, 0), "{hours} h");

        provider.heal().await.unwrap();
        provider.forget();
        for job in &jobs {
            yard.wait_for_job(job, "done").await;
        }
        let asked = provider.requests().into_iter();
        let asked: Vec<String> =
            asked.map(|request| String::from_utf8_lossy(&request.body).into_owned()).collect();
        assert_eq!(asked.len(), 5, "{hours} h");
        for (n, body) in asked.iter().enumerate() {
            assert!(body.contains(&format!("job {n}")), "{hours} h: in their order: {asked:?}");
        }
    }
}

#[tokio::test]
async fn a_clock_set_by_hours_moves_no_deadline() {
    for hours in [5, -5] {
        let more = json!({ "sloMs": 3_000, "timeouts": { "firstByteMs": 60_000, "firstTokenMs": 60_000 } });
        let (yard, clock) = on_a_clock(more).await;
        let provider = yard.provider("hot");
        provider.set_fault(Fault::Silence).await.unwrap();
        let began = Stopwatch::start();
        let asked = async { yard.chat("are you there?").await };
        let steer = async {
            provider.wait_for(|traffic| traffic.calls == 1).await;
            clock.set_by(hours * 3_600);
        };
        let (reply, ()) = tokio::join!(asked, steer);
        assert_eq!(reply.status, 202, "{reply:?}");
        let took = began.elapsed();
        assert!((2_900..6_000).contains(&took.as_millis()), "{hours} h: {took:?}");
    }
}
