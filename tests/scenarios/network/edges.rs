//! Networks of another kind: without check pages, without IPv4, behind proxies that fail; and parts of a provider.

use serde_json::json;
use switchyard_domain::network::NetworkState;
use switchyard_domain::view::{CircuitState, RouteView, Snapshot};
use switchyard_sim::Profile;
use switchyard_tests::net::{PROXIES, on_a_network, on_a_network_with, world_route};
use switchyard_tests::{Start, within};

use super::{HOT, WARM, held, held_offline, nothing_is_laid_to_a_provider, two};

const ALICE: &str = "http://alice:hush-hush-1234@203.0.113.31:3128";

fn is_open(route: &RouteView) -> bool {
    route.circuit == CircuitState::Open
}

#[test]
fn without_check_pages_the_providers_hosts_tell() {
    on_a_network(|net| async move {
        two(&net, json!({ "network": { "checkUrls": [] } })).await;
        let (_, view) = net.yard.post("/v1/network/check", &json!({})).await;
        assert_eq!(view["state"], "online", "{view}");
        net.pull_cable();
        assert_eq!(held_offline(&net, "held").await.way().0, "hot");
        nothing_is_laid_to_a_provider(&net.yard).await;
        assert_eq!(net.pages.came(), 0, "no check page was asked");

        net.block(11);
        assert_eq!(net.yard.chat("one is gone").await.way().0, "warm");
        assert_eq!(net.yard.snapshot().await.network.state, NetworkState::Online);
    });
}

