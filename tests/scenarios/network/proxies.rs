//! Requests leave by the proxy they are meant to leave by, and its password stays with it.

use serde_json::{Value, json};
use switchyard_tests::net::{on_a_network_with, world_route};
use switchyard_tests::{Process, Start};

use super::portal::{certified_routes, with_certificates};
use super::{HOT, WARM};

#[test]
fn each_provider_has_its_own_proxy_and_nobody_sees_its_password() {
    let start = Start { env: vec![("PROXY_PASSWORD".into(), "hush-hush-1234".into())], ..Start::default() };
    on_a_network_with(start, |net| async move {
        let (hot, _) = net.provider("hot", 11).await;
        let (warm, _) = net.provider("warm", 12).await;
        let socks = net.socks_proxy("me", "hush-hush-1234").await;
        let http = net.http_proxy().await;
        let proxies = json!({ "providers": {
            "hot": { "proxy": "socks5://me:${PROXY_PASSWORD}@203.0.113.31:1080" },
            "warm": { "proxy": "http://me:${PROXY_PASSWORD}@203.0.113.31:3128" }
        } });
        net.apply(&[world_route("hot", HOT)], &[world_route("warm", WARM)], proxies).await;
        assert_eq!(net.yard.chat("by socks").await.way(), ("hot", 1, false));
        assert_eq!(socks.through(), [format!("{HOT}:80")]);

        hot.set_fault(switchyard_sim::Fault::status(500)).await.unwrap();
        assert_eq!(net.yard.chat("by http").await.way().0, "warm");
        assert_eq!(warm.calls(), 1);
        let seen = http.seen();
        assert!(
            seen.iter().any(|head| head.starts_with(&format!("POST http://{WARM}/v1/chat/completions"))),
            "{seen:?}"
        );
        assert!(
            seen.iter().all(|head| head.to_ascii_lowercase().contains("proxy-authorization: basic")),
            "{seen:?}"
        );

        let shown = net.yard.get("/v1/snapshot").await.to_string() + &net.yard.log();
        assert!(!shown.contains("hush-hush"), "the password shows");
        let (status, refused) = net.yard.put("/v1/map", &bad_proxy()).await;
        let refused = refused.to_string();
        assert_eq!(status, 422, "{refused}");
        assert!(refused.contains("providers.hot.proxy") && !refused.contains("hush-hush"), "{refused}");
    });
}

#[test]
fn a_request_with_tls_goes_through_its_proxy_as_a_tunnel_that_nobody_reads() {
    with_certificates(|net, _authority, _doors| async move {
        let http = net.http_proxy().await;
        let routes = certified_routes();
        let proxies =
            json!({ "providers": { "hot": { "proxy": "http://me:hush-hush-1234@203.0.113.31:3128" } } });
        net.apply(&routes[..1], &routes[1..], proxies).await;
        assert_eq!(net.yard.chat("by a tunnel").await.way(), ("hot", 1, false));
        let seen = http.seen();
        let tunnel = seen.iter().find(|head| head.starts_with("CONNECT api.hot.example:443 ")).unwrap();
        assert!(tunnel.to_ascii_lowercase().contains("proxy-authorization: basic"), "{tunnel}");
        assert!(seen.iter().all(|head| !head.starts_with("POST")), "{seen:?}");

        http.refuse(true);
        let (_, view) = net.yard.post("/v1/network/check", &json!({})).await;
        assert_eq!(view["state"], "online", "Warm needs no proxy: {view}");
        for _ in 0..5 {
            assert_eq!(net.yard.chat("the proxy refuses").await.way().0, "warm");
        }
        let failed =
            net.yard.wait_for_route("the failures to be counted", "hot", |r| r.last_failure.is_some()).await;
        let why = failed.last_failure.unwrap().message;
        assert!(why.contains("by the proxy http://203.0.113.31:3128") && !why.contains("hush"), "{why}");
    });
}

fn bad_proxy() -> Value {
    let map = json!({ "providers": { "hot": { "proxy": "ftp://me:hush-hush-1234@203.0.113.31" } },
                      "hot": [world_route("hot", HOT)] });
    json!({ "document": map.to_string() })
}

#[test]
fn a_changed_system_proxy_is_taken_up_without_a_restart() {
    let root = tempfile::TempDir::new().unwrap();
    let settings = root.path().join("settings");
    std::fs::write(&settings, "org.gnome.system.proxy mode 'none'\n").unwrap();
    let bin = super::program(root.path(), "gsettings", &format!("#!/bin/sh\ncat {}\n", settings.display()));
    let env = vec![("XDG_CURRENT_DESKTOP".to_owned(), "GNOME".to_owned())];
    let start = Start { path: Some(bin), env, ..Start::default() };
    on_a_network_with(start, move |net| async move {
        let _root = root;
        let (hot, _) = net.provider("hot", 11).await;
        let http = net.http_proxy().await;
        net.apply(&[world_route("hot", HOT)], &[], json!({})).await;
        assert_eq!(net.yard.chat("straight").await.way(), ("hot", 1, false));
        let before: &Process = net.yard.process();
        let pid = before.pid;

        let manual = "org.gnome.system.proxy mode 'manual'\n\
            org.gnome.system.proxy ignore-hosts ['localhost', '127.0.0.0/8', '203.0.113.21']\n\
            org.gnome.system.proxy.http host '203.0.113.31'\norg.gnome.system.proxy.http port 3128\n";
        std::fs::write(&settings, manual).unwrap();
        let (_, view) = net.yard.post("/v1/network/check", &json!({})).await;
        assert_eq!(view["proxy"], "http://203.0.113.31:3128", "{view}");
        assert_eq!(net.yard.chat("by proxy").await.way(), ("hot", 1, false));
        assert!(http.seen().iter().any(|head| head.starts_with("POST ")), "{:?}", http.seen());

        std::fs::write(&settings, "org.gnome.system.proxy mode 'none'\n").unwrap();
        net.yard.post("/v1/network/check", &json!({})).await;
        let through = http.seen().len();
        assert_eq!(net.yard.chat("straight again").await.way(), ("hot", 1, false));
        assert_eq!((http.seen().len(), hot.calls()), (through, 3));
        assert_eq!(net.yard.process().pid, pid);
        let types = net.yard.event_types().await;
        assert_eq!(types.iter().filter(|kind| *kind == "proxy_changed").count(), 2, "{types:?}");
    });
}
