//! A laptop on real networks: cables are pulled, resolvers die, cafés want a sign-in. None of it is a provider's
//! outage, and nothing is lost.

mod cable;
mod clocks;
mod edges;
mod names;
mod portal;
mod proxies;
mod streams;

use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use switchyard_domain::network::{NetworkState, NetworkView};
use switchyard_domain::view::{CircuitState, Snapshot};
use switchyard_tests::net::{Manner, Net, on_a_network, world_route};
use switchyard_tests::{Ask, Reply, Stopwatch, Yard};

const HOT: &str = "203.0.113.11";
const WARM: &str = "203.0.113.12";

fn is(state: NetworkState) -> impl Fn(&Snapshot) -> bool {
    move |snapshot| snapshot.network.state == state
}

/// No circuit is open, no call counts as failed, no tier took over.
async fn nothing_is_laid_to_a_provider(yard: &Yard) {
    let snapshot = yard.snapshot().await;
    for route in snapshot.tiers.iter().flat_map(|tier| &tier.routes) {
        assert_eq!(route.circuit, CircuitState::Closed, "{route:?}");
        assert!(route.last.iter().all(|ok| *ok), "{route:?}");
    }
    assert!(snapshot.incidents.is_empty(), "{:?}", snapshot.incidents);
    assert!(snapshot.triggers.is_empty(), "{:?}", snapshot.triggers);
    assert!(snapshot.shifts.is_empty(), "{:?}", snapshot.shifts);
    assert_eq!(snapshot.status.tier, switchyard_domain::Tier::Hot);
    let types = yard.event_types().await;
    let outages = [
        "circuit_opened",
        "tier_changed",
        "trigger_fired",
        "shift_started",
        "incident_opened",
        "probe_failed",
    ];
    assert!(types.iter().all(|kind| !outages.contains(&kind.as_str())), "{types:?}");
}

async fn two(net: &Net, more: serde_json::Value) -> (switchyard_sim::Provider, switchyard_sim::Provider) {
    let (hot, _) = net.provider("hot", 11).await;
    let (warm, _) = net.provider("warm", 12).await;
    net.apply(&[world_route("hot", HOT)], &[world_route("warm", WARM)], more).await;
    (hot, warm)
}

/// Asks, and mends the network once it is known to stand so and the request alone waits for it.
async fn held(net: &Net, question: &str, down: NetworkState, mend: impl Future<Output = ()>) -> Reply {
    let steer = async {
        let (down, what) = (is(down), format!("the request to be held while {}", down.as_str()));
        net.yard.wait_for(&what, |s| down(s) && s.network.held == 1).await;
        mend.await;
    };
    tokio::join!(net.yard.chat(question), steer).0
}

/// The same with a pulled cable, which is put back.
async fn held_offline(net: &Net, question: &str) -> Reply {
    held(net, question, NetworkState::Offline, async { net.plug_cable() }).await
}

#[test]
fn a_pulled_cable_is_no_outage_and_the_held_request_is_answered_when_it_is_back() {
    on_a_network(|net| async move {
        let (hot, warm) = two(&net, json!({})).await;
        assert_eq!(net.yard.chat("before").await.way(), ("hot", 1, false));
        net.pull_cable();
        let held = async {
            let ask = Ask::chat("held");
            let streamed = Ask::chat("held, streamed").streaming(true);
            let (reply, stream) = tokio::join!(net.yard.send(&ask), net.yard.send(&streamed));
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!((reply.route(), stream.route()), ("hot", "hot"));
        };
        let steer = async {
            let down = net.yard.wait_for("two held requests", |s| s.network.held == 2).await;
            let down = if down.network.state == NetworkState::Offline {
                down
            } else {
                net.yard.wait_for("the machine to be offline", is(NetworkState::Offline)).await
            };
            let said = &down.status.sentence;
            assert!(
                said.contains("2 requests wait;") && !said.contains("Requests wait"),
                "said once: {said}"
            );
            assert!(
                down.network.oldest_held_ms.is_some() && down.network.sentence.is_some(),
                "{:?}",
                down.network
            );
            assert_eq!(down.status.state, "Offline.");
            assert!(!down.network.checks.is_empty() && down.network.checks.iter().all(|check| !check.ok));
            nothing_is_laid_to_a_provider(&net.yard).await;
            net.plug_cable();
        };
        tokio::join!(held, steer);
        let back = net.yard.wait_for("the network to be back", is(NetworkState::Online)).await;
        assert_eq!((back.network.held, back.network.sentence), (0, None));
        nothing_is_laid_to_a_provider(&net.yard).await;
        assert_eq!((hot.calls(), warm.calls()), (3, 0), "each request was answered once, by Hot");
        let types = net.yard.event_types().await;
        assert_eq!(types.iter().filter(|kind| *kind == "network_turned").count(), 2, "{types:?}");
    });
}