#[test]
fn a_network_of_ipv6_alone_is_a_network() {
    on_a_network(|net| async move {
        let (hot, _) = net.provider_at(Profile::new("hot"), "[2001:db8::11]:80").await;
        net.provider_at(Profile::new("warm"), "[2001:db8::12]:80").await;
        net.resolver.tell("api.hot.example", [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x11]);
        net.only_ipv6();
        let routes = [world_route("hot", "api.hot.example"), world_route("warm", "[2001:db8::12]")];
        let network = json!({ "network": { "checkUrls": ["http://[2001:db8::21]/generate_204"] } });
        net.apply(&routes[..1], &routes[1..], network).await;
        // The first packets of IPv6 on a new link take a second to find their way.
        within("the network to be seen", async {
            while net.yard.post("/v1/network/check", &json!({})).await.1["state"] != "online" {}
        })
        .await;
        assert_eq!(net.yard.get("/v1/network").await["dns"], "system");
        assert_eq!(net.yard.chat("hello").await.way(), ("hot", 1, false));
        net.pull_cable();
        assert_eq!(held_offline(&net, "held").await.way().0, "hot");
        assert_eq!(hot.calls(), 2);
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn a_system_proxy_that_is_down_is_named_and_nobody_else_is_blamed() {
    let env = vec![("ALL_PROXY".to_owned(), ALICE.to_owned())];
    on_a_network_with(Start { env, ..Start::default() }, |net| async move {
        let (hot, _) = two(&net, json!({})).await;
        let mut proxy = None;
        let reply = held(&net, "held", NetworkState::ProxyDown, async {
            let seen = net.yard.snapshot().await;
            let sentence = seen.network.sentence.unwrap();
            assert!(sentence.contains("The proxy http://203.0.113.31:3128 does not answer"), "{sentence}");
            assert_eq!(seen.status.state, "No way through the proxy.");
            nothing_is_laid_to_a_provider(&net.yard).await;
            let told = net.yard.cli(&["network"], "").await;
            assert!(told.out.contains("goes out by a proxy that lets nothing through"), "{told:?}");
            assert!(told.out.contains("TCP http://203.0.113.31:3128"), "{told:?}");
            proxy = Some(net.http_proxy().await);
        });
        assert_eq!(reply.await.way().0, "hot");
        let proxy = proxy.unwrap();
        assert!(proxy.seen().iter().any(|head| head.starts_with("POST ")));
        assert_eq!(hot.calls(), 1);
        let offline = |s: &Snapshot| s.events.iter().any(|event| event.sentence.contains("is offline"));
        assert!(!offline(&net.yard.snapshot().await), "it never was");
        nothing_is_laid_to_a_provider(&net.yard).await;

        // A proxy that knows our password no more is as good as none.
        proxy.refuse(true);
        let reply = held(&net, "held again", NetworkState::ProxyDown, async {
            let told = net.yard.cli(&["network", "--last"], "").await;
            assert!(told.out.contains("(407)"), "{told:?}");
            proxy.refuse(false);
        });
        assert_eq!(reply.await.way().0, "hot");
        nothing_is_laid_to_a_provider(&net.yard).await;
        let shown = net.yard.get("/v1/snapshot").await.to_string() + &net.yard.log();
        assert!(!shown.contains("hush-hush") && !shown.contains("alice"), "the password shows");
    });
}

#[test]
fn a_proxy_beyond_a_pulled_cable_is_not_to_blame() {
    let env = vec![("ALL_PROXY".to_owned(), ALICE.to_owned())];
    on_a_network_with(Start { env, ..Start::default() }, |net| async move {
        two(&net, json!({})).await;
        net.http_proxy().await;
        assert_eq!(net.yard.chat("before").await.way().0, "hot");
        net.pull_cable();
        let (_, view) = net.yard.post("/v1/network/check", &json!({})).await;
        assert_eq!(view["state"], "offline", "{view}");
        net.plug_cable();
        assert_eq!(net.yard.chat("after").await.way().0, "hot");
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn one_providers_own_proxy_that_is_down_is_that_providers_trouble_and_is_named() {
    on_a_network(|net| async move {
        let proxies = json!({ "providers": { "hot": { "proxy": format!("socks5://me:hush-hush-1234@{PROXIES}:1080") } } });
        two(&net, proxies).await;
        for round in 1..=5 {
            let reply = net.yard.chat("hello").await;
            assert_eq!(reply.way().0, "warm", "round {round}");
        }
        let route = net.yard.wait_for_route("the circuit to open", "hot", is_open).await;
        let why = route.last_failure.unwrap().message;
        assert!(why.contains("by the proxy socks5://203.0.113.31:1080"), "{why}");
        assert!(!why.contains("hush-hush"), "{why}");
        assert_eq!(net.yard.snapshot().await.network.state, NetworkState::Online);
    });
}

#[test]
fn a_region_that_is_cut_off_is_named_while_another_one_answers() {
    on_a_network(|net| async move {
        net.provider("openai-eu", 11).await;
        net.provider("openai-us", 12).await;
        let regions = json!({ "providers": {
            "openai-eu": { "kind": "openai", "region": "eu" },
            "openai-us": { "kind": "openai", "region": "us" }
        }, "timeouts": { "connectMs": 300 } });
        net.apply(&[world_route("openai-eu", HOT)], &[world_route("openai-us", WARM)], regions).await;
        assert_eq!(net.yard.chat("before").await.route(), "openai-eu");
        net.block(11);
        for _ in 0..5 {
            assert_eq!(net.yard.chat("hello").await.route(), "openai-us");
        }
        let named = |s: &Snapshot| s.events.iter().any(|event| event.sentence.contains("region"));
        let seen = net.yard.wait_for("the region to be named", named).await;
        let sentence =
            seen.events.iter().find(|event| event.sentence.contains("region")).unwrap().sentence.clone();
        assert!(sentence.contains("eu") && sentence.contains("us"), "{sentence}");
        assert_eq!(seen.network.state, NetworkState::Online);
    });
}

#[test]
fn the_command_tells_people_and_programs() {
    on_a_network(|net| async move {
        two(&net, json!({})).await;
        let told = net.yard.cli(&["network"], "").await;
        assert_eq!(told.code, Some(0), "{told:?}");
        for part in [
            "This machine is online",
            "GET http://203.0.113.21/generate_204",
            "ok",
            "204",
            "names from system",
        ] {
            assert!(told.out.contains(part), "{part} in {}", told.out);
        }
        let told = net.yard.cli(&["network", "--json"], "").await;
        let view: serde_json::Value = serde_json::from_str(&told.out).unwrap();
        assert_eq!((&view["state"], &view["held"], told.code), (&json!("online"), &json!(0), Some(0)));
        assert!(view["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true), "{view}");
        net.pull_cable();
        let told = net.yard.cli(&["network", "--json"], "").await;
        let view: serde_json::Value = serde_json::from_str(&told.out).unwrap();
        assert_eq!((&view["state"], told.code), (&json!("offline"), Some(1)));
        assert!(view["checks"].as_array().unwrap().iter().all(|check| check["ok"] == false), "{view}");
    });
}
