//! A café: a sign-in page answers for everybody, in plain HTTP and with certificates of its own.

use serde_json::json;
use switchyard_domain::network::NetworkState;
use switchyard_domain::view::CircuitState;
use switchyard_sim::Profile;
use switchyard_tests::Start;
use switchyard_tests::net::{Authority, Gateway, Manner, Net, on_a_network, on_a_network_with, world_route};

use super::{HOT, WARM, is, nothing_is_laid_to_a_provider};

const NAMES: [(&str, &str, u8); 2] = [("hot", "api.hot.example", 11), ("warm", "api.warm.example", 12)];

/// The routes to [`NAMES`], over TLS.
pub(super) fn certified_routes() -> [serde_json::Value; 2] {
    NAMES.map(|(provider, host, _)| {
        let mut route = world_route(provider, host);
        route["baseUrl"] = json!(format!("https://{host}"));
        route
    })
}

/// Two providers with certificates of their own, on a machine that trusts who certified them.
pub(super) fn with_certificates<F, S>(scenario: F)
where
    F: FnOnce(Net, Authority, [Gateway; 2]) -> S + Send + 'static,
    S: Future<Output = ()>,
{
    let root = tempfile::TempDir::new().unwrap();
    let (authority, file) = (Authority::new(), root.path().join("authority.pem"));
    authority.write(&file);
    let env = vec![("SSL_CERT_FILE".to_owned(), file.display().to_string())];
    on_a_network_with(Start { env, ..Start::default() }, |net| async move {
        let _root = root;
        let mut doors = Vec::new();
        for (provider, host, last) in NAMES {
            net.resolver.tell(host, [203, 0, 113, last]);
            let address = format!("203.0.113.{last}:443");
            let (_, door) = net.provider_at(Profile::new(provider), &address).await;
            door.certify(authority.certify(host));
            doors.push(door);
        }
        let routes = certified_routes();
        net.apply(&routes[..1], &routes[1..], json!({})).await;
        assert_eq!(net.yard.chat("before").await.way(), ("hot", 1, false));
        let doors = doors.try_into().unwrap();
        scenario(net, authority, doors).await;
    });
}

#[test]
fn certificates_of_another_name_and_a_sign_in_page_are_a_captive_portal() {
    with_certificates(|net, authority, doors| async move {
        let pretend = || {
            doors.iter().for_each(|door| {
                door.certify(authority.certify("portal.example"));
                door.forget();
            });
        };
        pretend();
        net.pages.be(Manner::SignIn);
        let (_, view) = net.yard.post("/v1/network/check", &json!({})).await;
        assert_eq!(view["state"], "captive_portal", "{view}");
        assert_eq!(view["portalUrl"], "http://portal.example/login");
        let held = async {
            assert_eq!(net.yard.chat("held").await.way().0, "hot");
        };
        let steer = async {
            net.yard.wait_for("the request to wait", |s| s.network.held == 1).await;
            nothing_is_laid_to_a_provider(&net.yard).await;
            doors.iter().zip(NAMES).for_each(|(door, (_, host, _))| door.certify(authority.certify(host)));
            net.pages.be(Manner::NoContent);
        };
        tokio::join!(held, steer);
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn certificates_of_another_name_for_every_provider_are_this_networks_doing() {
    with_certificates(|net, authority, doors| async move {
        for door in &doors {
            door.certify(authority.certify("inspection.example"));
            door.forget();
        }
        let (_, view) = net.yard.post("/v1/network/check", &json!({})).await;
        assert_eq!(view["state"], "intercepted", "{view}");
        let told = view["checks"].to_string();
        assert!(told.contains("TLS api.hot.example"), "{told}");
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn one_providers_false_certificate_is_that_providers_trouble() {
    with_certificates(|net, authority, doors| async move {
        doors[0].certify(authority.certify("elsewhere.example"));
        // New connections from here on.
        net.begin_vpn();
        net.yard
            .wait_for("the change to be told", |s| s.events.iter().any(|e| e.sentence.contains("tun0")))
            .await;
        for _ in 0..5 {
            assert_eq!(net.yard.chat("hello").await.way().0, "warm");
        }
        let open = |r: &switchyard_domain::view::RouteView| r.circuit == CircuitState::Open;
        let route = net.yard.wait_for_route("the circuit to open", "hot", open).await;
        assert_eq!(route.last_failure.unwrap().kind.as_str(), "tls");
        assert_eq!(net.yard.snapshot().await.network.state, NetworkState::Online);
    });
}

#[test]
fn behind_a_sign_in_page_nobody_is_probed_and_the_queue_rests_until_it_is_gone() {
    on_a_network(|net| async move {
        let (hot, hot_door) = net.provider("hot", 11).await;
        let (_, warm_door) = net.provider("warm", 12).await;
        let more =
            json!({ "probe": { "everyMs": 300 }, "sloMs": 1_000, "network": { "checkTimeoutMs": 5_000 } });
        net.apply(&[world_route("hot", HOT)], &[world_route("warm", WARM)], more).await;
        net.yard.wait_for_route("a probe", "hot", |route| route.probe_ok == Some(true)).await;
        let doors = [&hot_door, &warm_door, &net.pages];
        let before = doors.map(Gateway::manner);
        doors.iter().for_each(|door| {
            door.be(Manner::SignIn);
            door.forget();
        });
        let (_, view) = net.yard.post("/v1/network/check", &json!({})).await;
        assert_eq!(view["state"], "captive_portal", "{view}");
        let queued = net.yard.chat("later").await;
        assert_eq!(queued.status, 202, "{queued:?}");
        let job = queued.json()["id"].as_str().unwrap().to_owned();
        let asked = || [hot_door.asked(), warm_door.asked()].concat();
        let begun = asked().len();
        let now = net.yard.snapshot().await.at_ms;
        net.yard.wait_for("three seconds", |s| s.at_ms > now + 3_000).await;
        let seen = asked().split_off(begun);
        assert!(seen.len() >= 2, "it is looked whether the page is gone: {seen:?}");
        let others: Vec<&String> = seen.iter().filter(|line| *line != "HEAD / HTTP/1.1").collect();
        assert!(others.is_empty(), "neither probes nor queued work go out: {others:?}");
        assert_eq!(net.yard.poll(&job).await["attempts"], 0);

        doors.iter().zip(before).for_each(|(door, manner)| door.be(manner));
        net.yard.wait_for_job(&job, "done").await;
        assert_eq!(hot.calls(), 1, "the job, once");
        net.yard.wait_for("the network to be back", is(NetworkState::Online)).await;
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}