#[test]
fn a_request_outlives_no_slo_offline_it_is_queued_and_answered_once_the_cable_is_back() {
    on_a_network(|net| async move {
        let (hot, _) = two(&net, json!({ "sloMs": 2_500 })).await;
        net.pull_cable();
        let stream = Ask::chat("stream").streaming(true);
        let (queued, refused) = tokio::join!(net.yard.chat("later"), net.yard.send(&stream));
        assert_eq!(queued.status, 202, "{queued:?}");
        assert_eq!(refused.status, 503, "a stream gets an error in its dialect: {refused:?}");
        assert!(refused.json()["error"]["message"].as_str().unwrap().contains("offline"), "{refused:?}");
        let job = queued.json()["id"].as_str().unwrap().to_owned();
        nothing_is_laid_to_a_provider(&net.yard).await;
        assert_eq!(hot.calls(), 0);
        net.plug_cable();
        net.yard.wait_for_job(&job, "done").await;
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn one_providers_blocked_address_is_that_providers_outage() {
    on_a_network(|net| async move {
        let (_, warm) = two(&net, json!({ "timeouts": { "connectMs": 300 } })).await;
        net.block(11);
        let began = Stopwatch::start();
        assert_eq!(net.yard.chat("Lisbon").await.way().0, "warm");
        assert!(began.elapsed() < std::time::Duration::from_secs(3), "{:?}", began.elapsed());
        for round in 2..=5 {
            let reply = net.yard.chat("hello").await;
            assert_eq!((reply.status, reply.way().0), (200, "warm"), "round {round}: {reply:?}");
            assert!(reply.way().1 <= 2, "Warm takes over within two tries: {reply:?}");
        }
        net.yard.wait_for_route("the circuit to open", "hot", |r| r.circuit == CircuitState::Open).await;
        assert_eq!(net.yard.chat("hello").await.way(), ("warm", 1, true));
        let snapshot = net.yard.snapshot().await;
        assert_eq!(snapshot.network.state, NetworkState::Online);
        assert_eq!((snapshot.network.held, warm.calls()), (0, 6));
    });
}

#[test]
fn the_only_providers_blocked_address_is_told_from_a_dead_network_by_a_look() {
    on_a_network(|net| async move {
        net.provider("hot", 11).await;
        let breaker = json!({ "breaker": { "consecutiveFailures": 2 }, "timeouts": { "connectMs": 300 } });
        net.apply(&[world_route("hot", HOT)], &[], breaker).await;
        net.block(11);
        for _ in 0..2 {
            let reply = net.yard.chat("hello").await;
            assert_eq!(reply.status, 202, "an outage is not waited for: {reply:?}");
        }
        net.yard.wait_for_route("the circuit to open", "hot", |r| r.circuit == CircuitState::Open).await;
        assert_eq!(net.yard.snapshot().await.network.state, NetworkState::Online);
    });
}

#[test]
fn a_captive_portal_is_named_with_its_address_and_requests_wait_for_the_sign_in() {
    for manner in [Manner::SignIn, Manner::Page] {
        on_a_network(move |net| async move {
            let (hot, hot_door) = net.provider("hot", 11).await;
            let (_, warm_door) = net.provider("warm", 12).await;
            net.apply(&[world_route("hot", HOT)], &[world_route("warm", WARM)], json!({})).await;
            let doors = [&hot_door, &warm_door, &net.pages];
            let before = doors.map(switchyard_tests::net::Gateway::manner);
            doors.iter().for_each(|door| door.be(manner));
            let held = async {
                assert_eq!(net.yard.chat("held").await.way().0, "hot");
            };
            let steer = async {
                let is_portal = is(NetworkState::CaptivePortal);
                let seen = net
                    .yard
                    .wait_for("the portal", |s| {
                        is_portal(s) && s.network.held == 1 && !s.network.checks.is_empty()
                    })
                    .await;
                if manner == Manner::SignIn {
                    let seen = net.yard.wait_for("its address", |s| s.network.portal_url.is_some()).await;
                    let portal = seen.network.portal_url.unwrap();
                    assert_eq!(portal, "http://portal.example/login", "without the session of its query");
                }
                assert_eq!(seen.status.state, "Sign in to the network.");
                nothing_is_laid_to_a_provider(&net.yard).await;
                doors.iter().zip(before).for_each(|(door, manner)| door.be(manner));
            };
            tokio::join!(held, steer);
            nothing_is_laid_to_a_provider(&net.yard).await;
            assert_eq!(hot.calls(), 1);
        });
    }
}

#[test]
fn a_local_route_serves_while_the_machine_is_offline() {
    on_a_network(|net| async move {
        net.provider("hot", 11).await;
        let local = net.yard.added(switchyard_tests::Kind::Chat, "local").await;
        net.apply(&[world_route("hot", HOT)], &[local], json!({ "timeouts": { "connectMs": 300 } })).await;
        assert_eq!(net.yard.chat("before").await.way().0, "hot");
        net.pull_cable();
        assert_eq!(net.yard.chat("offline").await.route(), "local");
        let (status, view) = net.yard.post("/v1/network/check", &json!({})).await;
        let view: NetworkView = serde_json::from_value(view).unwrap();
        assert_eq!((status, view.state), (200, NetworkState::Offline));
        let reply = net.yard.chat("still offline").await;
        assert_eq!(
            (reply.route(), reply.way().1),
            ("local", 1),
            "no try goes to a host that can't be reached"
        );
        let told = net.yard.cli(&["network"], "").await;
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(told.out.contains("This machine is offline") && told.out.contains("not ok"), "{told:?}");
        assert!(
            net.yard.snapshot().await.status.sentence.contains("local on this network still answers"),
            "what still answers is named"
        );
        net.plug_cable();
        net.yard.wait_for("the network to be back", is(NetworkState::Online)).await;
        assert_eq!(net.yard.chat("after").await.way().0, "hot");
    });
}

#[test]
fn a_map_of_local_routes_alone_asks_nobody() {
    on_a_network(|net| async move {
        let local = net.yard.added(switchyard_tests::Kind::Chat, "local").await;
        net.apply(&[local], &[], json!({})).await;
        net.pull_cable();
        assert_eq!(net.yard.chat("hello").await.route(), "local");
        let (_, view) = net.yard.post("/v1/network/check", &json!({})).await;
        let view: NetworkView = serde_json::from_value(view).unwrap();
        assert_eq!((view.state, view.checks.len()), (NetworkState::Unknown, 0));
    });
}

#[test]
fn another_network_is_noticed_and_looked_at() {
    on_a_network(|net| async move {
        two(&net, json!({})).await;
        assert_eq!(net.yard.chat("before").await.way().0, "hot");
        net.begin_vpn();
        let seen = |s: &Snapshot| {
            s.events.iter().any(|event| event.sentence.contains("tun0 10.8.0.2 is new"))
                && s.network.checks.iter().any(|check| check.ok)
        };
        net.yard.wait_for("the change to be told and looked at", seen).await;
        assert_eq!(net.yard.chat("after").await.way(), ("hot", 1, false));
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

/// Makes a program for the router's path.
fn program(root: &std::path::Path, name: &str, script: &str) -> std::path::PathBuf {
    let dir = root.join("bin");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(name);
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}
