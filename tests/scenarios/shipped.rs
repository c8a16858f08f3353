//! The map as shipped: real probes, the network judged, every time limit, retry and circuit at its default. Small trouble
//! moves no traffic. What takes an hour is played by policy in virtual time (`policy::tests::lasting`).

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};
use switchyard_domain::view::CircuitState;
use switchyard_sim::{Dialect, Fault, FaultRule, KeyState, Profile};
use switchyard_tests::{Ask, PATIENCE, Start, Yard, far, merge, route};
use tempfile::TempDir;

const KEY: &str = "sk-acme-key-number-one-1111";
/// As often as a person asks an assistant.
const EVERY: Duration = Duration::from_secs(4);

/// Nothing but routes. Nobody out in the world is asked how the network is: the providers' hosts tell.
fn shipped(hot: &[Value], warm: &[Value], jobs: &Value) -> Value {
    let network = json!({ "checkUrls": [], "fallbackDns": [] });
    json!({ "name": "shipped", "hot": hot, "warm": warm, "network": network, "jobs": jobs })
}

/// What would have told of an outage.
const ALARMS: [&str; 5] =
    ["circuit_opened", "trigger_fired", "shift_started", "incident_opened", "network_turned"];

#[tokio::test]
async fn small_trouble_moves_no_traffic_with_the_map_as_shipped() {
    let root = TempDir::new().unwrap();
    let start = Start::with_credentials(root.path(), &json!({ "blip": KEY }));
    let yard = Yard::start_in(root, start).await;
    let slow = yard.add(Profile::new("slow")).await;
    let blip = yard.add(Profile::new("blip").keys([KEY])).await;
    let flaky = yard.add(Profile::new("flaky")).await;
    let rare = yard.add(Profile::new("rare").dialect(Dialect::Anthropic)).await;
    let warm = yard.add(Profile::new("warm")).await;
    let hot = [
        far(route(&slow)),
        merge(far(route(&blip)), json!({ "auth": "bearer" })),
        far(route(&flaky)),
        far(route(&rare)),
    ];
    let only = |name: &str| json!({ "hot": [name], "warm": ["warm"] });
    let jobs =
        json!({ "slow": only("slow"), "blip": only("blip"), "flaky": only("flaky"), "rare": only("rare") });
    yard.apply(&shipped(&hot, &[far(route(&warm))], &jobs)).await;

    // A whole answer that takes 20 s is waited for, and bought once.
    let slow_answer = async {
        slow.set_fault(Fault::SlowHeaders { ms: 20_000 }).await.unwrap();
        let reply = yard.send(&Ask::chat("hello").job("slow")).await;
        assert_eq!((reply.way(), reply.route(), slow.calls()), (("hot", 1, false), "slow", 1), "{reply:?}");
    };
    // A key that is refused once costs one try, and the next free probe takes it back.
    let blipped = async {
        blip.set_key(KEY, KeyState::Revoked);
        let reply = yard.send(&Ask::chat("hello").job("blip")).await;
        assert_eq!(reply.way(), ("warm", 2, true), "{reply:?}");
        blip.set_key(KEY, KeyState::Good);
        // A probe comes every 30 s; a trial call would be due in five minutes.
        let used = |now: &switchyard_domain::view::Snapshot| {
            let own = now.providers.iter().find(|provider| provider.name == "blip");
            own.is_some_and(|own| own.credentials.iter().all(|key| key.condemned.is_none()))
        };
        let taken_back = tokio::time::timeout(2 * PATIENCE, yard.until(used)).await;
        assert!(taken_back.is_ok(), "the next probe takes the key back");
        let reply = yard.send(&Ask::chat("hello").job("blip")).await;
        assert_eq!(reply.way(), ("hot", 1, false), "{reply:?}");
    };
    // A Hot that fails every third call still answers each request, and one that is rarely asked stays in use.
    let daily = async {
        for turn in 0..7 {
            if turn % 3 == 1 {
                let once = FaultRule { count: Some(1), ..FaultRule::from(Fault::status(500)) };
                flaky.set_fault(once).await.unwrap();
            }
            let tries = if turn % 3 == 1 { 2 } else { 1 };
            let stream = turn % 2 == 0;
            let reply = yard.send(&Ask::messages("hello").job("flaky").streaming(stream)).await;
            assert_eq!((reply.way(), reply.route()), (("hot", tries, false), "flaky"), "{reply:?}");
            if turn % 3 == 0 {
                let reply = yard.send(&Ask::chat("hello").job("rare")).await;
                assert_eq!(reply.way(), ("hot", 1, false), "{reply:?}");
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    join(join(slow_answer, blipped), daily).await;

    for id in ["slow", "blip", "flaky", "rare", "warm"] {
        assert_eq!(yard.route(id).await.circuit, CircuitState::Closed, "{id}");
    }
    let events = yard.event_types().await;
    for alarm in ALARMS {
        assert!(!events.iter().any(|event| event == alarm), "{alarm}: {events:?}");
    }
    let snapshot = yard.snapshot().await;
    assert_eq!((snapshot.cold.waiting, snapshot.cold.dead), (0, 0), "nothing was queued");
    assert_eq!(warm.calls(), 1, "the one request of the refused key");
}
